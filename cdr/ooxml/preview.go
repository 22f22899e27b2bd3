package ooxml

import (
	"bytes"
	"strconv"
	"strings"

	"icapd/cdr/kit"
)

// preview is a picture that showed an object on a sheet, and goes on without it.
type preview struct {
	sheet *part
	shape vmlShape
	name  string
}

// keepPreview notes the picture of an object that goes, once for each: an object is often written twice, for older
// and for newer readers.
func (w *walk) keepPreview(t *kit.XMLToken) {
	id, ok := t.Attr("shapeId")
	if !ok || w.sheet.shown[id] {
		return
	}
	if w.sheet.shapes == nil {
		w.sheet.shapes, w.sheet.shown = w.p.shapesOf(w.at), map[string]bool{}
	}
	shape := w.sheet.shapes["_x0000_s"+id]
	if shape.image == nil || len(anchorCells(shape.anchor)) == 0 {
		return
	}
	w.sheet.shown[id] = true
	w.p.previews = append(w.p.previews, preview{w.at, shape, "Object " + id})
	if w.sheet.drawing || w.sheet.legacyAt == 0 {
		return
	}
	// The sheet has no drawing yet: it gets one, in front of the old kind of drawing that every object has.
	w.sheet.drawing = true
	r, ok := w.prefixOf(relationSpace, relationSpaceStrict)
	if !ok {
		return
	}
	at := w.p.newDrawing()
	id = w.at.rels.relate(offDrawing, at)
	w.edits.insert(w.sheet.legacyAt, "<"+w.sheet.legacyPrefix+"drawing "+r+`:id="`+id+`"/>`)
}

// startDrawing notes that a sheet has a drawing, or that a field of Word has one in it.
func startDrawing(w *walk, t *kit.XMLToken, e *element) bool {
	if w.p.kind.family == familyWord {
		return startFieldPicture(w, t, e)
	}
	w.sheet.drawing = w.sheet.drawing || w.parentIs("worksheet")
	return false
}

// startLegacyDrawing notes where a sheet's drawing would have to be.
func startLegacyDrawing(w *walk, t *kit.XMLToken, _ *element) bool {
	if w.sheet.legacyAt == 0 {
		w.sheet.legacyAt, w.sheet.legacyPrefix = t.Start, strings.TrimSuffix(string(t.Name), "legacyDrawing")
	}
	return false
}

const (
	offDrawing        = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/drawing"
	sheetDrawingSpace = "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"
)

// newDrawing adds an empty drawing to the package.
func (p *pack) newDrawing() *part {
	at := &part{mime: "application/vnd.openxmlformats-officedocument.drawing+xml"}
	at.rels.owner = at
	for n := 1; at.name == "" || p.index[foldName(at.name)] != nil; n++ {
		at.name = "xl/drawings/drawingStatic" + strconv.Itoa(n) + ".xml"
	}
	at.data = []byte(xmlHeader + `<xdr:wsDr xmlns:xdr="` + sheetDrawingSpace + `" xmlns:a="` + drawingSpace + `"></xdr:wsDr>`)
	p.add(at)
	return at
}

// placePreviews puts the pictures into the drawings of their sheets.
func (p *pack) placePreviews() error {
	for n, v := range p.previews {
		drawing := v.sheet.drawingOf()
		if drawing == nil {
			continue
		}
		data := drawing.data
		if data == nil {
			var err error
			if data, err = p.read(drawing); err != nil {
				return err
			}
			if data, _, err = kit.XMLToUTF8(data); err != nil {
				return err
			}
		}
		end := bytes.LastIndex(data, []byte("</"))
		if end < 0 {
			continue
		}
		id := drawing.rels.relate(imageRelation, v.shape.image)
		text := string(data[:end]) + v.element(n, id) + string(data[end:])
		drawing.data = []byte(text)
		p.changed = true
	}
	return nil
}

func (at *part) drawingOf() *part {
	for _, r := range at.rels.list {
		if r.short == "drawing" && r.to != nil && !r.to.drop && !r.dead {
			return r.to
		}
	}
	return nil
}

// element writes the picture with its anchor, which is in cells and EMU; VML counts in pixels.
func (v *preview) element(n int, id string) string {
	const perPixel = 9525
	var b strings.Builder
	b.WriteString(`<xdr:twoCellAnchor xmlns:xdr="` + sheetDrawingSpace + `" xmlns:a="` + drawingSpace + `" xmlns:r="` + relationSpace + `">`)
	cells := anchorCells(v.shape.anchor)
	for i, name := range []string{"from", "to"} {
		c := cells[4*i:]
		b.WriteString("<xdr:" + name + "><xdr:col>" + strconv.Itoa(c[0]) + "</xdr:col><xdr:colOff>" + strconv.Itoa(c[1]*perPixel) + "</xdr:colOff><xdr:row>" +
			strconv.Itoa(c[2]) + "</xdr:row><xdr:rowOff>" + strconv.Itoa(c[3]*perPixel) + "</xdr:rowOff></xdr:" + name + ">")
	}
	number := strconv.Itoa(60001 + n)
	b.WriteString(`<xdr:pic><xdr:nvPicPr><xdr:cNvPr id="` + number + `" name="` + escape(v.name) + `"/><xdr:cNvPicPr/></xdr:nvPicPr><xdr:blipFill><a:blip r:embed="` + id +
		`"/><a:stretch><a:fillRect/></a:stretch></xdr:blipFill><xdr:spPr><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></xdr:spPr></xdr:pic><xdr:clientData/></xdr:twoCellAnchor>`)
	return b.String()
}

// anchorCells reads the eight numbers of an anchor; nil if they are not there.
func anchorCells(anchor string) []int {
	var cells []int
	for word := range strings.SplitSeq(anchor, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 0 || n > 1<<20 {
			return nil
		}
		cells = append(cells, n)
	}
	if len(cells) != 8 {
		return nil
	}
	return cells
}
