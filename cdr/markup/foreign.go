package markup

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"icapd/cdr/kit"
)

// Drawings (SVG) and formulas (MathML) in pages are read by rules of their own (WHATWG HTML, section 13.2.6.5), which know no raw
// text, and end at elements that pages are made of. What stays of them is such that both ways of reading find the same: elements
// that only draw, text, and style sheets without a sign that begins markup or a reference.

// mathNames are the elements of MathML 3 and MathML Core that show something, and those that hold what they show. Not among
// them: glyphs, alignment marks and annotations in markup, inside of which a page begins again.
var mathNames = nameSet(`
	math annotation maction maligngroup menclose merror mfenced mfrac mi mlabeledtr mlongdiv mmultiscripts mn mo mover mpadded
	mphantom mprescripts mroot mrow ms mscarries mscarry msgroup msline mspace msqrt msrow mstack mstyle msub msubsup msup mtable
	mtd mtext mtr munder munderover none semantics
`)

// foreignGone are elements of SVG that stay in drawings and go from those in pages, because pages have others of that name, or
// because they hold what is not drawn.
var foreignGone = nameSet(`font textarea metadata`)

// breakouts are the elements that end a drawing or formula in a page wherever they stand.
var breakouts = nameSet(`
	b big blockquote body br center code dd div dl dt em embed font h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta nobr ol p
	pre ruby s small span strong strike sub sup table tt u ul var
`)

// maxForeign bounds elements in each other inside of a drawing or formula in a page.
const maxForeign = 256

// isForeign reports whether an element begins a drawing or formula.
func isForeign(name string) bool { return name == "svg" || name == "math" }

// endForeign leaves the drawing or formula, as a browser does at an element of the page.
func (w *htmlWalk) endForeign(why string) {
	for _, name := range slices.Backward(w.foreign) {
		w.out = append(w.out, "</"+name+">"...)
	}
	w.foreign = nil
	w.remove(vectorForeign, why)
}

// foreignTag judges a tag in a drawing or formula, or one that begins it.
func (w *htmlWalk) foreignTag(kind html.TokenType, full, name string, attrs []html.Attribute, raw []byte, plain bool) {
	drawing := name == "svg" || len(w.foreign) > 0 && w.plainName(w.foreign[0]) == "svg"
	known := mathNames[name]
	if drawing {
		known = svgNames[name] && !foreignGone[name]
	}
	vector := svgGone[name]
	switch {
	case vector != "" || known && full == name || known && name != "style" && name != "title":
	case htmlGone[name] != "":
		vector = htmlGone[name]
	default:
		vector = vectorForeign
	}
	if isForeign(name) && (name == "svg") == drawing {
		vector = ""
	}
	if vector == "" && animates(name, attrs) {
		vector = vectorAnimation
	}
	if vector != "" {
		w.remove(vector, "<"+name+">")
		if kind == html.StartTagToken {
			w.skip, w.skipDepth = full, 1
		}
		return
	}
	w.writeForeign(kind, full, name, attrs, raw, plain)
	if kind == html.StartTagToken {
		w.foreign = append(w.foreign, full)
		w.style, w.title = name == "style", name == "title"
	}
}

func (w *htmlWalk) writeForeign(kind html.TokenType, full, name string, attrs []html.Attribute, raw []byte, plain bool) {
	changed := false
	var kept []html.Attribute
	for _, a := range attrs {
		vector, repair := w.foreignAttribute(name, &a)
		if vector != "" {
			changed = true
			w.remove(vector, "<"+name+"> "+a.Key)
			if a.Val = repair; repair == "" {
				continue
			}
		}
		a.Key = spelled(raw, a.Key)
		kept = append(kept, a)
	}
	if !changed && plain && !odd(full) {
		w.out = append(w.out, raw...)
		return
	}
	if !changed {
		w.remove(vectorUnknown, "<"+name+">")
	}
	w.out = append(w.out, '<')
	w.out = append(w.out, spelled(raw, full)...)
	for _, a := range kept {
		w.out = append(w.out, " "+a.Key+`="`+strings.ReplaceAll(html.EscapeString(a.Val), "`", "&#96;")+`"`...)
	}
	if kind == html.SelfClosingTagToken {
		w.out = append(w.out, " /"...)
	}
	w.out = append(w.out, '>')
}

// spelled returns a name as the tag spells it: who reads the page as XML knows viewBox and no viewbox.
func spelled(raw []byte, name string) string {
	if at := bytes.Index(bytes.ToLower(raw), []byte(name)); at >= 0 && len(bytes.ToLower(raw)) == len(raw) {
		return string(raw[at : at+len(name)])
	}
	return name
}

// foreignAttribute says why an attribute in a drawing or formula must go, "" if it stays, and what takes its place.
func (w *htmlWalk) foreignAttribute(element string, a *html.Attribute) (vector, repair string) {
	prefix, key, has := strings.Cut(a.Key, ":")
	if !has {
		prefix, key = "", a.Key
	}
	switch {
	case strings.HasPrefix(key, "on") && len(key) > 2, prefix == "ev", key == "handler":
		return vectorHandler, ""
	case odd(a.Key), programmed(a.Key):
		return vectorUnknown, ""
	case key == "base" && has:
		return vectorBase, ""
	case gone[key] != "" && a.Val != "":
		return gone[key], ""
	case w.job.Mode == kit.ModeRebuild && !knownSVG(a.Key) && !mathNames[element]:
		return vectorUnknown, ""
	case key == "href":
		return w.foreignAddress(element, a.Val)
	case addresses[key] && key != "to" && key != "from" && key != "values", key == "altimg", key == "definitionurl":
		if kindOf(a.Val) == urlLocal {
			return "", ""
		}
		return vectorFetch, ""
	case strings.HasPrefix(a.Key, "xmlns"):
		return "", ""
	case strings.ContainsAny(a.Val, `(\@:&`):
		if clean, changed := cleanCSS(a.Val, false); changed {
			return vectorStyle, clean
		}
	}
	return markupValue(a)
}

// foreignAddress judges where a part of a drawing leads: to the page itself, to a picture that it holds, or, by a click, to the web.
func (w *htmlWalk) foreignAddress(element, target string) (vector, repair string) {
	switch kind := kindOf(target); {
	case kind == urlLocal:
		return "", ""
	case kind == urlRaster && element == "image":
		return raster(w.ctx, w.job, target)
	case element == "a" && kit.SafeLink(target), element == "a" && kind == urlRelative && !strings.HasPrefix(foldURL(target), `\`):
		return "", ""
	case element == "a" || kind == urlOther:
		return vectorLink, ""
	case kind == urlData || kind == urlRaster:
		return vectorData, ""
	}
	return vectorFetch, ""
}

// animates reports whether an element of a page's drawing changes an address or a handler over time.
func animates(name string, attrs []html.Attribute) bool {
	switch name {
	case "animate", "set", "animatetransform", "animatemotion", "animatecolor":
	default:
		return false
	}
	for _, a := range attrs {
		switch a.Key[strings.LastIndexByte(a.Key, ':')+1:] {
		case "attributename":
			v := strings.ToLower(strings.TrimSpace(a.Val))
			if v = v[strings.LastIndexByte(v, ':')+1:]; v == "href" || strings.HasPrefix(v, "on") || v == "style" {
				return true
			}
		case "to", "from", "values", "by":
			if k := kindOf(a.Val); k == urlOther || k == urlData {
				return true
			}
		}
	}
	return false
}

// foreignEnd closes what it names in a drawing or formula; an end tag of anything else goes.
func (w *htmlWalk) foreignEnd(full string, raw []byte) {
	at := slices.Index(w.foreign, full)
	for i, name := range slices.Backward(w.foreign) {
		if name == full {
			at = i
			break
		}
	}
	switch {
	case at < 0:
		w.remove(vectorForeign, "</"+full+">")
		return
	case !plainTag(raw):
		w.out = append(w.out, "</"+full+">"...)
		w.remove(vectorUnknown, "</"+full+">")
	default:
		w.out = append(w.out, raw...)
	}
	w.foreign = w.foreign[:at]
}

// foreignText copies text of a drawing that both ways of reading take for the same; what would be markup to one of them goes.
func (w *htmlWalk) foreignText(raw []byte) {
	title := w.title
	w.title = false
	if !w.style {
		if title && bytes.IndexByte(raw, '<') >= 0 {
			w.remove(vectorForeign, "<title>")
			return
		}
		w.out = append(w.out, raw...)
		return
	}
	w.style = false
	css := strings.TrimSpace(string(raw))
	if inner, ok := strings.CutPrefix(css, "<![CDATA["); ok && strings.HasSuffix(inner, "]]>") {
		css = strings.TrimSuffix(inner, "]]>")
		w.remove(vectorForeign, "<style>")
	} else {
		css = string(raw)
	}
	clean, changed := cleanCSS(css, false)
	if strings.ContainsAny(clean, "<&") {
		clean, changed = "", true
	}
	if changed {
		w.remove(vectorStyle, "<style>")
	}
	w.out = append(w.out, clean...)
}
