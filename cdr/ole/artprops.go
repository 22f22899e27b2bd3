package ole

import (
	"bytes"
	"encoding/binary"

	"icapd/cdr/kit"
)

// Tables of properties of a shape ([MS-ODRAW] 2.2.9 to 2.2.11), and properties whose values are looked at.
const (
	artSecondary = 0xF121
	artTertiary  = 0xF122

	artComplexBit = 0x8000
	artNumber     = 0x3FFF
	artMostNumber = 0x0800

	artPackage   = 0x03A9 // the shape as Office 2007 and later has it
	artFileFirst = 0xF01A
	artFileLast  = 0xF02A
)

func isArtTable(kind uint16) bool {
	return kind == artOptions || kind == artSecondary || kind == artTertiary
}

// artValues are the properties that may have a value of bytes: outlines, texts, names, colours, tables, ink, lines for signatures.
var artValues = [][2]uint16{
	{0x00C0, 0x00C0},
	{0x00C5, 0x00C5},
	{0x0140, 0x015F},
	{0x0197, 0x0197},
	{0x01CF, 0x01CF},
	{0x030C, 0x030C},
	{0x0380, 0x0383},
	{0x038D, 0x038D},
	{0x039F, 0x03A0},
	{0x0504, 0x0504},
	{0x054F, 0x054F},
	{0x058F, 0x058F},
	{0x05CF, 0x05CF},
	{0x060F, 0x060F},
	{0x0700, 0x0700},
	{0x0781, 0x0785},
}

// artPictures are the properties that hold a picture or its name: of the shape, of what is printed, of its filling, of its line and
// those at its sides. The name is behind the picture, and behind the name are the flags that say whether it is fetched.
var artPictures = []uint16{0x0104, 0x010D, 0x0186, 0x01C5, 0x0545, 0x0585, 0x05C5, 0x0605}

// artEntry is one property: where its entry is in the data, and where its value.
type artEntry struct {
	number   uint16
	complex  bool
	at       int
	from, to int
}

// artTable reads the table whose header is at the start of data; nil if there is none. Properties are sorted by their numbers, and
// the values fill the rest of the record, so that bytes that only look like a table are rare.
func artTable(data []byte) []artEntry {
	le := binary.LittleEndian
	if len(data) < 8 || le.Uint16(data)&0xF != 3 || !isArtTable(le.Uint16(data[2:])) {
		return nil
	}
	count, size := int(le.Uint16(data)>>4), int64(le.Uint32(data[4:]))
	if count == 0 || size < int64(artProperty*count) || size > int64(len(data)-8) {
		return nil
	}
	body := data[8 : 8+size]
	out := make([]artEntry, 0, count)
	value := artProperty * count
	for i := range count {
		e := artEntry{at: 8 + artProperty*i}
		id, n := le.Uint16(data[e.at:]), int64(le.Uint32(data[e.at+2:]))
		e.number, e.complex = id&artNumber, id&artComplexBit != 0
		if e.number >= artMostNumber || i > 0 && e.number < out[i-1].number {
			return nil
		}
		if e.complex {
			if n > int64(len(body)-value) {
				return nil
			}
			if rest := body[value:]; len(rest) >= 6 && n > 0 && n == int64(le.Uint16(rest))*int64(le.Uint16(rest[4:])) {
				n = min(n+6, int64(len(rest))) // lists are known whose size leaves their head out
			}
			e.from = 8 + value
			value += int(n)
			e.to = 8 + value
		}
		out = append(out, e)
	}
	return out
}

// cutValues overwrites values of properties that a shape does not need to be drawn: scripts, addresses, packages that hold more than
// a drawing, names of pictures that are fetched, numbers that nobody knows. Values keep their lengths. The result is nil if nothing goes.
func (d *document) cutValues(data []byte, location string) []byte {
	var out []byte
	for _, kind := range []uint16{artOptions, artSecondary, artTertiary} {
		mark := binary.LittleEndian.AppendUint16(nil, kind)
		for at := 0; ; {
			i := bytes.Index(data[at:], mark)
			if i < 0 {
				break
			}
			at += i + len(mark)
			head := at - len(mark) - 2
			if head < 0 {
				continue
			}
			table := artTable(data[head:])
			for n := range table {
				if vector := d.artVector(data[head:], table, n); vector != "" {
					if out == nil {
						out = bytes.Clone(data)
					}
					d.removed(vector, location, kit.ActionNeutralised, "")
					clearValue(out[head:], table, n, vector == vectorImage)
				}
			}
			if len(table) > 0 {
				at = head + 8 + artProperty*len(table)
			}
		}
	}
	return out
}

// clearValue overwrites a value, and the flags of a picture's name.
func clearValue(data []byte, table []artEntry, n int, flags bool) {
	clear(data[table[n].from:table[n].to])
	if flags && n+1 < len(table) {
		clear(data[table[n+1].at+2 : table[n+1].at+artProperty])
	}
}

// artVector returns why the value of a property goes, "" if it stays.
func (d *document) artVector(data []byte, table []artEntry, n int) string {
	e := table[n]
	if !e.complex || e.from == e.to || blank(data[e.from:e.to]) {
		return ""
	}
	value := data[e.from:e.to]
	for _, first := range artPictures {
		switch e.number {
		case first:
			if !isBlip(value) {
				return vectorRecord
			}
			return ""
		case first + 1:
			linked := n+1 < len(table) && table[n+1].number == first+2 && data[table[n+1].at+2]&artFlagsMask != 0
			if linked && d.job.Switches.RemoteImages != kit.ChoiceAllow {
				return vectorImage
			}
			return ""
		}
	}
	for _, r := range artValues {
		if e.number >= r[0] && e.number <= r[1] {
			return ""
		}
	}
	if e.number == artPackage && d.plainPackage(value) {
		return ""
	}
	return vectorRecord
}

// isBlip reports whether a value is the record of a picture.
func isBlip(value []byte) bool {
	kind, _, _, _, err := pptRecord(value)
	return err == nil && (kind == artBlipFirst || kind >= artFileFirst && kind <= artFileLast)
}
