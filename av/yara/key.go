package yara

import (
	"maps"
	"strconv"
	"strings"

	"icapd/scan"
)

// Key implements scan.Keyer: what is found in an item depends on its bytes, and on those external variables that any
// rule names.
func (e *Engine) Key(it *scan.Item) (string, bool) {
	set, err := e.acquire()
	if err != nil {
		return "", false
	}
	defer e.release(set)
	if len(set.depends) == 0 {
		return "", true
	}
	values := variablesOf(it)
	var b strings.Builder
	for _, i := range set.depends {
		b.WriteString(strconv.Quote(values[i]))
	}
	return b.String(), true
}

// dependsOn returns the external variables that rules may ask for.
func dependsOn(sources []source, included [][]byte) []int {
	named := map[string]bool{}
	for i := range sources {
		maps.Copy(named, names(string(sources[i].Text)))
	}
	for _, text := range included {
		maps.Copy(named, names(string(text)))
	}
	var out []int
	for i, name := range externals() {
		if named[name] {
			out = append(out, i)
		}
	}
	return out
}

// names returns the identifiers of a rule file that can be variables: not those in text, regular expressions,
// comments, and not those of strings and of modules.
func names(src string) map[string]bool {
	out := map[string]bool{}
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == '"':
			i = after(src, i, '"')
		case strings.HasPrefix(src[i:], "//"):
			i = lineEnd(src, i)
		case strings.HasPrefix(src[i:], "/*"):
			end := strings.Index(src[i+2:], "*/")
			if end < 0 {
				return out
			}
			i += end + 4
		case c == '/' && expressionFollows(src[:i]):
			i = after(src, i, '/')
		case isNameByte(c):
			start := i
			for i < len(src) && isNameByte(src[i]) {
				i++
			}
			if start == 0 || !strings.ContainsRune("$#@!.", rune(src[start-1])) {
				out[src[start:i]] = true
			}
		default:
			i++
		}
	}
	return out
}

// expressionFollows reports whether a slash behind this text begins a regular expression, and not a division.
func expressionFollows(before string) bool {
	before = strings.TrimRight(before, " \t\r\n")
	return strings.HasSuffix(before, "=") || strings.HasSuffix(before, "matches")
}

// after returns where the text or regular expression that begins at i ends. Neither goes over the end of a line.
func after(src string, i int, quote byte) int {
	for j := i + 1; j < len(src); j++ {
		switch src[j] {
		case '\\':
			j++
		case quote:
			return j + 1
		case '\n':
			return i + 1
		}
	}
	return i + 1
}

func lineEnd(src string, i int) int {
	if n := strings.IndexByte(src[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(src)
}

func isNameByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_'
}
