package ole

import (
	"bytes"
	"encoding/binary"

	"icapd/cdr/kit"
)

// Parts of a picture in a text ([MS-DOC] 2.9.190, PICFAndOfficeArtData).
const (
	picfHead      = 68
	picfFile      = 0x5E // nothing but the name of a file, as before Word 97
	picfShapeFile = 0x66 // what is shown is in a file, whose name comes first
	artBlipFirst  = 0xF007
)

// linkedPictures gives pictures that are in files, and of which the document has no copy, a blank of the same size.
// Readers would show that there is nothing.
func (w *wordDocument) linkedPictures() error {
	if w.d.job.Switches.RemoteImages == kit.ChoiceAllow || w.d.root.find("Data") == nil {
		return nil
	}
	blanks := map[uint32]uint32{}
	return w.eachRun(func(list, text []byte) {
		at, special, object := uint32(noPicture), false, false
		eachProperty(list, func(op uint16, operand []byte) {
			switch op {
			case sprmPicture:
				at = binary.LittleEndian.Uint32(operand)
			case sprmSpecial:
				special = operand[0] == 1
			case sprmOLE2, sprmObject:
				object = object || operand[0] != 0
			}
		})
		if !special || object || at == noPicture || len(text) == 0 || text[0] != 1 {
			return
		}
		blank, ok := blanks[at]
		if !ok {
			blank = w.blankPicture(at)
			blanks[at] = blank
		}
		if blank != noPicture {
			w.changed = true
			setProperty(list, sprmPicture, blank)
		}
	})
}

// blankPicture appends a blank for the picture at a place if that is elsewhere, and clears what is there.
func (w *wordDocument) blankPicture(at uint32) uint32 {
	le := binary.LittleEndian
	data := w.d.root.find("Data").data
	if int64(at)+picfHead+1 > int64(len(data)) {
		return noPicture
	}
	p := data[at:]
	size := le.Uint32(p)
	if int64(size) > int64(len(p)) || size < picfHead+1 || le.Uint16(p[4:]) != picfHead {
		return noPicture
	}
	switch le.Uint16(p[6:]) {
	case picfFile:
	case picfShapeFile:
		shape := p[picfHead:size]
		shape = shape[min(len(shape), 1+int(shape[0])):]
		if len(shape) < 8 || int64(len(shape)) < 8+int64(le.Uint32(shape[4:])) {
			return noPicture
		}
		if rest := shape[8+le.Uint32(shape[4:]):]; len(rest) >= 8 && le.Uint16(rest[2:]) >= artBlipFirst {
			return w.copyOfPicture(at, p[:picfHead], shape) // the document has one
		}
	default:
		return noPicture
	}
	const hundredths = 2540.0 / 1440 // of a millimetre in a twip
	picture := append(append([]byte(nil), p[:picfHead]...), blankMetafile...)
	le.PutUint32(picture, uint32(len(picture))) //nolint:gosec // G115: as long as the lines above
	le.PutUint16(picture[6:], 8)
	for i := range 2 {
		le.PutUint16(picture[8+2*i:], uint16(min(float64(le.Uint16(p[28+2*i:]))*hundredths, 0x7FFF)))
	}
	blank := w.appendPicture(picture)
	clear(w.ownData().data[at+picfHead : at+size])
	w.d.removed(vectorImage, "Data", kit.ActionNeutralised, "")
	return blank
}

// copyOfPicture appends a picture that is in a file elsewhere, and of which the document has a copy, as one that is in
// the document, and clears the file's name.
func (w *wordDocument) copyOfPicture(at uint32, head, shape []byte) uint32 {
	le := binary.LittleEndian
	name := w.d.root.find("Data").data[at+picfHead+1:]
	name = name[:w.d.root.find("Data").data[at+picfHead]]
	if !bytes.ContainsAny(name, `\/:`) {
		return noPicture // beside the document
	}
	picture := append(bytes.Clone(head), shape...)
	le.PutUint32(picture, uint32(len(picture))) //nolint:gosec // G115: shorter than it was
	le.PutUint16(picture[6:], picfShape)
	own := w.appendPicture(picture)
	from := at + picfHead + 1
	clear(w.ownData().data[from : from+uint32(len(name))]) //nolint:gosec // G115: 255 at most
	w.d.removed(vectorImage, "Data", kit.ActionNeutralised, "")
	return own
}

// blankMetafile is a Windows metafile ([MS-WMF]) of a rectangle without line and without colour.
var blankMetafile = metafileOf(
	[]uint16{0x020B, 0, 0}, []uint16{0x020C, 100, 100}, // window: origin and extent
	[]uint16{0x02FA, 5, 0, 0, 0, 0}, []uint16{0x02FC, 1, 0, 0, 0}, // no pen, no brush
	[]uint16{0x012D, 0}, []uint16{0x012D, 1}, []uint16{0x041B, 100, 100, 0, 0}, []uint16{0},
)

// metafileOf builds a metafile of records: a function, and its operands.
func metafileOf(records ...[]uint16) []byte {
	const objects = 2
	le := binary.LittleEndian
	var body []byte
	longest := 0
	for _, r := range records {
		body = le.AppendUint32(body, uint32(2+len(r))) //nolint:gosec // G115: a few words
		for _, v := range r {
			body = le.AppendUint16(body, v)
		}
		longest = max(longest, 2+len(r))
	}
	out := []byte{1, 0, 9, 0, 0, 3}
	out = le.AppendUint32(out, uint32(9+len(body)/2)) //nolint:gosec // G115: a few words
	out = le.AppendUint16(out, objects)
	out = le.AppendUint32(out, uint32(longest))
	return append(le.AppendUint16(out, 0), body...)
}
