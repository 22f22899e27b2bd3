package cdr

import (
	"strings"
	"testing"

	"icapd/scan"
)

// Who handles what, in messages of documents inside of each other.
func TestWants(t *testing.T) {
	e := NewEngine(New(Options{}), "v")
	item := func(kind string, parent *scan.Item) *scan.Item {
		return &scan.Item{Type: kind, Parent: parent, Blob: scan.Bytes("<a/>"), Message: &scan.Message{}}
	}
	pdf := item("application/pdf", nil)
	for name, tt := range map[string]struct {
		it   *scan.Item
		want bool
	}{
		"a document":                     {pdf, true},
		"a picture in a document":        {item("image/png", pdf), false},
		"deeper in a document":           {item("image/png", item("application/zip", pdf)), false},
		"a document in an archive":       {item("application/pdf", item("application/gzip", nil)), true},
		"a document in a field of XML":   {item("application/pdf", item("text/xml", nil)), true},
		"a picture in a URL of a page":   {item("image/png", item("text/html", nil)), true},
		"in a document in a field of it": {item("image/png", item("application/pdf", item("text/xml", nil))), false},
		"bytes":                          {item("application/octet-stream", nil), false},
		"JSON":                           {item("application/json", nil), false},
	} {
		if got := e.Wants(tt.it); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// XML that is an office document is handled as one.
func TestTypeOf(t *testing.T) {
	e := NewEngine(New(Options{}), "v")
	flat := `<?xml version="1.0"?><office:document xmlns:office="urn:x" office:mimetype="application/vnd.oasis.opendocument.text"><office:body/></office:document>`
	it := &scan.Item{Type: "text/xml", Blob: scan.Bytes(flat), Message: &scan.Message{}}
	if got := e.typeOf(it); !strings.HasSuffix(got, ".text-flat-xml") {
		t.Error(got)
	}
	it.Blob = scan.Bytes("<a/>")
	if got := e.typeOf(it); got != "text/xml" {
		t.Error(got)
	}
}
