package ooxml

import (
	"strings"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// gone is what formulas must not refer to any more.
type gone struct {
	books      bool            // other workbooks
	bookless   bool            // there is no other workbook that a number could mean
	pivots     bool            // pivot tables
	data       bool            // connections
	goneSheets map[string]bool // by folded name
	goneNames  map[string]bool // defined names, folded
	known      map[string]bool // all sheets, folded
	safeTexts  bool            // no text of the formula at hand is an address that acts
}

// danger are functions that fetch, call or run something.
var danger = map[string]bool{
	"WEBSERVICE": true, "FILTERXML": true, "RTD": true, "CALL": true, "REGISTER": true, "REGISTER.ID": true, "EXEC": true,
	"DDE": true, "IMAGE": true, "PY": true, "IMPORTDATA": true, "IMPORTXML": true, "IMPORTFEED": true, "IMPORTHTML": true, "IMPORTRANGE": true,
	"RUN": true, "FOPEN": true, "FWRITE": true, "FWRITELN": true, "URLMON": true, "SQL.REQUEST": true, "STOCKHISTORY": true,
	"IMPORTTEXT": true, "IMPORTCSV": true, "GOOGLEFINANCE": true, "GOOGLETRANSLATE": true,
	"TRANSLATE": true, "DETECTLANGUAGE": true, "COPILOT": true, // send what is in the workbook to a service
	"EVALUATE": true, "GET.WORKSPACE": true, "GET.CELL": true, "GET.DOCUMENT": true, "FILES": true, "DIRECTORY": true,
}

// foreignBook matches a reference to another workbook by its path.
var foreignBook = pattern.MustCompile(`(?i)^(?:.*(?:[a-z]+://|\\\\|[a-z]:\\|/).*|[^\[]*\[[^\]]*\.(?:xl|csv|ods|dbf|txt)[^\]]*\].*)$`)

// lostBook matches the number of another workbook; 0 is this one.
var lostBook = pattern.MustCompile(`^\[[1-9][0-9]{0,4}\]`)

// formulaVector says why a formula must become its value, "" if it may stay.
func (g *gone) formulaVector(formula string) string {
	const most = 32 << 10 // four times what Excel takes
	if len(formula) > most {
		return vectorFormula
	}
	g.safeTexts = !strings.Contains(strings.ToUpper(formula), "HYPERLINK") || !actingLiteral(formula)
	f := lexer{s: formula}
	own := false // behind [0]!, which is this workbook: functions of its own are macros
	for {
		kind, text := f.next()
		if kind == lexEnd {
			return ""
		}
		if v := g.tokenVector(kind, text, f.s[f.pos:], own); v != "" {
			return v
		}
		own = kind == lexBook && text == "0" || own && text == "!"
	}
}

// tokenVector says why one token of a formula, before rest, makes it a value.
func (g *gone) tokenVector(kind lexKind, text, rest string, own bool) string {
	switch kind {
	case lexPipe:
		return vectorFormula
	case lexCall:
		return g.callVector(text, rest, own)
	case lexName:
		if functionName(text) || len(g.goneNames) > 0 && g.goneNames[strings.ToLower(text)] {
			return vectorFormula
		}
	case lexSheet:
		return g.sheetVector(text)
	case lexBook:
		if g.books || g.bookless && lostBook.MatchString("["+text+"]") || foreignBook.MatchString("["+text+"]") {
			return vectorBook
		}
	case lexOther:
		if strings.HasPrefix(rest, "#") && !strings.HasPrefix(text, `"`) && !kit.SafePlace(text) {
			return vectorBook // another spreadsheet program's way to write it
		}
	case lexEnd:
	}
	return ""
}

func (g *gone) callVector(name, args string, own bool) string {
	name = strings.ToUpper(name)
	addin := strings.HasPrefix(name, "_XLL.") // the function of a program that was added to Excel
	for _, prefix := range []string{"_XLFN.", "_XLWS.", "_XLL.", "_XLUDF.", "_XLWS."} {
		name = strings.TrimPrefix(name, prefix)
	}
	switch {
	case addin && !toolPak[name]:
		return vectorFormula
	case own, danger[name], strings.HasPrefix(name, "CUBE"): // cubes are in a connection or a data model, which do not stay
		return vectorFormula
	case name == "INDIRECT" && foreignText(args):
		return vectorBook
	case name == "HYPERLINK" && (!safeFormulaLink(args) || !g.safeTexts):
		return vectorLink
	case g.data && strings.HasPrefix(name, "CUBE"), g.pivots && name == "GETPIVOTDATA":
		return vectorFormula
	case len(g.goneNames) > 0 && g.goneNames[strings.ToLower(name)]:
		return vectorFormula
	}
	return ""
}

// toolPak are functions of the add-in that came with Excel until 2003, and are Excel's own since.
var toolPak = map[string]bool{
	"EDATE": true, "EOMONTH": true, "NETWORKDAYS": true, "WORKDAY": true, "WEEKNUM": true, "YEARFRAC": true, "MROUND": true, "QUOTIENT": true,
	"RANDBETWEEN": true, "XIRR": true, "XNPV": true, "CONVERT": true, "GCD": true, "LCM": true, "ISEVEN": true, "ISODD": true, "SERIESSUM": true,
}

// functionName reports whether a name without arguments is a function that must not be called: one that takes another function
// may be given it by its name.
func functionName(name string) bool {
	name = strings.ToUpper(name)
	plain := name
	for _, prefix := range []string{"_XLFN.", "_XLETA.", "_XLWS."} {
		plain = strings.TrimPrefix(plain, prefix)
	}
	return danger[plain] && (plain != name || plain == "WEBSERVICE" || plain == "FILTERXML" || plain == "RTD")
}

// addinName matches the file of an add-in where the name of a sheet stands.
var addinName = pattern.MustCompile(`(?i)\.(?:xlam?|xll|xls[xmb]?|xlt[xm]?)$`)

// sheetVector is about what stands before an exclamation mark.
func (g *gone) sheetVector(text string) string {
	if strings.Contains(text, "|") && !g.known[strings.ToLower(text)] {
		return vectorFormula
	}
	if len(g.goneSheets) > 0 && g.goneSheets[strings.ToLower(text)] {
		return vectorFormula
	}
	if !g.known[strings.ToLower(text)] && addinName.MatchString(text) {
		return vectorBook
	}
	for part := range strings.SplitSeq(text, ":") { // a range of sheets
		if len(g.goneSheets) == 0 {
			break
		}
		if g.goneSheets[strings.ToLower(part)] {
			return vectorFormula
		}
	}
	if strings.HasPrefix(text, "[") && (g.books || g.bookless && lostBook.MatchString(text)) || strings.ContainsAny(text, "[/\\") && foreignBook.MatchString(text) {
		return vectorBook
	}
	return ""
}

// safeFormulaLink looks at the first argument of HYPERLINK: literals joined by &, up to the first thing that is none.
// What a cell holds is not looked at: it is text that people see.
func safeFormulaLink(args string) bool {
	f := lexer{s: args}
	var b strings.Builder
	for {
		kind, text := f.next()
		switch {
		case kind == lexOther && strings.HasPrefix(text, `"`):
			b.WriteString(strings.ReplaceAll(strings.Trim(text, `"`), `""`, `"`))
		case kind == lexOther && strings.Trim(text, "& \t\r\n(") == "", kind == lexCall && joins[strings.ToUpper(text)]:
		case kind == lexOther && text == "," && b.Len() > 0 && strings.Contains(b.String(), ":"):
			return kit.SafeLink(b.String())
		case b.Len() > 0:
			return kit.SafeLink(b.String())
		case kind == lexCall:
			return !builds[strings.ToUpper(text)] && safeLiterals(args)
		default:
			return true
		}
	}
}

// foreignText reports whether the first argument of a function is a text that refers to another workbook.
func foreignText(args string) bool {
	f := lexer{s: args}
	for {
		switch kind, text := f.next(); {
		case kind == lexOther && strings.HasPrefix(text, `"`):
			return foreignBook.MatchString(strings.Trim(text, `"`))
		case kind == lexOther && strings.Trim(text, " \t\r\n(") == "":
		default:
			return false
		}
	}
}

var (
	joins  = map[string]bool{"CONCATENATE": true, "CONCAT": true, "_XLFN.CONCAT": true, "T": true, "TRIM": true, "LOWER": true, "UPPER": true}
	builds = map[string]bool{"CHAR": true, "UNICHAR": true, "_XLFN.UNICHAR": true, "SUBSTITUTE": true, "REPLACE": true, "MID": true, "LEFT": true, "RIGHT": true}
)

// safeLiterals reports whether no text in a formula is a link that must not stay.
func safeLiterals(args string) bool {
	f := lexer{s: args}
	for {
		kind, text := f.next()
		if kind == lexEnd {
			return true
		}
		if text = strings.Trim(text, `"`); kind == lexOther && (strings.Contains(text, ":") || strings.HasPrefix(text, `\\`)) && len(text) > 1 && !kit.SafeLink(text) {
			return false
		}
	}
}

// actingLiteral reports whether some text in a formula is an address that acts. HYPERLINK may be given it by a name.
func actingLiteral(formula string) bool {
	f := lexer{s: formula}
	for {
		kind, text := f.next()
		if kind == lexEnd {
			return false
		}
		if kind == lexOther && strings.HasPrefix(text, `"`) && !kit.SafePlace(strings.ReplaceAll(strings.Trim(text, `"`), `""`, `"`)) {
			return true
		}
	}
}

// lexer splits a formula of a spreadsheet into what matters here.
type lexer struct {
	s   string
	pos int
}

type lexKind uint8

const (
	lexEnd   lexKind = iota
	lexOther         // operators, literals, references
	lexName          // an identifier
	lexCall          // an identifier before (
	lexSheet         // an identifier or quoted name before !
	lexBook          // what stands in brackets that are no structured reference
	lexPipe          // the sign of a DDE link
)

func isNameByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '?' || c >= 0x80
}

func (l *lexer) next() (lexKind, string) {
	if l.pos >= len(l.s) {
		return lexEnd, ""
	}
	start := l.pos
	switch c := l.s[l.pos]; {
	case c == '"':
		l.quoted('"')
		return lexOther, l.s[start:l.pos]
	case c == '\'':
		l.quoted('\'')
		text := strings.ReplaceAll(strings.Trim(l.s[start:l.pos], "'"), "''", "'")
		if l.peek() == '!' {
			return lexSheet, text
		}
		return lexOther, text
	case c == '|':
		l.pos++
		return lexPipe, "|"
	case c == '[':
		return l.bracket(start)
	case isNameByte(c) || c == '\\':
		for l.pos < len(l.s) && (isNameByte(l.s[l.pos]) || l.s[l.pos] == '\\') {
			l.pos++
		}
		return l.identifier(l.s[start:l.pos])
	}
	l.pos++
	return lexOther, l.s[start:l.pos]
}

func (l *lexer) identifier(text string) (lexKind, string) {
	rest := strings.TrimLeft(l.s[l.pos:], " \t\r\n")
	switch {
	case strings.HasPrefix(rest, "("):
		l.pos = len(l.s) - len(rest) + 1
		return lexCall, text
	case strings.HasPrefix(rest, "!"):
		return lexSheet, text
	}
	return lexName, text
}

func (l *lexer) peek() byte {
	if l.pos < len(l.s) {
		return l.s[l.pos]
	}
	return 0
}

// quoted goes behind a string or a quoted name; the quote itself is written twice in it.
func (l *lexer) quoted(q byte) {
	for l.pos++; l.pos < len(l.s); l.pos++ {
		if l.s[l.pos] != q {
			continue
		}
		if l.pos+1 < len(l.s) && l.s[l.pos+1] == q {
			l.pos++
			continue
		}
		l.pos++
		return
	}
}

// bracket tells [1]Sheet!A1 from Table[Column] and [@Column].
func (l *lexer) bracket(start int) (lexKind, string) {
	depth := 0
	for ; l.pos < len(l.s); l.pos++ {
		switch l.s[l.pos] {
		case '\'':
			l.pos++ // escapes the next sign in a structured reference
			continue
		case '[':
			depth++
			continue
		case ']':
			depth--
		default:
			continue
		}
		if depth == 0 {
			l.pos++
			break
		}
	}
	l.pos = min(l.pos, len(l.s))
	text := strings.Trim(l.s[start:l.pos], "[]")
	if start > 0 && (isNameByte(l.s[start-1]) || l.s[start-1] == ']') {
		return lexOther, text
	}
	if c := l.peek(); c == '!' || c == '\'' || isNameByte(c) {
		return lexBook, text
	}
	return lexOther, text
}
