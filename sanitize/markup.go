package sanitize

import (
	"bytes"

	"github.com/corazawaf/libinjection-go"
)

// maxTag bounds how far a tag is read, in bytes: attributes beyond are read by nobody's filter either, but a
// value of nothing but "<a " must not cost its square.
const maxTag = 4 << 10

// activeTags run something, load something, or change how the page reads what follows. The value says what the
// tag needs beside its name to count.
var activeTags = map[string]tagNeed{
	"script": needNothing, "applet": needAttribute, "embed": needAttribute, "object": needAttribute, "iframe": needAttribute,
	"frame": needAttribute, "frameset": needAttribute, "base": needAttribute, "bgsound": needAttribute, "layer": needAttribute,
	"ilayer": needAttribute, "isindex": needAttribute, "meta": needRefresh, "link": needAttribute, "portal": needAttribute, "fencedframe": needAttribute,
	"import": needAttribute, "animate": needAttribute, "animatetransform": needAttribute, "set": needAttribute, "handler": needAttribute,
	"foreignobject": needNothing, "style": needNothing, "xss": needNothing, "listener": needAttribute, "animatemotion": needAttribute,
}

type tagNeed uint8

const (
	needNothing   tagNeed = iota + 1
	needAttribute         // at least one attribute with a value
	needRefresh           // http-equiv that acts, or a charset that hides markup
)

// closers end an element of the page that the value would land in, if the value did not open it.
var closers = map[string]bool{
	"title": true, "textarea": true, "style": true, "script": true, "noscript": true, "template": true, "xmp": true, "body": true, "html": true, "head": true,
	"form": true, "select": true, "svg": true, "math": true, "iframe": true, "stylesheet": true, "plaintext": true, "frameset": true, "object": true,
}

// pageTags ask for input, or switch the parser to rules under which filters see something else than browsers do.
var pageTags = map[string]bool{
	"form": true, "input": true, "textarea": true, "button": true, "select": true, "keygen": true, "xmp": true, "noscript": true, "plaintext": true, "math": true,
	"svg": true, "image": true, "circle": true, "path": true, "rect": true, "feimage": true, "use": true, "mask": true, "marquee": true, "stylesheet": true, "command": true, "mglyph": true,
	"desc": true, "noembed": true, "noframes": true, "annotation-xml": true, "malignmark": true, "maction": true, "video": true, "audio": true, "isindex": true, "spacer": true,
}

// drawingTags are names that other markup languages use too.
var drawingTags = map[string]bool{"path": true, "circle": true, "rect": true, "use": true, "mask": true, "image": true, "desc": true, "command": true, "select": true, "button": true, "video": true, "audio": true, "form": true, "input": true}

// wholeDrawing reports whether the value is an SVG image and nothing else.
func (l *look) wholeDrawing() bool {
	s := bytes.TrimSpace(l.low)
	return (bytes.HasPrefix(s, []byte("<svg")) || bytes.HasPrefix(s, []byte("<?xml"))) && bytes.HasSuffix(s, []byte("</svg>")) && bytes.Count(s, []byte("<")) > 3
}

// lookMarkup reads the view as HTML does, tolerant of everything, and looks for tags that act.
func lookMarkup(l *look) {
	s := l.low
	for i := 0; i+1 < len(s); {
		j := bytes.IndexByte(s[i:], '<')
		if j < 0 || i+j+1 >= len(s) {
			break
		}
		i += j
		l.charge(costTag)
		i = l.tag(i)
	}
	if l.groups&groupScheme != 0 || bytes.IndexByte(s, ':') >= 0 && (l.contains("script") || l.kinds&kindControl != 0 || l.contains("ript")) {
		l.schemes()
	}
	if l.groups&groupHandler != 0 || len(s) < 512 && l.contains("=") {
		l.attributeBreakout()
	}
	if l.groups&groupStyle != 0 {
		l.styles()
	}
	if i := bytes.Index(s, []byte("-->")); i > 0 && (bytes.IndexByte([]byte("\"'`"), s[i-1]) >= 0 || bytes.Contains(s[i:], []byte("]]>"))) {
		l.sign(signMarkupBreakout, i, min(len(s), i+40))
	}
	if bytes.IndexByte(s, '<') >= 0 && !l.embeds && (bytes.IndexByte(s, '=') >= 0 || l.contains("script")) && l.wanted(signMarkupFingerprint) && !l.tidy() && l.isXSS() {
		l.sign(signMarkupFingerprint, 0, len(s))
	}
}

// isXSS asks libinjection, which is right about tags but also takes any style attribute, XML head or namespace
// for an attack.
func (l *look) isXSS() bool {
	if l.inside { // it is about how a value begins
		return false
	}
	if l.loneTag() {
		return false
	}
	if containsAny(l.low, "<script> tag", "<script> element") && !bytes.ContainsAny(l.low, "()=`") {
		return false
	}
	if containsAny(l.low, "<?xml", "xmlns", "style=", "style =", "<!doctype") {
		return false
	}
	text := l.view[:min(len(l.view), maxFingerprint)]
	if bytes.Contains(l.low, []byte("javascript:void(0)")) {
		text = idleLinks.ReplaceAll(text, []byte("#$1"))
	}
	if l.jsx {
		text = braced.ReplaceAllFunc(text, func(attribute []byte) []byte {
			if _, value, _ := bytes.Cut(attribute, []byte("=")); inertExpression(value) {
				return []byte("class=x")
			}
			return attribute
		})
	}
	if bytes.IndexByte(text, '<') < 0 || !mayBeXSS(l.low[:min(len(l.low), maxFingerprint)]) {
		return false
	}
	l.charge(costFingerprint + costFingerprintByte*len(text))
	return libinjection.IsXSS(string(text))
}

// tag reads what begins with "<" at i and returns where to go on.
func (l *look) tag(i int) int {
	s := l.low
	start := i + 1
	for start < len(s) && (s[start] == '/' || s[start] == 0 || s[start] == '<' || s[start] == '%' && start-i < 2) {
		start++
	}
	if start >= len(s) {
		return len(s)
	}
	if s[start] == '!' || s[start] == '?' {
		return l.declaration(i, start)
	}
	if !isLetter(s[start]) {
		return start
	}
	end := start
	for end < len(s) && (isWord(s[end]) || s[end] == '-' || s[end] == ':') {
		end++
	}
	name := s[start:end]
	if colon := bytes.LastIndexByte(name, ':'); colon >= 0 {
		name = name[colon+1:]
	}
	closed := s[i+1] == '/'
	t := l.attributes(end)
	l.judgeTag(i, string(name), closed, t)
	return max(t.end, end)
}

// tagSummary is what the attributes of a tag come to.
type tagSummary struct {
	end        int // behind the tag
	attributes int // with a value
	handler    bool
	source     bool // src, srcdoc, data, href ...
	srcdoc     bool
	refresh    bool
	charset    bool // one in which letters hide markup
	framed     bool // width, height ...: an embed as page builders write it
	link       bool // xlink:href to elsewhere
	oddStyle   bool // a style with escapes, comments or braces
	asks       bool // an attribute that a control needs to ask for something, or to send it somewhere
	aside      bool // content is a number, as that of a page that loads itself again
	secure     bool // the source is an http or https URL
	terminated bool
}

// attributes reads the attributes of a tag from i on.
func (l *look) attributes(i int) tagSummary {
	s := l.low[:min(len(l.low), i+maxTag)]
	t := tagSummary{}
	for i < len(s) && s[i] != '>' && s[i] != '<' {
		if !isLetter(s[i]) {
			i++ // separators, and quotes that stand alone: what follows is read as attributes
			continue
		}
		start := i
		for i < len(s) && (isWord(s[i]) || s[i] == '-' || s[i] == ':') {
			i++
		}
		end := i
		for i < len(s) && (isSpace(s[i]) || s[i] == '/' || s[i] < ' ' || s[i] == '\\' && i+1 < len(s) && s[i+1] == '=') {
			i++
		}
		if i >= len(s) || s[i] != '=' {
			if end > i {
				i = end
			}
			continue
		}
		i++
		t.attributes++
		after := endOfValue(s, i)
		value := s[i:after]
		if len(bytes.TrimSpace(value)) < 2 { // a quote that is not closed
			value = s[i:min(len(s), i+200)]
		}
		inert := inertExpression(value)
		l.jsx = l.jsx || inert
		t.note(s[start:end], bytes.Trim(value, " \"'`"), inert)
		i = after
	}
	t.terminated = i < len(s) && s[i] == '>'
	if t.terminated {
		i++
	}
	t.end = i
	return t
}

// maxBraced is the length beyond which a value is no such beginning, in bytes: up to the first blank it is short.
const maxBraced = 256

// inertExpression reports whether a value, as it stands in a tag, is the beginning of an expression of JSX as HTML reads
// it: {() or {save}. Browsers run nothing of the kind: a block that is never closed is no program, and a name by itself
// does nothing.
func inertExpression(value []byte) bool {
	value = bytes.TrimLeft(value, " \t\r\n")
	if len(value) == 0 || len(value) > maxBraced || value[0] != '{' || bytes.IndexByte(value, '&') >= 0 {
		return false
	}
	end := bytes.IndexByte(value, '}')
	if end < 0 {
		return true
	}
	if end == 1 || end != len(value)-1 {
		return false
	}
	for _, c := range value[1:end] {
		if !isWord(c) && c != '.' {
			return false
		}
	}
	return true
}

// asksNothing are attributes that controls have for their looks and for who cannot see them.
var asksNothing = map[string]bool{"class": true, "id": true, "title": true, "role": true, "disabled": true, "tabindex": true, "type": true, "checked": true, "style": true}

// noteControl notes what matters of an attribute to controls.
func (t *tagSummary) noteControl(name string, value []byte) {
	switch {
	case name == "type":
		kind := string(value)
		t.asks = t.asks || kind != "button" && kind != "checkbox" && kind != "radio"
	case !asksNothing[name] && !hasPrefix(name, "aria-") && !hasPrefix(name, "data-"):
		t.asks = true
	}
}

// besides are relations of a page to others that load nothing.
var besides = map[string]bool{
	"next": true, "prev": true, "previous": true, "author": true, "home": true, "up": true, "start": true, "contents": true, "index": true, "help": true, "canonical": true,
	"icon": true, "shortcut icon": true, "apple-touch-icon": true, "mask-icon": true, "search": true, "me": true, "edituri": true, "pingback": true,
	"license": true, "copyright": true, "bookmark": true, "chapter": true, "section": true, "glossary": true, "appendix": true, "top": true, "first": true, "last": true,
}

// loadsNothing reports whether the attributes of a link, between start and end, say that it loads nothing of elsewhere:
// another page that it names, or a style sheet of the same site.
func (l *look) loadsNothing(start, end int) bool {
	rel, href := attributeOf(l.low[start:end], "rel"), attributeOf(l.low[start:end], "href")
	if besides[string(rel)] {
		return !containsAny(href, "script:", "data:")
	}
	if len(rel) == 0 && len(attributeOf(l.low[start:end], "rev")) > 0 { // of whom the page is
		return bytes.HasPrefix(href, []byte("mailto:"))
	}
	return string(rel) == "stylesheet" && len(href) > 0 && !bytes.ContainsAny(href, ":&\\%") && !bytes.HasPrefix(href, []byte("//"))
}

// judgeActive judges a tag by what it runs or loads.
func (l *look) judgeActive(i, end int, name string, closed bool, t *tagSummary) {
	switch activeTags[name] {
	case needAttribute:
		switch {
		case t.attributes == 0 || closed:
		case name == "link" && l.loadsNothing(i, t.end):
		case t.framed && t.secure && (name == "iframe" || name == "embed" || name == "object"):
			l.embeds = true
			l.sign(signMarkupEmbed, i, end)
		default:
			l.sign(signMarkupActive, i, end)
		}
	case needRefresh:
		if (t.refresh && !t.aside || t.charset) && !l.tidy() {
			l.sign(signMarkupActive, i, end)
		}
	case needNothing:
		if name != "script" && (name != "style" || !l.plainSheet(closed, t.end) && !l.tidy()) {
			l.sign(signMarkupActive, i, end)
		}
	}
}

// plainSheet reports whether the style sheet that begins at i ends where it says, and draws, but loads and runs nothing.
// An end tag is that of such a one, or judged by itself.
func (l *look) plainSheet(closed bool, i int) bool {
	if closed {
		return l.asked.contains(l.low, "<style")
	}
	inner, _, found := bytes.Cut(l.low[min(i, len(l.low)):], []byte("</style"))
	inner = bytes.TrimPrefix(bytes.TrimSpace(inner), []byte("<!--"))
	return found && bytes.IndexByte(inner, '{') > 0 && bytes.IndexByte(inner, '<') < 0 && drawsOnly(inner)
}

// loneTag reports whether the view is one tag that loads nothing of elsewhere: a link to another page, or what has the page
// load itself again.
func (l *look) loneTag() bool {
	s := bytes.TrimSpace(l.low)
	if len(s) == 0 || s[0] != '<' || bytes.LastIndexByte(s, '<') != 0 || bytes.IndexByte(s, '>') != len(s)-1 || bytes.Contains(s, []byte(" on")) {
		return false
	}
	switch start := bytes.IndexByte(l.low, '<'); {
	case bytes.HasPrefix(s, []byte("<link ")):
		return l.loadsNothing(start, len(l.low))
	case bytes.HasPrefix(s, []byte("<meta ")):
		seconds := attributeOf(s, "content")
		return len(seconds) > 0 && len(bytes.Trim(seconds, "0123456789 ")) == 0
	}
	return false
}

// attributeOf returns the value of an attribute in a tag, without quotes.
func attributeOf(tag []byte, name string) []byte {
	for i := 0; i < len(tag); {
		at := bytes.Index(tag[i:], []byte(name))
		if at < 0 {
			return nil
		}
		at += i
		i = at + len(name)
		if at > 0 && isSpace(tag[at-1]) && i < len(tag) && tag[i] == '=' {
			return bytes.Trim(tag[i+1:endOfValue(tag, i+1)], " \"'`")
		}
	}
	return nil
}

func (t *tagSummary) note(name, value []byte, inert bool) {
	if !inert {
		t.noteControl(string(name), value)
	}
	space := ""
	if colon := bytes.LastIndexByte(name, ':'); colon >= 0 && len(name) > colon+1 {
		space, name = string(name[:colon]), name[colon+1:]
	}
	if isHandler(name) {
		t.handler = t.handler || !inert
		return
	}
	switch string(name) {
	case "srcdoc", "formaction":
		t.srcdoc = true
	case "http-equiv":
		t.refresh = !describes[string(value)]
	case "content":
		t.charset = bytes.Contains(value, []byte("utf-7"))
		t.aside = len(value) > 0 && len(bytes.Trim(value, "0123456789 ")) == 0
	case "width", "height", "frameborder", "allowfullscreen":
		t.framed = true
	case "style":
		t.oddStyle = t.oddStyle || !inert && (bytes.ContainsAny(value, "\\[]{}") || bytes.Contains(value, []byte("/*")) || bytes.Contains(value, []byte("binding")) ||
			bytes.Contains(value, []byte("url(")) && (bytes.Contains(value, []byte(".svg")) || bytes.Contains(value, []byte(".xml")) || bytes.Contains(value, []byte(".htc")) || bytes.Contains(value, []byte("url(%"))))
	case "src", "href", "data", "action", "code", "classid", "codebase", "handler":
		t.source = true
		value = bytes.Trim(value, "\\\"'")
		away := bytes.HasPrefix(value, []byte("http://")) || bytes.HasPrefix(value, []byte("https://")) || bytes.HasPrefix(value, []byte("//"))
		t.secure = t.secure || away
		t.link = t.link || space == "xlink" && away || space == "ev"
	}
}

// describes are what a page says of itself in meta elements, and of how long it may be kept.
var describes = map[string]bool{
	"content-type": true, "content-language": true, "x-ua-compatible": true, "content-style-type": true, "content-script-type": true, "imagetoolbar": true,
	"expires": true, "pragma": true, "cache-control": true, "last-modified": true, "cleartype": true, "keywords": true, "description": true, "author": true,
}

// isHandler reports whether an attribute's name is an event handler's: on and a word.
func isHandler(name []byte) bool {
	if len(name) < 5 || name[0] != 'o' || name[1] != 'n' {
		return false
	}
	for _, c := range name[2:] {
		if !isLetter(c) && !isDigit(c) {
			return false
		}
	}
	switch string(name) {
	case "online", "only", "once", "onto", "ongoing", "onboarding", "onward", "onwards", "onlyif", "one":
		return false
	}
	return true
}

// endOfValue returns the index behind an attribute's value.
func endOfValue(s []byte, i int) int {
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	if i >= len(s) {
		return i
	}
	if q := s[i]; q == '"' || q == '\'' || q == '`' {
		if end := bytes.IndexByte(s[i+1:], q); end >= 0 {
			return i + end + 2
		}
		return i + 1
	}
	for i < len(s) && !isSpace(s[i]) && s[i] != '>' {
		i++
	}
	return i
}

// mentioned reports whether the text behind a tag, which begins at i, speaks of it: "<script> tags", and runs to its
// end without another.
func (l *look) mentioned(i int) bool {
	s := l.low[min(i, len(l.low)):]
	for _, noun := range []string{" tag", " element", " block", " section"} {
		if !bytes.HasPrefix(s, []byte(noun)) {
			continue
		}
		if l.codeAt < 0 {
			l.codeAt = max(0, bytes.LastIndex(l.low, []byte("</")), bytes.LastIndexAny(l.low, "()=`"))
		}
		return l.codeAt < i
	}
	return false
}

func (l *look) judgeTag(i int, name string, closed bool, t tagSummary) {
	end := min(t.end, i+80)
	switch {
	case t.handler:
		l.sign(signMarkupHandler, i, end)
	case t.srcdoc:
		l.sign(signMarkupActive, i, end)
	case name == "script" && !closed && t.attributes == 0 && l.mentioned(t.end):
	case name == "script" && !closed && l.ownScript(i, &t):
		l.embeds = true
	case name == "script" && !closed:
		l.sign(signMarkupScript, i, end)
	case hasPrefix(name, "script") && !closed && t.attributes == 0 && len(name) > 6 && !isLetter(name[6]):
		l.sign(signMarkupScript, i, end)
	case closed && (name == "body" || name == "html") && onlyClosers(l.low[t.end:]) && opensTag(l.low[:min(i, maxTag)]): // the end of a page
	case closed && closers[name] && !l.asked.contains(l.low, "<"+name):
		l.sign(signMarkupBreakout, i, end)
	case (name == "button" || name == "input" && t.attributes > 0) && !t.asks && t.terminated: // asks for nothing: nothing is sent
	case !closed && pageTags[name] && (t.attributes > 0 || !drawingTags[name]) && !l.wholeDrawing() && !l.tidy():
		l.sign(signMarkupForeign, i, end)
	}
	l.judgeActive(i, end, name, closed, &t)
	if t.link || t.oddStyle {
		l.sign(signMarkupActive, i, end)
	}
	// An image or form that a value leaves open swallows the page that follows.
	if !t.terminated && t.end >= len(l.low) && t.source && i > 0 && len(l.low) < 256 {
		l.sign(signMarkupDangling, i, end)
	}
}

// ownScript reports whether the element that begins at i loads a script of the site that the page is of, by a path below its
// own, and is empty: who writes a page has such, and nobody else's script runs.
func (l *look) ownScript(i int, t *tagSummary) bool {
	if !t.terminated || t.handler || t.srcdoc || !bytes.HasPrefix(l.low[t.end:], []byte("</script>")) {
		return false
	}
	src := attributeOf(l.low[i:t.end], "src")
	path, _, _ := bytes.Cut(src, []byte("?v="))
	if !bytes.HasSuffix(path, []byte(".js")) || bytes.IndexByte(path, '/') < 0 || bytes.HasPrefix(path, []byte("//")) {
		return false
	}
	for _, c := range path {
		if !isWord(c) && c != '/' && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

// opensTag reports whether a tag begins in s.
func opensTag(s []byte) bool {
	return anyPlace(s, '<', func(i int) bool { return isLetter(at(s, i+1)) })
}

// onlyClosers reports whether nothing but a few end tags and white space is left.
func onlyClosers(s []byte) bool {
	const most = 256
	if len(s) > most {
		return false
	}
	for s = bytes.TrimSpace(s); len(s) > 0; s = bytes.TrimSpace(s) {
		end := bytes.IndexByte(s, '>')
		if end < 3 || !bytes.HasPrefix(s, []byte("</")) {
			return false
		}
		for _, c := range s[2:end] {
			if !isLetter(c) {
				return false
			}
		}
		s = s[end+1:]
	}
	return true
}
