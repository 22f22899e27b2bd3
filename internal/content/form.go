package content

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"icapd/scan"
)

// formFormat is application/x-www-form-urlencoded (WHATWG URL, section 5). Paths are "/NAME".
type formFormat struct {
	guess bool // nobody says that it is a form
}

// formPair is one name and value.
type formPair struct {
	start, eq, end int // eq is end if there is no "="
}

// formAt is the Locator of a pair: its name as it is decoded.
type formAt struct{ name []byte }

// AppendPath implements scan.Locator.
func (f *formAt) AppendPath(dst []byte) []byte { return appendPointer(append(dst, '/'), f.name) }

func eachPair(ctx context.Context, data []byte, f func(p formPair) bool) error {
	for pos, n := 0, 0; pos < len(data); n++ {
		if n%tokensPerCheck == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		end := len(data)
		if i := bytes.IndexByte(data[pos:], '&'); i >= 0 {
			end = pos + i
		}
		p := formPair{start: pos, eq: end, end: end}
		if i := bytes.IndexByte(data[pos:end], '='); i >= 0 {
			p.eq = pos + i
		}
		if end > pos && !f(p) {
			return nil
		}
		pos = end + 1
	}
	return nil
}

func (g formFormat) fields(ctx context.Context, d doc, yield func(*scan.Field) bool) error {
	at := &formAt{}
	f := scan.Field{At: at}
	var nameBuf, valueBuf []byte
	more := true
	err := eachPair(ctx, d.data, func(p formPair) bool {
		at.name, nameBuf = formValue(d.data[p.start:p.eq], nameBuf)
		f.Kind, f.Value = scan.KindKey, at.name
		f.Span = scan.Span{Start: int64(p.start), End: int64(p.eq)}
		if more = yield(&f); !more {
			return false
		}
		if p.eq+1 >= p.end {
			return true
		}
		f.Kind = scan.KindString
		f.Value, valueBuf = formValue(d.data[p.eq+1:p.end], valueBuf)
		f.Span = scan.Span{Start: int64(p.eq + 1), End: int64(p.end)}
		more = yield(&f)
		return more
	})
	if err == nil && more && g.guess {
		err = whole(ctx, d, yield)
	}
	return err
}

// formValue decodes percent signs and pluses; what is no valid escape stays.
func formValue(raw, buf []byte) (value, again []byte) {
	if bytes.IndexByte(raw, '%') < 0 && bytes.IndexByte(raw, '+') < 0 {
		return raw, buf
	}
	buf = buf[:0]
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if v, ok := percent(raw[i:]); ok {
				c = v
				i += 2
			}
		}
		buf = append(buf, c)
	}
	return buf, buf
}

// percent decodes the escape at the start of p.
func percent(p []byte) (byte, bool) {
	if len(p) < 3 {
		return 0, false
	}
	a, b := unhex(p[1]), unhex(p[2])
	return a<<4 | b, a < 16 && b < 16
}

func unhex(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}

// edits implements fielder. Null is an empty value; a dropped name or value takes its pair with it.
func (formFormat) edits(ctx context.Context, d doc, edits []scan.Edit) ([]patch, error) {
	var patches []patch
	err := eachPair(ctx, d.data, func(p formPair) bool {
		drop := false
		from := len(patches)
		for len(edits) > 0 && edits[0].Span.Start >= int64(p.start) && edits[0].Span.End <= int64(p.end) {
			e := &edits[0]
			edits = edits[1:]
			drop = drop || e.Op == scan.EditDrop
			w := patch{start: e.Span.Start, end: e.Span.End}
			if e.Op == scan.EditSet {
				w.with = scan.Bytes(appendForm(nil, e.Value))
			}
			patches = append(patches, w)
		}
		if drop {
			end := p.end
			if end < len(d.data) {
				end++
			}
			patches = append(patches[:from], patch{start: int64(p.start), end: int64(end)})
		}
		return len(edits) > 0
	})
	if err == nil && len(edits) > 0 {
		err = fmt.Errorf("%w: bytes %d to %d", errEdit, edits[0].Span.Start, edits[0].Span.End)
	}
	return patches, err
}

const upperHex = "0123456789ABCDEF"

func appendForm(dst, value []byte) []byte {
	for _, c := range value {
		switch {
		case c == ' ':
			dst = append(dst, '+')
		case isIdent(c) && c != '$' || c == '-' || c == '*':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// rawRange implements fielder.
func (formFormat) rawRange(raw []byte, from, to int) (int, int) {
	return refRange(raw, 0, from, to, func(p []byte) (int, int) {
		if p[0] == '%' {
			if _, ok := percent(p); ok {
				return 1, 3
			}
		}
		return 0, 0
	})
}

// style implements fielder.
func (formFormat) style(_ []byte, w io.Writer) io.Writer {
	return newReplaceWriter(w, []string{"+", "%2B", "/", "%2F", "=", "%3D", "\r", "%0D", "\n", "%0A", " ", "+"})
}
