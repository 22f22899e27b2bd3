package sanitize

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// expression is an expression of a rule as an automaton that says whether it matches somewhere in a text. Package
// regexp says where, at a hundred times the cost for each byte: it is asked about what matches, and nothing else is.
// It is for [matcher], and does not change.
type expression struct {
	prog   *syntax.Prog
	ascii  [utf8.RuneSelf]uint8 // classes of characters that the expression does not tell apart
	bounds []rune               // where the classes beyond ASCII begin
	beyond uint8                // the first of these classes
	rep    []rune               // by class: one of its characters
	width  int                  // classes, and one for the end of the text
}

// maxClasses bounds the classes of characters that an expression may tell apart.
const maxClasses = 200

// newExpression makes an automaton of an expression; nil if it has none, because it tells too many characters apart.
func newExpression(text string) *expression {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil
	}
	// Where an instruction begins or ceases to match, a class begins.
	cuts := []rune{0, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1, '0', '9' + 1, '\n', '\n' + 1, utf8.RuneSelf}
	for i := range prog.Inst {
		in := &prog.Inst[i]
		switch in.Op {
		case syntax.InstRune, syntax.InstRune1:
			cuts = appendCuts(cuts, in)
		default:
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	cuts = slices.DeleteFunc(cuts, func(r rune) bool { return r > unicode.MaxRune })
	if len(cuts) > maxClasses {
		return nil
	}
	x := &expression{prog: prog}
	for i, from := range cuts {
		x.rep = append(x.rep, from)
		if from >= utf8.RuneSelf {
			if len(x.bounds) == 0 {
				x.beyond = uint8(i)
			}
			x.bounds = append(x.bounds, from)
			continue
		}
		for c := from; c < utf8.RuneSelf && (i+1 == len(cuts) || c < cuts[i+1]); c++ {
			x.ascii[c] = uint8(i)
		}
	}
	x.width = len(cuts) + 1
	return x
}

// appendCuts appends where an instruction begins or ceases to match.
func appendCuts(cuts []rune, in *syntax.Inst) []rune {
	if len(in.Rune) > 1 {
		for k := 0; k+1 < len(in.Rune); k += 2 {
			cuts = append(cuts, in.Rune[k], in.Rune[k+1]+1)
		}
		return cuts
	}
	first := in.Rune[0]
	cuts = append(cuts, first, first+1)
	if syntax.Flags(in.Arg)&syntax.FoldCase != 0 { //nolint:gosec // flags fit
		for r := unicode.SimpleFold(first); r != first; r = unicode.SimpleFold(r) {
			cuts = append(cuts, r, r+1)
		}
	}
	return cuts
}

// class returns the class of the character at the start of s, which is beyond ASCII, and its length.
func (x *expression) class(s []byte) (class, n int) {
	r, n := utf8.DecodeRune(s)
	i, found := slices.BinarySearch(x.bounds, r)
	if !found {
		i--
	}
	return int(x.beyond) + i, n
}

const (
	// maxStates bounds the states that a matcher remembers. With half as many, the alternation of a rule of code in PHP
	// forgot in each text what it had worked out for the one before: 400 ms a MiB of such texts.
	maxStates = 256

	// maxSteps is how many states a matcher works out for one text before it gives up, restSteps for how many texts
	// it does not try again then: a text that is made to need new states all the time must not cost more than with
	// package regexp.
	maxSteps  = 96
	restSteps = 64
)

// matcher runs an expression. It works its states out when it comes to them, and keeps them. It is for one goroutine.
type matcher struct {
	x     *expression
	next  []uint16       // by row and class: a row, stateNew or stateMatch; a row is the number of a state times width
	sets  [][]uint32     // by state: the instructions that it stands before, sorted; and what was read last
	index map[string]int // of states, by their sets
	steps int            // worked out for the text in hand
	rest  int            // texts that are not tried

	// working memory
	key    []byte
	mark   []uint32 // by instruction: the round in which it was reached
	round  uint32
	stack  []uint32
	before []uint32
}

const (
	stateNew   = 1<<16 - 1 // not worked out yet
	stateMatch = 1<<16 - 2
	stateLast  = 1<<16 - 3 // the last that could be a row: maxStates of maxClasses are fewer
)

// What was read last, as the last of a state's numbers.
const (
	lastNone = iota // the text begins
	lastWord
	lastBreak
	lastOther
)

func newMatcher(x *expression) *matcher {
	m := &matcher{x: x, mark: make([]uint32, len(x.prog.Inst))}
	m.reset()
	return m
}

// reset forgets the states, but for the first.
func (m *matcher) reset() {
	m.next, m.sets, m.index = m.next[:0], m.sets[:0], map[string]int{}
	m.state([]uint32{uint32(m.x.prog.Start), lastNone}) //nolint:gosec // an index
}

// state returns the row of a state, and remembers it.
func (m *matcher) state(set []uint32) uint16 {
	m.key = m.key[:0]
	for _, pc := range set {
		m.key = binary.LittleEndian.AppendUint32(m.key, pc)
	}
	id, ok := m.index[string(m.key)]
	if ok {
		return m.row(id)
	}
	id = len(m.sets)
	m.index[string(m.key)] = id
	m.sets = append(m.sets, slices.Clone(set))
	for range m.x.width {
		m.next = append(m.next, stateNew)
	}
	return m.row(id)
}

func (m *matcher) row(state int) uint16 { return uint16(state * m.x.width) } //nolint:gosec // see stateLast

// match reports whether the expression matches somewhere in s; ok is false if it does not know.
func (m *matcher) match(s []byte) (matches, ok bool) {
	if m.rest > 0 {
		m.rest--
		return false, false
	}
	m.steps = 0
	x, at := m.x, 0
	next := m.next // step makes others
	for i := 0; i < len(s); {
		class, n := 0, 1
		if c := s[i]; c < utf8.RuneSelf {
			class = int(x.ascii[c])
		} else {
			class, n = x.class(s[i:])
		}
		i += n
		to := next[at+class]
		if to > stateLast {
			if to == stateNew {
				to = m.step(at, class)
				next = m.next
			}
			if to == stateMatch {
				return true, true
			}
			if m.steps > maxSteps {
				m.rest = restSteps
				return false, false
			}
		}
		at = int(to)
	}
	to := next[at+x.width-1]
	if to == stateNew {
		to = m.step(at, x.width-1)
	}
	return to == stateMatch, true
}

// step works out where the state of a row goes from one class of characters, or at the end of the text.
func (m *matcher) step(at, class int) uint16 {
	m.steps++
	from := m.sets[at/m.x.width]
	last := from[len(from)-1]
	r := rune(-1)
	if class < m.x.width-1 {
		r = m.x.rep[class]
	}
	before := rune(-1)
	switch last {
	case lastWord:
		before = 'a'
	case lastBreak:
		before = '\n'
	case lastOther:
		before = ' '
	}
	to := uint16(stateMatch)
	switch {
	case m.follow(from[:len(from)-1], syntax.EmptyOpContext(before, r)):
	case r < 0:
		to = 0 // no match, and nothing behind
	case len(m.sets) >= maxStates:
		m.reset()
		return m.state(m.advance(r)) // of the state before nothing is left to be noted
	default:
		to = m.state(m.advance(r))
	}
	m.next[at+class] = to
	return to
}

// follow leaves in m.before the instructions that consume a character, of those that can be reached without one. It
// reports whether the expression has matched.
func (m *matcher) follow(from []uint32, empty syntax.EmptyOp) bool {
	m.begin()
	m.before = m.before[:0]
	m.stack = append(m.stack[:0], from...)
	for len(m.stack) > 0 {
		pc := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		if m.mark[pc] == m.round {
			continue
		}
		m.mark[pc] = m.round
		switch in := &m.x.prog.Inst[pc]; in.Op {
		case syntax.InstMatch:
			return true
		case syntax.InstAlt, syntax.InstAltMatch:
			m.stack = append(m.stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			m.stack = append(m.stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^empty == 0 { //nolint:gosec // the instruction holds one
				m.stack = append(m.stack, in.Out)
			}
		case syntax.InstFail:
		default:
			m.before = append(m.before, pc)
		}
	}
	return false
}

func (m *matcher) begin() {
	if m.round++; m.round == 0 {
		clear(m.mark)
		m.round = 1
	}
}

// advance returns the state behind a character for the instructions in m.before. A match may begin anywhere, so the
// expression begins there, too.
func (m *matcher) advance(r rune) []uint32 {
	m.begin()
	out := append(m.stack[:0], uint32(m.x.prog.Start)) //nolint:gosec // an index
	m.mark[m.x.prog.Start] = m.round
	for _, pc := range m.before {
		if in := &m.x.prog.Inst[pc]; in.MatchRune(r) && m.mark[in.Out] != m.round {
			m.mark[in.Out] = m.round
			out = append(out, in.Out)
		}
	}
	slices.Sort(out)
	last := uint32(lastOther)
	switch {
	case r == '\n':
		last = lastBreak
	case syntax.IsWordChar(r):
		last = lastWord
	}
	out = append(out, last)
	m.stack = out[:0]
	return out
}

// matchers are the matchers of one look, made when they are asked for.
type matchers struct {
	by map[*expression]*matcher
}

// maxMatchers bounds the expressions whose matchers are kept: 256 states of 100 classes are 50 KiB.
const maxMatchers = 128

// match is match of the expression's matcher; it does not know if there is no expression.
func (m *matchers) match(x *expression, s []byte) (matches, ok bool) {
	if x == nil {
		return false, false
	}
	found := m.by[x]
	if found == nil {
		if m.by == nil || len(m.by) >= maxMatchers {
			m.by = make(map[*expression]*matcher)
		}
		found = newMatcher(x)
		m.by[x] = found
	}
	return found.match(s)
}
