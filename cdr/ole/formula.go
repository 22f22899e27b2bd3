package ole

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"icapd/cdr/kit"
)

// operand sizes of the tokens of formulas ([MS-XLS] 2.5.198), by number without the class: in BIFF8 and in BIFF5.
// Tokens of variable size are not here.
var operands = map[byte][2]int{
	0x01: {4, 4}, 0x02: {4, 4}, 0x16: {0, 0}, 0x18: {5, 5}, 0x1C: {1, 1}, 0x1D: {1, 1}, 0x1E: {2, 2}, 0x1F: {8, 8},
	0x20: {7, 7}, 0x21: {2, 2}, 0x22: {3, 3}, 0x23: {4, 14}, 0x24: {4, 3}, 0x25: {8, 6}, 0x26: {6, 6}, 0x27: {6, 6},
	0x28: {6, 6}, 0x29: {2, 2}, 0x2A: {4, 3}, 0x2B: {8, 6}, 0x2C: {4, 3}, 0x2D: {8, 6}, 0x2E: {2, 2}, 0x2F: {2, 2},
	0x39: {6, 24}, 0x3A: {6, 17}, 0x3B: {10, 20}, 0x3C: {6, 17}, 0x3D: {10, 20},
}

// Tokens that are looked at.
const (
	tokenExp     = 0x01
	tokenParen   = 0x15
	tokenString  = 0x17
	tokenAttr    = 0x19
	tokenError   = 0x1C
	tokenFunc    = 0x21
	tokenFuncVar = 0x22
	tokenName    = 0x23
	tokenNameX   = 0x39

	functionLink = 359 // HYPERLINK
	errorRef     = 0x17
)

// forbiddenFunctions are those that start, fetch or write something, by their numbers ([MS-XLS] 2.5.198.17): macro
// functions too, which Excel calculates when they are hidden in a name.
var forbiddenFunctions = map[uint16]string{
	110: "EXEC", 132: "FOPEN", 133: "FCLOSE", 135: "FREADLN", 136: "FREAD", 137: "FWRITELN", 138: "FWRITE", 149: "REGISTER",
	150: "CALL", 166: "FILES", 175: "INITIATE", 176: "REQUEST", 177: "POKE", 178: "EXECUTE", 201: "UNREGISTER", 257: "EVALUATE",
	267: "REGISTER.ID", 379: "RTD",
}

// formula walks the tokens of a formula and asks about what they refer to.
type formula struct {
	eight bool
	sheet func(index int) string // why the sheet reference with this index may not be used, "" if it may
	name  func(index int) string // the same for a name of this workbook
	// extern is the same for a name of another one, by the sheet reference and its number among those of that workbook
	extern func(sheet, name int) string

	behind bool // the formula that was looked at last has values behind it: of arrays, or of places
	link   bool // it has HYPERLINK
}

// tokenArray and tokenArea are tokens whose values stand behind the formula, as may those of tokenNatural.
const (
	tokenNatural = 0x18
	tokenArray   = 0x20
	tokenArea    = 0x26
)

// foreign judges what stands behind the formula that was looked at last: why the formula may not stay with it, and whether it is no part
// of the formula.
func (f *formula) foreign(extra []byte) (vector string, cut bool) {
	if !f.behind {
		return "", !blank(extra)
	}
	if text := bytes.ReplaceAll(extra, []byte{0}, nil); f.link && bytes.ContainsAny(text, `:\`) {
		return vectorLink, false
	}
	return "", false
}

// vector returns why a formula may not stay, "" if it may. One that cannot be read to its end may not.
func (f *formula) vector(code []byte) string {
	link := false
	f.behind, f.link = false, false
	var texts []string
	for len(code) > 0 {
		token := code[0]
		code = code[1:]
		if token >= 0x40 {
			token = token&0x1F | 0x20
		}
		n, text := f.size(token, code)
		if n < 0 || n > len(code) {
			return vectorFormula
		}
		if token == tokenString {
			texts = append(texts, text)
		}
		v, isLink := f.judge(token, code[:n])
		if v != "" {
			return v
		}
		link = link || isLink
		f.link = link
		f.behind = f.behind || token == tokenArray || token == tokenArea || token == tokenNatural
		code = code[n:]
	}
	for _, t := range texts {
		if link && suspiciousText(t) {
			return vectorLink
		}
	}
	return ""
}

// suspiciousText says whether a text in a formula with HYPERLINK is the beginning of a link that may not stay. Texts
// that are no link are captions.
func suspiciousText(t string) bool {
	t = strings.TrimSpace(t)
	return (strings.Contains(t, ":") || strings.HasPrefix(t, `\`) || strings.HasPrefix(t, "/") || strings.HasPrefix(t, "[")) && !kit.SafeLink(t)
}

// size returns how many bytes of operands a token has, -1 for an unknown token, and the text of a string.
func (f *formula) size(token byte, code []byte) (int, string) {
	switch {
	case token >= 0x03 && token <= tokenParen:
		return 0, ""
	case token == tokenString:
		return f.text(code)
	case token == tokenAttr:
		if len(code) < 3 {
			return -1, ""
		}
		if code[0]&0x04 != 0 { // CHOOSE: a table of jumps
			return 3 + 2*(int(binary.LittleEndian.Uint16(code[1:]))+1), ""
		}
		return 3, ""
	}
	n, ok := operands[token]
	if !ok {
		return -1, ""
	}
	if f.eight {
		return n[0], ""
	}
	return n[1], ""
}

func (f *formula) text(code []byte) (int, string) {
	if len(code) < 2 {
		return -1, ""
	}
	n := int(code[0])
	if !f.eight {
		if len(code) < 1+n {
			return -1, ""
		}
		return 1 + n, latin(code[1 : 1+n])
	}
	wide := int(code[1] & 1)
	size := 2 + n<<wide
	if len(code) < size {
		return -1, ""
	}
	if wide == 1 {
		return size, utf16Text(code[2:size])
	}
	return size, latin(code[2:size])
}

func (f *formula) judge(token byte, operand []byte) (vector string, link bool) {
	le := binary.LittleEndian
	switch token {
	case tokenFunc, tokenFuncVar:
		number := le.Uint16(operand[len(operand)-2:])
		if number&0x8000 != 0 || forbiddenFunctions[number] != "" {
			return vectorFormula, false
		}
		return "", number == functionLink
	case tokenName:
		return f.name(int(le.Uint16(operand))), false
	case tokenNameX:
		sheet := int(int16(le.Uint16(operand))) //nolint:gosec // G115: the sign is meant
		if v := f.sheet(sheet); v != "" || !f.eight {
			return v, false
		}
		return f.extern(sheet, int(le.Uint16(operand[2:]))), false
	case 0x3A, 0x3B, 0x3C, 0x3D:
		return f.sheet(int(int16(le.Uint16(operand)))), false //nolint:gosec // G115: the sign is meant
	}
	return "", false
}

// blankFormula overwrites a formula with one of the same length that is an error: #REF! in parentheses.
func blankFormula(code []byte) {
	for i := range code {
		code[i] = tokenParen
	}
	if len(code) >= 2 {
		code[0], code[1] = tokenError, errorRef
	}
}

// latin decodes text of one byte a character. What is looked for in it is ASCII.
func latin(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

// utf16Text decodes UTF-16LE.
func utf16Text(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}
