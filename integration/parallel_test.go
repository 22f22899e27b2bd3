package integration

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"icapd/icap"
)

// manyObjects is a PDF of small objects, all of them in use, with a script: it takes some twenty times its size to read.
func manyObjects(n int) []byte {
	var b bytes.Buffer
	var refs strings.Builder
	for i := range n {
		fmt.Fprintf(&refs, "%d 0 R ", 5+i)
	}
	offsets := []int{}
	object := func(text string) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj%sendobj\n", len(offsets), text)
	}
	b.WriteString("%PDF-1.7\n")
	object("<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>")
	object("<</Type/Pages/Count 1/Kids[3 0 R]>>")
	object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</Properties<</A[" + refs.String() + "]>>>>>>")
	object("null")
	for i := range n {
		object(fmt.Sprintf("<</A %d/B[1 2 3]>>", i))
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF", len(offsets)+1, at)
	return b.Bytes()
}

// longDocument is a Word document of one field that takes in another file, and of text that packs ten to one.
func longDocument(t *testing.T, paragraphs int) []byte {
	t.Helper()
	const rels = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	var text strings.Builder
	for n := range paragraphs {
		fmt.Fprintf(&text, `<w:p><w:r><w:t>some words of page %d, and some more</w:t></w:r></w:p>`, n*7919)
	}
	const mime = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
	return zipOf(t, []string{"[Content_Types].xml", "_rels/.rels", "word/document.xml"},
		[]byte(`<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="`+mime+`"/></Types>`),
		[]byte(`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="a" Type="`+rels+`/officeDocument" Target="word/document.xml"/></Relationships>`),
		[]byte(`<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>INCLUDETEXT x</w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>`+
			text.String()+`</w:body></w:document>`))
}

// TestParallelDocuments has 64 documents made safe at one time that would take more than there is for them, each in a
// response of its own: the process stays small, and each comes out without what acts.
func TestParallelDocuments(t *testing.T) {
	const memory = 300 << 20
	i := bareIcapd(t, "limits: {document_memory_bytes: 32MiB, total_memory_bytes: 32MiB, time: 10m}\n")
	pdf, word := manyObjects(3000), longDocument(t, 20_000)
	if err := i.ResetPeak(); err != nil {
		t.Fatal(err)
	}
	client := &icap.Client{}
	defer client.Close()
	one := func(n int) error {
		doc, kind := pdf, "application/pdf"
		if n%2 == 0 {
			doc, kind = word, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
		}
		resp, err := client.Do(t.Context(), &icap.ClientRequest{
			Method: icap.MethodRespmod, URL: i.URL("respmod"), Preview: 4096,
			HTTPRequest:  icap.NewRequestHead("GET", fmt.Sprintf("http://api.test/%d", n), icap.Field{Name: "Host", Value: "api.test"}),
			HTTPResponse: icap.NewResponseHead(200, icap.Field{Name: "Content-Type", Value: kind}),
			Body:         bytes.NewReader(doc),
		})
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		size, err := io.Copy(io.Discard, resp.Body)
		if err != nil || resp.HTTPResponse.Status() != 200 || resp.Unmodified || size == 0 {
			return fmt.Errorf("%s: HTTP %d, %s, unmodified %v, %d bytes, %w", kind, resp.HTTPResponse.Status(), resp.Header.Get("X-ICAPD-Verdict"), resp.Unmodified, size, err)
		}
		return nil
	}
	var wg sync.WaitGroup
	errs := make(chan error, 64)
	for n := range 64 {
		wg.Go(func() { errs <- one(n) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	m, err := i.Memory()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("PDF of %d bytes, document of %d: peak %d MiB resident", len(pdf), len(word), m.Peak>>20)
	if m.Peak >= memory {
		t.Errorf("peak %d MiB resident", m.Peak>>20)
	}
}
