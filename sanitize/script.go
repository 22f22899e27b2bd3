package sanitize

import "bytes"

// lookScript looks for JavaScript that a value carries into a page's script: calls that attacks make, and the
// ways around filters. In source code all of it is at home, so rules spare that context.
func lookScript(l *look) {
	s := l.low
	scriptSet.each(s, func(i, start, end int) bool {
		if i >= len(scriptCalls) {
			if !harmlessObject(scriptObjects[i-len(scriptCalls)], s[end:]) {
				l.sign(signScriptObject, start, min(len(s), end+30))
			}
			return true
		}
		f := &scriptCalls[i]
		if f.word && start > 0 && isWord(s[start-1]) || spokenOf(s, start, start+len(bytes.TrimRight([]byte(f.name), "`"))) {
			return true
		}
		if last := f.name[len(f.name)-1]; !isLetter(last) {
			l.sign(f.sign, start, min(len(s), end+40))
		} else if after, ok := callAt(s, end); ok && (!f.argument || scriptArgument(s, after)) && (f.name[0] != 's' || !timer(s[after:])) {
			l.sign(f.sign, start, min(len(s), after+40))
		}
		return true
	})
	if l.kinds&kindSQL != 0 {
		if i := symbolRun(s); i >= 0 {
			l.sign(signScriptSymbols, i, min(len(s), i+48))
		}
	}
}

// scriptSet finds scriptCalls and, behind them, scriptObjects in one pass.
var scriptSet = func() *phrases {
	var texts []string
	for _, f := range scriptCalls {
		texts = append(texts, f.name)
	}
	return newPhrases(append(texts, scriptObjects...))
}()

// scriptCall is a function that attacks call.
type scriptCall struct {
	name     string
	word     bool // must not be the end of a longer name
	argument bool // the argument must look like a payload's
	sign     sign
}

var scriptCalls = []scriptCall{
	{"alert", true, true, signScriptCall},
	{"confirm", true, true, signScriptCall},
	{"prompt", true, true, signScriptCall},
	{"eval", true, true, signScriptEval},
	{"settimeout", true, true, signScriptEval}, // these two begin with s: see timer
	{"setinterval", true, true, signScriptEval},
	{"execscript", true, false, signScriptEval},
	{"fromcharcode", false, false, signScriptEval},
	{"document.write", false, false, signScriptEval},
	{"document.writeln", false, false, signScriptEval},
	{"constructor.constructor", false, false, signScriptEval},
	{"importscripts", true, false, signScriptEval},
	{"insertadjacenthtml", false, false, signScriptEval},
	{"unescape", true, true, signScriptEval},
	{"atob", true, true, signScriptEval},
	{"function('", true, false, signScriptEval},
	{"function(\"", true, false, signScriptEval},
	{"function(`", true, false, signScriptEval},
	{"function`", true, false, signScriptEval},
	{"navigator.sendbeacon", false, false, signScriptEval},
}

var scriptObjects = []string{
	"document.cookie", "document[", "window[", "self[", "top[", "parent[", "frames[", "globalthis[", "this[", "document.domain",
	"location.hash", "location='javascript", "location=\"javascript", "location=`javascript", "window.name", "innerhtml=", "innerhtml =",
	"outerhtml=", "[].constructor", "[][\"filter\"]", "[]['filter']", "constructor['constructor", "constructor[\"constructor", "__proto__[", "\\u0061lert", "onerror=alert", "onerror=eval", "document?.", "location.replace(name", "location=name",
	"createelement(", "appendchild(", "getelementsbytagname(", "getelementbyid(", "with(document", "window.open(", "navigator.vibrate(", "/.source+", "$(\"", "$('", "document.forms", "document.body", "window.location=", "window.location.href=", "document.location", "self.location", "top.location", "parent.location",
	"[].map.call", "[].sort.call", "[].find.call", "[].filter.call", "[].some.call", "(document)[", "(alert)", "(confirm)", "(prompt)", "=alert;", "=eval;", "=eval,", "=alert,", "=alert)", "reflect.apply", "reflect.construct", "new activexobject", "activexobject(",
}

// timer reports whether the arguments of a call that begins with them are those of programs: a function by its name, or
// one that is written out, and a number.
func timer(s []byte) bool {
	s = bytes.TrimLeft(s, " \t\r\n")
	if bytes.HasPrefix(s, []byte("()")) || bytes.HasPrefix(s, []byte("function")) {
		return true
	}
	end := 0
	for end < len(s) && isWord(s[end]) {
		end++
	}
	switch string(s[:end]) {
	case "", "alert", "confirm", "prompt", "eval", "print", "name", "code", "atob", "unescape":
		return false
	}
	return at(s, end) == ',' && isSpace(at(s, end+1)) && isDigit(at(s, end+2)) && !isDigit(s[0])
}

// spokenOf reports whether the name from start to end stands in text that speaks of it: `function` in marks, or a
// prompt `name` with another word before it and marks around what follows.
func spokenOf(s []byte, start, end int) bool {
	if start > 0 && s[start-1] == '`' {
		return at(s, end) == '`' && endsMention(s, end+1)
	}
	if start < 2 || s[start-1] != ' ' || !isLetter(s[start-2]) || at(s, end) != ' ' {
		return false
	}
	open := end + 1
	if at(s, open) == '(' {
		open++
	}
	if at(s, open) != '`' {
		return false
	}
	i := open + 1
	for i < len(s) && isWord(s[i]) {
		i++
	}
	return i > open+1 && at(s, i) == '`' && endsMention(s, i+1)
}

// endsMention reports whether text goes on at i, or ends, as it does behind what is quoted.
func endsMention(s []byte, i int) bool {
	if i >= len(s) {
		return true
	}
	switch s[i] {
	case ' ', '\n', '\r', '.', ',', ':', ')':
		return i+1 >= len(s) || s[i] == '\n' || s[i] == '\r' || isSpace(s[i+1]) || isLetter(s[i+1]) && s[i] == ' ' || bytes.IndexByte([]byte(".,:"), s[i+1]) >= 0 || s[i] == ' ' && s[i+1] == '('
	}
	return false
}

// harmlessObject reports whether what stands behind one of scriptObjects makes it what programs do all day: this[name],
// and an element of the page that something is read of.
func harmlessObject(object string, behind []byte) bool {
	switch object {
	case "this[":
		return ownProperty(behind)
	case "(alert)", "(confirm)", "(prompt)":
		return len(behind) > 1 && behind[0] == ' ' && isLetter(behind[1])
	case "getelementbyid(":
		end := bytes.IndexByte(behind[:min(len(behind), 48)], ')')
		if end < 3 || bytes.ContainsAny(behind[1:end-1], "'\"`+(") || !isQuote(behind[0]) {
			return false
		}
		rest := behind[end+1:]
		for _, read := range []string{",", ";", ")", ".value)", ".offset", ".addeventlistener(\"click\",", ".addeventlistener('click',"} {
			if bytes.HasPrefix(rest, []byte(read)) {
				return true
			}
		}
	}
	return false
}

// ownProperty reports whether the bracket behind "this" holds a name, and no string that one is built of.
func ownProperty(s []byte) bool {
	end := 0
	for end < len(s) && isWord(s[end]) {
		end++
	}
	return end > 2 && at(s, end) == ']' && !isDigit(s[0])
}

// callAt reports whether what stands at i calls the name before it: (, ` , ?.(, ['...'](, .call(, )( after a
// parenthesis that was opened before.
func callAt(s []byte, i int) (end int, ok bool) {
	j := i
	for j < len(s) && (isBlank(s[j]) || s[j] == '\\' || s[j] == '/' && j+1 < len(s) && s[j+1] == '*') {
		if s[j] == '/' {
			k := bytes.Index(s[j:min(len(s), j+64)], []byte("*/"))
			if k < 0 {
				return 0, false
			}
			j += k + 2
			continue
		}
		j++
	}
	rest := s[j:]
	for _, p := range []string{"(", "`", "?.(", ".call(", ".apply(", ".bind(", ")(", "'](", "\"](", "`](", "?.call("} {
		if bytes.HasPrefix(rest, []byte(p)) {
			return j + len(p), true
		}
	}
	return 0, false
}

// scriptArgument tells alert(1), alert('x'), alert(document.cookie), alert`1` and prompt() from a sentence that
// says "alert (see below)".
func scriptArgument(s []byte, i int) bool {
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	if i >= len(s) {
		return true
	}
	rest := s[i:min(len(s), i+64)]
	switch c := rest[0]; {
	case c == ',':
		return true
	case c == ')' || c == '`':
		return i+1 >= len(s) || s[i+1] != ' ' || bytes.ContainsAny(s[i:min(len(s), i+8)], "/;'\"<")
	case isDigit(c), c == '\'', c == '"', c == '/', c == '[', c == '!', c == '+', c == '-', c == '~', c == '`', c == '&', c == '\\', c == '$' && len(rest) > 1 && rest[1] == '{', c == '(':
		return true
	case bytes.HasPrefix(rest, []byte("s)")), bytes.HasPrefix(rest, []byte("see ")), bytes.HasPrefix(rest, []byte("e.g.")):
		return false
	}
	end := 0
	for end < len(rest) && (isWord(rest[end]) || rest[end] == '.' || rest[end] == '$') {
		end++
	}
	if end == 0 {
		return false
	}
	if end == len(rest) {
		return true
	}
	switch rest[end] {
	case ')', '(', '[', '+', ',', '=', '`', ';', '?':
		return bytes.IndexByte(rest[:end], ' ') < 0
	}
	return false
}

// The bytes of code without letters.
const (
	symbolSign    = 1
	symbolBracket = 2
)

var symbols = func() (t [256]uint8) {
	for _, c := range []byte("{}$_=:\"'`\\,;.") {
		t[c] = symbolSign
	}
	for _, c := range []byte("[]()!+") {
		t[c] = symbolBracket
	}
	return t
}()

// symbolRun finds code that is written with brackets, signs and quotes only, which needs no letters to run.
func symbolRun(s []byte) int {
	start, brackets := 0, 0
	for i := range len(s) + 1 {
		if i < len(s) && symbols[s[i]] != 0 {
			brackets += int(symbols[s[i]]) - symbolSign
			continue
		}
		if i-start >= 24 && brackets >= 16 && bytes.Contains(s[start:i], []byte("+")) && bytes.Contains(s[start:i], []byte("[")) && bytes.Contains(s[start:i], []byte("(")) {
			return start
		}
		start, brackets = i+1, 0
	}
	return -1
}
