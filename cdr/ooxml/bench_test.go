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
