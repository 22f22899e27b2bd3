package sanitize

import "strings"

// matchField reports whether a field's path fits a pattern of [Switch.Fields]. Its time is at most the product of the
// lengths: one point to come back to is remembered, the last **.
func matchField(pattern, path string) bool {
	if strings.HasSuffix(pattern, "/") {
		pattern += "**"
	}
	p, names := strings.Split(pattern, "/"), strings.Split(path, "/")
	at, from, again := 0, 0, -1 // again is what stands behind the last **, from where it has been tried
	for i := 0; ; {
		switch {
		case i < len(p) && p[i] == "**":
			i++
			again, from = i, at
			if i == len(p) {
				return true
			}
		case i < len(p) && at < len(names) && matchSegment(p[i], names[at]):
			i, at = i+1, at+1
		case i == len(p) && at == len(names):
			return true
		case again < 0 || from >= len(names):
			return false
		default:
			from++
			i, at = again, from
		}
	}
}

// matchSegment reports whether a name fits a pattern in which * stands for any characters.
func matchSegment(pattern, name string) bool {
	head, tail, ok := strings.Cut(pattern, "*")
	if !ok {
		return pattern == name
	}
	if !strings.HasPrefix(name, head) {
		return false
	}
	name = name[len(head):]
	for {
		middle, rest, ok := strings.Cut(tail, "*")
		if !ok {
			return strings.HasSuffix(name, tail)
		}
		i := strings.Index(name, middle)
		if i < 0 {
			return false
		}
		name, tail = name[i+len(middle):], rest
	}
}
