package sanitize

import (
	"bytes"
	"slices"
)

// lookShell looks for commands where a shell would begin one: behind ; | & and line breaks, and inside
// substitutions; also with the quoting taken off that shells ignore inside words.
func lookShell(l *look) {
	l.shell(l.low)
	if bytes.IndexByte(l.low, '%') >= 0 { // variables of cmd.exe
		if i := bytes.Index(l.low, []byte("%comspec%")); i >= 0 && bytes.Contains(l.low[i:], []byte(" /c")) {
			l.sign(signShellTrick, i, i+24)
		}
		if i := bytes.Index(l.low, []byte(":~")); i > 0 && cutVariable(l.low, i) {
			l.sign(signShellTrick, i, i+24)
		}
	}
	if l.kinds&(kindQuote|kindBackslash|kindDollar|kindSeparator) == 0 && bytes.IndexByte(l.low, '^') < 0 {
		return
	}
	plain, changed := unquoteShell(l.plain[:0], l.low)
	l.plain = plain[:0]
	if !changed {
		return
	}
	l.charge(costReread * len(plain))
	l.shell(plain)
	// A command of one word that was written in pieces hides for a reason.
	if r := (shellReading{l: l, s: plain}); len(plain) < 64 && bytes.IndexByte(l.low, '\n') < 0 {
		if w := r.command(0); w.kind == commandRare && (w.argument == argumentEnd || w.argument == argumentStrong) && bytes.ContainsAny(l.low[:w.end+1], "$`^\\'\"") {
			r.sign(signShellTrick, 0, len(plain))
		}
	}
}

// cutVariable reports whether the mark :~ at i stands in %NAME:~1,2%, with which cmd.exe cuts a piece out of a variable.
func cutVariable(s []byte, i int) bool {
	start := i
	for start > 0 && (isWord(s[start-1]) || s[start-1] == '(' || s[start-1] == ')') {
		start--
	}
	end := i + 2
	for end < len(s) && (isDigit(s[end]) || s[end] == ',' || s[end] == '-') {
		end++
	}
	return start < i && at(s, start-1) == '%' && end > i+2 && at(s, end) == '%'
}

// shellReading is one reading of a view as shell text.
type shellReading struct {
	l *look
	s []byte

	lists [2]listKnown // of semicolons, of bars
}

// listKnown says whether a text is a list, once that was asked for.
type listKnown uint8

const (
	listUnknown listKnown = iota
	listNone
	listOfWords
)

func (l *look) shell(s []byte) {
	if len(l.via) == 0 && (commandLine(s) || scriptLine(s)) {
		return
	}
	r := shellReading{l: l, s: s}
	for i := 0; i < len(s); i++ {
		if !shellSigns[s[i]] {
			continue
		}
		l.charge(costShellSign)
		switch s[i] {
		case ';', '|', '&', '\n':
			i = r.separator(i)
		case '`':
			r.backtick(i)
		case '$':
			r.dollar(i)
		case '<', '>':
			if i+1 < len(s) && s[i+1] == '(' {
				if !endsTag(s[:i+1]) {
					r.substitution(i, i+2)
				}
			} else if i == 0 && bytes.IndexByte(s, '>') < 0 {
				r.separator(0)
			}
		case '{':
			r.brace(i)
		}
	}
	if !l.inside {
		r.start()
	}
}

// endsTag reports whether s ends in an end tag of HTML: what is in parentheses behind </a> is no command.
func endsTag(s []byte) bool {
	if len(s) == 0 || s[len(s)-1] != '>' {
		return false
	}
	i := len(s) - 1
	for i > 0 && len(s)-i < 12 && isLetter(s[i-1]) {
		i--
	}
	return i < len(s)-1 && i >= 2 && s[i-1] == '/' && s[i-2] == '<'
}

func (r *shellReading) sign(s sign, i, j int) {
	if len(r.s) == len(r.l.view) {
		r.l.sign(s, i, min(j, len(r.s)))
		return
	}
	r.l.sign(s, 0, len(r.l.view)) // places in the unquoted text are not those of the view
}

const (
	argumentNone   argumentKind = iota // nothing that a shell would take
	argumentEnd                        // the value ends, or the line
	argumentNext                       // another separator
	argumentWord                       // a plain word
	argumentNumber                     // a number
	argumentStrong                     // a flag, a path, a variable, a redirection, an address
)

// separator looks at what begins behind ; | & or a line break, and returns the index of the last byte of the
// separator.
func (r *shellReading) separator(i int) int {
	s := r.s
	first := i
	if s[i] == ';' && endsEntity(s[:i]) {
		return i
	}
	for i+1 < len(s) && (s[i+1] == s[first] || s[i+1] == '\n') {
		i++
	}
	w := r.command(i + 1)
	if w.kind == 0 {
		r.builtCommand(first, i+1)
		return i
	}
	if s[first] == '\n' && len(r.l.via) == 0 && r.behindRemark(first) {
		return i
	}
	if s[first] == '&' && first == i && w.end < len(s) && s[w.end] == ';' && (w.name == "copy" || w.name == "sc" || w.name == "ac") {
		return i // &copy; is a character
	}
	if w.name == "w" && first == i && s[first] == '&' && first > 0 && isLetter(s[first-1]) {
		return i // B&W
	}
	switch {
	case w.argument != argumentStrong && !w.path && r.enumeration(first):
	case at(s, w.end) == ')' && bytes.IndexByte([]byte("?*+{"), at(s, w.end+1)) >= 0: // of a regular expression
	case r.runs(w, first, i):
		r.sign(signShellCommand, first, w.end+24)
	case s[first] != '\n' && w.kind == commandRare && w.argument != argumentNone && r.fewArguments(w.end):
		r.sign(signShellWord, first, w.end+24)
	}
	return i
}

// behindRemark reports whether the line that ends at i is a remark of a script, or the target of a make file: the command
// behind it is a line of that script.
func (r *shellReading) behindRemark(i int) bool {
	line := r.s[:i]
	if start := bytes.LastIndexByte(line, '\n'); start >= 0 {
		line = line[start+1:]
	}
	line = bytes.TrimSpace(line)
	return len(line) > 2 && (line[0] == '#' && line[1] == ' ' || line[len(line)-1] == ':' && at(r.s, i+1) == '\t')
}

// enumeration reports whether the separator at i is one of several of its kind between things that are no commands:
// "rest; sleep; repeat". Blanks behind a semicolon are how people write lists, and bars without any how tables are
// exported.
func (r *shellReading) enumeration(i int) bool {
	sep := r.s[i]
	if sep != ';' && sep != '|' {
		return false
	}
	known := &r.lists[0]
	if sep == '|' {
		known = &r.lists[1]
	}
	if *known == listUnknown {
		r.l.charge(costPass * len(r.s))
		*known = listNone
		if r.list(sep) {
			*known = listOfWords
		}
	}
	return *known == listOfWords
}

// list is enumeration for a separator.
func (r *shellReading) list(sep byte) bool {
	const most = 200 // bytes of a list
	if len(r.s) > most || bytes.IndexByte(r.s, '\n') >= 0 || len(r.l.via) > 0 {
		return false
	}
	items, others := 0, 0
	for item := range bytes.SplitSeq(r.s, []byte{sep}) {
		item = bytes.TrimSpace(item)
		if len(item) == 0 || bytes.Count(item, []byte(" ")) > 3 || bytes.ContainsAny(item, "$`'\"\\/<>{}()&=*?[]|~-") {
			return false
		}
		items++
		name, _, _ := bytes.Cut(item, []byte(" "))
		if commandOf(name) == 0 {
			others++
		} else if items == 1 {
			return false
		}
	}
	return items >= 3 && others*3 >= items*2 && (sep == '|' || bytes.Count(r.s, []byte("; ")) == items-1)
}

// fewArguments reports whether at most one word follows before the command ends: lists of things have more.
func (r *shellReading) fewArguments(i int) bool {
	rest := r.s[i:min(len(r.s), i+80)]
	if end := bytes.IndexAny(rest, ";|&\n`)"); end >= 0 {
		rest = rest[:end]
	}
	n := 0
	if bytes.HasPrefix(r.s, []byte("() {")) { // a function that a shell takes from its environment
		return true
	}
	for f := range bytes.FieldsSeq(rest) {
		if f[0] == '-' || f[0] == '/' || f[0] == '$' {
			return true
		}
		n++
	}
	return n <= 1
}

// adjacent reports whether the separator between first and last is one that lists of words do not use: doubled,
// or behind a file name, with no space on either side, in a short value.
func (r *shellReading) adjacent(first, last int) bool {
	s := r.s
	if !r.short() || last+1 >= len(s) || isBlank(s[last+1]) || first > 0 && isBlank(s[first-1]) {
		return false
	}
	return last > first || bytes.ContainsAny(s[:first], "/.='\")")
}

// unwrapped reports whether the view is short and lay under a layer: a line break in it was written as %0a.
func (r *shellReading) unwrapped() bool { return len(r.l.via) > 0 && len(r.s) <= 24 }

// runs reports whether the command behind the separator from first to last is one beyond doubt.
func (r *shellReading) runs(w shellWord, first, last int) bool {
	atStart := first <= 64 && len(bytes.Trim(r.s[:first], " \t\r\n\"')}a1x$")) == 0 || first <= 2 || r.s[0] == '-' && first < 24
	lineBreak := r.s[first] == '\n'
	next := r.nextWord(w.end)
	if sub := subcommands[w.name]; sub != "" && next != "" && bytes.Contains([]byte(sub), []byte(" "+next+" ")) {
		return !lineBreak || atStart
	}
	switch w.argument {
	case argumentNone:
		return false
	case argumentStrong:
		return r.runsWith(w, atStart, lineBreak)
	case argumentNumber:
		return r.runsNumber(w, atStart)
	case argumentEnd:
		return last > first && !lineBreak && r.short() && address(bytes.TrimSpace(r.s[:first])) || atStart && (w.path || w.kind == commandRare || !lineBreak && r.short() || r.unwrapped()) || r.adjacent(first, last) && !lineBreak || lineBreak && r.unwrapped() && w.kind == commandRare
	case argumentNext:
		if lineBreak {
			return atStart && (w.path || r.unwrapped())
		}
		return atStart || !r.table() && (w.path || w.kind == commandRare || r.adjacent(first, last))
	case argumentWord:
		return atStart && w.kind == commandRare && (!lineBreak || r.leadingBreak(w.end, first))
	}
	return false
}

// runsNumber reports whether a command with a number for its first argument is one beyond doubt.
func (r *shellReading) runsNumber(w shellWord, atStart bool) bool {
	switch w.name {
	case "sleep", "ping", "timeout", "kill":
		return true
	}
	return atStart && w.kind == commandRare && (w.name == "expr" || r.pathLater(w.end))
}

// leadingBreak reports whether a short value begins with the line break at first and goes on with a command, of which the name ends
// at i and whose second argument is an absolute path.
func (r *shellReading) leadingBreak(i, first int) bool {
	return first <= 1 && r.short() && r.pathLater(i)
}

// pathLater reports whether the second argument of the command that ends at i is an absolute path.
func (r *shellReading) pathLater(i int) bool {
	rest := bytes.TrimLeft(r.s[i:min(len(r.s), i+80)], " \t")
	_, rest, found := bytes.Cut(rest, []byte(" "))
	return found && len(rest) > 1 && rest[0] == '/' && isLetter(rest[1])
}

// addressed reports whether s is an IPv4 address, with or without a port.
func addressed(s []byte) bool {
	host, _, _ := bytes.Cut(s, []byte(":"))
	return address(host)
}

// address reports whether s is an IPv4 address.
func address(s []byte) bool {
	dots := 0
	for _, c := range s {
		switch {
		case c == '.':
			dots++
		case !isDigit(c):
			return false
		}
	}
	return dots == 3 && len(s) <= 15
}

// runsWith reports whether a command with arguments that only commands have is one beyond doubt.
func (r *shellReading) runsWith(w shellWord, atStart, lineBreak bool) bool {
	if atStart {
		return true
	}
	if lineBreak {
		return r.pathArgument(w.end) && r.short()
	}
	return w.kind == commandRare || w.path || r.pathArgument(w.end)
}

// builtCommand looks at commands that begin with a variable, and at the dot that runs a file.
func (r *shellReading) builtCommand(first, i int) {
	s := r.s
	for i < len(s) && isBlank(s[i]) {
		i++
	}
	rest := s[i:min(len(s), i+48)]
	if bytes.HasPrefix(rest, []byte(". /")) {
		r.sign(signShellCommand, first, i+24)
		return
	}
	if len(rest) < 2 || rest[0] != '$' || !isWord(rest[1]) {
		return
	}
	end := 1
	for end < len(rest) && isWord(rest[end]) {
		end++
	}
	if name := rest[1:end]; end == len(rest) && i+end == len(s) && bytes.Contains(s[:first], append(slices.Clone(name), '=')) { // ;a=id;$a
		r.sign(signShellTrick, first, i+24)
		return
	}
	if bytes.HasPrefix(rest[end:], []byte(" $")) && bytes.Contains(s[:first], append(slices.Clone(rest[1:end]), '=')) { // c=cat&&$c $a
		r.sign(signShellTrick, first, i+24)
		return
	}
	for _, p := range []string{"$", "<<<", " /", " -"} {
		if p == "$" && !isWord(at(rest, end+1)) && at(rest, end+1) != '{' && at(rest, end+1) != '@' { // $Id$
			continue
		}
		if bytes.HasPrefix(rest[end:], []byte(p)) && (end > 1 && !isDigit(rest[1]) || p == "<<<") {
			r.sign(signShellTrick, first, i+24)
			return
		}
	}
}

// endsEntity reports whether s ends in a character reference that lacks its semicolon.
func endsEntity(s []byte) bool {
	i := len(s)
	for i > 0 && len(s)-i < 8 && (isWord(s[i-1]) || s[i-1] == '#') {
		i--
	}
	return i > 0 && s[i-1] == '&' && len(s)-i >= 2 && commandOf(s[i:]) == 0
}

// nextWord returns the word behind i.
func (r *shellReading) nextWord(i int) string {
	for i < len(r.s) && isBlank(r.s[i]) {
		i++
	}
	end := i
	for end < len(r.s) && !isSpace(r.s[end]) && end-i < 24 && r.s[end] != ';' && r.s[end] != '&' && r.s[end] != '|' {
		end++
	}
	return string(r.s[i:end])
}

// pathArgument reports whether the first argument is a path, a flag or a variable: more than a word.
func (r *shellReading) pathArgument(i int) bool {
	word := r.nextWord(i)
	return word == "/" || len(word) > 1 && (word[0] == '/' || word[0] == '-' || word[0] == '$' || word[0] == '~' || (word[0] == '>' || word[0] == '<') && word[1] == '/' || bytes.Contains([]byte(word), []byte(`:\`)) || bytes.Contains([]byte(word), []byte("://")))
}

func (r *shellReading) short() bool { return len(r.s) <= 64 }

// oneLine reports whether the view is a line of the length of a command, and no text about one.
func (r *shellReading) oneLine() bool {
	return len(r.s) <= 256 && bytes.IndexByte(r.s, '\n') < 0 && !r.l.is(contextProse)
}

// table reports whether the value is a row of cells rather than a pipe.
func (r *shellReading) table() bool {
	s := r.s[:min(len(r.s), 512)]
	return bytes.Count(s, []byte("|")) > 2 || bytes.Count(s, []byte(";")) > 2
}

// start looks at a value that is a command line by itself, of the kind that only an attack would send.
func (r *shellReading) start() {
	if bytes.HasPrefix(r.s, []byte("iex(")) && r.oneLine() {
		r.sign(signShellCommand, 0, len(r.s))
		return
	}
	if bytes.HasPrefix(r.s, []byte("$0<<<")) || bytes.HasPrefix(r.s, []byte("$0 <<<")) { // the shell itself, and what it is to run
		r.sign(signShellTrick, 0, len(r.s))
		return
	}
	w := r.command(0)
	if w.kind == 0 || w.argument == argumentNone {
		return
	}
	if bytes.HasSuffix(r.s, []byte("|$0")) || w.end == len(r.s)-1 && r.s[w.end] == '|' && len(r.s) < 16 {
		r.sign(signShellCommand, 0, len(r.s))
	}
	if sub := subcommands[w.name]; hijacked[w.name] && sub != "" && r.oneLine() && bytes.Contains([]byte(sub), []byte(" "+r.nextWord(w.end)+" ")) {
		r.sign(signShellCommand, 0, w.end+24)
		return
	}
	if w.argument != argumentStrong {
		return
	}
	if last := r.s[len(r.s)-1]; last == '|' || last == '&' && len(r.s) > 1 && r.s[len(r.s)-2] == ' ' {
		r.sign(signShellCommand, 0, len(r.s))
		return
	}
	if r.short() && sensitive(slashed(nil, []byte(r.nextWord(w.end)))) && w.name != "path" {
		r.sign(signShellCommand, 0, len(r.s))
		return
	}
	if w.path && shells[w.name] && r.short() && r.quotedScript(w.end) {
		r.sign(signShellCommand, 0, len(r.s))
		return
	}
	if hijacked[w.name] && r.oneLine() {
		r.sign(signShellCommand, 0, w.end+24)
		return
	}
	for _, bad := range []string{"cmd /c ", "cmd.exe /c ", "perl -e", "python -c", "python3 -c", "ruby -e", "php -r", "node -e", "-nop", "> /dev/null", "|$0", "| $0", "/dev/tcp/", "/dev/udp/", " -e /bin/", " -e cmd", "/etc/passwd", "/etc/shadow", "-c /bin/sh", "|sh", "| sh", "|bash", "| bash", "mkfifo", "-enc ", "-encodedcommand", "downloadstring", `\windows\`, "/bin/sh -i", "bash -i", "exec /bin/", " exec:/bin/", " exec:sh"} {
		if i := bytes.Index(r.s, []byte(bad)); i >= 0 {
			r.sign(signShellCommand, 0, i+len(bad))
			return
		}
	}
}

// shells are the programs that run a script which is their argument.
var shells = map[string]bool{"sh": true, "bash": true, "zsh": true, "ksh": true, "dash": true, "ash": true}

// quotedScript reports whether the arguments at i are -c and a script between quotes.
func (r *shellReading) quotedScript(i int) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(r.s[i:], " \t"), []byte("-c "))
	rest = bytes.TrimLeft(rest, " \t")
	return ok && len(rest) > 2 && (rest[0] == '"' || rest[0] == '\'') && rest[len(rest)-1] == rest[0]
}
