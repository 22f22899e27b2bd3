package kit

import (
	"html"
	"net/url"
	"strings"
	"unicode"
)

// SafeLink reports whether a hyperlink may stay in a document: http, https, mailto and tel, and places inside the
// document itself ("#here"). Everything else is not, relative paths included: where they lead depends on where the
// document was put. The decision is about what a lenient reader makes of the text, so that white space, control
// characters, percent-encoding and character references do not hide a scheme.
func SafeLink(target string) bool {
	t := foldLink(target)
	if t == "" || strings.HasPrefix(t, "#") {
		return true
	}
	scheme, rest, ok := strings.Cut(t, ":")
	if !ok {
		return false
	}
	switch scheme {
	case "http", "https":
		return strings.HasPrefix(strings.ReplaceAll(rest, "\\", "/"), "//") && !strings.HasPrefix(rest, "\\\\")
	case "tel":
		return true
	case "mailto":
		return !strings.Contains(rest, "attach")
	}
	return false
}

// foldLink brings a link into the form that readers compare: lower case, no white space or control characters,
// encodings undone, a few rounds of them.
func foldLink(s string) string {
	const most = 4096
	if len(s) > most {
		s = s[:most]
	}
	for range 3 {
		before := s
		if strings.IndexByte(s, '&') >= 0 {
			s = html.UnescapeString(s)
		}
		if scheme, rest, ok := strings.Cut(s, ":"); !ok || strings.IndexByte(scheme, '%') >= 0 {
			// Only a scheme that is hidden is of interest; "%" in a path is the server's matter.
			if u, err := url.PathUnescape(s); err == nil {
				s = u
			}
		} else {
			s = scheme + ":" + rest
		}
		if s == before {
			break
		}
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// FieldVector judges a field code of a word processor ([ECMA-376] part 1, section 17.16; the same in DOC and RTF):
// it returns the vector's name for a field that fetches, runs or embeds something, "" for one that may stay. The
// text is the whole instruction, joined over runs, with nested fields replaced by their results.
func FieldVector(instruction string) string {
	args := fieldArgs(instruction)
	if len(args) == 0 {
		return ""
	}
	switch name := strings.ToUpper(args[0]); name {
	case "DDE", "DDEAUTO":
		return "field-dde"
	case "INCLUDETEXT", "INCLUDEPICTURE", "INCLUDE", "IMPORT", "LINK", "RD", "DATABASE":
		return "field-include"
	case "HTMLCONTROL", "CONTROL", "HTMLACTIVEX", "ADDIN", "PRINT", "EMBED":
		return "field-active"
	case "MACROBUTTON":
		if len(args) > 1 && strings.EqualFold(args[1], "NoMacro") {
			return ""
		}
		return "field-macro"
	case "HYPERLINK":
		return hyperlinkVector(args[1:])
	}
	return ""
}

// hyperlinkVector looks at the target: the first argument that is no switch. \l, \o, \t take a value of their own.
func hyperlinkVector(args []string) string {
	for i := 0; i < len(args); i++ {
		a := args[i]
		if len(a) == 2 && a[0] == '\\' {
			switch a[1] | 0x20 {
			case 'l', 'o', 't':
				i++
			}
			continue
		}
		if !SafeLink(strings.ReplaceAll(a, `\\`, `\`)) {
			return "link-scheme"
		}
		return ""
	}
	return ""
}

// fieldArgs splits an instruction at white space; quotes hold an argument together.
func fieldArgs(s string) []string {
	var args []string
	for {
		s = strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
		if s == "" || len(args) > 100 {
			return args
		}
		if r := quoteEnd(s); r > 0 {
			args = append(args, strings.Trim(s[:r], `"“”„`))
			s = s[r:]
			continue
		}
		end := strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '"' })
		if end < 0 {
			end = len(s)
		}
		args = append(args, s[:end])
		s = s[end:]
	}
}

// quoteEnd returns where a quoted argument at the start of s ends, 0 if there is none.
func quoteEnd(s string) int {
	for _, q := range []string{`"`, "“", "”", "„"} {
		rest, ok := strings.CutPrefix(s, q)
		if !ok {
			continue
		}
		if i := strings.IndexAny(rest, `"“”`); i >= 0 {
			_, size := firstRune(rest[i:])
			return len(q) + i + size
		}
		return len(s)
	}
	return 0
}

func firstRune(s string) (r rune, size int) {
	for i, c := range s {
		if i > 0 {
			return r, i
		}
		r = c
	}
	return r, len(s)
}
