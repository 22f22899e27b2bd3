package ooxml

import (
	"bytes"
	"context"
	"encoding/base64"
	"maps"
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// disarm2003 cleans a document of Office 2003 in XML.
func disarm2003(ctx context.Context, job *kit.Job, text []byte, f family) ([]byte, error) {
	p := newPack(ctx, job)
	p.main = &part{name: "document", fold: "document"}
	p.kind.family = f
	p.old = true
	add := wordRules2003
	if f == familySheet {
		add = sheetRules2003
	}
	p.rules = maps.Clone(p.rules)
	maps.Copy(p.rules, add())
	plain, err := p.expand(p.main, text)
	if err != nil {
		return nil, err
	}
	out, err := p.cleanText(ctx, p.main, plain)
	if err != nil {
		return nil, err
	}
	if out == nil {
		out = p.main.plain
	}
	return out, p.oldError
}

func wordRules2003() map[string]rule {
	return map[string]rule{
		"wordDocument": {familyWord, startOldDocument},
		"binData":      {familyWord, startOldBinary},
		"docSuppData":  always(familyWord, vectorVBA),
		"docOleData":   always(familyWord, vectorOLE),
		"hlink":        {familyWord, startOldLink},
		"pict":         {familyWord, startOldPicture},
		"ocx":          always(familyWord, vectorActiveX),
		"recipients":   always(familyWord, vectorMerge),
		"altChunk":     always(familyWord, vectorAltChunk),
		"msAccessHTML": always(familyWord, vectorScript),
		"SmartTagType": {familyWord, startSmartTag},

		"saveThroughXSLT": always(familyWord, vectorExternal), "CustomDocumentProperties": {familyWord, startOldProperties},
	}
}

func sheetRules2003() map[string]rule {
	return map[string]rule{
		"Cell": {familySheet, startOldCell}, "A": {familySheet, startOldCell}, "NamedRange": {familySheet, startOldName},
		"SupBook": always(familySheet, vectorBook), "ExternName": always(familySheet, vectorBook), "DDELink": always(familySheet, vectorBook),
		"ExcelName": always(familySheet, vectorMacroName), "Macro": always(familySheet, vectorMacroName), "MacroSheet": always(familySheet, vectorXLM),
		"QueryTable": always(familySheet, vectorQuery), "QuerySource": always(familySheet, vectorData), "PublishObjects": always(familySheet, vectorPublish),
		"Connection": always(familySheet, vectorData), "binData": always(familySheet, vectorOLE),
		"f": {familySheet, startFormula}, "fmla": {familySheet, startFormula}, "Value": {familySheet, startFormula}, "Value1": {familySheet, startFormula},
		"Value2": {familySheet, startFormula}, "Min": {familySheet, startFormula}, "Max": {familySheet, startFormula},
		"FileName": {familySheet, startOldSource}, "DataSource": {familySheet, startOldSource}, "Binding": always(familySheet, vectorData),
		"WebQuery": always(familySheet, vectorQuery), "ConnectionInfo": always(familySheet, vectorData),
		"MacroName": always(familySheet, vectorMacroName), "OleLink": always(familySheet, vectorOLELink),
		"Script": always(familySheet, vectorScript), "script": always(familySheet, vectorScript),
		"SmartTagType": {familySheet, startSmartTag}, "CustomDocumentProperties": {familySheet, startOldProperties},
		"LocationOfComponents": {familySheet, startOldLocation},
	}
}

// startOldSource is about the book that a pivot table is made from: one by itself is the book that it stands in.
func startOldSource(w *walk, _ *kit.XMLToken, e *element) bool {
	from := e.tagEnd
	e.end = func(w *walk, e *element, end *kit.XMLToken) {
		if from > end.Start {
			return
		}
		if v := formulaText(w.data[from:end.Start]); strings.ContainsAny(v, `/\:|`) || !kit.SafePlace(v) {
			w.remove(vectorPivot, "<"+e.local+">", kit.ActionRemoved, v)
			w.edits.cut(e.start, end.End)
		}
	}
	return false
}

// startOldLocation is about the place that the program takes its components for the Web from: Excel wrote the drive that it was
// installed from, and another machine is none.
func startOldLocation(w *walk, t *kit.XMLToken, _ *element) bool {
	for a := range t.Attrs {
		if a.Local() == "HRef" && !installed.MatchString(a.Value()) {
			w.remove(vectorExternal, "<LocationOfComponents>", kit.ActionRemoved, a.Value())
			return true
		}
	}
	return false
}

// installed matches a folder of a drive.
var installed = pattern.MustCompile(`^(?i:(?:file:///)?[a-z]:[\\/][^:]*)?$`)

// startOldProperties is about the document's own properties, each an element of its name: they go if a program is loaded by one.
func startOldProperties(w *walk, t *kit.XMLToken, e *element) bool {
	if t.Kind == kit.XMLEmpty {
		return false
	}
	from := t.End
	e.end = func(w *walk, e *element, end *kit.XMLToken) {
		for _, m := range propertyName.FindAllSubmatch(w.data[from:end.Start], -1) {
			if kit.LoadsProgram(string(m[1])) {
				w.remove(vectorExternal, "<CustomDocumentProperties>", kit.ActionRemoved, string(m[1]))
				w.edits.cut(e.start, end.End)
				return
			}
		}
	}
	return false
}

var propertyName = pattern.MustCompile(`<(?:[^\s<>/:]{1,64}:)?([^\s<>/:]{1,256})`)

// startOldDocument takes back what the document says of itself: that there are macros and controls in it.
func startOldDocument(w *walk, t *kit.XMLToken, _ *element) bool {
	for a := range t.Attrs {
		switch a.Local() {
		case "macrosPresent", "embeddedObjPresent", "ocxPresent":
			if strings.EqualFold(a.Value(), "yes") {
				w.edits.replace(a.Start, a.End, " "+string(a.Name)+`="no"`)
				w.p.changed = true
			}
		}
	}
	return false
}

// startOldPicture makes the shape that shows an object the one of a picture, if the object goes.
func startOldPicture(w *walk, t *kit.XMLToken, e *element) bool {
	startFieldPicture(w, t, e)
	inField := e.end
	outer := w.oleMarks
	w.oleMarks = nil
	e.end = func(w *walk, e *element, end *kit.XMLToken) {
		if inField != nil {
			inField(w, e, end)
		}
		marks := w.oleMarks
		w.oleMarks = outer
		if e.gone == 0 {
			return
		}
		for _, s := range marks {
			w.edits.cut(s.from, s.to)
		}
	}
	return false
}

// oldObject are the attributes that the element of an object without content may have.
var oldObject = map[string]*pattern.Pattern{
	"Type": pattern.MustCompile(`^Embed$`), "ProgID": pattern.MustCompile(`^` + staticProgram + `$`), "ShapeID": pattern.MustCompile(`^[A-Za-z_0-9]{1,32}$`),
	"DrawAspect": pattern.MustCompile(`^(?:Content|Icon)$`), "ObjectID": pattern.MustCompile(`^_[0-9]{1,12}$`),
}

// oldFieldCodes matches what may be in the element: switches of the field that it stood in.
var oldFieldCodes = pattern.MustCompile(`^\s*(?:<o:WordFieldCodes>(?:\s*\\[a-z*]\s*)*</o:WordFieldCodes>)?\s*$`)

// startOldObject leaves an object without content and program: its data is in one piece for the whole document, which
// goes, and readers show the picture of an element of this name only as that of an object.
func startOldObject(w *walk, t *kit.XMLToken, e *element) bool {
	changed := false
	for a := range t.Attrs {
		name := a.Local()
		if allowed := oldObject[name]; allowed != nil && allowed.MatchString(a.Value()) {
			continue
		}
		changed = true
		switch name {
		case "Type":
			w.edits.replace(a.Start, a.End, " "+string(a.Name)+`="Embed"`)
		case "ProgID":
			w.edits.replace(a.Start, a.End, " "+string(a.Name)+`="`+staticProgram+`"`)
		default:
			w.edits.cut(a.Start, a.End)
		}
	}
	if changed {
		w.remove(vectorOLE, "<OLEObject>", kit.ActionNeutralised, "")
	}
	e.end = func(w *walk, e *element, end *kit.XMLToken) {
		if end.Kind == kit.XMLEnd && !oldFieldCodes.Match(w.data[e.tagEnd:end.Start]) {
			w.edits.cut(e.tagEnd, end.Start)
			w.remove(vectorOLE, "<OLEObject>", kit.ActionNeutralised, "")
		}
	}
	return false
}

// startOldBinary hands a picture to its handler; storages of macros and objects go.
func startOldBinary(w *walk, t *kit.XMLToken, e *element) bool {
	name := ""
	for a := range t.Attrs {
		if a.Local() == "name" {
			name = a.Value()
		}
	}
	if strings.HasSuffix(strings.ToLower(name), ".mso") {
		w.remove(vectorVBA, "<binData> "+name, kit.ActionRemoved, "")
		return true
	}
	e.end = func(w *walk, e *element, end *kit.XMLToken) {
		if w.p.oldError == nil && end.Kind == kit.XMLEnd {
			w.p.oldError = w.oldPicture(e, end, name)
		}
	}
	return false
}

func (w *walk) oldPicture(e *element, end *kit.XMLToken, name string) error {
	data, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(w.data[e.tagEnd:end.Start]), nil)))
	if err != nil {
		return kit.Corrupt("broken binary data: %w", err)
	}
	picture := &part{name: name, fold: strings.ToLower(name), mime: "image/x"}
	before := w.p.changed
	if err := w.p.content(w.ctx, picture, data); err != nil {
		return err
	}
	switch {
	case picture.drop:
		w.edits.cut(e.start, end.End)
	case picture.data != nil:
		w.edits.replace(e.tagEnd, end.Start, base64.StdEncoding.EncodeToString(picture.data))
	default:
		w.p.changed = before
	}
	return nil
}

func startOldLink(w *walk, t *kit.XMLToken, e *element) bool {
	for a := range t.Attrs {
		if a.Local() != "dest" {
			continue
		}
		if v := a.Value(); !kit.SafeLink(v) || w.p.job.Switches.Links == kit.ChoiceRemove && !strings.HasPrefix(v, "#") {
			w.remove(vectorLink, "<hlink>", kit.ActionNeutralised, v)
			e.unwrap = true
			return t.Kind == kit.XMLEmpty
		}
	}
	return false
}

func startOldCell(w *walk, t *kit.XMLToken, _ *element) bool {
	for a := range t.Attrs {
		switch v := a.Value(); a.Local() {
		case "Formula":
			if vector := w.p.sheets.formulaVector(strings.TrimPrefix(v, "=")); vector != "" {
				w.remove(vector, "<Cell> Formula", kit.ActionNeutralised, v)
				w.edits.cut(a.Start, a.End)
			}
		case "HRef":
			if !kit.SafeLink(v) {
				w.remove(vectorLink, "<Cell> HRef", kit.ActionNeutralised, v)
				w.edits.cut(a.Start, a.End)
			}
		}
	}
	return false
}

func startOldName(w *walk, t *kit.XMLToken, _ *element) bool {
	for a := range t.Attrs {
		v, vector := a.Value(), ""
		switch a.Local() {
		case "Name":
			if autoName.MatchString(v) {
				vector = vectorMacroName
			}
		case "RefersTo":
			vector = w.p.sheets.formulaVector(strings.TrimPrefix(v, "="))
		case "Function", "Macro":
			vector = vectorMacroName
		}
		if vector != "" {
			w.remove(vector, "<NamedRange>", kit.ActionRemoved, v)
			return true
		}
	}
	return false
}
