package image

import (
	"bytes"
	"encoding/binary"
	"strings"

	"icapd/internal/pattern"
)

// Metadata that a camera or an editor writes by itself (sizes, exposure, dates, its own name) stays: nothing in it was
// chosen by whoever sends the picture, and photos come out as they went in. What people type (descriptions, comments,
// authors), what nobody can read (maker notes, private tags) and what is not well-formed is where payloads travel; a
// block that has any of it goes as a whole.

// exifText are the tags of EXIF 3.0 and TIFF 6.0 whose value is text that a device or program writes about itself.
var exifText = map[uint16]bool{
	0x010f: true, 0x0110: true, 0x0131: true, // make, model, software
	0x0132: true, 0x9003: true, 0x9004: true, 0x9010: true, 0x9011: true, 0x9012: true, // dates and time zones
	0x9290: true, 0x9291: true, 0x9292: true, // fractions of seconds
	0xa433: true, 0xa434: true, // lens make and model
	0x0001: true, 0x0003: true, 0x0005: true, 0x0009: true, 0x000a: true, 0x000c: true, 0x000e: true, 0x0010: true,
	0x0012: true, 0x0015: true, 0x0017: true, 0x0019: true, 0x001d: true, // references of GPS, and the interoperability index
}

// exifOpaque are tags of bytes without a type whose length the standard fixes, with that length.
var exifOpaque = map[uint16]int{
	0x9000: 4, 0xa000: 4, 0x9101: 4, 0xa300: 1, 0xa301: 1, 0x0002: 4, 0x0000: 4, // versions, components, source, scene
}

// exifFree are the tags that people type, and those whose content no standard describes.
var exifFree = map[uint16]bool{
	0x010d: true, 0x010e: true, 0x013b: true, 0x013c: true, 0x8298: true, 0x02bc: true, 0x83bb: true, 0x8649: true,
	0x9c9b: true, 0x9c9c: true, 0x9c9d: true, 0x9c9e: true, 0x9c9f: true, 0x927c: true, 0x9286: true,
	0xa420: true, 0xa430: true, 0xa431: true, 0xa435: true,
}

// exifPointers are the tags that hold the place of another directory.
var exifPointers = map[uint16]bool{0x8769: true, 0x8825: true, 0xa005: true}

// device matches the text that devices and programs write about themselves: short words, numbers, dates.
var device = pattern.MustCompile(`^(?:[A-Za-z0-9.:()/+&'_-]{1,16}(?:[ ,]{1,4}|$)){0,8}$`)

// mostTags is how many tags a directory has at most that a device writes: the longest have a hundred.
const mostTags = 512

// plainExif reports whether an EXIF block (a TIFF file without a picture) says only what a camera writes by itself.
func plainExif(data []byte) bool {
	order, first, ok := tiffHeader(data)
	if !ok {
		return false
	}
	todo, seen := []int{first}, map[int]bool{}
	used := newCoverage(len(data))
	used.add(0, 8)
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		if seen[at] || len(seen) > 8 || at < 8 || at+2 > len(data) {
			return false
		}
		seen[at] = true
		n := int(order.Uint16(data[at:]))
		end := at + 2 + 12*n
		if end > len(data) || n > mostTags {
			return false
		}
		used.add(at, min(end+4, len(data)))
		for i := range n {
			next, plain := plainTag(order, data, at+2+12*i, used)
			if !plain {
				return false
			}
			if next > 0 {
				todo = append(todo, next)
			}
		}
		if end+4 <= len(data) {
			if next := order.Uint32(data[end:]); next > 0 {
				return false // a thumbnail: a picture of its own that nobody looks at
			}
		}
	}
	return !words.Match(used.unused(data))
}

// plainTag judges the directory entry at a place, and returns the place of the directory that it points to.
// What it takes is used.
func plainTag(order tiffOrder, data []byte, at int, used *coverage) (next int, plain bool) {
	tag, kind, count := order.Uint16(data[at:]), order.Uint16(data[at+2:]), order.Uint32(data[at+4:])
	if kind == 0 || int(kind) >= len(tiffSizes) {
		return 0, false
	}
	if exifPointers[tag] {
		return int(min(order.Uint32(data[at+8:]), 1<<30)), kind == 4 && count == 1
	}
	const longest = 8 << 10 // more than any device writes; many tags may name the same bytes
	size := tiffSizes[kind] * int64(count)
	if size > longest {
		return 0, false
	}
	value := data[at+8 : at+12]
	if size > 4 {
		offset := int64(order.Uint32(value))
		if offset+size > int64(len(data)) {
			return 0, false
		}
		value = data[offset : offset+size]
		used.add(int(offset), int(offset+size))
	} else {
		value = value[:size]
	}
	text := string(bytes.Trim(value, " \x00"))
	switch {
	case exifFree[tag]:
		return 0, text == "" || tag == 0x9286 && screenshot.MatchString(text) || tag == 0x010e && stamp.MatchString(text)
	case kind == 2: // text
		return 0, exifText[tag] && device.MatchString(text) || text == ""
	case kind == 7: // bytes without a type
		n, known := exifOpaque[tag]
		return 0, known && len(value) == n || text == ""
	}
	const most = 256 // no number of a camera is longer
	return 0, size <= most && !foreign.Match(value) && (kind != 1 || size <= 16)
}

// screenshot matches the comment that macOS and iOS write into pictures of the screen.
var screenshot = pattern.MustCompile(`^(?:ASCII\x00\x00\x00)?Screenshot$`)

var (
	xmpTag    = pattern.MustCompile(`<[^<>]*>`)
	xmpAttr   = pattern.MustCompile(`([A-Za-z0-9]+)(?::([A-Za-z0-9]+))?\s*=\s*(?:"([^"]*)"|'([^']*)')`)
	xmpName   = pattern.MustCompile(`^/?(x|rdf|xmp|xap|xmpMM|xapMM|stEvt|stRef|tiff|exif|exifEX|aux|photoshop|dc|xmpTPg):[A-Za-z]{1,32}$`)
	xmpSpace  = pattern.MustCompile(`^(?:adobe:ns:meta/|https?://(?:www\.w3\.org/1999/02/22-rdf-syntax-ns#|(?:ns\.adobe\.com|purl\.org|cipa\.jp)/[A-Za-z0-9/._#-]{1,48}))$`)
	xmpPacket = pattern.MustCompile(`^<\?xpacket (?:begin=["'](?:\x{feff})?["'] id=["']W5M0MpCehiHzreSzNTczkc9d["']|end=["'][rw]["'])\s*\?>$`)
	xmpValue  = pattern.MustCompile(`^(?:[-+]?[0-9][0-9./: TZ+-]{0,40}|(?:uuid|xmp\.[di]id|adobe:docid:[a-z]{1,12}):[0-9A-Fa-f:-]{8,64}|` +
		`[0-9A-F]{32}|image/[a-z]{2,12}|sRGB[ A-Za-z0-9.-]{0,16}|Adobe RGB \(1998\)|True|False|Screenshot|converted|saved|created|derived|` +
		`/(?:metadata)?|x-default|Seq|Bag|Alt|Resource|XMP Core [0-9.]{1,12}|Adobe XMP Core [ 0-9.,:/a-z-]{1,60}|` +
		`(?:Adobe (?:Photoshop|ImageReady|Fireworks|Illustrator|InDesign)|GIMP|Paint\.NET|Preview|Pixelmator)[ A-Za-z0-9.()]{0,30})?$`)
)

// plainXMP reports whether a packet of XMP says only what an editor writes by itself. It is not parsed as XML: what
// does not look like the packets that editors write is not one.
func plainXMP(data []byte) bool {
	const most = 64 << 10
	if len(data) > 2*most { // most of it would be white space
		return false
	}
	text := string(bytes.TrimRight(data, " \r\n\t\x00"))
	if len(text) > most || strings.Contains(text, "&") {
		return false
	}
	texts := xmpTag.ReplaceAllStringFunc(text, func(tag string) string {
		if !plainXMPTag(tag) {
			return "<" // never a value
		}
		return "\n"
	})
	for part := range strings.SplitSeq(texts, "\n") {
		if !xmpValue.MatchString(strings.TrimSpace(part)) {
			return false
		}
	}
	return true
}

func plainXMPTag(tag string) bool {
	if strings.HasPrefix(tag, "<?") {
		return xmpPacket.MatchString(tag)
	}
	body := strings.Trim(tag, "<>")
	name, attrs, _ := strings.Cut(strings.TrimSuffix(body, "/"), " ")
	if n, rest, ok := strings.Cut(name, "\n"); ok {
		name, attrs = n, rest+" "+attrs
	}
	if !xmpName.MatchString(name) {
		return false
	}
	if strings.Trim(xmpAttr.ReplaceAllString(attrs, ""), " \r\n\t") != "" {
		return false
	}
	for _, m := range xmpAttr.FindAllStringSubmatch(attrs, -1) {
		value := strings.TrimSpace(m[3] + m[4])
		switch {
		case m[1] == "xmlns" || m[1] == "rdf" && m[2] == "about" && value == "":
			if value != "" && !xmpSpace.MatchString(value) {
				return false
			}
		case !xmpName.MatchString(m[1]+":"+m[2]) && m[1] != "xml" || !xmpValue.MatchString(value):
			return false
		}
	}
	return true
}

// resources are the image resources of Photoshop that hold numbers: resolution, print settings, guides, flags.
var resources = map[uint16]bool{
	0x03e9: true, 0x03ed: true, 0x03f3: true, 0x03f5: true, 0x03f8: true, 0x0400: true, 0x0402: true, 0x0406: true, 0x0408: true,
	0x040a: true, 0x040d: true, 0x0411: true, 0x0414: true, 0x0419: true, 0x0425: true, 0x0428: true, 0x2710: true,
}

// words matches text that somebody could have put among numbers.
var words = pattern.MustCompile(`[A-Za-z0-9_./:-]{6}`)

// plainResources reports whether Photoshop's resources (behind "Photoshop 3.0") are short numbers and nothing else.
func plainResources(data []byte) bool {
	const most = 256
	for len(data) > 0 {
		if len(data) < 12 || string(data[:4]) != "8BIM" || data[6] != 0 || data[7] != 0 {
			return false
		}
		id, n := binary.BigEndian.Uint16(data[4:]), binary.BigEndian.Uint32(data[8:])
		if n > most || int(n) > len(data)-12 {
			return false
		}
		value := data[12 : 12+n]
		if !resources[id] && (id != 0x0404 || n > 0) || id != 0x0425 && words.Match(value) {
			return false
		}
		data = data[min(12+int(n+n&1), len(data)):]
	}
	return true
}

// plainTIFFTag reports whether a tag of a TIFF file that describes it was written by a program and not by somebody.
func plainTIFFTag(e tiffEntry, order tiffOrder, file []byte) bool {
	text := strings.Trim(string(e.value), " \x00")
	switch {
	case e.tag == 269 || e.tag == 285: // where the file was, and which page of it this is: editors write it by themselves
		return true
	case e.tag == 700:
		return plainXMP(e.value)
	case e.tag == 0x8769 || e.tag == 0x8825: // EXIF and GPS, judged as if they were a block of their own
		return len(e.value) == 4 && plainDirectory(order, file, int(min(order.Uint32(e.value), 1<<30)))
	case exifFree[e.tag], e.tag == 34377, e.tag == 33723, e.tag == 37724, e.tag == 42112:
		return text == "" || stamp.MatchString(text)
	case e.kind == 2:
		return device.MatchString(text)
	}
	return true
}

func plainDirectory(order tiffOrder, file []byte, at int) bool {
	if at < 8 || at+2 > len(file) {
		return false
	}
	n := int(order.Uint16(file[at:]))
	if at+2+12*n > len(file) || n > mostTags {
		return false
	}
	for i := range n {
		if _, plain := plainTag(order, file, at+2+12*i, newCoverage(0)); !plain {
			return false
		}
	}
	return true
}
