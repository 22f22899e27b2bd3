package sanitize

import (
	"bytes"
	"regexp"
)

// declaration passes comments, CDATA, doctypes and processing instructions.
func (l *look) declaration(i, start int) int {
	s := l.low
	rest := s[start:]
	switch {
	case hasPrefix(string(rest[:min(len(rest), 12)]), "?import"), hasPrefix(string(rest[:min(len(rest), 16)]), "?xml-stylesheet"):
		l.sign(signMarkupActive, i, min(len(s), i+60))
	case bytes.HasPrefix(rest, []byte("!--[if")):
		l.sign(signMarkupConditional, i, min(len(s), i+60))
	}
	return start + 1
}

// schemes looks for script URLs. Browsers ignore white space and controls inside the scheme's name.
func (l *look) schemes() {
	s := l.low
	for i := range s {
		if s[i] != ':' {
			continue
		}
		var name [16]byte
		n := len(name)
		j := i - 1
		for ; j >= 0 && n > 0; j-- {
			c := s[j]
			if isLetter(c) {
				n--
				name[n] = c
				continue
			}
			if c > ' ' {
				break
			}
			if c == ' ' && n < len(name) { // a space inside ends a word of prose
				break
			}
		}
		switch scheme := string(name[n:]); {
		case hasSuffix(scheme, "javascript"), hasSuffix(scheme, "vbscript"), hasSuffix(scheme, "livescript"), scheme == "mocha":
			if l.scriptURL(j, i) {
				l.sign(signMarkupScheme, max(0, j+1), min(len(s), i+40))
			}
		case scheme == "data" && dataScript(s[i+1:]):
			l.sign(signMarkupData, max(0, j+1), min(len(s), i+40))
		}
	}
}

func hasSuffix(s, suffix string) bool {
	return len(s) >= len(suffix) && s[len(s)-len(suffix):] == suffix
}

// idleLinks are the script URLs of links that do nothing by themselves.
var idleLinks = regexp.MustCompile("(?i)javascript:void\\(0\\);?([\"'\\s>])")

// braced are handlers in the way of JSX.
var braced = regexp.MustCompile(`(?i)\bon[a-z]{2,24}=\{[^\s>]*`)

// idleEnd reports whether a script URL ends at s.
func idleEnd(s []byte) bool {
	s = bytes.TrimPrefix(s, []byte(";"))
	return len(s) == 0 || isSpace(s[0]) || isQuote(s[0]) || s[0] == '>' || s[0] == ')'
}

// scriptURL tells "javascript:alert(1)" from prose about JavaScript: something follows that is code.
func (l *look) scriptURL(before, colon int) bool {
	l.charge(costURL)
	rest := l.low[colon+1:]
	rest = rest[:min(len(rest), 400)]
	if len(rest) == 0 || rest[0] == ' ' && len(rest) > 1 && isLetter(rest[1]) && !bytes.ContainsAny(rest, "(=`") {
		return false
	}
	if idle, ok := bytes.CutPrefix(rest, []byte("void(0)")); ok && idleEnd(idle) || bytes.HasPrefix(rest, []byte("void 0")) || bytes.HasPrefix(rest, []byte("//www.")) || rest[0] == ';' && len(rest) == 1 {
		return false
	}
	return bytes.ContainsAny(rest, "(`=\\%&[/") || before >= 0 && (l.low[before] == '"' || l.low[before] == '\'' || l.low[before] == '=')
}

// dataScript reports whether a data: URL's type is one that browsers run.
func dataScript(rest []byte) bool {
	rest = bytes.TrimLeft(rest[:min(len(rest), 64)], " \t\r\n")
	for _, t := range []string{"text/html", "text/javascript", "text/xml", "application/javascript", "application/x-javascript", "image/svg", "application/xhtml", "text/xsl", "application/xml", "application/ecmascript", "text/x-"} {
		if bytes.HasPrefix(rest, []byte(t)) {
			return !bytes.HasPrefix(rest, []byte("image/svg+xml;base64")) && !bytes.HasPrefix(rest, []byte("image/svg+xml,%3csvg")) || t != "image/svg"
		}
	}
	return len(rest) > 2 && rest[0] == ',' && bytes.ContainsAny(rest, "(<")
}

// attributeBreakout looks for handlers behind a quote or space, with no tag of their own: the value stands
// inside an attribute of the page.
func (l *look) attributeBreakout() {
	s := l.low
	for i := 0; i+4 < len(s); i++ {
		if s[i] != 'o' || s[i+1] != 'n' || i > 0 && isWord(s[i-1]) || i > 0 && s[i-1] == '.' {
			continue
		}
		end := i + 2
		for end < len(s) && isLetter(s[end]) {
			end++
		}
		name := s[i:end]
		for end < len(s) && (isSpace(s[end]) || s[end] < ' ' || s[end] == '/') {
			end++
		}
		if end >= len(s) || s[end] != '=' || !isHandler(name) || end+1 < len(s) && s[end+1] == '=' {
			continue
		}
		if l.handlerValue(i, end+1) && !inertExpression(s[end+1:endOfValue(s[:min(len(s), end+2*maxBraced)], end+1)]) {
			l.sign(signMarkupAttribute, i, min(len(s), end+40))
			return
		}
	}
}

// handlerValue tells a handler from a setting called "onsale=true": what it is set to is code, or stands behind
// a quote that was closed.
func (l *look) handlerValue(i, value int) bool {
	s := l.low
	rest := s[value:min(len(s), value+200)]
	if end := bytes.IndexAny(bytes.TrimLeft(rest, " \"'"), " \n"); end > 0 && !bytes.ContainsAny(rest[:min(1, len(rest))], "\"'") {
		rest = rest[:end]
	}
	if bytes.ContainsAny(rest, "(`") || bytes.Contains(rest, []byte("javascript")) || bytes.Contains(rest, []byte("location")) {
		return true
	}
	if i == 0 && value < len(s) && (s[value] == '\'' || s[value] == '"') && len(s) < 128 {
		return true
	}
	return i > 1 && (s[i-1] == ' ' || s[i-1] == '/' || s[i-1] == '"' || s[i-1] == '\'') && (s[0] == '"' || s[0] == '\'' || s[0] == '<' || s[0] == '>') && len(s) < 128
}

// styles looks for styles that run or load something.
func (l *look) styles() {
	if i := bytes.Index(l.low, []byte("ession(")); i > 0 && bytes.Contains(l.low[:i], []byte("/*")) && bytes.Contains(l.low[:i], []byte("exp")) {
		l.sign(signMarkupStyle, max(0, i-16), i+7)
	}
	for _, bad := range []string{"expression(", "-moz-binding", "behavior:", "behaviour:", "@import", "-o-link", "url(javascript", "url(data:text"} {
		if i := bytes.Index(l.low, []byte(bad)); i >= 0 && l.styled(bad) {
			l.sign(signMarkupStyle, i, min(len(l.low), i+40))
		}
	}
}

// styled reports whether a word of style sheets that text has too stands in one.
func (l *look) styled(word string) bool {
	sheet := l.asked.contains(l.low, "style") || l.contains("{") && l.contains("}") && l.contains(":")
	switch word {
	case "expression(", "-o-link":
		return sheet
	case "@import":
		return sheet || l.contains("javascript") || l.contains("<")
	case "behavior:", "behaviour:":
		return bytes.Count(l.low, []byte("url(")) > bytes.Count(l.low, []byte("{behavior:url(#default#vml)")) // which Office writes
	}
	return true
}
