package sanitize

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/corazawaf/libinjection-go"
)

// safeFingerprints are libinjection's readings of plain text: words between quotes joined by "and", a quote with
// a word behind. They count only with a sign of our own.
const safeFingerprints = " s&s sos s&sos son n&n 1&1 s&n n&s s&1 1&s sns snsn son1 so1 s1 s&no n1 nov nos no1 "

// maxFingerprint bounds what libinjection sees, in bytes from the value's start: it looks at the first five
// tokens.
const maxFingerprint = 2 << 10

// statementOfCode reports whether the text in lower case is a line of a program or of settings: a name that something is
// assigned to, or a call, with every string opened where one can begin and closed again, and an end as lines of programs
// have. What breaks out of a string begins with the quote that closes it.
func statementOfCode(s []byte) bool {
	s = bytes.TrimSpace(s)
	if code, _, found := bytes.Cut(s, []byte(" # ")); found { // a comment of a shell, of Python, of settings
		code = bytes.TrimSpace(code)
		if len(code) > 3 && isQuote(code[len(code)-1]) && bytes.IndexByte(code, '=') > 0 {
			code = append(slices.Clone(code), ';')
		}
		s = code
	}
	if len(s) < 8 || len(s) > 256 || !isLetter(s[0]) && s[0] != '_' || bytes.IndexByte([]byte(";,({:)"), s[len(s)-1]) < 0 || bytes.Contains(s, []byte("--")) ||
		containsAny(s, "#", "/*", " or ", " and ", "union", "select", "sleep", "||'", "'||") {
		return false
	}
	word := 0
	for word < len(s) && isWord(s[word]) {
		word++
	}
	if sqlWords[string(s[:word])]&(wordLogic|wordCondition|wordUnion) != 0 {
		return false
	}
	name := word
	for name < len(s) && (isWord(s[name]) || s[name] == '.' || s[name] == ' ' || s[name] == '[' || s[name] == ']' || s[name] == '-' || s[name] == ',') {
		name++
	}
	if name == len(s) || s[name] != '=' && s[name] != '(' && s[name] != ':' && s[name] != '{' && s[name] != '+' {
		return wellQuoted(s, bytes.IndexAny(s, "'\"")) && (bytes.HasPrefix(s, []byte("return ")) || bytes.HasPrefix(s, []byte("raise ")) || bytes.HasPrefix(s, []byte("use ")) || bytes.HasPrefix(s, []byte("import ")) || bytes.HasPrefix(s, []byte("from ")) || bytes.HasPrefix(s, []byte("export ")))
	}
	return wellQuoted(s, name)
}

// wellQuoted reports whether every string from i on is opened behind a sign that one can follow, and closed before a sign
// that can follow one.
func wellQuoted(s []byte, i int) bool {
	for i >= 0 && i < len(s) {
		c := s[i]
		if c != '\'' && c != '"' {
			i++
			continue
		}
		if before := at(s, i-1); bytes.IndexByte([]byte(" =(,[{:+!frb"), before) < 0 {
			return false
		}
		end := bytes.IndexByte(s[i+1:], c)
		if end < 0 {
			return false
		}
		i += end + 2
		if after := at(s, i); after != 0 && bytes.IndexByte([]byte(" ;,)]}:.%+"), after) < 0 {
			return false
		}
	}
	return true
}

// lookFingerprint asks libinjection for its opinion.
func (l *look) lookFingerprint() {
	view := l.view[:min(len(l.view), maxFingerprint)]
	if n := len(l.via); n > 0 && l.via[n-1] == "form" && !bytes.ContainsAny(view, "'\"`") && !bytes.Contains(view, []byte("--")) {
		return
	}
	if !slices.ContainsFunc(view, func(c byte) bool { return fingerprintSigns[c] }) && bytes.Count(view, []byte("--")) == bytes.Count(view, variableOfCSS) {
		return
	}
	found, print := l.fingerprint(view)
	if !found || statementOfCode(l.low) {
		return
	}
	if strings.Contains(safeFingerprints, " "+print+" ") {
		return
	}
	if !strings.ContainsAny(print, "sUBEkfTv&;") { // numbers, names and operators only
		return
	}
	l.sign(signSQLFingerprint, 0, len(view))
}

// variableOfCSS is how a custom property is used (CSS Custom Properties, "Using Cascading Variables"), and no comment.
var variableOfCSS = []byte("var(--")

// fingerprintSigns are bytes without one of which nothing is a payload to libinjection that counts here.
var fingerprintSigns = byteSet("'\"`0123456789=#;@*<>|&")

func byteSet(s string) (set [256]bool) {
	for i := range len(s) {
		set[s[i]] = true
	}
	return set
}

// fingerprint is libinjection.IsSQLi. That makes a copy in upper case of each word that it looks up, unless the word is in
// upper case as it stands: so it is shown the text in upper case, where that makes no other difference.
func (l *look) fingerprint(s []byte) (found bool, print string) {
	l.charge(costFingerprint + costFingerprintByte*len(s))
	var ok bool
	if l.scratch, ok = shouted(l.scratch[:0], s); !ok {
		return libinjection.IsSQLi(string(s))
	}
	return libinjection.IsSQLi(unsafe.String(unsafe.SliceData(l.scratch), len(l.scratch))) // it keeps nothing of its input
}

// shouted appends s in upper case, and reports whether libinjection reads that as it reads s: not where case matters to
// it, which is in the tags of dollar quotes, in the delimiters of q”, and in the name of a procedure. Of characters
// beyond ASCII it knows none, and looks up as if they were in upper case two that have an ASCII letter there.
func shouted(dst, s []byte) (out []byte, ok bool) {
	var before byte
	for _, c := range s {
		u := shout[c]
		switch {
		case before == '$' && isLetter(u), before == 'Q' && c == '\'', before == 0xC4 && c == 0xB1, before == 0xC5 && c == 0xBF:
			return dst, false
		case before == '\\' && c == 'n': // \N is NULL to it, and \n is not
			u = c
		}
		if before = u; c >= utf8.RuneSelf {
			before = c
		}
		dst = append(dst, u)
	}
	return dst, !bytes.Contains(dst, []byte("SP_PASSWORD"))
}

// shout is each byte in upper case, with a letter for those beyond ASCII but the one that libinjection takes for a space.
var shout = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		switch {
		case 'a' <= i && i <= 'z':
			t[i] -= 'a' - 'A'
		case i >= utf8.RuneSelf && i != 0xA0:
			t[i] = 'Z'
		}
	}
	return t
}()
