package sanitize

import "bytes"

// unquoteShell takes off what shells drop inside words: pairs of quotes, backslashes and carets before letters,
// $@ and empty parameters; and turns $IFS into the space that it stands for.
func unquoteShell(dst, s []byte) ([]byte, bool) {
	changed := false
	first := 0
	for ; first < len(s); first++ {
		if shellQuoting[s[first]] {
			if n, _ := shellNoise(s, first); n > 0 {
				break
			}
		}
	}
	if first == len(s) {
		return dst, false
	}
	dst = append(dst, s[:first]...)
	for i := first; i < len(s); {
		if n, space := shellNoise(s, i); n > 0 {
			if space {
				dst = append(dst, ' ')
			} else if q := s[i]; (q == '\'' || q == '"') && n > 2 {
				dst = append(dst, s[i+1:i+n-1]...)
			}
			i += n
			changed = true
			continue
		}
		dst = append(dst, s[i])
		i++
	}
	return dst, changed
}

// shellQuoting are the bytes with which something begins that a shell drops.
var shellQuoting = [256]bool{'\'': true, '"': true, '\\': true, '^': true, '$': true, '`': true}

// shellSigns are the bytes at which lookShell stops.
var shellSigns = [256]bool{';': true, '|': true, '&': true, '\n': true, '`': true, '$': true, '<': true, '>': true, '{': true}

// shellNoise returns the length of what a shell drops at i, and whether it stands for a space.
func shellNoise(s []byte, i int) (n int, space bool) {
	before, next := at(s, i-1), at(s, i+1)
	switch s[i] {
	case '\'', '"':
		return quotedPiece(s, i), false
	case '\\', '^':
		if isLetter(next) && (isLetter(before) || before == '/' || s[i] == '\\' && isSeparator(before)) {
			return 1, false
		}
		if next == '\n' {
			return 2, false
		}
	case '$':
		return parameter(s, i)
	case '`':
		if next == '`' && isLetter(before) {
			return 2, false
		}
	}
	return 0, false
}

// at returns the byte at i, 0 beyond the ends.
func at(s []byte, i int) byte {
	if i < 0 || i >= len(s) {
		return 0
	}
	return s[i]
}

// quotedPiece returns the length of a quoted piece of a word, quotes included: the ”s of c”at, the 'a' of c'a't.
func quotedPiece(s []byte, i int) int {
	end := bytes.IndexByte(s[i+1:min(len(s), i+12)], s[i])
	if end < 0 {
		return 0
	}
	if before := at(s, i-1); !isLetter(before) && !isLetter(at(s, i+end+2)) && before != '/' {
		return 0
	}
	for _, c := range s[i+1 : i+1+end] {
		if !isWord(c) && c != '/' && c != '.' && c != '-' {
			return 0
		}
	}
	return end + 2
}

// parameter returns the length of a parameter that is empty inside a word, or of the field separator.
func parameter(s []byte, i int) (n int, space bool) {
	inWord := isLetter(at(s, i-1))
	rest := s[i+1:]
	switch c := at(s, i+1); {
	case bytes.HasPrefix(rest, []byte("()")):
		return 3, false
	case inWord && (c == '@' || c == '*' || isDigit(c)):
		return 2, false
	case bytes.HasPrefix(rest, []byte("ifs")) && !isLetter(at(s, i+4)):
		if at(s, i+4) == '$' && isDigit(at(s, i+5)) {
			return 6, true
		}
		return 4, true
	case c == '{':
		end := bytes.IndexByte(s[i:min(len(s), i+24)], '}')
		if end > 0 && bytes.HasPrefix(rest, []byte("{ifs")) {
			return end + 1, true
		}
		if end > 0 && inWord && (end <= 3 || at(s, i+2) == '@' || at(s, i+2) == '*') {
			return end + 1, false
		}
	}
	return 0, false
}

func isSeparator(c byte) bool {
	return c == ';' || c == '|' || c == '&' || c == ' ' || c == 0 || c == '\n' || c == '`'
}
