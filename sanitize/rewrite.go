package sanitize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"icapd/scan"
)

// Mode says what becomes of a field with a payload.
type Mode string

// The modes.
const (
	ModeDefang      Mode = "defang"      // made inert and kept readable, by class; a placeholder where that fails
	ModePlaceholder Mode = "placeholder" // replaced by a text that says what was removed
	ModeNull        Mode = "null"        // null, or empty in formats that have none
	ModeDrop        Mode = "drop"        // the field goes, with its name
)

// ParseMode reads a mode's name; "" is ModeDefang.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case "":
		return ModeDefang, nil
	case ModeDefang, ModePlaceholder, ModeNull, ModeDrop:
		return m, nil
	}
	return "", fmt.Errorf("unknown mode %q (one of defang, placeholder, null, drop)", s)
}

// Rewriter makes fields harmless. It implements scan.Rewriter and may be used by many goroutines at the same
// time.
type Rewriter struct {
	engine *Engine
	mode   Mode
	work   int // for an item of any size
}

// NewRewriter returns a Rewriter that neutralises in the given mode and checks its work with the engine. An
// unknown mode works like ModePlaceholder: never weaker than what was asked for.
func NewRewriter(e *Engine, mode Mode) *Rewriter {
	if _, err := ParseMode(string(mode)); err != nil {
		mode = ModePlaceholder
	}
	return &Rewriter{engine: e, mode: cmp.Or(mode, ModeDefang), work: rewriteWork}
}

// Name implements scan.Rewriter.
func (r *Rewriter) Name() string { return "sanitize" }

// Wants implements scan.Rewriter.
func (r *Rewriter) Wants(it *scan.Item) bool { return it.Fields != nil }

// Rewrite implements scan.Rewriter: an edit for each field that has one of the findings. In an item that was written
// anew, because something embedded in one of its fields has changed, fields are found by their paths and looked at
// again: what was found may be gone with what was embedded. The error is that of the item's fields or ctx's, says
// that a finding's field is no longer there, or is a *scan.Gap: of an item whose fields take more work than its size allows
// nothing is rewritten (limit "work").
func (r *Rewriter) Rewrite(ctx context.Context, it *scan.Item, findings []scan.Finding) (scan.Replacement, error) {
	if len(findings) == 0 {
		return scan.Replacement{}, nil
	}
	size := int(min(it.Blob.Size(), maxBlob))
	p := rewriting{r: r, it: it, defanging: defanging{e: r.engine, left: r.work + rewriteByteWork*size}, bySpan: make(map[scan.Span][]*scan.Finding)}
	for i := range findings {
		if f := &findings[i]; f.Engine == Name {
			p.bySpan[f.Span] = append(p.bySpan[f.Span], f)
		}
	}
	switch {
	case it.Fields == nil && len(p.bySpan) == 0:
		return p.rep, nil
	case it.Fields == nil:
		return p.rep, fmt.Errorf("sanitize: %d findings point at no field of %s", len(p.bySpan), it.Path)
	case len(p.bySpan) == 0: // somebody else's findings: all that can be said is whether the item can be read
		return p.rep, it.Fields(ctx, func(*scan.Field) bool { return ctx.Err() == nil })
	}
	renewed := slices.ContainsFunc(findings, func(f scan.Finding) bool { return f.Item != nil && f.Item != it })
	err := it.Fields(ctx, func(f *scan.Field) bool {
		p.inPlace(f)
		return len(p.bySpan) > 0 && ctx.Err() == nil && p.left >= 0
	})
	if err == nil && len(p.bySpan) > 0 && ctx.Err() == nil && p.left >= 0 {
		err = p.moved(ctx)
	}
	switch {
	case p.left < 0:
		return scan.Replacement{}, &scan.Gap{Engine: Name, Path: it.Path, Reason: scan.ReasonLimit, Limit: "work", Err: errRewriteWork}
	case err != nil && len(p.bySpan) > 0:
		return scan.Replacement{}, err
	case ctx.Err() != nil:
		return scan.Replacement{}, ctx.Err()
	case len(p.bySpan) > 0 && !renewed:
		return scan.Replacement{}, fmt.Errorf("sanitize: %d findings point at no field of %s", len(p.bySpan), it.Path)
	}
	return p.rep, nil
}

var errRewriteWork = errors.New("its fields take more work to be made inert than a document of its size is given")

// rewriting is one call of Rewrite.
type rewriting struct {
	defanging
	r      *Rewriter
	it     *scan.Item
	bySpan map[scan.Span][]*scan.Finding // those whose fields were not met yet
	rep    scan.Replacement
}

// inPlace edits the field if it stands where findings say.
func (p *rewriting) inPlace(f *scan.Field) {
	fs := p.bySpan[f.Span]
	if len(fs) == 0 || fs[0].Field != "" && fs[0].Field != f.Path() { // the field that was there has moved
		return
	}
	classes := make([]string, len(fs))
	for i := range fs {
		classes[i] = fs[i].Class
	}
	p.edit(f, fs, classes)
	delete(p.bySpan, f.Span)
}

// moved looks for the fields of the findings that are left by their paths.
func (p *rewriting) moved(ctx context.Context) error {
	byPath := make(map[string][]*scan.Finding)
	for _, fs := range p.bySpan {
		byPath[fs[0].Field] = append(byPath[fs[0].Field], fs...)
	}
	done := make(map[scan.Span]bool)
	for i := range p.rep.Edits {
		done[p.rep.Edits[i].Span] = true
	}
	var hits []Hit
	return p.it.Fields(ctx, func(f *scan.Field) bool {
		fs := byPath[f.Path()]
		if len(fs) == 0 || p.left < 0 {
			return ctx.Err() == nil && p.left >= 0
		}
		maps.DeleteFunc(p.bySpan, func(_ scan.Span, left []*scan.Finding) bool { return left[0].Field == fs[0].Field })
		hits = p.r.engine.Inspect(hits[:0], f.Value, FieldContext{Message: p.it.Message, Kind: f.Kind, Type: p.it.Type, field: f})
		if len(hits) == 0 || done[f.Span] {
			return ctx.Err() == nil
		}
		classes := make([]string, len(hits))
		for i := range hits {
			classes[i] = hits[i].Rule.Class
		}
		p.edit(f, fs, classes)
		return ctx.Err() == nil
	})
}

// edit notes the edit of a field, and what it is for.
func (p *rewriting) edit(f *scan.Field, fs []*scan.Finding, classes []string) {
	edit, action := p.change(f, classes)
	p.rep.Edits = append(p.rep.Edits, edit)
	for _, x := range fs {
		p.rep.Changes = append(p.rep.Changes, scan.Change{
			Rewriter: p.r.Name(), Path: x.Path, Vector: x.Class, Action: action, Detail: x.Rule, Count: 1,
		})
	}
}

// change says what becomes of a field. It counts only if work is left behind it.
func (p *rewriting) change(f *scan.Field, classes []string) (edit scan.Edit, action string) {
	r, it := p.r, p.it
	edit.Span = f.Span
	if f.Kind == scan.KindNumber && r.mode != ModeDrop { // text in a number's place would break who reads numbers
		edit.Op = scan.EditNull
		return edit, "nulled"
	}
	switch r.mode {
	case ModeDrop:
		edit.Op = scan.EditDrop
		return edit, "dropped"
	case ModeNull:
		if f.Kind == scan.KindKey { // a name cannot be null
			edit.Op = scan.EditDrop
			return edit, "dropped"
		}
		edit.Op = scan.EditNull
		return edit, "nulled"
	case ModeDefang:
		fc := FieldContext{Message: it.Message, Kind: f.Kind, Type: it.Type, field: f}
		value, action, _ := p.defang(f.Value, fc, classes)
		if f.Kind == scan.KindKey && (action == "replaced" || slices.Contains(classes, "protopoll")) {
			edit.Op = scan.EditDrop // two placeholders in one object would be one name twice
			return edit, "dropped"
		}
		edit.Value = value
		return edit, action
	case ModePlaceholder:
		if f.Kind == scan.KindKey {
			edit.Op = scan.EditDrop
			return edit, "dropped"
		}
	}
	edit.Value = placeholder(classes[0])
	return edit, "replaced"
}

// placeholder is what stands in the place of a payload. No rule matches it.
func placeholder(class string) []byte { return []byte("[removed by icapd: " + class + "]") }
