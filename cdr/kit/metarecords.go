package kit

import (
	"bytes"
	"encoding/binary"
)

// Records of enhanced metafiles that speak to a driver, or name a file of colours: it is opened where the name says.
const (
	emfGLSRecord      = 102
	emfDrawEscape     = 105
	emfExtEscape      = 106
	emfNamedEscape    = 110
	emfColorSpace     = 99
	emfColorSpaceWide = 122
	emfProfile        = 112
	emfProfileWide    = 113
	emfGLSBounded     = 103
	emfLinkedFonts    = 119
	emfColorMatch     = 121
)

// plainRecord judges those records: of escapes, those with a few numbers in them stay; of colours, those without a path.
func plainRecord(kind uint32, r []byte) bool {
	le := binary.LittleEndian
	const logical, ansi, wide = 4 + 68, 260, 520 // where the name of a colour space is, and how long
	switch kind {
	case emfGLSRecord, emfGLSBounded, emfDrawEscape, emfExtEscape, emfNamedEscape, emfLinkedFonts, emfColorMatch:
		return plainNumbers(r)
	case emfColorSpace, emfColorSpaceWide:
		size := ansi
		if kind == emfColorSpaceWide {
			size = wide
		}
		return len(r) >= logical+size && !pathName(r[logical:logical+size])
	case emfProfile, emfProfileWide:
		if len(r) < 12 {
			return false
		}
		n, profile := int64(le.Uint32(r[4:])), int64(le.Uint32(r[8:]))
		if n > int64(len(r)-12) || pathName(r[12:12+n]) {
			return false
		}
		p := r[12+n:]
		return profile <= int64(len(p)) && (len(bytes.Trim(p, "\x00")) == 0 || len(p) >= 128 && string(p[36:40]) == "acsp")
	}
	return true
}

// emfKnown reports whether there are records of that kind.
func emfKnown(kind uint32) bool {
	const reserved1, reserved2, reserved3 = 69, 107, 117
	return kind <= emfLast && kind != reserved1 && kind != reserved2 && kind != reserved3
}

// emfFixed are the sizes of records that always have the same, by their kind ([MS-EMF] 2.3).
var emfFixed = map[uint32]int{
	9: 16, 10: 16, 11: 16, 12: 16, 13: 16, 16: 12, 17: 12, 18: 12, 19: 12, 20: 12, 21: 12, 22: 12, 23: 32, 24: 12, 25: 12, 26: 16,
	27: 16, 28: 8, 29: 24, 30: 24, 31: 24, 32: 24, 33: 8, 34: 12, 35: 32, 36: 36, 37: 12, 38: 28, 39: 24, 40: 12, 41: 28, 42: 24,
	43: 24, 44: 32, 45: 40, 46: 40, 47: 40, 48: 12, 52: 8, 54: 16, 55: 40, 57: 12, 58: 12, 59: 8, 60: 8, 61: 8, 62: 24, 63: 24,
	64: 24, 65: 8, 66: 8, 67: 12, 68: 8, 98: 12, 100: 12, 101: 12, 104: 48, 109: 16, 115: 12, 120: 16,
}

// fixedRecord returns a record without the words that stand behind it, if it is of a kind that ends before them.
func fixedRecord(kind uint32, r []byte) []byte {
	n, ok := emfFixed[kind]
	if !ok || len(r) <= n || plainNumbers(r[n:]) {
		return r
	}
	out := append(make([]byte, 0, n), r[:n]...)
	binary.LittleEndian.PutUint32(out[4:], uint32(n)) //nolint:gosec // G115: of the table
	return out
}

// wmfKnown are the functions of Windows metafiles ([MS-WMF] 2.1.1.1), and those of Windows 1 and 2 that it does not list.
var wmfKnown = map[uint16]bool{
	0x0000: true, 0x001E: true, 0x0035: true, 0x0037: true, 0x00F7: true, 0x00F8: true, 0x0102: true, 0x0103: true, 0x0104: true, 0x0105: true,
	0x0106: true, 0x0107: true, 0x0108: true, 0x0127: true, 0x012A: true, 0x012B: true, 0x012C: true, 0x012D: true, 0x012E: true, 0x0139: true,
	0x0142: true, 0x0149: true, 0x01F0: true, 0x01F9: true, 0x0201: true, 0x0209: true, 0x020A: true, 0x020B: true, 0x020C: true, 0x020D: true,
	0x020E: true, 0x020F: true, 0x0211: true, 0x0213: true, 0x0214: true, 0x0220: true, 0x0228: true, 0x0231: true, 0x0234: true, 0x02FA: true,
	0x02FB: true, 0x02FC: true, 0x02FD: true, 0x0324: true, 0x0325: true, 0x0410: true, 0x0412: true, 0x0415: true, 0x0416: true, 0x0418: true,
	0x0419: true, 0x041B: true, 0x041F: true, 0x0429: true, 0x0436: true, 0x0521: true, 0x0538: true, 0x0548: true, 0x061C: true, 0x061D: true,
	0x0626: true, 0x062F: true, 0x06FE: true, 0x06FF: true, 0x0817: true, 0x081A: true, 0x0830: true, 0x0922: true, 0x0940: true, 0x0A32: true,
	0x0B23: true, 0x0B41: true, 0x0D33: true, 0x0F43: true,
}
