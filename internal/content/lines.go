package content

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"

	"icapd/scan"
)

// ndjsonFormat is a stream of JSON texts, one a line (NDJSON, JSON Lines) or each behind a record separator
// (RFC 7464). The path of a field is the number of its line, from 0, and the JSON Pointer in it.
type ndjsonFormat struct{}

// sseFormat is a stream of server-sent events. Data that is JSON has fields of its own, with the path
// "/EVENT/data" and the JSON Pointer in it; other lines are one field each, "/EVENT/NAME".
type sseFormat struct{}

// lineDoc is one line of a document, without its end.
type lineDoc struct {
	index      int
	start, end int
}

// eachLine calls f for every line that is not blank.
func eachLine(ctx context.Context, data []byte, f func(l lineDoc) (bool, error)) error {
	return linesBy(ctx, data, lineEnd, f)
}

// eventLineEnd returns the position behind the end of the line at pos, which CR ends, too (WHATWG HTML, section 9.2.5).
func eventLineEnd(p []byte, pos int) int {
	i := bytes.IndexAny(p[pos:], "\r\n")
	if i < 0 {
		return len(p)
	}
	if i += pos + 1; p[i-1] == '\r' && i < len(p) && p[i] == '\n' {
		i++
	}
	return i
}

// linesBy is eachLine where next says where lines end.
func linesBy(ctx context.Context, data []byte, next func(p []byte, pos int) int, f func(l lineDoc) (bool, error)) error {
	index := 0
	for pos := 0; pos < len(data); {
		if index%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		behind := next(data, pos)
		end := behind
		for end > pos && (data[end-1] == '\n' || data[end-1] == '\r') {
			end--
		}
		if !blank(data[pos:end]) {
			if more, err := f(lineDoc{index, pos, end}); err != nil || !more {
				return err
			}
			index++
		}
		pos = behind
	}
	return nil
}

// recordStart skips the record separator of RFC 7464, and a byte order mark in front of all.
func recordStart(data []byte, l lineDoc) int {
	start := l.start
	if start == 0 && bytes.HasPrefix(data, bom) {
		start = min(len(bom), l.end)
	}
	if start < l.end && data[start] == 0x1e {
		start++
	}
	return start
}

func (ndjsonFormat) fields(ctx context.Context, d doc, yield func(*scan.Field) bool) error {
	var broken error
	var prefix []byte // of the paths in a line, which are asked for while it is read
	w := newJSONWalk(ctx, d, yield)
	defer w.let()
	err := eachLine(ctx, d.data, func(l lineDoc) (bool, error) {
		start := recordStart(d.data, l)
		prefix = strconv.AppendInt(append(prefix[:0], '/'), int64(l.index), 10)
		w.reset(d.data[start:l.end], start, d.nesting, prefix)
		more, err := w.run()
		if err != nil && broken == nil {
			broken = err // the lines behind it are read all the same
		}
		return more, ctx.Err()
	})
	if err != nil {
		return err
	}
	return broken
}

// reset makes a walk ready for another text.
func (w *jsonWalk) reset(data []byte, base, nesting int, prefix []byte) {
	w.r = jsonReader{data: data, base: base, nesting: nesting, prefix: prefix, stack: w.r.stack[:0]}
	w.keys.hashes = w.keys.hashes[:0]
}

// editPart edits one JSON text inside of a document, with those of the edits that stand in it.
func editPart(ctx context.Context, d doc, start, end int, edits []scan.Edit) (patches []patch, rest []scan.Edit, err error) {
	n := 0
	for n < len(edits) && edits[n].Span.End <= int64(end) {
		n++
	}
	if n == 0 {
		return nil, edits, nil
	}
	e := jsonEditor{edits: edits[:n], r: jsonReader{data: d.data[start:end], base: start, nesting: d.nesting}}
	patches, err = e.run(ctx)
	return patches, edits[n:], err
}

func (ndjsonFormat) edits(ctx context.Context, d doc, edits []scan.Edit) (patches []patch, err error) {
	err = eachLine(ctx, d.data, func(l lineDoc) (bool, error) {
		more, rest, err := editPart(ctx, d, recordStart(d.data, l), l.end, edits)
		patches, edits = append(patches, more...), rest
		return len(edits) > 0, err
	})
	return patches, err
}

func (ndjsonFormat) rawRange(raw []byte, from, to int) (int, int) {
	return jsonFormat{}.rawRange(raw, from, to)
}

func (ndjsonFormat) style(raw []byte, w io.Writer) io.Writer { return jsonFormat{}.style(raw, w) }

// sseAt is the Locator of a line of an event.
type sseAt struct {
	event int
	name  string
}

// AppendPath implements scan.Locator.
func (s *sseAt) AppendPath(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, '/'), int64(s.event), 10)
	return appendPointer(append(dst, '/'), []byte(s.name))
}

// sseLine is one line of a stream of events (WHATWG HTML, section 9.2).
type sseLine struct {
	name       string
	event      int
	start, end int // of the value
	json       bool
}

// eachSSE calls f for every line that says something.
func eachSSE(ctx context.Context, data []byte, f func(l sseLine) (bool, error)) error {
	event, last := 0, 0
	return linesBy(ctx, data, eventLineEnd, func(l lineDoc) (bool, error) {
		if l.index > 0 && breaks(data[last:l.start]) > 1 { // a blank line between
			event++
		}
		last = l.end
		line := data[l.start:l.end]
		s := sseLine{event: event, start: l.end, end: l.end}
		colon := bytes.IndexByte(line, ':')
		if colon < 0 {
			s.name = string(line[:min(len(line), maxName)])
			s.start = l.start
			return f(s)
		}
		s.name = string(line[:min(colon, maxName)])
		s.start = l.start + colon + 1
		if s.start < l.end && data[s.start] == ' ' {
			s.start++
		}
		s.json = s.name == "data" && looksJSONText(data[s.start:s.end])
		return f(s)
	})
}

// breaks counts line ends of any kind.
func breaks(p []byte) int {
	return bytes.Count(p, []byte{'\n'}) + bytes.Count(p, []byte{'\r'}) - bytes.Count(p, []byte("\r\n"))
}

// looksJSONText reports whether a line is a JSON array or object as a whole.
func looksJSONText(p []byte) bool {
	p = bytes.TrimSpace(p)
	return len(p) >= 2 && ((p[0] == '{' && p[len(p)-1] == '}') || (p[0] == '[' && p[len(p)-1] == ']'))
}

func (sseFormat) fields(ctx context.Context, d doc, yield func(*scan.Field) bool) error {
	at := &sseAt{}
	f := scan.Field{At: at}
	w := newJSONWalk(ctx, d, yield)
	defer w.let()
	whole := sseWhole{d: d}
	err := eachSSE(ctx, d.data, func(l sseLine) (bool, error) {
		if d.join != nil && !whole.line(l) {
			return false, nil
		}
		at.event, at.name = l.event, l.name
		if l.json {
			w.reset(d.data[l.start:l.end], l.start, d.nesting, at.AppendPath(nil))
			more, err := w.run()
			var gap *scan.Gap
			if errors.As(err, &gap) && gap.Reason == scan.ReasonCorrupt {
				err = nil // it only looked like JSON, and was handed over as text
			}
			return more, err
		}
		f.Kind = scan.KindString
		if l.name == "" {
			f.Kind, at.name = scan.KindComment, "comment"
		}
		f.Value = d.data[l.start:l.end]
		f.Span = scan.Span{Start: int64(l.start), End: int64(l.end)}
		return len(f.Value) == 0 || yield(&f), nil
	})
	if err == nil && d.join != nil {
		whole.flush()
		err = whole.whole.err()
	}
	return err
}

// sseWhole puts the lines of data of one event together, as its consumers see them.
type sseWhole struct {
	d     doc
	event int
	first sseLine
	whole joined
}

// line takes a line and reports whether the walk goes on.
func (s *sseWhole) line(l sseLine) bool {
	more := true
	if l.event != s.event {
		more = s.flush()
		s.event = l.event
	}
	if l.name != "data" {
		return more
	}
	if s.whole.pieces == 0 {
		s.first = l
	}
	if s.whole.pieces == 1 {
		s.whole.add(s.d.data[s.first.start:s.first.end])
	}
	if s.whole.pieces++; s.whole.pieces > 1 {
		s.whole.add([]byte{'\n'})
		s.whole.add(s.d.data[l.start:l.end])
	}
	s.whole.end = int64(l.end)
	return more
}

func (s *sseWhole) flush() bool {
	return s.whole.flush(s.d, fixedAt((&sseAt{s.event, "data"}).AppendPath(nil)), int64(s.first.start))
}

func (sseFormat) edits(ctx context.Context, d doc, edits []scan.Edit) (patches []patch, err error) {
	err = eachSSE(ctx, d.data, func(l sseLine) (bool, error) {
		if len(edits) == 0 || edits[0].Span.Start >= int64(l.end) {
			return len(edits) > 0, nil
		}
		if l.json {
			more, rest, err := editPart(ctx, d, l.start, l.end, edits)
			patches, edits = append(patches, more...), rest
			return len(edits) > 0, err
		}
		patches = append(patches, oneLine(rawEdits(edits[:1]))...)
		edits = edits[1:]
		return len(edits) > 0, nil
	})
	if err == nil && len(edits) > 0 {
		err = errEdit
	}
	return patches, err
}

// oneLine keeps new values from breaking the line that they stand in.
func oneLine(patches []patch) []patch {
	for i := range patches {
		if b, ok := patches[i].with.(scan.Bytes); ok {
			for j, c := range b {
				if c == '\n' || c == '\r' || c == 0 {
					b[j] = ' '
				}
			}
		}
	}
	return patches
}

func (sseFormat) rawRange(raw []byte, from, to int) (int, int) {
	return jsonFormat{}.rawRange(raw, from, to)
}

func (sseFormat) style(raw []byte, w io.Writer) io.Writer { return jsonFormat{}.style(raw, w) }

// lineEnd returns the position behind the end of the line at pos.
func lineEnd(p []byte, pos int) int {
	if i := bytes.IndexByte(p[pos:], '\n'); i >= 0 {
		return pos + i + 1
	}
	return len(p)
}
