package content

import (
	"bytes"
	"cmp"
	"context"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"icapd/internal/body"
	"icapd/scan"
)

// Sizes, in encoded characters, from which on text in a field is taken for something embedded. From minEmbedded
// on it must be of a known binary type, from minReadable on it may be readable text, and long ones always
// count: identifiers and page cursors of APIs look like base64 too. Injections in shorter text are found by
// who looks at the fields.
const (
	minEmbedded = 24
	minReadable = 64
	sureBase64  = 160
	sureHex     = 256
)

// embedded is a child's place in a field.
type embedded struct {
	span  scan.Span // the encoded text in the parent's bytes
	field scan.Span // the field
	coding
}

// openFields walks the fields of a structured item once and takes in what is embedded in them.
func (w *walk) openFields(n *node, f fielder) error {
	d, err := w.t.doc(n.item, n.item.Blob)
	if err != nil {
		return err
	}
	d.report = func(h hazard) {
		field := ""
		if h.at != nil && len(w.t.findings) < maxHazards {
			field = string(h.at.AppendPath(nil))
		}
		w.t.hazard(n, h, field)
	}
	var stop error
	r := revealed{t: w.t}
	d.join = func(fl *scan.Field) bool {
		j := d
		j.joined = true
		if len(fl.Value) >= minEmbedded {
			r.add(j, fl)
			stop = w.embedded(n, f, j, fl)
		}
		return stop == nil
	}
	err = f.fields(w.ctx, d, func(fl *scan.Field) bool {
		if len(fl.Value) >= minEmbedded && fl.Kind != scan.KindNumber {
			r.add(d, fl)
			stop = w.embedded(n, f, d, fl)
		}
		return stop == nil
	})
	if stop != nil {
		return stop
	}
	if err := w.fail(n.item.Path, r.show(w, n)); err != nil {
		return err
	}
	switch f.(type) {
	case jsonFormat, ndjsonFormat, textFormat, htmlFormat, xmlFormat, yamlFormat, csvFormat:
		if stop := w.fail(n.item.Path, w.numbers(n, d.data)); stop != nil {
			return stop
		}
	}
	return err
}

// maxHazards bounds the hazards of one tree, but for the first of each kind: a hostile document can have one in every byte.
const maxHazards = 1000

// hazardKind is what one finding has in common with others.
type hazardKind struct {
	rule     string
	severity scan.Severity
}

func (t *Tree) hazard(n *node, h hazard, field string) {
	kind := hazardKind{h.rule, h.severity}
	if len(t.findings) < maxHazards || !t.hazards[kind] { // the first of each kind is never left out
		if t.hazards == nil {
			t.hazards = map[hazardKind]bool{}
		}
		t.hazards[kind] = true
		t.finding(n, h.rule, h.detail, h.severity, h.span, field)
	}
}

// embedded takes in what one field has inside.
func (w *walk) embedded(n *node, f fielder, d doc, fl *scan.Field) error {
	v := fl.Value
	if _, ok := f.(lengthed); ok && (d.joined || !utf8.Valid(v) || hasControls(v) || knownMagic(v)) { // many archives are ASCII
		return w.embed(n, f, d, fl, embedding{to: len(v), coding: coding{bytes: true}})
	}
	if isMarkedHex(v) {
		return w.runs(n, f, d, fl, nil)
	}
	if c, ok := separatedHex(v); ok {
		return w.embed(n, f, d, fl, embedding{to: len(v), coding: c})
	}
	if _, ok := f.(formFormat); ok && (knownMagic(v) || !utf8.Valid(v)) {
		return w.embed(n, f, d, fl, embedding{to: len(v), coding: coding{bytes: true, percent: true}})
	}
	if isBase32(bytes.TrimSpace(v)) {
		return w.rarely(n, d, fl)
	}
	if c, ok := findCoding(v); ok {
		return w.embed(n, f, d, fl, embedding{from: leadingSpace(v), to: len(v) - len(c.end), coding: c})
	}
	if err := w.rarely(n, d, fl); err != nil {
		return err
	}
	inQueries, err := w.percentURIs(n, f, d, fl)
	if err != nil {
		return err
	}
	taken, err := w.dataURIs(n, f, d, fl)
	taken = append(taken, inQueries...)
	if err != nil || len(v) < minRun {
		return err
	}
	if len(v) >= minReadable && bytes.Contains(v, []byte("begin ")) {
		spans, err := w.encodedFiles(n, fl, !d.joined && rawIsValue(d.data[fl.Span.Start:fl.Span.End], v))
		if err != nil {
			return err
		}
		taken = append(taken, spans...)
	}
	return w.runs(n, f, d, fl, taken)
}

// embedding is what was found in a field's value.
type embedding struct {
	from, to int // in the value
	claimed  string
	count    int // how many were in the value before it
	coding
}

// embed decodes one piece and takes it in.
func (w *walk) embed(n *node, f fielder, d doc, fl *scan.Field, e embedding) error {
	seg := "(base64)"
	switch {
	case e.hex:
		seg = "(hex)"
	case e.bytes:
		seg = "(bytes)"
	case e.plain:
		seg = "(data)"
	}
	if e.count > 0 {
		seg = seg[:len(seg)-1] + ":" + strconv.Itoa(e.count+1) + ")"
	}
	seg = fl.Path() + seg
	if err := w.enter(n, seg); err != nil {
		return skipped(err)
	}
	if d.joined { // it stands in several places: there is no putting it back
		return w.unpack(n, child{segment: seg, claimed: e.claimed}, e.reader(fl.Value[e.from:e.to]), nil)
	}
	raw := d.data[fl.Span.Start:fl.Span.End]
	start, end := rawPlace(f, raw, fl.Value, e.from, e.to)
	ref := embedded{field: fl.Span, coding: e.coding}
	ref.span = scan.Span{Start: fl.Span.Start + int64(start), End: fl.Span.Start + int64(end)}
	if e.joint && e.line > 0 {
		a, b := rawPlace(f, raw, fl.Value, e.from+e.line, e.from+e.line+len(e.brk))
		ref.rawBrk = string(raw[a:b])
	}
	return w.unpack(n, child{segment: seg, claimed: e.claimed, ref: ref}, e.reader(fl.Value[e.from:e.to]), nil)
}

// skipped lets the walk go on after a child that was left out.
func skipped(err error) error {
	if err == errSkip { //nolint:errorlint // it is never wrapped
		return nil
	}
	return err
}

// rawPlace returns where a part of a value stands in the field's raw form.
func rawPlace(f fielder, raw, value []byte, from, to int) (int, int) {
	if within(raw, value) {
		off := int(uintptr(unsafe.Pointer(unsafe.SliceData(value))) - uintptr(unsafe.Pointer(unsafe.SliceData(raw))))
		return off + from, off + to
	}
	return f.rawRange(raw, from, to)
}

// within reports whether value is a part of raw, and not a copy.
func within(raw, value []byte) bool {
	if len(value) == 0 || len(raw) < len(value) {
		return false
	}
	a, b := uintptr(unsafe.Pointer(unsafe.SliceData(raw))), uintptr(unsafe.Pointer(unsafe.SliceData(value)))
	return b >= a && b+uintptr(len(value)) <= a+uintptr(len(raw))
}

// rawIsValue reports whether a value stands as it is.
func rawIsValue(raw, value []byte) bool {
	return len(raw) == len(value) && unsafe.SliceData(raw) == unsafe.SliceData(value)
}

// embedPatch makes the patch that puts a changed child back into its field.
func (t *Tree) embedPatch(ctx context.Context, f fielder, d doc, k *node, ref embedded) (patch, error) {
	sp := t.group.New(0, body.LimitBody)
	if k.newName != "" && ref.fileName != "" {
		ref.fileName = k.newName
	}
	raw := d.data[ref.span.Start:ref.span.End]
	buf := bufferFor(sp, k.current()) // lines come one by one
	err := cmp.Or(ref.encode(ctx, f.style(raw, buf), buf, k.current()), buf.Flush())
	sp.Finish(err)
	if l, ok := f.(lengthed); ok && err == nil {
		return l.lengthen(t, d, ref, sp)
	}
	return patch{start: ref.span.Start, end: ref.span.End, with: sp}, err
}
