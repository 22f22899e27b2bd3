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
	out, changed := narrowed(dst, src, known, e)
	if len(out)-len(dst) > maxCompatibility*len(src)+64 {
		e.everywhere()
		return asASCII(dst, src)
	}
	return out, changed
}

// asASCII replaces the look-alikes of ASCII and nothing else.
func asASCII(dst, src []byte) (out []byte, changed bool) {
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if c, ok := folds[r]; ok {
			dst = append(dst, c)
			changed = true
		} else {
			dst = append(dst, src[i:i+n]...)
		}
		i += n
	}
	return dst, changed
}

// narrowed is decodeCompatibility for valid UTF-8 in which there is nothing to change up to known. Most characters become
// what they become by themselves. Those that combine are composed together with what they stand behind.
func narrowed(dst, src []byte, known int, e *edits) (out []byte, changed bool) {
	facts := runeFacts()
	i := known // the next character may combine with what stands before it
	for i > 0 {
		r, n := utf8.DecodeLastRune(src[:i])
		if i -= n; r < utf8.RuneSelf || facts.fact(r)&factSettled != 0 {
			break
		}
	}
	out = append(dst, src[:i]...)
	starter, marked := len(out), true // where in out that begins, and whether a mark may not stand behind it by itself
	for i < len(src) {
		if src[i] < utf8.RuneSelf {
			starter, marked = len(out), false
			out = append(out, src[i])
			i++
			continue
		}
		r, n := utf8.DecodeRune(src[i:])
		f := facts.fact(r)
		switch {
		case 0xFF01 <= r && r <= 0xFF5E:
			starter, changed = len(out), true
			e.at(starter)
			out = append(out, byte(r-0xFEE0))
		case f&factFolded != 0:
			starter, changed = len(out), true
			e.at(starter)
			e.charge(costRemembered)
			out = append(out, facts.fold(r)...)
		case f&factSettled != 0:
			starter = len(out)
			out = append(out, src[i:i+n]...)
		case f&factMark != 0 && !marked:
			out = append(out, src[i:i+n]...)
		default:
			n = combining(facts, src[i:])
			other := false
			out, other = e.compose(append(out, src[i:i+n]...), starter)
			changed = changed || other
		}
		marked = f&factMark != 0
		i += n
	}
	return out, changed
}

// combining returns how much of s may combine with what stands before it.
func combining(facts *factTable, s []byte) (n int) {
	for n < len(s) && s[n] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(s[n:])
		if facts.fact(r)&(factSettled|factFolded) != 0 {
			break
		}
		n += size
	}
	return n
}

// composer composes characters that combine by package norm, and remembers what became of them: texts combine the same
// few letters with the same few marks, and asking takes fifty times as long as remembering. The zero composer is ready.
type composer struct {
	slots []composedSlot
	next  []byte
	work  int // that it took
	most  int // that it may take, 0 for any
}

// composedSlot remembers what became of one sequence; another that hashes alike takes its place.
type composedSlot struct {
	from, to [maxRemembered]byte
	old, new uint8 // their lengths; old is 0 in one that is free
}

const (
	composedSlots = 128
	maxRemembered = 15 // bytes: a letter with some marks
)

// compose composes what stands in out from start on, and reports whether that changed it. When the work is up, it leaves
// what it would have to ask about as it is.
func (c *composer) compose(out []byte, start int) (composed []byte, changed bool) {
	s := out[start:]
	c.work += costRemembered
	var slot *composedSlot
	if len(s) <= maxRemembered {
		if c.slots == nil {
			c.slots = make([]composedSlot, composedSlots)
		}
		h := uint32(0)
		for _, b := range s {
			h = (h ^ uint32(b)) * 0x9E3779B1
		}
		slot = &c.slots[h>>16%composedSlots]
		if string(slot.from[:slot.old]) == string(s) {
			to := slot.to[:slot.new]
			return append(out[:start], to...), string(to) != string(slot.from[:slot.old])
		}
	}
	if c.work += costCompose + costComposeByte*len(s); c.most > 0 && c.work > c.most {
		return out, false
	}
	c.next = norm.NFKC.Append(c.next[:0], s...)
	if slot != nil && len(c.next) <= maxRemembered {
		slot.old, slot.new = uint8(copy(slot.from[:], s)), uint8(copy(slot.to[:], c.next)) //nolint:gosec // bounded
	}
	changed = string(c.next) != string(s)
	return append(out[:start], c.next...), changed
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
