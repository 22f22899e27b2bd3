package content

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"strings"

	"icapd/internal/pattern"
	"icapd/scan"
)

// uuBegin is the first line of a uuencoded file (POSIX uuencode).
var uuBegin = pattern.MustCompile(`^begin ([0-7]{3,7}) ([^\r\n]{0,1000})\r?\n`)

// uuLine is how many bytes a line carries.
const uuLine = 45

// textBlock is a file that stands encoded in the lines of a text, with the lines that say so.
type textBlock struct {
	start, end int // of all
	from, to   int // of the lines with data
	name       string
	mode       string // of uuencode
	yenc       bool
	piece      bool // it is one of several pieces
}

// nextBlock finds the next file that is encoded by uuencode or yEnc at or behind pos.
func nextBlock(v []byte, pos int) (b textBlock, ok bool) {
	for pos < len(v) {
		i := bytes.Index(v[pos:], []byte("begin "))
		if i < 0 {
			break
		}
		at := pos + i
		for at > pos && v[at-1] != '\n' {
			at--
		}
		next := lineEnd(v, at)
		if b, ok = uuBlock(v, at, next); ok {
			return b, true
		}
		if b, ok = yencBlock(v, at, next); ok {
			return b, true
		}
		pos = max(next, pos+i+1)
	}
	return textBlock{}, false
}

// uuBlock reads a block whose first line is that from at to next.
func uuBlock(v []byte, at, next int) (b textBlock, ok bool) {
	m := uuBegin.FindSubmatchIndex(v[at:next])
	if m == nil || m[0] != 0 {
		return b, false
	}
	b = textBlock{start: at, from: next, mode: string(v[at+m[2] : at+m[3]]), name: entryName(string(v[at+m[4] : at+m[5]]))}
	b.to, ok = uuEnd(v, next)
	b.end = b.to
	return b, ok || uuWhole(v[b.from:b.to])
}

// encodedFiles takes in the files of a value that uuencode and yEnc have encoded. They can be put back where it stands as it is.
func (w *walk) encodedFiles(n *node, fl *scan.Field, asIs bool) (taken []scan.Span, err error) {
	v := fl.Value
	for pos, count := 0, 1; ; count++ {
		b, ok := nextBlock(v, pos)
		if !ok {
			return taken, nil
		}
		pos = max(b.end, b.from)
		kind := "uu"
		if b.yenc {
			kind = "yenc"
		}
		seg := segment(b.name) + "(" + kind + ")"
		if count > 1 {
			seg = segment(b.name) + "(" + kind + ":" + strconv.Itoa(count) + ")"
		}
		if err := w.enter(n, seg); err != nil {
			if err = skipped(err); err != nil {
				return taken, err
			}
			continue
		}
		c := child{segment: seg, name: lastElem(b.name)}
		if asIs && !b.piece {
			c.ref = b.ref(fl, v)
		}
		r := io.Reader(&uuReader{p: v[b.from:b.to]})
		if b.yenc {
			r = &yencReader{p: v[b.from:b.to]}
		}
		if err := w.unpack(n, c, r, nil); err != nil {
			return taken, err
		}
		taken = append(taken, scan.Span{Start: int64(b.start), End: int64(b.end)})
	}
}

// ref is the block's place in a field.
func (b *textBlock) ref(fl *scan.Field, v []byte) embedded {
	ref := embedded{field: fl.Span, coding: coding{uu: !b.yenc, yenc: b.yenc, brk: "\n", fileName: b.name, fileMode: b.mode}}
	if bytes.HasSuffix(v[b.start:b.from], []byte("\r\n")) {
		ref.brk = "\r\n"
	}
	ref.span = scan.Span{Start: fl.Span.Start + int64(b.start), End: fl.Span.Start + int64(b.end)}
	return ref
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

// encodeUU writes a blob in lines, behind the line that names it.
func encodeUU(ctx context.Context, dst io.Writer, b scan.Blob, c coding) error {
	brk := c.brk
	if _, err := io.WriteString(dst, "begin "+c.fileMode+" "+lineName(c.fileName)+brk); err != nil {
		return err
	}
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

// lineName makes a name that ends with its line.
func lineName(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, name)
}
