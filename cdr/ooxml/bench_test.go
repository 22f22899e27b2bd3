package ooxml

import (
	"strconv"
	"strings"
	"testing"

	"icapd/cdr/kit"
)

// BenchmarkDisarm measures documents of about a megabyte, packed: long text, long tables, and pictures. Bytes are
// those of the file.
func BenchmarkDisarm(b *testing.B) {
	var text, rows strings.Builder
	for i := range 60_000 {
		n := strconv.Itoa(i * 7919)
		text.WriteString(`<w:p w:rsidR="00A` + n + `"><w:pPr><w:spacing w:after="0"/></w:pPr><w:r><w:t xml:space="preserve">paragraph ` + n + ` of a long text </w:t></w:r></w:p>`)
		rows.WriteString(`<row r="` + n + `"><c r="A` + n + `" s="1"><v>` + n + `</v></c><c r="B` + n + `"><f>SUM(A` + n + `:C` + n + `)</f><v>` + n + `.5</v></c></row>`)
	}
	for name, d := range map[string]pkg{
		"docx":         docx(text.String()),
		"docx-changed": docx(text.String() + code("DDE x")),
		"xlsx":         xlsx("</sheets>", "<sheetData>"+rows.String()+"</sheetData>"),
	} {
		data := d.bytes(b)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := (Package{}).Disarm(b.Context(), newJob(kit.Switches{}), kit.Document{Data: data}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(d.body))/float64(len(data)), "unpacked/packed")
		})
	}
}

// What most documents consist of is read over, or they cost several times as much: these names are in none of the sets of
// names that are looked for.
func TestOrdinaryNamesAreReadOver(t *testing.T) {
	for _, c := range []struct {
		family family
		names  string
	}{
		{familyWord, "p pPr r rPr t tab br spacing jc rFonts sz szCs b i u color lang tbl tr tc tcPr tcW sectPr pStyle ind numPr ilvl numId bookmarkStart bookmarkEnd proofErr"},
		{familySheet, "row c v r t si sst xf font border col cols alignment mergeCell dimension sheetData"},
		{familySlide, "p r rPr t pPr sp spPr nvSpPr txBody off ext bodyPr lstStyle solidFill srgbClr schemeClr ln latin"},
	} {
		p := &pack{rules: commonRules()}
		p.kind.family = c.family
		_, quiet := p.ruled()
		for name := range strings.SplitSeq(c.names, " ") {
			if quiet.Has([]byte(name)) {
				t.Errorf("family %v: <%s> is looked at", c.family, name)
			}
		}
	}
	for name := range strings.SplitSeq("space val r s t w h id name type sz ascii hAnsi cs after before line lang typeface x y cx cy rsidR rsidP rsidRPr", " ") {
		if watched.Has([]byte(name)) {
			t.Errorf("the attribute %s is looked at", name)
		}
	}
}
