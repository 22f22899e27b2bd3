package sanitize

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"unicode/utf8"
)

const (
	// maxRounds bounds how often the layers are taken off one after the other.
	maxRounds = 4

	// maxPacked bounds what a whole value may hold in base64 or hex and still be looked into, in bytes: a
	// payload for a sink is short, and what is longer is a file, which package content opens.
	maxPacked = 4 << 10

	// minPacked is the shortest base64 or hex worth the look, minUnpadded the shortest base64 without padding; below
	// minSure, what could be a word or a name is none.
	minPacked   = 8
	minUnpadded = 8
	minSure     = 16
)

// layer takes one kind of wrapping off.
type layer struct {
	name string // as findings show it

	// wants tells by the kinds of bytes that occur whether decode could do anything.
	wants byteKind

	// mark is a byte of which each has to be looked at, 0 if all have.
	mark byte

	// peel is the work of taking it off, for each byte of the value that it changes.
	peel int

	// decode appends the value without the layer to dst, which has nothing else, and reports whether that changed anything,
	// and to e where. e may be nil.
	decode func(dst, src []byte, e *edits) ([]byte, bool)

	// rests tells of text beyond ASCII that decode would not change it.
	rests func(*survey) bool
}

// called reports whether bytes of these kinds call for the layer.
func (y *layer) called(kinds byteKind) bool {
	return kinds&y.wants != 0 && (y.name != "form" || kinds&kindUnpackable != 0) // + is a digit of base64
}

// layers are in the order in which consumers usually take them off: transport, page, script, character set.
var layers = []layer{
	{"url", kindPercent, '%', 1, decodeURL, nil},
	{"html", kindAmpersand, '&', 8, decodeEntities, nil},
	{"escape", kindBackslash, '\\', 4, decodeEscapes, nil},
	{"utf-7", kindPlus, '+', 5, decodeUTF7, nil},
	{"overlong", kindHigh, 0, 3, decodeOverlong, func(v *survey) bool { return v.valid }},
	{"tags", kindHigh, 0, 2, decodeTags, func(v *survey) bool { return !v.tags }},
	{"invisible", kindHigh | kindControl, 0, 3, stripInvisible, func(v *survey) bool { return v.visible }},
	{"compatibility", kindHigh, 0, 3, decodeCompatibility, func(v *survey) bool { return v.settled || !v.valid }},
	{"lookup", kindDollar, '$', 8, decodeLookups, nil},
	{"concatenation", kindQuote, 0, 4, joinLiterals, nil},
	{"form", kindPlus, '+', 1, decodeForm, nil},
}

// decodeForm turns + into the space that it is in forms and queries, in a value that has no other space.
func decodeForm(dst, src []byte, e *edits) ([]byte, bool) {
	if bytes.IndexByte(src, ' ') >= 0 {
		return dst, false
	}
	changed := false
	for _, c := range src {
		switch {
		case isBlank(c):
			return dst, false
		case c == '+':
			e.at(len(dst))
			c, changed = ' ', true
		}
		dst = append(dst, c)
	}
	return dst, changed
}

// joinLiterals joins string literals that a program would put together: 'al'+'ert', "a" . "b", 'a'||'b', "a"&"b".
func joinLiterals(dst, src []byte, e *edits) ([]byte, bool) {
	changed := false
	first := 0
	for ; ; first++ {
		for first < len(src) && !quotes[src[first]] {
			first++
		}
		if first == len(src) {
			return dst, false
		}
		if first > 0 && isWord(src[first-1]) && joint(src[first:]) > 0 {
			break
		}
	}
	dst = append(dst, src[:first]...)
	for i := first; i < len(src); {
		if isQuote(src[i]) {
			if n := joint(src[i:]); n > 0 && i > 0 && isWord(src[i-1]) {
				e.at(len(dst))
				i += n
				changed = true
				continue
			}
		}
		dst = append(dst, src[i])
		i++
	}
	return dst, changed
}

// quotes is isQuote, for who asks about every byte.
var quotes = [256]bool{'\'': true, '"': true, '`': true}

func isQuote(c byte) bool { return c == '\'' || c == '"' || c == '`' }

// joint returns the length of a closing quote, an operator that joins strings, and an opening quote.
func joint(s []byte) int {
	i := 1
	for i < len(s) && i < 8 && isBlank(s[i]) {
		i++
	}
	switch {
	case i < len(s) && (s[i] == '+' || s[i] == '.' || s[i] == '&'):
		i++
	case i+1 < len(s) && s[i] == '|' && s[i+1] == '|':
		i += 2
	default:
		return 0
	}
	for i < len(s) && i < 12 && isBlank(s[i]) {
		i++
	}
	if i+1 < len(s) && s[i] == s[0] && isWord(s[i+1]) {
		return i + 1
	}
	return 0
}

// decodeURL resolves %XX and the %uXXXX of old Microsoft software.
func decodeURL(dst, src []byte, e *edits) ([]byte, bool) {
	changed := false
	for i := 0; i < len(src); {
		if src[i] != '%' {
			j := bytes.IndexByte(src[i:], '%')
			if j < 0 {
				j = len(src) - i
			}
			dst = append(dst, src[i:i+j]...)
			i += j
			continue
		}
		if i+2 < len(src) && unhex(src[i+1]) < 16 && unhex(src[i+2]) < 16 {
			e.at(len(dst))
			dst = append(dst, unhex(src[i+1])<<4|unhex(src[i+2]))
			i += 3
			changed = true
			continue
		}
		if i+5 < len(src) && src[i+1]|0x20 == 'u' {
			if r, ok := hexRune(src[i+2 : i+6]); ok {
				e.at(len(dst))
				dst = utf8.AppendRune(dst, r)
				i += 6
				changed = true
				continue
			}
		}
		dst = append(dst, '%')
		i++
	}
	return dst, changed
}

// unhex returns the value of a hex digit, 255 for anything else.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}

// hexRune reads hex digits, at most eight, as a code point.
func hexRune(digits []byte) (rune, bool) {
	var n uint32
	for _, c := range digits {
		d := unhex(c)
		if d > 15 {
			return 0, false
		}
		n = n<<4 | uint32(d)
	}
	if len(digits) == 0 || n > utf8.MaxRune {
		return 0, false
	}
	return rune(n), true
}

// decodeEscapes resolves the escapes of JavaScript, C, JSON and Python: \uXXXX, \u{X}, \xXX, \UXXXXXXXX, octal,
// \n, \r, \t and quotes.
func decodeEscapes(dst, src []byte, e *edits) ([]byte, bool) {
	changed := false
	for i := 0; i < len(src); {
		if src[i] != '\\' || i+1 == len(src) {
			j := bytes.IndexByte(src[i+1:], '\\') + 1
			if j == 0 {
				j = len(src) - i
			}
			dst = append(dst, src[i:i+j]...)
			i += j
			continue
		}
		n, r := escape(src[i:])
		if n == 0 {
			dst = append(dst, '\\')
			i++
			continue
		}
		e.at(len(dst))
		if src[i+1] == 'x' && r >= 0x80 {
			dst = append(dst, byte(r)) //nolint:gosec // \x has two digits; bytes of UTF-8 come one by one
		} else {
			dst = utf8.AppendRune(dst, r)
		}
		i += n
		changed = true
	}
	return dst, changed
}

// escape reads the escape at the start of s and returns its length, 0 if there is none.
func escape(s []byte) (n int, r rune) {
	fixed := func(digits int) (int, rune) {
		if len(s) >= 2+digits {
			if r, ok := hexRune(s[2 : 2+digits]); ok {
				return 2 + digits, r
			}
		}
		return 0, 0
	}
	switch c := s[1]; c {
	case 'n':
		return 2, '\n'
	case 'r':
		return 2, '\r'
	case 't':
		return 2, '\t'
	case '\'', '"', '/', '\\', '`':
		return 2, rune(c)
	case 'x':
		return fixed(2)
	case 'U':
		return fixed(8)
	case 'u':
		if len(s) > 3 && s[2] == '{' {
			if end := bytes.IndexByte(s[:min(len(s), 12)], '}'); end > 3 {
				if r, ok := hexRune(s[3:end]); ok {
					return end + 1, r
				}
			}
		}
		return fixed(4)
	}
	if len(s) >= 4 && '0' <= s[1] && s[1] <= '3' && isOctal(s[2]) && isOctal(s[3]) {
		return 4, rune(s[1]-'0')<<6 | rune(s[2]-'0')<<3 | rune(s[3]-'0')
	}
	if s[1] == '0' {
		return 2, 0
	}
	return 0, 0
}

func isOctal(c byte) bool { return '0' <= c && c <= '7' }

// decodeOverlong replaces bytes that are no UTF-8 but stand for an ASCII character in a decoder that takes
// overlong forms (and, like old IIS, their broken cousins), RFC 3629 section 10.
func decodeOverlong(dst, src []byte, e *edits) ([]byte, bool) {
	if utf8.Valid(src) {
		return dst, false
	}
	changed := false
	for i := 0; i < len(src); {
		n, c := overlong(src[i:])
		if n == 0 {
			dst = append(dst, src[i])
			i++
			continue
		}
		e.at(len(dst))
		dst = append(dst, c)
		i += n
		changed = true
	}
	return dst, changed
}

func overlong(s []byte) (n int, c byte) {
	var lead int // bytes before the last two that carry nothing
	switch s[0] {
	case 0xBC, 0xBE, 0xA2: // ASCII with the eighth bit set
		if len(s) > 1 && (isLetter(s[1]) || s[1] == '/') {
			return 1, s[0] & 0x7F
		}
		return 0, 0
	case 0xC0, 0xC1:
		if len(s) < 2 {
			return 0, 0
		}
		return 2, (s[0]&1)<<6 | s[1]&0x3F
	case 0xE0:
		lead = 1
	case 0xF0:
		lead = 2
	case 0xF8:
		lead = 3
	case 0xFC:
		lead = 4
	default:
		return 0, 0
	}
	if len(s) < lead+2 {
		return 0, 0
	}
	for _, b := range s[1:lead] {
		if b != 0x80 {
			return 0, 0
		}
	}
	high, low := s[lead], s[lead+1]
	if high&0xFE != 0x80 || low&0xC0 != 0x80 {
		return 0, 0
	}
	return lead + 2, (high&1)<<6 | low&0x3F
}

// decodeTags turns the invisible tag characters into the ASCII that they shadow: what a language model reads.
func decodeTags(dst, src []byte, e *edits) ([]byte, bool) {
	const lead = "\xF3\xA0" // U+E0000 to U+E0FFF
	if !bytes.Contains(src, []byte(lead)) {
		return dst, false
	}
	changed := false
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if 0xE0020 <= r && r <= 0xE007E {
			e.at(len(dst))
			dst = append(dst, byte(r-0xE0000))
			changed = true
		} else {
			dst = append(dst, src[i:i+n]...)
		}
		i += n
	}
	return dst, changed
}

// stripInvisible removes characters that a reader does not see and a filter trips over: NUL and other controls,
// zero-width and bidirectional ones, soft hyphens, variation selectors.
func stripInvisible(dst, src []byte, e *edits) ([]byte, bool) {
	changed := false
	first := visiblePrefix(src)
	if first == len(src) {
		return dst, false
	}
	dst = append(dst, src[:first]...)
	for i := first; i < len(src); {
		c := src[i]
		if c < utf8.RuneSelf {
			if (c >= ' ' || c == '\t' || c == '\n' || c == '\r') && c != 0x7F {
				dst = append(dst, c)
			} else {
				e.at(len(dst))
				changed = true
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(src[i:])
		if invisible(r) {
			e.at(len(dst))
			changed = true
		} else {
			dst = append(dst, src[i:i+n]...)
		}
		i += n
	}
	return dst, changed
}

// visiblePrefix returns how much of s has nothing for stripInvisible to do.
func visiblePrefix(s []byte) int {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7F {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		if invisible(r) {
			return i
		}
		i += n
	}
	return len(s)
}

// invisible reports whether the character has no form of its own.
func invisible(r rune) bool {
	switch {
	case r < 0xAD:
		return false
	case r == 0xAD, r == 0x34F, r == 0x61C, r == 0x115F, r == 0x1160, r == 0x17B4, r == 0x17B5, r == 0x3164, r == 0xFEFF, r == 0xFFA0:
		return true
	case 0x180B <= r && r <= 0x180F, 0x200B <= r && r <= 0x200F, 0x202A <= r && r <= 0x202E, 0x2060 <= r && r <= 0x206F:
		return true
	case 0xFE00 <= r && r <= 0xFE0F, 0xFFF9 <= r && r <= 0xFFFB, 0xE0000 <= r && r <= 0xE0FFF:
		return true
	}
	return false
}

// decodePacked looks into a value that is nothing but base64 or hex of printable text. Alphabet and padding are
// those of RFC 4648; line breaks are allowed.
func decodePacked(dst, src []byte) (out []byte, name string) {
	src = bytes.TrimSpace(src)
	if len(src) < minPacked || len(src) > maxPacked*2 {
		return dst, ""
	}
	if out, ok := decodeHex(dst, src); ok {
		return out, "hex"
	}
	out, ok := decodeBase64(dst, src)
	if ok {
		return out, "base64"
	}
	return out, "" // with the room that the attempt took: most words are one
}

func decodeHex(dst, src []byte) ([]byte, bool) {
	src = bytes.TrimPrefix(src, []byte("0x"))
	if len(src)%2 != 0 || len(src) < 2*minPacked {
		return dst, false
	}
	for i := 0; i+1 < len(src); i += 2 { // the first byte that cannot be ends it: digests cost nothing
		h, l := unhex(src[i]), unhex(src[i+1])
		if h > 15 || l > 15 || !printable(h<<4|l) {
			return dst, false
		}
	}
	out, err := hex.AppendDecode(dst, src)
	if err != nil || !utf8.Valid(out[len(dst):]) { // one digest in ten has no byte that cannot be
		return dst, false
	}
	return out, true
}

// base64Value maps both alphabets; 255 elsewhere.
var base64Value = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := range byte(64) {
		t["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[i]] = i
	}
	t['-'], t['_'] = 62, 63
	return t
}()

func decodeBase64(dst, src []byte) ([]byte, bool) {
	text := bytes.TrimRight(src, "=")
	if len(src) == len(text) && len(src) < minUnpadded || len(src)-len(text) > 2 || base64.RawStdEncoding.DecodedLen(len(text)) > maxPacked {
		return dst, false
	}
	if len(src) == len(text) && len(text) < minSure && oneWord(text) {
		return dst, false
	}
	start := len(dst)
	var acc uint32
	bits, high := 0, 0
	for _, c := range text {
		if c == '\n' || c == '\r' {
			continue
		}
		v := base64Value[c]
		if v > 63 {
			return dst[:start], false
		}
		acc = acc<<6 | uint32(v)
		if bits += 6; bits < 8 {
			continue
		}
		bits -= 8
		b := byte(acc >> bits) //nolint:gosec // the low eight bits are meant
		if !printable(b) {
			return dst[:start], false
		}
		if b >= 0x80 {
			high++
		}
		dst = append(dst, b)
	}
	// Left-over bits that are not zero, or an odd character, mean that this was a word and no base64.
	if bits >= 6 || acc&(1<<bits-1) != 0 || !utf8.Valid(dst[start:]) || high > (len(dst)-start)/2 {
		return dst[:start], false
	}
	return dst, true
}

// oneWord reports whether the text is written as a word or a name is: letters, in lower case behind the first.
func oneWord(text []byte) bool {
	for _, c := range text[1:] {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return isLetter(text[0])
}

// printable reports whether the byte occurs in text: UTF-8, tab, line breaks, and the NUL of payloads.
func printable(b byte) bool {
	return b >= ' ' && b != 0x7F || b == '\n' || b == '\r' || b == '\t' || b == 0
}
