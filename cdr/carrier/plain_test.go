package carrier

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"icapd/scan"
)

// TestMailIsPlain has mails that not all readers take for the same, and what is written for them.
func TestMailIsPlain(t *testing.T) {
	const parts = "\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"
	for _, c := range []struct{ what, in, want string }{
		{"a whole mail", "Content-Type: multipart/mixed; boundary=b\r\n" + parts + "--b--\r\n", ""},
		{"a text", "From: a@b.c\r\n\r\nhello\r\n", ""},
		{"a quoted name", "Content-Disposition: attachment; filename=\"a (1).txt\"\r\n\r\nx\r\n", ""},
		{"a name with a bare bracket", "Content-Disposition: attachment; filename=a (1).txt\r\n\r\nx\r\n", ""},
		{"no last delimiter", "Content-Type: multipart/mixed; boundary=b\r\n" + parts, "Content-Type: multipart/mixed; boundary=b\r\n" + parts + "--b--\r\n"},
		{"not even a break", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n"},
		{"a mailbox", "From a@b.c Mon Jan  1 00:00:00 2024\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n", ""},
		{"a name in pieces", "Content-Disposition: attachment;\r\n filename*0=\"ru\";\r\n filename*1=\"n.txt\"\r\n\r\nx\r\n", "Content-Disposition: attachment; filename=run.txt\r\n\r\nx\r\n"},
		{"a name in pieces of another alphabet", "Content-Disposition: attachment; filename*0*=utf-8''r%C3%BC; filename*1=\"n.txt\"\r\n\r\nx\r\n", "Content-Disposition: attachment; filename*=utf-8''r%C3%BCn.txt\r\n\r\nx\r\n"},
		{"a comment", "Content-Transfer-Encoding: base64 (really)\r\n\r\neA==\r\n", "Content-Transfer-Encoding: base64\r\n\r\neA==\r\n"},
		{"a comment at the boundary", "Content-Type: multipart/mixed (x); boundary=b (y)\r\n" + parts + "--b--\r\n", "Content-Type: multipart/mixed; boundary=b\r\n" + parts + "--b--\r\n"},
	} {
		got := string(tidyMail([]byte(c.in)))
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
		if got != "" && tidyMail([]byte(got)) != nil {
			t.Errorf("%s: written again: %q", c.what, tidyMail([]byte(got)))
		}
	}
}

// TestSkippedFrames has packed data with frames that readers pass over.
func TestSkippedFrames(t *testing.T) {
	const frame, data = "\x50\x2a\x4d\x18\x05\x00\x00\x00hello", "\x28\xb5\x2f\xfd and so on"
	for in, want := range map[string]string{data: "", frame + data: data, frame + frame + data: data, frame: "", frame[:9]: "", "": ""} {
		if got := string(withoutSkipped([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestNoteIsNoProgram holds that the text in the place of a program is none, whatever its name, and that nothing else passes for it.
func TestNoteIsNoProgram(t *testing.T) {
	holder := &scan.Item{Type: "application/zip"}
	it := &scan.Item{Name: "run.bat", Type: "text/plain", Parent: holder, Blob: scan.Bytes("x")}
	text := string(placeholder(it).Blob.(scan.Bytes))
	for data, want := range map[string]int{
		text: 0, text + "calc\r\n": 1, strings.Replace(text, "run.bat", "a & calc", 1): 1, strings.Replace(text, "Size: ", "Size: \r\ncalc ", 1): 1, "calc\r\n": 1,
	} {
		it := &scan.Item{Name: "run.bat", Type: "text/plain", Parent: holder, Blob: scan.Bytes(data)}
		if got := len(Programs(it)); got != want {
			t.Errorf("%q: %d findings, want %d", data, got, want)
		}
	}
}

// TestZipWithAWrongEnd has archives whose end says that the directory is elsewhere than it is.
func TestZipWithAWrongEnd(t *testing.T) {
	data := zipOf(t, nil, member{"a.txt", "text"})
	for _, at := range []string{"\xff\xff\xff\xff", "\xff\xff\xff\x7f", "\x00\x00\x00\x00", "\x05\x00\x00\x00"} {
		wrong := append([]byte(nil), data...)
		copy(wrong[len(wrong)-6:], at)
		r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if gapsInZip(wrong, r.File, int64(binary.LittleEndian.Uint32(wrong[len(wrong)-6:]))) {
			t.Errorf("%q: a gap", at)
		}
	}
}

// A small archive in the form of large ones is another archive, or none, to who knows the old form only.
func TestZipInTheFormOfLargeOnes(t *testing.T) {
	le := binary.LittleEndian
	plain := zipOf(t, nil, member{"a.txt", "text"})
	if fresh, err := tidyZip(plain); err != nil || fresh != nil {
		t.Fatalf("the archive itself: %v, %d bytes", err, len(fresh))
	}
	end := bytes.Clone(plain[len(plain)-endHead:])
	at := len(plain) - endHead
	size, offset := uint64(le.Uint32(end[12:])), uint64(le.Uint32(end[16:]))
	wide := slices.Concat(plain[:at], []byte("PK\x06\x06"), le.AppendUint64(nil, 44), []byte{45, 0, 45, 0}, make([]byte, 8),
		le.AppendUint64(nil, 1), le.AppendUint64(nil, 1), le.AppendUint64(nil, size), le.AppendUint64(nil, offset),
		[]byte("PK\x06\x07\x00\x00\x00\x00"), le.AppendUint64(nil, uint64(at)), []byte{1, 0, 0, 0})
	copy(end[8:], bytes.Repeat([]byte{0xff}, 12))
	fresh, err := tidyZip(append(wide, end...))
	if err != nil || bytes.Contains(fresh, []byte("PK\x06\x06")) {
		t.Fatalf("%v, %q", err, fresh)
	}
	if r, err := zip.NewReader(bytes.NewReader(fresh), int64(len(fresh))); err != nil || len(r.File) != 1 || r.File[0].Name != "a.txt" {
		t.Errorf("%v", err)
	}
}
