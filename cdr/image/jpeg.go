package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"strconv"

	"icapd/cdr/kit"
)

// Markers of ISO/IEC 10918-1, table B.1.
const (
	jpegSOI  = 0xd8
	jpegEOI  = 0xd9
	jpegSOS  = 0xda
	jpegAPP0 = 0xe0
	jpegCOM  = 0xfe
)

func disarmJPEG(ctx context.Context, job *kit.Job, data []byte) ([]byte, error) {
	if len(data) < 4 || data[0] != 0xff || data[1] != jpegSOI {
		return nil, kit.Corrupt("no JPEG start")
	}
	j := jpegWalk{job: job, data: data, c: copier{src: data}, pos: 2}
	j.c.keep(0, 2)
	for !j.done {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := j.segment(); err != nil {
			return nil, err
		}
	}
	switch {
	case !j.scans || !j.frame:
		return nil, kit.Corrupt("no picture before the end marker")
	case j.c.rest(job, j.pos):
		job.Removed(vectorTrailing, "after EOI", kit.ActionRemoved, "")
	}
	return j.c.result(), nil
}

// jpegWalk goes from marker to marker.
type jpegWalk struct {
	job   *kit.Job
	data  []byte
	c     copier
	pos   int
	jfif  bool // a JFIF header was seen
	icc   bool // what is called a colour profile is none
	frame bool // a frame header was seen
	scans bool // a scan was seen
	done  bool
}

// plainProfile reports whether a segment is a part of a colour profile (ICC.1:2022, annex B.4): the first one has its head.
func (j *jpegWalk) plainProfile(body []byte) bool {
	const name, head = 14, 40 // with the number of the segment, and how many there are
	if len(body) >= name && body[12] == 1 {
		j.icc = len(body) < name+head || string(body[name+36:name+head]) != "acsp"
	}
	return !j.icc && len(body) >= name
}

// marker goes behind the next marker. Fill bytes may stand before one; decoders pass over other bytes, too, which are not
// written.
func (j *jpegWalk) marker() (byte, error) {
	from, strange := j.pos, false
	for j.pos < len(j.data) {
		m := j.data[j.pos]
		j.pos++
		switch {
		case m != 0xff || j.pos == len(j.data):
			strange = true
		case j.data[j.pos] == 0xff: // fill
		case j.data[j.pos] == 0:
			strange = true
		default:
			if strange {
				j.job.Removed(vectorHidden, "between segments", kit.ActionRemoved, "")
			}
			j.pos++
			return j.data[j.pos-1], nil
		}
	}
	return 0, kit.Corrupt("no marker from byte %d on", from)
}

// segment handles the marker at pos and what belongs to it.
func (j *jpegWalk) segment() error {
	marker, err := j.marker()
	if err != nil {
		return err
	}
	start := j.pos - 2
	switch {
	case marker == jpegEOI:
		j.c.keep(start, j.pos)
		j.done = true
		return nil
	case marker == 0x01, marker >= 0xd0 && marker <= 0xd7: // TEM, RSTn: no length
		j.c.keep(start, j.pos)
		return nil
	case marker == jpegSOI:
		return kit.Corrupt("marker %#x at byte %d", marker, start)
	}
	if len(j.data)-j.pos < 2 {
		return kit.Corrupt("the file ends in a segment")
	}
	n := int(binary.BigEndian.Uint16(j.data[j.pos:]))
	if n < 2 || n > len(j.data)-j.pos {
		return kit.Corrupt("a segment of %d bytes is longer than the file", n)
	}
	body := j.data[j.pos+2 : j.pos+n]
	j.pos += n
	if err := j.checkFrame(marker, body); err != nil {
		return err
	}
	if err := j.keepSegment(marker, body, start); err != nil {
		return err
	}
	if marker != jpegSOS {
		return nil
	}
	j.scans = true
	return j.scan()
}

// checkFrame reads the size of the picture from the frame headers SOF0 to SOF15.
func (j *jpegWalk) checkFrame(marker byte, body []byte) error {
	if marker < 0xc0 || marker > 0xcf || marker == 0xc4 || marker == 0xc8 || marker == 0xcc {
		return nil
	}
	if len(body) < 6 {
		return kit.Corrupt("a frame header of %d bytes", len(body))
	}
	j.frame = true
	height, width := int64(binary.BigEndian.Uint16(body[1:])), int64(binary.BigEndian.Uint16(body[3:]))
	return j.job.Image(width, max(height, 1)) // 0 lines: a DNL segment says how many
}

func (j *jpegWalk) keepSegment(marker byte, body []byte, start int) error {
	vector := ""
	switch {
	case marker == jpegCOM && stamp.Match(body) && !stripsMetadata(j.job):
	case marker == jpegCOM:
		vector = vectorComment
	case marker >= jpegAPP0 && marker <= 0xef:
		vector = j.appVector(marker, body)
	case marker == 0xdc && len(body) != 2, marker == 0xdd && len(body) != 2, marker == 0xdf && len(body) != 1: // DNL, DRI, EXP: one number each
		vector = vectorUnknown
	case marker < 0xc0, marker == 0xc8, marker >= 0xf0: // RES, JPG, JPG0 to JPG13: reserved for extensions that nobody wrote
		vector = vectorUnknown
	}
	if marker == 0xee && vector == vectorUnknown && bytes.HasPrefix(body, []byte("Adobe")) && len(body) >= 12 {
		j.c.add(append([]byte{0xff, 0xee, 0, 14}, body[:12]...)) // it says which colours these are
	}
	if vector == vectorMetadata && marker == 0xe1 {
		if exif := orientationOnly(body); exif != nil {
			if bytes.Equal(exif, j.data[start:j.pos]) {
				j.c.keep(start, j.pos)
				return nil
			}
			j.c.add(exif)
		}
	}
	if vector == "" {
		j.c.keep(start, j.pos)
		return nil
	}
	j.job.Removed(vector, "segment "+segmentName(marker), kit.ActionRemoved, "")
	return nil
}

// appVector says why an application segment must go, "" if it stays.
func (j *jpegWalk) appVector(marker byte, body []byte) string {
	is := func(s string) bool { return bytes.HasPrefix(body, []byte(s)) }
	switch {
	case foreign.Match(body):
		return vectorForeign
	case marker == jpegAPP0 && is("JFIF\x00") && len(body) >= 14 && len(body) == 14+3*int(body[12])*int(body[13]) && !j.jfif:
		j.jfif = true
		if words.Match(body[14:]) { // words are no picture
			j.c.add(append([]byte{0xff, 0xe0, 0, 16}, append(bytes.Clone(body[:12]), 0, 0)...))
			return vectorUnknown
		}
		return ""
	case marker == 0xee && is("Adobe") && len(body) >= 12 && len(body) <= 36 && !words.Match(body[12:]), marker == 0xec && is("Ducky\x00") && len(body) <= 16:
		return ""
	case marker == 0xe3 && plainPalette(body):
		return ""
	case marker == jpegAPP0 && (is("JFIF\x00") || is("JFXX\x00")):
		return vectorUnknown // a second one, more than the header says, or a thumbnail
	case marker == 0xe2 && is("ICC_PROFILE\x00"):
		if !j.plainProfile(body) {
			return vectorUnknown
		}
		if j.job.Mode != kit.ModeRebuild {
			return ""
		}
		return vectorMetadata
	case marker == 0xe2 && is("MPF\x00"):
		return vectorPictures // it points behind the end, where nothing will be
	case marker == 0xe1 && (is("Exif\x00\x00") || is("http://ns.adobe.com/x")), marker == 0xed && is("Photoshop 3.0\x00"):
		if stripsMetadata(j.job) || judgesText(j.job) && !plainSegment(body) {
			return vectorMetadata
		}
		return ""
	}
	return vectorUnknown
}

// plainSegment judges EXIF, XMP and Photoshop's resources by what they say. The extension of XMP is judged to be
// text: it is what did not fit.
func plainSegment(body []byte) bool {
	if exif, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok {
		return plainExif(exif)
	}
	if xmp, ok := bytes.CutPrefix(body, []byte("http://ns.adobe.com/xap/1.0/\x00")); ok {
		return plainXMP(xmp)
	}
	ps, ok := bytes.CutPrefix(body, []byte("Photoshop 3.0\x00"))
	return ok && plainResources(ps)
}

// scan goes over entropy-coded data to the next marker that is not part of it.
func (j *jpegWalk) scan() error {
	start := j.pos
	for {
		i := bytes.IndexByte(j.data[j.pos:], 0xff)
		if i < 0 || j.pos+i+1 >= len(j.data) {
			return kit.Corrupt("the file ends in the picture")
		}
		j.pos += i
		switch next := j.data[j.pos+1]; {
		case next == 0, next >= 0xd0 && next <= 0xd7:
			j.pos += 2
		case next == 0xff:
			j.pos++
		default:
			j.c.keep(start, j.pos)
			return nil
		}
	}
}

func segmentName(marker byte) string {
	switch {
	case marker == jpegCOM:
		return "COM"
	case marker >= jpegAPP0 && marker <= 0xef:
		return "APP" + strconv.Itoa(int(marker-jpegAPP0))
	}
	return strconv.Itoa(int(marker))
}

// orientationOnly returns an Exif segment that says nothing but how the picture is to be turned, and nil if the
// given one does not say that it is: without the tag, photos of phones lie on their side.
func orientationOnly(body []byte) []byte {
	tiff, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00"))
	if !ok {
		return nil
	}
	v := exifOrientation(tiff)
	if v < 2 || v > 8 {
		return nil
	}
	return []byte{
		0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,
		'M', 'M', 0, 42, 0, 0, 0, 8, // header: the directory is at 8
		0, 1, // one entry: tag 0x0112, SHORT, count 1
		0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, byte(v), 0, 0,
		0, 0, 0, 0, // no further directory
	}
}

// exifOrientation returns tag 0x0112 of the first directory, 0 if there is none.
func exifOrientation(tiff []byte) uint16 {
	order, first, ok := tiffHeader(tiff)
	if !ok || first > len(tiff)-2 {
		return 0
	}
	for i := range int(order.Uint16(tiff[first:])) {
		at := first + 2 + 12*i
		if at+12 > len(tiff) {
			return 0
		}
		if order.Uint16(tiff[at:]) == 0x0112 && order.Uint16(tiff[at+2:]) == 3 {
			return order.Uint16(tiff[at+8:])
		}
	}
	return 0
}
