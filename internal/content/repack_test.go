package content

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"icapd/scan"
)

// renamedTo is a rewrite of one item under another name.
func renamedTo(path, name, text string) func(context.Context, *scan.Item) (scan.Replacement, error) {
	return func(_ context.Context, it *scan.Item) (scan.Replacement, error) {
		if it.Path != "body"+path {
			return scan.Replacement{}, nil
		}
		return scan.Replacement{Blob: scan.Bytes(text), Type: "text/plain", Name: name}, nil
	}
}

// TestRepack has archives that nobody writes here: all that is in them is in the zip that they become.
func TestRepack(t *testing.T) {
	seven, err := os.ReadFile(filepath.Join("testdata", "ppmd.7z"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, data, path, dir string
	}{
		{"a.7z", string(seven), "/d/b.json", "d/"},
		{"a.cab", cabOf(1, file{"x.txt", "odd"}, file{`d\b.json`, "{}"}), "/d/b.json", "d/"},
		{"a.b.rar", rarOf("{}"), "/r.bin", ""},
	} {
		tree := openTree(t, []byte(c.data), Hints{Name: c.name})
		want := map[string]string{}
		for it := range tree.Items(t.Context()) {
			if rest, ok := strings.CutPrefix(it.Path, "body/"); ok {
				want[rest] = string(contents(t, it.Blob))
			}
		}
		delete(want, c.path[1:])
		want[c.dir+"new.txt"] = "safe"
		res, err := tree.Rebuild(t.Context(), renamedTo(c.path, "new.txt", "safe"))
		if err != nil || res.Type != typeZip || res.Name != strings.TrimSuffix(c.name, filepath.Ext(c.name))+".zip" {
			t.Fatalf("%s: %v, %q named %q", c.name, err, res.Type, res.Name)
		}
		data := contents(t, res.Blob)
		r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(c.name, err)
		}
		for _, f := range r.File {
			in, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(in)
			if err != nil || want[f.Name] != string(text) {
				t.Errorf("%s: %s is %q, want %q: %v", c.name, f.Name, text, want[f.Name], err)
			}
			delete(want, f.Name)
		}
		if len(want) > 0 {
			t.Errorf("%s: the zip lacks %q", c.name, want)
		}
	}
}

// TestRepackWhole has archives of which not everything can be had, or that unpackers could take for different ones.
func TestRepackWhole(t *testing.T) {
	good := cabOf(0, file{"a.txt", "text a"}, file{"b.txt", "text b"})
	for what, data := range map[string]string{
		"a name that leads out":      cabOf(0, file{"a.txt", "text a"}, file{`..\b.txt`, "text b"}),
		"an absolute name":           cabOf(0, file{"a.txt", "text a"}, file{`C:\b.txt`, "text b"}),
		"names that differ by case":  cabOf(0, file{"a.txt", "text a"}, file{"A.TXT", "text b"}),
		"names that differ by a dot": cabOf(0, file{"a.txt", "text a"}, file{"a.txt.", "text b"}),
		"cut off":                    good[:len(good)-3],
	} {
		tree := openTree(t, []byte(data), Hints{})
		for range tree.Items(t.Context()) {
		}
		if res, err := tree.Rebuild(t.Context(), swap("/a.txt", "safe")); !errors.Is(err, ErrCannotRebuild) && (what != "cut off" || err != nil || res.Changed) {
			t.Errorf("%s: %v, %+v", what, err, res)
		}
	}
	if res, err := openTree(t, []byte(good), Hints{}).Rebuild(t.Context(), swap("/a.txt", "safe")); err != nil || !res.Changed {
		t.Errorf("the whole one: %v", err)
	}
}
