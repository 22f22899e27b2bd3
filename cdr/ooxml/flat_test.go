package ooxml

import (
	"encoding/base64"
	"strings"
	"testing"

	"icapd/cdr/kit"
)

// flat writes a package in one file.
func (p pkg) flat(tb testing.TB) string {
	tb.Helper()
	job := newJob(kit.Switches{})
	z, err := kit.OpenZip(job, p.bytes(tb))
	if err != nil {
		tb.Fatal(err)
	}
	in, err := openPackage(tb.Context(), job, z)
	if err != nil {
		tb.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><?mso-application progid="Word.Document"?><pkg:package xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage">`)
	for _, at := range in.parts {
		data, err := in.read(at)
		if err != nil {
			tb.Fatal(err)
		}
		if at == in.types {
			continue
		}
		body := "<pkg:binaryData>" + base64.StdEncoding.EncodeToString(data) + "</pkg:binaryData>"
		if strings.HasPrefix(string(data), "<") && !strings.HasPrefix(string(data), "<!") && !strings.HasPrefix(string(data), "<?") {
			body = "<pkg:xmlData>" + string(data) + "</pkg:xmlData>"
		}
		b.WriteString(`<pkg:part pkg:name="/` + escape(at.name) + `" pkg:contentType="` + escape(at.mime) + `">` + body + `</pkg:part>`)
	}
	return b.String() + "</pkg:package>"
}

func runFlat(tb testing.TB, text string) (kit.Result, *kit.Job, error) {
	tb.Helper()
	job := newJob(kit.Switches{})
	r, err := Flat{}.Disarm(tb.Context(), job, kit.Document{Data: []byte(text), Type: kit.Sniff([]byte(text))})
	return r, job, err
}

// Whatever is active in a package is active in a flat one.
func TestFlatCanaries(t *testing.T) {
	for name, doc := range vectors {
		doc.body = strings.ReplaceAll(doc.body, "CANARY", canary)
		for i := range doc.pieces {
			doc.pieces[i].body = strings.ReplaceAll(doc.pieces[i].body, "CANARY", canary)
			doc.pieces[i].name = strings.ReplaceAll(doc.pieces[i].name, "CANARY", canary)
		}
		text := doc.flat(t)
		if strings.Contains(text, "<!DOCTYPE") { // its place is not inside of another element
			continue
		}
		r, job, err := runFlat(t, text)
		if err != nil || !r.Changed() {
			t.Errorf("%s: %v %v", name, err, job.Removals())
			continue
		}
		if where := survives(map[string]string{"file": string(r.Data)}); where != "" {
			t.Errorf("%s: the canary survives:\n%s", name, r.Data)
		}
		if again, job, err := runFlat(t, string(r.Data)); err != nil || again.Changed() {
			t.Errorf("%s: a second pass: %v %v", name, err, job.Removals())
		}
	}
	if r, job, err := runFlat(t, docx(code("PAGE")).flat(t)); err != nil || r.Changed() {
		t.Errorf("a clean one: %v %v", err, job.Removals())
	}
}

func wordML(body string) string {
	return `<?xml version="1.0"?><?mso-application progid="Word.Document"?><w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml" xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" w:macrosPresent="no"><w:body><w:p><w:t>before</w:t></w:p>` + body + `</w:body></w:wordDocument>`
}

func sheetML(cells string) string {
	return `<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet><Row><Cell><Data>before</Data></Cell>` + cells + `</Row></Worksheet></Workbook>`
}

func Test2003(t *testing.T) {
	svg := base64.StdEncoding.EncodeToString([]byte("<svg xmlns='http://www.w3.org/2000/svg'><script>" + canary + "</script></svg>"))
	for name, text := range map[string]string{
		"macros":                wordML(`<w:docSuppData><w:binData w:name="editdata.mso">` + canary + `</w:binData></w:docSuppData>`),
		"storage":               wordML(`<w:binData w:name="editdata.mso">` + canary + `</w:binData>`),
		"objects":               wordML(`<w:docOleData><w:binData w:name="oledata.mso">` + canary + `</w:binData></w:docOleData>`),
		"object":                wordML(`<w:pict><o:OLEObject Type="Embed" ProgID="` + canary + `"/></w:pict>`),
		"linked":                wordML(`<w:pict><o:OLEObject Type="Link" ProgID="x" UpdateMode="Always" ShapeID="s" DrawAspect="Icon" ObjectID="_1" r="` + canary + `"><o:LinkType>` + canary + `</o:LinkType></o:OLEObject></w:pict>`),
		"codes":                 wordML(`<w:pict><o:OLEObject Type="Embed" ProgID="StaticMetafile"><o:WordFieldCodes>\s ` + canary + `</o:WordFieldCodes></o:OLEObject></w:pict>`),
		"svg":                   wordML(`<w:pict><w:binData w:name="wordml://1.svg">` + svg + `</w:binData></w:pict>`),
		"field":                 wordML(code("DDE " + canary)),
		"link":                  wordML(`<w:hlink w:dest="file:///` + canary + `"><w:t>shown</w:t></w:hlink>`),
		"template":              wordML(`<w:docPr><w:attachedTemplate w:val="` + canary + `"/></w:docPr>`),
		"image":                 wordML(`<w:pict><v:shape><v:imagedata src="http://` + canary + `"/></v:shape></w:pict>`),
		"formula":               sheetML(`<Cell ss:Formula="=WEBSERVICE(&quot;` + canary + `&quot;)"><Data>shown</Data></Cell>`),
		"dde":                   sheetML(`<Cell ss:Formula="=cmd|'` + canary + `'!A0"><Data>shown</Data></Cell>`),
		"address":               sheetML(`<Cell ss:HRef="file:///` + canary + `"><Data>shown</Data></Cell>`),
		"name":                  sheetML(`<Names><NamedRange ss:Name="Auto_Open" ss:RefersTo="=` + canary + `"/></Names>`),
		"name of a macro":       sheetML(`<ExcelName><Name>x</Name><Macro>` + canary + `</Macro></ExcelName><MacroSheet>` + canary + `</MacroSheet>`),
		"rules":                 sheetML(`<Condition><Value1>1</Value1><Value2>CALL("` + canary + `")</Value2></Condition><Min>WEBSERVICE("` + canary + `")</Min>`),
		"pivot table of a book": sheetML(`<PTSource><ConsolidationReference><FileName>\\x\[` + canary + `.xls]S</FileName></ConsolidationReference></PTSource>`),
		"map":                   sheetML(`<x2:MapInfo xmlns:x2="urn:x"><x2:Schema x2:SchemaRef="http://` + canary + `"/><x2:Binding><x2:File>` + canary + `</x2:File></x2:Binding></x2:MapInfo>`),
		"components":            sheetML(`<LocationOfComponents HRef="file:///\\` + canary + `"/>`),
		"customization":         sheetML(`<CustomDocumentProperties><q:_AssemblyLocation0 xmlns:q="urn:q">` + canary + `</q:_AssemblyLocation0></CustomDocumentProperties>`),
		"smart tag":             wordML(`<o:SmartTagType o:namespaceuri="urn:x" o:url="http://` + canary + `"/>`),
		"script in a cell":      sheetML(`<Cell><Data><script>` + canary + `</script>shown</Data></Cell>`),
		"page of Access":        wordML(`<w:p><w:r><w:msAccessHTML>` + canary + `</w:msAccessHTML></w:r></w:p>`),
		"query":                 sheetML(`<QueryTable>` + canary + `</QueryTable>`),
	} {
		r, job, err := runFlat(t, text)
		if err != nil || !r.Changed() || survives(map[string]string{"": string(r.Data)}) != "" || strings.Contains(string(r.Data), svg[80:]) {
			t.Errorf("%s: %v %v\n%s", name, err, job.Removals(), r.Data)
			continue
		}
		if !strings.Contains(string(r.Data), "before") || strings.Contains(text, "shown") != strings.Contains(string(r.Data), "shown") {
			t.Errorf("%s: text is gone:\n%s", name, r.Data)
		}
		if again, job, err := runFlat(t, string(r.Data)); err != nil || again.Changed() {
			t.Errorf("%s: a second pass: %v %v", name, err, job.Removals())
		}
	}
	picture := base64.StdEncoding.EncodeToString([]byte(kit.BlankPNG))
	for _, text := range []string{
		wordML(`<w:pict><v:shape o:ole=""/><o:OLEObject Type="Embed" ProgID="StaticMetafile" ShapeID="_x0000_i1026" DrawAspect="Content" ObjectID="_15"><o:WordFieldCodes>\s</o:WordFieldCodes></o:OLEObject></w:pict>`),
		wordML(`<w:pict><w:binData w:name="wordml://1.png">` + picture + `</w:binData><v:shape><v:imagedata src="wordml://1.png"/></v:shape></w:pict><w:hlink w:dest="https://a.test/"/>`),
		sheetML(`<Cell ss:Formula="=SUM(R[-1]C:R[-2]C[3])" ss:HRef="https://a.test/"><Data>1</Data></Cell>`),
		sheetML(`<LocationOfComponents HRef="file:///D:\"/><FileName>[Book1]Sheet1</FileName><CustomDocumentProperties><dt:a xmlns:dt="urn:d">x</dt:a></CustomDocumentProperties>`),
	} {
		if r, job, err := runFlat(t, text); err != nil || r.Changed() {
			t.Errorf("a clean one was changed: %v %v", err, job.Removals())
		}
	}
	if _, _, err := runFlat(t, "<a/>"); err == nil {
		t.Error("any XML passes")
	}
}

func FuzzFlat(f *testing.F) {
	f.Add(wordML(code("DDE x")))
	f.Add(sheetML(`<Cell ss:Formula="=WEBSERVICE(1)"/>`))
	f.Add(docx(code("DDE x")).flat(f))
	f.Fuzz(func(t *testing.T, text string) { _, _, _ = runFlat(t, text) })
}
