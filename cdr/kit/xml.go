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
	attrs      []byte // what follows the name in a start tag
	attrsAt    int
}

// Local returns the name without its prefix.
func (t *XMLToken) Local() string { return localName(t.Name) }

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
	open     [][]byte
	maxDepth int
	root     bool // the document element was closed
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
// f returns an error.
func (x *XML) Each(ctx context.Context, f func(t *XMLToken, depth int) error) error {
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		t, err := x.Next()
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
func (x *XML) Next() (XMLToken, error) {
	if x.pos >= len(x.data) {
		if len(x.open) > 0 || !x.root {
			return XMLToken{}, Corrupt("XML ends in an open element")
		}
		return XMLToken{}, io.EOF
	}
	if x.data[x.pos] != '<' {
		return x.text()
	}
	rest := x.data[x.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("<!--")):
		return x.until(XMLComment, 4, "-->")
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		if len(x.open) == 0 {
			return XMLToken{}, Corrupt("XML character data outside of the document element")
		}
		return x.until(XMLCDATA, 9, "]]>")
	case bytes.HasPrefix(rest, []byte("<?")):
		t, err := x.until(XMLPI, 2, "?>")
		t.Name = nameAt(x.data, t.Start+2)
		return t, err
	case len(rest) > 9 && bytes.EqualFold(rest[:9], []byte("<!DOCTYPE")):
		return x.doctype()
	case bytes.HasPrefix(rest, []byte("</")):
		return x.end()
	}
	return x.start()
}

func (x *XML) text() (XMLToken, error) {
	start := x.pos
	end := bytes.IndexByte(x.data[start:], '<')
	if end < 0 {
		end = len(x.data)
	} else {
		end += start
	}
	if len(x.open) == 0 && len(bytes.Trim(x.data[start:end], " \t\r\n\x00")) > 0 {
		return XMLToken{}, Corrupt("XML text outside of the document element")
	}
	x.pos = end
	return XMLToken{Kind: XMLText, Start: start, End: end}, nil
}

func (x *XML) until(kind XMLKind, skip int, mark string) (XMLToken, error) {
	start := x.pos
	i := bytes.Index(x.data[min(start+skip, len(x.data)):], []byte(mark))
	if i < 0 {
		return XMLToken{}, Corrupt("XML without %q", mark)
	}
	x.pos = start + skip + i + len(mark)
	return XMLToken{Kind: kind, Start: start, End: x.pos}, nil
}

func (x *XML) doctype() (XMLToken, error) {
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
			return XMLToken{Kind: XMLDoctype, Start: start, End: x.pos}, nil
		}
	}
	return XMLToken{}, Corrupt("XML in an open document type")
}

func (x *XML) end() (XMLToken, error) {
	start := x.pos
	name := nameAt(x.data, start+2)
	i := start + 2 + len(name)
	for i < len(x.data) && isXMLSpace(x.data[i]) {
		i++
	}
	if len(name) == 0 || i >= len(x.data) || x.data[i] != '>' {
		return XMLToken{}, Corrupt("XML end tag")
	}
	if len(x.open) == 0 || !bytes.Equal(x.open[len(x.open)-1], name) {
		return XMLToken{}, Corrupt("XML element %.40q is not open", name)
	}
	x.open = x.open[:len(x.open)-1]
	x.root = x.root || len(x.open) == 0
	x.pos = i + 1
	return XMLToken{Kind: XMLEnd, Start: start, End: x.pos, Name: name}, nil
}

func (x *XML) start() (XMLToken, error) {
	t := XMLToken{Kind: XMLStart, Start: x.pos, Name: nameAt(x.data, x.pos+1)}
	if len(t.Name) == 0 {
		return t, Corrupt("XML tag without a name")
	}
	if len(x.open) == 0 && x.root {
		return t, Corrupt("XML with two document elements")
	}
	t.attrsAt = x.pos + 1 + len(t.Name)
	end, err := tagEnd(x.data, t.attrsAt)
	if err != nil {
		return t, err
	}
	t.attrs = x.data[t.attrsAt:end]
	if bytes.HasSuffix(t.attrs, []byte("/")) {
		t.Kind, t.attrs = XMLEmpty, t.attrs[:len(t.attrs)-1]
		x.root = x.root || len(x.open) == 0
	} else {
		if len(x.open) >= x.maxDepth {
			return t, Limit("xml_depth", "more than %d XML elements inside each other", x.maxDepth)
		}
		x.open = append(x.open, t.Name)
	}
	x.pos = end + 1
	t.End = x.pos
	return t, checkAttrs(&t)
}

// tagEnd returns where the > of a tag is, quotes observed.
func tagEnd(data []byte, at int) (int, error) {
	quote := byte(0)
	for i := at; i < len(data); i++ {
		c := data[i]
		switch {
		case c == '<':
			return 0, Corrupt("XML with < in a tag")
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i, nil
		}
	}
	return 0, Corrupt("XML in an open tag")
}

func checkAttrs(t *XMLToken) error {
	at := 0
	for {
		_, next, ok, err := t.attr(at)
		if err != nil || !ok {
			return err
		}
		at = next
	}
}

// Attrs calls yield for each attribute, in order, until it returns false.
func (t *XMLToken) Attrs(yield func(XMLAttr) bool) {
	at := 0
	for {
		a, next, ok, err := t.attr(at)
		if err != nil || !ok || !yield(a) {
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

// attr reads the attribute at this place of t.attrs.
func (t *XMLToken) attr(at int) (a XMLAttr, next int, ok bool, err error) {
	b := t.attrs
	start := at
	for at < len(b) && isXMLSpace(b[at]) {
		at++
	}
	if at == len(b) {
		return a, at, false, nil
	}
	if at == start {
		return a, at, false, Corrupt("XML attributes without white space between")
	}
	a.Start = t.attrsAt + start
	a.Name = nameAt(b, at)
	at += len(a.Name)
	for at < len(b) && isXMLSpace(b[at]) {
		at++
	}
	if len(a.Name) == 0 || at >= len(b) || b[at] != '=' {
		return a, at, false, Corrupt("XML attribute without a value")
	}
	at++
	for at < len(b) && isXMLSpace(b[at]) {
		at++
	}
	if at >= len(b) || b[at] != '"' && b[at] != '\'' {
		return a, at, false, Corrupt("XML attribute without quotes")
	}
	end := bytes.IndexByte(b[at+1:], b[at])
	if end < 0 {
		return a, at, false, Corrupt("XML attribute without an end")
	}
	a.Raw = b[at+1 : at+1+end]
	at += end + 2
	a.End = t.attrsAt + at
	return a, at, true, nil
}

func isXMLSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// nameAt returns the name that begins at this place: letters, digits, what XML allows in names, and all of UTF-8.
func nameAt(b []byte, at int) []byte {
	i := at
	for i < len(b) {
		c := b[i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == ':' || c == '-' || c == '.' || c >= 0x80 {
			i++
			continue
		}
		break
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
