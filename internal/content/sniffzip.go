package content

import (
	"bytes"
	"encoding/binary"
	"strings"

	"icapd/scan"
)

// zipUses are folders and parts of packages, in lower case, with what they say.
var zipUses = []struct{ name, typ string }{
	{"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
	{"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	{"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
	{"visio/", "application/vnd.ms-visio.drawing.main+xml"},
	{".fdseq", "application/vnd.ms-xpsdocument"},
}

// zipTells are entries that tell documents from archives.
type zipTells struct {
	types, manifest, content, container, mimetype bool

	program bool // what Java runs an archive by, or what it runs
	use     int  // the first of zipUses that there is
}

// zipUse tells what document an archive is where its first entries do not show it: by the entry that names the type
// (ODF 1.3 part 2, section 3.3; EPUB 3.3, section 4.2.6.2), or by the directory of a package (ECMA-376 part 2). Where it
// is no document, it is what it was taken for. A sender can write the names of entries anywhere: they count in the
// directory, and a book, which nothing disarms, needs all that it must have.
func zipUse(head []byte, b scan.Blob, seen string) string {
	named := namedUse(head)
	if named != "" && named != typeEPUB {
		return named
	}
	t := zipTells{use: len(zipUses)}
	err := zipNames(b, t.entry)
	if named == typeEPUB && t.container && t.mimetype {
		return typeEPUB
	}
	if err != nil { // damaged: where the names may stand has to do for those that are looked at more closely
		t.damaged(b)
	}
	switch {
	case t.types && t.use < len(zipUses):
		return zipUses[t.use].typ
	case !t.types && t.manifest && t.content:
		return typeODT
	case seen == typeEPUB, seen == typeJar && err == nil && t.container && !t.program: // books that are packed another way
		return typeZip
	}
	return seen
}

// entry notes what a name in the directory tells.
func (t *zipTells) entry(name []byte) bool {
	if len(name) > maxName { // no name that tells anything is as long
		return true
	}
	s := strings.TrimPrefix(strings.ReplaceAll(strings.ToLower(string(name)), `\`, "/"), "/")
	switch s {
	case "[content_types].xml":
		t.types = true
	case "meta-inf/manifest.xml":
		t.manifest = true
	case "content.xml":
		t.content = true
	case "meta-inf/container.xml":
		t.container = true
	case "mimetype":
		t.mimetype = true
	}
	t.program = t.program || s == "meta-inf/manifest.mf" || strings.HasSuffix(s, ".class")
	for i, u := range zipUses[:t.use] {
		if strings.Contains(s, u.name) {
			t.use = i
			break
		}
	}
	return true
}

// damaged notes what is written where the directory may have been.
func (t *zipTells) damaged(b scan.Blob) {
	const most = 256 << 10
	size := b.Size()
	dir := bytes.ToLower(readAt(b, max(0, size-most), int(min(size, most))))
	if i := bytes.Index(dir, []byte(strings.ToLower(zipCentralSig))); i >= 0 {
		dir = dir[i:]
	}
	t.types = t.types || bytes.Contains(dir, []byte("[content_types].xml"))
	t.manifest = t.manifest || bytes.Contains(dir, []byte("meta-inf/manifest.xml"))
	t.content = t.content || bytes.Contains(dir, []byte("content.xml"))
	dir = bytes.ReplaceAll(dir, []byte{'\\'}, []byte{'/'})
	for i, u := range zipUses[:t.use] {
		if bytes.Contains(dir, []byte(u.name)) {
			t.use = i
			break
		}
	}
}

// namedUse returns what the first entry says, if it is the one that names the type and is stored.
func namedUse(head []byte) string {
	const name = "mimetype"
	if len(head) < zipLocalLen+len(name) || string(head[:4]) != zipLocalSig || binary.LittleEndian.Uint16(head[8:]) != 0 {
		return ""
	}
	size, extra := int(min(binary.LittleEndian.Uint32(head[22:]), sniffBytes)), int(binary.LittleEndian.Uint16(head[28:]))
	at := zipLocalLen + len(name) + extra
	if int(binary.LittleEndian.Uint16(head[26:])) != len(name) || string(head[zipLocalLen:zipLocalLen+len(name)]) != name || at+size > len(head) {
		return ""
	}
	typ := claimedType(string(head[at : at+size]))
	if strings.HasPrefix(typ, typeEPUB) && !strings.ContainsFunc(typ, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return typ
	}
	return openDocument(typ)
}

// openDocument is the type of a package that says to be of some kind of OpenDocument, or of what came before it; "" if it
// does not. Programs open them by their extensions and parts, whatever the kind is called: one that nobody knows is a text.
func openDocument(typ string) string {
	if kind, ok := strings.CutPrefix(typ, "application/vnd.sun.xml."); ok {
		switch kind {
		case "writer", "calc", "impress", "draw":
			return typ
		}
		return typeODT
	}
	kind, ok := strings.CutPrefix(typ, "application/vnd.oasis.opendocument.")
	if !ok {
		return ""
	}
	switch strings.TrimSuffix(kind, "-template") {
	case "text", "spreadsheet", "presentation", "graphics", "chart", "formula", "image", "text-master", "text-web", "database":
		return typ
	case "base":
		return "application/vnd.oasis.opendocument.database"
	}
	return typeODT
}
