package ole

import (
	"bytes"
	"strings"

	"icapd/cdr/kit"
)

// Parts of the stream that names the class of a document ([MS-OLEDS] 2.3.8).
const (
	compObjClass   = 12
	compObjHead    = 28
	compObjUnicode = 0x71B239F4
	formatNone     = 0
	formatNumber   = 0xFFFFFFFE // or one more: a number follows
)

// className takes out the stream that names the class of a document if it is none or has something behind it, and the number of
// a class that is not one of this family's documents.
func (d *document) className(f *family) {
	d.root.drop(func(e *entry) bool {
		if e.kind != kindStream || !strings.EqualFold(e.name, "\x01CompObj") || len(e.data) == 0 {
			return false
		}
		size, ok := compObjSize(e.data)
		if !ok || planted(e.data[size:]) {
			d.removed(vectorUnknown, e.name, kit.ActionRemoved, "")
			return true
		}
		if class := e.data[compObjClass:compObjHead]; !blank(class) && !f.hasClass(classID(class)) && planted(class) {
			d.removed(vectorClass, e.name, kit.ActionRemoved, "")
			e.data = bytes.Clone(e.data)
			clear(e.data[compObjClass:compObjHead])
		}
		return false
	})
}

// compObjSize returns how much of a stream names a class: names for people, for the clipboard and for programs, and all of them a
// second time in Unicode, if they are there.
func compObjSize(b []byte) (size int, ok bool) {
	c := cursor{b: b}
	c.take(compObjHead)
	c.names(1)
	if c.bad {
		return 0, false
	}
	size = len(b) - len(c.b)
	if c.u32() == compObjUnicode {
		if c.names(2); !c.bad {
			size = len(b) - len(c.b)
		}
	}
	return size, true
}

// names skips a name, a format of the clipboard and a name, whose characters have so many bytes.
func (c *cursor) names(wide uint32) {
	c.take(int(wide * min(c.u32(), 1<<16)))
	switch n := c.u32(); {
	case n >= formatNumber:
		c.take(4)
	case n != formatNone:
		c.take(int(wide * min(n, 1<<16)))
	}
	if len(c.b) > 0 { // some writers leave the rest out
		c.take(int(wide * min(c.u32(), 1<<16)))
	}
}
