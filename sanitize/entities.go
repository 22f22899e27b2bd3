package sanitize

import (
	"bytes"
	"unicode/utf8"
)

// entityNames are the named character references of HTML that hide markup and code. Those of letters beyond
// ASCII hide nothing.
var entityNames = map[string]rune{
	"lt": '<', "gt": '>', "amp": '&', "quot": '"', "apos": '\'', "LT": '<', "GT": '>', "AMP": '&', "QUOT": '"',
	"Tab": '\t', "NewLine": '\n', "colon": ':', "semi": ';', "comma": ',', "period": '.', "excl": '!',
	"lpar": '(', "rpar": ')', "lsqb": '[', "rsqb": ']', "lbrack": '[', "rbrack": ']', "lcub": '{', "rcub": '}',
	"lbrace": '{', "rbrace": '}', "sol": '/', "bsol": '\\', "grave": '`', "DiacriticalGrave": '`', "equals": '=',
	"num": '#', "dollar": '$', "percnt": '%', "ast": '*', "midast": '*', "plus": '+', "commat": '@', "quest": '?',
	"vert": '|', "verbar": '|', "VerticalLine": '|', "lowbar": '_', "UnderBar": '_', "Hat": '^', "nbsp": ' ',
	"NonBreakingSpace": ' ', "hyphen": '-', "dash": '-', "ZeroWidthSpace": 0x200B, "shy": 0xAD, "zwj": 0x200D,
	"zwnj": 0x200C, "lrm": 0x200E, "rlm": 0x200F, "fjlig": 'f',
}

// maxEntity bounds a reference, in bytes; leading zeros are allowed by HTML and used to hide.
const maxEntity = 32

// decodeEntities resolves character references, with and without the semicolon.
func decodeEntities(dst, src []byte, e *edits) ([]byte, bool) {
	changed := false
	for i := 0; i < len(src); {
		if src[i] != '&' {
			j := bytes.IndexByte(src[i:], '&')
			if j < 0 {
				j = len(src) - i
			}
			dst = append(dst, src[i:i+j]...)
			i += j
			continue
		}
		n, r := entity(src[i:min(len(src), i+maxEntity)])
		if n == 0 {
			dst = append(dst, '&')
			i++
			continue
		}
		e.at(len(dst))
		dst = utf8.AppendRune(dst, r)
		i += n
		changed = true
	}
	return dst, changed
}

// entity reads the reference at the start of s and returns its length, 0 if there is none.
func entity(s []byte) (n int, r rune) {
	if len(s) < 3 || !isLetter(s[1]) && s[1] != '#' {
		return 0, 0
	}
	if len(s) > 2 && s[1] == '#' {
		return numericEntity(s)
	}
	end := 1
	for end < len(s) && isLetter(s[end]) {
		end++
	}
	if end < len(s) && s[end] == ';' {
		if r, ok := entityNames[string(s[1:end])]; ok {
			return end + 1, r
		}
		return 0, 0
	}
	for _, name := range []string{"lt", "gt", "amp", "quot", "LT", "GT", "AMP", "QUOT", "nbsp"} { // no semicolon needed
		if bytes.HasPrefix(s[1:], []byte(name)) && len(name) == end-1 {
			return end, entityNames[name]
		}
	}
	return 0, 0
}

func numericEntity(s []byte) (n int, r rune) {
	i, base := 2, uint32(10)
	if s[i]|0x20 == 'x' {
		i, base = 3, 16
	}
	start := i
	var v uint32
	for i < len(s) {
		d := uint32(unhex(s[i]))
		if d >= base {
			break
		}
		if v = v*base + d; v > utf8.MaxRune {
			return 0, 0
		}
		i++
	}
	if i == start {
		return 0, 0
	}
	if i < len(s) && s[i] == ';' {
		i++
	}
	return i, rune(v)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isWord reports whether c can stand inside a name.
func isWord(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }

// isSpace reports whether c is ASCII white space; isBlank, one that does not end a line.
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
