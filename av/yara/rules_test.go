package yara_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"icapd/av/yara"
	"icapd/scan"
	"icapd/scan/scantest"
)

// tree writes files below a new directory. Keys that end in a slash are directories.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "/") {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

// mistakes lists the RuleErrors that err joins, at any depth, and the other errors as they are.
func mistakes(err error) []string {
	var all []string
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			all = append(all, mistakes(e)...)
		}
	} else if e, ok := errors.AsType[*yara.RuleError](err); ok {
		all = append(all, fmt.Sprintf("%s:%d", filepath.Base(e.File), e.Line))
	} else if err != nil {
		all = append(all, err.Error())
	}
	slices.Sort(all)
	return all
}

// backends runs a test in this process and in workers.
func backends(t *testing.T, test func(t *testing.T, workers int)) {
	t.Helper()
	if !yara.Built {
		t.Skip("built without YARA")
	}
	for _, workers := range []int{0, 1} {
		t.Run(fmt.Sprintf("%d workers", workers), func(t *testing.T) { test(t, workers) })
	}
}

func TestRuleErrors(t *testing.T) {
	root := tree(t, map[string]string{
		"a.yar":         "rule good { condition: true }\n\nrule bad {\n  condition: undefined_thing\n}\n",
		"sub/b.yara":    "rule one {\n strings: $a = \"x\"\n condition: true }\nrule two { condition: }\n",
		"sub/good.yar":  `rule fine { condition: host == "a" }`,
		"sub/.old.yar":  "rubbish",
		"sub/notes.txt": "rubbish",
		"c.yar":         "include \"missing.yar\"\nrule c { condition: true }\n",
		"d.yar":         "rule d {\n\x00 condition: true }",
		"e.yar":         "YARA\x0b compiled",
	})
	backends(t, func(t *testing.T, workers int) {
		t.Helper()
		_, err := yara.New(yara.Options{Rules: []string{root, root + "/missing", yara.Builtin}, Workers: workers})
		want := []string{"a.yar:4", "b.yara:3", "b.yara:4", "builtin:0", "c.yar:0", "c.yar:1", "d.yar:2", "e.yar:0", "missing:0"}
		if got := mistakes(err); !slices.Equal(got, want) {
			t.Errorf("mistakes %q, want %q\n%v", got, want, err)
		}
	})
	for name, o := range map[string]yara.Options{
		"no rules":        {},
		"empty directory": {Rules: []string{t.TempDir()}},
		"empty builtin":   {Rules: []string{yara.Builtin}, Builtin: fstest.MapFS{}},
		"negative time":   {Rules: []string{filepath.Join(root, "sub", "good.yar")}, Timeout: -1},
		"no such program": {Rules: []string{filepath.Join(root, "sub", "good.yar")}, Workers: 1, WorkerCommand: []string{root + "/none"}},
		"not a worker":    {Rules: []string{filepath.Join(root, "sub", "good.yar")}, Workers: 1, WorkerCommand: []string{"/bin/true"}},
	} {
		if e, err := yara.New(o); err == nil {
			t.Errorf("%s: no error", name)
			e.Close()
		}
	}
}

func TestIncludes(t *testing.T) {
	root := tree(t, map[string]string{
		"main.yar":             "include \"lib/inner.yar\"\nrule outer { condition: inner }\n",
		"lib/inner.yar":        "include \"deep/deepest.yar\"\nrule inner { condition: deepest }\n",
		"lib/deep/deepest.yar": `rule deepest { strings: $a = "needle" condition: $a }`,
	})
	backends(t, func(t *testing.T, workers int) {
		t.Helper()
		main := filepath.Join(root, "main.yar")
		e, err := yara.New(yara.Options{Rules: []string{main}, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		fs, err := e.Scan(t.Context(), item([]byte("a needle")))
		if err != nil || len(fs) != 3 {
			t.Fatalf("%d findings, %v", len(fs), err)
		}
		before := e.Version()
		deepest := filepath.Join(root, "lib", "deep", "deepest.yar")
		old, err := os.ReadFile(deepest)
		if err != nil {
			t.Fatal(err)
		}
		defer os.WriteFile(deepest, old, 0o600)
		if err := os.WriteFile(deepest, []byte("rule deepest { condition: tru }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := mistakes(e.Reload(t.Context())); !slices.Contains(got, "deepest.yar:1") {
			t.Errorf("mistakes %q, want one in the included file", got)
		}
		if err := os.WriteFile(deepest, []byte("rule deepest { condition: true }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := e.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if e.Version() == before {
			t.Error("the version does not depend on an included file")
		}
	})
}

func TestVariables(t *testing.T) {
	rules := `
		rule v_host { condition: host == "api.example.com" }
		rule v_path { condition: path == "/v1/items" }
		rule v_url { condition: url contains "?id=7" }
		rule v_method { condition: method == "GET" }
		rule v_direction { condition: direction == "response" }
		rule v_content_type { condition: content_type == "text/plain; charset=x" }
		rule v_media_type { condition: media_type == "application/pdf" }
		rule v_filename { condition: filename == "Report.PDF" }
		rule v_extension { condition: extension == ".pdf" }
		rule v_filepath { condition: filepath == "body/x.zip/Report.PDF" }
		rule others { condition: filetype == "" and owner == "" }
		rule other_host { condition: host == "other.example.com" }
		rule nul { condition: filename == "a\xef\xbf\xbdb" }`
	backends(t, func(t *testing.T, workers int) {
		t.Helper()
		e := withRules(t, rules, func(o *yara.Options) { o.Workers = workers })
		it := &scan.Item{
			Message: scantest.Message(), Path: "body/x.zip/Report.PDF", Name: "Report.PDF",
			Type: "application/pdf", Claimed: "text/plain; charset=x", Blob: scan.Bytes("x"),
		}
		if got := names(t, e, it); len(got) != 11 || slices.Contains(got, "other_host") {
			t.Errorf("matching: %q", got)
		}
		other := *scantest.Message()
		other.Host = "other.example.com"
		it = &scan.Item{Message: &other, Path: "body", Name: "a\x00b", Type: "x", Blob: scan.Bytes("x")}
		got := names(t, e, it)
		if !slices.Contains(got, "other_host") || slices.Contains(got, "v_host") || !slices.Contains(got, "nul") {
			t.Errorf("the next item has variables of the one before: %q", got)
		}
	})
}

func names(t *testing.T, e *yara.Engine, it *scan.Item) []string {
	t.Helper()
	fs, err := e.Scan(t.Context(), it)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for i := range fs {
		all = append(all, fs[i].Rule)
	}
	return all
}

func TestMeta(t *testing.T) {
	rules := `
		rule full : tag { meta: severity = "medium" category = "active_content" class = "macro" description = "two\nlines"
			reference = "CVE-2017-0199" action = "rewrite" score = 7 sure = true
			strings: $a = "needle" $b = "stack" $c = "absent" condition: any of them }
		rule bare { condition: true }
		rule odd { meta: severity = "dreadful" category = "none" action = "explode" condition: true }
		private rule hidden { condition: true }`
	backends(t, func(t *testing.T, workers int) {
		t.Helper()
		e := withRules(t, rules, func(o *yara.Options) { o.Workers = workers })
		it := item([]byte("a needle in a haystack"))
		fs, err := e.Scan(t.Context(), it)
		if err != nil || len(fs) != 3 {
			t.Fatalf("%d findings, %v", len(fs), err)
		}
		want := scan.Finding{
			Engine: "yara", Rule: "full", Category: scan.ActiveContent, Class: "macro", Severity: scan.Medium, Path: "body",
			Detail: "$a at 2, $b at 17", Item: it, Span: scan.Span{Start: 2, End: 8},
			Description: "two lines", Reference: "CVE-2017-0199", Hint: "rewrite",
		}
		if got := fmt.Sprintf("%+v", fs[0]); got != fmt.Sprintf("%+v", want) {
			t.Errorf("got  %s\nwant %+v", got, want)
		}
		for _, f := range fs[1:] {
			if f.Category != scan.Malware || f.Severity != scan.High || f.Hint != "" || f.Detail != "" || f.Span != (scan.Span{}) {
				t.Errorf("%+v", f)
			}
		}
		all := e.Rules()
		if len(all) != 4 || all[0].Name != "full" || all[0].Tags[0] != "tag" || len(all[0].Meta) != 8 || !all[3].Private {
			t.Errorf("%+v", all)
		}
	})
}

func TestDisabled(t *testing.T) {
	backends(t, func(t *testing.T, workers int) {
		t.Helper()
		e := withRules(t, `rule a { condition: true } rule b { condition: true }`, func(o *yara.Options) {
			o.Disabled = []string{"a", "typo"}
			o.Workers = workers
		})
		if got := names(t, e, item(nil)); !slices.Equal(got, []string{"b"}) {
			t.Errorf("matching: %q", got)
		}
		if all := e.Rules(); !all[0].Disabled || all[1].Disabled {
			t.Errorf("%+v", all)
		}
		if w := e.Warnings(); len(w) != 1 || !strings.Contains(w[0].Error(), "typo") {
			t.Errorf("warnings %v", w)
		}
	})
}

func TestWarnings(t *testing.T) {
	e := withRules(t, "rule slow {\n strings:\n $a = /.{0,9}x/\n condition: $a }", nil)
	w := e.Warnings()
	if len(w) != 1 || w[0].Line != 3 || !strings.Contains(w[0].Msg, "slow") {
		t.Errorf("warnings %v, want one of line 3", w)
	}
}

func TestVersion(t *testing.T) {
	version := func(files map[string]string, disabled ...string) string {
		root := tree(t, files)
		e := newEngine(t, func(o *yara.Options) { o.Rules, o.Disabled = []string{root}, disabled })
		return e.Version()
	}
	one := version(map[string]string{"a.yar": "rule a { condition: true }", "b.yar": "rule b { condition: true }"})
	if two := version(map[string]string{"x/b.yar": "rule a { condition: true }", "a.yar": "rule b { condition: true }"}); one != two {
		t.Errorf("equal rules in other files: %s and %s", one, two)
	}
	if two := version(map[string]string{"a.yar": "rule a { condition: true }", "b.yar": "rule b { condition: false }"}); one == two {
		t.Error("other rules have the same version")
	}
	if two := version(map[string]string{"a.yar": "rule a { condition: true }", "b.yar": "rule b { condition: true }"}, "a"); one == two {
		t.Error("a rule less has the same version")
	}
}

// TestReload changes the rules under load: no scan fails, and each sees one set or the other.
func TestReload(t *testing.T) {
	backends(t, func(t *testing.T, workers int) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "r.yar")
		write := func(n int) {
			text := fmt.Sprintf("rule always { condition: true }\nrule set_%d { condition: true }\n", n)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(0)
		e := newEngine(t, func(o *yara.Options) { o.Rules, o.Workers = []string{file}, workers })
		versions := map[string]bool{e.Version(): true}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var scans atomic.Int64
		for range 8 {
			wg.Go(func() {
				it := item(make([]byte, 64<<10))
				for ctx.Err() == nil {
					fs, err := e.Scan(context.Background(), it)
					if err != nil || len(fs) != 2 || fs[0].Rule != "always" {
						t.Errorf("%d findings, %v", len(fs), err)
						return
					}
					scans.Add(1)
				}
			})
		}
		for n := 1; n <= 20; n++ {
			write(n)
			if err := e.Reload(t.Context()); err != nil {
				t.Error(err)
			}
			versions[e.Version()] = true
		}
		// A bad reload changes nothing.
		if err := os.WriteFile(file, []byte("rule"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := e.Reload(t.Context()); err == nil {
			t.Error("a bad reload was accepted")
		}
		cancel()
		wg.Wait()
		if len(versions) != 21 || !versions[e.Version()] || scans.Load() == 0 {
			t.Errorf("%d versions, %d scans", len(versions), scans.Load())
		}
	})
}

func TestClosed(t *testing.T) {
	backends(t, func(t *testing.T, workers int) {
		t.Helper()
		e := withRules(t, `rule a { condition: true }`, func(o *yara.Options) { o.Workers = workers })
		for range 2 {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := e.Scan(t.Context(), item(nil)); err == nil {
			t.Error("a closed engine scans")
		}
		if e.Check(t.Context()) == nil || e.Reload(t.Context()) == nil {
			t.Error("a closed engine checks or reloads")
		}
	})
}

func TestCache(t *testing.T) {
	backends(t, func(t *testing.T, workers int) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "cache")
		root := tree(t, map[string]string{"a.yar": "rule a { meta: class = \"x\" strings: $a = /.{0,9}x/ condition: $a }"})
		var version string
		for round := range 4 {
			e := newEngine(t, func(o *yara.Options) { o.Rules, o.Cache, o.Workers = []string{root}, dir, workers })
			files, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil || len(files) != 1 {
				t.Fatalf("%q, %v", files, err)
			}
			fs, err := e.Scan(t.Context(), item([]byte("an x")))
			if err != nil || len(fs) != 1 || fs[0].Class != "x" || len(e.Warnings()) != 1 {
				t.Errorf("round %d: %v, %v, warnings %v", round, fs, err, e.Warnings())
			}
			if version != "" && version != e.Version() {
				t.Errorf("round %d: version %s, before %s", round, e.Version(), version)
			}
			version = e.Version()
			text, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			switch round {
			case 1:
				text[len(text)/2] ^= 1
			case 2:
				text = text[:10]
			}
			if err := os.WriteFile(files[0], text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if e, err := yara.New(yara.Options{Rules: []string{root}, Cache: dir, Workers: workers}); err == nil {
			e.Close()
			t.Error("a cache that others can write to was used")
		}
	})
}

// TestNotBuilt: a build without YARA says so, and does not scan.
func TestNotBuilt(t *testing.T) {
	if yara.Built {
		t.Skip("built with YARA")
	}
	e, err := yara.New(yara.Options{Rules: []string{yara.Builtin}, Builtin: fstest.MapFS{"a.yar": {Data: []byte("rule a { condition: true }")}}})
	if !errors.Is(err, yara.ErrNotBuilt) || e != nil {
		t.Errorf("%v, %v", e, err)
	}
	if yara.WorkerMain() == 0 {
		t.Error("a worker without YARA works")
	}
}
