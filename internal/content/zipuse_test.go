package content

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"

	"icapd/scan"
)

// commented adds a comment to an archive.
func commented(t *testing.T, archive, comment string) string {
	t.Helper()
	var b bytes.Buffer
	r, err := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(&b)
	for _, f := range r.File {
		if err := w.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.SetComment(comment); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// stored is an archive that begins with the entry that names the type, as books and OpenDocument do.
func stored(t *testing.T, typ string, files ...file) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.CreateRaw(&zip.FileHeader{Name: "mimetype", CompressedSize64: uint64(len(typ)), UncompressedSize64: uint64(len(typ)), CRC32: crc32.ChecksumIEEE([]byte(typ))})
	if err == nil {
		_, err = f.Write([]byte(typ))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range files {
		f, err := w.Create(in.name)
		if err == nil {
			_, err = f.Write([]byte(in.data))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestZipUse holds that entries tell what an archive is, and neither a comment nor what they hold.
func TestZipUse(t *testing.T) {
	const docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	data, types := file{"data.json", `{"a": 1}`}, file{"[Content_Types].xml", "<Types/>"}
	book := file{"META-INF/container.xml", "<container/>"}
	names := "mimetype META-INF/container.xml [Content_Types].xml word/document.xml META-INF/manifest.xml content.xml"
	raw := func(s string) file { return file{"raw", s} }
	cut := func(s string) string { return s[:strings.LastIndex(s, zipEndSig)] }
	for name, tt := range map[string]struct{ data, want string }{
		"an archive":                   {zipOf(t, data), typeZip},
		"a comment":                    {commented(t, zipOf(t, data), names), typeZip},
		"contents":                     {zipOf(t, data, raw(names)), typeZip},
		"the type alone":               {stored(t, typeEPUB, data), typeZip},
		"the type, a comment":          {commented(t, stored(t, typeEPUB, data), names), typeZip},
		"a book's container alone":     {zipOf(t, data, book), typeZip},
		"a book":                       {stored(t, typeEPUB, book, data), typeEPUB},
		"a package, late":              {zipOf(t, data, data, data, data, data, types, file{"word/document.xml", "<x/>"}), docx},
		"backslashes":                  {zipOf(t, data, types, file{`Word\document.xml`, "<x/>"}), docx},
		"a package of nothing":         {zipOf(t, data, types), typeZip},
		"OpenDocument without a type":  {zipOf(t, data, file{"content.xml", "<x/>"}, file{"META-INF/manifest.xml", "<x/>"}), typeODT},
		"OpenDocument":                 {stored(t, "application/vnd.oasis.opendocument.spreadsheet", data), "application/vnd.oasis.opendocument.spreadsheet"},
		"one of a kind unknown":        {stored(t, "application/vnd.oasis.opendocument.drawing", data), typeODT},
		"a template of a kind unknown": {stored(t, "application/vnd.oasis.opendocument.x-template", data), typeODT},
		"what came before it":          {stored(t, "application/vnd.sun.xml.calc", data), "application/vnd.sun.xml.calc"},
		"a template of that":           {stored(t, "application/vnd.sun.xml.writer.template", data), typeODT},
		"a kind with a line end":       {stored(t, "application/vnd.oasis.opendocument.text\n", data), "application/vnd.oasis.opendocument.text"},
		"a package without an end":     {cut(zipOf(t, data, data, data, data, data, types, file{"word/document.xml", "<x/>"})), docx},
		"a book without an end":        {cut(stored(t, typeEPUB, book, data)), typeZip},
		"a directory behind directory": {zipOf(t, data, raw(zipOf(t, book, types))), typeZip},
	} {
		tree := openTree(t, []byte(tt.data), Hints{})
		typ := ""
		for it := range tree.Items(t.Context()) {
			if it.Parent == nil {
				typ = it.Type
			}
		}
		if typ != tt.want {
			t.Errorf("%s: %s, want %s", name, typ, tt.want)
		}
	}
}

// A directory that lies about its lengths ends the look at it.
func TestZipNamesEnd(t *testing.T) {
	good := zipOf(t, file{"a", "x"}, file{"b", "y"})
	at := strings.LastIndex(good, zipCentralSig)
	bad := []byte(good)
	binary.LittleEndian.PutUint16(bad[at+28:], 0xffff)
	for name, tt := range map[string]struct {
		data string
		want string
		ok   bool
	}{
		"good": {good, "ab", true}, "long name": {string(bad), "a", false}, "empty": {"", "", false}, "cut": {good[:len(good)-30], "", false},
	} {
		var got strings.Builder
		err := zipNames(scan.Bytes(tt.data), func(n []byte) bool { got.Write(n); return true })
		if got.String() != tt.want || (err == nil) != tt.ok {
			t.Errorf("%s: %q, %v", name, got.String(), err)
		}
	}
}

// TestAttached holds that files which a document carries are told from what it is made of.
func TestAttached(t *testing.T) {
	mail := oleOf(file{"__substg1.0_37010102", `{"a": 1}`}, file{"__substg1.0_10130102", "<p>text</p>"})
	for name, tt := range map[string]struct {
		data, path string
		want       bool
	}{
		"file of a PDF":     {pdfOf(t, "text"), "body/object2(file)", true},
		"objects of a PDF":  {pdfOf(t, "text"), "body/object3(objects)", false},
		"file in a package": {oleOf(file{"\x01Ole10Native", ole10("a.txt", "text")}), "body/Ole10Native/a.txt", true},
		"macro":             {oleOf(file{"Module1", vbaModule("Attribute VB_Name = \"x\"\r\nShell")}), "body/Module1(vba)", false},
		"file of a mail":    {mail, "body/__substg1.0_37010102", true},
		"text of a mail":    {mail, "body/__substg1.0_10130102", false},
		"part":              {zipOf(t, file{"[Content_Types].xml", "<Types/>"}, file{"word/document.xml", "<x/>"}), "body/word/document.xml", false},
	} {
		tree, seen := openTree(t, []byte(tt.data), Hints{}), false
		for it := range tree.Items(t.Context()) {
			if it.Path == tt.path {
				seen = true
				if it.Attached != tt.want {
					t.Errorf("%s: attached is %v", name, it.Attached)
				}
			}
		}
		if !seen {
			t.Errorf("%s: %q", name, paths(t, tree))
		}
	}
}

// A book that is packed another way than it should be is an archive and no program, unless Java would run it.
func TestBookIsNoProgram(t *testing.T) {
	for want, names := range map[string][]string{
		typeZip: {"META-INF/", "META-INF/container.xml", "mimetype", "OPS/a.html"},
		typeJar: {"META-INF/", "META-INF/container.xml", "META-INF/MANIFEST.MF", "a/B.class"},
	} {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, name := range names {
			if _, err := w.Create(name); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := zipUse(b.Bytes(), scan.Bytes(b.Bytes()), typeJar); got != want {
			t.Errorf("%q: %s", names, got)
		}
	}
}
