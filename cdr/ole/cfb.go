package ole

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf16"

	"icapd/cdr/kit"
)

// Signature is how a compound file begins.
const signature = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

// Numbers of [MS-CFB] sections 2.1 and 2.2.
const (
	headerSize   = 512
	headerDIFAT  = 109 // entries of the DIFAT in the header
	miniSize     = 64
	miniCutoff   = 4096
	dirEntrySize = 128

	sectorMax  = 0xFFFFFFFA // the highest number that is a sector's
	sectorEnd  = 0xFFFFFFFE
	sectorFAT  = 0xFFFFFFFD
	sectorDIF  = 0xFFFFFFFC
	sectorFree = 0xFFFFFFFF
	noEntry    = 0xFFFFFFFF

	kindStorage = 1
	kindStream  = 2
	kindRoot    = 5
)

// classID names a class of objects.
type classID [16]byte

// entry is one storage or stream of a compound file.
type entry struct {
	name  string // decoded; lone surrogates become U+FFFD
	units []uint16
	kind  byte
	class classID
	data  []byte   // of a stream; shared with the file until set anew
	kids  []*entry // of a storage, in the order of the directory tree
	lost  error    // why the stream cannot be read, nil if it can
}

// find returns the member with this name, compared as readers do: without regard to case; nil if there is none.
func (e *entry) find(name string) *entry {
	for _, k := range e.kids {
		if strings.EqualFold(k.name, name) {
			return k
		}
	}
	return nil
}

// drop takes the members out for which bad says so.
func (e *entry) drop(bad func(*entry) bool) {
	kept := make([]*entry, 0, len(e.kids))
	for _, k := range e.kids {
		if !bad(k) {
			kept = append(kept, k)
		}
	}
	e.kids = kept
}

// compound is a compound file that was read ([MS-CFB]): what can be reached from its root, and what else was in it.
type compound struct {
	root *entry

	orphans  bool // the directory has streams or storages that no storage leads to
	lost     bool // sectors that are marked as in use hold bytes and belong to nothing
	trailing bool // there are bytes behind the last sector that is in use
	slack    bool // somebody wrote into what no reader looks at
}

// reader takes a compound file apart. Every sector may belong to one chain only, so that the work and the memory are
// linear in the file's size whatever it says.
type reader struct {
	job     *kit.Job
	data    []byte
	shift   uint
	major   uint16
	sectors uint32 // whole and partial ones behind the header
	fat     []uint32
	used    []bool // sectors that are in a chain

	mini     []byte // the mini stream
	miniFAT  []uint32
	miniUsed []bool
	miniText bool // text stands behind the end of small streams
	miniJunk bool // other bytes do

	dir    []byte
	seen   []bool // directory entries that were reached
	result compound
}

// readCompound reads a compound file. Chains that share sectors, run in circles or end early are errors, and so are
// two members of a storage with one name: readers disagree about what they mean.
func readCompound(job *kit.Job, data []byte) (*compound, error) {
	r := &reader{job: job, data: data}
	for _, step := range []func() error{r.header, r.readFAT, r.readDirectory, r.readMini, r.readTree} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	r.leftovers()
	return &r.result, nil
}

func (r *reader) u32(at int) uint32 { return binary.LittleEndian.Uint32(r.data[at:]) }

func (r *reader) header() error {
	if len(r.data) < headerSize || string(r.data[:8]) != signature {
		return kit.Corrupt("no compound file")
	}
	le := binary.LittleEndian
	r.major = le.Uint16(r.data[26:])
	r.shift = uint(le.Uint16(r.data[30:]))
	if r.shift != 9 && r.shift != 12 || le.Uint16(r.data[32:]) != 6 || r.u32(56) != miniCutoff {
		return kit.Corrupt("a compound file with sectors of an unusual size")
	}
	body := max(0, len(r.data)-1<<r.shift)
	n := (body + 1<<r.shift - 1) >> r.shift
	if n >= sectorMax/8 {
		return kit.Limit("part_bytes", "a compound file of %d bytes", len(r.data))
	}
	r.sectors = uint32(n) //nolint:gosec // G115: checked above
	r.used = make([]bool, n)
	return nil
}

// sector returns a sector's bytes; the last one of a file may be short.
func (r *reader) sector(n uint32) []byte {
	from := (int(n) + 1) << r.shift
	return r.data[from:min(from+1<<r.shift, len(r.data))]
}

// take marks a sector as used.
func (r *reader) take(n uint32) error {
	switch {
	case n >= r.sectors:
		return kit.Corrupt("sector %d is outside of the file", n)
	case r.used[n]:
		return kit.Corrupt("sector %d is in two chains", n)
	}
	r.used[n] = true
	return nil
}

// readFAT gathers the sectors of the FAT from the header and the DIFAT chain.
func (r *reader) readFAT() error {
	want := r.u32(44)
	if want > r.sectors {
		return kit.Corrupt("a table of %d sectors in a file of %d", want, r.sectors)
	}
	for i := range min(int(want), headerDIFAT) {
		if err := r.fatSector(r.u32(76 + 4*i)); err != nil {
			return err
		}
	}
	per := 1<<(r.shift-2) - 1
	left := int(want) - headerDIFAT
	for next := r.u32(68); left > 0; {
		if err := r.take(next); err != nil {
			return err
		}
		b := r.sector(next)
		if len(b) < 1<<r.shift {
			return kit.Corrupt("the table of tables is cut off")
		}
		for i := range min(left, per) {
			if err := r.fatSector(binary.LittleEndian.Uint32(b[4*i:])); err != nil {
				return err
			}
		}
		left -= per
		next = binary.LittleEndian.Uint32(b[4*per:])
	}
	return nil
}

func (r *reader) fatSector(n uint32) error {
	if err := r.take(n); err != nil {
		return err
	}
	r.fat = appendTable(r.fat, r.sector(n))
	return nil
}

func appendTable(table []uint32, b []byte) []uint32 {
	for ; len(b) >= 4; b = b[4:] {
		table = append(table, binary.LittleEndian.Uint32(b))
	}
	return table
}

// chain returns the bytes of the chain that starts at a sector. With most >= 0 it is cut to that many bytes, and
// must have them; the file's end may be inside of its last sector.
func (r *reader) chain(at uint32, most int64) ([]byte, error) {
	var first, last uint32
	var parts [][]byte
	var n int64
	for at <= sectorMax && (most < 0 || n < most) {
		if err := r.take(at); err != nil {
			return nil, err
		}
		switch {
		case len(parts) > 0 && at == last+1: // in one piece with the one before
			from := (int(first) + 1) << r.shift
			parts[len(parts)-1] = r.data[from:min((int(at)+2)<<r.shift, len(r.data))]
		default:
			first = at
			parts = append(parts, r.sector(at))
		}
		last = at
		n += 1 << r.shift
		if at >= uint32(len(r.fat)) { //nolint:gosec // G115: at most sectors/8 tables
			return nil, kit.Corrupt("sector %d is not in the table", at)
		}
		at = r.fat[at]
	}
	return r.join(parts, n, most, at)
}

func (r *reader) join(parts [][]byte, n, most int64, next uint32) ([]byte, error) {
	if n < most {
		return nil, kit.Corrupt("a chain of sectors ends too early")
	}
	for next <= sectorMax && next < r.sectors && !r.used[next] && int(next) < len(r.fat) {
		r.used[next] = true // behind the stream's end: not its content, and not lost either
		r.unread(blank(r.sector(next)))
		next = r.fat[next]
	}
	out := []byte{}
	if len(parts) == 1 {
		out = parts[0]
	} else if len(parts) > 1 {
		out = bytes.Join(parts, nil)
	}
	if most < 0 {
		most = int64(len(out))
	}
	for int64(len(out)) < most { // the rest of the last sector
		if most-int64(len(out)) >= 1<<r.shift {
			return nil, kit.Corrupt("the file ends inside of a stream")
		}
		out = append(slices.Clip(out), make([]byte, most-int64(len(out)))...)
	}
	r.unread(!planted(out[most:]))
	return out[:most:most], nil
}

// unread notes what stands where no reader looks, if it is not as programs leave it.
func (r *reader) unread(fine bool) { r.result.slack = r.result.slack || !fine }

func (r *reader) readDirectory() (err error) {
	if r.dir, err = r.chain(r.u32(48), -1); err != nil {
		return err
	}
	if len(r.dir) < dirEntrySize || r.dir[66] != kindRoot {
		return kit.Corrupt("a compound file without a root")
	}
	r.seen = make([]bool, len(r.dir)/dirEntrySize)
	return nil
}

func (r *reader) readMini() error {
	root := r.dir[:dirEntrySize]
	size := r.entrySize(root)
	if size == 0 {
		return nil
	}
	if size > int64(len(r.data)) {
		return kit.Corrupt("a mini stream of %d bytes in a file of %d", size, len(r.data))
	}
	var err error
	// Writers are known whose size of the mini stream is too large; its chain tells.
	if r.mini, err = r.chain(binary.LittleEndian.Uint32(root[116:]), -1); err != nil {
		return err
	}
	end := min(int64(len(r.mini)), (size+miniSize-1)/miniSize*miniSize)
	r.miniRest(r.mini[end:])
	r.mini = r.mini[:end]
	table, err := r.chain(r.u32(60), -1)
	if err != nil {
		return err
	}
	r.miniFAT = appendTable(nil, table)
	r.miniUsed = make([]bool, (len(r.mini)+miniSize-1)/miniSize)
	return nil
}

func (r *reader) entrySize(b []byte) int64 {
	size := binary.LittleEndian.Uint64(b[120:])
	if r.major < 4 { // the upper half may be anything (2.6.3)
		size &= 1<<32 - 1
	}
	return int64(min(size, 1<<40))
}

// miniChain returns a stream of less than 4096 bytes.
func (r *reader) miniChain(at uint32, size int) ([]byte, error) {
	out := make([]byte, 0, (size+miniSize-1)/miniSize*miniSize)
	for len(out) < size {
		if int64(at) >= int64(len(r.miniUsed)) || int(at) >= len(r.miniFAT) {
			return nil, kit.Corrupt("a chain of small sectors ends too early")
		}
		if r.miniUsed[at] {
			return nil, kit.Corrupt("small sector %d is in two chains", at)
		}
		r.miniUsed[at] = true
		part := r.mini[int(at)*miniSize : min((int(at)+1)*miniSize, len(r.mini))]
		out = append(out, part...)
		if len(part) < miniSize {
			out = append(out, make([]byte, miniSize-len(part))...)
		}
		at = r.miniFAT[at]
	}
	r.miniRest(out[size:])
	return out[:size], nil
}

// pending is a directory entry that is to be read into a storage.
type pending struct {
	into *entry
	at   uint32
}

// member is a name in a storage.
type member struct {
	in   *entry
	name string
}

// readTree reads what the root leads to. Siblings are a binary tree, whose order and colours do not matter here.
func (r *reader) readTree() error {
	root := &entry{name: "Root Entry", kind: kindRoot}
	copy(root.class[:], r.dir[80:])
	r.seen[0] = true
	r.result.root = root
	names := map[member]bool{}
	todo := []pending{{root, binary.LittleEndian.Uint32(r.dir[76:])}}
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if p.at == noEntry {
			continue
		}
		if int64(p.at) >= int64(len(r.seen)) || r.seen[p.at] {
			return kit.Corrupt("directory entry %d is outside of the directory or in it twice", p.at)
		}
		r.seen[p.at] = true
		b := r.dir[int(p.at)*dirEntrySize:][:dirEntrySize]
		e, err := r.readEntry(b)
		if err != nil {
			return err
		}
		key := member{p.into, strings.ToLower(e.name)}
		if names[key] {
			return kit.Corrupt("two streams have the name %.80q", e.name)
		}
		names[key] = true
		p.into.kids = append(p.into.kids, e)
		le := binary.LittleEndian
		if e.kind == kindStorage {
			todo = append(todo, pending{e, le.Uint32(b[76:])})
		}
		todo = append(todo, pending{p.into, le.Uint32(b[72:])}, pending{p.into, le.Uint32(b[68:])})
	}
	return nil
}

func (r *reader) readEntry(b []byte) (*entry, error) {
	if err := r.job.Entry(); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	n := int(le.Uint16(b[64:]))
	if n < 4 || n > 64 || n%2 != 0 || b[66] != kindStorage && b[66] != kindStream {
		return nil, kit.Corrupt("a damaged directory entry")
	}
	e := &entry{kind: b[66]}
	for i := 0; i < n-2; i += 2 {
		e.units = append(e.units, le.Uint16(b[i:]))
	}
	e.name = string(utf16.Decode(e.units))
	copy(e.class[:], b[80:96])
	if e.kind == kindStorage {
		return e, nil
	}
	size := r.entrySize(b)
	if size > int64(len(r.data)) {
		e.lost = kit.Corrupt("stream %.80q is longer than the file", e.name)
		return e, nil
	}
	if err := r.job.Unpacked(size, size, true); err != nil {
		return nil, err
	}
	at := le.Uint32(b[116:])
	switch {
	case size == 0:
	case size < miniCutoff:
		e.data, e.lost = r.miniChain(at, int(size))
	default:
		e.data, e.lost = r.chain(at, size)
	}
	return e, nil
}

// leftovers looks at what belongs to nothing. Sectors that are marked as free are what an editor left behind: they
// are not written anew, but their being there is no reason to write.
func (r *reader) leftovers() {
	r.slack()
	for i := range r.seen {
		b := r.dir[i*dirEntrySize:][:dirEntrySize]
		if !r.seen[i] && (b[66] == kindStorage || b[66] == kindStream) && binary.LittleEndian.Uint16(b[64:]) > 2 {
			r.result.orphans = true
		}
	}
	end := uint32(0)
	for n := range r.sectors {
		free := int(n) >= len(r.fat) || r.fat[n] == sectorFree
		if r.used[n] || !free {
			end = n + 1
		}
		if !r.used[n] && !free && r.fat[n] < sectorDIF && !blank(r.sector(n)) {
			r.result.lost = true
		}
	}
	tail := r.data[min(len(r.data), (int(end)+1)<<r.shift):]
	r.result.trailing = !blank(bytes.Trim(tail, "\r\n")) // a line end is what careless transports add
}

// blank reports whether bytes are filling.
func blank(b []byte) bool {
	for _, c := range b {
		if c != 0 && c != 0xFF {
			return false
		}
	}
	return true
}
