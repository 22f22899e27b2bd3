package ole

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"icapd/cdr/kit"
)

// workbook is one workbook stream at work. A file may have two: one for Excel 97 and one for Excel 95.
type workbook struct {
	*biff
	d       *document
	where   string // name of the stream
	changed bool

	books      []string        // by SUPBOOK: why it goes, "" if it stays
	externs    map[int]int     // by SUPBOOK: how many names it has so far
	fetching   map[[2]int]bool // SUPBOOK and number of the names that are functions which fetch something
	sheetBooks []int           // by sheet reference: the SUPBOOK

	sheets []string // by sheet reference (BIFF8: XTI, BIFF5: EXTERNSHEET): why it may not be used
	names  []name
	pivots bool // pivot tables lose their sources
	wanted string

	shared  map[uint32]string // shared formulas of the sheet at work that go, by their first cell
	resized bool              // the sheet at work has cells of another size: its index goes
}

// name is a defined name.
type name struct {
	rec    int
	text   string
	vector string // why it goes, "" if it stays
}

func disarmSheet(d *document) error {
	found := false
	pivots := false
	used := map[string]bool{}
	for _, e := range d.root.kids {
		if e.kind != kindStream || !among(e.name, "Workbook", "Book") {
			continue
		}
		found = true
		w, err := openWorkbook(d, e)
		if err != nil {
			return err
		}
		if err := w.disarm(); err != nil {
			return err
		}
		pivots = pivots || w.pivots
		w.caches(used)
		if w.changed {
			e.data = w.write()
		}
	}
	if !found {
		return kit.Unsupported("no workbook")
	}
	if pivots {
		d.root.drop(func(k *entry) bool { return strings.EqualFold(k.name, "_SX_DB_CUR") })
	}
	d.cutCaches(used)
	return d.ctx.Err()
}

func openWorkbook(d *document, e *entry) (*workbook, error) {
	b, err := readBIFF(e.data)
	if err != nil {
		return nil, err
	}
	w := &workbook{biff: b, d: d, where: e.name, externs: map[int]int{}, fetching: map[[2]int]bool{}}
	if slices.ContainsFunc(b.recs[:b.subs[0].to], isFilePass) {
		switch e.data, err = openBIFF(e.data, velvet); {
		case errors.Is(err, errXOR):
			return nil, kit.Encrypted("the workbook is obfuscated with a password (XOR, as before Excel 97)")
		case err != nil:
			return nil, kit.Encrypted("the workbook is encrypted")
		}
		if b, err = readBIFF(e.data); err != nil {
			return nil, err
		}
		w.biff = b
		w.gone(vectorPassword, "FILEPASS", kit.ActionNeutralised, "written in plain")
		w.cut(slices.IndexFunc(b.recs, isFilePass))
	}
	if !blank(e.data[b.tail:]) {
		w.gone(vectorTrailing, "behind the last sheet", kit.ActionRemoved, "")
	}
	return w, nil
}

func isFilePass(r record) bool { return r.op == recFilePass }

func (w *workbook) gone(vector, location, action, detail string) {
	w.changed = true
	w.d.removed(vector, w.where+"/"+location, action, detail)
}

// disarm looks at the globals first: formulas of sheets refer to what is there.
func (w *workbook) disarm() error {
	if err := w.boundSheets(); err != nil {
		return err
	}
	w.links()
	w.readNames()
	w.cutNames()
	for i := range w.subs {
		if err := w.d.ctx.Err(); err != nil {
			return err
		}
		w.substream(&w.subs[i])
	}
	if w.pivots {
		w.cutPivots()
	}
	return nil
}

// cut drops a record and those that continue it.
func (w *workbook) cut(i int) {
	w.recs[i].drop = true
	for k := i + 1; k < len(w.recs) && w.recs[k].op == recContinue; k++ {
		w.recs[k].drop = true
	}
}

// own returns a record's body as bytes that may be changed.
func (w *workbook) own(i int) []byte {
	w.changed = true
	w.recs[i].body = append([]byte(nil), w.recs[i].body...)
	return w.recs[i].body
}

// boundSheets makes worksheets of macro sheets and modules, in the table of sheets and in the sheets themselves.
func (w *workbook) boundSheets() error {
	le := binary.LittleEndian
	macro := map[int]bool{}
	for i := range w.recs {
		r := &w.recs[i]
		if r.op != recBoundSheet || len(r.body) < 8 {
			continue
		}
		k := w.find(int(le.Uint32(r.body)))
		if k < 0 || w.recs[k].op != recBOF {
			return kit.Corrupt("a sheet is not where the workbook says")
		}
		if t := r.body[5]; t == 1 || t == 6 {
			w.own(i)[5] = 0
			macro[k] = true
		}
	}
	for i := range w.subs {
		s := &w.subs[i]
		if macro[s.from] || s.kind == substreamMacro || s.kind == substreamModule {
			w.macroSheet(s)
		}
	}
	return nil
}

// errorName is #NAME? ([MS-XLS] 2.5.10 BErr): what programs show that do not have the functions of macros.
const errorName = 0x1D

// macroSheet makes a worksheet of a sheet of macros: what is calculated there goes, texts and numbers stay.
func (w *workbook) macroSheet(s *substream) {
	action := kit.ActionNeutralised
	module := s.kind == substreamModule
	if module {
		action = kit.ActionRemoved
	}
	w.gone(vectorXLM, "macro sheet", action, "")
	binary.LittleEndian.PutUint16(w.own(s.from)[2:], substreamSheet)
	s.kind = substreamSheet
	for i := s.from + 1; i < s.to; i++ {
		r := &w.recs[i]
		switch r.op {
		case recFormula:
			if len(r.body) >= 6 {
				r.op, r.body = recBoolErr, append(r.body[:6:6], errorName, 1)
				continue
			}
			r.drop = true
		case recShared, recArray, recTable, recString, recIntl, recIndex, recDBCell:
			r.drop = true
		case recEOF, recBOF:
		default:
			r.drop = r.drop || module
		}
	}
}

// links looks at references to other workbooks, DDE and OLE ([MS-XLS] 2.4.271, 2.4.105, 2.4.106).
func (w *workbook) links() {
	if !w.eight {
		w.oldLinks()
		return
	}
	bad := ""
	for i := range w.recs[:w.subs[0].to] {
		switch r := &w.recs[i]; r.op {
		case recSupBook:
			bad = supBookVector(r.body)
			w.books = append(w.books, bad)
			if bad != "" {
				w.gone(bad, "SUPBOOK", kit.ActionRemoved, "")
				w.cut(i)
				w.recs[i].drop = false
				w.recs[i].body = []byte{1, 0, 1, 0x3A} // add-in functions, of which there are none
			}
		case recExternName:
			w.externName(i, bad)
		case recXCT, recCRN:
			if bad != "" {
				w.cut(i)
			}
		case recExternSheet:
			if w.cutExternSheet(i) {
				w.externSheet(i)
			}
		}
	}
}

// supBookVector judges a SUPBOOK: this workbook itself and add-in functions stay.
func supBookVector(body []byte) string {
	if len(body) >= 4 {
		switch binary.LittleEndian.Uint16(body[2:]) {
		case 0x0401, 0x3A01:
			return ""
		}
	}
	// A DDE or OLE link is application and topic with 0x03 between them.
	if slices.Contains(body[min(len(body), 4):], 0x03) {
		return vectorDDE
	}
	return vectorBook
}

func (w *workbook) externName(i int, bad string) {
	body := w.recs[i].body
	if book := len(w.books); w.eight && book > 0 {
		w.externs[book-1]++
		if fetchingName(body) {
			w.fetching[[2]int{book - 1, w.externs[book-1]}] = true
		}
	}
	switch {
	case bad != "":
		w.cut(i)
	case len(body) >= 2 && body[0]&0x18 != 0: // DDE or OLE where there is no such link
		w.gone(vectorDDE, "EXTERNNAME", kit.ActionNeutralised, "")
		own := w.own(i)
		own[0], own[1] = 0, 0
	}
}

// fetchingName reports whether an EXTERNNAME is a function that fetches something and is newer than the format: it is
// written as if it were one of an add-in.
func fetchingName(body []byte) bool {
	const head = 6 // flags
	if len(body) < head {
		return false
	}
	_, text := (&formula{eight: true}).text(body[head:])
	name, ok := strings.CutPrefix(strings.ToLower(text), "_xlfn.")
	return ok && among(strings.TrimPrefix(name, "_xlws."), fetchingFunctions...)
}

func (w *workbook) externSheet(i int) {
	le := binary.LittleEndian
	body := w.recs[i].body
	if len(body) < 2 {
		return
	}
	body = body[2:]
	for at := 0; at+6 <= len(body); at += 6 {
		book := int(le.Uint16(body[at:]))
		vector := ""
		if book < len(w.books) {
			vector = w.books[book]
		}
		w.sheets = append(w.sheets, vector)
		w.sheetBooks = append(w.sheetBooks, book)
		if vector != "" {
			le.PutUint32(w.own(i)[2+at+2:], 0xFFFEFFFE) // no sheet
		}
	}
}

// oldLinks does the same for BIFF5, where the sheets themselves name the workbooks.
func (w *workbook) oldLinks() {
	bad := ""
	for i := range w.recs {
		switch r := &w.recs[i]; r.op {
		case recExternSheet:
			bad = ""
			if len(r.body) >= 2 {
				switch r.body[1] {
				case 0x02, 0x03, 0x04, 0x3A:
				default:
					bad = vectorBook
					if strings.IndexByte(string(r.body), 0x03) >= 0 {
						bad = vectorDDE
					}
				}
			}
			w.sheets = append(w.sheets, bad)
			if bad != "" {
				w.gone(bad, "EXTERNSHEET", kit.ActionRemoved, "")
				w.cut(i)
				w.recs[i].drop = false
				w.recs[i].body = []byte{1, 0x3A}
			}
		case recExternName:
			w.externName(i, bad)
		case recXCT, recCRN:
			if bad != "" {
				w.cut(i)
			}
		}
	}
}

func (w *workbook) formula() *formula {
	return &formula{
		eight: w.eight,
		extern: func(sheet, name int) string {
			if w.eight && sheet >= 0 && sheet < len(w.sheetBooks) && w.fetching[[2]int{w.sheetBooks[sheet], name}] {
				return vectorFormula
			}
			return ""
		},
		sheet: func(i int) string {
			if !w.eight { // counted from 1, negative for sheets of this workbook
				if i < 0 {
					i = -i
				}
				i--
			}
			if i >= 0 && i < len(w.sheets) {
				return w.sheets[i]
			}
			return ""
		},
		name: func(i int) string {
			if i >= 1 && i <= len(w.names) {
				return w.names[i-1].vector
			}
			return vectorFormula // there is no such name
		},
	}
}

// nameParts are the parts of a NAME record ([MS-XLS] 2.4.150).
type nameParts struct {
	flags uint16
	text  string
	code  []byte
}

func (w *workbook) nameParts(body []byte) (p nameParts, ok bool) {
	le := binary.LittleEndian
	if len(body) < 15 {
		return p, false
	}
	p.flags = le.Uint16(body)
	n, cce, from := int(body[3]), int(le.Uint16(body[4:])), 14
	if w.eight {
		from = 15
		if body[14]&1 != 0 {
			n *= 2
		}
	}
	if from+n+cce > len(body) {
		return p, false
	}
	p.text = latin(body[from : from+n])
	if w.eight && body[14]&1 != 0 {
		p.text = utf16Text(body[from : from+n])
	}
	p.code = body[from+n : from+n+cce]
	return p, true
}

func (w *workbook) readNames() {
	for i := range w.recs[:w.subs[0].to] {
		if w.recs[i].op != recName {
			continue
		}
		n := name{rec: i}
		if p, ok := w.nameParts(w.recs[i].body); ok {
			n.text = p.text
			n.vector = nameVector(p)
		} else {
			n.vector = vectorFormula
		}
		w.names = append(w.names, n)
	}
	// A name may be made of other names.
	f := w.formula()
	for again, rounds := true, 0; again && rounds < 16; rounds++ {
		again = false
		for i := range w.names {
			n := &w.names[i]
			if n.vector != "" {
				continue
			}
			if p, ok := w.nameParts(w.recs[n.rec].body); ok {
				if v := f.vector(p.code); v != "" {
					n.vector, again = v, true
				}
			}
		}
	}
}

const (
	nameFunction = 0x0002
	nameVBA      = 0x0004
	nameMacro    = 0x0008
	nameBuiltin  = 0x0020
)

// fetchingFunctions are functions newer than the format, which it writes as names.
var fetchingFunctions = []string{"WEBSERVICE", "FILTERXML", "RTD", "IMAGE", "STOCKHISTORY", "CALL", "REGISTER.ID", "EXEC"}

// nameVector judges a name by itself: names that run a macro when the workbook is opened, closed or turned to, and
// names of macros.
func nameVector(p nameParts) string {
	if p.flags&nameBuiltin != 0 {
		switch p.text {
		case "\x01", "\x02", "\x0A", "\x0B", "\x08":
			return vectorAutoMacro
		}
		return ""
	}
	fold := strings.ToLower(strings.TrimPrefix(strings.ToLower(p.text), "_xlnm."))
	for _, auto := range []string{"auto_open", "auto_close", "auto_activate", "auto_deactivate", "auto_exec", "autoopen", "autoclose"} {
		if strings.HasPrefix(fold, auto) {
			return vectorAutoMacro
		}
	}
	if rest, ok := strings.CutPrefix(fold, "_xlfn."); ok {
		if among(strings.TrimPrefix(rest, "_xlws."), fetchingFunctions...) {
			return vectorFormula
		}
		return ""
	}
	if p.flags&nameVBA != 0 || p.flags&nameMacro != 0 && p.flags&nameFunction == 0 && len(p.code) == 0 {
		return vectorMacroName
	}
	if p.flags&nameMacro != 0 {
		return vectorMacroName
	}
	return ""
}

// cutNames overwrites names that go: formulas count them, so that each stays as a hidden one that is an error.
func (w *workbook) cutNames() {
	for i := range w.names {
		n := &w.names[i]
		if n.vector == "" {
			continue
		}
		w.gone(n.vector, "NAME", kit.ActionRemoved, clean(n.text))
		w.cut(n.rec)
		w.recs[n.rec].drop = false
		text := fmt.Sprintf("_r%d", i+1)
		code := []byte{tokenError, errorRef}
		body := make([]byte, 14, 32)
		body[0] = 1                                         // hidden
		body[3], body[4] = byte(len(text)), byte(len(code)) //nolint:gosec // G115: a few bytes each
		if w.eight {
			body = append(body, 0)
		}
		w.recs[n.rec].body = append(append(body, text...), code...)
	}
}

// clean makes a name fit for a report.
func clean(s string) string { return strings.TrimSpace(printable(s)) }
