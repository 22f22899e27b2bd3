package markup

import (
	"context"
	"strings"

	"golang.org/x/net/html"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// E-books (EPUB 3.3) are pages in an archive that share style sheets and fonts in the same archive. Who hands a page or a
// style sheet of one to its handler says so: what pages of the web must not fetch belongs to the document here.

const (
	// TypeBookStyle is the type of style sheets in e-books. Those of web pages have no handler: they are programs of
	// whoever runs the site.
	TypeBookStyle = "text/x-epub-css"

	// BookPath is the kit.Document.Path of what is in an e-book.
	BookPath = "book:"

	// BookStyleExt is how the names of style sheets in e-books end; pages keep links to no others.
	BookStyleExt = ".css"
)

// BookStyle is the kit.Format for style sheets in e-books.
type BookStyle struct{}

// Types implements kit.Format.
func (BookStyle) Types() []string { return []string{TypeBookStyle} }

// Disarm implements kit.Handler.
func (BookStyle) Disarm(_ context.Context, job *kit.Job, doc kit.Document) (kit.Result, error) {
	data, back, err := kit.DecodeText(doc.Data)
	if err != nil {
		return kit.Result{}, err
	}
	clean, changed := cleanCSS(string(data), true)
	if !changed {
		return kit.Result{}, nil
	}
	job.Removed(vectorStyle, "style sheet", kit.ActionRemoved, "")
	return kit.Result{Data: back([]byte(clean))}, nil
}

// bookStyle matches the address of a style sheet beside the page.
var bookStyle = pattern.MustCompile(`(?i)^(?:\.{1,2}/)*[a-z0-9_%][a-z0-9_.%~-]*(?:/[a-z0-9_%][a-z0-9_.%~-]*)*$`)

// linksBookStyle reports whether a link element does nothing but name a style sheet of the same book.
func linksBookStyle(attrs []html.Attribute) bool {
	rel, style := false, false
	for _, a := range attrs {
		switch a.Key {
		case "rel":
			rel = !rel && strings.EqualFold(strings.TrimSpace(a.Val), "stylesheet")
			if !rel {
				return false
			}
		case "href":
			style = strings.EqualFold(a.Val[max(0, len(a.Val)-len(BookStyleExt)):], BookStyleExt) && bookStyle.MatchString(a.Val)
		case "type":
			if !strings.EqualFold(strings.TrimSpace(a.Val), "text/css") {
				return false
			}
		case "media", "title", "id", "class", "xml:lang", "lang", "charset":
		default:
			return false
		}
	}
	return rel && style
}
