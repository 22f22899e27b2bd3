// Package markup makes SVG, HTML, Markdown and XML safe. They are read token by token; a tag that has nothing to hide is copied as it
// stands, one that has is written anew without it, and elements that run, fetch or embed something are left out.
package markup

import (
	"strings"
	"unicode"

	"icapd/cdr/kit"
)

// Formats returns all formats of this room.
func Formats() []kit.Format { return []kit.Format{SVG{}, HTML{}, XML{}, Markdown{}, BookStyle{}} }

// The vectors of markup, as reports name them.
const (
	vectorScript      = "script"
	vectorHandler     = "event-handler"
	vectorFrame       = "frame"
	vectorObject      = "embedded-object"
	vectorForm        = "form-action"
	vectorNavigate    = "redirect"
	vectorBase        = "base-address"
	vectorImport      = "import"
	vectorAction      = "form-data-action"
	vectorLink        = "link-scheme"
	vectorData        = "data-url"
	vectorFetch       = "external-fetch"
	vectorStyle       = "active-style"
	vectorForeign     = "foreign-content"
	vectorRaw         = "raw-text-element"
	vectorConditional = "conditional-comment"
	vectorComment     = "comment"
	vectorInstruction = "processing-instruction"
	vectorDoctype     = "document-type"
	vectorAnimation   = "animated-link"
	vectorUnknown     = "unknown-element"
	vectorNUL         = "control-characters"
	vectorEncoding    = "text-encoding"
)

// rasterData matches data: URLs of pictures that cannot act.
var rasterTypes = []string{"image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp", "image/bmp"}

// foldURL brings a URL into the form that browsers compare: without white space and control characters, in lower
// case up to its first bytes, which is where the scheme is.
func foldURL(s string) string {
	const most = 256
	if len(s) <= most && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r >= 'A' && r <= 'Z' }) {
		return s // as nearly all are written
	}
	var b strings.Builder
	for _, r := range s {
		if r <= ' ' || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) {
			continue
		}
		b.WriteRune(unicode.ToLower(r))
		if b.Len() > most {
			break
		}
	}
	return b.String()
}

// urlKind sorts a URL by what following it does.
type urlKind uint8

const (
	urlLocal    urlKind = iota // "#here", or nothing
	urlRelative                // to where the document is
	urlWeb                     // http, https, and //host
	urlMessage                 // mailto, tel, cid
	urlRaster                  // data: of a picture
	urlData                    // data: of anything else
	urlOther                   // any other scheme
)

func kindOf(raw string) urlKind {
	u := foldURL(raw)
	scheme, rest, has := strings.Cut(u, ":")
	switch {
	case u == "" || u[0] == '#':
		return urlLocal
	case strings.HasPrefix(strings.ReplaceAll(u, `\`, "/"), "//"):
		return urlWeb
	case !has || strings.ContainsAny(scheme, "/?#") && !strings.ContainsAny(scheme, "&%"):
		return urlRelative
	}
	switch scheme {
	case "http", "https", "ftp":
		return urlWeb
	case "mailto", "tel", "cid", "mid", "sms":
		return urlMessage
	case "data":
		for _, t := range rasterTypes {
			if after, ok := strings.CutPrefix(rest, t); ok && after != "" && (after[0] == ';' || after[0] == ',') {
				return urlRaster
			}
		}
		return urlData
	}
	return urlOther
}
