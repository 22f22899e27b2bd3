package markup

import (
	"bytes"
	"encoding/base64"
	"unicode/utf16"

	"icapd/internal/pattern"
)

// seven matches where a page says that it is in UTF-7 (RFC 2152).
var seven = pattern.MustCompile(`(?i)((?:charset|encoding)\s*=\s*["']?\s*)(?:x-)?(?:utf-?7|unicode-(?:1-1|2-0)-utf-7|csunicode11utf7)\b`)

// fromUTF7 returns a page that says that it is in UTF-7 in UTF-8, and whether it was one. In UTF-7 markup can be spelled without
// a sign of markup; old browsers and mail programs read it, and new ones do not. The page says UTF-8 then, and all find the same.
func fromUTF7(page []byte) ([]byte, bool) {
	head := page[:min(len(page), 8<<10)]
	marked := bytes.HasPrefix(head, []byte("+/v")) && len(head) > 4 && bytes.IndexByte([]byte("89+/"), head[3]) >= 0
	if !marked && !seven.Match(head) {
		return page, false
	}
	out := make([]byte, 0, len(page))
	for i := 0; i < len(page); i++ {
		if page[i] != '+' {
			out = append(out, page[i])
			continue
		}
		end := i + 1
		for end < len(page) && base64Digit(page[end]) {
			end++
		}
		switch {
		case end == i+1 && end < len(page) && page[end] == '-': // "+-" is a plus
			out = append(out, '+')
			i = end
		case end == i+1:
			out = append(out, '+')
		default:
			out = append(out, units(page[i+1:end])...)
			if i = end - 1; end < len(page) && page[end] == '-' {
				i = end
			}
		}
	}
	out = bytes.TrimPrefix(out, []byte("\ufeff"))
	return seven.ReplaceAll(out, []byte("${1}utf-8")), true
}

func base64Digit(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}

// units decodes a shifted sequence: UTF-16 in base64 without padding.
func units(digits []byte) string {
	if len(digits)%4 == 1 { // a digit that says nothing
		digits = digits[:len(digits)-1]
	}
	raw := make([]byte, base64.RawStdEncoding.DecodedLen(len(digits)))
	n, _ := base64.RawStdEncoding.Decode(raw, digits) // bits that are left over do not matter
	list := make([]uint16, 0, n/2)
	for i := 0; i+1 < n; i += 2 {
		list = append(list, uint16(raw[i])<<8|uint16(raw[i+1]))
	}
	return string(utf16.Decode(list))
}
