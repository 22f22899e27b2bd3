package pdf

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"icapd/cdr/kit"
)

// parser reads objects from bytes. It never reads outside of them, and nests no deeper than maxNesting.
type parser struct {
	data   []byte
	pos    int
	depth  int
	values int        // in arrays and dictionaries, so far
	most   int        // that these may be; 0 is maxValues
	crypt  *decrypter // of the indirect object in hand; nil for none
	names  names      // of the file; nil for none
}

// names are the names that a file has, each once: most objects have the same few keys and values.
type names map[string]object

// maxNames bounds how many names are kept, and maxName how long they are.
const (
	maxNames = 4096
	maxName  = 32
)

// of returns the name of these bytes as an object.
func (n names) of(raw []byte) object {
	if o, ok := n[string(raw)]; ok {
		return o
	}
	o := object(name(raw))
	if n != nil && len(n) < maxNames && len(raw) <= maxName {
		n[string(raw)] = o
	}
	return o
}

// emptyArray is every array without elements.
var emptyArray object = array{}

// fits returns a slice that takes little more room than its elements need.
func fits[S ~[]E, E any](s S) S {
	if cap(s)-len(s) > len(s)/4 {
		return append(make(S, 0, len(s)), s...)
	}
	return s
}

const maxNesting = 200

// keyword is a token that is no object: obj, endobj, stream, R, xref …
type keyword string

// space skips white space and comments.
func (p *parser) space() {
	for p.pos < len(p.data) {
		c := p.data[p.pos]
		switch {
		case isSpace(c):
			p.pos++
		case c == '%':
			for p.pos < len(p.data) && p.data[p.pos] != '\n' && p.data[p.pos] != '\r' {
				p.pos++
			}
		default:
			return
		}
	}
}

// object reads one object, or a keyword. References are recognised: "12 0 R".
func (p *parser) object() (object, error) {
	p.space()
	if p.pos >= len(p.data) {
		return nil, kit.Corrupt("PDF ends where an object should be")
	}
	switch c := p.data[p.pos]; {
	case c == '/':
		return p.name(), nil
	case c == '(':
		return p.literal()
	case c == '<':
		if p.pos+1 < len(p.data) && p.data[p.pos+1] == '<' {
			return p.dict()
		}
		return p.hex()
	case c == '[':
		return p.array()
	case c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.':
		return p.number()
	case isRegular(c):
		return p.word(), nil
	default:
		return nil, kit.Corrupt("PDF with a stray %q at byte %d", c, p.pos)
	}
}

// name reads a name; what it returns is a name.
func (p *parser) name() object {
	p.pos++
	start := p.pos
	escaped := false
	for p.pos < len(p.data) && isRegular(p.data[p.pos]) {
		escaped = escaped || p.data[p.pos] == '#'
		p.pos++
	}
	raw := p.data[start:p.pos]
	if !escaped {
		return p.names.of(raw)
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] == '#' && i+2 < len(raw) {
			if hi, lo := hexDigit(raw[i+1]), hexDigit(raw[i+2]); hi != noDigit && lo != noDigit {
				out = append(out, hi<<4|lo)
				i += 2
				continue
			}
		}
		out = append(out, raw[i])
	}
	return p.names.of(out)
}

// noDigit is what hexDigit returns for what is none.
const noDigit = 0xff

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return noDigit
}

// literal reads a string in parentheses (section 7.3.4.2).
func (p *parser) literal() (object, error) {
	p.pos++
	out := []byte{}
	for depth := 1; p.pos < len(p.data); p.pos++ {
		switch c := p.data[p.pos]; c {
		case '(':
			depth++
			out = append(out, c)
		case ')':
			if depth--; depth == 0 {
				p.pos++
				return p.decrypted(out)
			}
			out = append(out, c)
		case '\\':
			p.pos++
			out = p.escape(out)
		case '\r': // any line end is a line feed
			if p.pos+1 < len(p.data) && p.data[p.pos+1] == '\n' {
				p.pos++
			}
			out = append(out, '\n')
		default:
			out = append(out, c)
		}
	}
	return nil, kit.Corrupt("PDF ends in a string")
}

// escape reads what follows a backslash and leaves pos on its last character.
func (p *parser) escape(out []byte) []byte {
	if p.pos >= len(p.data) {
		return out
	}
	switch c := p.data[p.pos]; {
	case c == 'n':
		return append(out, '\n')
	case c == 'r':
		return append(out, '\r')
	case c == 't':
		return append(out, '\t')
	case c == 'b':
		return append(out, '\b')
	case c == 'f':
		return append(out, '\f')
	case c == '\r':
		if p.pos+1 < len(p.data) && p.data[p.pos+1] == '\n' {
			p.pos++
		}
		return out
	case c == '\n':
		return out
	case c >= '0' && c <= '7':
		v := 0
		for i := 0; i < 3 && p.pos < len(p.data) && p.data[p.pos] >= '0' && p.data[p.pos] <= '7'; i++ {
			v = v<<3 | int(p.data[p.pos]-'0')
			p.pos++
		}
		p.pos--
		return append(out, byte(v))
	default:
		return append(out, c)
	}
}

func (p *parser) hex() (object, error) {
	p.pos++
	out := []byte{}
	half := byte(noDigit)
	for ; p.pos < len(p.data); p.pos++ {
		c := p.data[p.pos]
		if c == '>' {
			p.pos++
			if half != noDigit {
				out = append(out, half<<4)
			}
			return p.decrypted(out)
		}
		d := hexDigit(c)
		switch {
		case d == noDigit: // white space, and what readers skip
		case half == noDigit:
			half = d
		default:
			out = append(out, half<<4|d)
			half = noDigit
		}
	}
	return nil, kit.Corrupt("PDF ends in a string")
}

func (p *parser) decrypted(s []byte) (object, error) {
	if p.crypt == nil {
		return text(s), nil
	}
	return p.crypt.string(s)
}

// What bounds the values of all arrays and dictionaries of a file: each takes many times the room that it has there, and packed
// it may have none at all.
const (
	maxValues  = 8_000_000
	baseValues = 2_000_000 // that any file may have
	byteValues = 2         // that it may have for each of its bytes more
)

// mostValues is how many values the file may have.
func (f *file) mostValues() int { return min(baseValues+byteValues*len(f.data), maxValues) }

// value counts one more value.
func (p *parser) value() error {
	if p.values++; p.values > cmp.Or(p.most, maxValues) {
		return tooManyValues(cmp.Or(p.most, maxValues))
	}
	return nil
}

func tooManyValues(most int) error {
	return kit.Limit("objects", "more than %d values in PDF objects", most)
}

func (p *parser) nest() error {
	if p.depth++; p.depth > maxNesting {
		return kit.Limit("depth", "more than %d PDF objects inside each other", maxNesting)
	}
	return nil
}

// maxPiece is how many elements are put side by side at once: a long array that grew as one would leave several times its
// size behind.
const maxPiece = 4096

func (p *parser) array() (object, error) {
	if err := p.nest(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	p.pos++
	var a array
	var pieces []array // that come before a
	for {
		p.space()
		if p.pos >= len(p.data) {
			return nil, kit.Corrupt("PDF ends in an array")
		}
		if p.data[p.pos] == ']' {
			p.pos++
			switch {
			case len(pieces) > 0:
				return slices.Concat(append(pieces, a)...), nil
			case len(a) == 0:
				return emptyArray, nil
			}
			return fits(a), nil
		}
		v, err := p.object()
		if err != nil {
			return nil, err
		}
		if k, ok := v.(keyword); ok {
			if k == "endobj" || k == "endstream" {
				return nil, kit.Corrupt("PDF array without an end")
			}
			v = nil
		}
		if err := p.value(); err != nil {
			return nil, err
		}
		if len(a) == maxPiece {
			pieces, a = append(pieces, a), make(array, 0, maxPiece)
		}
		a = append(a, v)
	}
}

func (p *parser) dict() (object, error) {
	if err := p.nest(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	p.pos += 2
	d := newDict()
	for {
		p.space()
		if p.pos >= len(p.data) {
			return nil, kit.Corrupt("PDF ends in a dictionary")
		}
		if p.data[p.pos] == '>' {
			if p.pos+1 < len(p.data) && p.data[p.pos+1] == '>' {
				p.pos += 2
				d.entries = fits(d.entries)
				return d, nil
			}
			return nil, kit.Corrupt("PDF dictionary without an end")
		}
		if p.data[p.pos] != '/' {
			if err := p.strayValue(); err != nil {
				return nil, err
			}
			continue
		}
		key, _ := p.name().(name)
		v, err := p.member()
		if err != nil {
			return nil, err
		}
		d.add(key, v)
	}
}

// member reads the value of an entry; null where there is none.
func (p *parser) member() (object, error) {
	p.space()
	if bytes.HasPrefix(p.data[p.pos:], []byte(">>")) { // a key without a value
		return nil, nil
	}
	v, err := p.object()
	if err == nil {
		err = p.value()
	}
	k, ok := v.(keyword)
	switch {
	case err != nil || !ok:
		return v, err
	case k == "endobj", k == "stream", k == "endstream":
		return nil, kit.Corrupt("PDF dictionary without an end")
	}
	return nil, nil
}

// add is set for an entry of the file: it notes a key that comes with another value than before.
func (d *dict) add(key name, v object) {
	if d.has(key) && !same(d.get(key), v) {
		d.twice = true
	}
	d.set(key, v)
}

// same reports whether two values are equal and simple. References may be equal, too.
func same(a, b object) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case boolean, integer, real, name, ref:
		return a == b
	case text:
		b, ok := b.(text)
		return ok && bytes.Equal(a, b)
	}
	return false
}

// strayValue skips a value without a key, as readers do.
func (p *parser) strayValue() error {
	v, err := p.object()
	if err != nil {
		return err
	}
	if k, ok := v.(keyword); ok && (k == "endobj" || k == "stream" || k == "endstream") {
		return kit.Corrupt("PDF dictionary without an end")
	}
	return nil
}

// number reads a number, or a reference that begins with one.
func (p *parser) number() (object, error) {
	start := p.pos
	for p.pos < len(p.data) && isRegular(p.data[p.pos]) {
		p.pos++
	}
	word := p.data[start:p.pos]
	if n, ok := parseInt(word); ok {
		if n >= 0 && n <= maxObjectNumber {
			if r, ok := p.reference(int(n)); ok {
				return r, nil
			}
		}
		return integer(n), nil
	}
	return real{cleanReal(word)}, nil
}

// maxObjectNumber is far more than any file has; it keeps tables small that are indexed by number.
const maxObjectNumber = 1 << 23

// reference reads the "0 R" after an object number, and leaves pos alone if there is none.
func (p *parser) reference(num int) (ref, bool) {
	i := p.pos
	for i < len(p.data) && isSpace(p.data[i]) {
		i++
	}
	start := i
	for i < len(p.data) && p.data[i] >= '0' && p.data[i] <= '9' && i-start < 6 {
		i++
	}
	if i == start || i == p.pos {
		return ref{}, false
	}
	gen, err := strconv.Atoi(string(p.data[start:i]))
	if err != nil {
		return ref{}, false
	}
	space := i
	for i < len(p.data) && isSpace(p.data[i]) {
		i++
	}
	if i == space || i >= len(p.data) || p.data[i] != 'R' || i+1 < len(p.data) && isRegular(p.data[i+1]) {
		return ref{}, false
	}
	p.pos = i + 1
	return ref{num, gen}, true
}

func parseInt(b []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(b), 10, 64)
	return n, err == nil
}

// cleanReal returns a number in the grammar of section 7.3.3, whatever was written: readers take "--5", "1.2.3" and
// "5-3" for some number, and each for another one.
func cleanReal(b []byte) string {
	if _, err := strconv.ParseFloat(string(b), 64); err == nil && !bytes.ContainsAny(b, "eExXiInN_pP") {
		return string(b)
	}
	out := []byte{}
	dot := false
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
			out = append(out, c)
		case c == '.' && !dot:
			dot = true
			out = append(out, c)
		case c == '-' && i == 0:
			out = append(out, c)
		case c == '-' || c == '+':
			if i > 0 && len(out) > 0 && out[len(out)-1] != '-' {
				i = len(b)
			}
		}
		if i == len(b) {
			break
		}
	}
	if _, err := strconv.ParseFloat(string(out), 64); err != nil {
		return "0"
	}
	return string(out)
}

func (p *parser) word() object {
	start := p.pos
	for p.pos < len(p.data) && isRegular(p.data[p.pos]) {
		p.pos++
	}
	switch w := string(p.data[start:p.pos]); w {
	case "true":
		return boolean(true)
	case "false":
		return boolean(false)
	case "null":
		return nil
	default:
		return keyword(w)
	}
}
