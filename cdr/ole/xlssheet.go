package ole

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"

	"icapd/cdr/kit"
)

// cellFormula is a FORMULA record ([MS-XLS] 2.4.127): the cell, what it showed last, and the tokens.
const formulaHead = 22

// substream looks at the records of one sheet, or of the globals.
func (w *workbook) substream(s *substream) {
	w.resized = false
	w.readShared(s)
	for i := s.from; i < s.to; i++ {
		if !w.recs[i].drop {
			w.record(s, i)
		}
	}
	if !w.resized {
		return
	}
	for i := s.from; i < s.to; i++ { // they say where in the stream cells are; readers do without
		if op := w.recs[i].op; op == recIndex || op == recDBCell {
			w.recs[i].drop = true
		}
	}
}

// simple are records that go whole.
var simple = map[uint16]string{
	recObjProj: vectorVBA, recParamQuery: vectorConnection, recQSI: vectorConnection, recDBQueryExt: vectorConnection,
	recExtString: vectorConnection, recTextQuery: vectorConnection, recQSIR: vectorConnection, recQSIF: vectorConnection,
	recOLEDBConn: vectorConnection, recDConn: vectorConnection, recWebPub: vectorConnection,
	recAddMenu: vectorToolbar, recDelMenu: vectorToolbar,
	recDCon: vectorConnection, recDConName: vectorConnection, recDConBin: vectorConnection, recDConRef: vectorConnection,
}

func (w *workbook) record(s *substream, i int) {
	r := &w.recs[i]
	switch r.op {
	case recCodeName:
		if w.d.vba || w.hasProject() {
			w.gone(vectorVBA, "CODENAME", kit.ActionRemoved, "")
			w.cut(i)
		}
	case recFormula:
		w.cell(s, i)
	case recHLink:
		w.link(i)
	case recObj:
		w.object(i)
	case recDrawGroup, recDrawing, recDrawSel, recContinue:
		w.drawingLinks(i)
	case recCF:
		w.condition(i)
	case recDV:
		w.validation(i)
	case recChartLink:
		w.chartLink(i)
	case recSupBook, recExternName, recExternSheet, recName:
		if w.eight && s.from != w.subs[0].from { // of the whole workbook, and read from nowhere else
			w.gone(vectorRecord, fmt.Sprintf("record %#x", r.op), kit.ActionRemoved, "")
			w.cut(i)
		}
	default:
		if vector := w.misplaced(i); vector != "" {
			w.gone(vector, fmt.Sprintf("record %#x", r.op), kit.ActionRemoved, "")
			w.cut(i)
			return
		}
		if vector := simple[r.op]; vector != "" {
			w.pivots = w.pivots || r.op == recDConRef || r.op == recDConName || r.op == recDConBin
			w.gone(vector, "record", kit.ActionRemoved, "")
			w.cut(i)
			for j := i + 1; vector == vectorConnection && j < s.to && w.recs[j].op == recSXString; j++ {
				w.cut(j) // the address, the query, what it is asked with
			}
		}
	}
}

// hasProject reports whether the globals say that there are macros.
func (w *workbook) hasProject() bool {
	if w.wanted == "" {
		w.wanted = "no"
		for i := range w.recs[:w.subs[0].to] {
			if w.recs[i].op == recObjProj {
				w.wanted = "yes"
			}
		}
	}
	return w.wanted == "yes"
}

// readShared judges the formulas that several cells of a sheet share.
func (w *workbook) readShared(s *substream) {
	w.shared = map[uint32]string{}
	f := w.formula()
	for i := s.from; i < s.to; i++ {
		r := &w.recs[i]
		head := 10
		switch r.op {
		case recShared:
		case recArray:
			head = 14
		default:
			continue
		}
		if r.drop || len(r.body) < head || i == 0 {
			continue
		}
		n := int(binary.LittleEndian.Uint16(r.body[head-2:]))
		vector := vectorFormula
		if head+n <= len(r.body) {
			if vector = f.vector(r.body[head : head+n]); vector == "" {
				vector, _ = f.foreign(r.body[head+n:])
			}
		}
		if vector == "" {
			continue
		}
		for k := i - 1; k >= s.from && k >= i-3; k-- {
			if w.recs[k].op == recFormula {
				if key, ok := sharedKey(w.recs[k].body); ok {
					w.shared[key] = vector
				}
				break
			}
		}
		w.gone(vector, "shared formula", kit.ActionRemoved, "")
		r.drop = true
		w.resized = true
	}
}

// sharedKey returns the first cell of the shared formula that a cell uses.
func sharedKey(body []byte) (uint32, bool) {
	if len(body) < formulaHead+5 || body[formulaHead] != tokenExp {
		return 0, false
	}
	return binary.LittleEndian.Uint32(body[formulaHead+1:]), true
}

// cell judges the formula of a cell. One that may not stay is replaced by what the cell showed.
func (w *workbook) cell(s *substream, i int) {
	body := w.recs[i].body
	if len(body) < formulaHead {
		w.gone(vectorFormula, "cell", kit.ActionRemoved, "")
		w.recs[i].drop = true
		w.resized = true
		return
	}
	n := int(binary.LittleEndian.Uint16(body[20:]))
	vector := vectorFormula
	if end := formulaHead + n; end <= len(body) {
		f := w.formula()
		if vector = f.vector(body[formulaHead:end]); vector == "" {
			var cut bool
			if vector, cut = f.foreign(body[end:]); cut {
				w.gone(vectorRecord, "cell", kit.ActionNeutralised, "bytes behind the formula")
				w.recs[i].body = body[:end]
				w.resized = true
			}
		}
	}
	if key, ok := sharedKey(body); ok && w.shared[key] != "" {
		vector = w.shared[key]
	}
	if vector == "" {
		return
	}
	w.gone(vector, "cell", kit.ActionNeutralised, "formula replaced by its value")
	w.resized = true
	w.value(s, i)
}

// value replaces a formula by its last value.
func (w *workbook) value(s *substream, i int) {
	r := &w.recs[i]
	cell, value := r.body[:6:6], r.body[6:14]
	text := -1
	for k := i + 1; k < s.to && k <= i+2; k++ {
		switch w.recs[k].op {
		case recString:
			text = k
		case recShared, recArray, recTable:
			w.recs[k].drop = true
			continue
		}
		break
	}
	switch {
	case value[6] != 0xFF || value[7] != 0xFF:
		r.op, r.body = recNumber, append(cell, value...)
	case value[0] == 0 && text >= 0:
		r.op, r.body = recLabel, append(cell, w.recs[text].body...)
		w.cut(text)
	case value[0] == 1:
		r.op, r.body = recBoolErr, append(cell, value[2], 0)
	case value[0] == 2:
		r.op, r.body = recBoolErr, append(cell, value[2], 1)
	default:
		r.op, r.body = recBlank, cell
	}
	if text >= 0 {
		w.cut(text)
	}
}

// link judges a hyperlink of cells.
func (w *workbook) link(i int) {
	body := w.recs[i].body
	if len(body) >= 24 && classID(body[8:24]) == classHyperlink {
		if h, ok := parseHyperlink(body[24:]); ok && h.safe() && !w.d.dropLinks() {
			if end := 24 + h.size; !blank(body[end:]) {
				w.gone(vectorRecord, "HLINK", kit.ActionNeutralised, "bytes behind the link")
				w.recs[i].body = body[:end]
			}
			return
		}
	}
	w.gone(vectorLink, "HLINK", kit.ActionNeutralised, "")
	w.cut(i)
	if i+1 < len(w.recs) && w.recs[i+1].op == recLinkTip {
		w.cut(i + 1)
	}
}

// drawingLinks looks for hyperlinks in drawings.
func (w *workbook) drawingLinks(i int) {
	if out := w.d.drawings(w.recs[i].body, w.where+"/drawing"); out != nil {
		w.recs[i].body = out
		w.changed = true
	}
	if !w.d.objects {
		return
	}
	if out := plainShapes(w.recs[i].body, w.showsSheet(i)); out != nil {
		w.recs[i].body = out
		w.changed = true
	}
}

// showsSheet reports whether the drawing in a record is that of an embedded workbook, around which programs draw the
// line that the drawing asks for. The record of the object comes behind it, and names its program.
func (w *workbook) showsSheet(i int) bool {
	const sheet = "Excel."
	if i+1 >= len(w.recs) || w.recs[i+1].op != recObj {
		return false
	}
	body := w.recs[i+1].body
	return bytes.Contains(body, []byte("\x00"+sheet)) || bytes.Contains(body, []byte("\x01E\x00x\x00c\x00e\x00l\x00.\x00"))
}

// condition judges a conditional format: two formulas at its end.
func (w *workbook) condition(i int) {
	body := w.recs[i].body
	if len(body) < 6 {
		return
	}
	le := binary.LittleEndian
	n1, n2 := int(le.Uint16(body[2:])), int(le.Uint16(body[4:]))
	at := len(body) - n1 - n2
	if at < 6 {
		return
	}
	w.blankBad(i, at, n1, "conditional format")
	w.blankBad(i, at+n1, n2, "conditional format")
}

// blankBad overwrites a formula inside of a record if it may not stay.
func (w *workbook) blankBad(i, at, n int, location string) {
	code := w.recs[i].body[at : at+n]
	vector := w.formula().vector(code)
	if vector == "" {
		return
	}
	w.gone(vector, location, kit.ActionNeutralised, "")
	blankFormula(w.own(i)[at : at+n])
}

// validation judges the formulas of a data validation ([MS-XLS] 2.4.95), which come behind four texts.
func (w *workbook) validation(i int) {
	body := w.recs[i].body
	le := binary.LittleEndian
	at := 4
	for range 4 {
		if at+3 > len(body) {
			return
		}
		n := int(le.Uint16(body[at:]))
		if body[at+2]&1 != 0 {
			n *= 2
		}
		at += 3 + n
	}
	for range 2 {
		if at+4 > len(body) {
			return
		}
		n := int(le.Uint16(body[at:]))
		at += 4
		if at+n > len(body) {
			return
		}
		w.blankBad(i, at, n, "data validation")
		at += n
	}
}

// chartLink judges where a chart has its data from ([MS-XLS] 2.4.29).
func (w *workbook) chartLink(i int) {
	body := w.recs[i].body
	if len(body) < 8 {
		return
	}
	if n := int(binary.LittleEndian.Uint16(body[6:])); n > 0 && 8+n <= len(body) {
		w.blankBad(i, 8, n, "chart")
	}
}

// Parts of an OBJ record ([MS-XLS] 2.4.181).
const (
	partEnd      = 0x0000
	partMacro    = 0x0004
	partFlags    = 0x0008
	partPicture  = 0x0009
	partCommon   = 0x0015
	objectIsList = 0x0014

	partScroll = 0x000E
	partList   = 0x0013
	partCheck  = 0x0014
)

// objectFormulas blanks the formulas of controls that may not stay: of cells that a scroll bar, list or check box is linked to. It
// returns the record's body.
func (w *workbook) objectFormulas(i int) []byte {
	const head = 4 + 2 + 4 // part and size of the formula, its length, what is not used
	le := binary.LittleEndian
	body := w.recs[i].body
	for at := 0; at+head <= len(body); {
		part, n := le.Uint16(body[at:]), int(le.Uint16(body[at+2:]))
		from, whole := at+head, n
		if part == partList {
			whole = int(le.Uint16(body[at+4:]))
			from += 2
		}
		formula := part == partScroll || part == partCheck || part == partList
		if formula && whole >= 6 && from <= len(body) {
			if size := int(le.Uint16(body[from-6:]) & 0x7FFF); size > 0 && from+size <= len(body) {
				w.blankBad(i, from, size, "OBJ")
				body = w.recs[i].body
			}
		}
		if part == partList {
			break
		}
		at += 4 + n
	}
	return body
}

// object takes macros and embedded objects from a drawing object; its picture stays.
func (w *workbook) object(i int) {
	body := w.recs[i].body
	if !w.eight {
		if len(body) >= 28 && binary.LittleEndian.Uint16(body[26:]) != 0 {
			w.gone(vectorAction, "OBJ", kit.ActionRemoved, "")
			w.recs[i].drop = true
		}
		return
	}
	le := binary.LittleEndian
	out := make([]byte, 0, len(body))
	vector := ""
	body = w.objectFormulas(i)
	for at := 0; at+4 <= len(body); {
		part, n := le.Uint16(body[at:]), int(le.Uint16(body[at+2:]))
		if at+4+n > len(body) || part == partList { // lists count in another way, and are last
			out = append(out, body[at:]...)
			break
		}
		chunk := body[at : at+4+n]
		at += 4 + n
		switch part {
		case partMacro:
			vector = vectorAction
			continue
		case partPicture:
			vector = vectorObject
			continue
		}
		out = append(out, chunk...)
		if part == partEnd {
			if planted(body[at:]) {
				vector = cmp.Or(vector, vectorRecord)
				break
			}
			out = append(out, body[at:]...)
			break
		}
	}
	if vector == "" {
		return
	}
	w.gone(vector, "OBJ", kit.ActionNeutralised, "")
	w.recs[i].body = staticPicture(out, vector)
}

// staticPicture turns off in an object what made it a control or a link.
func staticPicture(body []byte, vector string) []byte {
	if vector != vectorObject {
		return body
	}
	le := binary.LittleEndian
	for at := 0; at+4 <= len(body); {
		part, n := le.Uint16(body[at:]), int(le.Uint16(body[at+2:]))
		if part == partFlags && n == 2 && at+6 <= len(body) {
			le.PutUint16(body[at+4:], le.Uint16(body[at+4:])&0x0001)
		}
		at += 4 + n
	}
	return body
}

// pivotRecords are the records of pivot tables ([MS-XLS] 2.3, SX...).
var pivotRecords = map[uint16]bool{
	0x00B0: true, 0x00B1: true, 0x00B2: true, 0x00B4: true, 0x00B5: true, 0x00B6: true, 0x00C5: true, 0x00C6: true, 0x00C7: true,
	0x00C8: true, 0x00C9: true, 0x00CA: true, 0x00CB: true, 0x00CC: true, recSXString: true, 0x00CE: true, 0x00CF: true, 0x00D0: true,
	0x00D1: true, 0x00D2: true, recSXStream: true, recSXVS: true, 0x00F0: true, 0x00F1: true, 0x00F2: true, 0x00F3: true,
	0x00F4: true, 0x00F5: true, 0x00F6: true, 0x00F7: true, 0x00F8: true, 0x00F9: true, 0x00FB: true, 0x0100: true, 0x0103: true,
	0x0122: true, 0x0802: true, 0x080C: true, 0x080D: true, 0x080E: true, 0x080F: true, 0x0810: true, 0x0864: true,
}

// cutPivots takes pivot tables out, when they lost the places of their data: the cells that they filled stay.
func (w *workbook) cutPivots() {
	for i := range w.recs {
		if pivotRecords[w.recs[i].op] {
			w.cut(i)
		}
	}
}
