package ole

import (
	"archive/zip"
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"icapd/cdr/kit"
	"icapd/cdr/ooxml"
)

// officePackage is a document of Word with a macro in it, or without.
func officePackage(tb testing.TB, macro string) []byte {
	tb.Helper()
	const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	rels := func(id, typ, target string) string {
		return `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="` + id + `" Type="` + typ + `" Target="` + target + `"/></Relationships>`
	}
	mime, parts := "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml", []string{}
	types := ""
	if macro != "" {
		mime = "application/vnd.ms-word.document.macroEnabled.main+xml"
		types = `<Override PartName="/word/vbaProject.bin" ContentType="application/vnd.ms-office.vbaProject"/>`
		parts = []string{"word/vbaProject.bin", macro, "word/_rels/document.xml.rels", rels("v", "http://schemas.microsoft.com/office/2006/relationships/vbaProject", "vbaProject.bin")}
	}
	parts = append([]string{
		"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Override PartName="/word/document.xml" ContentType="` + mime + `"/>` + types + `</Types>`,
		"_rels/.rels", rels("m", office+"officeDocument", "word/document.xml"),
		"word/document.xml", `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>seen</w:t></w:r></w:p></w:body></w:document>`,
	}, parts...)
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		f, err := w.Create(parts[i])
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(f, parts[i+1]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// presented is a picture of an object, and what is behind it.
func presented(picture []byte, rest string) []byte {
	head := make([]byte, 36)
	copy(head, "\xFF\xFF\xFF\xFF\x03\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\xFF\xFF\xFF\xFF\x02")
	return cat(head, le32(len(picture)), picture, []byte(rest))
}

func TestWrapped(t *testing.T) {
	const toc = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00NANI\x00\x00\x00\x00"
	class := guid("F4754C9B-64F5-4B40-8AF4-679732AC0607")
	wmf := metafile(0x0103)
	clean := officePackage(t, "")
	of := func(class classID, more ...*entry) []byte {
		r := root(append([]*entry{stream("\x01Ole", []byte{1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), stream("\x03ObjInfo", make([]byte, 6))}, more...)...)
		r.class = class
		return pack(t, r)
	}
	for _, c := range []struct {
		name, vectors string
		data          []byte
		refused       bool
	}{
		{"clean", "", of(class, stream("Package", clean), stream("\x02OlePres000", presented(wmf, toc)), stream("\x02OlePres001", presented(nil, ""))), false},
		{"a macro", "macro-enabled-type vba", of(class, stream("Package", officePackage(t, canary))), false},
		{"text behind a picture", "unknown-stream", of(class, stream("Package", clean), stream("\x02OlePres000", presented(wmf, toc+canary))), false},
		{"text that says it is a picture", "unknown-stream", of(class, stream("Package", clean), stream("\x02OlePres000", presented([]byte(canary), toc))), false},
		{"a stream that nobody knows", "unknown-stream", of(class, stream("Package", clean), stream("\x03ObjInfo2", []byte(canary))), false},
		{"long flags", "unknown-stream", pack(t, root(stream("Package", clean), stream("\x03ObjInfo", []byte(canary)))), false},
		{"another program", "class-id", of(guid("0003000C-0000-0000-C000-000000000046"), stream("Package", clean)), false},
		{"no document", "", of(class, stream("Package", []byte("MZ"+canary))), true},
		{"an archive", "", of(class, stream("Package", []byte("PK\x03\x04"+canary))), true},
	} {
		job := kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, func(d *kit.Document) kit.Handler {
			if strings.HasPrefix(d.Type, "application/vnd.openxmlformats") {
				return ooxml.Package{}
			}
			return nil
		})
		disarm := func(data []byte) ([]byte, error) {
			r, err := Format{}.Disarm(t.Context(), job, kit.Document{Data: data, Type: "application/x-ole-storage"})
			return r.Data, err
		}
		out, err := disarm(c.data)
		if c.refused {
			if err == nil {
				t.Errorf("%s: no error", c.name)
			}
			continue
		}
		if got := vectors(job); err != nil || got != c.vectors || (out == nil) != (c.vectors == "") {
			t.Errorf("%s: %v, %q, changed %v; want %q", c.name, err, got, out != nil, c.vectors)
			continue
		}
		if out == nil {
			continue
		}
		if survives(out) != "" || !bytes.Contains(out, []byte("PK\x03\x04")) {
			t.Errorf("%s: the canary is left, or the package is not", c.name)
		}
		if again, err := disarm(slices.Clone(out)); err != nil || again != nil {
			t.Errorf("%s: a second run: %v, changed %v", c.name, err, again != nil)
		}
	}
}
