package icap

import (
	"iter"
	"net/http"
	"strconv"
	"strings"
)

// Head is an HTTP request or response head: start line, fields, blank line. It
// is kept as the bytes that arrived and read lazily. Edits are surgical: every
// byte that they do not name stays as it was, order, case, duplicates, folding
// and 8-bit bytes included. Lines that are not fields are kept and skipped.
//
// The text is immutable; edits replace it. Clone is cheap. A Head is not safe
// for concurrent use while one goroutine edits it.
type Head struct {
	raw    string
	fields int // where the first field line starts
	end    int // where the final blank line starts
}

// ParseHead makes a Head of raw, which must end with exactly its blank line
// (CRLF CRLF) and have a start line. A block with a blank line inside is refused
// with ErrEncapsulatedHead, since recipients would disagree about its end.
func ParseHead(raw string) (*Head, error) {
	h := new(Head)
	if err := h.parse(raw); err != nil {
		return nil, err
	}
	return h, nil
}

func (h *Head) parse(raw string) *Error {
	first := strings.IndexByte(raw, '\n')
	if first < 0 || !strings.HasSuffix(raw, "\r\n\r\n") {
		return ErrEncapsulatedHead
	}
	if first == 0 || (first == 1 && raw[0] == '\r') {
		return ErrEncapsulatedHead
	}
	end := len(raw) - 2
	// A blank line before the end is CRLF or LF straight after an LF.
	for at := first + 1; at < end; {
		if raw[at] == '\n' || (raw[at] == '\r' && raw[at+1] == '\n') {
			return ErrEncapsulatedHead
		}
		i := strings.IndexByte(raw[at:], '\n')
		at += i + 1 // there is one: raw ends in LF
	}
	if strings.IndexByte(raw, 0) >= 0 {
		return ErrEncapsulatedHead
	}
	h.raw, h.fields, h.end = raw, first+1, end
	return nil
}

// NewResponseHead returns an HTTP/1.1 response head with the standard reason
// phrase and the given fields, in that order.
func NewResponseHead(status int, fields ...Field) *Head {
	reason := http.StatusText(status)
	if reason == "" {
		reason = "Status"
	}
	return newHead("HTTP/1.1 "+strconv.Itoa(status)+" "+reason, fields)
}

// NewRequestHead returns an HTTP/1.1 request head with the given fields.
func NewRequestHead(method, target string, fields ...Field) *Head {
	return newHead(method+" "+target+" HTTP/1.1", fields)
}

func newHead(start string, fields []Field) *Head {
	var b strings.Builder
	b.WriteString(cleanLine(start))
	b.WriteString("\r\n")
	n := b.Len()
	for _, f := range fields {
		b.WriteString(fieldLine(f.Name, f.Value))
	}
	b.WriteString("\r\n")
	return &Head{raw: b.String(), fields: n, end: b.Len() - 2}
}

func cleanLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, s)
}

// Raw returns the head as it goes over the wire, blank line included.
func (h *Head) Raw() string { return h.raw }

// AppendTo appends the wire form to dst.
func (h *Head) AppendTo(dst []byte) []byte { return append(dst, h.raw...) }

// Clone returns a copy that can be edited on its own.
func (h *Head) Clone() *Head {
	if h == nil {
		return nil
	}
	c := *h
	return &c
}

// StartLine returns the first line without its line end.
func (h *Head) StartLine() string {
	if h.fields == 0 {
		return ""
	}
	return strings.TrimSuffix(h.raw[:h.fields-1], "\r")
}

// SetStartLine replaces the first line. Line ends in it become spaces.
func (h *Head) SetStartLine(line string) {
	h.rebuild(cleanLine(line)+"\r\n", h.fieldText())
}

// IsResponse tells a response head (HTTP/… status) from a request head.
func (h *Head) IsResponse() bool {
	return len(h.raw) >= 5 && equalFold(h.raw[:5], "HTTP/")
}

// Method returns the method of a request head, "" for a response head.
func (h *Head) Method() string {
	if h.IsResponse() {
		return ""
	}
	method, _, _ := strings.Cut(h.StartLine(), " ")
	return method
}

// Target returns the request target as it stands: absolute-form from most
// proxies, authority-form for CONNECT.
func (h *Head) Target() string {
	if h.IsResponse() {
		return ""
	}
	_, rest, _ := strings.Cut(h.StartLine(), " ")
	if i := strings.LastIndexByte(rest, ' '); i >= 0 {
		rest = rest[:i]
	}
	return strings.Trim(rest, " ")
}

// Proto returns the version string, for instance "HTTP/1.1" or "HTTP/2".
func (h *Head) Proto() string {
	line := h.StartLine()
	if h.IsResponse() {
		proto, _, _ := strings.Cut(line, " ")
		return proto
	}
	if i := strings.LastIndexByte(line, ' '); i >= 0 {
		return line[i+1:]
	}
	return ""
}

// Status returns the status code of a response head, 0 for a request head or
// when it is not a number of three digits.
func (h *Head) Status() int {
	if !h.IsResponse() {
		return 0
	}
	_, rest, _ := strings.Cut(h.StartLine(), " ")
	rest = strings.TrimLeft(rest, " ")
	code, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 || n < 100 {
		return 0
	}
	return n
}

// Reason returns the reason phrase of a response head.
func (h *Head) Reason() string {
	if !h.IsResponse() {
		return ""
	}
	_, rest, _ := strings.Cut(h.StartLine(), " ")
	_, reason, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	return reason
}

func (h *Head) fieldText() string { return h.raw[h.fields:h.end] }

func (h *Head) rebuild(start, fields string) {
	h.raw = start + fields + "\r\n"
	h.fields = len(start)
	h.end = len(start) + len(fields)
}

func (h *Head) setFields(fields string) { h.rebuild(h.raw[:h.fields], fields) }

// Get returns the first value of a field, unfolded, or "".
func (h *Head) Get(name string) string {
	v, _ := lookup(h.fieldText(), name)
	return v
}

// Lookup is Get that also tells whether the field is there.
func (h *Head) Lookup(name string) (value string, ok bool) { return lookup(h.fieldText(), name) }

// Has reports whether there is a field of that name.
func (h *Head) Has(name string) bool {
	_, ok := lookup(h.fieldText(), name)
	return ok
}

// Values returns all values of a field, in order, unfolded, not split at commas.
func (h *Head) Values(name string) []string { return values(h.fieldText(), name) }

// HasToken reports whether a comma separated list field has the token.
func (h *Head) HasToken(name, token string) bool { return hasToken(h.fieldText(), name, token) }

// All yields name and value of each field in order.
func (h *Head) All() iter.Seq2[string, string] { return all(h.fieldText()) }

// Len returns the number of fields.
func (h *Head) Len() int { return countFields(h.fieldText()) }

// Set gives the first field of that name a new value, in its place and with its
// spelling, and removes later ones; without one it appends.
func (h *Head) Set(name, value string) { h.setFields(setField(h.fieldText(), name, value)) }

// Add appends a field. Bytes that cannot stand in a header are replaced as in
// [Header.Add].
func (h *Head) Add(name, value string) { h.setFields(h.fieldText() + fieldLine(name, value)) }

// Del removes all fields of that name and reports whether there were any.
func (h *Head) Del(name string) bool {
	text := h.fieldText()
	without := delField(text, name)
	if len(without) == len(text) {
		return false
	}
	h.setFields(without)
	return true
}

// ContentLength returns the value of Content-Length. ok is false when it is
// absent, not a number, or repeated with different values. It never frames an
// encapsulated body, which is always chunked.
func (h *Head) ContentLength() (n int64, ok bool) {
	n = -1
	for rest := h.fieldText(); len(rest) > 0; {
		var line string
		line, rest = nextLine(rest)
		if !nameIs(line, "Content-Length") {
			continue
		}
		v, err := strconv.ParseUint(trimValue(line[strings.IndexByte(line, ':')+1:]), 10, 63)
		if err != nil || (n >= 0 && uint64(n) != v) {
			return 0, false
		}
		n = int64(v)
	}
	if n < 0 {
		return 0, false
	}
	return n, true
}
