package cdr

import (
	"context"
	"path"
	"strings"

	"icapd/cdr/kit"
	"icapd/cdr/markup"
	"icapd/scan"
)

// Name is the name of the engine and of the rewriter.
const Name = "cdr"

// Engine shows a Disarmer as a scan.Engine: what it would remove from a document is a finding, and what it cannot
// make safe is a gap. It is also the scan.Rewriter that then does it.
type Engine struct {
	d       *Disarmer
	version string
}

// NewEngine returns the engine and rewriter for d. The version names the build.
func NewEngine(d *Disarmer, version string) *Engine { return &Engine{d, version} }

// Name implements scan.Engine and scan.Rewriter.
func (e *Engine) Name() string { return Name }

// Version implements scan.Versioner.
func (e *Engine) Version() string { return e.version }

// Wants implements scan.Selector and scan.Rewriter. What is inside a document belongs to the document's own handler,
// which knows what it is there for: only the outermost document is wanted. Documents in fields of a text are their own.
func (e *Engine) Wants(it *scan.Item) bool {
	if !e.d.Knows(e.typeOf(it)) {
		return false
	}
	for p := it.Parent; p != nil; p = p.Parent {
		f := e.d.formats[e.typeOf(p)]
		if f == nil {
			continue
		}
		if field, ok := f.(kit.Field); !ok || !field.Field() {
			return false
		}
	}
	return true
}

// typeOf is the type that decides about an item's format.
func (e *Engine) typeOf(it *scan.Item) string {
	if strings.EqualFold(path.Ext(it.Name), markup.BookStyleExt) && inBook(it) {
		return markup.TypeBookStyle // whatever else it looks like: pages lead to it by this name
	}
	if t := written(it); e.d.Knows(t) {
		return t
	}
	return typeOf(it.Type, it.Name)
}

// writtenKey is the scan.Item.Memo of written.
type writtenKey struct{}

// written is the type of what an item's bytes show, where the walk says no more than what it is written in: an office
// document in a zip archive or in XML. It is "" for all others. It reads a lot, and is asked for by each item below.
func written(it *scan.Item) string {
	var look func([]byte) string
	switch it.Type {
	case "application/octet-stream", "text/plain":
		look = func(data []byte) string {
			if !kit.IsPackage(data) {
				return ""
			}
			return kit.SniffPackage(data)
		}
	case "application/zip", "application/java-archive", "application/epub+zip", "text/xml", "application/xml":
		look = kit.Sniff
	case "image/svg+xml": // a page with a drawing in it looks like one from afar
		look = kit.SniffOfficeXML
	default:
		return ""
	}
	t, _ := it.Memo(writtenKey{}, func() any {
		data, err := it.Blob.Bytes()
		if err != nil {
			return "" // who scans the item sees the error
		}
		return look(data)
	}).(string)
	return t
}

// Scan implements scan.Engine.
func (e *Engine) Scan(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	r, err := e.disarm(ctx, it)
	var fs []scan.Finding
	for _, rem := range r.Removed {
		fs = append(fs, scan.Finding{
			Rule: "active-content/" + rem.Vector, Category: scan.ActiveContent, Class: rem.Vector, Severity: scan.Medium,
			Path: strings.TrimSuffix(it.Path+"/"+rem.Location, "/"), Detail: detail(rem),
			Description: "a part of the document that can act when it is opened", Hint: "rewrite",
		})
	}
	return fs, err
}

// hasMacros reports whether a media type is that of a document with macros.
func hasMacros(mediaType string) bool {
	return strings.Contains(strings.ToLower(mediaType), "macroenabled")
}

// Rewrite implements scan.Rewriter. It acts on findings of its own only.
func (e *Engine) Rewrite(ctx context.Context, it *scan.Item, findings []scan.Finding) (scan.Replacement, error) {
	if !concerned(findings) {
		return scan.Replacement{}, nil
	}
	r, err := e.disarm(ctx, it)
	if err != nil || !r.Changed {
		return scan.Replacement{}, err
	}
	rep := scan.Replacement{Blob: scan.Bytes(r.Data)}
	if r.Output.Type != r.Input.Type || hasMacros(it.Claimed) && !hasMacros(r.Output.Type) {
		rep.Type = r.Output.Type // the walk tells documents with and without macros by one type; senders do not
	}
	if r.Output.Name != r.Input.Name {
		rep.Name = r.Output.Name
	}
	for _, rem := range r.Removed {
		rep.Changes = append(rep.Changes, scan.Change{
			Rewriter: Name, Path: strings.TrimSuffix(it.Path+"/"+rem.Location, "/"), Vector: rem.Vector,
			Action: rem.Action, Detail: rem.Detail, Count: rem.Count,
		})
	}
	return rep, nil
}

// Reserve returns the engine inner, which ends in e, with the wait for working memory in front of it: who waits there takes
// no place from other engines in what inner waits for.
func (e *Engine) Reserve(inner scan.Engine) scan.Engine {
	return &reserving{scan.Decorator{Engine: inner}, e}
}

type reserving struct {
	scan.Decorator
	cdr *Engine
}

// reservedKey marks a context in which there is working memory for the document.
type reservedKey struct{}

// Scan implements scan.Engine.
func (r *reserving) Scan(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	doc, err := r.cdr.document(it)
	if err != nil {
		return nil, err
	}
	release, err := r.cdr.d.opt.Memory.take(ctx, need(&doc))
	if err != nil {
		return nil, err
	}
	defer release()
	return r.Engine.Scan(context.WithValue(ctx, reservedKey{}, true), it)
}

func (e *Engine) disarm(ctx context.Context, it *scan.Item) (Report, error) {
	doc, err := e.document(it)
	if err != nil {
		return Report{}, err
	}
	return e.d.Disarm(ctx, doc)
}

func (e *Engine) document(it *scan.Item) (kit.Document, error) {
	data, err := it.Blob.Bytes()
	if err != nil {
		return kit.Document{}, err
	}
	doc := kit.Document{Data: data, Type: e.typeOf(it), Name: it.Name}
	switch {
	case inMail(it):
		doc.Path = "mail:"
	case inBook(it):
		doc.Path = markup.BookPath
	}
	return doc, nil
}

// inMail reports whether an item came out of a mail, whose readers fetch no pictures unasked: those tell the sender who
// reads it, and where.
func inMail(it *scan.Item) bool {
	for p := it.Parent; p != nil; p = p.Parent {
		if p.Type == "message/rfc822" {
			return true
		}
	}
	return false
}

// inBook reports whether an item is a file in an e-book. Many are packed in another way than EPUB has it, and are read all
// the same: of them the name says what they are.
func inBook(it *scan.Item) bool {
	p := it.Parent
	return p != nil && (p.Type == "application/epub+zip" || p.Type == "application/zip" && strings.EqualFold(path.Ext(p.Name), ".epub"))
}

func concerned(findings []scan.Finding) bool {
	for i := range findings {
		if findings[i].Category == scan.ActiveContent {
			return true
		}
	}
	return false
}

func detail(r kit.Removal) string {
	s := r.Vector + " would be " + r.Action
	if r.Detail != "" {
		s += ": " + r.Detail
	}
	return s
}

// Key implements scan.Keyer: what is active in a document depends on its bytes, on what they are taken for, and on
// the name where that decides. The report's locations do not hold the item's path; findings do, so it is part of it.
func (e *Engine) Key(it *scan.Item) (string, bool) {
	key := e.typeOf(it) + "\x00" + it.Name + "\x00" + it.Path
	if inMail(it) {
		key += "\x00mail"
	}
	if inBook(it) {
		key += "\x00book"
	}
	return key, true
}
