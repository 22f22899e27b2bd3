package image

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"icapd/cdr/kit"
)

// Who unpacks all pixels takes longer than for all other things together. Small pictures are unpacked to see where they end,
// large ones if the end of what is packed looks like text or another file. What unpacks to very much is not.
const (
	smallPNG = 64 << 10 // packed bytes
	largePNG = 16 << 20

	smallRatio, smallRoom = 50, 64 << 10 // bytes for a packed one, and bytes in any case
	largeRatio, largeRoom = 200, 1 << 20
)

// pngPixels sees where the packed pixels of a picture end, which no chunk says: what is behind them nobody draws.
type pngPixels struct {
	header []byte // of the picture
	parts  [][]byte
	packed int
	at     int  // where the first chunk of them begins
	end    int  // where the last one ends
	done   bool // another chunk has come: what is called pixels behind it is none
}

// take notes a chunk of pixels at data[pos:end].
func (p *pngPixels) take(body []byte, pos, end int) {
	if len(p.parts) == 0 {
		p.at = pos
	}
	p.parts, p.end = append(p.parts, body), end
	p.packed += len(body)
}

// tidy returns what is to stand in the place of the chunks, nil if they may stay.
func (p *pngPixels) tidy(job *kit.Job) []byte {
	size := pngSize(p.header)
	switch n := int64(p.packed); {
	case n == 0 || n > largePNG || size > n*largeRatio+largeRoom:
		return nil
	case (n > smallPNG || size > n*smallRatio+smallRoom) && !speaks(p.parts[len(p.parts)-1]):
		return nil
	}
	packed := p.parts[0]
	if len(p.parts) > 1 {
		packed = bytes.Join(p.parts, nil)
	}
	src := bytes.NewReader(packed)
	z, err := job.Zlib(src)
	if err != nil {
		return nil // no reader shows anything
	}
	n, err := io.Copy(io.Discard, io.LimitReader(z, size+1))
	switch {
	case n > size:
		return p.anew(job, packed, size)
	case err == nil && src.Len() == 0 && n < size, errors.Is(err, io.ErrUnexpectedEOF):
		return nil // cut off: readers show what there is
	case err == nil && n == size: // the end of the stream has not been read
		if _, err = z.Read(make([]byte, 1)); err == nil {
			return p.anew(job, packed, size)
		}
	}
	if src.Len() == 0 {
		return nil
	}
	return pngChunkOf("IDAT", packed[:len(packed)-src.Len()])
}

// speaks reports whether the end of packed data has what packed data have by chance in one of a thousand pictures: sixteen
// characters of ASCII in a row.
func speaks(b []byte) bool {
	const look, row = 32 << 10, 16
	n := 0
	for _, c := range b[max(0, len(b)-look):] {
		if n++; c < ' ' || c > '~' {
			n = 0
		}
		if n == row {
			return true
		}
	}
	return false
}

// anew packs the pixels and nothing else.
func (p *pngPixels) anew(job *kit.Job, packed []byte, size int64) []byte {
	z, err := job.Zlib(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := io.Copy(w, io.LimitReader(z, size)); err != nil && !errors.Is(err, zlib.ErrChecksum) {
		return nil
	}
	if w.Close() != nil {
		return nil
	}
	return pngChunkOf("IDAT", out.Bytes())
}

func pngChunkOf(name string, body []byte) []byte {
	out := binary.BigEndian.AppendUint32(make([]byte, 0, len(body)+12), uint32(len(body))) //nolint:gosec // no longer than the file
	out = append(append(out, name...), body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

// pngPasses are where the seven passes of an interlaced picture begin, and their steps (PNG, third edition, section 8.1).
var pngPasses = [7][4]int64{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}

// pngSize returns how many bytes the rows of a picture are, by its header.
func pngSize(header []byte) int64 {
	channels := map[byte]int64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
	width, height := int64(binary.BigEndian.Uint32(header)), int64(binary.BigEndian.Uint32(header[4:]))
	bits := int64(header[8]) * max(channels[header[9]], 1)
	rows := func(w, h int64) int64 {
		if w <= 0 || h <= 0 {
			return 0
		}
		return h * (1 + (w*bits+7)/8)
	}
	if header[12] == 0 {
		return rows(width, height)
	}
	size := int64(0)
	for _, p := range pngPasses {
		size += rows((width-p[0]+p[2]-1)/p[2], (height-p[1]+p[3]-1)/p[3])
	}
	return size
}

// tidyPixels puts the chunks of pixels in order if something is behind them.
func tidyPixels(job *kit.Job, c *copier, p *pngPixels) {
	if p.done = true; len(p.parts) == 0 {
		return
	}
	if fresh := p.tidy(job); fresh != nil {
		job.Removed(vectorHidden, "behind the pixels", kit.ActionRemoved, "")
		c.add(fresh)
		return
	}
	c.keep(p.at, p.end)
}
