package kit

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// DecodeText returns text as bytes in which markup and line ends are what they are in ASCII, and the way back. UTF-16
// is known by its byte order mark; text in one-byte encodings and UTF-8 stays as it is. Half a character is Corrupt.
func DecodeText(data []byte) (text []byte, back func([]byte) []byte, err error) {
	var order binary.AppendByteOrder
	var read binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order, read = binary.LittleEndian, binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order, read = binary.BigEndian, binary.BigEndian
	default:
		return data, func(b []byte) []byte { return b }, nil
	}
	if len(data)%2 != 0 {
		return nil, nil, Corrupt("UTF-16 of an odd number of bytes")
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i < len(data); i += 2 {
		units = append(units, read.Uint16(data[i:]))
	}
	text = make([]byte, 0, len(units))
	for _, r := range utf16.Decode(units) {
		if r == utf8.RuneError {
			return nil, nil, Corrupt("UTF-16 with half a character")
		}
		text = utf8.AppendRune(text, r)
	}
	return text, func(b []byte) []byte {
		out := order.AppendUint16(make([]byte, 0, 2*len(b)+2), 0xfeff)
		for _, u := range utf16.Encode([]rune(string(b))) {
			out = order.AppendUint16(out, u)
		}
		return out
	}, nil
}
