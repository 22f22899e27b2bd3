package policy

import (
	"path"
	"slices"
	"strings"

	"icapd/scan"
)

// packageTypes are the beginnings of media types of documents that are zip archives of XML.
var packageTypes = []string{
	"application/vnd.openxmlformats-officedocument.", "application/vnd.ms-word.", "application/vnd.ms-excel.", "application/vnd.ms-powerpoint.",
	"application/vnd.ms-visio.", "application/vnd.ms-xpsdocument", "application/oxps", "application/vnd.oasis.opendocument.", "application/vnd.sun.xml.",
	bookType,
}

const bookType = "application/epub+zip"

// packageParts are the extensions of the parts that a document is made of; bookParts are those of books besides.
var (
	packageParts = []string{".xml", ".rels", ".vml", ".rdf", ".svg", ".fdoc", ".fdseq", ".fpage", ".frag", ".dict", ".struct"}
	bookParts    = []string{".xhtml", ".html", ".htm", ".opf", ".ncx", ".smil"}
)

// compoundTypes are media types of documents that are compound files.
var compoundTypes = []string{
	"application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint", "application/vnd.ms-visio", "application/vnd.visio",
	"application/vnd.ms-outlook", "application/vnd.ms-publisher", "application/vnd.ms-project", "application/x-ole-storage",
}

// inDocument reports whether the item is a part that a document is made of, by the format of the document. All else
// that a document carries is none: files that are attached or embedded, and entries of names and contents that the
// format does not have. The sender chooses what he puts into an archive, and what it looks like; they are messages of
// their own. So is the document itself: what stands in a field of its own is looked at like any field.
func inDocument(it *scan.Item) bool {
	if it == nil {
		return false
	}
	if alike(it) {
		it = it.Parent
	}
	part, macro := it, false
	for decoded(part) { // the same part, spelled in another way
		macro = macro || strings.HasSuffix(part.Path, vbaSegment)
		part = part.Parent
	}
	if part.Parent == nil || part.Attached || it.Attached {
		return false
	}
	switch t := part.Parent.Type; {
	case t == "application/pdf":
		return true
	case slices.Contains(compoundTypes, t):
		return macro || isMarkup(it.Type) || strings.HasPrefix(part.Name, "__substg1.0_") && strings.HasPrefix(it.Type, "text/")
	case slices.ContainsFunc(packageTypes, func(p string) bool { return strings.HasPrefix(t, p) }):
		ext := strings.ToLower(path.Ext(part.Name))
		return isMarkup(it.Type) && (slices.Contains(packageParts, ext) || t == bookType && slices.Contains(bookParts, ext))
	}
	return false
}

// flatBodies are where the text of documents stands that are one XML file: OpenDocument (ODF 1.3 part 3, section 3.1.2),
// and those of Word, by the prefixes that all programs write. No API has fields of such names.
var flatBodies = []string{
	"/office:document/office:body/office:", "/w:wordDocument/w:body/",
	"/pkg:package/pkg:part/pkg:xmlData/w:document/w:body/",
}

// inFlat reports whether a finding stands in the text of a document that is one XML file, whatever type it was sent as. Its
// attributes, comments and instructions say what programs do.
func inFlat(f *scan.Finding) bool {
	if f.Item == nil || !isMarkup(f.Item.Type) || strings.Contains(f.Field, "/@") || strings.HasSuffix(f.Field, "()") {
		return false
	}
	field := f.Field
	if rest, ok := strings.CutPrefix(field, "/pkg:package/pkg:part["); ok { // of the parts, which are counted
		if _, below, ok := strings.Cut(rest, "]"); ok {
			field = "/pkg:package/pkg:part" + below
		}
	}
	return slices.ContainsFunc(flatBodies, func(p string) bool { return strings.HasPrefix(field, p) })
}

// documentOf returns the document that the item is, or is a part of; nil if it is neither. A drawing is a document like
// any other, though it is XML: nobody takes its text for a field.
func documentOf(it *scan.Item) *scan.Item {
	if it == nil {
		return nil
	}
	part := it
	if alike(part) {
		part = part.Parent
	}
	for decoded(part) {
		part = part.Parent
	}
	switch {
	case part.Type == drawingType:
		return part
	case inDocument(it):
		return part.Parent
	}
	return nil
}

const drawingType = "image/svg+xml"

// vbaSegment ends the path of the source of a macro.
const vbaSegment = "(vba)"

// decoded reports whether an item is all of its parent, decoded: text in another encoding, the source of a macro.
func decoded(it *scan.Item) bool {
	if it.Parent == nil {
		return false
	}
	segment, ok := strings.CutPrefix(it.Path, it.Parent.Path)
	return ok && (segment == "(utf-8)" || segment == vbaSegment)
}

// alike reports whether an item is plain text that a name or a number in a part decoded to, because it is spelled like
// base64: names of styles and glyphs are, by chance. A document cannot be written anew around what was no base64 there.
func alike(it *scan.Item) bool {
	if it.Type != "text/plain" || it.Parent == nil || it.Attached {
		return false
	}
	i := strings.LastIndex(it.Path, "(base64")
	return i > len(it.Parent.Path) || i == len(it.Parent.Path) && i > 0
}

// isMarkup reports whether a media type is that of XML or HTML.
func isMarkup(t string) bool {
	return t == "text/xml" || t == "application/xml" || t == "text/html" || strings.HasSuffix(t, "+xml")
}
