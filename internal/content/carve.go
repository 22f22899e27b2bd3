package content

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strings"

	"icapd/scan"
)

// blockLine is how long the lines of base64 in a text are at least; encoders write 60, 64 or 76.
const blockLine = 56

// Sizes of encoded text that stands inside of another text: in a program, a quotation, a document in a string.
const (
	minRun     = 40  // characters of its first line
	sureInText = 512 // characters from which on it need not be of a known type: tokens and signatures are as long
	maxJoint   = 80  // bytes between two lines of it
)

// run is a stretch of base64 or hex digits in a text, perhaps in several lines.
type run struct {
	from, to int
	line     int    // characters of the first line
	joint    string // what stands between two lines, "" if there is one
	slashes  bool   // some slashes have a backslash in front, as PHP writes JSON
	apart    bool   // its lines are each in a command or an element: they may also be by themselves
}

// extent says how much of what runs are looked for in there is.
type extent uint8

const (
	wholeValue extent = iota
	firstPart         // more follows
	lastPart          // something was in front of it
)

// runs takes in what is encoded inside of a text: PEM, scripts, quotations, configuration, programs, JSON in strings.
// What was taken belongs to somebody else, and the value as a whole is no coding that findCoding knows.
func (w *walk) runs(n *node, f fielder, d doc, fl *scan.Field, taken []scan.Span) error {
	_, err := w.runsIn(n, f, d, fl, taken, wholeValue)
	return err
}

// runsIn is runs for a part of a text. It returns where what it did not look at begins: a run that may go on.
func (w *walk) runsIn(n *node, f fielder, d doc, fl *scan.Field, taken []scan.Span, e extent) (int, error) {
	v := fl.Value
	count, rare := len(taken), 0
	slices.SortFunc(taken, func(a, b scan.Span) int { return cmp.Compare(a.Start, b.Start) })
	for s := (runScanner{v: v}); ; {
		r, ok := s.next()
		if !ok {
			return max(s.pos, len(v)-minRun), nil
		}
		if e == firstPart && r.to > len(v)-maxJoint {
			return r.from, nil
		}
		if taken = behindOf(taken, r.from); len(taken) > 0 && taken[0].Start < int64(r.to) {
			continue
		}
		if e == wholeValue && r.from == 0 && r.to == len(v) && r.joint == "" && !r.slashes && len(v)%4 != 1 {
			return len(v), nil // which was asked about
		}
		c, ok := r.coding(v)
		s.again(r, v, c, ok)
		switch {
		case ok && s.known && r.from < s.single && !r.apart && !knownMagic(headOf(c, v[r.from:r.to])):
			continue
		case !ok && isBase32(v[r.from:r.to]):
			if err := skipped(w.rarePiece(n, d, fl, rarePiece{r.from, r.to, rareBase32}, rare)); err != nil {
				return len(v), err
			}
			rare++
			continue
		case !ok:
			c, ok = r.later(v)
		}
		if !ok {
			continue
		}
		if w.tooFar(d, fl, count) {
			return len(v), w.fail(n.item.Path+fl.Path(), &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errEntries})
		}
		if err := w.embed(n, f, d, fl, embedding{from: r.from, to: r.to, count: count, coding: c}); err != nil {
			return len(v), err
		}
		count++
	}
}

// headOf decodes what something begins with.
func headOf(c coding, p []byte) []byte {
	var buf [headBytes]byte
	return c.head(p, &buf)
}

// endOfRun returns where a run ends that begins a text.
func endOfRun(v []byte) int {
	s := runScanner{v: v}
	r, _ := s.next()
	return r.to
}

// behindOf returns those of some places that end behind another.
func behindOf(taken []scan.Span, at int) []scan.Span {
	for len(taken) > 0 && taken[0].End <= int64(at) {
		taken = taken[1:]
	}
	return taken
}

// maxRecount bounds the bytes that are counted to find the places of pieces of values that have escapes.
const maxRecount = 256 << 20

// tooFar reports whether one more piece of a value costs too much: where a value has escapes, the place of each piece
// must be counted from its start.
func (w *walk) tooFar(d doc, fl *scan.Field, count int) bool {
	size := fl.Span.End - fl.Span.Start
	return int64(count)*size > maxRecount && !d.joined && !within(d.data[fl.Span.Start:fl.Span.End], fl.Value)
}

// runByte reports whether a character can stand in a run.
func runByte(v []byte, i int) bool {
	return runBytes[v[i]] || v[i] == '\\' && i+1 < len(v) && v[i+1] == '/'
}

// runBytes are the characters of base64, but for padding.
var runBytes = func() (t [256]bool) {
	for c, k := range base64Kind {
		t[c] = k >= 1 && k <= 3
	}
	return t
}()

// runScanner finds the runs of a value, from its start to its end.
type runScanner struct {
	v     []byte
	pos   int
	mixed int // where a stretch ends that has the signs of both alphabets, of which parts come one by one

	single int  // up to where lines are by themselves
	known  bool // of these, files of a known type alone are worth a look
}

// again goes back to the lines of a run that may also be by themselves.
func (s *runScanner) again(r run, v []byte, c coding, ok bool) {
	if !r.apart || r.from < s.single {
		return
	}
	s.pos, s.mixed, s.single = r.from, 0, r.to
	var head [headBytes]byte
	k := 0
	if ok {
		s.pos += r.line // which begins the whole
		k, _ = io.ReadFull(c.reader(v[r.from:r.to]), head[:])
	}
	s.known = readable(head[:min(k, readableStart)])
}

// next finds the next stretch of at least minRun characters. It looks at one character in minRun until it finds one.
func (s *runScanner) next() (run, bool) {
	v := s.v
	if r, ok := s.part(); ok {
		return r, true
	}
	for at := s.pos + minRun - 1; at < len(v); {
		if !runByte(v, at) {
			at += minRun
			continue
		}
		from := at
		for from > s.pos && runByte(v, from-1) {
			from--
		}
		to := at + 1
		for to < len(v) && runByte(v, to) {
			to++
		}
		if to-from < minRun {
			at = to + minRun
			continue
		}
		r := run{from: from, to: to}
		if r.trim(v) {
			s.pos, s.mixed = r.from, to
			if r, ok := s.part(); ok {
				return r, true
			}
			at = to + minRun
			continue
		}
		r.finish(v, to, r.from < s.single)
		s.pos = r.to
		return r, true
	}
	return run{}, false
}

// part finds the next part of a mixed stretch that is of the standard alphabet alone. Each character of the stretch is
// looked at once.
func (s *runScanner) part() (run, bool) {
	for s.pos < s.mixed {
		r := run{from: s.pos, to: s.pos}
		for r.to < s.mixed && base64Kind[s.v[r.to]] != 3 {
			r.to++
		}
		s.pos = r.to + 1
		if r.to-r.from >= minRun {
			r.finish(s.v, s.mixed, r.from < s.single)
			s.pos = max(s.pos, r.to)
			return r, true
		}
	}
	s.pos = max(s.pos, s.mixed)
	return run{}, false
}

// finish adds the lines that continue a run which goes up to the end of its stretch, and the padding.
func (r *run) finish(v []byte, stretch int, single bool) {
	r.line, r.slashes = r.to-r.from, bytes.IndexByte(v[r.from:r.to], '\\') >= 0
	if r.to == stretch && !single {
		r.join(v)
	}
	for i := 0; i < 2 && r.to < len(v) && v[r.to] == '='; i++ {
		r.to++
	}
}

// trim leaves out marks in front that are of the alphabet: what ends an escape, "0x" and "\x" of hex
// digits. It reports whether the run has signs of both alphabets, as behind "sha512-", and is to be taken in parts.
func (r *run) trim(v []byte) (mixed bool) {
	p := v[r.from:r.to]
	switch {
	case r.from > 0 && v[r.from-1] == '\\' && (p[0] == 'n' || p[0] == 'r' || p[0] == 't'):
		r.from++
	case len(p) > 2 && p[0] == '0' && p[1]|0x20 == 'x' && isHex(p[2:]):
		r.from += 2
	case p[0] == 'x' && r.from > 0 && v[r.from-1] == '\\' && isHex(p[1:]):
		r.from++
	default:
		return bytes.ContainsAny(p, "+/") && bytes.ContainsAny(p, "-_")
	}
	return false
}

// join adds the lines behind the first, as long as they are as long and what stands between them is the same; the last
// may be shorter.
func (r *run) join(v []byte) {
	joint := jointAt(v, r.to, r.line)
	for joint > 0 && r.to+joint < len(v) && (r.joint == "" || string(v[r.to:r.to+joint]) == r.joint) {
		from := r.to + joint
		to := from
		for to < len(v) && to-from < r.line && runByte(v, to) {
			to++
		}
		if to == from || to < len(v) && to-from == r.line && runByte(v, to) {
			return
		}
		if to-from < r.line && !lineEnds(v, to) && !r.endsAlike(v, to) {
			return
		}
		r.joint = string(v[r.to : r.to+joint])
		r.apart = strings.IndexByte(r.joint, '\n') > 0 && strings.IndexByte("\r\\=\"'", r.joint[0]) < 0
		r.slashes = r.slashes || bytes.IndexByte(v[from:to], '\\') >= 0
		r.to = to
		if to-from < r.line {
			return
		}
	}
}

// endsAlike reports whether what stands behind the lines stands at i, too.
func (r *run) endsAlike(v []byte, i int) bool {
	end, _, _ := strings.Cut(r.joint, "\n")
	end = strings.TrimSuffix(end, "\r")
	return end != "" && bytes.HasPrefix(v[i:], []byte(end))
}

// lineEnds reports whether a last, shorter line can end at i: a word that begins the next sentence has a space or
// punctuation of its own behind it.
func lineEnds(v []byte, i int) bool {
	if i >= len(v) {
		return true
	}
	switch v[i] {
	case '=', '\r', '\n', '"', '\'', '`', '<', ')', '\\', '}', ']', '*', '|':
		return true
	}
	return false
}

// jointAt returns how long what stands between two lines of encoded text is, 0 if nothing at i can: line ends, written
// out or escaped, with the marks of quotations and comments; the end of one string and the begin of the next.
func jointAt(v []byte, i, line int) int {
	p := v[i:min(len(v), i+maxJoint)]
	n := escapedBreak(p)
	switch {
	case n > 0:
	case len(p) > 1 && (p[0] == '\\' || p[0] == '=') && (p[1] == '\n' || p[1] == '\r'): // of programs, and of quoted-printable
		n = 1
	case len(p) > 0 && (p[0] == '"' || p[0] == '\''):
		return stringJoint(p)
	case len(p) > 0 && p[0] == ' ' && line >= blockLine:
		for n < len(p) && p[n] == ' ' {
			n++
		}
		return n
	}
	for n < len(p) && (p[n] == '\r' || p[n] == '\n') {
		n++
	}
	if n == 0 {
		return commandJoint(p, v[i:], line)
	}
	for n < len(p) && bytes.IndexByte([]byte(" \t>*#|;%"), p[n]) >= 0 {
		n++
	}
	return n
}

// minCommand is how long lines are, at least, that each stand in a command of their own.
const minCommand = 48

// commandJoint returns how long the end of one line and the begin of the next are where each line is an argument of a
// command, as in "echo LINE>>file": the next line must be as long, or end alike.
func commandJoint(p, rest []byte, line int) int {
	if line < minCommand {
		return 0
	}
	n := bytes.IndexByte(p, '\n') + 1
	if n == 0 {
		return 0
	}
	end := bytes.TrimRight(p[:n], "\r\n")
	for ; n < len(p); n++ {
		to := n
		for to < len(rest) && to-n <= line && runByte(rest, to) {
			to++
		}
		behind := rest[to:]
		for range 2 {
			behind = bytes.TrimPrefix(behind, []byte("="))
		}
		switch {
		case to-n == line, to > n && to-n < line && bytes.HasPrefix(behind, end):
			return n
		case to > n:
			n = to - 1 // a word
		}
	}
	return 0
}

// escapedBreak returns how long an escaped line end at the start of p is.
func escapedBreak(p []byte) int {
	n := 0
	for {
		i := n
		for i < len(p) && p[i] == '\\' {
			i++
		}
		if i == n || i >= len(p) || p[i] != 'n' && p[i] != 'r' {
			return n
		}
		n = i + 1
		if p[i] == 'n' {
			return n
		}
	}
}

// stringJoint returns how long the end of one string and the begin of the next are: quotes with an operator, a comma or
// white space between them.
func stringJoint(p []byte) int {
	for i := 1; i < len(p); i++ {
		switch p[i] {
		case ' ', '\t', '\r', '\n', '+', '.', '&', ',', '\\', '_', '(', ')':
			continue
		case p[0]:
			return i + 1
		}
		return 0
	}
	return 0
}

// coding tells how a run encodes, and whether it is worth a look.
func (r *run) coding(v []byte) (coding, bool) {
	if n := r.to - r.from; r.joint == "" && !r.slashes && n%4 == 1 && v[r.to-1] != '=' {
		r.to-- // it was cut off: the last character says nothing
	}
	p := v[r.from:r.to]
	if !r.slashes && (r.joint == "" || blank([]byte(r.joint)) && r.joint[0] != ' ') {
		if r.alone(v) {
			return findCoding(p)
		}
		return runCoding(p)
	}
	plain := make([]byte, 0, 4096)
	src := &jointSkipper{p: p, joint: []byte(r.joint), slashes: r.slashes}
	for len(plain) < cap(plain) { // as much as tells what it is
		k, err := src.Read(plain[len(plain):cap(plain)])
		plain = plain[:len(plain)+k]
		if err != nil {
			break
		}
	}
	cut := len(plain) == cap(plain)
	if cut {
		plain = plain[:len(plain)&^3]
	}
	c, ok := runCoding(plain)
	if !ok {
		return c, false
	}
	if cut {
		c.bare = p[len(p)-1] != '=' && !r.whole(p)
	}
	c.line, c.joint, c.brk, c.slashes = r.line, true, r.joint, r.slashes
	if r.joint == "" {
		c.line = 0
	}
	return c, true
}

// fileStarts are what base64 of archives, programs and documents begins with, whatever follows their marks.
var fileStarts = [][]byte{
	[]byte("H4sI"), []byte("UEsDB"), []byte("TVqQ"), []byte("TVpQ"), []byte("JVBERi"), []byte("0M8R4KGx"), []byte("UmFyIRo"), []byte("N3q8ryc"), []byte("TVNDRg"),
	[]byte("/Td6WFo"), []byte("QlpoO"), []byte("KLUv"),
}

// laterStart is how many characters in front of a file may be of something else: of a name, or bytes that count.
const laterStart = 64

// later looks for a file that begins behind the start of a run that has no coding: what stands in front of it may be of the
// alphabet by chance.
func (r *run) later(v []byte) (coding, bool) {
	p := v[r.from:min(r.from+laterStart, r.to)]
	for _, mark := range fileStarts {
		i := bytes.Index(p, mark)
		if i <= 0 || r.line < i+minRun {
			continue
		}
		s := *r
		s.from += i
		s.line -= i
		s.to = s.from + s.line
		s.joint, s.slashes = "", false
		s.finish(v, s.to, true)
		if c, ok := s.coding(v); ok {
			*r = s
			return c, true
		}
	}
	if r.joint != "" || r.slashes || r.line < minReadable || r.line > sureInText {
		return coding{}, false
	}
	for range 3 { // what was left out because it made no group of four
		if r.to < len(v) && (runByte(v, r.to) || v[r.to] == '=') {
			r.to++
		}
	}
	for range 3 { // a letter in front of a text
		r.from, r.line = r.from+1, r.line-1
		if c, ok := runCoding(v[r.from:r.to]); ok {
			return c, true
		}
	}
	return coding{}, false
}

// alone reports whether a run has its lines for itself.
func (r *run) alone(v []byte) bool {
	return r.line >= blockLine && (r.from == 0 || v[r.from-1] == '\n') && (r.to == len(v) || v[r.to] == '\n' || v[r.to] == '\r')
}

// whole reports whether the characters of a run are whole groups of four.
func (r *run) whole(p []byte) bool {
	n := len(p)
	if r.joint != "" {
		n -= bytes.Count(p, []byte(r.joint)) * len(r.joint)
	}
	if r.slashes {
		n -= bytes.Count(p, []byte{'\\'})
	}
	return n%4 == 0
}

// runCoding is findCoding for text inside of a text.
func runCoding(p []byte) (coding, bool) {
	c, ok := findCoding(p)
	if !ok || len(p) >= sureInText {
		return c, ok
	}
	var buf [headBytes]byte
	return c, worth(c.head(p, &buf), len(p), sureInText)
}

// jointSkipper reads a slice without what stands between its lines.
type jointSkipper struct {
	p       []byte
	joint   []byte
	slashes bool
}

// Read implements io.Reader.
func (s *jointSkipper) Read(dst []byte) (int, error) {
	n := 0
	for n < len(dst) && len(s.p) > 0 {
		if len(s.joint) > 0 && bytes.HasPrefix(s.p, s.joint) {
			s.p = s.p[len(s.joint):]
			continue
		}
		if s.slashes && s.p[0] == '\\' {
			s.p = s.p[1:]
			continue
		}
		dst[n] = s.p[0]
		n++
		s.p = s.p[1:]
	}
	if n == 0 && len(dst) > 0 {
		return 0, io.EOF
	}
	return n, nil
}
