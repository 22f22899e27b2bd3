package content

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"sync"

	"icapd/internal/body"
	"icapd/scan"

	"github.com/klauspost/compress/flate"
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

// beginsZlib reports whether the first bytes of a zlib stream unpack as far as they go.
func beginsZlib(head []byte) bool {
	z, err := zlib.NewReader(bytes.NewReader(head))
	return err == nil && unpacks(z)
}

// isSmallZlib reports whether bytes begin like a zlib stream with a smaller window than programs have as a rule (RFC 1950,
// section 2.2), without a dictionary, and unpack as far as they go.
func isSmallZlib(head []byte) bool {
	if len(head) < minEmbedded || head[0]&0x0f != 8 || head[0]>>4 > 6 || head[1]&0x20 != 0 || (int(head[0])<<8|int(head[1]))%31 != 0 {
		return false
	}
	z, err := zlib.NewReader(bytes.NewReader(head))
	if err != nil {
		return false
	}
	var first [headBytes]byte
	k, err := io.ReadFull(z, first[:])
	return err == nil || errors.Is(err, io.ErrUnexpectedEOF) && k >= minZlib && ended(z)
}

// unpacks reports whether packed data that may be cut off fails nowhere.
func unpacks(r io.Reader) bool {
	_, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
	return err == nil || errors.Is(err, io.ErrUnexpectedEOF)
}
