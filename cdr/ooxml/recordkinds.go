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

// parts splits a parsed formula ([MS-XLSB] 2.2.2): its tokens, values of arrays and places that they mean, and what is behind both.
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
