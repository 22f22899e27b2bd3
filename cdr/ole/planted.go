package ole

import (
	"bytes"
	"html"
	"path"
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// shortestText is how many characters in a row somebody wrote: fewer stand in any bytes.
const shortestText = 8

// planted reports whether bytes of which no reader knows were put there: text and nothing else but filling, or the beginning of a
// file. Where streams were before, programs leave their bytes behind, and those are of neither kind.
func planted(b []byte) bool {
	b = bytes.Trim(b, "\x00\xff")
	if len(b) < shortestText {
		return false
	}
	for _, head := range []string{"MZ", packageHead, "%PDF", "\x7fELF", signature, `{\rt`, "#!"} {
		if strings.HasPrefix(string(b[:min(len(b), len(signature))]), head) {
			return true
		}
	}
	return isText(b) || isText(bytes.ReplaceAll(b, []byte{0}, nil)) && 2*bytes.Count(b, []byte{0})+3 >= len(b)
}

func isText(b []byte) bool {
	for _, c := range b {
		if (c < ' ' || c > '~') && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return len(b) >= shortestText
}

// plainPackage reports whether bytes are a package of Office that holds nothing but XML and pictures, and leads nowhere: PowerPoint
// 2007 and later keep themes and shapes in such packages beside the old records.
func (d *document) plainPackage(data []byte) bool {
	before := len(d.job.Removals())
	defer d.job.Retract(before)
	z, err := kit.OpenZip(d.job, data)
	if err != nil || !bytes.HasPrefix(data, []byte(packageHead)) {
		return false
	}
	for _, h := range z.Hazards {
		if h != kit.VectorZipExtra {
			return false
		}
	}
	for _, e := range z.Entries {
		if e.Dir && e.Size == 0 {
			continue
		}
		if !d.plainPart(e) {
			return false
		}
	}
	return true
}

// plainPart judges one part of such a package.
func (d *document) plainPart(e *kit.ZipEntry) bool {
	b, err := e.Read(d.job)
	if err != nil {
		return false
	}
	switch ext := strings.ToLower(path.Ext(e.Name)); ext {
	case ".png", ".jpg", ".jpeg", ".gif", ".emf", ".wmf":
		kind := kit.Sniff(b)
		r, err := d.job.Recurse(d.ctx, kit.Document{Data: b, Type: kind, Path: e.Name})
		return err == nil && !r.Changed() && strings.HasPrefix(kind, "image/")
	case ".xml", ".rels":
		b = bytes.ReplaceAll(b, []byte{0}, nil) // as if it were UTF-8
		return !bytes.Contains(b, []byte("<!")) && !bytes.Contains(b, []byte("ppaction:")) && (ext == ".xml" || !leadsOut(b))
	}
	return false
}

// leadsOut reports whether relationships lead out of a package to anything but what a person may click on.
func leadsOut(rels []byte) bool {
	if !externalMode.Match(rels) && !bytes.Contains(rels, []byte("://")) {
		return false
	}
	for _, m := range relationTarget.FindAllSubmatch(rels, -1) {
		if t := html.UnescapeString(string(m[1])); strings.ContainsAny(t, `:\`) && !kit.SafeLink(t) {
			return true
		}
	}
	for _, m := range relationTag.FindAll(rels, -1) {
		if externalMode.Match(m) && !bytes.Contains(m, []byte("/hyperlink")) {
			return true
		}
	}
	return false
}

var (
	relationTag    = pattern.MustCompile(`(?i)<[^<>]*relationship\s[^<>]*>`)
	relationTarget = pattern.MustCompile(`(?i)\starget\s*=\s*["']([^"']*)["']`)
	externalMode   = pattern.MustCompile(`(?i)external`)
)
