package carrier

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// placed is where the packed bytes of a file stand in a zip.
type placed struct {
	at, end   int64
	described bool // a record with its sizes follows
	size      uint64
}

// gapsInZip reports whether there is something between the files of a zip, or between them and the directory, that belongs to none
// of them.
func gapsInZip(data []byte, files []*zip.File, directory int64) bool {
	all := make([]placed, 0, len(files))
	for _, f := range files {
		at, err := f.DataOffset()
		if err != nil {
			return true
		}
		const described = 1 << 3
		all = append(all, placed{at, at + int64(f.CompressedSize64), f.Flags&described != 0, f.UncompressedSize64}) //nolint:gosec // the reader has checked it
	}
	slices.SortFunc(all, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	for i, p := range all {
		next := directory
		if i+1 < len(all) {
			next = all[i+1].at
		} else if directory < p.end || directory > int64(len(data)) || string(data[directory:min(int64(len(data)), directory+int64(len(entryMark)))]) != entryMark {
			return false // its place is said elsewhere
		}
		if next < p.end || next > int64(len(data)) {
			return false // files that share bytes are nobody's to tell apart here
		}
		gap := data[p.end:next]
		if gap = gap[min(len(gap), p.description(gap)):]; !between(gap, i+1 < len(all)) {
			return true
		}
	}
	return false
}

// description returns how long the record behind the file is that says its sizes (APPNOTE, section 4.3.9): with a mark or without
// one, and with sizes of four or eight bytes.
func (p *placed) description(b []byte) int {
	if !p.described {
		return 0
	}
	const sum, short, long = 4, 8, 16
	n := sum
	if bytes.HasPrefix(b, []byte("PK\x07\x08")) {
		n += len("PK\x07\x08")
	}
	if len(b) >= n+long && binary.LittleEndian.Uint64(b[n:]) == uint64(p.end-p.at) && binary.LittleEndian.Uint64(b[n+long/2:]) == p.size { //nolint:gosec // not negative
		return n + long
	}
	return n + short
}

// between reports whether bytes between two files are padding and the header of the second.
func between(b []byte, header bool) bool {
	rest := bytes.TrimLeft(b, "\x00")
	if !header {
		return len(rest) < leastHidden
	}
	return int(headerSize(rest)) == len(rest) || int(headerSize(b)) == len(b)
}

// skippable is what a frame begins with that readers of Zstandard (RFC 8878, section 3.1.2) and LZ4 pass over, but for its last
// four bits.
const skippable = 0x184d2a50

// withoutSkipped returns packed data without such frames, nil if there are none. Those that say where frames begin, as programs
// write them that look for places in large files, are some of them: who has the data without them reads it from its start.
func withoutSkipped(data []byte) []byte {
	var out []byte
	for rest, changed := data, false; ; {
		if len(rest) < 8 || binary.LittleEndian.Uint32(rest)&^0xf != skippable {
			if !changed || len(rest) == 0 {
				return nil
			}
			return append(out, rest...)
		}
		n := 8 + uint64(binary.LittleEndian.Uint32(rest[4:]))
		if n > uint64(len(rest)) {
			return nil
		}
		rest, changed = rest[n:], true
	}
}
