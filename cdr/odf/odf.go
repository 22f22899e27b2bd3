// Package odf makes OpenDocument files (ODF 1.3, as packages and as flat XML) safe. Parts are written anew only where
// something had to go; all others are copied as they are packed.
package odf

import (
	"bytes"
	"context"
	"errors"
	"path"
	"strings"

	"icapd/cdr/kit"
	"icapd/scan"
)

// Formats returns all formats of this room.
func Formats() []kit.Format { return []kit.Format{Package{}, Flat{}} }

const prefix = "application/vnd.oasis.opendocument."

// Package is the kit.Format for ODF in a zip archive.
type Package struct{}

// Types implements kit.Format.
func (Package) Types() []string {
	var types []string
	for _, kind := range []string{"text", "spreadsheet", "presentation", "graphics", "chart", "formula", "image", "text-master", "text-web", "database"} {
		types = append(types, prefix+kind, prefix+kind+"-template")
	}
	return append(types, "application/vnd.sun.xml.calc", "application/vnd.sun.xml.writer", "application/vnd.sun.xml.impress", "application/vnd.sun.xml.draw")
}

// Disarm implements kit.Handler.
func (Package) Disarm(ctx context.Context, job *kit.Job, doc kit.Document) (kit.Result, error) {
	if strings.HasSuffix(doc.Type, ".database") { // a front for a database: it is all connection
		return kit.Result{}, kit.Unsupported("an OpenDocument database")
	}
	z, err := kit.OpenZip(job, doc.Data)
	if err != nil {
		return kit.Result{}, err
	}
	p := packageWalk{ctx: ctx, job: job, zip: z, parts: map[*kit.ZipEntry]part{}}
	if err := p.read(); err != nil {
		return kit.Result{}, err
	}
	for _, hazard := range z.Hazards {
		p.changed = true
		job.Removed(hazard, "archive", kit.ActionRemoved, "")
	}
	if !p.changed {
		return kit.Result{}, nil
	}
	out, err := p.write()
	return kit.Result{Data: out}, err
}

// part is what becomes of an entry.
type part struct {
	drop bool
	data []byte // new bytes, nil if unchanged
}

type packageWalk struct {
	ctx     context.Context
	job     *kit.Job
	zip     *kit.Zip
	parts   map[*kit.ZipEntry]part
	changed bool
	signed  bool
	names   map[string]bool // of the entries and their folders; nil until somebody asks
	listed  map[string]bool // what the manifest names, folded; nil if it does not name the content either
}

// The vectors of ODF, as reports name them.
const (
	vectorBasic     = "basic-macro"
	vectorScript    = "script"
	vectorJava      = "java"
	vectorMenu      = "scripted-menu"
	vectorOLE       = "ole-object"
	vectorEvent     = "event-listener"
	vectorApplet    = "applet"
	vectorPlugin    = "plugin"
	vectorFrame     = "floating-frame"
	vectorDDE       = "dde-link"
	vectorSection   = "linked-section"
	vectorTable     = "linked-table"
	vectorDatabase  = "database-link"
	vectorTemplate  = "linked-template"
	vectorImage     = "external-image"
	vectorObject    = "external-object"
	vectorLink      = "link-scheme"
	vectorForm      = "form-action"
	vectorFormula   = "formula"
	vectorXForms    = "xforms"
	vectorUnknown   = "unknown-part"
	vectorEntity    = "document-type"
	vectorPI        = "processing-instruction"
	vectorBase      = "base-address"
	vectorSignature = "signature"
	vectorThumbnail = "thumbnail"
	vectorMetadata  = "metadata"
	vectorManifest  = "manifest-entry"
	vectorComment   = "metafile-comment"
	vectorExternal  = "external-fetch"
)

func (p *packageWalk) read() error {
	if m := p.zip.Find("META-INF/manifest.xml"); m != nil { // first, because encrypted parts look like broken ones
		data, err := m.Read(p.job)
		if err != nil {
			return err
		}
		if bytes.Contains(data, []byte("encryption-data")) {
			return kit.Encrypted("OpenDocument needs a password")
		}
		if p.listed, err = listed(p.ctx, p.job, data); err != nil {
			return err
		}
	}
	for _, e := range p.zip.Entries {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		if err := p.entry(e); err != nil {
			return err
		}
	}
	if p.changed && p.signed {
		if p.job.Switches.Signed == kit.ChoiceBlock {
			return kit.Blocked("a signed document whose signature would break")
		}
		p.job.Warn("signature-invalidated")
		for _, e := range p.zip.Entries {
			if isSignature(strings.ToLower(e.Name)) {
				p.drop(e, vectorSignature)
			}
		}
	}
	return nil
}

func (p *packageWalk) drop(e *kit.ZipEntry, vector string) {
	p.parts[e] = part{drop: true}
	p.changed = true
	p.job.Removed(vector, e.Name, kit.ActionRemoved, "")
}

// listed reads which entries a manifest names. The error is of a manifest that is no XML.
func listed(ctx context.Context, job *kit.Job, data []byte) (map[string]bool, error) {
	text, _, err := kit.XMLToUTF8(data)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	x := kit.NewXML(text, job.Limits.XMLDepth)
	err = x.Each(ctx, func(t *kit.XMLToken, _ int) error {
		for a := range t.Attrs {
			if a.Local() == "full-path" {
				names[strings.ToLower(strings.TrimPrefix(a.Value(), "./"))] = true
			}
		}
		return nil
	})
	if err != nil || !names["content.xml"] {
		return nil, err
	}
	return names, nil
}

// unlisted reports whether nothing in the manifest stands for an entry: no reader opens it. Folders may be listed for
// what is in them, and some writers forget their own caches and previews.
func (p *packageWalk) unlisted(e *kit.ZipEntry) bool {
	name := strings.ToLower(e.Name)
	switch {
	case p.listed == nil, p.listed[name], strings.HasPrefix(name, "meta-inf/"), strings.HasPrefix(name, "thumbnails/"),
		strings.HasPrefix(name, "configurations2/"), strings.HasPrefix(name, "pictures/"), path.Base(name) == "layout-cache", path.Base(name) == "manifest.rdf":
		return false
	}
	switch name {
	case "content.xml", "styles.xml", "meta.xml", "settings.xml":
		return false
	}
	for dir := name[:min(len(name), maxFolder)]; ; {
		i := strings.LastIndexByte(dir, '/')
		if i < 0 {
			return true
		}
		if p.listed[dir[:i+1]] {
			return false
		}
		dir = dir[:i]
	}
}

// maxFolder is the length up to which the name of a folder is looked for in the manifest, in bytes. Names in archives may
// be a hundred times as long, with as many folders in them.
const maxFolder = 512

func isSignature(name string) bool {
	return strings.HasPrefix(name, "meta-inf/") && strings.Contains(name, "signature")
}

// entry decides about one entry by its name, and by its content where the name does not say.
func (p *packageWalk) entry(e *kit.ZipEntry) error {
	name := strings.ToLower(e.Name)
	own := ownName(name)
	switch {
	case e.Dir || name == "mimetype":
		return nil
	case strings.HasPrefix(own, "basic/"):
		p.drop(e, vectorBasic)
		return nil
	case strings.HasPrefix(own, "scripts/"), strings.HasPrefix(own, "dialogs/"):
		p.drop(e, vectorScript)
		return nil
	case strings.HasSuffix(name, ".class"), strings.HasSuffix(name, ".jar"):
		p.drop(e, vectorJava)
		return nil
	case isSignature(name):
		p.signed = true
		return nil
	case strings.HasPrefix(name, "thumbnails/") && p.job.Switches.StripMetadata:
		p.drop(e, vectorThumbnail)
		return nil
	}
	if strings.HasPrefix(name, "meta-inf/") && name != "meta-inf/manifest.xml" && name != "meta-inf/container.xml" && name != "meta-inf/manifest.rdf" || p.unlisted(e) {
		p.drop(e, vectorUnknown)
		return nil
	}
	data, err := e.Read(p.job)
	if err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(own, "configurations2/"):
		if p.menu(e, data) {
			p.drop(e, vectorMenu)
			return nil
		}
		if path.Ext(name) != ".xml" {
			return p.icon(e, data)
		}
		return p.xml(e, data)
	case strings.HasSuffix(name, ".xml"), strings.HasSuffix(name, ".rdf"):
		// Metadata may have any name (ODF 1.2, part 3, section 6): manifest.rdf leads to it, and LibreOffice does not open a document
		// in which it is missing.
		return p.xml(e, data)
	}
	return p.binary(e, name, data)
}

// has reports whether an entry, or a folder with something in it, is in the package.
func (p *packageWalk) has(name string) bool {
	if p.names == nil {
		p.names = map[string]bool{}
		for _, e := range p.zip.Entries {
			p.names[e.Name], p.names[path.Dir(e.Name)] = true, true
		}
	}
	return p.names[name]
}

func (p *packageWalk) xml(e *kit.ZipEntry, data []byte) error {
	out, err := cleanXML(p.ctx, p.job, data, e.Name, nil, p.has)
	if err != nil {
		return err
	}
	if out != nil {
		p.parts[e] = part{data: out}
		p.changed = true
	}
	return nil
}

// binary decides about pictures, fonts, media and embedded objects.
func (p *packageWalk) binary(e *kit.ZipEntry, name string, data []byte) error {
	dir, _, _ := strings.Cut(name, "/")
	switch {
	case len(data) == 0:
		return nil
	case bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")) && dir != "objectreplacements":
		p.drop(e, vectorOLE)
		return nil
	case dir == "pictures" || dir == "objectreplacements" || dir == "thumbnails" || dir == "media" || dir == "fonts":
		return p.picture(e, data)
	case path.Base(name) == "layout-cache" && bytes.HasPrefix(data, []byte("\x01\x00")): // the version of its form
		return nil
	case strings.HasPrefix(dir, "object") && !strings.Contains(name, "/"):
		p.drop(e, vectorOLE)
		return nil
	case path.Dir(name) != "." && strings.HasPrefix(dir, "object"): // parts of an embedded OpenDocument
		return p.picture(e, data)
	case strings.HasPrefix(kit.Sniff(data), "image/"): // of an embedded document under a name of its own, or in the place of a model
		return p.picture(e, data)
	}
	p.drop(e, vectorUnknown)
	return nil
}

// icon is about the pictures of buttons, which are all that the user interface is made of besides XML.
func (p *packageWalk) icon(e *kit.ZipEntry, data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 || strings.HasPrefix(kit.Sniff(data), "image/") {
		return nil
	}
	p.drop(e, vectorUnknown)
	return nil
}

// picture hands a picture to its own handler. What has none is kept if it is of a kind that only shows or sounds.
func (p *packageWalk) picture(e *kit.ZipEntry, data []byte) error {
	if kit.Metafile(data) {
		p.metafile(e, data)
		return nil
	}
	kind := kit.Sniff(data)
	r, err := p.job.Recurse(p.ctx, kit.Document{Data: data, Type: kind, Name: path.Base(e.Name), Path: e.Name})
	var gap *scan.Gap
	switch {
	case errors.As(err, &gap) && gap.Reason == scan.ReasonUnsupported && passive(kind, data):
		return nil
	case errors.As(err, &gap) && (gap.Reason == scan.ReasonUnsupported || gap.Reason == scan.ReasonCorrupt):
		p.blank(e)
		return nil
	case err != nil:
		return err
	case r.Changed():
		p.parts[e] = part{data: r.Data}
		p.changed = true
	}
	return nil
}

// blank puts a picture that shows nothing in the place of one that cannot stay: LibreOffice does not open a document with a
// picture that is not there.
func (p *packageWalk) blank(e *kit.ZipEntry) {
	p.parts[e] = part{data: []byte(kit.BlankPNG)}
	p.changed = true
	p.job.Removed(vectorUnknown, e.Name, kit.ActionRemoved, "")
}

// metafile takes the comments out of a metafile. One whose records are not whole stays as it is: readers draw it as far
// as it goes, and it holds no program.
func (p *packageWalk) metafile(e *kit.ZipEntry, data []byte) {
	out, ok := kit.CleanMetafile(p.ctx, p.job, data)
	if !ok || len(out) == len(data) {
		return
	}
	p.parts[e] = part{data: out}
	p.changed = true
	p.job.Removed(vectorComment, e.Name, kit.ActionRemoved, "")
}

// passive reports whether bytes are a metafile, a font, sound or film.
func passive(kind string, data []byte) bool {
	major, _, _ := strings.Cut(kind, "/")
	switch major {
	case "image", "font", "audio", "video":
		return true
	}
	for _, magic := range []string{"VCLMTF", "\xd7\xcd\xc6\x9a", "\x01\x00\x09\x00\x00\x03", "\x02\x00\x09\x00\x00\x03"} { // StarView and Windows metafiles
		if bytes.HasPrefix(data, []byte(magic)) {
			return true
		}
	}
	return len(data) > 44 && string(data[40:44]) == " EMF"
}

// write builds the archive: the type first and not packed, so that readers find it, then the parts in their order,
// and a manifest that names what is there.
func (p *packageWalk) write() ([]byte, error) {
	var w kit.ZipWriter
	if m := p.zip.Find("mimetype"); m != nil {
		data, err := m.Read(p.job)
		if err != nil {
			return nil, err
		}
		if err := w.Put("mimetype", data, m, true); err != nil {
			return nil, err
		}
	}
	dropped := map[string]bool{}
	for e, what := range p.parts {
		if what.drop {
			dropped[e.Name] = true
		}
	}
	for _, e := range p.zip.Entries {
		what := p.parts[e]
		switch {
		case what.drop || strings.EqualFold(e.Name, "mimetype"):
		case strings.EqualFold(e.Name, "META-INF/manifest.xml"):
			if err := p.writeManifest(&w, e, dropped); err != nil {
				return nil, err
			}
		case what.data != nil:
			if err := w.Put(e.Name, what.data, e, false); err != nil {
				return nil, err
			}
		default:
			w.Keep(e)
		}
	}
	return w.Bytes(), nil
}

func (p *packageWalk) writeManifest(w *kit.ZipWriter, e *kit.ZipEntry, dropped map[string]bool) error {
	data := p.parts[e].data
	if data == nil {
		var err error
		if data, err = e.Read(p.job); err != nil {
			return err
		}
	}
	out, err := cleanXML(p.ctx, p.job, data, e.Name, dropped, p.has)
	switch {
	case err != nil:
		return err
	case out != nil:
		data = out
	case p.parts[e].data == nil:
		w.Keep(e)
		return nil
	}
	return w.Put(e.Name, data, e, false)
}

// Flat is the kit.Format for ODF in one XML file.
type Flat struct{}

// Types implements kit.Format.
func (Flat) Types() []string {
	var types []string
	for _, kind := range []string{"text", "spreadsheet", "presentation", "graphics"} {
		types = append(types, prefix+kind+"-flat-xml")
	}
	return types
}

// Disarm implements kit.Handler.
func (Flat) Disarm(ctx context.Context, job *kit.Job, doc kit.Document) (kit.Result, error) {
	out, err := cleanXML(ctx, job, doc.Data, "", nil, nil)
	return kit.Result{Data: out}, err
}
