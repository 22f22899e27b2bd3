package ooxml

import (
	"strings"
	"testing"
)

// What a field showed stands in a bookmark where it is part of one paragraph.
func TestFieldLeavesABookmark(t *testing.T) {
	mark := func(kind string) string { return `<w:r><w:fldChar w:fldCharType="` + kind + `"/></w:r>` }
	code := `<w:r><w:instrText> INCLUDETEXT "` + canary + `" </w:instrText></w:r>`
	shown := `<w:r><w:t>shown</w:t></w:r>`
	for _, c := range []struct{ name, body, want string }{
		{
			"in a paragraph", `<w:p>` + mark("begin") + code + mark("separate") + shown + mark("end") + `</w:p>`,
			`<w:p><w:r></w:r><w:r></w:r><w:bookmarkStart w:id="1073741824" w:name="_field1073741824"/><w:r></w:r>` + shown + `<w:bookmarkEnd w:id="1073741824"/><w:r></w:r></w:p>`,
		},
		{
			"over two paragraphs", `<w:p>` + mark("begin") + code + mark("separate") + shown + `</w:p><w:p>` + mark("end") + `</w:p>`,
			`<w:p><w:r></w:r><w:r></w:r><w:r></w:r>` + shown + `</w:p><w:p><w:r></w:r></w:p>`,
		},
		{
			"without a result", `<w:p>` + mark("begin") + code + mark("end") + `</w:p>`,
			`<w:p><w:r></w:r><w:r></w:r><w:r></w:r></w:p>`,
		},
		{
			"in a change", `<w:p><w:ins>` + mark("begin") + code + mark("separate") + shown + mark("end") + `</w:ins></w:p>`,
			`<w:p><w:ins><w:r></w:r><w:r></w:r><w:r></w:r>` + shown + `<w:r></w:r></w:ins></w:p>`,
		},
	} {
		r, _, err := run(t, docx(c.body).bytes(t))
		if err != nil || !r.Changed() {
			t.Fatalf("%s: %v, changed %v", c.name, err, r.Changed())
		}
		if got := unzip(t, r.Data)["word/document.xml"]; !strings.Contains(got, c.want) || strings.Contains(got, canary) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// A button in the text has no result: what it shows stands behind the name of its macro.
func TestMacroButtonKeepsItsText(t *testing.T) {
	mark := func(kind string) string { return `<w:r><w:fldChar w:fldCharType="` + kind + `"/></w:r>` }
	code := func(s string) string { return `<w:r><w:instrText xml:space="preserve">` + s + `</w:instrText></w:r>` }
	const shown = `<w:t xml:space="preserve">Click &amp; see</w:t>`
	for name, c := range map[string]struct{ body, want string }{
		"in one run":      {mark("begin") + code(` MACROBUTTON `+canary+` Click &amp; see `) + mark("end"), `<w:r>` + shown + `</w:r><w:r></w:r><w:r></w:r>`},
		"over runs":       {mark("begin") + code(` MACROBUTTON  `+canary) + code(` Click &amp; see`) + mark("end"), `<w:r>` + shown + `</w:r><w:r></w:r><w:r></w:r><w:r></w:r>`},
		"only a name":     {mark("begin") + code(` MACROBUTTON `+canary+` `) + mark("end"), `<w:r></w:r><w:r></w:r><w:r></w:r>`},
		"the name in it":  {mark("begin") + code(` MACROBUTTON `+canary+` `+canary+`2`) + mark("end"), `<w:r></w:r><w:r></w:r><w:r></w:r>`},
		"never ends":      {mark("begin") + code(` MACROBUTTON `+canary+` Click`), `<w:r></w:r><w:r></w:r>`},
		"with a result":   {mark("begin") + code(` MACROBUTTON `+canary+` Click`) + mark("separate") + `<w:r><w:t>x</w:t></w:r>` + mark("end"), `<w:r><w:t>x</w:t></w:r>`},
		"another program": {mark("begin") + code(` PRINT `+canary+` Click`) + mark("end"), `<w:r></w:r><w:r></w:r><w:r></w:r>`},
	} {
		r, _, err := run(t, docx(`<w:p>`+c.body+`</w:p>`).bytes(t))
		if err != nil || !r.Changed() {
			t.Fatalf("%s: %v, changed %v", name, err, r.Changed())
		}
		if got := unzip(t, r.Data)["word/document.xml"]; !strings.Contains(got, c.want) || strings.Contains(got, canary) || strings.Contains(got, "Click") != strings.Contains(c.want, "Click") {
			t.Errorf("%s: %s", name, got)
		}
	}
}
