package kit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// XMLKind says what a token is.
type XMLKind uint8

// The kinds of tokens.
const (
	XMLText    XMLKind = iota // character data, entities not resolved
	XMLStart                  // <a b="c">
	XMLEmpty                  // <a/>
	XMLEnd                    // </a>
	XMLCDATA                  // <![CDATA[ ]]>
	XMLComment                // <!-- -->
	XMLPI                     // <? ?>, the XML declaration included
	XMLDoctype                // <!DOCTYPE >, with its internal subset
)

// XMLToken is one token, as a range of the document's bytes.
type XMLToken struct {
	Kind       XMLKind
	Start, End int    // bytes of the document, markup included
	Name       []byte // of a tag or processing instruction, prefix included
	Kids       int    // of an end tag: how many elements were directly in the element
	attrs      []byte // what follows the name in a start tag
	attrsAt    int
}

// Local returns the name without its prefix.
func (t *XMLToken) Local() string { return localName(t.Name) }

// Prefix returns the prefix of the name, "" if it has none.
func (t *XMLToken) Prefix() string {
	prefix, _, ok := bytes.Cut(t.Name, []byte(":"))
	if !ok {
		return ""
	}
	return string(prefix)
}

func localName(name []byte) string {
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		name = name[i+1:]
	}
	return string(name)
}

// XMLAttr is one attribute.
type XMLAttr struct {
	Name       []byte // prefix included
	Raw        []byte // the value as it stands between the quotes
	Start, End int    // bytes of the document, with the white space before the name
}

// Local returns the name without its prefix.
func (a *XMLAttr) Local() string { return localName(a.Name) }

// Value returns the value with references resolved.
func (a *XMLAttr) Value() string { return XMLUnescape(a.Raw) }

// XML reads a document token by token, without changing or copying anything: a handler copies the ranges that it
// keeps. It checks what a conforming reader would refuse (nesting, quotes, names), so that nobody reads the output
// in another way than the handler did. One document element is expected; what is around it may be white space,
// comments and processing instructions.
//
// The zero XML is not usable; see NewXML.
type XML struct {
	data     []byte
	pos      int
	open     []openXML
	maxDepth int
	root     bool // the document element was closed
}

// openXML is an open element.
type openXML struct {
	start, tagEnd int // of its start tag
	name          int // length of its name
	kids          int // elements in it so far
}

// NewXML returns a reader of a document in UTF-8 or another superset of ASCII. A byte order mark is skipped.
func NewXML(data []byte, maxDepth int) *XML {
	x := &XML{data: data, maxDepth: maxDepth}
	x.pos = len(x.Mark())
	return x
}

// Mark returns the byte order mark in front of the document, which no token holds; it may be empty.
func (x *XML) Mark() []byte {
	if bytes.HasPrefix(x.data, []byte("\xef\xbb\xbf")) {
		return x.data[:3]
	}
	return nil
}

// Each calls f for each token, with the number of elements that are open behind it, until the document or ctx ends, or
// f returns an error. The token is the next one when f returns.
func (x *XML) Each(ctx context.Context, f func(t *XMLToken, depth int) error) error {
	var t XMLToken
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		err := x.Read(&t)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = f(&t, len(x.open))
		}
		if err != nil {
			return err
		}
	}
}

// Depth is the number of elements that are open.
func (x *XML) Depth() int { return len(x.open) }

// Next returns the next token, io.EOF at the end of a whole document, and Corrupt or Limit errors.
func (x *XML) Next() (t XMLToken, err error) {
	err = x.Read(&t)
	return t, err
}

// Read is Next into a token of the caller's, of which nothing is left if there is an error: tokens are many, and large to
// copy.
func (x *XML) Read(t *XMLToken) error {
	if x.pos >= len(x.data) {
		if len(x.open) > 0 || !x.root {
			return Corrupt("XML ends in an open element")
		}
		return io.EOF
	}
	if x.data[x.pos] != '<' {
		return x.text(t)
	}
	if x.pos+1 < len(x.data) {
		switch x.data[x.pos+1] {
		case '/':
			return x.end(t)
		case '?':
			if err := x.until(t, XMLPI, 2, "?>"); err != nil {
				return err
			}
			t.Name = nameAt(x.data, t.Start+2)
			return nil
		case '!':
			return x.declaration(t)
		}
	}
	return x.start(t)
}

func (x *XML) declaration(t *XMLToken) error {
	rest := x.data[x.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("<!--")):
		return x.until(t, XMLComment, 4, "-->")
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		if len(x.open) == 0 {
			return Corrupt("XML character data outside of the document element")
		}
		return x.until(t, XMLCDATA, 9, "]]>")
	case len(rest) > 9 && bytes.EqualFold(rest[:9], []byte("<!DOCTYPE")):
		return x.doctype(t)
	}
	return Corrupt("XML tag without a name")
}

func (x *XML) text(t *XMLToken) error {
	start := x.pos
	end := bytes.IndexByte(x.data[start:], '<')
	if end < 0 {
		end = len(x.data)
	} else {
		end += start
	}
	if len(x.open) == 0 && len(bytes.Trim(x.data[start:end], " \t\r\n\x00")) > 0 {
		return Corrupt("XML text outside of the document element")
	}
	x.pos = end
	*t = XMLToken{Kind: XMLText, Start: start, End: end}
	return nil
}

func (x *XML) until(t *XMLToken, kind XMLKind, skip int, mark string) error {
	start := x.pos
	i := bytes.Index(x.data[min(start+skip, len(x.data)):], []byte(mark))
	if i < 0 {
		return Corrupt("XML without %q", mark)
	}
	x.pos = start + skip + i + len(mark)
	*t = XMLToken{Kind: kind, Start: start, End: x.pos}
	return nil
}

func (x *XML) doctype(t *XMLToken) error {
	start := x.pos
	quote, subset := byte(0), false
	for i := start + 9; i < len(x.data); i++ {
		c := x.data[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[':
			subset = true
		case c == ']':
			subset = false
		case c == '>' && !subset:
			x.pos = i + 1
			*t = XMLToken{Kind: XMLDoctype, Start: start, End: x.pos}
			return nil
		}
	}
	return Corrupt("XML in an open document type")
}

func (x *XML) end(t *XMLToken) error {
	if len(x.open) == 0 {
		return Corrupt("XML end tag of no element")
	}
	start, top := x.pos, x.open[len(x.open)-1]
	name := x.data[top.start+1 : top.start+1+top.name]
	i := start + 2 + len(name)
	if i >= len(x.data) || string(x.data[start+2:i]) != string(name) || nameBytes[x.data[i]] {
		return Corrupt("XML element %.40q is not open", nameAt(x.data, start+2))
	}
	for i < len(x.data) && isXMLSpace(x.data[i]) {
		i++
	}
	if i >= len(x.data) || x.data[i] != '>' {
		return Corrupt("XML end tag")
	}
	*t = XMLToken{Kind: XMLEnd, Start: start, End: i + 1, Name: x.data[start+2 : start+2+len(name)], Kids: top.kids}
	x.open = x.open[:len(x.open)-1]
	x.root = x.root || len(x.open) == 0
	x.pos = i + 1
	return nil
}

func (x *XML) start(t *XMLToken) error {
	name := nameAt(x.data, x.pos+1)
	if len(name) == 0 {
		return Corrupt("XML tag without a name")
	}
	if len(x.open) == 0 && x.root {
		return Corrupt("XML with two document elements")
	}
	at := x.pos + 1 + len(name)
	end, empty, err := tagEnd(x.data, at)
	if err != nil {
		return err
	}
	*t = XMLToken{Kind: XMLStart, Start: x.pos, End: end + 1, Name: name, attrsAt: at}
	if n := len(x.open); n > 0 {
		x.open[n-1].kids++
	}
	if empty {
		t.Kind, t.attrs = XMLEmpty, x.data[at:end-1]
		x.root = x.root || len(x.open) == 0
	} else {
		if len(x.open) >= x.maxDepth {
			return Limit("xml_depth", "more than %d XML elements inside each other", x.maxDepth)
		}
		t.attrs = x.data[at:end]
		x.open = append(x.open, openXML{start: x.pos, tagEnd: t.End, name: len(name)})
	}
	x.pos = t.End
	return nil
}

// tagEnd checks the attributes of a start tag, and returns where its > is and whether a / stands before it.
func tagEnd(b []byte, at int) (end int, empty bool, err error) {
	for {
		before := at
		at = skipXMLSpace(b, at)
		switch {
		case at >= len(b):
			return 0, false, Corrupt("XML in an open tag")
		case b[at] == '>':
			return at, false, nil
		case b[at] == '/' && at+1 < len(b) && b[at+1] == '>':
			return at + 1, true, nil
		case at == before:
			return 0, false, Corrupt("XML attributes without white space between")
		}
		_, value, err := attrHead(b, at)
		if err != nil {
			return 0, false, err
		}
		quote := b[value-1]
		for at = value; at < len(b) && b[at] != quote; at++ {
			if b[at] == '<' {
				return 0, false, Corrupt("XML with < in a tag")
			}
		}
		at++
	}
}

// attrHead reads the name of an attribute, and returns where its value begins, behind the quote.
func attrHead(b []byte, at int) (name []byte, value int, err error) {
	name = nameAt(b, at)
	at = skipXMLSpace(b, at+len(name))
	if len(name) == 0 || at >= len(b) || b[at] != '=' {
		return nil, 0, Corrupt("XML attribute without a value")
	}
	at = skipXMLSpace(b, at+1)
	if at >= len(b) || b[at] != '"' && b[at] != '\'' {
		return nil, 0, Corrupt("XML attribute without quotes")
	}
	return name, at + 1, nil
}

// Attrs calls yield for each attribute, in order, until it returns false.
func (t *XMLToken) Attrs(yield func(XMLAttr) bool) {
	for at := 0; at < len(t.attrs); {
		a, next, ok := t.attr(at)
		if !ok || !yield(a) {
			return
		}
		at = next
	}
}

// Attr returns the value of the first attribute with this name, prefix included; "" and false if there is none.
func (t *XMLToken) Attr(name string) (value string, ok bool) {
	for a := range t.Attrs {
		if string(a.Name) == name {
			return a.Value(), true
		}
	}
	return "", false
}

// attr reads the attribute at this place of t.attrs, of which tagEnd found that they are whole.
func (t *XMLToken) attr(at int) (a XMLAttr, next int, ok bool) {
	b := t.attrs
	name, value, err := attrHead(b, skipXMLSpace(b, at))
	if err != nil {
		return a, at, false
	}
	end := bytes.IndexByte(b[value:], b[value-1])
	if end < 0 {
		return a, at, false
	}
	next = value + end + 1
	return XMLAttr{Name: name, Raw: b[value : value+end], Start: t.attrsAt + at, End: t.attrsAt + next}, next, true
}

func skipXMLSpace(b []byte, at int) int {
	for at < len(b) && isXMLSpace(b[at]) {
		at++
	}
	return at
}

func isXMLSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// nameBytes are the bytes of names: letters, digits, what else XML allows, and all of UTF-8.
var nameBytes = func() (set [256]bool) {
	for c := range set {
		set[c] = c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == ':' || c == '-' || c == '.' || c >= 0x80
	}
	return set
}()

// nameAt returns the name that begins at this place, which is empty if there is none.
func nameAt(b []byte, at int) []byte {
	i := at
	for i < len(b) && nameBytes[b[i]] {
		i++
	}
	if i > at && (b[at] >= '0' && b[at] <= '9' || b[at] == '-' || b[at] == '.') {
		return nil
	}
	return b[at:i]
}

// XMLUnescape resolves the predefined entities and character references. Entities of a document type stay as they
// are written: handlers drop the ones that could hide something with the document type itself.
func XMLUnescape(raw []byte) string {
	if bytes.IndexByte(raw, '&') < 0 {
		return string(raw)
	}
	var b strings.Builder
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '&')
		if i < 0 {
			b.Write(raw)
			break
		}
		b.Write(raw[:i])
		raw = raw[i:]
		end := bytes.IndexByte(raw[:min(len(raw), 16)], ';')
		if end < 0 {
			b.WriteByte('&')
			raw = raw[1:]
			continue
		}
		if r, ok := reference(string(raw[1:end])); ok {
			b.WriteRune(r)
		} else {
			b.Write(raw[:end+1])
		}
		raw = raw[end+1:]
	}
	return b.String()
}

func reference(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, ok := strings.CutPrefix(name, "#")
	if !ok {
		return 0, false
	}
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune || n == 0 {
		return 0, false
	}
	return rune(n), true
}

// XMLToUTF8 returns a document in UTF-8. UTF-16, by its mark or its first characters, is turned into UTF-8 without
// an encoding in its declaration, and changed says so; other encodings that are supersets of ASCII stay as they are;
// EBCDIC, UTF-32 and UTF-7 are Unsupported.
func XMLToUTF8(data []byte) (out []byte, changed bool, err error) {
	var little bool
	switch {
	case bytes.HasPrefix(data, []byte{0, 0, 0xfe, 0xff}), bytes.HasPrefix(data, []byte{0xff, 0xfe, 0, 0}),
		bytes.HasPrefix(data, []byte{0, 0, 0, '<'}), bytes.HasPrefix(data, []byte{'<', 0, 0, 0}),
		bytes.HasPrefix(data, []byte{0x4c, 0x6f, 0xa7, 0x94}), bytes.HasPrefix(data, []byte("+ADw-")):
		return nil, false, Unsupported("an XML encoding that no office program writes")
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{'<', 0}):
		little = true
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}), bytes.HasPrefix(data, []byte{0, '<'}):
	default:
		return data, false, checkEncoding(data)
	}
	if len(data)%2 != 0 {
		return nil, false, Corrupt("UTF-16 of an odd number of bytes")
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		a, b := data[2*i], data[2*i+1]
		if !little {
			a, b = b, a
		}
		units[i] = uint16(a) | uint16(b)<<8
	}
	text := string(utf16.Decode(units))
	text = strings.TrimPrefix(text, "\ufeff")
	if decl, rest, ok := strings.Cut(text, "?>"); ok && strings.HasPrefix(decl, "<?xml") {
		text = `<?xml version="1.0" encoding="UTF-8"` + standalone(decl) + "?>" + rest
	}
	return []byte(text), true, nil
}

func standalone(decl string) string {
	if i := strings.Index(decl, " standalone="); i >= 0 && strings.Contains(decl[i:], "yes") {
		return ` standalone="yes"`
	}
	return ""
}

// checkEncoding refuses declared encodings in which bytes below 128 are not ASCII. A declaration of UTF-16 that can be
// read as ASCII is wrong, and says that the text was one of UTF-16 before somebody made it UTF-8.
func checkEncoding(data []byte) error {
	head := bytes.ToLower(data[:min(len(data), 200)])
	if !bytes.Contains(head, []byte("<?xml")) {
		return nil
	}
	for _, name := range []string{"utf-7", "utf7", "utf-32", "ucs-", "ebcdic", "ibm037", "cp037", "iso-2022", "hz-gb", "scsu", "bocu"} {
		decl, _, _ := bytes.Cut(head, []byte("?>"))
		if bytes.Contains(decl, []byte(name)) {
			return Unsupported("XML in the encoding %s", name)
		}
	}
	return nil
}
