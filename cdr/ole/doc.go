package ole

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"
	"strings"
	"unicode/utf16"

	"icapd/cdr/kit"
)

// Places in the file information block ([MS-DOC] 2.5).
const (
	fibFlags    = 10
	fibCounts   = 62 // where the number of 32-bit values is
	fibTexts    = 76 // how many characters each of the texts has
	fibPairs    = 152
	fibMagic    = 0xA5EC
	fibOldest   = 0x00C1 // Word 97
	flagComplex = 0x0004
	flagTable   = 0x0200
	flagCrypt   = 0x0100
	flagObfusc  = 0x8000
	pairFields  = 16
	pairCmds    = 24
	pairMacros  = 26
	pairAssoc   = 32
	pairClx     = 33
	pairPms     = 44
	pairPmsNew  = 126
	pairODSO    = 127
)

// wordDocument is a Word document at work.
type wordDocument struct {
	d     *document
	main  []byte // the WordDocument stream, our own copy
	table []byte // the table stream in use, our own copy
	name  string // of the table stream
	pairs int    // how many offsets the block has
	old   bool   // Word 6 or 95: what is in tables now was in the main stream

	pieces  []piece
	placed  map[uint32]uint32 // where the pictures of objects are, by the objects' numbers
	icons   map[uint32]uint32 // where pictures on white are, by where they were
	owned   bool              // the Data stream is our own copy
	written int               // characters that were overwritten
	changed bool
}

// piece is a stretch of text in the WordDocument stream ([MS-DOC] 2.9.177).
type piece struct {
	from, to int // characters
	at       int // where it is in the stream
	wide     bool
}

func disarmWord(d *document) error {
	main := d.root.find("WordDocument")
	w := &wordDocument{d: d, main: bytes.Clone(main.data)}
	table, err := w.open()
	if err != nil {
		return err
	}
	if err := w.readPieces(); err != nil {
		return err
	}
	if err := w.fields(); err != nil {
		return err
	}
	if w.d.objects && !w.old {
		if err := w.objects(); err != nil {
			return err
		}
	}
	pictures := w.linkedPictures
	if w.old {
		pictures = w.oldPictures
	}
	if err := pictures(); err != nil {
		return err
	}
	w.tables()
	w.tails()
	d.formMacros()
	if w.changed {
		main.data, table.data = w.main, w.table
	}
	for _, e := range d.root.kids { // drawings with links are in Data and in the table
		if e.kind == kindStream && !w.old && among(e.name, "Data", w.name) {
			if out := d.drawings(e.data, e.name); out != nil {
				e.data = out
			}
		}
	}
	d.root.drop(func(k *entry) bool { // the other table, which no reader looks at
		if !among(k.name, "0Table", "1Table") || strings.EqualFold(k.name, w.name) {
			return false
		}
		d.removed(vectorUnknown, k.name, kit.ActionRemoved, "")
		return true
	})
	return nil
}

// open checks the file information block and finds the table stream.
func (w *wordDocument) open() (*entry, error) {
	le := binary.LittleEndian
	if isOldWord(w.main) {
		return w.openOld()
	}
	if len(w.main) < fibPairs+2 || le.Uint16(w.main) != fibMagic {
		return nil, kit.Unsupported("a document that is older than Word 6, or damaged")
	}
	if v := le.Uint16(w.main[2:]); v < fibOldest {
		return nil, kit.Unsupported("a document of version %d, which is older than Word 97", v)
	}
	flags := le.Uint16(w.main[fibFlags:])
	if flags&(flagCrypt|flagObfusc) == flagCrypt|flagObfusc || flags&flagCrypt != 0 {
		return nil, kit.Encrypted("the document is encrypted")
	}
	if le.Uint16(w.main[32:]) != 14 || le.Uint16(w.main[fibCounts:]) != 22 {
		return nil, kit.Corrupt("a file information block of an unknown shape")
	}
	w.pairs = int(le.Uint16(w.main[fibPairs:]))
	if w.pairs <= pairClx || fibPairs+2+8*w.pairs > len(w.main) {
		return nil, kit.Corrupt("the file information block is cut off")
	}
	w.name = "0Table"
	if flags&flagTable != 0 {
		w.name = "1Table"
	}
	table := w.d.root.find(w.name)
	if table == nil || table.kind != kindStream {
		return nil, kit.Corrupt("the document has no table stream")
	}
	w.name = table.name
	w.table = bytes.Clone(table.data)
	return table, nil
}

// pairBytes returns the pair of offset and length with this number, 8 bytes.
func (w *wordDocument) pairBytes(n int) []byte {
	at := fibPairs + 2 + 8*n
	if w.old {
		at = oldPair(n)
	}
	return w.main[at : at+8]
}

// pair returns what a pair of offset and length points to in the table stream, nil for nothing.
func (w *wordDocument) pair(n int) []byte {
	if n >= w.pairs {
		return nil
	}
	le := binary.LittleEndian
	field := w.pairBytes(n)
	at, size := int64(le.Uint32(field)), int64(le.Uint32(field[4:]))
	if size == 0 || at+size > int64(len(w.table)) {
		return nil
	}
	return w.table[at : at+size : at+size]
}

// readPieces reads the piece table ([MS-DOC] 2.8.35).
func (w *wordDocument) readPieces() error {
	le := binary.LittleEndian
	if w.old && le.Uint16(w.main[fibFlags:])&flagComplex == 0 {
		return w.onePiece()
	}
	clx := w.pair(pairClx)
	for len(clx) >= 3 && clx[0] == 1 {
		n := 3 + int(le.Uint16(clx[1:]))
		clx = clx[min(n, len(clx)):]
	}
	if len(clx) < 5 || clx[0] != 2 {
		return kit.Corrupt("the document has no table of its pieces of text")
	}
	n := int64(le.Uint32(clx[1:]))
	if n > int64(len(clx)-5) || n < 16 || (n-4)%12 != 0 {
		return kit.Corrupt("the table of pieces of text is cut off")
	}
	plc := clx[5 : 5+n]
	count := int(n-4) / 12
	for i := range count {
		p := piece{from: int(le.Uint32(plc[4*i:])), to: int(le.Uint32(plc[4*i+4:]))}
		fc := le.Uint32(plc[4*(count+1)+8*i+2:])
		p.wide, p.at = true, int(fc&0x3FFFFFFF)
		switch {
		case w.old:
			p.wide = w.wideOld()
		case fc&0x40000000 != 0:
			p.wide, p.at = false, p.at/2
		}
		size := p.to - p.from
		if p.wide {
			size *= 2
		}
		if p.to < p.from || p.at+size > len(w.main) || i > 0 && p.from != w.pieces[i-1].to {
			return kit.Corrupt("a piece of text is outside of the document")
		}
		w.pieces = append(w.pieces, p)
	}
	return nil
}

// offset returns where a character is, and how many bytes it has; size 0 if there is none.
func (w *wordDocument) offset(cp int) (at, size int) {
	i, ok := slices.BinarySearchFunc(w.pieces, cp, func(p piece, cp int) int {
		switch {
		case cp < p.from:
			return 1
		case cp >= p.to:
			return -1
		}
		return 0
	})
	if !ok {
		return 0, 0
	}
	p := w.pieces[i]
	if p.wide {
		return p.at + 2*(cp-p.from), 2
	}
	return p.at + cp - p.from, 1
}

// Characters that mark fields ([MS-DOC] 2.8.25).
const (
	fieldBegin = 0x13
	fieldSep   = 0x14
	fieldEnd   = 0x15
)

// openField is a field whose end was not seen yet.
type openField struct {
	begin, sep int // characters; sep -1 as long as there was none
	code       []uint16
	named      bool // there was something before any field in it
	built      bool // a field stands where the name of the field should be
}

// maxFieldCode is far more than any instruction of people has.
const maxFieldCode = 64 << 10

// maxWritten is how often all characters may be overwritten: fields inside fields are, once for each around them.
const maxWritten = 8

// maxFieldDepth bounds fields inside fields.
const maxFieldDepth = 500

// fields walks through the text and judges every field.
func (w *wordDocument) fields() error {
	var stack []openField
	for _, p := range w.pieces {
		if err := w.d.ctx.Err(); err != nil {
			return err
		}
		for cp := p.from; cp < p.to; cp++ {
			c := w.char(p, cp)
			if c < fieldBegin || c > fieldEnd {
				gather(stack, c)
				continue
			}
			if stack = w.mark(stack, c, cp); len(stack) > maxFieldDepth || w.written > maxWritten*len(w.main) {
				return kit.Limit("depth", "%d fields inside each other", len(stack))
			}
		}
	}
	for len(stack) > 0 { // fields without an end: what would be read as their instruction is judged too
		f := stack[len(stack)-1]
		w.field(f, f.begin+1+len(f.code))
		stack = stack[:len(stack)-1]
	}
	return nil
}

// mark goes into a field, on to its result, or out of it.
func (w *wordDocument) mark(stack []openField, c uint16, cp int) []openField {
	var top *openField
	if len(stack) > 0 {
		top = &stack[len(stack)-1]
	}
	switch {
	case c == fieldBegin:
		if top != nil && top.sep < 0 && !top.named {
			top.built = true
		}
		return append(stack, openField{begin: cp, sep: -1})
	case top == nil:
	case c == fieldSep && top.sep < 0:
		top.sep = cp
	case c == fieldEnd:
		w.field(*top, cp)
		return stack[:len(stack)-1]
	}
	return stack
}

func (w *wordDocument) char(p piece, cp int) uint16 {
	if p.wide {
		return binary.LittleEndian.Uint16(w.main[p.at+2*(cp-p.from):])
	}
	return uint16(w.main[p.at+cp-p.from])
}

// gather adds a character to the instruction that it belongs to: the innermost field's, or, in a result, that of the
// field around it.
func gather(stack []openField, c uint16) {
	for i := len(stack) - 1; i >= 0; i-- {
		if stack[i].sep < 0 {
			if len(stack[i].code) <= maxFieldCode {
				stack[i].code = append(stack[i].code, c)
				stack[i].named = stack[i].named || c > ' '
			}
			return
		}
	}
}

// field judges one field whose end is at a character.
func (w *wordDocument) field(f openField, end int) {
	instruction := string(utf16.Decode(f.code))
	vector := kit.FieldVector(instruction)
	switch {
	case vector == "" && f.built && strings.TrimSpace(instruction) != "":
		vector = vectorBuilt
	case vector == "" && len(f.code) > maxFieldCode:
		vector = vectorBuilt
	case vector == "" && w.d.dropLinks() && strings.HasPrefix(strings.ToUpper(strings.TrimSpace(instruction)), "HYPERLINK"):
		vector = vectorLink
	}
	if vector == "" {
		return
	}
	stop := f.sep
	if stop < 0 {
		stop = end
	}
	if vector == kit.VectorFieldMacro && f.sep < 0 && w.unbutton(f, end) {
		w.changed = true
		w.d.removed(vector, "field", kit.ActionNeutralised, fieldName(instruction))
		return
	}
	as := quoteField
	if w.pictured(stop, end) {
		as = shapeField
	}
	if w.overwrite(f.begin+1, stop, as) {
		w.changed = true
		w.d.removed(vector, "field", kit.ActionNeutralised, fieldName(instruction))
		w.retype(f.begin, end)
	}
}

// Instructions that show their result and do nothing: for text, and for pictures, around which some readers leave room
// for the marks of every field that they do not know, but of this one. Both have the type of the first in the table of
// fields, because readers look at the result of the second's type for shapes only.
const (
	quoteField = " QUOTE "
	shapeField = " SHAPE "
)

// pictured reports whether the result of a field, between two marks, is a picture and little else.
func (w *wordDocument) pictured(sep, end int) bool {
	const most = 64
	if end-sep > most {
		return false
	}
	for cp := sep + 1; cp < end; cp++ {
		if at, size := w.offset(cp); size > 0 && (w.main[at] == 1 || w.main[at] == 8) && (size == 1 || w.main[at+1] == 0) {
			return true
		}
	}
	return false
}

// overwrite replaces an instruction, and those of fields in it, by one that does nothing and has the same length; if
// there is no room for that, by blanks. It reports whether there was anything else.
func (w *wordDocument) overwrite(from, to int, text string) bool {
	done := false
	next := 0
	w.written += to - from
	for cp := from; cp < to; cp++ {
		at, size := w.offset(cp)
		if size == 0 {
			break
		}
		c := uint16(w.main[at])
		if size == 2 {
			c = binary.LittleEndian.Uint16(w.main[at:])
		}
		if c == fieldBegin || c == fieldSep || c == fieldEnd {
			next = len(text) // it must not go on behind another field
			continue
		}
		put := byte(' ')
		if next < len(text) && to-from >= len(text)-1 {
			put = text[next]
			next++
		}
		done = done || c != uint16(put)
		w.main[at] = put
		if size == 2 {
			w.main[at+1] = 0
		}
	}
	return done
}

// fieldName returns the first word of an instruction, for a report.
func fieldName(instruction string) string {
	words := strings.Fields(printable(instruction))
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// story is one of the texts that a document has one after the other, with the table of its fields.
type story struct{ count, pair int }

// stories are in the order of their texts: places of their lengths in the block, and of the tables of their fields.
var stories = []story{{0, pairFields}, {1, 18}, {2, 17}, {4, 19}, {5, 48}, {6, 57}, {7, 59}}

// Parts of the table of fields ([MS-DOC] 2.9.88 to 2.9.90).
const (
	fieldQuote  = 0x23
	fieldLocked = 0x10 // the result is not calculated anew
)

// retype makes a field a quote in the table of fields, which readers go by, and locks its result.
func (w *wordDocument) retype(begin, end int) {
	le := binary.LittleEndian
	base, counts := 0, fibTexts
	if w.old {
		counts = oldCounts
	}
	for _, s := range stories {
		n := int(le.Uint32(w.main[counts+4*s.count:]))
		if begin >= base+n {
			base += n
			continue
		}
		plc := w.pair(s.pair)
		if len(plc) < 4 {
			return
		}
		count := (len(plc) - 4) / 6
		entry := func(cp int, mark byte) []byte { // characters are in order
			i := sort.Search(count, func(i int) bool { return int(le.Uint32(plc[4*i:])) >= cp-base })
			at := 4*(count+1) + 2*i
			if i == count || int(le.Uint32(plc[4*i:])) != cp-base || plc[at]&0x1F != mark {
				return []byte{0, 0}
			}
			return plc[at : at+2]
		}
		entry(begin, fieldBegin)[1] = fieldQuote
		entry(end, fieldEnd)[1] |= fieldLocked
		return
	}
}

// tables takes what acts out of the table stream.
func (w *wordDocument) tables() {
	for _, t := range []struct {
		pair   int
		vector string
	}{
		{pairCmds, vectorToolbar},
		{pairMacros, vectorVBA},
		{pairPms, vectorMailMerge},
		{pairPmsNew, vectorMailMerge},
		{pairODSO, vectorMailMerge},
		{pairRoute, vectorRoute},
		{pairEnvelope, vectorRoute},
		{pairParts, vectorRemoteFile},
	} {
		b := w.pair(t.pair)
		if w.old && t.pair > pairPms && t.pair < pairPmsNew { // another order
			continue
		}
		if b == nil || t.pair == pairCmds && harmlessCommands(b) {
			continue
		}
		w.changed = true
		w.d.removed(t.vector, w.name, kit.ActionRemoved, "")
		clear(b)
		clear(w.pairBytes(t.pair))
	}
	if w.old {
		w.oldAssociated()
	} else {
		w.associated()
	}
}

// harmlessCommands reports whether a table of commands is empty: a version, and the mark of its end.
func harmlessCommands(b []byte) bool {
	return len(b) <= 2 || b[0] == 0xFF && b[1] == 0x40 && blank(b[2:])
}

// leadsAway reports whether a text beside the document is the name of a template, or of the data or the heads of a mail merge,
// that is somewhere else ([MS-DOC] 2.2.4).
func leadsAway(i int, text string) bool {
	return (i <= 1 || i == 8 || i == 9) && strings.ContainsAny(text, `/\:`)
}

// associated empties the names of the template and of the data of a mail merge, if they lead somewhere
// ([MS-DOC] 2.9.273).
func (w *wordDocument) associated() {
	b := w.pair(pairAssoc)
	le := binary.LittleEndian
	if len(b) < 6 || le.Uint16(b) != 0xFFFF {
		if bytes.ContainsAny(b, `/\:`) { // a table of the kind that Word had before
			w.changed = true
			w.d.removed(vectorTemplate, w.name, kit.ActionRemoved, "")
			clear(b)
			clear(w.main[fibPairs+2+8*pairAssoc:][:8])
		}
		return
	}
	out := bytes.Clone(b[:6])
	rest := b[6:]
	found := false
	for i := range int(le.Uint16(b[2:])) {
		if len(rest) < 2 {
			return
		}
		n := 2 + 2*int(le.Uint16(rest))
		if n > len(rest) {
			return
		}
		if leadsAway(i, utf16Text(rest[2:n])) {
			found = true
			w.d.removed(vectorTemplate, w.name, kit.ActionRemoved, "")
			out = append(out, 0, 0)
		} else {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	if !blank(rest) {
		found = true
		w.d.removed(vectorTrailing, w.name, kit.ActionRemoved, "")
	}
	if !found {
		return
	}
	w.changed = true
	clear(b)
	copy(b, out)
	le.PutUint32(w.pairBytes(pairAssoc)[4:], uint32(len(out))) //nolint:gosec // G115: shorter than before
}
