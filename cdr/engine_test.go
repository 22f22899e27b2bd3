package cdr

import (
	"archive/zip"
	"bytes"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"icapd/scan"
)

// Who handles what, in messages of documents inside of each other.
func TestWants(t *testing.T) {
	e := NewEngine(New(Options{}), "v")
	item := func(kind string, parent *scan.Item) *scan.Item {
		return &scan.Item{Type: kind, Parent: parent, Blob: scan.Bytes("<a/>"), Message: &scan.Message{}}
	}
	pdf := item("application/pdf", nil)
	for name, tt := range map[string]struct {
		it   *scan.Item
		want bool
	}{
		"a document":                     {pdf, true},
		"a picture in a document":        {item("image/png", pdf), false},
		"deeper in a document":           {item("image/png", item("application/zip", pdf)), false},
		"a document in an archive":       {item("application/pdf", item("application/gzip", nil)), true},
		"a document in a field of XML":   {item("application/pdf", item("text/xml", nil)), true},
		"a picture in a URL of a page":   {item("image/png", item("text/html", nil)), true},
		"in a document in a field of it": {item("image/png", item("application/pdf", item("text/xml", nil))), false},
		"bytes":                          {item("application/octet-stream", nil), false},
		"JSON":                           {item("application/json", nil), false},
	} {
		if got := e.Wants(tt.it); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// XML that is an office document is handled as one.
func TestTypeOf(t *testing.T) {
	e := NewEngine(New(Options{}), "v")
	flat := `<?xml version="1.0"?><office:document xmlns:office="urn:x" office:mimetype="application/vnd.oasis.opendocument.text"><office:body/></office:document>`
	it := &scan.Item{Type: "text/xml", Blob: scan.Bytes(flat), Message: &scan.Message{}}
	if got := e.typeOf(it); !strings.HasSuffix(got, ".text-flat-xml") {
		t.Error(got)
	}
	it = &scan.Item{Type: "text/xml", Blob: scan.Bytes("<a/>"), Message: &scan.Message{}}
	if got := e.typeOf(it); got != "text/xml" {
		t.Error(got)
	}
}

// What was a document with macros is none any more, and its sender's word for it goes, too. A sender that said nothing of macros
// is let be.
func TestMacroTypeGoes(t *testing.T) {
	const plain = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	e := NewEngine(New(Options{}), "v")
	for claimed, want := range map[string]string{
		"application/vnd.ms-word.document.macroEnabled.12": plain, plain: "", "application/octet-stream": "", "": "",
	} {
		it := &scan.Item{Type: plain, Claimed: claimed, Name: "a.docm", Blob: scan.Bytes(macroDocument(t)), Message: &scan.Message{}}
		found, err := e.Scan(t.Context(), it)
		if err != nil || len(found) == 0 {
			t.Fatalf("%d findings: %v", len(found), err)
		}
		rep, err := e.Rewrite(t.Context(), it, found)
		if err != nil || rep.Blob == nil || rep.Name != "a.docx" || rep.Type != want {
			t.Errorf("%q became %q, named %q: %v", claimed, rep.Type, rep.Name, err)
		}
	}
}

// macroDocument is a document of Word that says it has macros.
func macroDocument(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, part := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`},
		{"word/document.xml", `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p/></w:body></w:document>`},
	} {
		f, err := w.Create(part[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(part[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// counted is a blob that counts how often somebody reads all of it.
type counted struct {
	scan.Blob
	data  []byte
	reads atomic.Int64
}

func (c *counted) Bytes() ([]byte, error) {
	c.reads.Add(1)
	return c.data, nil
}

// However many items are in an archive, and however often each is asked about, the archive is looked at once.
func TestWantsLooksOnce(t *testing.T) {
	e := NewEngine(New(Options{}), "v")
	for _, kind := range []string{"application/zip", "application/octet-stream", "text/plain", "text/xml"} {
		outer, inner := &counted{data: []byte("PK\x03\x04 PK\x01\x02 PK\x05\x06")}, &counted{data: []byte("PK\x03\x04")}
		archive := &scan.Item{Type: kind, Blob: outer, Message: &scan.Message{}}
		nested := &scan.Item{Type: "application/zip", Parent: archive, Blob: inner, Message: &scan.Message{}}
		for i := range 1000 {
			page := &scan.Item{Type: "text/html", Name: strconv.Itoa(i), Parent: nested, Blob: scan.Bytes("<p>"), Message: &scan.Message{}}
			for range 2 {
				if !e.Wants(page) {
					t.Fatal(kind, i)
				}
			}
		}
		if o, i := outer.reads.Load(), inner.reads.Load(); o != 1 || i != 1 {
			t.Errorf("%s: the archives were read %d and %d times", kind, o, i)
		}
	}
}

// A text is what its name says even if an archive follows it.
func TestTextBeforeArchive(t *testing.T) {
	e := NewEngine(New(Options{}), "v")
	it := &scan.Item{Type: "text/plain", Name: "a.md", Blob: scan.Bytes("[x](javascript:y) PK\x01\x02 PK\x05\x06"), Message: &scan.Message{}}
	if got := e.typeOf(it); got != "text/markdown" || !e.Wants(it) {
		t.Error(got)
	}
}
