package content

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"icapd/internal/body"
	"icapd/scan"
)

// openTree returns the tree of a body and closes it with the test.
func openTree(tb testing.TB, data []byte, hints Hints) *Tree {
	tb.Helper()
	tree := New(Options{}).Open(&scan.Message{}, scan.Bytes(data), hints)
	tb.Cleanup(tree.Close)
	return tree
}

// paths walks a tree and returns "path type" of every item.
func paths(tb testing.TB, tree *Tree) []string {
	tb.Helper()
	var out []string
	for it := range tree.Items(tb.Context()) {
		out = append(out, it.Path+" "+it.Type)
	}
	return out
}

// content returns a blob's bytes.
func contents(tb testing.TB, b scan.Blob) []byte {
	tb.Helper()
	data, err := b.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// swap returns a replace function that gives items of which the path has the suffix a new content.
func swap(suffix, with string) func(context.Context, *scan.Item) (scan.Replacement, error) {
	return func(_ context.Context, it *scan.Item) (scan.Replacement, error) {
		if !strings.HasSuffix(it.Path, suffix) {
			return scan.Replacement{}, nil
		}
		return scan.Replacement{Blob: scan.Bytes(with), Changes: []scan.Change{{Path: it.Path, Count: 1}}}, nil
	}
}

func encode(tb testing.TB, coding, data string) string {
	tb.Helper()
	var b bytes.Buffer
	w, err := body.NewWriter(coding, &b)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.WriteString(w, data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func TestJSONBase64(t *testing.T) {
	inner := `{"note":"an embedded document","n":[1,2,3]}`
	text := "{\"a\": [ {\"file\":\"" + strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(inner+"?>?>?>, and a longer one so that it is taken for a document")), "/", `\/`) + "\"}, null ] }"
	for _, coding := range []string{"", "gzip", "deflate", "br", "zstd", "gzip, br"} {
		data := text
		for _, c := range body.Codings(coding) {
			data = encode(t, c, data)
		}
		tree := openTree(t, []byte(data), Hints{ContentType: "application/json", ContentEncoding: coding})
		got := paths(t, tree)
		if want := "body/a/0/file(base64) text/plain"; len(got) != 2 || got[1] != want {
			t.Fatalf("%s: items %q, gaps %v", coding, got, tree.Gaps())
		}
		res, err := tree.Rebuild(t.Context(), swap("(base64)", "???>>>"))
		if err != nil || !res.Changed {
			t.Fatalf("%s: %+v %v", coding, res, err)
		}
		again := openTree(t, contents(t, res.Blob), Hints{ContentType: "application/json", ContentEncoding: coding})
		for it := range again.Items(t.Context()) {
			if got, want := string(contents(t, it.Blob)), `{"a": [ {"file":"Pz8\/Pj4+"}, null ] }`; got != want {
				t.Fatalf("%s: %s", coding, got)
			}
			break
		}
	}
}
