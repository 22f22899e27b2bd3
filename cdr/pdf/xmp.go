package pdf

import (
	"bytes"
	"errors"
	"io"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// metadata copies an XMP packet as well-formed XML, without document type, processing instructions and comments. One
// that is not well-formed is left out: nobody else should have to guess what it means.
func (w *walker) metadata(s *stream) (object, error) {
	data, err := w.f.decodeShort(s, maxMetadata)
	if isFinal(err) {
		return nil, err
	}
	if err != nil {
		w.drop(vectorMetadata, "not readable")
		return nil, nil //nolint:nilerr // it is left out
	}
	if actingMetadata.Match(data) { // no writer describes a document so
		w.found(vectorMetadata, kit.ActionRemoved, "a page or program in the place of XMP")
		return nil, nil
	}
	out, active, err := cleanXMP(data, w.f.job.Limits.XMLDepth)
	if active {
		w.found(vectorMetadata, kit.ActionNeutralised, "document type or processing instruction in XMP")
	}
	if err != nil {
		w.drop(vectorMetadata, "not well-formed")
		return nil, nil //nolint:nilerr // it is left out
	}
	d := newDict(entry{"Type", name("Metadata")}, entry{"Subtype", name("XML")})
	return &stream{dict: d, raw: out}, nil
}

// maxMetadata is how long a description may be: editors that note each picture that one was ever pasted from come to some
// MiB.
const maxMetadata = 16 << 20

// actingMetadata matches what is a page or a program, and no description.
var actingMetadata = pattern.MustCompile(`(?i)<(?:[a-z_][a-z0-9_.\-]*:)?(?:script|iframe|object|embed|html)[\s/>]|^(?:MZ|PK\x03\x04|\x7fELF)`)

// cleanXMP returns the elements and text. active says that there was something that acts.
func cleanXMP(data []byte, depth int) (out []byte, active bool, err error) {
	if i := bytes.IndexByte(data, 0); i < 0 || i > 3 { // a text in UTF-16 ends in NUL, and others may be filled up with it
		data = bytes.TrimRight(data, "\x00 \r\n\t")
	}
	data, _, err = kit.XMLToUTF8(data)
	if err != nil {
		return nil, false, err
	}
	x := kit.NewXML(bytes.TrimLeft(data, " \r\n\t"), depth)
	data = bytes.TrimLeft(data, " \r\n\t")
	out = make([]byte, 0, len(data))
	for {
		t, err := x.Next()
		if errors.Is(err, io.EOF) {
			return out, active, nil
		}
		if err != nil {
			return nil, active, err
		}
		switch t.Kind {
		case kit.XMLDoctype:
			active = true
		case kit.XMLPI:
			switch string(t.Name) {
			case "xml": // the declaration
				out = append(out, data[t.Start:t.End]...)
			case "xpacket", "adobe-xap-filters":
			default:
				active = true
			}
		case kit.XMLComment:
		default:
			out = append(out, data[t.Start:t.End]...)
		}
	}
}
