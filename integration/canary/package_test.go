package canary

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"testing"
	"unicode/utf16"
)

// base returns a clean document of the kind, as LibreOffice wrote it from text of our own.
func base(tb testing.TB, kind string) []byte {
	tb.Helper()
	f, err := os.Open("testdata/base." + kind + ".gz")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// pkg is a zip package that is being changed. Where the word CANARY stands in names and contents, the canary comes.
type pkg struct {
	tb    testing.TB
	names []string
	parts map[string][]byte
	ids   int
	tail  []byte // after the end of the archive
	head  []byte // before its beginning
	store bool
	flat  bool                             // one XML file instead of an archive
	whole string                           // all of the file, instead of an archive
	inner map[string]func(c string) []byte // parts that are packages
}

func openPackage(tb testing.TB, kind string) *pkg {
	tb.Helper()
	data := base(tb, kind)
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		tb.Fatal(err)
	}
	p := &pkg{tb: tb, parts: map[string][]byte{}}
	for _, f := range r.File {
		rc, err := f.Open()
		if err != nil {
			tb.Fatal(err)
		}
		b, err := io.ReadAll(rc)
		if err != nil {
			tb.Fatal(err)
		}
		p.put(f.Name, string(b))
	}
	return p
}

func (p *pkg) put(name, content string) {
	if _, ok := p.parts[name]; !ok {
		p.names = append(p.names, name)
	}
	p.parts[name] = []byte(content)
}

// sub replaces the first occurrence of old in a part; it must be there.
func (p *pkg) sub(part, old, with string) *pkg {
	p.tb.Helper()
	if !bytes.Contains(p.parts[part], []byte(old)) {
		p.tb.Fatalf("%s has no %q", part, old)
	}
	p.parts[part] = bytes.Replace(p.parts[part], []byte(old), []byte(with), 1)
	return p
}

// all replaces every occurrence.
func (p *pkg) all(part, old, with string) *pkg {
	p.parts[part] = bytes.ReplaceAll(p.parts[part], []byte(old), []byte(with))
	return p
}

const (
	rels   = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	msRels = "http://schemas.microsoft.com/office/2006/relationships/"
)

// relsOf is the name of a part's relationships.
func relsOf(part string) string {
	if part == "" {
		return "_rels/.rels"
	}
	return path.Dir(part) + "/_rels/" + path.Base(part) + ".rels"
}

// rel adds a relationship and returns its id. A target that has a scheme, a backslash or "!" before it is external.
func (p *pkg) rel(part, kind, target string) string {
	p.ids++
	id := fmt.Sprintf("rIdX%d", p.ids)
	mode := ""
	if t, ok := strings.CutPrefix(target, "!"); ok {
		target, mode = t, ` TargetMode="External"`
	}
	if !strings.Contains(kind, "/") {
		kind = rels + kind
	}
	line := `<Relationship Target="` + target + `" Id="` + id + `"` + mode + ` Type="` + kind + `"/>`
	if name := relsOf(part); p.parts[name] == nil {
		p.put(name, `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`+line+`</Relationships>`)
	} else {
		p.sub(name, "</Relationships>", line+"</Relationships>")
	}
	return id
}

// add adds a part with its content type and a relationship to it.
func (p *pkg) add(from, kind, name, mime, content string) string {
	p.put(name, content)
	if mime != "" {
		p.sub("[Content_Types].xml", "</Types>", `<Override ContentType="`+mime+`" PartName="/`+name+`"/></Types>`)
	}
	return p.rel(from, kind, "/"+name)
}

// wide makes a part UTF-16, as some writers do.
func (p *pkg) wide(part string) *pkg {
	p.parts[part] = []byte("WIDE" + strings.Replace(string(p.parts[part]), `encoding="UTF-8"`, `encoding="UTF-16"`, 1))
	return p
}

// late makes a part of another package, which gets the same canary.
func (p *pkg) late(name string, inner *pkg) {
	p.lateBytes(name, inner.bytes)
}

// lateBytes is late for what has a package somewhere inside.
func (p *pkg) lateBytes(name string, inner func(c string) []byte) {
	if p.inner == nil {
		p.inner = map[string]func(c string) []byte{}
	}
	p.inner[name] = inner
}

// flatOPC writes the package as one XML file.
func (p *pkg) flatOPC(c string) []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?><pkg:package xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage">`)
	types := string(p.parts["[Content_Types].xml"])
	for _, name := range p.names {
		data := bytes.ReplaceAll(p.parts[name], []byte("CANARY"), []byte(c))
		mime := "application/vnd.openxmlformats-package.relationships+xml"
		for _, o := range strings.Split(types, "<Override")[1:] {
			if strings.Contains(o, `PartName="/`+name+`"`) {
				_, mime, _ = strings.Cut(o, `ContentType="`)
				mime, _, _ = strings.Cut(mime, `"`)
			}
		}
		if name == "[Content_Types].xml" {
			continue
		}
		if bytes.HasPrefix(data, []byte("<")) {
			if i := bytes.Index(data, []byte("?>")); i > 0 && bytes.HasPrefix(data, []byte("<?xml ")) {
				data = data[i+2:]
			}
			fmt.Fprintf(&b, `<pkg:part pkg:name="/%s" pkg:contentType="%s"><pkg:xmlData>%s</pkg:xmlData></pkg:part>`, name, mime, data)
		} else {
			fmt.Fprintf(&b, `<pkg:part pkg:name="/%s" pkg:contentType="%s" pkg:compression="store"><pkg:binaryData>%s</pkg:binaryData></pkg:part>`, name, mime, base64.StdEncoding.EncodeToString(data))
		}
	}
	return []byte(b.String() + `</pkg:package>`)
}

// bytes writes the package with the canary.
func (p *pkg) bytes(c string) []byte {
	if p.whole != "" {
		return []byte(strings.ReplaceAll(p.whole, "CANARY", c))
	}
	if p.flat {
		return p.flatOPC(c)
	}
	var b bytes.Buffer
	b.Write(bytes.ReplaceAll(p.head, []byte("CANARY"), []byte(c)))
	w := zip.NewWriter(&b)
	w.SetOffset(int64(b.Len()))
	for _, name := range p.names {
		data := bytes.ReplaceAll(p.parts[name], []byte("CANARY"), []byte(c))
		if inner := p.inner[name]; inner != nil {
			data = inner(c)
		}
		if text, ok := bytes.CutPrefix(data, []byte("WIDE")); ok {
			data = utf16le(string(text), true)
		}
		h := &zip.FileHeader{Name: strings.ReplaceAll(name, "CANARY", c), Method: zip.Deflate}
		if p.store || name == "mimetype" {
			h.Method = zip.Store
		}
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write(data)
		}
		if err != nil {
			p.tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		p.tb.Fatal(err)
	}
	b.Write(bytes.ReplaceAll(p.tail, []byte("CANARY"), []byte(c)))
	return b.Bytes()
}

func utf16le(s string, mark bool) (out []byte) {
	if mark {
		out = []byte{0xFF, 0xFE}
	}
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}
