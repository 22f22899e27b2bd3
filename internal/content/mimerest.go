package content

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
)

// What stands in a mail outside of its parts, where one reader looks and another does not: text around the parts, base64
// behind the padding, and further messages of a mailbox.

// minAround is how many bytes in front of the first part or behind the last one are looked at, if they have no tags. What programs write there
// by themselves is shorter, such as "This is a multi-part message in MIME format."
const minAround = 64

// usualPreambles are the longer sentences that mail programs write in front of the parts: those of Exchange, Pine, and
// programs that were made after their example.
var usualPreambles = []string{
	"This message is in MIME format. Since your mail reader does not understand this format, some or all of this message may not be legible.",
	"This message is in MIME format. The first part should be readable text, while the remaining parts are likely unreadable without MIME-aware tools.",
	"This message is in MIME format. The first part should be readable text, while the remaining parts are likely unreadable without MIME-aware tools. Send mail to mime@docserver.cac.washington.edu for more info.",
}

// usualPreamble reports whether a text is one of them, however its lines are broken.
func usualPreamble(text []byte) bool {
	const longest = 400
	if len(text) > longest {
		return false
	}
	line := strings.Join(strings.Fields(strings.TrimPrefix(string(text), "> ")), " ")
	return slices.Contains(usualPreambles, line)
}

// around takes in what stands in front of the parts (the preamble) and behind them (the epilogue).
func (w *walk) around(n *node, d doc, e *mimeEntity, parts mimeSpan, boundary string) error {
	if parts.end < parts.start {
		return nil
	}
	spans := [2]mimeSpan{{e.body0, parts.start}, {parts.end, e.body1}}
	if i := bytes.LastIndex(d.data[e.body0:parts.start], []byte("--"+boundary)); i >= 0 {
		spans[0].end = e.body0 + i
	}
	if i := bytes.Index(d.data[parts.end:e.body1], []byte("--"+boundary)); i >= 0 {
		spans[1].start = lineEnd(d.data, parts.end+i)
	}
	for i, name := range []string{"/preamble", "/epilogue"} {
		s := spans[i]
		if s.end <= s.start {
			continue
		}
		text := bytes.TrimSpace(d.data[s.start:s.end])
		if len(text) < minAround && bytes.IndexByte(text, '<') < 0 || usualPreamble(text) {
			continue
		}
		if err := w.enter(n, name); err != nil {
			return skipped(err)
		}
		c := child{segment: name, blob: newSection(n.item.Blob, int64(s.start), int64(s.end-s.start)), ref: s}
		if err := w.child(n, c); err != nil {
			return err
		}
	}
	return nil
}

// behindSpan is what stands behind the padding of a part. It can be taken away, and not be written.
type behindSpan mimeSpan

// behindPadding takes in the base64 that stands behind the padding of a part: readers that go on there see both as one
// file. Where there is more than base64 it may be the footer of a mailing list, and is not opened.
func (w *walk) behindPadding(n *node, c child, raw []byte, rest behindSpan) error {
	chars, other := 0, false
	for _, ch := range raw[len(raw)-(rest.end-rest.start):] {
		switch base64Kind[ch] {
		case 1, 2:
			chars++
		case 0, 3:
			other = other || !isSpace(ch)
		}
	}
	if chars < 4 {
		return nil
	}
	c.ref = rest
	if other {
		c.segment += "(footer)"
		c.typ, c.name, c.claimed = typeBinary, "", ""
	} else {
		c.segment += "(behind the padding)"
	}
	if err := w.enter(n, c.segment); err != nil {
		return skipped(err)
	}
	return w.unpack(n, c, &quanta{p: raw}, nil)
}

// quanta decodes base64 that has padding in the middle, and leaves out all other characters.
type quanta struct {
	p   []byte
	out [3]byte
	n   int // bytes in out
}

// Read implements io.Reader.
func (q *quanta) Read(dst []byte) (int, error) {
	n := 0
	for n < len(dst) {
		if q.n > 0 {
			k := copy(dst[n:], q.out[:q.n])
			n += k
			q.n = copy(q.out[:], q.out[k:q.n])
			continue
		}
		if !q.step() {
			break
		}
	}
	if n == 0 && len(dst) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// step decodes up to four characters; padding ends the group.
func (q *quanta) step() bool {
	bits, chars := uint32(0), 0
	for chars < 4 && len(q.p) > 0 {
		c := q.p[0]
		q.p = q.p[1:]
		switch base64Kind[c] {
		case 1, 2:
			bits = bits<<6 | uint32(base64Value(c))
			chars++
		case 4:
			if chars > 0 {
				bits <<= 6 * (4 - chars)
				q.emit(bits, chars-1)
				return true
			}
		}
	}
	if chars == 0 {
		return false
	}
	bits <<= 6 * (4 - chars)
	q.emit(bits, chars-1)
	return true
}

func (q *quanta) emit(bits uint32, n int) {
	q.out = [3]byte{byte(bits >> 16), byte(bits >> 8), byte(bits)} //nolint:gosec // the bytes of a number
	q.n = n
}

// base64Value is the number that a character of the standard alphabet stands for.
func base64Value(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c - 'A'
	case c >= 'a' && c <= 'z':
		return c - 'a' + 26
	case c >= '0' && c <= '9':
		return c - '0' + 52
	case c == '+':
		return 62
	}
	return 63
}

// mboxEnd returns where the message that begins at from ends: a mailbox (RFC 4155) has further ones, each behind a blank
// line and a line that begins with "From ".
func mboxEnd(data []byte, from int) int {
	if !bytes.HasPrefix(data, []byte("From ")) {
		return len(data)
	}
	for pos := from; ; {
		i := bytes.Index(data[pos:], []byte("\nFrom "))
		if i < 0 {
			return len(data)
		}
		pos += i + 1
		if bytes.HasSuffix(data[:pos-1], []byte{'\n'}) || bytes.HasSuffix(data[:pos-1], []byte("\n\r")) {
			return pos
		}
	}
}

// mailbox takes in the messages behind the first.
func (w *walk) mailbox(n *node, d doc, from int) error {
	for count := 2; from < len(d.data); count++ {
		s := mimeSpan{from, mboxEnd(d.data, from)}
		seg := "/message" + strconv.Itoa(count)
		if err := w.enter(n, seg); err != nil {
			return skipped(err)
		}
		c := child{segment: seg, claimed: typeMail, typ: typeMail, ref: s, blob: newSection(n.item.Blob, int64(s.start), int64(s.end-s.start))}
		if err := w.child(n, c); err != nil {
			return err
		}
		from = s.end
	}
	return nil
}
