package main

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"icapd/cdr/kit"
)

// pdf makes a document of 200 pages of text, about a megabyte, with more keys in its catalog.
func pdf(catalog string) []byte {
	const pages = 200
	r := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // G404: the same document in each run is wanted
	var b bytes.Buffer
	var offsets []int
	object := func(text string) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(offsets), text)
	}
	b.WriteString("%PDF-1.7\n")
	kids := make([]string, pages)
	for i := range kids {
		kids[i] = fmt.Sprintf("%d 0 R", 4+2*i)
	}
	object("<</Type/Catalog/Pages 2 0 R" + catalog + ">>")
	object(fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", pages, strings.Join(kids, " ")))
	object("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	for i := range pages {
		var text strings.Builder
		for range 160 {
			fmt.Fprintf(&text, "BT /F 9 Tf %d %d Td (words and numbers %d %d of a page) Tj ET\n", r.IntN(500), r.IntN(800), r.Uint64(), r.Uint64())
		}
		var packed bytes.Buffer
		w := zlib.NewWriter(&packed)
		_, _ = io.WriteString(w, text.String()) // a bytes.Buffer does not fail
		_ = w.Close()
		object(fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R>>", 5+2*i))
		object(fmt.Sprintf("<</Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream", packed.Len(), packed.Bytes()))
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, at)
	return b.Bytes()
}

const word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

// officeRows are Word documents of about a megabyte: of text, of pictures, and with something to take out.
func officeRows(picture []byte) ([]work, error) {
	r := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // G404: likewise
	var text strings.Builder
	for range 30_000 {
		fmt.Fprintf(&text, `<w:p><w:pPr><w:spacing w:after="0"/></w:pPr><w:r><w:t xml:space="preserve">paragraph %d of a long text </w:t></w:r></w:p>`, r.Uint64())
	}
	field := `<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>DDE cmd x</w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>`
	var list []work
	for _, d := range []struct {
		name, body string
		picture    []byte
	}{
		{"docx, text", text.String(), nil}, {"docx, text and a field", text.String() + field, nil}, {"docx, a picture and a field", field, picture},
	} {
		data, err := docx(d.body, d.picture)
		if err != nil {
			return nil, err
		}
		list = append(list, work{
			name: d.name, docs: []kit.Document{{Type: word, Data: data}},
			contenders: map[string]func(context.Context, *kit.Document) error{"archive/zip, copying": copyZip},
		})
	}
	return list, nil
}

func docx(body string, picture []byte) ([]byte, error) {
	const rels = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	files := [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="png" ContentType="image/png"/><Override PartName="/word/document.xml" ContentType="` + word + `.main+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="a" Type="` + rels + `/officeDocument" Target="word/document.xml"/></Relationships>`},
		{"word/document.xml", `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>` + body + `</w:body></w:document>`},
	}
	if picture != nil {
		files = append(files, [2]string{"word/_rels/document.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="b" Type="` + rels + `/image" Target="media/a.png"/></Relationships>`},
			[2]string{"word/media/a.png", string(picture)})
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		e, err := w.Create(f[0])
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(e, f[1]); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// copyZip unpacks every entry of an archive and packs it again: the least that a rewrite of all parts costs.
func copyZip(_ context.Context, doc *kit.Document) error {
	r, err := zip.NewReader(bytes.NewReader(doc.Data), int64(len(doc.Data)))
	if err != nil {
		return err
	}
	w := zip.NewWriter(io.Discard)
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			return err
		}
		out, err := w.Create(f.Name)
		if err != nil {
			return err
		}
		if _, err := io.Copy(out, io.LimitReader(in, 64<<20)); err != nil {
			return err
		}
	}
	return w.Close()
}
