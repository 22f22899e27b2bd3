package content

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"icapd/scan"

	"github.com/ulikunitz/xz/lzma"
)

// xzReader reads the .xz container (The .xz File Format 1.2.1) block by block, because the library takes as
// much memory as a block's header asks for. Blocks with filters other than LZMA2 are not read. Checks of
// blocks are not verified: what is decoded is looked at, whatever its checksum.
type xzReader struct {
	r     *bufio.Reader
	count int64 // bytes of the block read so far
	check int   // bytes of a block's check
	block io.Reader
	open  bool // inside a stream
	some  bool // a stream was read
}

var (
	errXz       = errors.New("not a valid xz file")
	errXzBehind = errors.New("not xz what stands behind it")
	errXzFilter = errors.New("xz with a filter that is not supported")
)

func newXzReader(r io.Reader) *xzReader { return &xzReader{r: bufio.NewReaderSize(r, 16<<10)} }

// ReadByte implements io.ByteReader, so that LZMA2 reads no more than its own.
func (x *xzReader) ReadByte() (byte, error) {
	b, err := x.r.ReadByte()
	if err == nil {
		x.count++
	}
	return b, err
}

// source counts what LZMA2 takes.
type xzSource struct{ x *xzReader }

// Read implements io.Reader.
func (s xzSource) Read(p []byte) (int, error) {
	n, err := s.x.r.Read(p)
	s.x.count += int64(n)
	return n, err
}

// ReadByte implements io.ByteReader.
func (s xzSource) ReadByte() (byte, error) { return s.x.ReadByte() }

// Read implements io.Reader.
func (x *xzReader) Read(p []byte) (int, error) {
	for {
		if x.block == nil {
			if err := x.next(); err != nil {
				return 0, err
			}
		}
		n, err := x.block.Read(p)
		if err == io.EOF { //nolint:errorlint // lzma returns it bare
			err = x.endBlock()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// next opens the next block, going through the end of a stream and the start of another.
func (x *xzReader) next() error {
	for {
		if !x.open {
			if err := x.startStream(); err != nil {
				return err
			}
		}
		size, err := x.r.ReadByte()
		if err != nil {
			return noEOF(err)
		}
		if size != 0 {
			return x.startBlock(size)
		}
		if err := x.endStream(); err != nil {
			return err
		}
	}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (x *xzReader) startStream() error {
	for x.some { // padding between streams
		p, err := x.r.Peek(4)
		if len(p) == 0 && errors.Is(err, io.EOF) {
			return io.EOF
		}
		if len(p) < 4 || binary.LittleEndian.Uint32(p) != 0 {
			break
		}
		_, _ = x.r.Discard(4)
	}
	var h [12]byte
	if _, err := io.ReadFull(x.r, h[:]); err != nil {
		return noEOF(err)
	}
	if x.some && string(h[:6]) != "\xfd7zXZ\x00" {
		return errXzBehind
	}
	if string(h[:6]) != "\xfd7zXZ\x00" || h[6] != 0 || h[7] > 15 || crc32.ChecksumIEEE(h[6:8]) != binary.LittleEndian.Uint32(h[8:]) {
		return errXz
	}
	x.check = []int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}[h[7]]
	x.open, x.some = true, true
	return nil
}

// startBlock reads a block's header, of which the first byte is its size in words.
func (x *xzReader) startBlock(size byte) error {
	h := make([]byte, (int(size)+1)*4)
	h[0] = size
	if _, err := io.ReadFull(x.r, h[1:]); err != nil {
		return noEOF(err)
	}
	n := len(h) - 4
	if crc32.ChecksumIEEE(h[:n]) != binary.LittleEndian.Uint32(h[n:]) {
		return errXz
	}
	p := bytes.NewReader(h[2:n])
	for _, bit := range []byte{0x40, 0x80} { // sizes, which are not needed
		if h[1]&bit != 0 {
			if _, err := binary.ReadUvarint(p); err != nil {
				return errXz
			}
		}
	}
	id, _ := binary.ReadUvarint(p)
	props, _ := binary.ReadUvarint(p)
	dict, err := p.ReadByte()
	if h[1]&3 != 0 || id != 0x21 || props != 1 || err != nil || dict > 40 {
		return &scan.Gap{Reason: scan.ReasonUnsupported, Err: errXzFilter}
	}
	dictSize := int64(2|dict&1) << (dict/2 + 11)
	if dictSize > maxDictionary {
		return &scan.Gap{Reason: scan.ReasonLimit, Limit: "memory_bytes", Err: fmt.Errorf("%w: %d bytes", errDictionary, dictSize)}
	}
	x.count = 0
	x.block, err = lzma.Reader2Config{DictCap: int(max(dictSize, lzma.MinDictCap))}.NewReader2(xzSource{x})
	return err
}

// endBlock skips the padding and the check behind a block.
func (x *xzReader) endBlock() error {
	x.block = nil
	_, err := x.r.Discard(int((4-x.count%4)%4) + x.check)
	return noEOF(err)
}

// endStream skips the index and the footer.
func (x *xzReader) endStream() error {
	n := int64(1)
	records, err := x.uvarint(&n)
	for i := uint64(0); err == nil && i < 2*records; i++ {
		_, err = x.uvarint(&n)
	}
	if err != nil {
		return noEOF(err)
	}
	if _, err := x.r.Discard(int((4-n%4)%4) + 4); err != nil {
		return noEOF(err)
	}
	var foot [12]byte
	if _, err := io.ReadFull(x.r, foot[:]); err != nil {
		return noEOF(err)
	}
	if string(foot[10:]) != "YZ" {
		return errXz
	}
	x.open = false
	return nil
}

func (x *xzReader) uvarint(n *int64) (uint64, error) {
	var v uint64
	for shift := 0; shift < 63; shift += 7 {
		b, err := x.r.ReadByte()
		if err != nil {
			return 0, err
		}
		*n++
		v |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			return v, nil
		}
	}
	return 0, errXz
}
