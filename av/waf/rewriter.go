package waf

import (
	"context"
	"fmt"

	"icapd/scan"
)

// Mode says what becomes of a field with a finding.
type Mode string

// The modes. CRS says that something is wrong with a value and not what, so that there is no way to make it inert
// and keep it.
const (
	ModePlaceholder Mode = "placeholder" // replaced by a text that says what was removed
	ModeNull        Mode = "null"        // null, or empty in formats that have none
	ModeDrop        Mode = "drop"        // the field goes, with its name
)

// Rewriter takes fields out that the engine found something in. It implements scan.Rewriter and may be used by many
// goroutines at the same time.
type Rewriter struct{ mode Mode }

// NewRewriter returns a Rewriter. An unknown mode works like ModePlaceholder.
func NewRewriter(mode Mode) *Rewriter { return &Rewriter{mode} }

// Name implements scan.Rewriter.
func (r *Rewriter) Name() string { return Name }

// Wants implements scan.Rewriter.
func (r *Rewriter) Wants(it *scan.Item) bool { return it.Fields != nil }

// Rewrite implements scan.Rewriter: an edit for each field that has one of the engine's findings. The error is that
// of the item's fields or ctx's, or says that a finding is about no field, or about one that is no longer there.
func (r *Rewriter) Rewrite(ctx context.Context, it *scan.Item, findings []scan.Finding) (scan.Replacement, error) {
	var rep scan.Replacement
	bySpan := map[scan.Span][]*scan.Finding{}
	for i := range findings {
		if f := &findings[i]; f.Engine == Name {
			if f.Span == (scan.Span{}) {
				return rep, fmt.Errorf("waf: %s is about no single field", f.Rule)
			}
			bySpan[f.Span] = append(bySpan[f.Span], f)
		}
	}
	switch {
	case len(findings) == 0 || it.Fields == nil:
		return rep, ctx.Err()
	case len(bySpan) == 0: // somebody else's findings: all that can be said is whether the item can be read
		return rep, it.Fields(ctx, func(*scan.Field) bool { return ctx.Err() == nil })
	}
	err := it.Fields(ctx, func(f *scan.Field) bool {
		if fs := bySpan[f.Span]; len(fs) > 0 {
			delete(bySpan, f.Span)
			edit, action := r.edit(f, fs[0].Class)
			rep.Edits = append(rep.Edits, edit)
			for _, x := range fs {
				rep.Changes = append(rep.Changes, scan.Change{
					Rewriter: Name, Path: x.Path, Vector: x.Class, Action: action, Detail: x.Rule, Count: 1,
				})
			}
		}
		return len(bySpan) > 0 && ctx.Err() == nil
	})
	switch {
	case ctx.Err() != nil:
		return scan.Replacement{}, ctx.Err()
	case len(bySpan) > 0 && err != nil:
		return scan.Replacement{}, err
	case len(bySpan) > 0:
		return scan.Replacement{}, fmt.Errorf("waf: %d findings point at no field of %s", len(bySpan), it.Path)
	}
	return rep, nil
}

// edit returns what becomes of a field, and the word for it.
func (r *Rewriter) edit(f *scan.Field, class string) (scan.Edit, string) {
	e := scan.Edit{Span: f.Span}
	switch {
	case r.mode == ModeDrop || f.Kind == scan.KindKey: // a name cannot be null, and two placeholders would be one name twice
		e.Op = scan.EditDrop
		return e, "dropped"
	case r.mode == ModeNull || f.Kind == scan.KindNumber: // text would break who reads numbers
		e.Op = scan.EditNull
		return e, "nulled"
	}
	e.Value = []byte("[removed by icapd: " + class + "]")
	return e, "replaced"
}
