package content

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strconv"

	"icapd/scan"
)

// textFormat is plain text. A short text is one field; a long one is cut at line ends into pieces, which are
// named by the number of their first line.
type textFormat struct{}

// textPiece is the size up to which text is one field.
const textPiece = 64 << 10

// lineAt is the Locator of a piece of text: "" for a whole, else "/LINE", counted from 1.
type lineAt int

// AppendPath implements scan.Locator.
func (l *lineAt) AppendPath(dst []byte) []byte {
	if *l == 0 {
		return dst
	}
	return strconv.AppendInt(append(dst, '/'), int64(*l), 10)
}

func (textFormat) fields(ctx context.Context, d doc, yield func(*scan.Field) bool) error {
	at := new(lineAt)
	f := scan.Field{Kind: scan.KindText, At: at}
	piece := textPiece
	if d.report != nil {
		piece = max(1, len(d.data)) // the search for embedded content must not be misled by the cuts
	}
	if len(d.data) > piece {
		*at = 1
	}
	block, encoded := textBlock{}, false
	if d.report == nil && len(d.data) >= minReadable { // files in the text are items of their own: how they are encoded is nothing that is read
		if block, encoded = nextBlock(d.data, 0); encoded {
			*at = 1
		}
	}
	for pos := 0; pos < len(d.data); {
		if err := ctx.Err(); err != nil {
			return err
		}
		if encoded && pos == block.start {
			if pos = max(block.end, block.from); *at > 0 {
				*at += lineAt(bytes.Count(d.data[block.start:pos], []byte{'\n'}))
			}
			block, encoded = nextBlock(d.data, pos)
			continue
		}
		end := pos + textEnd(d.data[pos:], piece)
		if encoded {
			end = min(end, block.start)
		}
		f.Value = d.data[pos:end]
		f.Span = scan.Span{Start: int64(pos), End: int64(end)}
		if !yield(&f) {
			return nil
		}
		if *at > 0 {
			*at += lineAt(bytes.Count(f.Value, []byte{'\n'}))
		}
		pos = end
	}
	return nil
}

// textEnd returns how long the next piece is: at least a quarter of piece if there is more.
func textEnd(p []byte, piece int) int {
	if len(p) <= piece {
		return len(p)
	}
	if i := bytes.LastIndexByte(p[piece/4:piece], '\n'); i >= 0 {
		return piece/4 + i + 1
	}
	return piece
}

// edits implements fielder. Text has no null: the field becomes empty.
func (textFormat) edits(_ context.Context, _ doc, edits []scan.Edit) ([]patch, error) {
	return rawEdits(edits), nil
}

// rawEdits writes values as they are.
func rawEdits(edits []scan.Edit) []patch {
	patches := make([]patch, 0, len(edits))
	for i := range edits {
		p := patch{start: edits[i].Span.Start, end: edits[i].Span.End}
		if edits[i].Op == scan.EditSet {
			p.with = scan.Bytes(slices.Clone(edits[i].Value))
		}
		patches = append(patches, p)
	}
	return patches
}

// rawRange implements fielder: values stand as they are.
func (textFormat) rawRange(_ []byte, from, to int) (int, int) { return from, to }

// style implements fielder.
func (textFormat) style(_ []byte, w io.Writer) io.Writer { return w }
