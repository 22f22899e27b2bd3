package ooxml

import (
	"bytes"
	"strings"
	"sync"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// rule is what is done about an element, by its local name: prefixes are the writer's choice. It returns true if the
// element goes with all that is inside of it.
type rule struct {
	family family // of documents in which it counts; familyOther: in all
	start  func(w *walk, t *kit.XMLToken, e *element) bool
}

func (r *rule) applies(w *walk, local []byte) bool {
	if strings.HasPrefix(w.at.fold, "customxml/") { // a vocabulary of its own
		return string(local) == "include"
	}
	return r.family == familyOther || r.family == w.p.kind.family
}

// always is a rule for an element that never stays.
func always(family family, vector string) rule {
	return rule{family, func(w *walk, t *kit.XMLToken, _ *element) bool {
		w.remove(vector, "<"+t.Local()+">", kit.ActionRemoved, "")
		return true
	}}
}

// common are the rules of all packages, and the names that have some, by family. To make them takes longer than to read a
// small document, of which a message may have a thousand.
var common struct {
	once  sync.Once
	rules map[string]rule
	named [familyXPS + 1][2]*kit.NameSet
}

func commonRules() map[string]rule {
	common.once.Do(func() {
		common.rules = ruleTable()
		for f := range common.named {
			common.named[f] = namesOf(common.rules, family(f), false)
		}
	})
	return common.rules
}

// namesOf returns the names that have rules in documents of a family, and those without the rules that only count inside of a
// field.
func namesOf(rules map[string]rule, f family, old bool) (named [2]*kit.NameSet) {
	named = [2]*kit.NameSet{{}, {}}
	for name, r := range rules {
		if r.family != familyOther && r.family != f {
			continue
		}
		named[0].Add(name)
		if old || !inField[name] {
			named[1].Add(name)
		}
	}
	return named
}

// ruled returns what namesOf says of this document.
func (p *pack) ruled() (all, quiet *kit.NameSet) {
	switch {
	case !p.old:
		return common.named[p.kind.family][0], common.named[p.kind.family][1]
	case p.named[0] == nil:
		p.named = namesOf(p.rules, p.kind.family, true)
	}
	return p.named[0], p.named[1]
}

// inField are the elements whose rules do nothing as long as no field is open; documents of Office 2003 have others.
var inField = map[string]bool{"t": true, "delText": true, "drawing": true, "pict": true, "p": true, "br": true, "cr": true, "tab": true}

// ruleTable returns the rules by local name.
func ruleTable() map[string]rule {
	return map[string]rule{
		"hlinkClick": {familyOther, startAction}, "hlinkHover": {familyOther, startAction}, "hlinkMouseOver": {familyOther, startAction},
		"snd":            {familyOther, startSound},
		"blip":           {familyOther, startBlip},
		"svgBlip":        {familyOther, startBlip},
		"imagedata":      {familyOther, startVMLImage},
		"fill":           {familyOther, startVMLImage},
		"stroke":         {familyOther, startVMLImage},
		"shape":          {familyOther, startShape},
		"OLEObject":      {familyOther, startOLEObject},
		"FmlaMacro":      always(familyOther, vectorMacroRef),
		"FmlaPict":       {familyOther, startFormula}, // what the picture shows
		"FmlaLink":       {familyOther, startFormula},
		"FmlaRange":      {familyOther, startFormula},
		"FmlaTxbx":       {familyOther, startFormula},
		"ScriptText":     always(familyOther, vectorScript),
		"ScriptExtended": always(familyOther, vectorScript),
		"ScriptLocation": always(familyOther, vectorScript),
		"HyperlinkBase":  {familyOther, startHyperlinkBase},
		"include":        {familyOther, startInclude},
		"FmlaGroup":      {familyOther, startFormula},
		"import":         {familySheet, startAddress}, "redefine": {familySheet, startAddress}, "override": {familySheet, startAddress},
		"signatureline": {familyOther, startAddress}, "annotationXML": {familyOther, startAddress}, "trace": {familyOther, startAddress},
		"hyperlink": {familyOther, startHyperlink}, "property": {familyOther, startProperty}, "HLinks": {familyOther, startLinkList},

		"smartTagType":     {familyOther, startSmartTag},
		"AlternateContent": {familyOther, startAlternate}, "Fallback": {familyOther, startFallback},

		"fldSimple": {familyWord, startFieldSimple}, "fldChar": {familyWord, startFieldChar},
		"instrText": {familyWord, startFieldText}, "delInstrText": {familyWord, startFieldText},
		"t": {familyOther, startRunText}, "delText": {familyWord, startFieldText},
		"drawing": {familyWord, startFieldPicture}, "pict": {familyWord, startFieldPicture}, "object": {familyWord, startObject},
		"del": {familyWord, startDeleted}, "moveFrom": {familyWord, startDeleted},
		"altChunk":         {familyWord, startAltChunk},
		"attachedTemplate": always(familyWord, vectorTemplate),
		"subDoc":           always(familyWord, vectorSubDoc),
		"frameset":         always(familyWord, vectorFrame),
		"mailMerge":        always(familyWord, vectorMerge),
		"objectLink":       always(familyWord, vectorOLELink),
		"objectEmbed":      {familyWord, startOLEObject},
		"movie":            always(familyWord, vectorMedia),
		"scriptAnchor":     always(familyWord, vectorScript),
		"applet":           always(familyWord, vectorScript),
		"webVideoPr":       always(familyOther, vectorMedia), // a frame of a web page
		"schemaLibrary":    always(familyWord, vectorExternal),
		"entryMacro":       always(familyWord, vectorMacroRef),
		"exitMacro":        always(familyWord, vectorMacroRef),
		"saveThroughXslt":  always(familyWord, vectorExternal),
		"p":                {familyWord, startBreak},
		"br":               {familyWord, startBreak},
		"cr":               {familyWord, startBreak},
		"tab":              {familyWord, startBreak},
		"control":          {familyOther, startControl},

		"f": {familyOther, startPlainFormula}, "controlPr": {familySheet, startFormulaHolder}, "formula": {familySheet, startFormula}, "formula1": {familySheet, startFormula},
		"formula2": {familySheet, startFormula}, "calculatedColumnFormula": {familySheet, startFormula},
		"totalsRowFormula": {familySheet, startFormula}, "cfRule": {familySheet, startRuleHolder},
		"dataValidation": {familySheet, startRuleHolder}, "sparkline": {familySheet, startRuleHolder},
		"definedName": {familySheet, startDefinedName}, "workbookView": {familySheet, startWorkbookView},
		"sheet": {familySheet, startSheet}, "oleObject": {familySheet, startSheetObject},
		"table": {familySheet, startTable}, "tableColumn": {familySheet, startTable},
		"webPublishItems": always(familySheet, vectorPublish), "webPublishObjects": always(familySheet, vectorPublish), "DataBinding": always(familySheet, vectorData),
		"ddeLink": always(familySheet, vectorBook), "oleLink": always(familySheet, vectorBook), "externalBook": always(familySheet, vectorBook),
		"volType": always(familySheet, vectorData), "Schema": {familySheet, startSchema}, "formControlPr": {familySheet, startFormControl},
		"sp": {familySheet, startFormulaHolder}, "cameraTool": {familySheet, startFormulaHolder}, "cfvo": {familySheet, startFormulaHolder},
		"inputCells": {familySheet, startFormulaHolder}, "cacheField": {familySheet, startFormulaHolder}, "calculatedItem": {familySheet, startFormulaHolder},
		"sqref": {familySheet, startFormula}, "dataModel": {familySheet, startDataModel},
		"dbPr": always(familySheet, vectorData), "webPr": always(familySheet, vectorData), "connection": always(familySheet, vectorData),

		"graphicFrame": {familySlide, startFrame}, "oleObj": {familySlide, startSlideObject}, "link": {familySlide, startSlideLink}, "pic": {familySlide, startPicture},
		"spTree": {familySlide, startTree}, "timing": {familySlide, startTiming}, "cmd": {familySlide, startCommand}, "xfrm": {familySlide, startTransform},
		"cNvPr": {familySlide, startNonVisual}, "controls": {familySlide, startControls},

		"rsids": {familyWord, startStripped}, "absPath": {familySheet, startStripped}, "author": {familySheet, startAuthor},

		"Path": {familyXPS, startPageElement}, "Glyphs": {familyXPS, startPageElement}, "Canvas": {familyXPS, startPageElement},
		"ImageBrush": {familyXPS, startPageElement}, "ResourceDictionary": {familyXPS, startPageElement},
		"DocumentReference": {familyXPS, startPageElement}, "PageContent": {familyXPS, startPageElement}, "FixedPage": {familyXPS, startPageElement},

		"Cell": {familyVisio, startCell}, "EventItem": {familyVisio, startEvent}, "DataConnections": always(familyVisio, vectorData),
		"AttachedToolbars": always(familyVisio, vectorToolbar), "CustomMenusFile": always(familyVisio, vectorToolbar), "CustomToolbarsFile": always(familyVisio, vectorToolbar),
	}
}

// deadIDs decides about an element that points to a relationship that is not written.
func (w *walk) deadIDs(t *kit.XMLToken, e *element) bool {
	for a := range t.Attrs {
		r := w.at.rels.byID[string(a.Raw)]
		if r == nil && bytes.IndexByte(a.Raw, '&') >= 0 {
			r = w.at.rels.byID[a.Value()]
		}
		if r == nil || !r.dead && !r.blank || !w.isRelationAttr(&a) {
			continue
		}
		if r.blank {
			r.used = r.used || a.Local() != "link" && a.Local() != "href"
			continue
		}
		switch name := t.Local(); name {
		case "hyperlink":
			if w.p.kind.family == familySheet {
				return true
			}
			e.unwrap = true
			if t.Kind == kit.XMLEmpty {
				return true
			}
		case "oleObj", "control":
			return w.p.kind.family != familySlide
		case "pageSetup", "csPageSetup":
			w.edits.cut(a.Start, a.End)
		case "webextensionref":
			if w.frame != nil {
				w.frame.dead = true
			}
			return true
		default:
			return true
		}
	}
	return false
}

// attributes looks at what any element may carry; what it looks for is in watched, too.
func (w *walk) attributes(t *kit.XMLToken, raw []byte) {
	if bytes.Contains(raw, []byte("href")) || bytes.Contains(raw, []byte("src")) || bytes.Contains(raw, []byte("movie")) {
		w.addresses(t)
	}
	if w.strip {
		w.anonymise(t)
	}
	if w.hasVML {
		w.handlers(t)
	}
	if !w.hasMacro || !bytes.Contains(raw, []byte("macro")) {
		return
	}
	for a := range t.Attrs {
		if string(a.Name) == "macro" && strings.TrimSpace(a.Value()) != "" {
			w.remove(vectorMacroRef, "<"+t.Local()+">", kit.ActionNeutralised, a.Value())
			w.edits.cut(a.Start, a.End)
		}
	}
}

// unnamed is for where no element has a rule.
var unnamed kit.NameSet

// watched are the attributes that any element may have and that are looked at, by local name.
var watched = func() (n kit.NameSet) {
	for _, name := range []string{"href", "src", "althref", "movie", "macro", "base", "style", "tgtFrame"} {
		n.Add(name)
	}
	return n
}()

// handlers cuts the scripts of VML shapes, which are those of HTML.
func (w *walk) handlers(t *kit.XMLToken) {
	for a := range t.Attrs {
		if a.Name[0]|0x20 == 'o' && handler.Match(a.Name) || string(a.Name) == "style" && activeStyle.MatchString(a.Value()) {
			w.remove(vectorScript, "<"+t.Local()+">", kit.ActionNeutralised, a.Local())
			w.edits.cut(a.Start, a.End)
		}
	}
}

var handler = pattern.MustCompile(`(?i)^on(?:click|dblclick|mouse[a-z]+|key[a-z]+|load|unload|error|focus[a-z]*|blur|change|select[a-z]*|drag[a-z]*|scroll|resize[a-z]*|submit|reset|abort)$`)

// addresses cuts what VML shapes link to, or take their pictures from.
func (w *walk) addresses(t *kit.XMLToken) {
	for a := range t.Attrs {
		switch name := a.Local(); {
		case name != "href" && name != "src" && name != "althref" && name != "movie" || w.isRelationAttr(&a):
		case name == "href" && t.Local() != "imagedata" && t.Local() != "fill" && t.Local() != "stroke":
			if v := a.Value(); !kit.SafeLink(v) || w.p.job.Switches.Links == kit.ChoiceRemove && !strings.HasPrefix(v, "#") {
				w.remove(vectorLink, "<"+t.Local()+"> href", kit.ActionNeutralised, v)
				w.edits.cut(a.Start, a.End)
			}
		default:
			// Documents of Office 2003 name the pictures that they hold by such addresses.
			if v := a.Value(); v != "" && !strings.HasPrefix(v, "#") && (!w.p.old || !strings.HasPrefix(v, "wordml://")) {
				w.remove(vectorImage, "<"+t.Local()+"> "+name, kit.ActionNeutralised, v)
				w.edits.cut(a.Start, a.End)
			}
		}
	}
}

// localAction matches what a click on a slide may do: show another one, or nothing.
var localAction = pattern.MustCompile(`(?i)^\s*(?:ppaction://(?:hlinksldjump|hlinkshowjump|customshow|noaction)(?:\?[a-z0-9_=&%;\-]*)?)?\s*$`)

func startAction(w *walk, t *kit.XMLToken, _ *element) bool {
	if bad, ok := t.Attr("invalidUrl"); ok && bad != "" && !kit.SafeLink(bad) { // kept for people to mend
		w.remove(vectorLink, "<"+t.Local()+">", kit.ActionNeutralised, bad)
		return true
	}
	for a := range t.Attrs {
		if v := a.Value(); string(a.Name) == "tgtFrame" && !kit.SafePlace(v) {
			w.remove(vectorLink, "<"+t.Local()+"> tgtFrame", kit.ActionNeutralised, v)
			w.edits.cut(a.Start, a.End)
		}
	}
	action, ok := t.Attr("action")
	media := strings.EqualFold(strings.TrimSpace(action), "ppaction://media") && !w.hasRelation(t) && !w.lostMedia()
	if !ok || media || localAction.MatchString(action) {
		return false
	}
	w.remove(vectorAction, "<"+t.Local()+">", kit.ActionNeutralised, action)
	return true
}

// hasRelation reports whether an element points to a relationship.
func (w *walk) hasRelation(t *kit.XMLToken) bool {
	for a := range t.Attrs {
		if len(a.Raw) > 0 && w.isRelationAttr(&a) {
			return true
		}
	}
	return false
}

// startSound is about the sound of a click; the one of a slide's transition is media like any other.
func startSound(w *walk, t *kit.XMLToken, _ *element) bool {
	if p := w.parent(1); p == nil || !bytes.HasPrefix(p.rawName(w), []byte("hlink")) {
		return false
	}
	w.remove(vectorAction, "<snd>", kit.ActionRemoved, "")
	return true
}

// startBlip gives a picture that is elsewhere a blank one, or leaves the copy that is here.
func startBlip(w *walk, t *kit.XMLToken, _ *element) bool {
	var link, embed *kit.XMLAttr
	for a := range t.Attrs {
		if !w.isRelationAttr(&a) {
			continue
		}
		switch a.Local() {
		case "link":
			link = &a
		case "embed":
			embed = &a
		}
	}
	if link == nil {
		return false
	}
	r := w.at.rels.byID[link.Value()]
	if r == nil || !r.blank {
		return false
	}
	if t.Local() == "svgBlip" {
		return embed == nil
	}
	if embed != nil && len(embed.Raw) > 0 {
		w.edits.cut(link.Start, link.End)
		return false
	}
	if embed != nil {
		w.edits.cut(embed.Start, embed.End)
	}
	r.used = true
	w.edits.replace(link.Start, link.End, " "+strings.TrimSuffix(string(link.Name), "link")+`embed="`+escape(r.id)+`"`)
	return false
}

// startVMLImage does the same for VML, where the copy has r:id and the source r:href.
func startVMLImage(w *walk, t *kit.XMLToken, _ *element) bool {
	var href, id *kit.XMLAttr
	for a := range t.Attrs {
		if !w.isRelationAttr(&a) {
			continue
		}
		switch a.Local() {
		case "href":
			href = &a
		case "id", "pict", "relid":
			id = &a
		}
	}
	if href == nil {
		return false
	}
	r := w.at.rels.byID[href.Value()]
	switch {
	case r == nil || !r.blank && !r.dead:
	case id != nil && len(id.Raw) > 0:
		w.edits.cut(href.Start, href.End)
	default:
		r.used = true
		w.edits.replace(href.Start, href.End, " "+strings.TrimSuffix(string(href.Name), "href")+`id="`+escape(r.id)+`"`)
	}
	return false
}

// startObject makes an object that went a picture: what is left in it is the shape that showed the object.
func startObject(w *walk, t *kit.XMLToken, e *element) bool {
	startFieldPicture(w, t, e)
	inField := e.end
	outer := w.oleMarks
	w.oleMarks = nil
	name := string(t.Name)
	e.end = func(w *walk, e *element, end *kit.XMLToken) {
		if inField != nil {
			inField(w, e, end)
		}
		marks := w.oleMarks
		w.oleMarks = outer
		if e.gone == 0 || end.Kind != kit.XMLEnd {
			return
		}
		pict := strings.TrimSuffix(name, "object") + "pict"
		var declared strings.Builder
		for _, b := range w.ns[e.ns:] {
			declared.WriteString(" " + b.raw)
		}
		w.edits.replace(e.start, e.tagEnd, "<"+pict+declared.String()+">")
		w.edits.replace(end.Start, end.End, "</"+pict+">")
		for _, s := range marks {
			w.edits.cut(s.from, s.to)
		}
	}
	return false
}

// startShape notes the attribute by which a shape says that it shows an object, and makes check boxes of controls on
// sheets.
func startShape(w *walk, t *kit.XMLToken, e *element) bool {
	if w.p.kind.family == familySheet {
		return startSheetShape(w, t, e)
	}
	for a := range t.Attrs {
		if string(a.Name) == "o:ole" {
			w.oleMarks = append(w.oleMarks, span{a.Start, a.End})
		}
	}
	return false
}

// startSchema takes the address from the schema of an XML map: what it says is in the element.
func startSchema(w *walk, t *kit.XMLToken, _ *element) bool {
	for a := range t.Attrs {
		if a.Local() == "SchemaRef" {
			w.remove(vectorData, "<Schema> "+string(a.Name), kit.ActionNeutralised, a.Value())
			w.edits.cut(a.Start, a.End)
		}
	}
	return false
}

// startFormControl takes the macro from a control on a sheet.
func startFormControl(w *walk, t *kit.XMLToken, _ *element) bool {
	w.cutAttr(t, "fmlaMacro", vectorMacroRef)
	return startFormulaHolder(w, t, nil)
}

// startCommand makes a command of an animation nothing, unless it plays the media of its slide: verbs of objects and
// calls of what stands on the slide are commands too.
func startCommand(w *walk, t *kit.XMLToken, _ *element) bool {
	for a := range t.Attrs {
		if a.Local() == "cmd" && a.Value() != "" && !playback.MatchString(a.Value()) {
			w.edits.replace(a.Start, a.End, ` cmd=""`)
			w.remove(vectorMedia, "<cmd>", kit.ActionNeutralised, "")
		}
	}
	return false
}

var playback = pattern.MustCompile(`^(?:play|pause|stop|resume|togglePause|onstopaudio|(?:playFrom|seekTo|seek)\([0-9.]*\))$`)

// startOLEObject keeps objects whose document could be disarmed. Pictures of the others are beside it, and stay.
func startOLEObject(w *walk, t *kit.XMLToken, e *element) bool {
	if w.p.old && w.p.job.Mode != kit.ModeRebuild {
		return startOldObject(w, t, e)
	}
	typ, _ := t.Attr("Type")
	for a := range t.Attrs {
		if r := w.at.rels.byID[a.Value()]; r != nil && w.isRelationAttr(&a) && !r.dead && r.to != nil && !strings.EqualFold(strings.TrimSpace(typ), "link") {
			if r.isStatic() {
				w.inert(t)
			} else {
				w.plainProgram(t)
			}
			return false
		}
	}
	w.remove(vectorOLE, "<OLEObject>", kit.ActionNeutralised, "")
	return true
}

// plainProgram makes the program's name of an embedded document that of the kind without macros.
func (w *walk) plainProgram(t *kit.XMLToken) {
	for a := range t.Attrs {
		name := a.Local()
		if name != "ProgID" && name != "progId" {
			continue
		}
		v := a.Value()
		plain := macroProgram.ReplaceAllString(v, "")
		if plain != v {
			w.edits.replace(a.Start, a.End, " "+string(a.Name)+`="`+escape(plain)+`"`)
		}
	}
}

var macroProgram = pattern.MustCompile(`(?i)MacroEnabled`)

func startControl(w *walk, _ *kit.XMLToken, _ *element) bool {
	if w.p.kind.family != familyWord {
		return false
	}
	w.remove(vectorActiveX, "<control>", kit.ActionNeutralised, "")
	return true
}

// startSmartTag takes the address from a smart tag: where to get the program for what is marked.
func startSmartTag(w *walk, t *kit.XMLToken, _ *element) bool {
	for a := range t.Attrs {
		if a.Local() == "url" {
			w.remove(vectorExternal, "<smartTagType>", kit.ActionNeutralised, a.Value())
			w.edits.cut(a.Start, a.End)
		}
	}
	return false
}

// startInclude is about what readers of XML put another file in the place of (XInclude), in parts of any vocabulary.
func startInclude(w *walk, t *kit.XMLToken, _ *element) bool {
	space := w.namespace(t.Prefix())
	if w.p.kind.family == familySheet && strings.HasSuffix(space, "/XMLSchema") {
		return startAddress(w, t, nil)
	}
	if !strings.Contains(space, "www.w3.org/2001/XInclude") {
		return false
	}
	w.remove(vectorExternal, "<"+string(t.Name)+">", kit.ActionRemoved, "")
	return true
}

func startHyperlinkBase(_ *walk, _ *kit.XMLToken, e *element) bool {
	from := e.tagEnd
	e.end = func(w *walk, e *element, t *kit.XMLToken) {
		if from > t.Start {
			return
		}
		if v := kit.XMLUnescape(w.data[from:t.Start]); !kit.SafeLink(v) {
			w.remove(vectorBase, "<HyperlinkBase>", kit.ActionRemoved, v)
			w.edits.cut(e.start, t.End)
		}
	}
	return false
}

// startAlternate unwraps the fallback when all choices went: an AlternateContent without a choice is not allowed.
func startAlternate(w *walk, t *kit.XMLToken, e *element) bool {
	for _, f := range w.fields {
		f.mixed = f.mixed || f.instructing
	}
	if t.Kind == kit.XMLEmpty {
		return false
	}
	e.end = func(w *walk, e *element, t *kit.XMLToken) {
		if e.gone > 0 && t.Kids-e.gone == 1 && e.fallback.to > 0 {
			w.edits.cut(e.start, e.fallback.from)
			w.edits.cut(e.fallback.to, t.End)
		}
	}
	return false
}

// startFallback tells the element around it where its content is.
func startFallback(w *walk, t *kit.XMLToken, e *element) bool {
	if t.Kind == kit.XMLEmpty || bytes.Contains(w.data[t.Start:t.End], []byte("xmlns")) {
		return false // its declarations would be lost
	}
	e.end = func(w *walk, e *element, t *kit.XMLToken) {
		if p := w.parent(1); p != nil && (e.gone == 0 || e.gone < t.Kids) {
			p.fallback = span{e.tagEnd, t.Start}
		}
	}
	return false
}
