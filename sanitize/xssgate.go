package sanitize

import (
	"bytes"

	"icapd/sanitize/wordset"
)

// Names that libinjection takes for an attack, or asks for a value that is one.
const (
	nameTag    = 1 << iota // of a tag
	nameAlways             // of an attribute, whatever its value
	nameURL                // of an attribute, if its value is a URL of a scheme for programs and data
)

var xssNames = func() *wordset.Set {
	m := map[string]uint64{}
	for _, of := range []struct {
		kind  uint64
		names []string
	}{
		{nameTag, []string{
			"applet", "base", "comment", "embed", "frame", "frameset", "handler", "iframe", "import", "isindex", "link", "listener", "meta",
			"noscript", "object", "script", "style", "vmlframe", "xml", "xss",
		}},
		{nameAlways, []string{"attributename", "dataformatas", "datasrc", "filter", "style", "xmlns", "xlink"}},
		{nameURL, []string{
			"action", "by", "background", "dynsrc", "formaction", "folder", "from", "handler", "href", "lowsrc", "poster", "src", "to", "values",
			"xlink:href",
		}},
	} {
		for _, n := range of.names {
			m[n] |= of.kind
		}
	}
	return wordset.New(m)
}()

// mayBeXSS reports whether libinjection could find something in s, which is in lower case. It reads all that stands where
// a tag, a comment or an attribute could begin, in whatever way that came about: ten times as fast as the five readings
// of libinjection, and most markup is links and paragraphs.
func mayBeXSS(s []byte) bool {
	if bytes.IndexByte(s, 0) >= 0 { // which it reads over
		return true
	}
	return anyPlace(s, '<', func(i int) bool { return i+1 < len(s) && mayBeTag(s[i+1:]) }) ||
		anyPlace(s, '=', func(i int) bool { return mayBeAttribute(s, i) })
}

// anyPlace reports whether the places of a byte in s have one for which f is true.
func anyPlace(s []byte, c byte, f func(i int) bool) bool {
	for from := 0; ; {
		i := bytes.IndexByte(s[from:], c)
		if i < 0 {
			return false
		}
		if f(from + i) {
			return true
		}
		from += i + 1
	}
}

// mayBeTag is mayBeXSS for what stands behind a "<".
func mayBeTag(s []byte) bool {
	switch s[0] {
	case '!', '?', '%':
		return true
	case '/':
		if s = s[1:]; len(s) == 0 || s[0] == '>' {
			return false
		}
		if !isLetter(s[0]) { // a comment
			return true
		}
	}
	end := 0
	for end < len(s) && end <= mostXSSName && !endsName(s[end]) {
		end++
	}
	name := s[:end]
	return xssNames.Of(name)&nameTag != 0 || bytes.HasPrefix(name, []byte("svg")) || bytes.HasPrefix(name, []byte("xsl"))
}

// mostXSSName is longer than all names of xssNames and of events.
const mostXSSName = 64

func endsName(c byte) bool {
	switch c {
	case ' ', '\t', '\n', '\v', '\f', '\r', '/', '>', '=':
		return true
	}
	return false
}

// mayBeAttribute is mayBeXSS for the sign of equality at i.
func mayBeAttribute(s []byte, i int) bool {
	end := i
	for end > 0 && s[end-1] <= ' ' && endsName(s[end-1]) {
		end--
	}
	start := end
	for start > 0 && end-start <= mostXSSName && !endsName(s[start-1]) && !isQuote(s[start-1]) && s[start-1] != '<' {
		start--
	}
	name := s[start:end]
	kind := xssNames.Of(name)
	if kind&nameAlways != 0 || len(name) >= 5 && name[0] == 'o' && name[1] == 'n' {
		return true
	}
	if kind&nameURL == 0 {
		return false
	}
	for _, c := range s[i+1:] {
		if c > ' ' && c < 0x7F && !isQuote(c) {
			return c == 'd' || c == 'v' || c == 'j' || c == '&' // data, view-source, vbscript, java, or written as entities
		}
	}
	return false
}
