package sanitize

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"math/bits"
	"slices"

	"icapd/sanitize/prompts"
	"icapd/scan"
)

const (
	// windowBefore and windowAfter are how far from a literal's end an expression may look, in bytes.
	windowBefore = 160
	windowAfter  = 480

	// chunk is what detectors see of a long view at a time, chunkOverlap what they see twice, in bytes. It keeps
	// their working memory small, and work that grows faster than its input harmless.
	chunk        = 16 << 10
	chunkOverlap = 1 << 10

	// maxValue bounds a value, in bytes. A field of that size is no field.
	maxValue = 64 << 20
)

// look is the working memory of one look at one value. It is used again and again, by one goroutine.
type look struct {
	engine   *Engine
	literals literalHits
	pieces   []piece // of the view that was filtered last, if it is looked at in pieces
	edits    edits   // by which that view differs from the one above it
	buffers  [2][]byte
	lowered  []byte
	tokens   []sqlToken
	plain    []byte
	scratch  []byte
	folded   []byte // the view in lower case of all scripts, for foreignDrop
	inner    []byte // a string of a document in the value
	orders   prompts.Scratch
	closes   []int // by delimiter of templates: where it closes next; for SQL, parentheses that are open
	chain    []operandLink
	objects  objectNames
	matchers matchers

	stretches stretches // of the view in hand

	ctx     context.Context // nil outside Scan
	names   cleanNames
	scalars cleanNames // short numbers and the literal names of JSON

	repeated cleanValues // of the item in hand

	// of the item in hand
	judgedItem int // bytes that the model of orders was asked about
	explained  int // findings that were explained
	left       int // work that may still be done

	// of the value in hand
	fc     *FieldContext
	hits   []Hit
	spent  bool
	judged int  // bytes that the model of orders was asked about
	began  int  // the work that was left when it began
	brief  bool // one hit is enough
	blind  bool // its layers are taken off, and nobody looks at the views

	// of the view in hand
	view      []byte
	around    []byte // tells what kind of text it is
	inside    bool   // the view is cut out of one beneath a layer, and begins where the value does not
	low       []byte // view in lower case, same length
	groups    group
	kinds     byteKind
	via       []string
	contexts  contextSet // the kinds of text that it is, of those in known
	known     contextSet
	shape     textShape // of the view, once a kind was asked for
	codeAt    int       // where markup or code stands last in it, -1 if nobody asked
	asked     askedTexts
	tidyKnown uint8 // 0 not asked, 1 no, 2 tidy
	embeds    bool  // the view embeds a page, as page builders do, or loads a script of its own site
	jsx       bool  // the view has attributes in the way of JSX, see inertExpression
}

func newLook(e *Engine) *look { return &look{engine: e} }

// inspect appends the hits in value to dst, the most severe of each class. It reports whether a limit kept it
// from looking at all of it.
func (l *look) inspect(dst []Hit, value []byte, fc *FieldContext) ([]Hit, bool) {
	l.all(value, fc)
	l.spent = l.spent || l.left < 0
	kept := len(dst)
	for _, h := range l.hits {
		i := slices.IndexFunc(dst[kept:], func(o Hit) bool { return o.Rule.Class == h.Rule.Class })
		switch {
		case i < 0:
			dst = append(dst, h)
		case h.Severity > dst[kept+i].Severity:
			dst[kept+i] = h
		}
	}
	return dst, l.spent
}

// all leaves every hit in l.hits.
func (l *look) all(value []byte, fc *FieldContext) {
	l.hits, l.spent, l.via, l.fc, l.began, l.judged = l.hits[:0], false, nil, fc, l.left, 0
	if len(value) > maxValue {
		value, l.spent = value[:maxValue], true
	}
	l.charge(costValue)
	l.edits.everywhere() // nobody looked before
	groups, kinds := l.filter(value)
	if fc.Kind == scan.KindNumber {
		l.view, l.around, l.low = value, value, value
		lookNumber(l)
	}
	calls, nested := interesting(value, groups, kinds), document(value)
	if !calls && !nested {
		return
	}
	remember := l.ctx != nil && len(value) <= maxRepeated && len(l.engine.off) == 0
	if remember {
		if judged, ok := l.repeated.has(value, fc.Kind); ok {
			l.judgedItem += judged
			return
		}
	}
	if calls {
		l.peel(value, groups, kinds)
	}
	if nested {
		l.nested(value)
	}
	if remember && l.work() >= minRemembered && len(l.hits) == 0 && !l.spent && !l.ended() {
		l.repeated.add(value, fc.Kind, l.judged)
	}
}

// layered looks at a value as it stands and beneath its layers, if the filter saw anything in it.
func (l *look) layered(value []byte, groups group, kinds byteKind) {
	if interesting(value, groups, kinds) {
		l.peel(value, groups, kinds)
	}
}

// peel looks at a value as it stands and beneath its layers.
func (l *look) peel(value []byte, groups group, kinds byteKind) {
	l.look(value, groups, kinds)
	l.unwrap(value, kinds)
}

// interesting reports whether anything in a value calls a decoder or a detector that could see something in it.
func interesting(value []byte, groups group, kinds byteKind) bool {
	if groups == groupURL && kinds&(kindsOfInterest&^kindCompare) == 0 && plainURL(value) {
		return false
	}
	return groups != 0 || kinds&kindsOfInterest != 0 || formulaStart(value) || packed(value, kinds)
}

// packed reports whether the value could be base64 or hex as a whole.
func packed(value []byte, kinds byteKind) bool {
	return kinds&kindUnpackable == 0 && len(value) >= minPacked && len(value) <= 2*maxPacked
}

// unwrap takes layers off and looks at what is under each, until nothing changes or the rounds are up.
func (l *look) unwrap(value []byte, kinds byteKind) {
	current, which := value, 0
	for range maxRounds {
		if l.ended() {
			return
		}
		changed := false
		if packed(current, kinds) {
			out, name := decodePacked(l.buffers[which][:0], current)
			l.buffers[which] = out[:0]
			if name != "" {
				l.edits.everywhere()
				current, which, changed = out, 1-which, true
				kinds = l.under(current, name)
			}
		}
		var text survey
		for i := range layers {
			y := &layers[i]
			if !y.called(kinds) || l.rests(y, current, kinds, &text) {
				continue
			}
			out, ok := l.peeled(y, l.buffers[which][:0], current)
			l.buffers[which] = out[:0]
			if !ok {
				continue
			}
			current, which, changed, text = out, 1-which, true, survey{}
			kinds = l.under(current, y.name)
		}
		if !changed {
			return
		}
	}
}

// rests reports whether a layer is known to leave the view as it is, by the survey of it, which is made when one asks.
func (l *look) rests(y *layer, view []byte, kinds byteKind, text *survey) bool {
	if y.rests == nil || kinds&kindHigh == 0 {
		return false
	}
	if !text.made {
		l.charge(costSurvey * len(view))
		*text = surveyOf(view, kinds)
	}
	return y.rests(text)
}

// peeled appends the view without a layer to dst, and reports whether that changed anything.
func (l *look) peeled(y *layer, dst, view []byte) (out []byte, changed bool) {
	if l.charge(costLayer + len(view)/layerShare); y.mark != 0 {
		l.charge(costMark * bytes.Count(view, []byte{y.mark}))
	} else {
		l.charge(costMark / 2 * len(view))
	}
	l.edits.reset()
	l.edits.composer.most = max(1, l.left)
	out, changed = y.decode(dst, view, &l.edits)
	l.charge(l.edits.composer.work)
	if changed {
		l.charge(y.peel * l.edits.size(view))
	}
	return out, changed
}

// under looks at a view beneath one more layer and returns the kinds of bytes in it.
func (l *look) under(view []byte, name string) byteKind {
	if len(l.via) == 0 || l.via[len(l.via)-1] != name {
		l.via = append(slices.Clip(l.via), name)
	}
	groups, kinds := l.filter(view)
	l.look(view, groups, kinds)
	return kinds
}

// look shows one view to the detectors that its bytes call for.
func (l *look) look(view []byte, groups group, kinds byteKind) {
	if l.ended() {
		return
	}
	l.show(view, groups, kinds)
	if l.blind {
		return
	}
	if groups&groupLiteral != 0 {
		l.expressions()
	}
	if len(l.pieces) > 0 {
		l.lookPieces(view)
		return
	}
	if formulaStart(view) {
		l.groups |= groupFormula
	}
	l.detect()
}

// ended reports whether the time or the work for looking is over, or there is enough. What was not looked at is Scan's to report.
func (l *look) ended() bool {
	return l.left < 0 || l.brief && len(l.hits) > 0 || l.ctx != nil && l.ctx.Err() != nil
}

// show makes a view, or a part of one, the one in hand.
func (l *look) show(view []byte, groups group, kinds byteKind) {
	l.view, l.around, l.low, l.groups, l.kinds, l.embeds, l.jsx = view, view, nil, groups, kinds, false, false
	l.inside, l.contexts, l.known, l.codeAt, l.asked.n, l.tidyKnown = false, 0, 0, -1, 0, 0
}

// shortQuoted is the length of an operator between quotes, which calls for a look at SQL by itself, in bytes.
const shortQuoted = 3

// detect shows the view in hand to the detectors.
func (l *look) detect() {
	called := calledBy(l.groups, l.kinds)
	if len(l.view) == shortQuoted && isQuote(l.view[0]) && l.view[0] == l.view[2] && bytes.IndexByte([]byte("-^&"), l.view[1]) >= 0 { // '-'
		called |= 1 << detectorSQL
	}
	for ; called != 0; called &= called - 1 {
		if i := bits.TrailingZeros16(called); !l.spared(i) {
			l.lowercase()
			d := &detectors[i]
			l.charge(d.call + d.byte*len(l.view))
			d.look(l)
		}
	}
}

// minSpared is the length below which a view is not worth the question what kind of text it is, in bytes.
const minSpared = 200

// spared reports whether no rule of the detector counts in the view.
func (l *look) spared(detector int) bool {
	s := l.engine.spare[detector]
	return s == ^contextSet(0) || s != 0 && len(l.view) >= minSpared && l.is(s)
}

// wanted reports whether a rule of the sign counts in the view: asked before work that only this sign needs.
func (l *look) wanted(s sign) bool {
	return slices.ContainsFunc(l.engine.bySign[s], func(r *Rule) bool { return !l.has(r) && l.applies(r) })
}

// lowercase returns the view in lower case, made once.
func (l *look) lowercase() []byte {
	if l.low == nil {
		l.lowered = lower(l.lowered[:0], l.view)
		l.low = l.lowered
	}
	return l.low
}

// lower appends src in ASCII lower case.
func lower(dst, src []byte) []byte {
	dst = append(dst, src...)
	b := dst
	for ; len(b) >= 8; b = b[8:] {
		// Eight at a time. The high bit of each byte of capital is set where the byte is from A to Z.
		const ones = 0x0101010101010101
		w := binary.LittleEndian.Uint64(b)
		low := w &^ (0x80 * ones)
		capital := (low + (0x80-'A')*ones) &^ (low + (0x7f-'Z')*ones) &^ w & (0x80 * ones)
		if capital != 0 {
			binary.LittleEndian.PutUint64(b, w|capital>>2) // 0x20, which makes it small
		}
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return dst
}

// expressions tries the rules whose literals occur, in the order in which these end: which of two rules of a class
// reports a value must not hang on how the filter finds them.
func (l *look) expressions() {
	slices.SortFunc(l.literals.hits, func(a, b literalHit) int {
		return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.literal, b.literal))
	})
	l.stretches.begin(len(l.engine.rules))
	for _, h := range l.literals.hits {
		if l.ended() {
			return
		}
		if !l.edits.within(max(0, h.end-windowBefore), h.end+hitDistance+windowAfter) {
			continue // and neither does a hit that counts as this one
		}
		for _, i := range l.engine.filter.literals[h.literal].rules {
			r := l.engine.rules[i]
			if l.has(r) || r.Head > 0 && h.end > r.Head || !l.applies(r) {
				continue
			}
			l.try(r, h, l.stretches.of(i))
		}
	}
}

// try tries a rule on the window around one of its literals, unless the stretch that it stands in has no match.
func (l *look) try(r *Rule, h literalHit, known *stretch) {
	start, end := max(0, h.end-windowBefore), min(len(l.view), h.end+windowAfter)
	text := l.view
	if r.folded {
		text = l.lowercase()
	}
	if r.pattern != nil && l.without(r, known, text, start, end) {
		return
	}
	window := text[start:end]
	at := []int{h.end - start - len(l.engine.filter.literals[h.literal].text), h.end - start}
	ok := false // that the expression matches is known
	if r.pattern != nil {
		l.charge(costTry + costTryByte*len(window))
		var matches bool
		if matches, ok = l.matchers.match(r.whether, window); ok && !matches {
			return
		}
	}
	if r.not != nil {
		matches, ok := l.matchers.match(r.whetherNot, window)
		if !ok {
			l.charge(costSlowByte * len(window))
			matches = r.not.Match(window)
		}
		if matches {
			return
		}
	}
	if r.pattern != nil {
		if at = l.place(r, window, at, ok); at == nil {
			return
		}
	}
	l.hit(r, start+at[0], start+at[1])
}

// place returns where a rule's expression matches in a window, or at, where a literal of it stands, for findings that are
// not explained; nil if it does not match, which is known if sure.
func (l *look) place(r *Rule, window []byte, at []int, sure bool) []int {
	var found []int
	if !sure {
		l.charge(costSlowByte * len(window))
		if found = r.pattern.FindIndex(window); found == nil {
			return nil
		}
	}
	switch {
	case !l.explains(): // counted whoever found out that it matches
		return at
	case sure:
		return r.pattern.FindIndex(window)
	}
	return found
}

// mostExplained is how many findings of an item say where in the value exactly the reason stands, and the words that
// made the model decide. Of others the report shows the value around a literal of the rule, or the stretch that was
// judged: a document of nothing but findings must not cost the more for it.
const mostExplained = 100

// explains counts a finding that is to be explained, and reports whether it is.
func (l *look) explains() bool {
	l.explained++
	return l.explained <= mostExplained
}

// named adds the hits of a name that is one by where it stands.
func (l *look) named(dst []Hit, name []byte, fc *FieldContext) []Hit {
	l.hits, l.view, l.around, l.low, l.via, l.known, l.contexts, l.fc = l.hits[:0], name, name, name, nil, 0, 0, fc
	l.sign(signNamePrototype, 0, len(name))
	return append(dst, l.hits...)
}

// has reports whether the rule hit already.
func (l *look) has(r *Rule) bool {
	return slices.ContainsFunc(l.hits, func(h Hit) bool { return h.Rule == r })
}

// applies reports whether the rule is meant for the field in hand, and for text of its kind.
func (l *look) applies(r *Rule) bool {
	kind := l.fc.Kind
	if kind == scan.KindUnknown {
		kind = scan.KindString
	}
	if r.kinds != 0 && r.kinds&(1<<kind) == 0 {
		return false
	}
	return (len(r.Types) == 0 || slices.Contains(r.Types, l.fc.Type)) && (r.spare == 0 || !l.is(r.spare))
}

// sign takes what a detector saw at a place of the view.
func (l *look) sign(s sign, start, end int) {
	for _, r := range l.engine.bySign[s] {
		if !l.has(r) && l.applies(r) {
			l.hit(r, start, end)
		}
	}
}

func (l *look) hit(r *Rule, start, end int) {
	if l.engine.switchedOff(r, l.fc) {
		return
	}
	l.hits = append(l.hits, Hit{Rule: r, Severity: r.severity, Via: l.via, Excerpt: excerpt(l.view, start, end)})
}

// is reports whether the view is one of the kinds of text. Each kind is asked for at most once a view.
func (l *look) is(kinds contextSet) bool {
	if kinds&l.contexts != 0 {
		return true
	}
	if kinds&^l.known == 0 {
		return false
	}
	if l.known == 0 {
		l.shape = textShape{text: l.around[:min(len(l.around), maxContext)]}
	}
	for i, looks := range contextTests {
		bit := contextSet(1) << i
		if kinds&bit == 0 || l.known&bit != 0 {
			continue
		}
		l.known |= bit
		if looks(&l.shape) {
			l.contexts |= bit
			return true
		}
	}
	return false
}

// containsAny reports whether one of the words occurs in s.
func containsAny(s []byte, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return bytes.Contains(s, []byte(w)) })
}

// askedTexts remembers which texts occur in another: what is asked for at every tag or token is looked for once.
type askedTexts struct {
	texts [8]struct {
		text string
		in   bool
	}
	n int
}

func (a *askedTexts) contains(s []byte, text string) bool {
	for i := range a.texts[:a.n] {
		if a.texts[i].text == text {
			return a.texts[i].in
		}
	}
	in := bytes.Contains(s, []byte(text))
	if a.n < len(a.texts) {
		a.texts[a.n].text, a.texts[a.n].in = text, in
		a.n++
	}
	return in
}

// contains reports whether s, in lower case, occurs in the view.
func (l *look) contains(s string) bool { return bytes.Contains(l.low, []byte(s)) }
