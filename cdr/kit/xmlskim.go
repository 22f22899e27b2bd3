package kit

import "bytes"

// NameSet is a set of names, quick to say that a name is not in it: most names that a document has are in none, and to look
// for each in a map is half of what an element costs. The zero NameSet is empty. A copy shares what it had when it was made.
type NameSet struct {
	marks [256]uint64 // by first byte: a bit for length, last byte and the one in the middle of each name
	names map[string]struct{}
}

// Add puts a name into the set; it must not be empty.
func (n *NameSet) Add(name string) {
	if n.names == nil {
		n.names = map[string]struct{}{}
	}
	n.names[name] = struct{}{}
	n.marks[name[0]] |= nameMark(len(name), name[len(name)/2], name[len(name)-1])
}

// Has reports whether a name is in the set.
func (n *NameSet) Has(name []byte) bool {
	if len(name) == 0 || n.marks[name[0]]&nameMark(len(name), name[len(name)/2], name[len(name)-1]) == 0 {
		return false
	}
	_, ok := n.names[string(name)]
	return ok
}

// nameMark's factors are those with which the names that are frequent in Office documents share the fewest bits with those
// that are looked for, so that the map is seldom asked.
func nameMark(length int, middle, last byte) uint64 {
	return 1 << ((23*length + 6*int(middle) + 11*int(last)) & 63)
}

// XMLSkim says what XML.Skim stops at. It always stops at declarations of namespaces.
type XMLSkim struct {
	Names *NameSet   // elements, by local name
	Attrs *NameSet   // start tags with such an attribute, by local name
	First *[256]bool // start tags with an attribute whose name, prefix included, begins with this byte

	// Floor is the number of open elements whose end tags are not read over; 0 is as 1.
	Floor int
}

// Skim reads over text, end tags, and start tags in which nothing is to be seen, and stops in front of all else: what s
// names, comments, what is malformed or written in a rare way, and the end of the document. Read says what it is. It
// returns how many tags it read, a thousand at most, and the lowest number of elements that were open meanwhile.
func (x *XML) Skim(s *XMLSkim) (tags, low int) {
	const most = 1024
	b, pos, open, floor := x.data, x.pos, x.open, max(s.Floor, 1)
	low = len(open)
	for tags < most && len(open) >= floor {
		if pos < len(b) && b[pos] != '<' {
			i := bytes.IndexByte(b[pos:], '<')
			if i < 0 {
				break
			}
			pos += i
		}
		if pos+1 >= len(b) {
			break
		}
		top := &open[len(open)-1]
		if b[pos+1] == '/' {
			end := pos + 2 + top.name
			if len(open) <= floor || end >= len(b) || b[end] != '>' || string(b[pos+2:end]) != string(b[top.start+1:top.start+1+top.name]) {
				break
			}
			open = open[:len(open)-1]
			low = min(low, len(open))
			pos = end + 1
			tags++
			continue
		}
		name, end, empty := s.tag(b, pos)
		if end == 0 || !empty && len(open) >= x.maxDepth {
			break
		}
		top.kids++
		if !empty {
			open = append(open, openXML{start: pos, tagEnd: end, name: name})
		}
		pos = end
		tags++
	}
	x.pos, x.open = pos, open
	return tags, low
}

// Opened returns where the start tag of the n-th open element begins and ends; the document element is the first, 0.
func (x *XML) Opened(n int) (start, end int) { return x.open[n].start, x.open[n].tagEnd }

// What bytes are in a tag.
const (
	xmlName  = 1 + iota // of a name
	xmlColon            // of a name, behind a prefix
	xmlQuote            // where a value may end, or must not go on
)

var xmlBytes = func() (class [256]uint8) {
	for c := range class {
		if nameBytes[c] {
			class[c] = xmlName
		}
	}
	class[':'] = xmlColon
	class['"'], class['\''], class['<'] = xmlQuote, xmlQuote, xmlQuote
	return class
}()

// tag returns the length of the name of the start tag at this place, and where the tag ends: 0 if Skim stops here.
func (s *XMLSkim) tag(b []byte, pos int) (name, end int, empty bool) {
	local, at := scanName(b, pos+1)
	if at == pos+1 || b[pos+1] <= '9' || s.Names.Has(b[local:at]) {
		return 0, 0, false
	}
	name = at - pos - 1
	for at+1 < len(b) {
		switch b[at] {
		case '>':
			return name, at + 1, false
		case '/':
			if b[at+1] != '>' {
				return 0, 0, false
			}
			return name, at + 2, true
		case ' ', '\t', '\r', '\n':
			if at = skipXMLSpace(b, at); at < len(b) && (b[at] == '>' || b[at] == '/') {
				continue
			}
		default:
			return 0, 0, false
		}
		if at = s.attr(b, at); at == 0 {
			return 0, 0, false
		}
	}
	if at < len(b) && b[at] == '>' {
		return name, at + 1, false
	}
	return 0, 0, false
}

// attr returns where the attribute at this place ends, 0 if Skim stops at it.
func (s *XMLSkim) attr(b []byte, at int) int {
	from := at
	local, at := scanName(b, from)
	if at == from || at+1 >= len(b) || b[at] != '=' || b[from] <= '9' || s.First[b[from]] || s.Attrs.Has(b[local:at]) ||
		b[from] == 'x' && bytes.HasPrefix(b[from:at], []byte("xmlns")) {
		return 0
	}
	quote := b[at+1]
	if quote != '"' && quote != '\'' {
		return 0
	}
	for at += 2; at < len(b); at++ {
		if xmlBytes[b[at]] != xmlQuote {
			continue
		}
		switch b[at] {
		case quote:
			return at + 1
		case '<':
			return 0
		}
	}
	return 0
}

// scanName returns where the name that begins at this place ends, and where its local part begins.
func scanName(b []byte, from int) (local, end int) {
	local = from
	for end = from; end < len(b); end++ {
		switch xmlBytes[b[end]] {
		case xmlName:
		case xmlColon:
			if local == from {
				local = end + 1
			}
		default:
			return local, end
		}
	}
	return local, end
}
