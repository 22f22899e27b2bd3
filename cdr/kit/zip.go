package kit

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"icapd/internal/deflate"
)

// Zip is an archive that a document is stored in (APPNOTE.TXT 6.3.10). It is read by its central directory, as office
// programs do, and compared with its local headers: where the two disagree, another reader sees another document.
type Zip struct {
	Entries []*ZipEntry

	// Hazards are the vectors of what makes this archive more than its entries: bytes in front, behind or between,
	// entries that the directory does not list, headers that contradict it. They are gone when the archive is
	// written anew.
	Hazards []string

	data []byte
}

// ZipEntry is one member.
type ZipEntry struct {
	Name   string // as in the central directory, backslashes turned
	Method uint16 // 0 or 8
	Size   int64  // unpacked
	Dir    bool

	raw    []byte // packed bytes
	crc    uint32
	time   uint32 // MS-DOS date and time, as they are
	flags  uint16
	start  int64 // of the local header
	end    int64 // behind the data
	offset int64
	noted  bool // its headers say more than what an entry is
}

// The vectors of archives, as reports name them.
const (
	VectorZipTrailing = "archive-trailing-data"
	VectorZipPrefix   = "archive-prefix-data"
	VectorZipHidden   = "archive-hidden-entry"
	VectorZipMismatch = "archive-header-mismatch"
	VectorZipExtra    = "archive-comment"
)

const (
	zipLocalSize   = 30
	zipCentralSize = 46
	zipEndSize     = 22
)

// OpenZip reads the directory of an archive. Duplicate names (by case), encrypted entries, entries that share bytes
// and methods other than store and deflate are errors: office programs do not write them, and readers disagree about
// what they mean.
func OpenZip(job *Job, data []byte) (*Zip, error) {
	z := &Zip{data: data}
	end, err := z.findEnd()
	if err != nil {
		return nil, err
	}
	count := int(binary.LittleEndian.Uint16(data[end+10:]))
	size, offset := int64(binary.LittleEndian.Uint32(data[end+12:])), int64(binary.LittleEndian.Uint32(data[end+16:]))
	if offset == 1<<32-1 || size == 1<<32-1 || count == 1<<16-1 {
		if end, count, size, offset, err = z.wideEnd(end); err != nil {
			return nil, err
		}
		z.Hazards = append(z.Hazards, VectorZipMismatch)
	}
	base := int64(end) - size - offset // bytes in front of the archive move everything
	if base < 0 || size > int64(end) {
		return nil, Corrupt("the archive's directory is outside of the file")
	}
	if err := z.readDirectory(job, data[int64(end)-size:end], count, base); err != nil {
		return nil, err
	}
	return z, z.layout(int64(end) - size)
}

// ZipSizes returns what the directory of an archive says that its entries unpack to, and by how much that is more than they
// are packed; zeros for what is no archive. Nothing of it is checked.
func ZipSizes(data []byte) (unpacked, gain int64) {
	z := &Zip{data: data}
	if !bytes.HasPrefix(data, []byte("PK")) {
		return 0, 0
	}
	end, err := z.findEnd()
	if err != nil {
		return 0, 0
	}
	le := binary.LittleEndian
	size := int64(le.Uint32(data[end+12:]))
	if size == 1<<32-1 {
		if end, _, size, _, err = z.wideEnd(end); err != nil {
			return 0, 0
		}
	}
	if size > int64(end) {
		return 0, 0
	}
	for dir := data[int64(end)-size : end]; len(dir) >= zipCentralSize; {
		n, packed := int64(le.Uint32(dir[24:])), int64(le.Uint32(dir[20:]))
		unpacked += n
		gain += max(0, n-packed)
		next := zipCentralSize + int(le.Uint16(dir[28:])) + int(le.Uint16(dir[30:])) + int(le.Uint16(dir[32:]))
		dir = dir[min(next, len(dir)):]
	}
	return unpacked, gain
}

const (
	zipWideEndSize = 56 // of the end record of ZIP64, without its extensible data
	zipLocatorSize = 20
)

// wideEnd reads the end record of ZIP64, which stands with its locator in front of the other one and says the same of
// larger archives (APPNOTE.TXT 4.3.14). Writers that do not know how large something will be write it for small ones, too:
// those are written anew, because who does not know this record sees no archive, or another one.
func (z *Zip) wideEnd(end int) (at, count int, size, offset int64, err error) {
	bad := Corrupt("the archive's directory is outside of the file")
	at = end - zipLocatorSize - zipWideEndSize
	if at < 0 || string(z.data[at:at+4]) != "PK\x06\x06" || string(z.data[at+zipWideEndSize:at+zipWideEndSize+4]) != "PK\x06\x07" {
		return 0, 0, 0, 0, bad
	}
	le := binary.LittleEndian
	n, s, o := le.Uint64(z.data[at+32:]), le.Uint64(z.data[at+40:]), le.Uint64(z.data[at+48:])
	if most := uint64(len(z.data)); n > most || s > most || o > most {
		return 0, 0, 0, 0, bad
	}
	// Who follows the locator must come to this record, which must be as long as it is.
	if le.Uint64(z.data[at+zipWideEndSize+8:]) != s+o || le.Uint64(z.data[at+4:]) != zipWideEndSize-12 {
		return 0, 0, 0, 0, bad
	}
	return at, int(n), int64(s), int64(o), nil //nolint:gosec // G115: not more than the file is long
}

// widen reads the sizes of an entry that stand in the extra field of ZIP64 because they do not fit, or were not known:
// each value that is all ones, in their order.
func widen(extra []byte, values ...*int64) error {
	le := binary.LittleEndian
	var wide []byte
	for len(extra) >= 4 {
		id, n := le.Uint16(extra), int(le.Uint16(extra[2:]))
		if 4+n > len(extra) {
			break
		}
		if id == 1 {
			wide = extra[4 : 4+n]
			break
		}
		extra = extra[4+n:]
	}
	for _, v := range values {
		if *v != 1<<32-1 {
			continue
		}
		if len(wide) < 8 || le.Uint64(wide) > 1<<62 {
			return Corrupt("an entry of the archive without its size")
		}
		*v = int64(le.Uint64(wide)) //nolint:gosec // G115: just checked
		wide = wide[8:]
	}
	return nil
}

// findEnd returns the place of the end record. Its comment, or what follows it, is a hazard.
func (z *Zip) findEnd() (int, error) {
	from := max(0, len(z.data)-zipEndSize-1<<16)
	at := bytes.LastIndex(z.data[from:], []byte("PK\x05\x06"))
	if at < 0 || from+at+zipEndSize > len(z.data) {
		return 0, Corrupt("an archive without a directory")
	}
	at += from
	if len(z.data) > at+zipEndSize {
		vector := VectorZipTrailing
		if int(binary.LittleEndian.Uint16(z.data[at+20:])) == len(z.data)-at-zipEndSize {
			vector = VectorZipExtra
		}
		if len(bytes.Trim(z.data[at+zipEndSize:], "\x00")) > 0 {
			z.Hazards = append(z.Hazards, vector)
		}
	}
	return at, nil
}

func (z *Zip) readDirectory(job *Job, dir []byte, count int, base int64) error {
	seen := map[string]bool{}
	for range count {
		if err := job.Entry(); err != nil {
			return err
		}
		e, n, err := readCentral(dir)
		if err != nil {
			return err
		}
		dir = dir[n:]
		if err := z.readLocal(e, base); err != nil {
			return err
		}
		fold := strings.ToLower(e.Name)
		if seen[fold] {
			return Corrupt("two entries of the archive have the name %.80q", e.Name)
		}
		seen[fold] = true
		z.Entries = append(z.Entries, e)
	}
	if len(dir) > 0 {
		z.Hazards = append(z.Hazards, VectorZipHidden)
	}
	return nil
}

func readCentral(dir []byte) (*ZipEntry, int, error) {
	if len(dir) < zipCentralSize || string(dir[:4]) != "PK\x01\x02" {
		return nil, 0, Corrupt("the archive's directory is damaged")
	}
	le := binary.LittleEndian
	nameLen, extraLen, commentLen := int(le.Uint16(dir[28:])), int(le.Uint16(dir[30:])), int(le.Uint16(dir[32:]))
	n := zipCentralSize + nameLen + extraLen + commentLen
	if n > len(dir) {
		return nil, 0, Corrupt("the archive's directory is damaged")
	}
	e := &ZipEntry{
		flags: le.Uint16(dir[8:]), Method: le.Uint16(dir[10:]), time: le.Uint32(dir[12:]), crc: le.Uint32(dir[16:]),
		Size: int64(le.Uint32(dir[24:])), offset: int64(le.Uint32(dir[42:])),
	}
	packed := int64(le.Uint32(dir[20:]))
	if err := widen(dir[zipCentralSize+nameLen:zipCentralSize+nameLen+extraLen], &e.Size, &packed, &e.offset); err != nil {
		return nil, 0, err
	}
	e.end = packed // until the local header is read
	e.noted = saysMore(dir[zipCentralSize+nameLen:zipCentralSize+nameLen+extraLen]) || commentLen > 0 && words.Match(dir[n-commentLen:n])
	name := string(dir[zipCentralSize : zipCentralSize+nameLen])
	if strings.IndexByte(name, 0) >= 0 || nameLen == 0 {
		return nil, 0, Corrupt("an entry's name with a zero byte")
	}
	e.Name = strings.ReplaceAll(name, `\`, "/")
	e.Dir = strings.HasSuffix(e.Name, "/")
	switch {
	case e.flags&1 != 0:
		return nil, 0, Encrypted("entry %.80q of the archive", e.Name)
	case e.Method != 0 && e.Method != 8:
		return nil, 0, Unsupported("entry %.80q is packed by method %d", e.Name, e.Method)
	}
	return e, n, nil
}

// unixTimes are when a file was changed and read, as Info-ZIP writes it: numbers whose bytes are letters for years on end.
const unixTimes = 0x5455

// plainTimes reports whether an extra field of times has nothing but times in it, and those of one year.
func plainTimes(b []byte) bool {
	const year = 366 * 24 * 60 * 60
	if len(b) != 1+4 && len(b) != 1+2*4 && len(b) != 1+3*4 || b[0] > 7 {
		return false
	}
	first := int64(binary.LittleEndian.Uint32(b[1:]))
	for b = b[5:]; len(b) > 0; b = b[4:] {
		if d := int64(binary.LittleEndian.Uint32(b)) - first; d > year || d < -year {
			return false
		}
	}
	return true
}

// saysMore reports whether in the extra fields of a header there is text that somebody could have put there. Names in Unicode
// (Info-ZIP) are those of the entry.
func saysMore(extra []byte) bool {
	const unicodeName, unicodeComment = 0x7075, 0x6375
	le := binary.LittleEndian
	for len(extra) >= 4 {
		id, n := le.Uint16(extra), int(le.Uint16(extra[2:]))
		if 4+n > len(extra) {
			break
		}
		if id == unicodeComment || id != unicodeName && words.Match(extra[4:4+n]) && (id != unixTimes || !plainTimes(extra[4:4+n])) {
			return true
		}
		extra = extra[4+n:]
	}
	return words.Match(extra)
}

// readLocal finds the data of an entry and compares its local header with the directory.
func (z *Zip) readLocal(e *ZipEntry, base int64) error {
	packed, most := e.end, int64(len(z.data))
	if packed > most || e.Size > 1<<32 || e.offset > most {
		return Corrupt("entry %.80q is longer than the archive", e.Name)
	}
	e.start = base + e.offset
	if e.start+zipLocalSize > most || string(z.data[e.start:e.start+4]) != "PK\x03\x04" {
		return Corrupt("entry %.80q has no data", e.Name)
	}
	le := binary.LittleEndian
	h := z.data[e.start:]
	nameLen, extraLen := int64(le.Uint16(h[26:])), int64(le.Uint16(h[28:]))
	from := e.start + zipLocalSize + nameLen + extraLen
	if from+packed > int64(len(z.data)) {
		return Corrupt("entry %.80q is longer than the archive", e.Name)
	}
	e.raw = z.data[from : from+packed]
	e.end = from + packed
	size, packedSize := int64(le.Uint32(h[22:])), int64(le.Uint32(h[18:]))
	known := le.Uint16(h[6:])&8 == 0 // else a descriptor behind the data says it
	if err := widen(h[zipLocalSize+nameLen:zipLocalSize+nameLen+extraLen], &size, &packedSize); err != nil && known {
		return err
	}
	if (e.noted || saysMore(h[zipLocalSize+nameLen:zipLocalSize+nameLen+extraLen])) && !slices.Contains(z.Hazards, VectorZipExtra) {
		z.Hazards = append(z.Hazards, VectorZipExtra)
	}
	name := strings.ReplaceAll(string(h[zipLocalSize:zipLocalSize+nameLen]), `\`, "/")
	if name != e.Name && utf8.ValidString(name) == utf8.ValidString(e.Name) || le.Uint16(h[8:]) != e.Method ||
		known && (packedSize != packed || size != e.Size) {
		z.Hazards = append(z.Hazards, VectorZipMismatch)
	}
	return nil
}

// layout looks at what is between the entries.
func (z *Zip) layout(directory int64) error {
	order := slices.Clone(z.Entries)
	slices.SortFunc(order, func(a, b *ZipEntry) int { return cmp.Compare(a.start, b.start) })
	pos := int64(0)
	var before *ZipEntry
	for _, e := range order {
		if e.start < pos {
			return Corrupt("entries of the archive share bytes")
		}
		z.gap(z.data[pos:e.start], before)
		pos, before = e.end, e
	}
	if pos > directory {
		return Corrupt("an entry and the archive's directory share bytes")
	}
	z.gap(z.data[pos:directory], before)
	return nil
}

// gap judges the bytes behind an entry, or in front of the first one: its descriptor, padding, or something else.
func (z *Zip) gap(b []byte, before *ZipEntry) {
	if before != nil {
		b = before.cutDescriptor(b)
	}
	switch {
	case len(bytes.Trim(b, "\x00")) == 0:
	case bytes.Contains(b, []byte("PK\x03\x04")):
		z.Hazards = append(z.Hazards, VectorZipHidden)
	case before == nil:
		z.Hazards = append(z.Hazards, VectorZipPrefix)
	default:
		z.Hazards = append(z.Hazards, VectorZipTrailing)
	}
}

// cutDescriptor takes the data descriptor from the front of what follows an entry: sum and sizes, with or without a
// signature, in 32 or 64 bits.
func (e *ZipEntry) cutDescriptor(b []byte) []byte {
	if e.flags&8 == 0 {
		return b
	}
	le := binary.LittleEndian
	for _, signature := range []string{"PK\x07\x08", ""} {
		d := le.AppendUint32([]byte(signature), e.crc)
		narrow := le.AppendUint32(le.AppendUint32(bytes.Clone(d), uint32(len(e.raw))), uint32(e.Size)) //nolint:gosec // G115: OpenZip takes no archive of 4 GiB
		wide := le.AppendUint64(le.AppendUint64(d, uint64(len(e.raw))), uint64(e.Size))                //nolint:gosec // G115: never negative
		for _, form := range [][]byte{wide, narrow} {
			if rest, ok := bytes.CutPrefix(b, form); ok {
				return rest
			}
		}
	}
	return b
}

// Find returns the entry with this name, compared as office programs do: without regard to case and to a leading
// slash; nil if there is none.
func (z *Zip) Find(name string) *ZipEntry {
	name = strings.TrimPrefix(name, "/")
	for _, e := range z.Entries {
		if strings.EqualFold(e.Name, name) {
			return e
		}
	}
	return nil
}

// Read unpacks an entry, within the job's limits, and checks its sum.
func (e *ZipEntry) Read(job *Job) ([]byte, error) {
	if err := job.Unpacked(int64(len(e.raw)), e.Size, false); err != nil {
		return nil, err
	}
	out := e.raw
	if e.Method == 8 {
		buf := bytes.NewBuffer(make([]byte, 0, e.Size+bytes.MinRead))
		_, err := io.Copy(buf, io.LimitReader(deflate.NewReader(bytes.NewReader(e.raw)), e.Size+1))
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || int64(buf.Len()) != e.Size {
			return nil, Corrupt("entry %.80q cannot be unpacked", e.Name)
		}
		out = buf.Bytes()
	}
	if int64(len(out)) != e.Size || crc32.ChecksumIEEE(out) != e.crc {
		return nil, Corrupt("entry %.80q does not have its checksum", e.Name)
	}
	return out, job.Unpacked(int64(len(e.raw)), e.Size, true)
}

// Zlib unpacks a stream of zlib with what unpacked the last one, which must not be in use any more: an icon may have ten
// thousand pictures of some bytes, and a window is 40 KiB.
func (j *Job) Zlib(src io.Reader) (io.Reader, error) {
	if again, ok := j.zlib.(zlib.Resetter); ok {
		return j.zlib, again.Reset(src, nil)
	}
	z, err := zlib.NewReader(src)
	if err != nil {
		return nil, err
	}
	j.zlib = z
	return z, nil
}

// ZipWriter writes an archive: kept entries as they are packed, new ones by deflate. It writes no extra fields, no
// comments, and nothing between the entries.
type ZipWriter struct {
	out bytes.Buffer
	dir bytes.Buffer
	n   int

	packed bytes.Buffer
}

// Keep writes an entry without unpacking it.
func (w *ZipWriter) Keep(e *ZipEntry) { w.entry(e.Name, e.Method, e.time, e.crc, e.Size, e.raw) }

// Put writes an entry with new bytes. With store they are not packed, as the first entry of ODF must not be. The
// time is that of like, if it is not nil.
func (w *ZipWriter) Put(name string, data []byte, like *ZipEntry, store bool) error {
	var time uint32 = 1<<21 | 1<<16 // 1 January 1980
	if like != nil {
		time = like.time
	}
	crc := crc32.ChecksumIEEE(data)
	if store {
		w.entry(name, 0, time, crc, int64(len(data)), data)
		return nil
	}
	if err := w.deflate(data); err != nil {
		return err
	}
	w.entry(name, 8, time, crc, int64(len(data)), w.packed.Bytes())
	return nil
}

// longPart is from where on speed comes before size: packing would take longer than all else that is done to a part. A
// long one becomes about an eighth larger for it, in a third of the time.
const longPart = 1 << 20

// deflate packs into w.packed.
func (w *ZipWriter) deflate(data []byte) error {
	w.packed.Reset()
	level := deflate.Small
	if len(data) >= longPart {
		level = deflate.Fast
	}
	d, err := deflate.NewWriter(&w.packed, level)
	if err == nil {
		_, err = d.Write(data)
	}
	if err == nil {
		err = d.Close()
	}
	return err
}

func (w *ZipWriter) entry(name string, method uint16, time, crc uint32, size int64, raw []byte) {
	le := binary.LittleEndian
	flags := uint16(0)
	for i := range len(name) {
		if name[i] >= 0x80 {
			flags = 1 << 11 // UTF-8
			break
		}
	}
	common := le.AppendUint16(nil, 20)
	common = le.AppendUint16(common, flags)
	common = le.AppendUint16(common, method)
	common = le.AppendUint32(common, time)
	common = le.AppendUint32(common, crc)
	common = le.AppendUint32(common, uint32(len(raw)))  //nolint:gosec // G115: OpenZip takes no archive of 4 GiB
	common = le.AppendUint32(common, uint32(size))      //nolint:gosec // G115: likewise
	common = le.AppendUint16(common, uint16(len(name))) //nolint:gosec // G115: names come from such fields
	common = le.AppendUint16(common, 0)
	at := uint32(w.out.Len()) //nolint:gosec // G115: see above
	w.out.WriteString("PK\x03\x04")
	w.out.Write(common)
	w.out.WriteString(name)
	w.out.Write(raw)
	w.dir.WriteString("PK\x01\x02\x14\x00")
	w.dir.Write(common)
	w.dir.Write(make([]byte, 10)) // comment, disk, attributes
	w.dir.Write(le.AppendUint32(nil, at))
	w.dir.WriteString(name)
	w.n++
}

// Bytes ends the archive and returns it. Nothing can be added after that, and it can be called once.
func (w *ZipWriter) Bytes() []byte {
	le := binary.LittleEndian
	at, size := w.out.Len(), w.dir.Len()
	w.out.Write(w.dir.Bytes())
	end := append([]byte("PK\x05\x06"), 0, 0, 0, 0)
	end = le.AppendUint16(end, uint16(w.n))  //nolint:gosec // G115: Limits.Entries is lower
	end = le.AppendUint16(end, uint16(w.n))  //nolint:gosec // G115: likewise
	end = le.AppendUint32(end, uint32(size)) //nolint:gosec // G115: see entry
	end = le.AppendUint32(end, uint32(at))   //nolint:gosec // G115: see entry
	w.out.Write(append(end, 0, 0))
	return w.out.Bytes()
}
