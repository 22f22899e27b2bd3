package markup

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"html"
	"io"
	"strings"

	xhtml "golang.org/x/net/html"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// SVG is the kit.Format for SVG, as text or packed by gzip (svgz).
type SVG struct{}

// Types implements kit.Format.
func (SVG) Types() []string { return []string{"image/svg+xml", "image/svg+xml-compressed"} }

// Disarm implements kit.Handler.
func (SVG) Disarm(ctx context.Context, job *kit.Job, doc kit.Document) (kit.Result, error) {
	data := doc.Data
	packed := bytes.HasPrefix(data, []byte("\x1f\x8b"))
	if packed {
		var err error
		if data, err = unpack(job, data); err != nil {
			return kit.Result{}, err
		}
	}
	data, _, err := kit.XMLToUTF8(data)
	if err != nil {
		return kit.Result{}, err
	}
	w := svgWalk{ctx: ctx, job: job, data: data}
	if w.data, w.changed, err = expanded(ctx, job, data); err != nil {
		return kit.Result{}, err
	}
	if err := w.run(ctx); err != nil {
		return kit.Result{}, err
	}
	if !w.changed {
		return kit.Result{}, nil // UTF-16 stays UTF-16
	}
	if packed {
		return kit.Result{Data: pack(w.out)}, nil
	}
	return kit.Result{Data: w.out}, nil
}

// expanded is a document without the document type that declares something, or the document itself if it has none.
func expanded(ctx context.Context, job *kit.Job, data []byte) (out []byte, changed bool, err error) {
	out, lost, err := kit.ExpandXMLEntities(ctx, data, job.Limits.XMLDepth)
	if out == nil || err != nil {
		return data, false, err
	}
	job.Removed(vectorDoctype, "document type", kit.ActionRemoved, kit.LostEntities(lost))
	return out, true, nil
}

func unpack(job *kit.Job, data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, kit.Corrupt("svgz: %w", err)
	}
	var out bytes.Buffer
	for {
		n, err := io.CopyN(&out, r, 64<<10)
		if lerr := job.Unpacked(int64(len(data)), int64(out.Len()), errors.Is(err, io.EOF)); lerr != nil {
			return nil, lerr
		}
		switch {
		case errors.Is(err, io.EOF):
			return out.Bytes(), nil
		case err != nil || n == 0:
			return nil, kit.Corrupt("svgz: %w", err)
		}
	}
}

func pack(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data) // a bytes.Buffer does not fail
	_ = w.Close()
	return b.Bytes()
}

type svgWalk struct {
	ctx     context.Context
	job     *kit.Job
	data    []byte
	out     []byte
	changed bool
	skip    int // depth of the element that is left out, 0 if none is
	style   int // depth of the <style> that is open, 0 if none is
	css     strings.Builder
	cssRaw  int  // where its text began
	begun   bool // the document element was seen
	drawing bool // the document element is that of a drawing: the type may be told by a drawing in other XML
}

func (w *svgWalk) run(ctx context.Context) error {
	x := kit.NewXML(w.data, w.job.Limits.XMLDepth)
	w.out = append(make([]byte, 0, len(w.data)), x.Mark()...)
	return x.Each(ctx, func(t *kit.XMLToken, depth int) error {
		w.token(t, depth)
		return nil
	})
}

func (w *svgWalk) token(t *kit.XMLToken, depth int) {
	if w.skip > 0 {
		if t.Kind == kit.XMLEnd && depth < w.skip {
			w.skip = 0
		}
		return
	}
	switch t.Kind {
	case kit.XMLStart, kit.XMLEmpty:
		w.tag(t, depth)
	case kit.XMLEnd:
		if w.style > 0 && depth < w.style {
			w.endStyle()
		}
		w.keep(t)
	case kit.XMLText, kit.XMLCDATA:
		w.chars(t)
	case kit.XMLComment:
		if w.job.Mode == kit.ModeRebuild {
			w.remove(vectorComment, "comment")
			return
		}
		w.keep(t)
	case kit.XMLPI:
		if string(t.Name) == "xml" {
			w.keep(t)
			return
		}
		w.remove(vectorInstruction, "<?"+string(t.Name))
	case kit.XMLDoctype:
		w.doctype(t)
	}
}

func (w *svgWalk) keep(t *kit.XMLToken) { w.out = append(w.out, w.data[t.Start:t.End]...) }

func (w *svgWalk) remove(vector, where string) {
	w.changed = true
	w.job.Removed(vector, where, kit.ActionRemoved, "")
}

// doctype keeps the plain one that editors write: readers know it and fetch nothing. With an internal subset it can
// define entities, and goes.
func (w *svgWalk) doctype(t *kit.XMLToken) {
	if svgDoctype.Match(w.data[t.Start:t.End]) {
		w.keep(t)
		return
	}
	w.remove(vectorDoctype, "document type")
}

var svgDoctype = pattern.MustCompile(`^<!DOCTYPE\s+svg(?:\s+PUBLIC\s+"-//W3C//DTD SVG [0-9.]+(?: (?:Basic|Tiny|Full))?//EN"\s+"https?://www\.w3\.org/(?:Graphics/SVG|TR)/[A-Za-z0-9./-]+")?\s*>$`)

// svgGone are elements that go with all that is inside of them.
var svgGone = map[string]string{
	"script": vectorScript, "handler": vectorHandler, "listener": vectorHandler, "foreignobject": vectorForeign,
	"iframe": vectorFrame, "frame": vectorFrame, "frameset": vectorFrame, "embed": vectorObject, "object": vectorObject,
	"applet": vectorObject, "audio": vectorObject, "video": vectorObject, "canvas": vectorObject, "form": vectorForm,
	"input": vectorForm, "button": vectorForm, "textarea": vectorForm, "select": vectorForm, "body": vectorForeign,
	"html": vectorForeign, "head": vectorForeign, "meta": vectorNavigate, "base": vectorBase, "link": vectorImport,
	"img": vectorForeign, "math": vectorForeign, "discard": vectorAnimation, "prefetch": vectorFetch,
	"stylesheet": vectorUnknown, "template": vectorUnknown, "include": vectorImport,
	"pgf": vectorForeign, // what Illustrator reads instead of the drawing: packed, and more than the drawing shows
}

// svgNames are the elements of SVG 1.0 to 2, and those of its drafts that editors write.
var svgNames = nameSet(`
	a altglyph altglyphdef altglyphitem animate animatecolor animatemotion animatetransform circle clippath color-profile cursor defs
	desc ellipse feblend fecolormatrix fecomponenttransfer fecomposite feconvolvematrix fediffuselighting fedisplacementmap
	fedistantlight fedropshadow feflood fefunca fefuncb fefuncg fefuncr fegaussianblur feimage femerge femergenode femorphology
	feoffset fepointlight fespecularlighting fespotlight fetile feturbulence filter flowdiv flowline flowpara flowregion flowroot
	flowspan font font-face font-face-format font-face-name font-face-src font-face-uri g glyph glyphref hatch hatchpath hkern image
	line lineargradient marker mask mesh meshgradient meshpatch meshrow metadata missing-glyph mpath path pattern polygon polyline
	radialgradient rect set solidcolor stop style svg switch symbol tbreak text textarea textpath title tref tspan unknown use view
	vkern
`)

func nameSet(names string) map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		set[name] = true
	}
	return set
}

// scripted reports whether an element that no reader draws has a handler: there is nothing of it to keep.
func scripted(t *kit.XMLToken, name string) bool {
	if svgNames[name] {
		return false
	}
	for a := range t.Attrs {
		if len(a.Name) > 2 && strings.EqualFold(string(a.Name[:2]), "on") {
			return true
		}
	}
	return false
}

func (w *svgWalk) tag(t *kit.XMLToken, depth int) {
	name := strings.ToLower(t.Local())
	if !w.begun {
		w.begun, w.drawing = true, name == "svg"
	}
	vector := svgGone[name]
	switch {
	case vector != "":
	case animatesLink(t, name):
		vector = vectorAnimation
	case scripted(t, name):
		vector = vectorHandler
	case w.drawing && w.job.Mode == kit.ModeRebuild && (!svgNames[name] || name == "metadata"):
		vector = vectorUnknown
	case w.style > 0: // style sheets have no elements
		vector = vectorStyle
	}
	if vector != "" {
		w.remove(vector, "<"+name+">")
		if t.Kind == kit.XMLStart {
			w.skip = depth
		}
		return
	}
	if name == "style" && t.Kind == kit.XMLStart {
		if otherType(t) {
			w.remove(vectorStyle, "<style>")
			w.skip = depth
			return
		}
		w.style, w.cssRaw = depth, -1
		w.css.Reset()
	}
	from := t.Start
	for a := range t.Attrs {
		vector, repair := w.attribute(name, &a)
		if vector == "" {
			continue
		}
		w.out = append(w.out, w.data[from:a.Start]...)
		if repair != "" {
			w.out = append(w.out, ' ')
			w.out = append(w.out, a.Name...)
			w.out = append(w.out, `="`+html.EscapeString(repair)+`"`...)
		}
		from = a.End
		w.remove(vector, "<"+name+"> "+string(a.Name))
	}
	w.out = append(w.out, w.data[from:t.End]...)
}

// otherType reports whether the type of a style element is that of something else than a style sheet.
func otherType(t *kit.XMLToken) bool {
	for a := range t.Attrs {
		if strings.EqualFold(string(a.Name), "type") {
			return otherStyle([]xhtml.Attribute{{Key: "type", Val: a.Value()}})
		}
	}
	return false
}

// animatesLink reports whether an element changes an address or a handler over time.
func animatesLink(t *kit.XMLToken, name string) bool {
	switch name {
	case "animate", "set", "animatetransform", "animatemotion", "animatecolor":
	default:
		return false
	}
	for a := range t.Attrs {
		v := strings.ToLower(strings.TrimSpace(a.Value()))
		switch strings.ToLower(a.Local()) {
		case "attributename":
			if v = v[strings.LastIndexByte(v, ':')+1:]; v == "href" || strings.HasPrefix(v, "on") {
				return true
			}
		case "to", "from", "values", "by":
			if k := kindOf(v); k == urlOther || k == urlData {
				return true
			}
		}
	}
	return false
}

// attribute says why an attribute must go, "" if it stays, and what takes its place.
func (w *svgWalk) attribute(element string, a *kit.XMLAttr) (vector, repair string) {
	name := strings.ToLower(a.Local())
	switch {
	case strings.HasPrefix(name, "on") && len(name) > 2, name == "handler", strings.HasPrefix(string(a.Name), "ev:"):
		return vectorHandler, ""
	case w.drawing && w.job.Mode == kit.ModeRebuild && !knownSVG(string(a.Name)):
		return vectorUnknown, ""
	case name == "base" && !strings.EqualFold(string(a.Name), "base"): // xml:base
		return vectorBase, ""
	case name == "ping", name == "absref" && a.Value() != "": // the latter is where Inkscape looks for a picture that it does not find
		return vectorFetch, ""
	case name == "href" || name == "src" || name == "data" && element != "glyph" || name == "action" || name == "formaction" || name == "externalresourcesrequired":
		return w.address(element, html.UnescapeString(a.Value()))
	case bytes.ContainsAny(a.Raw, `(\@:&`):
		clean, changed := cleanCSS(html.UnescapeString(a.Value()), false)
		if changed {
			return vectorStyle, clean
		}
	}
	return "", ""
}

func (w *svgWalk) address(element, target string) (vector, repair string) {
	switch kindOf(target) {
	case urlLocal:
		return "", ""
	case urlRaster:
		return raster(w.ctx, w.job, target)
	case urlWeb, urlMessage:
		if element == "a" && kit.SafeLink(target) {
			return "", ""
		}
		return vectorFetch, ""
	case urlRelative:
		if element == "externalresourcesrequired" || strings.EqualFold(target, "false") || strings.EqualFold(target, "true") {
			return "", ""
		}
		return vectorFetch, ""
	case urlData:
		return vectorData, ""
	case urlOther:
	}
	return vectorLink, ""
}

// chars takes text; that of a style sheet is looked at when it is whole.
func (w *svgWalk) chars(t *kit.XMLToken) {
	raw := w.data[t.Start:t.End]
	if w.style == 0 {
		w.out = append(w.out, raw...)
		return
	}
	if w.cssRaw < 0 {
		w.cssRaw = len(w.out)
	}
	if t.Kind == kit.XMLCDATA {
		w.css.Write(raw[len("<![CDATA[") : len(raw)-len("]]>")])
	} else {
		w.css.WriteString(kit.XMLUnescape(raw))
	}
	w.out = append(w.out, raw...)
}

func (w *svgWalk) endStyle() {
	w.style = 0
	clean, changed := cleanCSS(w.css.String(), false)
	if !changed {
		return
	}
	w.out = append(w.out[:w.cssRaw], html.EscapeString(clean)...)
	w.remove(vectorStyle, "<style>")
}
