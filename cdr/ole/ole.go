// Package ole makes documents in OLE2 compound files ([MS-CFB]) safe: Word ([MS-DOC]), Excel ([MS-XLS], BIFF5 and
// BIFF8), PowerPoint ([MS-PPT]), Outlook messages ([MS-OXMSG]), Visio drawings and Publisher publications.
//
// What a document consists of is decided by storages and streams: each type has a list of those that it may have, and
// all others go, with the macros, embedded objects and controls that are in them. The main streams of Word, Excel and
// PowerPoint and the properties of messages are then read record by record. A document that has to be changed is
// written as a new compound file, in which nothing is that was not read. Sheets of Excel 3 and 4, which are files without a
// compound file, pass if nothing in them can act.
package ole

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"icapd/cdr/kit"
)

// Format is the kit.Format for documents in compound files.
type Format struct{}

// Types implements kit.Format.
func (Format) Types() []string {
	return []string{
		"application/x-ole-storage", "application/x-cfb", "application/msword", "application/vnd.ms-word",
		"application/vnd.ms-excel", "application/vnd.ms-powerpoint", "application/vnd.ms-outlook",
		"application/vnd.ms-publisher", "application/x-mspublisher", "application/vnd.visio", "application/vnd.ms-visio",
	}
}

// The vectors of compound files, as reports name them. Those of fields are kit.FieldVector's.
const (
	vectorVBA        = "vba"
	vectorObject     = "ole-object"
	vectorNative     = "ole-package"
	vectorEquation   = "equation"
	vectorControl    = "activex"
	vectorOLELink    = "ole-link"
	vectorUnknown    = "unknown-stream"
	vectorDamaged    = "damaged-stream"
	vectorOrphan     = "orphan-stream"
	vectorLost       = "lost-sectors"
	vectorSlack      = "container-slack"
	vectorTrailing   = "trailing-data"
	vectorClass      = "class-id"
	vectorSignature  = "signature"
	vectorXLM        = "xlm-macro"
	vectorAutoMacro  = "auto-macro"
	vectorMacroName  = "macro-name"
	vectorDDE        = "dde"
	vectorBook       = "external-workbook"
	vectorConnection = "data-connection"
	vectorFormula    = "formula"
	vectorAction     = "object-macro"
	vectorProgram    = "action-program"
	vectorOLEAction  = "action-ole"
	vectorMedia      = "action-media"
	vectorLink       = "link-scheme"
	vectorMetadata   = "metadata"
	vectorFormScript = "form-script"
	vectorReminder   = "reminder-sound"
	vectorRemoteFile = "remote-file"
	vectorImage      = "external-image"
	vectorBuilt      = "field-built"
	vectorTemplate   = "remote-template"
	vectorToolbar    = "toolbar-macro"
	vectorMailMerge  = "mail-merge"
	vectorAttachment = "attachment"
	vectorBody       = "message-body"
	vectorRoute      = "mail-routing"
	vectorRecord     = "unknown-record"
	vectorProperty   = "unlisted-property"
)

// family is the program that a document belongs to.
type family struct {
	name    string
	classes []string // class ids of documents, as [GUIDs are written]
	streams func(path []string, e *entry) string
	disarm  func(*document) error
}

// document is one compound file at work.
type document struct {
	ctx     context.Context
	job     *kit.Job
	doc     kit.Document
	root    *entry
	changed bool
	family  string
	objects bool   // embedded objects were found: what shows them becomes a picture
	pool    *entry // the objects of a Word document, which are not written
	vba     bool   // macros were found: what belongs to them goes too
}

func (d *document) removed(vector, location, action, detail string) {
	d.changed = true
	d.job.Removed(vector, printable(location), action, detail)
}

// printable makes the name of a stream fit for a report: "\x01Ole" and the like begin with control characters.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return '~'
		}
		return r
	}, name)
}

// Disarm implements kit.Handler.
func (Format) Disarm(ctx context.Context, job *kit.Job, doc kit.Document) (kit.Result, error) {
	if isOldSheet(doc.Data) {
		return disarmOldSheet(ctx, job, doc.Data)
	}
	if !bytes.HasPrefix(doc.Data, []byte(signature)) {
		return kit.Result{}, kit.Unsupported("%s that is not a compound file", doc.Type)
	}
	c, err := readCompound(job, doc.Data)
	if err != nil {
		return kit.Result{}, err
	}
	d := &document{ctx: ctx, job: job, doc: doc, root: c.root}
	if err := d.encrypted(); err != nil {
		return d.unlock(err)
	}
	f := familyOf(c.root)
	switch {
	case f == nil:
		return kit.Result{}, kit.Unsupported("a compound file of an unknown kind")
	case job.Switches.Legacy == kit.ChoiceBlock && f != &message:
		return kit.Result{}, kit.Blocked("a document of an old office program")
	}
	d.family = f.name
	d.container(c, f)
	if err := d.streams(f); err != nil {
		return kit.Result{}, err
	}
	if !d.changed && job.Mode != kit.ModeRebuild {
		return kit.Result{}, ctx.Err()
	}
	return d.write()
}

// write makes a new file of what is left. What is rebuilt without anything having gone loses what is in no stream.
func (d *document) write() (kit.Result, error) {
	rebuilt := !d.changed
	if rebuilt && slices.ContainsFunc(d.root.kids, func(k *entry) bool { return isSignature(k.name) }) {
		return kit.Result{}, d.ctx.Err()
	}
	if err := d.signatures(); err != nil {
		return kit.Result{}, err
	}
	out, err := writeCompound(d.root)
	if err != nil {
		return kit.Result{}, err
	}
	if rebuilt {
		if bytes.Equal(out, d.doc.Data) {
			return kit.Result{}, d.ctx.Err()
		}
		d.removed(vectorSlack, "sectors", kit.ActionRemoved, "")
	}
	return kit.Result{Data: out}, d.ctx.Err()
}

// encrypted looks for what all encrypted office documents have ([MS-OFFCRYPTO]).
func (d *document) encrypted() error {
	for _, name := range []string{"EncryptedPackage", "EncryptionInfo", "EncryptedSummary", "\x06DataSpaces", "\tDRMContent"} {
		if d.root.find(name) != nil {
			return kit.Encrypted("the document is encrypted or has its rights managed")
		}
	}
	return nil
}

// unlock opens a package that was encrypted with the password that everybody knows, and hands on what is in it. The
// error is why the document cannot be read otherwise.
func (d *document) unlock(locked error) (kit.Result, error) {
	info, data := d.root.find("EncryptionInfo"), d.root.find("EncryptedPackage")
	if info == nil || data == nil {
		return kit.Result{}, locked
	}
	plain, err := openPackage(info.data, data.data, velvet)
	if err != nil {
		return kit.Result{}, locked
	}
	if err := d.job.Unpacked(int64(len(d.doc.Data)), int64(len(plain)), true); err != nil {
		return kit.Result{}, err
	}
	d.removed(vectorPassword, "EncryptedPackage", kit.ActionNeutralised, "written in plain")
	r, err := d.job.Recurse(d.ctx, kit.Document{Data: plain, Type: kit.Sniff(plain), Name: d.doc.Name})
	if err != nil {
		return kit.Result{}, err
	}
	if !r.Changed() {
		r.Data, r.Type = plain, kit.Sniff(plain)
	}
	if r.Type == "" {
		r.Type = kit.Sniff(r.Data)
	}
	return r, nil
}

// container judges what is not in any stream.
func (d *document) container(c *compound, f *family) {
	if c.orphans {
		d.removed(vectorOrphan, "directory", kit.ActionRemoved, "")
	}
	if c.lost {
		d.removed(vectorLost, "sectors", kit.ActionRemoved, "")
	}
	if c.trailing {
		d.removed(vectorTrailing, "end of file", kit.ActionRemoved, "")
	}
	if c.slack && !d.changed {
		d.removed(vectorSlack, "sectors", kit.ActionRemoved, "")
	}
	if d.root.class != (classID{}) && !f.hasClass(d.root.class) {
		d.removed(vectorClass, "Root Entry", kit.ActionRemoved, "")
		d.root.class = classID{}
	}
}

// streams takes the streams out that the family does not have, and then lets it look at those that are left.
func (d *document) streams(f *family) error {
	if err := d.filter(f, nil, d.root); err != nil {
		return err
	}
	if err := d.ctx.Err(); err != nil {
		return err
	}
	if err := f.disarm(d); err != nil {
		return err
	}
	d.properties()
	d.presentations()
	d.className(f)
	return nil
}

// maxPath bounds storages inside storages: messages inside messages take two each.
const maxPath = 64

// filter looks at all members of a storage. Streams that cannot be read go if a document does without them.
func (d *document) filter(f *family, path []string, e *entry) (err error) {
	e.drop(func(k *entry) bool {
		if err != nil || len(path) == 0 && isSignature(k.name) && k.isSigned(0) {
			return false
		}
		at := append(slices.Clip(path), k.name)
		if len(at) > maxPath {
			err = kit.Limit("depth", "%d storages inside each other", len(at))
			return false
		}
		vector := vectorOf(k)
		if vector == "" {
			vector = f.streams(at, k)
		}
		switch {
		case vector == "" && k.kind == kindStorage:
			err = d.filter(f, at, k)
			return false
		case vector == "" && k.lost == nil:
			return false
		case vector == "" && !common(k.name):
			err = k.lost
			return false
		case vector == "":
			vector = vectorDamaged
		case vector == vectorVBA:
			d.vba = true
		case vector == vectorObject || vector == vectorControl:
			d.objects = true
			if len(path) == 0 && strings.EqualFold(k.name, "ObjectPool") {
				d.pool = k
			}
		}
		d.removed(vector, strings.Join(at, "/"), kit.ActionRemoved, "")
		return true
	})
	return err
}

// signatures takes out signatures over a document that is written anew.
func (d *document) signatures() error {
	var err error
	d.root.drop(func(k *entry) bool {
		if !isSignature(k.name) {
			return false
		}
		if d.job.Switches.Signed == kit.ChoiceBlock {
			err = kit.Blocked("a signature would break")
		}
		d.job.Warn("signature-invalidated")
		d.removed(vectorSignature, k.name, kit.ActionRemoved, "")
		return true
	})
	return err
}

func isSignature(name string) bool {
	switch strings.ToLower(name) {
	case "_signatures", "_xmlsignatures", "\x06datasignatures":
		return true
	}
	return false
}

// isSigned reports whether a stream or storage by the name of a signature has one: a certificate in DER, or XML of
// XML-DSig ([MS-OFFCRYPTO] 2.5). Else somebody keeps something else under that name.
func (e *entry) isSigned(depth int) bool {
	if e.kind == kindStorage {
		return depth < maxSigned && len(e.kids) > 0 && !slices.ContainsFunc(e.kids, func(k *entry) bool { return !k.isSigned(depth + 1) })
	}
	return e.lost != nil || bytes.Contains(e.data, []byte{0x30, 0x82}) || bytes.Contains(e.data, []byte("http://www.w3.org/2000/09/xmldsig#"))
}

const maxSigned = 4 // storages inside each other

// vectorOf judges streams and storages that mean the same in every document, by their names.
func vectorOf(e *entry) string {
	name := strings.ToLower(e.name)
	if e.kind == kindStorage {
		switch name {
		case "vba", "macros", "_vba_project_cur", "vbaproject", "_vba_project":
			return vectorVBA
		case "objectpool", "objects":
			if len(e.kids) > 0 {
				return vectorObject
			}
		}
		if strings.HasPrefix(name, "mbd") || strings.HasPrefix(name, "lnk") {
			return vectorObject
		}
		return ""
	}
	switch name {
	case "_vba_project", "projectwm", "projectlk":
		return vectorVBA
	case "\x01ole10native":
		return vectorNative
	case "equation native":
		return vectorEquation
	case "ctls", "\x03ocxname", "\x03ocxdata", "ocxdata":
		return vectorControl
	case "\x01ole":
		if len(e.data) < 8 || e.data[4]&1 != 0 || len(e.data) > 64 {
			return vectorOLELink
		}
	}
	return ""
}
