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
