package markup

import (
	"strings"
	"unicode/utf8"
)

// cleanCSS returns style text without what runs or fetches, and whether anything had to go. Style text in which
// nothing of the kind can be is returned as it is. In an e-book what is beside it, such as fonts, stays.
func cleanCSS(css string, book bool) (string, bool) {
	plain := plainCSS(css)
	if !triggersCSS(plain) {
		return css, false
	}
	out := plain
	for range 4 { // what is left of a removal may come together to something new
		next := withoutCSS(out, activeCSS, segmentStart)
		next = withoutCSS(next, importCSS, nil)
		if next = cleanCSSURLs(next, book); next == out {
			break
		}
		out = next
	}
	if activeCSS(out, 0, len(out)) >= 0 || importCSS(out, 0, len(out)) >= 0 {
		return "", true
	}
	if out == plain {
		return css, false // all of its addresses are harmless
	}
	return out, true
}

// A style attribute stands in every element of some pages, and expressions took a microsecond for each: what they would match
// is read by hand. As in expressions, case does not matter, and neither does the long s for an s.

// foldCSS returns the byte at i in lower case and how many bytes it takes.
func foldCSS(s string, i int) (c byte, n int) {
	c = s[i]
	switch {
	case c >= 'A' && c <= 'Z':
		return c | 0x20, 1
	case c == 0xC5 && i+1 < len(s) && s[i+1] == 0xBF: // U+017F
		return 's', 2
	}
	return c, 1
}

// wordCSS returns where a word, in lower case, that begins at i ends; -1 if it is not there.
func wordCSS(s string, i int, word string) int {
	for k := range len(word) {
		if i >= len(s) {
			return -1
		}
		c, n := foldCSS(s, i)
		if c != word[k] {
			return -1
		}
		i += n
	}
	return i
}

// signCSS returns where a sign, behind white space at most, ends; -1 if it is not there.
func signCSS(s string, i int, sign byte) int {
	if i < 0 {
		return -1
	}
	if i = spaceCSS(s, i); i < len(s) && s[i] == sign {
		return i + 1
	}
	return -1
}

func spaceCSS(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] >= '\t' && s[i] <= '\r' && s[i] != '\v') {
		i++
	}
	return i
}

// triggersCSS reports whether text needs a closer look.
func triggersCSS(s string) bool {
	for i := range len(s) {
		c, _ := foldCSS(s, i)
		switch c {
		case '@':
			if wordCSS(s, i, "@import") >= 0 {
				return true
			}
		case 'e':
			if wordCSS(s, i, "expression") >= 0 {
				return true
			}
		case '-', 'b', 'a':
			if wordCSS(s, i, "-moz-binding") >= 0 || wordCSS(s, i, "behavior") >= 0 || wordCSS(s, i, "behaviour") >= 0 || wordCSS(s, i, "alphaimageloader") >= 0 {
				return true
			}
		case 's', 'u', 'i':
			if signCSS(s, wordCSS(s, i, "script"), ':') >= 0 {
				return true
			}
			for _, name := range [...]string{"url", "src", "image", "image-set"} {
				if signCSS(s, wordCSS(s, i, name), '(') >= 0 {
					return true
				}
			}
		}
	}
	return false
}

// activeCSS returns where something begins, from i on and before end, that ran in browsers that are still somewhere:
// expressions, bindings, behaviours, script URLs, and a filter that fetched a picture; -1 if nothing does.
func activeCSS(s string, i, end int) int {
	for ; i < end; i++ {
		c, _ := foldCSS(s, i)
		found := -1
		switch c {
		case 'e':
			found = signCSS(s, wordCSS(s, i, "expression"), '(')
		case '-':
			found = wordCSS(s, i, "-moz-binding")
		case 'b':
			found = max(signCSS(s, wordCSS(s, i, "behavior"), ':'), signCSS(s, wordCSS(s, i, "behaviour"), ':'))
		case 'j':
			found = signCSS(s, wordCSS(s, i, "javascript"), ':')
		case 'v':
			found = signCSS(s, wordCSS(s, i, "vbscript"), ':')
		case 'l':
			found = signCSS(s, wordCSS(s, i, "livescript"), ':')
		case 'a':
			found = signCSS(s, wordCSS(s, i, "alphaimageloader"), '(')
		}
		if found >= 0 {
			return i
		}
	}
	return -1
}

// importCSS returns where a style sheet is imported, from i on and before end; -1 if none is.
func importCSS(s string, i, end int) int {
	for i < end {
		at := strings.IndexByte(s[i:end], '@')
		if at < 0 {
			return -1
		}
		if i += at; wordCSS(s, i, "@import") >= 0 {
			return i
		}
		i++
	}
	return -1
}

// segmentStart says that what is found goes with all that stands before it in its declaration.
func segmentStart(from, _ int) int { return from }

// withoutCSS leaves out what find finds, up to the end of the declaration that it stands in and the semicolon behind that. start
// says where it begins, by the start of the declaration and by where it was found; nil for there.
func withoutCSS(s string, find func(s string, i, end int) int, start func(from, at int) int) string {
	first := find(s, 0, len(s))
	if first < 0 {
		return s
	}
	var b strings.Builder
	from := strings.LastIndexAny(s[:first], ";{}") + 1
	b.WriteString(s[:from])
	for from < len(s) {
		end := strings.IndexAny(s[from:], ";{}")
		if end < 0 {
			end = len(s)
		} else {
			end += from
		}
		switch at := find(s, from, end); {
		case at < 0:
			b.WriteString(s[from:min(end+1, len(s))])
			from = end + 1
			continue
		case start == nil:
			b.WriteString(s[from:at])
		}
		if from = end; end < len(s) && s[end] == ';' {
			from++
		}
		for from < len(s) && (s[from] == '{' || s[from] == '}') {
			b.WriteByte(s[from])
			from++
		}
	}
	return b.String()
}

// fetchers are functions that name something to fetch.
var fetchers = [...]string{"url", "src", "image", "image-set", "-webkit-image-set"}

// cleanCSSURLs empties functions that name something to fetch which does not stay, with their argument up to its end.
func cleanCSSURLs(s string, book bool) string {
	var b strings.Builder
	kept := 0
	for i := 0; i < len(s); {
		c := s[i] | 0x20
		if c != 'u' && c != 's' && c != 'i' && s[i] != '-' && s[i] != 0xC5 || isWordCSS(s, i-1) == isWordCSS(s, i) {
			i++
			continue
		}
		arg := -1
		for _, name := range fetchers {
			if arg = signCSS(s, wordCSS(s, i, name), '('); arg >= 0 {
				break
			}
		}
		if arg < 0 {
			i++
			continue
		}
		end, target := argumentCSS(s, arg)
		if !staysCSS(target, book) {
			b.WriteString(s[kept:i])
			b.WriteString("url()")
			kept = end
		}
		i = end
	}
	if kept == 0 {
		return s
	}
	b.WriteString(s[kept:])
	return b.String()
}

// isWordCSS reports whether an ASCII letter, digit or underscore stands at i.
func isWordCSS(s string, i int) bool {
	if i < 0 || i >= len(s) {
		return false
	}
	c := s[i]
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_'
}

// argumentCSS returns the argument of a function from behind its bracket on, and where the function ends.
func argumentCSS(s string, i int) (end int, argument string) {
	i = spaceCSS(s, i)
	from := i
	if i < len(s) && (s[i] == '"' || s[i] == '\'') {
		if n := strings.IndexByte(s[i+1:], s[i]); n >= 0 {
			i += n + 2
		} else {
			i = len(s)
		}
	} else if n := strings.IndexAny(s[i:], ")\"'"); n >= 0 {
		i += n
	} else {
		i = len(s)
	}
	argument = s[from:i]
	if i = spaceCSS(s, i); i < len(s) && s[i] == ')' {
		i++
	}
	return i, argument
}

// staysCSS reports whether an address in a style sheet may stay.
func staysCSS(argument string, book bool) bool {
	target := strings.Trim(strings.TrimSpace(argument), `"'`)
	switch kindOf(target) {
	case urlLocal, urlRaster:
		return true
	case urlRelative:
		return book && bookStyle.MatchString(target)
	case urlWeb, urlMessage, urlData, urlOther:
	}
	return false
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
