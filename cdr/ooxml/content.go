package ooxml

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"path"
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
	"icapd/scan"
)

// contents decides about the parts that are not XML, or not of this format: pictures, media, embedded documents.
func (p *pack) contents(ctx context.Context) error {
	for _, at := range p.parts {
		if at.drop || at == p.types || at == p.main || isSignature(at) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, ok := isRelations(at.fold); ok || p.isXML(at) || p.isRecords(at) {
			continue
		}
		data, err := p.read(at)
		if err != nil {
			return err
		}
		if err := p.content(ctx, at, data); err != nil {
			return err
		}
	}
	return nil
}

// isXML reports whether a part is markup of this format, by its type and by how it is used.
func (p *pack) isXML(at *part) bool {
	if at.inBy("afchunk") || at.inBy("oleobject") || at.inBy("package") {
		return false
	}
	if at.inBy("image") || strings.HasPrefix(at.mime, "image/") {
		return false
	}
	ext := path.Ext(at.fold)
	return strings.HasSuffix(at.mime, "+xml") || strings.HasSuffix(at.mime, "/xml") || strings.HasSuffix(at.mime, "vmldrawing") ||
		at.mime == "" && (ext == ".xml" || ext == ".vml")
}

func (at *part) inBy(short string) bool {
	for _, r := range at.in {
		if r.short == short {
			return true
		}
	}
	return false
}

const cfbMagic = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

func (p *pack) content(ctx context.Context, at *part, data []byte) error {
	switch {
	case p.trash(at):
		return nil
	case at.inBy("afchunk"):
		return p.altChunk(ctx, at, data)
	case at.inBy("oleobject") || at.inBy("package") || bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return p.embedded(ctx, at, data)
	case bytes.HasPrefix(data, []byte(cfbMagic)):
		vector := vectorOLE
		if bytes.Contains(data, []byte("V\x00B\x00A\x00")) {
			vector = vectorVBA
		}
		p.dropPart(at, vector)
		return nil
	case at.inBy("printersettings") || strings.Contains(at.mime, "printersettings"):
		if !plainPrinter(data) {
			p.dropPart(at, vectorPrinter)
		}
		return nil
	case at.inBy("customproperty"):
		if !plainText(data) {
			p.dropPart(at, vectorUnknown)
		}
		return nil
	}
	return p.media(ctx, at, data)
}

// altChunk disarms a document that the reader would merge into this one.
func (p *pack) altChunk(ctx context.Context, at *part, data []byte) error {
	kind := kit.Sniff(data)
	switch {
	case bytes.HasPrefix(data, []byte("PK")):
		kind = wordMain + "document"
	case kind == "application/xhtml+xml":
		kind = "text/html"
	case strings.HasPrefix(kind, "text/") && kind != "text/rtf":
		if at.mime == "text/html" || at.mime == "application/xhtml+xml" {
			kind = "text/html"
		}
	}
	switch kind {
	case "text/html", "text/plain":
		// A page becomes paragraphs: nothing that is read is lost, and nothing is left to be imported.
		if kind == "text/html" || at.mime == kind { // what says of itself that it is a mail is none of these
			at.page, at.source = kind, data
		}
		p.dropPart(at, vectorAltChunk)
		return nil
	case "text/rtf", wordMain + "document":
	default:
		p.dropPart(at, vectorAltChunk)
		return nil
	}
	return p.recurse(ctx, at, data, kind, vectorAltChunk)
}

// embedded disarms a document that was embedded with the program's own format. All other objects go.
func (p *pack) embedded(ctx context.Context, at *part, data []byte) error {
	switch p.job.Switches.EmbeddedFiles {
	case kit.ChoiceAllow:
		return nil
	case kit.ChoiceRemove:
		p.dropPart(at, vectorPackage)
		return nil
	case kit.ChoiceBlock:
		return kit.Blocked("embedded files")
	case kit.ChoiceDefault, kit.ChoiceSanitise:
	}
	if !bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		return p.object(ctx, at, data)
	}
	kind := kit.Sniff(data)
	if kind == "application/zip" || kind == "application/octet-stream" {
		kind = wordMain + "document" // the handler reads the type from the package
	}
	return p.recurse(ctx, at, data, kind, vectorPackage)
}

// recurse hands a part to the handler for its type. What cannot be made safe goes.
func (p *pack) recurse(ctx context.Context, at *part, data []byte, kind, vector string) error {
	before := len(p.job.Removals())
	r, err := p.job.Recurse(ctx, kit.Document{Data: data, Type: kind, Name: path.Base(at.name), Path: at.name})
	var gap *scan.Gap
	if err != nil {
		p.job.Retract(before)
	}
	switch {
	case errors.As(err, &gap) && (gap.Reason != scan.ReasonLimit || gap.Limit == "depth"):
		p.dropPart(at, vector)
		return nil
	case err != nil:
		return err
	case !r.Changed():
		return nil
	}
	p.removed(vector, at.name, kit.ActionRecursed, "")
	at.data = r.Data
	if r.Type != "" {
		at.newMime = r.Type
	} else if plain := plainMedia(at.mime); plain != "" {
		at.newMime = plain
	}
	if r.Name != "" && p.index[foldName(path.Join(path.Dir(at.name), r.Name))] == nil {
		at.newName = path.Join(path.Dir(at.name), r.Name)
	}
	return nil
}

// plainMedia returns the media type of the kind without macros, "" if it is one already.
func plainMedia(mime string) string {
	for _, m := range mainTypes {
		if m.media == mime && m.plain != "" {
			return mainTypes[m.plain].media
		}
	}
	return ""
}

// media hands pictures to their handlers, and keeps what only shows or sounds.
func (p *pack) media(ctx context.Context, at *part, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if kit.Metafile(data) || bytes.HasPrefix(data, packedMetafile) && isPicture(at) {
		return p.metafile(ctx, at, data) // whatever else its first records hold: programs of the Macintosh put a PDF there
	}
	kind := kit.Sniff(data)
	major, _, _ := strings.Cut(kind, "/")
	if major == "audio" || major == "video" {
		switch p.job.Switches.Media {
		case kit.ChoiceRemove:
			p.dropPart(at, vectorMediaFile)
			return nil
		case kit.ChoiceBlock:
			return kit.Blocked("audio or video")
		case kit.ChoiceDefault, kit.ChoiceAllow, kit.ChoiceSanitise:
		}
	}
	before := len(p.job.Removals())
	r, err := p.job.Recurse(ctx, kit.Document{Data: data, Type: kind, Name: path.Base(at.name), Path: at.name})
	var gap *scan.Gap
	if err != nil || slack(data, r.Data) {
		p.job.Retract(before)
	}
	switch {
	case errors.As(err, &gap) && gap.Reason == scan.ReasonUnsupported && metafile(data):
		return p.metafile(ctx, at, data)
	case errors.As(err, &gap) && gap.Reason == scan.ReasonUnsupported && passive(at, kind, data) && !twoThings(major, data):
		return nil
	case errors.As(err, &gap) && (gap.Reason != scan.ReasonLimit || gap.Limit == "depth"):
		if isPicture(at) {
			at.data = []byte(kit.BlankPNG)
			p.removed(vectorBroken, at.name, kit.ActionNeutralised, "")
			return nil
		}
		p.dropPart(at, vectorUnknown)
		return nil
	case err != nil:
		return err
	case r.Changed() && !slack(data, r.Data):
		at.data = r.Data
		p.changed = true
	}
	return nil
}

// slack reports whether all that a handler took from a picture is the rest of the last kilobyte, or of the last few,
// that Office writes behind pictures: no more than memory that happened to be there.
func slack(data, clean []byte) bool {
	const block, most = 1 << 10, 8 << 10
	return clean != nil && len(data)%block == 0 && len(data)-len(clean) <= most && bytes.HasPrefix(data, clean) &&
		!polyglot(data[max(0, len(clean)-8):])
}

func isPicture(at *part) bool { return at.inBy("image") || strings.HasPrefix(at.mime, "image/") }

// foreign are the beginnings of programs, archives and documents.
var foreign = [][]byte{
	[]byte("PK\x03\x04"), []byte("PK\x05\x06"), []byte("%PDF-1"), []byte("<?php"), []byte("Rar!\x1a\x07"), []byte("7z\xbc\xaf\x27\x1c"),
	[]byte("MZ\x90\x00\x03"), []byte("\x7fELF"), []byte(cfbMagic),
}

// polyglot reports whether something else begins inside of bytes: a program, an archive, a document, a page.
func polyglot(data []byte) bool {
	for _, magic := range foreign {
		if bytes.Contains(data, magic) {
			return true
		}
	}
	for {
		i := bytes.IndexByte(data, '<')
		if i < 0 {
			return false
		}
		data = data[i+1:]
		for _, tag := range []string{"script", "html"} {
			if len(data) > len(tag) && strings.EqualFold(string(data[:len(tag)]), tag) && strings.IndexByte(" \t\r\n/>", data[len(tag)]) >= 0 {
				return true
			}
		}
	}
}

// twoThings reports whether bytes are also a file of another kind. Sound and film are long enough to hold any four
// bytes by chance: of them only what readers look at to tell a type counts.
func twoThings(major string, data []byte) bool {
	const front, back = 4 << 10, 70 << 10
	if (major == "audio" || major == "video") && len(data) > front+back {
		return polyglot(data[:front]) || polyglot(data[len(data)-back:])
	}
	return polyglot(data)
}

// passive reports whether a part without a handler of its own is a metafile, a font, sound or film.
func passive(at *part, kind string, data []byte) bool {
	switch major, _, _ := strings.Cut(kind, "/"); major {
	case "audio", "video", "font":
		return true
	case "image":
		return kind != "image/svg+xml"
	}
	ext := path.Ext(at.fold)
	switch {
	case at.mime == "application/vnd.ms-package.obfuscated-opentype" || at.mime == "application/vnd.ms-opentype":
		return ext == ".odttf" || ext == ".ttf" || ext == ".otf" || ext == ".ttc"
	case at.mime == "application/vnd.ms-color.iccprofile":
		return len(data) > 128 && string(data[36:40]) == "acsp"
	case at.inBy("font") || at.mime == "application/x-fontdata" || strings.Contains(at.mime, "obfuscatedfont"):
		return ext == ".odttf" || ext == ".fntdata" || ext == ".ttf" || ext == ".otf"
	case ext == ".wdp" || ext == ".jxr" || ext == ".hdp":
		return bytes.HasPrefix(data, []byte("II\xbc"))
	case ext == ".pict" || ext == ".pct":
		return len(data) > 540 && len(bytes.Trim(data[:512], "\x00")) == 0
	}
	return false
}

// plainText reports whether the value of a sheet's property is text in UTF-16, as add-ins write it.
func plainText(data []byte) bool {
	if len(data)%2 != 0 || polyglot(data) {
		return false
	}
	for i := 0; i+1 < len(data); i += 2 {
		if c := rune(data[i]) | rune(data[i+1])<<8; c < ' ' && c != '\t' && c != '\r' && c != '\n' && (c != 0 || i+2 < len(data)) {
			return false
		}
	}
	return true
}

// typedText matches text that somebody could have put behind what a driver writes.
var typedText = pattern.MustCompile(`[A-Za-z0-9_./:-]{6}|(?:[A-Za-z0-9_./:-]\x00){5}`)

// plainPrinter reports whether printer settings are what Windows (DEVMODE, [MS-RPRN] 2.2.2.1) or macOS (a property
// list) write. Anything else that is stored under their name is not needed by anyone.
func plainPrinter(data []byte) bool {
	if len(data) == 0 {
		return true
	}
	trimmed := bytes.TrimLeft(data, "\xef\xbb\xbf \r\n\t")
	if bytes.HasPrefix(trimmed, []byte("<?xml")) {
		return bytes.Contains(data, []byte("com.apple.print")) && !polyglot(data)
	}
	const versionAt, sizeAt, extraAt, least, slack = 64, 68, 70, 92, 4096
	if len(data) < least || polyglot(data) {
		return false
	}
	if version := binary.LittleEndian.Uint16(data[versionAt:]); version < 0x0300 || version > 0x0500 { // of DEVMODE; 0x0401 since Windows 95
		return false
	}
	size, extra := int(binary.LittleEndian.Uint16(data[sizeAt:])), int(binary.LittleEndian.Uint16(data[extraAt:]))
	if size < least-20 || size > 1024 || len(data) < size || len(data)-size-extra > slack {
		return false
	}
	return size+extra >= len(data) || !typedText.Match(data[size+extra:])
}
