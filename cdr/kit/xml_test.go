package kit

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func tokens(doc string) (string, error) {
	x := NewXML([]byte(doc), 100)
	var b strings.Builder
	for pos := -1; ; {
		t, err := x.Next()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return b.String(), err
		}
		if pos >= 0 && t.Start != pos || t.End <= t.Start {
			return b.String(), fmt.Errorf("token at %d..%d after %d", t.Start, t.End, pos)
		}
		pos = t.End
		fmt.Fprintf(&b, "%d:%s", t.Kind, t.Name)
		for a := range t.Attrs {
			fmt.Fprintf(&b, " %s=%s", a.Name, a.Value())
		}
		b.WriteByte('|')
	}
}

func TestXML(t *testing.T) {
	for doc, want := range map[string]string{
		`<a/>`: "2:a|",
		"\ufeff<?xml version=\"1.0\"?>\n<!DOCTYPE a [<!ENTITY x \">\">]><a b='1>' c:d = \"&lt;&#x41;\"><![CDATA[<]]><!-- > -->t</a>\n": "6:xml|0:|7:|1:a b=1> c:d=<A|4:|5:|0:|3:a|0:|",
		`<ü é="1"><b /></ü >`: "1:ü é=1|2:b|3:ü|",
	} {
		if got, err := tokens(doc); err != nil || got != want {
			t.Errorf("%s: %s, %v", doc, got, err)
		}
	}
	for _, doc := range []string{
		"", "x", "<a>", "<a></b>", "</a>", "<a/><b/>", "<a b></a>", "<a b=c/>", `<a b="1"c="2"/>`, `<a b="<"/>`, "<a/>x", "< a/>",
		"<a><!-- </a>", "<!DOCTYPE a [", "<a><![CDATA[</a>", "<1/>", `<a b="1/>`, strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200),
	} {
		if got, err := tokens(doc); err == nil {
			t.Errorf("%s passed: %s", doc, got)
		}
	}
}

func TestXMLToUTF8(t *testing.T) {
	utf16le := []byte{0xff, 0xfe}
	for _, c := range `<?xml version="1.0" encoding="UTF-16" standalone="yes"?><a/>` {
		utf16le = append(utf16le, byte(c), 0)
	}
	out, changed, err := XMLToUTF8(utf16le)
	if err != nil || !changed || string(out) != `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><a/>` {
		t.Errorf("%s %v %v", out, changed, err)
	}
	if _, _, err := XMLToUTF8([]byte(`<?xml version="1.0" encoding="UTF-7"?><a/>`)); err == nil {
		t.Error("UTF-7 passed")
	}
}

// Whatever this reader takes for well-formed, encoding/xml must read with the same tags.
func FuzzXML(f *testing.F) {
	f.Add([]byte(`<a b="c"><d/>t<!-- x --></a>`))
	f.Add([]byte("<?xml version='1.0'?><!DOCTYPE a><a>&amp;</a>"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if bytes.ContainsAny(doc, "&?!:") || bytes.ContainsFunc(doc, func(r rune) bool { return r < ' ' || r > '~' }) {
			_, _ = tokens(string(doc))
			return // entities, declarations and namespaces are where the two differ on purpose
		}
		if _, err := tokens(string(doc)); err != nil {
			return
		}
		d := xml.NewDecoder(bytes.NewReader(doc))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatalf("%q: %v", doc, err)
			}
		}
	})
}

func BenchmarkXML(b *testing.B) {
	doc := []byte("<w:document>" + strings.Repeat(`<w:p w:rsidR="00A"><w:r><w:t xml:space="preserve">some text of a run</w:t></w:r></w:p>`, 10000) + "</w:document>")
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		x := NewXML(doc, 100)
		for {
			if _, err := x.Next(); err != nil {
				break
			}
		}
	}
}
