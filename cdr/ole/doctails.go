package ole

import (
	"bytes"
	"encoding/binary"
	"strings"

	"icapd/cdr/kit"
)

// More of the file information block ([MS-DOC] 2.5.4, 2.5.6 and 2.5.7): parts of a master document and the files that they are in,
// the list of people whom a document was routed to, and the envelope of one that was sent.
const (
	fibLength = 64 // how much of the main stream means something

	pairParts    = 54
	pairRoute    = 70
	pairEnvelope = 97
)

// ignored are pairs that readers must pass over.
var ignored = []int{25, 38, 39, 49, 63, 64, 65, 66, 67, 68}

// tails takes out what stands in the streams and belongs to nothing: text or files behind what the block counts, and under pairs that
// nobody reads.
func (w *wordDocument) tails() {
	if w.old {
		return
	}
	le := binary.LittleEndian
	for _, n := range ignored {
		if b := w.pair(n); planted(b) {
			w.cutTail(b, w.name)
		}
	}
	if most := int64(le.Uint32(w.main[fibLength:])); most < int64(len(w.main)) && planted(w.main[most:]) && !w.inText(int(most)) {
		w.cutTail(w.main[most:], "WordDocument")
	}
	end := int64(0)
	for n := range w.pairs {
		at, size := int64(le.Uint32(w.main[fibPairs+2+8*n:])), int64(le.Uint32(w.main[fibPairs+6+8*n:]))
		if size > 0 && at+size <= int64(len(w.table)) {
			end = max(end, at+size)
		}
	}
	if planted(w.table[end:]) {
		w.cutTail(w.table[end:], w.name)
	}
	w.d.root.drop(func(k *entry) bool {
		if !strings.EqualFold(k.name, "Data") || k.kind != kindStream || !planted(k.data) {
			return false
		}
		w.d.removed(vectorUnknown, k.name, kit.ActionRemoved, "") // pictures begin with numbers
		return true
	})
}

func (w *wordDocument) cutTail(b []byte, location string) {
	w.changed = true
	w.d.removed(vectorTrailing, location, kit.ActionRemoved, "")
	clear(b)
}

// inText reports whether text stands at or behind a place.
func (w *wordDocument) inText(at int) bool {
	for _, p := range w.pieces {
		size := p.to - p.from
		if p.wide {
			size *= 2
		}
		if p.at+size > at {
			return true
		}
	}
	return false
}

// Data of a form field ([MS-DOC] 2.9.78), behind the head of a picture that is none.
const (
	formVersion = 0xFFFFFFFF
	formHead    = 10
)

// formMacros takes the names of macros from form fields, which would run when somebody enters or leaves them. What follows moves up.
func (d *document) formMacros() {
	e := d.root.find("Data")
	if e == nil || e.kind != kindStream {
		return
	}
	le := binary.LittleEndian
	mark := []byte{0xFF, 0xFF, 0xFF, 0xFF}
	for at := 0; ; {
		i := bytes.Index(e.data[at:], mark)
		if i < 0 {
			return
		}
		at += i + 1
		head := at - 1 - picfHead
		if head < 0 || le.Uint16(e.data[head+4:]) != picfHead {
			continue
		}
		size := int64(le.Uint32(e.data[head:]))
		if size < picfHead+formHead || size > int64(len(e.data)-head) {
			continue
		}
		form := e.data[head+picfHead : int64(head)+size]
		from, to := macroNames(form)
		if from == to {
			continue
		}
		d.removed(vectorAction, "Data", kit.ActionRemoved, "macro of a form field")
		e.data = bytes.Clone(e.data)
		form = e.data[head+picfHead : int64(head)+size]
		rest := append(make([]byte, 8), form[to:]...) // two empty names
		clear(form[from:])
		copy(form[from:], rest)
	}
}

// macroNames returns where the names of two macros are in the data of a form field; from and to are the same if there are none.
func macroNames(form []byte) (from, to int) {
	const text, kindMask, withCode = 0, 3, 4
	c := cursor{b: form}
	c.take(4)
	bits := c.u16()
	c.take(4)
	c.xstz() // name
	if bits&kindMask == text {
		c.xstz() // what it holds at first
	} else {
		c.take(2)
	}
	for range 3 { // format, help, status line
		c.xstz()
	}
	if c.bad {
		return 0, 0
	}
	from = len(form) - len(c.b)
	first, second := c.xstz(), c.xstz()
	if c.bad || first+second == 2*withCode {
		return 0, 0
	}
	return from, len(form) - len(c.b)
}

func (c *cursor) u16() int {
	b := c.take(2)
	if len(b) < 2 {
		return 0
	}
	return int(binary.LittleEndian.Uint16(b))
}

// xstz skips a text with its length in front and a zero behind it, and returns how many bytes it has.
func (c *cursor) xstz() int {
	n := 2*c.u16() + 2
	c.take(n)
	return n + 2
}
