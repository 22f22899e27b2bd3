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
			d.removed(vectorMetadata, k.name, kit.ActionRemoved, "")
			return true
		})
	}
	if d.family == drawing.name || d.family == publication.name {
		return // their links are where they are not looked for
	}
	if e := d.root.find("\x05DocumentSummaryInformation"); e != nil {
		d.linkList(e)
	}
	d.propertySets()
}

// propertySets takes out streams of properties that are none, and what stands behind the last set in one ([MS-OLEPS] 2.21).
func (d *document) propertySets() {
	const head, mark, classAt, most = 28, 0xFFFE, 8, 8
	le := binary.LittleEndian
	d.root.drop(func(e *entry) bool {
		if e.kind != kindStream || !among(e.name, "\x05SummaryInformation", "\x05DocumentSummaryInformation") || len(e.data) == 0 || e.lost != nil {
			return false
		}
		b := e.data
		if len(b) < head || le.Uint16(b) != mark {
			d.removed(vectorDamaged, e.name, kit.ActionRemoved, "")
			return true
		}
		end := int64(head)
		for i := range min(int(le.Uint32(b[24:])), most) {
			if head+20*i+20 > len(b) {
				return false
			}
			at := int64(le.Uint32(b[head+20*i+16:]))
			if at+8 > int64(len(b)) {
				return false
			}
			end = max(end, min(at+int64(le.Uint32(b[at:])), int64(len(b))))
		}
		for _, s := range []span{{classAt, classAt + 16}, {int(end), len(b)}} {
			if planted(b[s.from:s.to]) {
				d.removed(vectorTrailing, e.name, kit.ActionRemoved, "")
				e.data = bytes.Clone(e.data)
				clear(e.data[s.from:s.to])
			}
		}
		return false
	})
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
		d.namedProperties(e, at)
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

// Numbers of properties that every set has ([MS-OLEPS] 2.18), and of one that users name.
const (
	propertyNames    = 0
	propertyCodePage = 1
	unicodePage      = 1200
	maxNames         = 4096
)

// namedProperties overwrites properties that somebody named, in a set that begins at at, by whose names a program is loaded with
// the document, or that hold the address to which all its links are relative: name and value.
func (d *document) namedProperties(e *entry, at int) {
	le := binary.LittleEndian
	b := e.data
	values, names, wide := map[uint32]int{}, 0, false
	for k := range min(int(le.Uint32(b[at+4:])), (len(b)-at-8)/8, maxNames) {
		id, from := le.Uint32(b[at+8+8*k:]), int64(at)+int64(le.Uint32(b[at+8+8*k+4:]))
		if from+8 > int64(len(b)) {
			continue
		}
		switch id {
		case propertyNames:
			names = int(from)
		case propertyCodePage:
			wide = le.Uint16(b[from+4:]) == unicodePage
		}
		values[id] = int(from)
	}
	if names == 0 {
		return
	}
	e.data = bytes.Clone(e.data)
	pos := names + 4
	for range min(int(le.Uint32(b[names:])), maxNames) {
		if pos+8 > len(b) {
			return
		}
		id, n := le.Uint32(b[pos:]), int64(le.Uint32(b[pos+4:]))
		if wide {
			n *= 2
		}
		pos += 8
		if n > int64(len(b)-pos) {
			return
		}
		d.namedProperty(e, span{pos, pos + int(n)}, wide, values[id])
		if pos += int(n); wide {
			pos = (pos-names+3)&^3 + names
		}
	}
}

// span is a range of bytes.
type span struct{ from, to int }

// namedProperty looks at one property: its name, and where its value is, 0 if it has none.
func (d *document) namedProperty(e *entry, at span, wide bool, value int) {
	raw := e.data[at.from:at.to]
	name := strings.TrimRight(string(raw), "\x00")
	if wide {
		name = strings.TrimRight(utf16Text(raw), "\x00")
	}
	base := strings.EqualFold(name, "_PID_LINKBASE")
	if !base && !kit.LoadsProgram(name) {
		return
	}
	from, to := e.valueText(value)
	if text := strings.Trim(strings.ReplaceAll(string(e.data[from:to]), "\x00", ""), " "); base && kit.SafePlace(text) {
		return
	}
	clear(e.data[from:to])
	if base {
		d.removed(vectorLink, e.name, kit.ActionNeutralised, name)
		return
	}
	for i := at.from; i < at.to; i++ { // the name of a property has letters
		if e.data[i] != 0 {
			e.data[i] = 'x'
		}
	}
	d.removed(vectorTemplate, e.name, kit.ActionNeutralised, name)
}

// valueText returns where the text or the bytes of a property's value are.
func (e *entry) valueText(at int) (from, to int) {
	const (
		ansi, blob = 0x1E, propertyBlob
		basic      = 0x08
	)
	if at == 0 || at+8 > len(e.data) {
		return 0, 0
	}
	n := int64(binary.LittleEndian.Uint32(e.data[at+4:]))
	switch binary.LittleEndian.Uint32(e.data[at:]) {
	case propertyText16:
		n *= 2
	case ansi, blob, basic:
	default:
		return 0, 0
	}
	return at + 8, at + 8 + int(min(n, int64(len(e.data)-at-8)))
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
