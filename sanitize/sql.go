package sanitize

import "bytes"

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
	if len(s) < 4 || len(s) > most || !isDigit(s[0]) && bytes.IndexByte([]byte("<>~^|- "), s[0]) < 0 {
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
