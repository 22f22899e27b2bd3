package sanitize

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/corazawaf/libinjection-go"
)

// sqlReading is one reading of a view as SQL.
type sqlReading struct {
	l        *look
	low      []byte
	t        []sqlToken
	evidence bool // signs that text has not
	quoted   bool // the view begins inside a string that its first token closes
	plain    bool // the view is a statement of which nothing is feared
	asked    askedTexts
}

// conditionOfCode reports whether the text is a line of a program: an "if" with a comparison that SQL does not know.
func conditionOfCode(s []byte) bool {
	s = bytes.TrimLeft(s, " \t")
	return (bytes.HasPrefix(s, []byte("if (")) || bytes.HasPrefix(s, []byte("while ("))) && bytes.Contains(s, []byte("==")) && bytes.IndexByte(s, '\'') < 0
}

// conditionOfBlock reports whether the text is a line of a program that begins a block on a condition, or the rule by
// which a catalogue of translations tells plurals.
func conditionOfBlock(s []byte) bool {
	if len(s) > 0 && s[len(s)-1] != '{' && s[len(s)-1] != ':' {
		return bytes.Contains(s, []byte("nplurals="))
	}
	s = bytes.TrimLeft(s, " \t}")
	return bytes.HasPrefix(s, []byte("if ")) || bytes.HasPrefix(s, []byte("else if ")) || bytes.HasPrefix(s, []byte("for "))
}

// versionRange reports whether the text is a range of versions as package managers have them: 16 || 14 >=14.17.
func versionRange(s []byte) bool {
	const most = 80 // bytes
	if len(s) < 4 || len(s) > most {
		return false
	}
	dotted := false
	for word := range bytes.FieldsSeq(s) {
		if string(word) == "||" || string(word) == "-" {
			continue
		}
		number := bytes.TrimLeft(word, "<>~^")
		if len(number) < len(word) {
			number = bytes.TrimPrefix(number, []byte("="))
		}
		if len(number) == 0 || len(bytes.Trim(number, "0123456789.x*")) > 0 || !isDigit(number[0]) {
			return false
		}
		dotted = dotted || len(number) > 2 && bytes.IndexByte(number, '.') > 0
	}
	return dotted && s[0] != '.'
}

// lookSQL reads the view as SQL in the three places where it may land: bare, and between either quotes.
func lookSQL(l *look) {
	if conditionOfBlock(l.low) || versionRange(l.low) {
		return
	}
	l.tokens = lexSQL(l.tokens[:0], l.low, 0)
	l.charge(costToken * len(l.tokens))
	r := sqlReading{l: l, low: l.low, t: l.tokens}
	r.read()
	if uncommented(r.t) {
		r.t = dropComments(r.t)
		r.read()
	}
	for i := range r.t {
		switch r.t[i].kind {
		case sqlSemi, sqlComment, sqlCompare, sqlLogic, sqlOpen, sqlOp, sqlLeft:
			r.evidence = true
		default:
		}
	}
	for _, quote := range []byte{'\'', '"', '`'} {
		at := bytes.IndexByte(l.low, quote)
		if at < 0 || quote == '`' && (l.inside || at > 16 || bytes.IndexByte(l.low[at+1:], quote) >= 0) { // two of them quote something in text, and names are short
			continue
		}
		l.tokens = lexSQL(l.tokens[:0], l.low, quote)
		if len(l.tokens) == 0 {
			continue
		}
		l.charge(costToken*len(l.tokens) + costReread*len(l.low))
		r.t, r.quoted = l.tokens, !l.inside
		r.read()
		if !l.inside {
			r.breakout()
		}
	}
	if !l.inside && !r.plain && (r.evidence || l.groups&(groupSQL|groupLogic) != 0) && !conditionOfCode(l.low) && !commandLine(l.low) && !scriptLine(l.low) && l.wanted(signSQLFingerprint) {
		l.lookFingerprint()
	}
}

// uncommented reports whether a block comment stands between two words that begin a statement: DROP/*x*/TABLE.
func uncommented(t []sqlToken) bool {
	for i := 1; i+1 < len(t); i++ {
		if t[i].kind == sqlComment && t[i-1].word&wordStatement != 0 && (t[i+1].kind == sqlWord || t[i+1].kind == sqlComment) {
			return true
		}
	}
	return false
}

// dropComments takes block comments out of the tokens, in place, and forgets what was read of operands.
func dropComments(t []sqlToken) []sqlToken {
	kept := t[:0]
	for i := range t {
		if t[i].kind != sqlComment || i+1 == len(t) {
			kept = append(kept, sqlToken{kind: t[i].kind, start: t[i].start, end: t[i].end, word: t[i].word})
		}
	}
	return kept
}

// kind returns the kind of token i, sqlOther beyond the end.
func (r *sqlReading) kind(i int) sqlKind {
	if i < 0 || i >= len(r.t) {
		return sqlOther
	}
	return r.t[i].kind
}

func (r *sqlReading) word(i int) sqlWordKind {
	if i < 0 || i >= len(r.t) {
		return 0
	}
	return r.t[i].word
}

func (r *sqlReading) text(i int) string {
	if i < 0 || i >= len(r.t) {
		return ""
	}
	return string(r.low[r.t[i].start:r.t[i].end])
}

func (r *sqlReading) is(i int, word string) bool {
	return i >= 0 && i < len(r.t) && r.t[i].kind == sqlWord && string(r.low[r.t[i].start:r.t[i].end]) == word
}

// ends reports whether the statement is over at i: nothing more, a comment, a semicolon.
func (r *sqlReading) ends(i int) bool {
	return i >= len(r.t) || r.t[i].kind == sqlComment || r.t[i].kind == sqlSemi
}

// call reports whether token i is a name with a parenthesis right behind it, or with at most white space
// between if the name is a function of SQL only.
func (r *sqlReading) call(i int) bool {
	if r.kind(i) != sqlWord || r.kind(i+1) != sqlLeft {
		return false
	}
	return r.t[i].end == r.t[i+1].start || r.word(i)&(wordFunction|wordStrong) != 0
}

func (r *sqlReading) sign(s sign, i, j int) {
	if j = min(j, len(r.t)-1); i <= j {
		r.l.sign(s, r.t[i].start, r.t[j].end)
	}
}

// read looks for what says SQL wherever it stands.
func (r *sqlReading) read() {
	for i := range r.t {
		t := &r.t[i]
		switch {
		case t.kind == sqlLogic, t.word&(wordLogic|wordCondition) != 0:
			r.condition(i)
		case t.kind == sqlSemi:
			if j := r.skipComments(i + 1); r.word(j)&wordStatement != 0 && r.statement(j) >= 2 {
				r.sign(signSQLStacked, i, j+4)
			}
		case t.kind == sqlLeft:
			if r.word(i+1)&wordSelect != 0 && r.selectScore(i+1) >= 2 {
				r.sign(signSQLSubquery, i, i+6)
			}
		case t.kind == sqlComment:
			r.comment(i)
		case t.kind == sqlVar:
			r.variable(i)
		}
		if t.word != 0 {
			r.keyword(i)
		}
	}
	r.wholeStatement()
}

func (r *sqlReading) skipComments(i int) int {
	for r.kind(i) == sqlComment {
		i++
	}
	return i
}

func (r *sqlReading) keyword(i int) {
	w := r.word(i)
	switch {
	case w&wordUnion != 0 && r.union(i):
		r.sign(signSQLUnion, i, i+6)
	case w&wordStrong != 0:
		r.strong(i)
	case w&wordMeta != 0:
		r.meta(i)
	case r.is(i, "waitfor") && (r.is(i+1, "delay") || r.is(i+1, "time")) && (r.kind(i+2) == sqlString || r.kind(i+2) == sqlOpen || r.kind(i+2) == sqlVar):
		r.sign(signSQLTime, i, i+2)
	case r.is(i, "into") && (r.is(i+1, "outfile") || r.is(i+1, "dumpfile")) && (r.kind(i+2) == sqlString || r.kind(i+2) == sqlOpen || r.kind(i+2) == sqlNumber || r.call(i+2)):
		r.sign(signSQLFile, i, i+3)
	case r.is(i, "procedure") && r.is(i+1, "analyse"):
		r.sign(signSQLFunction, i, i+2)
	case w&wordFunction != 0 && r.call(i):
		r.function(i)
	case (r.is(i, "order") || r.is(i, "group")) && r.is(i+1, "by"):
		r.orderBy(i)
	}
	if i > 0 && w&wordStatement != 0 && (r.is(i, "exec") || r.is(i, "execute")) && r.statement(i) >= 2 {
		r.sign(signSQLStacked, i, i+4)
	}
}

// union reports whether a SELECT with a list follows.
func (r *sqlReading) union(i int) bool {
	j := r.skipComments(i + 1)
	for r.is(j, "all") || r.is(j, "distinct") || r.is(j, "distinctrow") || r.kind(j) == sqlLeft || r.kind(j) == sqlComment || r.kind(j) == sqlVar {
		j++
	}
	if r.is(j, "values") && (r.kind(j+1) == sqlLeft || r.is(j+1, "row") && r.kind(j+2) == sqlLeft) {
		return true
	}
	if r.is(j, "table") && r.name(j+1) { // TABLE t is SELECT * FROM t (MySQL, PostgreSQL)
		k := r.behindName(j + 1)
		return r.kind(k) == sqlComment && r.commentsOut(k) || r.ends(k) && (r.breaksOut(i) || r.kind(i-1) == sqlNumber || r.kind(i-1) == sqlRight)
	}
	if r.word(j)&wordSelect == 0 {
		return false
	}
	k := r.skipComments(j + 1)
	for r.is(k, "all") || r.is(k, "distinct") || r.is(k, "top") || r.kind(k) == sqlLeft || r.kind(k) == sqlRight && r.kind(k-1) == sqlLeft { // select{}1
		k++
	}
	switch r.kind(k) {
	case sqlNumber, sqlString, sqlOpen, sqlVar, sqlComma:
		return true
	case sqlOp, sqlCompare:
		return true
	case sqlWord:
		if r.word(k)&wordLiteral != 0 || r.call(k) {
			return true
		}
		switch r.kind(k + 1) {
		case sqlComma, sqlDot, sqlComment, sqlLogic:
			return true
		default:
		}
		return r.word(k+1)&wordFrom != 0
	default:
	}
	return k >= len(r.t) && (i == 0 || r.kind(j+1) == sqlComment || r.quoted || r.kind(i-1) == sqlNumber || r.kind(i-1) == sqlComment || r.kind(i-1) == sqlRight)
}

// strong looks at a function that only databases have.
func (r *sqlReading) strong(i int) {
	name := r.text(i)
	if r.kind(i-1) == sqlDot && (name == "sleep" || name == "edit") {
		return // a method of something else
	}
	switch name {
	case "sleep", "benchmark", "pg_sleep", "pg_sleep_for", "randomblob", "generate_series", "receive_message":
		if r.kind(i+1) == sqlLeft && r.kind(i+2) != sqlRight && r.delay(i) {
			r.sign(signSQLTime, i, i+4)
		}
	case "edit", "readfile", "writefile":
		if r.kind(i+1) == sqlLeft && r.kind(i+2) == sqlString && r.contains("select") {
			r.sign(signSQLFunction, i, i+4)
		}
	default:
		if r.kind(i+1) == sqlLeft || r.kind(i+1) == sqlDot || r.kind(i-1) == sqlDot || r.quoted || r.word(i-1)&wordStatement != 0 ||
			r.kind(i+1) == sqlString || r.kind(i+1) == sqlOpen {
			r.sign(signSQLFunction, i, i+4)
		}
	}
}

// delay tells a delay in a condition from a call in a program: its argument is a number, a string, or SQL.
func (r *sqlReading) delay(i int) bool {
	switch r.kind(i + 2) {
	case sqlNumber, sqlString, sqlOpen, sqlLeft, sqlOther, sqlOp:
		return r.text(i) != "sleep" || r.kind(i+3) != sqlRight || r.kind(i+4) != sqlWord || r.word(i+4) != 0 || r.is(i+4, "else") || r.is(i+4, "end") // "sleep(8) hours"
	case sqlWord:
		return r.word(i+2) != 0 || r.contains("select") || r.quoted
	default:
	}
	return false
}

func (r *sqlReading) contains(s string) bool { return r.asked.contains(r.low, s) }

// meta looks at the name of a catalogue: damning where it is read from.
func (r *sqlReading) meta(i int) {
	if r.is(i, "dual") {
		if r.word(i-1)&wordFrom != 0 && r.contains("select") {
			r.sign(signSQLMeta, i-1, i)
		}
		return
	}
	j := i
	for r.kind(j-1) == sqlDot {
		j--
		if r.kind(j-1) == sqlWord {
			j--
		}
	}
	if r.word(j-1)&wordFrom != 0 || r.word(i-1)&wordFrom != 0 || r.is(j-1, "join") || r.is(j-1, "exists") {
		r.sign(signSQLMeta, i-1, i+2)
	}
}

// function looks at a call of a function that other languages have too: it counts when the arguments or what
// stands before are SQL's.
func (r *sqlReading) function(i int) {
	if r.word(i+2)&wordSelect != 0 || r.kind(i+2) == sqlLeft && r.word(i+3)&wordSelect != 0 {
		r.sign(signSQLSubquery, i, i+6)
		return
	}
	name := r.text(i)
	if (name == "char" || name == "chr" || name == "nchar") && r.kind(i+2) == sqlNumber && r.kind(i+3) == sqlRight &&
		(r.kind(i+4) == sqlLogic || r.kind(i+4) == sqlOp) && (r.word(i+5)&wordFunction != 0 || r.kind(i+4) == sqlLogic) {
		r.sign(signSQLFunction, i, i+6)
		return
	}
	// ascii(substring(...)), cast(version() ...): one inside the other.
	if r.word(i+2)&wordFunction != 0 && r.call(i+2) && r.t[i].end == r.t[i+1].start && (r.quoted || r.contains("select") || r.kind(i-1) == sqlLogic || r.word(i-1)&wordLogic != 0) {
		r.sign(signSQLFunction, i, i+6)
	}
	if (name == "if" || name == "iif" || name == "elt" || name == "make_set") && r.kind(i+2) != sqlRight && r.contains("select") && r.t[i].end == r.t[i+1].start {
		r.sign(signSQLFunction, i, i+6)
	}
}

// orderBy looks at ORDER BY with column numbers, with which columns are counted.
func (r *sqlReading) orderBy(i int) {
	j := i + 2
	for r.kind(j) == sqlNumber || r.kind(j) == sqlComma {
		j++
	}
	if j == i+2 {
		return
	}
	before := r.kind(i - 1)
	commented := r.kind(j) == sqlComment
	if i == 0 && !r.quoted && r.ends(j) && len(r.low) <= 40 {
		r.sign(signSQLClause, i, j)
		return
	}
	if commented || (before == sqlNumber || before == sqlRight || r.quoted && i <= 3) && (r.ends(j) || r.word(j)&wordClause != 0) {
		r.sign(signSQLClause, max(0, i-1), j)
	}
}

// comment looks at a comment that hides or runs SQL.
func (r *sqlReading) comment(i int) {
	text := r.text(i)
	if len(text) >= 3 && text[:3] == "/*!" && (r.kind(i+1) == sqlWord || len(text) > 3) && r.word(i+1) != 0 {
		r.sign(signSQLComment, i, i+2)
		return
	}
	if text == "/**/" && (r.word(i-1) != 0 && r.kind(i+1) != sqlOther || r.word(i+1) != 0 && r.kind(i-1) != sqlOther) && r.t[i].start == r.t[i-1].end && r.t[i].end == r.t[i+1].start {
		r.sign(signSQLComment, i-1, i+1)
	}
}

// variable looks at @@version and friends where SQL stands around.
func (r *sqlReading) variable(i int) {
	text := r.text(i)
	if len(text) > 3 && text[:2] == "@@" && (i == 0 && len(r.t) == 1 && serverVariables[text[2:]] || r.word(i-1)&(wordSelect|wordLogic) != 0 || r.kind(i-1) == sqlComma && r.contains("select") ||
		r.kind(i-1) == sqlLeft && r.word(i-2)&wordFunction != 0 || r.quoted || r.kind(i+1) == sqlCompare && r.kind(i-1) != sqlOther) {
		r.sign(signSQLFunction, max(0, i-1), i)
	}
}

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

// safeFingerprints are libinjection's readings of plain text: words between quotes joined by "and", a quote with
// a word behind. They count only with a sign of our own.
const safeFingerprints = " s&s sos s&sos son n&n 1&1 s&n n&s s&1 1&s sns snsn son1 so1 s1 s&no n1 nov nos no1 "

// maxFingerprint bounds what libinjection sees, in bytes from the value's start: it looks at the first five
// tokens.
const maxFingerprint = 2 << 10

// statementOfCode reports whether the text in lower case is a line of a program or of settings: a name that something is
// assigned to, or a call, with every string opened where one can begin and closed again, and an end as lines of programs
// have. What breaks out of a string begins with the quote that closes it.
func statementOfCode(s []byte) bool {
	s = bytes.TrimSpace(s)
	if code, _, found := bytes.Cut(s, []byte(" # ")); found { // a comment of a shell, of Python, of settings
		code = bytes.TrimSpace(code)
		if len(code) > 3 && isQuote(code[len(code)-1]) && bytes.IndexByte(code, '=') > 0 {
			code = append(slices.Clone(code), ';')
		}
		s = code
	}
	if len(s) < 8 || len(s) > 256 || !isLetter(s[0]) && s[0] != '_' || bytes.IndexByte([]byte(";,({:)"), s[len(s)-1]) < 0 || bytes.Contains(s, []byte("--")) ||
		containsAny(s, "#", "/*", " or ", " and ", "union", "select", "sleep", "||'", "'||") {
		return false
	}
	word := 0
	for word < len(s) && isWord(s[word]) {
		word++
	}
	if sqlWords[string(s[:word])]&(wordLogic|wordCondition|wordUnion) != 0 {
		return false
	}
	name := word
	for name < len(s) && (isWord(s[name]) || s[name] == '.' || s[name] == ' ' || s[name] == '[' || s[name] == ']' || s[name] == '-' || s[name] == ',') {
		name++
	}
	if name == len(s) || s[name] != '=' && s[name] != '(' && s[name] != ':' && s[name] != '{' && s[name] != '+' {
		return wellQuoted(s, bytes.IndexAny(s, "'\"")) && (bytes.HasPrefix(s, []byte("return ")) || bytes.HasPrefix(s, []byte("raise ")) || bytes.HasPrefix(s, []byte("use ")) || bytes.HasPrefix(s, []byte("import ")) || bytes.HasPrefix(s, []byte("from ")) || bytes.HasPrefix(s, []byte("export ")))
	}
	return wellQuoted(s, name)
}

// wellQuoted reports whether every string from i on is opened behind a sign that one can follow, and closed before a sign
// that can follow one.
func wellQuoted(s []byte, i int) bool {
	for i >= 0 && i < len(s) {
		c := s[i]
		if c != '\'' && c != '"' {
			i++
			continue
		}
		if before := at(s, i-1); bytes.IndexByte([]byte(" =(,[{:+!frb"), before) < 0 {
			return false
		}
		end := bytes.IndexByte(s[i+1:], c)
		if end < 0 {
			return false
		}
		i += end + 2
		if after := at(s, i); after != 0 && bytes.IndexByte([]byte(" ;,)]}:.%+"), after) < 0 {
			return false
		}
	}
	return true
}

// lookFingerprint asks libinjection for its opinion.
func (l *look) lookFingerprint() {
	view := l.view[:min(len(l.view), maxFingerprint)]
	if n := len(l.via); n > 0 && l.via[n-1] == "form" && !bytes.ContainsAny(view, "'\"`") && !bytes.Contains(view, []byte("--")) {
		return
	}
	if !slices.ContainsFunc(view, func(c byte) bool { return fingerprintSigns[c] }) && bytes.Count(view, []byte("--")) == bytes.Count(view, variableOfCSS) {
		return
	}
	found, print := l.fingerprint(view)
	if !found || statementOfCode(l.low) {
		return
	}
	if strings.Contains(safeFingerprints, " "+print+" ") {
		return
	}
	if !strings.ContainsAny(print, "sUBEkfTv&;") { // numbers, names and operators only
		return
	}
	l.sign(signSQLFingerprint, 0, len(view))
}

// variableOfCSS is how a custom property is used (CSS Custom Properties, "Using Cascading Variables"), and no comment.
var variableOfCSS = []byte("var(--")

// fingerprintSigns are bytes without one of which nothing is a payload to libinjection that counts here.
var fingerprintSigns = byteSet("'\"`0123456789=#;@*<>|&")

func byteSet(s string) (set [256]bool) {
	for i := range len(s) {
		set[s[i]] = true
	}
	return set
}

// fingerprint is libinjection.IsSQLi. That makes a copy in upper case of each word that it looks up, unless the word is in
// upper case as it stands: so it is shown the text in upper case, where that makes no other difference.
func (l *look) fingerprint(s []byte) (found bool, print string) {
	l.charge(costFingerprint + costFingerprintByte*len(s))
	var ok bool
	if l.scratch, ok = shouted(l.scratch[:0], s); !ok {
		return libinjection.IsSQLi(string(s))
	}
	return libinjection.IsSQLi(unsafe.String(unsafe.SliceData(l.scratch), len(l.scratch))) // it keeps nothing of its input
}

// shouted appends s in upper case, and reports whether libinjection reads that as it reads s: not where case matters to
// it, which is in the tags of dollar quotes, in the delimiters of q”, and in the name of a procedure. Of characters
// beyond ASCII it knows none, and looks up as if they were in upper case two that have an ASCII letter there.
func shouted(dst, s []byte) (out []byte, ok bool) {
	var before byte
	for _, c := range s {
		u := shout[c]
		switch {
		case before == '$' && isLetter(u), before == 'Q' && c == '\'', before == 0xC4 && c == 0xB1, before == 0xC5 && c == 0xBF:
			return dst, false
		case before == '\\' && c == 'n': // \N is NULL to it, and \n is not
			u = c
		}
		if before = u; c >= utf8.RuneSelf {
			before = c
		}
		dst = append(dst, u)
	}
	return dst, !bytes.Contains(dst, []byte("SP_PASSWORD"))
}

// shout is each byte in upper case, with a letter for those beyond ASCII but the one that libinjection takes for a space.
var shout = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		switch {
		case 'a' <= i && i <= 'z':
			t[i] -= 'a' - 'A'
		case i >= utf8.RuneSelf && i != 0xA0:
			t[i] = 'Z'
		}
	}
	return t
}()
