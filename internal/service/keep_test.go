package service

import (
	"strings"
	"testing"

	"icapd/internal/body"
	"icapd/internal/event"
	"icapd/policy"
	"icapd/scan"
)

// The originals of blocked messages are offered whole, with the event; who takes one on has its bytes until let.
func TestKeep(t *testing.T) {
	type kept struct {
		id, text, name string
		let            func()
	}
	for _, takes := range []bool{true, false} {
		p := pipeline(t)
		p.Spooler = body.NewSpooler(body.Options{Dir: t.TempDir(), Memory: 1 << 10, MaxBody: 100 << 10})
		offered := make(chan kept, 10)
		r := newRigKeeping(t, p, func(e *event.Event, o Original, let func()) bool {
			b, err := o.Blob.Bytes()
			if err != nil {
				t.Error(err)
			}
			offered <- kept{e.RequestID, string(b), o.Name, let}
			return takes
		})
		ask := func(doc string) *event.Event {
			r.ask(respmod("Allow: 204\r\n", getHead, okHead("application/json", len(doc)), doc))
			return r.event()
		}
		if e := ask(`{"a": "fine"}`); e.Action != "allow" || len(offered) != 0 {
			t.Errorf("%s: %d offered", e.Action, len(offered))
		}
		if e := ask(`{"a": "` + strings.Repeat("x", 200<<10) + `"}`); e.Action != "block" || len(offered) != 0 {
			t.Errorf("%s: %d offered of a body that did not fit", e.Action, len(offered))
		}
		doc := `{"a": "BAD", "b": "` + strings.Repeat("x", 10<<10) + `"}`
		e := ask(doc)
		if e.Action != "block" || len(offered) != 1 {
			t.Fatalf("%s: %d offered", e.Action, len(offered))
		}
		k := <-offered
		if k.id != e.RequestID || k.text != doc || k.name != "items" {
			t.Errorf("%+v", k)
		}
		if u := p.Spooler.Usage(); takes != (u.Memory+u.Disk > 0) {
			t.Errorf("taken on %v, and in use: %+v", takes, u)
		}
		if takes {
			k.let()
		}
		if u := p.Spooler.Usage(); u.Memory+u.Disk != 0 {
			t.Errorf("in use at the end: %+v", u)
		}
		if len(e.Items) == 0 || e.Items[0].Path != "body" || e.Items[0].Type != "application/json" {
			t.Errorf("%+v", e.Items)
		}
	}
}

// A profile that says so blocks what would go on rewritten without its original, and nothing else.
func TestUnkept(t *testing.T) {
	for _, tt := range []struct {
		unkept   policy.Action
		room     func(int64) bool
		doc      string
		action   string
		mentions bool
	}{
		{policy.ActionBlock, func(int64) bool { return true }, `{"a": "inj"}`, "rewrite", false},
		{policy.ActionBlock, func(int64) bool { return false }, `{"a": "inj"}`, "block", true},
		{policy.ActionBlock, nil, `{"a": "inj"}`, "block", true},
		{policy.ActionBlock, nil, `{"a": "fine"}`, "allow", false},
		{policy.ActionBlock, nil, `{"a": "BAD"}`, "block", false},
		{policy.ActionReport, nil, `{"a": "inj"}`, "rewrite", false},
		{policy.ActionUnset, nil, `{"a": "inj"}`, "rewrite", false},
	} {
		p := pipeline(t, wordRewriter{handles: scan.Injection, with: "ok"})
		strict := *profile
		strict.Unkept = tt.unkept
		var err error
		if p.Policy, err = policy.New(policy.Config{Default: &strict}); err != nil {
			t.Fatal(err)
		}
		r := newRigWithRoom(t, p, nil, tt.room)
		got := r.ask(respmod("Allow: 204\r\n", getHead, okHead("application/json", len(tt.doc)), tt.doc))
		e := r.event()
		if e.Action != tt.action || strings.Contains(e.Reason, "unkept: block") != tt.mentions || tt.action == "rewrite" && strings.Contains(got.body, "inj") {
			t.Errorf("%s, unkept %v: %s, %s", tt.doc, tt.unkept, e.Action, e.Reason)
		}
	}
}
