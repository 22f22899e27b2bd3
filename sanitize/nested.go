package sanitize

import (
	"bytes"
	"slices"
)

const (
	// maxNestedStrings bounds how many strings of a document inside a value are looked at by themselves, and maxNestedBytes
	// their length together. The value as a whole was looked at before; what these bounds leave out is only the look
	// that begins and ends where a string does.
	maxNestedStrings = 256
	maxNestedBytes   = 64 << 10

	// minNested is the shortest string that is looked at by itself, in bytes.
	minNested = 5
)

// document reports whether the value looks like a JSON object or array: a consumer that reads it has strings of its own,
// and a payload that is meant for the whole of one begins there.
func document(value []byte) bool {
	if len(value) < 2*minNested {
		return false
	}
	i := 0
	for i < len(value) && isSpace(value[i]) {
		i++
	}
	if i == len(value) || value[i] != '{' && value[i] != '[' {
		return false
	}
	last := bytes.TrimRight(value[max(i, len(value)-16):], " \t\r\n")
	return len(last) > 0 && last[len(last)-1] == value[i]+2 // } is two behind {, ] behind [
}

// nested looks at each string value of a JSON document inside a value as at a value.
func (l *look) nested(value []byte) {
	before, judged := len(l.hits), 0
	for i, strings := 0, 0; strings < maxNestedStrings && judged < maxNestedBytes && !l.ended(); {
		start := bytes.IndexByte(value[i:], '"')
		if start < 0 {
			break
		}
		start += i + 1
		end, escaped := stringEnd(value, start)
		if end < 0 {
			break
		}
		i = end + 1
		if end-start < minNested || end-start > maxNestedBytes || isName(value, i) {
			continue
		}
		s := value[start:end]
		if escaped {
			l.inner, _ = decodeEscapes(l.inner[:0], s, nil)
			s = l.inner
		}
		strings++
		judged += len(s)
		l.via = nil
		l.edits.everywhere()
		groups, kinds := l.filter(s)
		l.layered(s, groups, kinds)
	}
	for i := before; i < len(l.hits); i++ {
		l.hits[i].Via = slices.Insert(slices.Clone(l.hits[i].Via), 0, "json")
	}
	l.via = nil
}

// stringEnd returns the place of the quote that ends the string whose content begins at i, -1 if there is none, and
// whether the string has escapes.
func stringEnd(s []byte, i int) (end int, escaped bool) {
	for i < len(s) {
		n := bytes.IndexAny(s[i:min(len(s), i+maxNestedBytes)], `"\`)
		if n < 0 {
			return -1, escaped
		}
		i += n
		if s[i] == '"' {
			return i, escaped
		}
		escaped = true
		i += 2
	}
	return -1, escaped
}

// isName reports whether what ends before i is the name of a member: a colon follows.
func isName(s []byte, i int) bool {
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	return i < len(s) && s[i] == ':'
}
