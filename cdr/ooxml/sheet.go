package ooxml

import (
	"bytes"
	"strconv"
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// workbook is what is known of a workbook before its parts are cleaned.
type workbook struct {
	gone

	queries   bool        // query tables or connections went
	renumber  map[int]int // old index of a sheet that stays, to its new one
	names     []definedName
	badNames  map[int]string // by their order in the workbook: the vector
	nameIndex int            // of the walk
	show      int            // sheet that must no longer be hidden, -1 if there is one that is not
	sheetAt   int            // of the walk
	formulas  bool           // a formula became a value
}

type definedName struct {
	name, text string
	local      int // -1 if global
	macro      bool
}

// autoName matches names that a workbook runs by itself.
var autoName = pattern.MustCompile(`(?i)^\s*(?:_xlnm\.)?auto_?(?:open|close|activate|deactivate|exec)`)

// planWorkbook finds out which sheets and names go.
func (p *pack) planWorkbook() error {
	s := &p.sheets
	s.known, s.goneSheets, s.goneNames = map[string]bool{}, map[string]bool{}, map[string]bool{}
	s.renumber, s.badNames, s.show = map[int]int{}, map[int]string{}, -1
	s.bookless = true
	for _, at := range p.parts {
		if !at.drop {
			s.bookless = s.bookless && !strings.Contains(at.mime, "externallink")
			continue
		}
		switch {
		case strings.Contains(at.mime, "externallink"):
			s.books = true
		case strings.Contains(at.mime, "connections"), strings.Contains(at.mime, "querytable"), strings.Contains(at.mime, "model+data"):
			s.data, s.queries = true, true
		}
	}
	if err := p.readWorkbook(); err != nil {
		return err
	}
	for range 4 { // names that refer to names
		before := len(s.badNames)
		for i, n := range s.names {
			if s.badNames[i] == "" {
				s.badNames[i] = s.nameVector(n)
			}
			if s.badNames[i] == "" {
				delete(s.badNames, i)
				continue
			}
			if !strings.HasPrefix(n.name, "_xlnm.") {
				s.goneNames[strings.ToLower(n.name)] = true
			}
		}
		if len(s.badNames) == before {
			break
		}
	}
	return nil
}

func (s *workbook) nameVector(n definedName) string {
	switch {
	case autoName.MatchString(n.name):
		return vectorMacroName
	case n.macro:
		return vectorMacroName
	}
	if n.local >= 0 {
		if _, ok := s.renumber[n.local]; !ok {
			return vectorMacroName
		}
	}
	return s.formulaVector(n.text)
}

// readWorkbook reads the lists of sheets and names.
func (p *pack) readWorkbook() error {
	s := &p.sheets
	text, err := p.text(p.main)
	if err != nil {
		return err
	}
	x := kit.NewXML(text, p.job.Limits.XMLDepth)
	list, from := sheetList{first: -1}, -1
	for {
		t, err := x.Next()
		if err != nil {
			break // the walk says what is wrong
		}
		switch {
		case (t.Kind == kit.XMLStart || t.Kind == kit.XMLEmpty) && t.Local() == "sheet":
			p.planSheet(&list, &t)
		case t.Kind == kit.XMLStart && t.Local() == "definedName":
			s.names = append(s.names, readName(&t))
			from = t.End
		case t.Kind == kit.XMLEnd && t.Local() == "definedName" && from >= 0:
			s.names[len(s.names)-1].text = formulaText(text[from:t.Start])
			from = -1
		}
	}
	switch {
	case len(s.goneSheets) == 0:
	case list.first < 0:
		return kit.Unsupported("a workbook of macro sheets only")
	case list.visible == 0:
		s.show = list.first
	}
	return nil
}

// sheetList counts the sheets of a workbook.
type sheetList struct{ total, visible, first int }

func (p *pack) planSheet(list *sheetList, t *kit.XMLToken) {
	s := &p.sheets
	name, _ := t.Attr("name")
	state, _ := t.Attr("state")
	fold := strings.ToLower(name)
	s.known[fold] = true
	if p.sheetDropped(t) {
		s.goneSheets[fold] = true
	} else {
		s.renumber[list.total] = len(s.renumber)
		if state == "" || state == "visible" {
			list.visible++
		}
		if list.first < 0 {
			list.first = list.total
		}
	}
	list.total++
}

func (p *pack) sheetDropped(t *kit.XMLToken) bool {
	for a := range t.Attrs {
		if strings.HasSuffix(string(a.Name), ":id") {
			if r := p.main.rels.byID[a.Value()]; r != nil && r.dead {
				return true
			}
		}
	}
	return false
}

func readName(t *kit.XMLToken) definedName {
	n := definedName{local: -1}
	for a := range t.Attrs {
		switch a.Local() {
		case "name":
			n.name = a.Value()
		case "localSheetId":
			if i, err := strconv.Atoi(strings.TrimSpace(a.Value())); err == nil {
				n.local = i
			}
		case "xlm", "vbProcedure", "function":
			v := strings.TrimSpace(a.Value())
			n.macro = n.macro || v == "1" || strings.EqualFold(v, "true")
		}
	}
	return n
}

// startSheet is about the workbook's entry of a sheet; deadIDs takes it out if the sheet is gone. A workbook in which
// nothing is to be seen does not open: the first sheet is shown then.
func startSheet(w *walk, t *kit.XMLToken, _ *element) bool {
	s := &w.p.sheets
	if w.at == w.p.main {
		if s.sheetAt == s.show {
			for a := range t.Attrs {
				if a.Local() == "state" {
					w.edits.cut(a.Start, a.End)
				}
			}
		}
		s.sheetAt++
	}
	return false
}

func startDefinedName(w *walk, t *kit.XMLToken, _ *element) bool {
	if w.at != w.p.main {
		return false
	}
	s := &w.p.sheets
	i := s.nameIndex
	s.nameIndex++
	if v := s.badNames[i]; v != "" {
		w.remove(v, "<definedName>", kit.ActionRemoved, s.names[i].name)
		return true
	}
	if len(s.goneSheets) == 0 {
		return false
	}
	for a := range t.Attrs {
		if a.Local() != "localSheetId" {
			continue
		}
		if now, ok := s.renumber[s.names[i].local]; ok && now != s.names[i].local {
			w.edits.replace(a.Start, a.End, ` localSheetId="`+strconv.Itoa(now)+`"`)
		}
	}
	return false
}

// startWorkbookView makes the tab that is shown first one that is there.
func startWorkbookView(w *walk, t *kit.XMLToken, _ *element) bool {
	s := &w.p.sheets
	if w.at != w.p.main || len(s.goneSheets) == 0 {
		return false
	}
	for a := range t.Attrs {
		if name := a.Local(); name == "activeTab" || name == "firstSheet" {
			old, _ := strconv.Atoi(strings.TrimSpace(a.Value()))
			w.edits.replace(a.Start, a.End, " "+name+`="`+strconv.Itoa(s.renumber[old])+`"`)
		}
	}
	return false
}

// sheetState is what is known of the worksheet that is walked.
type sheetState struct {
	holder string          // why the rule around the formula must go
	shared map[string]bool // indexes of shared formulas that went
	seen   map[string]bool // indexes of shared formulas that were kept so far
	again  bool            // one was kept whose first cell went
}

// startFormula judges the text of a formula; what becomes of it depends on where it stands.
func startFormula(w *walk, t *kit.XMLToken, e *element) bool {
	inCell := t.Local() == "f" && w.parentIs("c")
	if inCell && w.cellFormulaGoes(t) {
		return true
	}
	if t.Kind == kit.XMLEmpty {
		return false
	}
	si, _ := t.Attr("si")
	from := t.End
	e.end = func(w *walk, e *element, end *kit.XMLToken) {
		text := formulaText(w.data[from:end.Start])
		v := w.p.sheets.formulaVector(text)
		if v == "" {
			return
		}
		switch {
		case inCell:
			w.formulaGone(v, text)
			w.edits.cut(e.start, end.End)
			if si != "" {
				w.sheet.shared[si] = true
				w.sheet.again = w.sheet.again || w.sheet.seen[si]
			}
		case w.holds("cfRule") || w.holds("dataValidation") || w.holds("sparkline"):
			w.sheet.holder = v
		case e.local == "calculatedColumnFormula" || e.local == "totalsRowFormula":
			w.remove(v, "<"+e.local+">", kit.ActionRemoved, text)
			w.edits.cut(e.start, end.End)
		default:
			w.remove(v, "<"+e.local+">", kit.ActionNeutralised, text)
			w.edits.replace(from, end.Start, "#REF!")
		}
	}
	return false
}

// cellFormulaGoes judges what the tag of a cell's formula says, and reports whether the formula goes for it.
func (w *walk) cellFormulaGoes(t *kit.XMLToken) bool {
	for _, name := range []string{"r1", "r2"} { // the cells that a table of values is calculated from
		if v, _ := t.Attr(name); v != "" && !oneCell.MatchString(v) {
			w.formulaGone(vectorFormula, v)
			return true
		}
	}
	if typ, _ := t.Attr("t"); typ == "shared" {
		if si, ok := t.Attr("si"); ok && w.sheet.shared[si] {
			w.formulaGone(vectorFormula, "")
			return true
		} else if ok && t.Kind == kit.XMLEmpty {
			w.sheet.seen[si] = true
		}
	}
	return false
}

// oneCell matches the place of a cell.
var oneCell = pattern.MustCompile(`^\s*\$?[A-Za-z]{1,3}\$?[0-9]{1,7}\s*$`)

// startPlainFormula is about formulas of sheets, and of charts in any document.
func startPlainFormula(w *walk, t *kit.XMLToken, e *element) bool {
	if w.p.kind.family != familySheet && !strings.Contains(w.at.mime, "chart") {
		return false
	}
	return startFormula(w, t, e)
}

// formulaText is the text between a formula's tags.
func formulaText(raw []byte) string {
	if bytes.IndexByte(raw, '<') < 0 {
		return kit.XMLUnescape(raw)
	}
	return elementText([]byte("<f>" + string(raw) + "</f>"))
}

func (w *walk) formulaGone(vector, text string) {
	w.p.sheets.formulas = true
	w.remove(vector, "formula", kit.ActionNeutralised, text)
}

func (w *walk) parentIs(local string) bool {
	p := w.parent(1)
	return p != nil && p.is(w, local)
}

func (w *walk) holds(local string) bool {
	for n := 1; n <= 3; n++ {
		if p := w.parent(n); p != nil && p.is(w, local) {
			return true
		}
	}
	return false
}

// startRuleHolder takes a rule out whose formula must not stay.
func startRuleHolder(w *walk, t *kit.XMLToken, e *element) bool {
	if t.Kind == kit.XMLEmpty {
		return false
	}
	w.sheet.holder = ""
	e.end = func(w *walk, e *element, end *kit.XMLToken) {
		if w.sheet.holder == "" {
			return
		}
		w.remove(w.sheet.holder, "<"+e.local+">", kit.ActionRemoved, "")
		w.sheet.holder = ""
		w.edits.cut(e.start, end.End)
		if p := w.parent(1); p != nil {
			p.gone++
		}
	}
	return false
}

// startTable cuts what ties a table to a query that is no longer there.
func startTable(w *walk, t *kit.XMLToken, _ *element) bool {
	if !w.p.sheets.queries {
		return false
	}
	for a := range t.Attrs {
		switch name := a.Local(); {
		case name == "connectionId", name == "queryTableFieldId",
			name == "tableType" && strings.EqualFold(strings.TrimSpace(a.Value()), "queryTable"):
			w.edits.cut(a.Start, a.End)
			w.p.changed = true
		}
	}
	return false
}

// startSheetObject keeps embedded documents that were disarmed, and drops links and all other objects. What showed an
// object is a shape of the sheet's VML drawing, which programs draw without an object, too.
func startSheetObject(w *walk, t *kit.XMLToken, _ *element) bool {
	linked := false
	for a := range t.Attrs {
		switch {
		case a.Local() == "link":
			linked = true
		case w.isRelationAttr(&a):
			if r := w.at.rels.byID[a.Value()]; r != nil && !r.dead && r.to != nil && !linked {
				w.plainProgram(t)
				return false
			}
		}
	}
	w.remove(vectorOLE, "<oleObject>", kit.ActionNeutralised, "")
	return true
}

// afterSheets drops the calculation chain when a formula went: it lists cells that have one, and is built anew.
func (p *pack) afterSheets() error {
	if !p.sheets.formulas {
		return nil
	}
	for _, at := range p.parts {
		if !at.drop && strings.Contains(at.mime, "calcchain") {
			at.drop = true
			p.killTo(at)
		}
	}
	return nil
}
