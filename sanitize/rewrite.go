package sanitize

import (
	"cmp"
	"context"
	"fmt"
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
}

// NewRewriter returns a Rewriter that neutralises in the given mode and checks its work with the engine. An
// unknown mode works like ModePlaceholder: never weaker than what was asked for.
func NewRewriter(e *Engine, mode Mode) *Rewriter {
	if _, err := ParseMode(string(mode)); err != nil {
		mode = ModePlaceholder
	}
	return &Rewriter{engine: e, mode: cmp.Or(mode, ModeDefang)}
}

// Name implements scan.Rewriter.
func (r *Rewriter) Name() string { return "sanitize" }

// Wants implements scan.Rewriter.
func (r *Rewriter) Wants(it *scan.Item) bool { return it.Fields != nil }

// Rewrite implements scan.Rewriter: an edit for each field that has one of the findings. The error is that of
// the item's fields or ctx's, or says that a finding's field is no longer there.
func (r *Rewriter) Rewrite(ctx context.Context, it *scan.Item, findings []scan.Finding) (scan.Replacement, error) {
	var rep scan.Replacement
	bySpan := make(map[scan.Span][]*scan.Finding)
	for i := range findings {
		if f := &findings[i]; f.Engine == Name {
			bySpan[f.Span] = append(bySpan[f.Span], f)
		}
	}
	left := len(bySpan)
	switch {
	case len(findings) == 0:
		return rep, nil
	case it.Fields == nil && left == 0:
		return rep, nil
	case it.Fields == nil:
		return rep, fmt.Errorf("sanitize: %d findings point at no field of %s", left, it.Path)
	case left == 0: // somebody else's findings: all that can be said is whether the item can be read
		return rep, it.Fields(ctx, func(*scan.Field) bool { return ctx.Err() == nil })
	}
	err := it.Fields(ctx, func(f *scan.Field) bool {
		fs := bySpan[f.Span]
		if len(fs) == 0 {
			return ctx.Err() == nil
		}
		edit, action := r.edit(it, f, fs)
		rep.Edits = append(rep.Edits, edit)
		for _, x := range fs {
			rep.Changes = append(rep.Changes, scan.Change{
				Rewriter: r.Name(), Path: x.Path, Vector: x.Class, Action: action, Detail: x.Rule, Count: 1,
			})
		}
		delete(bySpan, f.Span)
		left--
		return left > 0 && ctx.Err() == nil
	})
	switch {
	case err != nil && left > 0:
		return scan.Replacement{}, err
	case ctx.Err() != nil:
		return scan.Replacement{}, ctx.Err()
	case left > 0:
		return scan.Replacement{}, fmt.Errorf("sanitize: %d findings point at no field of %s", left, it.Path)
	}
	return rep, nil
}

func (r *Rewriter) edit(it *scan.Item, f *scan.Field, fs []*scan.Finding) (edit scan.Edit, action string) {
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
		classes := make([]string, len(fs))
		for i := range fs {
			classes[i] = fs[i].Class
		}
		fc := FieldContext{Message: it.Message, Kind: f.Kind, Type: it.Type, field: f}
		value, action := r.engine.Defang(f.Value, fc, classes)
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
	edit.Value = placeholder(fs[0].Class)
	return edit, "replaced"
}

// placeholder is what stands in the place of a payload. No rule matches it.
func placeholder(class string) []byte { return []byte("[removed by icapd: " + class + "]") }
