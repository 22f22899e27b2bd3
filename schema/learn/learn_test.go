package learn_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"icapd/internal/inventory"
	"icapd/scan"
	"icapd/schema"
	"icapd/schema/learn"
)

var update = flag.Bool("update", false, "write the golden drafts")

func read(tb testing.TB, file string) []*learn.Sample {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var out []*learn.Sample
	if err := learn.Read(f, func(s *learn.Sample) { out = append(out, s) }); err != nil {
		tb.Fatal(err)
	}
	if len(out) == 0 {
		tb.Fatal("no messages")
	}
	return out
}

func learned(tb testing.TB, samples []*learn.Sample) *learn.Summary {
	tb.Helper()
	l := learn.New(inventory.Template)
	for _, s := range samples {
		if err := l.Observe(s); err != nil {
			tb.Fatalf("%s %s: %v", s.Method, s.Path, err)
		}
	}
	return l.Summary()
}

// judge holds messages against a draft.
func judge(tb testing.TB, api schema.API, s *learn.Sample) []scan.Finding {
	tb.Helper()
	api.Name = "x"
	e, err := schema.New(schema.Options{APIs: []schema.API{api}, Select: func(*scan.Message) string { return "x" }})
	if err != nil {
		tb.Fatal(err)
	}
	return judgeWith(tb, e, s)
}

func judgeWith(tb testing.TB, e *schema.Engine, s *learn.Sample) []scan.Finding {
	tb.Helper()
	m := &scan.Message{Direction: scan.Response, Method: s.Method, Status: s.Status, Host: s.Host, Path: s.Path, Type: s.Type}
	if s.Request {
		m.Direction = scan.Request
	}
	fs, err := e.Scan(context.Background(), &scan.Item{Message: m, Path: "body", Type: "application/json", Blob: scan.Bytes(s.Body)})
	if err != nil {
		tb.Fatal(err)
	}
	return fs
}

func write(tb testing.TB, name string, text []byte) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

// TestGolden holds the drafts of recorded traffic, that they are the same whatever its order, and that they are true
// of all of it.
func TestGolden(t *testing.T) {
	samples := read(t, "testdata/shop.jsonl")
	sum := learned(t, samples)
	doc, notes := sum.OpenAPI(learn.Draft{Title: "shop"})
	if len(notes) > 0 {
		t.Errorf("notes %q", notes)
	}
	single, ok := sum.JSONSchema(learn.Draft{Strict: true})
	if !ok {
		t.Fatal("no JSON")
	}
	for name, got := range map[string][]byte{
		"shop.openapi.yaml": doc.YAML(), "shop.openapi.json": doc.JSON(), "shop.schema.json": single.JSON(),
	} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(want, got) {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	for range 5 {
		rand.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
		again, _ := learned(t, samples).OpenAPI(learn.Draft{Title: "shop"})
		if !bytes.Equal(again.YAML(), doc.YAML()) {
			t.Fatal("the order of messages changes the draft")
		}
	}
	for _, draft := range []string{"testdata/shop.openapi.yaml", "testdata/shop.openapi.json"} {
		for _, s := range samples {
			if fs := judge(t, schema.API{OpenAPI: draft}, s); len(fs) > 0 {
				t.Errorf("%s: %s %s: %s %s: %s", draft, s.Method, s.Path, fs[0].Rule, fs[0].Path, fs[0].Detail)
			}
		}
	}
	for _, secret := range []string{"tok_live", "ada", "call first", "4001", "AB-"} {
		if bytes.Contains(doc.YAML(), []byte(secret)) {
			t.Errorf("%q of the traffic is in the draft", secret)
		}
		if text, _ := json.Marshal(sum); bytes.Contains(text, []byte(secret)) {
			t.Errorf("%q of the traffic is in what was learned", secret)
		}
	}
}

// TestMutants holds that a draft is not true of everything.
func TestMutants(t *testing.T) {
	draft := write(t, "draft.yaml", func() []byte {
		doc, _ := learned(t, read(t, "testdata/shop.jsonl")).OpenAPI(learn.Draft{Title: "shop", Strict: true})
		return doc.YAML()
	}())
	base := read(t, "testdata/shop.jsonl")[1]
	for _, tt := range []struct{ from, to, want string }{
		{`"status": "paid"`, `"status": "lost"`, "schema-enum"},
		{`"status": "paid"`, `"status": 7`, "schema-type"},
		{`"id":`, `"ident":`, "schema-additionalProperties"},
		{`"email": "ada1@example.com"`, `"email": "<script>"`, "schema-format"},
		{`T10:00:00Z`, `T10:00`, "schema-format"},
		{`"count": 1`, `"count": 1.5`, "schema-type"},
		{`"4001": 1`, `"4001": "one"`, "schema-type"},
	} {
		s := *base
		s.Body = []byte(strings.Replace(string(base.Body), tt.from, tt.to, 1))
		if bytes.Equal(s.Body, base.Body) {
			t.Fatalf("%s is not in %s", tt.from, base.Body)
		}
		fs := judge(t, schema.API{OpenAPI: draft}, &s)
		if !slices.ContainsFunc(fs, func(f scan.Finding) bool { return f.Rule == tt.want }) {
			t.Errorf("%s: %+v", tt.to, fs)
		}
	}
}

// TestHAR holds that the same messages in HAR say the same.
func TestHAR(t *testing.T) {
	lines := read(t, "testdata/shop.jsonl")
	want := append(slices.Clone(lines[:3]), lines[24], lines[25])
	got := read(t, "testdata/shop.har")
	a, _ := learned(t, want).OpenAPI(learn.Draft{})
	b, _ := learned(t, got).OpenAPI(learn.Draft{})
	if !bytes.Equal(a.YAML(), b.YAML()) {
		t.Errorf("%s\nand from HAR\n%s", a.YAML(), b.YAML())
	}
}

// TestSummaryTravels holds that what was learned can be sent, read back and added up.
func TestSummaryTravels(t *testing.T) {
	samples := read(t, "testdata/shop.jsonl")
	whole := learned(t, samples)
	sum := learn.New(inventory.Template)
	for _, part := range [][]*learn.Sample{samples[:10], samples[10:]} {
		text, err := json.Marshal(learned(t, part))
		if err != nil {
			t.Fatal(err)
		}
		var s learn.Summary
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		sum.Load(&s)
	}
	a, _ := whole.OpenAPI(learn.Draft{})
	b, _ := sum.Summary().OpenAPI(learn.Draft{})
	if !bytes.Equal(a.YAML(), b.YAML()) {
		t.Errorf("%s\nand in two parts\n%s", a.YAML(), b.YAML())
	}
}

// random makes JSON of few names and all types.
func random(r *rand.Rand, depth int) any {
	switch n := r.IntN(10); {
	case n < 3 && depth > 0:
		m := map[string]any{}
		for range r.IntN(5) {
			m[[]string{"a", "b", "kind", "status", "on", "x y", "2024-01-01", "4711", "é"}[r.IntN(9)]] = random(r, depth-1)
		}
		return m
	case n < 5 && depth > 0:
		l := []any{}
		for range r.IntN(4) {
			l = append(l, random(r, depth-1))
		}
		return l
	case n < 6:
		return json.Number([]string{"0", "-1", "2.5", "1e3", "12345678901234567890", "1e400"}[r.IntN(6)])
	case n < 7:
		return r.IntN(2) == 0
	case n < 9:
		return []string{
			"", "x", "open", "paid", "2024-02-29", "2023-02-29", "2024-05-01T10:00:00Z", "2024-05-01T10:00:00+23:59", "2024-05-01T23:59:60Z",
			"a@b.example", "a@b", "A.b+c@d-e.example", "http://x/%zz", "https://example.com/a?b#c", "10.0.0.1", "::1", "https://[::1]:80/",
			"5f0c6e5e-6a5b-4d39-9c5f-0b8a2f7f1d11", strings.Repeat("long ", 100), "\u0000", "ünïcode",
		}[r.IntN(21)]
	}
	return nil
}

// TestTrueOfAllThatWasSeen holds it for traffic of any shape: a draft is valid, and every message that it was drafted
// from keeps it.
func TestTrueOfAllThatWasSeen(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	judged := 0
	for range 60 {
		var samples []*learn.Sample
		for i := range 1 + r.IntN(40) {
			body, err := json.Marshal(random(r, 4))
			if err != nil {
				t.Fatal(err)
			}
			samples = append(samples, &learn.Sample{
				Method: "GET", Host: "h.example", Path: fmt.Sprintf("/v1/%d/%s", i*1000, []string{"a", "b/", "c//d"}[r.IntN(3)]), Status: 200,
				Type: "application/json", Body: body,
			})
		}
		sum := learned(t, samples)
		strict := learn.Draft{Title: "x", Strict: r.IntN(2) == 0}
		doc, _ := sum.OpenAPI(strict)
		single, _ := sum.JSONSchema(strict)
		for _, api := range []schema.API{
			{Name: "x", OpenAPI: write(t, "draft.yaml", doc.YAML())},
			{Name: "x", OpenAPI: write(t, "draft.json", doc.JSON())},
			{Name: "x", JSONSchema: write(t, "schema.json", single.JSON())},
			{Name: "x", JSONSchema: write(t, "schema.yaml", single.YAML())},
		} {
			e, err := schema.New(schema.Options{APIs: []schema.API{api}, Select: func(*scan.Message) string { return "x" }})
			if err != nil {
				t.Fatalf("%v\n%s", err, doc.YAML())
			}
			for _, s := range samples {
				if fs := judgeWith(t, e, s); len(fs) > 0 {
					t.Fatalf("%s\n%s: %s %s: %s\n%s", s.Body, s.Path, fs[0].Rule, fs[0].Path, fs[0].Detail, doc.YAML())
				}
				judged++
			}
		}
	}
	if judged < 1000 {
		t.Fatalf("%d judged", judged)
	}
}

// TestBounds holds that whatever peers send, what is kept is bounded.
func TestBounds(t *testing.T) {
	l := learn.New(inventory.Template)
	left := 0
	for i := range 3000 {
		var b strings.Builder
		for j := range 50 {
			fmt.Fprintf(&b, `"k%c%c%d":{"a":[{"b":%d}]},`, 'a'+i%26, 'a'+i/26%26, j, j)
		}
		err := l.Observe(&learn.Sample{
			Method: "GET", Host: "h", Path: fmt.Sprintf("/%c%c%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26), Status: 200, Type: "application/json",
			Body: []byte("{" + strings.TrimSuffix(b.String(), ",") + "}"),
		})
		if err != nil {
			left++
		}
	}
	text, err := json.Marshal(l.Summary())
	if err != nil || len(text) > 8<<20 || left == 0 {
		t.Errorf("%d bytes, %d left out, %v", len(text), left, err)
	}
	for _, body := range []string{"", "{", "[1", `{"a":1}{}`, strings.Repeat("[", 100_000)} {
		if l.Observe(&learn.Sample{Host: "h", Path: "/", Type: "application/json", Body: []byte(body)}) == nil {
			t.Errorf("%.20q was learned from", body)
		}
	}
}

// TestEngine holds that learning changes nothing about a message, and counts as no look.
func TestEngine(t *testing.T) {
	r := &learn.Registry{Template: inventory.Template}
	e := learn.NewEngine(r.Of, func(m *scan.Message) string { return strings.TrimSuffix(m.Host, ".example") })
	item := func(host, body string) *scan.Item {
		m := &scan.Message{Direction: scan.Response, Method: "GET", Host: host, Path: "/v1/x/4711", Status: 200, Type: "application/json"}
		return &scan.Item{Message: m, Path: "body", Type: "application/json", Blob: scan.Bytes(body)}
	}
	runner := scan.Runner{Engines: []scan.Engine{e}}
	for _, body := range []string{`{"a":1}`, `{"a":`, `{"a":null}`} {
		v := runner.Run(t.Context(), slices.Values([]*scan.Item{item("shop.example", body)}))
		if len(v.Gaps)+len(v.Findings) > 0 || v.Looked {
			t.Errorf("%s: %+v", body, v)
		}
	}
	runner.Run(t.Context(), slices.Values([]*scan.Item{item(".example", `{}`)}))
	if names := r.Names(); !slices.Equal(names, []string{"shop"}) {
		t.Errorf("names %v", names)
	}
	s := r.Find("shop").Summary()
	if s.Messages != 3 || s.Left != 1 || len(s.Operations) != 1 || s.Operations[0].Path != "/v1/x/{id}" {
		t.Errorf("%+v", s)
	}
	if !r.Forget("shop") || r.Forget("shop") || r.Find("shop") != nil {
		t.Error("it is not forgotten")
	}
}

// FuzzRead gives the readers of recorded traffic whatever there is, and drafts from what they take.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"testdata/shop.jsonl", "testdata/shop.har"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text[:min(len(text), 2000)])
	}
	f.Add([]byte(`{"url":"http://h/a/1","status":200,"body":{"a":[1,"x",null]}}`))
	f.Add([]byte(`{"log":{"entries":[{"request":{"method":"GET","url":"http://h/"},"response":{"status":200,"content":{"mimeType":"application/json","text":"{}"}}}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l := learn.New(inventory.Template)
		_ = learn.Read(bytes.NewReader(text), func(s *learn.Sample) { _ = l.Observe(s) })
		doc, _ := l.Summary().OpenAPI(learn.Draft{Title: "x"})
		if !json.Valid(doc.JSON()) {
			t.Fatalf("%s", doc.JSON())
		}
	})
}
