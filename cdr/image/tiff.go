package image

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"icapd/cdr/kit"
)

// tiffTags are the tags of TIFF 6.0, its technical notes and the fax and web profiles that say how a picture looks.
var tiffTags = map[uint16]bool{
	254: true, 255: true, 256: true, 257: true, 258: true, 259: true, 262: true, 263: true, 264: true, 265: true,
	266: true, 273: true, 274: true, 277: true, 278: true, 279: true, 280: true, 281: true, 282: true, 283: true,
	284: true, 286: true, 287: true, 288: true, 289: true, 290: true, 291: true, 292: true, 293: true, 296: true,
	297: true, 301: true, 317: true, 318: true, 319: true, 320: true, 321: true, 322: true, 323: true, 324: true,
	325: true, 326: true, 327: true, 328: true, 332: true, 334: true, 336: true, 338: true, 339: true, 340: true,
	341: true, 342: true, 347: true, 512: true, 513: true, 514: true, 515: true, 517: true, 518: true, 519: true,
	520: true, 521: true, 529: true, 530: true, 531: true, 532: true, 34675: true,
}

// tiffMetadata are tags that describe the picture to people and programs: text, dates, EXIF, XMP, IPTC, Photoshop.
// They stay with a file of which nothing else must go, unless metadata is to be stripped; a file that is written anew
// has none of them.
var tiffMetadata = map[uint16]bool{
	269: true, 270: true, 271: true, 272: true, 285: true, 305: true, 306: true, 315: true, 316: true, 700: true,
	33432: true, 33550: true, 33922: true, 34264: true, 34735: true, 34736: true, 34737: true, 42112: true, 42113: true,
	33723: true, 34377: true, 34665: true, 34853: true, 37724: true, 32996: true, 32997: true, 32998: true,
}

// tiffSizes are the sizes of the field types 1 to 13.
var tiffSizes = [...]int64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4}

type tiffOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// tiffHeader reads byte order and the place of the first directory.
func tiffHeader(data []byte) (order tiffOrder, first int, ok bool) {
	if len(data) < 8 {
		return nil, 0, false
	}
	switch string(data[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return nil, 0, false
	}
	at := order.Uint32(data[4:])
	if at < 8 || uint64(at) >= uint64(len(data)) {
		return nil, 0, false
	}
	return order, int(at), true
}

type tiffEntry struct {
	tag, kind uint16
	count     uint32
	value     []byte   // its bytes in the file's order
	pieces    [][]byte // strips or tiles, for the tags that point to them
}

type tiffFile struct {
	job    *kit.Job
	data   []byte
	order  tiffOrder
	used   *coverage
	pages  [][]tiffEntry
	drop   bool // something must go
	judged int  // bytes of metadata so far
	inner  int  // directories of metadata so far
	strips int  // strips and tiles so far
}

func disarmTIFF(ctx context.Context, job *kit.Job, data []byte) ([]byte, error) {
	order, at, ok := tiffHeader(data)
	if !ok {
		if len(data) > 4 && (data[2] == 43 || data[3] == 43) {
			return nil, kit.Unsupported("BigTIFF")
		}
		return nil, kit.Corrupt("no TIFF header")
	}
	f := tiffFile{job: job, data: data, order: order, used: newCoverage(len(data))}
	f.used.add(0, 8)
	seen := map[int]bool{}
	for at != 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if seen[at] || len(seen) > 10_000 {
			return nil, kit.Corrupt("the directories form a ring")
		}
		seen[at] = true
		next, err := f.directory(at)
		if err != nil {
			return nil, err
		}
		at = next
	}
	if hidden := f.withoutHeaders(f.used.unused(data)); !padding(hidden) && f.hiddenMatters() {
		job.Removed(vectorHidden, "between the parts", kit.ActionRemoved, "")
		f.drop = true
	}
	if !f.drop {
		return nil, nil
	}
	return f.write()
}

// withoutHeaders takes the headers out of what nothing refers to: writers that append pages write each as a file of its
// own, and leave its header behind.
func (f *tiffFile) withoutHeaders(hidden []byte) []byte {
	const size = 8
	head := make([]byte, size)
	copy(head, f.data[:4])
	f.order.PutUint32(head[4:], size)
	return bytes.ReplaceAll(hidden, head, nil)
}

// hiddenMatters tells real leftovers from the directories below tags of metadata, which are not walked.
func (f *tiffFile) hiddenMatters() bool {
	for _, page := range f.pages {
		for _, e := range page {
			if e.tag == 34665 || e.tag == 34853 || e.tag == 330 {
				return foreign.Match(f.data)
			}
		}
	}
	return true
}

// directory reads one image file directory and returns the place of the next.
func (f *tiffFile) directory(at int) (int, error) {
	if at+2 > len(f.data) {
		return 0, kit.Corrupt("a directory outside of the file")
	}
	n := int(f.order.Uint16(f.data[at:]))
	end := at + 2 + 12*n
	if n == 0 || end+4 > len(f.data) {
		return 0, kit.Corrupt("a directory of %d entries at byte %d", n, at)
	}
	f.used.add(at, end+4)
	var page []tiffEntry
	for i := range n {
		e, err := f.entry(at + 2 + 12*i)
		if err != nil {
			return 0, err
		}
		page = append(page, e)
	}
	if err := f.pixels(page); err != nil {
		return 0, err
	}
	f.pages = append(f.pages, page)
	next := f.order.Uint32(f.data[end:])
	if uint64(next) >= uint64(len(f.data)) {
		return 0, kit.Corrupt("the next directory is outside of the file")
	}
	return int(next), nil
}

func (f *tiffFile) entry(at int) (tiffEntry, error) {
	b := f.data[at:]
	e := tiffEntry{tag: f.order.Uint16(b), kind: f.order.Uint16(b[2:]), count: f.order.Uint32(b[4:])}
	if err := f.job.Entry(); err != nil {
		return e, err
	}
	if e.kind == 0 || int(e.kind) >= len(tiffSizes) {
		e.kind, f.drop = 0, true // nobody can say how long it is
		f.job.Removed(vectorUnknown, "entry of unknown type", kit.ActionRemoved, "")
		return e, nil
	}
	size := tiffSizes[e.kind] * int64(e.count)
	switch {
	case size <= 4:
		e.value = b[8 : 8+size]
	default:
		offset := int64(f.order.Uint32(b[8:]))
		if offset+size > int64(len(f.data)) {
			return e, kit.Corrupt("tag %d is outside of the file", e.tag)
		}
		e.value = f.data[offset : offset+size]
		f.used.add(int(offset), int(offset+size))
	}
	switch {
	case e.tag == 347 && len(e.value) > 1 && (e.value[0] != 0xff || e.value[1] != 0xd8): // JPEG tables that are none
		f.remove(&e, vectorUnknown)
	case e.tag == 34675 && !isProfile(e.value):
		f.remove(&e, vectorUnknown)
	case tiffTags[e.tag], e.tag == 330 && f.pictures(&e): // numbers that lead to directories
	case tiffMetadata[e.tag] && f.judge(&e) && !stripsMetadata(f.job) && !foreign.Match(e.value) && (!judgesText(f.job) || plainTIFFTag(e, f.order, f.data)):
	case tiffMetadata[e.tag]:
		f.remove(&e, vectorMetadata)
	default:
		f.remove(&e, vectorUnknown)
	}
	return e, nil
}

// pictures reports whether the directories that an entry leads to are those of pictures, such as smaller copies of the one that is
// shown, with no more said in them.
func (f *tiffFile) pictures(e *tiffEntry) bool {
	const most = 16
	if e.kind != 4 && e.kind != 13 || e.count == 0 || e.count > most {
		return false
	}
	for i := range e.count {
		at := int64(f.order.Uint32(e.value[4*i:]))
		if at+2 > int64(len(f.data)) {
			return false
		}
		n := int64(f.order.Uint16(f.data[at:]))
		if at+2+12*n > int64(len(f.data)) || !f.pictured(f.data[at+2:at+2+12*n]) {
			return false
		}
	}
	return true
}

// pictured reports whether the entries of a directory are those of a picture, with no more said in them.
func (f *tiffFile) pictured(b []byte) bool {
	width := false
	for ; len(b) > 0; b = b[12:] {
		tag, kind, count := f.order.Uint16(b), f.order.Uint16(b[2:]), int64(f.order.Uint32(b[4:]))
		width = width || tag == 256
		if tiffTags[tag] || kind == 0 || int(kind) >= len(tiffSizes) {
			continue
		}
		value, from := b[8:], int64(0)
		size := tiffSizes[kind] * count
		if size > 4 {
			if from = int64(f.order.Uint32(b[8:])); from+size > int64(len(f.data)) {
				return false
			}
			value = f.data[from : from+size]
		}
		if f.judged += len(value); f.judged > len(f.data) || words.Match(value) {
			return false
		}
	}
	return width
}

// judge reports whether so many more bytes of metadata may be looked at: tags may share their bytes, each time to be judged
// anew. What may not goes.
func (f *tiffFile) judge(e *tiffEntry) bool {
	const most = 256
	if e.tag == 0x8769 || e.tag == 0x8825 {
		f.inner++
	}
	f.judged += len(e.value)
	return f.judged <= len(f.data) && f.inner <= most
}

func (f *tiffFile) remove(e *tiffEntry, vector string) {
	f.drop = true
	e.kind = 0
	f.job.Removed(vector, "tag", kit.ActionRemoved, "")
}

// pixels resolves strips and tiles, and checks the size of the picture.
func (f *tiffFile) pixels(page []tiffEntry) error {
	var width, height uint32
	for i := range page {
		e := &page[i]
		switch e.tag {
		case 256:
			width = f.number(e, 0)
		case 257:
			height = f.number(e, 0)
		}
	}
	if err := f.job.Image(int64(width), int64(height)); err != nil {
		return err
	}
	for _, pair := range [][2]uint16{{273, 279}, {324, 325}, {513, 514}, {288, 289}} {
		if err := f.resolve(page, pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}

// resolve finds the bytes that the offsets of one tag and the lengths of another describe.
func (f *tiffFile) resolve(page []tiffEntry, offsets, lengths uint16) error {
	o, l := findTag(page, offsets), findTag(page, lengths)
	if o == nil {
		return nil
	}
	if l == nil || l.count != o.count {
		return kit.Unsupported("tag %d without matching tag %d", offsets, lengths)
	}
	// Each has its place in the file, in four bytes or two, unless the tables of pages share theirs.
	if f.strips += int(o.count); f.strips > len(f.data)/2 {
		return kit.Limit("work", "pages that share the tables of their strips")
	}
	for i := range o.count {
		from, n := int64(f.number(o, i)), int64(f.number(l, i))
		if from+n > int64(len(f.data)) {
			return kit.Corrupt("a strip is outside of the file")
		}
		f.used.add(int(from), int(from+n))
		o.pieces = append(o.pieces, f.data[from:from+n])
	}
	return nil
}

func findTag(page []tiffEntry, tag uint16) *tiffEntry {
	for i := range page {
		if page[i].tag == tag && page[i].kind != 0 {
			return &page[i]
		}
	}
	return nil
}

// number returns the i-th value of a SHORT or LONG entry, 0 for others.
func (f *tiffFile) number(e *tiffEntry, i uint32) uint32 {
	switch {
	case e.kind == 3 && int(i)*2+2 <= len(e.value):
		return uint32(f.order.Uint16(e.value[i*2:]))
	case e.kind == 4 && int(i)*4+4 <= len(e.value):
		return f.order.Uint32(e.value[i*4:])
	}
	return 0
}

// fits checks that what is written is about as much as was read: tags and strips may share their bytes, thousands the same.
func (f *tiffFile) fits() error {
	const shared = 4 // times: writers have one table of colours, or one blank tile, for all
	size := int64(0)
	for _, page := range f.pages {
		for i := range page {
			e := &page[i]
			if e.kind == 0 || !tiffTags[e.tag] {
				continue
			}
			size += int64(len(e.value))
			for _, p := range e.pieces {
				size += int64(len(p))
			}
		}
	}
	if size > shared*int64(len(f.data))+1<<20 {
		return kit.Limit("work", "a TIFF whose parts share bytes would become %d MiB", size>>20)
	}
	return nil
}

// write builds a new file: for each page its directory, then the values, then the pictures.
func (f *tiffFile) write() ([]byte, error) {
	if err := f.fits(); err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, len(f.data)), f.data[:4]...)
	out = f.order.AppendUint32(out, 8)
	for i, page := range f.pages {
		if findTag(page, 519) != nil || findTag(page, 520) != nil || findTag(page, 521) != nil {
			return nil, kit.Unsupported("JPEG tables of TIFF 6.0, which point into the old file")
		}
		keep := make([]tiffEntry, 0, len(page))
		for _, e := range page {
			if e.kind != 0 && tiffTags[e.tag] {
				keep = append(keep, e)
			}
		}
		slices.SortStableFunc(keep, func(a, b tiffEntry) int { return cmp.Compare(a.tag, b.tag) })
		out = f.writePage(out, keep, i+1 < len(f.pages))
		if int64(len(out)) > 1<<32-1 {
			return nil, kit.Unsupported("a TIFF of more than 4 GiB")
		}
	}
	return out, nil
}

func (f *tiffFile) writePage(out []byte, entries []tiffEntry, more bool) []byte {
	start := len(out)
	table := 2 + 12*len(entries) + 4
	body := make([]byte, 0, 4096) // what follows the directory
	base := start + table
	place := func(b []byte) uint32 {
		if len(body)&1 == 1 {
			body = append(body, 0)
		}
		at := base + len(body)
		body = append(body, b...)
		return uint32(at) //nolint:gosec // G115: write refuses files of more than 4 GiB
	}
	for i := range entries { // offsets are known once the pictures are placed
		e := &entries[i]
		if e.pieces == nil {
			continue
		}
		moved := make([]byte, 0, 4*len(e.pieces))
		for _, p := range e.pieces {
			moved = f.order.AppendUint32(moved, place(p))
		}
		e.kind, e.value = 4, moved
	}
	out = f.order.AppendUint16(out, uint16(len(entries))) //nolint:gosec // G115: fewer than the directory had
	for _, e := range entries {
		out = f.order.AppendUint16(out, e.tag)
		out = f.order.AppendUint16(out, e.kind)
		out = f.order.AppendUint32(out, e.count)
		if len(e.value) <= 4 {
			out = append(out, append(slices.Clone(e.value), 0, 0, 0, 0)[:4]...)
		} else {
			out = f.order.AppendUint32(out, place(e.value))
		}
	}
	next := uint32(0)
	if len(body)&1 == 1 {
		body = append(body, 0)
	}
	if more {
		next = uint32(base + len(body)) //nolint:gosec // G115: see place
	}
	out = f.order.AppendUint32(out, next)
	return append(out, body...)
}
