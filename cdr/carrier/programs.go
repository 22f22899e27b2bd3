package carrier

import (
	"fmt"
	"mime"
	"path"
	"strings"
	"unicode"

	"icapd/scan"
)

// programTypes are media types, as content names them by the bytes, of what is run, or leads elsewhere, by opening it.
var programTypes = map[string]bool{
	"application/vnd.microsoft.portable-executable": true, "application/x-dosexec": true, "application/x-msdownload": true,
	"application/x-elf": true, "application/x-executable": true, "application/x-sharedlib": true, "application/x-object": true,
	"application/x-mach-binary": true, "application/x-java-applet": true, "application/java-archive": true, "application/jar": true,
	"application/x-ms-shortcut": true, "application/onenote": true, "application/vnd.ms-htmlhelp": true,
	"text/x-shellscript": true, "application/x-sh": true, "text/x-sh": true, "text/x-perl": true, "text/x-python": true, "text/x-php": true,
	"text/x-lua": true, "text/x-tcl": true, "application/x-shockwave-flash": true, "application/vnd.android.package-archive": true,
	"application/wasm": true, "application/x-mswinurl": true, "text/x-ms-iqy": true, "text/x-ruby": true,
	"application/x-ms-installer": true, "application/x-msaccess": true, "application/postscript": true,
}

// drawnTypes are those of programs that are pictures, too: in a document they are the matter of its handler.
var drawnTypes = map[string]bool{"application/postscript": true}

// programNames are the names by which systems know such files whose bytes are any text.
var programNames = map[string]bool{
	".exe": true, ".dll": true, ".scr": true, ".com": true, ".pif": true, ".cpl": true, ".msi": true, ".msp": true, ".bat": true, ".cmd": true,
	".ps1": true, ".psm1": true, ".vbs": true, ".vbe": true, ".js": true, ".jse": true, ".wsf": true, ".wsh": true, ".wsc": true, ".sct": true,
	".hta": true, ".lnk": true, ".jar": true, ".reg": true, ".chm": true, ".one": true, ".appref-ms": true, ".application": true, ".sh": true,
	".rb": true, ".py": true, ".pl": true, ".mst": true, ".class": true, ".inf": true, ".scf": true, ".hlp": true, ".settingcontent-ms": true,
	".xll": true, ".wll": true, ".apk": true, ".dmg": true, ".library-ms": true, ".search-ms": true, ".website": true, ".diagcab": true,
	".msc": true, ".gadget": true, ".desktop": true, ".url": true, ".iqy": true, ".dqy": true, ".oqy": true, ".rqy": true,
	".jnlp": true, ".vsto": true, ".xbap": true, ".ica": true, ".theme": true, ".themepack": true, ".deskthemepack": true, ".osdx": true,
	".asx": true, ".wax": true, ".wvx": true, ".wmx": true, ".searchconnector-ms": true, ".webloc": true, ".inetloc": true, ".fileloc": true,
	".mdb": true, ".accdb": true, ".mde": true, ".accde": true, ".ade": true, ".adp": true, ".xaml": true, ".xul": true, ".rdp": true,
}

func isProgram(it *scan.Item) bool {
	return likeProgram(it) && !isNote(it)
}

// likeProgram is isProgram, and also of the text that stands where a program was, under a name that could not be changed.
func likeProgram(it *scan.Item) bool {
	return programTypes[it.Type] && (!drawnTypes[it.Type] || carried(it)) || programName(it.Name) || it.Claimed != "" && programName(claimedName(it.Claimed)) || scriptIn(it) != ""
}

func programName(name string) bool {
	return programNames[strings.ToLower(path.Ext(strings.TrimRight(name, ". ")))]
}

// claimedName returns the name that a Content-Type gives a file. A part of a mail may have another in its disposition, and
// which of them counts is the reader's choice.
func claimedName(claimed string) string {
	_, params, _ := mime.ParseMediaType(claimed)
	return params["name"]
}

// insideProgram reports whether something around the item is a program: what is in a program goes with it.
func insideProgram(it *scan.Item) bool {
	for p := it.Parent; p != nil; p = p.Parent {
		if isProgram(p) {
			return true
		}
	}
	return false
}

// isElsewhere reports whether a part of a mail is not in it: a piece of another mail, or the address of a file.
func isElsewhere(it *scan.Item) bool {
	claimed := strings.ToLower(it.Claimed)
	return strings.HasPrefix(claimed, "message/external-body") || strings.HasPrefix(claimed, "message/partial")
}

// isWholeElsewhere reports whether that is so of a whole mail.
func isWholeElsewhere(it *scan.Item) bool {
	if it.Type != "message/rfc822" {
		return false
	}
	head := make([]byte, min(it.Blob.Size(), 64<<10))
	if n, err := it.Blob.ReadAt(head, 0); n < len(head) && err != nil {
		return false // who scans the item sees the error
	}
	h := readMailHead(head, 0)
	for _, f := range h.fields {
		if kind := strings.ToLower(f.value); f.name == "content-type" && (strings.HasPrefix(kind, "message/external-body") || strings.HasPrefix(kind, "message/partial")) {
			return true
		}
	}
	return false
}

// holders are the media types of what carries files and is not a document itself: a text may stand in the place of a
// file there.
var holders = map[string]bool{
	"application/zip": true, "application/x-tar": true, "application/x-cpio": true, "application/x-archive": true,
	"message/rfc822": true, "application/mbox": true,
	"application/vnd.ms-tnef": true, "application/x-yenc": true,
	// What becomes a zip.
	"application/x-7z-compressed": true, "application/x-rar-compressed": true, "application/vnd.ms-cab-compressed": true, "application/x-iso9660-image": true,
	// What holds one file.
	"application/gzip": true, "application/x-bzip2": true, "application/x-xz": true, "application/zstd": true, "application/x-lz4": true,
	"application/lzip": true, "application/x-lzma": true, "application/x-compress": true,
	"application/pkcs7-signature": true, "application/pgp-encrypted": true, "application/x-openpgp-packets": true,
}

func inHolder(it *scan.Item) bool {
	return it.Parent != nil && (holders[it.Parent.Type] || strings.HasPrefix(it.Parent.Type, "multipart/") || inText(it))
}

// inText reports whether an item is a file that stands in the lines of a text as mails had attachments before MIME: by uuencode
// or yEnc wherever the text is, and by base64 in that of a mail.
func inText(it *scan.Item) bool {
	if !strings.HasPrefix(it.Parent.Type, "text/") {
		return false
	}
	own := strings.TrimPrefix(it.Path, it.Parent.Path)
	if strings.Contains(own, "(uu") || strings.Contains(own, "(yenc") {
		return true
	}
	g := it.Parent.Parent
	return strings.Contains(own, "(base64") && g != nil && (g.Type == "message/rfc822" || strings.HasPrefix(g.Type, "multipart/") && !strings.HasPrefix(g.Type, "multipart/form-data"))
}

// placeholder is what stands where a program was.
func placeholder(it *scan.Item) scan.Replacement {
	kind := it.Type
	if !programTypes[kind] {
		if kind = scriptIn(it); kind == "" {
			kind = "file with the name of a program"
		}
	}
	return note(it, ClassProgram, kind, it.Name, programNote)
}

// absentPlaceholder is what stands where a part was that its reader would have fetched or put together. Its parameters, which
// say where it is, go with its media type.
func absentPlaceholder(it *scan.Item) scan.Replacement {
	kind, _, _ := strings.Cut(strings.ToLower(it.Claimed), ";")
	return note(it, ClassAbsent, strings.TrimSpace(kind), "part", "This part was removed because it is not in the mail, and would be fetched from elsewhere.")
}

// programNote is the text that stands where a program was.
const programNote = "This file was removed because it is a program or script, which has no safe form."

// isNote reports whether an item is the text that stands where a program was, and nothing else.
func isNote(it *scan.Item) bool {
	const longest = 600
	size := it.Blob.Size()
	if size < int64(len(programNote)) || size > longest {
		return false
	}
	text := make([]byte, size)
	if n, err := it.Blob.ReadAt(text, 0); n < len(text) && err != nil {
		return false // who scans the item sees the error
	}
	lines := strings.Split(string(text), "\r\n")
	const count = 6
	if len(lines) != count || lines[0] != programNote || lines[1] != "" || lines[count-1] != "" {
		return false
	}
	for i, key := range []string{"Name: ", "Kind: ", "Size: "} {
		rest, ok := strings.CutPrefix(lines[2+i], key)
		if !ok || strings.ContainsFunc(rest, func(r rune) bool { return !inNote(r) && r != '/' && r != '+' }) {
			return false
		}
	}
	return true
}

// inNote reports whether a character may stand in a name that a note says.
func inNote(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._- ()", r)
}

// note is a text that takes an item's place, and says under which name what was.
func note(it *scan.Item, class, kind, name, why string) scan.Replacement {
	const longest = 100
	name = strings.Map(func(r rune) rune {
		if inNote(r) {
			return r
		}
		return '_'
	}, path.Base(strings.ReplaceAll(name, `\`, "/")))
	if len(name) > longest {
		name = strings.ToValidUTF8(name[:longest], "")
	}
	text := fmt.Sprintf("%s\r\n\r\nName: %s\r\nKind: %s\r\nSize: %d bytes\r\n", why, name, kind, it.Blob.Size())
	return scan.Replacement{
		Blob: scan.Bytes(text), Type: "text/plain", Name: name + ".txt",
		Changes: []scan.Change{{Rewriter: Name, Path: it.Path, Vector: class, Action: "replaced", Detail: kind, Count: 1}},
	}
}
