package content

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"icapd/scan"
)

// largeBlob is in memory and counts the bytes that are not read piece by piece.
type largeBlob struct {
	data  scan.Bytes
	whole int
}

func (b *largeBlob) ReadAt(p []byte, off int64) (int, error) { return b.data.ReadAt(p, off) }
func (b *largeBlob) Size() int64                             { return b.data.Size() }

func (b *largeBlob) Bytes() ([]byte, error) {
	b.whole++
	return b.data, nil
}

// TestLargeUnclaimed hides streams and encoded files in more bytes of an unknown kind than are looked at as a whole: at the
// edges of windows, and across many of them.
func TestLargeUnclaimed(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 1500<<10)
	_, _ = rand.NewChaCha8([32]byte{5}).Read(noise)
	long := strings.Repeat(prose, 80)
	encoded := base64.StdEncoding.EncodeToString([]byte(pe() + string(noise[:6000])))
	huge := base64.StdEncoding.EncodeToString([]byte(pe() + string(noise)))
	const step, edge = innerWindow - 16, 40 << 20 / (innerWindow - 16)
	for name, tt := range map[string]struct {
		what string
		at   int
		want string // what the path and type of what is found end with, "" for a text at its place
	}{
		"gzip at an edge":        {streamOf(t, typeGzip, long), edge*step - 1, ""},
		"gzip across an edge":    {streamOf(t, typeGzip, long), edge*step + 15, ""},
		"xz at an edge":          {streamOf(t, typeXz, long), edge*step + 12, ""},
		"lz4 across an edge":     {streamOf(t, typeLz4, long), edge*step + 13, ""},
		"at the end":             {streamOf(t, typeZstd, long), maxUnclaimed + 20_000, ""},
		"base64":                 {encoded, 50<<20 + 100, "(base64) " + typePE},
		"base64 across windows":  {encoded, 50<<20 - 100, "(base64) " + typePE},
		"base64 of many windows": {huge, 50<<20 - 100, "(base64) " + typePE},
		"base64 at the end":      {encoded, maxUnclaimed + 1<<20 - len(encoded), "(base64) " + typePE},
	} {
		t.Run(name, func(t *testing.T) {
			b := &largeBlob{data: make([]byte, maxUnclaimed+(1<<20))}
			b.data[0] = 0x80
			copy(b.data[tt.at:], tt.what)
			if tt.want == "" {
				tt.want = fmt.Sprintf("(stream at %d) text/plain", tt.at)
			}
			tree := New(Options{}).Open(&scan.Message{}, b, Hints{})
			defer tree.Close()
			got := paths(t, tree)
			if len(got) < 2 || !strings.HasSuffix(got[1], tt.want) || len(tree.Gaps()) > 0 {
				t.Errorf("%q, want %q: %v", got, tt.want, tree.Gaps())
			}
			if most := len(tt.what) >> 20; b.whole > most {
				t.Errorf("all bytes were asked for %d times", b.whole)
			}
		})
	}
}

// TestPackOfObjects: thousands of small streams that are whole are looked at, and no sign of somebody who hides something.
func TestPackOfObjects(t *testing.T) {
	t.Parallel()
	pack := []byte{0x80, 0, 0, 1}
	r := rand.New(rand.NewPCG(3, 4))
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	for range maxStreamTries + 2000 {
		b.Reset()
		z.Reset(&b)
		pack = append(pack, packedBy(z, &b, fmt.Sprintf("tree %x%x\nauthor A. U. Thor\n\nan object of a pack, as git writes them", r.Uint64(), r.Uint64()))...)
		pack = append(pack, 0xb0, byte(r.Uint32()))
	}
	pack = append(pack, zlibbed(pe())...)
	tree := openTree(t, pack, Hints{})
	got := paths(t, tree)
	if len(tree.Gaps()) > 0 || !slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, " "+typePE) }) {
		t.Errorf("%d bytes, %d items, %v", len(pack), len(got), tree.Gaps())
	}
}
