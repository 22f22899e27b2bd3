package ooxml

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"icapd/cdr/kit"
)

// The numbers of functions that call, register or fetch, and of HYPERLINK ([MS-XLSB] 2.5.97.10).
var dangerNumbers = map[uint16]bool{149: true, 150: true, 267: true, 379: true, 110: true, 132: true, 133: true, 138: true, 53: true, 257: true}

const numberHyperlink = 359

// tokenSizes are the bytes behind each token's first one; -1 for those that are not of fixed size, or not known.
func tokenSize(token byte) int {
	switch t := token; {
	case t >= 0x80:
		return -1
	case t >= 0x03 && t <= 0x16:
		return 0
	case t == 0x01:
		return 4
	case t == 0x1c, t == 0x1d:
		return 1
	case t == 0x1e:
		return 2
	case t == 0x1f:
		return 8
	}
	switch token&0x1f | 0x20 { // value classes
	case 0x20:
		return 14
	case 0x21, 0x29:
		return 2
	case 0x22:
		return 3
	case 0x23:
		return 4
	case 0x24, 0x26, 0x27, 0x28, 0x2a, 0x2c, 0x39:
		return 6
	case 0x25, 0x2b, 0x2d:
		return 12
	case 0x3a, 0x3c:
		return 8
	case 0x3b, 0x3d:
		return 14
	}
	return -1
}

// tokens walks through a parsed formula. It is ok if it is known to the last token, and calls nothing that it must not;
// it looks elsewhere if it names other sheets, tables, or anything that has a name.
func (book *binaryBook) tokens(formula []byte) (elsewhere, ok bool) {
	if len(formula) < 4 {
		return false, false
	}
	n := int(binary.LittleEndian.Uint32(formula))
	if n < 0 || n > len(formula)-4 {
		return false, false
	}
	b := formula[4 : 4+n]
	link, texts := false, []string(nil)
	for len(b) > 0 {
		token := b[0]
		size := tokenLength(b)
		if size < 0 || len(b) < 1+size {
			return elsewhere, false
		}
		if token == tokenText {
			texts = append(texts, utf16Text(b[3:1+size]))
		}
		elsewhere = elsewhere || book.looksElsewhere(token, b)
		if f, ok := calledNumber(token, b); ok {
			if dangerNumbers[f] {
				return elsewhere, false
			}
			link = link || f == numberHyperlink
		}
		b = b[1+size:]
	}
	return elsewhere, !link || safeTexts(texts)
}

// tokenText is a text in a formula.
const tokenText = 0x17

// tokenLength returns how many bytes follow the first one of a token, -1 if that is not known.
func tokenLength(b []byte) int {
	const extended, table, attribute, choose = 0x18, 0x19, 0x19, 0x04
	switch {
	case b[0] == tokenText && len(b) >= 3:
		return 2 + 2*int(binary.LittleEndian.Uint16(b[1:]))
	case b[0] == extended && (len(b) < 2 || b[1] != table):
		return -1
	case b[0] == extended:
		return 1 + 12
	case b[0] == attribute && len(b) >= 4: // jumps of CHOOSE are a list
		if b[1]&choose != 0 {
			return 3 + 2*(int(binary.LittleEndian.Uint16(b[2:]))+1)
		}
		return 3
	}
	return tokenSize(b[0])
}

// looksElsewhere reports whether a token is a table, a place on a named sheet, or a name that is not known to be harmless.
func (book *binaryBook) looksElsewhere(token byte, b []byte) bool {
	if token < 0x20 {
		return token == 0x18
	}
	switch token&0x1f | 0x20 {
	case 0x23:
		i := binary.LittleEndian.Uint32(b[1:])
		return i == 0 || uint64(i) > uint64(len(book.names)) || !book.names[i-1]
	case 0x39, 0x3a, 0x3b, 0x3c, 0x3d:
		return true
	}
	return false
}

func calledNumber(token byte, b []byte) (uint16, bool) {
	if token < 0x20 {
		return 0, false
	}
	switch token&0x1f | 0x20 {
	case 0x21:
		return binary.LittleEndian.Uint16(b[1:]), true
	case 0x22:
		return binary.LittleEndian.Uint16(b[2:]) & 0x7fff, true
	}
	return 0, false
}

func utf16Text(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// safeTexts reports whether the first text of a formula with HYPERLINK is a link that may stay.
func safeTexts(texts []string) bool {
	for _, t := range texts {
		if (strings.Contains(t, ":") || strings.HasPrefix(t, `\\`)) && !kit.SafeLink(t) {
			return false
		}
	}
	return true
}
