package ole

import (
	"bytes"

	"icapd/cdr/kit"
)

// blips are the records that hold a picture as a file ([MS-ODRAW] 2.2.23), with the instance that says that there is a second
// identifier before it.
var blips = map[uint16]struct {
	kind string
	two  []uint16
}{
	0xF01D: {"image/jpeg", []uint16{0x46B, 0x6E3}}, 0xF02A: {"image/jpeg", []uint16{0x46B, 0x6E3}},
	0xF01E: {"image/png", []uint16{0x6E1}}, 0xF029: {"image/tiff", []uint16{0x6E5}},
}

const blipID = 16 // bytes of an identifier; a byte of marks follows

// pictures makes the pictures of a presentation safe where they stand: what went from one leaves zeros behind it, because places
// in the stream are written into the drawings. A picture that cannot be read stays, as its readers show nothing of it.
func (d *document) pictures() error {
	e := d.root.find("Pictures")
	if e == nil {
		return nil
	}
	var out []byte
	for at := 0; at+pptHeader <= len(e.data); {
		kind, instance, _, body, err := pptRecord(e.data[at:])
		if err != nil {
			break // nobody reads on
		}
		from := at + pptHeader + blipID + 1
		at += pptHeader + len(body)
		b, known := blips[kind]
		for _, two := range b.two {
			if instance == two {
				from += blipID
			}
		}
		if foreign := kind != artBlipFirst && (kind < artFileFirst || kind > artFileLast); foreign && !blank(body) {
			if out == nil {
				out = bytes.Clone(e.data)
			}
			d.removed(vectorRecord, e.name, kit.ActionRemoved, "")
			clear(out[at-len(body) : at])
		}
		if !known || from >= at {
			continue
		}
		before := len(d.job.Removals())
		r, err := d.job.Recurse(d.ctx, kit.Document{Data: e.data[from:at], Type: b.kind, Path: "Pictures"})
		switch {
		case d.ctx.Err() != nil:
			return d.ctx.Err()
		case err != nil, !r.Changed(), len(r.Data) > at-from, bytes.Equal(bytes.TrimRight(r.Data, "\x00"), bytes.TrimRight(e.data[from:at], "\x00")):
			d.job.Retract(before)
			continue
		}
		if out == nil {
			out = bytes.Clone(e.data)
		}
		clear(out[from:at])
		copy(out[from:at], r.Data)
	}
	if out != nil {
		d.changed, e.data = true, out
	}
	return nil
}
