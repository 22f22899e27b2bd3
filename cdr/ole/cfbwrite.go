package ole

import (
	"cmp"
	"encoding/binary"
	"slices"
	"unicode"

	"icapd/cdr/kit"
)

// The writer makes sectors of 512 bytes, as all office programs do.
const (
	outShift  = 9
	outSector = 1 << outShift
	outPer    = outSector / 4 // sector numbers in a sector
)

// slot is a directory entry on its way out.
type slot struct {
	e                  *entry
	left, right, child uint32
	red                bool
	start              uint32
	size               uint32
}

// writer builds a compound file.
type writer struct {
	slots []slot
	mini  []byte
	small []uint32 // mini FAT
	big   []int    // slots of streams in sectors of their own
}

// writeCompound returns a compound file with what root leads to and nothing else: no free sectors, slack of zeros, no
// times, and class ids only where the entries have them. The first table and the directory come first, so that
// programs that look at the beginning of a file see what kind of document it is.
func writeCompound(root *entry) ([]byte, error) {
	w := &writer{slots: []slot{{e: root, left: noEntry, right: noEntry, child: noEntry}}}
	for i := 0; i < len(w.slots); i++ { // breadth first: what is on top comes first
		if len(w.slots[i].e.kids) > 0 {
			w.siblings(i)
		}
	}
	for i := range w.slots {
		w.place(i)
	}
	return w.bytes()
}

// siblings enters the members of a storage as a balanced binary tree; only its lowest, incomplete level is red, which
// makes it a red-black tree ([MS-CFB] 2.6.4).
func (w *writer) siblings(parent int) {
	kids := slices.Clone(w.slots[parent].e.kids)
	slices.SortStableFunc(kids, func(a, b *entry) int { return compareNames(a.units, b.units) })
	full := 0 // levels that are complete
	for 1<<(full+1)-1 <= len(kids) {
		full++
	}
	type span struct {
		from, to, depth int
		link            func(uint32)
	}
	todo := []span{{0, len(kids), 0, func(n uint32) { w.slots[parent].child = n }}}
	for len(todo) > 0 {
		s := todo[0]
		todo = todo[1:]
		if s.from >= s.to {
			continue
		}
		mid := (s.from + s.to) / 2
		at := len(w.slots)
		w.slots = append(w.slots, slot{e: kids[mid], left: noEntry, right: noEntry, child: noEntry, red: s.depth >= full})
		s.link(uint32(at)) //nolint:gosec // G115: Limits.Entries is lower
		todo = append(todo,
			span{s.from, mid, s.depth + 1, func(n uint32) { w.slots[at].left = n }},
			span{mid + 1, s.to, s.depth + 1, func(n uint32) { w.slots[at].right = n }})
	}
}

// compareNames is the order of siblings: shorter names first, then by upper-case UTF-16 units.
func compareNames(a, b []uint16) int {
	if c := cmp.Compare(len(a), len(b)); c != 0 {
		return c
	}
	for i := range a {
		if c := cmp.Compare(upper(a[i]), upper(b[i])); c != 0 {
			return c
		}
	}
	return 0
}

func upper(u uint16) uint16 {
	if r := unicode.ToUpper(rune(u)); r > 0 && r <= 0xFFFF {
		return uint16(r)
	}
	return u
}

// place puts a stream into the mini stream, or notes that it gets sectors of its own.
func (w *writer) place(i int) {
	s := &w.slots[i]
	s.start = sectorEnd
	if s.e.kind != kindStream {
		s.start = 0
		return
	}
	s.size = uint32(len(s.e.data)) //nolint:gosec // G115: Limits.Bytes is lower
	switch n := len(s.e.data); {
	case n == 0:
	case n >= miniCutoff:
		w.big = append(w.big, i)
	default:
		s.start = uint32(len(w.small)) //nolint:gosec // G115: likewise
		for at := 0; at < n; at += miniSize {
			w.small = append(w.small, uint32(len(w.small))+1) //nolint:gosec // G115: likewise
		}
		w.small[len(w.small)-1] = sectorEnd
		w.mini = append(w.mini, s.e.data...)
		w.mini = append(w.mini, make([]byte, -n&(miniSize-1))...)
	}
}

func sectorsFor(n int) int { return (n + outSector - 1) >> outShift }

// plan says how many sectors there are of each kind.
type plan struct{ fat, difat, dir, miniFAT, mini, rest int }

func (w *writer) plan() plan {
	p := plan{
		dir: sectorsFor(len(w.slots) * dirEntrySize), miniFAT: sectorsFor(4 * len(w.small)), mini: sectorsFor(len(w.mini)),
	}
	for _, i := range w.big {
		p.rest += sectorsFor(len(w.slots[i].e.data))
	}
	for {
		all := p.fat + p.difat + p.dir + p.miniFAT + p.mini + p.rest
		fat := (all + outPer - 1) / outPer
		difat := 0
		if fat > headerDIFAT {
			difat = (fat - headerDIFAT + outPer - 2) / (outPer - 1)
		}
		if fat == p.fat && difat == p.difat {
			return p
		}
		p.fat, p.difat = max(fat, p.fat), max(difat, p.difat)
	}
}

// bytes lays the file out: first table sector, directory, other tables, mini FAT, mini stream, streams.
func (w *writer) bytes() ([]byte, error) {
	p := w.plan()
	all := p.fat + p.difat + p.dir + p.miniFAT + p.mini + p.rest
	if all >= 1<<31>>outShift {
		return nil, kit.Limit("part_bytes", "a compound file of more than 2 GiB")
	}
	fat := make([]uint32, p.fat*outPer)
	for i := range fat {
		fat[i] = sectorFree
	}
	next := 1
	run := func(n int) uint32 { // the next n sectors as one chain
		if n == 0 {
			return sectorEnd
		}
		start := next
		for range n {
			fat[next] = uint32(next) + 1 //nolint:gosec // G115: checked above
			next++
		}
		fat[next-1] = sectorEnd
		return uint32(start) //nolint:gosec // G115: checked above
	}
	dirAt := run(p.dir)
	tables := []uint32{0}
	fat[0] = sectorFAT
	for range p.fat - 1 {
		tables = append(tables, uint32(next)) //nolint:gosec // G115: checked above
		fat[next] = sectorFAT
		next++
	}
	difatAt := next
	for range p.difat {
		fat[next] = sectorDIF
		next++
	}
	miniFATAt, miniAt := run(p.miniFAT), run(p.mini)
	out := make([]byte, outSector, (all+1)<<outShift)
	w.slots[0].start, w.slots[0].size = miniAt, uint32(len(w.mini)) //nolint:gosec // G115: checked above
	bigAt := next
	for _, i := range w.big {
		w.slots[i].start = run(sectorsFor(len(w.slots[i].e.data)))
	}
	w.header(out, p, dirAt, miniFATAt, uint32(difatAt), tables) //nolint:gosec // G115: checked above

	out = appendTableBytes(out, fat[:outPer], outPer)
	out = w.directory(out)
	out = appendTableBytes(out, fat[outPer:], outPer)
	out = appendDIFAT(out, tables, difatAt, p.difat)
	out = appendTableBytes(out, w.small, outPer)
	out = pad(append(out, w.mini...))
	if len(out) != (bigAt+1)<<outShift {
		return nil, kit.Corrupt("the compound file's layout does not add up")
	}
	for _, i := range w.big {
		out = pad(append(out, w.slots[i].e.data...))
	}
	return out, nil
}

func pad(b []byte) []byte { return append(b, make([]byte, -len(b)&(outSector-1))...) }

// appendTableBytes writes sector numbers, filled up to whole sectors.
func appendTableBytes(out []byte, table []uint32, per int) []byte {
	for _, n := range table {
		out = binary.LittleEndian.AppendUint32(out, n)
	}
	for range (per - len(table)%per) % per {
		out = binary.LittleEndian.AppendUint32(out, sectorFree)
	}
	return out
}

// appendDIFAT writes the numbers of table sectors that do not fit into the header.
func appendDIFAT(out []byte, tables []uint32, at, n int) []byte {
	for i := range n {
		from := min(len(tables), headerDIFAT+i*(outPer-1))
		to := min(len(tables), from+outPer-1)
		out = appendTableBytes(out, tables[from:to], outPer-1)
		if to == from {
			out = appendTableBytes(out, slices.Repeat([]uint32{sectorFree}, outPer-1), outPer-1)
		}
		next := uint32(sectorEnd)
		if i < n-1 {
			next = uint32(at + i + 1) //nolint:gosec // G115: a sector's number
		}
		out = binary.LittleEndian.AppendUint32(out, next)
	}
	return out
}

func (w *writer) header(h []byte, p plan, dirAt, miniFATAt, difatAt uint32, tables []uint32) {
	le := binary.LittleEndian
	copy(h, signature)
	le.PutUint16(h[24:], 0x3E)
	le.PutUint16(h[26:], 3)
	le.PutUint16(h[28:], 0xFFFE)
	le.PutUint16(h[30:], outShift)
	le.PutUint16(h[32:], 6)
	le.PutUint32(h[44:], uint32(p.fat)) //nolint:gosec // G115: checked in bytes
	le.PutUint32(h[48:], dirAt)
	le.PutUint32(h[56:], miniCutoff)
	le.PutUint32(h[60:], miniFATAt)
	le.PutUint32(h[64:], uint32(p.miniFAT)) //nolint:gosec // G115: likewise
	if p.difat == 0 {
		difatAt = sectorEnd
	}
	le.PutUint32(h[68:], difatAt)
	le.PutUint32(h[72:], uint32(p.difat)) //nolint:gosec // G115: likewise
	for i := range headerDIFAT {
		n := uint32(sectorFree)
		if i < len(tables) {
			n = tables[i]
		}
		le.PutUint32(h[76+4*i:], n)
	}
}

// rootName is the name that every root has.
var rootName = []uint16{'R', 'o', 'o', 't', ' ', 'E', 'n', 't', 'r', 'y'}

func (w *writer) directory(out []byte) []byte {
	le := binary.LittleEndian
	for i := range w.slots {
		s := &w.slots[i]
		var b [dirEntrySize]byte
		name := s.e.units
		if i == 0 {
			name = rootName
		}
		for k, u := range name {
			le.PutUint16(b[2*k:], u)
		}
		le.PutUint16(b[64:], uint16(2*len(name)+2)) //nolint:gosec // G115: at most 31 units
		b[66] = s.e.kind
		if !s.red {
			b[67] = 1
		}
		le.PutUint32(b[68:], s.left)
		le.PutUint32(b[72:], s.right)
		le.PutUint32(b[76:], s.child)
		copy(b[80:], s.e.class[:])
		le.PutUint32(b[116:], s.start)
		le.PutUint32(b[120:], s.size)
		out = append(out, b[:]...)
	}
	for len(out)&(outSector-1) != 0 {
		var b [dirEntrySize]byte
		le.PutUint32(b[68:], noEntry)
		le.PutUint32(b[72:], noEntry)
		le.PutUint32(b[76:], noEntry)
		out = append(out, b[:]...)
	}
	return out
}
