package ooxml

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// walk reads one XML part and collects what must change in it.
type walk struct {
	p     *pack
	at    *part
	rules *kit.NameSet // names that have one
	quiet *kit.NameSet // names that have one that counts outside of fields
	ctx   context.Context
	data  []byte
	edits edits

	open    []element
	current element      // the one that is being opened
	tag     kit.XMLToken // the one that is being read
	ns      []binding
	skip    int // number of open elements at which what is left out ends, 0 if nothing is

	skim     kit.XMLSkim
	first    [256]bool // of attributes that are looked at
	foreign  bool      // a vocabulary of its own
	hasMacro bool
	hasVML   bool // some namespace is VML's
	strip    bool // names of people go

	relIDs   bool // some relationship of this part is dead or blank
	fields   []*field
	sheet    sheetState
	frame    *frameState // graphic frame of a slide that is open
	moved    []string    // pictures of controls that go on as pictures of the slide
	oleMarks []span      // o:ole of the shapes in the object that is open
	treeEnd  int         // where the slide's shapes end
	err      error       // why a rule gave up: the part has no output
}

// element is an open element.
type element struct {
	local    string
	start    int // of its start tag
	tagEnd   int
	ns       int // bindings outside of it
	gone     int // elements in it that are left out
	unwrap   bool
	keep     bool // its rule has decided
	fallback span // of an AlternateContent: what is inside of its Fallback
	end      func(w *walk, e *element, t *kit.XMLToken)
	deleted  bool // in a tracked deletion
	static   bool // an object without content
	looks    bool // text that looks like a link, which is gone
}

// span is a range of bytes.
type span struct{ from, to int }

// binding is a namespace prefix.
type binding struct {
	prefix string
	uri    string
	raw    string // as declared: xmlns:a="..."
}

// cleanParts cleans all XML parts, the workbook first: what is gone there decides about formulas elsewhere.
func (p *pack) cleanParts(ctx context.Context) error {
	if p.kind.family == familySheet && p.main.mime != binaryMain {
		if err := p.planWorkbook(); err != nil {
			return err
		}
		if err := p.planCheckBoxes(); err != nil {
			return err
		}
	}
	if p.main.mime == binaryMain {
		if err := p.cleanBinary(ctx); err != nil {
			return err
		}
	}
	// Those that may have to go as a whole come before what points to them.
	order := append([]*part{p.main}, p.parts...)
	slices.SortStableFunc(order[1:], func(a, b *part) int { return cmp.Compare(a.rank(), b.rank()) })
	for i, at := range order {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, ok := isRelations(at.fold); ok || i > 0 && at == p.main || at.drop || at == p.types || isSignature(at) || !p.isXML(at) {
			continue
		}
		if err := p.cleanPart(ctx, at); err != nil {
			return err
		}
	}
	return p.afterSheets()
}

// cleanBinary cleans the parts of a binary workbook that are no XML.
func (p *pack) cleanBinary(ctx context.Context) error {
	book, err := p.planRecords()
	if err != nil {
		return err
	}
	for _, at := range p.parts {
		if at.drop || !p.isRecords(at) {
			continue
		}
		if err := p.cleanRecords(ctx, at, book); err != nil {
			return err
		}
	}
	return nil
}

func (at *part) rank() int {
	if strings.HasSuffix(at.mime, "vmldrawing") || strings.HasPrefix(at.fold, "customxml/") {
		return 0
	}
	return 1
}

func (p *pack) cleanPart(ctx context.Context, at *part) error {
	custom := strings.HasPrefix(at.fold, "customxml/")
	text, err := p.text(at)
	switch {
	case err != nil && custom && ctx.Err() == nil:
		p.dropPart(at, vectorUnknown)
		p.killTo(at)
		return nil
	case err != nil || len(bytes.TrimSpace(text)) == 0:
		return err
	}
	if custom { // else the question costs more than all the rest
		if v := actsAsData(text); v != "" {
			p.dropPart(at, v)
			p.killTo(at)
			return nil
		}
	}
	out, err := p.cleanText(ctx, at, text)
	switch {
	case err != nil && custom && ctx.Err() == nil:
		p.dropPart(at, vectorUnknown) // nobody reads it but the programs that it was written for
		p.killTo(at)
		return nil
	case err != nil && strings.HasSuffix(at.mime, "vmldrawing") && ctx.Err() == nil:
		return p.looseVML(at, text)
	case err != nil:
		return err
	case out == nil:
		out = at.plain
	}
	at.data = out
	return nil
}

// mashup matches the document element in which Power Query keeps where its data comes from.
var mashup = pattern.MustCompile(`<(?:[A-Za-z0-9_.\-]+:)?DataMashup[\s>/]`)

// killTo makes the relationships to a part dead that was dropped late.
func (p *pack) killTo(at *part) {
	for _, r := range at.in {
		r.dead = true
	}
}

// cleanText returns the text of a part without what must go, nil if that is nothing.
func (p *pack) cleanText(ctx context.Context, at *part, text []byte) ([]byte, error) {
	w := p.newWalk(ctx, at, text)
	if err := w.run(); err != nil {
		return nil, err
	}
	if w.sheet.again { // a cell stood before the one whose formula it shares
		shared := w.sheet.shared
		w = p.newWalk(ctx, at, text)
		w.sheet.shared = shared
		if err := w.run(); err != nil {
			return nil, err
		}
	}
	return w.edits.apply(text), nil
}

func (p *pack) newWalk(ctx context.Context, at *part, text []byte) *walk {
	w := &walk{p: p, at: at, ctx: ctx, data: text, sheet: sheetState{shared: map[string]bool{}, seen: map[string]bool{}}}
	w.rules, w.quiet = p.ruled()
	w.skim = kit.XMLSkim{Attrs: &watched, First: &w.first}
	if w.foreign = strings.HasPrefix(at.fold, "customxml/"); !w.foreign {
		w.strip = p.strips()
		w.hasMacro = p.kind.family == familySheet || strings.Contains(at.mime, "chartshapes")
	}
	for _, r := range at.rels.list {
		w.relIDs = w.relIDs || r.dead || r.blank
	}
	for _, b := range at.scope {
		w.declare(b)
	}
	return w
}

func (w *walk) run() error {
	x := kit.NewXML(w.data, w.p.job.Limits.XMLDepth)
	const look = 1024 // tokens between two looks at ctx
	for n := look; ; n++ {
		if n >= look {
			if n = 0; w.ctx.Err() != nil {
				return w.ctx.Err()
			}
		}
		n += w.pass(x)
		err := x.Read(&w.tag)
		if err == nil {
			if err = w.token(&w.tag); err == nil {
				err = w.err
			}
		}
		if errors.Is(err, io.EOF) {
			w.endFields()
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pass reads over what no rule is about, and says how many tags that were.
func (w *walk) pass(x *kit.XML) int {
	if w.strip { // all attributes are looked at
		return 0
	}
	w.skim.Floor = 1
	for n := len(w.open); n > 0; n-- {
		if e := &w.open[n-1]; e.end != nil || e.unwrap || e.gone > 0 || n == w.skip {
			w.skim.Floor = n
			break
		}
	}
	switch {
	case w.skip > 0:
		w.skim.Names = &unnamed
	case len(w.fields) > 0:
		w.skim.Names = w.rules
	default:
		w.skim.Names = w.quiet
	}
	tags, low := x.Skim(&w.skim)
	if tags == 0 {
		return 0
	}
	if low < len(w.open) {
		w.ns = w.ns[:w.open[low].ns]
		w.open = w.open[:low]
	}
	for n := low; n < x.Depth(); n++ {
		e := element{ns: len(w.ns), deleted: n > 0 && w.open[n-1].deleted}
		e.start, e.tagEnd = x.Opened(n)
		w.open = append(w.open, e)
	}
	return tags
}

func (w *walk) token(t *kit.XMLToken) error {
	switch t.Kind {
	case kit.XMLStart, kit.XMLEmpty:
		w.start(t)
	case kit.XMLEnd:
		w.endTag(t)
	case kit.XMLDoctype:
		if bytes.IndexByte(w.data[t.Start:t.End], '[') >= 0 {
			return kit.Unsupported("%s has a document type of its own", w.at.name)
		}
		w.remove(vectorEntity, "document type", kit.ActionRemoved, "")
		w.edits.cut(t.Start, t.End)
	case kit.XMLPI:
		if name := string(t.Name); name != "xml" && (name != "mso-contentType" || t.End-t.Start > 24) && (name != "mso-application" || !w.p.old) {
			w.remove(vectorPI, "<?"+name, kit.ActionRemoved, "")
			w.edits.cut(t.Start, t.End)
		}
	case kit.XMLText, kit.XMLCDATA, kit.XMLComment:
	}
	return nil
}

func (w *walk) remove(vector, where, action, detail string) {
	w.p.removed(vector, strings.TrimSuffix(w.at.name+" "+where, " "), action, detail)
}

// start opens an element, and lets its rule decide about it.
func (w *walk) start(t *kit.XMLToken) {
	e := &w.current
	*e = element{start: t.Start, tagEnd: t.End, ns: len(w.ns)}
	local := t.Name
	if i := bytes.IndexByte(local, ':'); i >= 0 {
		local = local[i+1:]
	}
	var rule rule
	ok := w.rules.Has(local)
	if ok {
		rule, e.local = w.p.rules[string(local)], string(local)
	}
	if n := len(w.open); n > 0 {
		e.deleted = w.open[n-1].deleted
	}
	raw := w.data[t.Start:t.End]
	hasAttrs := bytes.IndexByte(raw, '=') >= 0
	if hasAttrs && bytes.Contains(raw, []byte("xmlns")) {
		w.bind(t)
	}
	if w.skip == 0 {
		if hasAttrs && bytes.Contains(raw, []byte("xml:base")) {
			w.cutAttr(t, "xml:base", vectorBase)
		}
		gone := ok && rule.applies(w, local) && rule.start(w, t, e)
		if !gone && w.relIDs && !e.keep {
			gone = w.deadIDs(t, e)
		}
		if !gone && hasAttrs && !w.foreign {
			w.attributes(t, raw)
		}
		if gone {
			w.lose(t, e)
			return
		}
	}
	if t.Kind == kit.XMLEmpty {
		if e.end != nil && w.skip == 0 {
			e.end(w, e, t)
		}
		w.ns = w.ns[:e.ns]
		return
	}
	w.open = append(w.open, *e)
}

// lose leaves an element out with all that is inside of it.
func (w *walk) lose(t *kit.XMLToken, e *element) {
	if bytes.HasSuffix(t.Name, []byte("hlinkClick")) {
		w.keepLinkLook(t)
	}
	if n := len(w.open); n > 0 {
		w.open[n-1].gone++
	}
	if t.Kind == kit.XMLEmpty {
		w.edits.cut(t.Start, t.End)
		w.ns = w.ns[:e.ns]
		return
	}
	e.end = nil
	w.open = append(w.open, *e)
	w.skip = len(w.open)
}

func (w *walk) endTag(t *kit.XMLToken) {
	n := len(w.open) - 1
	e := &w.current
	*e = w.open[n]
	w.open = w.open[:n]
	w.close(e, t, n)
	w.ns = w.ns[:e.ns]
}

// close ends an element, which was the n-th that was open.
func (w *walk) close(e *element, t *kit.XMLToken, n int) {
	switch {
	case w.skip == n+1:
		w.edits.cut(e.start, t.End)
		w.skip = 0
		return
	case w.skip > 0:
		return
	}
	if e.end != nil {
		e.end(w, e, t)
	}
	if e.unwrap {
		w.edits.cut(e.start, e.tagEnd)
		w.edits.cut(t.Start, t.End)
	}
	if e.gone > 0 && e.gone >= t.Kids && emptyable[string(e.rawName(w))] {
		w.edits.cut(e.start, t.End)
		if n > 0 {
			w.open[n-1].gone++
		}
	}
}

// rawName returns the element's local name.
func (e *element) rawName(w *walk) []byte {
	name := w.data[e.start+1 : e.tagEnd]
	if i := bytes.IndexAny(name, " \t\r\n/>"); i >= 0 {
		name = name[:i]
	}
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		name = name[i+1:]
	}
	return name
}

func (e *element) is(w *walk, local string) bool { return string(e.rawName(w)) == local }

// emptyable are elements that must not be there without anything in them.
var emptyable = map[string]bool{
	"hyperlinks": true, "oleObjects": true, "controls": true, "externalReferences": true, "tableParts": true, "pivotCaches": true,
	"definedNames": true, "conditionalFormatting": true, "dataValidations": true, "conditionalFormattings": true, "sparklines": true,
	"sparklineGroup": true, "sparklineGroups": true, "custDataLst": true, "Choice": true, "Fallback": true, "AlternateContent": true,
	"frameset": true, "object": true, "controlPr": true, "webPublishItems": true, "slicerList": true, "slicerCaches": true,
	"timelineCacheRefs": true, "timelineRefs": true, "ext": true, "extLst": true,
}

// bind notes the namespaces that an element declares.
func (w *walk) bind(t *kit.XMLToken) {
	for a := range t.Attrs {
		name, prefix := string(a.Name), ""
		if name != "xmlns" {
			var ok bool
			if prefix, ok = strings.CutPrefix(name, "xmlns:"); !ok {
				continue
			}
		}
		w.declare(binding{prefix, a.Value(), name + `="` + strings.ReplaceAll(string(a.Raw), `"`, "&quot;") + `"`})
	}
}

// declare notes one namespace, and what must be looked at because of it.
func (w *walk) declare(b binding) {
	w.ns = append(w.ns, b)
	if !w.foreign && strings.Contains(b.uri, "urn:schemas-microsoft-com:vml") {
		w.hasVML = true
		w.first['o'], w.first['O'] = true, true // of handlers
	}
	if w.relIDs && b.prefix != "" && (strings.Contains(b.uri, "relationships") || b.uri == officeSpace) {
		w.first[b.prefix[0]] = true
	}
}

func (w *walk) namespace(prefix string) string {
	for _, b := range slices.Backward(w.ns) {
		if b.prefix == prefix {
			return b.uri
		}
	}
	return ""
}

const (
	relationSpace       = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	relationSpaceStrict = "http://purl.oclc.org/ooxml/officeDocument/relationships"
	officeSpace         = "urn:schemas-microsoft-com:office:office"
)

// isRelationAttr reports whether an attribute holds the id of a relationship.
func (w *walk) isRelationAttr(a *kit.XMLAttr) bool {
	i := bytes.IndexByte(a.Name, ':')
	if i < 0 {
		return false
	}
	switch space := w.namespace(string(a.Name[:i])); space {
	case relationSpace, relationSpaceStrict:
		return true
	case officeSpace:
		return a.Local() == "relid"
	default:
		return a.Local() == "Id" && strings.Contains(space, "relationships") // Visio writes r:id only, others may not
	}
}

// prefixOf returns the prefix that is bound to a namespace here, or its transitional twin.
func (w *walk) prefixOf(uris ...string) (string, bool) {
	for _, b := range slices.Backward(w.ns) {
		for _, u := range uris {
			if b.uri == u && b.prefix != "" && w.namespace(b.prefix) == u {
				return b.prefix, true
			}
		}
	}
	return "", false
}

func (w *walk) cutAttr(t *kit.XMLToken, name, vector string) {
	for a := range t.Attrs {
		if string(a.Name) == name {
			w.remove(vector, "<"+t.Local()+"> "+name, kit.ActionNeutralised, "")
			w.edits.cut(a.Start, a.End)
		}
	}
}

// parent returns the n-th element around the one that is being opened, nil if there is none.
func (w *walk) parent(n int) *element {
	if i := len(w.open) - n; n > 0 && i >= 0 {
		return &w.open[i]
	}
	return nil
}
