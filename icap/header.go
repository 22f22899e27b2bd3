package icap

import (
	"iter"
	"strings"
)

// Field is one header field. Value has no surrounding white space and no
// line folding when it comes from a parser.
type Field struct {
	Name, Value string
}

// Header is an ordered list of ICAP header fields, kept as the text that goes
// over the wire. Names compare without regard to case; order, spelling and
// duplicates are kept. The zero value is empty and ready for use. Copying the
// struct copies the header: its text is immutable and edits make a new one.
// Lookups scan the text, which is faster than a map for the ten fields that
// ICAP messages have, and allocate only for folded values.
//
// It is not safe for concurrent use while one goroutine edits it.
type Header struct {
	raw string // complete lines, each ending in LF, without the blank line
}

// NewHeader returns a header of the given fields, in that order.
func NewHeader(fields ...Field) Header {
	var h Header
	for _, f := range fields {
		h.Add(f.Name, f.Value)
	}
	return h
}

// Raw returns the fields as on the wire, without the terminating blank line.
func (h Header) Raw() string { return h.raw }

// AppendTo appends the wire form to dst.
func (h Header) AppendTo(dst []byte) []byte { return append(dst, h.raw...) }

// Len returns the number of fields.
func (h Header) Len() int { return countFields(h.raw) }

// Get returns the value of the first field of that name, unfolded, or "".
func (h Header) Get(name string) string {
	v, _ := lookup(h.raw, name)
	return v
}

// Lookup is Get that also tells whether the field is there.
func (h Header) Lookup(name string) (value string, ok bool) { return lookup(h.raw, name) }

// Has reports whether there is a field of that name.
func (h Header) Has(name string) bool {
	_, ok := lookup(h.raw, name)
	return ok
}

// Values returns the values of all fields of that name, in order.
func (h Header) Values(name string) []string { return values(h.raw, name) }

// All yields name and value of each field in order.
func (h Header) All() iter.Seq2[string, string] { return all(h.raw) }

// HasToken reports whether any field of that name lists the token, in a comma
// separated list, without regard to case. "2040" does not contain "204".
func (h Header) HasToken(name, token string) bool { return hasToken(h.raw, name, token) }

// Set gives the first field of that name a new value, keeps its place and
// spelling, and removes later ones; without one it appends. See Add for what
// is done to bytes that cannot stand in a header.
func (h *Header) Set(name, value string) { h.raw = setField(h.raw, name, value) }

// Add appends a field. CR, LF and NUL in the value become spaces unless they
// form a fold (CRLF followed by space or tab), and bytes that no field name may
// have become "_": data that reached the caller from outside cannot inject
// header lines.
func (h *Header) Add(name, value string) { h.raw += fieldLine(name, value) }

// Del removes all fields of that name and reports whether there were any.
func (h *Header) Del(name string) bool {
	raw := delField(h.raw, name)
	found := len(raw) != len(h.raw)
	h.raw = raw
	return found
}

// nextLine cuts the first field off s: its line and the folded lines that
// continue it, line ends included.
func nextLine(s string) (line, rest string) {
	end := 0
	for {
		i := strings.IndexByte(s[end:], '\n')
		if i < 0 {
			return s, ""
		}
		end += i + 1
		if end == len(s) || (s[end] != ' ' && s[end] != '\t') {
			return s[:end], s[end:]
		}
	}
}

// splitLine separates a field line. A name is trimmed on its right, so that
// "Name :" is seen by us as a lenient recipient would see it.
func splitLine(line string) (name, value string, ok bool) {
	i := strings.IndexByte(line, ':')
	if i <= 0 {
		return "", "", false
	}
	name = strings.TrimRight(line[:i], " \t")
	value = trimValue(line[i+1:])
	return name, value, name != ""
}

func trimValue(v string) string {
	start, end := 0, len(v)
	for end > start && isSpace(v[end-1]) {
		end--
	}
	for start < end && isSpace(v[start]) {
		start++
	}
	v = v[start:end]
	if strings.IndexByte(v, '\n') < 0 {
		return v
	}
	return unfold(v)
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// unfold replaces each line end with the white space around it by one space
// (RFC 9112 section 5.2).
func unfold(v string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(v, "\n") {
		line = strings.Trim(line, " \t\r")
		if line == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(line)
	}
	return b.String()
}

func nameIs(line, name string) bool {
	n := len(name)
	if len(line) <= n || !equalFold(line[:n], name) {
		return false
	}
	for i := n; i < len(line); i++ {
		switch line[i] {
		case ':':
			return true
		case ' ', '\t':
		default:
			return false
		}
	}
	return false
}

// equalFold compares ASCII without regard to case; lengths are equal.
func equalFold(a, b string) bool {
	for i := range len(b) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z' {
			return false
		}
	}
	return true
}

func sameFold(a, b string) bool { return len(a) == len(b) && equalFold(a, b) }

func lookup(fields, name string) (string, bool) {
	for len(fields) > 0 {
		var line string
		line, fields = nextLine(fields)
		if nameIs(line, name) {
			return trimValue(line[strings.IndexByte(line, ':')+1:]), true
		}
	}
	return "", false
}

func values(fields, name string) []string {
	var out []string
	for len(fields) > 0 {
		var line string
		line, fields = nextLine(fields)
		if nameIs(line, name) {
			out = append(out, trimValue(line[strings.IndexByte(line, ':')+1:]))
		}
	}
	return out
}

func countFields(fields string) int {
	n := 0
	for len(fields) > 0 {
		var line string
		line, fields = nextLine(fields)
		if strings.IndexByte(line, ':') > 0 {
			n++
		}
	}
	return n
}

func all(fields string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		rest := fields
		for len(rest) > 0 {
			var line string
			line, rest = nextLine(rest)
			if name, value, ok := splitLine(line); ok && !yield(name, value) {
				return
			}
		}
	}
}

func hasToken(fields, name, token string) bool {
	for len(fields) > 0 {
		var line string
		line, fields = nextLine(fields)
		if nameIs(line, name) && listHas(trimValue(line[strings.IndexByte(line, ':')+1:]), token) {
			return true
		}
	}
	return false
}

func listHas(list, token string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if sameFold(strings.Trim(item, " \t"), token) {
			return true
		}
	}
	return false
}

func setField(fields, name, value string) string {
	var b strings.Builder
	b.Grow(len(fields) + len(name) + len(value) + 4)
	done := false
	for rest := fields; len(rest) > 0; {
		var line string
		line, rest = nextLine(rest)
		switch {
		case !nameIs(line, name):
			b.WriteString(line)
		case !done:
			b.WriteString(fieldLine(strings.TrimRight(line[:strings.IndexByte(line, ':')], " \t"), value))
			done = true
		}
	}
	if !done {
		b.WriteString(fieldLine(name, value))
	}
	return b.String()
}

func delField(fields, name string) string {
	if _, ok := lookup(fields, name); !ok {
		return fields
	}
	var b strings.Builder
	b.Grow(len(fields))
	for rest := fields; len(rest) > 0; {
		var line string
		line, rest = nextLine(rest)
		if !nameIs(line, name) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func fieldLine(name, value string) string {
	return cleanName(name) + ": " + cleanValue(value) + "\r\n"
}

func cleanName(name string) string {
	for i := range len(name) {
		if !isToken(name[i]) {
			b := []byte(name)
			for j := i; j < len(b); j++ {
				if !isToken(b[j]) {
					b[j] = '_'
				}
			}
			return string(b)
		}
	}
	if name == "" {
		return "_"
	}
	return name
}

func cleanValue(v string) string {
	if strings.IndexByte(v, '\n') < 0 && strings.IndexByte(v, '\r') < 0 && strings.IndexByte(v, 0) < 0 {
		return v
	}
	b := []byte(v)
	for i := 0; i < len(b); i++ {
		if b[i] == '\r' && i+2 < len(b) && b[i+1] == '\n' && (b[i+2] == ' ' || b[i+2] == '\t') {
			i += 2
			continue
		}
		if b[i] == '\r' || b[i] == '\n' || b[i] == 0 {
			b[i] = ' '
		}
	}
	return string(b)
}

// isToken tells the bytes that RFC 9110 section 5.6.2 allows in names.
func isToken(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	default:
		return c != 0 && strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
	}
}
