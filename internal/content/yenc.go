package content

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"

	"icapd/internal/pattern"
	"icapd/scan"
)

// yencBegin is the first line of a file that is encoded by yEnc (yEnc draft 1.3, "Format description").
var yencBegin = pattern.MustCompile(`^=ybegin (?:[^\r\n]{0,300} )?name=([^\r\n]{0,1000})\r?\n`)

// yencLine is how many bytes a line carries, but for escapes.
const yencLine = 128

// yencBlock reads a block whose first line is that from at to next.
func yencBlock(v []byte, at, next int) (b textBlock, ok bool) {
	m := yencBegin.FindSubmatchIndex(v[at:next])
	if m == nil {
		return b, false
	}
	b = textBlock{start: at, from: next, yenc: true, name: entryName(string(bytes.TrimSpace(v[at+m[2] : at+m[3]])))}
	if bytes.HasPrefix(v[b.from:], []byte("=ypart ")) {
		b.piece, b.from = true, lineEnd(v, b.from)
	}
	for b.to = b.from; b.to < len(v) && !bytes.HasPrefix(v[b.to:], []byte("=yend")); {
		b.to = lineEnd(v, b.to)
	}
	b.end = lineEnd(v, b.to)
	return b, b.to > b.from
}

// isYencText reports whether a file that is encoded by yEnc begins in what is not text else.
func isYencText(head []byte) bool {
	b, ok := nextBlock(head, 0)
	return ok && b.yenc
}

// yencReader decodes lines.
type yencReader struct {
	p       []byte
	escaped bool
}

// Read implements io.Reader.
func (y *yencReader) Read(dst []byte) (int, error) {
	n := 0
	for ; n < len(dst) && len(y.p) > 0; y.p = y.p[1:] {
		c := y.p[0]
		switch {
		case c == '\r' || c == '\n':
		case c == '=' && !y.escaped:
			y.escaped = true
		default:
			if y.escaped {
				c -= 64
			}
			dst[n] = c - 42
			n++
			y.escaped = false
		}
	}
	if n == 0 && len(dst) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// encodeYenc writes a blob in lines, between those that name it.
func encodeYenc(ctx context.Context, dst io.Writer, b scan.Blob, c coding) error {
	sum := crc32.NewIEEE()
	if _, err := fmt.Fprintf(dst, "=ybegin line=%d size=%d name=%s%s", yencLine, b.Size(), lineName(c.fileName), c.brk); err != nil {
		return err
	}
	var in [yencLine]byte
	for r := newReader(b); ; {
		n, err := io.ReadFull(r, in[:])
		if n == 0 || ctx.Err() != nil {
			break
		}
		sum.Write(in[:n])
		line := make([]byte, 0, 2*yencLine+2)
		for i, v := range in[:n] {
			switch v += 42; {
			case v == 0 || v == '\r' || v == '\n' || v == '=', v == '.' && i == 0, (v == '\t' || v == ' ') && (i == 0 || i == n-1):
				line = append(line, '=', v+64)
			default:
				line = append(line, v)
			}
		}
		if _, werr := dst.Write(append(line, c.brk...)); werr != nil {
			return werr
		}
		if err != nil {
			break // the end of the blob
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(dst, "=yend size=%d crc32=%08x%s", b.Size(), sum.Sum32(), c.brk)
	return err
}

// yencFormat is a file that says that it is yEnc.
type yencFormat struct{}

func (yencFormat) open(w *walk, n *node) error {
	data, err := n.item.Blob.Bytes()
	if err != nil {
		return err
	}
	fl := &scan.Field{Kind: scan.KindText, At: new(lineAt), Value: data, Span: scan.Span{End: int64(len(data))}}
	taken, err := w.encodedFiles(n, fl, true)
	if err == nil && len(taken) == 0 {
		err = &scan.Gap{Reason: scan.ReasonCorrupt, Err: errHeader}
	}
	return err
}

// patches implements splicer.
func (yencFormat) patches(ctx context.Context, t *Tree, n *node) (out []patch, err error) {
	d, err := t.doc(n.item, n.item.Blob)
	if err != nil {
		return nil, err
	}
	for _, k := range n.kids {
		ref, ok := k.ref.(embedded)
		if !k.changed {
			continue
		}
		if !ok {
			return nil, &RebuildError{Path: k.item.Path, Type: k.item.Type}
		}
		p, err := t.embedPatch(ctx, textFormat{}, d, k, ref)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}
