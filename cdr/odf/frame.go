package odf

import (
	"bytes"
	"encoding/base64"

	"icapd/cdr/kit"
)

// frameContents are the elements of the drawing namespace that a frame shows, of which readers take the first that they know
// (OpenDocument 1.3, part 3, section 10.4.2).
var frameContents = []string{"image", "object", "object-ole", "plugin", "applet", "floating-frame", "text-box"}

// blanks are those that leave a frame empty when they go. Text runs around a frame, and pages end behind it; one with
// nothing in it is not read at all.
var blanks = map[string]bool{"image": true, "plugin": true, "applet": true, "floating-frame": true}

// blankPicture is a picture of one transparent pixel, as flat documents have pictures; packages may, too.
var blankPicture = "<office:binary-data>" + base64.StdEncoding.EncodeToString([]byte(kit.BlankPNG)) + "</office:binary-data>"

// holdFrame writes a picture that shows nothing for an element that goes and is the only thing in its frame.
func (c *cleaner) holdFrame(t *kit.XMLToken, name string) {
	if !blanks[name] || t.Prefix() == "" || !c.alone(t) {
		return
	}
	image := t.Prefix() + ":image>"
	c.out = append(c.out, "<"+image+blankPicture+"</"+image...)
}

// alone reports whether an element is all that the frame around it shows. It looks no further than frames are long that hold
// one of blanks, so that many of them take no longer than the document is.
func (c *cleaner) alone(t *kit.XMLToken) bool {
	const before, behind, root = 2 << 10, 16 << 10, 8 << 10
	p := t.Prefix() + ":"
	front := c.data[max(0, t.Start-before):t.Start]
	at := bytes.LastIndex(front, []byte("<"+p+"frame"))
	back := c.data[t.End:min(len(c.data), t.End+behind)]
	end := bytes.Index(back, []byte("</"+p+"frame"))
	if at < 0 || end < 0 || !bytes.Contains(c.data[:min(root, len(c.data))], []byte(`xmlns:office=`)) {
		return false
	}
	front, back = front[at:], back[:end]
	for _, name := range append(frameContents, "frame") {
		tag := []byte("<" + p + name)
		if name != "frame" && bytes.Contains(front, tag) || bytes.Contains(back, tag) {
			return false
		}
	}
	return !bytes.Contains(front, []byte("</"+p+"frame"))
}
