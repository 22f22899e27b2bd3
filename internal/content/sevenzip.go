package content

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"strings"

	"github.com/bodgit/sevenzip"
	"github.com/ulikunitz/xz/lzma"

	"icapd/internal/body"
	"icapd/scan"
)

// sevenFormat is a 7z archive. It can be read and not written: see repack. The library takes as much memory as a header
// asks for, so the header is read here first and refused if it asks for too much.
type sevenFormat struct{}

const (
	sevenHead      = 32
	sevenMaxHeader = 16 << 20
	sevenMaxCoders = 32
)

// Property ids of 7zFormat.txt.
const (
	sevenEnd         = 0x00
	sevenHeader      = 0x01
	sevenStreams     = 0x04
	sevenFiles       = 0x05
	sevenPackInfo    = 0x06
	sevenUnpackInfo  = 0x07
	sevenSubStreams  = 0x08
	sevenSize        = 0x09
	sevenCRC         = 0x0a
	sevenFolder      = 0x0b
	sevenUnpackSize  = 0x0c
	sevenNumUnpack   = 0x0d
	sevenEncodedHead = 0x17
)

var (
	err7z      = errors.New("not a valid 7z header")
	err7zCoder = errors.New("a header packed in a way that is not supported")

	err7zFolders = errors.New("folders that do not say how many files they have")
)

func (sevenFormat) open(w *walk, n *node) error {
	encrypted, err := check7z(n.item.Blob, w.t.w.limits.Entries)
	if err != nil {
		return err
	}
	r, err := sevenzip.NewReader(n.item.Blob, n.item.Blob.Size())
	if err != nil {
		return sevenGap(err)
	}
	names, all := nameSet{}, &stock{}
	n.state = all
	for _, f := range r.File {
		names.check(w.t, n, f.Name, scan.Span{})
		member := archived{name: f.Name, at: f.Modified}
		if f.FileInfo().IsDir() {
			member.name = strings.TrimSuffix(member.name, "/") + "/"
		}
		if f.FileInfo().IsDir() || f.UncompressedSize == 0 {
			all.empty = append(all.empty, member)
			continue
		}
		all.files++
		c := child{segment: segment(f.Name), name: path.Base(f.Name), ref: member}
		if encrypted {
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
		if err := w.sevenMember(n, f, c); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) sevenMember(n *node, f *sevenzip.File, c child) error {
	r, err := f.Open()
	if err != nil {
		return w.fail(n.item.Path+c.segment, sevenGap(err))
	}
	defer r.Close() //nolint:errcheck // nothing is written
	// How much input a member takes is not known: the ratio is that of the archive as a whole.
	return w.unpack(n, c, sevenReader{r}, &body.Counter{N: n.item.Blob.Size()})
}

// sevenReader says the reasons of errors.
type sevenReader struct{ r io.Reader }

// Read implements io.Reader.
func (s sevenReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = sevenGap(err)
	}
	return n, err
}

func sevenGap(err error) error {
	g := &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
	var re *sevenzip.ReadError
	if errors.As(err, &re) && re.Encrypted {
		g.Reason = scan.ReasonEncrypted
	}
	return g
}

// sevenParser reads a header. The first error stays.
type sevenParser struct {
	p       []byte
	err     error
	files   uint64
	streams uint64
	folders uint64
	aes     bool
	shared  bool // it says how many files each folder has

	packPos   uint64
	packSizes []uint64
	coders    []sevenCoder // of the first folder
	unpack    uint64       // size of the first folder's first stream
}

type sevenCoder struct{ id, props []byte }

// check7z reads the headers of an archive as far as their sizes go, and says whether anything in it is
// encrypted. The error is a Gap.
func check7z(b scan.Blob, entries int) (encrypted bool, err error) {
	h := readAt(b, 0, sevenHead)
	if len(h) < sevenHead || crc32.ChecksumIEEE(h[12:]) != binary.LittleEndian.Uint32(h[8:]) {
		return false, &scan.Gap{Reason: scan.ReasonCorrupt, Err: err7z}
	}
	off, size := binary.LittleEndian.Uint64(h[12:]), binary.LittleEndian.Uint64(h[20:])
	tooMany := &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errEntries}
	if size > sevenMaxHeader {
		return false, tooMany
	}
	if off > uint64(b.Size()) || off+size+sevenHead > uint64(b.Size()) { //nolint:gosec // sizes are not negative
		return false, &scan.Gap{Reason: scan.ReasonCorrupt, Err: errShort}
	}
	s := &sevenParser{p: readAt(b, int64(off)+sevenHead, int(size))} //nolint:gosec // checked above
	switch s.byte() {
	case sevenEncodedHead:
		if s.streamsInfo(); s.aes {
			return true, &scan.Gap{Reason: scan.ReasonEncrypted, Err: errEncrypted}
		}
		head, err := s.unpackHeader(b)
		if err != nil {
			return false, asCorrupt(err)
		}
		s = &sevenParser{p: head}
		s.byte()
	case sevenHeader:
	default:
		s.fail()
	}
	if s.header(); s.err != nil {
		return false, asCorrupt(s.err)
	}
	if max(s.files, s.streams, s.folders) > uint64(entries) { //nolint:gosec // a limit is not negative
		return false, tooMany
	}
	if s.folders > 1 && !s.shared { // the library takes all files out of the first folder then
		return s.aes, &scan.Gap{Reason: scan.ReasonUnsupported, Err: err7zFolders}
	}
	return s.aes, nil
}

// unpackHeader decodes an encoded header: one folder with LZMA or without compression.
func (s *sevenParser) unpackHeader(b scan.Blob) ([]byte, error) {
	switch {
	case s.err != nil:
		return nil, s.err
	case len(s.coders) != 1 || len(s.packSizes) == 0 || s.packPos > uint64(b.Size()): //nolint:gosec // not negative
		return nil, &scan.Gap{Reason: scan.ReasonUnsupported, Err: err7zCoder}
	case s.unpack > sevenMaxHeader || s.packSizes[0] > sevenMaxHeader:
		return nil, &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errEntries}
	}
	packed := readAt(b, int64(s.packPos)+sevenHead, int(s.packSizes[0])) //nolint:gosec // checked above
	c := s.coders[0]
	switch {
	case len(c.id) == 1 && c.id[0] == 0:
		return packed, nil
	case !bytes.Equal(c.id, []byte{3, 1, 1}) || len(c.props) != 5:
		return nil, &scan.Gap{Reason: scan.ReasonUnsupported, Err: err7zCoder}
	}
	head := binary.LittleEndian.AppendUint64(bytes.Clone(c.props), s.unpack)
	binary.LittleEndian.PutUint32(head[1:], uint32(max(s.unpack, lzma.MinDictCap)))
	r, err := lzma.NewReader(io.MultiReader(bytes.NewReader(head), bytes.NewReader(packed)))
	if err != nil {
		return nil, err
	}
	out := make([]byte, s.unpack)
	_, err = io.ReadFull(r, out)
	return out, err
}

func (s *sevenParser) byte() byte {
	if len(s.p) == 0 {
		s.fail()
		return 0
	}
	c := s.p[0]
	s.p = s.p[1:]
	return c
}

func (s *sevenParser) fail() {
	if s.err == nil {
		s.err = err7z
	}
}

// number reads 7z's variable length number.
func (s *sevenParser) number() uint64 {
	first := s.byte()
	var v uint64
	for i, mask := 0, byte(0x80); i < 8; i, mask = i+1, mask>>1 {
		if first&mask == 0 {
			return v | uint64(first&(mask-1))<<(8*i)
		}
		v |= uint64(s.byte()) << (8 * i)
	}
	return v
}

// count reads a number of things of which each takes at least one byte somewhere in the header.
func (s *sevenParser) count() uint64 {
	v := s.number()
	if v > sevenMaxHeader {
		s.fail()
		return 0
	}
	return v
}

func (s *sevenParser) skip(n uint64) []byte {
	if n > uint64(len(s.p)) {
		s.fail()
		return nil
	}
	p := s.p[:n]
	s.p = s.p[n:]
	return p
}

func (s *sevenParser) header() {
	id := s.byte()
	if id == sevenStreams {
		s.streamsInfo()
		id = s.byte()
	}
	if id == sevenFiles && s.err == nil {
		s.files = s.number()
		return // the properties of files take memory by their number alone
	}
	if id != sevenEnd {
		s.fail()
	}
}

func (s *sevenParser) streamsInfo() {
	id := s.byte()
	if id == sevenPackInfo {
		s.packInfo()
		id = s.byte()
	}
	folders := uint64(0)
	if id == sevenUnpackInfo {
		folders = s.unpackInfo()
		id = s.byte()
	}
	s.streams, s.folders = folders, folders
	if s.shared = id == sevenSubStreams; s.shared {
		s.subStreams(folders)
		id = s.byte()
	}
	if id != sevenEnd {
		s.fail()
	}
}

// digests skips a list of checksums.
func (s *sevenParser) digests(n uint64) {
	defined := n
	if s.byte() == 0 {
		bits := s.skip((n + 7) / 8)
		defined = 0
		for i := range n {
			if s.err == nil && bits[i/8]&(0x80>>(i%8)) != 0 {
				defined++
			}
		}
	}
	s.skip(4 * defined)
}

func (s *sevenParser) packInfo() {
	s.packPos = s.number()
	n := s.count()
	id := s.byte()
	if id == sevenSize {
		for i := uint64(0); i < n && s.err == nil; i++ {
			s.packSizes = append(s.packSizes, s.number())
		}
		id = s.byte()
	}
	if id == sevenCRC {
		s.digests(n)
		id = s.byte()
	}
	if id != sevenEnd {
		s.fail()
	}
}

func (s *sevenParser) unpackInfo() uint64 {
	if s.byte() != sevenFolder {
		s.fail()
	}
	folders := s.count()
	if s.byte() != 0 { // folders in another place
		s.fail()
	}
	outs := uint64(0)
	for i := uint64(0); i < folders && s.err == nil; i++ {
		outs += s.folder(i == 0)
	}
	if s.byte() != sevenUnpackSize {
		s.fail()
	}
	for i := uint64(0); i < outs && s.err == nil; i++ {
		v := s.number()
		if i == 0 {
			s.unpack = v
		}
	}
	id := s.byte()
	if id == sevenCRC {
		s.digests(folders)
		id = s.byte()
	}
	if id != sevenEnd {
		s.fail()
	}
	return folders
}

// folder reads one folder and returns how many streams it yields.
func (s *sevenParser) folder(first bool) uint64 {
	coders := s.number()
	if coders == 0 || coders > sevenMaxCoders {
		s.fail()
		return 0
	}
	var ins, outs uint64
	for i := uint64(0); i < coders && s.err == nil; i++ {
		in, out := s.coder(first)
		ins, outs = ins+in, outs+out
	}
	if outs == 0 || ins < outs {
		s.fail()
		return 0
	}
	for i := uint64(0); i < outs-1 && s.err == nil; i++ {
		s.number()
		s.number()
	}
	if packed := ins - (outs - 1); packed > 1 {
		for i := uint64(0); i < packed && s.err == nil; i++ {
			s.number()
		}
	}
	return outs
}

func (s *sevenParser) coder(first bool) (in, out uint64) {
	flags := s.byte()
	c := sevenCoder{id: s.skip(uint64(flags & 15))}
	in, out = 1, 1
	if flags&0x10 != 0 {
		if in, out = s.number(), s.number(); in == 0 || out == 0 || in > sevenMaxCoders || out > sevenMaxCoders {
			s.fail()
		}
	}
	if flags&0x20 != 0 {
		c.props = s.skip(s.number())
	}
	if flags&0xc0 != 0 {
		s.fail()
	}
	if first {
		s.coders = append(s.coders, c)
	}
	s.memory(c)
	return in, out
}

// memory refuses coders that ask for a dictionary that is too large.
func (s *sevenParser) memory(c sevenCoder) {
	var need uint64
	switch string(c.id) {
	case "\x03\x01\x01": // LZMA
		if len(c.props) == 5 {
			need = uint64(binary.LittleEndian.Uint32(c.props[1:]))
		}
	case "\x21": // LZMA2
		if len(c.props) == 1 && c.props[0] <= 40 {
			need = uint64(2|c.props[0]&1) << (c.props[0]/2 + 11)
		}
	case "\x03\x04\x01": // PPMD
		if len(c.props) == 5 {
			need = uint64(binary.LittleEndian.Uint32(c.props[1:]))
		}
	case "\x06\xf1\x07\x01": // AES
		s.aes = true
	}
	if need > maxDictionary && s.err == nil {
		s.err = &scan.Gap{Reason: scan.ReasonLimit, Limit: body.LimitMemory, Err: fmt.Errorf("%w: %d bytes", errDictionary, need)}
	}
}

func (s *sevenParser) subStreams(folders uint64) {
	id := s.byte()
	sizes := uint64(0)
	if id == sevenNumUnpack {
		s.streams = 0
		for i := uint64(0); i < folders && s.err == nil; i++ {
			n := s.count()
			s.streams += n
			sizes += max(n, 1) - 1
		}
		id = s.byte()
	}
	if id == sevenSize {
		for i := uint64(0); i < sizes && s.err == nil; i++ {
			s.number()
		}
		id = s.byte()
	}
	if id == sevenCRC {
		s.digests(s.streams) // as the library has it: also for folders that have one already
		id = s.byte()
	}
	if id != sevenEnd {
		s.fail()
	}
}
