package sanitize

import (
	"bytes"
	"slices"
)

// beforeStatement is what may stand before a statement that is a value by itself.
var beforeStatement = []sqlKind{sqlLeft, sqlRight, sqlSemi, sqlComment, sqlNumber, sqlOther, sqlOp}

// wholeStatement looks at a value that is a statement by itself: what an interpreter would run.
func (r *sqlReading) wholeStatement() {
	i := 0
	if r.quoted {
		return
	}
	for i < len(r.t) && slices.Contains(beforeStatement, r.t[i].kind) {
		i++
	}
	switch {
	case r.word(i)&wordStatement == 0 || r.statement(i) < 3:
	case r.plainStatement(i):
		r.plain = true
		r.sign(signSQLStatementPlain, i, i+6)
	default:
		r.sign(signSQLStatement, i, i+6)
	}
}

// upper reports whether token i is written in capitals, as statements are and sentences are not.
func (r *sqlReading) upper(i int) bool {
	if r.kind(i) != sqlWord {
		return false
	}
	for _, c := range r.l.view[r.t[i].start:r.t[i].end] {
		if 'a' <= c && c <= 'z' {
			return false
		}
	}
	return true
}

// name reports whether token i can name a table or a variable.
func (r *sqlReading) name(i int) bool {
	return r.kind(i) == sqlWord && r.word(i)&wordStop == 0 || r.kind(i) == sqlVar
}

// behindName returns the index behind a dotted name.
func (r *sqlReading) behindName(i int) int {
	for i++; r.kind(i) == sqlDot; i += 2 {
		if r.kind(i+1) != sqlWord && r.kind(i+1) != sqlDot {
			return i + 1
		}
	}
	return i
}

// statement says how sure it is that a statement of SQL begins at i: 0 not at all, 1 in a place where one would
// be injected, 2 in the middle of something, 3 anywhere.
func (r *sqlReading) statement(i int) int {
	switch r.text(i) {
	case "select":
		return r.selectScore(i)
	case "insert", "replace", "merge":
		return r.insertScore(i)
	case "update":
		if j := r.behindName(i + 1); r.name(i+1) && r.is(j, "set") && (r.kind(j+2) == sqlCompare || r.kind(j+3) == sqlDot || r.kind(j+2) == sqlDot) {
			return 3
		}
	case "delete":
		return r.deleteScore(i)
	case "drop", "create", "alter", "truncate", "rename", "comment", "lock", "dbcc":
		return r.definitionScore(i)
	case "attach":
		return r.attachScore(i + 1)
	case "exec", "execute":
		return r.executeScore(i)
	case "declare":
		if r.kind(i+1) == sqlVar || r.name(i+1) && r.word(i+2)&wordType != 0 {
			return 3
		}
	case "waitfor":
		if (r.is(i+1, "delay") || r.is(i+1, "time")) && r.kind(i+2) != sqlWord {
			return 3
		}
	case "shutdown":
		if r.ends(i+1) || r.is(i+1, "with") {
			return 1
		}
	default:
		return r.otherScore(i)
	}
	return 0
}

// selectScore weighs the list, the FROM and the clauses behind a SELECT.
func (r *sqlReading) selectScore(i int) int {
	score := 0
	j := r.skipComments(i + 1)
	for r.is(j, "distinct") || r.is(j, "all") || r.is(j, "top") || r.kind(j) == sqlLeft {
		j++
	}
	switch {
	case r.is(j, "case") && (r.is(j+1, "when") || r.is(j+2, "when")):
		return r.caseScore(j)
	case r.word(j)&wordStop != 0 && r.kind(j) == sqlWord && !r.upper(i):
		return 0
	case r.kind(j) == sqlVar:
		score = 3
	case r.kind(j) == sqlOp && r.text(j) == "*":
		score = 2
	case r.call(j) && r.text(j+2) != "s" && r.text(j+2) != "es" && r.t[j].end == r.t[j+1].start:
		score = 2
		if r.word(j)&(wordFunction|wordStrong) != 0 {
			score = 3
		}
		if end, _ := r.operand(j); r.kind(end) == sqlSemi || r.kind(end) == sqlComment {
			score = 3
		}
	case r.word(j)&wordFunction != 0 && r.ends(j+1) && bytes.IndexByte([]byte(r.text(j)), '_') > 0:
		score = 3
	case r.kind(j) == sqlNumber, r.kind(j) == sqlString, r.kind(j) == sqlOpen, r.word(j)&wordLiteral != 0:
		score = 1
		if r.ends(j+1) || r.kind(j+1) == sqlRight {
			score = 2
		}
	case r.kind(j) != sqlWord:
		return 0
	}
	depth, commas, from := 0, 0, -1
	for k := j; k < len(r.t) && k < j+80 && from < 0; k++ {
		switch {
		case r.t[k].kind == sqlLeft:
			depth++
		case r.t[k].kind == sqlRight:
			depth--
		case r.t[k].kind == sqlComma:
			commas++
		case r.t[k].word&wordFrom != 0 && depth <= 0:
			from = k
		}
		if depth < 0 {
			break
		}
	}
	if from < 0 {
		return min(score, 3)
	}
	return min(score+r.fromScore(i, from, commas), 3)
}

func (r *sqlReading) fromScore(i, from, commas int) int {
	score := 0
	switch {
	case r.kind(from+1) == sqlLeft:
		score = 1
	case !r.name(from + 1):
		return 0
	case r.word(from+1)&wordMeta != 0:
		return 3
	}
	if commas > 0 && commas <= from-i {
		score++
	}
	if r.upper(i) && r.upper(from) {
		score++
	}
	j := r.behindName(from + 1)
	if j > from+2 {
		score++ // a dotted name
	}
	if r.kind(j) == sqlWord && r.word(j) == 0 {
		j++ // an alias
	}
	switch {
	case r.word(j)&wordClause != 0 && (r.is(j+1, "by") || r.kind(j+1) == sqlNumber || r.word(j+1) != 0):
		score++
	case r.is(j, "where"):
		if next, k := r.operand(j + 1); k != operandNone && r.comparison(next) > next {
			score += 2
		}
	case r.kind(j) == sqlSemi && j == len(r.t)-1, r.kind(j) == sqlComment, r.kind(j) == sqlRight:
		score++
	case j >= len(r.t):
		if from == i+2 || commas > 0 {
			score++
		}
	}
	return score + 1
}

// caseScore says how sure it is that CASE at i is a choice of SQL: it has all of its words.
func (r *sqlReading) caseScore(i int) int {
	const most = 40 // tokens
	then := false
	for k := i; k < len(r.t) && k < i+most; k++ {
		switch {
		case r.is(k, "then"):
			then = true
		case then && (r.is(k, "end") || r.is(k, "else")):
			return 3
		}
	}
	return 0
}

// endOfCase returns the index behind the END of the CASE at i, or behind its last word that was looked at.
func (r *sqlReading) endOfCase(i int) int {
	const most = 40 // tokens
	for k := i; k < len(r.t) && k < i+most; k++ {
		if r.is(k, "end") {
			return k + 1
		}
	}
	return min(len(r.t), i+most)
}

func (r *sqlReading) insertScore(i int) int {
	if r.is(i, "merge") {
		return r.mergeScore(i)
	}
	j := i + 1
	for r.is(j, "into") || r.is(j, "or") || r.is(j, "ignore") || r.is(j, "replace") {
		j++
	}
	if !r.name(j) || j == i+1 {
		return 0
	}
	j = r.behindName(j)
	switch {
	case r.is(j, "values") || r.word(j)&wordSelect != 0 || r.is(j, "exec"):
		return 3
	case r.kind(j) == sqlLeft && (r.kind(j+2) == sqlComma || r.kind(j+2) == sqlRight) && r.contains("values"):
		return 3
	case r.upper(i), r.kind(j) == sqlLeft:
		return 1
	}
	return 0
}

// mergeScore says how sure it is that MERGE at i is a statement: it names what with what.
func (r *sqlReading) mergeScore(i int) int {
	j := i + 1
	if r.is(j, "into") {
		j++
	}
	if !r.name(j) {
		return 0
	}
	for k := r.behindName(j); k <= j+4; k++ {
		if r.is(k, "using") && (r.kind(k+1) == sqlLeft || r.name(k+1)) && (r.is(k+2, "on") || r.is(k+3, "on") || r.kind(k+1) == sqlLeft) {
			return 3
		}
	}
	return 0
}

func (r *sqlReading) deleteScore(i int) int {
	if r.word(i+1)&wordFrom == 0 || !r.name(i+2) {
		return 0
	}
	j := r.behindName(i + 2)
	switch {
	case r.is(j, "where"):
		if next, k := r.operand(j + 1); k != operandNone && r.comparison(next) > next {
			return 3
		}
	case r.ends(j) && r.upper(i) && r.upper(i+1):
		return 3
	case r.ends(j):
		return 2
	}
	return 0
}

// signature reports whether what is left behind the parenthesis at i is the types of a function's arguments and, if
// anything, what it may run beside: as scripts of database extensions have it.
func (r *sqlReading) signature(i int) bool {
	for i++; r.kind(i) == sqlWord || r.kind(i) == sqlComma || r.kind(i) == sqlOpen; i++ {
	}
	if r.kind(i) != sqlRight {
		return false
	}
	if r.is(i+1, "parallel") || r.is(i+1, "returns") {
		i += 2
	}
	return i+1 >= len(r.t) || r.kind(i+1) == sqlSemi && i+2 >= len(r.t)
}

func (r *sqlReading) definitionScore(i int) int {
	j := i + 1
	for r.is(j, "or") || r.is(j, "replace") || r.is(j, "if") || r.is(j, "and") || r.is(j, "resolve") || r.is(j, "temp") || r.is(j, "temporary") || r.is(j, "definer") {
		j++
	}
	if r.word(j)&wordObject == 0 {
		return 0
	}
	if r.is(j+1, "if") {
		j += 2
		if r.is(j, "not") {
			j++
		}
	}
	if !r.name(j + 1) {
		return 0
	}
	k := r.behindName(j + 1)
	switch {
	case r.is(j, "function") && r.kind(k) == sqlLeft && r.signature(k): // runs nothing, and loads nothing
		return 0
	case r.ends(k) && r.upper(i) && r.upper(j):
		return 3
	case r.ends(k):
		if k < len(r.t) {
			return 2
		}
		return 1
	case r.is(i, "rename") && r.is(k, "to") && r.name(k+1):
		return 2
	case r.is(k, "identified") && r.is(k+1, "by"):
		return 3
	case r.kind(k) == sqlLeft, r.is(k, "as"), r.is(k, "add"), r.is(k, "set"), r.is(k, "identified"), r.is(k, "with"), r.is(k, "from"),
		r.is(k, "returns"), r.is(k, "cascade"), r.is(k, "modify"), r.is(k, "drop"), r.is(k, "for"), r.is(k, "rename"), r.is(k, "owner"):
		if r.upper(i) || r.kind(k+1) == sqlString || r.kind(k) == sqlLeft && (r.word(k+2)&wordType != 0 || r.kind(k+1) == sqlVar) {
			return 3
		}
		return 1
	}
	return 0
}

// attachScore weighs what stands behind ATTACH, at i: [DATABASE] 'file' AS name (SQLite).
func (r *sqlReading) attachScore(i int) int {
	if r.is(i, "database") {
		i++
	}
	if (r.kind(i) == sqlString || r.kind(i) == sqlOpen) && r.is(i+1, "as") {
		return 3
	}
	return 0
}

func (r *sqlReading) executeScore(i int) int {
	j := i + 1
	for r.kind(j) == sqlLeft {
		j++
	}
	switch {
	case r.kind(j) == sqlVar, r.is(j, "immediate"), r.word(j)&wordStrong != 0:
		return 3
	case r.is(j, "master") && r.kind(j+1) == sqlDot, r.kind(j) == sqlWord && r.kind(j+1) == sqlDot && r.kind(j+2) == sqlDot:
		return 3
	case j > i+1 && (r.kind(j) == sqlString || r.kind(j) == sqlOpen):
		return 2
	case r.kind(j) == sqlWord && (hasPrefix(r.text(j), "sp_") || hasPrefix(r.text(j), "xp_")):
		return 3
	case r.kind(j) == sqlWord && r.kind(j+1) == sqlDot:
		return 1
	}
	return 0
}

func hasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }

// otherScore weighs the rarer statements by their second and third words.
func (r *sqlReading) otherScore(i int) int {
	for _, o := range rareStatements {
		if r.is(i, o.first) && (o.second == "" || r.is(i+1, o.second)) && (o.third == "" || r.is(i+2, o.third)) {
			return o.score
		}
	}
	switch r.text(i) {
	case "grant", "revoke":
		return r.grantScore(i)
	case "copy":
		return r.copyScore(i)
	case "set":
		if r.kind(i+1) == sqlVar && r.kind(i+2) == sqlCompare {
			return 2
		}
	case "call", "begin":
		if r.word(i+1)&(wordStrong|wordStatement) != 0 {
			return 2
		}
	case "if", "while":
		if r.contains("waitfor") || r.contains("sleep(") || r.kind(i+1) == sqlLeft && r.word(i+2)&(wordSelect|wordFunction) != 0 || r.word(i+1)&wordFunction != 0 && r.kind(i+2) == sqlCompare && !r.quotedWord(i+1) {
			return 2
		}
	case "with":
		if r.is(i+2, "as") && r.kind(i+3) == sqlLeft && r.word(i+4)&wordSelect != 0 {
			return 3
		}
	}
	return 0
}

// rareStatements are told by their first words.
var rareStatements = []struct {
	first, second, third string
	score                int
}{
	{"load", "data", "infile", 3},
	{"load", "data", "local", 3},
	{"bulk", "insert", "", 3},
	{"backup", "database", "", 2},
	{"backup", "log", "", 2},
	{"restore", "database", "", 2},
	{"restore", "log", "", 2},
	{"show", "tables", "", 1},
	{"show", "databases", "", 1},
	{"show", "grants", "", 1},
	{"show", "variables", "", 1},
}

func (r *sqlReading) grantScore(i int) int {
	switch {
	case (!r.contains(" to ") || !r.contains(" on ")) && !r.is(i+1, "dba") && !r.is(i+1, "all"):
		return 0
	case r.upper(i), r.contains("*.*") && r.contains(" to "):
		return 3
	}
	return 1
}

func (r *sqlReading) copyScore(i int) int {
	if !r.name(i+1) && r.kind(i+1) != sqlLeft {
		return 0
	}
	j := r.behindName(i + 1)
	if (r.word(j)&wordFrom != 0 || r.is(j, "to")) && (r.kind(j+1) == sqlString || r.is(j+1, "program")) {
		return 3
	}
	return 0
}
