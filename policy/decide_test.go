package policy

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"icapd/scan"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden tables")

var (
	categories = []scan.Category{scan.CategoryUnknown, scan.Malware, scan.Injection, scan.ActiveContent, scan.Hazard, scan.Schema, scan.WAF, 99}
	actions    = []Action{ActionUnset, ActionReport, ActionRewrite, ActionBlock, 99}
	severities = []scan.Severity{scan.SeverityUnknown, scan.Info, scan.Low, scan.Medium, scan.High, scan.Critical, 99}
	hints      = []string{"", HintReport, HintRewrite, HintBlock, HintAllow, "nonsense"}
	reasons    = []scan.Reason{
		scan.ReasonError, scan.ReasonTimeout, scan.ReasonPanic, scan.ReasonLimit, scan.ReasonEncrypted, scan.ReasonCorrupt,
		scan.ReasonUnsupported, scan.ReasonUnavailable, scan.ReasonCanceled, 99,
	}
)

// all is a profile that wants the same for every category and gap.
func all(a Action) *Profile {
	return &Profile{
		Name: "p", Malware: a, Injection: a, ActiveContent: a, Hazard: a, Schema: a, WAF: a, Unscannable: a, Encrypted: a,
	}
}

func verdict(fs ...scan.Finding) *scan.Verdict {
	return &scan.Verdict{Findings: fs, Looked: true, Items: 1}
}

// The whole product of what one finding can be and what a profile can want, for people to read.
func TestFindingTable(t *testing.T) {
	var b strings.Builder
	n := 0
	for _, c := range categories {
		for _, a := range actions {
			for _, s := range severities {
				fmt.Fprintf(&b, "%-14s %-11s %-9s", name(c, 99), name(a, 99), name(s, 99))
				for _, h := range hints {
					d := Decide(all(a), verdict(scan.Finding{Rule: "r", Category: c, Severity: s, Hint: h}))
					fmt.Fprintf(&b, " %s:%s", h, d.Action)
					n++
				}
				b.WriteByte('\n')
			}
		}
	}
	if n != 8*5*7*6 {
		t.Fatalf("looked at %d combinations", n)
	}
	golden(t, "testdata/findings.golden", b.String())
}

func name[T interface {
	~uint8
	fmt.Stringer
}](v, future T,
) string {
	if v == future {
		return "future"
	}
	return v.String()
}

// The same for gaps: reason, and what the profile wants about it in its three places.
func TestGapTable(t *testing.T) {
	var b strings.Builder
	n := 0
	for _, r := range reasons {
		for _, unscannable := range actions {
			for _, encrypted := range actions {
				for _, own := range actions {
					p := &Profile{Name: "p", Unscannable: unscannable, Encrypted: encrypted, Gaps: map[scan.Reason]Action{r: own}}
					v := verdict()
					v.Gaps = []scan.Gap{{Engine: "e", Reason: r}}
					fmt.Fprintf(&b, "%-11s unscannable=%-10s encrypted=%-10s own=%-10s %s\n", name(r, 99), name(unscannable, 99),
						name(encrypted, 99), name(own, 99), Decide(p, v).Action)
					n++
				}
			}
		}
	}
	if n != 10*5*5*5 {
		t.Fatalf("looked at %d combinations", n)
	}
	golden(t, "testdata/gaps.golden", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
}

// What holds for every combination, whatever the tables say.
func TestInvariants(t *testing.T) {
	n := 0
	for _, c := range categories {
		for _, a := range actions {
			for _, s := range severities {
				for _, h := range hints {
					for _, override := range actions {
						p := all(a)
						if override != ActionUnset {
							p.Classes = map[string]Action{"c": override}
						}
						invariants(t, p, scan.Finding{Rule: "r", Class: "c", Category: c, Severity: s, Hint: h}, override)
						n++
					}
				}
			}
		}
	}
	if n < 7000 {
		t.Fatalf("looked at %d combinations", n)
	}
}

func invariants(t *testing.T, p *Profile, f scan.Finding, override Action) {
	t.Helper()
	v := verdict(f)
	d := Decide(p, v)
	bad := func(format string, args ...any) {
		t.Errorf("%v %v %v hint %q, override %v: %s", f.Category, p.Malware, f.Severity, f.Hint, override, fmt.Sprintf(format, args...))
	}
	if diff := cmp.Diff(verdict(f), v); diff != "" {
		bad("the verdict was changed: %s", diff)
	}
	asked := p.Malware
	if f.Category == scan.WAF {
		override = ActionUnset // classes do not count for it
	}
	if override != ActionUnset {
		asked = override
	}
	switch {
	case d.Action == Unknown || d.Action > Block:
		bad("the action is %d", d.Action)
	case f.Severity == scan.Info && d.Action != Allow:
		bad("information decided: %v", d.Action)
	case f.Severity != scan.Info && (asked == ActionUnset || asked == 99) && d.Action != Block:
		bad("an unknown action is no block: %v", d.Action)
	case asked == ActionReport && d.Action != Allow:
		bad("report is %v", d.Action)
	case f.Severity != scan.Info && override == ActionBlock && d.Action != Block:
		bad("a class that is forced to block is %v", d.Action)
	case f.Severity >= scan.High && asked == ActionBlock && d.Action != Block:
		bad("severe and to be blocked, but %v", d.Action)
	case (d.Action == Allow) != (d.Rule == "" && d.Reason == "" && d.Finding == nil):
		bad("%v with rule %q and reason %q", d.Action, d.Rule, d.Reason)
	case (d.Action == Rewrite) != (len(d.Rewrites) == 1):
		bad("%v with %d rewrites", d.Action, len(d.Rewrites))
	}
	shadow := *p
	shadow.Mode = Shadow
	sd := Decide(&shadow, verdict(f))
	want := d.Action
	if want == Allow {
		want = Unknown
	}
	if sd.Action != Allow || sd.Shadowed != want || sd.Rule != d.Rule || len(sd.Rewrites) != len(d.Rewrites) {
		bad("in shadow mode %v, shadowed %v; enforced %v", sd.Action, sd.Shadowed, d.Action)
	}
	// More that was seen, or less that was looked at, never makes an answer more lenient.
	gap := verdict(f)
	gap.Gaps = []scan.Gap{{Engine: "e"}}
	unseen := verdict(f)
	unseen.Looked = false
	for what, more := range map[string]*scan.Verdict{
		"another finding": verdict(f, scan.Finding{Rule: "o", Category: scan.Schema, Severity: scan.Low}),
		"a gap":           gap, "an item that nobody looked at": unseen,
	} {
		if got := Decide(p, more); got.Action < d.Action {
			bad("%v became %v with %s", d.Action, got.Action, what)
		}
	}
}

// default is what the project ships.
func standard() *Profile {
	return &Profile{
		Name: "default", Malware: ActionBlock, Injection: ActionRewrite, ActiveContent: ActionRewrite, Hazard: ActionRewrite,
		Schema: ActionReport, Unscannable: ActionBlock, Encrypted: ActionBlock,
	}
}

func TestDecide(t *testing.T) {
	sqli := scan.Finding{Engine: "injection", Rule: "sqli-union", Category: scan.Injection, Class: "sqli", Severity: scan.High, Hint: HintRewrite}
	xxe := scan.Finding{Engine: "injection", Rule: "xxe-external", Category: scan.Injection, Class: "xxe", Severity: scan.High, Hint: HintBlock}
	ssti := scan.Finding{Engine: "injection", Rule: "ssti-braces", Category: scan.Injection, Class: "ssti", Severity: scan.Medium, Hint: HintReport}
	eicar := scan.Finding{Engine: "yara", Rule: "Eicar", Category: scan.Malware, Class: "test", Severity: scan.Critical}
	trial := scan.Finding{Engine: "yara", Rule: "Trial", Category: scan.Malware, Class: "trial", Severity: scan.Medium, Hint: HintReport}
	macro := scan.Finding{Engine: "cdr", Rule: "macro", Category: scan.ActiveContent, Class: "macro", Severity: scan.Medium}
	for _, tc := range []struct {
		name    string
		change  func(*Profile)
		verdict scan.Verdict
		action  Disposition
		rule    string
	}{
		{"clean", nil, scan.Verdict{Looked: true, Items: 1}, Allow, ""},
		{"zero verdict", nil, scan.Verdict{}, Block, "not looked at (default.unscannable = block)"},
		{"nobody looked, reported", func(p *Profile) { p.Unscannable = ActionReport }, scan.Verdict{Items: 1}, Allow, ""},
		{"malware", nil, *verdict(eicar), Block, "Eicar (default.malware = block)"},
		{"malware on trial", nil, *verdict(trial), Allow, ""},
		{"malware on trial, forced by class", func(p *Profile) { p.Classes = map[string]Action{"trial": ActionBlock} }, *verdict(trial), Block, "Trial (default.classes.trial = block)"},
		{"malware to be rewritten is blocked", func(p *Profile) { p.Malware = ActionRewrite }, *verdict(eicar), Block, "Eicar (default.malware = neutralise, malware cannot be rewritten)"},
		{"injection", nil, *verdict(sqli), Rewrite, "sqli-union (default.injection = neutralise, the rule asks for rewrite)"},
		{"injection that the rule wants blocked", nil, *verdict(sqli, xxe), Block, "xxe-external (default.injection = neutralise, the rule asks for block)"},
		{"injection that the rule wants reported", nil, *verdict(ssti), Allow, ""},
		{"injection that is weakly seen", nil, *verdict(scan.Finding{Category: scan.Injection, Severity: scan.Low, Hint: HintRewrite}), Allow, ""},
		{"block all injection", func(p *Profile) { p.Injection = ActionBlock }, *verdict(ssti), Block, "ssti-braces (default.injection = block)"},
		{"report all injection", func(p *Profile) { p.Injection = ActionReport }, *verdict(xxe), Allow, ""},
		{"rule before class", func(p *Profile) {
			p.Rules, p.Classes = map[string]Action{"xxe-external": ActionReport}, map[string]Action{"xxe": ActionBlock}
		}, *verdict(xxe), Allow, ""},
		{"class forces a rewrite", func(p *Profile) { p.Classes = map[string]Action{"xxe": ActionRewrite} }, *verdict(xxe), Rewrite, "xxe-external (default.classes.xxe = neutralise)"},
		{"the first of equals is named", nil, *verdict(macro, sqli), Rewrite, "macro (default.active_content = neutralise, the rule has no wish)"},
		{"gap", nil, scan.Verdict{Looked: true, Items: 1, Gaps: []scan.Gap{{Engine: "content", Reason: scan.ReasonLimit, Limit: "depth"}}}, Block, "content: limit depth (default.unscannable = block)"},
		{"gap reported by reason", func(p *Profile) { p.Gaps = map[scan.Reason]Action{scan.ReasonLimit: ActionReport} }, scan.Verdict{Looked: true, Items: 1, Gaps: []scan.Gap{{Reason: scan.ReasonLimit}}}, Allow, ""},
		{"encrypted reported, the rest blocked", func(p *Profile) { p.Encrypted = ActionReport }, scan.Verdict{Looked: true, Items: 1, Gaps: []scan.Gap{{Reason: scan.ReasonEncrypted}, {Engine: "clamd", Reason: scan.ReasonUnavailable}}}, Block, "clamd: unavailable (default.unscannable = block)"},
		{"encrypted as unscannable where nothing is said", func(p *Profile) { p.Encrypted = ActionUnset }, scan.Verdict{Looked: true, Items: 1, Gaps: []scan.Gap{{Reason: scan.ReasonEncrypted}}}, Block, "encrypted (default.unscannable = block)"},
		{"message that could not be opened, and may", func(p *Profile) { p.Encrypted = ActionReport }, scan.Verdict{Gaps: []scan.Gap{{Reason: scan.ReasonEncrypted}}}, Allow, ""},
		{"a gap that may, and an item that nobody looked at", func(p *Profile) { p.Encrypted = ActionReport }, scan.Verdict{Items: 2, Gaps: []scan.Gap{{Reason: scan.ReasonEncrypted}}}, Block, "not looked at (default.unscannable = block)"},
		{"rewrite and gap", nil, scan.Verdict{Looked: true, Items: 1, Findings: []scan.Finding{sqli}, Gaps: []scan.Gap{{Engine: "clamd", Reason: scan.ReasonTimeout}}}, Block, "clamd: timeout (default.unscannable = block)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := standard()
			if tc.change != nil {
				tc.change(p)
			}
			d := Decide(p, &tc.verdict)
			if d.Action != tc.action || d.Rule != tc.rule {
				t.Errorf("%v, %q", d.Action, d.Rule)
			}
			if (d.Action == Block || d.Action == Rewrite) == (d.Reason == "") {
				t.Errorf("%v with the reason %q", d.Action, d.Reason)
			}
			if d.Action == Block && d.Rewrites != nil {
				t.Errorf("blocked, with rewrites")
			}
		})
	}
}

func TestNilIsBlocked(t *testing.T) {
	for _, d := range []Decision{Decide(nil, verdict()), Decide(standard(), nil), {}} {
		if d.Action.String() != "block" {
			t.Errorf("%+v", d)
		}
	}
}

func TestDisabled(t *testing.T) {
	f := scan.Finding{Rule: "sqli-comment", Category: scan.Injection, Class: "sqli", Severity: scan.High, Path: "body/queries/3/sql", Field: "/queries/3/sql"}
	other := scan.Finding{Rule: "sqli-comment", Category: scan.Injection, Class: "sqli", Severity: scan.High, Path: "body/name", Field: "/name"}
	for _, tc := range []struct {
		name string
		e    Exemption
		want []bool // does the finding not count; does the other one not
	}{
		{"nothing", Exemption{}, []bool{false, false}},
		{"rule", Exemption{Rule: "sqli-comment"}, []bool{true, true}},
		{"rules", Exemption{Rule: "sqli-*"}, []bool{true, true}},
		{"another rule", Exemption{Rule: "sqli"}, []bool{false, false}},
		{"class", Exemption{Class: "sqli"}, []bool{true, true}},
		{"field", Exemption{Path: "/queries/*/sql"}, []bool{true, false}},
		{"path", Exemption{Path: "body/queries/*"}, []bool{true, false}},
		{"class in a field", Exemption{Class: "sqli", Path: "/name"}, []bool{false, true}},
		{"another class in a field", Exemption{Class: "xss", Path: "/name"}, []bool{false, false}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := standard()
			p.Disabled = []Exemption{tc.e}
			for i, it := range []scan.Finding{f, other} {
				d := Decide(p, verdict(it))
				if off := len(d.Ignored) == 1; off != tc.want[i] || (d.Action == Allow) != off || (d.Outcome() == scan.Clean) != off {
					t.Errorf("%s: %v, %v, %d ignored", it.Path, d.Action, d.Outcome(), len(d.Ignored))
				}
			}
		})
	}
}

func TestAllowlisted(t *testing.T) {
	root := &scan.Item{Path: "body"}
	good := &scan.Item{Path: "body/tool.zip", Parent: root}
	within := &scan.Item{Path: "body/tool.zip/a.exe", Parent: good}
	beside := &scan.Item{Path: "body/b.exe", Parent: root}
	known := scan.Finding{Engine: "hashes", Class: ClassAllowlisted, Category: scan.Malware, Severity: scan.Info, Hint: HintAllow, Item: good}
	malware := func(it *scan.Item) scan.Finding {
		return scan.Finding{Rule: "M", Category: scan.Malware, Severity: scan.High, Item: it}
	}
	changed := func(f scan.Finding, change func(*scan.Finding)) scan.Finding { change(&f); return f }
	for _, tc := range []struct {
		name string
		fs   []scan.Finding
		want Disposition
	}{
		{"the item itself", []scan.Finding{known, malware(good)}, Allow},
		{"what came out of it", []scan.Finding{malware(within), known}, Allow},
		{"an engine that forgot the category", []scan.Finding{known, {Severity: scan.High, Item: good}}, Allow},
		{"what it came out of", []scan.Finding{known, malware(root)}, Block},
		{"beside it", []scan.Finding{known, malware(beside)}, Block},
		{"no item at all", []scan.Finding{known, malware(nil)}, Block},
		{"other categories still count", []scan.Finding{known, {Category: scan.Injection, Severity: scan.High, Item: good}}, Rewrite},
		{"without the hint", []scan.Finding{changed(known, func(f *scan.Finding) { f.Hint = "" }), malware(good)}, Block},
		{"without the class", []scan.Finding{changed(known, func(f *scan.Finding) { f.Class = "x" }), malware(good)}, Block},
		{"with a severity", []scan.Finding{changed(known, func(f *scan.Finding) { f.Severity = scan.Low }), malware(good)}, Block},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := verdict(tc.fs...)
			d := Decide(standard(), v)
			if d.Action != tc.want {
				t.Errorf("%v (%s)", d.Action, d.Rule)
			}
			if len(v.Findings) != len(d.Verdict.Findings)+len(d.Ignored) || !slices.EqualFunc(v.Findings, tc.fs, func(a, b scan.Finding) bool { return a.Rule == b.Rule }) {
				t.Error("a finding was lost, or the verdict was changed")
			}
		})
	}
}

func TestNeedsNoLook(t *testing.T) {
	p := &Profile{Skip: []SkipRule{
		{},
		{Types: []string{"video/*", "audio/*"}},
		{Types: []string{"application/x-iso9660-image"}, LargerThan: 1000},
	}}
	for _, tc := range []struct {
		contentType string
		size        int64
		want        bool
	}{
		{"video/mp4", 5, true},
		{"Video/MP4; codecs=x", -1, true},
		{"audio/ogg", 0, true},
		{"application/json", 5, false},
		{"application/x-video/mp4", 5, false},
		{"", 5, false},
		{"application/x-iso9660-image", 1000, false},
		{"application/x-iso9660-image", 1001, true},
		{"application/x-iso9660-image", -1, false},
	} {
		rule, got := p.NeedsNoLook(&scan.Message{Type: tc.contentType}, tc.size)
		if got != tc.want || got == (rule == "") {
			t.Errorf("%q, %d bytes: %v, %q", tc.contentType, tc.size, got, rule)
		}
	}
	var none *Profile
	if _, ok := none.NeedsNoLook(&scan.Message{Type: "video/mp4"}, 1); ok {
		t.Error("no profile lets messages skip")
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]Action{
		"report": ActionReport, "neutralise": ActionRewrite, "neutralize": ActionRewrite, "disarm": ActionRewrite,
		"rewrite": ActionRewrite, "block": ActionBlock, "BLOCK": ActionBlock,
	} {
		var a Action
		if err := a.UnmarshalText([]byte(text)); err != nil || a != want {
			t.Errorf("%q: %v, %v", text, a, err)
		}
	}
	for _, text := range []string{"", "allow", "unset", "blok"} {
		if a, err := ParseAction(text); err == nil || a != ActionUnset {
			t.Errorf("%q: %v, %v", text, a, err)
		}
	}
	roundTrip[Mode](t, modeNames)
	roundTrip[NeutraliseMode](t, neutraliseNames)
	roundTrip[CDRMode](t, cdrNames)
	roundTrip[BlockFormat](t, blockFormatNames)
}

func roundTrip[T any, P interface {
	*T
	UnmarshalText([]byte) error
	String() string
}](t *testing.T, names []string,
) {
	t.Helper()
	for _, name := range names {
		var v T
		if err := P(&v).UnmarshalText([]byte(name)); err != nil || P(&v).String() != name {
			t.Errorf("%q became %q (%v)", name, P(&v).String(), err)
		}
	}
	var v T
	if err := P(&v).UnmarshalText([]byte("nonsense")); err == nil {
		t.Errorf("%T: nonsense was accepted", v)
	}
}

func TestGlobIsBounded(t *testing.T) {
	long := strings.Repeat("a", 100_000)
	pattern := strings.Repeat("*a", 40) + "*b"
	if glob(pattern, long) {
		t.Error("matched")
	}
	if matchPath("/"+strings.Repeat("**/a/", 20)+"b", strings.Repeat("/a", 20_000)) {
		t.Error("matched")
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("sqli-*", "sqli-union")
	f.Add("*a*b*", "xaxbx")
	f.Add("a*a", "a")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		got := glob(pattern, s)
		if !strings.Contains(pattern, "*") && got != (pattern == s) {
			t.Fatalf("%q, %q: %v", pattern, s, got)
		}
		if len(pattern) < 20 && len(s) < 40 && got != slowGlob(pattern, s) {
			t.Fatalf("%q, %q: %v", pattern, s, got)
		}
	})
}

// slowGlob is the definition.
func slowGlob(p, s string) bool {
	switch {
	case p == "":
		return s == ""
	case p[0] == '*':
		return slowGlob(p[1:], s) || s != "" && slowGlob(p, s[1:])
	}
	return s != "" && s[0] == p[0] && slowGlob(p[1:], s[1:])
}

func BenchmarkDecideClean(b *testing.B) {
	p, v := standard(), verdict()
	b.ReportAllocs()
	for b.Loop() {
		if d := Decide(p, v); d.Action != Allow {
			b.Fatal(d.Rule)
		}
	}
}

func BenchmarkSelect(b *testing.B) {
	c := Config{Default: standard()}
	for i := range 100 {
		c.APIs = append(c.APIs, API{Name: fmt.Sprint(i), Profile: standard(), Match: Match{Hosts: []string{fmt.Sprintf("*.api%d.example", i)}, Paths: []string{"/v1/"}}})
	}
	p, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	msg := &scan.Message{Host: "x.api99.example", Path: "/v1/orders/17"}
	b.ReportAllocs()
	for b.Loop() {
		if sel := p.Select(msg, "respmod"); sel.API != "99" {
			b.Fatal(sel.API)
		}
	}
}

// What a document says is not a field of the message; a document in a field is one all the same, and so is a file that a
// document carries.
func TestDocuments(t *testing.T) {
	attack := scan.Finding{Rule: "sqli-fingerprint", Category: scan.Injection, Class: "sqli", Severity: scan.High, Hint: HintRewrite}
	p := &Profile{Name: "p", Injection: ActionRewrite, ActiveContent: ActionBlock, Unscannable: ActionBlock, Documents: ActionReport}
	body := &scan.Item{Type: "application/json"}
	in := func(doc, name, typ string) *scan.Item {
		d := &scan.Item{Type: doc, Parent: body, Path: "body/file(base64)"}
		return &scan.Item{Type: typ, Parent: d, Name: name, Path: d.Path + "/" + name}
	}
	below := func(it *scan.Item, segment, typ string) *scan.Item {
		return &scan.Item{Type: typ, Parent: it, Name: it.Name, Path: it.Path + segment}
	}
	attached := func(it *scan.Item) *scan.Item {
		it.Attached = true
		return it
	}
	const xlsx, odt, epub = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/vnd.oasis.opendocument.text", "application/epub+zip"
	const ole, msg, pdf = "application/x-ole-storage", "application/vnd.ms-outlook", "application/pdf"
	part := in(xlsx, "sheet1.xml", "text/xml")
	for name, tt := range map[string]struct {
		it   *scan.Item
		want Disposition
	}{
		"a part":                        {part, Allow},
		"a part in UTF-16":              {below(in(xlsx, "sheet1.XML", "text/plain"), "(utf-8)", "text/xml"), Allow},
		"a drawing":                     {in(xlsx, "vmlDrawing1.vml", "text/html"), Allow},
		"of OpenDocument":               {in(odt, "content.xml", "text/xml"), Allow},
		"of a book":                     {in(epub, "chapter1.xhtml", "application/xhtml+xml"), Allow},
		"text of a mail":                {in(msg, "__substg1.0_1000001F", "text/plain"), Allow},
		"a macro":                       {below(in(ole, "Module1", "application/octet-stream"), "(vba)", "text/plain"), Allow},
		"objects of a PDF":              {in(pdf, "object7(objects)", "text/plain"), Allow},
		"the document":                  {part.Parent, Rewrite},
		"a field beside it":             {body, Rewrite},
		"nobody knows where":            {nil, Rewrite},
		"an archive":                    {in("application/zip", "sheet1.xml", "text/xml"), Rewrite},
		"JSON in a sheet":               {in(xlsx, "data.json", "application/json"), Rewrite},
		"JSON that is called a part":    {in(xlsx, "sheet1.xml", "application/json"), Rewrite},
		"JSON in a book":                {in(epub, "data.json", "application/json"), Rewrite},
		"a page in a sheet":             {in(xlsx, "page.html", "text/html"), Rewrite},
		"what is embedded in a part":    {below(part, "/p(base64)", "text/xml"), Rewrite},
		"a name like base64":            {below(part, "/p/@name(base64)", "text/plain"), Allow},
		"a number of a PDF like it":     {below(in(pdf, "object7(objects)", "text/plain"), "(base64:3)", "text/plain"), Allow},
		"another coding":                {below(part, "/p(hex)", "text/plain"), Rewrite},
		"in a field of a message":       {below(body, "/p(base64)", "text/plain"), Rewrite},
		"in a file of a PDF":            {below(attached(in(pdf, "object7(file)", "text/plain")), "(base64)", "text/plain"), Rewrite},
		"a file called so":              {below(part.Parent, "/x(base64)", "text/plain"), Rewrite},
		"an archive in a document":      {below(in(xlsx, "x.zip", "application/zip"), "/a.xml", "text/xml"), Rewrite},
		"a file of a PDF":               {attached(in(pdf, "object7(file)", "application/json")), Rewrite},
		"a page that a PDF carries":     {attached(in(pdf, "object7(file)", "text/html")), Rewrite},
		"the same in UTF-16":            {below(attached(in(pdf, "object7(file)", "text/plain")), "(utf-8)", "text/html"), Rewrite},
		"a file of a mail":              {attached(in(msg, "a.xml", "text/xml")), Rewrite},
		"a file that is called a text":  {attached(in(msg, "__substg1.0_1000001F", "text/plain")), Rewrite},
		"a text that is none of a mail": {in(ole, "payload", "text/plain"), Rewrite},
	} {
		f := attack
		f.Item = tt.it
		d := Decide(p, &scan.Verdict{Findings: []scan.Finding{f}, Looked: true, Items: 1})
		if d.Action != tt.want {
			t.Errorf("%s: %v (%s), want %v", name, d.Action, d.Rule, tt.want)
		}
	}
	for name, change := range map[string]func(f *scan.Finding, p *Profile){
		"active content":       func(f *scan.Finding, _ *Profile) { f.Category = scan.ActiveContent },
		"malware":              func(f *scan.Finding, _ *Profile) { f.Category = scan.Malware },
		"a rule that is named": func(_ *scan.Finding, p *Profile) { p.Rules = map[string]Action{"sqli-fingerprint": ActionBlock} },
		"a rule that blocks":   func(f *scan.Finding, _ *Profile) { f.Hint = HintBlock },
		"not set":              func(_ *scan.Finding, p *Profile) { p.Documents, p.Injection = ActionUnset, ActionBlock },
	} {
		f, profile := attack, *p
		f.Item = part
		change(&f, &profile)
		if d := Decide(&profile, &scan.Verdict{Findings: []scan.Finding{f}, Looked: true, Items: 1}); d.Action != Block {
			t.Errorf("%s: %v (%s), want a block", name, d.Action, d.Rule)
		}
	}
}

// More findings than a verdict lists do not block a part of a document if all of their rules are only reported there,
// exempted or not: where the others stand is not known.
func TestMoreFindingsThanAreListed(t *testing.T) {
	doc := &scan.Item{Type: "application/vnd.oasis.opendocument.spreadsheet", Path: "body"}
	part := &scan.Item{Type: "text/xml", Parent: doc, Name: "content.xml", Path: "body/content.xml"}
	file := &scan.Item{Type: "application/json", Parent: doc, Name: "data.json", Path: "body/data.json"}
	for name, tt := range map[string]struct {
		change func(p *Profile, f *scan.Finding, g *scan.Gap)
		want   Disposition
	}{
		"reported": {func(*Profile, *scan.Finding, *scan.Gap) {}, Allow},
		"exempted": {func(p *Profile, _ *scan.Finding, _ *scan.Gap) { p.Disabled = []Exemption{{Path: "/a/*"}} }, Allow},
		"exempted and blocked": {func(p *Profile, f *scan.Finding, _ *scan.Gap) {
			p.Disabled, f.Hint = []Exemption{{Path: "/a/*"}}, HintBlock
		}, Block},
		"a class that is named": {func(p *Profile, _ *scan.Finding, _ *scan.Gap) {
			p.Disabled, p.Classes = []Exemption{{Path: "/a/*"}}, map[string]Action{"sqli": ActionRewrite}
		}, Block},
		"documents neutralised": {func(p *Profile, _ *scan.Finding, _ *scan.Gap) { p.Documents = ActionUnset }, Block},
		"another limit":         {func(_ *Profile, _ *scan.Finding, g *scan.Gap) { g.Limit = "work" }, Block},
		"another engine":        {func(_ *Profile, _ *scan.Finding, g *scan.Gap) { g.Engine = "yara" }, Block},
		"another part":          {func(_ *Profile, _ *scan.Finding, g *scan.Gap) { g.Path = "body/styles.xml" }, Block},
		"a file in the document": {func(_ *Profile, f *scan.Finding, g *scan.Gap) {
			f.Item, f.Path, g.Path = file, file.Path+"/a/1", file.Path
		}, Block},
		"nobody knows where": {func(_ *Profile, f *scan.Finding, g *scan.Gap) { f.Item, f.Path = nil, g.Path }, Block},
	} {
		p := &Profile{Name: "p", Injection: ActionRewrite, ActiveContent: ActionRewrite, Unscannable: ActionBlock, Documents: ActionReport}
		f := scan.Finding{
			Engine: "injection", Rule: "sqli-fingerprint", Category: scan.Injection, Class: "sqli", Severity: scan.High, Hint: HintRewrite,
			Item: part, Path: part.Path + "/a/1", Field: "/a/1",
		}
		g := scan.Gap{Engine: "injection", Path: part.Path, Reason: scan.ReasonLimit, Limit: scan.LimitFindings}
		tt.change(p, &f, &g)
		other := scan.Finding{
			Engine: "injection", Rule: "xss-script", Category: scan.Injection, Class: "xss", Severity: scan.High, Hint: HintRewrite,
			Item: part, Path: part.Path + "/b", Field: "/b",
		}
		d := Decide(p, &scan.Verdict{Findings: []scan.Finding{other, f}, Gaps: []scan.Gap{g}, Looked: true, Items: 2})
		if d.Action != tt.want {
			t.Errorf("%s: %v (%s), want %v", name, d.Action, d.Rule, tt.want)
		}
	}
}

// A page is what it is; the same bytes anywhere else are not a page.
func TestPages(t *testing.T) {
	page := &scan.Message{Direction: scan.Response, URL: "https://a.test/", Type: "text/html; charset=utf-8"}
	script := scan.Finding{Rule: "xss-script", Category: scan.Injection, Class: "xss", Severity: scan.High, Hint: HintRewrite}
	p := &Profile{Name: "p", Malware: ActionBlock, Injection: ActionRewrite, ActiveContent: ActionRewrite, Unscannable: ActionBlock, Pages: ActionReport}
	root := &scan.Item{Message: page, Type: "text/html", Path: "body"}
	for name, tt := range map[string]struct {
		change func(f *scan.Finding, p *Profile)
		want   Disposition
	}{
		"the page itself":       {func(*scan.Finding, *Profile) {}, Allow},
		"its active content":    {func(f *scan.Finding, _ *Profile) { f.Category = scan.ActiveContent }, Allow},
		"malware in it":         {func(f *scan.Finding, _ *Profile) { f.Category = scan.Malware }, Block},
		"a rule that blocks":    {func(f *scan.Finding, _ *Profile) { f.Hint = HintBlock }, Block},
		"a class that is named": {func(_ *scan.Finding, p *Profile) { p.Classes = map[string]Action{"xss": ActionBlock} }, Block},
		"pages like the rest":   {func(_ *scan.Finding, p *Profile) { p.Pages = ActionRewrite }, Rewrite},
		"pages not set":         {func(_ *scan.Finding, p *Profile) { p.Pages = ActionUnset }, Rewrite},
		"inside of something":   {func(f *scan.Finding, _ *Profile) { f.Item = &scan.Item{Message: page, Type: "text/html", Parent: root} }, Rewrite},
		"JSON that says page":   {func(f *scan.Finding, _ *Profile) { f.Item = &scan.Item{Message: page, Type: "application/json"} }, Rewrite},
		"page that says JSON": {func(f *scan.Finding, _ *Profile) {
			f.Item = &scan.Item{Message: &scan.Message{Direction: scan.Response, URL: "https://a.test/", Type: "application/json"}, Type: "text/html"}
		}, Rewrite},
		"a file": {func(f *scan.Finding, _ *Profile) {
			f.Item = &scan.Item{Message: &scan.Message{Direction: scan.Response, Type: "text/html"}, Type: "text/html"}
		}, Rewrite},
		"a request": {func(f *scan.Finding, _ *Profile) {
			f.Item = &scan.Item{Message: &scan.Message{Direction: scan.Request, URL: "https://a.test/", Type: "text/html"}, Type: "text/html"}
		}, Rewrite},
		"nobody knows where": {func(f *scan.Finding, _ *Profile) { f.Item = nil }, Rewrite},
	} {
		f, profile := script, *p
		f.Item = root
		tt.change(&f, &profile)
		d := Decide(&profile, &scan.Verdict{Findings: []scan.Finding{f}, Looked: true, Items: 1})
		if d.Action != tt.want {
			t.Errorf("%s: %v (%s), want %v", name, d.Action, d.Rule, tt.want)
		}
	}
}

// TestWAF holds that a firewall that is only to report decides nothing: neither by what it finds, nor by its gaps, nor
// by a class that is named for the injection engine; and that it decides if it is asked to.
func TestWAF(t *testing.T) {
	finding := scan.Finding{Engine: "waf", Rule: "waf-942100", Category: scan.WAF, Class: "sqli", Severity: scan.Medium}
	late := scan.Gap{Engine: "waf", Reason: scan.ReasonTimeout}
	page := &scan.Item{Path: "body", Type: "text/html", Message: &scan.Message{Direction: scan.Response, URL: "https://a.test/", Type: "text/html"}}
	inPage := finding
	inPage.Item = page
	low := finding
	low.Severity = scan.Low
	for name, tt := range map[string]struct {
		waf  Action
		fs   []scan.Finding
		gaps []scan.Gap
		want Disposition
	}{
		"report":                  {ActionReport, []scan.Finding{finding}, nil, Allow},
		"report, a gap":           {ActionReport, nil, []scan.Gap{late}, Allow},
		"report, another's gap":   {ActionReport, nil, []scan.Gap{late, {Engine: "clamd"}}, Block},
		"block":                   {ActionBlock, []scan.Finding{finding}, nil, Block},
		"block, a gap":            {ActionBlock, nil, []scan.Gap{late}, Block},
		"block, in a page":        {ActionBlock, []scan.Finding{inPage}, nil, Allow},
		"neutralise":              {ActionRewrite, []scan.Finding{finding}, nil, Rewrite},
		"neutralise, low":         {ActionRewrite, []scan.Finding{low}, nil, Allow},
		"neutralise, a gap":       {ActionRewrite, nil, []scan.Gap{late}, Block},
		"a profile without a key": {ActionUnset, []scan.Finding{finding}, nil, Block},
	} {
		p := standard()
		p.WAF, p.Pages, p.Classes = tt.waf, ActionReport, map[string]Action{"sqli": ActionBlock}
		v := verdict(tt.fs...)
		v.Gaps = tt.gaps
		if d := Decide(p, v); d.Action != tt.want {
			t.Errorf("%s: %v (%s), want %v", name, d.Action, d.Rule, tt.want)
		}
	}
	p := standard()
	p.WAF, p.Rules = ActionReport, map[string]Action{"waf-942100": ActionBlock}
	if d := Decide(p, verdict(finding)); d.Action != Block {
		t.Errorf("a rule that is named: %v", d.Action)
	}
}

// A document that is made safe answers for itself, where the profile wants it so.
func TestDisarmFirst(t *testing.T) {
	macro := scan.Finding{Rule: "macro", Category: scan.ActiveContent, Class: "macro", Severity: scan.Medium, Hint: HintRewrite}
	malware := scan.Finding{Rule: "Dropper", Category: scan.Malware, Class: "trojan", Severity: scan.Critical}
	gap := scan.Gap{Engine: "content", Reason: scan.ReasonCorrupt}
	for name, tt := range map[string]struct {
		change func(*Profile)
		v      scan.Verdict
		want   Disposition
	}{
		"malware beside a macro":         {nil, *verdict(macro, malware), Rewrite},
		"malware before a macro":         {nil, *verdict(malware, macro), Rewrite},
		"malware alone":                  {nil, *verdict(malware), Block},
		"a gap beside a macro":           {nil, scan.Verdict{Findings: []scan.Finding{macro}, Gaps: []scan.Gap{gap}, Items: 1}, Rewrite},
		"a gap alone":                    {nil, scan.Verdict{Gaps: []scan.Gap{gap}, Items: 1}, Block},
		"not wanted":                     {func(p *Profile) { p.DisarmFirst = false }, *verdict(macro, malware), Block},
		"active content only reported":   {func(p *Profile) { p.ActiveContent = ActionReport }, *verdict(macro, malware), Block},
		"active content is blocked":      {func(p *Profile) { p.ActiveContent = ActionBlock }, *verdict(macro), Block},
		"a rule that the operator named": {func(p *Profile) { p.Rules = map[string]Action{"Dropper": ActionBlock} }, *verdict(macro, malware), Block},
	} {
		p := standard()
		p.DisarmFirst = true
		if tt.change != nil {
			tt.change(p)
		}
		d := Decide(p, &tt.v)
		if d.Action != tt.want || d.Action == Rewrite && (len(d.Rewrites) != 1 || d.Rewrites[0].Rule != "macro") {
			t.Errorf("%s: %v (%s), rewrites %v", name, d.Action, d.Rule, d.Rewrites)
		}
	}
}

// The head of a message is not rewritten with a document in its body: what is wrong with it is not put off.
func TestDisarmFirstHead(t *testing.T) {
	head, body := &scan.Item{Path: scan.HeadPath}, &scan.Item{Path: "body"}
	macro := scan.Finding{Rule: "macro", Category: scan.ActiveContent, Class: "macro", Severity: scan.Medium, Hint: HintRewrite, Item: body}
	shellshock := scan.Finding{Rule: "cmdi-shellshock", Category: scan.Injection, Class: "cmdi", Severity: scan.High, Hint: HintBlock, Item: head}
	xss := shellshock
	xss.Rule, xss.Hint = "xss-script", HintRewrite
	inBody := shellshock
	inBody.Item = body
	late := scan.Gap{Engine: "injection", Path: head.Path, Reason: scan.ReasonTimeout}
	elsewhere := late
	elsewhere.Path = body.Path
	onlyHead := macro
	onlyHead.Item = head
	for name, tt := range map[string]struct {
		injection Action
		fs        []scan.Finding
		gaps      []scan.Gap
		want      Disposition
	}{
		"a finding that blocks":              {ActionRewrite, []scan.Finding{macro, shellshock}, nil, Block},
		"the other way round":                {ActionRewrite, []scan.Finding{shellshock, macro}, nil, Block},
		"the same in the body":               {ActionRewrite, []scan.Finding{macro, inBody}, nil, Rewrite},
		"injection blocks":                   {ActionBlock, []scan.Finding{macro, xss}, nil, Block},
		"injection is rewritten":             {ActionRewrite, []scan.Finding{macro, xss}, nil, Rewrite},
		"a gap":                              {ActionRewrite, []scan.Finding{macro}, []scan.Gap{late}, Block},
		"a gap in the body":                  {ActionRewrite, []scan.Finding{macro}, []scan.Gap{elsewhere}, Rewrite},
		"active content in the head is none": {ActionRewrite, []scan.Finding{onlyHead, inBody}, nil, Block},
	} {
		p := standard()
		p.DisarmFirst, p.Injection = true, tt.injection
		v := verdict(tt.fs...)
		v.Gaps = tt.gaps
		if d := Decide(p, v); d.Action != tt.want {
			t.Errorf("%s: %v (%s), want %v", name, d.Action, d.Rule, tt.want)
		}
	}
}

// A payload that its rule cannot take out of its field waits for the document around it, if that is made safe.
func TestPayloadsOfDocuments(t *testing.T) {
	const xps, xlsx = "application/vnd.ms-xpsdocument", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	drawing, api, page := &scan.Item{Type: "image/svg+xml", Path: "body"}, &scan.Item{Type: "text/xml", Path: "body"}, &scan.Item{Type: "text/html", Path: "body"}
	utf8 := &scan.Item{Type: "image/svg+xml", Path: "body(utf-8)", Parent: drawing}
	mail := &scan.Item{Type: "message/rfc822", Path: "body"}
	doc := &scan.Item{Type: xps, Path: "body/a", Parent: mail}
	ticket := &scan.Item{Type: "text/xml", Name: "Job_PT.xml", Path: "body/a/Job_PT.xml", Parent: doc}
	carried := &scan.Item{Type: "text/xml", Name: "a.xml", Path: "body/a/b.xml", Parent: doc, Attached: true}
	inner := &scan.Item{Type: xlsx, Name: "a.xlsx", Path: "body/a/a.xlsx", Parent: doc}
	sheet := &scan.Item{Type: "text/xml", Name: "sheet1.xml", Path: "body/a/a.xlsx/sheet1.xml", Parent: inner}
	active := func(it *scan.Item) scan.Finding {
		return scan.Finding{Rule: "active", Category: scan.ActiveContent, Class: "doctype", Severity: scan.Medium, Hint: HintRewrite, Item: it}
	}
	payload := func(it *scan.Item) scan.Finding {
		return scan.Finding{Rule: "xxe", Category: scan.Injection, Class: "xxe", Severity: scan.Critical, Hint: HintBlock, Item: it}
	}
	malware := scan.Finding{Rule: "Dropper", Category: scan.Malware, Class: "trojan", Severity: scan.Critical, Item: ticket}
	program := active(doc)
	program.Class, program.Rule = ClassProgram, ClassProgram
	for name, tt := range map[string]struct {
		change func(*Profile)
		fs     []scan.Finding
		want   Disposition
	}{
		"a drawing":                        {nil, []scan.Finding{payload(drawing), active(drawing)}, Rewrite},
		"a drawing that is not rewritten":  {nil, []scan.Finding{payload(drawing)}, Block},
		"another one is":                   {nil, []scan.Finding{payload(drawing), active(doc)}, Block},
		"a drawing, decoded":               {nil, []scan.Finding{payload(utf8), active(drawing)}, Rewrite},
		"a part":                           {nil, []scan.Finding{payload(ticket), active(doc)}, Rewrite},
		"a part of a document in it":       {nil, []scan.Finding{payload(sheet), active(doc)}, Rewrite},
		"a file that the document carries": {nil, []scan.Finding{payload(carried), active(doc)}, Block},
		"a program is taken out of it":     {func(p *Profile) { p.Programs = ProgramsPlaceholder }, []scan.Finding{payload(ticket), program}, Block},
		"a message":                        {nil, []scan.Finding{payload(api), active(api)}, Block},
		"a page":                           {nil, []scan.Finding{payload(page), active(page)}, Block},
		"no item":                          {nil, []scan.Finding{payload(nil), active(nil)}, Block},
		"malware in it":                    {nil, []scan.Finding{payload(ticket), malware, active(doc)}, Block},
		"injection blocks":                 {func(p *Profile) { p.Injection = ActionBlock }, []scan.Finding{payload(ticket), active(doc)}, Block},
		"the class is named":               {func(p *Profile) { p.Classes = map[string]Action{"xxe": ActionBlock} }, []scan.Finding{payload(ticket), active(doc)}, Block},
		"active content is reported":       {func(p *Profile) { p.ActiveContent = ActionReport }, []scan.Finding{payload(ticket), active(doc)}, Block},
	} {
		p := standard()
		if tt.change != nil {
			tt.change(p)
		}
		d := Decide(p, verdict(tt.fs...))
		if d.Action != tt.want || d.Action == Rewrite && len(d.Rewrites) != 1 {
			t.Errorf("%s: %v (%s), rewrites %v", name, d.Action, d.Rule, d.Rewrites)
		}
		p.Mode = Shadow
		if d := Decide(p, verdict(tt.fs...)); d.Action != Allow || d.Shadowed != Block {
			t.Errorf("%s, in shadow: %v, %v", name, d.Action, d.Shadowed)
		}
	}
}

func TestRenews(t *testing.T) {
	page := &scan.Item{Message: &scan.Message{Direction: scan.Response, URL: "https://a.test/", Type: "text/html"}, Type: "text/html"}
	file := &scan.Item{Message: &scan.Message{}, Type: "application/pdf"}
	for name, tt := range map[string]struct {
		change func(*Profile)
		it     *scan.Item
		want   bool
	}{
		"as shipped":     {func(*Profile) {}, file, false},
		"rebuild":        {func(p *Profile) { p.CDR = Rebuild }, file, true},
		"one type":       {func(p *Profile) { p.CDRTypes = map[string]CDRMode{"application/pdf": Rebuild} }, file, true},
		"metadata":       {func(p *Profile) { p.StripMetadata = true }, file, true},
		"shadow":         {func(p *Profile) { p.CDR, p.Mode = Rebuild, Shadow }, file, false},
		"only reported":  {func(p *Profile) { p.CDR, p.ActiveContent = Rebuild, ActionReport }, file, false},
		"a page":         {func(p *Profile) { p.CDR, p.Pages = Rebuild, ActionReport }, page, false},
		"pages like all": {func(p *Profile) { p.CDR, p.Pages = Rebuild, ActionRewrite }, page, true},
		"disarm by type": {func(p *Profile) { p.CDRTypes = map[string]CDRMode{"image/*": Disarm} }, file, false},
	} {
		p := standard()
		tt.change(p)
		if got := p.Renews(tt.it); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
