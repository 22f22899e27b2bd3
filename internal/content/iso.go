package content

import (
	"encoding/binary"
	"errors"
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
}

func (isoFormat) open(w *walk, n *node) error {
	var root []byte
	i := isoWalk{w: w, n: n, seen: map[uint32]bool{}, names: nameSet{}}
	for sector := int64(16); sector < 64; sector++ {
		d := readAt(n.item.Blob, sector*isoSector, isoSector)
		if len(d) < isoSector || string(d[1:6]) != "CD001" || d[0] == 255 {
			break
		}
		joliet := d[0] == 2 && d[88] == 0x25 && d[89] == 0x2f && strings.IndexByte("@CE", d[90]) >= 0
		if d[0] == 1 && root == nil || joliet {
			root, i.wide = d[156:190], joliet
		}
	}
	if root == nil {
		return &scan.Gap{Reason: scan.ReasonCorrupt, Err: errISO}
	}
	return i.dir(root, "", 0)
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
	return i.w.stored(i.n, name, int64(binary.LittleEndian.Uint32(rec[2:]))*isoSector, int64(binary.LittleEndian.Uint32(rec[10:])), i.names)
}

// isISO reports whether a blob has the volume descriptor of ISO 9660, which stands behind 32 KiB of anything.
func isISO(b scan.Blob) bool {
	return string(readAt(b, 16*isoSector+1, 5)) == "CD001"
}
