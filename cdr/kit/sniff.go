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
	t, _, _ := strings.Cut(mimetype.Detect(data).String(), ";")
	return strings.ToLower(strings.TrimSpace(t))
}
