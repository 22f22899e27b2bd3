package content

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"icapd/scan"
)

// isoFormat is an ISO 9660 image (ECMA-119), with the names of Joliet where it has them.
type isoFormat struct{}

const (
	isoSector   = 2048
	isoMaxDepth = 64
	isoMaxDir   = 4 << 20
)

var errISO = errors.New("not a valid ISO 9660 image")

// isoWalk walks the folders of an image.
type isoWalk struct {
	w     *walk
	n     *node
	wide  bool
	seen  map[uint32]bool // folders: a loop would never end
	names nameSet

	files map[scan.Span]bool // where those stand that were taken in: trees may share them
	used  []scan.Span        // what is known to be in use
}

func (isoFormat) open(w *walk, n *node) error {
	return counted(n, func() error { return w.iso(n) })
}

func (w *walk) iso(n *node) error {
	var roots [2][]byte
	i := isoWalk{w: w, n: n, files: map[scan.Span]bool{}}
	end := int64(0)
	for sector := int64(16); sector < 64; sector++ {
		d := readAt(n.item.Blob, sector*isoSector, isoSector)
		if len(d) < isoSector || string(d[1:6]) != "CD001" || d[0] == 255 {
			break
		}
		joliet := d[0] == 2 && d[88] == 0x25 && d[89] == 0x2f && strings.IndexByte("@CE", d[90]) >= 0
		switch {
		case joliet:
			roots[0] = d[156:190]
		case d[0] == 1 && roots[1] == nil:
			roots[1] = d[156:190]
		}
		end = max(end, int64(binary.LittleEndian.Uint32(d[80:]))*isoSector)
		i.used = append(i.used, scan.Span{End: (sector + 1) * isoSector})
		for at := 140; at <= 152; at += 4 { // tables of paths, in either order of bytes
			place := int64(binary.LittleEndian.Uint32(d[at:]))
			if at >= 148 {
				place = int64(binary.BigEndian.Uint32(d[at:]))
			}
			i.use(place*isoSector, int64(binary.LittleEndian.Uint32(d[132:])))
		}
	}
	if roots[0] == nil && roots[1] == nil {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errISO}
	}
	for k, root := range roots { // the names of Joliet first; what has none of them is named as it is
		if i.wide = k == 0; root == nil {
			continue
		}
		i.seen, i.names = map[uint32]bool{}, nameSet{}
		err := i.dir(root, "", 0)
		if err != nil {
			n.state = nil
		}
		if err := w.fail(n.item.Path, err); err != nil {
			return err
		}
	}
	return i.rest(min(end, n.item.Blob.Size()))
}

// use notes what is in use.
func (i *isoWalk) use(at, size int64) {
	if size > 0 {
		i.used = append(i.used, scan.Span{Start: at, End: roundUp(at+size, isoSector)})
	}
}

// maxISORest bounds the places that are taken in one by one which no folder names: those of another file system in the same
// image, and what was left in it.
const maxISORest = 256

var errISORest = errors.New("more places that no folder names than are looked at")

// rest takes in what no folder names, and what stands behind the image.
func (i *isoWalk) rest(end int64) error {
	slices.SortFunc(i.used, func(a, b scan.Span) int { return cmp.Compare(a.Start, b.Start) })
	i.used = append(i.used, scan.Span{Start: end, End: end})
	at, count := int64(0), 0
	for _, s := range i.used {
		from := firstByte(i.n.item.Blob, at) / isoSector * isoSector
		if from = max(from, at); from < s.Start && s.Start <= end {
			if count++; count > maxISORest {
				return &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errISORest}
			}
			c := child{segment: fmt.Sprintf("(at %d)", from), blob: newSection(i.n.item.Blob, from, s.Start-from)}
			if err := i.w.enter(i.n, c.segment); err != nil {
				return skipped(err)
			}
			if err := i.w.child(i.n, c); err != nil {
				return err
			}
		}
		at = max(at, s.End)
	}
	return i.w.behind(i.n, at)
}

// dir reads the folder that a directory record names.
func (i *isoWalk) dir(rec []byte, prefix string, depth int) error {
	extent, size := binary.LittleEndian.Uint32(rec[2:]), int64(binary.LittleEndian.Uint32(rec[10:]))
	if depth > isoMaxDepth || size > isoMaxDir {
		return &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitNesting, Err: errISO}
	}
	if i.seen[extent] {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errISO}
	}
	i.seen[extent] = true
	i.use(int64(extent)*isoSector, size)
	data := readAt(i.n.item.Blob, int64(extent)*isoSector, int(size))
	if int64(len(data)) < size {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errShort}
	}
	for at := 0; at+34 <= len(data); {
		k := int(data[at])
		if k == 0 { // records do not cross sectors
			at = (at/isoSector + 1) * isoSector
			continue
		}
		nameLen := int(data[at+32])
		if k < 34 || at+k > len(data) || 33+nameLen > k {
			return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errISO}
		}
		if err := i.record(data[at:at+k], data[at+33:at+33+nameLen], prefix, depth); err != nil {
			return err
		}
		at += k
	}
	return nil
}

func (i *isoWalk) record(rec, raw []byte, prefix string, depth int) error {
	if len(raw) == 1 && raw[0] <= 1 { // itself and its parent
		return nil
	}
	name := entryName(string(raw))
	if i.wide {
		u := make([]uint16, len(raw)/2)
		for j := range u {
			u[j] = binary.BigEndian.Uint16(raw[2*j:])
		}
		name = string(utf16.Decode(u))
	}
	name, _, _ = strings.Cut(name, ";")
	name = prefix + strings.TrimSuffix(name, ".")
	if rec[25]&2 != 0 {
		return i.dir(rec, name+"/", depth+1)
	}
	at, size := int64(binary.LittleEndian.Uint32(rec[2:]))*isoSector, int64(binary.LittleEndian.Uint32(rec[10:]))
	if place := (scan.Span{Start: at, End: at + size}); !i.files[place] {
		i.files[place] = true
		i.use(at, size)
		return i.w.stored(i.n, name, at, size, i.names)
	}
	return nil
}

// isISO reports whether a blob has the volume descriptor of ISO 9660, which stands behind 32 KiB of anything.
func isISO(b scan.Blob) bool {
	return string(readAt(b, 16*isoSector+1, 5)) == "CD001"
}
