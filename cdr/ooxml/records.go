package ooxml

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"icapd/cdr/kit"
)

// The records of binary workbooks that matter here ([MS-XLSB] 2.3.2).
const (
	recCellError    = 3
	recCellBool     = 4
	recCellReal     = 5
	recCellString   = 6
	recFmlaString   = 8
	recFmlaNum      = 9
	recFmlaBool     = 10
	recFmlaError    = 11
	recName         = 39
	recBundleSheet  = 156
	recSupBookSrc   = 355
	recSupSelf      = 357
	recSupSame      = 358
	recExternSheet  = 362
	recArrayFmla    = 426
	recSharedFmla   = 427
	recTableFmla    = 428
	recBeginRules   = 461
	recEndRules     = 462
	recHLink        = 494
	recDrawing      = 550
	recVMLDrawing   = 551
	recVMLHeader    = 552
	recBeginPublish = 554
	recEndPublish   = 555
	recBackground   = 562
	recBeginChecks  = 573
	recEndChecks    = 574
	recBeginOLE     = 638
	recOLE          = 639
	recEndOLE       = 640
	recBeginControl = 643
	recControl      = 644
	recEndControl   = 645
	recSupAddin     = 667
)

// record is one record of a part.
type record struct {
	kind       int
	start, end int
	data       []byte
}

// records splits a part of a binary workbook; it is Corrupt if they do not fill it to the last byte.
func records(data []byte, f func(r *record) error) error {
	for pos := 0; pos < len(data); {
		r := record{start: pos}
		kind, n := varint(data[pos:], 2)
		size, m := varint(data[pos+n:], 4)
		if n == 0 || m == 0 || size > len(data)-pos-n-m {
			return kit.Corrupt("a binary workbook with a broken record")
		}
		r.kind = kind
		r.data = data[pos+n+m : pos+n+m+size]
		pos += n + m + size
		r.end = pos
		if err := f(&r); err != nil {
			return err
		}
	}
	return nil
}

// varint reads a number of at most n bytes, seven bits each; a record's type keeps its eighth bits.
func varint(b []byte, n int) (value, size int) {
	for i := 0; i < n && i < len(b); i++ {
		value |= int(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}

func putRecord(kind int, data []byte) string {
	var b []byte
	if kind < 0x80 {
		b = append(b, byte(kind)) //nolint:gosec // G115: seven bits
	} else {
		b = append(b, byte(kind)|0x80, byte(kind>>7)) //nolint:gosec // G115: fourteen bits
	}
	for size := len(data); ; size >>= 7 {
		if size < 0x80 {
			b = append(b, byte(size))
			break
		}
		b = append(b, byte(size)|0x80)
	}
	return string(append(b, data...))
}

// isRecords reports whether a part is written in records.
func (p *pack) isRecords(at *part) bool {
	return p.main.mime == binaryMain && strings.HasPrefix(at.mime, "application/vnd.ms-excel.") && !strings.HasSuffix(at.mime, "xml") && !strings.Contains(at.mime, "printersettings")
}

// binaryBook is what is known of a binary workbook before its parts are cleaned.
type binaryBook struct {
	values bool // all formulas become values
}

// planRecords looks for what makes formulas dangerous: links to other workbooks, and names of functions that fetch.
func (p *pack) planRecords() (binaryBook, error) {
	var b binaryBook
	data, err := p.read(p.main)
	if err != nil {
		return b, err
	}
	dead := deadNames(p.main)
	err = records(data, func(r *record) error {
		switch r.kind {
		case recBundleSheet:
			if dead.in(r.data) {
				return kit.Unsupported("a binary workbook with macro sheets")
			}
		case recSupBookSrc:
			b.values = b.values || dead.in(r.data)
		case recName:
			if name, _, ok := wideString(r.data); ok {
				call := strings.ToUpper(name)
				for _, prefix := range []string{"_XLFN.", "_XLWS.", "_XLL."} {
					call = strings.TrimPrefix(call, prefix)
				}
				b.values = b.values || danger[call]
			}
		}
		return nil
	})
	return b, err
}

// wideString reads a counted string of UTF-16.
func wideString(b []byte) (s string, end int, ok bool) {
	const at = 8 // of all records that are read here
	if at+4 > len(b) {
		return "", 0, false
	}
	n := int(binary.LittleEndian.Uint32(b[at:]))
	if n > (len(b)-at-4)/2 {
		return "", 0, false
	}
	units := make([]uint16, n)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[at+4+2*i:])
	}
	return string(utf16.Decode(units)), at + 4 + 2*n, true
}

// wideNames are ids of relationships as records hold them.
type wideNames [][]byte

// deadNames returns the ids of the relationships of a part that are not written.
func deadNames(at *part) wideNames {
	var list wideNames
	for _, r := range at.rels.list {
		if !r.dead && !r.blank {
			continue
		}
		units := utf16.Encode([]rune(r.id))
		b := binary.LittleEndian.AppendUint32(nil, uint32(len(units))) //nolint:gosec // G115: an id fits its part
		for _, u := range units {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		list = append(list, b)
	}
	return list
}

func (w wideNames) in(data []byte) bool {
	for _, name := range w {
		if bytes.Contains(data, name) {
			return true
		}
	}
	return false
}

// recordWalk cleans one part.
type recordWalk struct {
	p     *pack
	at    *part
	book  binaryBook
	dead  wideNames
	edits edits
	skip  int // kind of the record that ends what is left out, 0 if nothing is
	from  int

	begin   *record // of a list that may become empty
	kept    int
	lost    int
	formula bool // a formula of this part became a value

	supports []bool // of each supporting link: it is gone
}

func (p *pack) cleanRecords(ctx context.Context, at *part, book binaryBook) error {
	data, err := p.read(at)
	if err != nil {
		return err
	}
	w := recordWalk{p: p, at: at, book: book, dead: deadNames(at)}
	if !book.values {
		if err := records(data, w.findFormula); err != nil {
			return err
		}
	}
	n := 0
	err = records(data, func(r *record) error {
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return w.record(r)
	})
	if err != nil {
		return err
	}
	if at.data = w.edits.apply(data); at.data == nil {
		return nil
	}
	p.changed = true
	for _, r := range at.rels.list { // offsets into the part
		if r.short == "xlbinaryindex" {
			r.dead = true
		}
	}
	p.sheets.formulas = p.sheets.formulas || w.formula
	return nil
}

// findFormula looks for a formula that must not stay. One is enough: shared formulas make it hard to tell which cells
// depend on it, so that all of the sheet become values then.
func (w *recordWalk) findFormula(r *record) error {
	if at := formulaAt(r); at > 0 && !plainTokens(r.data[min(at, len(r.data)):]) {
		w.book.values = true
	}
	return nil
}

// formulaAt returns where the parsed formula of a record begins, 0 if it has none.
func formulaAt(r *record) int {
	const cell = 8
	switch r.kind {
	case recFmlaString:
		if _, end, ok := wideString(r.data); ok {
			return end + 2
		}
		return len(r.data)
	case recFmlaNum:
		return cell + 8 + 2
	case recFmlaBool, recFmlaError:
		return cell + 1 + 2
	case recSharedFmla:
		return 16
	case recArrayFmla:
		return 17
	}
	return 0
}

func (w *recordWalk) record(r *record) error {
	if w.skip > 0 {
		if r.kind == w.skip {
			w.edits.cut(w.from, r.end)
			w.skip = 0
		}
		return nil
	}
	switch r.kind {
	case recBeginOLE, recBeginControl:
		w.begin, w.kept, w.lost = r, 0, 0
		return nil
	case recEndOLE, recEndControl:
		if w.begin != nil && w.lost > 0 && w.kept == 0 {
			w.edits.cut(w.begin.start, r.end)
		}
		return nil
	case recOLE, recControl, recHLink, recDrawing, recVMLDrawing, recVMLHeader, recBackground:
		w.reference(r)
		return nil
	case recBeginPublish:
		w.leave(r, recEndPublish, vectorPublish)
		return nil
	case recSupBookSrc, recSupSelf, recSupSame, recSupAddin:
		w.support(r)
		return nil
	case recExternSheet:
		w.sheetsOf(r)
		return nil
	case recName:
		w.name(r)
		return nil
	}
	if w.book.values && w.value(r) {
		return nil
	}
	if r.kind > recFmlaError && w.dead.in(r.data) {
		return kit.Unsupported("a binary workbook with a reference in record %d", r.kind)
	}
	return nil
}

func (w *recordWalk) leave(r *record, until int, vector string) {
	w.skip, w.from = until, r.start
	w.p.removed(vector, w.at.name, kit.ActionRemoved, "")
}

// reference drops records that point to what is gone, and objects that are links.
func (w *recordWalk) reference(r *record) {
	const linkFlag, flagsAt = 0x80, 13
	link := r.kind == recOLE && len(r.data) > flagsAt && r.data[flagsAt]&linkFlag != 0
	if !link && !w.dead.in(r.data) {
		w.kept++
		return
	}
	w.lost++
	w.edits.cut(r.start, r.end)
	vector := vectorOLE
	switch r.kind {
	case recControl:
		vector = vectorActiveX
	case recHLink:
		vector = vectorLink
	}
	w.p.removed(vector, w.at.name, kit.ActionNeutralised, "")
}

// support turns a link to another workbook into one to this workbook; no formula uses it any more.
func (w *recordWalk) support(r *record) {
	gone := r.kind == recSupBookSrc && w.dead.in(r.data)
	w.supports = append(w.supports, gone)
	if gone {
		w.edits.replace(r.start, r.end, putRecord(recSupSelf, nil))
	}
}

// sheetsOf makes references to sheets of other workbooks lead nowhere, as after a sheet was deleted.
func (w *recordWalk) sheetsOf(r *record) {
	const header, each = 4, 12
	data := bytes.Clone(r.data)
	dirty := false
	for at := header; at+each <= len(data); at += each {
		if i := binary.LittleEndian.Uint32(data[at:]); uint64(i) < uint64(len(w.supports)) && w.supports[i] {
			binary.LittleEndian.PutUint64(data[at+4:], 1<<64-1)
			dirty = dirty || !bytes.Equal(data, r.data)
		}
	}
	if dirty {
		w.edits.replace(r.start, r.end, putRecord(recExternSheet, data))
	}
}

// name gives a name that a workbook runs by itself another one; formulas know names by their number.
func (w *recordWalk) name(r *record) {
	const at, procedure = 8, 1<<2 | 1<<3 // of VBA, and a macro
	name, end, ok := wideString(r.data)
	if !ok || !autoName.MatchString(name) && r.data[0]&procedure == 0 {
		return
	}
	data := bytes.Clone(r.data)
	data[0] &^= procedure
	if autoName.MatchString(name) {
		for i := at + 4; i+1 < end; i += 2 {
			data[i], data[i+1] = 'x', 0
		}
	}
	w.edits.replace(r.start, r.end, putRecord(recName, data))
	w.p.removed(vectorMacroName, w.at.name, kit.ActionNeutralised, name)
}

// value turns a cell with a formula into one with the last value, and drops what else computes.
func (w *recordWalk) value(r *record) bool {
	const cell = 8
	kind, end := 0, 0
	switch r.kind {
	case recFmlaString:
		kind = recCellString
		_, end, _ = wideString(r.data)
	case recFmlaNum:
		kind, end = recCellReal, cell+8
	case recFmlaBool:
		kind, end = recCellBool, cell+1
	case recFmlaError:
		kind, end = recCellError, cell+1
	case recSharedFmla, recArrayFmla, recTableFmla:
		w.edits.cut(r.start, r.end)
		return true
	case recBeginRules:
		w.leave(r, recEndRules, vectorFormula)
		return true
	case recBeginChecks:
		w.leave(r, recEndChecks, vectorFormula)
		return true
	default:
		return false
	}
	if end == 0 || end > len(r.data) {
		w.edits.cut(r.start, r.end)
	} else {
		w.edits.replace(r.start, r.end, putRecord(kind, r.data[:end]))
	}
	w.formula = true
	w.p.removed(vectorFormula, w.at.name, kit.ActionNeutralised, "")
	return true
}

// The numbers of functions that call, register or fetch, and of HYPERLINK ([MS-XLSB] 2.5.97.10).
var dangerNumbers = map[uint16]bool{149: true, 150: true, 267: true, 379: true, 110: true, 132: true, 133: true, 138: true, 53: true, 257: true}

const numberHyperlink = 359

// tokenSizes are the bytes behind each token's first one; -1 for those that are not of fixed size, or not known.
func tokenSize(token byte) int {
	switch t := token; {
	case t >= 0x80:
		return -1
	case t >= 0x03 && t <= 0x16:
		return 0
	case t == 0x01:
		return 4
	case t == 0x1c, t == 0x1d:
		return 1
	case t == 0x1e:
		return 2
	case t == 0x1f:
		return 8
	}
	switch token&0x1f | 0x20 { // value classes
	case 0x20:
		return 14
	case 0x21, 0x29:
		return 2
	case 0x22:
		return 3
	case 0x23:
		return 4
	case 0x24, 0x26, 0x27, 0x28, 0x2a, 0x2c, 0x39:
		return 6
	case 0x25, 0x2b, 0x2d:
		return 12
	case 0x3a, 0x3c:
		return 8
	case 0x3b, 0x3d:
		return 14
	}
	return -1
}

// plainTokens reports whether a parsed formula is known to the last token, and calls nothing that it must not.
func plainTokens(formula []byte) bool {
	if len(formula) < 4 {
		return false
	}
	n := int(binary.LittleEndian.Uint32(formula))
	if n > len(formula)-4 {
		return false
	}
	b := formula[4 : 4+n]
	link, texts := false, []string(nil)
	for len(b) > 0 {
		token := b[0]
		size := tokenSize(token)
		switch {
		case token == 0x17 && len(b) >= 3: // text
			size = 2 + 2*int(binary.LittleEndian.Uint16(b[1:]))
			if len(b) > size {
				texts = append(texts, utf16Text(b[3:1+size]))
			}
		case token == 0x18 && len(b) >= 2 && b[1] == 0x19: // table
			size = 1 + 12
		case token == 0x19 && len(b) >= 4: // attributes: jumps of CHOOSE are a list
			size = 3
			if b[1]&0x04 != 0 {
				size += 2 * (int(binary.LittleEndian.Uint16(b[2:])) + 1)
			}
		}
		if size < 0 || len(b) < 1+size || token < 0x20 && token == 0x18 && b[1] != 0x19 {
			return false
		}
		if f, ok := calledNumber(token, b); ok {
			if dangerNumbers[f] {
				return false
			}
			link = link || f == numberHyperlink
		}
		b = b[1+size:]
	}
	return !link || safeTexts(texts)
}

func calledNumber(token byte, b []byte) (uint16, bool) {
	if token < 0x20 {
		return 0, false
	}
	switch token&0x1f | 0x20 {
	case 0x21:
		return binary.LittleEndian.Uint16(b[1:]), true
	case 0x22:
		return binary.LittleEndian.Uint16(b[2:]) & 0x7fff, true
	}
	return 0, false
}

func utf16Text(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// safeTexts reports whether the first text of a formula with HYPERLINK is a link that may stay.
func safeTexts(texts []string) bool {
	for _, t := range texts {
		if (strings.Contains(t, ":") || strings.HasPrefix(t, `\\`)) && !kit.SafeLink(t) {
			return false
		}
	}
	return true
}
