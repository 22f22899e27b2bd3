package carrier

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"icapd/scan"
)

const hidden = "zqhiddenword"

type member struct{ name, text string }

func zipOf(tb testing.TB, set func(*zip.Writer, *zip.FileHeader), members ...member) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		if set != nil {
			set(w, h)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(f, m.text); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func tarOf(tb testing.TB, headers ...*tar.Header) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		text := "text of " + h.Name
		if h.Typeflag == 0 || h.Typeflag == tar.TypeReg {
			h.Size = int64(len(text))
		}
		if err := w.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(w, text[:h.Size]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func contents(tb testing.TB, archive []byte) map[string]string {
	tb.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		tb.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			tb.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			tb.Fatal(err)
		}
		out[f.Name] = string(text)
	}
	return out
}

var two = []member{{"a.txt", "hello"}, {"b/c.txt", strings.Repeat("more ", 100)}}

func extra(id uint16, data string) []byte {
	b := binary.LittleEndian.AppendUint16(nil, id)
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(data))), data...)
}

// localOnly puts an extra field into the first entry's own header, and not into the directory.
func localOnly(archive, field []byte) []byte {
	at := localHead + int(binary.LittleEndian.Uint16(archive[26:]))
	out := slices.Concat(archive[:at], field, archive[at:])
	binary.LittleEndian.PutUint16(out[28:], uint16(len(field)))
	end := bytes.LastIndex(out, []byte(endMark))
	start := binary.LittleEndian.Uint32(out[end+16:]) + uint32(len(field))
	binary.LittleEndian.PutUint32(out[end+16:], start)
	first := true
	for p := int(start); p < end; { // places of the entries behind it
		if !first {
			binary.LittleEndian.PutUint32(out[p+42:], binary.LittleEndian.Uint32(out[p+42:])+uint32(len(field)))
		}
		first = false
		p += 46 + int(binary.LittleEndian.Uint16(out[p+28:])) + int(binary.LittleEndian.Uint16(out[p+30:]))
	}
	return out
}

func TestZipIsTidied(t *testing.T) {
	plain := zipOf(t, nil, two...)
	fake := slices.Concat([]byte(localMark), make([]byte, localHead-4)) // a header without name and extra field, in a field
	for name, archive := range map[string][]byte{
		"comment":        zipOf(t, func(w *zip.Writer, _ *zip.FileHeader) { _ = w.SetComment(hidden) }, two...),
		"entry comment":  zipOf(t, func(_ *zip.Writer, h *zip.FileHeader) { h.Comment = hidden }, two...),
		"extra":          zipOf(t, func(_ *zip.Writer, h *zip.FileHeader) { h.Extra = extra(0x9999, hidden) }, two...),
		"in a known one": zipOf(t, func(_ *zip.Writer, h *zip.FileHeader) { h.Extra = extra(0x5855, hidden+hidden) }, two...),
		"local extra":    localOnly(plain, extra(0x9999, hidden)),
		"fake header":    localOnly(plain, extra(0x9999, hidden+string(fake))),
		"in front":       append([]byte(hidden), plain...),
		"like one":       append([]byte(localMark+hidden+strings.Repeat("\x00", 40)), plain...),
		"behind":         append(slices.Clone(plain), hidden...),
	} {
		if !bytes.Contains(archive, []byte(hidden)) {
			t.Fatalf("%s: the word is not in the archive", name)
		}
		out, err := tidyZip(archive)
		if err != nil || out == nil || bytes.Contains(out, []byte(hidden)) {
			t.Errorf("%s: %v, %q", name, err, out)
			continue
		}
		got := contents(t, out)
		if len(got) != len(two) || got[two[0].name] != two[0].text || got[two[1].name] != two[1].text {
			t.Errorf("%s: lost something: %v", name, got)
		}
		if again, err := tidyZip(out); err != nil || again != nil {
			t.Errorf("%s: a second pass changes it again (%v)", name, err)
		}
	}
	for name, archive := range map[string][]byte{
		"plain": plain, "empty": zipOf(t, nil), "times": zipOf(t, func(_ *zip.Writer, h *zip.FileHeader) { h.Extra = extra(0x5455, "\x01\x00\x00\x00\x00") }, two...),
	} {
		if out, err := tidyZip(archive); err != nil || out != nil {
			t.Errorf("%s was written anew: %v", name, err)
		}
	}
	named := zipOf(t, func(_ *zip.Writer, h *zip.FileHeader) {
		h.Extra, h.Comment = extra(unicodeName, "\x01\x00\x00\x00\x00n"), hidden
	}, two[0])
	if out, err := tidyZip(named); err != nil || !bytes.Contains(out, extra(unicodeName, "\x01\x00\x00\x00\x00n")) || bytes.Contains(out, []byte(hidden)) {
		t.Errorf("the name in Unicode was lost: %v %q", err, out)
	}
}

func TestOddNames(t *testing.T) {
	for _, name := range []string{
		"../a", "a/../../b", `..\a`, "/etc/x", `\\host\x`, `C:\x`, "c:x", "CON", "con.txt", "a/NUL .txt", "lpt1.doc", "COM9",
		"a\nb.txt", "a\x00b", "a\u202etxt.exe", "\u2066x",
	} {
		if !oddName(name) {
			t.Errorf("%q is taken for plain", name)
		}
		out, err := tidyZip(zipOf(t, nil, two[0], member{name, hidden}))
		if got := contents(t, out); err != nil || len(got) != 1 || got[two[0].name] != two[0].text {
			t.Errorf("%q: %v %v", name, got, err)
		}
	}
	for _, name := range []string{"a", "a/b.txt", "console.txt", "com10.txt", "a..b", "...", "é.txt", "com.txt", "a/", "\u05d0\u200f.txt", "\xe9.txt"} {
		if oddName(name) {
			t.Errorf("%q is taken for odd", name)
		}
	}
}

func TestTarIsTidied(t *testing.T) {
	file, folder := &tar.Header{Name: "a.txt", Mode: 0o644}, &tar.Header{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755}
	plain := tarOf(t, folder, file)
	if out, err := tidyTar(plain); err != nil || out != nil {
		t.Fatalf("a plain one was written anew: %v", err)
	}
	for name, archive := range map[string][]byte{
		"symlink":  tarOf(t, file, &tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: hidden}, folder),
		"hardlink": tarOf(t, file, &tar.Header{Name: "l", Typeflag: tar.TypeLink, Linkname: hidden}, folder),
		"pipe":     tarOf(t, file, &tar.Header{Name: hidden, Typeflag: tar.TypeFifo}, folder),
		"device":   tarOf(t, file, &tar.Header{Name: hidden, Typeflag: tar.TypeChar}, folder),
		"pax":      tarOf(t, &tar.Header{Name: "a.txt", Mode: 0o644, PAXRecords: map[string]string{"comment": hidden}}, folder),
		"xattr":    tarOf(t, &tar.Header{Name: "a.txt", Mode: 0o644, PAXRecords: map[string]string{"SCHILY.xattr.user.x": hidden}}, folder),
		"suid":     tarOf(t, &tar.Header{Name: "a.txt", Mode: 0o4755, Uname: hidden}, folder),
		"name":     tarOf(t, file, &tar.Header{Name: "../" + hidden}, folder),
		"behind":   append(slices.Clone(plain), hidden...),
	} {
		if !bytes.Contains(archive, []byte(hidden)) {
			t.Fatalf("%s: the word is not in the archive", name)
		}
		out, err := tidyTar(archive)
		if err != nil || bytes.Contains(out, []byte(hidden)) || !bytes.Contains(out, []byte("text of a.txt")) || !bytes.Contains(out, []byte("d/")) {
			t.Errorf("%s: %v %q", name, err, out)
			continue
		}
		if again, err := tidyTar(out); err != nil || again != nil {
			t.Errorf("%s: a second pass changes it again (%v)", name, err)
		}
	}
}

// A tar of a kilobyte may say that it holds a terabyte of holes: nothing of that may be written, nor anything lost.
func TestHolesAreBounded(t *testing.T) {
	sparse := func(size int64) []byte {
		h := make([]byte, 512)
		copy(h, "holes")
		copy(h[100:], "0000644\x000000000\x000000000\x0000000000004\x0000000000000\x00")
		h[156] = 'S'
		copy(h[257:], "ustar  \x00")
		copy(h[386:], "00000000000\x0000000000004\x00")
		binary.BigEndian.PutUint64(h[483+4:], uint64(size))
		h[483] = 0x80
		copy(h[148:], "        ")
		sum := 0
		for _, c := range h {
			sum += int(c)
		}
		copy(h[148:], []byte{byte('0' + sum>>15&7), byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7), byte('0' + sum>>3&7), byte('0' + sum&7), 0, ' '})
		return slices.Concat(h, []byte("data"), make([]byte, 508+1024), []byte(hidden))
	}
	if _, err := tidyTar(sparse(1 << 40)); !errors.Is(err, errShared) {
		t.Errorf("a terabyte of holes: %v", err)
	}
	out, err := tidyTar(sparse(1000))
	if err != nil || !bytes.Contains(out, []byte("data")) || bytes.Contains(out, []byte(hidden)) {
		t.Errorf("%v %q", err, out)
	}
}

func gzipOf(tb testing.TB, set func(*gzip.Header), texts ...string) []byte {
	tb.Helper()
	var b bytes.Buffer
	for _, text := range texts {
		w := gzip.NewWriter(&b)
		set(&w.Header)
		if _, err := io.WriteString(w, text); err != nil {
			tb.Fatal(err)
		}
		if err := w.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestGzipIsTidied(t *testing.T) {
	named := func(h *gzip.Header) { h.Name = "a.txt" }
	plain := gzipOf(t, named, "one ", "two")
	blocked := gzipOf(t, func(h *gzip.Header) { h.Extra = []byte("BC\x02\x00ab") }, "one")
	for name, data := range map[string][]byte{"plain": plain, "blocked": blocked, "padded": append(slices.Clone(plain), 0, 0)} {
		if out, err := tidyGzip(data); err != nil || out != nil {
			t.Errorf("%s was written anew: %v", name, err)
		}
	}
	for name, data := range map[string][]byte{
		"comment": gzipOf(t, func(h *gzip.Header) { named(h); h.Comment = hidden }, "one ", "two"),
		"extra":   gzipOf(t, func(h *gzip.Header) { named(h); h.Extra = []byte(hidden) }, "one ", "two"),
		"name":    gzipOf(t, func(h *gzip.Header) { h.Name = "../" + hidden }, "one ", "two"),
		"second":  append(gzipOf(t, named, "one "), gzipOf(t, func(h *gzip.Header) { h.Comment = hidden }, "two")...),
		"behind":  append(slices.Clone(plain), hidden...),
	} {
		out, err := tidyGzip(data)
		if err != nil || out == nil || bytes.Contains(out, []byte(hidden)) {
			t.Errorf("%s: %v %q", name, err, out)
			continue
		}
		r, err := gzip.NewReader(bytes.NewReader(out))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if text, err := io.ReadAll(r); err != nil || string(text) != "one two" {
			t.Errorf("%s: %q %v", name, text, err)
		}
		if again, err := tidyGzip(out); err != nil || again != nil {
			t.Errorf("%s: a second pass changes it again (%v)", name, err)
		}
	}
	if _, err := tidyGzip(plain[:len(plain)-9]); err == nil {
		t.Error("half a member is taken for a whole one")
	}
}

func TestPrograms(t *testing.T) {
	zipped := &scan.Item{Path: "body", Type: "application/zip", Blob: scan.Bytes("")}
	jar := &scan.Item{Path: "body/a.jar", Name: "a.jar", Type: "application/zip", Blob: scan.Bytes(""), Parent: zipped}
	for _, c := range []struct {
		it            *scan.Item
		plain, strict string // hints; "-" for no finding
	}{
		{&scan.Item{Name: "a.txt", Type: "text/plain"}, "-", "-"},
		{&scan.Item{Name: "a.EXE ", Type: "text/plain"}, "", "block"},
		{&scan.Item{Name: "a", Type: "application/x-elf"}, "", "block"},
		{&scan.Item{Name: "a.js", Type: "text/plain", Parent: zipped}, "rewrite", "rewrite"},
		{&scan.Item{Name: "a.url", Type: "application/x-mswinurl", Parent: zipped}, "rewrite", "rewrite"},
		{&scan.Item{Name: "A.class", Type: "application/x-java-applet", Parent: jar}, "-", "-"}, // goes with the jar
		{&scan.Item{Name: "a.exe", Parent: &scan.Item{Type: "application/x-7z-compressed"}}, "rewrite", "rewrite"},
		{&scan.Item{Name: "a.exe", Parent: &scan.Item{Type: "application/x-iso9660-image"}}, "rewrite", "rewrite"},
		{&scan.Item{Name: "a.exe", Path: "body/a.exe(uu)", Parent: &scan.Item{Path: "body", Type: "text/plain", Blob: scan.Bytes("x")}}, "rewrite", "rewrite"},
		{&scan.Item{Name: "a.exe", Parent: &scan.Item{Type: "application/x-arj"}}, "", "block"},
		{&scan.Item{Type: "text/plain", Claimed: "Message/External-Body; site=x"}, "-", "block"},
		{&scan.Item{Type: "text/plain", Claimed: "Message/External-Body; site=x", Parent: &scan.Item{Type: "message/rfc822"}}, "-", "rewrite"},
	} {
		c.it.Blob = scan.Bytes("x")
		for i, want := range []string{c.plain, c.strict} {
			fs := Programs(c.it)
			if i == 1 {
				fs = Strict(c.it)
			}
			got := "-"
			if len(fs) == 1 {
				got = fs[0].Hint
			}
			if got != want {
				t.Errorf("%s %s: %q, want %q", c.it.Name, c.it.Type, got, want)
			}
		}
	}
}

// TestAbsentParts has parts of mails that are elsewhere: nothing of where goes into the text that stands in their place.
func TestAbsentParts(t *testing.T) {
	for _, claimed := range []string{`message/external-body; access-type=URL; URL="https://elsewhere.example/a"; name="elsewhere.exe"`, `Message/Partial; id="elsewhere"; number=1; total=2`} {
		it := &scan.Item{Path: "body/x", Name: "elsewhere.exe", Claimed: claimed, Type: "text/plain", Blob: scan.Bytes("Content-ID: <elsewhere@x>"), Parent: &scan.Item{Type: "message/rfc822"}}
		var absent []scan.Finding
		for _, f := range Strict(it) {
			if f.Rule == ClassAbsent {
				absent = append(absent, f)
			}
		}
		rep, err := Rewriter{}.Rewrite(t.Context(), it, absent)
		if err != nil || rep.Type != "text/plain" || len(rep.Changes) != 1 || rep.Changes[0].Vector != ClassAbsent {
			t.Fatalf("%s: %+v, %v", claimed, rep, err)
		}
		text, err := rep.Blob.Bytes()
		if err != nil || bytes.Contains(text, []byte("elsewhere.e")) || bytes.Contains(text, []byte("elsewhere@")) || strings.Contains(rep.Name, "elsewhere") {
			t.Errorf("%s: %q, named %q, %v", claimed, text, rep.Name, err)
		}
		it.Parent = nil
		if _, err := (Rewriter{}).Rewrite(t.Context(), it, absent); !errors.Is(err, ErrNoSafeForm) {
			t.Errorf("%s by itself: %v", claimed, err)
		}
	}
}

func TestRewriter(t *testing.T) {
	zipped := &scan.Item{Path: "body", Type: "application/zip"}
	it := &scan.Item{Path: "body/x", Name: `d\..<b>"run".exe`, Type: "application/x-elf", Blob: scan.Bytes("12345"), Parent: zipped}
	rep, err := Rewriter{}.Rewrite(t.Context(), it, Programs(it))
	if err != nil || rep.Name != "..__b__run_.exe.txt" && rep.Name != ".._b__run_.exe.txt" || len(rep.Changes) != 1 || rep.Type != "text/plain" {
		t.Errorf("%+v, %v", rep, err)
	}
	it.Parent = nil
	if _, err := (Rewriter{}).Rewrite(t.Context(), it, Programs(it)); !errors.Is(err, ErrNoSafeForm) {
		t.Errorf("a program by itself: %v", err)
	}
	if rep, err := (Rewriter{}).Rewrite(t.Context(), it, []scan.Finding{{Rule: ClassProgram, Category: scan.Malware}}); err != nil || !rep.Empty() {
		t.Errorf("a finding of somebody else: %+v, %v", rep, err)
	}
}

// Whatever is written can be read, hides nothing more, and has every plain member of what it was made from.
func FuzzTidy(f *testing.F) {
	f.Add(zipOf(f, nil, two...))
	f.Add(zipOf(f, func(w *zip.Writer, h *zip.FileHeader) { h.Comment, h.Extra = hidden, extra(0x9999, hidden) }, two...))
	f.Add(localOnly(zipOf(f, nil, two...), extra(0x9999, hidden)))
	f.Add(zipOf(f, nil, two[0], member{"../a", hidden}))
	f.Add(tarOf(f, &tar.Header{Name: "a"}, &tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "a"}))
	f.Add(tarOf(f, &tar.Header{Name: "a", PAXRecords: map[string]string{"comment": hidden}}))
	f.Add(gzipOf(f, func(h *gzip.Header) { h.Comment, h.Extra, h.Name = hidden, []byte(hidden), "n" }, "one", "two"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if out, err := tidyZip(data); err == nil && out != nil {
			again, err := tidyZip(out)
			if err != nil || again != nil {
				t.Errorf("zip: %v, written anew twice: %v", err, again != nil)
			}
		}
		if out, err := tidyTar(data); err == nil && out != nil {
			again, err := tidyTar(out)
			if err != nil || again != nil {
				t.Errorf("tar: %v, written anew twice: %v", err, again != nil)
			}
		}
		if out, err := tidyGzip(data); err == nil && out != nil {
			again, err := tidyGzip(out)
			if err != nil || again != nil {
				t.Errorf("gzip: %v, written anew twice: %v", err, again != nil)
			}
		}
		for _, kind := range []string{"application/zip", "application/gzip", "application/x-tar", "application/octet-stream"} {
			_ = Strict(&scan.Item{Path: "body", Type: kind, Blob: scan.Bytes(data)})
		}
	})
}
