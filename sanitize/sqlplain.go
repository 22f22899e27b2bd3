package sanitize

import "bytes"

// plainStatement reports whether the statement at i, which is a value by itself, is one of those that programs, queries
// in dashboards and manuals are full of: it is the only one, asks for columns of tables that the application has itself,
// or takes its values from elsewhere, and calls nothing but what sums up. What an attacker runs asks for more than that.
func (r *sqlReading) plainStatement(i int) bool {
	for k := i; k < len(r.t); k++ {
		if !r.plainToken(k, i) {
			return false
		}
	}
	if last := len(r.t) - 1; r.word(last)&(wordCondition|wordLogic|wordCompare|wordFrom|wordSelect) != 0 { // nothing is left of it
		return false
	}
	switch r.text(i) {
	case "select":
		return r.asksTable(i)
	case "insert":
		return r.parameters() || r.namesColumns(i)
	case "update", "delete":
		return r.parameters()
	case "create", "alter":
		return r.defines(i)
	}
	return false
}

// plainToken reports whether token k is one that the statement at i may have.
func (r *sqlReading) plainToken(k, i int) bool {
	t := &r.t[k]
	switch t.kind {
	case sqlSemi:
		return r.onlySemicolons(k)
	case sqlOpen:
		return false
	case sqlVar:
		return r.kind(k+1) != sqlCompare || !r.is(k-1, "set")
	case sqlComment: // one that runs, or that a quote is hidden in
		return r.low[t.start] == '-' || r.low[t.start] == '/' && !bytes.HasPrefix(r.low[t.start:], []byte("/*!")) && bytes.IndexByte(r.low[t.start:t.end], '\'') < 0
	case sqlOther:
		return bytes.IndexByte([]byte("?$:%"), r.low[t.start]) >= 0
	case sqlNumber, sqlString:
		if k == i+1 && r.is(i, "select") { // nothing of a table
			return false
		}
		return !r.is(k-1, "like") || !bytes.ContainsAny(r.low[t.start:t.end], "%_") // tries at what is in one
	case sqlWord:
		return t.word&(wordStrong|wordMeta|wordUnion) == 0 && (k == i || t.word&wordSelect == 0 || r.copies(i)) && !r.secret(k) && (r.kind(k+1) != sqlLeft || r.harmlessCall(k, i))
	default:
		return true
	}
}

// onlySemicolons reports whether nothing but semicolons and comments is left from token k on.
func (r *sqlReading) onlySemicolons(k int) bool {
	for ; k < len(r.t); k++ {
		if r.t[k].kind != sqlSemi && r.t[k].kind != sqlComment {
			return false
		}
	}
	return true
}

// copies reports whether the statement at i puts rows of a query into a table.
func (r *sqlReading) copies(i int) bool { return r.is(i, "insert") || r.is(i, "create") }

// asksTable reports whether the SELECT at i has a FROM.
func (r *sqlReading) asksTable(i int) bool {
	for k := i + 2; k < len(r.t); k++ {
		if r.t[k].word&wordFrom != 0 {
			return true
		}
	}
	return false
}

// namesColumns reports whether the INSERT at i says which columns of a table it fills, as programs and their tests do.
func (r *sqlReading) namesColumns(i int) bool {
	return r.is(i+1, "into") && r.kind(i+2) == sqlWord && r.kind(i+3) == sqlLeft && r.kind(i+4) == sqlWord && (r.kind(i+5) == sqlComma || r.kind(i+5) == sqlRight)
}

// secretNames are in the names of columns and tables that an attacker asks for.
var secretNames = []string{"passw", "pwd", "secret", "token", "hash", "salt", "credit", "ssn", "admin", "privilege", "permission", "login", "shadow", "credential", "api_key", "apikey", "largeobject", "policy", "host", "version"}

// secret reports whether token k names what an attacker asks for, or a catalogue by its form: pg_group, sys.objects; or
// quotes a name that hides something.
func (r *sqlReading) secret(k int) bool {
	name := r.low[r.t[k].start:r.t[k].end]
	if name[0] == '`' && bytes.ContainsAny(name, "\\#?'\"") {
		return true // no table or column is called so
	}
	if bytes.HasPrefix(name, []byte("current_time")) || string(name) == "current_date" {
		return false
	}
	for _, prefix := range []string{"pg_", "sys", "dba_", "user_", "all_", "v$", "lo_", "xp_", "sp_", "fn_", "msys", "current_", "session_", "master", "dbms_", "utl_"} {
		if bytes.HasPrefix(name, []byte(prefix)) && !bytes.HasSuffix(name, []byte("_id")) && !bytes.HasSuffix(name, []byte("_type")) {
			return true
		}
	}
	return containsAny(name, secretNames...)
}

// summaries are functions that sum up rows, shape a value or tell the time, and types that take a length.
var summaries = wordSet("count sum avg min max array_agg string_agg coalesce nullif ifnull lower upper trim length round abs now date date_trunc date_format extract distinct row_number rank over " +
	"year month day strftime in and or on values key unique references default check varchar char numeric decimal int integer bigint float double bit enum timestamp datetime set exists not as using primary index filter returning any all by")

// harmlessCall reports whether what opens at token k+1 is no call of a function, or one of summaries: the columns of a table
// behind its name have a parenthesis, too.
func (r *sqlReading) harmlessCall(k, i int) bool {
	return summaries[r.text(k)] || !r.is(i, "select") && r.word(k)&(wordFunction|wordStrong) == 0
}

// parameters reports whether values of the statement stand elsewhere: $1, ?, :name, @name, %s.
func (r *sqlReading) parameters() bool {
	s := r.low
	for i := 0; i+1 < len(s); i++ {
		switch before := at(s, i-1); {
		case s[i] == '$' && isDigit(s[i+1]), s[i] == '%' && s[i+1] == 's',
			(s[i] == ':' || s[i] == '@') && isLetter(s[i+1]) && (before == ' ' || before == '(' || before == '=' || before == ','),
			s[i] == '?' && (before == ' ' || before == '(' || before == '=' || before == ',') && bytes.IndexByte([]byte(" ,);\n"), s[i+1]) >= 0:
			return true
		}
	}
	return bytes.HasSuffix(s, []byte("= ?")) || bytes.HasSuffix(s, []byte("=?"))
}

// defines reports whether the statement at i makes or extends what holds rows, and nothing that runs.
func (r *sqlReading) defines(i int) bool {
	for k := i + 1; k < i+5; k++ {
		switch r.text(k) {
		case "table", "index", "type", "sequence", "view", "extension":
			return !r.contains("'/") && !r.contains("external") && !r.contains("drop ")
		}
	}
	return false
}
