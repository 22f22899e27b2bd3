package kit

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"testing"
)

func archive(tb testing.TB, files ...string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(f, files[i+1]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// wide is an archive of one stored entry as writers make it that do not know how large it will be: in the form of ZIP64.
func wide(name, text string, change func(local, central, end []byte)) []byte {
	le := binary.LittleEndian
	ones := []byte{0xff, 0xff, 0xff, 0xff}
	common := slices.Concat([]byte{45, 0, 0, 0, 0, 0, 0, 0, 0x21, 0}, le.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text))), ones, ones, []byte{byte(len(name)), 0})
	size := le.AppendUint64(nil, uint64(len(text)))
	local := slices.Concat([]byte("PK\x03\x04"), common, []byte{20, 0}, []byte(name), []byte{1, 0, 16, 0}, size, size)
	central := slices.Concat([]byte("PK\x01\x02\x2d\x00"), common, []byte{28, 0}, make([]byte, 10), ones, []byte(name), []byte{1, 0, 24, 0}, size, size, make([]byte, 8))
	at := uint64(len(local) + len(text))
	end := slices.Concat([]byte("PK\x06\x06"), le.AppendUint64(nil, 44), []byte{45, 0, 45, 0}, make([]byte, 8), le.AppendUint64(nil, 1), le.AppendUint64(nil, 1), le.AppendUint64(nil, uint64(len(central))), le.AppendUint64(nil, at),
		[]byte("PK\x06\x07\x00\x00\x00\x00"), le.AppendUint64(nil, at+uint64(len(central))), []byte{1, 0, 0, 0}, []byte("PK\x05\x06\x00\x00\x00\x00\xff\xff\xff\xff"), ones, ones, []byte{0, 0})
	if change != nil {
		change(local, central, end)
	}
	return slices.Concat(local, []byte(text), central, end)
}

func TestWideZip(t *testing.T) {
	data := wide("a.xml", "<a/>", nil)
	if r, err := zip.NewReader(bytes.NewReader(data), int64(len(data))); err != nil || len(r.File) != 1 || r.File[0].UncompressedSize64 != 4 {
		t.Fatalf("the test's own archive: %v", err)
	}
	z, err := OpenZip(newJob(), data)
	if err != nil || len(z.Entries) != 1 || !slices.Equal(z.Hazards, []string{VectorZipMismatch}) {
		t.Fatalf("%+v, %v", z, err)
	}
	if text, err := z.Entries[0].Read(newJob()); err != nil || string(text) != "<a/>" {
		t.Errorf("%q, %v", text, err)
	}
	if z, err := OpenZip(newJob(), append([]byte("in front"), data...)); err != nil || !slices.Equal(z.Hazards, []string{VectorZipMismatch, VectorZipPrefix}) {
		t.Errorf("bytes in front: %+v, %v", z, err)
	}
	for name, change := range map[string]func(local, central, end []byte){
		"a record elsewhere":     func(_, _, end []byte) { end[56+8]++ },
		"a longer record":        func(_, _, end []byte) { end[4]++ },
		"a directory elsewhere":  func(_, _, end []byte) { end[48]++ },
		"many entries":           func(_, _, end []byte) { end[39] = 0x7f },
		"no sizes":               func(_, central, _ []byte) { central[46+5] = 2 },
		"sizes of another":       func(_, central, _ []byte) { central[46+5+4+7] = 1 },
		"an entry from far away": func(_, central, _ []byte) { central[len(central)-1] = 0x7f },
		"no sizes in front":      func(local, _, _ []byte) { local[30+5] = 2 },
	} {
		if z, err := OpenZip(newJob(), wide("a.xml", "<a/>", change)); err == nil {
			t.Errorf("%s: %+v", name, z)
		}
	}
	other := wide("a.xml", "<a/>", func(local, _, _ []byte) { local[len(local)-8]++ })
	if z, err := OpenZip(newJob(), other); err != nil || !slices.Equal(z.Hazards, []string{VectorZipMismatch, VectorZipMismatch}) {
		t.Errorf("another size in front: %+v, %v", z, err)
	}
}

func newJob() *Job { return NewJob(ModeDisarm, Switches{}, Limits{}, nil) }

func TestZipRoundTrip(t *testing.T) {
	data := archive(t, "mimetype", "x", "a/ü.xml", "<a/>", "empty", "")
	z, err := OpenZip(newJob(), data)
	if err != nil || len(z.Hazards) != 0 || len(z.Entries) != 3 {
		t.Fatalf("%+v, %v", z, err)
	}
	var w ZipWriter
	w.Keep(z.Find("MIMETYPE"))
	if err := w.Put("a/ü.xml", []byte("<b/>"), z.Entries[1], false); err != nil {
		t.Fatal(err)
	}
	out := w.Bytes()
	r, err := zip.NewReader(bytes.NewReader(out), int64(len(out)))
	if err != nil || len(r.File) != 2 {
		t.Fatal(err)
	}
	for i, want := range []string{"x", "<b/>"} {
		f, err := r.File[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(f); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", r.File[i].Name, got, err)
		}
	}
	again, err := OpenZip(newJob(), out)
	if err != nil || len(again.Hazards) != 0 {
		t.Fatalf("%+v, %v", again, err)
	}
	if b, err := again.Find("a/ü.xml").Read(newJob()); err != nil || string(b) != "<b/>" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestZipHazards(t *testing.T) {
	plain := archive(t, "a", "one", "b", "two")
	for name, tt := range map[string]struct {
		data   []byte
		hazard string
	}{
		"prefix":   {append([]byte("canary"), plain...), VectorZipPrefix},
		"trailing": {append(bytes.Clone(plain), "canary"...), VectorZipTrailing},
	} {
		z, err := OpenZip(newJob(), tt.data)
		if err != nil || !slices.Contains(z.Hazards, tt.hazard) {
			t.Errorf("%s: %+v, %v", name, z, err)
		}
	}
	for name, data := range map[string][]byte{
		"nothing":    nil,
		"no end":     plain[:len(plain)-10],
		"duplicates": archive(t, "a", "1", "A", "2"),
	} {
		if z, err := OpenZip(newJob(), data); err == nil {
			t.Errorf("%s passed: %+v", name, z)
		}
	}
}

func FuzzZip(f *testing.F) {
	f.Add(wide("a.xml", "<a/>", nil))
	f.Add(archive(f, "a", "one", "b/c", "two"))
	f.Fuzz(func(t *testing.T, data []byte) {
		job := newJob()
		z, err := OpenZip(job, data)
		if err != nil {
			return
		}
		var w ZipWriter
		for _, e := range z.Entries {
			if _, err := e.Read(job); err != nil {
				return
			}
			w.Keep(e)
		}
		again, err := OpenZip(newJob(), w.Bytes())
		if err != nil || len(again.Entries) != len(z.Entries) || len(again.Hazards) != 0 {
			t.Fatalf("%v %+v", err, again)
		}
	})
}

// Entries do not depend on those before them: what packs and unpacks them is used again.
func TestZipEntriesAlone(t *testing.T) {
	var w ZipWriter
	text := bytes.Repeat([]byte("some text "), 1000)
	for _, data := range [][]byte{text, []byte("short"), text, nil, text} {
		if err := w.Put(strconv.Itoa(w.n), data, nil, false); err != nil {
			t.Fatal(err)
		}
	}
	job := NewJob(ModeDisarm, Switches{}, Limits{}, nil)
	z, err := OpenZip(job, w.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range z.Entries {
		data, err := e.Read(job)
		if err != nil || i%2 == 0 && (!bytes.Equal(data, text) || !bytes.Equal(e.raw, z.Entries[0].raw)) {
			t.Errorf("%d: %d bytes, %v", i, len(data), err)
		}
	}
	z.Entries[0].raw = append(bytes.Clone(z.Entries[0].raw[:20]), 0xff, 0xff, 0xff, 0xff)
	if _, err := z.Entries[0].Read(job); err == nil {
		t.Error("a broken entry was read")
	}
	if data, err := z.Entries[2].Read(job); err != nil || !bytes.Equal(data, text) {
		t.Errorf("after a broken one: %d bytes, %v", len(data), err)
	}
}

// TestTimesAreNoText has the times of files in an extra field, whose bytes may be letters by chance.
func TestTimesAreNoText(t *testing.T) {
	for what, c := range map[string]struct {
		extra string
		want  bool
	}{
		"times":            {"UT\x09\x00\x03pjUSqqUS", false},
		"of a week":        {"UT\x0d\x00\x07pjUSqqUSqzUS", false},
		"text":             {"UT\x09\x00\x03canary7f", true},
		"text of no times": {"UT\x0a\x00\x03pjUSqqUSx", true},
		"another field":    {"ux\x09\x00\x03pjUSqqUS", true},
		"behind the times": {"UT\x09\x00\x03pjUSqqUScanary7", true},
	} {
		if got := saysMore([]byte(c.extra)); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}
