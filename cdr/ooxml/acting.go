package ooxml

import (
	"bytes"
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// What acts by its name only, or by an attribute: customizations that load a program, formulas outside of cells, addresses in
// places where no address is expected.

// startHyperlink looks at where in a document a link leads, and at the frame that it opens in: readers take both for an address
// if they look like one. In comments of workbooks, links have an address of their own.
func startHyperlink(w *walk, t *kit.XMLToken, _ *element) bool {
	for a := range t.Attrs {
		name, v := a.Local(), a.Value()
		switch {
		case v == "":
		case name == "url" && w.p.kind.family == familySheet && !kit.SafeLink(v):
			w.remove(vectorLink, "<hyperlink> url", kit.ActionNeutralised, v)
			return true
		case name == "location" && w.p.kind.family == familySheet && (!kit.SafePlace(v) || w.p.sheets.formulaVector(v) != ""),
			(name == "anchor" || name == "docLocation" || name == "tgtFrame") && w.p.kind.family == familyWord && !kit.SafePlace(v):
			w.remove(vectorLink, "<hyperlink> "+name, kit.ActionNeutralised, v)
			w.edits.cut(a.Start, a.End)
		}
	}
	return false
}

// startFormulaHolder judges formulas that are attributes: the text that a shape or a control shows, the limit of a colour scale,
// the range of a picture that follows cells, what a scenario puts into a cell.
func startFormulaHolder(w *walk, t *kit.XMLToken, _ *element) bool {
	element := t.Local()
	for a := range t.Attrs {
		name := a.Local()
		if !formulaAttributes[element+" "+name] {
			continue
		}
		v := w.p.sheets.formulaVector(strings.TrimLeft(a.Value(), "= \t"))
		switch {
		case v == "":
		case element == "cfvo":
			w.sheet.holder = v // the rule around it goes
		default:
			w.remove(v, "<"+element+"> "+name, kit.ActionNeutralised, a.Value())
			w.edits.replace(a.Start, a.End, " "+string(a.Name)+`=""`)
		}
	}
	return false
}

var formulaAttributes = map[string]bool{
	"sp textlink": true, "cameraTool cellRange": true, "cfvo val": true, "inputCells val": true, "cacheField formula": true, "calculatedItem formula": true,
	"controlPr linkedCell": true, "controlPr listFillRange": true, "formControlPr fmlaLink": true, "formControlPr fmlaRange": true, "formControlPr fmlaTxbx": true, "formControlPr fmlaGroup": true,
}

// startDataModel is about the workbook's list of the tables of its data model, which is gone; diagrams have one of their own.
func startDataModel(w *walk, _ *kit.XMLToken, _ *element) bool {
	if w.at != w.p.main {
		return false
	}
	w.remove(vectorModel, "<dataModel>", kit.ActionRemoved, "")
	return true
}

// startProperty is about the custom properties that name a program which Office loads with the document: the customization's
// manifest and the program that loads it (Visual Studio Tools for Office; [MS-OSHARED] knows them as any other property).
func startProperty(w *walk, t *kit.XMLToken, _ *element) bool {
	if !strings.Contains(w.at.mime, "custom-properties") {
		return false
	}
	name, _ := t.Attr("name")
	if !kit.LoadsProgram(name) {
		return false
	}
	w.remove(vectorExternal, "<property>", kit.ActionRemoved, name)
	return true
}

// startLinkList is about the list of a document's links among its properties: it goes if one is in it that may not stay.
func startLinkList(w *walk, t *kit.XMLToken, e *element) bool {
	if t.Kind == kit.XMLEmpty || !strings.Contains(w.at.mime, "extended-properties") {
		return false
	}
	e.end = func(w *walk, e *element, end *kit.XMLToken) {
		for _, m := range listedLink.FindAllSubmatch(w.data[e.tagEnd:end.Start], -1) {
			if v := kit.XMLUnescape(m[1]); !kit.SafePlace(v) {
				w.remove(vectorLink, "<HLinks>", kit.ActionRemoved, v)
				w.edits.cut(e.start, end.End)
				return
			}
		}
	}
	return false
}

var listedLink = pattern.MustCompile(`lpw?str[^>]*>([^<]*)<`)

// startAddress cuts an attribute that is an address which may not stay, or is fetched by who reads the element as its
// specification says: the provider of a signature line, annotations of ink, schemas in the schema of an XML map.
func startAddress(w *walk, t *kit.XMLToken, _ *element) bool {
	element := t.Local()
	for a := range t.Attrs {
		name, v := a.Local(), a.Value()
		fetched := element != "signatureline" && v != "" && !strings.HasPrefix(v, "#")
		if addressAttributes[element+" "+name] && (fetched || !kit.SafeLink(v)) {
			w.remove(vectorExternal, "<"+element+"> "+name, kit.ActionNeutralised, v)
			w.edits.cut(a.Start, a.End)
		}
	}
	return false
}

var addressAttributes = map[string]bool{
	"signatureline sigprovurl": true, "annotationXML href": true, "trace contextRef": true, "trace brushRef": true, "import schemaLocation": true, "redefine schemaLocation": true,
	"override schemaLocation": true, "include schemaLocation": true,
}

// activeStyle matches the style of a VML shape that fetches or runs; what is hidden by escapes or comments is taken for that.
var activeStyle = pattern.MustCompile(`(?i)url\s*\(|expression\s*\(|behaviou?r\s*:|-moz-binding|@import|script\s*:|/\*|\\[0-9a-z]`)

// actingData are the contents of custom XML that programs act upon, or that hide one.
var actingData = []struct {
	pattern *pattern.Pattern
	vector  string
}{
	{mashup, vectorMashup},
	// A form that Word loads with the document, from where this says.
	{pattern.MustCompile(`<(?:[A-Za-z0-9_.\-]+:)?xsnLocation(?:\s[^>]*)?>\s*[^<\s]`), vectorExternal},
	{pattern.MustCompile(`schemas\.microsoft\.com/office/(?:2006/01|2009/07)/customui`), vectorUI},
	{pattern.MustCompile(`urn:schemas-microsoft-com:xslt|<(?:[A-Za-z0-9_.\-]+:)?[sS][cC][rR][iI][pP][tT][\s/>]`), vectorScript},
	// In base64: a compound file, a program.
	{pattern.MustCompile(`0M8R4KGxGuE|TVqQAAMAAAAE`), vectorOLE},
}

// actsAsData says why a part of custom XML goes as a whole, "" if it stays.
func actsAsData(text []byte) string {
	for _, d := range actingData {
		if d.pattern.Match(text) {
			return d.vector
		}
	}
	return ""
}

// plumbing are the elements and attributes of the parts that hold types and relationships (ISO/IEC 29500-2).
var plumbing = map[string]bool{
	"Types": true, "Default": true, "Override": true, "Relationships": true, "Relationship": true,
	"Extension": true, "ContentType": true, "PartName": true, "Id": true, "Type": true, "Target": true, "TargetMode": true,
}

// tidy reports whether there is nothing in a part with types or relationships but these.
func (p *pack) tidy(at *part) bool {
	text, err := p.text(at)
	if err != nil {
		return true // who needs it says so
	}
	tidy := true
	err = kit.NewXML(text, p.job.Limits.XMLDepth).Each(p.ctx, func(t *kit.XMLToken, _ int) error {
		switch t.Kind {
		case kit.XMLStart, kit.XMLEmpty:
			tidy = tidy && plumbing[t.Local()]
			for a := range t.Attrs {
				name := string(a.Name)
				tidy = tidy && (plumbing[name] || strings.HasPrefix(name, "xmlns"))
			}
		case kit.XMLPI:
			tidy = tidy && string(t.Name) == "xml"
		case kit.XMLComment, kit.XMLDoctype, kit.XMLCDATA:
			tidy = false
		case kit.XMLText:
			tidy = tidy && len(bytes.TrimSpace(text[t.Start:t.End])) == 0
		case kit.XMLEnd:
		}
		return nil
	})
	return tidy || err != nil
}

// judgePlumbing has what is foreign in types and relationships not written, and takes out relationships that lead out of the
// package and that nothing refers to.
func (p *pack) judgePlumbing() error {
	if p.types != nil && !p.tidy(p.types) {
		p.removed(vectorUnknown, p.types.name, kit.ActionRemoved, "")
	}
	all := []*relations{&p.root}
	for _, at := range p.parts {
		if !at.drop {
			all = append(all, &at.rels)
		}
	}
	for _, rels := range all {
		if rels.part == nil {
			continue
		}
		if !p.tidy(rels.part) {
			rels.changed = true
			p.removed(vectorUnknown, rels.part.name, kit.ActionRemoved, "")
		}
		if err := p.judgeOrphans(rels); err != nil {
			return err
		}
	}
	return nil
}

// judgeOrphans takes out relationships of one part that lead out of the package, and to which the part does not refer.
func (p *pack) judgeOrphans(rels *relations) error {
	asked := map[string]bool{}
	for _, r := range rels.list {
		if !r.dead && !r.blank && (r.external || r.to == nil && r.target != "") && !p.isPlain(r) {
			asked[r.id] = false
		}
	}
	if len(asked) == 0 {
		return nil
	}
	if rels.owner != nil {
		if !p.isXML(rels.owner) || isSignature(rels.owner) {
			return nil
		}
		text, err := p.text(rels.owner)
		if err != nil {
			return nil //nolint:nilerr // the walk over it says what is wrong
		}
		mentioned(text, asked)
	}
	for _, r := range rels.list {
		if found, ok := asked[r.id]; ok && !found && !r.dead && !r.blank && !p.repeats(r) {
			r.dead = true
			p.removed(vectorOrphan, r.where(), kit.ActionRemoved, r.target)
		}
	}
	return nil
}

// repeats reports whether a link that a part does not use is one that the document itself uses: pandoc gives the part of the notes
// all links of the document, and nothing is in one that is not in the other.
func (p *pack) repeats(r *relation) bool {
	if r.short != "hyperlink" || p.job.Mode == kit.ModeRebuild || p.main == nil || !ownID.MatchString(r.id) {
		return false
	}
	if p.links == nil {
		p.links = map[string]bool{}
		ids := map[string]bool{}
		for _, o := range p.main.rels.list {
			if o.short == "hyperlink" && o.external && !o.dead && !o.blank {
				ids[o.id] = false
			}
		}
		text, err := p.text(p.main)
		if err != nil || bytes.Contains(text, []byte("&#")) {
			return false
		}
		mentioned(text, ids)
		for _, o := range p.main.rels.list {
			p.links[o.target] = p.links[o.target] || ids[o.id] && !o.dead
		}
	}
	return p.links[r.target]
}

// ownID matches ids as programs number them: one that nothing refers to could say anything.
var ownID = pattern.MustCompile(`^[A-Za-z]{1,6}[0-9]{1,9}$`)

// isPlain reports whether a relationship inside of the package is of a kind that the format knows: to a part that a writer left out.
func (p *pack) isPlain(r *relation) bool {
	return !r.external && knownRelation.MatchString(r.typ)
}

var knownRelation = pattern.MustCompile(`^http://(?:schemas\.openxmlformats\.org|purl\.oclc\.org/ooxml|schemas\.microsoft\.com)/`)

// mentioned marks the ids that stand between quotes in a text. In a text with references of characters all are taken to stand
// there: they may be written so.
func mentioned(text []byte, ids map[string]bool) {
	const most = 256 // bytes of an id
	if bytes.Contains(text, []byte("&#")) {
		for id := range ids {
			ids[id] = true
		}
		return
	}
	for pos := 0; ; {
		i := bytes.IndexAny(text[pos:], `"'`)
		if i < 0 {
			return
		}
		quote := text[pos+i]
		pos += i + 1
		if end := bytes.IndexByte(text[pos:min(pos+most, len(text))], quote); end >= 0 {
			if _, ok := ids[string(text[pos:pos+end])]; ok {
				ids[string(text[pos:pos+end])] = true
			}
		}
	}
}
