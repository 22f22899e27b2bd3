package sanitize

import "slices"

// serverVariables are those that show what a server is.
var serverVariables = map[string]bool{"version": true, "hostname": true, "datadir": true, "basedir": true, "servername": true, "tmpdir": true, "servicename": true, "language": true, "spid": true, "global.version": true, "version_compile_os": true, "microsoftversion": true, "plugin_dir": true}

// operandAt is what operand returns for a token, once it was asked for.
type operandAt struct {
	next int32 // plus one
	kind sqlOperand
}

// operand reads an operand at i and returns the index behind it and what it is; next is i if there is none. Operands
// that operators join are one: 'a'||'b', 2*3. What it reads it keeps, since each of them may be asked for.
func (r *sqlReading) operand(i int) (next int, kind sqlOperand) {
	if i < 0 || i >= len(r.t) {
		return i, operandNone
	}
	chain := r.l.chain[:0]
	for {
		if known := r.t[i].operand; known.next > 0 {
			next, kind = int(known.next-1), known.kind
			break
		}
		next, kind = r.oneOperand(i)
		chain = append(chain, operandLink{i, next, kind})
		joined := kind != operandNone && (r.kind(next) == sqlOp || r.kind(next) == sqlLogic && r.kind(next+1) == sqlString)
		if !joined || next+1 >= len(r.t) {
			break
		}
		i = next + 1
	}
	r.l.chain = chain
	for _, c := range slices.Backward(chain) {
		if c.kind == operandNone || kind == operandNone { // nothing is joined to what stands before
			next, kind = c.next, c.kind
		}
		kind = max(kind, c.kind)
		r.t[c.at].operand = operandAt{int32(next + 1), kind} //nolint:gosec // at most maxSQLTokens
	}
	return next, kind
}

// operandLink is an operand, and the index behind it without what is joined to it.
type operandLink struct {
	at, next int
	kind     sqlOperand
}

// oneOperand is operand without what an operator joins to it.
func (r *sqlReading) oneOperand(i int) (next int, kind sqlOperand) {
	start := i
	for r.kind(i) == sqlLeft || r.kind(i) == sqlOp || r.word(i)&wordNot != 0 || r.kind(i) == sqlComment && r.t[i].end < len(r.low) {
		i++
	}
	switch r.kind(i) {
	case sqlNumber:
		i, kind = i+1, operandNumber
	case sqlString:
		i, kind = i+1, operandString
	case sqlOpen:
		i, kind = i+1, operandString
	case sqlVar:
		i, kind = i+1, operandCall
	case sqlWord:
		i, kind = r.wordOperand(i)
	default:
		return start, operandNone
	}
	for r.kind(i) == sqlRight || r.kind(i) == sqlComment && r.t[i].end < len(r.low) {
		i++
	}
	return i, kind
}

func (r *sqlReading) wordOperand(i int) (int, sqlOperand) {
	if r.word(i)&wordSelect != 0 {
		return i + 1, operandCall
	}
	if r.is(i, "case") && r.is(i+1, "when") && r.caseScore(i) > 0 {
		return r.endOfCase(i), operandCall
	}
	if r.call(i) {
		if r.word(i)&(wordFunction|wordStrong) != 0 {
			return r.closing(i + 1), operandCall
		}
		return r.closing(i + 1), operandName
	}
	if r.word(i)&wordLiteral != 0 {
		return i + 1, operandLiteral
	}
	for r.kind(i+1) == sqlDot && r.kind(i+2) == sqlWord {
		i += 2
	}
	return i + 1, operandName
}

// closing returns the index behind the parenthesis that closes the one at i, or behind the last token. It finds all of
// them at once: text may open one in every word.
func (r *sqlReading) closing(i int) int {
	if r.t[i].closes > 0 {
		return int(r.t[i].closes)
	}
	open := r.l.closes[:0]
	for j := range r.t {
		switch r.t[j].kind {
		case sqlLeft:
			r.t[j].closes = int32(len(r.t)) //nolint:gosec // at most maxSQLTokens
			open = append(open, j)
		case sqlRight:
			if len(open) > 0 {
				r.t[open[len(open)-1]].closes = int32(j + 1)
				open = open[:len(open)-1]
			}
		default:
		}
	}
	r.l.closes = open[:0]
	return int(r.t[i].closes)
}

// sqlOperand says what an operand is; the more it says SQL, the higher.
type sqlOperand uint8

const (
	operandNone sqlOperand = iota
	operandName
	operandNumber
	operandString
	operandLiteral // null, true
	operandCall    // a function of SQL, a subquery
)

// constant reports whether the operand has a value of its own: what tautologies are made of.
func (o sqlOperand) constant() bool {
	return o == operandNumber || o == operandString || o == operandLiteral
}
