package ole

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/klauspost/compress/zlib"
)

// Pictures that stand for embedded objects ([MS-ODRAW] 2.2.23, 2.2.27): enhanced metafiles, packed or not.
const (
	picfShape     = 0x64
	artBlipEMF    = 0xF01A
	artOneDigest  = 0x3D4
	artTwoDigests = 0x3D5
	artEntryHead  = 8 + 36 // of the list of pictures: a record's header, and what is known of the picture
	artBlipHead   = 34
	blipPacked    = 0
	blipPlain     = 0xFE

	maxIcon  = 1 << 20 // bytes of a metafile that is looked at
	maxIcons = 64      // metafiles that are
)

// opaque returns where a picture is that looks like the one of an object without the object. It is not ok if that one does.
func (w *wordDocument) opaque(at uint32) (uint32, bool) {
	to, known := w.icons[at]
	if !known {
		if len(w.icons) >= maxIcons {
			return 0, false
		}
		if w.icons == nil {
			w.icons = map[uint32]uint32{}
		}
		to = w.onWhite(at)
		w.icons[at] = to
	}
	return to, to != noPicture
}

// onWhite appends a copy of the picture of an object that is drawn on white where it was drawn on whatever is behind it,
// and returns where that is. Windows draws icons so, and LibreOffice puts black behind them once they are pictures and
// no objects. noPicture says that the picture is not such a one.
func (w *wordDocument) onWhite(at uint32) uint32 {
	data := w.d.root.find("Data")
	if data == nil || int64(at)+picfHead > int64(len(data.data)) {
		return noPicture
	}
	le := binary.LittleEndian
	p := data.data[at:]
	size := int64(le.Uint32(p))
	if size > int64(len(p)) || size < picfHead || le.Uint16(p[4:]) != picfHead || le.Uint16(p[6:]) != picfShape {
		return noPicture
	}
	p = p[:size]
	entry := picfHead
	for {
		if entry+artEntryHead > len(p) {
			return noPicture
		}
		if le.Uint16(p[entry+2:]) == artBlipFirst {
			break
		}
		n := int64(le.Uint32(p[entry+4:]))
		if n > int64(len(p)-entry-8) {
			return noPicture
		}
		entry += 8 + int(n)
	}
	metafile, from, to := blipMetafile(p, entry+artEntryHead)
	if metafile == nil || !flatten(metafile) {
		return noPicture
	}
	packed := packMetafile(metafile) // readers take all metafiles for packed
	out := append(append(bytes.Clone(p[:from]), packed...), p[to:]...)
	grown := uint32(len(out) - len(p)) //nolint:gosec // G115: modulo, as the lengths below
	for _, length := range []int{0, entry + 4, entry + 8 + 20, entry + artEntryHead + 4} {
		le.PutUint32(out[length:], le.Uint32(out[length:])+grown)
	}
	for _, digest := range []int{entry + 8 + 2, entry + artEntryHead + 8} { // readers know pictures by it
		out[digest] ^= 0xFF
	}
	le.PutUint32(out[from-6:], uint32(len(packed))) //nolint:gosec // G115: at most a little more than maxIcon
	out[from-2] = blipPacked
	return w.appendPicture(out)
}

// packMetafile packs a metafile as pictures are.
func packMetafile(data []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(data) // a bytes.Buffer does not fail
	_ = w.Close()
	return b.Bytes()
}

// blipMetafile returns an enhanced metafile, of which it makes a copy, and where its bytes are. nil if there is none.
func blipMetafile(p []byte, at int) (metafile []byte, from, to int) {
	le := binary.LittleEndian
	if at+8 > len(p) || le.Uint16(p[at+2:]) != artBlipEMF {
		return nil, 0, 0
	}
	n := int64(le.Uint32(p[at+4:]))
	from = at + 8 + 16 + artBlipHead
	switch le.Uint16(p[at:]) >> 4 {
	case artOneDigest:
	case artTwoDigests:
		from += 16
	default:
		return nil, 0, 0
	}
	if n > int64(len(p)-at-8) || from > at+8+int(n) {
		return nil, 0, 0
	}
	to = at + 8 + int(n)
	switch p[from-2] {
	case blipPlain:
		metafile = bytes.Clone(p[from:min(to, from+maxIcon)])
	case blipPacked:
		r, err := zlib.NewReader(bytes.NewReader(p[from:to]))
		if err != nil {
			return nil, 0, 0
		}
		var b bytes.Buffer
		if _, err := io.Copy(&b, io.LimitReader(r, maxIcon+1)); err != nil {
			return nil, 0, 0
		}
		metafile = b.Bytes()
	}
	if len(metafile) > maxIcon {
		return nil, 0, 0
	}
	return metafile, from, to
}

// Records of enhanced metafiles ([MS-EMF] 2.3.1.1, 2.3.1.7).
const (
	emfStretch    = 81
	emfAlphaBlend = 114
	emfEnd        = 14

	alphaHead = 108
)

// flatten changes the records of an enhanced metafile that blend a picture with what is behind it into such as draw it
// on white, in their place. It reports whether there were any.
func flatten(emf []byte) (found bool) {
	le := binary.LittleEndian
	for len(emf) >= 8 {
		kind, n := le.Uint32(emf), int64(le.Uint32(emf[4:]))
		if n < 8 || n > int64(len(emf)) || kind == emfEnd {
			return found
		}
		if kind == emfAlphaBlend {
			found = drawOnWhite(emf[:n]) || found
		}
		emf = emf[n:]
	}
	return found
}

func drawOnWhite(r []byte) bool {
	const destination, blend, source, tables, sourceSize = 24, 40, 44, 84, 100
	const copyPixels = 0x00CC0020
	le := binary.LittleEndian
	if len(r) < alphaHead || r[blend] != 0 || r[blend+2] != 0xFF || r[blend+3] != 1 || le.Uint64(r[source:]) != 0 {
		return false
	}
	var t [4]int64 // where the head of the picture is and how long, and its pixels
	for i := range t {
		t[i] = int64(le.Uint32(r[tables+4*i:]))
	}
	if t[0] < alphaHead || t[1] < 40 || t[0]+t[1] > int64(len(r)) || t[2] < t[0]+t[1] || t[2]+t[3] > int64(len(r)) {
		return false
	}
	head, pixels := r[t[0]:t[0]+t[1]], r[t[2]:t[2]+t[3]]
	wide, high := le.Uint32(head[4:]), le.Uint32(head[8:])
	if le.Uint16(head[14:]) != 32 || !usualMasks(head) || le.Uint64(r[sourceSize:]) != uint64(wide)|uint64(high)<<32 ||
		4*int64(wide)*int64(high) != int64(len(pixels)) {
		return false
	}
	for ; len(pixels) >= 4; pixels = pixels[4:] {
		for i := range 3 { // the colours are multiplied by what covers already
			pixels[i] += min(0xFF-pixels[3], 0xFF-pixels[i])
		}
		pixels[3] = 0
	}
	var out [alphaHead]byte
	copy(out[:], r[:destination+8])
	le.PutUint32(out[:], emfStretch)
	copy(out[40:48], r[sourceSize:])
	copy(out[48:64], r[tables:])
	le.PutUint32(out[68:], copyPixels)
	copy(out[72:80], r[destination+8:])
	copy(r, out[:])
	return true
}

// usualMasks reports whether the colours of a picture of 32 bits stand in bytes: blue, green, red.
func usualMasks(head []byte) bool {
	const masks = "\x00\x00\xFF\x00\x00\xFF\x00\x00\xFF\x00\x00\x00"
	switch binary.LittleEndian.Uint32(head[16:]) {
	case 0:
		return true
	case 3:
		return len(head) >= 40+len(masks) && string(head[40:40+len(masks)]) == masks
	}
	return false
}
