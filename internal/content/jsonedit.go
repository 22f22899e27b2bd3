package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"icapd/scan"
)

// errEdit is an edit that names no field of the document.
var errEdit = errors.New("edit does not name a field")

// jsonMember is an element of an array or a member of an object, as an edit needs it.
type jsonMember struct {
	start int // of the key, or of the element
	comma int // the comma before it, -1 if it is the first
	drop  bool
}

// jsonEditor walks a document beside its edits and collects patches.
type jsonEditor struct {
	r       jsonReader
	edits   []scan.Edit // sorted by span
	patches []patch
	members []jsonMember // the current one of every open container
	kept    []bool       // whether an earlier member of that container stays
}

// edits implements fielder.
func (jsonFormat) edits(ctx context.Context, d doc, edits []scan.Edit) ([]patch, error) {
	from, to := jsonBody(d.data)
	e := jsonEditor{edits: edits}
	e.r = jsonReader{data: d.data[from:to], base: from, nesting: d.nesting}
	return e.run(ctx)
}

func (e *jsonEditor) run(ctx context.Context) ([]patch, error) {
	r := &e.r
	for n := 0; len(e.edits) > 0 || e.dropping(); n++ {
		if n%tokensPerCheck == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		depth := len(r.stack)
		tok, err := r.next()
		if err != nil {
			return e.rest(err)
		}
		switch tok {
		case jsonEnd:
			return nil, fmt.Errorf("%w: bytes %d to %d", errEdit, e.edits[0].Span.Start, e.edits[0].Span.End)
		case jsonOpen:
			e.begin(depth, r.start, r.comma)
			e.members[depth+1], e.kept[depth+1] = jsonMember{}, false
		case jsonClose:
			e.ended(len(r.stack))
		case jsonKey:
			e.members[depth] = jsonMember{start: r.start, comma: r.comma}
			e.key(depth)
		case jsonString, jsonNumber, jsonLiteral:
			e.begin(depth, r.start, r.comma)
			e.scalar(depth, tok)
			e.ended(depth)
		}
	}
	return e.patches, nil
}

// dropping reports whether a member that goes is still open.
func (e *jsonEditor) dropping() bool {
	for i := range e.members[:min(len(e.members), len(e.r.stack)+1)] {
		if e.members[i].drop {
			return true
		}
	}
	return false
}

// begin notes where a value begins, unless a key did.
func (e *jsonEditor) begin(depth, start, comma int) {
	for len(e.members) <= depth+1 {
		e.members, e.kept = append(e.members, jsonMember{}), append(e.kept, false)
	}
	if depth == 0 || !e.r.stack[depth-1].object {
		e.members[depth] = jsonMember{start: start, comma: comma}
	}
}

// take returns the edit of the current token, if there is one.
func (e *jsonEditor) take() *scan.Edit {
	if len(e.edits) == 0 {
		return nil
	}
	if s := e.edits[0].Span; s.Start != int64(e.r.base+e.r.start) || s.End != int64(e.r.base+e.r.end) {
		return nil
	}
	edit := &e.edits[0]
	e.edits = e.edits[1:]
	return edit
}

func (e *jsonEditor) key(depth int) {
	edit := e.take()
	if edit == nil {
		return
	}
	switch edit.Op {
	case scan.EditDrop:
		e.members[depth].drop = true
	case scan.EditNull:
		e.put([]byte(`""`))
	case scan.EditSet:
		e.put(appendQuoted(nil, edit.Value, e.r.data[e.r.start:e.r.end]))
	}
}

func (e *jsonEditor) scalar(depth int, tok jsonToken) {
	edit := e.take()
	if edit == nil {
		return
	}
	switch edit.Op {
	case scan.EditDrop:
		if depth == 0 {
			e.put([]byte("null")) // a document cannot be without its value
			return
		}
		e.members[depth].drop = true
	case scan.EditNull:
		e.put([]byte("null"))
	case scan.EditSet:
		if tok != jsonString && isJSONScalar(edit.Value) {
			e.put(edit.Value)
			return
		}
		e.put(appendQuoted(nil, edit.Value, e.r.data[e.r.start:e.r.end]))
	}
}

func (e *jsonEditor) put(with []byte) {
	if e.hidden() {
		return
	}
	e.patches = append(e.patches, patch{
		start: int64(e.r.base + e.r.start), end: int64(e.r.base + e.r.end), with: scan.Bytes(slices.Clone(with)),
	})
}

// hidden reports whether what is written now stands in a member that goes anyway.
func (e *jsonEditor) hidden() bool { return e.dropping() }

// ended closes the member that ends at the last token. A member that goes takes a comma with it: the one
// before it if something before it stays, else the one behind it.
func (e *jsonEditor) ended(depth int) {
	m := e.members[depth]
	if !m.drop {
		e.kept[depth] = true
		return
	}
	e.members[depth].drop = false
	if e.hidden() {
		return
	}
	r := &e.r
	from, to := m.start, r.end
	if e.kept[depth] {
		from = m.comma
	} else if i := afterSpace(r.data, to); i < len(r.data) && r.data[i] == ',' {
		to = afterSpace(r.data, i+1)
	}
	for n := len(e.patches); n > 0 && e.patches[n-1].start >= int64(r.base+m.start); n-- {
		e.patches = e.patches[:n-1] // what was written into the member goes with it
	}
	e.patches = append(e.patches, patch{start: int64(r.base + from), end: int64(r.base + to)})
}

// rest handles edits of what could not be read as JSON and was yielded as text. If a member goes and its value cannot
// be read to its end, nobody can say where it ends: all that follows goes with it.
func (e *jsonEditor) rest(err error) ([]patch, error) {
	r := &e.r
	r.end = len(r.data)
	edit := e.take()
	if len(e.edits) > 0 {
		return nil, err
	}
	if i := slices.IndexFunc(e.members[:min(len(e.members), len(r.stack)+1)], func(m jsonMember) bool { return m.drop }); i >= 0 {
		from := int64(r.base + e.members[i].start)
		for n := len(e.patches); n > 0 && e.patches[n-1].start >= from; n-- {
			e.patches = e.patches[:n-1]
		}
		return append(e.patches, patch{start: from, end: int64(r.base + r.end)}), nil
	}
	if edit == nil {
		return nil, err
	}
	p := patch{start: edit.Span.Start, end: edit.Span.End}
	if edit.Op == scan.EditSet {
		p.with = scan.Bytes(slices.Clone(edit.Value))
	}
	return append(e.patches, p), nil
}

func afterSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

// isJSONScalar reports whether p is a number or literal as JSON writes it.
func isJSONScalar(p []byte) bool {
	r := jsonReader{data: p}
	tok, err := r.next()
	return err == nil && (tok == jsonNumber || tok == jsonLiteral) && r.start == 0 && r.end == len(p)
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends value as a JSON string. Slashes and characters above 0x7f are escaped where the string
// that it replaces did so. What is not UTF-8 becomes U+FFFD.
func appendQuoted(dst, value, old []byte) []byte {
	slash := bytes.Contains(old, []byte(`\/`))
	ascii := bytes.Contains(old, []byte(`\u`)) && !hasHigh(old)
	dst = append(dst, '"')
	for i := 0; i < len(value); {
		c := value[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(value[i:])
			if ascii {
				dst = appendUnicode(dst, r)
			} else {
				dst = utf8.AppendRune(dst, r)
			}
			i += size
			continue
		}
		i++
		switch {
		case c == '"' || c == '\\' || (c == '/' && slash):
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < 0x20 || c == 0x7f:
			dst = appendUnicode(dst, rune(c))
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

func hasHigh(p []byte) bool {
	for _, c := range p {
		if c >= utf8.RuneSelf {
			return true
		}
	}
	return false
}

func appendUnicode(dst []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		return appendUnicode(appendUnicode(dst, 0xd800+r>>10), 0xdc00+r&0x3ff)
	}
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
