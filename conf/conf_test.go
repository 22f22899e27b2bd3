package conf

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"icapd/policy"
	"icapd/scan"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// same is what makes configurations alike: an empty list is no list.
var same = cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(Config{})}

var update = flag.Bool("update", false, "write the golden files")

// The example says that it holds the defaults: it must.
func TestExampleIsTheDefaults(t *testing.T) {
	c, err := Load(Options{File: "icapd.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Default(), c, same); d != "" {
		t.Error(d)
	}
}

// Each commented key of the example must be one that the decoder takes, or the comments rot.
func TestExampleWithoutComments(t *testing.T) {
	text, err := os.ReadFile("icapd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	commented := regexp.MustCompile(`(?m)^( *)# ( *(?:- )?(?:[a-z_0-9]+:|- [{a-z]).*)$`)
	n := len(commented.FindAll(text, -1))
	if n < 25 {
		t.Fatalf("found %d commented keys only", n)
	}
	open := commented.ReplaceAll(text, []byte("$1$2"))
	// What is there twice now is there as a default and as an example.
	for _, twice := range []string{"  upstream: []            ", "    off: []               ", "apis: []\n", "events: []\n"} {
		open = bytes.Replace(open, []byte(twice), []byte("#\n"), 1)
	}
	open = bytes.Replace(open, []byte("  key_file: \"\" "), []byte("  key_file: quarantine.key "), 1)
	c, err := parseConfig("icapd.yaml", open, nil, func(string) error { return nil })
	if err != nil {
		t.Fatalf("%v\n%s", err, open)
	}
	if len(c.APIs) != 2 || len(c.Profiles) != 3 || len(c.Listen) != 3 || len(c.Engines.Upstream) != 1 || len(c.Events) != 6 || c.Quarantine.S3.Bucket == "" {
		t.Errorf("the examples were not all read: %+v", c)
	}
	if _, err := c.Policy(); err != nil {
		t.Error(err)
	}
}

// Every key that there is stands in the example.
func TestExampleIsComplete(t *testing.T) {
	text, err := os.ReadFile("icapd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var look func(rt reflect.Type)
	look = func(rt reflect.Type) {
		for rt.Kind() == reflect.Map || rt.Kind() == reflect.Slice || rt.Kind() == reflect.Pointer {
			rt = rt.Elem()
		}
		if rt.Kind() != reflect.Struct {
			return
		}
		for name, i := range fieldsOf(rt) {
			n++
			if !regexp.MustCompile(`\b` + name + `:`).Match(text) {
				t.Errorf("the example has no key %s (%s)", name, rt)
			}
			look(rt.Field(i).Type)
		}
	}
	look(reflect.TypeFor[Config]())
	if n < 60 {
		t.Fatalf("looked at %d keys only", n)
	}
}

// One bad file per error; the golden file beside it holds what the user reads.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 24 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			_, err := Load(Options{File: name})
			var ps Problems
			if !errors.As(err, &ps) {
				t.Fatalf("accepted, or not refused with problems: %v", err)
			}
			for _, p := range ps {
				if p.Source != name || p.Line == 0 {
					t.Errorf("without its place: %+v", p)
				}
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".golden", ps.Error()+"\n")
		})
	}
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

func TestLoadMissingFile(t *testing.T) {
	_, err := Load(Options{File: "no/such.yaml"})
	if err == nil || err.Error() != "no/such.yaml: no such file or directory" {
		t.Errorf("%v", err)
	}
}

func parseText(t *testing.T, text string, sets ...string) *Config {
	t.Helper()
	c, err := parseConfig("dir/icapd.yaml", []byte(text), sets, func(string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEmptyMeansDefaults(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "{}", "limits:\nengines:\nprofiles:\napis:\n", "\ufeff# with a byte order mark\n"} {
		if d := cmp.Diff(Default(), parseText(t, text), same); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
}

func TestSets(t *testing.T) {
	c := parseText(t, "limits: {depth: 3}\nlisten: [\"127.0.0.1:1\", \"127.0.0.1:2\"]",
		"limits.depth=4", "limits.depth=5", "listen[1].address=127.0.0.1:9", "listen[2]=127.0.0.1:0",
		"engines.clamd.addresses=tcp:127.0.0.1:3310", "engines.yara.rules=[builtin, rules/x.yar]",
		"services.more={method: REQMOD}", "profiles.default.mode=shadow", `profiles."a.b".malware=report`,
		"profiles.7.injection=block", "admin.address=", "apis[0]={name: x, match: {hosts: [h]}, profile: a.b}",
		"apis.0.profile.encrypted=report", "log.level=debug")
	for _, tc := range []struct {
		name      string
		got, want any
	}{
		{"the last one wins", c.Limits.Depth, 5},
		{"element", c.Listen[1].Address, "127.0.0.1:9"},
		{"element untouched", c.Listen[0].Address, "127.0.0.1:1"},
		{"element added", c.Listen[2].Address, "127.0.0.1:0"},
		{"one value for a list", c.Engines.Clamd.Addresses[0], "tcp:127.0.0.1:3310"},
		{"path from here", string(c.Engines.Yara.Rules[1]), "rules/x.yar"},
		{"new service", c.Services["more"], Service{Method: "REQMOD", Profile: "default", Preview: 4096, OptionsTTL: 60e9}},
		{"services that were there stay", len(c.Services), 3},
		{"mode", c.Profiles["default"].Mode, policy.Shadow},
		{"mode reaches what is based on it", c.Profiles["a.b"].Mode, policy.Shadow},
		{"name with a dot", c.Profiles["a.b"].Malware, policy.ActionReport},
		{"name that is a number", c.Profiles["7"].Injection, policy.ActionBlock},
		{"empty", c.Admin.Address, ""},
		{"inline over a name", c.APIs[0].Profile.Inline.Malware, policy.ActionReport},
		{"inline", c.APIs[0].Profile.Inline.Encrypted, policy.ActionReport},
		{"level", c.Log.Level, "debug"},
	} {
		if d := cmp.Diff(tc.want, tc.got); d != "" {
			t.Errorf("%s: %s", tc.name, d)
		}
	}
}

func TestBadSets(t *testing.T) {
	missing := func(string) error { return fs.ErrNotExist }
	for set, want := range map[string]string{
		"limits":                   "--set limits: wants key=value",
		"=1":                       "--set : a key is empty",
		"limits..depth=1":          "--set limits..depth: a key is empty",
		"limits.dept=1":            `--set limits.dept: unknown key (did you mean "depth"?)`,
		"limits.depth=many":        `--set limits.depth: wants a whole number, and has the text "many"`,
		"limits.depth=0":           "--set limits.depth: 0 is less than 1",
		"limits[0]=1":              `--set limits[0]: limits.0: unknown key (known here: body_bytes, connections, decoded_bytes, depth, document_memory_bytes, entries, header_bytes, in_flight, memory_bytes, nesting, queue, queue_time, ratio, spool_bytes, time, total_memory_bytes)`,
		"listen[7].address=:1":     "--set listen[7].address: listen: has 1 entries: [7] is beyond its end",
		"listen[x].address=:1":     "--set listen[x].address: a place in a list is a number: listen[0]",
		"listen[0=:1":              "--set listen[0: a bracket is not closed",
		`profiles."a.mode=shadow`:  `--set profiles."a.mode: a quote is not closed`,
		`"a"b=1`:                   `--set "a"b: keys are separated by dots`,
		"log.level=[":              "--set log.level: not YAML: sequence end token ']' not found",
		"log.level=loud":           `--set log.level: "loud" is none of debug, info, warn, error`,
		"engines.yara.rules=x.yar": "--set engines.yara.rules: engines.yara.rules[0]: x.yar: file does not exist",
		"listen=[]":                "--set listen: no address to listen on",
	} {
		_, err := parseConfig("", nil, []string{set}, missing)
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", set, err, want)
		}
	}
}

func TestProfilesInherit(t *testing.T) {
	c := parseText(t, `
profiles:
  late: {base: middle, classes: {b: report}}   # its base stands below
  middle: {injection: block, classes: {a: block}}
  default: {malware: report, disable: [x]}
apis:
  - {name: one, match: {hosts: [h]}, profile: late}
  - {name: two, match: {hosts: [h]}, profile: {base: late, mode: shadow}}
  - {name: three, match: {hosts: [h]}, profile: {mode: shadow}}
`)
	late := c.Profiles["late"]
	for _, tc := range []struct {
		name      string
		got, want any
	}{
		{"own default reaches all", late.Malware, policy.ActionReport},
		{"base", late.Injection, policy.ActionBlock},
		{"maps merge", late.Classes, map[string]policy.Action{"a": policy.ActionBlock, "b": policy.ActionReport}},
		{"the base's map is its own", c.Profiles["middle"].Classes, map[string]policy.Action{"a": policy.ActionBlock}},
		{"lists are inherited", late.Disable, []Exemption{{Rule: "x"}}},
		{"built-in values remain", late.Unscannable, policy.ActionBlock},
		{"inline", c.APIs[1].Profile.Inline.Mode, policy.Shadow},
		{"inline, from its base", c.APIs[1].Profile.Inline.Injection, policy.ActionBlock},
		{"the base is not changed", late.Mode, policy.Enforce},
		{"inline, from default", c.APIs[2].Profile.Inline.Injection, policy.ActionRewrite},
	} {
		if d := cmp.Diff(tc.want, tc.got); d != "" {
			t.Errorf("%s: %s", tc.name, d)
		}
	}
	p, err := c.Policy()
	if err != nil {
		t.Fatal(err)
	}
	if sel := p.Select(&scan.Message{Host: "h"}, "respmod"); sel.API != "one" || sel.Profile.Name != "late" {
		t.Errorf("%+v", sel)
	}
	if sel := p.Select(&scan.Message{Host: "other"}, "respmod"); sel.Profile.Name != "default" || sel.Profile.Malware != policy.ActionReport {
		t.Errorf("%+v", sel)
	}
}

func TestAnchorsAndPaths(t *testing.T) {
	c := parseText(t, `
profiles:
  a: &a {injection: block, hazard: report}
  b: {<<: *a, hazard: block}
  c: *a
engines: {yara: {rules: [builtin, rules, /abs/x.yar]}}
listen: [{address: "127.0.0.1:1", tls: {cert: !!str 1.crt, key: ../k}}]
`)
	if c.Profiles["b"].Injection != policy.ActionBlock || c.Profiles["b"].Hazard != policy.ActionBlock || c.Profiles["c"].Hazard != policy.ActionReport {
		t.Errorf("b %+v, c %+v", c.Profiles["b"], c.Profiles["c"])
	}
	if d := cmp.Diff([]Source{"builtin", "dir/rules", "/abs/x.yar"}, c.Engines.Yara.Rules); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(TLS{Cert: "dir/1.crt", Key: "k"}, c.Listen[0].TLS); d != "" {
		t.Error(d)
	}
}

func TestMarshal(t *testing.T) {
	token := strings.Repeat("0123456789abcdef", 4)
	c := parseText(t, `
admin: {address: ":8344", token_sha256: `+token+`}
events: [{nats: "nats://a:hunter2@h1,nats://b:hunter2@h2:4222"}]
engines: {cache: {redis: "rediss://user:hunter2@h", secret: hunter2}, clamd: {addresses: ["unix:/x"], max_bytes: 3MiB}}
profiles: {p: {mode: shadow, gaps: {limit: report}, classes: {"a.b": block}, rules: {"yes": report}, disable: [{class: x}, "007"], skip: [{types: [video/*], larger_than: 1KiB}]}}
apis: [{name: n, match: {hosts: ["*.h"], clients: [10.0.0.1]}, profile: p}, {name: m, match: {paths: [/]}, profile: {cdr: rebuild}}]
`)
	text, err := c.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{token, "hunter2"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%s is in\n%s", secret, text)
		}
	}
	// But for the secrets, what was printed means the same.
	c.Admin, c.Events[0].NATS = Default().Admin, "nats://h1"
	c.Engines.Cache.Redis, c.Engines.Cache.Secret = "", ""
	again := roundTrip(t, c)
	if d := cmp.Diff(c, again, same); d != "" {
		t.Error(d)
	}
}

func roundTrip(t *testing.T, c *Config) *Config {
	t.Helper()
	text, err := c.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := parseConfig("again.yaml", text, nil, func(string) error { return nil })
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return again
}

// Whatever the bytes, reading ends, and each problem has a place; what is accepted means the same when it is
// printed and read again.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range append(files, "icapd.yaml") {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "limits.depth=3")
	}
	f.Add([]byte("a: &a [*a]"), `profiles."x.y".classes={a: block}`)
	f.Fuzz(func(t *testing.T, text []byte, set string) {
		c, err := parseConfig("/etc/icapd.yaml", text, []string{set}, func(string) error { return nil })
		if err != nil {
			var ps Problems
			if !errors.As(err, &ps) || len(ps) == 0 {
				t.Fatalf("refused without a problem: %v", err)
			}
			return
		}
		if _, err := c.Policy(); err != nil {
			t.Fatalf("accepted, but no policy: %v", err)
		}
		c.Admin = Default().Admin
		for i := range c.Engines.Upstream {
			c.Engines.Upstream[i].URL = "icap://h/x"
		}
		if d := cmp.Diff(c, roundTrip(t, c), same); d != "" {
			t.Fatal(d)
		}
	})
}
