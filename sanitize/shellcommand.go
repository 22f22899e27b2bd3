package sanitize

import (
	"bytes"
)

// shellWord is the command that begins somewhere.
type shellWord struct {
	name     string
	kind     commandKind
	path     bool // given with a path
	end      int
	argument argumentKind
}

// argumentKind says what follows a command.
type argumentKind uint8

// shellWords tells the bytes of which commands and their paths are written.
var shellWords = func() (t [256]uint8) {
	for i := range t {
		if isWord(byte(i)) {
			t[i] = 1
		}
	}
	for _, c := range []byte("-.?*[]:~") {
		t[c] = 1
	}
	t['/'], t['\\'] = shellSlash, shellSlash
	return t
}()

// shellSlash parts the folders of a path, in [shellWords].
const shellSlash = 2

// command reads the word at i as a command, or the one behind it as the command that it runs.
func (r *shellReading) command(i int) shellWord {
	w := r.oneCommand(i)
	if w.kind != commandRare && w.end > i && isBlank(at(r.s, w.end)) {
		if inner, ok := r.runsAnother(w.end); ok {
			return inner
		}
	}
	return w
}

// oneCommand reads the word at i as a command.
func (r *shellReading) oneCommand(i int) (w shellWord) {
	s := r.s
	for i < len(s) && (isBlank(s[i]) || s[i] == '(' || s[i] == '{' || s[i] == '"' || s[i] == '\'' || s[i] == '@' || s[i] == '!' || s[i] == '+') {
		i++
	}
	start, slash := i, -1
	for ; i < len(s) && shellWords[s[i]] != 0; i++ {
		if shellWords[s[i]] == shellSlash {
			slash = i - start
		}
	}
	word := s[start:i]
	if slash >= 0 {
		w.path = true
		if !systemPath(word[:slash+1]) {
			return w
		}
		if bytes.ContainsAny(word, "?*") || bracketed(word) { // /???/c?t: any program
			w.name, w.kind = "?", commandRare
			w.end, w.argument = i, r.argument(i)
			return w
		}
		word = word[slash+1:]
	}
	key := len(word) > 1 && word[len(word)-1] == ':' && isBlank(at(s, i)) // of YAML and of heads
	word = bytes.TrimSuffix(bytes.TrimRight(word, ".:"), []byte(".exe"))
	w.end = i
	if w.kind = commandOf(word); key {
		w.kind = 0
	} else if w.kind != 0 {
		w.name, w.argument = string(word), r.argument(i)
	}
	return w
}

// runsAnother reads the command behind a word that ends at i, if that is one of the shell's language or the name of a program
// that runs another one: "then id", "time whoami", "flock -u / id".
func (r *shellReading) runsAnother(i int) (w shellWord, ok bool) {
	const most = 32 // bytes of an option
	start := i
	for start > 0 && i-start <= 8 && isLetter(r.s[start-1]) {
		start--
	}
	switch word := r.s[start:i]; {
	case shellLanguage(word):
		w = r.oneCommand(i + 1)
		return w, w.kind == commandRare || w.kind != 0 && (w.argument == argumentStrong || w.argument == argumentNext)
	case !runner(word):
		return w, false
	}
	for range 4 {
		for i < len(r.s) && isBlank(r.s[i]) {
			i++
		}
		end := i
		for end < len(r.s) && end-i < most && !isSpace(r.s[end]) {
			end++
		}
		if c := at(r.s, i); c != '-' && c != '/' && !isDigit(c) {
			break
		}
		i = end
	}
	w = r.oneCommand(i)
	return w, w.kind == commandRare
}

// bracketed reports whether a word has a letter in brackets, as patterns for the names of files do that hide one: c[a]t.
func bracketed(word []byte) bool {
	i := bytes.IndexByte(word, '[')
	return i > 0 && isLetter(at(word, i-1)) && isLetter(at(word, i+1)) && at(word, i+2) == ']'
}

// systemPath reports whether the folder is one that programs live in.
func systemPath(folder []byte) bool {
	for _, p := range []string{"/bin/", "/usr/", "/sbin/", "usr/bin/", "usr/sbin/", "bin/", "/???", "/?", "/b", "/opt/", "/etc/", `c:\`, `\windows\`, `%`, "./", "/*", "/tmp/", "~/", "/proc/"} {
		if bytes.HasPrefix(folder, []byte(p)) {
			return true
		}
	}
	return false
}

// argument says what stands behind a command that ends at i.
func (r *shellReading) argument(i int) argumentKind {
	s := r.s
	blank := i
	for i < len(s) && isBlank(s[i]) {
		i++
	}
	if i >= len(s) || s[i] == '\n' || s[i] == '\r' || s[i] == 0 {
		return argumentEnd
	}
	c := s[i]
	switch c {
	case ';', '|', '&', '`', ')', '}', '#', '"', '\'':
		if (c == '"' || c == '\'') && i > blank {
			return argumentStrong
		}
		return argumentNext
	case '>', '<', '$', '~':
		return r.redirection(i)
	}
	if i == blank {
		if c == ',' && i+1 < len(s) && (s[i+1] == '/' || s[i+1] == '-') {
			return argumentStrong
		}
		return argumentNone
	}
	word := s[i:]
	if end := bytes.IndexAny(word, " \t\r\n;|&"); end >= 0 {
		word = word[:end]
	}
	switch {
	case c == '-' && len(word) > 1 && (isLetter(word[1]) || word[1] == '-' || isDigit(word[1])), c == '/', c == '.' && len(word) > 1 && (word[1] == '/' || word[1] == '.'), c == '*', c == '%' && len(word) > 2, c == '\\', c == '@', c == '+' && len(word) > 1, c == '{', c == '(':
		return argumentStrong
	case bytes.Contains(word, []byte("://")), bytes.Contains(word, []byte(`:\`)), bytes.Contains(word, []byte("${")), bytes.Contains(word, []byte("$(")):
		return argumentStrong
	case isDigit(c) && !addressed(word):
		return argumentNumber
	case isDigit(c), bytes.HasPrefix(word, []byte("javascript:")):
		return argumentStrong
	case bytes.IndexByte(word, '/') > 0 || bytes.IndexByte(word, '.') > 0 && bytes.IndexByte(word, '.') < len(word)-1:
		return argumentStrong
	}
	return argumentWord
}

// redirection says what stands at i, where a redirection or a variable begins: "ping < 5 ms" compares.
func (r *shellReading) redirection(i int) argumentKind {
	if c := r.s[i]; (c == '<' || c == '>') && isBlank(at(r.s, i-1)) && isBlank(at(r.s, i+1)) && isDigit(at(r.s, i+2)) {
		return argumentWord
	}
	return argumentStrong
}
