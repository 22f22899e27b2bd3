package ooxml

import (
	"bytes"
	"regexp"

	"icapd/cdr/kit"
)

// vmlShape is what a shape shows, and where on a sheet.
type vmlShape struct {
	image  *part
	anchor string
}

// shapesOf returns the shapes with a picture in the drawings that belong to a part, by their ids.
func (p *pack) shapesOf(at *part) map[string]vmlShape {
	shapes := map[string]vmlShape{}
	for _, r := range at.rels.list {
		if r.short == "vmldrawing" && r.to != nil && !r.to.drop {
			p.readShapes(r.to, shapes)
		}
	}
	return shapes
}

func (p *pack) readShapes(at *part, shapes map[string]vmlShape) {
	data, err := p.read(at)
	if err != nil {
		return
	}
	text, _, err := kit.XMLToUTF8(data)
	if err != nil {
		return
	}
	x := kit.NewXML(text, p.job.Limits.XMLDepth)
	var ids []string
	var shape vmlShape
	depth, anchor := 0, 0
	for {
		t, err := x.Next()
		if err != nil {
			return
		}
		opens := t.Kind == kit.XMLStart || t.Kind == kit.XMLEmpty
		switch name := t.Local(); {
		case opens && depth == 0 && name != "shapetype" && t.Kind == kit.XMLStart:
			if ids = shapeIDs(&t); len(ids) > 0 {
				depth, shape = x.Depth(), vmlShape{}
			}
		case depth == 0:
		case opens && name == "imagedata":
			shape.image = at.imageOf(&t)
		case t.Kind == kit.XMLStart && name == "Anchor":
			anchor = t.End
		case t.Kind == kit.XMLEnd && name == "Anchor":
			shape.anchor = kit.XMLUnescape(text[anchor:t.Start])
		case t.Kind == kit.XMLEnd && x.Depth() < depth:
			depth = 0
			for _, id := range ids {
				if shape.image != nil {
					shapes[id] = shape
				}
			}
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

var activeVML = regexp.MustCompile(`(?i)fmlamacro|oleobject|href|\bsrc\s*=|\bon[a-z]+\s*=|script|<\?|doctype|entity`)
