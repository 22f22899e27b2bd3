package schema

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"unicode/utf8"
)

// violation is a place where a document does not keep a promise.
type violation struct {
	at      uint32 // the value, or the name of a member that should not be there
	keyword string
	node    *node
	text    string // what was expected, and what kind of thing was found; no values
}

// The limits of an evaluation. Steps are bounded by the size of the document, so that a schema whose alternatives
// multiply with depth costs what it costs, and no more.
const (
	minSteps     = 1 << 20
	stepsPerByte = 64
	maxRecursion = 4000
	maxText      = 64 << 10 // bytes of a string that a pattern or format is asked about
)

// Errors of evaluations: the document was not judged.
var (
	errSteps    = errors.New("judging it takes too many steps")
	errLongText = fmt.Errorf("a string of more than %d bytes is too long for its pattern or format", maxText)
)

// errEnough ends an evaluation that has found as much as is reported.
var errEnough = errors.New("enough")

// evaluation holds one document against one schema.
type evaluation struct {
	ctx   context.Context
	doc   *document
	limit int // violations
	found []violation

	steps int // that are left
	depth int
	quiet int   // > 0: only whether it holds is asked
	err   error // sticky
	seed  maphash.Seed
}

// evaluate returns the violations of a document, at most limit; more reports whether there may be others. An error
// means that the document was not, or not wholly, judged.
func evaluate(ctx context.Context, doc *document, n *node, limit int) (found []violation, more bool, err error) {
	e := evaluation{ctx: ctx, doc: doc, limit: limit, steps: minSteps + stepsPerByte*len(doc.data), seed: maphash.MakeSeed()}
	e.eval(n, 0, nil)
	if errors.Is(e.err, errEnough) {
		return e.found, true, nil
	}
	return e.found, false, e.err
}

// step pays for work. It is false when the evaluation has ended.
func (e *evaluation) step(n int) bool {
	if e.err != nil {
		return false
	}
	before := e.steps
	e.steps -= n
	switch {
	case e.steps < 0:
		e.err = errSteps
	case before>>10 != e.steps>>10:
		e.err = e.ctx.Err()
	}
	return e.err == nil
}

// fail notes a violation. It is always false.
func (e *evaluation) fail(n *node, at uint32, keyword, format string, args ...any) bool {
	if e.quiet > 0 || e.err != nil {
		return false
	}
	if len(e.found) >= e.limit {
		e.err = errEnough
		return false
	}
	e.found = append(e.found, violation{at: at, keyword: keyword, node: n, text: fmt.Sprintf(format, args...)})
	return false
}

// goOn reports whether there is a point in looking further after a part held or did not.
func (e *evaluation) goOn(ok bool) bool { return e.err == nil && (ok || e.quiet == 0) }

// seen is which children of a container some keyword has described. It is asked for by unevaluatedProperties and
// unevaluatedItems alone; nil is for nobody.
type seen struct{ bits []uint64 }

func (s *seen) mark(i int) {
	if s == nil {
		return
	}
	for i>>6 >= len(s.bits) {
		s.bits = append(s.bits, 0)
	}
	s.bits[i>>6] |= 1 << (i & 63)
}

func (s *seen) has(i int) bool { return i>>6 < len(s.bits) && s.bits[i>>6]&(1<<(i&63)) != 0 }

// fresh is where an alternative notes what it describes, until it is known to hold.
func (s *seen) fresh() *seen {
	if s == nil {
		return nil
	}
	return &seen{}
}

func (s *seen) merge(o *seen) {
	if s == nil || o == nil {
		return
	}
	for i, w := range o.bits {
		if i >= len(s.bits) {
			s.bits = append(s.bits, 0)
		}
		s.bits[i] |= w
	}
}

// eval reports whether the value at i is as the schema wants it. While e.err is set the answer means nothing.
func (e *evaluation) eval(n *node, i uint32, s *seen) bool {
	if n == nil || n.any {
		return e.err == nil
	}
	if !e.step(1) {
		return false
	}
	if n.never {
		return e.fail(n, i, "false", "nothing is allowed here")
	}
	if e.depth++; e.depth > maxRecursion {
		e.err = errSteps
		return false
	}
	defer func() { e.depth-- }()
	own := s
	v := &e.doc.values[i]
	unevaluated := n.unevaluatedProperties != nil && v.kind == kindObject || n.unevaluatedItems != nil && v.kind == kindArray
	if unevaluated {
		own = &seen{}
	}
	if !e.isType(n, i) || !e.isChoice(n, i) {
		return false
	}
	ok := e.kindOf(n, i, own)
	if e.goOn(ok) {
		ok = e.applied(n, i, own) && ok
	}
	if unevaluated && e.goOn(ok) {
		ok = e.rest(n, i, own) && ok
		s.merge(own)
	}
	return ok && e.err == nil
}

func (e *evaluation) isType(n *node, i uint32) bool {
	k := e.doc.values[i].kind
	if n.types == 0 || n.types&k != 0 {
		return true
	}
	if k == kindNumber && n.types&kindInteger != 0 {
		if d := parseDecimal(e.doc.raw(i), e.doc.buf); d.whole() {
			return true
		}
	}
	return e.fail(n, i, "type", "wants %s, and has %s", typeList(n.types), k)
}

func typeList(types kind) string {
	text := ""
	for _, k := range kindNames {
		if types&k.k != 0 {
			if text != "" {
				text += " or "
			}
			text += k.name
		}
	}
	return text
}

// kindOf judges what depends on the value's type.
func (e *evaluation) kindOf(n *node, i uint32, s *seen) bool {
	switch e.doc.values[i].kind {
	case kindObject:
		return e.object(n, i, s)
	case kindArray:
		return e.array(n, i, s)
	case kindString:
		return e.text(n, i)
	case kindNumber:
		return e.number(n, i)
	default:
		return true
	}
}

func (e *evaluation) text(n *node, i uint32) bool {
	if n.minLength == 0 && n.maxLength < 0 && n.pattern == nil && n.format == nil {
		return true
	}
	text := e.doc.text(i)
	if !e.step(len(text) >> 3) {
		return false
	}
	ok := true
	if n.minLength > 0 || n.maxLength >= 0 {
		switch length := utf8.RuneCount(text); {
		case length < n.minLength:
			ok = e.fail(n, i, "minLength", "wants at least %d characters, and has %d", n.minLength, length)
		case n.maxLength >= 0 && length > n.maxLength:
			ok = e.fail(n, i, "maxLength", "wants at most %d characters, and has %d", n.maxLength, length)
		}
	}
	if (n.pattern != nil || n.format != nil) && len(text) > maxText && e.err == nil {
		e.err = errLongText
		return false
	}
	if n.pattern != nil && !n.pattern.MatchString(string(text)) {
		ok = e.fail(n, i, "pattern", "wants the pattern %s", excerpt(n.pattern.String()))
	}
	if n.format != nil && n.format.Validate(string(text)) != nil {
		ok = e.fail(n, i, "format", "wants the format %s", excerpt(n.format.Name))
	}
	return ok
}

func (e *evaluation) number(n *node, i uint32) bool {
	raw := e.doc.raw(i)
	ok := true
	if n.format != nil && n.format.Validate(json.Number(raw)) != nil {
		ok = e.fail(n, i, "format", "wants the format %s", excerpt(n.format.Name))
	}
	if n.minimum == nil && n.maximum == nil && n.above == nil && n.below == nil && n.multipleOf == nil {
		return ok
	}
	if !e.step(len(raw) >> 3) {
		return false
	}
	d := parseDecimal(raw, nil)
	if n.minimum != nil && d.compare(n.minimum) < 0 {
		ok = e.fail(n, i, "minimum", "is less than the schema allows")
	}
	if n.maximum != nil && d.compare(n.maximum) > 0 {
		ok = e.fail(n, i, "maximum", "is more than the schema allows")
	}
	if n.above != nil && d.compare(n.above) <= 0 {
		ok = e.fail(n, i, "exclusiveMinimum", "is not more than the schema's bound")
	}
	if n.below != nil && d.compare(n.below) >= 0 {
		ok = e.fail(n, i, "exclusiveMaximum", "is not less than the schema's bound")
	}
	if n.multipleOf != nil {
		yes, known := d.multiple(raw, n.multipleOf)
		if !known && e.err == nil {
			e.err = errLongText
			return false
		}
		if !yes {
			ok = e.fail(n, i, "multipleOf", "is not a multiple of what the schema names")
		}
	}
	return ok
}

func (e *evaluation) object(n *node, i uint32, s *seen) bool {
	v := &e.doc.values[i]
	ok := true
	if int(v.count) < n.minMembers {
		ok = e.fail(n, i, "minProperties", "wants at least %d members, and has %d", n.minMembers, v.count)
	}
	if n.maxMembers >= 0 && int(v.count) > n.maxMembers {
		ok = e.fail(n, i, "maxProperties", "wants at most %d members, and has %d", n.maxMembers, v.count)
	}
	if n.properties == nil && n.patterns == nil && n.additional == nil && n.names == nil && n.dependent == nil {
		return ok
	}
	var has seen // which of n.required
	ordinal := 0
	for c := i + 1; c < v.next && e.goOn(ok); c = e.doc.values[c+1].next {
		ok = e.member(n, c, ordinal, s, &has) && ok
		ordinal++
	}
	for j, name := range n.required {
		if !has.has(j) && e.goOn(ok) {
			ok = e.fail(n, i, "required", "lacks %q", excerpt(name))
		}
	}
	for j := range n.dependent {
		if e.goOn(ok) {
			ok = e.depends(n, &n.dependent[j], i, s) && ok
		}
	}
	return ok
}

// member judges the member whose name is at c.
func (e *evaluation) member(n *node, c uint32, ordinal int, s, has *seen) bool {
	if !e.step(1) {
		return false
	}
	ok, described := true, false
	if n.names != nil {
		ok = e.eval(n.names, c, nil)
	}
	if p := n.properties[string(e.doc.text(c))]; p != nil {
		if p.required {
			has.mark(p.order)
		}
		if p.node != nil {
			described = true
			ok = e.eval(p.node, c+1, nil) && ok
		}
	}
	for j := range n.patterns {
		if !e.goOn(ok) || !e.step(len(e.doc.raw(c))>>3) {
			return false
		}
		if p := &n.patterns[j]; p.re.MatchString(string(e.doc.text(c))) {
			described = true
			ok = e.eval(p.node, c+1, nil) && ok
		}
	}
	if !described && n.additional != nil {
		described = true
		if n.additional.never {
			ok = e.fail(n, c, "additionalProperties", "is not described, and nothing else is allowed")
		} else {
			ok = e.eval(n.additional, c+1, nil) && ok
		}
	}
	if described {
		s.mark(ordinal)
	}
	return ok
}

// has reports whether the object has a member of that name.
func (e *evaluation) has(i uint32, name string) bool {
	v := &e.doc.values[i]
	for c := i + 1; c < v.next && e.step(1); c = e.doc.values[c+1].next {
		if string(e.doc.text(c)) == name {
			return true
		}
	}
	return false
}

func (e *evaluation) depends(n *node, d *dependency, i uint32, s *seen) bool {
	if !e.has(i, d.name) {
		return e.err == nil
	}
	ok := e.eval(d.node, i, s)
	for _, name := range d.requires {
		if !e.has(i, name) && e.goOn(ok) {
			ok = e.fail(n, i, "dependentRequired", "has %q, and lacks %q", excerpt(d.name), excerpt(name))
		}
	}
	return ok
}

func (e *evaluation) array(n *node, i uint32, s *seen) bool {
	v := &e.doc.values[i]
	ok := true
	if int(v.count) < n.minItems {
		ok = e.fail(n, i, "minItems", "wants at least %d items, and has %d", n.minItems, v.count)
	}
	if n.maxItems >= 0 && int(v.count) > n.maxItems {
		ok = e.fail(n, i, "maxItems", "wants at most %d items, and has %d", n.maxItems, v.count)
	}
	if n.items != nil || n.prefix != nil {
		ordinal := 0
		for c := i + 1; c < v.next && e.goOn(ok); c = e.doc.values[c].next {
			if ordinal < len(n.prefix) {
				ok = e.eval(n.prefix[ordinal], c, nil) && ok
				s.mark(ordinal)
			} else if n.items != nil {
				ok = e.eval(n.items, c, nil) && ok
				s.mark(ordinal)
			}
			ordinal++
		}
	}
	if n.contains != nil && e.goOn(ok) {
		ok = e.containing(n, i, s) && ok
	}
	if n.unique && e.goOn(ok) {
		ok = e.distinct(n, i) && ok
	}
	return ok
}

func (e *evaluation) containing(n *node, i uint32, s *seen) bool {
	v := &e.doc.values[i]
	matched, ordinal := 0, 0
	e.quiet++
	for c := i + 1; c < v.next && e.err == nil; c = e.doc.values[c].next {
		if e.eval(n.contains, c, nil) {
			matched++
			if n.marks {
				s.mark(ordinal)
			}
		}
		ordinal++
	}
	e.quiet--
	switch {
	case matched < n.minContains:
		return e.fail(n, i, "contains", "wants at least %d items of a kind, and has %d", n.minContains, matched)
	case n.maxContains >= 0 && matched > n.maxContains:
		return e.fail(n, i, "maxContains", "wants at most %d items of a kind, and has %d", n.maxContains, matched)
	}
	return e.err == nil
}
