package pdf

import (
	"encoding/binary"
	"strings"
	"testing"

	"icapd/cdr/kit"
)

// metafile is an enhanced metafile ([MS-EMF] 2.3.3.4.3) with a picture in another format, and another comment.
func metafile(pdf []byte, more string) []byte {
	const comment, end = 70, 14
	le := binary.LittleEndian
	record := func(out []byte, kind uint32, data string) []byte {
		data += strings.Repeat("\x00", -len(data)&3)
		return append(le.AppendUint32(le.AppendUint32(out, kind), uint32(8+len(data))), data...)
	}
	sized := func(s string) string { return string(le.AppendUint32(nil, uint32(len(s)))) + s }
	formats := append([]byte("GDIC\x04\x00\x00\x40"), make([]byte, 16)...)
	formats = append(le.AppendUint32(formats, 1), " FDP\x01\x00\x00\x00"...)
	formats = le.AppendUint32(le.AppendUint32(formats, uint32(len(pdf))), 44)
	out := record(nil, 1, strings.Repeat("\x00", 32)+" EMF"+strings.Repeat("\x00", 44))
	out = record(out, comment, sized(string(formats)+string(pdf)))
	out = record(out, comment, sized(more))
	return record(out, end, strings.Repeat("\x00", 12))
}

func TestMetafile(t *testing.T) {
	clean := table(carrier{})
	for _, c := range []struct {
		name  string
		data  []byte
		stays bool
	}{
		{"clean", metafile(clean, "x"), true},
		{"a script", metafile(table(carrier{catalog: "/OpenAction<</S/JavaScript/JS(canary)>>"}), "x"), false},
		{"a piece of a PDF elsewhere", metafile(clean, "1 0 obj"), false},
		{"a table elsewhere", metafile(clean, "xref"), false},
		{"something behind the end", append(metafile(clean, "x"), "more"...), false},
	} {
		out, job, err := disarm(t, c.data, kit.Switches{})
		if err != nil || (out == nil) != c.stays || c.stays != (len(job.Removals()) == 0) {
			t.Errorf("%s: %v, changed %v, %v", c.name, err, out != nil, vectors(job))
		}
		if strings.Contains(string(out), "canary") {
			t.Errorf("%s: the canary is left", c.name)
		}
	}
	if out, _, err := disarm(t, metafile(clean, "x"), kit.Switches{StripMetadata: true}); err != nil || out == nil {
		t.Errorf("without metadata: %v, changed %v", err, out != nil)
	}
}
