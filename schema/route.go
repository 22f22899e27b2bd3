package schema

import (
	"cmp"
	"net/url"
	"path"
	"slices"
	"strings"
)

// router finds the endpoint of a path. It is a tree of segments, so that a lookup costs no more than the document
// has templates.
type router struct{ root segment }

// segment is a place in a path behind some segments.
type segment struct {
	literal map[string]*segment
	params  []param
	end     *endpoint
}

// param is a segment with variable parts: the fixed texts around them, "{id}.json" is ["", ".json"].
type param struct {
	fixed []string
	next  *segment
}

// endpoint is one path of a document.
type endpoint struct {
	template string
	methods  map[string]*operation
}

// add returns the endpoint of a template. Templates that differ in the names of their parameters alone are one.
func (r *router) add(template string) *endpoint {
	at := &r.root
	for part := range strings.SplitSeq(strings.Trim(template, "/"), "/") {
		at = at.next(part)
	}
	if at.end == nil {
		at.end = &endpoint{template: template, methods: map[string]*operation{}}
	}
	return at.end
}

func (s *segment) next(part string) *segment {
	fixed := fixedParts(part)
	if len(fixed) == 1 {
		if s.literal == nil {
			s.literal = map[string]*segment{}
		}
		name := unescape(part)
		if s.literal[name] == nil {
			s.literal[name] = &segment{}
		}
		return s.literal[name]
	}
	for i := range s.params {
		if slices.Equal(s.params[i].fixed, fixed) {
			return s.params[i].next
		}
	}
	p := param{fixed: fixed, next: &segment{}}
	s.params = append(s.params, p)
	slices.SortStableFunc(s.params, func(a, b param) int { return cmp.Compare(fixedLen(b.fixed), fixedLen(a.fixed)) })
	return p.next
}

func fixedLen(parts []string) int {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	return n
}

// fixedParts are the texts around the variables of a segment; one text if there is no variable.
func fixedParts(s string) []string {
	var out []string
	for {
		before, rest, open := strings.Cut(s, "{")
		_, after, shut := strings.Cut(rest, "}")
		if !open || !shut {
			return append(out, s)
		}
		out = append(out, before)
		s = after
	}
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// find returns the endpoint of a path as sent, nil if there is none. A path is compared with percent-encoding
// resolved segment by segment, and dot segments taken out, so that what reaches another resource is not judged as
// this one.
func (r *router) find(raw string) *endpoint {
	raw, _, _ = strings.Cut(raw, "?")
	segments := strings.Split(strings.Trim(raw, "/"), "/")
	clean := true
	for i, s := range segments {
		segments[i] = unescape(s)
		clean = clean && s != "" && segments[i] != "." && segments[i] != ".."
	}
	if !clean {
		segments = strings.Split(strings.Trim(path.Clean("/"+strings.Join(segments, "/")), "/"), "/")
	}
	return r.root.find(segments)
}

func (s *segment) find(segments []string) *endpoint {
	if len(segments) == 0 {
		return s.end
	}
	if next := s.literal[segments[0]]; next != nil {
		if e := next.find(segments[1:]); e != nil {
			return e
		}
	}
	for i := range s.params {
		if s.params[i].matches(segments[0]) {
			if e := s.params[i].next.find(segments[1:]); e != nil {
				return e
			}
		}
	}
	return nil
}

// matches reports whether each variable has at least a character.
func (p *param) matches(s string) bool {
	last := len(p.fixed) - 1
	rest, ok := strings.CutPrefix(s, p.fixed[0])
	if !ok {
		return false
	}
	if rest, ok = strings.CutSuffix(rest, p.fixed[last]); !ok {
		return false
	}
	for _, fixed := range p.fixed[1:last] {
		if len(rest) == 0 {
			return false
		}
		i := strings.Index(rest[1:], fixed)
		if i < 0 {
			return false
		}
		rest = rest[1+i+len(fixed):]
	}
	return rest != ""
}
