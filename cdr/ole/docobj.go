package ole

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

// Properties of characters ([MS-DOC] 2.6.1) that make an embedded object of what is a picture.
const (
	sprmPicture = 0x6A03 // where the picture is, or which object it is
	sprmOLE2    = 0x080A
	sprmObject  = 0x0856
	sprmSpecial = 0x0855

	pairChpx = 12
	pageSize = 512
)

// objects makes pictures of embedded objects: the storages of the objects are gone, and readers would look for them.
func (w *wordDocument) objects() error {
	behind := -1 // where the text behind an object begins: its picture
	return w.eachRun(func(list, text []byte) {
		at := cap(w.main) - cap(text)
		object, ok := plainCharacters(list)
		if !ok {
			if at == behind && len(text) > 0 && text[0] == 1 {
				w.opaquePicture(list)
			}
			return
		}
		behind = at + len(text)
		w.changed = true
		if mark := bytes.IndexByte(text, 1); mark >= 0 {
			w.show(list, text[mark:], object)
		}
	})
}

// opaquePicture gives the characters that are the picture of an object one that looks the same without the object.
func (w *wordDocument) opaquePicture(list []byte) {
	eachProperty(list, func(op uint16, operand []byte) {
		if op != sprmPicture {
			return
		}
		if at, ok := w.opaque(binary.LittleEndian.Uint32(operand)); ok {
			binary.LittleEndian.PutUint32(operand, at)
			w.changed = true
		}
	})
}

// eachRun calls do for each run of characters that has properties of its own, with those and its bytes. The properties
// are in pages, which the table stream lists ([MS-DOC] 2.8.5, 2.9.32).
func (w *wordDocument) eachRun(do func(list, text []byte)) error {
	le := binary.LittleEndian
	plc := w.pair(pairChpx)
	count := (len(plc) - 4) / 8
	for i := range max(count, 0) {
		if err := w.d.ctx.Err(); err != nil {
			return err
		}
		at := int(le.Uint32(plc[4*(count+1)+4*i:])&0x3FFFFF) * pageSize
		if at+pageSize > len(w.main) {
			continue
		}
		page := w.main[at : at+pageSize]
		eachInPage(page, func(k int, list []byte) {
			do(list, w.between(le.Uint32(page[4*k:]), le.Uint32(page[4*k+4:])))
		})
	}
	return nil
}

// eachInPage calls do for the properties of each run of characters in a page that has some, with the run's number.
func eachInPage(page []byte, do func(k int, list []byte)) {
	runs := int(page[pageSize-1])
	for k := range runs {
		if 4*(runs+1)+k >= pageSize-1 {
			return
		}
		from := 2 * int(page[4*(runs+1)+k])
		if from == 0 || from+1+int(page[from]) > pageSize-1 {
			continue
		}
		do(k, page[from+1:from+1+int(page[from])])
	}
}

// between returns the bytes of a run of characters.
func (w *wordDocument) between(from, to uint32) []byte {
	if from > to || int64(to) > int64(len(w.main)) {
		return nil
	}
	return w.main[from:to]
}

// show puts the picture of an object in its place. Documents of Word 97 have it in the storage of the object only; one
// without a picture leaves a blank.
func (w *wordDocument) show(list, text []byte, object uint32) {
	if object == 0 {
		return
	}
	at, ok := w.placed[object]
	if !ok {
		at = w.place(object)
		if w.placed == nil {
			w.placed = map[uint32]uint32{}
		}
		w.placed[object] = at
	}
	if at != noPicture {
		setProperty(list, sprmPicture, at)
		return
	}
	text[0] = ' '
	setProperty(list, sprmSpecial, 0)
}

// noPicture says that there is none, where the place of a picture is asked for.
const noPicture = 0xFFFFFFFF

// place appends the picture of an object to the pictures of the document, and returns where it is.
func (w *wordDocument) place(object uint32) uint32 {
	if w.d.pool == nil {
		return noPicture
	}
	storage := w.d.pool.find(fmt.Sprintf("_%d", int32(object))) //nolint:gosec // G115: names are signed
	if storage == nil {
		return noPicture
	}
	meta := storage.find("\x03META")
	if meta == nil {
		return noPicture
	}
	picture := inlinePicture(meta.data)
	if picture == nil {
		return noPicture
	}
	if shown := storage.find("\x03PIC"); shown != nil {
		resize(picture, shown.data)
	}
	return w.appendPicture(picture)
}

// resize gives a picture the size in which its object was shown, in twips, which can be another one than the size of
// the object: what Word has stored beside it says so behind the same mapping mode and size.
func resize(picture, shown []byte) {
	const modeAt, goalAt = 10, 20
	le := binary.LittleEndian
	if len(shown) < goalAt+8 || le.Uint16(shown[modeAt:]) != le.Uint16(picture[6:]) {
		return
	}
	for i := range 2 {
		size, goal := le.Uint32(shown[goalAt-8+4*i:]), le.Uint32(shown[goalAt+4*i:])
		if size != uint32(le.Uint16(picture[8+2*i:])) || goal == 0 || goal > 0x7FFF {
			return
		}
	}
	le.PutUint16(picture[28:], uint16(le.Uint32(shown[goalAt:])))   //nolint:gosec // G115: looked at above
	le.PutUint16(picture[30:], uint16(le.Uint32(shown[goalAt+4:]))) //nolint:gosec // G115: as above
}

// appendPicture appends a picture to those of the document, and returns where it is.
func (w *wordDocument) appendPicture(picture []byte) uint32 {
	data := w.ownData()
	at := len(data.data)
	data.data = append(data.data, picture...)
	return uint32(at) //nolint:gosec // G115: streams are bounded
}

// ownData returns the stream of pictures, which may be written to.
func (w *wordDocument) ownData() *entry {
	data := w.d.root.find("Data")
	if data == nil {
		data = &entry{name: "Data", units: utf16.Encode([]rune("Data")), kind: kindStream}
		w.d.root.kids = append(w.d.root.kids, data)
	}
	if !w.owned {
		data.data, w.owned = bytes.Clone(data.data), true
	}
	return data
}

// inlinePicture makes what Word has of a picture in a text ([MS-DOC] 2.9.190 to 2.9.192) of what it has of an object:
// a mapping mode, a size in hundredths of a millimetre, and a Windows metafile. nil if it is not that.
func inlinePicture(meta []byte) []byte {
	const mapping, head, twips = 8, 68, 1440.0 / 2540
	le := binary.LittleEndian
	if len(meta) < mapping {
		return nil
	}
	mode, wide, high := le.Uint16(meta), le.Uint16(meta[2:]), le.Uint16(meta[4:])
	records := plainMetafile(meta[mapping:])
	if records == nil || mode == 0 || mode > mapping || wide == 0 || high == 0 {
		return nil
	}
	out := make([]byte, head, head+len(records))
	le.PutUint32(out, uint32(head+len(records))) //nolint:gosec // G115: bounded by the stream
	le.PutUint16(out[4:], head)
	le.PutUint16(out[6:], mapping) // anisotropic: the size below says how large it is
	le.PutUint16(out[8:], wide)
	le.PutUint16(out[10:], high)
	le.PutUint16(out[28:], uint16(float64(wide)*twips))
	le.PutUint16(out[30:], uint16(float64(high)*twips))
	le.PutUint16(out[32:], 1000) // scale, in tenths of a percent
	le.PutUint16(out[34:], 1000)
	return append(out, records...)
}

// plainMetafile copies a Windows metafile ([MS-WMF] 2.3) up to its end, without escapes: they say things to printers.
// nil if it is none.
func plainMetafile(data []byte) []byte {
	const head, escape = 18, 0x0626
	le := binary.LittleEndian
	if len(data) < head || le.Uint16(data) != 1 && le.Uint16(data) != 2 || le.Uint16(data[2:]) != head/2 {
		return nil
	}
	out := append([]byte(nil), data[:head]...)
	for at := head; at+6 <= len(data); {
		size := 2 * int64(le.Uint32(data[at:]))
		if size < 6 || int64(at)+size > int64(len(data)) {
			return nil
		}
		record := data[at : at+int(size)]
		at += int(size)
		kind := le.Uint16(record[4:])
		if kind != escape {
			out = append(out, record...)
		}
		if kind == 0 {
			le.PutUint32(out[6:], uint32(len(out)/2)) //nolint:gosec // G115: bounded by the stream
			return out
		}
	}
	return nil
}

// setProperty gives a property in a list another value, of which it keeps as many bytes as it has.
func setProperty(list []byte, property uint16, value uint32) {
	var v [4]byte
	binary.LittleEndian.PutUint32(v[:], value)
	eachProperty(list, func(op uint16, operand []byte) {
		if op == property {
			copy(operand, v[:])
		}
	})
}

// operandSizes are the sizes of operands by the upper three bits of a property's number; 0 is for those that say it.
var operandSizes = [8]int{1, 1, 2, 4, 2, 2, 0, 3}

// eachProperty walks through a list of properties.
func eachProperty(list []byte, do func(op uint16, operand []byte)) {
	for at := 0; at+3 <= len(list); {
		op := binary.LittleEndian.Uint16(list[at:])
		n := operandSizes[op>>13]
		at += 2
		if n == 0 {
			n = 1 + int(list[at])
		}
		if at+n > len(list) {
			return
		}
		do(op, list[at:at+n])
		at += n
	}
}

// plainCharacters turns off in a list of properties that characters are an object. It reports whether they were, and
// which one.
func plainCharacters(list []byte) (number uint32, object bool) {
	eachProperty(list, func(op uint16, operand []byte) {
		if (op == sprmOLE2 || op == sprmObject) && operand[0] != 0 {
			object = true
			operand[0] = 0
		}
	})
	if !object {
		return 0, false
	}
	eachProperty(list, func(op uint16, operand []byte) { // the picture's place may come before the mark of an object
		if op == sprmPicture {
			number = binary.LittleEndian.Uint32(operand)
			clear(operand)
		}
	})
	return number, true
}
