package ooxml

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"path"
	"strings"

	"icapd/cdr/kit"
)

// pack is an Open Packaging Conventions package (ISO/IEC 29500-2), read whole: its parts, what type they have, and
// which relationships lead from one to another.
type pack struct {
	job   *kit.Job
	ctx   context.Context
	zip   *kit.Zip // nil if the package was flat
	parts []*part
	index map[string]*part // by folded name
	types *part            // [Content_Types].xml
	root  relations        // of the package itself

	defaults  []typeRule // by extension
	overrides []typeRule // by part name
	byExt     map[string]string
	byName    map[string]string

	main      *part
	kind      mainType
	changed   bool
	relations int // that were read
	bookmarks int // that were added
	rules     map[string]rule
	named     [2]*kit.NameSet // of an old document, see ruled
	old       bool            // a document of Office 2003
	oldError  error           // of a picture in it
	sheets    workbook        // what is gone from the workbook
	links     map[string]bool // targets of the links that the main part uses, once asked for
}

// typeRule is one line of [Content_Types].xml.
type typeRule struct {
	key  string // extension, or part name without the slash in front; as it is written
	mime string // as it is written
}

// part is one part of the package.
type part struct {
	name  string // without the slash in front, as it is written
	fold  string // in lower case
	entry *kit.ZipEntry
	flat  []byte // its bytes in a flat package
	mime  string // content type, lower case, without parameters; "" if it has none
	in    []*relation
	rels  relations // from this part

	sources []*part // that its markup names, in XPS

	drop    bool
	static  bool                // an object without content
	boxes   map[string]checkBox // of a drawing: shapes that become check boxes, by their number
	page    string              // type of an imported page that becomes paragraphs, "" if it is none
	source  []byte              // of that page
	shown   bool                // the page stands in the document
	data    []byte              // new bytes, nil if unchanged
	plain   []byte              // its text without a document type, nil if it declares nothing
	newName string              // "" if unchanged
	newMime string              // "" if unchanged
	scope   []binding           // namespaces in force around it, in a flat package
}

func newPack(ctx context.Context, job *kit.Job) *pack {
	return &pack{job: job, ctx: ctx, index: map[string]*part{}, byExt: map[string]string{}, byName: map[string]string{}, rules: commonRules()}
}

func openPackage(ctx context.Context, job *kit.Job, z *kit.Zip) (*pack, error) {
	p := newPack(ctx, job)
	p.zip = z
	for _, e := range z.Entries {
		if e.Dir {
			continue
		}
		name := strings.TrimLeft(e.Name, "/")
		p.add(&part{name: name, entry: e})
	}
	p.types = p.index["[content_types].xml"]
	if p.types == nil {
		return nil, kit.Corrupt("a package without content types")
	}
	return p, p.connect()
}

func (p *pack) add(at *part) {
	at.fold = foldName(at.name)
	p.parts = append(p.parts, at)
	p.index[at.fold] = at
}

// foldName brings a part name into the form that is compared.
func foldName(name string) string {
	if strings.IndexByte(name, '%') >= 0 {
		if u, err := url.PathUnescape(name); err == nil {
			name = u
		}
	}
	return strings.ToLower(strings.ReplaceAll(name, `\`, "/"))
}

// connect reads the types and the relationships.
func (p *pack) connect() error {
	if err := p.readTypes(); err != nil {
		return err
	}
	for _, at := range p.parts {
		at.mime = p.typeOf(at)
		if strings.HasSuffix(at.fold, ".piece") && strings.Contains(at.fold, "/[") {
			return kit.Unsupported("a package with parts in pieces")
		}
	}
	for _, at := range p.parts {
		if err := p.readRelations(at); err != nil {
			return err
		}
	}
	p.root.owner = nil
	if err := p.resolve(&p.root, ""); err != nil {
		return err
	}
	for _, at := range p.parts {
		at.rels.owner = at
		if err := p.resolve(&at.rels, path.Dir(at.name)); err != nil {
			return err
		}
	}
	return p.findMain()
}

func (p *pack) read(at *part) ([]byte, error) {
	if at.entry == nil {
		return at.flat, nil
	}
	return at.entry.Read(p.job)
}

// text returns an XML part in UTF-8. Office programs open no document whose parts declare entities; readers that do see
// their texts, and so does who reads it here. The part is written anew then.
func (p *pack) text(at *part) ([]byte, error) {
	if at.plain != nil {
		return at.plain, nil
	}
	data, err := p.read(at)
	if err != nil {
		return nil, err
	}
	text, _, err := kit.XMLToUTF8(data)
	if err != nil {
		return nil, err
	}
	return p.expand(at, text)
}

// expand returns the text of a part without the entities that it declares.
func (p *pack) expand(at *part, text []byte) ([]byte, error) {
	plain, lost, err := kit.ExpandXMLEntities(p.ctx, text, p.job.Limits.XMLDepth)
	if err != nil || plain == nil {
		return text, err
	}
	at.plain = plain
	p.removed(vectorEntity, at.name+" document type", kit.ActionRemoved, kit.LostEntities(lost))
	return plain, nil
}

// eachTag calls f for the start tags of a small XML part.
func (p *pack) eachTag(at *part, f func(t *kit.XMLToken)) error {
	text, err := p.text(at)
	if err != nil {
		return err
	}
	return p.eachTagOf(text, f)
}

func (p *pack) eachTagOf(text []byte, f func(t *kit.XMLToken)) error {
	x := kit.NewXML(text, p.job.Limits.XMLDepth)
	for {
		t, err := x.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case t.Kind == kit.XMLStart || t.Kind == kit.XMLEmpty:
			f(&t)
		}
	}
}

func (p *pack) readTypes() error {
	if p.types == nil {
		return nil // flat: the parts say it themselves
	}
	if err := p.types.short(); err != nil {
		return err
	}
	lines := 0
	err := p.eachTag(p.types, func(t *kit.XMLToken) {
		if lines++; lines > maxRelations {
			return
		}
		mime, _ := t.Attr("ContentType")
		switch t.Local() {
		case "Default":
			ext, _ := t.Attr("Extension")
			p.defaults = append(p.defaults, typeRule{ext, mime})
			p.byExt[strings.ToLower(strings.TrimPrefix(ext, "."))] = foldType(mime)
		case "Override":
			name, _ := t.Attr("PartName")
			name = strings.TrimLeft(name, "/")
			if fold := foldName(name); p.index[fold] != nil { // what names no part is never asked for and never written
				p.overrides = append(p.overrides, typeRule{name, mime})
				p.byName[fold] = foldType(mime)
			}
		}
	})
	if err == nil && lines > maxRelations {
		return kit.Limit("parts", "more than %d content types", maxRelations)
	}
	return err
}

func foldType(mime string) string {
	mime, _, _ = strings.Cut(mime, ";")
	return strings.ToLower(strings.TrimSpace(mime))
}

func (p *pack) typeOf(at *part) string {
	if at.mime != "" {
		return at.mime
	}
	if mime, ok := p.byName[at.fold]; ok {
		return mime
	}
	return p.byExt[strings.TrimPrefix(path.Ext(at.fold), ".")]
}

// findMain finds the part that the document is.
func (p *pack) findMain() error {
	for _, r := range p.root.list {
		if r.short == "officedocument" || r.short == "fixedrepresentation" || r.short == "document" && strings.Contains(r.typ, "visio") {
			if r.to != nil {
				p.main = r.to
			}
		}
	}
	if p.main == nil {
		return kit.Unsupported("a package that is no office document")
	}
	if p.main.mime == binaryMain {
		p.kind = mainType{family: familySheet, media: binaryMedia, ext: ".xlsb"}
		return nil
	}
	kind, ok := mainTypes[p.main.mime]
	if !ok {
		return kit.Unsupported("an office document of type %.80q", p.main.mime)
	}
	p.kind = kind
	if kind.family == familyXPS {
		return p.readSources()
	}
	return nil
}

func (p *pack) removed(vector, where, action, detail string) {
	p.changed = true
	p.job.Removed(vector, where, action, detail)
}

// finish makes the parts that hold types and relationships say what is there now.
func (p *pack) finish() {
	p.finishRelations(&p.root)
	for _, at := range p.parts {
		if !at.drop {
			p.finishRelations(&at.rels)
		}
	}
	alive := p.reachable(true)
	for _, at := range p.parts {
		if !alive[at] && !at.drop {
			at.drop = true
		}
	}
	if p.types != nil {
		p.types.data = p.writeTypes()
	}
}

const xmlHeader = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\r\n"

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a bytes.Buffer does not fail
	return b.String()
}

// writeTypes lists the types of the parts that are left.
func (p *pack) writeTypes() []byte {
	left := map[string]bool{} // extensions
	for _, at := range p.parts {
		if !at.drop {
			left[strings.TrimPrefix(path.Ext(at.fold), ".")] = true
		}
	}
	var b bytes.Buffer
	b.WriteString(xmlHeader + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">`)
	seen := map[string]bool{}
	for _, d := range p.defaults {
		ext := strings.ToLower(strings.TrimPrefix(d.key, "."))
		mime := d.mime
		if plain := mainTypes[foldType(mime)].plain; plain != "" {
			mime = plain
		}
		if seen[ext] || !left[ext] && activeTypes.MatchString(mime) {
			continue
		}
		seen[ext] = true
		b.WriteString(`<Default Extension="` + escape(d.key) + `" ContentType="` + escape(mime) + `"/>`)
	}
	p.writeOverrides(&b, seen)
	b.WriteString("</Types>")
	return b.Bytes()
}

// writeOverrides lists the parts whose extension does not say their type.
func (p *pack) writeOverrides(b *bytes.Buffer, seen map[string]bool) {
	written := map[string]bool{}
	override := func(name, mime string) {
		written[foldName(name)] = true
		b.WriteString(`<Override PartName="/` + escape(name) + `" ContentType="` + escape(mime) + `"/>`)
	}
	for _, o := range p.overrides {
		at := p.index[foldName(o.key)]
		switch {
		case at == nil || at.drop || written[at.fold]:
		case at.newName != "" || at.newMime != "":
			override(at.finalName(), at.finalMime(o.mime))
		default:
			override(o.key, o.mime)
		}
	}
	for _, at := range p.parts {
		if at.drop || at == p.types || written[foldName(at.finalName())] {
			continue
		}
		_, rels := isRelations(at.fold)
		ext := strings.ToLower(strings.TrimPrefix(path.Ext(at.finalName()), "."))
		if at.newMime != "" || at.newName != "" || !seen[ext] || at.entry == nil && p.byExt[ext] != at.mime {
			if rels && seen["rels"] {
				continue
			}
			override(at.finalName(), at.finalMime(at.mime))
		}
	}
}

func (at *part) finalName() string {
	if at.newName != "" {
		return at.newName
	}
	return at.name
}

func (at *part) finalMime(old string) string {
	switch {
	case at.newMime != "":
		return at.newMime
	case old != "":
		return old
	}
	return "application/octet-stream"
}

// writeZip writes the archive: the parts that are left, in their order.
func (p *pack) writeZip() ([]byte, error) {
	var w kit.ZipWriter
	for _, at := range p.parts {
		switch {
		case at.drop:
		case at.data != nil || at.entry == nil:
			if err := w.Put(at.finalName(), at.data, at.entry, false); err != nil {
				return nil, err
			}
		case at.newName != "" || at.entry.Name != at.name:
			data, err := p.read(at)
			if err != nil {
				return nil, err
			}
			if err := w.Put(at.finalName(), data, at.entry, false); err != nil {
				return nil, err
			}
		default:
			w.Keep(at.entry)
		}
	}
	return w.Bytes(), nil
}
