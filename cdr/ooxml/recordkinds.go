package ooxml

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"unicode/utf16"

	"icapd/cdr/kit"
)

// recordRanges are the numbers of the records of binary workbooks: those of Excel 2007, and what later versions added ([MS-XLSB] 2.3.2).
var recordRanges = [][2]int{{0, 680}, {1024, 1279}, {2048, 2303}, {3072, 3199}, {4096, 4223}, {5095, 5247}}

// isKnownRecord reports whether a number is that of a record. Excel skips others.
func isKnownRecord(kind int) bool {
	for _, r := range recordRanges {
		if kind >= r[0] && kind <= r[1] {
			return true
		}
	}
	return false
}

// unknown drops a record that no version of Excel has.
func (w *recordWalk) unknown(r *record) bool {
	if isKnownRecord(r.kind) {
		return false
	}
	w.edits.cut(r.start, r.end)
	w.p.removed(vectorRecord, w.at.name, kit.ActionRemoved, "record "+strconv.Itoa(r.kind))
	return true
}

// formulaParts splits a parsed formula ([MS-XLSB] 2.2.2): its tokens, values of arrays and places that they mean, and what is behind both.
func formulaParts(b []byte) (code, values, rest []byte) {
	part := func() []byte {
		if len(b) < 4 {
			b = nil
			return nil
		}
		n := min(int64(binary.LittleEndian.Uint32(b)), int64(len(b)-4))
		p := b[4 : 4+n]
		b = b[4+n:]
		return p
	}
	code, values = part(), part()
	return code, values, b
}

// ruleFormulas returns the formulas of a conditional format, of a value that one goes by, and of a check of what is typed
// ([MS-XLSB] 2.4.26, 2.4.32, 2.4.352). It is not ok if they are not where they should be; other records have none.
func ruleFormulas(r *record) (formulas [][]byte, ok bool) {
	switch r.kind {
	case recBeginRule: // kind, template, format, order, parameter, 8 reserved bytes, flags, the lengths of three formulas, a text
		return formulasBehind(r.data, 30, 3)
	case recRuleValue: // kind, number, flags, the length of a formula
		return formulasBehind(r.data, 20, 1)
	case recCheck:
		return checkFormulas(r.data)
	}
	return nil, true
}

// formulasBehind returns those formulas of a record whose lengths stand at a place and that are not empty. What is between
// the lengths and the formulas is a text, which only rules have.
func formulasBehind(b []byte, lengths, count int) (formulas [][]byte, ok bool) {
	if len(b) < lengths+4*count {
		return nil, false
	}
	total := int64(0)
	for i := range count {
		total += int64(binary.LittleEndian.Uint32(b[lengths+4*i:]))
	}
	if total > int64(len(b)-lengths-4*count) {
		return nil, false
	}
	rest := b[int64(len(b))-total:]
	for i := range count {
		n := binary.LittleEndian.Uint32(b[lengths+4*i:])
		if n > 0 {
			formulas = append(formulas, rest[:n])
		}
		rest = rest[n:]
	}
	return formulas, true
}

// checkFormulas returns the two formulas of a check: they stand behind flags, places, and four texts.
func checkFormulas(b []byte) (formulas [][]byte, ok bool) {
	const flags, place, texts, null = 4, 16, 4, 0xFFFFFFFF
	le := binary.LittleEndian
	if len(b) < flags+4 {
		return nil, false
	}
	count := int64(le.Uint32(b[flags:]))
	b = b[flags+4:]
	if place*count > int64(len(b)) {
		return nil, false
	}
	b = b[place*count:]
	for range texts {
		if len(b) >= 4 && le.Uint32(b) == null {
			b = b[4:]
			continue
		}
		_, end, ok := wideString(b, 0)
		if !ok {
			return nil, false
		}
		b = b[end:]
	}
	for range 2 {
		if len(b) < 8 {
			return nil, false
		}
		code, values, rest := formulaParts(b)
		if len(code) > 0 {
			formulas = append(formulas, b[:8+len(code)+len(values)])
		}
		b = rest
	}
	return formulas, len(b) == 0
}

// linksByValues reports whether a formula with HYPERLINK has values in an array that look like an address.
func linksByValues(formula []byte) bool {
	code, values, _ := formulaParts(formula)
	return bytes.Contains(code, []byte{0x67, 0x01}) && bytes.ContainsAny(bytes.ReplaceAll(values, []byte{0}, nil), `:\`)
}

// tail cuts what stands behind the formula of a cell.
func (w *recordWalk) tail(r *record) {
	at := formulaAt(r)
	if at == 0 || at > len(r.data) {
		return
	}
	_, _, rest := formulaParts(r.data[at:])
	if len(bytes.Trim(rest, "\x00")) == 0 {
		return
	}
	w.edits.replace(r.start, r.end, putRecord(r.kind, r.data[:len(r.data)-len(rest)]))
	w.p.removed(vectorRecord, w.at.name, kit.ActionNeutralised, "bytes behind a formula")
}

// placeOf returns the place that the record of a hyperlink leads to ([MS-XLSB] 2.4.683).
func placeOf(r *record) string {
	const cells = 16
	_, end, ok := wideString(r.data, cells)
	if !ok {
		return ""
	}
	place, _, _ := wideString(r.data, end)
	return place
}

// macroName is the name that one of a macro gets: names are counted, and no two may be the same.
func (w *recordWalk) macroName() []byte {
	units := utf16.Encode([]rune("_r" + strconv.Itoa(w.names)))
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(units))) //nolint:gosec // G115: a few letters
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}
