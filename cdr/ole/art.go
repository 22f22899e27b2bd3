package ole

import (
	"bytes"
	"encoding/binary"

	"icapd/cdr/kit"
)

// Properties of pictures in drawings ([MS-ODRAW] 2.3.23). The two that say where a picture is linked from stand next
// to each other, because properties are sorted.
const (
	artOptions   = 0xF00B
	artNameLow   = 0x05
	artFlagsLow  = 0x06
	artFlagsMask = 0x0C // not saved with the document, linked to a file
	artProperty  = 6    // bytes of a property
)

// cutLinkedImages overwrites the links of pictures that are fetched when a drawing is shown; pictures that are saved
// in the document stay. It finds the properties by their shape, since drawings are in many places, in pieces. The
// result is nil if there are none.
func (d *document) cutLinkedImages(data []byte, location string) []byte {
	if d.job.Switches.RemoteImages == kit.ChoiceAllow {
		return nil
	}
	var out []byte
	le := binary.LittleEndian
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte{artFlagsLow, 0x01})
		if i < 0 {
			return out
		}
		at += i
		p := at
		at += 2
		if p < artProperty || p+artProperty > len(data) || data[p-artProperty] != artNameLow || data[p-artProperty+1]&0x3F != 0x01 ||
			data[p-artProperty+1]&0x80 == 0 || data[p+3]|data[p+4]|data[p+5] != 0 || data[p+2]&artFlagsMask == 0 {
			continue
		}
		if out == nil {
			out = bytes.Clone(data)
		}
		d.removed(vectorImage, location, kit.ActionNeutralised, "")
		le.PutUint32(out[p+2:], 0)
		if from, n := artComplex(data, p-artProperty); n > 0 {
			clear(out[from : from+n])
		}
	}
}

// artComplex returns where the value of a property is whose entry is at an offset: values that are longer than an
// entry come behind the table, in its order. The table is found by the header in front of it.
func artComplex(data []byte, at int) (from, size int) {
	le := binary.LittleEndian
	for first := at; first >= 8 && at-first <= 256*artProperty; first -= artProperty {
		h := data[first-8:]
		count := int(le.Uint16(h) >> 4)
		if !isArtTable(le.Uint16(h[2:])) || le.Uint16(h)&0xF != 3 || first+count*artProperty > len(data) {
			continue
		}
		end := first + count*artProperty
		for e := first; e+artProperty <= end; e += artProperty {
			n := int(le.Uint32(data[e+2:]))
			switch {
			case data[e+1]&0x80 == 0:
			case n > len(data)-end:
				return 0, 0
			case e == at:
				return end, n
			default:
				end += n
			}
		}
		return 0, 0
	}
	return 0, 0
}

// artShapeHead is how the record of a shape goes on behind its version and kind ([MS-ODRAW] 2.2.40).
var artShapeHead = []byte{artShape & 0xFF, artShape >> 8, 8, 0, 0, 0}

// plainShapes makes pictures of the shapes of embedded objects, with the line around them or without. The result is nil
// if there are none.
func plainShapes(data []byte, framed bool) []byte {
	var out []byte
	for at := 0; ; {
		i := bytes.Index(data[at:], artShapeHead)
		if i < 0 {
			return out
		}
		at += i + len(artShapeHead)
		if at < len(artShapeHead)+2 || at+8 > len(data) || data[at-len(artShapeHead)-2]&0xF != 2 || data[at+4]&shapeIsOLE == 0 {
			continue
		}
		if out == nil {
			out = bytes.Clone(data)
		}
		out[at+4] &^= shapeIsOLE
		if !framed {
			unframe(out[at+8:])
		}
	}
}

// The line of a shape ([MS-ODRAW] 2.3.8.38).
const (
	artLine     = 0x01FF
	artLineFlag = 0x08 // a line is drawn around the shape
)

// unframe turns off the line around a shape, whose properties are given. All objects have one by default, and programs
// draw it around a picture, not around an object.
func unframe(properties []byte) {
	le := binary.LittleEndian
	if len(properties) < 8 || le.Uint16(properties[2:]) != artOptions {
		return
	}
	list := properties[8:]
	for n := int(le.Uint16(properties) >> 4); n > 0 && len(list) >= artProperty; n-- {
		if le.Uint16(list) == artLine {
			list[2] &^= artLineFlag
		}
		list = list[artProperty:]
	}
}

// drawings takes what acts out of drawings, wherever they are in a stream: links of shapes and of pictures.
func (d *document) drawings(data []byte, location string) []byte {
	out := d.cutHyperlinks(data, location)
	if out != nil {
		data = out
	}
	if cut := d.cutLinkedImages(data, location); cut != nil {
		data, out = cut, cut
	}
	if cut := d.cutValues(data, location); cut != nil {
		return cut
	}
	return out
}
