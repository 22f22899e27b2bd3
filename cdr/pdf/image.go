package pdf

import (
	"bytes"
	"encoding/binary"

	"icapd/cdr/kit"
)

// judgeImage looks at an image, form or pattern. The codecs that had holes get their headers checked: how large the
// picture is, and whether the pieces are as long as they say.
func (w *walker) judgeImage(s *stream) role {
	if w.nameOf(s.dict, "Subtype") != "Image" {
		return roleXObject
	}
	if err := w.checkImage(s); err != nil {
		if isFinal(err) {
			w.f.fatal = err
			return roleDrop
		}
		w.found(vectorCodec, kit.ActionRemoved, err.Error())
		return roleDrop
	}
	return roleXObject
}

func (w *walker) checkImage(s *stream) error {
	number := func(d *dict, key name) int64 {
		n, _ := w.f.resolve(d.get(key)).(integer)
		return int64(n)
	}
	width, height := number(s.dict, "Width"), number(s.dict, "Height")
	if width > 0 && height > 0 {
		if err := w.f.job.Image(width, height); err != nil {
			return err
		}
	}
	specs := w.f.filters(s.dict)
	if len(specs) == 0 {
		return nil
	}
	last := specs[len(specs)-1]
	switch last.name {
	case "CCITTFaxDecode", "CCF":
		if cols, rows := number(last.parms, "Columns"), number(last.parms, "Rows"); cols > 0 && rows > 0 {
			return w.f.job.Image(cols, rows)
		}
		return nil
	case "JBIG2Decode", "JPXDecode":
	default:
		return nil
	}
	data, err := s.data()
	if err != nil {
		return err
	}
	for _, spec := range specs[:len(specs)-1] {
		if data, err = w.f.unfilter(spec, data); err != nil {
			return kit.Corrupt("an image inside of another: %w", err)
		}
	}
	if last.name == "JPXDecode" {
		return checkJPX(w.f.job, data)
	}
	return checkJBIG2(w.f.job, data)
}

// isThumbnail reports whether this is an image of a page, small and with as many pixels as it says.
func (w *walker) isThumbnail(v object) bool {
	s, ok := w.f.resolve(v).(*stream)
	if !ok {
		return false
	}
	width, _ := w.f.resolve(s.dict.get("Width")).(integer)
	height, _ := w.f.resolve(s.dict.get("Height")).(integer)
	bits, _ := w.f.resolve(s.dict.get("BitsPerComponent")).(integer)
	if width <= 0 || height <= 0 || width > maxThumbnail || height > maxThumbnail || bits <= 0 || bits > 16 {
		return false
	}
	colours := integer(1)
	switch w.nameOf(s.dict, "ColorSpace") {
	case "DeviceRGB":
		colours = 3
	case "DeviceCMYK":
		colours = 4
	}
	specs := w.f.filters(s.dict)
	if len(specs) == 1 && specs[0].name == "DCTDecode" {
		return bytes.HasPrefix(s.raw, []byte("\xff\xd8\xff")) || s.crypt != nil
	}
	data, err := w.f.decode(s)
	want := (width*colours*bits + 7) / 8 * height
	const slack = 4 // line ends
	return err == nil && integer(len(data)) >= want && integer(len(data)) <= want+slack
}

// maxThumbnail is ten times what the specification advises.
const maxThumbnail = 1060

// checkJPX looks at the SIZ marker of a JPEG 2000 codestream (ISO 15444-1, annex A.5.1), in a file of boxes or not.
func checkJPX(job *kit.Job, data []byte) error {
	at := 0
	if len(data) >= 12 && string(data[4:8]) == "jP  " {
		var ok bool
		if at, ok = codestream(data); !ok {
			return kit.Corrupt("JPEG 2000 without a codestream")
		}
	}
	b := data[at:]
	if len(b) < 42 || binary.BigEndian.Uint32(b) != 0xff4fff51 {
		return kit.Corrupt("JPEG 2000 without a size")
	}
	n := func(i int) int64 { return int64(binary.BigEndian.Uint32(b[i:])) }
	if tw, th := n(24), n(28); tw == 0 || th == 0 {
		return kit.Corrupt("JPEG 2000 with tiles of %d x %d", tw, th)
	}
	if components := binary.BigEndian.Uint16(b[40:]); components == 0 || components > 64 {
		return kit.Corrupt("JPEG 2000 with %d components", components)
	}
	return job.Image(n(8)-n(16), n(12)-n(20))
}

// codestream finds the box with the codestream (annex I.4).
func codestream(data []byte) (int, bool) {
	for at := 0; at+8 <= len(data); {
		size := int64(binary.BigEndian.Uint32(data[at:]))
		head := 8
		if size == 1 && at+16 <= len(data) {
			size, head = int64(binary.BigEndian.Uint64(data[at+8:])), 16 //nolint:gosec // G115: checked below
		}
		if string(data[at+4:at+8]) == "jp2c" {
			return at + head, true
		}
		if size < int64(head) || size > int64(len(data)-at) {
			return 0, false
		}
		at += int(size)
	}
	return 0, false
}

// checkJBIG2 walks the segments of an embedded JBIG2 stream (ISO 14492, section 7.2): their lengths and the sizes of
// pages and regions.
func checkJBIG2(job *kit.Job, data []byte) error {
	for segments := 0; len(data) > 0; segments++ {
		if segments > 100_000 {
			return kit.Limit("segments", "JBIG2 with more than %d segments", segments)
		}
		kind, length, head, ok := jbig2Segment(data)
		if !ok {
			return kit.Corrupt("JBIG2 segment %d", segments)
		}
		data = data[head:]
		if length == 0xffffffff { // unknown, of a generic region: up to the end
			return nil
		}
		if length > int64(len(data)) {
			if segments == 0 {
				return kit.Corrupt("JBIG2 segment of %d bytes", length)
			}
			return nil // cut off at the end: decoders show what there is
		}
		if isRegion := kind >= 4 && kind <= 43 && kind != 16; (isRegion || kind == 48) && length >= 8 {
			w, h := int64(binary.BigEndian.Uint32(data)), int64(binary.BigEndian.Uint32(data[4:]))
			if h == 0xffffffff {
				h = 1
			}
			if err := job.Image(max(w, 1), max(h, 1)); err != nil {
				return err
			}
		}
		data = data[length:]
	}
	return nil
}

// jbig2Segment reads a segment's header.
func jbig2Segment(b []byte) (kind byte, length int64, head int, ok bool) {
	if len(b) < 11 {
		return 0, 0, 0, false
	}
	number := binary.BigEndian.Uint32(b)
	flags := b[4]
	count, at := int(b[5]>>5), 6
	if count == 7 {
		count = int(binary.BigEndian.Uint32(b[5:]) & 0x1fffffff)
		at = 9 + (count+8)/8
	}
	size := 1
	switch {
	case number > 65536:
		size = 4
	case number > 256:
		size = 2
	}
	if count > len(b) {
		return 0, 0, 0, false
	}
	at += count * size
	if at++; flags&0x40 != 0 {
		at += 3
	}
	if at+4 > len(b) {
		return 0, 0, 0, false
	}
	return flags & 0x3f, int64(binary.BigEndian.Uint32(b[at:])), at + 4, true
}
