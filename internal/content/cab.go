package content

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"

	"icapd/internal/body"
	"icapd/scan"
)

// cabFormat is a Microsoft cabinet (MS-CAB): stored and MSZIP folders. Quantum and LZX folders are a Gap.
type cabFormat struct{}

// cabFolder is a stream of data blocks that files are cut from.
type cabFolder struct {
	data   int64
	blocks int
	method uint16
}

// cabFile is a member.
type cabFile struct {
	name   string
	size   int64
	offset int64 // in its folder
	folder int
}

var (
	errCab       = errors.New("not a valid cabinet")
	errCabMethod = errors.New("a compression of cabinets that is not supported")
	errCabSpan   = errors.New("continued in another cabinet")
)

// maxCabHeader bounds the header and directory of a cabinet.
const maxCabHeader = 4 << 20

func (cabFormat) open(w *walk, n *node) error {
	folders, files, err := readCab(n.item.Blob)
	if err == nil {
		n.state = cabStock(files)
	}
	names := nameSet{}
	for i := range folders {
		if stop := w.cabFolder(n, &folders[i], i, files, names); stop != nil {
			return stop
		}
	}
	if err != nil {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
	}
	return w.behind(n, cabEnd(n.item.Blob, folders))
}

func cabStock(files []cabFile) *stock {
	all := &stock{}
	for i := range files {
		if files[i].size == 0 {
			all.empty = append(all.empty, archived{name: files[i].name})
			continue
		}
		all.files++
	}
	return all
}

// cabEnd returns where the last data block ends: what the header says of the cabinet's size need not be true. It counts where
// there are too many blocks to look at.
func cabEnd(b scan.Blob, folders []cabFolder) int64 {
	h := readAt(b, 0, 36)
	if len(h) < 36 {
		return b.Size()
	}
	end, blocks, reserve := int64(0), 0, int64(cabDataReserve(b))
	for i := range folders {
		at := folders[i].data
		for range folders[i].blocks {
			block := readAt(b, at, 8)
			if blocks++; len(block) < 8 || blocks > maxCabBlocks {
				return int64(binary.LittleEndian.Uint32(h[8:]))
			}
			at += 8 + reserve + int64(binary.LittleEndian.Uint16(block[4:]))
		}
		end = max(end, at)
	}
	return end
}

// maxCabBlocks bounds the blocks that are counted: cabinets of 2 GiB have as many.
const maxCabBlocks = 1 << 17

// readCab reads the header, the folders and the directory.
func readCab(b scan.Blob) (folders []cabFolder, files []cabFile, err error) {
	h := readAt(b, 0, maxCabHeader)
	if len(h) < 36 {
		return nil, nil, errCab
	}
	le := binary.LittleEndian
	nFolders, nFiles, flags := int(le.Uint16(h[26:])), int(le.Uint16(h[28:])), le.Uint16(h[30:])
	at, reserve := 36, 0
	if flags&4 != 0 && len(h) >= 40 {
		reserve = int(h[38])
		at += 4 + int(le.Uint16(h[36:]))
	}
	for i := range uint16(4) { // names of the cabinets before and behind
		if flags&(1+i/2) != 0 && at < len(h) {
			end := bytes.IndexByte(h[at:], 0)
			if end < 0 {
				return nil, nil, errCab
			}
			at += end + 1
		}
	}
	for range nFolders {
		if at+8 > len(h) {
			return folders, nil, errCab
		}
		folders = append(folders, cabFolder{data: int64(le.Uint32(h[at:])), blocks: int(le.Uint16(h[at+4:])), method: le.Uint16(h[at+6:])})
		at += 8 + reserve
	}
	at = int(le.Uint32(h[16:]))
	for range nFiles {
		if at < 36 || at+17 > len(h) {
			return folders, files, errCab
		}
		f := cabFile{size: int64(le.Uint32(h[at:])), offset: int64(le.Uint32(h[at+4:])), folder: int(le.Uint16(h[at+8:]))}
		end := bytes.IndexByte(h[at+16:], 0)
		if end < 0 {
			return folders, files, errCab
		}
		f.name = entryName(string(h[at+16 : at+16+end]))
		at += 17 + end
		files = append(files, f)
	}
	return folders, files, nil
}

// cabFolder unpacks one folder as a stream and cuts its files from it, in order.
func (w *walk) cabFolder(n *node, f *cabFolder, index int, files []cabFile, names nameSet) error {
	in := &cabBlocks{b: n.item.Blob, at: f.data, left: f.blocks, method: f.method & 15, reserve: cabDataReserve(n.item.Blob)}
	src := &body.Counter{R: in}
	for i := range files {
		c := &files[i]
		if c.folder >= 0xfffd && index == 0 {
			if err := w.fail(n.item.Path+segment(c.name), &scan.Gap{Reason: scan.ReasonUnsupported, Err: errCabSpan}); err != nil {
				return err
			}
		}
		if c.folder != index || c.size == 0 {
			continue
		}
		seg := strings.ReplaceAll(segment(c.name), `\`, "/")
		names.check(w.t, n, c.name, scan.Span{})
		if err := w.enter(n, seg); err != nil {
			if err = skipped(err); err != nil {
				return err
			}
			continue
		}
		if c.offset < src.N {
			if err := w.fail(n.item.Path+seg, &scan.Gap{Reason: scan.ReasonCorrupt, Err: errCab}); err != nil {
				return err
			}
			continue
		}
		if _, err := io.CopyN(io.Discard, src, c.offset-src.N); err != nil {
			return w.fail(n.item.Path+seg, asCorrupt(err))
		}
		counter := &body.Counter{N: in.packed + 1<<10}
		in.counter = counter
		if err := w.unpack(n, child{segment: seg, name: lastElem(c.name), ref: archived{name: c.name}}, &exactReader{r: src, n: c.size}, counter); err != nil {
			return err
		}
	}
	return nil
}

// asCorrupt gives an error without a reason the reason "corrupt".
func asCorrupt(err error) error {
	if _, ok := errors.AsType[*scan.Gap](err); ok {
		return err
	}
	return &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
}

// exactReader reads n bytes; fewer are an error.
type exactReader struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (e *exactReader) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	k, err := e.r.Read(p[:min(int64(len(p)), e.n)])
	e.n -= int64(k)
	if err == io.EOF {
		err = nil
		if e.n > 0 {
			err = &scan.Gap{Reason: scan.ReasonCorrupt, Err: errShort}
		}
	}
	return k, err
}

// cabDataReserve returns how many bytes of each data block's header are set aside.
func cabDataReserve(b scan.Blob) int {
	h := readAt(b, 0, 40)
	if len(h) == 40 && binary.LittleEndian.Uint16(h[30:])&4 != 0 {
		return int(h[39])
	}
	return 0
}

// cabBlocks reads the blocks of a folder as one stream.
type cabBlocks struct {
	b       scan.Blob
	at      int64
	left    int
	method  uint16
	reserve int
	packed  int64
	counter *body.Counter

	out  []byte // decoded and not yet read
	last []byte // the block before: MSZIP goes back into it
}

// Read implements io.Reader.
func (c *cabBlocks) Read(p []byte) (int, error) {
	for len(c.out) == 0 {
		if c.left == 0 {
			return 0, io.EOF
		}
		if err := c.block(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}

func (c *cabBlocks) block() error {
	h := readAt(c.b, c.at, 8)
	if len(h) < 8 {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errShort}
	}
	size, want := int(binary.LittleEndian.Uint16(h[4:])), int(binary.LittleEndian.Uint16(h[6:]))
	data := readAt(c.b, c.at+8+int64(c.reserve), size)
	c.at += 8 + int64(c.reserve+size)
	c.left--
	c.packed += int64(size)
	if c.counter != nil {
		c.counter.N = c.packed + 1<<10
	}
	switch {
	case len(data) < size || want > 1<<15:
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errShort}
	case c.method == 0:
		c.out = data
		return nil
	case c.method != 1:
		return &scan.Gap{Reason: scan.ReasonUnsupported, Err: fmt.Errorf("%w: %d", errCabMethod, c.method)}
	case !bytes.HasPrefix(data, []byte("CK")):
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errCab}
	}
	out := make([]byte, want)
	n, err := io.ReadFull(flate.NewReaderDict(bytes.NewReader(data[2:]), c.last), out)
	c.out, c.last = out[:n], out[:n]
	if err != nil {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
	}
	return nil
}
