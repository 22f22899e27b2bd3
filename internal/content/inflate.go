package content

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"

	"icapd/internal/body"
	"icapd/scan"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// Compressed data without a container that says so: what a packed field, a stream of objects or a program has in it.

func numbered(n int) string { return strconv.Itoa(n) }

// rawDeflate is DEFLATE (RFC 1951) without a header, as SAML and drawings have it in base64. It has no mark: it is that if
// it unpacks to its very end.
type rawDeflate struct{}

// What bounds how much is unpacked to try it: how many times as much there may be, and bytes that need no more.
const (
	maxTrialRatio = 64
	sureDeflate   = 4 << 20
)

// storedBlock reports whether head begins with a block that is not packed (RFC 1951, section 3.2.4): empty ones may stand in
// front of others.
func storedBlock(head []byte) bool {
	return head[1]^head[3] == 0xff && head[2]^head[4] == 0xff
}

// inflater is a reader of DEFLATE for isRawDeflate, which is asked about every value that is base64 of unknown bytes.
type inflater struct {
	in  bytes.Reader
	z   io.ReadCloser
	buf [16 << 10]byte
}

var inflaters = sync.Pool{New: func() any { return &inflater{z: flate.NewReader(nil)} }} //nolint:gochecknoglobals // holds no state that anybody could see

// isRawDeflate reports whether bytes unpack without a rest. What is none fails within its first bytes, as a rule.
func isRawDeflate(b scan.Blob, head []byte) bool {
	if len(head) < minEmbedded || head[0]&6 == 6 || head[0]&6 == 0 && !storedBlock(head) {
		return false
	}
	data, err := b.Bytes()
	if err != nil {
		return false
	}
	if head[0]&6 == 4 && !dynamicBlock(head) {
		return false
	}
	f, _ := inflaters.Get().(*inflater)
	f.in.Reset(data)
	r, ok := f.z.(flate.Resetter)
	if !ok || r.Reset(&f.in, nil) != nil {
		return false
	}
	defer func() {
		f.in.Reset(nil) // lets the message go
		inflaters.Put(f)
	}()
	out := int64(0)
	for {
		n, err := f.z.Read(f.buf[:])
		out += int64(n)
		switch {
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return f.in.Len() == 0 && out > int64(len(data))/2
		case err != nil:
			return false
		case out > min(maxTrialRatio*int64(len(data)), sureDeflate):
			return true // no bytes do so by chance: the unpacking finds out what it is, and counts
		}
	}
}

// dynamicBlock reports whether a block of dynamic codes can begin with head, of which there are minEmbedded bytes: its
// counts are possible, and the codes for its code lengths are as many as there must be. Of unknown bytes hardly any
// passes, and a reader of DEFLATE takes long to be made ready.
func dynamicBlock(head []byte) bool {
	low, high := binary.LittleEndian.Uint64(head), binary.LittleEndian.Uint64(head[8:])
	if low>>3&31 > 29 || low>>8&31 > 29 {
		return false // 286 codes for literals and lengths, 30 for distances
	}
	count := 4 + int(low>>13&15)
	low, high = low>>17|high<<47, high>>17
	sum, used, most := 0, 0, uint64(0)
	for range count {
		if n := low & 7; n > 0 {
			sum += 1 << (7 - n)
			used++
			most = max(most, n)
		}
		low, high = low>>3|high<<61, high>>3
	}
	return used == 0 || sum == 1<<7 || used == 1 && most == 1
}

func (rawDeflate) open(w *walk, n *node) error {
	const seg = "(deflate)"
	if err := w.enter(n, seg); err != nil {
		return skipped(err)
	}
	in := &body.Counter{R: newReader(n.item.Blob)}
	r := bufio.NewReader(in)
	whole := &wholeReader{r: corruptReader{flate.NewReader(r)}}
	if err := w.unpack(n, child{segment: seg}, whole, in); err != nil || !whole.ended {
		return err
	}
	return w.behind(n, in.N-int64(r.Buffered()))
}

// streamsInside are zlib and gzip streams that stand in bytes of an unknown kind.
type streamsInside struct{}

const (
	maxStreams     = 16   // that are items each; of more, all together are one, but for those that begin like a file
	maxStreamTries = 4096 // places that look like one, and for each MiB, of which any has some 16:
	moreTries      = 256
)

var errTries = errors.New("too many places look like a compressed stream")

// most is how many places are tried.
func (s *streamSearch) most() int { return maxStreamTries + len(s.data)>>20*moreTries }

// spent returns the gap of a search that was given up before the end.
func (s *streamSearch) spent() error {
	if s.tries < s.most() {
		return nil
	}
	return &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errTries}
}

// streamSearch looks for streams in a slice.
type streamSearch struct {
	data  []byte
	tries int
	z     io.ReadCloser
	g     *gzip.Reader
	first []byte // room for the beginning of one

	passed int // bytes that were looked at: what a test holds to be linear
}

const (
	gzipMark   = "\x1f\x8b\x08"
	zlibLevels = "\x01\x5e\x9c\xda" // the second byte of a header of zlib with a window of 32 KiB
)

// streamSet finds headers of gzip, and of zlib with a window of 32 KiB.
var streamSet = func() *markSet {
	set := new(markSet)
	set.add(gzipMark)
	for i := range zlibLevels {
		set.addShort("\x78" + zlibLevels[i:i+1])
	}
	return set
}()

// minStream is how much a stream unpacks to, in bytes, of which no checksum says that it is one. Of any MiB some 16 bytes
// look like the beginning of one, and one in 30,000 of these unpacks to 512 bytes.
const minStream = 4 << 10

// next finds the next place, at or behind pos, at which a stream unpacks to some thousand bytes, or to its end with the
// right checksum: what is none does neither.
func (s *streamSearch) next(pos int) (at int, isGzip, ok bool) {
	if s.tries >= s.most() {
		return 0, false, false
	}
	streamSet.each(s.data, pos, func(i int) bool {
		s.passed += i - pos
		pos = i
		p := s.data[i:]
		if gz := bytes.HasPrefix(p, []byte(gzipMark)); gz || p[0] == 0x78 {
			if s.is(p, gz) {
				at, isGzip, ok = i, gz, true
				return false
			}
		}
		return s.tries < s.most()
	})
	if !ok {
		s.passed += len(s.data) - pos
	}
	return at, isGzip, ok
}

// is reports whether a stream begins p.
func (s *streamSearch) is(p []byte, isGzip bool) bool {
	if !looksStream(p, isGzip) {
		return false
	}
	if s.tries++; s.first == nil {
		s.first = make([]byte, minStream)
	}
	r, err := s.open(bytes.NewReader(p), isGzip)
	if err != nil {
		return false
	}
	k, err := io.ReadFull(r, s.first)
	return k == len(s.first) || errors.Is(err, io.ErrUnexpectedEOF) && k > 0 && ended(r)
}

// looksStream reports whether the fixed fields of a header fit.
func looksStream(p []byte, isGzip bool) bool {
	if len(p) < 12 || isGzip {
		return len(p) >= 12 && p[3]&0xe0 == 0
	}
	if !isZlib(p) || strings.IndexByte(zlibLevels, p[1]) < 0 {
		return false
	}
	switch p[2] >> 1 & 3 { // what the first block is (RFC 1951, section 3.2.3)
	case 0:
		return p[3]^p[5] == 0xff && p[4]^p[6] == 0xff
	case 3:
		return false
	}
	return true
}

// beginsZlib reports whether the first bytes of a zlib stream unpack as far as they go.
func beginsZlib(head []byte) bool {
	z, err := zlib.NewReader(bytes.NewReader(head))
	return err == nil && unpacks(z)
}

// unpacks reports whether packed data that may be cut off fails nowhere.
func unpacks(r io.Reader) bool {
	_, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
	return err == nil || errors.Is(err, io.ErrUnexpectedEOF)
}

// ended reports whether a reader is at a good end: io.ReadFull makes the same error of that and of one that is cut off.
func ended(r io.Reader) bool {
	var one [1]byte
	_, err := r.Read(one[:])
	return err == io.EOF // a cut one is io.ErrUnexpectedEOF
}

// open begins to unpack; the reader is good until the next call.
func (s *streamSearch) open(r io.Reader, isGzip bool) (io.Reader, error) {
	var err error
	switch {
	case isGzip && s.g == nil:
		s.g = new(gzip.Reader)
		fallthrough
	case isGzip:
		if err = s.g.Reset(r); err == nil {
			s.g.Multistream(false)
		}
		return s.g, err
	case s.z == nil:
		if s.z, err = zlib.NewReader(r); err != nil {
			s.z = nil
		}
		return s.z, err
	}
	reset, _ := s.z.(zlib.Resetter)
	return s.z, reset.Reset(r, nil)
}

// quiet ends a stream that is broken: by chance, what looks like one is none.
type quiet struct {
	r      io.Reader
	broken *bool // set if it is; nil if nobody asks
}

// Read implements io.Reader.
func (q quiet) Read(p []byte) (int, error) {
	n, err := q.r.Read(p)
	if err != nil {
		if q.broken != nil && err != io.EOF && !endsStream(err) {
			*q.broken = true
		}
		err = io.EOF
	}
	return n, err
}

func (streamsInside) open(w *walk, n *node) error {
	data, err := n.item.Blob.Bytes()
	if err != nil {
		return err
	}
	rest := &restOfStreams{w: w, n: n}
	if err := w.fail(n.item.Path, w.marked(n, data, rest)); err != nil {
		return err
	}
	rest.count = 0
	m := &manyStreams{search: streamSearch{data: data}}
	for m.begin() {
		k, _ := io.ReadFull(m.z, m.first[:])
		if err := rest.take(m.at, m.first[:k], quiet{r: m.z}, nil); err != nil {
			return err
		}
		m.done()
	}
	if err := w.gathered(n, allStreams, rest.all); err != nil {
		return err
	}
	if err := w.fail(n.item.Path, w.encodedIn(n, data)); err != nil {
		return err
	}
	return m.search.spent()
}

// encodedIn takes in the files that stand as base64 or hex digits in bytes of an unknown kind.
func (w *walk) encodedIn(n *node, data []byte) error {
	switch n.also.(type) {
	case dataFormat, protoInner: // they look for themselves
		return nil
	}
	if n.f != nil {
		return nil
	}
	d := doc{data: data, joined: true, report: func(hazard) {}}
	f := scan.Field{Kind: scan.KindText, At: fixedAt(""), Value: data, Span: scan.Span{End: int64(len(data))}}
	return w.runs(n, textFormat{}, d, &f, nil)
}

// restOfStreams takes in the streams that were found in one item: the first ones, and those that begin like a file, are
// items each; of the others all together are one.
type restOfStreams struct {
	w     *walk
	n     *node
	count int
	all   *body.Spool // of the others; nil if there are none
}

// take takes in what a reader yields behind the head that was read already.
func (s *restOfStreams) take(at int, head []byte, r io.Reader, in *body.Counter) error {
	r = io.MultiReader(bytes.NewReader(head), r)
	if s.count++; s.count <= maxStreams || knownMagic(head) {
		seg := "(stream at " + numbered(at) + ")"
		if err := s.w.enter(s.n, seg); err != nil {
			return skipped(err)
		}
		return s.w.unpack(s.n, child{segment: seg}, r, in)
	}
	if s.all == nil {
		s.all = s.w.t.group.New(0, "")
	}
	_, err := s.w.t.budget.Copy(s.w.ctx, s.all, r, in)
	return s.w.fail(s.n.item.Path+allStreams, err)
}

const allStreams = "(streams)"

// manyStreams goes from stream to stream.
type manyStreams struct {
	search streamSearch
	pos    int
	in     *sliceCounter
	z      io.Reader
	at     int

	first [headBytes]byte
}

// begin goes to the next stream.
func (m *manyStreams) begin() bool {
	at, isGzip, ok := m.search.next(m.pos)
	if !ok {
		return false
	}
	m.at, m.in = at, &sliceCounter{p: m.search.data[at:]}
	z, err := m.search.open(m.in, isGzip)
	m.z = z
	return err == nil
}

// done goes on behind the stream that was read.
func (m *manyStreams) done() { m.z, m.pos = nil, m.at+max(m.in.n, 1) }

// sliceCounter reads a slice byte by byte, so that a decoder takes no more of it than it needs, and counts.
type sliceCounter struct {
	p []byte
	n int
}

// Read implements io.Reader.
func (s *sliceCounter) Read(dst []byte) (int, error) {
	if s.n >= len(s.p) {
		return 0, io.EOF
	}
	k := copy(dst, s.p[s.n:])
	s.n += k
	return k, nil
}

// ReadByte implements io.ByteReader.
func (s *sliceCounter) ReadByte() (byte, error) {
	if s.n >= len(s.p) {
		return 0, io.EOF
	}
	s.n++
	return s.p[s.n-1], nil
}
