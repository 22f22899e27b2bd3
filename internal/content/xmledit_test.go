package content

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"icapd/scan"
)

// TestDoctypeEdits holds that a document without its document type, or with something in its place, is still XML:
// references to what it declared are text then.
func TestDoctypeEdits(t *testing.T) {
	const text = `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><a b="&x;&amp;1">&x; &lt; <![CDATA[&x;]]><!-- &x; --></a>`
	for name, e := range map[string]scan.Edit{
		"set":  {Value: []byte("[removed--]")},
		"null": {Op: scan.EditNull},
		"drop": {Op: scan.EditDrop},
	} {
		start := int64(strings.Index(text, "<!DOCTYPE"))
		e.Span = scan.Span{Start: start, End: start + int64(len(`<!DOCTYPE a [<!ENTITY x "y">]>`))}
		patches, err := xmlFormat{}.edits(t.Context(), doc{data: []byte(text), nesting: 10}, []scan.Edit{e})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var out bytes.Buffer
		at := int64(0)
		for _, p := range patches {
			out.WriteString(text[at:p.start])
			if p.with != nil {
				b, _ := p.with.Bytes()
				out.Write(b)
			}
			at = p.end
		}
		out.WriteString(text[at:])
		if !strings.Contains(out.String(), `b="&amp;x;&amp;1">&amp;x; &lt; <![CDATA[&x;]]><!-- &x; -->`) || strings.Contains(out.String(), "ENTITY") {
			t.Errorf("%s: %s", name, out.String())
		}
		d := xml.NewDecoder(&out)
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
}
