package content

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf8"

	"icapd/scan"
)

// What stands behind the end of a file that its own readers do not look at. It travels with the file, and whoever knows of
// it takes it out again.

const behindSegment = "(behind)"

// behind takes in what stands behind the end of an item's own data, if that is more than padding.
func (w *walk) behind(n *node, at int64) error {
	return w.between(n, at, n.item.Blob.Size())
}

// between takes in what stands between two places of an item, if that is more than padding.
func (w *walk) between(n *node, at, to int64) error {
	if at = firstByte(n.item.Blob, at); to-at < minEmbedded {
		return nil
	}
	if err := w.enter(n, behindSegment); err != nil {
		return skipped(err)
	}
	return w.child(n, child{segment: behindSegment, blob: newSection(n.item.Blob, at, to-at), attached: true})
}

// wholeReader notes whether a reader came to its end.
type wholeReader struct {
	r     io.Reader
	ended bool
}

// Read implements io.Reader.
func (w *wholeReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.ended = w.ended || err == io.EOF
	return n, err
}

// firstByte returns where the first byte stands, at a place or behind it, that is no padding: no zero and no white space.
func firstByte(b scan.Blob, at int64) int64 {
	var buf [4096]byte
	for at < b.Size() {
		k, _ := b.ReadAt(buf[:], at)
		if k == 0 {
			break
		}
		for i, c := range buf[:k] {
			if c != 0 && !isSpace(c) {
				return at + int64(i)
			}
		}
		at += int64(k)
	}
	return b.Size()
}

// isBinary reports whether what begins as a text goes on as something else.
func isBinary(b scan.Blob) bool {
	if b.Size() <= sniffBytes {
		return false // all of it was looked at
	}
	data, err := b.Bytes()
	return err == nil && (bytes.IndexByte(data, 0) >= 0 || !utf8.Valid(data))
}

// overlayFormat is what a program or a picture has besides: bytes behind its end, up to an archive that ends the file.
type overlayFormat struct{ at, to int64 }

func (f overlayFormat) open(w *walk, n *node) error { return w.between(n, f.at, f.to) }

// fileEnd returns where a program or a picture ends whose format says so, 0 if that cannot be told.
func fileEnd(b scan.Blob, head []byte) int64 {
	switch {
	case isPE(head):
		return endOfPE(b)
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return endOfELF(b, head)
	}
	return pictureEnd(b, head)
}

// endOfPE is the end of the sections of a Windows program, or of its signature, if that follows them (the PE format, "Section
// Table", "The Attribute Certificate Table").
func endOfPE(b scan.Blob) int64 {
	le := binary.LittleEndian
	h := readAt(b, 0, 64)
	if len(h) < 64 {
		return 0
	}
	pe := int64(le.Uint32(h[60:]))
	h = readAt(b, pe, 24)
	if len(h) < 24 || string(h[:4]) != "PE\x00\x00" {
		return 0
	}
	count, size := int(le.Uint16(h[6:])), int(le.Uint16(h[20:]))
	opt := readAt(b, pe+24, size)
	sections := readAt(b, pe+24+int64(size), 40*count)
	end := pe + 24 + int64(size) + int64(len(sections))
	for ; len(sections) >= 40; sections = sections[40:] {
		end = max(end, int64(le.Uint32(sections[20:]))+int64(le.Uint32(sections[16:])))
	}
	at := 96 + 4*8 // the fifth directory
	if len(opt) > 2 && le.Uint16(opt) == 0x20b {
		at += 16
	}
	if len(opt) >= at+8 {
		from, n := int64(le.Uint32(opt[at:])), int64(le.Uint32(opt[at+4:]))
		if from >= end && firstByte(b, end) >= from {
			end = from + n
		}
	}
	return end
}

// endOfELF is the end of the segments and sections of a program of Unix, and of their tables (the ELF format, "ELF Header").
func endOfELF(b scan.Blob, head []byte) int64 {
	if len(head) < 64 {
		return 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[5] == 2 {
		order = binary.BigEndian
	}
	f := elfFields{order: order, wide: head[4] == 2, word: 4}
	at := 28 // of the place of the first table
	if f.wide {
		at, f.word = 32, 8
	}
	sizes := at + 2*f.word + 6
	end := int64(sizes + 10)
	segments, sections := f.num(head[at:]), f.num(head[at+f.word:])
	end = max(end, f.table(b, segments, order.Uint16(head[sizes:]), order.Uint16(head[sizes+2:]), true))
	return max(end, f.table(b, sections, order.Uint16(head[sizes+4:]), order.Uint16(head[sizes+6:]), false))
}

// elfFields reads numbers of an ELF file.
type elfFields struct {
	order binary.ByteOrder
	wide  bool
	word  int
}

// num reads a place or a size.
func (f elfFields) num(p []byte) int64 {
	if f.wide {
		return int64(f.order.Uint64(p) & (1<<62 - 1))
	}
	return int64(f.order.Uint32(p))
}

// table returns the end of what a table of segments or sections names, and of the table.
func (f elfFields) table(b scan.Blob, at int64, entry, count uint16, segments bool) int64 {
	const noBits = 8 // a section without bytes in the file
	least := 10 * f.word
	if segments {
		least = 7 * f.word
	}
	if at <= 0 || count == 0 || int(entry) < least {
		return 0
	}
	p := readAt(b, at, int(entry)*int(count))
	end := at + int64(len(p))
	for ; len(p) >= int(entry); p = p[entry:] {
		off, size := p[8+2*f.word:], p[8+3*f.word:]
		switch {
		case segments && f.wide:
			off, size = p[8:], p[32:]
		case segments:
			off, size = p[4:], p[16:]
		case f.order.Uint32(p[4:]) == noBits:
			continue
		}
		if to := f.num(off) + f.num(size); to <= b.Size() {
			end = max(end, to)
		}
	}
	return end
}
