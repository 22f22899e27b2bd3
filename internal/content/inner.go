package content

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"sync"

	"icapd/scan"
)

// innerFormat opens the archives that stand inside of something that is none: what self-extracting programs and scripts
// carry, and what is appended to a picture. It is what an item is besides (node.also).
type innerFormat struct {
	zip  bool // at the end: its offsets count from its own start
	at   []section
	more bool   // there are more archives than are opened
	also opener // what else it may be, nil for nothing
}

// maxInner bounds the archives that are opened in one item, and maxOpenInner those of which the end is not known: each of
// these is taken to go on to the end of the item.
const (
	maxInner     = 256
	maxOpenInner = 16
)

var errInner = errors.New("more archives inside than are opened")

// innerMarks are what archives begin with, and how one is told from the same bytes in a program that reads archives: it
// returns the archive's length, 0 if it is none. Where an open one ends is not known: what is behind its mark may be
// another archive.
var innerMarks = []struct {
	mark  string
	back  int64 // where in the archive the mark stands
	valid func(b scan.Blob, at int64) (size int64, open bool)
}{
	{"7z\xbc\xaf\x27\x1c", 0, closed(inner7z)},
	{"Rar!\x1a\x07", 0, innerRar},
	{"MSCF\x00\x00\x00\x00", 0, closed(innerCab)},
	{"ustar", tarMagicAt, closed(innerTar)},
}

func closed(length func(b scan.Blob, at int64) int64) func(scan.Blob, int64) (int64, bool) {
	return func(b scan.Blob, at int64) (int64, bool) { return length(b, at), false }
}

// tarMagicAt is where in a header of tar its mark stands.
const tarMagicAt = 257

// innerTar goes from header to header, each with its checksum, up to one that is none.
func innerTar(b scan.Blob, at int64) int64 {
	end := at
	for range maxInnerTar {
		h := readAt(b, end, tarBlock)
		if !isTar(h) {
			break
		}
		size, ok := tarSize(h)
		if !ok || size > b.Size()-end-tarBlock {
			break
		}
		end += tarBlock + roundUp(size, tarBlock)
	}
	return min(end, b.Size()) - at
}

// maxInnerTar bounds the headers that are looked at to find the end of an archive: what is behind is looked at by itself.
const maxInnerTar = 100_000

// tarSize reads the size in a header: in octal digits, or from 8 GiB on, which nobody has here, as a binary number.
func tarSize(h []byte) (int64, bool) {
	s := strings.Trim(string(h[124:136]), " \x00")
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(s, 8, 62)
	return n, err == nil && n >= 0
}

// inner7z checks the checksum of the start header (7zFormat.txt, "Signature Header").
func inner7z(b scan.Blob, at int64) int64 {
	h := readAt(b, at, 32)
	if len(h) < 32 || crc32.ChecksumIEEE(h[12:32]) != binary.LittleEndian.Uint32(h[8:]) {
		return 0
	}
	rest, next, size := uint64(b.Size()-at-32), binary.LittleEndian.Uint64(h[12:]), binary.LittleEndian.Uint64(h[20:]) //nolint:gosec // it has 32
	if next > rest || size > rest-next {
		return b.Size() - at
	}
	return 32 + int64(next+size) //nolint:gosec // not beyond the end
}

// innerCab checks the fixed fields of the header (MS-CAB, section 2.1).
func innerCab(b scan.Blob, at int64) int64 {
	h := readAt(b, at, 36)
	if len(h) < 36 {
		return 0
	}
	size, files := int64(binary.LittleEndian.Uint32(h[8:])), int64(binary.LittleEndian.Uint32(h[16:]))
	folders, members := binary.LittleEndian.Uint16(h[26:]), binary.LittleEndian.Uint16(h[28:])
	if h[24] != 3 || h[25] != 1 || folders == 0 || members == 0 || files < 36 || files >= size || at+size > b.Size() {
		return 0
	}
	return size
}

// scriptMarks are what the compressed archive behind a shell script begins with.
var scriptMarks = []string{"\x1f\x8b\x08", "BZh9", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd", "LZIP\x01"}

// findInner looks for archives in a leaf, and for streams, if those are looked for in it: their places are left in n.
func findInner(n *node) *innerSearch {
	f := &innerSearch{b: n.item.Blob, set: innerSet}
	if n.streams && f.b.Size() >= 64 {
		f.set, n.places = streamSet, &streamPlaces{}
		f.places = n.places
	}
	if f.b.Size() >= 64 {
		f.script = string(readAt(f.b, 0, 2)) == "#!"
		eachWindow(f.b, f.window)
	}
	return f
}

// innerSearch is one search.
type innerSearch struct {
	b      scan.Blob
	set    *markSet
	places *streamPlaces // nil if streams are not looked for
	script bool
	found  []section
	open   int  // how many of them have no end
	more   bool // there are more than are opened

	from, to int64 // what the last ones that have an end have for themselves
}

// window looks through a piece and reports whether the search goes on.
func (f *innerSearch) window(p []byte, off int64) bool {
	f.set.each(p, func(i, mark int) bool {
		if mark >= len(innerMarks) {
			f.places.mark(f.b, off+int64(i), mark-len(innerMarks), p[i:])
			return true
		}
		m := &innerMarks[mark]
		if at := off + int64(i) - m.back; at > 0 && !f.known(at) {
			f.take(at, m.valid)
		}
		return !f.more
	})
	for _, m := range scriptMarks {
		if !f.script || len(f.found) > 0 {
			break
		}
		if i := bytes.Index(p, []byte("\n"+m)); i >= 0 {
			f.take(off+int64(i)+1, closed(func(b scan.Blob, at int64) int64 { return b.Size() - at }))
		}
	}
	return !f.more
}

// known reports whether what is at a place was found already, or is inside of what was. Windows overlap by a few marks.
func (f *innerSearch) known(at int64) bool {
	const overlapping = 4
	return f.from <= at && at < f.to ||
		slices.ContainsFunc(f.found[max(0, len(f.found)-overlapping):], func(s section) bool { return s.off == at })
}

func (f *innerSearch) take(at int64, valid func(scan.Blob, int64) (int64, bool)) {
	size, open := valid(f.b, at)
	if size <= 0 {
		return
	}
	if len(f.found) >= maxInner || open && f.open >= maxOpenInner {
		f.more = true
		return
	}
	f.found = append(f.found, *newSection(f.b, at, size))
	switch {
	case open:
		f.open++
	case at < f.to: // the mark of a tar archive stands far behind its start
		f.from, f.to = min(f.from, at), max(f.to, at+size)
	default:
		f.from, f.to = at, at+size
	}
}

// innerWindow is how much of a large blob is read at one time: a mapping of all of it would count as memory in use.
const innerWindow = 256 << 10

// innerWhole is the size, in bytes, up to which a blob is looked at as it stands: it is in memory, as a rule.
const innerWhole = 1 << 20

var innerBuffers = sync.Pool{New: func() any { return new([innerWindow]byte) }}

// eachWindow calls f for pieces of a blob that overlap by more than any mark is long, until it returns false.
func eachWindow(b scan.Blob, f func(p []byte, off int64) bool) {
	const overlap = 16
	if b.Size() <= innerWhole {
		if data, err := b.Bytes(); err == nil {
			f(data, 0)
		}
		return
	}
	buf, _ := innerBuffers.Get().(*[innerWindow]byte)
	defer innerBuffers.Put(buf)
	for off := int64(0); off < b.Size(); off += innerWindow - overlap {
		k, _ := b.ReadAt(buf[:], off)
		if k == 0 || !f(buf[:k], off) {
			return
		}
	}
}

func (f innerFormat) open(w *walk, n *node) error {
	for i := range f.at {
		s := &f.at[i]
		seg := fmt.Sprintf("(at %d)", s.off)
		if err := w.enter(n, seg); err != nil {
			return skipped(err)
		}
		if err := w.child(n, child{segment: seg, blob: s, attached: true}); err != nil {
			return err
		}
	}
	if f.also != nil {
		if err := w.fail(n.item.Path, f.also.open(w, n)); err != nil {
			return err
		}
	}
	if f.zip {
		if err := w.fail(n.item.Path, zipFormat{}.open(w, n)); err != nil {
			return err
		}
	}
	if f.more {
		return &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errInner}
	}
	return nil
}

// volumeFormat is a part of an archive of several files: what is in it can only be read with the others.
type volumeFormat struct{}

var errVolume = errors.New("one volume of several")

func (volumeFormat) open(*walk, *node) error {
	return &scan.Gap{Reason: scan.ReasonUnsupported, Err: errVolume}
}

// zipVolume reports whether a blob ends like the last volume of a zip archive of several files.
func zipVolume(b scan.Blob) bool {
	h := readAt(b, b.Size()-zipEndLen, zipEndLen)
	return len(h) == zipEndLen && string(h[:4]) == zipEndSig && binary.LittleEndian.Uint16(h[4:]) > 0 && binary.LittleEndian.Uint16(h[20:]) == 0
}

// appleFormat is AppleSingle or AppleDouble (RFC 1740): the forks of a file of a Mac, and what the Finder knows of it.
type appleFormat struct{}

// appleParts are the parts that files have as a rule: the data fork and the resource fork.
var appleParts = map[uint32]string{1: "/data", 2: "/resources"}

var errApple = errors.New("parts that share their bytes")

func (appleFormat) open(w *walk, n *node) error {
	b := n.item.Blob
	h := readAt(b, 0, 26)
	if len(h) < 26 {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errHeader}
	}
	room := 2 * b.Size() // parts may share bytes, but not all of them with all
	for i := range int64(binary.BigEndian.Uint16(h[24:])) {
		e := readAt(b, 26+12*i, 12)
		if len(e) < 12 {
			return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errShort}
		}
		id, off, size := binary.BigEndian.Uint32(e), int64(binary.BigEndian.Uint32(e[4:])), int64(binary.BigEndian.Uint32(e[8:]))
		if size < minEmbedded {
			continue
		}
		c := child{segment: "/part" + numbered(int(id)), blob: newSection(b, off, size), attached: true}
		if name, ok := appleParts[id]; ok {
			c.segment = name
		}
		if room -= c.blob.Size(); room < 0 {
			return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errApple}
		}
		if err := w.enter(n, c.segment); err != nil {
			return skipped(err)
		}
		if err := w.child(n, c); err != nil {
			return err
		}
	}
	return nil
}
