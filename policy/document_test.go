package policy

import (
	"testing"

	"icapd/scan"
)

// TestFlatDocuments holds that the text of documents which are one XML file is no field of a message, and that everything else in
// XML is.
func TestFlatDocuments(t *testing.T) {
	p := &Profile{Name: "p", Injection: ActionRewrite, ActiveContent: ActionRewrite, Unscannable: ActionBlock, Documents: ActionReport}
	for _, tt := range []struct {
		typ, field, hint string
		want             Disposition
	}{
		{"text/xml", "/office:document/office:body/office:text/text:p[3]", HintRewrite, Allow},
		{"text/xml", "/office:document/office:body/office:spreadsheet/table:table/table:table-row[2]/table:table-cell/text:p", HintRewrite, Allow},
		{"application/xml", "/w:wordDocument/w:body/w:p/w:r/w:t", HintRewrite, Allow},
		{"text/xml", "/pkg:package/pkg:part[3]/pkg:xmlData/w:document/w:body/w:p/w:r/w:t", HintRewrite, Allow},
		{"text/xml", "/pkg:package/pkg:part/pkg:xmlData/w:document/w:body/w:p", HintRewrite, Allow},
		{"text/xml", "/office:document/office:body/office:text/text:p", HintBlock, Block},
		{"text/xml", "/office:document/office:body/office:text/text:a/@xlink:href", HintRewrite, Rewrite},
		{"text/xml", "/office:document/office:body/office:text/comment()", HintRewrite, Rewrite},
		{"text/xml", "/office:document/office:meta/dc:title", HintRewrite, Rewrite},
		{"text/xml", "/office:document/office:scripts/office:script", HintRewrite, Rewrite},
		{"text/xml", "/document/body/p", HintRewrite, Rewrite},
		{"text/xml", "/Workbook/Worksheet/Table/Row/Cell/Data", HintRewrite, Rewrite},
		{"text/xml", "/s:Envelope/s:Body/office:document/office:body/office:text/text:p", HintRewrite, Rewrite},
		{"text/xml", "/pkg:package/pkg:part[2/w:body/w:p", HintRewrite, Rewrite},
		{"application/json", "/office:document/office:body/office:text/text:p", HintRewrite, Rewrite},
		{"text/xml", "", HintRewrite, Rewrite},
	} {
		f := scan.Finding{
			Rule: "sqli-union", Category: scan.Injection, Class: "sqli", Severity: scan.High, Hint: tt.hint,
			Field: tt.field, Item: &scan.Item{Type: tt.typ, Path: "body"},
		}
		d := Decide(p, &scan.Verdict{Findings: []scan.Finding{f}, Looked: true, Items: 1})
		if d.Action != tt.want {
			t.Errorf("%s %s: %v (%s), want %v", tt.typ, tt.field, d.Action, d.Rule, tt.want)
		}
	}
	p.Documents = ActionUnset
	f := scan.Finding{
		Category: scan.Injection, Class: "sqli", Severity: scan.High, Hint: HintRewrite, Field: "/office:document/office:body/office:text/text:p",
		Item: &scan.Item{Type: "text/xml"},
	}
	if d := Decide(p, &scan.Verdict{Findings: []scan.Finding{f}, Looked: true, Items: 1}); d.Action != Rewrite {
		t.Errorf("documents are not exempt: %v", d.Action)
	}
}
