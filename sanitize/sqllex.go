package sanitize

import "bytes"

// sqlKind is what an SQL lexer makes of a piece of text.
type sqlKind uint8

const (
	sqlOther   sqlKind = iota
	sqlWord            // keyword or identifier, quoted identifiers too
	sqlNumber          // 1, 1.5, 1e1, 0x41
	sqlString          // closed string
	sqlOpen            // string that the value does not close
	sqlVar             // @x, @@x
	sqlCompare         // = < > <= >= <> != <=> := ~
	sqlLogic           // || &&
	sqlOp              // + - * / % ^ | & ! ~
	sqlLeft            // ( [
	sqlRight           // ) ]
	sqlComma
	sqlSemi
	sqlDot
	sqlComment // -- ... # ... /* ... */
)

// sqlToken is a token with its place in the view.
type sqlToken struct {
	kind       sqlKind
	start, end int
	word       sqlWordKind

	operand operandAt // that begins here, once it was asked for
	closes  int32     // of a parenthesis that opens, once that was asked for: the index behind the one that closes it
}

// maxSQLTokens bounds the tokens of one reading: those of a chunk of one-byte tokens.
const maxSQLTokens = chunk + chunkOverlap

// lexSQL reads low as SQL. With quote not 0 the value begins inside a string of that quote: it was put between
// quotes by the program that it is meant for.
func lexSQL(dst []sqlToken, low []byte, quote byte) []sqlToken {
	i := 0
	if quote != 0 {
		end := closing(low, 0, quote)
		if end < 0 {
			return dst
		}
		dst = append(dst, sqlToken{kind: sqlString, end: end + 1})
		i = end + 1
	}
	versioned := false // inside of /*! ... */
	for i < len(low) && len(dst) < maxSQLTokens {
		c := low[i]
		if isSpace(c) || c == 0 || c == 0xA0 {
			i++
			continue
		}
		if c == '*' && versioned && at(low, i+1) == '/' { // what closes a comment that MySQL runs
			i += 2
			continue
		}
		if c == 0xEF && bytes.HasPrefix(low[i:], []byte("\uFFFD")) { // a space of another character set, lost on the way
			i += 3
			continue
		}
		t := sqlToken{start: i}
		t.kind, t.end = lexSQLToken(low, i)
		if t.kind == sqlWord {
			name := low[t.start:t.end]
			if name[0] == '`' {
				name = bytes.Trim(name, "`")
			}
			t.word = sqlWordKind(sqlLookup.Of(name)) //nolint:gosec // made of one
		}
		versioned = versioned || t.kind == sqlComment && at(low, i+2) == '!'
		i = t.end
		dst = append(dst, t)
	}
	return dst
}

// closing finds the quote that ends a string, with doubled and escaped ones skipped; -1 if none.
func closing(s []byte, i int, quote byte) int {
	for ; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote && i > 0:
			i++
		case s[i] == quote:
			return i
		}
	}
	return -1
}

func lexSQLToken(s []byte, i int) (sqlKind, int) {
	c := s[i]
	switch {
	case isLetter(c) || c == '_' || c >= 0x80:
		return lexSQLWord(s, i)
	case isDigit(c), c == '.' && i+1 < len(s) && isDigit(s[i+1]):
		return sqlNumber, endOfNumber(s, i)
	}
	next := byte(0)
	if i+1 < len(s) {
		next = s[i+1]
	}
	switch c {
	case '\'', '"':
		return lexSQLString(s, i)
	case '`':
		if end := bytes.IndexByte(s[i+1:], '`'); end >= 0 && end < 64 {
			return sqlWord, i + end + 2
		}
		return sqlOther, i + 1
	case '@':
		if next == '.' && isLetter(at(s, i+2)) { // of JSONPath: @.name
			return sqlOther, i + 1
		}
		end := i + 1
		for end < len(s) && (isWord(s[end]) || s[end] == '@' || s[end] == '$' || s[end] == '.') {
			end++
		}
		return sqlVar, end
	case '-':
		if next == '-' {
			return sqlComment, endOfLine(s, i)
		}
		return sqlOp, i + 1
	case '#':
		return sqlComment, endOfLine(s, i)
	case '/':
		if next == '*' {
			return lexSQLBlock(s, i)
		}
		return sqlOp, i + 1
	}
	return lexSQLPunctuation(s, i, c, next)
}

func lexSQLPunctuation(s []byte, i int, c, next byte) (sqlKind, int) {
	switch c {
	case '=', '<', '>':
		for i < len(s) && (s[i] == '=' || s[i] == '<' || s[i] == '>') {
			i++
		}
		return sqlCompare, i
	case '!', ':', '~':
		if next == '=' {
			return sqlCompare, i + 2
		}
		return sqlOp, i + 1
	case '|', '&':
		if next == c {
			return sqlLogic, i + 2
		}
		return sqlOp, i + 1
	case '+', '*', '%', '^':
		return sqlOp, i + 1
	case '(', '{':
		return sqlLeft, i + 1
	case ')', '}':
		return sqlRight, i + 1
	case ',':
		return sqlComma, i + 1
	case ';':
		return sqlSemi, i + 1
	case '.':
		return sqlDot, i + 1
	}
	return sqlOther, i + 1
}

func lexSQLWord(s []byte, i int) (sqlKind, int) {
	end := i + 1
	for end < len(s) && (isWord(s[end]) || s[end] == '$' || s[end] >= 0x80 && s[end] != 0xA0 && s[end] != 0xEF) {
		end++
	}
	// N'..', x'..', b'..', q'[..]', _utf8'..': a string with a prefix.
	if end < len(s) && s[end] == '\'' && end-i <= 2 {
		switch s[i] {
		case 'n', 'x', 'b', 'e', 'q', 'u':
			if end-i == 1 && i+2 < len(s) {
				return lexSQLString(s, end)
			}
		}
	}
	return sqlWord, end
}

func lexSQLString(s []byte, i int) (sqlKind, int) {
	if end := closing(s, i+1, s[i]); end >= 0 {
		return sqlString, end + 1
	}
	return sqlOpen, len(s)
}

// lexSQLBlock reads a block comment. MySQL runs what is inside /*! ... */: only the mark goes.
func lexSQLBlock(s []byte, i int) (sqlKind, int) {
	if i+2 < len(s) && s[i+2] == '!' {
		end := i + 3
		for end < len(s) && isDigit(s[end]) {
			end++
		}
		return sqlComment, end
	}
	if end := bytes.Index(s[i+2:], []byte("*/")); end >= 0 {
		return sqlComment, i + 2 + end + 2
	}
	return sqlComment, len(s)
}

func endOfLine(s []byte, i int) int {
	if j := bytes.IndexByte(s[i:], '\n'); j >= 0 {
		return i + j
	}
	return len(s)
}

func endOfNumber(s []byte, i int) int {
	if s[i] == '0' && i+2 < len(s) && s[i+1] == 'x' && unhex(s[i+2]) < 16 {
		for i += 2; i < len(s) && unhex(s[i]) < 16; i++ {
		}
		return i
	}
	for i < len(s) && (isDigit(s[i]) || s[i] == '.') {
		i++
	}
	if i+1 < len(s) && s[i] == 'e' && (isDigit(s[i+1]) || (s[i+1] == '-' || s[i+1] == '+') && i+2 < len(s) && isDigit(s[i+2])) {
		for i += 2; i < len(s) && isDigit(s[i]); i++ {
		}
	}
	return i
}
