package image

import (
	"bytes"
	"context"
	"encoding/binary"

	"icapd/cdr/kit"
)

// disarmGIF walks the blocks of GIF89a, section 15 on.
func disarmGIF(ctx context.Context, job *kit.Job, data []byte) ([]byte, error) {
	if len(data) < 13 || !bytes.HasPrefix(data, []byte("GIF8")) {
		return nil, kit.Corrupt("no GIF header")
	}
	if err := job.Image(max(1, int64(binary.LittleEndian.Uint16(data[6:]))), max(1, int64(binary.LittleEndian.Uint16(data[8:])))); err != nil {
		return nil, err
	}
	g := gifWalk{job: job, data: data, c: copier{src: data}, pos: 13 + gifTable(data[10])}
	if g.pos > len(data) {
		return nil, kit.Corrupt("the colour table is longer than the file")
	}
	g.c.keep(0, g.pos)
	for !g.done {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := g.block(); err != nil {
			return nil, err
		}
	}
	if g.c.rest(job, g.pos) {
		job.Removed(vectorTrailing, "after the trailer", kit.ActionRemoved, "")
	}
	return g.c.result(), nil
}

// gifTable is the size of the colour table that the flags announce.
func gifTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 * (2 << (flags & 7))
}

type gifWalk struct {
	job  *kit.Job
	data []byte
	c    copier
	pos  int
	done bool

	frames int
}

func (g *gifWalk) block() error {
	start := g.pos
	if start >= len(g.data) {
		return kit.Corrupt("the file ends before the trailer")
	}
	switch g.data[start] {
	case 0x3b:
		g.pos++
		g.done = true
	case 0x2c:
		if err := countFrame(&g.frames); err != nil {
			return err
		}
		if start+10 > len(g.data) {
			return kit.Corrupt("the file ends in an image descriptor")
		}
		width, height := int64(binary.LittleEndian.Uint16(g.data[start+5:])), int64(binary.LittleEndian.Uint16(g.data[start+7:]))
		if err := g.job.Image(max(1, width), max(1, height)); err != nil {
			return err
		}
		g.pos = start + 10 + gifTable(g.data[start+9]) + 1 // and the LZW code size
		packed := g.pos
		if _, err := g.subBlocks(); err != nil {
			return err
		}
		if g.frame(start, packed, width*height) {
			return nil
		}
	case 0x21:
		if start+2 > len(g.data) {
			return kit.Corrupt("the file ends in an extension")
		}
		return g.extension(start)
	default:
		return kit.Corrupt("byte %#x is no block", g.data[start])
	}
	g.c.keep(start, g.pos)
	return nil
}

// smallGIF is how many packed bytes of a frame are looked at in any case; of more, those whose end looks like text.
const smallGIF = 64 << 10

// frame writes the frame that begins at start without what stands behind its pixels, if there is something. Its sub-blocks
// begin at packed.
func (g *gifWalk) frame(start, packed int, pixels int64) bool {
	blocks := g.data[packed:g.pos]
	if len(blocks) > smallGIF && !speaks(blocks) {
		return false
	}
	joined := make([]byte, 0, len(blocks))
	for at := 0; at < len(blocks) && blocks[at] > 0; at += 1 + int(blocks[at]) {
		joined = append(joined, blocks[at+1:at+1+int(blocks[at])]...)
	}
	kept := gifEnd(joined, int(g.data[packed-1]), pixels)
	const encoders = 8 // bytes that some of them write too much
	if kept == nil || len(joined)-len(kept) < encoders {
		return false
	}
	g.job.Removed(vectorHidden, "behind the pixels", kit.ActionRemoved, "")
	g.c.keep(start, packed)
	const most = 255
	for ; len(kept) > 0; kept = kept[min(len(kept), most):] {
		n := min(len(kept), most)
		g.c.add(append([]byte{byte(n)}, kept[:n]...))
	}
	g.c.add([]byte{0})
	return true
}

func (g *gifWalk) extension(start int) error {
	label := g.data[start+1]
	g.pos = start + 2
	first, err := g.subBlocks()
	if err != nil {
		return err
	}
	const control = 8 // how long a graphic control extension is, with its end
	switch {
	case label == 0xf9 && len(first) == 4 && g.pos-start > control:
		g.c.keep(start, start+control-1)
		g.c.add([]byte{0})
		g.job.Removed(vectorHidden, "graphic control extension", kit.ActionRemoved, "")
	case label == 0xf9 && len(first) == 4, label == 0xff && (bytes.Equal(first, []byte("NETSCAPE2.0")) || bytes.Equal(first, []byte("ANIMEXTS1.0"))) && g.pos-start <= 32:
		g.c.keep(start, g.pos)
		return nil
	case label == 0xfe && plainGIFComment(g.data[start:g.pos], first) && !stripsMetadata(g.job),
		label == 0xff && plainGIFExtension(g.data[start:g.pos]) && g.job.Mode != kit.ModeRebuild:
		g.c.keep(start, g.pos)
	case label == 0xfe:
		g.job.Removed(vectorComment, "comment extension", kit.ActionRemoved, "")
	case label == 0x01: // nobody draws it
		g.job.Removed(vectorComment, "plain text extension", kit.ActionRemoved, "")
	case label == 0xff && bytes.HasPrefix(first, []byte("XMP Data")):
		if body := g.data[start:g.pos]; !stripsMetadata(g.job) && !foreign.Match(body) && (!judgesText(g.job) || plainGIFXMP(body)) {
			g.c.keep(start, g.pos)
			return nil
		}
		g.job.Removed(vectorMetadata, "application extension", kit.ActionRemoved, "")
	default:
		g.job.Removed(vectorUnknown, "extension", kit.ActionRemoved, "")
	}
	return nil
}

// plainGIFXMP judges the XMP of an application extension: it stands there as it is, before 257 bytes that lead readers
// of sub-blocks to the end.
func plainGIFXMP(ext []byte) bool {
	const head, tail = 14, 258
	return len(ext) > head+tail && plainXMP(ext[head:len(ext)-tail])
}

// subBlocks goes over a chain of sub-blocks and returns the first one.
func (g *gifWalk) subBlocks() (first []byte, err error) {
	for i := 0; ; i++ {
		if g.pos >= len(g.data) {
			return nil, kit.Corrupt("the file ends in a block")
		}
		n := int(g.data[g.pos])
		g.pos++
		if n == 0 {
			return first, nil
		}
		if n > len(g.data)-g.pos {
			return nil, kit.Corrupt("the file ends in a block")
		}
		if i == 0 {
			first = g.data[g.pos : g.pos+n]
		}
		g.pos += n
	}
}
