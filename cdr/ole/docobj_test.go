package ole

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"strconv"
	"testing"
)

// metafile builds a Windows metafile of records without operands, each with some bytes of its own.
func metafile(kinds ...uint16) []byte {
	le := binary.LittleEndian
	out := append([]byte(nil), make([]byte, 18)...)
	le.PutUint16(out, 1)
	le.PutUint16(out[2:], 9)
	le.PutUint16(out[4:], 0x300)
	for _, k := range kinds {
		out = le.AppendUint32(out, 5)
		out = le.AppendUint16(out, k)
		out = append(out, "OPER"...)
	}
	return append(out, 3, 0, 0, 0, 0, 0)
}

// An object of Word 97 has its picture in its storage: the character that stood for the object shows it, and only what
// is drawn is in it. Without one it is a blank, and never the first picture of the document.
func TestObjectPicture(t *testing.T) {
	const object = 1009175560
	list := func() []byte {
		le := binary.LittleEndian
		b := le.AppendUint16(nil, sprmPicture)
		b = le.AppendUint32(b, object)
		b = append(le.AppendUint16(b, sprmOLE2), 1)
		return append(le.AppendUint16(b, sprmSpecial), 1)
	}
	meta := append([]byte{8, 0, 100, 0, 50, 0, 0, 0}, metafile(0x0626, 0x0103)...)
	w := &wordDocument{d: &document{root: root(stream("Data", []byte("first"))), pool: storage("ObjectPool", storage("_1009175560", stream("\x03META", meta)))}}
	for range 2 { // the second time it is there already
		props, text := list(), []byte{1}
		number, ok := plainCharacters(props)
		if !ok || number != object {
			t.Fatal(number, ok)
		}
		w.show(props, text, number)
		if at := binary.LittleEndian.Uint32(props[2:]); at != 5 || props[8] != 0 || text[0] != 1 {
			t.Fatalf("%d %x %x", at, props, text)
		}
	}
	data := w.d.root.find("Data").data
	if want := 5 + 68 + 18 + 10 + 6; len(data) != want || bytes.Count(data, []byte("OPER")) != 1 {
		t.Errorf("%d bytes, want %d: %x", len(data), want, data)
	}
	w.d.pool = nil
	w.placed = nil
	props, text := list(), []byte{1}
	number, _ := plainCharacters(props)
	w.show(props, text, number)
	if text[0] != ' ' || props[len(props)-1] != 0 {
		t.Errorf("%x %x", props, text)
	}
}

// Pictures are appended to a copy of the document's own, of which there is one however many they are.
func TestObjectPictures(t *testing.T) {
	const objects = 200
	pool := storage("ObjectPool")
	for i := range objects {
		pool.kids = append(pool.kids, storage("_"+strconv.Itoa(i+1), stream("\x03META", append([]byte{8, 0, 100, 0, 50, 0, 0, 0}, metafile(0x0103)...))))
	}
	first := make([]byte, 4<<20, 5<<20)
	w := &wordDocument{d: &document{root: root(stream("Data", first)), pool: pool}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range objects {
		if at := w.place(uint32(i + 1)); int(at) != len(first)+i*(68+18+10+6) {
			t.Fatal(i, at)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 8*uint64(len(first)) {
		t.Errorf("%d bytes for a stream of %d", n, len(first))
	}
	if first = first[:cap(first)]; !bytes.Equal(first[4<<20:], make([]byte, 1<<20)) {
		t.Error("the document's own bytes were written to")
	}
}

// The search for objects ends with ctx.
func TestObjectsEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &wordDocument{d: &document{ctx: ctx, root: root()}, main: make([]byte, 2*pageSize), pairs: pairChpx + 1}
	w.table = make([]byte, 12) // one page
	binary.LittleEndian.PutUint32(w.main[fibPairs+6+8*pairChpx:], 12)
	if err := w.objects(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func FuzzMetafile(f *testing.F) {
	f.Add(append([]byte{8, 0, 100, 0, 50, 0, 0, 0}, metafile(0x0626, 0x0103)...))
	f.Add([]byte{8, 0, 1, 0, 1, 0, 0, 0, 1, 0, 9, 0})
	f.Fuzz(func(t *testing.T, meta []byte) {
		if out := inlinePicture(meta); out != nil && (len(out) > len(meta)+60 || inlinePicture(append([]byte{8, 0, 1, 0, 1, 0, 0, 0}, out[68:]...)) == nil) {
			t.Errorf("%x", out)
		}
	})
}
