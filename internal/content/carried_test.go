package content

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"

	"icapd/scan"
)

// TestNamesOfWhatIsPutBack has files whose names stand elsewhere than where their bytes do: the new name is there, and the old
// one nowhere.
func TestNamesOfWhatIsPutBack(t *testing.T) {
	folder := strings.Repeat("folder/", 20)
	for _, c := range []struct{ what, data, path, claimed string }{
		{what: "uuencode", data: "words\nbegin 755 old.vbs\n#86)C\n`\nend\nmore words, as people write them behind a file\n", path: "/old.vbs(uu)"},
		{what: "yEnc", data: "words\n=ybegin line=128 size=3 name=old.vbs\n\x8b\x8c\x8d\n=yend size=3\nmore words, as people write them behind\n", path: "/old.vbs(yenc)"},
		{what: "yEnc alone", data: "=ybegin line=128 size=3 name=old.vbs\n\x8b\x8c\x8d\n=yend size=3\n", path: "/old.vbs(yenc)"},
		{what: "TNEF", data: tnefOf(file{"old.vbs", "abc"}), path: "/old.vbs"},
		{what: "tar of GNU", data: longTar(t, tar.FormatGNU, folder+"old.vbs"), path: "/" + folder + "old.vbs"},
		{what: "tar with pax", data: longTar(t, tar.FormatPAX, folder+"old.vbs"), path: "/" + folder + "old.vbs"},
	} {
		tree := openTree(t, []byte(c.data), Hints{ContentType: c.claimed})
		seen := paths(t, tree)
		res, err := tree.Rebuild(t.Context(), renamedTo(c.path, "new.txt", "safe = \x2a"))
		if err != nil || !res.Changed {
			t.Errorf("%s: %v, %+v, %q", c.what, err, res, seen)
			continue
		}
		data := contents(t, res.Blob)
		if bytes.Contains(data, []byte("old.vbs")) {
			t.Errorf("%s: the old name is there: %q", c.what, data)
		}
		again, found := openTree(t, data, Hints{ContentType: c.claimed}), false
		for it := range again.Items(t.Context()) {
			found = found || it.Name == "new.txt" && string(contents(t, it.Blob)) == "safe = \x2a"
		}
		if !found || len(again.Gaps()) > 0 {
			t.Errorf("%s: %q, %v: %q", c.what, paths(t, again), again.Gaps(), data)
		}
	}
}

func longTar(tb testing.TB, format tar.Format, name string) string {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range []string{"a.txt", name, "z.txt"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: 3, Mode: 0o644, Format: format}); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write([]byte("abc")); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// TestTextWithoutFiles holds that engines see the text around files that stand in it, and nothing of how those are encoded.
func TestTextWithoutFiles(t *testing.T) {
	data := "the text in front of the file, as people write it\n" + strings.TrimPrefix(uuOf(t, "a.bin", prose), "some words\n")
	var seen string
	err := textFormat{}.fields(t.Context(), doc{data: []byte(data)}, func(f *scan.Field) bool {
		seen += string(f.Value)
		if want := data[f.Span.Start:f.Span.End]; want != string(f.Value) {
			t.Errorf("%q stands where %q does", f.Value, want)
		}
		return true
	})
	if err != nil || strings.Contains(seen, "begin 644") || !strings.HasPrefix(seen, "the text in front") || !strings.HasSuffix(seen, "more words\n") {
		t.Errorf("%v: %q", err, seen)
	}
}

// TestShortScripts has programs of a few words in base64, and values of APIs that are base64 of something else.
func TestShortScripts(t *testing.T) {
	for text, want := range map[string]int{
		"MsgBox \"hello there\"\r\n": 2, "alert(document.cookie)": 2, "<svg onload=alert(1)>": 2,
		"cursor:v2:1700000000:42": 1, "0123456789abcdef0123": 1, "\x01\x9a\xf7 \x80\x81\x82\x83\x84\x85\x86\x87(\x88\x89\x8a": 1,
	} {
		if got := paths(t, openTree(t, []byte(`{"data":"`+base64.StdEncoding.EncodeToString([]byte(text))+`"}`), Hints{})); len(got) != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestSevenFolders has an archive of two folders that does not say how many files each has: the library would read the first twice.
func TestSevenFolders(t *testing.T) {
	const packed = "aaabbb"
	head := "\x01\x04\x06\x00\x02\x09\x03\x03\x00\x07\x0b\x02\x00\x01\x01\x00\x01\x01\x00\x0c\x03\x03\x00\x00\x05\x02\x11\x09\x00a\x00\x00\x00b\x00\x00\x00\x00\x00"
	start := binary.LittleEndian.AppendUint64(nil, uint64(len(packed)))
	start = binary.LittleEndian.AppendUint64(start, uint64(len(head)))
	start = binary.LittleEndian.AppendUint32(start, crc32.ChecksumIEEE([]byte(head)))
	data := "7z\xbc\xaf\x27\x1c\x00\x04" + le32(int(crc32.ChecksumIEEE(start))) + string(start) + packed + head
	tree := openTree(t, []byte(data), Hints{})
	_ = paths(t, tree)
	if gaps := tree.Gaps(); len(gaps) != 1 || gaps[0].Reason != scan.ReasonUnsupported {
		t.Errorf("%v", gaps)
	}
}
