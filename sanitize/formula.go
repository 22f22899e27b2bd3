package sanitize

import (
	"bytes"

	"icapd/scan"
)

// reachingFunctions are functions of spreadsheets that start programs, or fetch and send data.
var reachingFunctions = []string{
	"hyperlink(", "importxml(", "importhtml(", "importdata(", "importfeed(", "importrange(", "image(", "webservice(", "filterxml(", "call(", "exec(", "register(", "register.id(",
	"rtd(", "dde(", "ddeauto", "encodeurl(", "googlefinance(", "shell(", "msexcel|", "cmd|", "run(", "evaluate(", "sql.request(", "fopen(", "get.workspace(", "indirect(\"'http", "indirect(\"'\\\\",
}

// maxFormula bounds a formula, in bytes; spreadsheets take 8192 characters.
const maxFormula = 8 << 10

// lookFormula looks at values that a spreadsheet takes for a formula: they begin with = + - @ or white space that
// is dropped before one of these.
func lookFormula(l *look) {
	if len(l.low) > maxFormula || len(l.low) > 0 && l.low[0] == '\'' { // an apostrophe is the mark of text
		return
	}
	l.charge(costFormula * len(l.low))
	s := bytes.TrimLeft(l.low, " \t\r\n\"';,\x00")
	if bytes.IndexByte([]byte("=+-@%|"), first(s)) < 0 {
		if bytes.HasPrefix(s, []byte("dde")) && bytes.IndexByte(s, '(') > 0 && bytes.Contains(s, []byte("\";\"")) {
			l.sign(signFormulaDDE, 0, len(l.low))
		}
		return
	}
	if bytes.HasPrefix(s, []byte("--")) {
		return // a rule across the page, an option, the head of a file
	}
	if call := bytes.IndexByte(s, '('); s[0] == '@' && (call < 0 || bytes.IndexByte(s[:call], ' ') >= 0) && bytes.IndexByte(s, '|') < 0 {
		return // somebody is spoken to
	}
	s = append(l.scratch[:0], bytes.ReplaceAll(s, []byte(" "), nil)...) // spreadsheets skip spaces
	l.scratch = s[:0]
	switch {
	case s[0] == '@' && (len(s) < 2 || !isLetter(s[1])):
	case startsProgram(s):
		l.sign(signFormulaDDE, 0, len(l.low))
	case reachesOut(s):
		l.sign(signFormulaFunction, 0, len(l.low))
	case l.isFormula(s):
		l.sign(signFormulaAny, 0, len(l.low))
	}
}

// startsProgram reports whether a formula asks another program for data: cmd|'/c calc'!A0
func startsProgram(s []byte) bool {
	before, rest, found := bytes.Cut(s, []byte("|"))
	if !found || len(before) == 0 || !isWord(before[len(before)-1]) || len(rest) == 0 {
		return false
	}
	return bytes.IndexByte([]byte("'\"/"), rest[0]) >= 0 && bytes.IndexByte(rest, '!') > 0
}

// reachesOut reports whether a formula calls a function that fetches or sends.
func reachesOut(s []byte) bool {
	var seen uint64 // by function: only the first place counts
	given := bytes.LastIndexAny(s, "\",'&")
	reaches := false
	reachingSet.each(s, func(f, start, end int) bool {
		if seen&(1<<f) != 0 {
			return true
		}
		seen |= 1 << f
		reaches = (start == 0 || !isWord(s[start-1])) && (s[0] == '=' || s[0] == '@' || given >= end)
		return !reaches
	})
	return reaches
}

// reachingSet finds reachingFunctions, of which there are at most 64, in one pass.
var reachingSet = newPhrases(reachingFunctions)

// isFormula reports whether a spreadsheet would compute the value. In a table less is needed than elsewhere.
func (l *look) isFormula(s []byte) bool {
	body := bytes.TrimLeft(s, "=+-@ \t")
	if len(body) == 0 {
		return false
	}
	if s[0] == '=' && (isLetter(body[0]) && bytes.IndexByte(body, '(') > 0 || isDigit(body[0])) {
		return true
	}
	return l.fc.Type == "text/csv" && (isLetter(body[0]) || body[0] == '(')
}

// formulaStart reports whether a value begins as a formula does.
func formulaStart(s []byte) bool {
	for i := 0; i < len(s) && i < 16; i++ {
		switch s[i] {
		case '=', '+', '@', '-', '%':
			return i+3 < len(s)
		case ' ', '\t', '\r', '\n', '"', ';', ',', 0:
		default:
			return false
		}
	}
	return false
}

func first(s []byte) byte {
	if len(s) == 0 {
		return 0
	}
	return s[0]
}

// lookNumber looks at numbers that do not fit: beyond what a double holds, or longer than any consumer reads.
func lookNumber(l *look) {
	if l.fc.Kind != scan.KindNumber {
		return
	}
	const maxDigits, maxExponent = 310, 308
	digits := l.low
	if e := bytes.IndexByte(l.low, 'e'); e >= 0 {
		digits = l.low[:e]
		n := 0
		for _, c := range bytes.TrimLeft(l.low[e+1:], "+-") {
			if n = n*10 + int(c-'0'); n > maxExponent {
				l.sign(signJSONNumber, 0, len(l.low))
				return
			}
		}
	}
	if len(digits) > maxDigits {
		l.sign(signJSONNumber, 0, len(l.low))
	}
}
