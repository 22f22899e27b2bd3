package content

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"icapd/scan"
)

// csvFormat is a table of values with a delimiter (RFC 4180). Paths are "/ROW/COLUMN", from 0.
type csvFormat struct {
	tab   bool
	guess bool // nobody says that it is a table
}

// csvAt is the Locator of a cell.
type csvAt struct{ row, col int }

// AppendPath implements scan.Locator.
func (c *csvAt) AppendPath(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, '/'), int64(c.row), 10)
	return strconv.AppendInt(append(dst, '/'), int64(c.col), 10)
}

// csvReader reads cell by cell.
type csvReader struct {
	data  []byte
	delim byte
	pos   int
	at    csvAt
	fresh bool // the next cell begins a row

	start, end int // of the cell, quotes included
	quoted     bool
}

// delimiter returns the delimiter of a table: the one that its first line has most of.
func (f csvFormat) delimiter(data []byte) byte {
	if f.tab {
		return '\t'
	}
	line := data[:min(lineEnd(data, 0), sniffBytes, len(data))]
	best, most := byte(','), bytes.Count(line, []byte{','})
	for _, c := range []byte{';', '\t', '|'} {
		if n := bytes.Count(line, []byte{c}); n > most {
			best, most = c, n
		}
	}
	return best
}

func (f csvFormat) reader(data []byte) csvReader {
	r := csvReader{data: data, delim: f.delimiter(data), at: csvAt{col: -1}}
	if bytes.HasPrefix(data, bom) {
		r.pos = len(bom)
	}
	return r
}

// next reads a cell and reports whether there was one.
func (r *csvReader) next() bool {
	if r.pos >= len(r.data) {
		return false
	}
	if r.fresh {
		r.at.row++
		r.at.col, r.fresh = -1, false
	}
	r.at.col++
	r.start, r.quoted = r.pos, r.data[r.pos] == '"'
	if r.quoted {
		r.end = r.quotedEnd()
	} else {
		r.end = r.start
	}
	for r.end < len(r.data) && r.data[r.end] != r.delim && r.data[r.end] != '\n' {
		r.end++ // behind a closing quote it belongs to the cell, as lenient readers have it
	}
	r.pos = r.end + 1
	if r.end < len(r.data) && r.data[r.end] == '\n' {
		r.fresh = true
		if r.end > r.start && r.data[r.end-1] == '\r' {
			r.end--
		}
	}
	return true
}

func (r *csvReader) quotedEnd() int {
	for i := r.start + 1; i < len(r.data); i++ {
		if r.data[i] != '"' {
			continue
		}
		if i+1 < len(r.data) && r.data[i+1] == '"' {
			i++
			continue
		}
		return i + 1
	}
	return len(r.data)
}

// value decodes the cell.
func (r *csvReader) value(buf []byte) (value, again []byte) {
	raw := r.data[r.start:r.end]
	if !r.quoted || len(raw) < 2 || raw[len(raw)-1] != '"' {
		return raw, buf
	}
	raw = raw[1 : len(raw)-1]
	if bytes.IndexByte(raw, '"') < 0 {
		return raw, buf
	}
	buf = buf[:0]
	for i := 0; i < len(raw); i++ {
		buf = append(buf, raw[i])
		if raw[i] == '"' && i+1 < len(raw) && raw[i+1] == '"' {
			i++
		}
	}
	return buf, buf
}

func (f csvFormat) fields(ctx context.Context, d doc, yield func(*scan.Field) bool) error {
	r := f.reader(d.data)
	fl := scan.Field{Kind: scan.KindString, At: &r.at}
	var buf []byte
	for n := 0; r.next(); n++ {
		if n%tokensPerCheck == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if r.start == r.end {
			continue
		}
		fl.Value, buf = r.value(buf)
		fl.Span = scan.Span{Start: int64(r.start), End: int64(r.end)}
		if !yield(&fl) {
			return nil
		}
	}
	if f.guess {
		return whole(ctx, d, yield)
	}
	return nil
}

// edits implements fielder. A cell that is dropped becomes empty: the other columns must not move.
func (f csvFormat) edits(ctx context.Context, d doc, edits []scan.Edit) ([]patch, error) {
	r := f.reader(d.data)
	var patches []patch
	for n := 0; len(edits) > 0 && r.next(); n++ {
		if n%tokensPerCheck == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		e := &edits[0]
		if e.Span.Start != int64(r.start) || e.Span.End != int64(r.end) {
			continue
		}
		p := patch{start: e.Span.Start, end: e.Span.End}
		if e.Op == scan.EditSet {
			p.with = scan.Bytes(r.quote(e.Value))
		}
		patches, edits = append(patches, p), edits[1:]
	}
	if len(edits) > 0 {
		return nil, fmt.Errorf("%w: bytes %d to %d", errEdit, edits[0].Span.Start, edits[0].Span.End)
	}
	return patches, nil
}

// quote writes a value for the current cell.
func (r *csvReader) quote(value []byte) []byte {
	if !r.quoted && bytes.IndexByte(value, r.delim) < 0 && !bytes.ContainsAny(value, "\"\r\n") {
		return slices.Clone(value)
	}
	out := append([]byte{'"'}, bytes.ReplaceAll(value, []byte{'"'}, []byte(`""`))...)
	return append(out, '"')
}

// rawRange implements fielder.
func (csvFormat) rawRange(raw []byte, from, to int) (int, int) {
	return refRange(raw, 1, from, to, func(p []byte) (int, int) {
		if len(p) > 1 && p[0] == '"' && p[1] == '"' {
			return 1, 2
		}
		return 0, 0
	})
}

// style implements fielder.
func (csvFormat) style(_ []byte, w io.Writer) io.Writer { return w }
