package kit

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"
)

// pdfs stands for the handler of PDF, which changes some.
type pdfs struct{}

func (pdfs) Disarm(_ context.Context, job *Job, doc Document) (Result, error) {
	if bytes.Contains(doc.Data, []byte("JavaScript")) {
		job.Removed("javascript", "page", ActionRemoved, "")
		return Result{Data: []byte("clean")}, nil
	}
	return Result{}, nil
}

// metafileWith returns an enhanced metafile with one comment.
func metafileWith(comment string) []byte {
	le := binary.LittleEndian
	record := func(kind uint32, data string) []byte {
		data += strings.Repeat("\x00", -len(data)&3)
		return append(le.AppendUint32(le.AppendUint32(nil, kind), uint32(8+len(data))), data...)
	}
	out := record(1, strings.Repeat("\x00", 32)+" EMF"+strings.Repeat("\x00", 44))
	out = append(out, record(emfComment, string(le.AppendUint32(nil, uint32(len(comment))))+comment)...)
	return append(out, record(emfEOF, strings.Repeat("\x00", 12))...)
}

// The picture of a metafile in other formats: one PDF stays, if nothing has to be taken out of it.
func TestPDFInMetafile(t *testing.T) {
	formats := func(count uint32, kind, pdf string, size int) string {
		le := binary.LittleEndian
		b := append([]byte("GDIC\x04\x00\x00\x40"), make([]byte, 16)...)
		b = append(le.AppendUint32(b, count), kind+"\x01\x00\x00\x00"...)
		return string(le.AppendUint32(le.AppendUint32(b, uint32(size)), 44)) + pdf
	}
	for _, tt := range []struct {
		name, comment string
		stays         bool
	}{
		{"clean", formats(1, " FDP", "%PDF-1.7 x", 10), true},
		{"scripted", formats(1, " FDP", "%PDF-1.7 JavaScript", 19), false},
		{"two", formats(2, " FDP", "%PDF-1.7 x", 10), false},
		{"not a PDF", formats(1, "EPSF", "%PDF-1.7 x", 10), false},
		{"bytes behind it", formats(1, " FDP", "%PDF-1.7 x and more", 10), false},
		{"longer than the comment", formats(1, " FDP", "%PDF-1.7 x", 100), false},
		{"cut off", formats(1, " FDP", "", 0)[:20], false},
	} {
		job := NewJob(ModeDisarm, Switches{}, Limits{}, func(*Document) Handler { return pdfs{} })
		in := metafileWith(tt.comment)
		out, ok := CleanMetafile(t.Context(), job, in)
		if !ok || (len(out) == len(in)) != tt.stays || len(job.Removals()) != 0 {
			t.Errorf("%s: %v, %d of %d bytes, %v", tt.name, ok, len(out), len(in), job.Removals())
		}
	}
}

// What is behind a record that is broken goes, whatever length it has: what is left ends there, and is a metafile.
func TestBrokenMetafile(t *testing.T) {
	record := func(kind uint16, data string) string { // of a Windows metafile
		return string(binary.LittleEndian.AppendUint16([]byte{byte(3 + len(data)/2), 0, 0, 0}, kind)) + data
	}
	head := "\x01\x00\x09\x00\x00\x03" + strings.Repeat("\x00", 12)
	for name, start := range map[string]string{
		"EMF":       string(metafileWith("\x01\x02\x03")[:88+16]),
		"WMF":       head + record(0x0103, "\x08\x00"),
		"placeable": "\xd7\xcd\xc6\x9a" + strings.Repeat("\x00", 18) + head + record(0x0103, "\x08\x00"),
	} {
		for n := range 64 {
			in := []byte(start + strings.Repeat("\xFFcanary\xFF", 8)[:n])
			job := NewJob(ModeDisarm, Switches{}, Limits{}, func(*Document) Handler { return pdfs{} })
			out, ok := CleanMetafile(t.Context(), job, in)
			if !ok || len(out) == len(in) || len(out) < len(start) || bytes.Contains(out, []byte("canary")) {
				t.Fatalf("%s and %d bytes: %v, %d bytes %q", name, n, ok, len(out), out)
			}
			if again, ok := CleanMetafile(t.Context(), job, out); !ok || !bytes.Equal(again, out) {
				t.Fatalf("%s and %d bytes: a second pass changes it", name, n)
			}
		}
		if _, ok := CleanMetafile(t.Context(), NewJob(ModeDisarm, Switches{}, Limits{}, nil), []byte(start[:len(start)-4])); ok && name != "EMF" {
			t.Errorf("%s without a whole record is one", name)
		}
	}
}

// A header that is shorter than headers are is none: it has no room for what is written into it.
func TestShortHeaderOfMetafile(t *testing.T) {
	whole := metafileWith("canary")
	for _, n := range []byte{8, 40, 84} {
		for _, end := range []int{len(whole), len(whole) - 20} {
			in := bytes.Clone(whole[:end])
			in[4] = n
			binary.LittleEndian.PutUint32(in[n:], emfComment)
			binary.LittleEndian.PutUint32(in[n+4:], 88-uint32(n)+24)
			if n == 84 {
				binary.LittleEndian.PutUint32(in[n+4:], 28)
			}
			if out, ok := CleanMetafile(t.Context(), NewJob(ModeDisarm, Switches{}, Limits{}, nil), in); ok {
				t.Errorf("a header of %d bytes: %d of %d bytes", n, len(out), len(in))
			}
		}
	}
}

// What is in records that nobody draws goes, and records keep their numbers.
func TestWordsInRecords(t *testing.T) {
	le := binary.LittleEndian
	emf := func(kind uint32, body string) []byte {
		b := metafileWith("\x01\x02")
		body += strings.Repeat("\x00", -len(body)&3)
		r := append(le.AppendUint32(le.AppendUint32(nil, kind), uint32(8+len(body))), body...)
		return append(append(bytes.Clone(b[:88]), r...), b[88:]...)
	}
	wmf := func(kind uint16, body string) []byte {
		r := append(le.AppendUint16(le.AppendUint32(nil, uint32(3+len(body)/2)), kind), body...)
		return append(append([]byte("\x01\x00\x09\x00\x00\x03"+strings.Repeat("\x00", 12)), r...), 3, 0, 0, 0, 0, 0)
	}
	const four = "\x01\x00\x00\x00"
	for name, c := range map[string]struct {
		in              []byte
		disarm, rebuild bool // whether it stays
	}{
		"a kind that there is not":     {emf(200, "canary"), false, false},
		"the same with numbers":        {emf(200, four), true, false},
		"a reserved kind":              {emf(117, "canary"), false, false},
		"linked fonts":                 {emf(119, four+"canaries"), false, false},
		"colours of a target":          {emf(121, four+"canary.icm"), false, false},
		"a profile that is none":       {emf(113, four+"\x00\x00\x00\x00\x08\x00\x00\x00canaries"), false, false},
		"a group with a name":          {emf(70, "\x20\x00\x00\x00GDIC\x02\x00\x00\x00"+strings.Repeat("\x00", 16)+"canaries"), false, false},
		"behind a number":              {emf(115, four+"canaries"), false, false},
		"a number":                     {emf(115, four), true, true},
		"a short escape":               {wmf(0x0626, "\x25\x00\x08\x00canaries"), false, false},
		"an escape with a number":      {wmf(0x0626, "\x11\x00\x02\x00\x01\x00"), true, true},
		"a function that there is not": {wmf(0x0ABC, "canaries"), true, false},
		"a function that there is":     {wmf(0x0103, "\x08\x00"), true, true},
	} {
		for mode, stays := range map[Mode]bool{ModeDisarm: c.disarm, ModeRebuild: c.rebuild} {
			out, ok := CleanMetafile(t.Context(), NewJob(mode, Switches{}, Limits{}, nil), c.in)
			if !ok || (len(out) == len(c.in)) != stays || !stays && bytes.Contains(out, []byte("canar")) {
				t.Errorf("%s, mode %d: %v, %d of %d bytes", name, mode, ok, len(out), len(c.in))
			}
		}
	}
}

func TestSizesInMetafile(t *testing.T) {
	for comment, stays := range map[string]bool{
		"Screen=10205x13181px, 216x279mm\x00":             true,
		"Drawing=269.2x102.8px, 71.2x27.2mm\x00":          true,
		"Drawing=269.2x102.8px, 71.2x27.2mm\x00 and more": false,
		"Screen=10205x13181px, 216x279mm, canary":         false,
		"Title=10205x13181px, 216x279mm\x00":              false,
		"Screen=1020500000000000x13181px, 216x279mm\x00":  false,
	} {
		in := metafileWith(comment)
		out, ok := CleanMetafile(t.Context(), NewJob(ModeDisarm, Switches{}, Limits{}, nil), in)
		if !ok || (len(out) == len(in)) != stays {
			t.Errorf("%q: %v, %d of %d bytes", comment, ok, len(out), len(in))
		}
	}
}

func FuzzMetafile(f *testing.F) {
	f.Add(metafileWith("EMF+x"))
	f.Add(metafileWith("GDIC\x04\x00\x00\x40"))
	f.Add(append(metafileWith("x")[:100], "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"...))
	f.Add([]byte("\x01\x00\x09\x00\x00\x03" + strings.Repeat("\x00", 12) + "\x04\x00\x00\x00\x03\x01\x08\x00\xFF\xFF\xFF\xFF\xFF\xFF"))
	f.Add([]byte("\x01\x00\x09\x00\x00\x03" + strings.Repeat("\x00", 12) + "\x16\x00\x00\x00\x26\x06\x0f\x00\x22\x00" + wmfMagic + strings.Repeat("\x00", 22) + "\x03\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		job := NewJob(ModeDisarm, Switches{}, Limits{}, func(*Document) Handler { return pdfs{} })
		out, ok := CleanMetafile(t.Context(), job, data)
		if !ok {
			return
		}
		if len(out) > len(data)+24 { // an end of its own
			t.Fatal("longer than before")
		}
		if again, ok := CleanMetafile(t.Context(), job, out); !ok || !bytes.Equal(again, out) {
			t.Fatal("a second pass changes it")
		}
	})
}
