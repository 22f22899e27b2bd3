package ooxml

import (
	"bytes"
	"context"
	"path"
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// The vectors of Office Open XML, as reports name them.
const (
	vectorVBA        = "vba"
	vectorVBASigned  = "vba-signature"
	vectorScript     = "script"
	vectorXLM        = "xlm-macro"
	vectorDialog     = "dialog-sheet"
	vectorMacroType  = "macro-enabled-type"
	vectorMacroName  = "macro-name"
	vectorMacroRef   = "macro-reference"
	vectorTemplate   = "linked-template"
	vectorImage      = "external-image"
	vectorOLE        = "ole-object"
	vectorOLELink    = "ole-link"
	vectorPackage    = "embedded-document"
	vectorActiveX    = "activex-control"
	vectorControl    = "form-control"
	vectorLink       = "link-scheme"
	vectorLinkPolicy = "link"
	vectorAction     = "slide-action"
	vectorData       = "data-connection"
	vectorQuery      = "query-table"
	vectorBook       = "external-workbook"
	vectorMashup     = "data-mashup"
	vectorModel      = "data-model"
	vectorPivot      = "external-pivot"
	vectorFormula    = "formula"
	vectorAltChunk   = "imported-chunk"
	vectorSubDoc     = "sub-document"
	vectorFrame      = "frameset"
	vectorMerge      = "mail-merge"
	vectorChartData  = "external-chart-data"
	vectorUI         = "custom-ui"
	vectorKeymap     = "key-map"
	vectorToolbar    = "toolbar"
	vectorWebExt     = "web-extension"
	vectorPrinter    = "printer-settings"
	vectorMedia      = "external-media"
	vectorMediaFile  = "media"
	vectorExternal   = "external-relationship"
	vectorOrphan     = "orphan-part"
	vectorUnknown    = "unknown-part"
	vectorRecord     = "unknown-record"
	vectorEntity     = "document-type"
	vectorPI         = "processing-instruction"
	vectorBase       = "base-address"
	vectorField      = "field-built"
	vectorSignature  = "signature"
	vectorThumbnail  = "thumbnail"
	vectorMetadata   = "metadata"
	vectorPublish    = "web-publishing"
	vectorComment    = "metafile-comment"
	vectorBroken     = "broken-picture"
)

// activeTypes matches content types of parts that never stay.
var activeTypes = pattern.MustCompile(`(?i)vbaproject|vbadata|macrosheet|dialogsheet|activex|keymapcustomizations|attachedtoolbars|` +
	`webextension|macroenabled|oleobject|customui|ui\+xml|jsaproject`)

// byRelation says which parts, and relationships, go because of the type of the relationship.
var byRelation = map[string]string{
	"vbaproject": vectorVBA, "wordvbadata": vectorVBA, "vbaprojectsignature": vectorVBASigned, "vbaprojectsignatureagile": vectorVBASigned,
	"vbaprojectsignaturev3": vectorVBASigned, "jsaproject": vectorScript,
	"xlmacrosheet": vectorXLM, "xlintlmacrosheet": vectorXLM, "dialogsheet": vectorDialog,
	"attachedtemplate": vectorTemplate, "activexcontrolbinary": vectorActiveX,
	"subdocument": vectorSubDoc, "frame": vectorFrame, "mailmergesource": vectorMerge, "mailmergeheadersource": vectorMerge,
	"recipientdata": vectorMerge, "mailmergerecipientdata": vectorMerge, "transform": vectorMerge,
	"externallink": vectorBook, "externallinkpath": vectorBook, "xlexternallinkpath": vectorBook, "xlpathmissing": vectorBook,
	"externallinklongpath": vectorBook, "xllibrary": vectorBook, "xlstartup": vectorBook, "xlalternatestartup": vectorBook,
	"connections": vectorData, "querytable": vectorQuery, "powerpivotdata": vectorModel, "datamashup": vectorMashup,
	"extensibility": vectorUI, "usercustomization": vectorUI, "customui": vectorUI,
	"attachedtoolbars": vectorToolbar, "keymapcustomizations": vectorKeymap,
	"webextension": vectorWebExt, "webextensiontaskpanes": vectorWebExt, "taskpanes": vectorWebExt,
	"python": vectorScript, "rdrichvaluewebimage": vectorImage, // code, and pictures that are fetched
	"slideupdateinfo": vectorExternal, "slideupdateurl": vectorExternal,
}

// byType says the same of content types; the first match counts.
var byType = []struct {
	word, vector string
}{
	{"vbaprojectsignature", vectorVBASigned},
	{"vbaproject", vectorVBA},
	{"vbadata", vectorVBA},
	{"jsaproject", vectorScript},
	{"macrosheet", vectorXLM},
	{"dialogsheet", vectorDialog},
	{"activex", vectorActiveX},
	{"keymapcustomizations", vectorKeymap},
	{"attachedtoolbars", vectorToolbar},
	{"mailmergerecipientdata", vectorMerge},
	{"externallink+xml", vectorBook},
	{"spreadsheetml.connections+xml", vectorData},
	{"querytable+xml", vectorQuery},
	{"model+data", vectorModel},
	{"webextension", vectorWebExt},
	{"ms-excel.python", vectorScript},
	{"rdrichvaluewebimage", vectorImage},
	{"usercustomization", vectorUI},
}

// byFolder says the same of folders, for parts that hide behind another type.
var byFolder = map[string]string{
	"macrosheets": vectorXLM, "intlmacrosheets": vectorXLM, "dialogsheets": vectorDialog, "activex": vectorActiveX,
	"customui": vectorUI, "customui14": vectorUI, "usercustomization": vectorUI, "webextensions": vectorWebExt,
	"externallinks": vectorBook, "querytables": vectorQuery,
}

// programs are extensions of what runs.
var programs = map[string]bool{
	".exe": true, ".dll": true, ".com": true, ".scr": true, ".pif": true, ".cpl": true, ".msi": true, ".bat": true, ".cmd": true, ".ps1": true,
	".vbs": true, ".vbe": true, ".js": true, ".jse": true, ".wsf": true, ".hta": true, ".lnk": true, ".jar": true, ".class": true, ".chm": true,
	".reg": true, ".xll": true, ".wll": true,
}

// byName says why a part goes because of its name, "" if the name says nothing.
func byName(fold string) string {
	dir, file := path.Split(fold)
	for folder := range strings.SplitSeq(dir, "/") {
		if v := byFolder[folder]; v != "" {
			return v
		}
	}
	switch ext := path.Ext(file); {
	case strings.HasPrefix(file, "vbaproject") && ext == ".bin", file == "vbadata.xml":
		return vectorVBA
	case strings.Contains(file, "jsaproject"):
		return vectorScript
	case strings.HasPrefix(file, "customui"):
		return vectorUI
	case strings.Contains(file, "webextension"), strings.Contains(file, "taskpanes"):
		return vectorWebExt
	case dir == "xl/" && (file == "connections.xml" || file == "connections.bin"):
		return vectorData
	case strings.HasPrefix(dir, "xl/model/"):
		return vectorModel
	case programs[ext]:
		return vectorUnknown
	}
	return ""
}

// activePart says why a part must go as a whole, "" if that is not known from what it is called.
func (p *pack) activePart(at *part) string {
	for _, r := range at.in {
		if v := byRelation[r.short]; v != "" {
			return v
		}
		if r.short == "control" && p.kind.family != familySheet {
			return vectorActiveX
		}
		if r.short == "ctrlprop" && r.from.hasVML() {
			return vectorControl
		}
	}
	for _, t := range byType {
		if strings.Contains(at.mime, t.word) {
			return t.vector
		}
	}
	return byName(at.fold)
}

// hasVML reports whether a sheet has a drawing in VML. Form controls are written twice, in that drawing for all programs
// and with properties for Excel 2010: the drawing is what stays, without the macro that it may name.
func (rels *relations) hasVML() bool {
	for _, r := range rels.list {
		if r.short == "vmldrawing" && r.to != nil {
			return true
		}
	}
	return false
}

// disarm is the way of one package.
func (p *pack) disarm(ctx context.Context) error {
	if p.kind.plain != "" {
		p.removed(vectorMacroType, p.main.name, kit.ActionNeutralised, p.main.mime)
		p.main.newMime = p.kind.plain
	}
	linked := p.reachable(false)
	signed := p.judgeParts(linked)
	if err := p.judgePivots(); err != nil {
		return err
	}
	if err := p.judgeTickets(); err != nil {
		return err
	}
	if err := p.contents(ctx); err != nil {
		return err
	}
	if p.strips() {
		if err := p.stripParts(linked); err != nil {
			return err
		}
	}
	if err := p.judgeRelations(); err != nil {
		return err
	}
	if err := p.judgePlumbing(); err != nil {
		return err
	}
	if err := p.cleanParts(ctx); err != nil {
		return err
	}
	if !p.changed {
		return nil
	}
	if signed {
		if p.job.Switches.Signed == kit.ChoiceBlock {
			return kit.Blocked("a signed document whose signature would break")
		}
		p.job.Warn("signature-invalidated")
	}
	for _, at := range p.parts {
		if isSignature(at) {
			p.dropPart(at, vectorSignature)
		}
		if isThumbnail(at) { // a picture of what the document was
			at.drop = true
		}
	}
	p.finish()
	return nil
}

// judgeParts drops what is known to be active from how it is called, and what nothing leads to. It reports whether the
// package is signed.
func (p *pack) judgeParts(linked map[*part]bool) (signed bool) {
	for _, at := range p.parts {
		switch {
		case at == p.types || isSignature(at):
			signed = signed || isSignature(at)
		case !linked[at]:
			if !p.trash(at) {
				p.dropPart(at, vectorOrphan)
			}
		default:
			if v := p.activePart(at); v != "" && at != p.main {
				p.dropPart(at, v)
			}
		}
	}
	return signed
}

// trash reports whether a part is one that programs leave where another was: under a name that the format has for it
// (ISO/IEC 29500-2, annex on packages in ZIP), with nothing but fill bytes in it.
func (p *pack) trash(at *part) bool {
	if !strings.HasPrefix(at.name, "[trash]/") {
		return false
	}
	data, err := p.read(at)
	return err == nil && len(bytes.Trim(data, "\x00\xff")) == 0
}

func (p *pack) dropPart(at *part, vector string) {
	if at.drop {
		return
	}
	at.drop = true
	if source, ok := isRelations(at.fold); ok && p.index[source] != nil {
		p.changed = true // goes with its part
		return
	}
	p.removed(vector, at.name, kit.ActionRemoved, "")
}

func isSignature(at *part) bool {
	return strings.HasPrefix(at.fold, "_xmlsignatures/") || strings.Contains(at.mime, "package.digital-signature")
}

func isThumbnail(at *part) bool {
	for _, r := range at.in {
		if r.short == "thumbnail" {
			return true
		}
	}
	return false
}

// judgeRelations decides about what leads out of the package, and about what leads to parts that are gone.
func (p *pack) judgeRelations() error {
	all := []*relations{&p.root}
	for _, at := range p.parts {
		if !at.drop {
			all = append(all, &at.rels)
		}
	}
	for _, rels := range all {
		for _, r := range rels.list {
			if err := p.judgeRelation(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *pack) judgeRelation(r *relation) error {
	switch {
	case r.to != nil && r.to.drop:
		r.dead = true
		return nil
	case !r.external && r.short == "hyperlink" && r.to == nil && r.target != "" && !strings.HasPrefix(r.target, "#"):
		// An internal link to a part that is not there: what a reader makes of the text is not known.
		return p.kill(r, vectorLink)
	case !r.external && r.to == nil && byRelation[r.short] != "":
		return p.kill(r, byRelation[r.short])
	case !r.external:
		return nil
	}
	switch r.short {
	case "hyperlink":
		if !kit.SafeLink(r.target) || !strings.EqualFold(r.mode, "external") {
			return p.kill(r, vectorLink)
		}
		if p.job.Switches.Links == kit.ChoiceRemove && !strings.HasPrefix(r.target, "#") {
			return p.kill(r, vectorLinkPolicy)
		}
		return nil
	case "image":
		switch p.job.Switches.RemoteImages {
		case kit.ChoiceAllow:
			if strings.EqualFold(r.mode, "external") && kit.SafeLink(r.target) {
				return nil
			}
		case kit.ChoiceBlock:
			return kit.Blocked("images that are elsewhere")
		case kit.ChoiceDefault, kit.ChoiceSanitise, kit.ChoiceRemove:
		}
		r.blank = true
		p.removed(vectorImage, r.where(), kit.ActionNeutralised, r.target)
		return nil
	case "oleobject", "package":
		if p.kind.family == familySlide && p.job.Mode != kit.ModeRebuild {
			p.removed(vectorOLELink, r.where(), kit.ActionNeutralised, r.target)
			p.unlink(r)
			return nil
		}
		return p.kill(r, vectorOLELink)
	case "video", "audio", "media":
		return p.kill(r, vectorMedia)
	}
	if v := byRelation[r.short]; v != "" {
		return p.kill(r, v)
	}
	return p.kill(r, vectorExternal)
}

func (p *pack) kill(r *relation, vector string) error {
	r.dead = true
	action := kit.ActionRemoved
	if vector == vectorLink || vector == vectorLinkPolicy {
		action = kit.ActionNeutralised
	}
	p.removed(vector, r.where(), action, r.target)
	return nil
}

// where names a relationship for the report.
func (r *relation) where() string {
	if r.from.owner == nil {
		return "package " + r.id
	}
	return r.from.owner.name + " " + r.id
}

// judgePivots drops pivot tables whose source is a connection or another file: the cells keep their values.
func (p *pack) judgePivots() error {
	dropped := false
	for _, at := range p.parts {
		if at.drop || !strings.Contains(at.mime, "pivotcachedefinition+xml") {
			continue
		}
		external, err := p.externalSource(at)
		if err != nil {
			return err
		}
		if external {
			dropped = true
			p.dropPart(at, vectorPivot)
		}
	}
	if !dropped {
		return nil
	}
	for _, at := range p.parts {
		switch {
		case strings.Contains(at.mime, "pivotcacherecords"), strings.Contains(at.mime, "pivottable+xml"):
			if p.leadsToDropped(at) {
				p.dropPart(at, vectorPivot)
			}
		case strings.Contains(at.mime, "slicer") || strings.Contains(at.mime, "timeline"):
			p.dropPart(at, vectorPivot)
		}
	}
	p.sheets.pivots = true
	return nil
}

// externalSource reports whether the data of a pivot table come from outside of the workbook.
func (p *pack) externalSource(at *part) (external bool, err error) {
	err = p.eachTag(at, func(t *kit.XMLToken) {
		typ, _ := t.Attr("type")
		switch t.Local() {
		case "cacheSource":
			external = external || strings.EqualFold(strings.TrimSpace(typ), "external")
		case "worksheetSource", "rangeSet":
			for a := range t.Attrs {
				external = external || a.Local() == "id" && len(a.Name) > 2 || a.Local() != "ref" && foreignSource(a.Value())
			}
		}
	})
	return external, err
}

// foreignSource reports whether the name of a sheet or range is one of another workbook.
func foreignSource(name string) bool {
	return strings.ContainsAny(name, "[|") && (foreignBook.MatchString(name) || strings.Contains(name, "|")) || !kit.SafePlace(name)
}

func (p *pack) leadsToDropped(at *part) bool {
	for _, r := range at.rels.list {
		if r.short == "pivotcachedefinition" && r.to != nil && r.to.drop {
			return true
		}
	}
	for _, r := range at.in {
		if r.from.owner != nil && r.from.owner.drop {
			return true
		}
	}
	return false
}

// A picture of one transparent pixel, PNG.
// blankImage returns the part with the picture that stands for pictures that are not fetched.
func (p *pack) blankImage() *part {
	const name = "media/blank.png"
	if at := p.index[name]; at != nil && !at.drop && string(at.data) == kit.BlankPNG {
		return at
	}
	at := &part{name: name, data: []byte(kit.BlankPNG), mime: "image/png"}
	for n := 'a'; p.index[foldName(at.name)] != nil; n++ {
		at.name = "media/blank" + string(n) + ".png"
	}
	p.add(at)
	return at
}
