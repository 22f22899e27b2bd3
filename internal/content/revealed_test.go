package content

import (
	"bytes"
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func escaped(format, s string) string {
	out := ""
	for _, c := range []byte(s) {
		out += fmt.Sprintf(format, c)
	}
	return out
}

func ascii85Of(s string) string {
	var b bytes.Buffer
	e := ascii85.NewEncoder(&b)
	_, _ = e.Write([]byte(s))
	_ = e.Close()
	return "<~" + b.String() + "~>"
}

// revealedRows hide a payload from who looks at the bytes of the document.
func revealedRows(s string) []struct{ name, claimed, before, text, after, path string } {
	b64 := base64.StdEncoding.EncodeToString([]byte(s))
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
	long := strings.Repeat("text in the middle of a mail=2C ", 4)
	return []struct{ name, claimed, before, text, after, path string }{
		{"form", typeForm, "a=1&b=", url.QueryEscape(s), "&c=%41%42", "/b(decoded)"},
		{"JSON", typeJSON, `{"a":"x\n","b":[1,"`, quoted, `"]}`, "/b/1(decoded)"},
		{"JSON, all escaped", typeJSON, `{"b":"`, escaped(`\u%04x`, s), `", "c" : "\u0041"}`, "/b(decoded)"},
		{"NDJSON", typeNDJSON, "{\"a\":1}\n{\"b\":\"", quoted, "\"}\n", "/1/b(decoded)"},
		{"XML", typeXML, "<a>\n <b c='1'>", escaped("&#%d;", s), "</b></a>", "/a/b(decoded)"},
		{"XML attribute", typeXML, `<a><b c="`, escaped("&#x%x;", s), `">&amp;</b></a>`, "/a/b/@c(decoded)"},
		{"HTML", typeHTML, "<html><body><p>", escaped("&#%d;", s), "</p></body></html>", "//p[1](decoded)"},
		{"YAML", typeYAML, "a: 1\nb: \"", escaped(`\x%02x`, s), "\"\nc: 2\n", "/2(decoded)"},
		{"YAML, wide", typeYAML, "b: \"", escaped(`\U%08x`, s), "\"\n", "/1(decoded)"},
		{"JSON base32", typeJSON, `{"f":"`, base32.StdEncoding.EncodeToString([]byte(s)), `"}`, "/f(base32)"},
		{"text ascii85", typeText, "here it is: ", ascii85Of(s), " and that is all", "(ascii85)"},
		{"script", typeText, `var x = "`, escaped(`\x%02x`, s), `"; run(x)`, "(escapes)"},
		{"script, octal", typeText, `$x = "`, escaped(`\%03o`, s), `"; run(x)`, "(escapes)"},
		{"text quoted-printable", typeText, "Hello,\n" + long + "=\n", escaped("=%02X", s), "=\nbye\n", "(quoted-printable)"},
		{"JSON key", typeJSON, `{"a":{"`, b64, `":1}}`, "/a/" + strings.ReplaceAll(b64, "/", "~1") + "(base64)"},
		{"data: URI in a query", typeText, "https://a.test/?u=data%3Atext%2Fplain%3Bbase64%2C", url.QueryEscape(b64), "&b=1", "(base64)"},
		{"query in JSON", typeJSON, `{"u":"https://a.test/?q=`, url.QueryEscape(s), `"}`, "/u(decoded)"},
	}
}

// TestRevealed finds EICAR where only its escapes stand in the document, and takes it out without any other byte.
func TestRevealed(t *testing.T) {
	const with = "nothing bad in it, and long enough to be found again: 0123456789"
	for _, c := range revealedRows(eicar()) {
		data, hints := c.before+c.text+c.after, Hints{ContentType: c.claimed}
		tree := openTree(t, []byte(data), hints)
		found := false
		for it := range tree.Items(t.Context()) {
			found = found || it.Path == "body"+c.path && bytes.Contains(contents(t, it.Blob), []byte(eicar()))
		}
		if !found || len(tree.Gaps()) > 0 {
			t.Errorf("%s: %q, gaps %v", c.name, paths(t, tree), tree.Gaps())
			continue
		}
		if strings.Contains(c.path, "quoted") || strings.Contains(c.path, c.text) {
			continue // the whole value is the item; the name is another one behind it
		}
		res, err := tree.Rebuild(t.Context(), swap(c.path, with))
		if c.name == "query in JSON" {
			if !errors.Is(err, ErrCannotRebuild) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := string(contents(t, res.Blob))
		if !strings.HasPrefix(got, c.before) || !strings.HasSuffix(got, c.after) || got == data {
			t.Errorf("%s: %v, %q", c.name, err, got)
		}
	}
}

// TestRevealedTogether has more such values than are items each: none is lost.
func TestRevealedTogether(t *testing.T) {
	data := `{"a":"` + strings.Repeat(`","b":"`+strings.ReplaceAll(eicar(), `\`, `\\`), maxRevealed+1) + `"}`
	tree := openTree(t, []byte(data), Hints{ContentType: typeJSON})
	var last string
	for it := range tree.Items(t.Context()) {
		if it.Path == "body(decoded)" {
			last = string(contents(t, it.Blob))
		}
	}
	if n := strings.Count(last, eicar()); n != maxRevealed+1 {
		t.Errorf("%d of %d in %q", n, maxRevealed+1, paths(t, tree))
	}
	if _, err := tree.Rebuild(t.Context(), swap("body(decoded)", "x")); !errors.Is(err, ErrCannotRebuild) {
		t.Error(err)
	}
}

// TestNotRevealed are documents whose escapes say nothing that does not stand there.
func TestNotRevealed(t *testing.T) {
	for _, c := range [][2]string{
		{typeJSON, `{"a":"one line\nand another one, with a path\/to\/it"}`},
		{typeForm, "a=hello+world,+this+is+a+value&b=1"},
		{typeJSON, `{"a":"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}`},
		{typeText, "a = b\nc = d\ne = f\nx == y\nA=20=\nb=41 is 7 and 3=B0 \\x41\\x42"},
		{typeXML, "<r><d>\n<![CDATA[one text with <b>marks</b> in it]]>\n</d></r>"},
	} {
		tree := openTree(t, []byte(c[1]), Hints{ContentType: c[0]})
		if got := paths(t, tree); len(got) != 1 {
			t.Errorf("%s: %q", c[1], got)
		}
	}
}

func FuzzRevealed(f *testing.F) {
	for _, c := range revealedRows(eicar()) {
		f.Add(c.claimed, []byte(c.before+c.text+c.after))
	}
	f.Fuzz(func(t *testing.T, claimed string, data []byte) {
		fuzzTree(t, data, Hints{ContentType: claimed})
	})
}
