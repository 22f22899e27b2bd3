package markup

import (
	"strings"
	"unicode/utf8"

	"icapd/internal/pattern"
)

// cleanCSS returns style text without what runs or fetches, and whether anything had to go. Style text in which
// nothing of the kind can be is returned as it is. In an e-book what is beside it, such as fonts, stays.
func cleanCSS(css string, book bool) (string, bool) {
	plain := plainCSS(css)
	if !cssTrigger.MatchString(plain) {
		return css, false
	}
	out := plain
	for range 4 { // what is left of a removal may come together to something new
		next := cssDeclaration.ReplaceAllString(out, "")
		next = cssImport.ReplaceAllString(next, "")
		next = cssURL.ReplaceAllStringFunc(next, func(f string) string { return cleanCSSURL(f, book) })
		if next == out {
			break
		}
		out = next
	}
	if cssActive.MatchString(out) || cssImport.MatchString(out) {
		return "", true
	}
	if out == plain {
		return css, false // all of its addresses are harmless
	}
	return out, true
}

// cssTrigger matches text that needs a closer look.
var cssTrigger = pattern.MustCompile(`(?i)@import|url\s*\(|src\s*\(|image(?:-set)?\s*\(|expression|-moz-binding|behaviou?r|script\s*:|alphaimageloader`)

// cssActive matches what ran in browsers that are still somewhere: expressions, bindings, behaviours, script URLs, and a filter
// that fetched a picture.
var cssActive = pattern.MustCompile(`(?i)expression\s*\(|-moz-binding|behaviou?r\s*:|(?:java|vb|live)script\s*:|alphaimageloader\s*\(`)

// cssDeclaration matches the whole declaration around it.
var cssDeclaration = pattern.MustCompile(`(?i)[^;{}]*(?:expression\s*\(|-moz-binding|behaviou?r\s*:|(?:java|vb|live)script\s*:|alphaimageloader\s*\()[^;{}]*;?`)

var cssImport = pattern.MustCompile(`(?i)@import[^;{}]*;?`)

// cssURL matches functions that name something to fetch, with their argument up to its end.
var cssURL = pattern.MustCompile(`(?i)\b(url|src|image|image-set|-webkit-image-set)\s*\(\s*("[^"]*"?|'[^']*'?|[^)"']*)\s*\)?`)

func cleanCSSURL(f string, book bool) string {
	m := cssURL.FindStringSubmatch(f)
	target := strings.Trim(strings.TrimSpace(m[2]), `"'`)
	switch kindOf(target) {
	case urlLocal, urlRaster:
		return f
	case urlRelative:
		if book && bookStyle.MatchString(target) {
			return f
		}
	case urlWeb, urlMessage, urlData, urlOther:
	}
	return "url()"
}

// plainCSS resolves escapes and takes comments out, both of which hide words from simple readers.
func plainCSS(css string) string {
	if !strings.Contains(css, `\`) && !strings.Contains(css, "/*") {
		return css
	}
	var b strings.Builder
	for i := 0; i < len(css); {
		switch {
		case strings.HasPrefix(css[i:], "/*"):
			end := strings.Index(css[i+2:], "*/")
			if end < 0 {
				return b.String()
			}
			i += end + 4
		case css[i] == '\\' && i+1 < len(css):
			r, n := cssEscape(css[i+1:])
			if r == '"' || r == '\'' || r == '\\' || r == '<' || r == '\n' {
				b.WriteString(css[i : i+1+n]) // these must stay escaped to stay what they are
			} else {
				b.WriteRune(r)
			}
			i += 1 + n
		default:
			b.WriteByte(css[i])
			i++
		}
	}
	return b.String()
}

// cssEscape reads what follows a backslash: up to six hexadecimal digits and a blank, or one character.
func cssEscape(s string) (r rune, n int) {
	for n < len(s) && n < 6 {
		d := strings.IndexByte("0123456789abcdef", s[n]|0x20)
		if d < 0 || s[n] < '0' {
			break
		}
		r = r<<4 | rune(d&0xf)
		n++
	}
	if n == 0 {
		return utf8.DecodeRuneInString(s)
	}
	if n < len(s) && (s[n] == ' ' || s[n] == '\t' || s[n] == '\n') {
		n++
	}
	if r == 0 || r > utf8.MaxRune {
		r = utf8.RuneError
	}
	return r, n
}
