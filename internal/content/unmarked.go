package content

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"

	"icapd/internal/body"
	"icapd/scan"

	"github.com/andybalholm/brotli"
	"github.com/ulikunitz/xz/lzma"
)

// Compressed files without a mark: brotli (RFC 7932), LZMA2, and flash films that are packed by LZMA. What has no mark is
// told by its structure, up to the end.

// brotliFormat is a stream of brotli.
type brotliFormat struct{}

func (brotliFormat) open(w *walk, n *node) error {
	const seg = "(br)"
	if err := w.enter(n, seg); err != nil {
		return skipped(err)
	}
	in := &body.Counter{R: newReader(n.item.Blob)}
	return w.unpack(n, child{segment: seg}, corruptReader{brotli.NewReader(in)}, in)
}

const (
	minBrotli     = 48       // bytes from which on the value of a field is tried
	maxBrotli     = 16 << 20 // bytes up to which anything is tried
	brotliBlock   = 64       // how many times its size the first block of a stream may unpack to, that is tried
	brotliLeast   = 64 << 10 // bytes that it may unpack to anyway
	brotliSmall   = 64 << 10 // bytes up to which a stream is tried with a small window
	brotliDiverse = 4        // different bytes that what comes out begins with: one, again and again, is none
)

var brotlis = sync.Pool{New: func() any { return brotli.NewReader(nil) }} //nolint:gochecknoglobals // holds no state that anybody could see

// isBrotli reports whether bytes of an unknown kind unpack to their very end, or to more than is tried, and to a file of a
// known kind or a text. A few random bytes of a thousand begin like brotli, and hardly any of a million do all of that.
func isBrotli(n *node) bool {
	_, field := n.ref.(embedded)
	b := n.item.Blob
	if size := b.Size(); size < minEmbedded || size > maxBrotli || field && size < minBrotli {
		return false
	}
	data, err := b.Bytes()
	if err != nil || !brotliHead(data) {
		return false
	}
	return unpacksBrotli(data)
}

// isShortBrotli reports whether the value of a field that is too short to be looked at for its length alone is brotli.
func isShortBrotli(data []byte) bool {
	return len(data) >= minBrotli && brotliHead(data) && unpacksBrotli(data)
}

func unpacksBrotli(data []byte) bool {
	z, _ := brotlis.Get().(*brotli.Reader)
	defer brotlis.Put(z)
	in := bytes.NewReader(data)
	if z.Reset(smallWindow(data, in)) != nil {
		return false
	}
	defer z.Reset(nil) //nolint:errcheck // lets the message go
	var head, rest [headBytes]byte
	k, err := io.ReadFull(z, head[:])
	if k < minEmbedded || !knownMagic(head[:k]) && (!readable(head[:min(k, readableStart)]) || distinct(head[:k]) < brotliDiverse) {
		return false
	}
	for out := k; err == nil && out <= maxTrialRatio*len(data); out += k {
		k, err = z.Read(rest[:])
	}
	return err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && k > 0 && in.Len() == 0
}

// smallWindow reads a stream as one with a window of 256 KiB, if it is small and says that it has a larger one: what it
// unpacks to is the same up to as many bytes, and thousands of small ones would take 16 MiB each.
func smallWindow(data []byte, in *bytes.Reader) io.Reader {
	const bits, window18 = 0x0f, 0x03
	if len(data) > brotliSmall || data[0]&1 == 0 || data[0]&bits == 1 {
		return in
	}
	first := []byte{data[0]&^bits | window18}
	_, _ = in.ReadByte()
	return io.MultiReader(bytes.NewReader(first), in)
}

func distinct(p []byte) (n int) {
	var seen [256]bool
	for _, c := range p {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n
}

// brotliBits reads bits, the lowest of each byte first.
type brotliBits struct {
	p   []byte
	pos int
}

func (b *brotliBits) take(n int) (v int) {
	for i := range n {
		if b.pos>>3 < len(b.p) {
			v |= int(b.p[b.pos>>3]>>(b.pos&7)&1) << i
		}
		b.pos++
	}
	return v
}

// brotliHead reads the head of a stream and of its first block that has data (RFC 7932, sections 9.1 and 9.2), and reports
// whether what the block says of its size can be.
func brotliHead(data []byte) bool {
	b := brotliBits{p: data}
	if b.take(1) == 1 && b.take(3) == 0 && b.take(3) == 1 {
		return false // reserved: a large window
	}
	for {
		last := b.take(1) == 1
		if last && b.take(1) == 1 {
			return false // empty
		}
		nibbles := 4 + b.take(2)
		if nibbles < 7 {
			size := 1 + b.take(4*nibbles)
			return size <= brotliBlock*len(data)+brotliLeast
		}
		if last || b.take(1) == 1 {
			return false
		}
		skip := b.take(2)
		if skip = b.take(8 * skip); skip >= len(data) {
			return false
		}
		if b.pos = (b.pos+7)&^7 + 8*(skip+1); b.pos>>3 >= len(data) {
			return false
		}
	}
}

// lzma2Format is LZMA2 without a container, as it stands in xz and 7z files.
type lzma2Format struct{ size int64 }

func (f lzma2Format) open(w *walk, n *node) error {
	const seg = "(lzma2)"
	if err := w.enter(n, seg); err != nil {
		return skipped(err)
	}
	in := &body.Counter{R: newReader(n.item.Blob)}
	r, err := lzma.Reader2Config{DictCap: int(min(max(f.size, lzma.MinDictCap), maxDictionary))}.NewReader2(in)
	if err != nil {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
	}
	return w.unpack(n, child{segment: seg}, corruptReader{r}, in)
}

// lzma2Size goes from chunk to chunk (the description of LZMA2 in XZ for Java) and returns what they unpack to, 0 if bytes
// are not chunks up to the end.
func lzma2Size(data []byte) (size int64) {
	if len(data) < minEmbedded || data[0] != 1 && data[0] < 0xe0 || data[len(data)-1] != 0 {
		return 0
	}
	for p := data; ; {
		switch c := p[0]; {
		case c == 0 && len(p) == 1:
			return size
		case c == 0 || c > 2 && c < 0x80 || len(p) < 7:
			return 0
		case c <= 2:
			n := int(binary.BigEndian.Uint16(p[1:])) + 1
			size += int64(n)
			p = p[min(3+n, len(p)):]
		default:
			head := 5
			if c >= 0xc0 {
				head = 6
			}
			size += int64(c&0x1f)<<16 + int64(binary.BigEndian.Uint16(p[1:])) + 1
			p = p[min(head+int(binary.BigEndian.Uint16(p[3:]))+1, len(p)):]
		}
		if len(p) == 0 {
			return 0
		}
	}
}

// isLZMA2 reports whether bytes of an unknown kind are LZMA2, and the size of what they unpack to.
func isLZMA2(b scan.Blob, head []byte) (lzma2Format, bool) {
	if len(head) < minEmbedded || head[0] != 1 && head[0] < 0xe0 || b.Size() > maxUnclaimed {
		return lzma2Format{}, false
	}
	data, err := b.Bytes()
	if err != nil {
		return lzma2Format{}, false
	}
	size := lzma2Size(data)
	return lzma2Format{size: size}, size > 0
}

// flashFormat is a film of Flash that is packed by LZMA: its header has the sizes in front of the properties (SWF File Format
// Specification, version 19, "The SWF header").
type flashFormat struct{}

const flashMark = "ZWS"

func (flashFormat) open(w *walk, n *node) error {
	h := readAt(n.item.Blob, 0, 17)
	const seg = "(lzma)"
	if len(h) < 17 || string(h[:3]) != flashMark {
		return nil
	}
	if err := w.enter(n, seg); err != nil {
		return skipped(err)
	}
	in := &body.Counter{R: newReader(newSection(n.item.Blob, 17, n.item.Blob.Size()))}
	size := binary.LittleEndian.AppendUint64(nil, uint64(max(binary.LittleEndian.Uint32(h[4:]), 8)-8))
	r, err := lzmaAlone(io.MultiReader(bytes.NewReader(h[12:]), bytes.NewReader(size), in))
	if err != nil {
		return err
	}
	return w.unpack(n, child{segment: seg, typ: typeBinary}, r, in)
}

// frameHead reports whether bytes that are encoded in so many characters of base64 begin like a frame of gRPC with a message.
func frameHead(head []byte, chars int) bool {
	if len(head) < minEmbedded*3/4 || head[0]&^1 != 0 {
		return false
	}
	n, size := int64(binary.BigEndian.Uint32(head[1:])), int64(chars)*3/4
	switch end := 5 + n; {
	case n < 2 || end > size:
		return false
	case head[0] == 1:
		return knownMagic(head[5:])
	case end <= int64(len(head)):
		return validProto(head[5:end])
	}
	key, k := binary.Uvarint(head[5:])
	return k > 0 && key>>3 > 0 && key>>3 < 1<<12 && strings.IndexByte("\x00\x01\x02\x05", byte(key&7)) >= 0
}
