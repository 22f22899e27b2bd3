package kit

import (
	"archive/zip"
	"bytes"
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
