package content

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/unicode"

	"icapd/scan"
)

const soap = `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///e>tc">]>` +
	`<s:Envelope xmlns:s='http://x/'><s:Body><i a="1 &lt; 2">one</i> <i><!-- note --><![CDATA[<two>]]></i><?pi do?>` +
	`<j/><i>th&#x72;&amp;ee &unknown;</i></s:Body></s:Envelope>`

// summary writes fields as "KIND path=value", one a line.
func summary(fs []field) string {
	names := map[scan.FieldKind]string{
		scan.KindString: "S", scan.KindNumber: "N", scan.KindKey: "K", scan.KindText: "T", scan.KindAttribute: "A", scan.KindComment: "C", scan.KindHeader: "H",
	}
	var b strings.Builder
	for _, f := range fs {
		fmt.Fprintf(&b, "%s %s=%s\n", names[f.kind], f.path, f.value)
	}
	return b.String()
}

func TestFields(t *testing.T) {
	for _, c := range []struct{ name, claim, data, want, typ string }{
		{"xml", "", soap, `C /processing-instruction()=xml version="1.0"
C /DOCTYPE=<!DOCTYPE a [<!ENTITY x SYSTEM "file:///e>tc">]>
A /s:Envelope/@xmlns:s=http://x/
A /s:Envelope/s:Body/i/@a=1 < 2
T /s:Envelope/s:Body/i=one
C /s:Envelope/s:Body/i[2]/comment()= note 
T /s:Envelope/s:Body/i[2]=<two>
C /s:Envelope/s:Body/processing-instruction()=pi do
T /s:Envelope/s:Body/i[3]=thr&ee &unknown;
`, typeXML},
		{"xml latin-1", "application/xml", "<?xml version='1.0' encoding='ISO-8859-1'?><a>caf\xe9</a>", "C /processing-instruction()=xml version='1.0' encoding='ISO-8859-1'\nT /a=café\n", typeXML},
		{
			"html", "text/html", `<!DOCTYPE html><title>a &amp; b</title><a href=x onclick='f("&quot;")' disabled>t<b>u</a><!-- c --><script>if (a<b) "</scriptx>"</script><a href="y">< 3</a>`,
			`C /comment()=DOCTYPE html
T //title[1]=a & b
A //a[1]/@href=x
A //a[1]/@onclick=f(""")
T //a[1]=t
T //b[1]=u
C //b[1]/comment()= c 
T //script[1]=if (a<b) "</scriptx>"
A //a[2]/@href=y
T //a[2]=< 3
`, typeHTML,
		},
		{"form", typeForm, "a=1+2&b%2Fc=%3Cx%3E&d&e=&f=%zz", "K /a=a\nS /a=1 2\nK /b~1c=b/c\nS /b~1c=<x>\nK /d=d\nK /e=e\nK /f=f\nS /f=%zz\n", typeForm},
		{"csv", "text/csv", "a,b\r\n\"x, \"\"y\"\"\",=1+1\n\n,z", "S /0/0=a\nS /0/1=b\nS /1/0=x, \"y\"\nS /1/1==1+1\nS /3/1=z\n", typeCSV},
		{"csv semicolon", "text/csv", "a;b;1,5\n", "S /0/0=a\nS /0/1=b\nS /0/2=1,5\n", typeCSV},
		{"tsv", "text/tab-separated-values", "a\tb,c\n", "S /0/0=a\nS /0/1=b,c\n", typeTSV},
		{"ndjson", "", "{\"a\":1}\n\n{\"b\":[\"x\"]}\n", "K /0/a=a\nN /0/a=1\nK /1/b=b\nS /1/b/0=x\n", typeNDJSON},
		{"json-seq", "application/json-seq", "\x1e{\"a\":1}\n\x1e[2]\n", "K /0/a=a\nN /0/a=1\nN /1/0=2\n", typeNDJSON},
		{"sse", "text/event-stream", ": hi\nevent: add\ndata: {\"k\":\"v\"}\n\nid: 7\ndata: plain\ndata: {not json}\n", `C /0/comment=hi
S /0/event=add
K /0/data/k=k
S /0/data/k=v
S /1/id=7
S /1/data=plain
T /1/data/=not json}
`, typeSSE},
		{"sse, CR", "text/event-stream", "event: add\rdata: {\"k\":\"v\"}\r\rdata: x\ndata: y\r\n\r\ndata: z\r", "S /0/event=add\nK /0/data/k=k\nS /0/data/k=v\nS /1/data=x\nS /1/data=y\nS /2/data=z\n", typeSSE},
		{"yaml", "application/yaml", "# c\na: \"x\\ty\"\nb:\n  - 'it''s'\n  - !!python/object:os.system\n", "C /1=# c\nK /2=a\nS /2=x\ty\nK /3=b\nS /4=it's\nS /5=!!python/object:os.system\n", typeYAML},
		{"text", "text/plain", "just text", "T =just text\n", typeText},
		{"jsonp", "text/javascript", `cb({"a":"b"})`, "K /a=a\nS /a=b\n", typeJSON},
	} {
		tree := openTree(t, []byte(c.data), Hints{ContentType: c.claim})
		for it := range tree.Items(t.Context()) {
			got, err := fieldsOf(t, it)
			if err != nil || summary(got) != c.want || it.Type != c.typ {
				t.Errorf("%s: %s, %v, got\n%swant\n%s", c.name, it.Type, err, summary(got), c.want)
			}
		}
		if len(tree.Gaps()) > 0 {
			t.Errorf("%s: gaps %v", c.name, tree.Gaps())
		}
	}
}

func TestFieldEdits(t *testing.T) {
	for _, c := range []struct {
		claim, in, path string
		op              scan.EditOp
		value, want     string
	}{
		{"", "<a><b>x</b></a>", "/a/b", scan.EditSet, "<é&\x01", "<a><b>&lt;&#xe9;&amp;&#xfffd;</b></a>"},
		{"", "<a><b>x</b></a>", "/a/b", scan.EditDrop, "", "<a><b></b></a>"},
		{"", "<a><![CDATA[x]]></a>", "/a", scan.EditSet, "<y>", "<a><![CDATA[<y>]]></a>"},
		{"", "<a><![CDATA[x]]></a>", "/a", scan.EditSet, "]]>", "<a>]]&gt;</a>"},
		{"", "<a b = 'x' c='y'/>", "/a/@b", scan.EditSet, `"<`, `<a b = "&quot;&lt;" c='y'/>`},
		{"", "<a b = 'x' c='y'/>", "/a/@b", scan.EditNull, "", `<a b = "" c='y'/>`},
		{"", "<a b = 'x' c='y'/>", "/a/@b", scan.EditDrop, "", `<a c='y'/>`},
		// Without the declarations a reference to an entity is no XML any more: it becomes text.
		{"", soap, "/DOCTYPE", scan.EditDrop, "", strings.Replace(soap[:21]+soap[strings.Index(soap, "<s:Env"):], "&unknown;", "&amp;unknown;", 1)},
		{"", "<a><!--x--></a>", "/a/comment()", scan.EditSet, "a--b-", "<a><!--a- -b- --></a>"},
		{"text/html", "<p title=x hidden>y<br></p>", "//p[1]/@title", scan.EditSet, `"><`, `<p title="&#34;&gt;&lt;" hidden>y<br></p>`},
		{"text/html", "<p title=x hidden>y<br></p>", "//p[1]/@title", scan.EditDrop, "", `<p hidden>y<br></p>`},
		{"text/html", "<p title=x hidden>y<br></p>", "//p[1]", scan.EditSet, "<i>", `<p title=x hidden>&lt;i&gt;<br></p>`},
		{"text/html", "<script>x</script>", "//script[1]", scan.EditSet, "</script>", `<script><\/script></script>`},
		{typeForm, "a=1&b=2&c=3", "/b", scan.EditSet, "x y&", "a=1&b=x+y%26&c=3"},
		{typeForm, "a=1&b=2&c=3", "/b", scan.EditDrop, "", "a=1&c=3"},
		{typeForm, "a=1&b=2&c=3", "/c", scan.EditNull, "", "a=1&b=2&c="},
		{"text/csv", "a,b\n=1,\"x\"\n", "/1/0", scan.EditSet, "'=1", "a,b\n'=1,\"x\"\n"},
		{"text/csv", "a,b\n=1,\"x\"\n", "/1/0", scan.EditSet, "1,\"2", "a,b\n\"1,\"\"2\",\"x\"\n"},
		{"text/csv", "a,b\n=1,\"x\"\n", "/1/1", scan.EditDrop, "", "a,b\n=1,\n"},
		{typeNDJSON, "{\"a\":1}\n{\"b\":\"x\", \"c\":2}\n", "/1/b", scan.EditDrop, "", "{\"a\":1}\n{\"c\":2}\n"},
		{typeNDJSON, "{\"a\":1}\n{\"b\":\"x\", \"c\":2}\n", "/1/b", scan.EditSet, "y", "{\"a\":1}\n{\"b\":\"y\", \"c\":2}\n"},
		{typeSSE, "data: {\"k\": \"v\"}\n\ndata: x\n", "/0/data/k", scan.EditSet, "w", "data: {\"k\": \"w\"}\n\ndata: x\n"},
		{typeSSE, "data: {\"k\": \"v\"}\r\rdata: x\r", "/0/data/k", scan.EditSet, "w", "data: {\"k\": \"w\"}\r\rdata: x\r"},
		{typeSSE, "data: x\rdata: y\r", "/0/data", scan.EditSet, "w", "data: w\rdata: w\r"},
		{typeSSE, "data: {\"k\": \"v\"}\n\ndata: x\n", "/1/data", scan.EditSet, "a\nb", "data: {\"k\": \"v\"}\n\ndata: a b\n"},
		{typeYAML, "a: x\nb: y\n", "/1", scan.EditSet, "it's\n", "a: \"it's \"\nb: y\n"},
	} {
		kind := scan.FieldKind(0)
		if c.claim == typeForm || c.claim == typeNDJSON || c.claim == typeSSE || c.claim == typeYAML {
			kind = scan.KindString
		}
		got, err := rebuildText(t, c.in, Hints{ContentType: c.claim}, editAll(c.path, kind, c.op, c.value))
		if c.claim == typeYAML {
			got = strings.ReplaceAll(got, `\n`, " ")
		}
		if err != nil || got != c.want {
			t.Errorf("%s %s: %v, got\n%s\nwant\n%s", c.in, c.path, err, got, c.want)
		}
	}
}

func TestXMLBroken(t *testing.T) {
	for _, s := range []string{
		"<a>", "<a", "<a b>", "<a b=c>", "<a b='c>", "<a></b>", "<a/><b/>", "<a/>x", "<a><!-- ", "<a><![CDATA[", "<?x", "<!DOCTYPE a [", "<a></a", "<a/b>", "</a>", "<a>< b/></a>",
	} {
		got, err := rootFields(t, s, "application/xml")
		if err == nil || scan.GapFrom("", "", err).Reason != scan.ReasonCorrupt {
			t.Errorf("%s: error %v", s, err)
		}
		_ = got
	}
	tree := openTree(t, []byte(strings.Repeat("<a>", 100_000)), Hints{ContentType: "text/xml"})
	if paths(t, tree); !hasGap(tree, "body", scan.ReasonLimit, LimitNesting) {
		t.Error(tree.Gaps())
	}
}

// TestXMLOnlyDeclared has a part as Word writes it for each member of a group of shapes: a declaration, and nothing else.
func TestXMLOnlyDeclared(t *testing.T) {
	const declared = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\r\n"
	tree := openTree(t, []byte(zipOf(t, file{"[Content_Types].xml", "<Types/>"}, file{"drs/shapexml.xml", declared})), Hints{})
	if got := paths(t, tree); len(got) == 0 || len(tree.Gaps()) > 0 {
		t.Error(got, tree.Gaps())
	}
	if _, err := rootFields(t, declared, "application/xml"); err != nil {
		t.Error(err)
	}
	for _, s := range []string{declared + "<!-- x -->", declared + declared, `<?xml version="1.0"`, `<?x y?>`} {
		if _, err := rootFields(t, s, "application/xml"); err == nil {
			t.Errorf("%q is no document", s)
		}
	}
}

// document is a text to be embedded: long enough for base64 to be noticed.
const document = `{"document": "a small one, which is carried inside of a field of another document"}`

func TestEmbedded(t *testing.T) {
	std := base64.StdEncoding.EncodeToString([]byte(document + "??>>"))
	url := base64.RawURLEncoding.EncodeToString([]byte(document + "??>>x"))
	hexed := fmt.Sprintf("%x", document)
	wrapped := ""
	for s := std; s != ""; {
		n := min(64, len(s))
		wrapped += s[:n] + "\r\n"
		s = s[n:]
	}
	long := ""
	for s := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(document, 5))); s != ""; {
		n := min(76, len(s))
		long += s[:n] + "\n"
		s = s[n:]
	}
	for _, c := range []struct{ claim, data, path, coding string }{
		{"application/json", `{"f":"` + std + `"}`, "/f", "(base64)"},
		{"application/json", `{"f":"` + url + `"}`, "/f", "(base64)"},
		{"application/json", `{"f":"` + hexed + `"}`, "/f", "(hex)"},
		{"application/json", `{"f":"` + strings.ToUpper(hexed) + `"}`, "/f", "(hex)"},
		{"application/json", `{"f":"data:text/plain;base64,` + std + `"}`, "/f", "(base64)"},
		{"application/json", `{"f":"data:text\/plain;base64,` + strings.NewReplacer("/", `\/`, "=", `\u003d`).Replace(std) + `"}`, "/f", "(base64)"},
		{"application/json", `{"f":"` + strings.ReplaceAll(wrapped, "\r\n", `\r\n`) + `"}`, "/f", "(base64)"},
		{"application/json", `{"h":"<img src=\"data:image/png;base64,` + std + `\"> caf\u00e9"}`, "/h", "(base64)"},
		{"", "<a><b x='1'>\r\n" + wrapped + "</b></a>", "/a/b", "(base64)"},
		{"", "<a><b>" + strings.ReplaceAll(std, "A", "&#x41;") + "</b></a>", "/a/b", "(base64)"},
		{"text/html", `<p>hi<img src="data:image/png;base64,` + std + `">`, "//img[1]/@src", "(base64)"},
		{typeForm, "a=b&f=" + strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(std), "/f", "(base64)"},
		{"text/csv", "a,b\n1," + std + "\n", "/1/1", "(base64)"},
		{"text/plain", wrapped, "", "(base64)"},
		{"text/plain", "Hello,\n\n" + long + "\nbye\n", "", "(base64)"},
		{"application/x-ndjson", "{\"a\":1}\n{\"f\":\"" + std + "\"}\n", "/1/f", "(base64)"},
		{"text/event-stream", "data: {\"f\":\"" + std + "\"}\n\n", "/0/data/f", "(base64)"},
		{"application/yaml", "f: " + std + "\n", "/1", "(base64)"},
	} {
		tree := openTree(t, []byte(c.data), Hints{ContentType: c.claim})
		var it *scan.Item
		for i := range tree.Items(t.Context()) {
			if !strings.HasSuffix(i.Path, "(decoded)") {
				it = i
			}
		}
		if it.Path != "body"+c.path+c.coding || !strings.HasPrefix(string(contents(t, it.Blob)), document) {
			t.Errorf("%.60q: last item %s, gaps %v", c.data, it.Path, tree.Gaps())
			continue
		}
		same, err := tree.Rebuild(t.Context(), swap(c.coding, string(contents(t, it.Blob))))
		if got := string(contents(t, same.Blob)); err != nil || got != c.data {
			t.Errorf("put back as it was: %v, got\n%q\nwant\n%q", err, got, c.data)
		}
		other, err := tree.Rebuild(t.Context(), swap(c.coding, strings.Repeat("other content ", 9)))
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		again := openTree(t, contents(t, other.Blob), Hints{ContentType: c.claim})
		for i := range again.Items(t.Context()) {
			if !strings.HasSuffix(i.Path, "(decoded)") {
				it = i
			}
		}
		if it.Path != "body"+c.path+c.coding || !strings.HasPrefix(string(contents(t, it.Blob)), "other content ") {
			t.Errorf("%s: rebuilt to %q", c.path, contents(t, other.Blob))
		}
	}
}

// TestNotEmbedded are values of APIs that look like base64 and are none, or not worth an item.
func TestNotEmbedded(t *testing.T) {
	for _, s := range []string{
		"d41d8cd98f00b204e9800998ecf8427e", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "MDEwOlJlcG9zaXRvcnkxMjk2MjY5MTI=",
		"550e8400-e29b-41d4-a716-446655440000", "internationalizationinternationalization", "AKIAIOSFODNN7EXAMPLEAKIAIOSFODNN7EXAMPLE",
		"https://example.test/a/very/long/path/that/is/not/base64", "1234567890123456789012345678901234567890", "eyJpZCI6MTIzLCJjIjoxfQ==eyJpZCI6",
	} {
		tree := openTree(t, []byte(`{"v":"`+s+`"}`), Hints{ContentType: "application/json"})
		if got := paths(t, tree); len(got) != 1 {
			t.Errorf("%s: %q", s, got)
		}
	}
}

func TestWide(t *testing.T) {
	for _, c := range []struct {
		claim, text string
	}{{"application/json", `{"a":"bcé"}`}, {"application/xml", `<?xml version="1.0" encoding="UTF-16"?><a>bcé</a>`}, {"text/plain", "bcé"}} {
		for _, order := range []unicode.Endianness{unicode.LittleEndian, unicode.BigEndian} {
			for _, mark := range []unicode.BOMPolicy{unicode.UseBOM, unicode.IgnoreBOM} {
				if mark == unicode.IgnoreBOM && c.claim == "text/plain" {
					continue // nothing tells it
				}
				enc := unicode.UTF16(order, mark).NewEncoder()
				data, _ := enc.String(c.text)
				tree := openTree(t, []byte(data), Hints{ContentType: c.claim})
				got := paths(t, tree)
				if len(got) != 2 || !strings.HasPrefix(got[1], "body(utf-8) ") || len(tree.Gaps()) > 0 {
					t.Fatalf("%q: %q %v", data, got, tree.Gaps())
				}
				res, err := tree.Rebuild(t.Context(), editAll("*", 0, scan.EditSet, "ü"))
				if c.claim == "application/xml" {
					res, err = tree.Rebuild(t.Context(), editAll("/a", 0, scan.EditSet, "ü"))
				}
				if err != nil {
					t.Fatal(err)
				}
				back, _ := unicode.UTF16(order, mark).NewDecoder().String(string(contents(t, res.Blob)))
				want := map[string]string{"application/json": `{"ü":"ü"}`, "application/xml": strings.Replace(c.text, "bcé", "&#xfc;", 1), "text/plain": "ü"}[c.claim]
				if strings.TrimPrefix(back, "\ufeff") != want {
					t.Errorf("%q became %q", c.text, back)
				}
			}
		}
	}
}

// FuzzText runs every format of text over the same bytes.
func FuzzText(f *testing.F) {
	std := base64.StdEncoding.EncodeToString([]byte(document))
	for _, s := range []string{
		soap, "<a>" + std + "</a>", "<p a=b c='d' e>x<!-- y --><script>z</script>", "a=1+2&b=%41&" + std, "a,\"b\"\"\"\r\n\"c\n", "{\"a\":1}\n{\"b\":2}\n",
		"event: a\ndata: {\"b\":1}\n\n: c\n", "a: 'b'\n- \"c\\n\"\n# d\n", "\xff\xfe{\x00}\x00", "cb({\"a\":\"data:x/y;base64," + std + "\"})",
	} {
		for i := range textTypes {
			f.Add([]byte(s), uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		typ := textTypes[int(which)%len(textTypes)]
		fuzzTree(t, data, Hints{ContentType: typ})
		fuzzFielder(t, data, typ)
	})
}

var textTypes = []string{typeJSON, typeXML, typeHTML, typeForm, typeCSV, typeTSV, typeNDJSON, typeSSE, typeYAML, typeText}

// fuzzFielder edits every field of a document with every operation: edits must name what fields named.
func fuzzFielder(t *testing.T, data []byte, typ string) {
	t.Helper()
	f, _ := formatOf(typ).(fielder)
	d := doc{data: data, nesting: 200, claimed: typ}
	var edits []scan.Edit
	at := int64(0)
	err := f.fields(t.Context(), d, func(fl *scan.Field) bool {
		if fl.Span.Start < at || fl.Span.End < fl.Span.Start || fl.Span.End > int64(len(data)) {
			t.Fatalf("%s: field at %v behind %d", typ, fl.Span, at)
		}
		at = fl.Span.End
		from, to := f.rawRange(data[fl.Span.Start:fl.Span.End], 0, len(fl.Value))
		if from < 0 || to < from || int64(to) > fl.Span.End-fl.Span.Start {
			t.Fatalf("%s: raw range %d to %d of %q", typ, from, to, data[fl.Span.Start:fl.Span.End])
		}
		edits = append(edits, scan.Edit{Span: fl.Span, Op: scan.EditOp(len(edits) % 3), Value: []byte("é<\"'\n&=,;\x00")})
		return true
	})
	if err != nil {
		return
	}
	patches, err := f.edits(t.Context(), d, edits)
	if err != nil {
		t.Fatalf("%s: %v", typ, err)
	}
	if err := spliceTo(t.Context(), io.Discard, scan.Bytes(data), patches); err != nil {
		t.Fatalf("%s: %v", typ, err)
	}
}

// FuzzXML compares the tokenizer with encoding/xml: what that reads strictly, ours must read.
func FuzzXML(f *testing.F) {
	f.Add([]byte(soap))
	f.Add([]byte("<a b='c'>d<!-- e --><f/></a>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dec := xml.NewDecoder(strings.NewReader(string(data)))
		roots := 0
		for depth := 0; ; {
			tok, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return
			}
			switch x := tok.(type) {
			case xml.StartElement:
				if depth++; depth == 1 {
					roots++
				}
			case xml.EndElement:
				depth--
			case xml.CharData:
				if depth == 0 && len(strings.TrimLeft(string(x), " \t\r\n\ufeff")) > 0 {
					return
				}
			case xml.Directive:
				return // it reads those in its own way
			}
		}
		if roots != 1 {
			return
		}
		r := xmlReader{data: data, nesting: 10_000}
		for {
			tok, err := r.next()
			if err != nil {
				t.Fatalf("%q: %v", data, err)
			}
			if tok == xmlEnd {
				return
			}
		}
	})
}

func BenchmarkXMLFields(b *testing.B) {
	var s strings.Builder
	s.WriteString("<feed>")
	for i := range 5000 {
		fmt.Fprintf(&s, "\n  <entry id=\"%d\"><title>An ordinary title</title><summary type='text'>Some words &amp; more of them, a line of prose</summary></entry>", i)
	}
	s.WriteString("</feed>")
	benchFields(b, xmlFormat{}, s.String())
}

func BenchmarkHTMLFields(b *testing.B) {
	benchFields(b, htmlFormat{}, strings.Repeat("<div class=\"row\"><a href='/x/y'>A link</a> and some prose around it, as pages have.</div>\n", 8000))
}

func benchFields(b *testing.B, f fielder, data string) {
	b.Helper()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := f.fields(context.Background(), doc{data: []byte(data), nesting: 1000}, func(*scan.Field) bool { n++; return true }); err != nil || n < 1000 {
			b.Fatal(n, err)
		}
	}
}

func TestFieldsStop(t *testing.T) {
	for _, typ := range textTypes {
		f, _ := formatOf(typ).(fielder)
		n := 0
		if err := f.fields(t.Context(), doc{data: []byte("{\"a\":[1,2,3]}\n{\"b\":1}\n"), nesting: 100}, func(*scan.Field) bool { n++; return false }); n != 1 || err != nil {
			if !slices.Contains([]string{typeXML}, typ) {
				t.Errorf("%s: %d fields after stop, %v", typ, n, err)
			}
		}
	}
}
