package content

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// xmlToken is what xmlReader.next found.
type xmlToken uint8

const (
	xmlEnd   xmlToken = iota // the document is complete
	xmlText                  // character data
	xmlCData                 // a CDATA section
	xmlAttr                  // an attribute
	xmlNote                  // a comment
	xmlPI                    // a processing instruction, or the XML declaration
	xmlDecl                  // a DOCTYPE with its internal subset
	xmlOpen                  // an element begins; its attributes follow
	xmlClose                 // an element ends
)

// xmlFrame is an element that is open.
type xmlFrame struct {
	name0, name1 int
	index        int // among the siblings of its name, from 1; 0 if not counted
	kidsFrom     int // where its children's counts begin in xmlReader.counts
}

type xmlCount struct {
	hash uint32
	n    int
}

// maxSiblingNames bounds the names of siblings that are counted in one element.
const maxSiblingNames = 64

// xmlReader is a pull tokenizer for XML 1.0 that keeps the place of every byte. It checks that elements nest,
// that attributes are quoted and that markup is complete; it does not check characters of names, and reads no
// DTD: entities that it does not know stay as they stand.
type xmlReader struct {
	data    []byte
	pos     int
	nesting int
	stack   []xmlFrame
	counts  []xmlCount // of children by name, for all open elements
	inTag   bool       // behind the name of a start tag
	seen    bool       // the root element began

	// The token: start..end is the raw form, in0..in1 what is inside.
	start, end int
	in0, in1   int
	name0      int // of an attribute
	name1      int
	tok        xmlToken
}

var (
	errXMLEnd     = errors.New("ends early")
	errXMLNesting = errors.New("nested deeper than configured")
)

func (r *xmlReader) fail(what string) error {
	return fmt.Errorf("not well-formed XML: %s at byte %d", what, r.pos) //nolint:err113 // one sentence a place
}

// next reads a token. After an error, start says where the token that could not be read begins.
func (r *xmlReader) next() (xmlToken, error) {
	tok, err := r.read()
	r.tok = tok
	return tok, err
}

func (r *xmlReader) read() (xmlToken, error) {
	if r.inTag {
		return r.attribute()
	}
	r.start = r.pos
	if r.pos >= len(r.data) {
		if len(r.stack) > 0 || !r.seen && !onlyDeclared(r.data) {
			return 0, errXMLEnd
		}
		return xmlEnd, nil
	}
	if r.data[r.pos] != '<' {
		return r.text()
	}
	rest := r.data[r.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("<!--")):
		return r.until(xmlNote, 4, "-->")
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		return r.until(xmlCData, 9, "]]>")
	case bytes.HasPrefix(rest, []byte("<?")):
		return r.until(xmlPI, 2, "?>")
	case bytes.HasPrefix(rest, []byte("<!")):
		return r.doctype()
	case bytes.HasPrefix(rest, []byte("</")):
		return r.closing()
	}
	return r.opening()
}

// onlyDeclared reports whether XML is its declaration and nothing else. Word writes such parts for the members of a group
// of shapes (drs/shapexml.xml): there is nothing in them to look at, and nothing that was cut off.
func onlyDeclared(p []byte) bool {
	p = bytes.TrimSpace(bytes.TrimPrefix(p, []byte("\xef\xbb\xbf")))
	const mostDeclared = 128 // bytes: version, encoding and standalone have no room for more
	return len(p) <= mostDeclared && bytes.HasPrefix(p, []byte("<?xml ")) && bytes.Index(p, []byte("?>")) == len(p)-2
}

func (r *xmlReader) text() (xmlToken, error) {
	n := bytes.IndexByte(r.data[r.pos:], '<')
	if n < 0 {
		n = len(r.data) - r.pos
	}
	r.in0, r.in1 = r.pos, r.pos+n
	if len(r.stack) == 0 && len(bytes.TrimLeft(r.data[r.in0:r.in1], " \t\r\n\xef\xbb\xbf")) > 0 {
		return 0, r.fail("text outside of the root element")
	}
	r.pos += n
	r.end = r.pos
	return xmlText, nil
}

func (r *xmlReader) until(tok xmlToken, skip int, mark string) (xmlToken, error) {
	r.in0 = r.pos + skip
	n := bytes.Index(r.data[min(r.in0, len(r.data)):], []byte(mark))
	if n < 0 {
		return 0, errXMLEnd
	}
	r.in1 = r.in0 + n
	r.pos = r.in1 + len(mark)
	r.end = r.pos
	return tok, nil
}

// doctype reads to the end of the declaration: quotes and brackets nest.
func (r *xmlReader) doctype() (xmlToken, error) {
	depth := 0
	for i := r.pos + 2; i < len(r.data); i++ {
		switch c := r.data[i]; c {
		case '"', '\'':
			n := bytes.IndexByte(r.data[i+1:], c)
			if n < 0 {
				return 0, errXMLEnd
			}
			i += n + 1
		case '<':
			if bytes.HasPrefix(r.data[i:], []byte("<!--")) {
				n := bytes.Index(r.data[i:], []byte("-->"))
				if n < 0 {
					return 0, errXMLEnd
				}
				i += n + 2
				continue
			}
			depth++
		case '>':
			if depth == 0 {
				r.in0, r.in1, r.pos, r.end = r.pos, i+1, i+1, i+1
				return xmlDecl, nil
			}
			depth--
		}
	}
	return 0, errXMLEnd
}

// nameEnd returns where a name that begins at i ends.
func (r *xmlReader) nameEnd(i int) int {
	for i < len(r.data) && xmlNameByte[r.data[i]] {
		i++
	}
	return i
}

// xmlNameByte tells the bytes that do not end a name.
var xmlNameByte = func() (t [256]bool) {
	for c := range 256 {
		t[c] = c > ' ' && bytes.IndexByte([]byte(`<>/="'&?!`), byte(c)) < 0
	}
	return t
}()

func (r *xmlReader) opening() (xmlToken, error) {
	name0 := r.pos + 1
	name1 := r.nameEnd(name0)
	if name1 == name0 {
		return 0, r.fail("expected a name")
	}
	if len(r.stack) == 0 && r.seen {
		return 0, r.fail("a second root element")
	}
	if len(r.stack) >= r.nesting {
		return 0, errXMLNesting
	}
	f := xmlFrame{name0: name0, name1: name1, index: r.count(r.data[name0:name1]), kidsFrom: len(r.counts)}
	r.stack = append(r.stack, f)
	r.seen, r.inTag = true, true
	r.pos, r.end = name1, name1
	return xmlOpen, nil
}

// count returns how many siblings of that name there are now.
func (r *xmlReader) count(name []byte) int {
	if len(r.stack) == 0 {
		return 1
	}
	hash := uint32(2166136261) // FNV-1a: a collision makes a wrong number in a path, nothing else
	for _, c := range name {
		hash = (hash ^ uint32(c)) * 16777619
	}
	from := r.stack[len(r.stack)-1].kidsFrom
	for i := from; i < len(r.counts); i++ {
		if r.counts[i].hash == hash {
			r.counts[i].n++
			return r.counts[i].n
		}
	}
	if len(r.counts)-from >= maxSiblingNames {
		return 0
	}
	r.counts = append(r.counts, xmlCount{hash, 1})
	return 1
}

// attribute reads the next attribute, or the end of the start tag.
func (r *xmlReader) attribute() (xmlToken, error) {
	for r.pos < len(r.data) && isSpace(r.data[r.pos]) {
		r.pos++
	}
	r.start = r.pos
	if r.pos >= len(r.data) {
		return 0, errXMLEnd
	}
	switch r.data[r.pos] {
	case '>':
		r.pos++
		r.inTag = false
		return r.read()
	case '/':
		if r.pos+1 >= len(r.data) || r.data[r.pos+1] != '>' {
			return 0, r.fail("expected the end of a tag")
		}
		r.pos += 2
		r.inTag = false
		return r.pop()
	}
	return r.attributeValue()
}

func (r *xmlReader) attributeValue() (xmlToken, error) {
	r.name0 = r.pos
	r.name1 = r.nameEnd(r.pos)
	i := r.name1
	for i < len(r.data) && isSpace(r.data[i]) {
		i++
	}
	if r.name1 == r.name0 || i >= len(r.data) || r.data[i] != '=' {
		return 0, r.fail("expected an attribute")
	}
	for i++; i < len(r.data) && isSpace(r.data[i]); {
		i++
	}
	if i >= len(r.data) || (r.data[i] != '"' && r.data[i] != '\'') {
		return 0, r.fail("expected a quoted value")
	}
	n := bytes.IndexByte(r.data[i+1:], r.data[i])
	if n < 0 {
		return 0, errXMLEnd
	}
	r.start, r.in0, r.in1 = i, i+1, i+1+n
	r.end = r.in1 + 1
	r.pos = r.end
	return xmlAttr, nil
}

func (r *xmlReader) closing() (xmlToken, error) {
	name0 := r.pos + 2
	name1 := r.nameEnd(name0)
	if len(r.stack) == 0 {
		return 0, r.fail("an end tag without a start")
	}
	top := r.stack[len(r.stack)-1]
	if !bytes.Equal(r.data[name0:name1], r.data[top.name0:top.name1]) {
		return 0, r.fail("the end tag of another element")
	}
	i := name1
	for i < len(r.data) && isSpace(r.data[i]) {
		i++
	}
	if i >= len(r.data) {
		return 0, errXMLEnd
	}
	if r.data[i] != '>' {
		return 0, r.fail("expected the end of a tag")
	}
	r.pos = i + 1
	return r.pop()
}

func (r *xmlReader) pop() (xmlToken, error) {
	top := r.stack[len(r.stack)-1]
	r.counts = r.counts[:top.kidsFrom]
	r.stack = r.stack[:len(r.stack)-1]
	r.end = r.pos
	return xmlClose, nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// AppendPath implements scan.Locator: an XPath with the names as they are written. An element that is not the
// first of its name has its number.
func (r *xmlReader) AppendPath(dst []byte) []byte {
	for i := range r.stack {
		f := &r.stack[i]
		dst = appendPointer(append(dst, '/'), r.data[f.name0:f.name1])
		if f.index > 1 {
			dst = append(strconv.AppendInt(append(dst, '['), int64(f.index), 10), ']')
		}
	}
	switch r.tok {
	case xmlAttr:
		dst = appendPointer(append(dst, "/@"...), r.data[r.name0:r.name1])
	case xmlNote:
		dst = append(dst, "/comment()"...)
	case xmlPI:
		dst = append(dst, "/processing-instruction()"...)
	case xmlDecl:
		dst = append(dst, "/DOCTYPE"...)
	default:
	}
	return dst
}

// appendXMLValue appends character data with its references resolved (XML 1.0, sections 4.1 and 4.6). What is
// not a reference that XML itself knows stays as it stands.
func appendXMLValue(dst, raw []byte) []byte {
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '&')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i]...)
		raw = raw[i:]
		r, n := xmlReference(raw)
		if n == 0 {
			dst = append(dst, '&')
			raw = raw[1:]
			continue
		}
		dst = utf8.AppendRune(dst, r)
		raw = raw[n:]
	}
	return dst
}

// xmlReference decodes the reference at the start of p and returns its length, 0 if it is none.
func xmlReference(p []byte) (rune, int) {
	semi := bytes.IndexByte(p[:min(len(p), 16)], ';')
	if semi < 2 {
		return 0, 0
	}
	name := string(p[1:semi])
	switch name {
	case "lt":
		return '<', 4
	case "gt":
		return '>', 4
	case "amp":
		return '&', 5
	case "quot":
		return '"', 6
	case "apos":
		return '\'', 6
	}
	if name[0] != '#' || len(name) < 2 {
		return 0, 0
	}
	base, digits := 10, name[1:]
	if digits[0] == 'x' || digits[0] == 'X' {
		base, digits = 16, digits[1:]
	}
	v, err := strconv.ParseUint(digits, base, 21)
	if err != nil || v > utf8.MaxRune {
		return 0, 0
	}
	return rune(v), semi + 1
}
