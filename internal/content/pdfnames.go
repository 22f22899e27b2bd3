package content

import (
	"bytes"
	"fmt"
	"strings"
)

// Names in PDF, of which any letter may be written as its number (ISO 32000-2, section 7.3.5).

// eitherWay is an expression for a name, of which each letter may be escaped.
func eitherWay(name string) string {
	var b strings.Builder
	for i := range len(name) {
		fmt.Fprintf(&b, "(?:%c|#%02x)", name[i], name[i])
	}
	return b.String()
}

// longestName is how many bytes in front of an escape are looked at to find what begins the name.
const longestName = 32

// escapedName reports whether a name has an escaped letter, which no writer makes.
func escapedName(data []byte) bool {
	for pos := 0; ; {
		i := bytes.IndexByte(data[pos:], '#')
		if i < 0 || pos+i+2 >= len(data) {
			return false
		}
		pos += i + 1
		c, ok := nameEscape(data[pos:])
		if !ok || c|0x20 < 'a' || c|0x20 > 'z' {
			continue
		}
		for at := pos - 2; at >= max(0, pos-longestName); at-- {
			if data[at] == '/' {
				return true
			}
			if !isIdent(data[at]) && data[at] != '#' {
				break
			}
		}
	}
}

// nameEscape decodes the digits behind a sign.
func nameEscape(p []byte) (byte, bool) {
	if len(p) < 2 || unhex(p[0]) > 15 || unhex(p[1]) > 15 {
		return 0, false
	}
	return unhex(p[0])<<4 | unhex(p[1]), true
}

// plainNames undoes the escapes in names.
func plainNames(dict []byte) []byte {
	if bytes.IndexByte(dict, '#') < 0 {
		return dict
	}
	out := make([]byte, 0, len(dict))
	for i := 0; i < len(dict); i++ {
		c := dict[i]
		if v, ok := nameEscape(dict[i+1:]); ok && c == '#' {
			c = v
			i += 2
		}
		out = append(out, c)
	}
	return out
}
