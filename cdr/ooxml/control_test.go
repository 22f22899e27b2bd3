package ooxml

import (
	"encoding/hex"
	"strings"
	"testing"
)

// checkBoxBytes is a check box as Excel writes it: checked, with a caption, a group and a font.
const checkBoxBytes = "401dd28b42ecce119e0d00aa006002f3000240004001c080010000000400000001000080090000800d000080a70100008d010000314aff0e" +
	"436865636b426f7831000000504b20506172616d6574657273e8ef0e000218003500000005000080c300000000020000417269616c000000"

func unhex(tb testing.TB, s string) string {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// boxed is a sheet with one control, whose shape is in a drawing.
func boxed(ocx string, pieces ...piece) pkg {
	const sheet, control, drawing = "xl/worksheets/sheet1.xml", "xl/activeX/activeX1.xml", "xl/drawings/vmlDrawing1.vml"
	shape := `<xml` + spaces + `><v:shape id="Box" o:spid="_x0000_s1025" type="#_x0000_t201" style="width:9pt"><v:imagedata o:relid="p1" o:title=""/>` +
		`<x:ClientData ObjectType="Pict"><x:SizeWithCells/><x:Anchor>1, 2, 3, 4, 5, 6, 7, 8</x:Anchor><x:CF>Pict</x:CF><x:FmlaMacro>` + canary + `</x:FmlaMacro></x:ClientData></v:shape></xml>`
	return xlsx("</sheets>", `<legacyDrawing r:id="v1"/><controls><control shapeId="1025" r:id="c1" name="Box"/></controls>`, append([]piece{
		{name: control, mime: "application/vnd.ms-office.activeX+xml", from: sheet, rel: offRel + "control", id: "c1", body: ocx},
		{name: drawing, mime: "application/vnd.openxmlformats-officedocument.vmlDrawing", from: sheet, rel: offRel + "vmlDrawing", id: "v1", body: shape},
		{name: "xl/media/image1.emf", mime: "image/x-emf", from: drawing, rel: offRel + "image", id: "p1", body: emptyEMF()},
	}, pieces...)...)
}

// emptyEMF is an enhanced metafile of a header and an end.
func emptyEMF() string {
	head := make([]byte, 108)
	copy(head, "\x01\x00\x00\x00\x58\x00\x00\x00")
	copy(head[40:], " EMF\x00\x00\x01\x00\x6C\x00\x00\x00\x02\x00\x00\x00\x01\x00")
	copy(head[88:], "\x0E\x00\x00\x00\x14\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x14\x00\x00\x00")
	return string(head)
}

func TestControlBecomesCheckBox(t *testing.T) {
	ocx := func(attrs, values string) string {
		return `<ax:ocx xmlns:ax="http://schemas.microsoft.com/office/2006/activeX" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" ax:classid="` + checkBoxClass + `" ` + attrs + `>` + values + `</ax:ocx>`
	}
	value := func(name, value string) string { return `<ax:ocxPr ax:name="` + name + `" ax:value="` + value + `"/>` }
	bag, stream := `ax:persistence="persistPropertyBag"`, `ax:persistence="persistStreamInit" r:id="b1"`
	binary := func(data string) piece {
		return piece{name: "xl/activeX/activeX1.bin", mime: "application/vnd.ms-office.activeX", from: "xl/activeX/activeX1.xml", rel: msRel + "activeXControlBinary", id: "b1", body: data}
	}
	data := unhex(t, checkBoxBytes)
	const client = `<x:ClientData ObjectType="Checkbox"><x:SizeWithCells/><x:Anchor>1, 2, 3, 4, 5, 6, 7, 8</x:Anchor><x:AutoFill>False</x:AutoFill><x:AutoLine>False</x:AutoLine><x:TextVAlign>Center</x:TextVAlign>`
	for _, c := range []struct {
		name string
		doc  pkg
		want string // in the drawing
	}{
		{
			"values in XML", boxed(ocx(bag, value("Value", "0")+value("Caption", "Yes &amp; &lt;no>")+value("FontName", "Times New Roman")+value("FontHeight", "180")+value("FontEffects", "3")+value("GroupName", canary))),
			`<font color="#000000" face="Times New Roman" size="180"><i><b>Yes &amp; &lt;no&gt;</b></i></font></div></v:textbox>` + client + `</x:ClientData>`,
		},
		{"values in a stream", boxed(ocx(stream, ""), binary(data+canary)), `<font color="#000000" face="Arial" size="195">CheckBox1</font></div></v:textbox>` + client + `<x:Checked>1</x:Checked></x:ClientData>`},
		{"neither", boxed(ocx(bag, value("Value", ""))), `<x:Checked>2</x:Checked>`},
		{"another control", boxed(strings.Replace(ocx(bag, ""), "8BD21D40", "8BD21D50", 1)), `ObjectType="Pict"`},
		{"another control in the stream", boxed(ocx(stream, ""), binary("x"+data)), `ObjectType="Pict"`},
		{"half a stream", boxed(ocx(stream, ""), binary(data[:60])), `ObjectType="Pict"`},
		{"no stream", boxed(ocx(stream, "")), `ObjectType="Pict"`},
		{"a font that is none", boxed(ocx(bag, value("FontName", canary+"(&quot;"))), `ObjectType="Pict"`},
	} {
		r, _, err := run(t, c.doc.bytes(t))
		if err != nil || !r.Changed() {
			t.Fatalf("%s: %v, changed %v", c.name, err, r.Changed())
		}
		files := unzip(t, r.Data)
		if got := files["xl/drawings/vmlDrawing1.vml"]; !strings.Contains(got, c.want) || strings.Contains(got, "imagedata") != strings.Contains(c.want, "Pict") {
			t.Errorf("%s: %s", c.name, got)
		}
		if at := survives(files); at != "" {
			t.Errorf("%s: the canary is in %s", c.name, at)
		}
		if lost := dangling(t, files); lost != "" {
			t.Errorf("%s: %s", c.name, lost)
		}
		again, _, err := run(t, r.Data)
		if err != nil || again.Changed() {
			t.Errorf("%s: a second run: %v, changed %v", c.name, err, again.Changed())
		}
	}
}

func FuzzCheckBox(f *testing.F) {
	data := unhex(f, checkBoxBytes)[len(checkBoxStream):]
	f.Add([]byte(data))
	f.Add([]byte(data[:30]))
	f.Add([]byte("\x00\x02\xFF\xFF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		box, ok := readCheckBox(data)
		if ok && (len(box.caption) > 4*maxCaption || box.state < 0 || box.state > 2) {
			t.Errorf("%+v", box)
		}
	})
}
