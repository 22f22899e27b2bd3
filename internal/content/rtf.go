package content

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
)

// rtfFormat is a document in the Rich Text Format. What it embeds, objects and pictures in hex digits or behind \bin, is
// an item each. It can be read and not written: that is the disarming engine's work.
type rtfFormat struct{}

// minRTF is how many bytes an object or picture has at least to be an item.
const minRTF = 24

func (rtfFormat) open(w *walk, n *node) error {
	data, err := n.item.Blob.Bytes()
	if err != nil {
		return err
	}
	r := rtfWalk{w: w, n: n, data: data}
	if err := r.run(); err != nil || r.end == 0 {
		return err
	}
	return w.behind(n, int64(r.end))
}

// rtfWalk reads a document for hex digits. Readers take them wherever they stand in a group, and leave out white space,
// control words and groups among them; so does it.
type rtfWalk struct {
	w     *walk
	n     *node
	data  []byte
	pos   int
	count int
	from  int    // of the hex digits
	hex   []byte // decoded
	half  byte
	odd   bool
	depth int
	end   int // behind the group that is the document, 0 as long as it is open
}

// run reads to the end.
func (r *rtfWalk) run() error {
	for r.pos < len(r.data) {
		c := r.data[r.pos]
		var err error
		switch {
		case c == '\\':
			err = r.control()
		case c == '}':
			err = r.flush()
			r.pos++
			if r.depth--; r.depth == 0 && r.end == 0 {
				r.end = r.pos
			}
		case c == '{':
			r.depth++
			r.pos++
		case isSpace(c):
			r.pos++
		default:
			if v := unhex(c); v < 16 {
				r.digit(v)
			} else if !r.noise() {
				err = r.flush()
			}
			r.pos++
		}
		if err != nil {
			return err
		}
	}
	return r.flush()
}

// noise reports whether a character among digits is left out: behind enough of them one is no text.
func (r *rtfWalk) noise() bool { return len(r.hex) >= 64 }

func (r *rtfWalk) digit(v byte) {
	if len(r.hex) == 0 && !r.odd {
		r.from = r.pos
	}
	if r.odd {
		r.hex = append(r.hex, r.half<<4|v)
	}
	r.half, r.odd = v, !r.odd
}

// control reads a control word or symbol (RTF 1.9.1, "Conventions of an RTF Reader").
func (r *rtfWalk) control() error {
	start := r.pos
	r.pos++
	for r.pos < len(r.data) && r.data[r.pos]|0x20 >= 'a' && r.data[r.pos]|0x20 <= 'z' {
		r.pos++
	}
	word := r.data[start+1 : r.pos]
	if len(word) == 0 { // a symbol; \'hh is a character
		if r.pos < len(r.data) && r.data[r.pos] == '\'' {
			r.pos = min(r.pos+2, len(r.data))
		}
		r.pos = min(r.pos+1, len(r.data))
		return nil
	}
	number := r.pos
	for r.pos < len(r.data) && (r.data[r.pos]-'0' <= 9 || r.data[r.pos] == '-' && r.pos == number) {
		r.pos++
	}
	digits := string(r.data[number:r.pos])
	if r.pos < len(r.data) && r.data[r.pos] == ' ' {
		r.pos++
	}
	if string(word) != "bin" {
		return nil
	}
	size, err := strconv.Atoi(digits)
	if err != nil || size <= 0 {
		return nil //nolint:nilerr // no data
	}
	end := r.pos + min(size, len(r.data)-r.pos)
	body := r.data[r.pos:end]
	r.pos = end
	if len(r.hex) > 0 { // a part of the object whose begin stands in digits
		r.hex = append(r.hex, body...)
		return nil
	}
	r.from = start
	r.hex = append(r.hex[:0], body...)
	return r.flush()
}

// flush takes in what was collected.
func (r *rtfWalk) flush() error {
	body := r.hex
	r.hex, r.odd = nil, false
	if len(body) < minRTF {
		return nil
	}
	r.count++
	c := child{segment: fmt.Sprintf("/object%d", r.count), attached: true}
	return r.w.inner(r.n, c, body)
}

// oleEmbedded is the format of an embedded object (MS-OLEDS, section 2.2.4), which stands behind its version.
var oleEmbedded = []byte("\x02\x00\x00\x00")

// ole1Format is an embedded object of OLE 1: names, and then what it embeds.
type ole1Format struct{}

// isOLE1 reports whether bytes begin like an embedded object: any version, the format "embedded", and three names.
func isOLE1(head []byte) bool {
	_, size := ole1Data(head)
	return size > 0
}

// ole1Data returns where the native data of an embedded object stands.
func ole1Data(p []byte) (at int, size int64) {
	if len(p) < 24 || p[3] != 0 || !bytes.Equal(p[4:8], oleEmbedded) {
		return 0, 0
	}
	at = 8
	for range 3 { // class, topic, item
		if at+4 > len(p) {
			return 0, 0
		}
		n := binary.LittleEndian.Uint32(p[at:])
		at += 4
		if n > 512 || at+int(n) > len(p) {
			return 0, 0
		}
		at += int(n)
	}
	if at+4 > len(p) {
		return 0, 0
	}
	return at + 4, int64(binary.LittleEndian.Uint32(p[at:]))
}

func (ole1Format) open(w *walk, n *node) error {
	at, size := ole1Data(readAt(n.item.Blob, 0, 2048))
	if at == 0 {
		return nil
	}
	c := child{segment: "/native", blob: newSection(n.item.Blob, int64(at), size), attached: true}
	if string(readAt(c.blob, 0, 2)) == "\x02\x00" {
		c.blob, c.typ, c.f = newSection(n.item.Blob, int64(at)-4, size+4), typeBinary, packageFormat{}
	}
	if err := w.enter(n, c.segment); err != nil {
		return skipped(err)
	}
	return w.child(n, c)
}

// packageFormat is the native data of a package: a file with its names.
type packageFormat struct{}

func (packageFormat) open(w *walk, n *node) error {
	data, err := n.item.Blob.Bytes()
	if err != nil {
		return err
	}
	return w.olePackage(n, data)
}
