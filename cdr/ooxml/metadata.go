package ooxml

import (
	"bytes"
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// strips reports whether what is known about people and history goes, too.
func (p *pack) strips() bool { return p.job.Switches.StripMetadata || p.job.Mode == kit.ModeRebuild }

// stripParts drops parts that say who wrote the document, with what, and when, and data of other programs that nothing
// in the document shows. A rebuilt document has no parts of types that no specification of Office names.
func (p *pack) stripParts(linked map[*part]bool) error {
	for _, at := range p.parts {
		if at.drop || !linked[at] {
			continue
		}
		for _, r := range at.in {
			switch r.short {
			case "core-properties", "extended-properties", "custom-properties":
				p.dropPart(at, vectorMetadata)
			case "thumbnail":
				p.dropPart(at, vectorThumbnail)
			case "printersettings":
				p.dropPart(at, vectorPrinter)
			}
		}
		if p.job.Mode == kit.ModeRebuild && at.mime != "" && !knownType.MatchString(at.mime) {
			p.dropPart(at, vectorUnknown)
		}
	}
	return p.stripCustom()
}

// knownType matches the content types that ECMA-376 and Microsoft's specifications of Office name.
var knownType = pattern.MustCompile(`^(?:application/vnd\.(?:openxmlformats-|ms-)|image/|audio/|video/|application/xml$|text/xml$|application/x-font|application/vnd\.openxmlformats-package\.|text/html$|text/plain$|application/rtf$|text/rtf$|application/octet-stream$)`)

// stripCustom drops custom XML, unless a text of the document takes its value from it (w:dataBinding).
func (p *pack) stripCustom() error {
	bound := map[string]bool{}
	for _, at := range p.parts {
		if at.drop || p.kind.family != familyWord || !strings.Contains(at.mime, "wordprocessingml") {
			continue
		}
		data, err := p.text(at)
		if err != nil {
			return err
		}
		for _, m := range storeItem.FindAllSubmatch(data, -1) {
			bound[strings.ToLower(string(m[1]))] = true
		}
	}
	for _, at := range p.parts {
		if at.drop || !at.inBy("customxml") {
			continue
		}
		id, err := p.itemID(at)
		if err != nil {
			return err
		}
		if !bound[id] {
			p.dropPart(at, vectorMetadata)
		}
	}
	return nil
}

var storeItem = pattern.MustCompile(`storeItemID\s*=\s*["']([^"']+)["']`)

// itemID returns the id by which a document knows a part of custom XML; "" if it has none.
func (p *pack) itemID(at *part) (id string, err error) {
	for _, r := range at.rels.list {
		if r.short != "customxmlprops" || r.to == nil {
			continue
		}
		err = p.eachTag(r.to, func(t *kit.XMLToken) {
			for a := range t.Attrs {
				if a.Local() == "itemID" {
					id = strings.ToLower(a.Value())
				}
			}
		})
	}
	return id, err
}

const nobody = "Author"

// anonymise takes names, dates and the numbers of editing sessions out of an element.
func (w *walk) anonymise(t *kit.XMLToken) {
	element := t.Local()
	for a := range t.Attrs {
		value, cut := a.Value(), false
		stays := value
		switch name := a.Local(); {
		case strings.HasPrefix(name, "rsid"), name == "date" && w.p.kind.family == familyWord && bytes.IndexByte(a.Name, ':') > 0:
			cut = true
		case name == "author", name == "userName", name == "displayName", name == "name" && (element == "cmAuthor" || element == "author"):
			stays = nobody
		case name == "initials":
			stays = nobody[:1]
		case name == "userId", name == "providerId":
			stays = "None"
		}
		if !cut && stays == value {
			continue
		}
		w.remove(vectorMetadata, "", kit.ActionRemoved, "")
		text := ""
		if !cut {
			text = " " + string(a.Name) + `="` + stays + `"`
		}
		w.edits.replace(a.Start, a.End, text)
	}
}

// startStripped is about elements that are all history.
func startStripped(w *walk, _ *kit.XMLToken, _ *element) bool {
	if !w.p.strips() {
		return false
	}
	w.remove(vectorMetadata, "", kit.ActionRemoved, "")
	return true
}

// startAuthor is about the names in the comments of a workbook; comments know them by their order.
func startAuthor(w *walk, t *kit.XMLToken, e *element) bool {
	if !w.p.strips() || t.Kind == kit.XMLEmpty {
		return false
	}
	e.end = func(w *walk, e *element, end *kit.XMLToken) {
		if string(w.data[e.tagEnd:end.Start]) != nobody {
			w.remove(vectorMetadata, "", kit.ActionRemoved, "")
			w.edits.replace(e.tagEnd, end.Start, nobody)
		}
	}
	return false
}
