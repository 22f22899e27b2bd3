package sanitize

import (
	"bytes"
	"cmp"
	"slices"
)

// lookTemplate looks at what stands between the delimiters of template engines and expression languages.
func lookTemplate(l *look) {
	s := l.low
	l.closes, l.objects.known = l.closes[:0], false
	for range delimiters {
		l.closes = append(l.closes, -1)
	}
	for i := 0; i+1 < len(s); i++ {
		k := delimiterAt(s, i)
		if k < 0 {
			continue
		}
		d := &delimiters[k]
		start := i + len(d.open)
		end, ok := l.closing(k, start)
		if !ok {
			continue
		}
		l.expression(d, i, s[start:end], end)
		if end > start && d.skip {
			i = end
		}
	}
}

// closing returns where an expression ends that begins at start, behind delimiter k.
func (l *look) closing(k, start int) (end int, ok bool) {
	s := l.low
	if l.closes[k] < start { // looked for once for all that open before it
		l.closes[k] = len(s)
		if next := bytes.Index(s[start:], []byte(delimiters[k].close)); next >= 0 {
			l.closes[k] = start + next
		}
	}
	if end = l.closes[k]; end < len(s) && end-start <= maxExpression {
		return end, true
	}
	return min(len(s), start+maxExpression), delimiters[k].unclosed
}

// maxExpression bounds an expression, in bytes.
const maxExpression = 1 << 10

// delimiter is a pair that template engines know.
type delimiter struct {
	open, close string
	statement   bool // what stands between is a statement
	dollar      bool // also used by shells, build files and scripts: only what is damning counts
	unclosed    bool // an open end counts
	skip        bool // nothing nests inside
}

var delimiters = []delimiter{
	{open: "{{", close: "}}", skip: true},
	{open: "{%", close: "%}", statement: true, skip: true},
	{open: "{#", close: "#}", dollar: true, skip: true},
	{open: "{php}", close: "{/php}", statement: true, skip: true},
	{open: "${", close: "}", dollar: true},
	{open: "#{", close: "}", dollar: true},
	{open: "*{", close: "}", dollar: true},
	{open: "@{", close: "}", dollar: true},
	{open: "~{", close: "}", dollar: true},
	{open: "%{", close: "}", dollar: true},
	{open: "$!{", close: "}", dollar: true},
	{open: "<%", close: "%>", statement: true, skip: true},
	{open: "[[", close: "]]", dollar: true},
	{open: "[=", close: "]", dollar: true},
	{open: "@(", close: ")", dollar: true},
	{open: "<#", close: ">", statement: true, unclosed: true},
	{open: "[#", close: "]", dollar: true},
	{open: "#set", close: ")", statement: true},
	{open: "#evaluate", close: ")", statement: true},
	{open: "#foreach", close: ")", statement: true},
	{open: "#include", close: ")", dollar: true},
	{open: "#parse", close: ")", dollar: true},
	{open: "{", close: "}", dollar: true},
}

// delimitersBy are the delimiters by the byte with which they begin.
var delimitersBy = func() (t [256][]int) {
	for i := range delimiters {
		c := delimiters[i].open[0]
		t[c] = append(t[c], i)
	}
	return t
}()

// delimiterAt returns the delimiter at i, -1 if there is none.
func delimiterAt(s []byte, i int) int {
	next := at(s, i+1)
	for _, k := range delimitersBy[s[i]] {
		if open := delimiters[k].open; len(open) == 1 || open[1] == next && len(s)-i >= len(open) && string(s[i:i+len(open)]) == open {
			return k
		}
	}
	return -1
}

// templateObjects are names by which an expression leaves the template: the object models of Python, Java, PHP,
// Ruby, JavaScript and .NET, and the objects that engines hand to templates.
var templateObjects = []string{
	"__class__", "__mro__", "__subclasses__", "__globals__", "__builtins__", "__init__", "__import__", "__base__", "__bases__", "__getattribute__", "_module", "__dict__", "mro()", "subclasses()",
	"|attr(", "attr(", "getclass", "forname(", "getruntime", ".exec(", "popen", "java.lang", "java.util", "java.io", "java.net", "javax.", "t(java", "processbuilder", "classloader",
	"?new(", "freemarker.", "?api", "?eval", "?interpret", "objectconstructor", "#_memberaccess", "@java", "ognl", "#context", "#application", "#request", "#session", "#rt", "#cmd", "@org.",
	"constructor", "require(", "process.", "child_process", "import(", "global.", "this.push", "this.pop", "string.split", "string.sub", "lookup ", "mainmodule", "prototype",
	"system(", "'system'", "\"system\"", "passthru", "shell_exec", "exec(", "'exec'", "eval(", "assert(", "file_get_contents", "call_user_func", "phpinfo", "popen(", "file_excerpt", "readfile", "scandir", "cat /",
	"_context", "_self", "getfilter", "registerundefined", "setcache", "getenv", "app.request", "dump(", "include(", "source(", "|map(", "|filter(", "|reduce(", "|sort(", "|map('", "|join",
	"self._", "self.template", "self.module", "self.context", "self.attr", "self.filters", "config.", "config[", "config|", "request.", "request[", "request|", "settings.", "messages.storages", "url_for.", "get_flashed_messages", "lipsum", "cycler", "joiner", "namespace.", "g.pop", "session.",
	"$smarty", "smarty_", "{math", "fetch file", "writefile", "self::", "_smarty", "template_object", "debug}", "php}",
	"%x", "`", "io.popen", "file.open", "file.read", "dir.entries", "kernel.", "open3", "open4", "file.", "erb.new", "instance_variable", "self.class", "object.new",
	"system.", "elem(", "code.eval", "file.read!", "os.cmd", ":os.", "diagnostics.process", "reflection", "gettype(", "getmethod", "response.write", "request.querystring", "html.raw", "environment.",
	"new java", "new string", "newinstance", "scriptengine", "springframework", "spring", "applicationcontext", "servletcontext", "facescontext", "param.", "header.", "pagecontext", "initparam", "sessionscope", "requestscope", "applicationscope",
	"range.constructor", "$on.", "$eval", "tostring()", "touppercase()", "charat", ".join", "fromcharcode", "alert(", "template.module", "handler.settings", "import os", "set_cookie", "locale(", "print(",
	"sleep(", "hexdec", "md5(", "base64", "url_for(", "csrf", ".environ", "'/etc", "\"/etc", "/etc/passwd", "whoami", "curl ", "wget ", "id'",
}

// maxGlobal is more than the length of the longest of templateGlobals, in bytes.
const maxGlobal = 32

// templateGlobals are names of the context that engines hand to templates.
var templateGlobals = map[string]bool{
	"config": true, "self": true, "this": true, "request": true, "settings": true, "app": true, "_self": true, "_context": true, "debug": true, "session": true,
	"g": true, "locals": true, "globals": true, "env": true, "system": true, "context": true, "handler": true, "app.request": true, "$smarty.version": true, "@root": true, "_locals": true, "params": true, "form": true, "cookies": true, "lipsum": true, "cycler": true, "version": true, "dump": true, "class": true,
	"pagescope": true, "applicationscope": true, "sessionscope": true, "param": true, "header": true, "cookie": true, "initparam": true, "$root": true, "$data": true, "$parent": true, "application": true, "root": true, "constructor": true,
}

// expression judges what stands between delimiters.
func (l *look) expression(d *delimiter, at int, body []byte, end int) {
	trimmed, start := d.trim(body)
	start += at + len(d.open)
	if len(trimmed) == 0 {
		return
	}
	single := d.open == "{"
	if single && smartyTag(trimmed) {
		l.sign(signTemplateObject, at, end)
		return
	}
	switch {
	case probe(trimmed):
		l.sign(signTemplateProbe, at, end)
	case single && (len(l.low) >= 200 || isQuote(trimmed[0]) || bytes.IndexByte(trimmed, ':') >= 0 || !bytes.ContainsAny(trimmed, "$(")):
		return
	case l.namesObject(trimmed, start, d):
		l.sign(signTemplateObject, at, end)
	case d.open == "{{" && goCall(trimmed):
		l.sign(signTemplateCall, at, end)
	case d.open == "${" && len(trimmed) > 2 && trimmed[0] == '.' && isLetter(trimmed[1]): // FreeMarker's own variables
		l.sign(signTemplateGlobal, at, end)
	case len(trimmed) <= maxGlobal && templateGlobals[string(trimmed)] && (!d.dollar || trimmed[0] == '$'):
		l.sign(signTemplateGlobal, at, end)
	case d.statement:
		if statementBody(d, trimmed) {
			l.sign(signTemplateBlock, at, end)
		}
	case single:
	case callsWithArguments(trimmed):
		if !d.dollar || bytes.ContainsAny(trimmed, "'\"") && d.open != "[[" && d.open != "[#" && d.open != "{#" {
			l.sign(signTemplateCall, at, end)
		}
	case d.open == "{{" && (bytes.Contains(trimmed, []byte(" as |")) || bytes.HasPrefix(trimmed, []byte("with ")) && body[0] == '#' || trimmed[0] == '\'' || trimmed[0] == '"' || body[0] == '=' && isWord(trimmed[0])):
		l.sign(signTemplateCall, at, end)
	}
}

// trim takes off what stands around an expression and says nothing, and says where the rest begins.
func (d *delimiter) trim(body []byte) (trimmed []byte, start int) {
	for start < len(body) && (expressionNoise[body[start]] || body[start] == '{' && d.open == "{{") {
		start++
	}
	end := len(body)
	for end > start && expressionNoise[body[end-1]] {
		end--
	}
	return body[start:end], start
}

// expressionNoise is what stands around an expression and says nothing.
var expressionNoise = [256]bool{
	' ': true, '\t': true, '\r': true, '\n': true, '=': true, '-': true, '~': true, '!': true, '^': true, '#': true, '&': true, '@': true, ':': true,
}

// smartyTag reports whether the expression is a tag of Smarty that reads files or runs code, with an attribute.
func smartyTag(body []byte) bool {
	name, rest, found := bytes.Cut(body, []byte(" "))
	if !found {
		return false
	}
	switch string(name) {
	case "fetch", "include", "include_php", "insert", "eval", "config_load", "extends", "math":
	default:
		return false
	}
	key, value, found := bytes.Cut(bytes.TrimLeft(rest, " "), []byte("="))
	return found && len(value) > 1 && isQuote(value[0]) && len(key) > 1 && bytes.IndexByte(key, ' ') < 0
}

// goFunctions are functions that Go's templates have, and that take arguments.
var goFunctions = map[string]bool{"printf": true, "print": true, "println": true, "call": true, "index": true, "html": true, "js": true, "urlquery": true, "slice": true}

// goCall reports whether the expression is a call in the way of Go's templates: a function or a method, and its
// arguments behind spaces.
func goCall(body []byte) bool {
	name, rest, found := bytes.Cut(body, []byte(" "))
	rest = bytes.TrimLeft(rest, " ")
	if !found || len(rest) < 2 {
		return false
	}
	if name[0] == '$' && len(name) > 1 && bytes.HasPrefix(rest, []byte(":= .")) { // gives a name to what the program handed over
		return true
	}
	if goFunctions[string(name)] {
		return isQuote(rest[0]) || rest[0] == '.' || rest[0] == '$' || rest[0] == '\x60'
	}
	return len(name) > 1 && name[0] == '.' && isLetter(name[1]) && (isQuote(rest[0]) || rest[0] == '\x60')
}

// directives are the words with which statements of FreeMarker begin, by their first letter.
var directives = [256][]string{
	'a': {"assign", "attempt"}, 'f': {"function", "ftl"}, 'g': {"global"}, 'i': {"if", "include", "import"}, 'l': {"list", "local"},
	'm': {"macro"}, 'n': {"noparse"}, 's': {"setting", "switch"},
}

// statementBody tells a statement from what only looks like its delimiters.
func statementBody(d *delimiter, body []byte) bool {
	switch d.open {
	case "<#":
		for _, w := range directives[body[0]] {
			if bytes.HasPrefix(body, []byte(w)) {
				return true
			}
		}
		return false
	case "#set", "#evaluate", "#foreach":
		return bytes.IndexByte(body, '(') >= 0 && bytes.IndexByte(body, '$') >= 0
	}
	return isLetter(body[0]) || body[0] == '$' || body[0] == '\'' || body[0] == '"' || body[0] == '@' || body[0] == '('
}

// templateSet finds templateObjects in one pass.
var templateSet = newPhrases(templateObjects)

// objectNames is where the names of templateObjects stand in a view, in the order of their starts: expressions nest,
// and each of them asks.
type objectNames struct {
	known  bool
	strong []objectName // that count between all delimiters
	weak   []objectName // and those that do not between the ones that others use, too: ${project.config.x}
}

// objectName is a name's place. First is the earliest end of it and of those that begin behind it.
type objectName struct{ start, end, first int }

// read finds the names in s.
func (o *objectNames) read(s []byte) {
	o.known, o.strong, o.weak = true, o.strong[:0], o.weak[:0]
	templateSet.each(s, func(i, start, end int) bool {
		switch name := templateObjects[i]; {
		case isLetter(name[0]) && start > 0 && isWord(s[start-1]):
		case weakObject(name):
			o.weak = append(o.weak, objectName{start: start, end: end})
		default:
			o.strong = append(o.strong, objectName{start: start, end: end})
		}
		return true
	})
	for _, names := range [][]objectName{o.strong, o.weak} {
		slices.SortFunc(names, func(a, b objectName) int { return cmp.Compare(a.start, b.start) })
		first := len(s) + 1
		for i := len(names) - 1; i >= 0; i-- {
			first = min(first, names[i].end)
			names[i].first = first
		}
	}
}

// nameWithin reports whether one of the names stands between start and end.
func nameWithin(names []objectName, start, end int) bool {
	i, _ := slices.BinarySearchFunc(names, start, func(n objectName, at int) int { return cmp.Compare(n.start, at) })
	return i < len(names) && names[i].first <= end
}

// namesObject reports whether the expression, which stands at start, uses a name that leaves the template.
func (l *look) namesObject(body []byte, start int, d *delimiter) bool {
	if !l.objects.known {
		l.objects.read(l.low)
	}
	if nameWithin(l.objects.strong, start, start+len(body)) || (!d.dollar || d.open == "{#") && nameWithin(l.objects.weak, start, start+len(body)) {
		return true
	}
	if !isWord(d.open[len(d.open)-1]) {
		return false
	}
	// Directly behind a delimiter that is a word.
	return slices.ContainsFunc(templateObjects, func(o string) bool {
		return bytes.HasPrefix(body, []byte(o)) && (!d.dollar || !weakObject(o))
	})
}

func weakObject(o string) bool {
	switch o {
	case "config.", "process.", "request.", "settings.", "session.", "file.", "system.", "spring", "param.", "header.", ".join", "`", "dump(", "include(", "prototype",
		"environment.", "global.", "namespace.", "tostring()", "touppercase()", "config[", "request[", "md5(", "base64", "constructor", "lookup ", "reflection", "source(", "charat", "%x", "csrf", "id'", "kernel.", "config|", "request|", "print(", "url_for(", "attr(", "locale(", "require(":
		return true
	}
	return false
}

// probe reports whether the expression is arithmetic on constants: what shows that it was evaluated.
func probe(body []byte) bool {
	i := 0
	n := constant(body, i)
	if n == i {
		return false
	}
	for i = n; i < len(body) && (isBlank(body[i]) || body[i] == ')'); i++ {
	}
	if i >= len(body) || bytes.IndexByte([]byte("*+/-%~."), body[i]) < 0 || body[i] == '.' && (i+1 >= len(body) || isDigit(body[i+1])) {
		return false
	}
	for i++; i < len(body) && (isBlank(body[i]) || body[i] == '*'); i++ {
	}
	j := constant(body, i)
	if j == i {
		return false
	}
	// A range of dates or a version is no probe: 2020-01-01, 10-20.
	date := body[n] == '-' && isDigit(body[0]) && j-i <= 2 && len(body) >= 8
	return !date
}

// constant returns the end of a number or a quoted string at i.
func constant(s []byte, i int) int {
	start := i
	for i < len(s) && (s[i] == '(' || isBlank(s[i])) {
		i++
	}
	switch {
	case i < len(s) && isDigit(s[i]):
		for i < len(s) && (isDigit(s[i]) || s[i] == '.') {
			i++
		}
		return i
	case i+1 < len(s) && (s[i] == '\'' || s[i] == '"'):
		if end := bytes.IndexByte(s[i+1:], s[i]); end >= 0 && end < 32 {
			return i + end + 2
		}
	}
	return start
}

// callsWithArguments reports whether the expression calls something with a constant.
func callsWithArguments(body []byte) bool {
	i := bytes.IndexByte(body, '(')
	if i <= 0 || !isWord(body[i-1]) || i+1 >= len(body) {
		return false
	}
	c := body[i+1]
	return c == '\'' || c == '"' || isDigit(c) || c == ')' && bytes.IndexByte(body[:i], '.') >= 0
}
