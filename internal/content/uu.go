package content

import (
	"bytes"
	"context"
	"io"
	"strconv"

	"icapd/internal/pattern"
	"icapd/scan"
)

// uuBegin is the first line of a uuencoded file (POSIX uuencode).
var uuBegin = pattern.MustCompile(`(?m)^begin [0-7]{3,7} ([^\r\n]{0,1000})\r?\n`)

// uuLine is how many bytes a line carries.
const uuLine = 45

// uuencoded takes in the uuencoded files of a value. They can be put back where it stands as it is.
func (w *walk) uuencoded(n *node, fl *scan.Field, asIs bool) (taken []scan.Span, err error) {
	v := fl.Value
	for pos, count := 0, 1; ; count++ {
		m := uuBegin.FindSubmatchIndex(v[pos:])
		if m == nil {
			return taken, nil
		}
		from := pos + m[1]
		name := entryName(string(v[pos+m[2] : pos+m[3]]))
		to, ok := uuEnd(v, from)
		pos = max(to, from)
		if !ok && !uuWhole(v[from:to]) {
			continue
		}
		seg := segment(name) + "(uu)"
		if count > 1 {
			seg = segment(name) + "(uu:" + strconv.Itoa(count) + ")"
		}
		if err := w.enter(n, seg); err != nil {
			if err = skipped(err); err != nil {
				return taken, err
			}
			continue
		}
		ref := embedded{field: fl.Span, coding: coding{uu: true, brk: "\n"}}
		if bytes.HasSuffix(v[from:to], []byte("\r\n")) {
			ref.brk = "\r\n"
		}
		ref.span = scan.Span{Start: fl.Span.Start + int64(from), End: fl.Span.Start + int64(to)}
		c := child{segment: seg, name: lastElem(name)}
		if asIs {
			c.ref = ref
		}
		if err := w.unpack(n, c, &uuReader{p: v[from:to]}, nil); err != nil {
			return taken, err
		}
		taken = append(taken, scan.Span{Start: int64(from), End: int64(to)})
	}
}

// uuEnd returns where the lines with data end, and whether the line "end" is behind them.
func uuEnd(v []byte, from int) (int, bool) {
	for pos := from; pos < len(v); {
		next := lineEnd(v, pos)
		line := bytes.TrimRight(v[pos:next], "\r\n")
		switch {
		case string(line) == "end":
			return pos, true
		case len(line) == 0 || string(line) == "`":
			end := bytes.TrimRight(v[next:lineEnd(v, next)], "\r\n")
			return pos, string(end) == "end"
		case line[0] < ' ' || line[0] > '`':
			return pos, false
		}
		pos = next
	}
	return len(v), false
}

// uuWhole reports whether a first line is as long as it says: what goes before the line "end" is a file all the same,
// which unpackers complain about and write.
func uuWhole(v []byte) bool {
	line := bytes.TrimRight(v[:lineEnd(v, 0)], "\r\n")
	return len(line) > 4 && line[0] > ' ' && len(line) == 1+(int(line[0]-' ')&63+2)/3*4
}

// uuReader decodes lines.
type uuReader struct {
	p   []byte
	out []byte
}

// Read implements io.Reader.
func (u *uuReader) Read(dst []byte) (int, error) {
	for len(u.out) == 0 {
		if len(u.p) == 0 {
			return 0, io.EOF
		}
		next := lineEnd(u.p, 0)
		u.line(bytes.TrimRight(u.p[:next], "\r\n"))
		u.p = u.p[next:]
	}
	n := copy(dst, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *uuReader) line(line []byte) {
	if len(line) == 0 {
		return
	}
	want := int(line[0]-' ') & 63
	var out []byte
	for p := line[1:]; len(p) > 0 && len(out) < want; {
		var q [4]byte
		k := copy(q[:], p)
		p = p[k:]
		for i := range q {
			if i < k {
				q[i] = (q[i] - ' ') & 63
			} else {
				q[i] = 0 // trailing spaces get lost on the way
			}
		}
		out = append(out, q[0]<<2|q[1]>>4, q[1]<<4|q[2]>>2, q[2]<<6|q[3])
	}
	u.out = out[:min(want, len(out))]
}

// encodeUU writes a blob in lines.
func encodeUU(ctx context.Context, dst io.Writer, b scan.Blob, brk string) error {
	var in [uuLine]byte
	r := newReader(b)
	for {
		n, err := io.ReadFull(r, in[:])
		if n == 0 || ctx.Err() != nil {
			return ctx.Err()
		}
		line := []byte{uuChar(byte(n))} //nolint:gosec // at most uuLine
		clear(in[n:])
		for i := 0; i < n; i += 3 {
			a, b, c := in[i], in[i+1], in[i+2]
			line = append(line, uuChar(a>>2), uuChar(a<<4&63|b>>4), uuChar(b<<2&63|c>>6), uuChar(c&63))
		}
		if _, werr := dst.Write(append(line, brk...)); werr != nil {
			return werr
		}
		if err != nil {
			return nil //nolint:nilerr // the end of the blob
		}
	}
}

func uuChar(v byte) byte {
	if v == 0 {
		return '`'
	}
	return v + ' '
}
