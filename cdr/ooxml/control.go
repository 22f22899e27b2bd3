package ooxml

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// A check box of Microsoft Forms on a sheet is a control: a class that programs start. Excel has check boxes of its own,
// which are nothing but a drawing with a state and a text; one of those takes its place, so that a form stays a form,
// and looks as it did. Of other controls the picture stays.

// checkBox is what is kept of a control.
type checkBox struct {
	state   int // 0 not checked, 1 checked, 2 neither
	caption string
	font    string
	height  int // of the font, in twips
	bold    bool
	italic  bool
}

// checkBoxClass is the class of check boxes, as XML has it and as streams do ([MS-OFORMS] 2.2.5).
const (
	checkBoxClass  = "{8BD21D40-EC42-11CE-9E0D-00AA006002F3}"
	checkBoxStream = "\x40\x1D\xD2\x8B\x42\xEC\xCE\x11\x9E\x0D\x00\xAA\x00\x60\x02\xF3"
	maxCaption     = 255
)

// planCheckBoxes notes which shapes in drawings of sheets are check boxes: the sheet names the shape and the control.
func (p *pack) planCheckBoxes() error {
	for _, at := range p.parts {
		drawing := at.vmlDrawing()
		if drawing == nil || at.drop || !p.isXML(at) || !at.hasControls() {
			continue
		}
		text, err := p.text(at)
		if err != nil {
			return err
		}
		drawing.boxes = p.checkBoxes(at, text)
	}
	return nil
}

// checkBoxes reads the check boxes of a sheet, by their shapes. What is wrong with the sheet is said where it is cleaned.
func (p *pack) checkBoxes(at *part, text []byte) map[string]checkBox {
	boxes := map[string]checkBox{}
	x := kit.NewXML(text, p.job.Limits.XMLDepth)
	for {
		t, err := x.Next()
		if err != nil {
			return boxes
		}
		if t.Kind != kit.XMLStart && t.Kind != kit.XMLEmpty || t.Local() != "control" {
			continue
		}
		if id, box, ok := p.checkBoxOf(at, &t); ok {
			boxes[id] = box
		}
	}
}

// vmlDrawing returns the drawing in VML that belongs to a part, nil if it has none, or several.
func (at *part) vmlDrawing() *part {
	var found *part
	for _, r := range at.rels.list {
		if r.short != "vmldrawing" || r.to == nil || r.to.drop {
			continue
		}
		if found != nil {
			return nil
		}
		found = r.to
	}
	return found
}

func (at *part) hasControls() bool {
	for _, r := range at.rels.list {
		if r.short == "control" && r.to != nil {
			return true
		}
	}
	return false
}

// checkBoxOf reads the control that an element of a sheet names. It is not ok if that is no check box that is understood.
func (p *pack) checkBoxOf(at *part, t *kit.XMLToken) (shape string, box checkBox, ok bool) {
	var control *part
	for a := range t.Attrs {
		switch a.Local() {
		case "shapeId":
			shape = a.Value()
		case "id":
			if r := at.rels.byID[a.Value()]; r != nil && r.short == "control" {
				control = r.to
			}
		}
	}
	if control == nil || shape == "" {
		return "", box, false
	}
	text, err := p.text(control)
	if err != nil {
		return "", box, false
	}
	box, ok = p.readControl(control, text)
	return shape, box, ok
}

// readControl reads a control: its values are in the XML, or in a stream that it names.
func (p *pack) readControl(at *part, text []byte) (checkBox, bool) {
	x := kit.NewXML(text, p.job.Limits.XMLDepth)
	box, bag := checkBox{state: 2}, false
	for {
		t, err := x.Next()
		switch {
		case err != nil:
			return box, errors.Is(err, io.EOF) && bag && box.plain()
		case t.Kind != kit.XMLStart && t.Kind != kit.XMLEmpty:
		case t.Local() == "ocx":
			class, _ := t.Attr("ax:classid")
			kind, _ := t.Attr("ax:persistence")
			if !strings.EqualFold(class, checkBoxClass) {
				return box, false
			}
			if kind != "persistPropertyBag" {
				return p.readStream(at)
			}
			bag = true
		case t.Local() == "ocxPr":
			box.property(&t)
		}
	}
}

// property takes one value of a control in XML.
func (b *checkBox) property(t *kit.XMLToken) {
	name, value := "", ""
	for a := range t.Attrs {
		switch a.Local() {
		case "name":
			name = a.Value()
		case "value":
			value = a.Value()
		}
	}
	number, _ := strconv.Atoi(value)
	switch name {
	case "Value":
		b.state = stateOf(value)
	case "Caption":
		b.caption = value
	case "FontName":
		b.font = value
	case "FontHeight":
		b.height = number
	case "FontEffects":
		b.bold, b.italic = number&1 != 0, number&2 != 0
	}
}

func stateOf(value string) int {
	switch value {
	case "0":
		return 0
	case "1":
		return 1
	}
	return 2
}

// plain reports whether the values are such as a check box has.
func (b *checkBox) plain() bool {
	return len(b.caption) <= maxCaption && b.height >= 0 && b.height < 1<<15 && fontName.MatchString(b.font)
}

var fontName = pattern.MustCompile(`^[\pL\pN ._-]{0,64}$`)

// readStream reads the stream of a control.
func (p *pack) readStream(at *part) (checkBox, bool) {
	for _, r := range at.rels.list {
		if r.short != "activexcontrolbinary" || r.to == nil {
			continue
		}
		data, err := p.read(r.to)
		if err != nil || !bytes.HasPrefix(data, []byte(checkBoxStream)) {
			return checkBox{}, false
		}
		box, ok := readCheckBox(data[len(checkBoxStream):])
		return box, ok && box.plain()
	}
	return checkBox{}, false
}

// The bits that say which values a control has ([MS-OFORMS] 2.2.5.2), by those that matter here.
const (
	maskSize    = 8
	maskValue   = 22
	maskCaption = 23
	maskIcon    = 27
	maskPicture = 28
	maskGroup   = 32

	controlVersion = 0x0200
)

// controlSizes are the sizes of the values of a control in the order of their bits; 0 is for bits without a value among
// the first ones. Texts are there by their lengths.
var controlSizes = [maskGroup + 1]int{
	0: 4, 1: 4, 2: 4, 3: 4, 4: 1, 5: 1, 6: 1, 7: 1, 9: 2, 10: 4, 11: 2, 12: 2, 13: 2, 14: 2, 15: 2, 16: 1, 17: 1, 18: 1,
	20: 1, 21: 1, maskValue: 4, maskCaption: 4, 24: 4, 25: 4, 26: 4, maskIcon: 2, maskPicture: 2, 29: 2, maskGroup: 4,
}

// readCheckBox reads a check box behind its class. It is not ok if it is none that is understood to the end of its font.
func readCheckBox(data []byte) (box checkBox, ok bool) {
	body, font, ok := versioned(data)
	if !ok || len(body) < 8 {
		return box, false
	}
	mask := binary.LittleEndian.Uint64(body)
	if mask>>len(controlSizes) != 0 || mask&(1<<maskIcon|1<<maskPicture) != 0 || mask&(1<<maskSize) == 0 {
		return box, false
	}
	r := formReader{data: body, at: 8}
	var lengths [len(controlSizes)]uint32
	for bit, size := range controlSizes {
		if mask>>bit&1 != 0 && size != 0 {
			lengths[bit] = r.number(size)
		}
	}
	r.align(4)
	r.take(8) // how large it is
	box.state = stateOf(r.text(lengths[maskValue]))
	box.caption = r.text(lengths[maskCaption])
	r.text(lengths[maskGroup])
	return box, !r.bad && box.readFont(font)
}

// versioned splits what begins with a version and a length.
func versioned(data []byte) (body, rest []byte, ok bool) {
	if len(data) < 4 || binary.LittleEndian.Uint16(data) != controlVersion {
		return nil, nil, false
	}
	n := int(binary.LittleEndian.Uint16(data[2:]))
	if 4+n > len(data) {
		return nil, nil, false
	}
	return data[4 : 4+n], data[4+n:], true
}

// readFont reads the font of a control ([MS-OFORMS] 2.3).
func (b *checkBox) readFont(data []byte) bool {
	const name, effects, height = 0, 1, 2
	sizes := [...]int{name: 4, effects: 4, height: 4, 3: 4, 4: 1, 5: 1, 6: 1, 7: 2}
	body, _, ok := versioned(data)
	if !ok || len(body) < 4 {
		return false
	}
	mask := binary.LittleEndian.Uint32(body)
	if mask>>len(sizes) != 0 {
		return false
	}
	r := formReader{data: body, at: 4}
	var values [len(sizes)]uint32
	for bit, size := range sizes {
		if mask>>bit&1 != 0 {
			values[bit] = r.number(size)
		}
	}
	r.align(4)
	b.font = r.text(values[name])
	b.height = int(min(values[height], 1<<16))
	b.bold, b.italic = values[effects]&1 != 0, values[effects]&2 != 0
	return !r.bad
}

// formReader reads the values of a control, each of which stands at a multiple of its size.
type formReader struct {
	data []byte
	at   int
	bad  bool
}

func (r *formReader) align(n int) { r.at = (r.at + n - 1) / n * n }

func (r *formReader) take(n int) []byte {
	if r.bad || r.at+n > len(r.data) {
		r.bad = true
		return nil
	}
	r.at += n
	return r.data[r.at-n : r.at]
}

func (r *formReader) number(size int) uint32 {
	r.align(size)
	var b [4]byte
	copy(b[:], r.take(size))
	return binary.LittleEndian.Uint32(b[:])
}

// text reads a text of so many bytes; the highest bit says that the upper halves of its letters are left out.
func (r *formReader) text(length uint32) string {
	const narrow = 1 << 31
	n := length &^ narrow
	if n > 2*maxCaption {
		r.bad = true
		return ""
	}
	b := r.take(int(n))
	r.align(4)
	var units []uint16
	if length&narrow != 0 {
		for _, c := range b {
			units = append(units, uint16(c))
		}
	} else {
		for ; len(b) >= 2; b = b[2:] {
			units = append(units, binary.LittleEndian.Uint16(b))
		}
	}
	return string(utf16.Decode(units))
}

// startSheetShape makes a check box of the shape of a control: its picture, and what says that it is one, give way.
func startSheetShape(w *walk, t *kit.XMLToken, e *element) bool {
	if len(w.at.boxes) == 0 || t.Kind == kit.XMLEmpty {
		return false
	}
	for _, id := range shapeIDs(t) {
		i := strings.LastIndexByte(id, 's')
		if box, ok := w.at.boxes[id[i+1:]]; ok && strings.HasPrefix(id, "_x0000_s") {
			e.end = func(w *walk, e *element, t *kit.XMLToken) { w.toCheckBox(e, t, box) }
		}
	}
	return false
}

// toCheckBox writes the text of a check box, and what it is, for what is in a shape.
func (w *walk) toCheckBox(e *element, t *kit.XMLToken, box checkBox) {
	v, ok := w.prefixOf("urn:schemas-microsoft-com:vml")
	x, known := w.prefixOf("urn:schemas-microsoft-com:office:excel")
	inside := w.data[e.tagEnd:t.Start]
	if !ok || !known || !bytes.Contains(inside, []byte(`ObjectType="Pict"`)) {
		return
	}
	var more strings.Builder
	tag := func(name, value string) {
		more.WriteString("<" + x + ":" + name + ">" + value + "</" + x + ":" + name + ">")
	}
	for _, name := range []string{"MoveWithCells", "SizeWithCells"} {
		if bytes.Contains(inside, []byte(":"+name+"/>")) {
			more.WriteString("<" + x + ":" + name + "/>")
		}
	}
	if anchor := anchorOf.FindSubmatch(inside); anchor != nil { // shapes in a group have their place in it
		tag("Anchor", string(anchor[1]))
	}
	tag("AutoFill", "False")
	tag("AutoLine", "False")
	tag("TextVAlign", "Center")
	if box.state != 0 {
		tag("Checked", strconv.Itoa(box.state))
	}
	w.edits.replace(e.tagEnd, t.Start, "<"+v+`:textbox style="mso-direction-alt:auto"><div style="text-align:left">`+box.text()+"</div></"+v+":textbox>"+
		"<"+x+`:ClientData ObjectType="Checkbox">`+more.String()+"</"+x+":ClientData>")
	w.p.changed = true
}

// text returns the caption as VML has it.
func (b *checkBox) text() string {
	text := escape(b.caption)
	if b.bold {
		text = "<b>" + text + "</b>"
	}
	if b.italic {
		text = "<i>" + text + "</i>"
	}
	font := `<font color="#000000"`
	if b.font != "" {
		font += ` face="` + escape(b.font) + `"`
	}
	if b.height > 0 {
		font += ` size="` + strconv.Itoa(b.height) + `"`
	}
	return font + ">" + text + "</font>"
}

// anchorOf finds where a shape is among the cells: eight numbers.
var anchorOf = pattern.MustCompile(`<[A-Za-z0-9]+:Anchor>([\s0-9,-]{15,128})</`)
