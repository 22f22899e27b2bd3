package kit

import (
	"bytes"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// Sniff returns the media type that the bytes show, without parameters and in lower case;
// "application/octet-stream" if they show none.
func Sniff(data []byte) string {
	if bytes.HasPrefix(data, []byte("{\\rt")) { // readers ask for no more than this
		return "text/rtf"
	}
	t, _, _ := strings.Cut(mimetype.Detect(data).String(), ";")
	return strings.ToLower(strings.TrimSpace(t))
}
