package content

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"icapd/scan"
)

// TestMarkSet holds that nothing is missed, wherever it stands.
func TestMarkSet(t *testing.T) {
	marks := []string{"abc", "bcd", "\x00\x00\x00", "dcab", "zz\x00"}
	set := new(markSet)
	for _, m := range append(marks, "az") {
		set.add(m)
	}
	type hit struct{ at, mark int }
	r := rand.New(rand.NewPCG(1, 2))
	if n := len(streamSet.marks); n > 32 {
		t.Fatalf("%d marks: a set has room for 32", n)
	}
	found := 0
	for range 10_000 {
		data := make([]byte, r.IntN(40))
		for i := range data {
			data[i] = "abcdz\x00"[r.IntN(6)]
		}
		var want, got []hit
		for at := range data {
			for k, m := range set.marks {
				if bytes.HasPrefix(data[at:], []byte(m)) {
					want = append(want, hit{at, k})
				}
			}
		}
		set.each(data, func(at, mark int) bool {
			got = append(got, hit{at, mark})
			return true
		})
		if !slices.Equal(got, want) {
			t.Fatalf("%q: %v, want %v", data, got, want)
		}
		found += len(want)
	}
	if found < 1000 {
		t.Errorf("%d found", found)
	}
}

func BenchmarkMarks(b *testing.B) {
	noise := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	for name, set := range map[string]*markSet{"archives": innerSet, "streams": streamSet} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(noise)))
			for b.Loop() {
				set.each(noise, func(int, int) bool { return true })
			}
		})
	}
}

// BenchmarkNoise walks through 1 MiB of bytes of an unknown kind, in which nothing stands.
func BenchmarkNoise(b *testing.B) {
	noise := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	w := New(Options{})
	best := time.Hour
	b.SetBytes(int64(len(noise)))
	for b.Loop() {
		start := time.Now()
		t := w.Open(&scan.Message{}, scan.Bytes(noise), Hints{ContentType: "application/octet-stream"})
		items := 0
		for range t.Items(b.Context()) {
			items++
		}
		t.Close()
		if best = min(best, time.Since(start)); items != 1 {
			b.Fatalf("%d items", items)
		}
	}
	b.ReportMetric(float64(best.Microseconds()), "best-us/op")
}

// TestTooManyStreams hides a stream behind thousands of places that look like one: giving up is a gap, as long as there are
// more of them than noise has.
func TestTooManyStreams(t *testing.T) {
	noise := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(noise)
	noise[0] = 0x80
	decoys := bytes.Repeat([]byte("\x78\x9c\xed\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 6000)
	hidden := streamOf(t, typeGzip, strings.Repeat(prose, 40))
	for name, tt := range map[string]struct {
		data         []byte
		found, given bool
	}{
		"behind noise":       {slices.Concat(noise, []byte(hidden)), true, false},
		"behind a few":       {slices.Concat(noise[:4096], decoys[:12*1000], []byte(hidden)), true, false},
		"behind many":        {slices.Concat(noise[:4096], decoys, []byte(hidden)), false, true},
		"noise alone":        {noise, false, false},
		"many and no stream": {slices.Concat(noise[:4096], decoys), false, true},
	} {
		tree := openTree(t, tt.data, Hints{})
		got := paths(t, tree)
		given := slices.ContainsFunc(tree.Gaps(), func(g scan.Gap) bool { return g.Reason == scan.ReasonLimit })
		if (len(got) > 1) != tt.found || given != tt.given || !given && len(tree.Gaps()) > 0 {
			t.Errorf("%s: %q, %v", name, got, tree.Gaps())
		}
	}
}
