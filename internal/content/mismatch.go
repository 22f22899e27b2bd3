package content

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"icapd/scan"
)

// family groups media types that stand in for each other without anybody being deceived.
type family uint8

const (
	famUnknown family = iota
	famText           // text that nothing runs
	famJSON
	famMarkup // HTML and XML
	famScript
	famImage
	famMedia // audio, video, fonts
	famPDF
	famOffice
	famArchive
	famProgram
)

// families by media type; see familyOf for whole trees of them.
var families = map[string]family{
	typeJSON: famJSON, typeNDJSON: famJSON, "text/json": famJSON,
	typeXML: famMarkup, "application/xml": famMarkup, typeHTML: famMarkup, "image/svg+xml": famMarkup,
	"application/javascript": famScript, "text/javascript": famScript, "application/x-javascript": famScript, "application/x-sh": famScript,
	"text/x-php": famScript, "text/x-python": famScript, "text/x-perl": famScript, "text/x-shellscript": famScript,
	typePDF: famPDF, "application/x-pdf": famPDF,
	"application/msword": famOffice, "application/vnd.ms-excel": famOffice, "application/vnd.ms-powerpoint": famOffice, typeOLE: famOffice, "text/rtf": famOffice,
	"application/rtf": famOffice, "application/vnd.ms-outlook": famOffice, "application/onenote": famOffice,
	typeZip: famArchive, typeGzip: famArchive, "application/x-gzip": famArchive, typeBzip2: famArchive, typeXz: famArchive, typeZstd: famArchive, typeLz4: famArchive,
	type7z: famArchive, typeRar: famArchive, "application/vnd.rar": famArchive, typeCab: famArchive, typeTar: famArchive, typeCpio: famArchive, typeAr: famArchive,
	"application/x-iso9660-image": famArchive, "application/x-zip-compressed": famArchive,
	typePE: famProgram, "application/x-elf": famProgram, "application/x-mach-binary": famProgram, "application/x-java-applet": famProgram, "application/wasm": famProgram,
	"application/java-archive": famProgram, "application/x-ms-shortcut": famProgram, "application/vnd.ms-htmlhelp": famProgram, "application/x-executable": famProgram,
	"application/x-sharedlib": famProgram, "application/x-object": famProgram, "application/x-msdownload": famProgram, "application/vnd.android.package-archive": famProgram,
}

// extensions are the families of file names.
var extensions = map[family][]string{
	famText:    {".txt", ".csv", ".tsv", ".log", ".md", ".yaml", ".yml", ".ini"},
	famJSON:    {".json", ".ndjson", ".jsonl"},
	famMarkup:  {".xml", ".html", ".htm", ".svg", ".xhtml"},
	famScript:  {".js", ".vbs", ".ps1", ".sh", ".bat", ".cmd", ".wsf", ".hta", ".php", ".py"},
	famImage:   {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ico"},
	famMedia:   {".mp3", ".mp4", ".wav", ".avi", ".mov", ".ogg", ".webm", ".woff", ".woff2", ".ttf"},
	famPDF:     {".pdf"},
	famOffice:  {".doc", ".xls", ".ppt", ".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".rtf", ".msg"},
	famArchive: {".zip", ".gz", ".tar", ".7z", ".rar", ".bz2", ".xz"},
	famProgram: {".exe", ".dll", ".scr", ".com", ".msi", ".jar", ".apk", ".lnk", ".elf", ".so"},
}

func familyOf(typ string) family {
	if f, ok := families[typ]; ok {
		return f
	}
	switch {
	case strings.HasSuffix(typ, "+json"):
		return famJSON
	case strings.HasSuffix(typ, "+xml"):
		return famMarkup
	case strings.HasPrefix(typ, "text/"):
		return famText
	case strings.HasPrefix(typ, "image/"):
		return famImage
	case strings.HasPrefix(typ, "audio/"), strings.HasPrefix(typ, "video/"), strings.HasPrefix(typ, "font/"):
		return famMedia
	case strings.Contains(typ, "officedocument"), strings.Contains(typ, "opendocument"):
		return famOffice
	}
	return famUnknown
}

func familyOfName(name string) family {
	ext := strings.ToLower(path.Ext(name))
	if ext == "" {
		return famUnknown
	}
	for f, list := range extensions {
		if slices.Contains(list, ext) {
			return f
		}
	}
	return famUnknown
}

// mismatch says how bad it is that something claimed to be of one family is of another; SeverityUnknown means
// not at all.
func mismatch(claimed, seen family) scan.Severity {
	textual := seen == famText || seen == famJSON || seen == famMarkup || seen == famScript
	switch {
	case claimed == famUnknown || seen == famUnknown || claimed == seen:
		return scan.SeverityUnknown
	case claimed <= famScript && textual:
		if claimed == famJSON && seen == famMarkup {
			return scan.Low // an error page in the place of data
		}
		return scan.SeverityUnknown
	case claimed == famOffice && seen == famArchive, claimed == famArchive && (seen == famOffice || seen == famProgram), claimed == famProgram && seen == famArchive:
		return scan.SeverityUnknown // most are archives
	case seen == famProgram:
		return scan.High
	case claimed == famImage || claimed == famMedia || claimed == famPDF:
		if seen == famText {
			return scan.Low
		}
		return scan.Medium
	}
	return scan.Low
}

// deceit reports what an item does to pass for something else.
func (t *Tree) deceit(n *node) {
	it := n.item
	if it.Blob.Size() == 0 {
		return
	}
	seen := familyOf(it.Type)
	claimed, by := familyOf(claimedType(it.Claimed)), "claimed to be "+segment(claimedType(it.Claimed))[1:]
	if claimed == famUnknown || claimed == famText {
		if f := familyOfName(it.Name); f != famUnknown {
			claimed, by = f, "named "+segment(it.Name)[1:]
		}
	}
	if sev := mismatch(claimed, seen); sev != scan.SeverityUnknown {
		t.hazard(n, hazard{rule: "type-mismatch", detail: by + ", but the bytes are " + it.Type, severity: sev}, "")
	}
	if f := familyOfName(it.Name); f == famProgram || f == famScript {
		if inner := familyOfName(strings.TrimSuffix(it.Name, path.Ext(it.Name))); inner != famUnknown && inner != f && inner != famScript && inner != famArchive {
			t.hazard(n, hazard{rule: "double-extension", detail: "a program with the name of a document: " + segment(it.Name)[1:], severity: scan.Medium}, "")
		}
	}
	if what := polyglot(n, seen); what != "" {
		t.hazard(n, hazard{rule: "polyglot", detail: it.Type + " that is also " + what, severity: scan.Medium}, "")
	}
}

// polyglot says what else a binary is. An archive at its end is opened too.
func polyglot(n *node, seen family) string {
	script := false
	if mayHide(n.f) && isBinary(n.item.Blob) {
		n.streams, script = true, true
	}
	switch n.f.(type) {
	case nil, pdfFormat:
	case textFormat:
		script = script || string(readAt(n.item.Blob, 0, 2)) == "#!"
	case htmlFormat:
	case wideFormat:
		script = true // two bytes tell that it is text
	case csvFormat, yamlFormat, sseFormat, formFormat:
	default:
		return ""
	}
	if what, ok := archiveInside(n, seen, script); ok || seen == famText || seen == famUnknown || n.f != nil && seen != famPDF {
		return what
	}
	head := n.head()
	switch i := bytes.Index(head[:min(len(head), 1024)], []byte("%PDF-")); {
	case i > 0 && seen != famProgram && seen != famPDF:
		return "a PDF document"
	case seen == famImage && (hasScript(head) || hasScript(readAt(n.item.Blob, max(0, n.item.Blob.Size()-1024), 1024))):
		return "a script or a page"
	case bytes.HasPrefix(head, []byte("GIF89a=")), bytes.HasPrefix(head, []byte("GIF89a/*")):
		return "a script"
	}
	return ""
}

// mayHide reports whether items of a format are text, of which nobody looks at all before it is taken for that: what stands
// behind a page of text may be anything.
func mayHide(f format) bool {
	switch f.(type) {
	case textFormat, htmlFormat, csvFormat, yamlFormat, sseFormat, formFormat:
		return true
	}
	return false
}

// archiveInside looks for archives in what is none, and has them opened. Text is asked for what stands at its end, and
// scripts for what they carry.
func archiveInside(n *node, seen family, script bool) (what string, found bool) {
	b := n.item.Blob
	zip, isZip := zipTail(b)
	in := innerFormat{zip: isZip}
	if n.f == nil || script {
		f := findInner(n)
		in.at, in.more = f.found, f.more
	}
	if o, ok := n.also.(overlayFormat); ok { // what is in there is looked for there
		if isZip {
			o.to = zip
			n.also = o
		}
		in.at = slices.DeleteFunc(in.at, func(s section) bool { return s.off >= o.at && s.off < o.to })
	}
	if !in.zip && len(in.at) == 0 {
		if n.f == nil && n.also == nil && zipVolume(b) {
			n.also = volumeFormat{}
		}
		return "", false
	}
	if in.also = n.also; in.also == nil && len(in.at) == 0 {
		n.also = zipFormat{}
	} else {
		n.also = in
	}
	if seen == famProgram || seen == famOffice || seen == famUnknown || script {
		return "", true // installers are built so, and notebooks have documents in them
	}
	if in.zip {
		return "a zip archive", true
	}
	return "an archive", true
}

func hasScript(p []byte) bool {
	low := bytes.ToLower(p)
	return bytes.Contains(low, []byte("<script")) || bytes.Contains(low, []byte("<?php")) || bytes.Contains(low, []byte("<iframe"))
}

// lastBytes returns up to n bytes at the end of a blob, to look at.
func lastBytes(b scan.Blob, n int64) []byte {
	if b.Size() <= innerWhole {
		if data, err := b.Bytes(); err == nil {
			return data[max(0, int64(len(data))-n):]
		}
	}
	return readAt(b, max(0, b.Size()-n), int(min(b.Size(), n)))
}

// zipTail reports whether a blob ends in a zip archive that can be read, and where its first member stands.
func zipTail(b scan.Blob) (at int64, ok bool) {
	d := &zipDir{}
	const most = zipEndLen + 0xffff + 4096
	if b.Size() < 100 || !bytes.Contains(lastBytes(b, most), []byte(zipEndSig)) || d.findEnd(b) != nil {
		return 0, false
	}
	d, err := readZipDir(b, 1)
	if err != nil || len(d.entries) == 0 || d.entries[0].data <= 0 {
		return 0, false
	}
	return d.entries[0].local, true
}
