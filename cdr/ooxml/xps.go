package ooxml

import (
	"encoding/base64"
	"net/url"
	"path"
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// XPS (ECMA-388, and Microsoft's form before it) is a package of another kind: pages as markup, fonts and pictures, and
// settings for the printer. Its parts name each other in their markup and not only by relationships.

const (
	xpsMain  = "application/vnd.ms-package.xps-fixeddocumentsequence+xml"
	xpsMedia = "application/vnd.ms-xpsdocument"
	xpsOpen  = "application/oxps"
)

// readSources finds the parts that the markup of an XPS document leads to.
func (p *pack) readSources() error {
	for _, at := range p.parts {
		if !strings.HasPrefix(at.mime, "application/vnd.ms-package.xps-") {
			continue
		}
		err := p.eachTag(at, func(t *kit.XMLToken) {
			for a := range t.Attrs {
				switch a.Local() {
				case "Source", "FontUri", "ImageSource", "FragmentName":
				default:
					continue
				}
				for word := range strings.FieldsFuncSeq(a.Value(), func(r rune) bool { return r == '{' || r == '}' || r == ' ' }) {
					if to := p.target(at, word); to != nil && to != at {
						at.sources = append(at.sources, to)
					}
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// target returns the part that an address in the markup of another one means, nil if that is none.
func (p *pack) target(from *part, address string) *part {
	address, _, _ = strings.Cut(foldName(address), "#")
	if address == "" || hasScheme(address) || strings.HasPrefix(address, "//") {
		return nil
	}
	if !strings.HasPrefix(address, "/") {
		address = "/" + path.Dir(from.fold) + "/" + address
	}
	return p.index[strings.TrimPrefix(path.Clean(address), "/")]
}

// ticket drops settings for the printer that hold something else: what a driver keeps in them must be what Windows writes.
func (p *pack) ticket(at *part) error {
	text, err := p.text(at)
	if err != nil {
		return err
	}
	for _, m := range opaque.FindAllSubmatch(text, -1) {
		data, err := base64.StdEncoding.DecodeString(string(space.ReplaceAll(m[1], nil)))
		if err != nil || !plainPrinter(data) {
			p.dropPart(at, vectorPrinter)
			return nil //nolint:nilerr // what cannot be read goes
		}
	}
	return nil
}

var (
	opaque = pattern.MustCompile(`>\s*([A-Za-z0-9+/][A-Za-z0-9+/\s]{62,}={0,2})\s*<`)
	space  = pattern.MustCompile(`\s+`)
)

// judgeTickets looks at all settings for printers.
func (p *pack) judgeTickets() error {
	for _, at := range p.parts {
		if !at.drop && (at.inBy("printticket") || strings.Contains(at.mime, "printticket")) && p.isXML(at) {
			if err := p.ticket(at); err != nil {
				return err
			}
		}
	}
	return nil
}

// startPageElement judges what anything on a page may link to, and what it is drawn from.
func startPageElement(w *walk, t *kit.XMLToken, _ *element) bool {
	for a := range t.Attrs {
		v := a.Value()
		switch a.Local() {
		case "FixedPage.NavigateUri":
			if !kit.SafeLink(v) && !inPackage(v) || w.p.job.Switches.Links == kit.ChoiceRemove && !inPackage(v) {
				w.remove(vectorLink, "<"+t.Local()+"> NavigateUri", kit.ActionNeutralised, v)
				w.edits.cut(a.Start, a.End)
			}
		case "Fill", "Stroke", "Color":
			if strings.HasPrefix(strings.TrimSpace(v), "ContextColor") && elsewhere(v) {
				w.remove(vectorExternal, "<"+t.Local()+"> "+a.Local(), kit.ActionNeutralised, v)
				w.edits.cut(a.Start, a.End)
			}
		case "FontUri", "ImageSource", "Source":
			if !elsewhere(v) {
				continue
			}
			if t.Local() != "ImageBrush" {
				w.remove(vectorExternal, "<"+t.Local()+"> "+a.Local(), kit.ActionRemoved, v)
				return true
			}
			w.remove(vectorImage, "<"+t.Local()+">", kit.ActionNeutralised, v)
			blank := w.p.blankImage()
			w.at.rels.relate("http://schemas.microsoft.com/xps/2005/06/required-resource", blank)
			w.edits.replace(a.Start, a.End, ` ImageSource="/`+blank.name+`"`)
		}
	}
	return false
}

// inPackage reports whether a link leads to a place in the document: one without a scheme and a host.
func inPackage(target string) bool {
	u, err := url.Parse(strings.TrimSpace(target))
	return err == nil && u.Scheme == "" && u.Host == "" && !strings.ContainsAny(target, "\\\r\n\t") && !strings.HasPrefix(u.Path, "//")
}

// elsewhere reports whether a resource is not in the document. A picture with a colour profile names both.
func elsewhere(value string) bool {
	for word := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == '{' || r == '}' || r == ' ' }) {
		if hasScheme(word) || strings.HasPrefix(word, "//") || strings.Contains(word, `\`) {
			return true
		}
	}
	return false
}
