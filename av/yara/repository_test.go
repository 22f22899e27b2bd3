package yara_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"icapd/scan"
	"icapd/scan/scantest"
)

// TestRepositoryIsClean: nothing that somebody else's scanner would eat stands in the checkout: no EICAR
// anywhere, and nothing that our own rules find in the rules and in the samples of these tests. What is found
// here has to be written as hex, with an escape in the middle, cut in pieces, or built by the test that needs
// it.
func TestRepositoryIsClean(t *testing.T) {
	e := newEngine(t, nil)
	const root = "../.."
	seen := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin") {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() || strings.HasSuffix(name, ".test") {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		seen++
		found, err := e.Scan(t.Context(), scantest.PlainItem(t, scantest.Sample{Name: d.Name()}, data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i := range found {
			f := &found[i]
			ours := strings.Contains(name, "/signatures/yara/") || strings.Contains(name, "/av/yara/")
			if f.Class == "test" || ours && f.Severity >= scan.Medium {
				t.Errorf("%s: %s (%s)", name, f.Rule, f.Detail)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if seen < 50 {
		t.Fatalf("looked at %d files only", seen)
	}
}
