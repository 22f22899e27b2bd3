package sanitize

import "bytes"

// tidy reports whether the view is a piece of markup as programs write it and nobody needs to fear it: whole elements,
// closed in order, attributes in quotes, nothing in it that runs or loads. Payloads are not: they break out of
// something, and are short of quotes and ends because filters and fields leave no room for them.
func (l *look) tidy() bool {
	if l.tidyKnown == 0 {
		l.tidyKnown = 1
		if l.readTidy() {
			l.tidyKnown = 2
		}
	}
	return l.tidyKnown == 2
}

// maxTidy bounds what is read as one piece, in bytes.
const maxTidy = 64 << 10

// maxNested is how deep elements of a tidy piece may stand in each other.
const maxNested = 64

// tidyReading is one reading of a view as tidy markup.
type tidyReading struct {
	s     []byte
	i     int
	open  [maxNested][]byte
	depth int
	tags  int
}

func (l *look) readTidy() bool {
	s := bytes.TrimSpace(l.low)
	if len(s) < 8 || len(s) > maxTidy || s[0] != '<' || s[len(s)-1] != '>' {
		return false
	}
	t := tidyReading{s: s}
	for t.i < len(s) {
		next := bytes.IndexByte(s[t.i:], '<')
		if next < 0 {
			return false
		}
		if bytes.IndexByte(s[t.i:t.i+next], '>') >= 0 {
			return false
		}
		if t.i += next; !t.element() {
			return false
		}
		if t.i < len(s) && bytes.IndexByte(s[t.i:], '<') < 0 {
			return len(bytes.TrimSpace(s[t.i:])) == 0 && t.depth == 0 && t.tags > 0
		}
	}
	return t.depth == 0 && t.tags > 0
}

// element reads a tag, a comment or a declaration.
func (t *tidyReading) element() bool {
	s := t.s[t.i:]
	switch {
	case bytes.HasPrefix(s, []byte("<!doctype html")):
		end := bytes.IndexByte(s, '>')
		t.i += end + 1
		return end > 0 && bytes.IndexByte(s[:end], '[') < 0
	case bytes.HasPrefix(s, []byte("<!--")):
		return t.comment(s)
	case bytes.HasPrefix(s, []byte("</")):
		return t.closing(s)
	}
	n := nameEnd(s, 1)
	name := s[1:n]
	if n == 1 || tidyForbidden[string(name)] || bytes.HasPrefix(name, []byte("svg:")) || t.depth == 0 && tidyInside[string(name)] {
		return false
	}
	t.tags++
	t.i += n
	closed, ok := t.attributes(name)
	switch {
	case !ok:
		return false
	case closed, tidyVoid[string(name)]:
		return true
	case string(name) == "style", string(name) == "title", string(name) == "textarea":
		return t.text(name)
	case t.depth == maxNested:
		return false
	}
	t.open[t.depth] = name
	t.depth++
	return true
}

func nameEnd(s []byte, i int) int {
	for i < len(s) && (isLetter(s[i]) || isDigit(s[i]) || s[i] == ':' || s[i] == '-') {
		i++
	}
	return i
}

// comment passes a comment. Those that browsers of old read as a condition are Office's, and hold its styles. No
// program writes <!--> and <!--->, which end at once (HTML, abrupt closing of an empty comment).
func (t *tidyReading) comment(s []byte) bool {
	text, _, found := bytes.Cut(s[len("<!--"):], []byte("-->"))
	if !found || bytes.HasPrefix(s, []byte("<!-->")) || bytes.HasPrefix(s, []byte("<!--->")) {
		return false
	}
	t.i += len("<!--") + len(text) + len("-->")
	return !containsAny(text, "script", "<img", "<svg", "<iframe", "onerror", "onload", "<object", "<embed", "<a ", "<p")
}

// closing takes an end tag: that of the innermost element, or of one around it whose contents need none.
func (t *tidyReading) closing(s []byte) bool {
	n := nameEnd(s, 2)
	if n == 2 || n >= len(s) || s[n] != '>' {
		return false
	}
	name := s[2:n]
	t.i += n + 1
	for t.depth > 0 {
		t.depth--
		top := t.open[t.depth]
		if bytes.Equal(top, name) {
			return true
		}
		if !tidyOptional[string(top)] {
			return false
		}
	}
	return false
}

// text passes what stands in an element that holds no markup.
func (t *tidyReading) text(name []byte) bool {
	rest := t.s[t.i:]
	end := bytes.Index(rest, []byte("</"))
	if end < 0 || !bytes.HasPrefix(rest[end+2:], name) || len(rest) <= end+2+len(name) || rest[end+2+len(name)] != '>' {
		return false
	}
	inner := rest[:end]
	t.i += end + len(name) + 3
	if string(name) != "style" {
		return bytes.IndexByte(inner, '<') < 0
	}
	return drawsOnly(inner)
}

// drawsOnly reports whether a style sheet loads nothing of elsewhere, and has nothing that browsers ran or that hides such.
func drawsOnly(sheet []byte) bool {
	if containsAny(sheet, "url(//", "url(http", "url('", "url(\"", "url(data", "url(java") {
		return false
	}
	if bytes.IndexByte(sheet, '\\') >= 0 && !bytes.Contains(sheet, []byte("#default#vml")) {
		return false
	}
	return !containsAny(sheet, "[", "@import", "expression", "script", "-moz-binding", "<img", "<svg", "onerror", "/**/")
}

// attributes reads attributes up to the end of the tag, and whether it closes itself.
func (t *tidyReading) attributes(element []byte) (closed, ok bool) {
	s := t.s
	for t.i < len(s) {
		space := t.i
		for t.i < len(s) && isSpace(s[t.i]) {
			t.i++
		}
		switch {
		case t.i >= len(s):
			return false, false
		case s[t.i] == '>':
			t.i++
			return false, true
		case s[t.i] == '/' && t.i+1 < len(s) && s[t.i+1] == '>':
			t.i += 2
			return true, true
		case space == t.i:
			return false, false
		}
		start := t.i
		for t.i < len(s) && (isWord(s[t.i]) || s[t.i] == '-' || s[t.i] == ':') {
			t.i++
		}
		name := s[start:t.i]
		var value []byte
		if t.i < len(s) && s[t.i] == '=' {
			if value, ok = t.value(); !ok {
				return false, false
			}
		}
		if !tidyAttribute(string(element), string(name), value) {
			return false, false
		}
	}
	return false, false
}

// value reads what an attribute is set to: quoted, or a plain word.
func (t *tidyReading) value() ([]byte, bool) {
	t.i++
	s := t.s[t.i:]
	if len(s) == 0 {
		return nil, false
	}
	if s[0] == '"' || s[0] == '\'' {
		end := bytes.IndexByte(s[1:], s[0])
		if end < 0 || bytes.ContainsAny(s[1:1+end], "<>") {
			return nil, false
		}
		t.i += end + 2
		return s[1 : 1+end], true
	}
	end := 0
	for end < len(s) && (isWord(s[end]) || bytes.IndexByte([]byte("-.#%"), s[end]) >= 0) {
		end++
	}
	t.i += end
	return s[:end], end > 0
}

// tidyAttribute reports whether an attribute neither runs nor loads anything but pictures, nor leads to a form of
// somebody else.
func tidyAttribute(element, name string, value []byte) bool {
	switch name {
	case "", "srcdoc", "formaction", "xlink:href", "ping", "background", "dynsrc", "lowsrc", "is", "nonce", "srcset", "to", "from", "values", "autofocus", "datasrc", "datafld", "dirname":
		return name == "xlink:href" && len(value) > 0 && value[0] == '#'
	case "http-equiv":
		return string(value) == "content-type" || string(value) == "x-ua-compatible" || string(value) == "content-language"
	case "type":
		return element != "input" || string(value) != "password" && string(value) != "image"
	case "href", "src", "action", "cite", "poster", "data":
		return tidyTarget(element, value)
	case "style":
		return !containsAny(value, "url(", "expression", "\\", "/*", "binding", "behavior", "script", "&", "position:fixed", "position: fixed")
	}
	return !isHandler([]byte(name)) && !containsAny(value, "javascript:", "alert(", "&#", "&colon", "expression(")
}

// tidyTarget reports whether an address is one that markup of an application has there.
func tidyTarget(element string, value []byte) bool {
	away := bytes.HasPrefix(value, []byte("http://")) || bytes.HasPrefix(value, []byte("https://"))
	switch element {
	case "form":
		return len(value) > 0 && value[0] == '/' && !bytes.HasPrefix(value, []byte("//"))
	case "a", "img", "video", "audio", "source", "blockquote", "q":
		if away || bytes.HasPrefix(value, []byte("mailto:")) || bytes.HasPrefix(value, []byte("tel:")) || bytes.HasPrefix(value, []byte("cid:")) {
			return true
		}
		return !bytes.ContainsAny(value, ":&\\%") && !bytes.HasPrefix(value, []byte("//"))
	case "use":
		return len(value) > 0 && value[0] == '#'
	}
	return false
}

// tidyVoid are elements that have no end.
var tidyVoid = map[string]bool{"br": true, "hr": true, "img": true, "input": true, "meta": true, "col": true, "wbr": true, "source": true, "area": true}

// tidyInside are elements that mean something inside of others only: a value that begins with one is meant for a page.
var tidyInside = map[string]bool{"input": true, "button": true, "circle": true, "rect": true, "path": true, "mask": true, "use": true, "option": true}

// tidyOptional are elements whose end may be left out.
var tidyOptional = map[string]bool{"p": true, "li": true, "td": true, "tr": true, "th": true, "option": true, "dt": true, "dd": true, "tbody": true, "thead": true}

// tidyForbidden are elements that run or load something, or change how what follows is read.
var tidyForbidden = map[string]bool{
	"script": true, "iframe": true, "frame": true, "frameset": true, "object": true, "embed": true, "applet": true, "base": true, "link": true, "portal": true,
	"foreignobject": true, "animate": true, "animatetransform": true, "animatemotion": true, "set": true, "handler": true, "listener": true, "xss": true, "x": true,
	"noscript": true, "noembed": true, "noframes": true, "template": true, "xmp": true, "plaintext": true, "isindex": true, "keygen": true, "import": true,
	"mglyph": true, "malignmark": true, "annotation-xml": true, "maction": true, "marquee": true, "bgsound": true, "layer": true, "ilayer": true, "fencedframe": true,
	"image": true, "feimage": true, "stylesheet": true, "command": true, "spacer": true, "mtext": true, "desc": true,
}
