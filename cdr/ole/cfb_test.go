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

// Files of version 4 have sectors of 4096 bytes, the header's included.
func TestLargeSectors(t *testing.T) {
	const size = 4096
	data := make([]byte, 5*size)
	copy(data, signature)
	copy(data[24:], cat(le16(0x3E, 4, 0xFFFE, 12, 6), make([]byte, 6), le32(1, 1, 1, 0, miniCutoff, sectorEnd, 0, sectorEnd, 0, 0)))
	fat := cat(le32(sectorFAT, sectorEnd, 3, sectorEnd), bytes.Repeat([]byte{0xFF}, size-16))
	copy(data[size:], fat)
	dir := data[2*size:]
	for i, e := range []struct {
		name  string
		kind  byte
		child uint32
		start uint32
		size  int
	}{{"Root Entry", kindRoot, 1, sectorEnd, 0}, {"a", kindStream, noEntry, 2, 5000}} {
		b := dir[i*dirEntrySize:]
		copy(b, wide(e.name))
		copy(b[64:], le16(2*len(e.name)+2))
		b[66] = e.kind
		copy(b[68:], le32(noEntry, noEntry, int(e.child)))
		copy(b[116:], le32(int(e.start), e.size))
	}
	for i := range 5000 {
		data[3*size+i] = byte(i)
	}
	got := unpack(t, data)
	if a := got.find("A"); a == nil || !bytes.Equal(a.data, data[3*size:3*size+5000]) {
		t.Fatal("the stream is missing or different")
	}
	compare(t, got, unpack(t, pack(t, got)))
}

// What is damaged is an error, not half a file.
func TestDamagedCompound(t *testing.T) {
	whole := pack(t, root(stream("large", make([]byte, 9000)), stream("small", make([]byte, 100)), storage("s", stream("x", []byte("x")))))
	for name, change := range map[string]func(b []byte){
		"signature":       func(b []byte) { b[0]++ },
		"sector size":     func(b []byte) { b[30] = 13 },
		"too many tables": func(b []byte) { copy(b[44:], le32(1<<30)) },
		"table outside":   func(b []byte) { copy(b[76:], le32(1<<20)) },
		"circle":          func(b []byte) { copy(b[outSector+4:], le32(1)) },
		"no root":         func(b []byte) { b[2*outSector+66] = kindStream },
		"loop of entries": func(b []byte) { copy(b[2*outSector+dirEntrySize+68:], le32(1)) },
		"name":            func(b []byte) { b[2*outSector+dirEntrySize+64] = 3 },
	} {
		b := bytes.Clone(whole)
		change(b)
		if c, err := readCompound(newJob(), b); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
