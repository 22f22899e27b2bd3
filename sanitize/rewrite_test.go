package sanitize_test

import (
	"errors"
	"slices"
	"testing"

	"icapd/internal/content"
	"icapd/sanitize"
	"icapd/scan"
)

// TestRewriteWork holds that a document of which not all fields can be made inert with the work that it is given is not
// rewritten at all, and that the gap says so.
func TestRewriteWork(t *testing.T) {
	e := builtin(t)
	doc := `["' or 1=1 -- ","' union select 1,2,3 -- ","<img src=x onerror=alert(1)>"]`
	tree := content.New(content.Options{}).Open(&scan.Message{}, scan.Bytes(doc), content.Hints{ContentType: "application/json"})
	defer tree.Close()
	for it := range tree.Items(t.Context()) {
		found, err := e.Scan(t.Context(), it)
		if err != nil || len(found) < 3 {
			t.Fatal(found, err)
		}
		for _, mode := range []sanitize.Mode{sanitize.ModeDefang, sanitize.ModeNull} {
			whole := sanitize.NewRewriter(e, mode)
			rep, err := whole.Rewrite(t.Context(), it, found)
			if err != nil || len(rep.Edits) != 3 {
				t.Fatalf("%s: %d edits, %v", mode, len(rep.Edits), err)
			}
			for work := -400 * len(doc); work < 0; work += 997 { // each gives out somewhere else
				again, err := whole.WithWork(work).Rewrite(t.Context(), it, found)
				var gap *scan.Gap
				switch {
				case err == nil && slices.EqualFunc(rep.Edits, again.Edits, func(a, b scan.Edit) bool {
					return a.Span == b.Span && a.Op == b.Op && string(a.Value) == string(b.Value)
				}):
				case errors.As(err, &gap) && gap.Reason == scan.ReasonLimit && gap.Limit == "work" && again.Empty() && len(again.Changes) == 0 && mode == sanitize.ModeDefang:
				default:
					t.Fatalf("%s with %d: %+v, %v", mode, work, again, err)
				}
			}
			if _, err := whole.WithWork(-400*len(doc)).Rewrite(t.Context(), it, found); (err != nil) != (mode == sanitize.ModeDefang) {
				t.Errorf("%s without work: %v", mode, err)
			}
		}
	}
}
