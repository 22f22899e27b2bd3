package content

import (
	"slices"
	"strings"
	"testing"
)

func pe() string {
	p := make([]byte, 256)
	copy(p, "MZ")
	p[60] = 128
	copy(p[128:], "PE\x00\x00")
	return string(p)
}

const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU"

func TestDeceit(t *testing.T) {
	pad := strings.Repeat("\x00\x01", 100)
	for _, c := range []struct{ claim, name, data, want string }{
		{"image/png", "", png + pad, ""},
		{"image/jpeg", "", png + pad, ""},
		{"image/png", "", pe(), "type-mismatch"},
		{"application/json", "", "<html><body>Bad gateway<br></body></html>", "type-mismatch"},
		{"application/json", "", `{"a":1}`, ""},
		{"text/plain", "", `{"a":1}`, ""},
		{"text/html", "", "<p>x</p>", ""},
		{"application/pdf", "", "<script>x</script>", "type-mismatch"},
		{"application/octet-stream", "x.exe", pe(), ""},
		{"", "invoice.pdf", pe(), "type-mismatch"},
		{"", "invoice.pdf.exe", pe(), "double-extension"},
		{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "a.docx", zipOf(t, file{"x.txt", prose}), ""},
		{"image/gif", "", "GIF89a" + pad + zipOf(t, file{"x.class", prose}), "polyglot"},
		{"image/gif", "", "GIF89a/*" + pad, "polyglot"},
		{"image/png", "", png + pad + "<?php system($_GET[0]); ?>", "polyglot"},
		{"image/png", "", png + "%PDF-1.4" + pad, "polyglot"},
		{"", "setup.exe", pe() + zipOf(t, file{"x.txt", prose}), ""},
	} {
		tree := openTree(t, []byte(c.data), Hints{ContentType: c.claim, Name: c.name})
		items := paths(t, tree)
		got := rules(tree)
		if !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s %s %.20q: %q, want %q", c.claim, c.name, c.data, got, c.want)
		}
		if strings.Contains(c.data, zipEndSig) && len(items) != 2 {
			t.Errorf("%s: the archive inside is not opened: %q", c.claim, items)
		}
	}
}
