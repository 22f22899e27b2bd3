package sanitize

// stretchAhead is how far beyond its window a rule's expression is tried once its windows overlap, in bytes: where its
// literals stand close to each other, each byte would be tried five times.
const stretchAhead = 4 << 10

// stretch is what is known of a rule's expression in a view: it does not match from start to end.
type stretch struct {
	view       uint32 // the view that it is about, as a number
	start, end int
	last       int  // the end of the last window
	alone      bool // it matched beyond a window, or nobody knows: windows are tried one by one
}

// stretches are those of all rules in a view.
type stretches struct {
	view   uint32
	by     []stretch
	single bool // windows are tried one by one, which tests compare with
}

// begin forgets what is known of another view.
func (s *stretches) begin(rules int) {
	if len(s.by) < rules {
		s.by = make([]stretch, rules)
	}
	if s.view++; s.view == 0 { // all numbers were given
		clear(s.by)
		s.view = 1
	}
}

// of returns what is known of a rule.
func (s *stretches) of(rule int) *stretch {
	known := &s.by[rule]
	if known.view != s.view {
		*known = stretch{view: s.view, alone: s.single}
	}
	return known
}

// without reports whether the text is known to have no match of the rule from start to end. Of windows that overlap it
// finds out about many at a time.
func (l *look) without(r *Rule, known *stretch, text []byte, start, end int) bool {
	if known.end > 0 && known.start <= start && end <= known.end {
		return true
	}
	overlaps := start < known.last
	known.last = end
	if !overlaps || known.alone {
		return false
	}
	far := min(len(text), end+stretchAhead)
	l.charge(costTry + costTryByte*(far-start))
	if matches, ok := l.matchers.match(r.whether, text[start:far]); matches || !ok {
		known.alone = true
		return false
	}
	known.start, known.end = start, far
	return true
}
