package sanitize

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// folds are characters that software maps to ASCII although Unicode's compatibility forms do not: the best-fit
// tables of Windows code pages, and look-alike quotes and slashes.
var folds = map[rune]byte{
	0x2018: '\'', 0x2019: '\'', 0x201A: '\'', 0x201B: '\'', 0x2032: '\'', 0x02B9: '\'', 0x02BC: '\'', 0x02C8: '\'',
	0x201C: '"', 0x201D: '"', 0x201E: '"', 0x2033: '"', 0x02BA: '"',
	0x2039: '<', 0x203A: '>', 0x2329: '<', 0x232A: '>', 0x3008: '<', 0x3009: '>', 0x276E: '<', 0x276F: '>',
	0xBC: '<', 0xBE: '>', // the letters of US-ASCII with the eighth bit set
	0x2044: '/', 0x2215: '/', 0x29F8: '/', 0x2571: '/', 0x2216: '\\', 0x29F5: '\\', 0x29F9: '\\', 0x20E5: '\\',
	0x2236: ':', 0x05C3: ':', 0x0589: ':', 0x204E: '*', 0x2217: '*', 0x223C: '~', 0x2223: '|', 0x01C0: '|',
	0xEFC8: '/', 0xF025: '\\',
}

// maxCompatibility bounds the growth by compatibility decomposition: one ligature can become 33 bytes.
const maxCompatibility = 3

// decodeCompatibility folds full-width and other compatibility forms (NFKC, Unicode annex 15) and look-alikes of
// ASCII punctuation.
func decodeCompatibility(dst, src []byte, e *edits) ([]byte, bool) {
	if !utf8.Valid(src) {
		return dst, false
	}
	known := settled(src)
	if known == len(src) {
		return dst, false
	}
	if out, ok := narrowed(dst, src, known, e); ok {
		return out, true
	}
	e.everywhere()
	return composed(dst, src, known)
}

// composed is decodeCompatibility for text in which characters combine.
func composed(dst, src []byte, known int) ([]byte, bool) {
	start := len(dst)
	facts := runeFacts()
	folded := false
	first := known
	for first < len(src) {
		if src[first] < utf8.RuneSelf {
			first++
			continue
		}
		r, n := utf8.DecodeRune(src[first:])
		if facts.fact(r)&factSettled == 0 {
			if _, ok := folds[r]; ok {
				break
			}
		}
		first += n
	}
	if first == len(src) && norm.NFKC.IsNormal(src) {
		return dst, false
	}
	dst = append(dst, src[:first]...)
	for i := first; i < len(src); {
		if src[i] < utf8.RuneSelf {
			dst = append(dst, src[i])
			i++
			continue
		}
		r, n := utf8.DecodeRune(src[i:])
		c, ok := byte(0), false
		if facts.fact(r)&factSettled == 0 {
			c, ok = folds[r]
		}
		if ok {
			dst = append(dst, c)
			folded = true
		} else {
			dst = append(dst, src[i:i+n]...)
		}
		i += n
	}
	if norm.NFKC.IsNormal(dst[start:]) {
		return dst, folded
	}
	end := len(dst)
	dst = norm.NFKC.Append(dst, dst[start:]...) // behind what it reads
	if len(dst)-end > maxCompatibility*len(src)+64 {
		return dst[:end], folded
	}
	return append(dst[:start], dst[end:]...), true
}

// narrowed is decodeCompatibility for text of which each character becomes what it becomes by itself. Up to known there is
// nothing to change.
func narrowed(dst, src []byte, known int, e *edits) ([]byte, bool) {
	facts := runeFacts()
	out := append(dst, src[:known]...)
	marked := true // a mark may not stand here
	for i := known; i < len(src); {
		if src[i] < utf8.RuneSelf {
			out = append(out, src[i])
			i++
			marked = false
			continue
		}
		r, n := utf8.DecodeRune(src[i:])
		f := facts.fact(r)
		switch {
		case 0xFF01 <= r && r <= 0xFF5E:
			e.at(len(out))
			out = append(out, byte(r-0xFEE0))
		case f&factFolded != 0:
			e.at(len(out))
			out = append(out, facts.fold(r)...)
		case f&factSettled != 0, f&factMark != 0 && !marked:
			out = append(out, src[i:i+n]...)
		default:
			return dst, false
		}
		marked = f&factMark != 0
		i += n
	}
	if len(out)-len(dst) > maxCompatibility*len(src)+64 {
		return dst, false
	}
	return out, true
}

// decodeUTF7 resolves the runs of RFC 2152 ("+ADw-"), which old mail and page code reads as markup.
func decodeUTF7(dst, src []byte, e *edits) ([]byte, bool) {
	if !bytes.Contains(src, []byte("+A")) {
		return dst, false
	}
	changed := false
	failed := 0 // no run begins before this: it would be inside one that is none
	for i := 0; i < len(src); {
		if src[i] != '+' || i+4 > len(src) || src[i+1] != 'A' || i < failed {
			dst = append(dst, src[i])
			i++
			continue
		}
		n, ok, from := 0, false, len(dst)
		if dst, n, ok = utf7Run(dst, src[i+1:]); !ok {
			failed = i + n
			dst = append(dst, '+')
			i++
			continue
		}
		e.at(from)
		e.at(len(dst))
		i += 1 + n
		changed = true
	}
	return dst, changed
}

// utf7Run decodes one run of modified base64, without its "+", and takes the "-" that may end it.
func utf7Run(dst, s []byte) ([]byte, int, bool) {
	var acc uint32
	bits, n := 0, 0
	var units []uint16
	for n < len(s) && n < 1024 {
		v := base64Value[s[n]]
		if v > 63 || s[n] == '-' || s[n] == '_' {
			break
		}
		acc = acc<<6 | uint32(v)
		n++
		if bits += 6; bits >= 16 {
			bits -= 16
			units = append(units, uint16(acc>>bits)) //nolint:gosec // the low sixteen bits are meant
		}
	}
	if len(units) == 0 {
		return dst, n, false
	}
	text := utf16.Decode(units)
	for _, r := range text {
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' || r >= 0x80 {
			return dst, n, false
		}
	}
	for _, r := range text {
		dst = utf8.AppendRune(dst, r)
	}
	if n < len(s) && s[n] == '-' {
		n++
	}
	return dst, n, true
}

// decodeLookups resolves the nested lookups of Log4j that write single characters: ${lower:J}, ${::-n},
// ${env:X:-d}, ${date:'i'}. The innermost ones first; the rounds of the views do the rest.
func decodeLookups(dst, src []byte, e *edits) ([]byte, bool) {
	changed := false
	from, end := 0, -1 // dst has what is before from; the next brace closes at end
	for i := 0; i+3 < len(src); {
		next := bytes.IndexByte(src[i:], '$')
		if next < 0 {
			break
		}
		if i += next; end < i {
			if end = bytes.IndexByte(src[i:], '}'); end < 0 {
				break
			}
			end += i
		}
		if i+3 < len(src) && src[i+1] == '{' && end-i < maxLookup {
			if value, ok := lookup(src[i+2 : end]); ok {
				dst = append(dst, src[from:i]...)
				e.at(len(dst))
				dst = append(dst, value...)
				i = end + 1
				from, changed = i, true
				continue
			}
		}
		i++
	}
	if !changed {
		return dst, false
	}
	return append(dst, src[from:]...), true
}

// maxLookup bounds a lookup, in bytes.
const maxLookup = 96

// lookup reads the inside of an innermost lookup that yields literal text.
func lookup(body []byte) (value []byte, ok bool) {
	if bytes.IndexByte(body, '{') >= 0 {
		return nil, false
	}
	if _, fallback, found := bytes.Cut(body, []byte(":-")); found {
		return fallback, true
	}
	name, rest, found := bytes.Cut(body, []byte(":"))
	if !found || len(rest) == 0 || len(rest) > 16 {
		return nil, false
	}
	switch string(bytes.ToLower(name)) {
	case "lower", "upper":
		return bytes.ToLower(rest), true
	case "date":
		if len(rest) > 2 && rest[0] == '\'' && rest[len(rest)-1] == '\'' {
			return rest[1 : len(rest)-1], true
		}
	}
	return nil, false
}
