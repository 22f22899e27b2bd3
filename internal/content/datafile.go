package content

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf8"

	"icapd/internal/body"
	"icapd/scan"
)

// dataFormat is a file of records: a database, a table, objects that a program wrote. Its schema is not read: the text in
// it is one item, in which injections and encoded files are looked for, and packed files are found by their marks.
type dataFormat struct{}

// dataMarks are what such files begin with.
var dataMarks = []string{
	"SQLite format 3\x00", "Obj\x01", "ORC", "PAR1", "ARROW1\x00\x00", "\x93NUMPY", "\xac\xed\x00\x05", ":)\n",
	"\x80\x02}", "\x80\x03}", "\x80\x04\x95", "\x80\x05\x95", "\x89HDF\r\n\x1a\n", "PGDMP", "RDB0", "REDIS0",
}

// isData reports whether bytes begin like such a file.
func isData(b scan.Blob, head []byte) bool {
	for _, m := range dataMarks {
		if bytes.HasPrefix(head, []byte(m)) {
			return !utf8.Valid(head) || hasControls(head)
		}
	}
	return isBSON(b, head)
}

// isBSON reports whether bytes are one document of BSON (bsonspec.org): its length, an element with a name, a zero at the end.
func isBSON(b scan.Blob, head []byte) bool {
	if len(head) < 16 || int64(binary.LittleEndian.Uint32(head)) != b.Size() || head[4] == 0 || head[4] > 0x13 {
		return false
	}
	n := bytes.IndexByte(head[5:], 0)
	return n > 0 && utf8.Valid(head[5:5+n]) && !hasControls(head[5:5+n]) && bytes.Equal(readAt(b, b.Size()-1, 1), []byte{0})
}

// minDataText is how long text in such a file is that is taken for text.
const minDataText = 16

func (dataFormat) open(w *walk, n *node) error {
	data, err := n.item.Blob.Bytes()
	if err != nil {
		return err
	}
	const seg = "(text)"
	r := &textReader{p: data}
	if !r.find() {
		return nil
	}
	if err := w.enter(n, seg); err != nil {
		return skipped(err)
	}
	return w.unpack(n, child{segment: seg, typ: typeText, f: textFormat{}}, r, nil)
}

// textReader reads the text of binary data, a line for each piece.
type textReader struct {
	p    []byte
	text []byte // what was found and is not yet read
	end  bool   // a line end is due
}

// find looks for the next piece of text.
func (r *textReader) find() bool {
	from := 0
	for i := 0; i < len(r.p); {
		c, size := rune(r.p[i]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRune(r.p[i:])
		}
		if c >= ' ' && c != 0x7f && (c != utf8.RuneError || size > 1) || c == '\n' || c == '\r' || c == '\t' {
			i += size
			continue
		}
		if i-from >= minDataText {
			r.text, r.p = r.p[from:i], r.p[i:]
			return true
		}
		i += size
		from = i
	}
	if len(r.p)-from >= minDataText {
		r.text, r.p = r.p[from:], nil
		return true
	}
	r.p = nil
	return false
}

// Read implements io.Reader.
func (r *textReader) Read(dst []byte) (int, error) {
	n := 0
	for n < len(dst) {
		if r.end {
			dst[n] = '\n'
			n++
			r.end = false
			continue
		}
		if len(r.text) == 0 && !r.find() {
			break
		}
		k := copy(dst[n:], r.text)
		n, r.text = n+k, r.text[k:]
		r.end = len(r.text) == 0
	}
	if n == 0 && len(dst) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// oneNoteFormat is a section of OneNote (MS-ONESTORE): the files in it stand in it as they are.
type oneNoteFormat struct{}

// oneNoteFile is the mark in front of a file (MS-ONESTORE, section 2.6.13).
var oneNoteFile = []byte("\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac")

func (oneNoteFormat) open(w *walk, n *node) error {
	data, err := n.item.Blob.Bytes()
	if err != nil {
		return err
	}
	for pos, count := 0, 1; ; count++ {
		i := bytes.Index(data[pos:], oneNoteFile)
		if i < 0 {
			return nil
		}
		pos += i + len(oneNoteFile)
		const head = 8 + 4 + 8
		if pos+head > len(data) {
			return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errShort}
		}
		size := binary.LittleEndian.Uint64(data[pos:])
		pos += head
		if size > uint64(len(data)-pos) { //nolint:gosec // not negative
			return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errShort}
		}
		c := child{segment: "/file" + numbered(count), attached: true, blob: newSection(n.item.Blob, int64(pos), int64(size))} //nolint:gosec // not beyond the end
		if err := w.enter(n, c.segment); err != nil {
			return skipped(err)
		}
		if err := w.child(n, c); err != nil {
			return err
		}
		pos += int(size) //nolint:gosec // not beyond the end
	}
}

// numberRun finds bytes that are written as numbers, with commas between them, as arrays in JSON and programs.
type numberRun struct{ from, to, count int }

// minNumbers is how many numbers are worth a look.
const minNumbers = 64

// nextNumbers finds the next row of numbers from 0 to 255 at or behind pos.
func nextNumbers(p []byte, pos int) (numberRun, bool) {
	for row := 0; pos < len(p); {
		if pos >= row { // most of a document is no row of numbers
			if pos, row = nextRow(p, pos); pos >= len(p) {
				return numberRun{}, false
			}
		}
		i := bytes.IndexByte(p[pos:], ',')
		if i < 0 {
			return numberRun{}, false
		}
		from := pos + i
		for from > pos && p[from-1]-'0' <= 9 && pos+i-from < 3 {
			from--
		}
		if from > pos && p[from-1] == '-' {
			from--
		}
		r, at := numbersAt(p, from)
		if r.count >= minNumbers {
			return r, true
		}
		pos = max(pos+i+1, at)
	}
	return numberRun{}, false
}

// numbersAt reads the row of numbers that begins at from, and returns how far it read.
func numbersAt(p []byte, from int) (r numberRun, at int) {
	r.from, at = from, from
	for at < len(p) {
		n := smallNumber(p[at:])
		if n == 0 {
			break
		}
		at += n
		r.to = at
		r.count++
		for at < len(p) && isSpace(p[at]) {
			at++
		}
		if at >= len(p) || p[at] != ',' {
			break
		}
		at++
		for at < len(p) && isSpace(p[at]) {
			at++
		}
	}
	return r, at
}

// nextRow returns where the next stretch begins that is long enough to be a row of numbers, and the end of as much of it
// as tells so. It looks at one byte in so many until it finds one that can stand in a row.
func nextRow(p []byte, pos int) (from, to int) {
	const least = 2*minNumbers - 1
	for at := pos + least - 1; at < len(p); {
		if !rowBytes[p[at]] {
			at += least
			continue
		}
		from, to = at, at+1
		for from > pos && rowBytes[p[from-1]] {
			from--
		}
		for to < len(p) && to-from < least && rowBytes[p[to]] {
			to++
		}
		if to-from >= least {
			return from, to
		}
		pos = to
		at = pos + least - 1
	}
	return len(p), len(p)
}

// rowBytes are the bytes of rows of numbers.
var rowBytes = func() (t [256]bool) {
	for i := range t {
		c := byte(i)
		t[i] = c-'0' <= 9 || c == ',' || c == '-' || isSpace(c)
	}
	return t
}()

// smallNumber returns how many characters of a number from -128 to 255 p begins with, 0 if it begins with none: some
// languages have bytes with a sign.
func smallNumber(p []byte) int {
	n, v, most := 0, 0, 255
	if len(p) > 0 && p[0] == '-' {
		p, most = p[1:], 128
	}
	for n < len(p) && n < 4 && p[n]-'0' <= 9 {
		v = v*10 + int(p[n]-'0')
		n++
	}
	if n == 0 || n > 3 || v > most || n < len(p) && (p[n] == '.' || p[n]|0x20 == 'e') {
		return 0
	}
	if most == 128 {
		n++
	}
	return n
}

// rowReader decodes a row of numbers: next takes one, and returns how much of p it took, 0 if there is none.
type rowReader struct {
	p    []byte
	next func(p []byte) (v byte, n int)
}

// Read implements io.Reader.
func (r *rowReader) Read(dst []byte) (int, error) {
	n := 0
	for n < len(dst) {
		v, k := r.next(r.p)
		if k == 0 {
			break
		}
		dst[n], r.p = v, r.p[k:]
		n++
	}
	if n == 0 && len(dst) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// takeNumber takes a decimal number with what stands in front of it.
func takeNumber(p []byte) (v byte, n int) {
	for n < len(p) && p[n]-'0' > 9 && p[n] != '-' {
		n++
	}
	k := smallNumber(p[n:])
	if k == 0 {
		return 0, 0
	}
	for _, c := range bytes.TrimPrefix(p[n:n+k], []byte("-")) {
		v = v*10 + c - '0'
	}
	if p[n] == '-' {
		v = -v
	}
	return v, n + k
}

// gathered takes in as one item what was gathered of many places, if there is any: rest is nil, or not finished yet.
func (w *walk) gathered(n *node, segment string, rest *body.Spool) error {
	if rest == nil {
		return nil
	}
	rest.Finish(nil)
	if err := w.enter(n, segment); err != nil {
		return skipped(err)
	}
	return w.child(n, child{segment: segment, blob: rest})
}

// numbers takes in the files that stand in a document as rows of numbers, in decimal and in hex: of a known type, or
// readable.
func (w *walk) numbers(n *node, data []byte) error {
	err := w.rows(n, data, "numbers", func(pos int) (numberRun, bool) { return nextNumbers(data, pos) }, takeNumber)
	if err != nil {
		return err
	}
	return w.rows(n, data, "hex numbers", func(pos int) (numberRun, bool) { return nextHexRow(data, pos) }, takeHex)
}

// rows takes in what is written as rows of one kind.
func (w *walk) rows(n *node, data []byte, name string, next func(pos int) (numberRun, bool), take func(p []byte) (byte, int)) error {
	var rest *body.Spool
	for pos, count := 0, 1; ; {
		r, ok := next(pos)
		if !ok {
			return w.gathered(n, "(more "+name+")", rest)
		}
		pos = r.to
		var head [headBytes]byte
		row := data[r.from:r.to]
		k, _ := (&rowReader{row, take}).Read(head[:])
		if !worth(head[:k], r.count, 1<<30) {
			continue
		}
		if count > maxRare && !knownMagic(head[:k]) { // measurements may read like text
			if rest == nil {
				rest = w.t.group.New(0, "")
			}
			line := io.MultiReader(&rowReader{row, take}, strings.NewReader("\n"))
			if _, err := w.t.budget.Copy(w.ctx, rest, line, nil); err != nil {
				return err
			}
			continue
		}
		seg := "(" + name + ")"
		if count > 1 {
			seg = "(" + name + ":" + numbered(count) + ")"
		}
		count++
		if err := w.enter(n, seg); err != nil {
			return skipped(err)
		}
		if err := w.unpack(n, child{segment: seg}, &rowReader{row, take}, nil); err != nil {
			return err
		}
	}
}
