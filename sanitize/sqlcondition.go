package sanitize

import "bytes"

// comparison reads a comparison at i and returns the index behind it, i if there is none.
func (r *sqlReading) comparison(i int) int {
	start := i
	for r.is(i, "not") || r.is(i, "is") {
		i++
	}
	if r.kind(i) == sqlCompare || r.word(i)&wordCompare != 0 || r.kind(i) == sqlOther && r.text(i) == "~" {
		i++
		for r.kind(i) == sqlCompare || r.is(i, "like") {
			i++
		}
		return i
	}
	if i > start && (r.word(i)&wordLiteral != 0) {
		return i
	}
	return start
}

// breaksOut reports whether a string or expression that the program began is closed right before i.
func (r *sqlReading) breaksOut(i int) bool {
	if !r.quoted {
		return false
	}
	j := i - 1
	for r.kind(j) == sqlRight || r.kind(j) == sqlComment {
		j--
	}
	return j == 0
}

// condition looks at a condition that is joined on at i.
func (r *sqlReading) condition(i int) {
	breaks := r.breaksOut(i)
	left, a := r.operand(i + 1)
	if a == operandNone || r.quotedWord(i) {
		return
	}
	right := r.comparison(left)
	if i == 0 && !r.quoted && len(r.low) <= 64 && r.leading(left, right, a) {
		r.sign(signSQLTautology, i, right)
		return
	}
	if right == left {
		r.uncompared(i, left, a, breaks)
		return
	}
	c := sqlComparison{at: i, left: left, right: right, a: a}
	c.end, c.b = r.operand(right)
	if r.tautology(&c, breaks) {
		r.sign(signSQLTautology, i, c.end)
	}
}

// uncompared looks at an operand of kind a, up to left, that is joined on at i and compared with nothing: OR 1 --, OR true#,
// AND sleep(5), OR '1.
func (r *sqlReading) uncompared(i, left int, a sqlOperand, breaks bool) {
	if r.bareCondition(i, left, a, breaks) {
		return
	}
	if breaks && r.kind(i+1) == sqlOpen && i+2 == len(r.t) && r.t[0].end <= 4 && len(r.low)-r.t[i+1].start <= 4 {
		r.sign(signSQLTautology, i, i+1)
		return
	}
	if breaks && a == operandString && (left >= len(r.t) && r.touches(i) || r.carriesOn(i+1)) { // 'or'1, 'or ''-'
		r.sign(signSQLTautology, i, left-1)
		return
	}
	if breaks && r.kind(left) == sqlLogic && r.kind(left+1) == sqlOpen && left+2 == len(r.t) { // 'or x && '1
		r.sign(signSQLTautology, i, left+1)
		return
	}
	if i == 1 && r.kind(0) == sqlNumber && r.call(i+1) && r.call(i+3) && r.ends(left) { // 1 and f(g())
		r.sign(signSQLTautology, 0, left-1)
		return
	}
	if (a == operandNumber || a == operandLiteral || a == operandString && breaks) && left < len(r.t) && r.kind(left) == sqlComment &&
		(breaks || r.kind(i-1) == sqlNumber || r.kind(i-1) == sqlRight) {
		r.sign(signSQLTautology, i, left)
	}
}

// bareCondition looks at what is joined on at i and compared with nothing, up to left: a CASE, a column, a call. All of them are
// conditions to a database where the rest of the program's statement is cut off, or goes on with its own quote.
func (r *sqlReading) bareCondition(i, left int, a sqlOperand, breaks bool) bool {
	switch {
	case a == operandCall && r.is(i+1, "case") && (breaks || r.kind(i-1) == sqlNumber || r.kind(i-1) == sqlRight):
	case !breaks || !r.shortPrefix():
		return false
	case a == operandName && r.cutsOff(left):
	case a == operandName && r.kind(i+2) == sqlLeft && r.word(left)&wordLogic != 0 && r.kind(left+1) == sqlOpen && left+2 == len(r.t):
	default:
		return false
	}
	r.sign(signSQLTautology, i, left)
	return true
}

// shortPrefix reports whether what stands before the quote that closes the program's string is one word, as values are.
func (r *sqlReading) shortPrefix() bool {
	prefix := r.low[:r.t[0].end-1]
	return len(prefix) <= 40 && bytes.IndexByte(prefix, ' ') < 0
}

// cutsOff reports whether a comment at i cuts off the rest of the program's statement, and is the last of the value: what
// follows a dash in text is not.
func (r *sqlReading) cutsOff(i int) bool {
	if r.kind(i) == sqlSemi {
		i++
	}
	return r.kind(i) == sqlComment && r.t[i].end == len(r.low) && len(bytes.Trim(r.low[r.t[i].start:], "-#+ \t")) == 0 && r.low[r.t[i].start] != '/'
}

// quotedWord reports whether token i stands between quotes by itself, in text that goes on behind them: 'AND' matches both.
func (r *sqlReading) quotedWord(i int) bool {
	before, after := at(r.low, r.t[i].start-1), at(r.low, r.t[i].end)
	if before != after || !isQuote(before) {
		return false
	}
	behind := at(r.low, r.t[i].end+1)
	return behind == ' ' || behind == 0 || behind == '.' || behind == ',' || behind == ')'
}

// carriesOn reports whether an empty string, token i, goes on to the program's own quote, with or without an operator: nothing
// but quotes and an operator is left of a short value.
func (r *sqlReading) carriesOn(i int) bool {
	last := len(r.t) - 1
	return len(r.low) <= 16 && r.kind(i) == sqlString && r.t[i].end-r.t[i].start == 2 &&
		r.kind(last) == sqlOpen && r.t[last].end-r.t[last].start == 1 && (last == i+1 || last == i+2 && r.kind(i+1) == sqlOp)
}

// sqlComparison is a comparison in a condition: the word that joins it on, and its operands.
type sqlComparison struct {
	at, left, right, end int // the joining word; behind the left operand, the sign, the right operand
	a, b                 sqlOperand
}

// tautology reports whether a comparison is one that was joined on, and not one of a filter or of text.
func (r *sqlReading) tautology(c *sqlComparison, breaks bool) bool {
	switch {
	case c.b == operandNone:
		return breaks && (c.a == operandString || c.a == operandNumber) && c.right >= len(r.t) &&
			wordsUpTo(r.low[r.t[c.at].end:], 3) < 3 // what is behind a closing quote may be text that goes on
	case r.word(c.at)&wordCondition != 0 && !breaks && r.kind(c.at-1) != sqlNumber && r.kind(c.at-1) != sqlRight:
		return false
	case breaks && (r.kind(c.left) == sqlCompare || c.a != operandName || c.b != operandName):
		return true
	case breaks && r.shortPrefix() && (r.cutsOff(c.end) || r.is(c.end, "escape")):
		return true
	case c.a == operandName && c.b == operandName: // a=a
		return r.text(c.left) == "=" && c.right-c.left == 1 && r.text(c.left-1) == r.text(c.right) && len(r.low) <= 64
	case c.a.constant() && c.b.constant():
		return r.sameSides(c) && !r.arithmetic(c.at, c.left)
	}
	return c.a == operandCall && c.b != operandName || c.b == operandCall && c.a.constant()
}

// touches reports whether token i has no space on either side: between quotes, words of text have.
func (r *sqlReading) touches(i int) bool {
	return i > 0 && i+1 < len(r.t) && r.t[i-1].end == r.t[i].start && r.t[i].end == r.t[i+1].start
}

// leading reports whether a value that begins with AND, OR or HAVING goes on as a condition would: an operand that
// only SQL has, or a comparison that ends the value.
func (r *sqlReading) leading(left, right int, a sqlOperand) bool {
	if right == left {
		return a == operandCall && r.ends(left)
	}
	if r.kind(left) != sqlCompare || right-left != 1 {
		return false
	}
	end, b := r.operand(right)
	return b != operandNone && r.ends(end)
}

// sameSides tells 1=1 and 'a'='b' from the filter "age > 5 and 3 < limit": both sides are constants, and not of
// different kinds.
func (r *sqlReading) sameSides(c *sqlComparison) bool {
	if c.left-c.at-1 > 6 || c.end-c.right > 6 {
		return true
	}
	text := r.kind(c.at+1) == sqlString || r.kind(c.at+1) == sqlOpen
	other := r.kind(c.right) == sqlString || r.kind(c.right) == sqlOpen
	return text == other || !r.quoted
}

// arithmetic tells "3 < 5 and 7 > 2" from a condition that was joined on.
func (r *sqlReading) arithmetic(i, compare int) bool {
	text := r.text(compare)
	return r.kind(i-2) == sqlCompare && (text == "<" || text == ">" || text == "<=" || text == ">=")
}
