package ole

import (
	"encoding/binary"
)

// Properties of characters ([MS-DOC] 2.6.1) that make an embedded object of what is a picture.
const (
	sprmPicture = 0x6A03 // where the picture is, or which object it is
	sprmOLE2    = 0x080A
	sprmObject  = 0x0856

	pairChpx = 12
	pageSize = 512
)

// objects makes pictures of embedded objects: the storages of the objects are gone, and readers would look for them.
// The properties of characters are in pages, which the table stream lists ([MS-DOC] 2.8.5, 2.9.32).
func (w *wordDocument) objects() {
	le := binary.LittleEndian
	plc := w.pair(pairChpx)
	count := (len(plc) - 4) / 8
	for i := range max(count, 0) {
		at := int(le.Uint32(plc[4*(count+1)+4*i:])&0x3FFFFF) * pageSize
		if at+pageSize > len(w.main) {
			continue
		}
		page := w.main[at : at+pageSize]
		runs := int(page[pageSize-1])
		for k := range runs {
			if 4*(runs+1)+k >= pageSize-1 {
				break
			}
			from := 2 * int(page[4*(runs+1)+k])
			if from == 0 || from+1+int(page[from]) > pageSize-1 {
				continue
			}
			if plainCharacters(page[from+1 : from+1+int(page[from])]) {
				w.changed = true
			}
		}
	}
}

// operandSizes are the sizes of operands by the upper three bits of a property's number; 0 is for those that say it.
var operandSizes = [8]int{1, 1, 2, 4, 2, 2, 0, 3}

// plainCharacters turns off in a list of properties that characters are an object. It reports whether they were.
func plainCharacters(list []byte) bool {
	le := binary.LittleEndian
	object := false
	for range 2 { // the picture's place may come before the mark of an object
		for at := 0; at+3 <= len(list); {
			op := le.Uint16(list[at:])
			n := operandSizes[op>>13]
			at += 2
			if n == 0 {
				n = 1 + int(list[at])
			}
			if at+n > len(list) {
				break
			}
			switch {
			case (op == sprmOLE2 || op == sprmObject) && list[at] != 0:
				object = true
				list[at] = 0
			case op == sprmPicture && object:
				clear(list[at : at+4])
			}
			at += n
		}
		if !object {
			return false
		}
	}
	return true
}
