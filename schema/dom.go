package schema

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// kind is the type of a JSON value, as a bit of a set of types.
type kind uint8

const (
	kindNull kind = 1 << iota
	kindBool
	kindNumber
	kindInteger // in sets only: a number without a fraction
	kindString
	kindArray
	kindObject
)

var kindNames = []struct {
	k    kind
	name string
}{
	{kindNull, "null"},
	{kindBool, "boolean"},
	{kindNumber, "number"},
	{kindInteger, "integer"},
	{kindString, "string"},
	{kindArray, "array"},
	{kindObject, "object"},
}

// String names the kind, or the first of a set.
func (k kind) String() string {
	for _, n := range kindNames {
		if k&n.k != 0 {
			return n.name
		}
	}
	return "nothing"
}

// value is one value or name of a document. Values stand in the order of the text, so that the children of a
// container are those from the next index on; a member is its name and then its value.
type value struct {
	start, end uint32 // the raw form; quotes included
	next       uint32 // index behind the value and all below it
	count      uint32 // elements or members
	kind       kind
	escaped    bool // a string with escapes
}

// document is a JSON text.
type document struct {
	data   []byte
	values []value
	open   []uint32 // containers that are being read
	buf    []byte   // for names and strings with escapes
}

// The limits of a document. They are those of what can be judged: what is beyond them has not been looked at.
const (
	maxDocument = 16 << 20
	maxValues   = 2 << 20 // 40 MiB of memory
	maxDepth    = 256
)

// Errors of documents.
var (
	errLarge  = fmt.Errorf("larger than %d bytes", maxDocument)
	errValues = fmt.Errorf("more than %d values", maxValues)
	errDepth  = fmt.Errorf("nested deeper than %d levels", maxDepth)
)

// syntaxError says where a text is not JSON. It quotes nothing.
type syntaxError struct {
	offset int
	text   string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("not JSON at byte %d: %s", e.offset, e.text) }

// parse reads a text. The document's memory is used again by the next parse.
func (d *document) parse(ctx context.Context, data []byte) error {
	d.data, d.values, d.open = data, d.values[:0], d.open[:0]
	if len(data) > maxDocument {
		return errLarge
	}
	p := domParser{document: d}
	return p.run(ctx)
}

// domParser is one pass over a text.
type domParser struct {
	*document
	pos int
}

func (p *domParser) fail(text string) error { return &syntaxError{p.pos, text} }

func (p *domParser) space() {
	for p.pos < len(p.data) {
		switch p.data[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// run reads values until the outermost one is whole. What must come next follows from the innermost container.
func (p *domParser) run(ctx context.Context) error {
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if len(p.values) >= maxValues {
			return errValues
		}
		p.space()
		if p.pos >= len(p.data) {
			return p.fail("it ends early")
		}
		if err := p.value(); err != nil {
			return err
		}
		whole, err := p.closed()
		if err != nil {
			return err
		}
		if whole {
			p.space()
			if p.pos < len(p.data) {
				return p.fail("something follows the document")
			}
			return nil
		}
	}
}

// value reads a scalar, or opens a container.
func (p *domParser) value() error {
	start := p.pos
	switch c := p.data[p.pos]; {
	case c == '{' || c == '[':
		if len(p.open) >= maxDepth {
			return errDepth
		}
		k := kindObject
		if c == '[' {
			k = kindArray
		}
		p.open = append(p.open, uint32(len(p.values)))                    //nolint:gosec // G115: at most maxValues
		p.values = append(p.values, value{start: uint32(start), kind: k}) //nolint:gosec // G115: at most maxDocument
		p.pos++
		return nil
	case c == '"':
		escaped, err := p.str()
		if err != nil {
			return err
		}
		p.leaf(start, kindString, escaped)
		return nil
	case c == '-' || c-'0' <= 9:
		n := numberLen(p.data[p.pos:])
		if n == 0 {
			return p.fail("not a number")
		}
		p.pos += n
		p.leaf(start, kindNumber, false)
		return nil
	case p.word("true"), p.word("false"):
		p.leaf(start, kindBool, false)
		return nil
	case p.word("null"):
		p.leaf(start, kindNull, false)
		return nil
	}
	return p.fail("a value is expected")
}

func (p *domParser) word(w string) bool {
	if !bytes.HasPrefix(p.data[p.pos:], []byte(w)) {
		return false
	}
	p.pos += len(w)
	return true
}

func (p *domParser) leaf(start int, k kind, escaped bool) {
	p.values = append(p.values, value{
		start: uint32(start), end: uint32(p.pos), next: uint32(len(p.values) + 1), kind: k, escaped: escaped, //nolint:gosec // G115: bounded above
	})
}

// closed goes on behind a value: over separators and ends of containers, to where the next value begins. It reports
// whether the document is whole.
func (p *domParser) closed() (bool, error) {
	last := len(p.values) - 1
	fresh := p.values[last].next == 0 // a container that was just opened
	for len(p.open) > 0 {
		top := &p.values[p.open[len(p.open)-1]]
		p.space()
		if p.pos >= len(p.data) {
			return false, p.fail("it ends early")
		}
		c := p.data[p.pos]
		switch {
		case c == '}' && top.kind == kindObject || c == ']' && top.kind == kindArray:
			p.pos++
			top.end, top.next = uint32(p.pos), uint32(len(p.values)) //nolint:gosec // G115: bounded above
			p.open = p.open[:len(p.open)-1]
			fresh = false
			continue
		case fresh:
		case c == ',':
			p.pos++
			p.space()
		default:
			return false, p.fail("a comma or an end is expected")
		}
		top.count++
		if top.kind == kindObject {
			return false, p.name()
		}
		return false, nil
	}
	return true, nil
}

// name reads a member's name and colon.
func (p *domParser) name() error {
	if p.pos >= len(p.data) || p.data[p.pos] != '"' {
		return p.fail("a name is expected")
	}
	start := p.pos
	escaped, err := p.str()
	if err != nil {
		return err
	}
	p.leaf(start, kindString, escaped)
	p.space()
	if p.pos >= len(p.data) || p.data[p.pos] != ':' {
		return p.fail("a colon is expected")
	}
	p.pos++
	return nil
}

// str goes over a string. Control characters are let pass, as lenient parsers do: what they hide is judged, too.
func (p *domParser) str() (escaped bool, err error) {
	i := p.pos + 1
	for {
		n := bytes.IndexByte(p.data[i:], '"')
		if n < 0 {
			p.pos = len(p.data)
			return false, p.fail("a string does not end")
		}
		j := i + bytes.IndexByte(p.data[i:i+n+1], '\\')
		if j < i {
			p.pos = i + n + 1
			return escaped, nil
		}
		escaped = true
		if j+1 >= len(p.data) {
			p.pos = len(p.data)
			return false, p.fail("a string does not end")
		}
		size := 2
		switch p.data[j+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			if size = 6; hex4(p.data[j:]) < 0 {
				p.pos = j
				return false, p.fail("a broken escape")
			}
		default:
			p.pos = j
			return false, p.fail("an unknown escape")
		}
		i = j + size
	}
}

// hex4 is the code unit of an escape \uXXXX, or -1.
func hex4(b []byte) rune {
	if len(b) < 6 {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// numberLen is the length of the number (RFC 8259, section 6) that b begins with; 0 if there is none.
func numberLen(b []byte) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		return i > from
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	from := i
	if !digits() || b[from] == '0' && i > from+1 {
		return 0
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return 0
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

// raw is a value as it was written.
func (d *document) raw(i uint32) []byte { return d.data[d.values[i].start:d.values[i].end] }

// text is a string or name without its quotes and escapes. It is good until the next call.
func (d *document) text(i uint32) []byte {
	v := &d.values[i]
	inner := d.data[v.start+1 : v.end-1]
	if !v.escaped {
		return inner
	}
	d.buf = unquote(d.buf[:0], inner)
	return d.buf
}

// unquote appends a string's characters, escapes resolved. A lone surrogate becomes U+FFFD.
func unquote(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		i++
		switch c = s[i]; c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := hex4(s[i-1:])
			i += 5
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if i+1 < len(s) && s[i] == '\\' && s[i+1] == 'u' {
					low = hex4(s[i:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
		i++
	}
	return dst
}

// plain turns a value into what encoding/json makes of it, with numbers as json.Number's text.
func (d *document) plain(i uint32, number func(string) any) any {
	v := d.values[i]
	switch v.kind {
	case kindObject:
		m := make(map[string]any, v.count)
		for c := i + 1; c < v.next; {
			m[string(d.text(c))] = d.plain(c+1, number)
			c = d.values[c+1].next
		}
		return m
	case kindArray:
		a := make([]any, 0, v.count)
		for c := i + 1; c < v.next; c = d.values[c].next {
			a = append(a, d.plain(c, number))
		}
		return a
	case kindString:
		return string(d.text(i))
	case kindNumber:
		return number(string(d.raw(i)))
	case kindBool:
		return d.data[v.start] == 't'
	default:
		return nil
	}
}

// pointer appends the JSON Pointer (RFC 6901) of a value. Names are a sender's: they are bounded, and what does not
// print is escaped, in the way of internal/content.
func (d *document) pointer(dst []byte, target uint32) []byte {
	at := uint32(0)
	for at != target {
		v := d.values[at]
		if v.kind == kindObject {
			c := at + 1
			for c < v.next && d.values[c+1].next <= target {
				c = d.values[c+1].next
			}
			dst = appendName(append(dst, '/'), d.text(c))
			if c == target { // the name itself
				return dst
			}
			at = c + 1
			continue
		}
		c, index := at+1, 0
		for d.values[c].next <= target {
			c = d.values[c].next
			index++
		}
		dst = strconv.AppendInt(append(dst, '/'), int64(index), 10)
		at = c
	}
	return dst
}

// maxName bounds the bytes of one name in a pointer.
const maxName = 255

func appendName(dst, name []byte) []byte {
	from := len(dst)
	for len(name) > 0 {
		if len(dst)-from > maxName {
			return append(dst, "…"...)
		}
		r, size := utf8.DecodeRune(name)
		switch {
		case r == '~':
			dst = append(dst, "~0"...)
		case r == '/':
			dst = append(dst, "~1"...)
		case r == utf8.RuneError && size == 1 || !strconv.IsPrint(r):
			dst = fmt.Appendf(dst, `\x%x`, name[:size])
		default:
			dst = append(dst, name[:size]...)
		}
		name = name[size:]
	}
	return dst
}

// isLimit reports whether an error of parse is a limit of ours.
func isLimit(err error) bool {
	return slices.ContainsFunc([]error{errLarge, errValues, errDepth, errSteps, errLongText}, func(e error) bool { return errors.Is(err, e) })
}
