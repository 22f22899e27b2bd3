package ooxml

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
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
	recCheck        = 64
	recBeginRule    = 463
	recRuleValue    = 471
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
	values bool   // formulas that look beyond their sheet become values
	names  []bool // of each name: it does not look there
}

// planRecords looks for what makes formulas dangerous: links to other workbooks, and names of functions that fetch.
func (p *pack) planRecords() (binaryBook, error) {
	var b binaryBook
	data, err := p.read(p.main)
	if err != nil {
		return b, err
	}
	dead := relationNames(p.main, false)
	err = records(data, func(r *record) error {
		switch r.kind {
		case recBundleSheet:
			if dead.in(r.data) {
				return kit.Unsupported("a binary workbook with macro sheets")
			}
		case recSupBookSrc:
			b.values = b.values || dead.in(r.data)
		case recName:
			name, end, ok := wideString(r.data, nameAt)
			call := strings.ToUpper(name)
			for _, prefix := range functionPrefixes {
				call = strings.TrimPrefix(call, prefix)
			}
			elsewhere, plain := true, false
			if ok {
				elsewhere, plain = b.tokens(r.data[end:])
			}
			b.values = b.values || danger[call] || !plain
			b.names = append(b.names, plain && !elsewhere && !danger[call])
		}
		return nil
	})
	return b, err
}

// functionPrefixes are in front of the names of functions that are newer than the format.
var functionPrefixes = []string{"_XLFN.", "_XLWS.", "_XLL."}

// Where the texts of records begin: that of a cell behind its column and style, that of a name behind its flags, its
// key and its sheet ([MS-XLSB] 2.4.8, 2.4.711).
const (
	cellAt = 8
	nameAt = 9
)

// wideString reads a counted string of UTF-16.
func wideString(b []byte, at int) (s string, end int, ok bool) {
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

// relationNames returns the ids of the relationships of a part that are written, or of those that are not.
func relationNames(at *part, written bool) wideNames {
	var list wideNames
	for _, r := range at.rels.list {
		if written == (r.dead || r.blank) {
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
	dead  wideNames // of relationships that are not written
	live  wideNames // of the others
	edits edits
	skip  int // kind of the record that ends what is left out, 0 if nothing is
	from  int

	begin   *record // of a list that may become empty
	kept    int
	lost    int
	formula bool // a formula of this part became a value
	strange bool // a formula of this part must not stay
	shared  bool // one of them is shared by cells, which do not say so but where it is

	supports []bool // of each supporting link: it is gone
	names    int    // how many names there were so far
}

func (p *pack) cleanRecords(ctx context.Context, at *part, book binaryBook) error {
	data, err := p.read(at)
	if err != nil {
		return err
	}
	w := recordWalk{p: p, at: at, book: book, dead: relationNames(at, false), live: relationNames(at, true)}
	if err := records(data, w.findFormula); err != nil {
		return err
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

// findFormula looks for formulas that must not stay: cells that share one are judged by it, and the rules of a part by
// its cells.
func (w *recordWalk) findFormula(r *record) error {
	if w.stays(r) {
		return nil
	}
	w.strange = true
	switch r.kind {
	case recSharedFmla, recArrayFmla, recTableFmla:
		w.shared = true
	}
	return nil
}

// stays reports whether the formula of a record may stay, if it has one. Of a workbook that loses its links those stay
// that look at nothing but cells of their own sheet.
func (w *recordWalk) stays(r *record) bool {
	const shared = 0x01
	if r.kind == recTableFmla {
		return !w.book.values
	}
	if formulas, ok := ruleFormulas(r); len(formulas) > 0 || !ok {
		return ok && !slices.ContainsFunc(formulas, func(f []byte) bool {
			_, ok := w.book.tokens(f)
			return !ok || linksByValues(f)
		})
	}
	at := formulaAt(r)
	if at == 0 {
		return true
	}
	formula := r.data[min(at, len(r.data)):]
	looks, ok := w.book.tokens(formula)
	if looks && w.book.values || w.shared && len(formula) > 4 && formula[4] == shared {
		return false
	}
	return ok && !linksByValues(formula)
}

// formulaAt returns where the parsed formula of a record begins, 0 if it has none.
func formulaAt(r *record) int {
	const cell = 8
	switch r.kind {
	case recFmlaString:
		if _, end, ok := wideString(r.data, cellAt); ok {
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
	if w.unknown(r) {
		return nil
	}
	if !w.stays(r) || w.rules(r) {
		w.value(r)
		return nil
	}
	w.tail(r)
	if r.kind > recFmlaError && w.dead.in(r.data) {
		return kit.Unsupported("a binary workbook with a reference in record %d", r.kind)
	}
	return nil
}

func (w *recordWalk) leave(r *record, until int, vector string) {
	w.skip, w.from = until, r.start
	w.p.removed(vector, w.at.name, kit.ActionRemoved, "")
}

// reference drops records that point to what is gone or was never there, and objects that are links.
func (w *recordWalk) reference(r *record) {
	const linkFlag, flagsAt = 0x80, 13
	link := r.kind == recOLE && len(r.data) > flagsAt && r.data[flagsAt]&linkFlag != 0
	place := r.kind == recHLink && !kit.SafePlace(placeOf(r))
	alone := (r.kind == recOLE || r.kind == recControl) && !w.live.in(r.data) // nothing but the name of a program
	if !link && !place && !alone && !w.dead.in(r.data) {
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

// name gives a name that a workbook runs by itself another one; formulas know names by their number. What a name stands
// for becomes an error if it calls what it must not.
func (w *recordWalk) name(r *record) {
	w.names++
	name, end, ok := wideString(r.data, nameAt)
	if !ok {
		return
	}
	data := bytes.Clone(r.data)
	if macro := data[0] & nameProcedure; macro != 0 && !newerFunction(r.data, name) {
		code, values, _ := formulaParts(data[end:])
		data[0] &^= nameProcedure
		text := w.macroName()
		formula := data[end:min(len(data), end+8+len(code)+len(values))]
		data = append(append(append(data[:nameAt:nameAt], text...), formula...), 0xFF, 0xFF, 0xFF, 0xFF) // texts of macros go, too
		end = nameAt + len(text)
	}
	if autoName.MatchString(name) {
		for i := nameAt + 4; i+1 < end; i += 2 {
			data[i], data[i+1] = 'x', 0
		}
	}
	if _, plain := w.book.tokens(data[end:]); !plain {
		data = append(append(data[:end:end], noFormula...), behindFormula(data[end:])...)
	}
	if bytes.Equal(data, r.data) {
		return
	}
	w.edits.replace(r.start, r.end, putRecord(recName, data))
	w.p.removed(vectorMacroName, w.at.name, kit.ActionNeutralised, name)
}

// nameProcedure are the flags of a name that is a procedure of VBA, or a macro.
const nameProcedure = 1<<2 | 1<<3

// newerFunction reports whether a name stands for a function that is newer than the format, which has the flags of a
// macro, too.
func newerFunction(flags []byte, name string) bool {
	const future = 1 << 1 // in the third byte
	return flags[2]&future != 0 && strings.HasPrefix(strings.ToUpper(name), functionPrefixes[0])
}

// noFormula is the formula #NAME?.
var noFormula = []byte{2, 0, 0, 0, 0x1C, 0x1D, 0, 0, 0, 0}

// behindFormula returns what follows the parsed formula of a name; nothing but an empty comment if that is not to be told.
func behindFormula(b []byte) []byte {
	none := []byte{0xFF, 0xFF, 0xFF, 0xFF}
	for range 2 { // the tokens, and what is too long for them
		if len(b) < 4 {
			return none
		}
		n := int64(binary.LittleEndian.Uint32(b))
		if n > int64(len(b)-4) {
			return none
		}
		b = b[4+n:]
	}
	return b
}

// rules reports whether a record begins conditional formats or checks of what is typed, and those go: where one formula must
// not stay others may be like it.
func (w *recordWalk) rules(r *record) bool {
	return (w.strange || w.book.values) && (r.kind == recBeginRules || r.kind == recBeginChecks)
}

// value turns a cell with a formula into one with the last value, and drops what else computes.
func (w *recordWalk) value(r *record) {
	const cell = 8
	kind, end := 0, 0
	switch r.kind {
	case recFmlaString:
		kind = recCellString
		_, end, _ = wideString(r.data, cellAt)
	case recFmlaNum:
		kind, end = recCellReal, cell+8
	case recFmlaBool:
		kind, end = recCellBool, cell+1
	case recFmlaError:
		kind, end = recCellError, cell+1
	case recBeginRules:
		w.leave(r, recEndRules, vectorFormula)
		return
	case recBeginChecks:
		w.leave(r, recEndChecks, vectorFormula)
		return
	default:
		w.edits.cut(r.start, r.end)
		return
	}
	if end == 0 || end > len(r.data) {
		w.edits.cut(r.start, r.end)
	} else {
		w.edits.replace(r.start, r.end, putRecord(kind, r.data[:end]))
	}
	w.formula = true
	w.p.removed(vectorFormula, w.at.name, kit.ActionNeutralised, "")
}
