package ole

import (
	"bytes"
	"encoding/binary"
	"strings"

	"icapd/cdr/kit"
)

// More record types of [MS-PPT] 2.13.24.
const (
	pptRoute       = 0x0406
	pptTheme       = 0x040E
	pptMasterInfo  = 0x041E
	pptTableStyles = 0x0428
	pptSoundData   = 0x07E7
	pptTag         = 0x138A
	pptTagData     = 0x138B
	pptAnimation   = 0x2B0B
	pptNamedShow   = 7 // the action of a click that starts a show by its name
)

// pptRanges are the numbers that records of presentations and their drawings have: [MS-PPT] 2.13.24, and [MS-ODRAW]
// 2.2. PowerPoint skips others, so that nobody misses them.
var pptRanges = [][2]uint16{
	{0x03E8, 0x03EA},
	{0x03EE, 0x03F3},
	{0x03F8, 0x0402},
	{0x0406, 0x0415},
	{0x041C, 0x0428},
	{0x07D0, 0x07D6},
	{0x07E3, 0x07E9},
	{0x07F0, 0x07F9},
	{0x0BC1, 0x0BC3},
	{0x0BDB, 0x0BDD},
	{0x0F9E, 0x0FBA},
	{0x0FC1, 0x0FC3},
	{0x0FC8, 0x0FDA},
	{0x0FDF, 0x0FDF},
	{0x0FE4, 0x0FE4},
	{0x0FE7, 0x0FE7},
	{0x0FEE, 0x0FFB},
	{0x1004, 0x1018},
	{0x1388, 0x138B},
	{0x1770, 0x1785},
	{0x2AFB, 0x2B0D},
	{0x2EE0, 0x2EF1},
	{0x2F14, 0x2F14},
	{0x32C8, 0x32C8},
	{0x36B0, 0x36B3},
	{0xF000, 0xF02A},
	{0xF117, 0xF145},
}

func isKnownPPT(kind uint16) bool {
	for _, r := range pptRanges {
		if kind >= r[0] && kind <= r[1] {
			return true
		}
	}
	return false
}

// isPPTNumbers reports whether a record is one of those that PowerPoint 2000 and later, and those of the Macintosh, write although
// no list has them. They are numbers: one with words is none of theirs.
func isPPTNumbers(kind uint16) bool {
	return kind >= 0x1019 && kind <= 0x101D || kind >= 0x1787 && kind <= 0x1789
}

// hasWords reports whether eight letters or more stand in a row, be it in UTF-16.
func hasWords(b []byte) bool {
	const enough = 8
	run := 0
	for i, c := range b {
		switch {
		case c >= ' ' && c <= '~':
			if run++; run == enough {
				return true
			}
		case c != 0 || i == 0 || b[i-1] == 0:
			run = 0
		}
	}
	return false
}

// pptSizes is how long a record can be of those that hold numbers only.
var pptSizes = map[uint16]int{
	0x040D: 16, 0x041C: 8, 0x041D: 8, 0x041F: 8, 0x0420: 8, 0x0422: 8, 0x0424: 8, 0x0425: 8, 0x0426: 16, pptExObjRef: 8, pptAction: 16,
	0x2B0C: 8, 0x2B0D: 8,
}

// pptWeb are records for publishing, broadcasting and sending a presentation: addresses of servers and people, which say nothing
// about what is shown.
var pptWeb = map[uint16]string{
	pptRoute: vectorRoute, 0x177C: vectorConnection, 0x177D: vectorConnection, 0x177E: vectorConnection, 0x177F: vectorConnection,
	0x1784: vectorRoute, 0x1785: vectorRoute,
}

// misplaced returns why a record that holds something foreign goes: what PowerPoint 2007 and later keep beside the old records as
// packages, and tags with data of their own.
func (s *show) misplaced(kind uint16, body []byte) string {
	switch {
	case isPPTNumbers(kind) && !hasWords(body):
	case !isKnownPPT(kind):
		return vectorRecord
	case pptWeb[kind] != "":
		return pptWeb[kind]
	case pptSizes[kind] > 0 && len(body) > pptSizes[kind]:
		return vectorRecord
	}
	switch kind {
	case pptTheme, pptMasterInfo, pptTableStyles, pptAnimation:
		if !s.d.plainPackage(body) {
			return vectorNative
		}
	case pptTag:
		if !isOwnTag(body) {
			return vectorRecord
		}
	default:
		if bytes.HasPrefix(body, []byte(packageHead)) && !s.d.plainPackage(body) {
			return vectorNative
		}
	}
	return ""
}

// isOwnTag reports whether a tag with data is one of PowerPoint's own, by its name.
func isOwnTag(body []byte) bool {
	kind, _, _, name, err := pptRecord(body)
	if err != nil || kind != pptString {
		return false
	}
	text := utf16Text(name)
	return strings.HasPrefix(text, "___PPT") || strings.HasPrefix(text, "__WPP")
}

// areRecords reports whether bytes are nothing but whole records.
func areRecords(b []byte) bool {
	for len(b) > 0 {
		_, _, _, body, err := pptRecord(b)
		if err != nil {
			return false
		}
		b = b[pptHeader+len(body):]
	}
	return true
}

// foreignSound returns from where on bytes are no sound that PowerPoint plays: a WAVE file of the length that it says, or the
// start of another kind of sound.
func foreignSound(b []byte) int {
	const riffHead = 12
	switch {
	case len(b) >= riffHead && bytes.HasPrefix(b, []byte("RIFF")) && string(b[8:riffHead]) == "WAVE":
		n := int64(binary.LittleEndian.Uint32(b[4:])) + 8
		return int(min(n+n&1, int64(len(b))))
	case bytes.HasPrefix(b, []byte("FORM")), bytes.HasPrefix(b, []byte("MThd")), bytes.HasPrefix(b, []byte("ID3")), bytes.HasPrefix(b, []byte(".snd")):
		return len(b)
	}
	return 0
}

// sound overwrites what is no sound in the data of one.
func (s *show) sound(body []byte) {
	if at := foreignSound(body); !blank(body[at:]) {
		s.removed(vectorMedia, "SoundDataBlob", kit.ActionRemoved)
		clear(body[at:])
	}
}

// cutUser takes out what is behind the record of the current user, which ends with the name, in UTF-16 too or not ([MS-PPT] 2.3.2).
func (d *document) cutUser(e *entry) {
	const head, nameAt, version = 28, 20, 4
	if len(e.data) < head {
		return
	}
	n := int(binary.LittleEndian.Uint16(e.data[nameAt:]))
	end := head + n + version
	if end > len(e.data) {
		return
	}
	if wide := e.data[end:]; len(wide) >= 2*n && latin(e.data[head:head+n]) == utf16Text(wide[:2*n]) {
		end += 2 * n
	}
	if planted(e.data[end:]) {
		d.removed(vectorTrailing, e.name, kit.ActionRemoved, "")
		e.data = e.data[:end]
	}
}
