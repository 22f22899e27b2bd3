package markup

import (
	"bytes"

	"golang.org/x/net/html"

	"icapd/internal/pattern"
)

// framed are elements that show something of their own in a frame, and go: what is around them must not move.
var framed = map[string]bool{"iframe": true, "embed": true, "object": true, "applet": true, "portal": true, "fencedframe": true}

// places are the attributes that say how large a frame is and where it stands.
var places = map[string]bool{"width": true, "height": true, "align": true, "hspace": true, "vspace": true, "border": true, "class": true, "style": true}

// extent matches a size that a frame has on the page; frames of a pixel are there to be fetched, not to be seen.
var extent = pattern.MustCompile(`^\s*(?:[2-9]|[1-9][0-9]{1,3})(?:\.[0-9]{1,3})?(?:px|%)?\s*$`)

// blankPicture is a GIF of one transparent pixel.
const blankPicture = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

// openObject is an object whose end was not seen yet: what it holds is shown in its place, if it holds anything.
type openObject struct {
	at   int    // where the output was at its start
	text string // what stands for it
}

// maxObjects bounds objects inside each other; those that are deeper leave nothing.
const maxObjects = 64

// standIn leaves a blank picture of the same size for a frame that goes, if the page says how large that is.
func (w *htmlWalk) standIn(name string, attrs []html.Attribute) {
	switch {
	case !framed[name]:
	case name != "object" && name != "applet":
		w.out = append(w.out, w.blank(attrs)...)
	default:
		w.objects = append(w.objects, openObject{len(w.out), w.blank(attrs)})
		if len(w.objects) > maxObjects {
			w.objects = w.objects[1:]
		}
	}
}

// blank returns the picture, "" if the size is not known.
func (w *htmlWalk) blank(attrs []html.Attribute) string {
	list := []html.Attribute{{Key: "src", Val: blankPicture}, {Key: "alt"}}
	sizes := 0
	for _, a := range attrs {
		if !places[a.Key] {
			continue
		}
		if a.Key == "width" || a.Key == "height" {
			if !extent.MatchString(a.Val) {
				return ""
			}
			sizes++
		}
		if vector, repair := w.attribute("img", &a); vector != "" {
			if a.Val = repair; repair == "" {
				continue
			}
		}
		list = append(list, a)
	}
	if sizes == 0 {
		return ""
	}
	return "<img" + attributeText(list) + ">"
}

// endObject ends the innermost object that has a size.
func (w *htmlWalk) endObject() {
	n := len(w.objects) - 1
	if n < 0 {
		return
	}
	o := w.objects[n]
	w.objects = w.objects[:n]
	if len(bytes.TrimSpace(w.out[o.at:])) == 0 {
		w.out = append(w.out, o.text...)
	}
}
