package sanitize

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/microcosm-cc/bluemonday"
)

// dot is put into words and signs to break them. It is visible, no normaliser folds it into anything, and no sink's
// grammar knows it.
const dot = "\u00b7"

// Defang makes the value inert for the sinks of the classes and keeps it readable where it can; else it returns a
// placeholder. The result holds nothing that the engine finds in the same context, so that defanging it again
// changes nothing. A value in which the engine finds nothing comes back as it is. The action says what was done:
// "unchanged", "cleaned", "escaped", "broken" or "replaced".
//
// What hid under a layer (base64, URL escapes) is made inert as it was meant to be read.
func (e *Engine) Defang(value []byte, fc FieldContext, classes []string) (result []byte, action string) {
	d := defanging{e: e, left: rewriteWork + rewriteByteWork*len(value)}
	if result, action, ok := d.defang(value, fc, classes); ok {
		return result, action
	}
	return placeholder(firstClass(classes)), "replaced"
}

// defanging is the work that one call of Rewrite may do.
type defanging struct {
	e    *Engine
	left int // as work.go counts it
}

// defang is [Engine.Defang]; false if there was not enough work left to say how it ends.
func (d *defanging) defang(value []byte, fc FieldContext, classes []string) (result []byte, action string, ok bool) {
	if len(value) == 0 || d.clean(value, fc) {
		return value, "unchanged", d.left >= 0
	}
	for _, layered := range []bool{true, false} {
		v := value
		if !layered {
			v = d.innermost(value, fc)
		}
		if v == nil || len(v) > maxDefang {
			continue
		}
		for _, try := range attempts {
			if !try.fits(classes) {
				continue
			}
			if out := try.change(slices.Clone(v)); d.inert(out, fc) {
				return out, try.action, true
			}
			if d.left < 0 {
				return nil, "", false
			}
		}
		if out, ok := d.combined(v, fc, classes); ok {
			return out, "broken", true
		}
	}
	return placeholder(firstClass(classes)), "replaced", d.left >= 0
}

func firstClass(classes []string) string {
	if len(classes) > 0 {
		return classes[0]
	}
	return "injection"
}

// maxDefang bounds what is made inert in its place, in bytes; what is longer is replaced.
const maxDefang = 256 << 10

// attempt is one way to make a value inert.
type attempt struct {
	classes string // separated by spaces; "" for all
	action  string
	change  func([]byte) []byte
}

func (a *attempt) fits(classes []string) bool {
	if a.classes == "" {
		return true
	}
	return slices.ContainsFunc(strings.Fields(a.classes), func(c string) bool { return slices.Contains(classes, c) })
}

// attempts are tried in order, from the one that changes least.
var attempts = []attempt{
	{"unicode", "cleaned", removeInvisible},
	{"crlf unicode", "escaped", showControls},
	{"csvformula", "escaped", quoteFormula},
	{"csvformula", "escaped", func(s []byte) []byte { return quoteFormula(breakQuotes(s)) }},
	{"xss ssi", "cleaned", cleanHTML},
	{"xss ssi xxe", "escaped", escapeMarkup},
	{"ssrf traversal xss unicode", "broken", breakAddress},
	{"xxe", "cleaned", removeDoctype},
	{"jndi ssti codeinj", "broken", breakDelimiters},
	{"protopoll nosqli", "broken", breakNames},
	{"sqli cmdi nosqli xpath", "broken", breakQuotes},
	{"sqli cmdi nosqli xpath codeinj", "broken", func(s []byte) []byte { return breakWords(breakQuotes(s)) }},
}

// combined applies all that fits, and in the end all signs at once.
func (d *defanging) combined(v []byte, fc FieldContext, classes []string) ([]byte, bool) {
	if slices.Contains(classes, "prompt") || slices.Contains(classes, "deser") {
		return nil, false // words to a model and serialised objects have no inert spelling
	}
	out := slices.Clone(v)
	for _, try := range attempts {
		if try.fits(classes) && try.action == "broken" {
			out = try.change(out)
		}
	}
	if d.inert(out, fc) {
		return out, true
	}
	out = replaceSigns(removeInvisible(showControls(slices.Clone(v))))
	if d.inert(out, fc) {
		return out, true
	}
	out = breakWords(out)
	return out, d.inert(out, fc)
}

// inert reports whether something is left, and the engine finds nothing in it.
func (d *defanging) inert(value []byte, fc FieldContext) bool {
	d.left -= costChange * len(value)
	return len(bytes.TrimSpace(value)) > 0 && d.clean(value, fc)
}

// clean reports whether the engine finds nothing in the value, of whatever severity, and had the work left to say so.
func (d *defanging) clean(value []byte, fc FieldContext) bool {
	if d.left < 0 {
		return false
	}
	l := d.e.borrow(4 * len(value))
	l.brief = true
	defer d.giveBack(l, l.left)
	l.all(value, &fc)
	return len(l.hits) == 0 && !l.spent && l.left >= 0
}

// innermost returns the value with its layers taken off, nil if it has none.
func (d *defanging) innermost(value []byte, fc FieldContext) []byte {
	l := d.e.borrow(4 * len(value))
	l.blind = true
	defer d.giveBack(l, l.left)
	l.all(value, &fc)
	if len(l.via) == 0 {
		return nil
	}
	return bytes.ToValidUTF8(slices.Clone(l.view), []byte("\uFFFD"))
}

// giveBack puts what borrow took back into the pool, and counts the work that it did of what it was granted.
func (d *defanging) giveBack(l *look, granted int) {
	d.left -= granted - l.left
	l.brief, l.blind = false, false
	d.e.pool.Put(l)
}

func removeInvisible(s []byte) []byte {
	if out, changed := stripInvisible(nil, s, nil); changed {
		return out
	}
	return s
}

// showControls writes line breaks and controls as the symbols for them.
func showControls(s []byte) []byte {
	out := make([]byte, 0, len(s)+8)
	for _, c := range s {
		switch {
		case c == 0x7F:
			out = append(out, "\u2421"...)
		case c < ' ' && c != '\t':
			out = append(out, 0xE2, 0x90, 0x80+c) // U+2400 and up
		default:
			out = append(out, c)
		}
	}
	return out
}

// quoteFormula puts the apostrophe in front with which spreadsheets take a cell for text.
func quoteFormula(s []byte) []byte { return append([]byte("'"), s...) }

// userContent keeps the markup that people may put into descriptions and comments, and drops what acts.
var userContent = bluemonday.UGCPolicy()

// cleanHTML takes what acts out of a value that is HTML otherwise; nil if it is not.
func cleanHTML(s []byte) []byte {
	if !looksLikeHTML(&textShape{text: s}) {
		return nil
	}
	return userContent.SanitizeBytes(s)
}

// escapeMarkup writes < as a reference with a space behind it, so that it begins no tag even if somebody decodes
// the reference once more.
func escapeMarkup(s []byte) []byte {
	out := make([]byte, 0, len(s)+32)
	for i, c := range s {
		switch {
		case c == '<' && i+1 < len(s) && s[i+1] != ' ':
			out = append(out, "&lt; "...)
		case c == '<':
			out = append(out, "&lt;"...)
		case c == '>':
			out = append(out, "&gt;"...)
		default:
			out = append(out, c)
		}
	}
	return out
}

var (
	urlStart   = regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]{1,20}):(/{0,2}|\\{0,2})`)
	hostDots   = regexp.MustCompile(`(?i)(\[:\][/\\]{0,2}[^\s/\\"'<>]*|\b(?:[\p{L}\p{N}-]+\.)+[\p{L}\p{N}-]+)`)
	climbSteps = regexp.MustCompile(`\.\.+`)
	rootPaths  = regexp.MustCompile(`(?i)([/\\]|\b[a-z]:[/\\])((?:etc|proc|windows|winnt|root|boot\.ini|var|usr|home|opt)\b)`)
)

// breakAddress writes addresses and paths the way reports do: hxxp[:]//10[.]0[.]0[.]1, .·./
func breakAddress(s []byte) []byte {
	out := make([]byte, 0, len(s)+len(s)/8)
	for len(s) > 0 { // no expression goes beyond white space, and most words have nothing for any
		n := 0
		for n < len(s) && !isSpace(s[n]) {
			n++
		}
		word := s[:n]
		if bytes.ContainsAny(word, `.:/\`) {
			word = breakWord(word)
		}
		out = append(out, word...)
		for n < len(s) && isSpace(s[n]) {
			out = append(out, s[n])
			n++
		}
		s = s[n:]
	}
	return out
}

// breakWord is breakAddress for text without white space.
func breakWord(s []byte) []byte {
	if bytes.IndexByte(s, ':') >= 0 {
		s = urlStart.ReplaceAllFunc(s, func(m []byte) []byte {
			m = bytes.Replace(m, []byte("http"), []byte("hxxp"), 1)
			m = bytes.Replace(m, []byte("HTTP"), []byte("hxxp"), 1)
			return bytes.Replace(m, []byte(":"), []byte("[:]"), 1)
		})
	}
	if bytes.Contains(s, []byte("..")) {
		s = climbSteps.ReplaceAll(s, []byte("."+dot+"."))
	}
	if bytes.ContainsAny(s, `/\`) {
		s = rootPaths.ReplaceAll(s, []byte("${1}"+dot+"${2}"))
	}
	if bytes.IndexByte(s, '.') < 0 { // what it breaks in [:]host are dots, too
		return s
	}
	return hostDots.ReplaceAllFunc(s, func(m []byte) []byte {
		if bytes.Contains(m, []byte(dot)) {
			return m
		}
		return bytes.ReplaceAll(m, []byte("."), []byte("[.]"))
	})
}

var doctypes = regexp.MustCompile(`(?is)<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>|<!ENTITY[^>]*>|<\?xml-stylesheet[^>]*>|</?\w*:?include\b[^>]*>`)

// removeDoctype takes document types, entity declarations and inclusions out.
func removeDoctype(s []byte) []byte {
	for range maxRounds {
		out := doctypes.ReplaceAll(s, nil)
		if len(out) == len(s) {
			break
		}
		s = out
	}
	return s
}

var delimiterStarts = regexp.MustCompile(`\$\{|\{\{|\{%|#\{|\*\{|@\{|~\{|%\{|<%|\[\[|@\(|<#|\[#|\[=|\{#|<\?|\$!\{|\$\(|#(?:set|evaluate|foreach|include|parse)\b`)

// breakDelimiters parts the signs with which templates, lookups and code begin.
func breakDelimiters(s []byte) []byte {
	for range 2 { // {{{ has two
		s = delimiterStarts.ReplaceAllFunc(s, func(m []byte) []byte {
			return append(append([]byte{m[0]}, dot...), m[1:]...)
		})
	}
	return s
}

var reachingNames = regexp.MustCompile(`(?i)__(proto|define|lookup)|(constructor)|(prototype)|\$([a-z]{2,})`)

// breakNames parts the names that reach into prototypes and queries.
func breakNames(s []byte) []byte {
	return reachingNames.ReplaceAllFunc(s, func(m []byte) []byte {
		return append(append(slices.Clone(m[:1]), dot...), m[1:]...)
	})
}

// signs are symbols that look like ASCII punctuation, mean nothing to any sink, and are folded back by no
// compatibility form and no code page.
var signs = [256]string{
	'\'': "\u275c", '"': "\u275e", '`': "\u275b", '<': "\u27e8", '>': "\u27e9", ';': "\u204f", '|': "\u00a6", '&': "\u214b",
	'(': "\u2768", ')': "\u2769", '{': "\u2774", '}': "\u2775", '[': "\u2772", ']': "\u2773", '\\': "\u244a", '%': "\u066a",
	'=': "\ua78a", '#': "\u266f", '*': "\u2731", ':': "\ua789", '/': "\u27cb", '~': "\u223e", '$': "$" + dot, '@': "@" + dot,
	'!': "\u01c3", '+': "\u2795", '^': "\u2303",
}

// breakQuotes replaces quotes, separators and comment signs.
func breakQuotes(s []byte) []byte {
	s = bytes.ReplaceAll(s, []byte("--"), []byte("\u2013\u2013"))
	s = bytes.ReplaceAll(s, []byte("/*"), []byte("/"+dot+"*"))
	return replaceSet(s, "'\"`;|&#\\")
}

// replaceSigns replaces all punctuation that any grammar uses.
func replaceSigns(s []byte) []byte {
	s = bytes.ReplaceAll(s, []byte("--"), []byte("\u2013\u2013"))
	s = climbSteps.ReplaceAll(s, []byte("."+dot+"."))
	return replaceSet(s, "'\"`<>;|&(){}[]\\%=#*:/~$@!+^")
}

func replaceSet(s []byte, set string) []byte {
	var in [256]bool
	for i := range len(set) {
		in[set[i]] = true
	}
	out := make([]byte, 0, len(s)+len(s)/4)
	for _, c := range s {
		if in[c] {
			out = append(out, signs[c]...)
			continue
		}
		out = append(out, c)
	}
	return out
}

// breakWords parts the words that SQL, shells and script know.
func breakWords(s []byte) []byte {
	out := make([]byte, 0, len(s)+16)
	for i := 0; i < len(s); {
		if !isWord(s[i]) {
			out = append(out, s[i])
			i++
			continue
		}
		end := i
		for end < len(s) && isWord(s[end]) {
			end++
		}
		word := s[i:end]
		if len(word) > 1 && knownWord(string(bytes.ToLower(word))) {
			out = append(append(append(out, word[0]), dot...), word[1:]...)
		} else {
			out = append(out, word...)
		}
		i = end
	}
	return out
}

// knownWord reports whether a word in lower case means something to SQL, a shell or a script.
func knownWord(name string) bool {
	return sqlWords[name]&^(wordStop|wordFrom|wordType) != 0 || commands[name] != 0 || codeWords[name]
}

// codeWords are names that script and code rules know.
var codeWords = map[string]bool{
	"alert": true, "confirm": true, "prompt": true, "eval": true, "settimeout": true, "setinterval": true, "javascript": true, "vbscript": true, "document": true, "window": true,
	"system": true, "passthru": true, "popen": true, "phpinfo": true, "assert": true, "require": true, "include": true, "process": true, "subprocess": true, "getruntime": true,
	"this": true, "db": true, "return": true, "sleep": true, "atob": true, "unescape": true, "fromcharcode": true, "location": true, "constructor": true, "prototype": true, "__proto__": true,
	"http": true, "response": true, "server": true, "execute": true, "createobject": true, "os": true, "name": true, "text": true, "node": true, "cmd": true,
}
