package ole

import (
	"bytes"
	"encoding/binary"
	"strings"

	"icapd/cdr/kit"
)

// Types of properties ([MS-OLEPS] 2.2).
const (
	propertyInteger = 0x0003
	propertyText16  = 0x001F
	propertyBlob    = 0x0041
)

// maxBlobs bounds the lists of links that are walked through; documents have one.
const maxBlobs = 8

// properties looks at the streams of document properties: programs keep a list of a document's hyperlinks there
// ([MS-OSHARED] 2.3.3.1.18).
func (d *document) properties() {
	if d.job.Switches.StripMetadata {
		d.root.drop(func(k *entry) bool {
			if !among(k.name, "\x05SummaryInformation", "\x05DocumentSummaryInformation") {
				return false
			}
			d.removed("metadata", k.name, kit.ActionRemoved, "")
			return true
		})
	}
	if d.family == drawing.name || d.family == publication.name {
		return // their links are where they are not looked for
	}
	if e := d.root.find("\x05DocumentSummaryInformation"); e != nil {
		d.linkList(e)
	}
}

// linkList overwrites links that may not stay in the lists of a property stream.
func (d *document) linkList(e *entry) {
	le := binary.LittleEndian
	b := e.data
	if len(b) < 28 {
		return
	}
	for i := range min(int(le.Uint32(b[24:])), 8) {
		if 28+20*i+20 > len(b) {
			return
		}
		at := int(le.Uint32(b[28+20*i+16:]))
		if at+8 > len(b) {
			return
		}
		blobs := 0
		for k := range min(int(le.Uint32(b[at+4:])), (len(b)-at-8)/8) {
			from := int64(at) + int64(le.Uint32(b[at+8+8*k+4:]))
			if from+8 <= int64(len(b)) && le.Uint32(b[from:]) == propertyBlob && blobs < maxBlobs {
				blobs++
				d.linkBlob(e, int(from)+8, int(le.Uint32(b[from+4:])))
			}
		}
	}
}

// linkBlob walks through the values of a list: numbers and texts.
func (d *document) linkBlob(e *entry, from, size int) {
	le := binary.LittleEndian
	if size < 4 || size > len(e.data)-from {
		return
	}
	end := from + size
	for at := from + 4; at+8 <= end; {
		switch le.Uint32(e.data[at:]) & 0xFFFF {
		case propertyInteger:
			at += 8
		case propertyText16:
			n := 2 * int(le.Uint32(e.data[at+4:]))
			at += 8
			if n > end-at {
				return
			}
			if text := strings.TrimRight(utf16Text(e.data[at:at+n]), "\x00"); looksLikeLink(text) && !kit.SafeLink(text) {
				d.removed(vectorLink, e.name, kit.ActionNeutralised, "")
				e.data = bytes.Clone(e.data)
				clear(e.data[at : at+n])
			}
			at += (n + 3) &^ 3
		default:
			return
		}
	}
}

// looksLikeLink tells links from the names of places in the document, which are in the same list.
func looksLikeLink(s string) bool { return strings.ContainsAny(s, `:/\.`) }
