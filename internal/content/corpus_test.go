package content

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"icapd/scan"
)

// TestCorpus walks the files below the folder in ICAPD_CORPUS, rebuilds each without a change, and prints how
// they were opened. It is for measuring, with samples that are not in the repository.
func TestCorpus(t *testing.T) {
	root := os.Getenv("ICAPD_CORPUS")
	if root == "" {
		t.Skip("ICAPD_CORPUS names no folder")
	}
	only := os.Getenv("ICAPD_CORPUS_EXT")
	files := 0
	reasons := map[string]int{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || (only != "" && !strings.HasSuffix(path, only)) {
			return err
		}
		files++
		corpusFile(t, path, reasons)
		return nil
	})
	if err != nil || files == 0 {
		t.Fatal(files, "files", err)
	}
	var keys []string
	for k := range reasons {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		t.Logf("%4d %s", reasons[k], k)
	}
}

func corpusFile(t *testing.T, path string, reasons map[string]int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	tree := openTree(t, data, Hints{Name: filepath.Base(path)})
	n := 0
	var root *scan.Item
	for it := range tree.Items(t.Context()) {
		if n++; n == 1 {
			root = it
		}
		if it.Fields != nil {
			_ = it.Fields(t.Context(), func(*scan.Field) bool { return true })
		}
	}
	took := time.Since(start)
	gaps := tree.Gaps()
	key := root.Type + " opened"
	if n == 1 {
		key = root.Type + " leaf"
	}
	if len(gaps) > 0 {
		key = root.Type + " " + gaps[0].Reason.String() + " " + gaps[0].Limit
		t.Logf("%s: %d items, %d gaps, first %s: %v", path, n, len(gaps), gaps[0].Path, gaps[0].Error())
		if p, ok := errors.AsType[*scan.PanicError](gaps[0].Err); ok {
			t.Errorf("%s", p.Stack)
		}
	}
	reasons[key]++
	for _, f := range tree.Findings() {
		if f.Severity >= scan.Medium {
			t.Logf("%s: finding %s at %s: %s", path, f.Rule, f.Path, f.Detail)
		}
	}
	if took > time.Second {
		t.Logf("%s: %d bytes took %v", path, len(data), took)
	}
	res, err := tree.Rebuild(t.Context(), func(context.Context, *scan.Item) (scan.Replacement, error) { return scan.Replacement{}, nil })
	if err != nil || res.Changed {
		t.Errorf("%s: rebuild without a change: %v %v", path, res.Changed, err)
	}
	tree.Close()
}
