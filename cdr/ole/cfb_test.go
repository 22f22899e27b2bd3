package ole

import (
	"bytes"
	"fmt"
	"testing"
	"unicode/utf16"

	"icapd/cdr/kit"
)

func newJob() *kit.Job { return kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, nil) }

// stream and storage make entries of compound files.
func stream(name string, data []byte) *entry {
	return &entry{name: name, units: utf16.Encode([]rune(name)), kind: kindStream, data: data}
}

func storage(name string, kids ...*entry) *entry {
	return &entry{name: name, units: utf16.Encode([]rune(name)), kind: kindStorage, kids: kids}
}

func root(kids ...*entry) *entry { return &entry{kind: kindRoot, kids: kids} }

// pack writes a compound file.
func pack(tb testing.TB, r *entry) []byte {
	tb.Helper()
	out, err := writeCompound(r)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// unpack reads one, and fails if there is anything in it that is not reachable.
func unpack(tb testing.TB, data []byte) *entry {
	tb.Helper()
	c, err := readCompound(newJob(), data)
	if err != nil {
		tb.Fatal(err)
	}
	if c.orphans || c.lost || c.trailing {
		tb.Fatalf("orphans %v, lost sectors %v, trailing bytes %v", c.orphans, c.lost, c.trailing)
	}
	return c.root
}

func TestCompoundRoundTrip(t *testing.T) {
	filled := func(n int, seed byte) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i)*7 + byte(i>>8) + seed
		}
		return b
	}
	many := make([]*entry, 300)
	for i := range many {
		many[i] = stream(fmt.Sprintf("s%d", i), filled(i, byte(i)))
	}
	for name, r := range map[string]*entry{
		"nothing":        root(),
		"empty stream":   root(stream("a", nil)),
		"sizes":          root(stream("a", filled(1, 1)), stream("b", filled(4095, 2)), stream("c", filled(4096, 3)), stream("d", filled(4097, 4))),
		"storages":       root(storage("x", storage("y", stream("z", filled(10, 1)), storage("empty"))), stream("z", filled(20, 2))),
		"many":           root(many...),
		"beyond headers": root(stream("large", filled(9<<20, 5)), stream("small", filled(5, 6))),
	} {
		t.Run(name, func(t *testing.T) {
			data := pack(t, r)
			got := unpack(t, data)
			if n := compare(t, r, got); n == 0 && name != "nothing" {
				t.Fatal("nothing compared")
			}
			if again := pack(t, got); !bytes.Equal(again, data) {
				t.Error("written again, it is another file")
			}
		})
	}
}

// compare compares two trees and returns how many members there were.
func compare(tb testing.TB, want, got *entry) int {
	tb.Helper()
	if len(want.kids) != len(got.kids) {
		tb.Fatalf("%d members of %q, want %d", len(got.kids), want.name, len(want.kids))
	}
	n := 0
	for _, k := range want.kids {
		g := got.find(k.name)
		if g == nil || g.kind != k.kind || !bytes.Equal(g.data, k.data) {
			tb.Fatalf("%q is missing or different", k.name)
		}
		n += 1 + compare(tb, k, g)
	}
	return n
}
