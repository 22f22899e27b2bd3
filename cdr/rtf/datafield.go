package rtf

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"unicode/utf16"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// plainDataField reports whether a \datafield group is one of the two that Word writes into fields, with nothing in it
// that the field does not say itself: the link of a hyperlink, and a form field that names no macro.
func plainDataField(group []byte) bool {
	m := dataField.FindSubmatch(group)
	if m == nil || len(m[1]) > 16<<10 {
		return false
	}
	digits := bytes.Join(bytes.Fields(m[1]), nil)
	data := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(data, digits); err != nil {
		return false
	}
	return plainLink(data) || plainForm(data)
}

var dataField = pattern.MustCompile(`^\{\\\*\\datafield[ \r\n]?([0-9A-Fa-f\s]*)\}$`)

// Parts of a hyperlink object ([MS-OSHARED] 2.3.7.1).
const (
	classLink   = "\xd0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\x00\xaa\x00\x4b\xa9\x0b"
	classURL    = "\xe0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\x00\xaa\x00\x4b\xa9\x0b"
	classSerial = "\x79\x58\x81\xf4\x3b\x1d\x7f\x48\xaf\x2c\x82\x5d\xc4\x85\x27\x63"

	linkAddress  = 3 // a moniker, absolute
	linkLocation = 8 // a place in the document
)

// plainLink reports whether bytes are a link that people may follow, and nothing else.
func plainLink(data []byte) bool {
	const head = 1 + len(classLink) + 8 // flags of the field, class, version, flags of the link
	le := binary.LittleEndian
	if len(data) < head+4 || data[0]&^0x08 != 0 || string(data[1:1+len(classLink)]) != classLink || le.Uint32(data[head-8:]) != 2 {
		return false
	}
	rest := data[head:]
	switch le.Uint32(data[head-4:]) {
	case linkLocation: // how many letters, and these
		n := int64(le.Uint32(rest))
		place, ok := wideText(rest[4:])
		return ok && 2*n == int64(len(rest)-4) && kit.SafeLink("#"+place)
	case linkAddress: // class, how many bytes, letters, and at times how they are to be read
		rest, ok := bytes.CutPrefix(rest, []byte(classURL))
		if !ok || len(rest) < 4 || int64(le.Uint32(rest)) != int64(len(rest)-4) {
			return false
		}
		rest = rest[4:]
		if n := len(rest) - len(classSerial) - 8; n > 0 && string(rest[n:n+len(classSerial)]) == classSerial {
			rest = rest[:n]
		}
		address, ok := wideText(rest)
		return ok && kit.SafeLink(address)
	}
	return false
}

// wideText reads text in UTF-16 with one zero behind it.
func wideText(b []byte) (string, bool) {
	if len(b) < 2 || len(b)%2 != 0 {
		return "", false
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
		if (units[i] == 0) != (i == len(units)-1) {
			return "", false
		}
	}
	return string(utf16.Decode(units[:len(units)-1])), true
}

// plainForm reports whether bytes are what a form field is besides its result: numbers, and texts with their lengths
// in front and a zero behind, of which the last two would be the names of macros.
func plainForm(data []byte) bool {
	const numbers, texts = 8, 7                                      // name, default, format, help, status, and the macros of entry and exit
	if len(data) < numbers || data[2]|data[3]|data[6]|data[7] != 0 { // bits, longest text, size of a box
		return false
	}
	rest := data[numbers:]
	count := 0
	for empty := 0; len(rest) > 0; count++ {
		n := int(rest[0])
		if len(rest) < n+2 || rest[n+1] != 0 || bytes.IndexByte(rest[1:n+1], 0) >= 0 {
			return false
		}
		if empty++; n > 0 {
			empty = 0
		}
		rest = rest[n+2:]
		if len(rest) == 0 {
			return count+1 >= texts && empty >= 2
		}
	}
	return false
}
