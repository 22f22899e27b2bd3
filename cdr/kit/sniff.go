package kit

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/gabriel-vasile/mimetype"

	"icapd/internal/lenient"
	"icapd/internal/pattern"
)

// flatODF matches the root of an OpenDocument in one XML file, which names its own type.
var flatODF = pattern.MustCompile(`<[a-z]+:document\s[^>]*:mimetype="(application/vnd\.oasis\.opendocument\.[a-z]+)"`)

// Sniff returns the media type that the bytes show, without parameters and in lower case;
// "application/octet-stream" if they show none.
func Sniff(data []byte) string {
	if _, ok := lenient.RTF(data); ok {
		return "text/rtf"
	}
	if head := data[:min(len(data), 8192)]; bytes.Contains(head, []byte("vnd.oasis.opendocument")) {
		if m := flatODF.FindSubmatch(head); m != nil {
			return string(m[1]) + "-flat-xml"
		}
	}
	if t := SniffOfficeXML(data); t != "" {
		return t
	}
	t, _, _ := strings.Cut(mimetype.Detect(data).String(), ";")
	t = strings.ToLower(strings.TrimSpace(t))
	if t == "application/zip" || bytes.HasPrefix(data, []byte("PK")) && !strings.HasPrefix(t, "application/vnd.") {
		// What a book or a program for Java begins with, an office document may begin with too: readers look for its
		// parts by name.
		if p := SniffPackage(data); p != "application/zip" {
			return p
		}
	}
	return t
}

// IsPackage reports whether an archive that lists its entries ends the data, whatever is in front of it: that is what
// office programs look for.
func IsPackage(data []byte) bool {
	tail := data[max(0, len(data)-zipEndSize-1<<16):]
	return bytes.Contains(tail, []byte("PK\x05\x06")) && bytes.Contains(data, []byte("PK\x01\x02"))
}

// SniffPackage tells an office document from other archives by its directory: the first entries do not always show
// what it is.
func SniffPackage(data []byte) string {
	dir := lowerASCII(zipDirectory(data))
	dir = bytes.ReplaceAll(dir, []byte(`\`), []byte("/"))
	if bytes.Contains(dir, []byte("[content_types].xml")) {
		for _, f := range []struct{ folder, name string }{
			{"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
			{"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
			{"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
			{"visio/", "application/vnd.ms-visio.drawing.main+xml"},
		} {
			if bytes.Contains(dir, []byte(f.folder)) {
				return f.name
			}
		}
		return "application/zip"
	}
	if bytes.Contains(dir, []byte("meta-inf/manifest.xml")) && bytes.Contains(dir, []byte("content.xml")) {
		return "application/vnd.oasis.opendocument.text" // all kinds are written alike
	}
	return "application/zip"
}

// zipDirectory is where the names of an archive's entries are: its directory, or, where its end record does not lead
// there, all that may be it.
func zipDirectory(data []byte) []byte {
	const most = 1 << 20
	tail := data[max(0, len(data)-most):]
	if i := bytes.LastIndex(tail, []byte("PK\x05\x06")); i >= 0 && len(tail)-i >= zipEndSize {
		size := int64(binary.LittleEndian.Uint32(tail[i+12:]))
		if begin := int64(i) - size; begin >= 0 && bytes.HasPrefix(tail[begin:], []byte("PK\x01\x02")) {
			return tail[begin:i]
		}
	}
	if i := bytes.Index(tail, []byte("PK\x01\x02")); i >= 0 {
		return tail[i:]
	}
	return tail
}

// lowerASCII is a copy with the letters A to Z in lower case and all other bytes as they are: bytes.ToLower takes
// thirty times as long for bytes that are no text.
func lowerASCII(data []byte) []byte {
	low := bytes.Clone(data)
	for i, c := range low {
		if 'A' <= c && c <= 'Z' {
			low[i] = c + 'a' - 'A'
		}
	}
	return low
}

// The types of office documents in one XML file. They have no registered names.
const (
	TypeFlatOPC           = "application/x-flat-opc+xml"
	TypeWordML2003        = "application/x-wordml-2003+xml"
	TypeSpreadsheetML2003 = "application/x-spreadsheetml-2003+xml"
)

// Types that are told here where other names than their own stand in front of their elements, or where the namespace is
// written with references.
const (
	typeSVG   = "image/svg+xml"
	typeXHTML = "application/xhtml+xml"
)

// SniffOfficeXML returns which of these types, or whether SVG or a page of XHTML, XML is of, "" if it is of none: by the
// namespace of what may be its first element. UTF-16 is read as well.
func SniffOfficeXML(data []byte) string {
	const most = 8 << 10
	head := bytes.ReplaceAll(data[:min(len(data), most)], []byte{0}, nil)
	head = bytes.TrimLeft(bytes.TrimLeft(head, "\xef\xbb\xbf\xff\xfe"), " \t\r\n")
	if !bytes.HasPrefix(head, []byte("<")) {
		return ""
	}
	x := NewXML(head, 1)
	for {
		t, err := x.Next()
		if err != nil {
			return ""
		}
		if t.Kind != XMLStart {
			continue
		}
		for _, f := range []struct{ space, element, name string }{
			{"http://schemas.microsoft.com/office/2006/xmlPackage", "package", TypeFlatOPC},
			{"http://schemas.microsoft.com/office/word/2003/wordml", "wordDocument", TypeWordML2003},
			{"urn:schemas-microsoft-com:office:spreadsheet", "Workbook", TypeSpreadsheetML2003},
			{"http://www.w3.org/2000/svg", "svg", typeSVG},
			{"http://www.w3.org/1999/xhtml", "html", typeXHTML},
		} {
			if t.Local() == f.element && (bytes.Contains(head[t.Start:t.End], []byte(f.space)) || namespace(&t) == f.space) {
				return f.name
			}
		}
		return ""
	}
}

// namespace returns the namespace that an element declares for itself, with references resolved.
func namespace(t *XMLToken) string {
	name := "xmlns"
	if p := t.Prefix(); p != "" {
		name += ":" + p
	}
	space, _ := t.Attr(name)
	return strings.TrimSpace(space)
}
