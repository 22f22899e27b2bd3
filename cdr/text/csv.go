package text

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"icapd/cdr/kit"
)

// disarmCSV puts an apostrophe before what a spreadsheet would take for a formula. Which character separates cells
// is the reader's choice and not the file's, so a cell begins after each of them, inside of quotes as well: a
// comma-separated file is read with semicolons in half of the world.
func disarmCSV(job *kit.Job, text []byte) ([]byte, bool, error) {
	var out []byte // nil until something changes
	from, line := 0, 1
	own := ownSeparator(text)
	for start := 0; start <= len(text); {
		end := start
		for end < len(text) && !separates(text[end]) && (own == 0 || text[end] != own) {
			end++
		}
		if at := formula(text[start:end]); at >= 0 {
			if out == nil {
				out = make([]byte, 0, len(text)+len(text)/16)
			}
			out = append(append(out, text[from:start+at]...), '\'')
			from = start + at
			job.Removed(vectorFormula, "line "+strconv.Itoa(line), kit.ActionNeutralised, "")
		}
		if end < len(text) && text[end] == '\n' {
			line++
		}
		start = end + 1
	}
	if out == nil {
		return nil, false, nil
	}
	return append(out, text[from:]...), true, nil
}

// ownSeparator returns the character that the first line of a file says that its cells are separated by ("sep=^", which
// Excel reads), 0 if it says none.
func ownSeparator(text []byte) byte {
	const mark = "sep="
	text = bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), `"`)
	if len(text) <= len(mark) || !strings.EqualFold(string(text[:len(mark)]), mark) || text[len(mark)] < ' ' || text[len(mark)] >= utf8.RuneSelf {
		return 0
	}
	return text[len(mark)]
}

func separates(c byte) bool {
	switch c {
	case ',', ';', '\t', '\n', '\r', '|':
		return true
	}
	return false
}

// formula returns where a formula begins in a cell, -1 if it is none. Numbers with a sign are data.
func formula(cell []byte) int {
	at := 0
	for at < len(cell) {
		r, n := utf8.DecodeRune(cell[at:])
		if r > ' ' && r != '"' && !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) { // Cf: marks of order and direction, and those of no width
			break
		}
		at += n
	}
	rest := bytes.TrimRight(cell[at:], "\" \r\n\x00")
	if len(rest) < 2 {
		return -1
	}
	switch rest[0] {
	case '=', '@':
		return at
	case '+', '-':
		if !number(rest[1:]) {
			return at
		}
	}
	return wide(rest, at)
}

// wide finds the full-width signs, and the small forms, that East Asian spreadsheets read like the narrow ones.
func wide(rest []byte, at int) int {
	for _, sign := range []string{"＝", "＠", "＋", "－", "﹦", "﹫", "﹢", "﹣"} {
		if bytes.HasPrefix(rest, []byte(sign)) && len(rest) > len(sign) {
			return at
		}
	}
	return -1
}

// number reports whether text is a number, an amount, a percentage, a date or a telephone number: digits and what
// stands between them.
func number(b []byte) bool {
	digits := false
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			digits = true
		case bytes.IndexByte([]byte(".,: ()%$eE+-/"), c) >= 0:
		default:
			return false
		}
	}
	return digits || len(bytes.Trim(b, "- ")) == 0 // a line of dashes is a line
}
