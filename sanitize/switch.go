package sanitize

import "strings"

// matchField reports whether a field's path fits a pattern of [Switch.Fields]. Its time is at most the product of the
// lengths: one point to come back to is remembered, the last **.
func matchField(pattern, path string) bool {
	if strings.HasSuffix(pattern, "/") {
		pattern += "**"
	}
	again, from := "", -1 // behind the last **, and where it has been tried to the end of path
	at, more := 0, true
	for {
		if !more { // the pattern has ended
			if at > len(path) {
				return true
			}
		} else {
			segment, rest, next := strings.Cut(pattern, "/")
			if segment == "**" {
				if !next {
					return true
				}
				again, from, pattern = rest, at, rest
				continue
			}
			if at <= len(path) {
				name, _, _ := strings.Cut(path[at:], "/")
				if matchSegment(segment, name) {
					at, pattern, more = at+len(name)+1, rest, next
					continue
				}
			}
		}
		if from < 0 || from >= len(path) {
			return false
		}
		skipped, _, _ := strings.Cut(path[from:], "/")
		from += len(skipped) + 1
		if from > len(path) {
			return false
		}
		at, pattern, more = from, again, true
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
