package waf_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"icapd/av/waf"
	"icapd/scan"
	"icapd/scan/scantest"
)

// crs is one engine for all tests that need nothing special: compiling CRS takes a moment.
var crs = sync.OnceValues(func() (*waf.Engine, error) {
	return waf.New(waf.Options{Rules: []string{waf.CRS}, Disabled: waf.DefaultDisabled(), Timeout: time.Minute})
})

func engine(tb testing.TB) *waf.Engine {
	tb.Helper()
	e, err := crs()
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// pointer is a ready-made path.
type pointer string

func (p pointer) AppendPath(dst []byte) []byte { return append(dst, p...) }

// fieldsOf is a FieldSource over lines "path=value"; a path that ends in "#" is that of a name, in "%" of a number.
func fieldsOf(data []byte) scan.FieldSource {
	return func(_ context.Context, yield func(*scan.Field) bool) error {
		at := int64(0)
		for line := range bytes.Lines(data) {
			path, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte("="))
			f := scan.Field{Kind: scan.KindString, Value: value, Span: scan.Span{Start: at, End: at + int64(len(line))}}
			if p, ok := bytes.CutSuffix(path, []byte("#")); ok {
				path, f.Kind = p, scan.KindKey
			} else if p, ok := bytes.CutSuffix(path, []byte("%")); ok {
				path, f.Kind = p, scan.KindNumber
			}
			f.At = pointer(path)
			if at = f.Span.End; !yield(&f) {
				break
			}
		}
		return nil
	}
}

func item(tb testing.TB, lines ...string) *scan.Item {
	tb.Helper()
	data := []byte(strings.Join(lines, "\n"))
	it := scantest.PlainItem(tb, scantest.Sample{Name: "fields", Type: "application/json"}, data)
	it.Fields = fieldsOf(data)
	return it
}

func TestSuite(t *testing.T) {
	sample := func(name, text, rule string) scantest.Sample {
		return scantest.Sample{Name: name, Type: "application/json", Data: []byte(text), Rule: rule}
	}
	scantest.Engine(t, func(t *testing.T) scan.Engine {
		t.Helper()
		return engine(t)
	}, scantest.Options{
		NoEICAR: true,
		NewItem: func(tb testing.TB, s scantest.Sample, data []byte) *scan.Item {
			tb.Helper()
			it := scantest.PlainItem(tb, s, data)
			if s.Type == "application/json" {
				it.Fields = fieldsOf(data)
			}
			return it
		},
		Malicious: []scantest.Sample{
			sample("sql", "/v=x' OR 1=1 -- ", "waf-942100"),
			sample("markup", "/a=fine\n/b=<img src=x onerror=alert(1)>", "waf-941100"),
		},
		Clean: []scantest.Sample{
			sample("prose", "/v=A sturdy table made of oak.", ""),
			sample("url", "/v=https://api.example.com/v1/items/7", ""),
			sample("number", "/v%=12.50", ""),
		},
		Unwanted:   []scantest.Sample{{Name: "no fields", Type: "application/octet-stream", Data: []byte("x' OR 1=1 -- ")}},
		Goroutines: 8, // CRS is slow, and slower under the race detector
	})
}

// TestClasses holds what CRS finds of each class, and how it is called here.
func TestClasses(t *testing.T) {
	tests := []struct{ name, value, class, rule string }{
		{"union", "1 UNION SELECT password FROM users", "sqli", "waf-942100"},
		{"sleep", "1' AND sleep(5)#", "sqli", "waf-942160"},
		{"script", "<script>alert(document.cookie)</script>", "xss", "waf-941110"},
		{"javascript URL", "javascript:alert(1)", "xss", "waf-941170"},
		{"shell", "; cat /etc/passwd", "cmdi", "waf-932160"},
		{"traversal", "../../../../etc/passwd", "traversal", "waf-930100"},
		{"metadata", "http://169.254.169.254/latest/meta-data/", "ssrf", "waf-934110"},
		{"php", "<?php system($_GET['c']); ?>", "codeinj", "waf-933100"},
		{"node", "require('child_process').exec('id')", "codeinj", "waf-934100"},
		{"log4shell", "${jndi:ldap://x.example/a}", "jndi", "waf-944150"},
		{"php object", `O:8:"stdClass":1:{s:1:"a";i:1;}`, "deser", "waf-933170"},
		{"mongo", `{"$where":"sleep(100)"}`, "nosqli", "waf-942290"},
		{"prototype", "__proto__[admin]=1", "protopoll", "waf-934130"},
		{"ldap", "*)(uid=*))(|(uid=*", "ldap", "waf-921200"},
		{"response splitting", "x\r\nSet-Cookie: a=b", "crlf", "waf-921120"},
	}
	e := engine(t)
	seen := 0
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			it := item(t)
			value := []byte(tt.value)
			it.Fields = func(_ context.Context, yield func(*scan.Field) bool) error {
				yield(&scan.Field{Kind: scan.KindString, Value: value, Span: scan.Span{End: 0}, At: pointer("/items/0/v")})
				return nil
			}
			fs, err := e.Scan(t.Context(), it)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(fs, func(f scan.Finding) bool { return f.Rule == tt.rule })
			if i < 0 {
				t.Fatalf("no %s among %v", tt.rule, rules(fs))
			}
			f := fs[i]
			if f.Class != tt.class || f.Category != scan.WAF || f.Severity < scan.Low {
				t.Errorf("%s is %v/%s of severity %v, want class %s", f.Rule, f.Category, f.Class, f.Severity, tt.class)
			}
			if f.Path != "body/items/0/v" || f.Field != "/items/0/v" {
				t.Errorf("found at %q, field %q", f.Path, f.Field)
			}
			if f.Description == "" || !strings.Contains(f.Detail, f.Description) || !strings.Contains(f.Reference, "OWASP CRS") {
				t.Errorf("detail %q, description %q, reference %q", f.Detail, f.Description, f.Reference)
			}
			seen++
		})
	}
	if seen == 0 {
		t.Error("no class was found")
	}
}

func rules(fs []scan.Finding) []string {
	out := make([]string, len(fs))
	for i := range fs {
		out[i] = fs[i].Rule + " " + fs[i].Path
	}
	return out
}

// TestFields holds that a finding is about its own field, whatever stands around it, and about each of them.
func TestFields(t *testing.T) {
	lines := []string{"/__proto__#=__proto__"}
	for i := range 200 {
		lines = append(lines, fmt.Sprintf("/items/%d/name=table", i), fmt.Sprintf("/items/%d/price%%=%d", i, i))
	}
	lines[77] = "/items/x/NOTE=<script>alert(1)</script>"
	lines[300] = "/items/y/note=<script>alert(1)</script>"
	lines = append(lines, "/same=x' OR 1=1 -- ", "/same=fine", "/Same=x' OR 2=2 -- ")
	it := item(t, lines...)
	fs, err := engine(t).Scan(t.Context(), it)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	whole, _ := it.Blob.Bytes()
	for i := range fs {
		f := &fs[i]
		got[f.Field]++
		if text := string(whole[f.Span.Start:f.Span.End]); !strings.HasPrefix(text, f.Field) {
			t.Errorf("%s at %s is said to be %q", f.Rule, f.Field, text)
		}
	}
	want := []string{"/Same", "/__proto__", "/items/x/NOTE", "/items/y/note", "/same"}
	if paths := slices.Sorted(maps.Keys(got)); !slices.Equal(paths, want) {
		t.Errorf("found at %q, want %q", paths, want)
	}
}

// TestLimits holds that everything that is left out is told, and what came before it is looked at.
func TestLimits(t *testing.T) {
	const attack = "/v=x' OR 1=1 -- "
	far := attack + strings.Repeat("y", 300)
	var many []string
	for i := range 300 {
		many = append(many, "/"+strconv.Itoa(i)+"=x' OR 1="+strconv.Itoa(i)+" -- ")
	}
	long := make([]string, 20)
	for i := range long {
		long[i] = "/" + strconv.Itoa(i) + "=" + strings.Repeat("table "+strconv.Itoa(i), 20)
	}
	tests := []struct {
		name  string
		o     waf.Options
		lines []string
		limit string
		found bool
	}{
		{"none", waf.Options{}, []string{attack}, "", true},
		{"a long field", waf.Options{MaxFieldBytes: 100}, []string{far}, "engines.waf.max_field_bytes", true},
		{"a long field, after it", waf.Options{MaxFieldBytes: 100}, []string{"/a=" + strings.Repeat("y", 300), attack}, "engines.waf.max_field_bytes", true},
		{"many bytes", waf.Options{MaxBytes: 1000}, append([]string{attack}, long...), "engines.waf.max_bytes", true},
		{"many bytes, behind them", waf.Options{MaxBytes: 1000}, append(slices.Clone(long), attack), "engines.waf.max_bytes", false},
		{"many findings", waf.Options{}, many, "engines.waf.findings", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Rules, tt.o.Timeout = []string{waf.CRS}, time.Minute
			e, err := waf.New(tt.o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = e.Close() })
			fs, err := e.Scan(t.Context(), item(t, tt.lines...))
			var gap *scan.Gap
			switch {
			case tt.limit == "" && err != nil:
				t.Errorf("Scan: %v", err)
			case tt.limit != "" && (!errors.As(err, &gap) || gap.Reason != scan.ReasonLimit || gap.Limit != tt.limit):
				t.Errorf("Scan: %v, want the limit %s", err, tt.limit)
			}
			if (len(fs) > 0) != tt.found {
				t.Errorf("found %v", rules(fs))
			}
		})
	}
}

// TestTimeout holds that the engine's own time is told apart from the caller's.
func TestTimeout(t *testing.T) {
	e, err := waf.New(waf.Options{Rules: []string{waf.CRS}, Timeout: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	_, err = e.Scan(t.Context(), item(t, "/v=x' OR 1=1 -- "))
	if g := scan.GapFrom(waf.Name, "body", err); err == nil || g.Reason != scan.ReasonTimeout || !strings.Contains(err.Error(), "engines.waf.timeout") {
		t.Errorf("Scan: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := engine(t).Scan(ctx, item(t, "/v=x' OR 1=1 -- ")); !errors.Is(err, context.Canceled) {
		t.Errorf("Scan of a message that went away: %v", err)
	}
}

// TestFieldsError holds that an item that cannot be read to its end is a gap, and what came before it counts.
func TestFieldsError(t *testing.T) {
	it, broken := item(t), errors.New("ends early")
	inner := fieldsOf([]byte("/v=x' OR 1=1 -- "))
	it.Fields = func(ctx context.Context, yield func(*scan.Field) bool) error {
		return errors.Join(inner(ctx, yield), broken)
	}
	it.Blob = scan.Bytes(make([]byte, 100))
	fs, err := engine(t).Scan(t.Context(), it)
	if !errors.Is(err, broken) || len(fs) == 0 {
		t.Errorf("%v, %v", rules(fs), err)
	}
}

// TestSample holds that the sample is as large as it says, and that a message is in it or not.
func TestSample(t *testing.T) {
	e, err := waf.New(waf.Options{Rules: []string{waf.CRS}, Sample: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	in := 0
	const n = 5000
	for i := range n {
		it := item(t, "/v=x")
		m := *it.Message
		m.ID, it.Message = fmt.Sprintf("%08x-%d", i*2654435761, i), &m
		wanted := e.Wants(it)
		if wanted != e.Wants(it) {
			t.Fatal("a message is in the sample only sometimes")
		}
		if wanted {
			in++
		}
	}
	if in < n*15/100 || in > n*25/100 {
		t.Errorf("%d of %d messages are in a sample of 20 %%", in, n)
	}
	nameless := item(t, "/v=x")
	nameless.Message = &scan.Message{}
	if !e.Wants(nameless) {
		t.Error("a message without an id is not looked at")
	}
}

// TestVersion holds that what changes answers changes the version, and nothing else does.
func TestVersion(t *testing.T) {
	version := func(o waf.Options) string {
		e, err := waf.New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = e.Close() }()
		return e.Version()
	}
	one := version(waf.Options{Rules: []string{waf.CRS}, Disabled: []string{"942100", "xss"}})
	if again := version(waf.Options{Rules: []string{waf.CRS}, Paranoia: 1, Disabled: []string{"xss", "942100"}, Timeout: time.Hour}); one != again {
		t.Errorf("%s and %s of equal rules", one, again)
	}
	for _, o := range []waf.Options{
		{Rules: []string{waf.CRS}, Disabled: []string{"942100"}},
		{Rules: []string{waf.CRS}, Disabled: []string{"942100", "xss"}, Paranoia: 2},
		{Rules: []string{waf.CRS}, Disabled: []string{"942100", "xss"}, MaxBytes: 1 << 20},
	} {
		if other := version(o); other == one {
			t.Errorf("%+v has the version of other rules", o)
		}
	}
	if !strings.HasPrefix(one, "crs-4.") {
		t.Errorf("version %s does not name that of CRS", one)
	}
}

// TestDisabled holds that rules and classes can be switched off, and typing errors are noticed.
func TestDisabled(t *testing.T) {
	e, err := waf.New(waf.Options{Rules: []string{waf.CRS}, Disabled: []string{"942100", "xss"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	fs, err := e.Scan(t.Context(), item(t, "/a=x' OR 1=1 -- ", "/b=<script>alert(1)</script>"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range fs {
		if fs[i].Rule == "waf-942100" || fs[i].Class == "xss" {
			t.Errorf("%s [%s] is switched off", fs[i].Rule, fs[i].Class)
		}
	}
	for _, bad := range []waf.Options{
		{Rules: []string{waf.CRS}, Disabled: []string{"942999"}},
		{Rules: []string{waf.CRS}, Disabled: []string{"sql"}},
		{Rules: []string{waf.CRS}, Paranoia: 5},
		{Rules: []string{waf.CRS}, Sample: 2},
		{Rules: []string{waf.CRS}, Timeout: -1},
		{},
	} {
		if e, err := waf.New(bad); err == nil {
			_ = e.Close()
			t.Errorf("%+v is no error", bad)
		}
	}
	// The rules that are off by default exist.
	if _, err := crs(); err != nil {
		t.Error(err)
	}
}

// TestParanoia holds that a higher level finds more.
func TestParanoia(t *testing.T) {
	it := item(t, "/v=the owner's table; select one, and then -- or else -- drop it")
	last := -1
	for _, level := range []int{1, 4} {
		e, err := waf.New(waf.Options{Rules: []string{waf.CRS}, Paranoia: level, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		fs, err := e.Scan(t.Context(), it)
		_ = e.Close()
		if err != nil || len(fs) <= last {
			t.Errorf("level %d: %d findings after %d, %v", level, len(fs), last, err)
		}
		last = len(fs)
	}
}

func TestKey(t *testing.T) {
	e := engine(t)
	one, ok := e.Key(item(t, "/v=x"))
	other := item(t, "/v=x")
	other.Type = "text/csv"
	if two, _ := e.Key(other); !ok || one == two {
		t.Errorf("key %q for two types", one)
	}
}

func TestRewriterSuite(t *testing.T) {
	sample := func(name, value string) scantest.Sample {
		return scantest.Sample{Name: name, Type: "application/json", Data: []byte(`{"v":"` + value + `","w":7}`)}
	}
	scantest.Rewriter(t, func(t *testing.T) scan.Rewriter {
		t.Helper()
		return waf.NewRewriter(waf.ModePlaceholder)
	}, scantest.RewriteOptions{
		NewItem: func(tb testing.TB, s scantest.Sample, data []byte) *scan.Item {
			tb.Helper()
			it := scantest.PlainItem(tb, s, data)
			it.Fields = member(data)
			return it
		},
		NeedsFindings: true,
		Engine: func(t *testing.T) scan.Engine {
			t.Helper()
			return engine(t)
		},
		Dirty:   []scantest.Sample{sample("sql", "x' OR 1=1 -- "), sample("markup", "<script>alert(1)</script>")},
		Clean:   []scantest.Sample{sample("prose", "nothing to see")},
		Corrupt: []scantest.Sample{{Name: "cut off", Type: "application/json", Data: []byte(`{"v":"x`)}},
		Apply: func(tb testing.TB, it *scan.Item, edits []scan.Edit) []byte {
			tb.Helper()
			doc, err := it.Blob.Bytes()
			if err != nil || len(edits) != 1 || edits[0].Op != scan.EditSet {
				tb.Fatalf("%v, %v", edits, err)
			}
			value, err := json.Marshal(string(edits[0].Value))
			if err != nil {
				tb.Fatal(err)
			}
			return slices.Concat(doc[:edits[0].Span.Start], value, doc[edits[0].Span.End:])
		},
	})
}

// member is the FieldSource of a document with one string, "v".
func member(doc []byte) scan.FieldSource {
	return func(_ context.Context, yield func(*scan.Field) bool) error {
		var v struct{ V string }
		if err := json.Unmarshal(doc, &v); err != nil {
			return err
		}
		start := int64(len(`{"v":`))
		end := int64(bytes.Index(doc, []byte(`,"w"`)))
		yield(&scan.Field{Kind: scan.KindString, Value: []byte(v.V), Span: scan.Span{Start: start, End: end}, At: pointer("/v")})
		return nil
	}
}

// TestRewriterModes holds what becomes of fields of each kind.
func TestRewriterModes(t *testing.T) {
	it := item(t, "/v=x' OR 1=1 -- ", "/n%=9", "/k#=__proto__")
	var findings []scan.Finding
	if err := it.Fields(t.Context(), func(f *scan.Field) bool {
		findings = append(findings, scan.Finding{Engine: waf.Name, Rule: "waf-1", Class: "sqli", Path: it.Path + f.Path(), Field: f.Path(), Span: f.Span})
		return true
	}); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[waf.Mode][]scan.EditOp{
		waf.ModePlaceholder: {scan.EditSet, scan.EditNull, scan.EditDrop},
		"defang":            {scan.EditSet, scan.EditNull, scan.EditDrop},
		waf.ModeNull:        {scan.EditNull, scan.EditNull, scan.EditDrop},
		waf.ModeDrop:        {scan.EditDrop, scan.EditDrop, scan.EditDrop},
	} {
		rep, err := waf.NewRewriter(mode).Rewrite(t.Context(), it, findings)
		if err != nil || len(rep.Edits) != 3 || len(rep.Changes) != 3 {
			t.Fatalf("%s: %+v, %v", mode, rep, err)
		}
		for i, e := range rep.Edits {
			if e.Op != want[i] {
				t.Errorf("%s: edit %d is %v, want %v", mode, i, e.Op, want[i])
			}
		}
	}
	lost := slices.Clone(findings)
	lost[0].Span.End++
	if _, err := waf.NewRewriter("").Rewrite(t.Context(), it, lost); err == nil {
		t.Error("a finding about a field that is gone is no error")
	}
	if _, err := waf.NewRewriter("").Rewrite(t.Context(), it, []scan.Finding{{Engine: waf.Name, Rule: "waf-1"}}); err == nil {
		t.Error("a finding about no field is no error")
	}
	if rep, err := waf.NewRewriter("").Rewrite(t.Context(), it, []scan.Finding{{Engine: "injection", Span: findings[0].Span}}); err != nil || !rep.Empty() {
		t.Errorf("somebody else's finding: %+v, %v", rep, err)
	}
}
