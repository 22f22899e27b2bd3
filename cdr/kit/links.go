package kit

import (
	"html"
	"net/url"
	"strings"
	"unicode"

	"icapd/internal/pattern"
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

// The vectors of field codes, as reports name them.
const (
	VectorFieldDDE     = "field-dde"
	VectorFieldInclude = "field-include" // it reads a file or a database
	VectorFieldActive  = "field-active"
	VectorFieldMacro   = "field-macro"
	VectorLink         = "link-scheme"
)

// FieldVector judges a field code of a word processor ([ECMA-376] part 1, section 17.16; the same in DOC and RTF):
// it returns the vector's name for a field that fetches, runs or embeds something, "" for one that may stay. The
// text is the whole instruction, joined over runs, with nested fields replaced by their results.
func FieldVector(instruction string) string {
	args := fieldArgs(plainLetters(instruction))
	if len(args) == 0 {
		return ""
	}
	switch name := strings.ToUpper(args[0]); name {
	case "DDE", "DDEAUTO":
		return VectorFieldDDE
	case "INCLUDETEXT", "INCLUDEPICTURE", "INCLUDE", "IMPORT", "LINK", "RD", "DATABASE", "AUTOTEXTLIST":
		return VectorFieldInclude
	case "HTMLCONTROL", "CONTROL", "HTMLACTIVEX", "ADDIN", "PRINT", "EMBED":
		return VectorFieldActive
	case "MACROBUTTON":
		if len(args) > 1 && strings.EqualFold(args[1], "NoMacro") {
			return ""
		}
		return VectorFieldMacro
	case "HYPERLINK":
		return hyperlinkVector(args[1:])
	case "SET":
		return laidVector(args[1:])
	}
	return ""
}

// laidVector judges the text that a field lays in a bookmark, which may stand where the instruction of another field is.
// Words in small letters are words.
func laidVector(args []string) string {
	if len(args) < 2 {
		return ""
	}
	words := fieldArgs(args[1])
	if len(words) < 2 || words[0] != strings.ToUpper(words[0]) || strings.EqualFold(words[0], "SET") {
		return ""
	}
	return FieldVector(args[1])
}

// MacroButtonText returns what a MACROBUTTON field shows: what stands behind the name of the macro (ECMA-376 part 1, section
// 17.16.5.34); and where in the instruction the name begins and ends. It is not ok for other fields, and where the name is
// all there is, or stands in the text as well.
func MacroButtonText(instruction string) (text string, from, to int, ok bool) {
	m := macroButton.FindStringSubmatch(instruction)
	if m == nil {
		return "", 0, 0, false
	}
	name, text := m[2], strings.TrimSpace(m[3])
	if text == "" || strings.Contains(strings.ToUpper(text), strings.ToUpper(name)) {
		return "", 0, 0, false
	}
	return text, len(m[1]), len(m[1]) + len(name), true
}

var macroButton = pattern.MustCompile(`(?i)^( *MACROBUTTON +)([\pL\pN_.!:]{1,255}) ([^\pC"\\]{1,255})$`)

// plainLetters takes out what is not seen, and makes full-width letters the common ones: readers differ in whether they do.
func plainLetters(s string) string {
	const wide, wideEnd, narrow = 0xFF01, 0xFF5E, 0x21
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x80:
			return r
		case r >= wide && r <= wideEnd:
			return r - wide + narrow
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
}

// hyperlinkVector looks at the target, the first argument that is no switch, and at the place in it (\l) and the frame (\t).
// \l, \o, \t take a value of their own.
func hyperlinkVector(args []string) string {
	target := false
	for i := 0; i < len(args); i++ {
		a := args[i]
		if len(a) == 2 && a[0] == '\\' {
			switch a[1] | 0x20 {
			case 'l', 't':
				if i++; i < len(args) && !SafePlace(strings.ReplaceAll(args[i], `\\`, `\`)) {
					return VectorLink
				}
			case 'o':
				i++
			}
			continue
		}
		if !target && !SafeLink(strings.ReplaceAll(a, `\\`, `\`)) {
			return VectorLink
		}
		target = true
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

// actingSchemes are those of addresses that run, open or fetch something on the reader's machine, or through one of its
// protocol handlers. Those that begin with "ms-", "vnd." or "search-" belong to them.
var actingSchemes = map[string]bool{
	"file": true, "smb": true, "ftp": true, "javascript": true, "vbscript": true, "jscript": true, "livescript": true, "data": true, "mhtml": true, "mk": true,
	"res": true, "about": true, "view-source": true, "ldap": true, "shell": true, "search": true, "jar": true, "blob": true, "macro": true,
	"script": true, "service": true, "slot": true, ".uno": true, "onenote": true, "hcp": true, "its": true, "ms-its": true, "local": true,
}

// SafePlace reports whether the name of a place inside a document may stay: a bookmark, a cell, a slide, or the text of a
// formula. Readers take such a name for an address where it looks like one, so that it must be none that SafeLink would not let
// pass: no path of a machine or a network, and no scheme that acts. Names with a colon are not addresses by that alone
// ("A1:B2", "Note: a heading").
func SafePlace(name string) bool {
	t := strings.TrimPrefix(foldLink(name), "#")
	if strings.HasPrefix(t, `\\`) || strings.HasPrefix(t, "//") {
		return false
	}
	scheme, rest, ok := strings.Cut(t, ":")
	switch {
	case !ok:
		return true
	case scheme == "http", scheme == "https", scheme == "mailto":
		return SafeLink(t)
	case len(scheme) == 1 && (strings.HasPrefix(rest, `\`) || strings.HasPrefix(rest, "/")): // a drive
		return false
	case strings.HasPrefix(scheme, "ms-"), strings.HasPrefix(scheme, "vnd."), strings.HasPrefix(scheme, "search-"):
		return false
	}
	return !actingSchemes[scheme]
}

// LoadsProgram reports whether the custom property of a document has a name by which Office loads a program with the document:
// customizations made with Visual Studio are found by them.
func LoadsProgram(property string) bool {
	name := strings.ToLower(strings.TrimSpace(property))
	return strings.HasPrefix(name, "_assemblylocation") || strings.HasPrefix(name, "_assemblyname")
}
