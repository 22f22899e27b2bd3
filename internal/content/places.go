package content

import (
	"encoding/binary"
	"hash/crc32"
	"strings"

	"icapd/scan"
)

// Compressed streams inside of bytes of an unknown kind are told by marks. All of them, and those of archives, are looked
// for in one pass.

// markedStreams are compressed streams with a mark that few bytes have by chance.
var markedStreams = []struct {
	mark string
	back int // where in the stream the mark stands
	typ  string
}{
	{"1AY&SY", 4, typeBzip2}, {"\xfd7zXZ\x00", 0, typeXz}, {"\x28\xb5\x2f\xfd", 0, typeZstd}, {"LZIP\x01", 0, typeLzip}, {"\x04\x22\x4d\x18", 0, typeLz4},
}

const (
	gzipMark   = "\x1f\x8b\x08"
	zlibLevels = "\x01\x5e\x9c\xda" // the second byte of a header of zlib with a window of 32 KiB
)

// innerSet finds archives, and leavesSet streams too. The numbers of the marks are those in innerMarks, behind them those in
// markedStreams, behind them gzip and zlib.
var (
	innerSet = func() *markSet {
		set := new(markSet)
		addInner(set)
		return set
	}()
	streamSet = func() *markSet {
		set := new(markSet)
		addInner(set)
		for _, m := range markedStreams {
			set.add(m.mark)
		}
		set.add(gzipMark)
		for i := range zlibLevels {
			set.add("\x78" + zlibLevels[i:i+1])
		}
		return set
	}()
)

func addInner(set *markSet) {
	for i := range innerMarks {
		set.add(innerMarks[i].mark)
	}
}

// streamPlaces are where streams may begin in an item.
type streamPlaces struct {
	marked []markedPlace
	packed []int64 // gzip and zlib
	more   bool    // there are more than are noted

	behind [2]int64 // the last places that were looked at, of either kind: windows overlap by a few marks
}

type markedPlace struct {
	at   int64
	kind uint8 // of markedStreams
}

// headLen is how much of a stream tells whether its header fits.
const headLen = 16

// mark notes what a mark of streamSet, behind those of archives, stands for: p are the bytes from the mark on, and at is
// where it stands.
func (s *streamPlaces) mark(b scan.Blob, at int64, mark int, p []byte) {
	kind := min(mark, len(markedStreams))
	last := &s.behind[kind/len(markedStreams)]
	if at < *last {
		return
	}
	*last = at + 1
	back := 0
	if kind < len(markedStreams) {
		back = markedStreams[kind].back
	}
	if at -= int64(back); at < 0 || at == 0 && kind < len(markedStreams) {
		return // what begins the item was told by that
	}
	if back > 0 || len(p) < headLen {
		p = readAt(b, at, headLen)
	}
	switch most := mostPlaces(b.Size()); {
	case kind < len(markedStreams):
		if looksMarked(markedStreams[kind].typ, p) {
			if s.more = s.more || len(s.marked) >= most; !s.more {
				s.marked = append(s.marked, markedPlace{at, uint8(kind)}) //nolint:gosec // there are few
			}
		}
	case looksPacked(p):
		if s.more = s.more || len(s.packed) >= most; !s.more {
			s.packed = append(s.packed, at)
		}
	}
}

// What bounds the places: a pack of small objects has a stream in each few hundred bytes.
const (
	maxPlaces  = 1 << 20
	morePlaces = 8192 // for each MiB that is begun
)

func mostPlaces(size int64) int { return int(min(maxPlaces, maxStreamTries+(size>>20+1)*morePlaces)) }

// findPlaces looks for streams alone, where nobody looked for archives.
func findPlaces(b scan.Blob) *streamPlaces {
	s := &streamPlaces{}
	eachWindow(b, func(p []byte, off int64) bool {
		streamSet.each(p, func(i, mark int) bool {
			if mark >= len(innerMarks) {
				s.mark(b, off+int64(i), mark-len(innerMarks), p[i:])
			}
			return !s.more
		})
		return !s.more
	})
	return s
}

// looksMarked reports whether the fixed fields behind a mark fit.
func looksMarked(typ string, p []byte) bool {
	if len(p) < 12 {
		return false
	}
	switch typ {
	case typeBzip2:
		return p[0] == 'B' && p[1] == 'Z' && p[2] == 'h' && p[3] >= '1' && p[3] <= '9'
	case typeXz:
		return p[6] == 0 && p[7] <= 15 && crc32.ChecksumIEEE(p[6:8]) == binary.LittleEndian.Uint32(p[8:])
	case typeZstd:
		return p[4]&8 == 0 // reserved (RFC 8878, section 3.1.1.1.1)
	case typeLz4:
		return p[4]>>6 == 1 && p[4]&2 == 0 && p[5]&0x8f == 0 && p[5]>>4 >= 4
	}
	return true
}

// looksPacked reports whether the fixed fields of a header of gzip or zlib fit.
func looksPacked(p []byte) bool {
	if len(p) < 12 || p[0] == gzipMark[0] {
		return len(p) >= 12 && p[3]&0xe0 == 0
	}
	if !isZlib(p) || strings.IndexByte(zlibLevels, p[1]) < 0 {
		return false
	}
	switch p[2] >> 1 & 3 { // what the first block is (RFC 1951, section 3.2.3)
	case 0:
		return p[3]^p[5] == 0xff && p[4]^p[6] == 0xff
	case 3:
		return false
	}
	return true
}
