package cdr

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"
	"time"

	"icapd/cdr/kit"
	"icapd/scan"
)

// wordOf is a Word document with this body, and files.
func wordOf(t *testing.T, body string, files ...string) []byte {
	t.Helper()
	const rels = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	list := append([]string{
		"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`,
		"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="a" Type="` + rels + `/officeDocument" Target="word/document.xml"/></Relationships>`,
		"word/document.xml", `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>` + body + `</w:body></w:document>`,
	}, files...)
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i+1 < len(list); i += 2 {
		e, err := w.Create(list[i])
		if err == nil {
			_, err = e.Write([]byte(list[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestLimits: each limit is reached by a document that is within the others, and names itself. One more document says that
// none is reached by what is small.
func TestLimits(t *testing.T) {
	const word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	pdf := "%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>\nendobj\ntrailer\n<</Root 1 0 R/Size 4>>\nstartxref\n0\n%%EOF\n"
	text := strings.Repeat("<w:p/>", 1000)
	png := "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x03\xe8\x00\x00\x03\xe8\x08\x00\x00\x00\x00" // a thousand by a thousand
	png += string(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(png[12:])))) + strings.Repeat("\x00", 16)
	cases := []struct {
		field  string // of kit.Limits
		limits kit.Limits
		doc    kit.Document
		want   string // the name that the gap has
	}{
		{"Depth", kit.Limits{Depth: 1}, kit.Document{Type: "application/x-nested", Data: []byte("...")}, "depth"},
		{"Entries", kit.Limits{Entries: 2}, kit.Document{Type: word, Data: wordOf(t, "")}, "entries"},
		{"Bytes", kit.Limits{Bytes: 1000}, kit.Document{Type: word, Data: wordOf(t, text)}, "decoded_bytes"},
		{"PartSize", kit.Limits{PartSize: 1000}, kit.Document{Type: word, Data: wordOf(t, text)}, "part_bytes"},
		{"Ratio", kit.Limits{Ratio: 2}, kit.Document{Type: word, Data: wordOf(t, strings.Repeat(text, 400))}, "ratio"},
		{"Pixels", kit.Limits{Pixels: 1000}, kit.Document{Type: "image/png", Data: []byte(png)}, "pixels"},
		{"Objects", kit.Limits{Objects: 2}, kit.Document{Type: "application/pdf", Data: []byte(pdf)}, "objects"},
		{"XMLDepth", kit.Limits{XMLDepth: 9}, kit.Document{Type: word, Data: wordOf(t, strings.Repeat("<w:p>", 20)+strings.Repeat("</w:p>", 20))}, "xml_depth"},
		{"RTFDepth", kit.Limits{RTFDepth: 9}, kit.Document{Type: "text/rtf", Data: []byte(`{\rtf1 ` + strings.Repeat("{", 20) + strings.Repeat("}", 20) + "}")}, "depth"},
	}
	seen := map[string]bool{}
	for _, c := range cases {
		seen[c.field] = true
		_, err := newDisarmer(Options{Limits: c.limits}, append(Formats(), nested{})).Disarm(t.Context(), c.doc)
		var gap *scan.Gap
		if !errors.As(err, &gap) || gap.Reason != scan.ReasonLimit || gap.Limit != c.want {
			t.Errorf("%s: %v", c.field, err)
		}
	}
	for f := range reflect.TypeFor[kit.Limits]().Fields() {
		if !seen[f.Name] {
			t.Errorf("no document reaches %s", f.Name)
		}
	}
	if _, err := New(Options{Timeout: time.Nanosecond}).Disarm(t.Context(), kit.Document{Type: word, Data: wordOf(t, text)}); err == nil {
		t.Error("a nanosecond was enough")
	}
	for _, doc := range []kit.Document{{Type: word, Data: wordOf(t, text)}, {Type: "application/pdf", Data: []byte(pdf)}} {
		if _, err := New(Options{}).Disarm(t.Context(), doc); err != nil {
			t.Errorf("%s: %v", doc.Type, err)
		}
	}
}

// nested is a format whose documents have one of their own kind inside, and hand on what became of it. Those that are real
// leave out what is too deep, and say so.
type nested struct{}

func (nested) Types() []string { return []string{"application/x-nested"} }

func (nested) Disarm(ctx context.Context, job *kit.Job, doc kit.Document) (kit.Result, error) {
	if len(doc.Data) == 0 {
		return kit.Result{}, nil
	}
	return job.Recurse(ctx, kit.Document{Type: doc.Type, Data: doc.Data[1:]})
}
