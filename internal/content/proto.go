package content

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"

	"icapd/internal/body"
	"icapd/scan"
)

// protoFormat is a Protocol Buffers message, or a stream of gRPC frames, without its schema: what looks like a
// string is a field. The path is the field numbers. It can be read and not written, because every length
// around a string would have to change.
type protoFormat struct{}

// protoAt is the Locator of a field.
type protoAt struct{ numbers []uint64 }

// AppendPath implements scan.Locator.
func (p *protoAt) AppendPath(dst []byte) []byte {
	for _, n := range p.numbers {
		dst = strconv.AppendUint(append(dst, '/'), n, 10)
	}
	return dst
}

// protoDepth bounds how deep bytes are tried as a message of their own.
const protoDepth = 32

var errProto = errors.New("not a valid Protocol Buffers message")

func (protoFormat) fields(ctx context.Context, d doc, yield func(*scan.Field) bool) error {
	at := &protoAt{}
	w := protoWalk{all: d.report != nil, ctx: ctx, data: d.data, at: at, yield: yield, f: scan.Field{Kind: scan.KindString, At: at}}
	if isGRPC(d.data) {
		for pos := 0; pos < len(d.data) && !w.stopped; {
			end := pos + 5 + int(binary.BigEndian.Uint32(d.data[pos+1:]))
			if d.data[pos] != 0 { // packed, or trailers: see open
				pos = end
				continue
			}
			if !validProto(d.data[pos+5 : end]) {
				return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errProto}
			}
			w.message(pos+5, end, 0)
			pos = end
		}
		return ctx.Err()
	}
	if !validProto(d.data) {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errProto}
	}
	w.message(0, len(d.data), 0)
	return ctx.Err()
}

// grpcTrailers marks the last frame of gRPC-Web, which holds header fields.
const grpcTrailers = 0x80

// isGRPC reports whether data is whole frames of gRPC.
func isGRPC(data []byte) bool {
	pos := 0
	for pos+5 <= len(data) && data[pos]&^(grpcTrailers|1) == 0 {
		n := int64(binary.BigEndian.Uint32(data[pos+1:]))
		if int64(pos)+5+n > int64(len(data)) {
			return false
		}
		pos += 5 + int(n)
	}
	return pos > 0 && pos == len(data)
}

// open takes in the frames of gRPC that are packed, and its trailers.
func (protoFormat) open(w *walk, n *node) error {
	data, err := n.item.Blob.Bytes()
	if err != nil || !isGRPC(data) {
		return err
	}
	for pos, count := 0, 1; pos < len(data); count++ {
		from := pos + 5
		end := from + int(binary.BigEndian.Uint32(data[pos+1:]))
		flags := data[pos]
		pos = end
		if flags == 0 || from == end {
			continue
		}
		c := child{segment: "(frame " + strconv.Itoa(count) + ")", blob: newSection(n.item.Blob, int64(from), int64(end-from))}
		if flags&grpcTrailers != 0 {
			c.typ = typeText
		}
		if err := w.enter(n, c.segment); err != nil {
			return skipped(err)
		}
		if flags&1 == 0 {
			err = w.child(n, c)
		} else {
			err = w.grpcPacked(n, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// grpcPacked unpacks a frame: gzip is what is in use.
func (w *walk) grpcPacked(n *node, c child) error {
	in := &body.Counter{R: newReader(c.blob)}
	typ := findMagic(readAt(c.blob, 0, sniffBytes))
	r, err := stream(typ, in)
	if err != nil {
		return w.fail(n.item.Path+c.segment, err)
	}
	if z, ok := r.(io.Closer); ok {
		defer z.Close() //nolint:errcheck // nothing is written
	}
	c.blob, c.claimed = nil, typeProto
	return w.unpack(n, c, r, in)
}

// grpcText is gRPC-Web as text: base64 of its frames, each of which may have padding of its own.
type grpcText struct{}

func (grpcText) open(w *walk, n *node) error {
	data, err := n.item.Blob.Bytes()
	if err != nil {
		return err
	}
	const seg = "(base64)"
	if err := w.enter(n, seg); err != nil {
		return skipped(err)
	}
	return w.unpack(n, child{segment: seg, claimed: typeProto}, &quanta{p: data}, nil)
}

type protoWalk struct {
	ctx     context.Context
	data    []byte
	at      *protoAt
	yield   func(*scan.Field) bool
	f       scan.Field
	stopped bool
	all     bool // bytes too
}

// message yields the strings of a valid message, and of the messages in it.
func (w *protoWalk) message(start, end, depth int) {
	eachProto(w.data[start:end], func(number uint64, from, to int) bool {
		if w.ctx.Err() != nil || w.stopped {
			w.stopped = true
			return false
		}
		if to <= from {
			return true
		}
		w.at.numbers = append(w.at.numbers, number)
		value := w.data[start+from : start+to]
		switch {
		case utf8.Valid(value) && !hasControls(value), w.all && !validProto(value):
			w.f.Value, w.f.Span = value, scan.Span{Start: int64(start + from), End: int64(start + to)}
			w.stopped = !w.yield(&w.f)
		case depth < protoDepth && validProto(value):
			w.message(start+from, start+to, depth+1)
		}
		w.at.numbers = w.at.numbers[:len(w.at.numbers)-1]
		return !w.stopped
	})
}

// validProto reports whether bytes are a whole message.
func validProto(p []byte) bool { return eachProto(p, func(uint64, int, int) bool { return true }) }

// eachProto calls f for the fields of a message that have a length, and reports whether the message is valid.
func eachProto(p []byte, f func(number uint64, from, to int) bool) bool {
	for pos := 0; pos < len(p); {
		key, n := binary.Uvarint(p[pos:])
		if n <= 0 || key>>3 == 0 || key>>3 > 1<<29 {
			return false
		}
		pos += n
		size := uint64(0)
		switch key & 7 {
		case 0:
			if _, n = binary.Uvarint(p[pos:]); n <= 0 {
				return false
			}
			size = uint64(n)
		case 1:
			size = 8
		case 5:
			size = 4
		case 2:
			v, n := binary.Uvarint(p[pos:])
			if n <= 0 || v > uint64(len(p)-pos-n) { //nolint:gosec // not negative
				return false
			}
			pos += n
			if !f(key>>3, pos, pos+int(v)) { //nolint:gosec // checked above
				return true
			}
			size = v
		default: // groups have been out of use for long
			return false
		}
		if size > uint64(len(p)-pos) { //nolint:gosec // not negative
			return false
		}
		pos += int(size)
	}
	return true
}

var errProtoWrite = errors.New("a Protocol Buffers message cannot be written without its schema")

// lengthen implements lengthed.
func (protoFormat) lengthen(*Tree, doc, embedded, scan.Blob) (patch, error) {
	return patch{}, errProtoWrite
}

func (protoFormat) edits(context.Context, doc, []scan.Edit) ([]patch, error) {
	return nil, errProtoWrite
}

func (protoFormat) rawRange(_ []byte, from, to int) (int, int) { return from, to }

func (protoFormat) style(_ []byte, w io.Writer) io.Writer { return w }
