package schema

// applied judges by the schemas that hold for the value itself.
func (e *evaluation) applied(n *node, i uint32, s *seen) bool {
	ok := e.eval(n.ref, i, s)
	for _, m := range n.all {
		if !e.goOn(ok) {
			return false
		}
		ok = e.eval(m, i, s) && ok
	}
	if len(n.anyOf) > 0 && e.goOn(ok) {
		ok = e.alternatives(n, i, s, "anyOf", n.anyOf) && ok
	}
	if len(n.oneOf) > 0 && e.goOn(ok) {
		ok = e.alternatives(n, i, s, "oneOf", n.oneOf) && ok
	}
	if n.not != nil && e.goOn(ok) {
		if e.silently(n.not, i, nil) && e.err == nil {
			ok = e.fail(n, i, "not", "is what the schema rules out")
		}
	}
	if n.when != nil && e.goOn(ok) {
		branch, noted := n.other, s.fresh()
		if e.silently(n.when, i, noted) {
			branch = n.then
			s.merge(noted)
		}
		ok = e.eval(branch, i, s) && ok
	}
	return ok && e.err == nil
}

// silently asks whether a schema holds, without noting why not.
func (e *evaluation) silently(n *node, i uint32, s *seen) bool {
	e.quiet++
	defer func() { e.quiet-- }()
	return e.eval(n, i, s)
}

func (e *evaluation) alternatives(n *node, i uint32, s *seen, keyword string, branches []*node) bool {
	matched := 0
	for _, b := range branches {
		noted := s.fresh()
		if e.silently(b, i, noted) {
			matched++
			s.merge(noted)
			if matched > 1 && keyword == "oneOf" || s == nil && keyword == "anyOf" {
				break
			}
		}
		if e.err != nil {
			return false
		}
	}
	switch {
	case matched > 1 && keyword == "oneOf":
		return e.fail(n, i, keyword, "fits more than one of %d alternatives", len(branches))
	case matched > 0:
		return true
	case e.quiet > 0:
		return false
	}
	if b := e.likely(branches, i); b != nil { // what is wrong with the one that was meant says more
		before := len(e.found)
		if e.eval(b, i, nil); len(e.found) > before || e.err != nil {
			return false
		}
	}
	return e.fail(n, i, keyword, "fits none of %d alternatives", len(branches))
}

// likely returns the one alternative that the value can be meant for, by its type and by members with a constant
// value; nil if there is none, or several.
func (e *evaluation) likely(branches []*node, i uint32) *node {
	var one *node
	for _, b := range branches {
		if !e.may(b, i, 0) {
			continue
		}
		if one != nil {
			return nil
		}
		one = b
	}
	return one
}

func (e *evaluation) may(n *node, i uint32, depth int) bool {
	if n == nil || n.any || depth > 8 {
		return true
	}
	if n.never || !e.step(1) || !e.may(n.ref, i, depth+1) {
		return false
	}
	v := &e.doc.values[i]
	if n.types != 0 && n.types&v.kind == 0 && (v.kind != kindNumber || n.types&kindInteger == 0) {
		return false
	}
	if n.enum != nil && !e.among(n.enum, i) {
		return false
	}
	if v.kind == kindObject && n.properties != nil {
		for c := i + 1; c < v.next; c = e.doc.values[c+1].next {
			p := n.properties[string(e.doc.text(c))]
			if p != nil && p.node != nil && p.node.enum != nil && !e.among(p.node.enum, c+1) {
				return false
			}
		}
	}
	for _, m := range n.all {
		if !e.may(m, i, depth+1) {
			return false
		}
	}
	return true
}

// rest judges the children that no keyword has described.
func (e *evaluation) rest(n *node, i uint32, s *seen) bool {
	v := &e.doc.values[i]
	ok, ordinal := true, 0
	for c := i + 1; c < v.next && e.goOn(ok); {
		name := c
		schema, keyword := n.unevaluatedItems, "unevaluatedItems"
		if v.kind == kindObject {
			c++
			schema, keyword = n.unevaluatedProperties, "unevaluatedProperties"
		}
		if !s.has(ordinal) && schema != nil {
			s.mark(ordinal)
			if schema.never {
				ok = e.fail(n, name, keyword, "is not described, and nothing else is allowed")
			} else {
				ok = e.eval(schema, c, nil) && ok
			}
		}
		c = e.doc.values[c].next
		ordinal++
	}
	return ok
}
