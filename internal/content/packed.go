package content

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"icapd/scan"
)

// packedFormat is a binary form of JSON-like data: MessagePack or CBOR (RFC 8949). Strings are fields, names of
// maps are keys; byte strings that are text are fields too. Paths are those of JSON: names and numbers.
type packedFormat struct{ cbor bool }

// packedReader reads value by value.
type packedReader struct {
	data    []byte
	pos     int
	cbor    bool
	nesting int
	stack   []packedFrame

	start, end int // the token, head included
	in0        int // its content
	bytes      bool
	ext        bool // an extension of MessagePack: in0 to end are its data
}

// packedFrame is a map or array that is open.
type packedFrame struct {
	left  uint64 // values to come
	index uint64
	isMap bool
	open  bool // CBOR: ends with a break
	parts bool // CBOR: a string in pieces
	key0  int
	key1  int
}

type packedToken uint8

const (
	packedEnd packedToken = iota
	packedString
	packedKey
	packedOther
)

var (
	errPacked        = errors.New("not valid MessagePack or CBOR")
	errPackedNesting = errors.New("nested deeper than configured")
)

// next reads a value's head, and its content if it is a string.
func (r *packedReader) next() (packedToken, error) {
	for len(r.stack) > 0 {
		top := &r.stack[len(r.stack)-1]
		if top.open && r.pos < len(r.data) && r.data[r.pos] == 0xff {
			r.pos++
			top.left, top.open = 0, false
		}
		if top.left > 0 || top.open {
			break
		}
		r.stack = r.stack[:len(r.stack)-1]
		r.closed()
	}
	r.start, r.ext = r.pos, false
	if len(r.stack) == 0 && r.pos > 0 && r.pos >= len(r.data) {
		return packedEnd, nil
	}
	if r.pos >= len(r.data) {
		return 0, errPacked
	}
	if len(r.stack) > r.nesting {
		return 0, errPackedNesting
	}
	key := len(r.stack) > 0 && r.stack[len(r.stack)-1].isMap && r.stack[len(r.stack)-1].index%2 == 0
	depth := len(r.stack)
	var isString bool
	var err error
	if r.cbor {
		isString, err = r.cborHead()
	} else {
		isString, err = r.msgHead()
	}
	if err != nil {
		return 0, err
	}
	tok := packedOther
	if isString {
		tok = packedString
	}
	if key {
		top := &r.stack[depth-1]
		top.key0, top.key1 = r.start, r.start
		if isString {
			top.key0, top.key1 = r.in0, r.end
			tok = packedKey
		}
	}
	if len(r.stack) == depth {
		r.closed()
	}
	return tok, nil
}

// closed counts a value that is complete in what it stands in.
func (r *packedReader) closed() {
	if len(r.stack) == 0 {
		return
	}
	top := &r.stack[len(r.stack)-1]
	top.index++
	if !top.open {
		top.left--
	}
}

func (r *packedReader) take(n int) (uint64, error) {
	if len(r.data)-r.pos < n {
		return 0, errPacked
	}
	var v uint64
	for _, c := range r.data[r.pos : r.pos+n] {
		v = v<<8 | uint64(c)
	}
	r.pos += n
	return v, nil
}

func (r *packedReader) str(n uint64, isBytes bool) (bool, error) {
	if n > uint64(len(r.data)-r.pos) { //nolint:gosec // not negative
		return false, errPacked
	}
	r.in0, r.pos = r.pos, r.pos+int(n) //nolint:gosec // checked above
	r.end, r.bytes = r.pos, isBytes
	return true, nil
}

func (r *packedReader) skip(n uint64) (bool, error) {
	if n > uint64(len(r.data)-r.pos) { //nolint:gosec // not negative
		return false, errPacked
	}
	r.pos += int(n) //nolint:gosec // checked above
	r.end = r.pos
	return false, nil
}

// extension skips the data of an extension and its type.
func (r *packedReader) extension(n uint64) (bool, error) {
	r.in0, r.ext = r.pos+1, true
	return r.skip(n + 1)
}

func (r *packedReader) push(n uint64, isMap, open bool) (bool, error) {
	if isMap {
		if n > math.MaxUint64/2 {
			return false, errPacked
		}
		n *= 2
	}
	if n > uint64(len(r.data)-r.pos) { //nolint:gosec // each value takes a byte at least
		return false, errPacked
	}
	r.stack = append(r.stack, packedFrame{left: n, isMap: isMap, open: open})
	return false, nil
}

// msgHead reads the head of a MessagePack value (the MessagePack specification, "Formats").
func (r *packedReader) msgHead() (bool, error) {
	c := r.data[r.pos]
	r.pos++
	r.end = r.pos
	switch {
	case c <= 0x7f || c >= 0xe0 || c == 0xc0 || c == 0xc2 || c == 0xc3:
		return false, nil
	case c <= 0x8f:
		return r.push(uint64(c&15), true, false)
	case c <= 0x9f:
		return r.push(uint64(c&15), false, false)
	case c <= 0xbf:
		return r.str(uint64(c&31), false)
	case c == 0xc1:
		return false, errPacked
	case c >= 0xca && c <= 0xd3: // numbers
		return r.skip([]uint64{4, 8, 1, 2, 4, 8, 1, 2, 4, 8}[c-0xca])
	case c >= 0xd4 && c <= 0xd8: // extensions of a fixed length
		return r.extension(1 << (c - 0xd4))
	}
	width := 1 << ((c - 0xc4) % 3) // bin 8/16/32, ext 8/16/32
	switch {
	case c >= 0xd9 && c <= 0xdb:
		width = 1 << (c - 0xd9)
	case c >= 0xdc:
		width = 2 << (c & 1)
	}
	n, err := r.take(width)
	switch {
	case err != nil:
		return false, err
	case c <= 0xc6:
		return r.str(n, true)
	case c <= 0xc9:
		return r.extension(n)
	case c <= 0xdb:
		return r.str(n, false)
	}
	return r.push(n, c >= 0xde, false)
}

// cborHead reads the head of a CBOR value.
func (r *packedReader) cborHead() (bool, error) {
	c := r.data[r.pos]
	r.pos++
	major, info := c>>5, c&31
	n, open := uint64(info), false
	switch {
	case info >= 24 && info <= 27:
		var err error
		if n, err = r.take(1 << (info - 24)); err != nil {
			return false, err
		}
	case info == 31 && major >= 2 && major <= 5:
		n, open = 0, true
	case info > 27:
		return false, errPacked
	}
	r.end = r.pos
	switch major {
	case 2, 3:
		if open { // a string in pieces is an array of strings
			_, err := r.push(0, false, true)
			r.stack[len(r.stack)-1].parts = true
			return false, err
		}
		return r.str(n, major == 2)
	case 4, 5:
		return r.push(n, major == 5, open)
	case 6: // a tag counts with the value behind it
		return r.push(1, false, false)
	}
	return false, nil
}

// AppendPath implements scan.Locator.
func (r *packedReader) AppendPath(dst []byte) []byte {
	for i := range r.stack {
		f := &r.stack[i]
		index := f.index
		if i == len(r.stack)-1 && index > 0 {
			index-- // the value that was read is counted already
		}
		switch {
		case f.isMap && f.key1 > f.key0:
			dst = appendPointer(append(dst, '/'), r.data[f.key0:f.key1])
		case f.isMap:
			dst = strconv.AppendUint(append(dst, '/'), index/2, 10)
		default:
			dst = strconv.AppendUint(append(dst, '/'), index, 10)
		}
	}
	return dst
}

func (f packedFormat) fields(ctx context.Context, d doc, yield func(*scan.Field) bool) error {
	r := packedReader{data: d.data, cbor: f.cbor, nesting: d.nesting}
	fl := scan.Field{At: &r}
	whole := packedWhole{d: d}
	for n := 0; ; n++ {
		if n%tokensPerCheck == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		tok, err := r.next()
		if err != nil {
			gap := &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
			if errors.Is(err, errPackedNesting) {
				gap.Reason, gap.Limit = scan.ReasonLimit, LimitNesting
			}
			return gap
		}
		if d.join != nil {
			taken, more := whole.token(&r, tok)
			if !more {
				return nil
			}
			if taken {
				continue
			}
		}
		switch tok {
		case packedEnd:
			return whole.whole.err()
		case packedOther:
			continue
		case packedKey:
			fl.Kind = scan.KindKey
		case packedString:
			fl.Kind = scan.KindString
		}
		fl.Value = d.data[r.in0:r.end]
		if r.bytes && d.report == nil && !utf8.Valid(fl.Value) {
			continue
		}
		fl.Span = scan.Span{Start: int64(r.start), End: int64(r.end)}
		if !yield(&fl) {
			return nil
		}
	}
}

// packedWhole puts a string of CBOR together that stands in pieces (RFC 8949, section 3.2.3).
type packedWhole struct {
	d     doc
	whole joined
	start int64

	at     string
	placed bool // at is set
}

// token takes a token. It reports whether the token is a piece of a string, and whether the walk goes on.
func (p *packedWhole) token(r *packedReader, tok packedToken) (taken, more bool) {
	if tok == packedString && len(r.stack) > 0 && r.stack[len(r.stack)-1].parts {
		more = true
		if p.whole.pieces == 0 || r.stack[len(r.stack)-1].index == 1 {
			more = p.flush()
			p.placed, p.start = false, int64(r.start)
			p.whole.pieces = 1 // one piece is a string, too
		}
		p.whole.pieces++
		p.whole.add(r.data[r.in0:r.end])
		if !p.placed && len(p.whole.value) >= minEmbedded { // less is not looked into, and paths may be long
			p.placed = true
			p.at = string(r.AppendPath(nil))
			p.at = p.at[:strings.LastIndexByte(p.at, '/')]
		}
		p.whole.end = int64(r.end)
		return true, more
	}
	if r.ext && r.end-r.in0 >= minEmbedded && !p.d.join(&scan.Field{
		Kind: scan.KindString, At: r, Value: r.data[r.in0:r.end], Span: scan.Span{Start: int64(r.start), End: int64(r.end)},
	}) {
		return true, false
	}
	return false, p.flush()
}

func (p *packedWhole) flush() bool { return p.whole.flush(p.d, fixedAt(p.at), p.start) }

// fixedAt is a Locator that was written before.
type fixedAt string

// AppendPath implements scan.Locator.
func (f fixedAt) AppendPath(dst []byte) []byte { return append(dst, f...) }

// edits implements fielder: a string has its length in front, so it can be replaced where it stands. What is
// dropped becomes null, because the counts of maps and arrays stay.
func (f packedFormat) edits(ctx context.Context, d doc, edits []scan.Edit) ([]patch, error) {
	r := packedReader{data: d.data, cbor: f.cbor, nesting: d.nesting}
	var patches []patch
	for n := 0; len(edits) > 0; n++ {
		if n%tokensPerCheck == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		tok, err := r.next()
		if err != nil {
			return nil, err
		}
		if tok == packedEnd {
			return nil, fmt.Errorf("%w: bytes %d to %d", errEdit, edits[0].Span.Start, edits[0].Span.End)
		}
		if tok == packedOther || int64(r.start) != edits[0].Span.Start || int64(r.end) != edits[0].Span.End {
			continue
		}
		with := f.head(r.bytes, uint64(len(edits[0].Value)))
		with = append(with, edits[0].Value...)
		if edits[0].Op != scan.EditSet {
			if with = f.null(); tok == packedKey {
				with = f.head(r.bytes, 0)
			}
		}
		patches = append(patches, patch{start: int64(r.start), end: int64(r.end), with: scan.Bytes(with)})
		edits = edits[1:]
	}
	return patches, nil
}

// lengthen implements lengthed.
func (f packedFormat) lengthen(t *Tree, d doc, ref embedded, with scan.Blob) (patch, error) {
	r := packedReader{data: d.data[:ref.field.End], pos: int(ref.field.Start), cbor: f.cbor}
	var err error
	if f.cbor {
		_, err = r.cborHead()
	} else {
		_, err = r.msgHead()
	}
	if err != nil {
		return patch{}, err
	}
	before, behind := d.data[r.in0:ref.span.Start], d.data[ref.span.End:ref.field.End]
	size := int64(len(before)) + with.Size() + int64(len(behind))
	if size > math.MaxUint32 {
		return patch{}, errPacked
	}
	sp := t.group.New(0, "")
	_, err = sp.Write(slices.Concat(f.head(r.bytes, uint64(size)), before)) //nolint:gosec // not negative
	if err == nil {
		_, err = io.Copy(sp, newReader(with))
	}
	if err == nil {
		_, err = sp.Write(behind)
	}
	sp.Finish(err)
	return patch{start: ref.field.Start, end: ref.field.End, with: sp}, err
}

func (f packedFormat) null() []byte {
	if f.cbor {
		return []byte{0xf6}
	}
	return []byte{0xc0}
}

// head writes the head of a string.
func (f packedFormat) head(isBytes bool, n uint64) []byte {
	var width, first byte // width as a power of two
	switch {
	case n > math.MaxUint16:
		width = 2
	case n > math.MaxUint8:
		width = 1
	}
	switch {
	case f.cbor && n < 24:
		return []byte{cborMajor(isBytes)<<5 | byte(n)}
	case f.cbor:
		first = cborMajor(isBytes)<<5 | (24 + width)
	case !isBytes && n < 32:
		return []byte{0xa0 | byte(n)}
	case isBytes:
		first = 0xc4 + width
	default:
		first = 0xd9 + width
	}
	var buf [8]byte
	binary.BigEndian.PutUint64(buf[:], n)
	return append([]byte{first}, buf[8-1<<width:]...)
}

func cborMajor(isBytes bool) byte {
	if isBytes {
		return 2
	}
	return 3
}

// rawRange implements fielder: values stand as they are, behind their head, and never get here.
func (packedFormat) rawRange(raw []byte, from, to int) (int, int) {
	return min(from, len(raw)), min(to, len(raw))
}

// style implements fielder.
func (packedFormat) style(_ []byte, w io.Writer) io.Writer { return w }

// packedClaims are the media types of binary forms of data. The claim decides, because they have no magic.
var packedClaims = map[string]string{
	"application/msgpack": typeMsgPack, "application/x-msgpack": typeMsgPack, "application/vnd.msgpack": typeMsgPack,
	"application/cbor": typeCBOR, "application/x-protobuf": typeProto, "application/protobuf": typeProto, "application/vnd.google.protobuf": typeProto,
	"application/cbor-seq": typeCBOR, "application/cose": typeCBOR, "application/cwt": typeCBOR, "application/x-cbor": typeCBOR,
	"application/grpc-web-text": typeGRPCText, "application/grpc-web-text+proto": typeGRPCText,
	"application/grpc": typeProto, "application/grpc-web": typeProto, "application/grpc-web+proto": typeProto, "application/grpc+proto": typeProto, "application/x-google-protobuf": typeProto,
}

// tellPacked tells binary forms of data.
func tellPacked(s *sample) string {
	if strings.HasSuffix(s.claim, "+cbor") {
		return typeCBOR
	}
	return packedClaims[s.claim]
}
