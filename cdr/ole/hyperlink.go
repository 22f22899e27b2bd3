package ole

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"icapd/cdr/kit"
)

// Class ids in hyperlinks ([MS-OSHARED] 2.3.7), as they are in files.
var (
	classHyperlink = guid("79EAC9D0-BAF9-11CE-8C82-00AA004BA90B")
	classURL       = guid("79EAC9E0-BAF9-11CE-8C82-00AA004BA90B")
	classFile      = guid("00000303-0000-0000-C000-000000000046")
)

// hyperlink is a Hyperlink object ([MS-OSHARED] 2.3.7.1).
type hyperlink struct {
	size   int
	target string // "" for places in the document
	place  string
	opaque bool // a moniker that is neither a URL nor a file
}

func (h *hyperlink) safe() bool { return !h.opaque && kit.SafeLink(h.target) && kit.SafePlace(h.place) }

// Flags of a hyperlink.
const (
	linkMoniker  = 0x001
	linkLocation = 0x008
	linkCaption  = 0x010
	linkGUID     = 0x020
	linkTime     = 0x040
	linkFrame    = 0x080
	linkText     = 0x100
)

// parseHyperlink reads a Hyperlink object, which comes behind its class id.
func parseHyperlink(b []byte) (h hyperlink, ok bool) {
	c := cursor{b: b}
	if c.u32() != 2 {
		return h, false
	}
	flags := c.u32()
	if flags&linkCaption != 0 {
		c.wide()
	}
	if flags&linkFrame != 0 {
		c.wide()
	}
	switch {
	case flags&linkMoniker != 0 && flags&linkText != 0:
		h.target = c.wide()
	case flags&linkMoniker != 0:
		h.moniker(&c)
	}
	if flags&linkLocation != 0 {
		h.place = c.wide()
	}
	if flags&linkGUID != 0 {
		c.take(16)
	}
	if flags&linkTime != 0 {
		c.take(8)
	}
	h.size = len(b) - len(c.b)
	return h, !c.bad
}

func (h *hyperlink) moniker(c *cursor) {
	var class classID
	copy(class[:], c.take(16))
	switch class {
	case classURL:
		raw := c.take(int(c.u32()))
		h.target = strings.TrimRight(utf16Text(raw), "\x00")
		if i := strings.IndexByte(h.target, 0); i >= 0 { // a serialised form may follow
			h.target = h.target[:i]
		}
		rest := raw[min(len(raw), 2*len(utf16.Encode([]rune(h.target)))+2):]
		h.opaque = h.opaque || planted(rest)
	case classFile:
		c.take(2)
		h.target = "file:" + latin(c.take(int(c.u32())))
		c.take(24)
		c.take(int(c.u32()))
	default:
		h.opaque = true
		c.bad = true // where it ends only its class knows
	}
}

// cursor reads fields one after the other; bad says that there were too few bytes.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.bad = true
		c.b = nil
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) u32() uint32 {
	b := c.take(4)
	if len(b) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

// wide reads a text with its length in characters in front.
func (c *cursor) wide() string {
	n := c.u32()
	if n > 1<<20 {
		c.bad = true
		return ""
	}
	return strings.TrimRight(utf16Text(c.take(2*int(n))), "\x00")
}

// dropLinks says whether the operator wants all links out.
func (d *document) dropLinks() bool { return d.job.Switches.Links == kit.ChoiceRemove }

// cutHyperlinks overwrites the Hyperlink objects in a stream that may not stay: they keep their lengths, and lead
// nowhere. It returns nil if there are none.
func (d *document) cutHyperlinks(data []byte, location string) []byte {
	var out []byte
	for at := 0; ; {
		i := bytes.Index(data[at:], classHyperlink[:])
		if i < 0 {
			return out
		}
		at += i + len(classHyperlink)
		h, ok := parseHyperlink(data[at:])
		if ok && h.safe() && !d.dropLinks() {
			continue
		}
		if !ok && !h.opaque {
			if len(data) < at+8 || binary.LittleEndian.Uint32(data[at:]) != 2 {
				continue // the number is there, but no hyperlink
			}
		}
		if out == nil {
			out = bytes.Clone(data)
		}
		if !ok {
			h.size = min(len(data)-at, 64) // without its flags the rest of it is never read
		}
		clear(out[at+4 : at+h.size])
		d.removed(vectorLink, location, kit.ActionNeutralised, "")
	}
}
