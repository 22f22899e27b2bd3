package markup

import (
	"bytes"
	"context"
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// XML is the kit.Format for XML of no particular vocabulary, feeds among it: what makes a reader fetch or expand
// something goes, and every other byte stays.
type XML struct{}

// Types implements kit.Format.
func (XML) Types() []string {
	return []string{
		"text/xml", "application/xml", "application/rss+xml", "application/atom+xml", "application/soap+xml",
		"application/xml-external-parsed-entity", "application/gpx+xml", "application/vnd.google-earth.kml+xml",
		"model/x3d+xml", "application/owl+xml", "application/xliff+xml", "application/tcx+xml",
	}
}

// Field implements kit.Field.
func (XML) Field() bool { return true }

// Disarm implements kit.Handler.
func (XML) Disarm(ctx context.Context, job *kit.Job, doc kit.Document) (kit.Result, error) {
	data, _, err := kit.XMLToUTF8(doc.Data)
	if err != nil {
		return kit.Result{}, err
	}
	w := xmlWalk{job: job}
	if w.data, w.changed, err = expanded(ctx, job, data); err != nil {
		return kit.Result{}, err
	}
	w.out = make([]byte, 0, len(w.data))
	if err := w.run(ctx); err != nil {
		return kit.Result{}, err
	}
	if !w.changed {
		return kit.Result{}, nil
	}
	return kit.Result{Data: w.out}, nil
}

type xmlWalk struct {
	job     *kit.Job
	data    []byte
	out     []byte
	changed bool
	skip    int               // depth of the element that is left out, 0 if none is
	spaces  map[string]string // prefixes of vocabularies
}

func (w *xmlWalk) run(ctx context.Context) error {
	x := kit.NewXML(w.data, w.job.Limits.XMLDepth)
	w.out = append(w.out, x.Mark()...)
	return x.Each(ctx, w.token)
}

func (w *xmlWalk) remove(vector, where string) {
	w.changed = true
	w.job.Removed(vector, where, kit.ActionRemoved, "")
}

// plainDoctype is the document type that the contents of an EPUB 2 book are to have (OPF 2.0.1, 2.4.1): readers know it by
// its name, and have its definition, which nobody else can write.
var plainDoctype = pattern.MustCompile(`^<!DOCTYPE\s+ncx\s+PUBLIC\s+"-//NISO//DTD ncx 2005-1//EN"\s+"http://www\.daisy\.org/z3986/2005/ncx-2005-1\.dtd"\s*>$`)

func (w *xmlWalk) token(t *kit.XMLToken, depth int) error {
	if w.skip > 0 {
		if t.Kind == kit.XMLEnd && depth < w.skip {
			w.skip = 0
		}
		return nil
	}
	raw := w.data[t.Start:t.End]
	switch t.Kind {
	case kit.XMLDoctype:
		if bytes.Contains(raw, []byte("[")) || bytes.Contains(raw, []byte("SYSTEM")) || bytes.Contains(raw, []byte("PUBLIC")) {
			if plainDoctype.Match(raw) {
				break
			}
			w.remove(vectorDoctype, "document type")
			return nil
		}
	case kit.XMLPI:
		if name := strings.ToLower(string(t.Name)); name == "php" || strings.Contains(name, "stylesheet") || strings.Contains(name, "import") || name == "access-control" ||
			strings.HasPrefix(name, "mso-infopath") { // a form that is loaded from where this says
			w.remove(vectorInstruction, "<?"+name)
			return nil
		} else if w.job.Mode == kit.ModeRebuild && name != "xml" && name != "mso-application" {
			w.remove(vectorInstruction, "<?"+name)
			return nil
		}
	case kit.XMLStart, kit.XMLEmpty:
		vocabulary := w.vocabulary(t)
		if vocabulary == "form" {
			return kit.Unsupported("a form that is a program (XFA)")
		}
		if vector := w.acts(t, vocabulary); vector != "" {
			w.remove(vector, "<"+string(t.Name)+">")
			if t.Kind == kit.XMLStart {
				w.skip = depth
			}
			return nil
		}
		w.tag(t, vocabulary == "page")
		return nil
	case kit.XMLComment:
		if w.job.Mode == kit.ModeRebuild {
			w.remove(vectorComment, "comment")
			return nil
		}
	case kit.XMLText, kit.XMLEnd, kit.XMLCDATA:
	}
	w.out = append(w.out, raw...)
	return nil
}

// The vocabularies that mean something wherever they stand, by a part of their namespace.
var vocabularies = map[string]string{
	"schemas.microsoft.com/visio/2003/core": "drawing", "opengis.net/kml": "map", "earth.google.com/kml": "map",
	"ns.adobe.com/xfdf": "data", "ns.adobe.com/xdp": "form", "www.xfa.org/schema/xfa-template": "form", "urn:schemas-microsoft-com:xslt": "page",
	"www.w3.org/1999/XSL/Transform": "transform", "www.w3.org/2001/XInclude": "include", "www.w3.org/2003/XInclude": "include", "www.w3.org/1999/xhtml": "page", "www.w3.org/2000/svg": "page",
	"www.mozilla.org/keymaster/gatekeeper/there.is.only.xul": "page", "urn:schemas-microsoft-com:vml": "page", "urn:schemas-microsoft-com:time": "page",
	"www.w3.org/2001/xml-events": "events", "www.mozilla.org/xbl": "binding", "www.w3.org/ns/xbl": "binding",
	"xml.apache.org/xalan": "extension", "xml.apache.org/xslt": "extension", "www.w3.org/2002/xforms": "entry",
}

// pageElements are elements that browsers run or fetch, in XML of any kind.
var pageElements = map[string]string{
	"script": vectorScript, "handler": vectorScript, "listener": vectorScript, "iframe": vectorFrame, "frame": vectorFrame, "object": vectorObject,
	"embed": vectorObject, "applet": vectorObject, "base": vectorBase, "foreignobject": vectorForeign,
}

// vocabulary returns which one of vocabularies an element is of, "" for any other. Its namespace says so, whatever prefix
// it has.
func (w *xmlWalk) vocabulary(t *kit.XMLToken) string {
	for a := range t.Attrs {
		p, ok := strings.CutPrefix(string(a.Name), "xmlns")
		if !ok {
			continue
		}
		for space, kind := range vocabularies {
			if strings.Contains(a.Value(), space) {
				if w.spaces == nil {
					w.spaces = map[string]string{}
				}
				w.spaces[strings.TrimPrefix(p, ":")] = kind
			}
		}
	}
	if w.spaces == nil {
		return ""
	}
	return w.spaces[t.Prefix()]
}

// acts says why an element must go, "" if it may stay.
func (w *xmlWalk) acts(t *kit.XMLToken, vocabulary string) string {
	switch {
	case vocabulary == "include" && t.Local() == "include":
		return vectorImport
	case (vocabulary == "transform" || vocabulary == "extension") && leadsAway(t):
		return vectorImport
	case vocabulary == "extension" && (t.Local() == "component" || t.Local() == "script" || t.Local() == "eval"), vocabulary == "binding", vocabulary == "transform" && t.Local() == "script":
		return vectorScript
	case vocabulary == "events" && (t.Local() == "listener" || t.Local() == "action"):
		return vectorHandler
	case vocabulary == "entry" && (t.Local() == "load" || t.Local() == "submission" || t.Local() == "send"):
		return vectorForm
	case vocabulary == "page":
		return pageElements[strings.ToLower(t.Local())]
	case vocabulary == "drawing":
		return drawingElements[t.Local()]
	case vocabulary == "map" && t.Local() == "NetworkLink":
		return vectorFetch
	case vocabulary == "data":
		return dataVector(t)
	}
	return ""
}

// transformElements are those of XSLT that take in other style sheets, or write files.
var transformElements = map[string]bool{"import": true, "include": true, "import-schema": true, "use-package": true, "result-document": true}

// elsewhere matches a function of XPath that reads a file from elsewhere.
var elsewhere = pattern.MustCompile(`(?:^|[^\w-])(?:document|doc|unparsed-text(?:-lines)?|collection|json-doc)\s*\(\s*['"][^'"]*(?:[:\\]|//)`)

// leadsAway reports whether an element of XSLT takes from elsewhere, or writes to somewhere, that is not beside it.
func leadsAway(t *kit.XMLToken) bool {
	for a := range t.Attrs {
		switch value := strings.TrimSpace(a.Value()); a.Local() {
		case "href", "schema-location", "name":
			if transformElements[t.Local()] && (strings.ContainsAny(value, `:\`) || strings.HasPrefix(value, "/")) {
				return true
			}
		case "select", "test", "match", "use":
			if elsewhere.MatchString(value) {
				return true
			}
		}
	}
	return false
}

// drawingElements are those of Visio 2003's XML that hold a macro, run one, or fetch.
var drawingElements = map[string]string{
	"VBProjectData": vectorScript, "EventItem": vectorAction, "EventList": vectorAction, "DataConnection": vectorFetch, "DataConnections": vectorFetch,
}

// dataElements are elements of form data (XFDF, ISO 19444-1) that name the form, carry a file, or do something when the
// annotation that they are in is touched.
var dataElements = map[string]string{
	"f": vectorImport, "javascript": vectorScript, "launch": vectorAction, "submitform": vectorAction, "importdata": vectorAction, "resetform": vectorAction,
	"hide": vectorAction, "gotor": vectorAction, "gotoe": vectorAction, "thread": vectorAction, "rendition": vectorAction, "movie": vectorAction,
	"sound": vectorObject, "richmedia": vectorObject, "fileattachment": vectorObject, "screen": vectorObject, "3d": vectorObject,
	"setocgstate": vectorAction, "trans": vectorAction, "goto3dview": vectorAction, "richmediaexecute": vectorAction,
}

// dataVector says why an element of form data must go, "" if it may stay.
func dataVector(t *kit.XMLToken) string {
	name := strings.ToLower(t.Local())
	switch name {
	case "uri":
		for a := range t.Attrs {
			if strings.EqualFold(a.Local(), "name") && !kit.SafeLink(a.Value()) {
				return vectorLink
			}
		}
		return ""
	case "named":
		for a := range t.Attrs {
			if strings.EqualFold(a.Local(), "name") && strings.ContainsAny(a.Value(), `:\/`) {
				return vectorAction
			}
		}
		return ""
	}
	return dataElements[name]
}

// tag copies a tag without addresses that run something, and without handlers where browsers know some.
func (w *xmlWalk) tag(t *kit.XMLToken, page bool) {
	from := t.Start
	loads := loadsAtOnce(t)
	for a := range t.Attrs {
		vector := ""
		switch {
		case loads && a.Local() == "href" && leadsOut(a.Value()):
			vector = vectorFetch
		case page && len(a.Name) > 2 && strings.EqualFold(string(a.Name[:2]), "on"):
			vector = vectorHandler
		case !isNamespace(a.Name) && kindOf(a.Value()) == urlOther && runsScript(foldURL(a.Value())):
			vector = vectorLink
		default:
			continue
		}
		w.out = append(w.out, w.data[from:a.Start]...)
		from = a.End
		w.remove(vector, "<"+t.Local()+"> "+string(a.Name))
	}
	w.out = append(w.out, w.data[from:t.End]...)
}

// leadsOut reports whether an address is somewhere else than in the folder of the document or below it. Parts of documents
// name their neighbours that way, and OpenDocument says of each that it is shown at once.
func leadsOut(target string) bool {
	kind := kindOf(target)
	if kind == urlRelative {
		return strings.ContainsAny(foldURL(target)[:1], `/\`) || strings.Contains(target, "..")
	}
	return kind != urlLocal
}

// loadsAtOnce reports whether a link is followed when the document is opened, or shows what it leads to in its place (XLink 1.1,
// section 5.6).
func loadsAtOnce(t *kit.XMLToken) bool {
	for a := range t.Attrs {
		if value := strings.TrimSpace(a.Value()); a.Local() == "actuate" && value == "onLoad" || a.Local() == "show" && value == "embed" {
			return true
		}
	}
	return false
}

// isNamespace reports whether an attribute declares a namespace: an address that nobody follows.
func isNamespace(name []byte) bool {
	return string(name) == "xmlns" || bytes.HasPrefix(name, []byte("xmlns:"))
}

// runsScript reports whether a folded address begins with schemes of which one is a script's. A name (urn:) is none,
// whatever stands in it, and neither is a sentence.
func runsScript(url string) bool {
	schemes, _, ok := strings.Cut(url, "script:")
	return ok && !strings.HasPrefix(url, "urn:") && !strings.ContainsFunc(schemes, func(r rune) bool {
		return r != '+' && r != '-' && r != '.' && r != ':' && (r < '0' || r > '9' && r < 'a' || r > 'z')
	})
}
