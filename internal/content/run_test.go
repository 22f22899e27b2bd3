package content

import (
	"context"
	"fmt"
	"hash/crc32"
	"strings"
	"sync/atomic"
	"testing"

	"icapd/internal/body"
	"icapd/scan"
)

// reader is an engine that reads everything of every item.
type reader struct {
	name   string
	fields atomic.Int64
	sum    atomic.Uint32
}

func (r *reader) Name() string { return r.name }

func (r *reader) Scan(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	data, err := it.Blob.Bytes()
	if err != nil {
		return nil, err
	}
	r.sum.Add(crc32.ChecksumIEEE(data))
	if _, err := it.SHA256(); err != nil || it.Fields == nil {
		return nil, err
	}
	return nil, it.Fields(ctx, func(f *scan.Field) bool {
		r.fields.Add(int64(len(f.Path())))
		return true
	})
}

// TestRun shows a tree to engines beside the walk, with so little memory that most of it stands in files.
func TestRun(t *testing.T) {
	var files []file
	for i := range 60 {
		files = append(files, file{fmt.Sprintf("%d.json", i), fmt.Sprintf(`{"i":%d,"text":%q}`, i, strings.Repeat(prose, i))})
	}
	spooler := body.NewSpooler(body.Options{Dir: t.TempDir(), Memory: 8 << 10})
	w := New(Options{Spooler: spooler})
	msg := &scan.Message{}
	a, b := &reader{name: "a"}, &reader{name: "b"}
	runner := scan.Runner{Engines: []scan.Engine{a, b}, Parallel: 4}
	tree := w.Open(msg, scan.Bytes(zipOf(t, files...)), Hints{})
	v := runner.Run(t.Context(), tree.Items(t.Context()))
	if v.Outcome() != scan.Clean || v.Items != 61 || len(tree.Gaps()) > 0 || a.sum.Load() != b.sum.Load() || a.fields.Load() == 0 || a.fields.Load() != b.fields.Load() {
		t.Errorf("%v, %d items, gaps %v %v", v.Outcome(), v.Items, v.Gaps, tree.Gaps())
	}
	res, err := tree.Rebuild(t.Context(), swap("/7.json", strings.Repeat("new ", 10_000)))
	if err != nil || !res.Changed {
		t.Fatal(err)
	}
	if u := spooler.Usage(); u.Memory > 8<<10 || u.Disk == 0 {
		t.Errorf("usage %+v", u)
	}
	tree.Close()
	if u := spooler.Usage(); u != (body.Usage{}) {
		t.Errorf("left: %+v", u)
	}
}

// TestConsumerPanic holds that a panic of the loop's body is not taken for one of a parser.
func TestConsumerPanic(t *testing.T) {
	tree := openTree(t, []byte(zipOf(t, file{"a.txt", prose})), Hints{})
	defer func() {
		if p := recover(); p != "mine" {
			t.Errorf("recovered %v, gaps %v", p, tree.Gaps())
		}
	}()
	for it := range tree.Items(t.Context()) {
		if it.Depth == 1 {
			panic("mine")
		}
	}
}
