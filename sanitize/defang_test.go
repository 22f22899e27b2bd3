package sanitize_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"icapd/sanitize"
	"icapd/sanitize/eval"
	"icapd/scan"
)

// apply writes edits into a JSON document, as package content does.
func apply(tb testing.TB, doc []byte, edits []scan.Edit) []byte {
	tb.Helper()
	slices.SortFunc(edits, func(a, b scan.Edit) int { return int(b.Span.Start - a.Span.Start) })
	out := slices.Clone(doc)
	for _, e := range edits {
		raw := []byte("null")
		if e.Op == scan.EditSet {
			var b bytes.Buffer
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(string(e.Value)); err != nil {
				tb.Fatal(err)
			}
			raw = bytes.TrimSpace(b.Bytes())
		}
		if e.Op == scan.EditDrop {
			raw = []byte(`"dropped"`)
		}
		out = slices.Replace(out, int(e.Span.Start), int(e.Span.End), raw...)
	}
	return out
}

// neutralise checks the promises of the rewriter on one document and returns the new document and the actions.
func neutralise(tb testing.TB, e *sanitize.Engine, doc []byte, contentType string) ([]byte, []scan.Change) {
	tb.Helper()
	it := document(doc, contentType)
	found, err := e.Scan(tb.Context(), it)
	if err != nil || len(found) == 0 || contentType != "application/json" || !json.Valid(doc) {
		return doc, nil
	}
	rep, err := sanitize.NewRewriter(e, sanitize.ModeDefang).Rewrite(tb.Context(), it, found)
	if err != nil {
		tb.Fatalf("%.200q: %v", doc, err)
	}
	out := apply(tb, doc, rep.Edits)
	if !json.Valid(out) {
		tb.Errorf("%.200q became invalid: %.200q", doc, out)
	}
	again, err := e.Scan(tb.Context(), document(out, contentType))
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range again {
		tb.Errorf("%.300q\nbecame %.300q\nwhich still has %s: %s", doc, out, f.Rule, f.Detail)
		break
	}
	return out, rep.Changes
}

// TestNeutraliseLabelled looks at the whole labelled file that ICAPD_LABELLED names.
func TestNeutraliseLabelled(t *testing.T) {
	name := os.Getenv("ICAPD_LABELLED")
	if name == "" {
		t.Skip("ICAPD_LABELLED names no labelled file")
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	e := builtin(t)
	actions := map[string]map[string]int{}
	in := bufio.NewScanner(f)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var l eval.Line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		doc, contentType, err := l.Document()
		if err != nil {
			t.Fatal(err)
		}
		_, changes := neutralise(t, e, doc, contentType)
		for _, c := range changes {
			if actions[c.Vector] == nil {
				actions[c.Vector] = map[string]int{}
			}
			actions[c.Vector][c.Action]++
		}
	}
	if len(actions) == 0 {
		t.Fatal("nothing was neutralised")
	}
	for class, n := range actions {
		t.Logf("%-12s %v", class, n)
	}
}
