package content

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"path"
	"strings"

	"github.com/nwaples/rardecode/v2"

	"icapd/internal/body"
	"icapd/scan"
)

// rarFormat is a RAR archive, versions 1.5 to 7. It can be read and not written: see repack.
type rarFormat struct{}

func (rarFormat) open(w *walk, n *node) error {
	in := &body.Counter{R: newReader(n.item.Blob)}
	r, err := rardecode.NewReader(in, rardecode.MaxDictionarySize(maxDictionary))
	if err != nil {
		return rarGap(err)
	}
	names, all := nameSet{}, &stock{}
	n.state = all
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			n.state = nil // nobody knows what is behind
			return rarGap(err)
		}
		names.check(w.t, n, h.Name, scan.Span{})
		member := archived{name: h.Name, at: h.ModificationTime}
		if h.IsDir {
			member.name = strings.TrimSuffix(member.name, "/") + "/"
			all.empty = append(all.empty, member)
			continue
		}
		all.files++
		c := child{segment: segment(h.Name), name: path.Base(h.Name), ref: member}
		if h.Encrypted {
			if stop := w.fail(n.item.Path+c.segment, &scan.Gap{Reason: scan.ReasonEncrypted, Err: errEncrypted}); stop != nil {
				return stop
			}
			continue
		}
		if err := w.enter(n, c.segment); err != nil {
			if err = skipped(err); err != nil {
				return err
			}
			continue
		}
		in.N = 0 // the ratio is the member's own
		if err := w.unpack(n, c, rarReader{r}, in); err != nil {
			return err
		}
	}
}

// rarReader says the reasons of errors.
type rarReader struct{ r io.Reader }

// Read implements io.Reader.
func (r rarReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = rarGap(err)
	}
	return n, err
}

func rarGap(err error) error {
	g := &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
	switch {
	case errors.Is(err, rardecode.ErrArchiveEncrypted), errors.Is(err, rardecode.ErrArchivedFileEncrypted), errors.Is(err, rardecode.ErrBadPassword):
		g.Reason = scan.ReasonEncrypted
	case errors.Is(err, rardecode.ErrDictionaryTooLarge):
		g.Reason, g.Limit = scan.ReasonLimit, body.LimitMemory
	case errors.Is(err, rardecode.ErrMultiVolume), errors.Is(err, rardecode.ErrUnknownVersion), errors.Is(err, rardecode.ErrUnsupportedDecoder):
		g.Reason = scan.ReasonUnsupported
	}
	return g
}

// innerRar checks the checksum of the main header: RAR 4 has 16 bits of it, RAR 5 all. An archive is open if it has no end
// that can be found.
func innerRar(b scan.Blob, at int64) (size int64, open bool) {
	h := readAt(b, at, 8)
	if len(h) < 8 || h[6] > 1 || h[6] == 1 && h[7] != 0 {
		return 0, false
	}
	pos, next := at+7, rar4Block
	if h[6] == 1 {
		pos, next = at+8, rar5Block
	}
	for count := range maxRarBlocks {
		n, last, ok := next(b, pos)
		switch {
		case !ok && count == 0:
			return 0, false
		case !ok || n > b.Size()-pos:
			return b.Size() - at, true
		case last:
			return pos + n - at, false
		}
		pos += n
	}
	return b.Size() - at, true
}

// maxRarBlocks bounds the blocks that are looked at to find the end of an archive.
const maxRarBlocks = 100_000

// rar4Block returns how long the block at a place is with its data, and whether it ends the archive. It is not ok if its
// checksum is wrong, as that of an encrypted one is.
func rar4Block(b scan.Blob, at int64) (n int64, last, ok bool) {
	const main, file, service, end = 0x73, 0x74, 0x7a, 0x7b
	h := readAt(b, at, 7)
	if len(h) < 7 || h[2] < main || h[2] > end {
		return 0, false, false
	}
	typ, flags, size := h[2], binary.LittleEndian.Uint16(h[3:]), int(binary.LittleEndian.Uint16(h[5:]))
	if size < 7 {
		return 0, false, false
	}
	h = readAt(b, at, size)
	if len(h) < size || uint16(crc32.ChecksumIEEE(h[2:])) != binary.LittleEndian.Uint16(h) { //nolint:gosec // the low half
		return 0, false, false
	}
	n = int64(size)
	if size >= 11 && (flags&0x8000 != 0 || typ == file || typ == service) {
		n += int64(binary.LittleEndian.Uint32(h[7:]))
	}
	if size >= 36 && flags&0x100 != 0 && (typ == file || typ == service) { // the upper half of the size
		n += int64(binary.LittleEndian.Uint32(h[32:])&0x7fff_ffff) << 32
	}
	return n, typ == end, true
}

// rar5Block is rar4Block for RAR 5.
func rar5Block(b scan.Blob, at int64) (n int64, last, ok bool) {
	const maxHead, encrypted, end = 2 << 20, 4, 5
	h := readAt(b, at, 4+3)
	if len(h) < 7 {
		return 0, false, false
	}
	size, k := binary.Uvarint(h[4:])
	if k <= 0 || size < 2 || size > maxHead {
		return 0, false, false
	}
	n = 4 + int64(k) + int64(size)
	h = readAt(b, at, int(n))
	if int64(len(h)) < n || crc32.ChecksumIEEE(h[4:]) != binary.LittleEndian.Uint32(h) {
		return 0, false, false
	}
	var v [4]uint64 // type, flags, size of the extra area, size of the data
	p := h[4+k:]
	for i := range v {
		if i >= 2 && v[1]&(1<<(i-2)) == 0 {
			continue
		}
		x, k := binary.Uvarint(p)
		if k <= 0 {
			return 0, false, false
		}
		v[i], p = x, p[k:]
	}
	if v[0] == encrypted || v[3] > math.MaxInt64/2 {
		return math.MaxInt64 / 2, false, true // what follows cannot be read
	}
	return n + int64(v[3]), v[0] == end, true //nolint:gosec // bounded above
}
