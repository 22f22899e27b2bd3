package content

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"icapd/internal/body"
	"icapd/scan"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// streamFormat is a compressed file: one child.
type streamFormat struct{ typ string }

// maxDictionary bounds the memory of a decoder, in bytes: xz and zstd files say how much they want.
const maxDictionary = 64 << 20

var errDictionary = errors.New("the dictionary is larger than is allowed")

// stream decodes a compressed file. Errors of the reader are Gaps.
func stream(typ string, r io.Reader) (io.Reader, error) {
	switch typ {
	case typeGzip:
		return body.NewReader(body.Gzip, r)
	case typeBzip2:
		return corruptReader{&bzip2Reader{src: r}}, nil
	case typeXz:
		return corruptReader{newXzReader(r)}, nil
	case typeZstd:
		z, err := newZstd(r)
		if err != nil {
			return nil, err
		}
		return corruptReader{z.IOReadCloser()}, nil
	case typeSnappy:
		return corruptReader{s2.NewReader(r, s2.ReaderMaxBlockSize(64<<10))}, nil
	case typeCompress:
		return corruptReader{newLZWReader(r)}, nil
	case typeLZMA:
		return lzmaAlone(r)
	case typeLzip:
		return lzip(r)
	case typeLz4:
		return corruptReader{lz4.NewReader(r)}, nil
	}
	return nil, &scan.Gap{Reason: scan.ReasonUnsupported, Err: fmt.Errorf("%w %s", errStream, typ)}
}

func newZstd(r io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxDictionary))
}

var errStream = errors.New("unknown compression")

func (f streamFormat) open(w *walk, n *node) error {
	in := &body.Counter{R: newReader(n.item.Blob)}
	r, err := stream(f.typ, in)
	if err != nil {
		return err
	}
	if c, ok := r.(io.Closer); ok {
		defer c.Close() //nolint:errcheck // nothing is written
	}
	c := child{name: f.childName(n), segment: "(" + f.short() + ")", ref: f}
	if c.name != "" {
		c.segment = segment(c.name)
	}
	if err := w.enter(n, c.segment); err != nil {
		return skipped(err)
	}
	if err := w.unpack(n, c, r, in); err != nil {
		return err
	}
	switch l, _ := r.(*lzipReader); {
	case f.typ == typeGzip:
		return w.gzipHead(n)
	case l != nil && l.whole: // lzip and lzma let be what is behind
		return w.behind(n, in.N-int64(l.r.Buffered()))
	}
	return nil
}

// minGzipName is how long a name is that is more than a name.
const minGzipName = 64

// gzipHead takes in what the header of a gzip file carries besides: a comment, extra fields, a name that is none
// (RFC 1952, section 2.3).
func (w *walk) gzipHead(n *node) error {
	z, err := gzip.NewReader(io.LimitReader(newReader(n.item.Blob), 256<<10))
	if err != nil {
		return nil //nolint:nilerr // it was reported
	}
	for _, p := range []struct {
		segment, text string
		least         int
	}{{"(comment)", z.Comment, minEmbedded}, {"(extra field)", string(z.Extra), minEmbedded}, {"(name)", z.Name, minGzipName}} {
		if len(p.text) < p.least {
			continue
		}
		if err := w.enter(n, p.segment); err != nil {
			return skipped(err)
		}
		if err := w.child(n, child{segment: p.segment, blob: scan.Bytes(p.text)}); err != nil {
			return err
		}
	}
	return nil
}

func (f streamFormat) short() string {
	s := f.typ[strings.IndexByte(f.typ, '/')+1:]
	return strings.TrimPrefix(s, "x-")
}

// childName is the name in the header of gzip, else the item's name without its last extension.
func (f streamFormat) childName(n *node) string {
	if f.typ == typeGzip {
		if z, err := gzip.NewReader(io.LimitReader(newReader(n.item.Blob), 64<<10)); err == nil && z.Name != "" {
			return path.Base(strings.ReplaceAll(z.Name, `\`, "/"))
		}
	}
	p, ok := packedNames[strings.ToLower(path.Ext(n.item.Name))]
	if !ok {
		return ""
	}
	return strings.TrimSuffix(n.item.Name, path.Ext(n.item.Name)) + p.inside
}

// packedNames are the extensions of compressed files.
var packedNames = map[string]struct {
	inside string // extension of what is in it
	gzip   string // of the file when gzip packs it, "" if it is not repacked
}{
	".gz": {}, ".xz": {}, ".zst": {}, ".lz4": {},
	".bz2": {gzip: ".gz"}, ".bz": {gzip: ".gz"}, ".lz": {gzip: ".gz"}, ".lzma": {gzip: ".gz"}, ".z": {gzip: ".gz"},
	".tgz": {inside: ".tar"}, ".txz": {inside: ".tar"}, ".tzst": {inside: ".tar"}, ".svgz": {inside: ".svg"},
	".tbz2": {".tar", ".tgz"}, ".tbz": {".tar", ".tgz"}, ".tb2": {".tar", ".tgz"}, ".tlz": {".tar", ".tgz"}, ".taz": {".tar", ".tgz"},
}

// pack implements packer.
func (f streamFormat) pack(ctx context.Context, _ *Tree, n *node, dst io.Writer) error {
	if i := slices.IndexFunc(n.kids, func(k *node) bool { return k.changed }); i != 0 || n.kids[0].ref != f {
		return &RebuildError{Path: n.item.Path, Type: n.item.Type}
	}
	var enc io.WriteCloser
	var err error
	fresh := n.kids[0].newName
	if ext := path.Ext(n.item.Name); fresh != "" && ext != "" {
		n.newName = fresh + ext
	}
	switch f.typ {
	case typeGzip:
		z := gzip.NewWriter(dst)
		if old, err := gzip.NewReader(newReader(n.item.Blob)); err == nil {
			if z.Header = old.Header; z.Name != "" {
				z.Name = latinName(cmp.Or(fresh, z.Name))
			}
		}
		enc = z
	case typeBzip2, typeLzip, typeLZMA, typeCompress: // which nobody writes here
		enc = gzip.NewWriter(dst)
		n.newType = typeGzip
		if p := packedNames[strings.ToLower(path.Ext(n.item.Name))]; p.gzip != "" {
			n.newName = withExtension(cmp.Or(n.newName, n.item.Name), p.gzip)
		}
	case typeZstd:
		enc, err = zstd.NewWriter(dst, zstd.WithEncoderConcurrency(1))
	case typeLz4:
		enc = lz4.NewWriter(dst)
	case typeXz:
		enc, err = xz.NewWriter(dst)
	default:
		return &RebuildError{Path: n.item.Path, Type: n.item.Type}
	}
	if err != nil {
		return err
	}
	if err := copyBlob(ctx, enc, n.kids[0].current()); err != nil {
		return err
	}
	return enc.Close()
}

// latinName makes a name that the header of gzip can have (RFC 1952, section 2.3.1).
func latinName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == 0 || r > 0xff {
			return '_'
		}
		return r
	}, name)
}

// lzmaUnknown is the size field of LZMA for "until the end marker".
var lzmaUnknown = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// lzmaAlone decodes a .lzma file.
func lzmaAlone(r io.Reader) (io.Reader, error) {
	l := &lzipReader{r: bufio.NewReader(r), alone: true}
	z, err := lzma.ReaderConfig{DictCap: maxDictionary}.NewReader(l.r)
	if err != nil {
		return nil, &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
	}
	l.lz = corruptReader{z}
	return l, nil
}

// lzipReader decodes a .lz file (the Lzip manual, "File format"): members, each with a header of its own, LZMA with fixed
// properties, and a trailer. What is behind the last member and is none is ignored, as lzip does.
type lzipReader struct {
	r   *bufio.Reader
	lz  io.Reader
	any bool // a member was read

	alone bool // it is a file of lzma, with neither header nor trailer
	whole bool // it was read up to its end
}

const lzipTrailer = 20 // bytes: checksum, size of the data, size of the member

func lzip(r io.Reader) (io.Reader, error) {
	l := &lzipReader{r: bufio.NewReader(r)}
	return l, l.next()
}

// next begins the next member.
func (l *lzipReader) next() error {
	head, err := l.r.Peek(6)
	if l.any && (err != nil || string(head[:4]) != "LZIP") {
		l.whole = true
		return io.EOF
	}
	if err != nil || head[4] > 1 || head[5]&31 < 12 || head[5]&31 > 29 {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errStream}
	}
	dict := uint32(1) << (head[5] & 31)
	dict -= dict / 16 * uint32(head[5]>>5)
	props := append(binary.LittleEndian.AppendUint32([]byte{93}, dict), lzmaUnknown...)
	_, _ = l.r.Discard(len(head))
	z, err := lzma.ReaderConfig{DictCap: maxDictionary}.NewReader(&headedReader{head: props, r: l.r})
	if err != nil {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
	}
	l.lz, l.any = corruptReader{z}, true
	return nil
}

// Read implements io.Reader.
func (l *lzipReader) Read(p []byte) (int, error) {
	for {
		n, err := l.lz.Read(p)
		ends := errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
		if ends && n > 0 {
			return n, nil // the next call finds the end again
		}
		if !ends {
			return n, err
		}
		if l.alone {
			l.whole = true
			return 0, io.EOF
		}
		if _, err := l.r.Discard(lzipTrailer); err != nil {
			return 0, io.EOF // lzip would not have it; what was packed has been read
		}
		if err := l.next(); err != nil {
			return 0, err
		}
	}
}

// headedReader puts bytes in front of a reader, and takes no more of it than it is asked for.
type headedReader struct {
	head []byte
	r    *bufio.Reader
}

// Read implements io.Reader.
func (h *headedReader) Read(p []byte) (int, error) {
	if len(h.head) == 0 {
		return h.r.Read(p)
	}
	n := copy(p, h.head)
	h.head = h.head[n:]
	return n, nil
}

// ReadByte implements io.ByteReader.
func (h *headedReader) ReadByte() (byte, error) {
	if len(h.head) == 0 {
		return h.r.ReadByte()
	}
	c := h.head[0]
	h.head = h.head[1:]
	return c, nil
}

// zipLZMA decodes method 14 of zip: a header of its own in front of LZMA (APPNOTE, section 5.8.8). Without an
// end marker the size is the entry's.
func zipLZMA(r io.Reader, e *zipEntry) (io.Reader, error) {
	var head [9]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
	}
	size := lzmaUnknown
	if e.flags&zipFlagEOS == 0 {
		size = binary.LittleEndian.AppendUint64(nil, uint64(e.size)) //nolint:gosec // a size is not negative
	}
	return lzmaAlone(io.MultiReader(bytes.NewReader(head[4:9]), bytes.NewReader(size), r))
}

// zlibFormat is a bare zlib stream (RFC 1950). Its mark is weak: what does not unpack to anything is none.
type zlibFormat struct{}

// minZlib is how many bytes something must unpack to before an error is one of the stream.
const minZlib = 64

func (zlibFormat) open(w *walk, n *node) error {
	in := &body.Counter{R: newReader(n.item.Blob)}
	buffered := bufio.NewReader(in)
	z, err := zlib.NewReader(buffered)
	if err != nil {
		return nil //nolint:nilerr // it is something else
	}
	var first [minZlib]byte
	k, err := io.ReadFull(z, first[:])
	if err != nil && !errors.Is(err, io.EOF) && (!errors.Is(err, io.ErrUnexpectedEOF) || k == 0) {
		return nil
	}
	const seg = "(zlib)"
	if err := w.enter(n, seg); err != nil {
		return skipped(err)
	}
	whole := &wholeReader{r: corruptReader{z}}
	if err := w.unpack(n, child{segment: seg}, io.MultiReader(bytes.NewReader(first[:k]), whole), in); err != nil || !whole.ended {
		return err
	}
	return w.behind(n, in.N-int64(buffered.Buffered()))
}
