package ole

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
)

// guid reads a class id as people write it.
func guid(s string) classID {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 {
		return classID{}
	}
	return classID{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]}
}

func (f *family) hasClass(c classID) bool {
	return slices.ContainsFunc(f.classes, func(s string) bool { return guid(s) == c })
}

// The families. Their class ids are those of documents; one that names a control or a program decides what is
// started when the file is opened as an object.
var (
	word = family{
		name: "Word", streams: wordStream, disarm: disarmWord,
		classes: []string{
			"00020900-0000-0000-C000-000000000046", "00020906-0000-0000-C000-000000000046",
			"00020907-0000-0000-C000-000000000046", "F4754C9B-64F5-4B40-8AF4-679732AC0607",
		},
	}
	sheet = family{
		name: "Excel", streams: sheetStream, disarm: disarmSheet,
		classes: []string{
			"00020810-0000-0000-C000-000000000046", "00020811-0000-0000-C000-000000000046",
			"00020820-0000-0000-C000-000000000046", "00020821-0000-0000-C000-000000000046",
			"00020830-0000-0000-C000-000000000046",
		},
	}
	slides = family{
		name: "PowerPoint", streams: slidesStream, disarm: disarmSlides,
		classes: []string{
			"64818D10-4F9B-11CF-86EA-00AA00B929E8", "64818D11-4F9B-11CF-86EA-00AA00B929E8",
			"EA7BAE70-FB3B-11CD-A903-00AA00510EA3",
		},
	}
	message = family{
		name: "Outlook", streams: messageStream, disarm: disarmMessage,
		classes: []string{
			"00020D0B-0000-0000-C000-000000000046", "0006F046-0000-0000-C000-000000000046",
		},
	}
	drawing = family{
		name: "Visio", streams: drawingStream, disarm: disarmPlain,
		classes: []string{
			"00021A13-0000-0000-C000-000000000046", "00021A14-0000-0000-C000-000000000046",
			"00021A15-0000-0000-C000-000000000046", "00021A11-0000-0000-C000-000000000046",
		},
	}
	publication = family{
		name: "Publisher", streams: publicationStream, disarm: disarmPlain,
		classes: []string{
			"00021201-0000-0000-00C0-000000000046", "00021201-0000-0000-C000-000000000046",
			"0002123D-0000-0000-C000-000000000046",
		},
	}
)

// familyOf tells a document by the streams that its program looks for; nil if there are none. The order matters
// where a file has the streams of several: it is what readers go by.
func familyOf(root *entry) *family {
	has := func(names ...string) bool {
		for _, n := range names {
			if e := root.find(n); e != nil && e.kind == kindStream {
				return true
			}
		}
		return false
	}
	var found *family
	for _, f := range []struct {
		family  *family
		streams []string
	}{
		{&word, []string{"WordDocument"}},
		{&sheet, []string{"Workbook", "Book"}},
		{&slides, []string{"PowerPoint Document"}},
		{&message, []string{"__properties_version1.0"}},
		{&drawing, []string{"VisioDocument"}},
	} {
		if has(f.streams...) {
			if found != nil {
				return nil // two documents in one: which of them is read is the reader's choice
			}
			found = f.family
		}
	}
	switch {
	case found == nil && root.find("Quill") != nil && has("Contents"):
		return &publication
	case found == nil && has(packageStream):
		return &wrapped
	}
	return found
}

// among says of a name whether it is in a list, without regard to case.
func among(name string, list ...string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
}

// common are streams that every document may have: properties, and the name of its class.
func common(name string) bool {
	return among(name, "\x05SummaryInformation", "\x05DocumentSummaryInformation", "\x01CompObj", "\x01Ole")
}

// known is the answer for a stream on a list, or not.
func known(ok bool) string {
	if ok {
		return ""
	}
	return vectorUnknown
}

// dataStore says whether a path is in the store of custom XML.
func dataStore(path []string, e *entry) bool {
	if !strings.EqualFold(path[0], "MsoDataStore") {
		return false
	}
	if len(path) == 3 && isMashup(e.data) {
		return false
	}
	return len(path) < 3 && e.kind == kindStorage || len(path) == 3 && e.kind == kindStream && among(e.name, "Item", "Properties")
}

// isMashup reports whether XML holds queries of Power Query.
func isMashup(data []byte) bool {
	return bytes.Contains(bytes.ReplaceAll(data[:min(len(data), 4096)], []byte{0}, nil), []byte("DataMashup"))
}

func wordStream(path []string, e *entry) string {
	if len(path) > 1 {
		return known(dataStore(path, e))
	}
	if e.kind == kindStorage {
		return known(among(e.name, "ObjectPool", "MsoDataStore"))
	}
	return known(common(e.name) || framing(e) || among(e.name, "WordDocument", "0Table", "1Table", "Data"))
}

func sheetStream(path []string, e *entry) string {
	if len(path) > 1 {
		return known(dataStore(path, e) || len(path) == 2 && strings.EqualFold(path[0], "_SX_DB_CUR") && e.kind == kindStream)
	}
	if e.kind == kindStorage {
		return known(among(e.name, "_SX_DB_CUR", "MsoDataStore"))
	}
	if among(e.name, "Revision Log", "User Names") {
		return known(e.lost != nil || isRecords(e.data))
	}
	return known(common(e.name) || framing(e) || among(e.name, "Workbook", "Book"))
}

func slidesStream(path []string, e *entry) string {
	if len(path) > 1 {
		return known(dataStore(path, e))
	}
	if e.kind == kindStorage {
		return known(among(e.name, "MsoDataStore"))
	}
	return known(common(e.name) || framing(e) || among(e.name, "PowerPoint Document", "Current User", "Pictures"))
}

func drawingStream(path []string, e *entry) string {
	return known(len(path) == 1 && (common(e.name) || e.kind == kindStream && among(e.name, "VisioDocument", "VisioInformation")))
}

func publicationStream(path []string, e *entry) string {
	switch {
	case len(path) == 1 && e.kind == kindStorage:
		return known(among(e.name, "Quill", "Escher", "Objects"))
	case len(path) == 1:
		return known(common(e.name) || among(e.name, "Contents", "Envelope", "\x03Internal"))
	case strings.EqualFold(path[0], "Escher"):
		return known(len(path) == 2 && among(e.name, "EscherStm", "EscherDelayStm"))
	case len(path) == 2:
		return known(among(e.name, "QuillSub"))
	}
	return known(len(path) == 3 && (common(e.name) || among(e.name, "CONTENTS")))
}

// disarmPlain is for families whose main streams are not taken apart.
func disarmPlain(d *document) error {
	d.job.Warn("not-inspected: the main streams of " + d.family + " documents are kept as they are")
	return nil
}
