package waf_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"icapd/av/waf"
	"icapd/scan"
)

func write(tb testing.TB, dir, name, text string) string {
	tb.Helper()
	name = filepath.Join(dir, name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}

const ownRules = `# rules of an operator
SecRule ARGS:/^items\/[0-9]+\/comment$/ "@contains frobnicate" \
    "id:100,\
    phase:2,pass,log,\
    msg:'frobnication',\
    tag:'attack-sqli',\
    severity:'ALERT'"

SecRule ARGS "@pmFromFile words.data" "id:101,phase:2,pass,msg:'a word of the list',chain"
    SecRule MATCHED_VAR "@endsWith !" "t:none"

SecRule SERVER_NAME "@streq api.example.com" "id:102,phase:1,pass,nolog,setvar:tx.ours=1"
SecRule TX:ours "@eq 1" "id:103,phase:2,pass,msg:'host',chain"
    SecRule ARGS:host "@rx ^evil" ""

# an exclusion: comments may speak of SQL
SecRuleUpdateTargetById 942100 "!ARGS:quoted"
`

// TestOwnRules holds that rules of an operator's see fields by their paths, data files beside them, and the host; and
// that their findings say where they stand.
func TestOwnRules(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "words.data", "wibble\nwobble\n")
	file := write(t, dir, "own.conf", ownRules)
	e, err := waf.New(waf.Options{Rules: []string{waf.CRS, file}, Disabled: waf.DefaultDisabled()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	fs, err := e.Scan(t.Context(), item(t, "/items/3/comment=please frobnicate", "/items/3/name=frobnicate", "/a=a wibble!",
		"/b=a wobble.", "/c=no word!", "/host=evil.example", "/quoted=x' OR 1=1 -- ", "/unquoted=x' OR 1=1 -- "))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"waf-100 body/items/3/comment", "waf-101 body/a", "waf-103 body/host", "waf-942100 body/unquoted"}
	got := slices.DeleteFunc(rules(fs), func(s string) bool { return strings.HasPrefix(s, "waf-942") && !strings.HasPrefix(s, "waf-942100 ") })
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	i := slices.IndexFunc(fs, func(f scan.Finding) bool { return f.Rule == "waf-100" })
	if i < 0 {
		t.Fatal("no waf-100")
	}
	f := fs[i]
	if f.Class != "sqli" || f.Severity != scan.High || f.Description != "frobnication" || f.Reference != file+":2" {
		t.Errorf("%+v", f)
	}
	if e.Rules() < 100 {
		t.Errorf("%d rules", e.Rules())
	}
}

// TestOwnRulesAlone holds that there can be rules without CRS, and of a folder.
func TestOwnRulesAlone(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "b.conf", `SecRule ARGS "@gt 100" "id:7,phase:2,pass,msg:'too much'"`)
	write(t, dir, "a.conf", "")
	e, err := waf.New(waf.Options{Rules: []string{dir}, Disabled: waf.DefaultDisabled()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	fs, err := e.Scan(t.Context(), item(t, "/price%=1000", "/tax%=10"))
	if got := rules(fs); err != nil || !slices.Equal(got, []string{"waf-7 body/price"}) {
		t.Errorf("%q, %v", got, err)
	}
	if fs[0].Class != "custom" || fs[0].Severity != scan.Medium {
		t.Errorf("%+v", fs[0])
	}
}

// TestRuleErrors holds that every problem of every file is told at once, with its line.
func TestRuleErrors(t *testing.T) {
	dir := t.TempDir()
	one := write(t, dir, "one.conf", `SecRule ARGS "@rx (" "id:1,phase:2,pass,msg:'x'"
SecRule ARGS "@contains good" "id:2,phase:2,pass,msg:'x'"

SecRule ARGS \
  "@noSuchOperator x" "id:3,phase:2,pass"
SecRuleEngine Off
Include other.conf
`)
	two := write(t, dir, "two.conf", `SecRule ARGS "@inspectFile /bin/true" "id:4,phase:2,pass"
SecRule ARGS "!@rbl example.org" "id:5,phase:2,pass"
SecAction "id:6,phase:1,pass,exec:/bin/true"
SecRule ARGS "@rx a" "id:8,phase:2,pass,ctl:ruleEngine=Off"
SecRemoteRules key https://rules.example/
SecRule ARGS "@pmFromFile ../outside.data" "id:9,phase:2,pass"
SecRule ARGS "@pmFromFile /etc/hostname" "id:10,phase:2,pass"
SecRule ARGS
SecAuditLog /tmp/x
SecRule ARGS "@rx a" \
`)
	_, err := waf.New(waf.Options{Rules: []string{one, two, filepath.Join(dir, "nowhere.conf"), t.TempDir()}})
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	for _, want := range []string{
		one + ":1: ", one + ":4: ", one + ":6: SecRuleEngine: ", one + ":7: include: ",
		two + ":1: the operator @inspectfile", two + ":2: the operator @rbl", two + ":3: the action exec", two + ":4: ctl:ruleengine",
		two + ":5: SecRemoteRules: ", two + ":6: ", two + ":7: ", two + ":8: SecRule needs", two + ":9: SecAuditLog: ", two + ":10: the directive does not end",
		"nowhere.conf: no such file", "no *.conf",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if strings.Contains(text, one+":2:") {
		t.Errorf("a good rule is an error:\n%s", text)
	}
	if rule := (*waf.RuleError)(nil); !errors.As(err, &rule) || rule.Line == 0 {
		t.Error("the errors are no RuleErrors")
	}
}

// TestChainsAlone holds that a chain that matched in two fields counts only for those that it matches alone.
func TestChainsAlone(t *testing.T) {
	file := write(t, t.TempDir(), "own.conf", `SecRule ARGS "@rx ^(\w+) is \w+$" "id:1,phase:2,pass,capture,msg:'x',chain"
SecRule TX:1 "@streq admin" ""`)
	e, err := waf.New(waf.Options{Rules: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	fs, err := e.Scan(t.Context(), item(t, "/a=nobody is here", "/b=admin is here"))
	if got := rules(fs); err != nil || !slices.Equal(got, []string{"waf-1 body/b"}) {
		t.Errorf("%q, %v", got, err)
	}
}

// FuzzRules looks for rule files that crash, or that get past what is forbidden.
func FuzzRules(f *testing.F) {
	f.Add(ownRules)
	f.Add("SecRule ARGS \"@rx a\" \"id:1,phase:2,pass\"\n")
	f.Add("SecDataset x `\na\nb\n`\nSecRule ARGS \"@pmFromDataset x\" \"id:1,phase:2,pass,msg:'x'\"\n")
	f.Add("SecAction \"id:1,phase:1,pass,setvar:tx.a=1\"\\\n")
	f.Add("SecRule \"ARGS|!ARGS:/x\" \"@rx \\\"\" 'id:1'\nSecMarker END\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4<<10 {
			return
		}
		e, err := waf.New(waf.Options{Rules: []string{write(t, dir, "fuzz.conf", text)}})
		if err != nil {
			return
		}
		defer func() { _ = e.Close() }()
		lower := strings.ToLower(text)
		for line := range strings.Lines(lower) {
			if strings.HasPrefix(line, "secruleengine") || strings.HasPrefix(line, "secauditlog") {
				t.Errorf("accepted: %q", line)
			}
		}
		if _, err := e.Scan(t.Context(), item(t, "/v=x", "/w=a b c")); err != nil {
			t.Errorf("Scan: %v", err)
		}
	})
}

// FuzzFields looks for values that break the rules: a panic, a finding outside of the item, text that logs cannot hold.
func FuzzFields(f *testing.F) {
	for _, s := range []string{
		"/v=x' OR 1=1 -- ", "/v=<script>alert(1)</script>\n/w=; cat /etc/passwd", "/a#=__proto__", "/n%=1e9", "=", "/v=\xff\xfe",
		"/v=%25%25%25\n/v=${jndi:ldap://x/}\n/V=${${::-j}ndi:x}", "/v=" + strings.Repeat("(", 500), "/v=" + strings.Repeat("' or ", 100),
	} {
		f.Add([]byte(s))
	}
	e := engine(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4<<10 {
			return
		}
		it := item(t, string(data))
		fs, err := e.Scan(t.Context(), it)
		if err != nil {
			t.Fatalf("Scan: %v", err)
		}
		for i := range fs {
			x := &fs[i]
			if x.Span.Start < 0 || x.Span.End < x.Span.Start || x.Span.End > it.Blob.Size() || x.Rule == "" || x.Class == "" {
				t.Errorf("%+v", x)
			}
			if strings.ContainsAny(x.Detail, "\r\n\x00") || len(x.Detail) > 500 {
				t.Errorf("detail %q", x.Detail)
			}
		}
	})
}
