package sanitize

import "bytes"

// breakout looks at what comes right behind the quote that closes the program's string.
func (r *sqlReading) breakout() {
	i := 1
	for r.kind(i) == sqlRight {
		i++
	}
	if i >= len(r.t) {
		return
	}
	prefix := r.low[:r.t[0].end-1]
	short := len(prefix) <= 40 && bytes.Count(prefix, []byte(" ")) == 0
	switch k := r.kind(i); {
	case k == sqlComment:
		if short && r.commentsOut(i) {
			r.sign(signSQLCommentTail, 0, i)
		}
	case k == sqlSemi:
		j := r.skipComments(i + 1)
		if short && (r.kind(i+1) == sqlComment && r.commentsOut(i+1) || r.word(j)&wordStatement != 0 && r.statement(j) >= 1) {
			r.sign(signSQLStacked, i, j+3)
		}
	case k == sqlComma:
		r.listBreakout(i)
	case k == sqlOp || k == sqlLogic || k == sqlCompare || r.word(i)&wordCompare != 0:
		r.operatorBreakout(i)
	case short && (r.is(i, "notnull") || r.is(i, "isnull")) && r.cutsOff(i+1), short && r.is(i, "collate") && r.cutsOff(i+2):
		r.sign(signSQLOperator, 0, i+2)
	case r.word(i)&wordClause != 0 || r.word(i)&wordCondition != 0:
		r.clauseBreakout(i)
	case r.word(i)&wordStatement != 0 && r.statement(i) >= 2:
		r.sign(signSQLStacked, i, i+4)
	}
}

// commentsOut reports whether the comment hides the rest of the program's statement: --, # or /* with nothing
// behind that reads on.
func (r *sqlReading) commentsOut(i int) bool {
	text := r.low[r.t[i].start:r.t[i].end]
	if text[0] == '/' {
		return i == len(r.t)-1 && !bytes.HasSuffix(text, []byte("*/"))
	}
	rest := bytes.TrimLeft(text, "-# \t+")
	if text[0] == '#' {
		return len(rest) == 0
	}
	return len(rest) < 24 && bytes.Count(rest, []byte(" ")) <= 2
}

// listBreakout looks at more values for a list that the program began: ', 1, 'x') --
func (r *sqlReading) listBreakout(i int) {
	values, calls := 0, false
	for r.kind(i) == sqlComma {
		next, k := r.operand(i + 1)
		if k == operandNone {
			return
		}
		calls = calls || k == operandCall
		if k != operandName {
			values++
		}
		i = next
	}
	closed := r.kind(i-1) == sqlRight
	if values > 0 && (r.kind(i) == sqlComment && (closed || calls) || calls && r.ends(i)) {
		r.sign(signSQLList, 0, i)
	}
}

// operatorBreakout looks at an expression that carries on from the program's string: '||pg_sleep(5)||', '+1='
func (r *sqlReading) operatorBreakout(i int) {
	next, k := r.operand(i + 1)
	if k == operandNone {
		return
	}
	right := r.comparison(next)
	_, b := r.operand(right)
	switch {
	case k == operandCall:
		r.sign(signSQLOperator, 0, next)
	case right > next && b != operandNone && k.constant():
		r.sign(signSQLOperator, 0, right+1)
	case k.constant() && r.kind(next) == sqlComment && r.commentsOut(next), k == operandName && r.cutsOff(next) && r.shortPrefix():
		r.sign(signSQLOperator, 0, next)
	case k.constant() && r.t[0].end == 1 && r.ends(next) && len(r.low) <= 8: // nothing but quotes and an operator
		r.sign(signSQLOperator, 0, next)
	case (k == operandNumber || k == operandString) && r.t[0].end <= 3 && r.ends(next):
		r.sign(signSQLOperatorWeak, 0, next)
	}
}

// clauseBreakout looks at a clause that follows on the program's condition.
func (r *sqlReading) clauseBreakout(i int) {
	switch {
	case r.is(i, "having"), r.is(i, "where"), r.is(i, "when"):
		next, k := r.operand(i + 1)
		if k != operandNone && r.comparison(next) > next {
			r.sign(signSQLClause, 0, next)
		}
	case (r.is(i, "order") || r.is(i, "group")) && r.is(i+1, "by"):
		next, k := r.operand(i + 2)
		if k != operandNone && (r.ends(next) || r.kind(next) == sqlComma || r.is(next, "having") || r.word(next)&wordClause != 0) {
			r.sign(signSQLClause, 0, next)
		}
	case r.is(i, "limit"), r.is(i, "offset"):
		if r.kind(i+1) == sqlNumber && (r.ends(i+2) || r.kind(i+2) == sqlComma || r.word(i+2) != 0) {
			r.sign(signSQLClause, 0, i+2)
		}
	}
}
