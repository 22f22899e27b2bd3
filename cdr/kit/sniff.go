package kit

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// flatODF matches the root of an OpenDocument in one XML file, which names its own type.
var flatODF = regexp.MustCompile(`<[a-z]+:document\s[^>]*:mimetype="(application/vnd\.oasis\.opendocument\.[a-z]+)"`)

// Sniff returns the media type that the bytes show, without parameters and in lower case;
// "application/octet-stream" if they show none.
func Sniff(data []byte) string {
	if bytes.HasPrefix(data, []byte("{\\rt")) { // readers ask for no more than this
		return "text/rtf"
	}
	if m := flatODF.FindSubmatch(data[:min(len(data), 8192)]); m != nil {
		return string(m[1]) + "-flat-xml"
	}
	if t := SniffOfficeXML(data); t != "" {
		return t
	}
	t, _, _ := strings.Cut(mimetype.Detect(data).String(), ";")
	t = strings.ToLower(strings.TrimSpace(t))
	if t == "application/zip" || bytes.HasPrefix(data, []byte("PK")) && !strings.HasPrefix(t, "application/vnd.") {
		// What a book or a program for Java begins with, an office document may begin with too: readers look for its
		// parts by name.
		if p := sniffPackage(data); p != "application/zip" {
			return p
		}
	}
	return t
}

// sniffPackage tells an office document from other archives by its directory: the first entries do not always show
// what it is.
func sniffPackage(data []byte) string {
	const most = 1 << 20
	dir := bytes.ToLower(data[max(0, len(data)-most):])
	if i := bytes.Index(dir, []byte("pk\x01\x02")); i >= 0 { // in lower case
		dir = dir[i:]
	}
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

// The types of office documents in one XML file. They have no registered names.
const (
	TypeFlatOPC           = "application/x-flat-opc+xml"
	TypeWordML2003        = "application/x-wordml-2003+xml"
	TypeSpreadsheetML2003 = "application/x-spreadsheetml-2003+xml"
)

// SniffOfficeXML returns which of these types XML is of, "" if it is of none: by the namespace of what may be its first
// element. UTF-16 is read as well.
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
		} {
			if t.Local() == f.element && bytes.Contains(head[t.Start:t.End], []byte(f.space)) {
				return f.name
			}
		}
		return ""
	}
}
