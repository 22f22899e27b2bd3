package service

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"icapd/icap"
	"icapd/internal/body"
	"icapd/internal/content"
	"icapd/policy"
	"icapd/scan"
)

// wordEngine finds words in fields; wordRewriter replaces them. They stand in for sanitize where a test is about
// the pipeline and not about detection.
type wordEngine struct{ words map[string]scan.Finding }

func (wordEngine) Name() string             { return "words" }
func (wordEngine) Wants(it *scan.Item) bool { return true }

func (e wordEngine) Scan(ctx context.Context, it *scan.Item) (fs []scan.Finding, err error) {
	if it.Fields == nil {
		return nil, nil
	}
	err = it.Fields(ctx, func(f *scan.Field) bool {
		for w, finding := range e.words {
			if strings.Contains(string(f.Value), w) {
				finding.Rule, finding.Path, finding.Field, finding.Span = w, it.Path+f.Path(), f.Path(), f.Span
				fs = append(fs, finding)
			}
		}
		return true
	})
	return fs, err
}

type wordRewriter struct {
	handles scan.Category
	with    string
	err     error
}

func (wordRewriter) Name() string             { return "rewords" }
func (wordRewriter) Wants(it *scan.Item) bool { return it.Fields != nil }

func (w wordRewriter) Rewrite(_ context.Context, it *scan.Item, findings []scan.Finding) (scan.Replacement, error) {
	var rep scan.Replacement
	for _, f := range findings {
		if f.Category == w.handles {
			rep.Edits = append(rep.Edits, scan.Edit{Span: f.Span, Value: []byte(w.with)})
			rep.Changes = append(rep.Changes, scan.Change{Rewriter: "rewords", Path: f.Path, Vector: f.Rule, Action: "replaced", Count: 1})
		}
	}
	return rep, w.err
}

var profile = &policy.Profile{
	Name: "default", Malware: policy.ActionBlock, Injection: policy.ActionRewrite, ActiveContent: policy.ActionRewrite,
	Hazard: policy.ActionReport, Schema: policy.ActionReport, Unscannable: policy.ActionBlock, Encrypted: policy.ActionBlock,
}

var words = wordEngine{map[string]scan.Finding{
	"BAD":  {Category: scan.Malware, Severity: scan.High},
	"inj":  {Category: scan.Injection, Severity: scan.Medium},
	"act":  {Category: scan.ActiveContent, Severity: scan.Medium},
	"note": {Category: scan.Hazard, Severity: scan.Low},
}}

func pipeline(t *testing.T, rewriters ...scan.Rewriter) *Pipeline {
	t.Helper()
	return pipelineWith(t, words, rewriters...)
}

func pipelineWith(t *testing.T, e scan.Engine, rewriters ...scan.Rewriter) *Pipeline {
	t.Helper()
	pol, err := policy.New(policy.Config{Default: profile})
	if err != nil {
		t.Fatal(err)
	}
	spooler := body.NewSpooler(body.Options{Dir: t.TempDir()})
	return &Pipeline{
		Policy: pol, Runner: &scan.Runner{Engines: []scan.Engine{e}}, Spooler: spooler,
		Content:   content.New(content.Options{Spooler: spooler}),
		Rewriters: func(*policy.Profile) []scan.Rewriter { return rewriters },
	}
}

func inspect(t *testing.T, p *Pipeline, doc string) *Result {
	t.Helper()
	msg := &scan.Message{ID: "t", Direction: scan.Response, Type: "application/json"}
	r := p.Inspect(t.Context(), Subject{Message: msg, Body: scan.Bytes(doc), Hints: content.Hints{ContentType: msg.Type}}, p.Policy.Select(msg, "respmod"))
	t.Cleanup(r.Close)
	return r
}

func TestInspect(t *testing.T) {
	fix := wordRewriter{handles: scan.Injection, with: "ok"}
	tests := []struct {
		name      string
		doc       string
		rewriters []scan.Rewriter
		action    policy.Disposition
		outcome   scan.Outcome
		body      string // of a rewrite
		reason    string // part of it
	}{
		{"clean", `{"a": "fine"}`, nil, policy.Allow, scan.Clean, "", ""},
		{"reported", `{"a": "note"}`, nil, policy.Allow, scan.Suspicious, "", ""},
		{"malware", `{"a": "BAD"}`, nil, policy.Block, scan.Malicious, "", "Malware"},
		{"rewritten", `{ "a" : "inj", "b":[1.0,"x"]}`, []scan.Rewriter{fix}, policy.Rewrite, scan.Suspicious, `{ "a" : "ok", "b":[1.0,"x"]}`, ""},
		{
			"in base64 in a field", `{"f": "` + base64.StdEncoding.EncodeToString([]byte(`{"a": "inj", "pad": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`)) + `", "g": 1}`,
			[]scan.Rewriter{fix},
			policy.Rewrite, scan.Suspicious,
			`{"f": "` + base64.StdEncoding.EncodeToString([]byte(`{"a": "ok", "pad": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`)) + `", "g": 1}`, "",
		},
		{"no rewriter", `{"a": "inj"}`, nil, policy.Block, scan.Suspicious, "", "no rewriter"},
		{"rewriter fails", `{"a": "inj"}`, []scan.Rewriter{wordRewriter{handles: scan.Injection, with: "ok", err: errors.New("boom")}}, policy.Block, scan.Suspicious, "", "boom"},
		{"rewriter leaves it", `{"a": "inj"}`, []scan.Rewriter{wordRewriter{handles: scan.Injection, with: "still inj"}}, policy.Block, scan.Suspicious, "", "does not come to an end"},
		{"rewriter makes it worse", `{"a": "inj"}`, []scan.Rewriter{wordRewriter{handles: scan.Injection, with: "BAD"}}, policy.Block, scan.Suspicious, "", "still"},
		{
			"two rewriters for one item", `{"a": "inj", "b": "act"}`,
			[]scan.Rewriter{fix, wordRewriter{handles: scan.ActiveContent, with: "still"}},
			policy.Rewrite, scan.Suspicious, `{"a": "ok", "b": "still"}`, "",
		},
		{"not what it says", `{"a": `, nil, policy.Block, scan.Unscannable, "", "could not be inspected"},
		{"empty", ``, nil, policy.Allow, scan.Clean, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := inspect(t, pipeline(t, tt.rewriters...), tt.doc)
			d := r.Decision
			if d.Action != tt.action || r.Verdict.Outcome() != tt.outcome || !strings.Contains(d.Reason, tt.reason) {
				t.Fatalf("%v %v %q; %+v", d.Action, r.Verdict.Outcome(), d.Reason, r.Verdict)
			}
			if (r.Body != nil) != (tt.action == policy.Rewrite) {
				t.Fatalf("body %v", r.Body)
			}
			if r.Body != nil {
				if got, err := r.Body.Bytes(); err != nil || string(got) != tt.body {
					t.Fatalf("%s, %v, want %s", got, err, tt.body)
				}
				if len(r.Changes) == 0 {
					t.Fatal("no changes reported")
				}
			}
		})
	}
}

func TestInspectPartial(t *testing.T) {
	p := pipeline(t, wordRewriter{handles: scan.Injection, with: "ok"})
	msg := &scan.Message{Type: "application/json"}
	r := p.Inspect(t.Context(), Subject{Message: msg, Body: scan.Bytes(`{"a":"inj"}`), Partial: true}, p.Policy.Select(msg, ""))
	defer r.Close()
	if r.Decision.Action != policy.Block || r.Verdict.Outcome() != scan.Unscannable {
		t.Fatalf("%+v", r.Decision)
	}
}

// A panic in an engine is a gap; one in a rewriter is a block. Neither ends the process.
func TestInspectPanics(t *testing.T) {
	r := inspect(t, pipelineWith(t, panicEngine{}), `{}`)
	if r.Decision.Action != policy.Block || r.Verdict.Outcome() != scan.Unscannable {
		t.Fatalf("%+v", r.Decision)
	}
	r = inspect(t, pipeline(t, panicRewriter{}), `{"a":"inj"}`)
	if r.Decision.Action != policy.Block || !strings.Contains(r.Decision.Reason, "panic") {
		t.Fatalf("%+v", r.Decision)
	}
}

// What is asked about items besides the engines may panic, too.
func TestInspectSurveyPanics(t *testing.T) {
	p := pipeline(t)
	p.Survey = func(*policy.Profile) func(*scan.Item) []scan.Finding {
		return func(*scan.Item) []scan.Finding { panic("survey") }
	}
	r := inspect(t, p, `{}`)
	if r.Decision.Action != policy.Block || r.Verdict.Outcome() != scan.Unscannable {
		t.Fatalf("%+v", r.Decision)
	}
}

type panicEngine struct{}

func (panicEngine) Name() string                                             { return "p" }
func (panicEngine) Scan(context.Context, *scan.Item) ([]scan.Finding, error) { panic("engine") }

type panicRewriter struct{}

func (panicRewriter) Name() string             { return "p" }
func (panicRewriter) Wants(it *scan.Item) bool { return true }
func (panicRewriter) Rewrite(context.Context, *scan.Item, []scan.Finding) (scan.Replacement, error) {
	panic("rewriter")
}

// Memory and files of every message are given back.
func TestInspectGivesBack(t *testing.T) {
	p := pipeline(t, wordRewriter{handles: scan.Injection, with: "ok"})
	doc := `{"a": "inj", "pad": "` + strings.Repeat("x", 3<<20) + `"}`
	for range 5 {
		msg := &scan.Message{Type: "application/json"}
		spool, err := p.Spooler.Read(t.Context(), bytes.NewReader([]byte(doc)))
		if err != nil {
			t.Fatal(err)
		}
		r := p.Inspect(t.Context(), Subject{Message: msg, Body: spool}, p.Policy.Select(msg, ""))
		if r.Decision.Action != policy.Rewrite {
			t.Fatalf("%+v", r.Decision)
		}
		r.Close()
		if err := spool.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if u := p.Spooler.Usage(); u != (body.Usage{}) {
		t.Fatalf("%+v", u)
	}
}

// A pipeline is closed once, after it was swapped out and its last message is done.
func TestSwap(t *testing.T) {
	var closed atomic.Int32
	first := pipeline(t)
	first.ISTag, first.Close = "one", func() { closed.Add(1) }
	s := New(first, Options{})
	p, release := s.Pipeline()
	p2, release2 := s.Pipeline()
	second := pipeline(t)
	second.ISTag = "two"
	s.Swap(second)
	if s.ISTag() != "two" || p.ISTag != "one" || p2 != p || closed.Load() != 0 {
		t.Fatalf("%s %s, closed %d times", s.ISTag(), p.ISTag, closed.Load())
	}
	release()
	if closed.Load() != 0 {
		t.Fatal("closed under its last message")
	}
	release2()
	if closed.Load() != 1 {
		t.Fatalf("closed %d times", closed.Load())
	}
}

// headed is a subject with a head that carries a note.
func headed(note, doc string) (Subject, error) {
	h, err := icap.ParseHead("HTTP/1.1 200 OK\r\nX-Note: " + note + "\r\nContent-Type: application/json\r\n\r\n")
	msg := &scan.Message{ID: "t", Direction: scan.Response, Type: "application/json"}
	return Subject{Message: msg, Head: h, Body: scan.Bytes(doc), Hints: content.Hints{ContentType: msg.Type}}, err
}

// What is wrong with a head is not gone with a document in the body that was made safe.
func TestDisarmFirstHead(t *testing.T) {
	deferring := *profile
	deferring.DisarmFirst = true
	p := pipeline(t, wordRewriter{handles: scan.ActiveContent, with: "still"}, wordRewriter{handles: scan.Injection, with: "ok"})
	p.Heads = p.Runner
	for name, tt := range map[string]struct {
		note, doc string
		want      policy.Disposition
	}{
		"a head that is fine":        {"fine", `{"a": "act"}`, policy.Rewrite},
		"a head that can be mended":  {"inj", `{"a": "act"}`, policy.Rewrite},
		"a bad head":                 {"BAD", `{"a": "act"}`, policy.Block},
		"bad in the document only":   {"fine", `{"a": "act BAD"}`, policy.Rewrite},
		"bad in document and head":   {"BAD", `{"a": "act BAD"}`, policy.Block},
		"what stays behind is bad":   {"fine", `{"a": "act", "b": "BAD"}`, policy.Block},
		"a bad head without a cause": {"BAD", `{"a": "fine"}`, policy.Block},
	} {
		s, err := headed(tt.note, tt.doc)
		if err != nil {
			t.Fatal(err)
		}
		r := p.Inspect(t.Context(), s, policy.Selection{Profile: &deferring})
		if r.Decision.Action != tt.want {
			t.Errorf("%s: %v (%s)", name, r.Decision.Action, r.Decision.Reason)
		}
		if tt.note == "inj" && (r.Head == nil || strings.Contains(r.Head.Raw(), "inj")) {
			t.Errorf("%s: the head is as it was", name)
		}
		r.Close()
	}
}

// flaky is an engine that looks at a head once, and finds something in it when it is asked again.
type flaky struct{ asked *atomic.Int32 }

func (flaky) Name() string { return "flaky" }

func (f flaky) Scan(_ context.Context, it *scan.Item) ([]scan.Finding, error) {
	if it.Path == scan.HeadPath && f.asked.Add(1) > 1 {
		return []scan.Finding{{Rule: "late", Category: scan.Malware, Severity: scan.High}}, nil
	}
	return nil, nil
}

// The head that goes out is judged together with the body that goes out.
func TestRewriteLooksAtHead(t *testing.T) {
	p := pipeline(t, wordRewriter{handles: scan.Injection, with: "ok"})
	p.Heads = &scan.Runner{Engines: []scan.Engine{flaky{&atomic.Int32{}}}}
	s, err := headed("fine", `{"a": "inj"}`)
	if err != nil {
		t.Fatal(err)
	}
	r := p.Inspect(t.Context(), s, policy.Selection{Profile: profile})
	defer r.Close()
	if r.Decision.Action != policy.Block || !strings.Contains(r.Decision.Reason, "late") {
		t.Errorf("%v (%s)", r.Decision.Action, r.Decision.Reason)
	}
}

// readers is a rewriter of fields that fails on an item which it cannot read, whatever it is asked for.
type readers struct{ wordRewriter }

func (readers) Rewrite(ctx context.Context, it *scan.Item, _ []scan.Finding) (scan.Replacement, error) {
	return scan.Replacement{}, it.Fields(ctx, func(*scan.Field) bool { return true })
}

// A message that the profile lets through though it is broken goes through as well where documents are renewed: only
// who writes documents is asked about what nothing was found in.
func TestRenewalIsForDocuments(t *testing.T) {
	renewing := *profile
	renewing.CDR, renewing.Gaps = policy.Rebuild, map[scan.Reason]policy.Action{scan.ReasonCorrupt: policy.ActionReport}
	p := pipeline(t, readers{})
	p.Renewer = func(*policy.Profile) scan.Rewriter { return idle{} }
	msg := &scan.Message{ID: "t", Direction: scan.Response, Type: "application/json"}
	r := p.Inspect(t.Context(), Subject{Message: msg, Body: scan.Bytes(`{"a": "fine", `), Hints: content.Hints{ContentType: msg.Type}}, policy.Selection{Profile: &renewing})
	defer r.Close()
	if len(r.Verdict.Gaps) == 0 {
		t.Fatal("the document is not broken")
	}
	if r.Decision.Action != policy.Allow {
		t.Errorf("%v (%s)", r.Decision.Action, r.Decision.Reason)
	}
}

// idle is a rewriter that has nothing to do.
type idle struct{ wordRewriter }

func (idle) Rewrite(context.Context, *scan.Item, []scan.Finding) (scan.Replacement, error) {
	return scan.Replacement{}, nil
}

// TestDocumentsFirst: what is written anew comes before fields, and before programs inside of it.
func TestDocumentsFirst(t *testing.T) {
	mail := &scan.Item{Path: "body"}
	document := &scan.Item{Path: "body/a.doc", Parent: mail}
	archive := &scan.Item{Path: "body/a.doc/object", Parent: document}
	finding := func(it *scan.Item, class string, c scan.Category) scan.Finding {
		return scan.Finding{Item: it, Rule: class, Class: class, Category: c}
	}
	macro := finding(document, "macro", scan.ActiveContent)
	inside := finding(&scan.Item{Path: "body/a.doc/object/x.exe", Parent: archive}, policy.ClassProgram, scan.ActiveContent)
	beside := finding(&scan.Item{Path: "body/y.exe", Parent: mail}, policy.ClassProgram, scan.ActiveContent)
	field := finding(mail, "sqli", scan.Injection)
	for name, tt := range map[string]struct{ todo, want []scan.Finding }{
		"fields alone":              {[]scan.Finding{field}, []scan.Finding{field}},
		"documents before fields":   {[]scan.Finding{field, macro}, []scan.Finding{macro}},
		"programs alone":            {[]scan.Finding{field, inside, beside}, []scan.Finding{inside, beside}},
		"programs in the document":  {[]scan.Finding{macro, inside, beside}, []scan.Finding{macro, beside}},
		"what stands nowhere known": {[]scan.Finding{finding(nil, policy.ClassProgram, scan.ActiveContent)}, []scan.Finding{finding(nil, policy.ClassProgram, scan.ActiveContent)}},
	} {
		got := documentsFirst(tt.todo)
		if !slices.EqualFunc(got, tt.want, func(a, b scan.Finding) bool { return a.Item == b.Item && a.Class == b.Class }) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
