package content

import "io"

// quotedReader decodes quoted-printable (RFC 2045, section 6.7) and takes everything: what is not an escape
// stands for itself, as the RFC advises.
type quotedReader struct {
	p   []byte
	out []byte // decoded and not yet read
}

// Read implements io.Reader.
func (q *quotedReader) Read(dst []byte) (int, error) {
	n := 0
	for n < len(dst) {
		if len(q.out) > 0 {
			k := copy(dst[n:], q.out)
			n, q.out = n+k, q.out[k:]
			continue
		}
		if len(q.p) == 0 {
			break
		}
		q.step()
	}
	if n == 0 && len(dst) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// step decodes one character, or white space up to what follows it: it counts for nothing at a line's end.
func (q *quotedReader) step() {
	switch c := q.p[0]; {
	case c == ' ' || c == '\t':
		n := 1
		for n < len(q.p) && (q.p[n] == ' ' || q.p[n] == '\t') {
			n++
		}
		if n < len(q.p) && q.p[n] != '\r' && q.p[n] != '\n' {
			q.out = q.p[:n]
		}
		q.p = q.p[n:]
	case c != '=':
		q.out, q.p = q.p[:1], q.p[1:]
	default:
		if v, ok := percent(q.p); ok {
			q.out, q.p = []byte{v}, q.p[3:]
			return
		}
		n := 1
		for n < len(q.p) && (q.p[n] == ' ' || q.p[n] == '\t') {
			n++
		}
		switch {
		case n == len(q.p):
			q.p = nil
		case q.p[n] == '\n':
			q.p = q.p[n+1:]
		case q.p[n] == '\r' && n+1 < len(q.p) && q.p[n+1] == '\n':
			q.p = q.p[n+2:]
		default:
			q.out, q.p = q.p[:1], q.p[1:]
		}
	}
}
