package rtf

import (
	"bytes"
	"encoding/hex"

	"icapd/internal/pattern"
)

// emptyStore reports whether a \datastore group holds nothing. Word writes one into every document: an OLE object of
// the XML reader's class, around a compound file in which there is no stream. One that says anything is not empty.
func emptyStore(group []byte) bool {
	_, digits, ok := bytes.Cut(group, []byte(`\datastore`))
	if !ok || len(digits) > 8<<10 {
		return false
	}
	digits = bytes.Join(bytes.Fields(bytes.TrimSuffix(digits, []byte("}"))), nil)
	data := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(data, digits); err != nil {
		return false
	}
	head := storeHead.FindIndex(data)
	if head == nil || len(data) > 2048 {
		return false
	}
	body := data[head[1]:]
	body = bytes.ReplaceAll(body, []byte("R\x00o\x00o\x00t\x00 \x00E\x00n\x00t\x00r\x00y\x00"), nil)
	return !storeText.Match(body)
}

var (
	storeHead = pattern.MustCompile(`^(?s:\x01\x05\x00\x00\x02\x00\x00\x00\x18\x00\x00\x00Msxml2\.SAXXMLReader\.[0-9]\.0\x00.{12})`)
	storeText = pattern.MustCompile(`[ -~]{4}|(?:[ -~]\x00){3}`)
)
