package ooxml

import (
	"bytes"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// shapesOf returns the pictures of the shapes in the VML drawings that belong to a part, by the shapes' ids.
func (p *pack) shapesOf(at *part) map[string]*part {
	shapes := map[string]*part{}
	for _, r := range at.rels.list {
		if r.short == "vmldrawing" && r.to != nil && !r.to.drop {
			p.readShapes(r.to, shapes)
		}
	}
	return shapes
}

func (p *pack) readShapes(at *part, shapes map[string]*part) {
	text, err := p.text(at)
	if err != nil {
		return
	}
	x := kit.NewXML(text, p.job.Limits.XMLDepth)
	var ids []string
	depth := 0
	for {
		t, err := x.Next()
		if err != nil {
			return
		}
		opens := t.Kind == kit.XMLStart || t.Kind == kit.XMLEmpty
		switch name := t.Local(); {
		case opens && depth == 0 && name != "shapetype" && t.Kind == kit.XMLStart:
			if ids = shapeIDs(&t); len(ids) > 0 {
				depth = x.Depth()
			}
		case depth > 0 && opens && name == "imagedata":
			for _, id := range ids {
				shapes[id] = at.imageOf(&t)
			}
		case t.Kind == kit.XMLEnd && x.Depth() < depth:
			depth = 0
		}
	}
}

func shapeIDs(t *kit.XMLToken) []string {
	var ids []string
	for a := range t.Attrs {
		if name := a.Local(); name == "id" || name == "spid" {
			ids = append(ids, a.Value())
		}
	}
	return ids
}

// imageOf returns the picture that an element of a VML part refers to.
func (at *part) imageOf(t *kit.XMLToken) *part {
	for a := range t.Attrs {
		if name := a.Local(); name != "relid" && name != "id" {
			continue
		}
		if r := at.rels.byID[a.Value()]; r != nil && r.to != nil && !r.to.drop {
			return r.to
		}
	}
	return nil
}

// looseVML is for VML that is no XML: old writers left HTML tags open in it, and readers take it as it is. It stays if
// nothing in its bytes could act, and goes otherwise.
func (p *pack) looseVML(at *part, text []byte) error {
	dead := false
	for _, r := range at.rels.list {
		dead = dead || r.dead || r.blank
	}
	if dead || activeVML.Match(text) || bytes.Contains(text, []byte("<!")) && !bytes.Contains(text, []byte("<![CDATA[")) {
		p.dropPart(at, vectorUnknown)
		p.killTo(at)
	}
	return nil
}

var activeVML = pattern.MustCompile(`(?i)fmlamacro|oleobject|href|\bsrc\s*=|\bon[a-z]+\s*=|script|<\?|doctype|entity`)
