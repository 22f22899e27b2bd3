package content

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"

	"icapd/internal/body"
	"icapd/scan"

	"github.com/klauspost/compress/gzip"
)

// streamsInside are compressed streams and encoded files that stand in bytes of an unknown kind.
type streamsInside struct{}

const (
	maxStreams     = 16   // that are items each; of more, all together are one, but for those that begin like a file
	maxStreamTries = 4096 // places that look like one and are none, and for each MiB, of which any has some 16:
	moreTries      = 256
)

var errTries = errors.New("too many places look like a compressed stream")

func (streamsInside) open(w *walk, n *node) error {
	places := n.places
	if n.places = nil; places == nil {
		places = findPlaces(n.item.Blob)
	}
	rest := &restOfStreams{w: w, n: n}
	if err := w.fail(n.item.Path, w.marked(n, places.marked, rest)); err != nil {
		return err
	}
	rest.count = 0
	spent, err := w.packed(n, places.packed, rest)
	if err != nil {
		return err
	}
	if err := w.gathered(n, allStreams, rest.all); err != nil {
		return err
	}
	if err := w.fail(n.item.Path, w.encodedIn(n)); err != nil {
		return err
	}
	if places.more || spent {
		return &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errTries}
	}
	return nil
}

// packed takes in the streams of gzip and zlib, and reports whether the search was given up.
func (w *walk) packed(n *node, places []int64, rest *restOfStreams) (spent bool, err error) {
	if len(places) == 0 { // as in most values of fields: a search takes room
		return false, nil
	}
	s := newStreamSearch(n.item.Blob, places)
	for s.next() {
		if err := rest.take(s.at, s.first[:s.filled], s.rest, nil); err != nil {
			return false, err
		}
		s.pos = s.at + max(s.in.n, 1)
	}
	return s.spent(), nil
}

// minStream is how much a stream unpacks to, in bytes, of which no checksum says that it is one. Of any MiB some 16 bytes
// look like the beginning of one, and one in 30,000 of these unpacks to 512 bytes.
const minStream = 4 << 10

// streamSearch tells streams of gzip and zlib from what only looks like one.
type streamSearch struct {
	places []int64
	most   int   // places that are none
	tries  int   // of these, those that were tried
	pos    int64 // up to where the last stream reaches
	z      io.ReadCloser
	g      *gzip.Reader

	// The stream that was found.
	at     int64
	in     placeReader
	first  [minStream]byte // what it begins with
	filled int
	rest   io.Reader
}

func newStreamSearch(b scan.Blob, places []int64) *streamSearch {
	s := &streamSearch{places: places, most: maxStreamTries + int(b.Size()>>20)*moreTries}
	s.in.b = b
	return s
}

func (s *streamSearch) spent() bool { return s.tries >= s.most }

// next finds the next place, behind the last stream, at which a stream unpacks to some thousand bytes, or to its end with the
// right checksum: what is none does neither.
func (s *streamSearch) next() bool {
	for len(s.places) > 0 && !s.spent() {
		at := s.places[0]
		if s.places = s.places[1:]; at < s.pos {
			continue
		}
		if s.at = at; s.is() {
			return true
		}
		s.tries++
	}
	return false
}

// is reports whether a stream begins at a place.
func (s *streamSearch) is() bool {
	s.in.reset(s.at)
	r, err := s.open()
	if err != nil {
		return false
	}
	s.filled, err = io.ReadFull(r, s.first[:])
	switch {
	case err == nil:
		s.rest = quiet{r: r}
		return true
	case errors.Is(err, io.ErrUnexpectedEOF) && s.filled > 0 && ended(r):
		s.rest = bytes.NewReader(nil)
		return true
	}
	return false
}

// ended reports whether a reader is at a good end: io.ReadFull makes the same error of that and of one that is cut off.
func ended(r io.Reader) bool {
	var one [1]byte
	_, err := r.Read(one[:])
	return err == io.EOF // a cut one is io.ErrUnexpectedEOF
}

// open begins to unpack; the reader is good until the next call.
func (s *streamSearch) open() (io.Reader, error) {
	var err error
	switch isGzip := s.in.peek() == gzipMark[0]; {
	case isGzip && s.g == nil:
		s.g = new(gzip.Reader)
		fallthrough
	case isGzip:
		if err = s.g.Reset(&s.in); err == nil {
			s.g.Multistream(false)
		}
		return s.g, err
	case s.z == nil:
		if s.z, err = zlib.NewReader(&s.in); err != nil {
			s.z = nil
		}
		return s.z, err
	}
	reset, _ := s.z.(zlib.Resetter)
	return s.z, reset.Reset(&s.in, nil)
}

// placeReader reads a blob from a place on, byte by byte, so that a decoder takes no more of it than it needs, and counts.
type placeReader struct {
	b    scan.Blob
	all  []byte // of the blob, if it is small enough to be in memory
	p    []byte // what was read ahead and is not yet taken
	next int64  // what stands behind that
	n    int64  // bytes that were taken
	buf  []byte
}

// placeAhead is how much is read of a large blob at one time: most of what looks like a stream breaks off early.
const placeAhead = 4 << 10

// reset goes to a place.
func (r *placeReader) reset(at int64) {
	if r.all == nil && r.buf == nil {
		if r.b.Size() <= innerWhole {
			r.all, _ = r.b.Bytes()
		}
		if r.all == nil {
			r.buf = make([]byte, placeAhead)
		}
	}
	r.n, r.next, r.p = 0, at, nil
	if r.all != nil {
		r.p, r.next = r.all[at:], int64(len(r.all))
	}
}

// fill reads ahead, and reports whether there is anything.
func (r *placeReader) fill() bool {
	if len(r.p) > 0 {
		return true
	}
	if r.all != nil {
		return false
	}
	k, _ := r.b.ReadAt(r.buf, r.next)
	r.p, r.next = r.buf[:k], r.next+int64(k)
	return k > 0
}

// peek returns the next byte, 0 if there is none.
func (r *placeReader) peek() byte {
	if !r.fill() {
		return 0
	}
	return r.p[0]
}

// Read implements io.Reader.
func (r *placeReader) Read(dst []byte) (int, error) {
	if !r.fill() {
		return 0, io.EOF
	}
	k := copy(dst, r.p)
	r.p, r.n = r.p[k:], r.n+int64(k)
	return k, nil
}

// ReadByte implements io.ByteReader.
func (r *placeReader) ReadByte() (byte, error) {
	if len(r.p) == 0 && !r.fill() {
		return 0, io.EOF
	}
	c := r.p[0]
	r.p, r.n = r.p[1:], r.n+1
	return c, nil
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

// restOfStreams takes in the streams that were found in one item: the first ones, and those that begin like a file, are
// items each; of the others all together are one.
type restOfStreams struct {
	w     *walk
	n     *node
	count int
	all   *body.Spool // of the others; nil if there are none
}

// take takes in what a reader yields behind the head that was read already.
func (s *restOfStreams) take(at int64, head []byte, r io.Reader, in *body.Counter) error {
	r = io.MultiReader(bytes.NewReader(head), r)
	if s.count++; s.count <= maxStreams || knownMagic(head[:min(len(head), headBytes)]) {
		seg := "(stream at " + numbered(int(at)) + ")"
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

// encodedIn takes in the files that stand as base64 or hex digits in bytes of an unknown kind.
func (w *walk) encodedIn(n *node) error {
	switch n.also.(type) {
	case dataFormat, protoInner: // they look for themselves
		return nil
	}
	if n.f != nil {
		return nil
	}
	b := n.item.Blob
	if b.Size() > maxUnclaimed {
		return w.encodedInLarge(n)
	}
	data, err := b.Bytes()
	if err != nil {
		return err
	}
	_, err = w.encodedPart(n, "", data, wholeValue)
	return err
}

// encodedPart looks through a part of an item, and returns where what it did not look at begins.
func (w *walk) encodedPart(n *node, at string, p []byte, e extent) (int, error) {
	d := doc{data: p, joined: true, report: func(hazard) {}}
	f := scan.Field{Kind: scan.KindText, At: fixedAt(at), Value: p, Span: scan.Span{End: int64(len(p))}}
	return w.runsIn(n, textFormat{}, d, &f, nil, e)
}

// encodedWindow is how much of a large item is looked through at one time.
const encodedWindow = 1 << 20

// encodedInLarge is encodedIn for what is too large to be in memory as a whole: a mapping of it would be touched faster than
// it can be let go.
func (w *walk) encodedInLarge(n *node) error {
	b := n.item.Blob
	buf := make([]byte, encodedWindow)
	for off := int64(0); off < b.Size(); {
		k, err := b.ReadAt(buf, off)
		if k == 0 {
			return err
		}
		at, e := "(at "+numbered(int(off))+")", firstPart
		if off+int64(k) >= b.Size() {
			e = lastPart
		}
		next, err := w.encodedPart(n, at, buf[:k], e)
		if err != nil || e == lastPart {
			return err
		}
		if next == 0 { // it begins a run that is longer than a window
			data, err := b.Bytes()
			if err != nil {
				return err
			}
			next = max(endOfRun(data[off:]), 1)
			if _, err := w.encodedPart(n, at, data[off:off+int64(next)], lastPart); err != nil {
				return err
			}
		}
		off += int64(next)
		if w.ctx.Err() != nil {
			return w.ctx.Err()
		}
	}
	return nil
}
