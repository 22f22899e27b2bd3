package carrier

import (
	"path"
	"strings"

	"icapd/cdr/kit"
	"icapd/scan"
)

// sources are the names of source code that nothing runs by opening it.
var sources = map[string]bool{
	".c": true, ".h": true, ".cc": true, ".cpp": true, ".hpp": true, ".cxx": true, ".m": true, ".mm": true, ".java": true, ".cs": true, ".go": true,
	".rs": true, ".swift": true, ".kt": true, ".scala": true, ".ts": true, ".tsx": true, ".jsx": true, ".mjs": true, ".cjs": true, ".css": true,
	".scss": true, ".less": true, ".sql": true, ".php": true, ".lua": true, ".r": true, ".tex": true, ".map": true, ".json": true, ".md": true,
	".diff": true, ".patch": true, ".html": true, ".htm": true, ".xhtml": true, ".svg": true, ".vue": true, ".yaml": true, ".yml": true, ".toml": true,
	".mk": true, ".cmake": true, ".in": true, ".am": true, ".m4": true, ".rst": true, ".ipynb": true,
}

// scriptKey is the scan.Item.Memo of scriptIn.
type scriptKey struct{}

// scriptIn returns what kind of program a text is that goes by a harmless name, "" if it is none. Texts that a person reads where they stand
// are none: fields of structured data, bodies of mails, and what belongs to a document.
func scriptIn(it *scan.Item) string {
	kind, _ := it.Memo(scriptKey{}, func() any {
		if !carried(it) || sources[strings.ToLower(path.Ext(it.Name))] {
			return ""
		}
		if t := it.Type; !strings.HasPrefix(t, "text/") && !strings.HasSuffix(t, "xml") && t != "application/octet-stream" && t != "application/yaml" && t != "application/x-www-form-urlencoded" {
			return ""
		}
		head := make([]byte, min(it.Blob.Size(), kit.ScriptHead))
		if n, err := it.Blob.ReadAt(head, 0); n < len(head) && err != nil {
			return "" // who scans the item sees the error
		}
		return kit.Script(head)
	}).(string)
	return kind
}

// carried reports whether an item is a file: by itself, in an archive, attached to a mail, or encoded in a field.
func carried(it *scan.Item) bool {
	if it.Parent == nil {
		return true
	}
	for p := it.Parent; p != nil; p = p.Parent {
		if isDocument(p.Type) {
			return false
		}
	}
	switch t := it.Parent.Type; {
	case t == "message/rfc822", t == "application/mbox", strings.HasPrefix(t, "multipart/"):
		claimed := strings.ToLower(it.Claimed)
		if strings.Contains(strings.ToLower(it.Parent.Claimed), "application/xop+xml") { // MTOM: a field of the message refers to it
			return true
		}
		return it.Name != "" || claimed != "" && !strings.HasPrefix(claimed, "text/") && !strings.HasPrefix(claimed, "message/") && !strings.HasPrefix(claimed, "multipart/")
	case packers[t]:
		return true
	}
	own := strings.TrimPrefix(it.Path, it.Parent.Path)
	return strings.Contains(own, "(base64") || strings.Contains(own, "(hex") || strings.Contains(own, "(uu") || strings.Contains(own, "(yenc") || strings.Contains(own, "(data") || strings.Contains(own, "numbers)")
}

// packers are the media types of archives, and of what is packed by itself.
var packers = map[string]bool{
	"application/zip": true, "application/x-tar": true, "application/x-cpio": true, "application/x-archive": true, "application/gzip": true,
	"application/x-bzip2": true, "application/x-xz": true, "application/zstd": true, "application/x-lz4": true, "application/lzip": true,
	"application/x-lzma": true, "application/x-compress": true, "application/zlib": true, "application/x-7z-compressed": true,
	"application/x-rar-compressed": true, "application/vnd.ms-cab-compressed": true, "application/x-iso9660-image": true,
	"application/vnd.ms-tnef": true, "application/x-snappy-framed": true, "application/x-rpm": true, "application/http": true,
	"application/pkcs7-signature": true, "application/pgp-encrypted": true, "application/x-openpgp-packets": true, "application/applefile": true, "application/x-yenc": true,
}

// isDocument reports whether a media type is that of a document, whose handler knows what may stand in it.
func isDocument(t string) bool {
	return strings.HasPrefix(t, "application/vnd.") && !packers[t] || t == "application/pdf" || t == "text/rtf" || t == "application/msword" ||
		t == "application/x-ole-storage" || t == "application/epub+zip"
}
