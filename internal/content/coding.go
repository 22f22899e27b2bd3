package content

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"math"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"

	"icapd/scan"
)

// coding is how a piece of text in a field encodes bytes, with what is needed to write it alike.
type coding struct {
	hex   bool
	uu    bool
	yenc  bool
	bytes bool // not encoded: a byte string of a binary format

	plain   bool   // not encoded but for what percent says
	percent bool   // percent-encoded on top
	joint   bool   // brk is what stands between lines, and no white space alone
	ragged  bool   // its lines are not of one length
	rawBrk  string // brk as it stands in the document
	slashes bool   // backslashes in it do not count

	upper bool // hex digits
	url   bool // the URL-safe alphabet
	bare  bool // without padding
	line  int  // characters of a line, 0 if in one piece
	brk   string
	end   string // white space at the end

	fileName, fileMode string // of uu and yenc
}

// base64Kind tells the characters of base64: 1 both alphabets, 2 standard, 3 URL-safe, 4 padding, 5 white space.
var base64Kind = func() (t [256]uint8) {
	for c := range 256 {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			t[c] = 1
		case c == '+' || c == '/':
			t[c] = 2
		case c == '-' || c == '_':
			t[c] = 3
		case c == '=':
			t[c] = 4
		case c == '\r' || c == '\n':
			t[c] = 5
		}
	}
	return t
}()

func leadingSpace(v []byte) int {
	n := 0
	for n < len(v) && isSpace(v[n]) {
		n++
	}
	return n
}

// findCoding reports whether a value as a whole encodes bytes worth a look. Most values fail on one of their
// first characters.
func findCoding(v []byte) (coding, bool) {
	from := leadingSpace(v)
	end := len(v)
	for end > from && isSpace(v[end-1]) {
		end--
	}
	body := v[from:end]
	if len(body) < minEmbedded {
		return coding{}, false
	}
	for i, c := range body[:minEmbedded] {
		indent := (c == ' ' || c == '\t') && i > 0 && body[i-1] <= ' ' // of a line behind a short one
		if k := base64Kind[c]; k == 4 || k == 0 && !indent {
			return coding{}, false
		}
	}
	c, chars, ok := shape(body)
	if !ok {
		return coding{}, false
	}
	c.end = string(v[from+len(body):])
	buf, _ := heads.Get().(*[headBytes]byte)
	defer heads.Put(buf)
	if isHexLines(body, c.line) && chars%2 == 0 {
		h := coding{hex: true, upper: bytes.ContainsAny(body, "ABCDEF"), end: c.end, line: c.line, brk: c.brk}
		if worth(h.head(body, buf), chars, sureHex) {
			return h, true
		}
		return coding{}, false // digits alone are more likely a hash than base64
	}
	if c.bare && chars%4 == 1 {
		return coding{}, false
	}
	if c.ragged { // words in lines of their own are of the alphabet, too
		return c, worth(c.head(body, buf), chars, math.MaxInt)
	}
	return c, worth(c.head(body, buf), chars, sureBase64)
}

// heads are where the first bytes of what is encoded are decoded to.
var heads = sync.Pool{New: func() any { return new([headBytes]byte) }}

// shape reads the alphabet, padding and lines of what may be base64. It returns how many characters count.
func shape(p []byte) (c coding, chars int, ok bool) {
	end := len(p)
	for end > 0 && p[end-1] == '=' {
		end--
	}
	switch kinds := kindsIn(p[:end]); {
	case kinds&(1<<5) != 0: // it has lines
		return shapeOfLines(p)
	case kinds&(1<<0|1<<4) != 0, kinds&(1<<2) != 0 && kinds&(1<<3) != 0, len(p)-end > 2, len(p) > end && len(p)%4 != 0:
		return c, 0, false
	default:
		c.url, c.bare = kinds&(1<<3) != 0, len(p) == end && end%4 != 0
		return c, end, true
	}
}

// kindsIn returns which kinds of characters of base64Kind occur, one bit each. It stops not far behind the first of another
// alphabet: only behind white space there may be one.
func kindsIn(p []byte) (kinds uint8) {
	const block = 32
	for len(p) > block && kinds&(1<<0) == 0 {
		for _, c := range p[:block] {
			kinds |= 1 << (base64Kind[c] & 7)
		}
		p = p[block:]
	}
	for _, c := range p[:min(len(p), block)] {
		kinds |= 1 << (base64Kind[c] & 7)
	}
	return kinds
}

// shapeOfLines is shape for text in lines.
func shapeOfLines(p []byte) (c coding, chars int, ok bool) {
	var seen [8]int
	lines := lineLengths{}
	for i := 0; i < len(p); i++ {
		n := countRun(p[i:], &seen)
		if n > 0 && seen[4] > 0 {
			return c, 0, false
		}
		lines.run(n)
		if i += n; i == len(p) {
			break
		}
		ch := p[i]
		k := base64Kind[ch]
		lines.char(ch, k)
		switch {
		case k == 0 && indents(p, i):
			k = 5
		case k == 0, k != 4 && k != 5 && seen[4] > 0:
			return c, 0, false
		case k == 5 && seen[5] == 0:
			c.line = i
		}
		seen[k]++
	}
	if (seen[2] > 0 && seen[3] > 0) || seen[4] > 2 {
		return c, 0, false
	}
	chars = seen[1] + seen[2] + seen[3]
	c.url, c.bare = seen[3] > 0, seen[4] == 0 && chars%4 != 0
	if seen[4] > 0 && (chars+seen[4])%4 != 0 {
		return c, 0, false
	}
	if c.line > 0 {
		j := c.line
		for j < len(p) && (base64Kind[p[j]] == 5 || p[j] == ' ' || p[j] == '\t') {
			j++
		}
		c.brk = string(p[c.line:j])
	}
	c.ragged = lines.ragged
	return c, chars, true
}

// indents reports whether the character at i is white space that a line begins with, if that in front of it is.
func indents(p []byte, i int) bool {
	blank := func(c byte) bool { return c == ' ' || c == '\t' }
	return blank(p[i]) && i > 0 && (base64Kind[p[i-1]] == 5 || blank(p[i-1]))
}

// countRun counts the kinds of the characters at the start of p, as far as they count, and returns how many they are.
func countRun(p []byte, seen *[8]int) (n int) {
	for n < len(p) && runBytes[p[n]] {
		seen[base64Kind[p[n]]&7]++
		n++
	}
	return n
}

// lineLengths sees whether lines are of one length, but for the last.
type lineLengths struct {
	first, now    int
	short, ragged bool
}

// run takes so many characters that count.
func (l *lineLengths) run(n int) {
	l.now += n
	l.ragged = l.ragged || n > 0 && l.short
}

// char takes a character.
func (l *lineLengths) char(ch byte, kind uint8) {
	switch {
	case ch == '\n':
		if l.first == 0 {
			l.first = l.now
		}
		l.short = l.short || l.now > 0 && l.now < l.first
		l.ragged = l.ragged || l.now > l.first
		l.now = 0
	case kind >= 1 && kind <= 4:
		l.now++
		l.ragged = l.ragged || l.short
	}
}

func isHex(p []byte) bool {
	for _, c := range p {
		if c-'0' > 9 && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// isHexLines is isHex for text that may stand in lines.
func isHexLines(p []byte, line int) bool {
	if line == 0 {
		return isHex(p)
	}
	for _, c := range p {
		if unhex(c) > 15 && !isSpace(c) {
			return false
		}
	}
	return true
}

// isMarkedHex reports whether a value is hex digits behind "0x".
func isMarkedHex(v []byte) bool {
	return len(v) >= minRun+2 && v[0] == '0' && v[1]|0x20 == 'x' && isHex(v[2:])
}

// separatedHex tells bytes that are written as pairs of digits with a sign between them: "50:4b:03:04".
func separatedHex(v []byte) (coding, bool) {
	if len(v) < 3*minEmbedded || len(v)%3 != 2 || base64Kind[v[2]] == 1 {
		return coding{}, false
	}
	for i, c := range v {
		if i%3 == 2 && c != v[2] || i%3 != 2 && unhex(c) > 15 {
			return coding{}, false
		}
	}
	c := coding{hex: true, upper: bytes.ContainsAny(v, "ABCDEF"), line: 2, joint: true, brk: string(v[2:3])}
	var buf [headBytes]byte
	k, _ := io.ReadFull(c.reader(v[:min(len(v), headBytes)]), buf[:])
	return c, worth(buf[:k], len(v)/3*2, sureHex)
}

// headBytes is how much of a candidate is decoded to see whether it is worth an item.
const headBytes = 512

// head decodes the first bytes into buf.
func (c coding) head(p []byte, buf *[headBytes]byte) []byte {
	p = p[:min(len(p), headBytes)]
	var n int
	switch {
	case c.line > 0 && (c.joint || c.percent):
		n = copy(buf[:], c.wrappedHead(p))
	case c.line > 0:
		n = c.linesHead(p, buf)
	case c.hex:
		n, _ = hex.Decode(buf[:], p[:len(p)&^1])
	case len(p) < headBytes:
		n, _ = c.encoding().Decode(buf[:], p)
	default: // the text goes on: whole groups of four alone
		n, _ = c.encoding().Decode(buf[:], p[:len(p)&^3])
	}
	return buf[:n]
}

// linesHead decodes what has lines with white space alone between them, and returns how many bytes there are.
func (c coding) linesHead(p []byte, buf *[headBytes]byte) (n int) {
	var whole [headBytes]byte
	k := 0
	for _, b := range p {
		if b > ' ' {
			whole[k] = b
			k++
		}
	}
	if c.hex {
		n, _ = hex.Decode(buf[:], whole[:k&^1])
		return n
	}
	n, _ = c.encoding().Decode(buf[:], whole[:k])
	return n
}

// wrappedHead decodes what has something else between its lines. It allocates, which is why it is not a part of head.
func (c coding) wrappedHead(p []byte) []byte {
	out := make([]byte, headBytes)
	n, _ := io.ReadFull(c.reader(p), out)
	return out[:n]
}

// worth reports whether what begins with head, and was encoded in that many characters, is worth an item.
func worth(head []byte, chars, sure int) bool {
	switch {
	case len(head) == 0:
		return false
	case chars >= sure, frameHead(head, chars), chars >= minReadable && (readable(head[:min(len(head), readableStart)]) || findWide(head) != nil || isZlib(head)):
		return true
	case knownMagic(head), scriptStart(head), isPhrase(head[:min(len(head), readableStart)]):
		return true
	}
	return chars >= minReadable && len(head) < headBytes && isShortBrotli(head)
}

// isPhrase reports whether bytes are a text of more than one word, or with signs as a program has them. What identifiers and
// cursors of APIs hold has neither, and other bytes are no text by chance.
func isPhrase(p []byte) bool {
	return bytes.ContainsAny(p, " (<\n") && readable(p)
}

// scriptStarts are what short programs and shortcuts begin with.
var scriptStarts = []string{"#!/", "@echo ", "@ECHO ", "[InternetShortcut]", "WEB\r\n1\r\n", "WEB\n1\n", "Invoke-", "powershell "}

func scriptStart(head []byte) bool {
	return slices.ContainsFunc(scriptStarts, func(s string) bool { return bytes.HasPrefix(head, []byte(s)) })
}

// readableStart is how many bytes tell that something begins as a text: there may be a file in it.
const readableStart = 48

// isZlib reports whether bytes begin like a zlib stream (RFC 1950, section 2.2) as programs write it.
func isZlib(head []byte) bool {
	return len(head) > 2 && head[0] == 0x78 && (int(head[0])<<8|int(head[1]))%31 == 0
}

// readable reports whether p is text that a person could read.
func readable(p []byte) bool {
	for i := 0; i < len(p); {
		r, size := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && size == 1 && len(p)-i >= utf8.UTFMax {
			return false
		}
		if r != utf8.RuneError && !unicode.IsPrint(r) && !unicode.IsSpace(r) && (r != '\ufeff' || i > 0) {
			return false
		}
		i += size
	}
	return len(p) >= 8
}

// maxAtOnce is the length up to which base64 is decoded at once, in characters: a decoder of streams takes three times as
// long.
const maxAtOnce = 64 << 10

// reader decodes text that shape accepted.
func (c coding) reader(p []byte) io.Reader {
	src := io.Reader(bytes.NewReader(p))
	switch {
	case c.bytes:
		return src
	case c.percent:
		if src = io.Reader(&percentReader{p: p}); c.plain {
			return src
		}
	case c.joint:
		src = &jointSkipper{p: p, joint: []byte(c.brk), slashes: c.slashes}
	case !c.hex && len(p) <= maxAtOnce:
		out := make([]byte, c.encoding().DecodedLen(len(p)))
		if n, err := c.encoding().Decode(out, p); err == nil { // else it has spaces and tabs between lines, or is cut off
			return bytes.NewReader(out[:n])
		}
	}
	if c.line > 0 && !c.joint && !c.percent {
		src = &spaceSkipper{p: p}
	}
	if c.hex {
		return hex.NewDecoder(src)
	}
	return base64.NewDecoder(c.encoding(), src)
}

func (c coding) encoding() *base64.Encoding {
	switch {
	case c.url && c.bare:
		return base64.RawURLEncoding
	case c.url:
		return base64.URLEncoding
	case c.bare:
		return base64.RawStdEncoding
	}
	return base64.StdEncoding
}

// spaceSkipper reads a slice without its white space.
type spaceSkipper struct {
	p     []byte
	upper bool // small letters become capitals
}

// Read implements io.Reader.
func (s *spaceSkipper) Read(dst []byte) (int, error) {
	n := 0
	for n < len(dst) && len(s.p) > 0 {
		if c := s.p[0]; c > ' ' {
			if s.upper && c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
			dst[n] = c
			n++
		}
		s.p = s.p[1:]
	}
	if n == 0 && len(dst) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// encode writes a blob in this coding to dst, which escapes for the document. What stands between two lines is written
// to doc if it needs other escapes.
func (c coding) encode(ctx context.Context, dst, doc io.Writer, b scan.Blob) error {
	switch {
	case c.bytes && c.percent:
		return copyBlob(ctx, percentWriter{dst}, b)
	case c.uu:
		return encodeUU(ctx, dst, b, c)
	case c.yenc:
		return encodeYenc(ctx, dst, b, c)
	case c.bytes:
		return copyBlob(ctx, dst, b)
	}
	out := dst
	if c.percent {
		out = percentWriter{dst}
		if c.plain {
			return copyBlob(ctx, out, b)
		}
	} else if c.line > 0 {
		out = &lineWriter{w: dst, between: dst, line: c.line, brk: []byte(c.brk)}
		if c.joint {
			out = &lineWriter{w: dst, between: doc, line: c.line, brk: []byte(c.rawBrk)}
		}
	}
	var enc io.WriteCloser
	switch {
	case c.hex && c.upper:
		enc = nopCloser{hex.NewEncoder(newReplaceWriter(out, []string{"a", "A", "b", "B", "c", "C", "d", "D", "e", "E", "f", "F"}))}
	case c.hex:
		enc = nopCloser{hex.NewEncoder(out)}
	default:
		enc = base64.NewEncoder(c.encoding(), out)
	}
	if err := copyBlob(ctx, enc, b); err != nil {
		return err
	}
	return enc.Close()
}
