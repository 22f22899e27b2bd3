package odf

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// gone are elements that go with all that is inside of them, by their local names: prefixes are the writer's choice.
var gone = map[string]string{
	"event-listeners": vectorEvent, "event-listener": vectorEvent, "applet": vectorApplet,
	"plugin": vectorPlugin, "floating-frame": vectorFrame, "object-ole": vectorOLE, "dde-connection-decl": vectorDDE,
	"dde-connection-decls": vectorDDE, "dde-source": vectorDDE, "dde-link": vectorDDE,
	"dde-links": vectorDDE, "section-source": vectorSection, "table-source": vectorTable, "cell-range-source": vectorTable,
	"database-source-sql": vectorDatabase, "database-source-table": vectorDatabase, "database-source-query": vectorDatabase,
	"source-service": vectorDatabase, "library-embedded": vectorBasic, "libraries": vectorBasic, "module": vectorBasic,
	"source-code": vectorBasic, "error-macro": vectorEvent, "database-next": vectorDatabase,
	"database-row-select": vectorDatabase, "connection-resource": vectorDatabase,
}

// unwrapped are elements that go while the text inside of them stays.
var unwrapped = map[string]string{
	"dde-connection": vectorDDE, "database-display": vectorDatabase, "database-name": vectorDatabase, "database-row-number": vectorDatabase, "execute-macro": vectorEvent,
}

// cleaner copies the tokens of one part.
type cleaner struct {
	job     *kit.Job
	ctx     context.Context
	data    []byte
	out     []byte
	part    string
	dropped map[string]bool // entries that are no longer there; for the manifest
	changed bool
	skip    int                    // depth of the element that is left out, 0 if none is
	open    []bool                 // of each open element: its tags were left out
	binary  *bytes.Buffer          // base64 of a flat document's picture, nil outside of one
	binAt   int                    // where it begins in the output
	xforms  map[string]bool        // prefixes that were ever bound to XForms
	has     func(name string) bool // an entry is in the package; nil if there is none
	frame   int                    // how many elements are open around an object that was removed, 0 outside of its frame
}

// cleanXML returns a part without what is active in it, nil if there is nothing.
// What is known of the package around it is in dropped (the manifest's entries that go) and has (what is there).
func cleanXML(ctx context.Context, job *kit.Job, data []byte, part string, dropped map[string]bool, has func(string) bool) ([]byte, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	text, _, err := kit.XMLToUTF8(data)
	if err != nil {
		return nil, err
	}
	c := cleaner{job: job, ctx: ctx, data: text, part: part, dropped: dropped, has: has, out: make([]byte, 0, len(text)), xforms: map[string]bool{}}
	plain, lost, err := kit.ExpandXMLEntities(ctx, text, job.Limits.XMLDepth)
	if err != nil {
		return nil, err
	}
	if plain != nil {
		c.data, c.changed = plain, true
		job.Removed(vectorEntity, strings.TrimPrefix(part+" ", " ")+"document type", kit.ActionRemoved, kit.LostEntities(lost))
	}
	if err := c.run(); err != nil {
		return nil, err
	}
	if !c.changed {
		return nil, nil
	}
	return c.out, nil
}

func (c *cleaner) run() error {
	x := kit.NewXML(c.data, c.job.Limits.XMLDepth)
	const look = 1024 // tokens between two looks at ctx
	var t kit.XMLToken
	at := 0
	for n := look; ; n++ {
		if n >= look {
			if n = 0; c.ctx.Err() != nil {
				return c.ctx.Err()
			}
		}
		n += c.pass(x)
		err := x.Read(&t)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			c.out = append(c.out, c.data[at:t.Start]...) // what was read over, and the mark in front of all
			at = t.End
			err = c.token(&t, x.Depth())
		}
		if err != nil {
			return err
		}
	}
}

// pass reads over what nothing is known to act in, and says how many tags that were.
func (c *cleaner) pass(x *kit.XML) int {
	if c.skip > 0 || c.binary != nil {
		return 0
	}
	skim := kit.XMLSkim{Names: &seenNames, Attrs: &seenAttrs, First: &noPrefix, Floor: 1}
	for n := len(c.open); n > 0; n-- {
		if c.open[n-1] {
			skim.Floor = n
			break
		}
	}
	tags, low := x.Skim(&skim)
	if low < len(c.open) {
		c.open = c.open[:low]
	}
	if low < c.frame {
		c.frame = 0
	}
	for len(c.open) < x.Depth() {
		c.open = append(c.open, false)
	}
	return tags
}

// What elementVector and attribute have something to say about, and what tag does.
var (
	seenNames = func() (n kit.NameSet) {
		for _, list := range []map[string]string{gone, unwrapped} {
			for name := range list {
				n.Add(name)
			}
		}
		for _, name := range []string{
			"meta", "scripts", "script", "model", "instance", "submission", "bind", "action", "file-entry", "template", "auto-reload",
			"command", "image", "object", "binary-data", "property", "list-property", "config-item", "user-defined",
		} {
			n.Add(name)
		}
		return n
	}()
	seenAttrs = func() (n kit.NameSet) {
		for _, name := range []string{
			"href", "src", "image-data", "url", "control-implementation", "base", "value", "formula", "condition", "expression",
			"target-frame-name", "button-type", "target-frame", "command", "datasource", "database-name", "connection-resource",
			"local-url", "filter", "order", "list-source", "transformation",
		} {
			n.Add(name)
		}
		for name := range cellRanges {
			n.Add(name)
		}
		return n
	}()
	noPrefix [256]bool
)

func (c *cleaner) remove(vector, where, action string) {
	c.changed = true
	c.job.Removed(vector, strings.TrimPrefix(c.part+" ", " ")+where, action, "")
}

func (c *cleaner) token(t *kit.XMLToken, depth int) error {
	if c.skip > 0 {
		if t.Kind == kit.XMLEnd && depth < c.skip {
			c.skip = 0
		}
		return nil
	}
	raw := c.data[t.Start:t.End]
	switch t.Kind {
	case kit.XMLDoctype:
		if bytes.Contains(raw, []byte("[")) {
			return kit.Unsupported("an OpenDocument part with a document type of its own")
		}
		if ownType.Match(raw) {
			c.out = append(c.out, raw...)
			return nil
		}
		c.remove(vectorEntity, "document type", kit.ActionRemoved)
	case kit.XMLPI:
		if string(t.Name) == "xml" {
			c.out = append(c.out, raw...)
			return nil
		}
		c.remove(vectorPI, "<?"+string(t.Name), kit.ActionRemoved)
	case kit.XMLStart, kit.XMLEmpty:
		c.tag(t, depth)
	case kit.XMLEnd:
		return c.end(t, raw)
	case kit.XMLText, kit.XMLCDATA, kit.XMLComment:
		if c.binary != nil && t.Kind == kit.XMLText {
			c.binary.Write(raw)
		}
		c.out = append(c.out, raw...)
	}
	return nil
}

func (c *cleaner) end(t *kit.XMLToken, raw []byte) error {
	last := len(c.open) - 1
	if last < 0 {
		return kit.Corrupt("XML element is not open")
	}
	left := c.open[last]
	c.open = c.open[:last]
	if last < c.frame {
		c.frame = 0
	}
	if c.binary != nil && t.Local() == "binary-data" {
		if err := c.endBinary(); err != nil {
			return err
		}
	}
	if !left {
		c.out = append(c.out, raw...)
	}
	return nil
}

func (c *cleaner) tag(t *kit.XMLToken, depth int) {
	name := t.Local()
	for a := range t.Attrs {
		if p, ok := bytes.CutPrefix(a.Name, []byte("xmlns")); ok && bytes.Contains(a.Raw, []byte("xforms")) {
			c.xforms[strings.TrimPrefix(string(p), ":")] = true
		}
	}
	switch vector := c.elementVector(t, name); {
	case vector == "":
	case unwrapped[name] != "":
		c.remove(vector, "<"+name+">", kit.ActionNeutralised)
		if t.Kind == kit.XMLStart {
			c.open = append(c.open, true)
		}
		return
	default:
		c.remove(vector, "<"+name+">", kit.ActionRemoved)
		if name == "object-ole" {
			c.frame = len(c.open)
		}
		c.holdFrame(t, name)
		if t.Kind == kit.XMLStart {
			c.skip = depth
		}
		return
	}
	if t.Kind == kit.XMLStart {
		c.open = append(c.open, false)
	}
	from := t.Start
	for a := range t.Attrs {
		vector, value, keep := c.attribute(t, name, &a)
		if vector == "" {
			continue
		}
		c.out = append(c.out, c.data[from:a.Start]...)
		if keep {
			c.out = append(c.out, ' ')
			c.out = append(c.out, a.Name...)
			c.out = append(c.out, `="`...)
			var b bytes.Buffer
			_ = xml.EscapeText(&b, []byte(value)) // a bytes.Buffer does not fail
			c.out = append(append(c.out, b.Bytes()...), '"')
		}
		from = a.End
		c.remove(vector, "<"+name+"> "+string(a.Name), kit.ActionNeutralised)
	}
	c.out = append(c.out, c.data[from:t.End]...)
	if name == "binary-data" && t.Kind == kit.XMLStart {
		c.binary, c.binAt = &bytes.Buffer{}, len(c.out)
	}
}

// fileEntry says why an entry of the manifest must go: its file went.
func (c *cleaner) fileEntry(t *kit.XMLToken) string {
	for a := range t.Attrs {
		if a.Local() == "full-path" && c.dropped[a.Value()] {
			return vectorManifest
		}
	}
	return ""
}

// elementVector says why an element must go, "" if it stays.
func (c *cleaner) elementVector(t *kit.XMLToken, name string) string {
	if v := gone[name]; v != "" {
		return v
	}
	if v := unwrapped[name]; v != "" {
		return v
	}
	switch name {
	case "meta":
		if c.job.Switches.StripMetadata && len(c.open) == 1 && t.Kind == kit.XMLStart { // not text:meta
			return vectorMetadata
		}
	case "scripts": // every document has one, and almost always it is empty
		if t.Kind == kit.XMLStart && !bytes.HasPrefix(bytes.TrimLeft(c.data[t.End:], " \t\r\n"), []byte("</")) {
			return vectorScript
		}
	case "script": // text:script and office:script; the language of a form's script is an attribute
		return vectorScript
	case "model", "instance", "submission", "bind", "action":
		if c.xforms[t.Prefix()] {
			return vectorXForms
		}
	case "file-entry":
		return c.fileEntry(t)
	case "template", "auto-reload": // where the document comes from, and where it is loaded from again
		if href, ok := hrefOf(t); ok && href != "" {
			return vectorTemplate
		}
	case "property", "list-property":
		return property(t)
	case "config-item":
		return c.setting(t)
	case "user-defined":
		return userDefined(t)
	case "command":
		return commandVector(t)
	case "image", "object":
		if name == "image" && isFormControl(t) {
			return ""
		}
		if c.frame > 0 && c.frame == len(c.open) && c.lacks(t) {
			return vectorOLE
		}
		return externalVector(t, name)
	}
	return ""
}

// lacks reports whether a picture of the package is not in it, among others that are. LibreOffice draws an object without
// one, and does not open a document with such a picture alone.
func (c *cleaner) lacks(t *kit.XMLToken) bool {
	href, ok := hrefOf(t)
	name := strings.TrimPrefix(href, "./")
	return ok && c.has != nil && href != "" && !outside(href) && !c.has(name) && c.has(path.Dir(name))
}

// commandVector is about a command of an animation: the verb of an object, or what a program makes of it. Media is played
// by others.
func commandVector(t *kit.XMLToken) string {
	for a := range t.Attrs {
		if v := a.Value(); a.Local() == "command" && (v == "verb" || v == "custom") {
			return vectorEvent
		}
	}
	return ""
}

// externalVector finds pictures and objects that are not in the document. The frame around them keeps its place.
func externalVector(t *kit.XMLToken, name string) string {
	href, ok := hrefOf(t)
	if !ok || !outside(href) {
		return ""
	}
	if name == "image" {
		return vectorImage
	}
	return vectorObject
}

func hrefOf(t *kit.XMLToken) (string, bool) {
	for a := range t.Attrs {
		if a.Local() == "href" {
			return strings.TrimSpace(a.Value()), true
		}
	}
	return "", false
}

// outside reports whether a reference leads out of the package. A chart says by two dots that its numbers are in the document around it.
func outside(href string) bool {
	if href == "" || strings.HasPrefix(href, "#") {
		return false
	}
	if scheme, rest, ok := strings.Cut(href, ":"); ok && !strings.ContainsAny(scheme, "/#?") {
		return !strings.EqualFold(scheme, "vnd.sun.star.package") && !strings.EqualFold(scheme, "vnd.sun.star.graphicobject") || rest == ""
	}
	if plain, err := url.PathUnescape(href); err == nil {
		href = plain
	}
	clean := path.Clean(strings.ReplaceAll(href, `\`, "/"))
	return strings.HasPrefix(clean, "/") || strings.HasPrefix(clean, "../") && !inParent.MatchString(clean)
}

// inParent matches references of an embedded object to pictures of the document around it.
var inParent = pattern.MustCompile(`^\.\./(?:Pictures|ObjectReplacements|Object [0-9]+)(?:/[^/]+)?$`)

var (
	scriptScheme = pattern.MustCompile(`(?i)^[\s\x00-\x20]*(?:vnd\.sun\.star\.(?:script|expand)|macro|script|service|slot|javascript|vbscript|\.uno)\s*:`)
	webScheme    = pattern.MustCompile(`(?i)^[\s\x00-\x20]*(?:https?|ftp|file|smb|ms-[a-z-]+|data)\s*:`)
	bareScheme   = pattern.MustCompile(`(?i)^[\s\x00-\x20]*(?:[a-z]:[\\/]|\\\\|//)`)

	dangerFormula = pattern.MustCompile(`(?i)'(?:file|https?|ftp|smb):[^']*'#|\b(?:DDE|WEBSERVICE|FILTERXML|RTD|CALL|REGISTER(?:\.ID)?|EXEC|INFO|IMPORTDATA|IMPORTXML)\s*\(|\|'[^']*'!|\bHYPERLINK\s*\(\s*(?:"|&quot;)\s*(?:file|javascript|vbscript|smb|data|ms-[a-z-]+|macro|vnd\.sun\.star\.[a-z]+|\\\\)`)
)

// ownType matches the document types that OpenOffice.org wrote into every document, mostly of the manifest. Nothing is declared
// in them, and the file that they name is in no folder.
var ownType = pattern.MustCompile(`^<!DOCTYPE\s+[a-z]{1,16}:[a-z-]{1,24}\s+PUBLIC\s+"-//OpenOffice\.org//DTD (?:Manifest|OfficeDocument|Modified W3C MathML|Image|Toolbar|MenuBar|StatusBar|Accelerator) [0-9.]{1,5}//EN"\s+"(?i:manifest|office|math|image|toolbar|menubar|statusbar|accelerator)\.dtd"\s*>$`)

// ownFrames are the names of frames that every reader has.
var ownFrames = []string{"_self", "_blank", "_parent", "_top"}

// formService matches the names of the office's own controls: another one is a program that the document asks for.
var formService = pattern.MustCompile(`^(?:[a-z]{1,8}:)?(?:com\.sun\.star\.(?:comp\.)?forms?\.|com\.sun\.star\.awt\.|stardiv\.(?:one\.)?(?:form|vcl)\.)[A-Za-z.]{1,64}$`)

// attribute says why an attribute must change, "" if it need not; keep says that value takes the place of the old.
func (c *cleaner) attribute(t *kit.XMLToken, element string, a *kit.XMLAttr) (vector, value string, keep bool) {
	switch name := a.Local(); name {
	case "href", "src":
		return c.href(t, element, a.Value())
	case "image-data": // the picture of a form's button
		if outside(a.Value()) {
			return vectorExternal, "", false
		}
	case "url", "local-url": // of a source in a bibliography
		if v := a.Value(); strings.Contains(v, ":") && !kit.SafeLink(v) {
			return vectorLink, "", false
		}
	case "control-implementation":
		if !formService.MatchString(a.Value()) {
			return vectorForm, "", false
		}
	case "base":
		if string(a.Name) == "xml:base" {
			return vectorBase, "", false
		}
	case "value", "formula", "condition", "expression":
		// The values that are formulas are those of conditional formats.
		if (name != "value" || element == "condition" || strings.HasSuffix(element, "-entry")) && actingFormula(a.Value()) {
			return vectorFormula, "", false
		}
	case "target-frame-name":
		if v := a.Value(); element == "hyperlink-behaviour" && v != "" && !slices.Contains(ownFrames, v) || !kit.SafePlace(v) {
			return vectorFrame, "", true
		}
	default:
		if cellRanges[name] && otherDocument.MatchString(a.Value()) {
			return vectorTable, "", false
		}
		return formAttribute(t, name, element, a)
	}
	return "", "", false
}

// formAttribute does the same for what forms send, and where.
func formAttribute(t *kit.XMLToken, name, element string, a *kit.XMLAttr) (vector, value string, keep bool) {
	switch name {
	case "button-type":
		if v := a.Value(); v != "push" && v != "" {
			return vectorForm, "push", true
		}
	case "target-frame":
		if (element == "form" || element == "button" || isFormControl(t)) && a.Value() != "" {
			return vectorForm, "", false
		}
	case "command", "datasource", "database-name", "connection-resource", "filter", "order":
		if element == "form" && a.Value() != "" {
			return vectorDatabase, "", true
		}
	case "list-source":
		if isQueried(t) && a.Value() != "" {
			return vectorDatabase, "", false
		}
	case "transformation": // GRDDL: a style sheet that says what the document means, which all writers take from one place
		if v := a.Value(); v != "" && !strings.HasPrefix(v, "http://docs.oasis-open.org/office/") {
			return vectorExternal, "", false
		}
	}
	return "", "", false
}

func (c *cleaner) href(t *kit.XMLToken, element, target string) (vector, value string, keep bool) {
	switch {
	case element == "form":
		if target != "" {
			return vectorForm, "", true // as programs write it for a form that is sent nowhere
		}
	case scriptScheme.MatchString(strings.TrimLeft(target, "# \t\r\n")):
		return vectorLink, "#", true
	case element == "button" && bytes.HasPrefix(t.Name, []byte("form")), isFormControl(t):
		if target != "" && target != "#" {
			return vectorForm, "#", true
		}
	case element == "a", strings.HasPrefix(element, "area-"):
		if !kit.SafeLink(target) || !kit.SafePlace(target) {
			return vectorLink, "#", true
		}
	case webScheme.MatchString(target), bareScheme.MatchString(target), outside(target):
		return vectorExternal, "", true // LibreOffice does not open a document whose background or font is at "#"
	}
	return "", "", false
}

// endBinary hands a picture of a flat document to its handler.
func (c *cleaner) endBinary() error {
	text := c.binary.Bytes()
	c.binary = nil
	data := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(data, bytes.Join(bytes.Fields(text), nil))
	if err != nil {
		return kit.Corrupt("binary data: %w", err)
	}
	data = data[:n]
	if n == 0 {
		return nil
	}
	if kit.Metafile(data) { // one whose records are not whole stays, as in a package
		if out, ok := kit.CleanMetafile(c.ctx, c.job, data); ok && len(out) != len(data) {
			c.remove(vectorComment, "binary-data", kit.ActionRemoved)
			c.out = append(c.out[:c.binAt], base64.StdEncoding.EncodeToString(out)...)
		}
		return nil
	}
	kind := kit.Sniff(data)
	r, err := c.job.Recurse(c.ctx, kit.Document{Data: data, Type: kind, Path: "binary-data"})
	switch {
	case err != nil && passive(kind, data) && !bytes.Contains(data, []byte("MZ\x90")):
		return nil
	case err != nil:
		c.out = c.out[:c.binAt]
		c.remove(vectorUnknown, "binary-data", kit.ActionRemoved)
	case r.Changed():
		c.changed = true
		c.out = append(c.out[:c.binAt], base64.StdEncoding.EncodeToString(r.Data)...)
	}
	return nil
}
