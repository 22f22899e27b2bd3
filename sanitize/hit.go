package sanitize

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"icapd/scan"
)

// FieldContext is what is known about where a value stands. The zero FieldContext is a string of an unknown
// format.
type FieldContext struct {
	Message *scan.Message  // nil if there is none
	Kind    scan.FieldKind // KindUnknown counts as KindString
	Type    string         // media type of the item
	Path    string         // of the field, for switches; "" if unknown

	field *scan.Field // asked for the path only when needed
	path  string
}

func (fc *FieldContext) fieldPath() string {
	if fc.field == nil {
		return fc.Path
	}
	if fc.path == "" {
		fc.path = fc.field.Path()
	}
	return fc.path
}

// Hit is a rule's match in a value.
type Hit struct {
	Rule     *Rule
	Severity scan.Severity // the rule's
	Via      []string      // layers that were taken off before the match could be seen, outermost first
	Excerpt  string        // a short printable piece of the match, as seen under those layers
}

func (h *Hit) detail(kind scan.FieldKind) string {
	var b strings.Builder
	b.WriteString(h.Rule.Description)
	if kind == scan.KindKey {
		b.WriteString(" in a name")
	}
	if h.Excerpt != "" {
		b.WriteString(": ")
		b.WriteString(h.Excerpt)
	}
	return b.String()
}

// maxExcerpt bounds an excerpt, in bytes: enough to know the payload by, too short to carry a secret far.
const maxExcerpt = 48

// excerpt makes a printable piece of what lies at the match.
func excerpt(view []byte, start, end int) string {
	if start < 0 || start > end || end > len(view) {
		return ""
	}
	cut := end-start > maxExcerpt
	if cut {
		end = start + maxExcerpt
		for end > start && !utf8.RuneStart(view[end]) {
			end--
		}
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(string(view[start:end]), ".") {
		switch {
		case unicode.Is(unicode.Cf, r): // what cannot be seen is what was found: characters that turn text around, joiners
			fmt.Fprintf(&b, "<U+%04X>", r)
		case r == utf8.RuneError || !unicode.IsPrint(r):
			b.WriteByte('.')
		default:
			b.WriteRune(r)
		}
	}
	if cut {
		b.WriteString("...")
	}
	return b.String()
}
