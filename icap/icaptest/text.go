package icaptest

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// maxSize bounds what one step may send or expect, so that a transcript cannot eat the machine.
const maxSize = 64 << 20

// text is a text of a transcript with its variables still in it: escapes are resolved, literals and names
// alternate, beginning with a literal.
type text []string

var variable = regexp.MustCompile(`\$\{([a-z][a-z0-9.-]*)\}`)

// parseText resolves the escapes of s and cuts it at its variables.
func parseText(s string) (text, error) {
	var t text
	for {
		loc := variable.FindStringSubmatchIndex(s)
		if loc == nil {
			break
		}
		lit, err := unescape(s[:loc[0]])
		if err != nil {
			return nil, err
		}
		t = append(t, lit, s[loc[2]:loc[3]])
		s = s[loc[1]:]
	}
	lit, err := unescape(s)
	if err != nil {
		return nil, err
	}
	return append(t, lit), nil
}

// parsePattern cuts a regular expression at its variables and checks its syntax. Backslashes are its own.
func parsePattern(s string) (text, error) {
	var t text
	for {
		loc := variable.FindStringSubmatchIndex(s)
		if loc == nil {
			break
		}
		t = append(t, s[:loc[0]], s[loc[2]:loc[3]])
		s = s[loc[1]:]
	}
	t = append(t, s)
	_, err := t.pattern(func(string) (string, error) { return "x", nil })
	return t, err
}

// names calls f with each variable of the text.
func (t text) names(f func(string)) {
	for i := 1; i < len(t); i += 2 {
		f(t[i])
	}
}

// expand puts the variables' values in.
func (t text) expand(value func(string) (string, error)) (string, error) {
	if len(t) == 1 {
		return t[0], nil
	}
	var b strings.Builder
	for i, s := range t {
		if i%2 == 1 {
			var err error
			if s, err = value(s); err != nil {
				return "", err
			}
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// pattern is expand for a regular expression that must match as a whole: values are taken literally.
func (t text) pattern(value func(string) (string, error)) (*regexp.Regexp, error) {
	s, err := t.expand(func(name string) (string, error) {
		v, err := value(name)
		return regexp.QuoteMeta(v), err
	})
	if err != nil {
		return nil, err
	}
	return regexp.Compile(`(?s)\A(?:` + s + `)\z`)
}

// unescape resolves \r \n \t \\ \xHH.
func unescape(s string) (string, error) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, nil
	}
	b := []byte(s[:i])
	for ; i < len(s); i++ {
		if s[i] != '\\' {
			b = append(b, s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", errors.New("lone backslash at the end")
		}
		switch s[i] {
		case 'r':
			b = append(b, '\r')
		case 'n':
			b = append(b, '\n')
		case 't':
			b = append(b, '\t')
		case '\\':
			b = append(b, '\\')
		case 'x':
			if i+2 >= len(s) {
				return "", errors.New(`\x needs two hex digits`)
			}
			v, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", errors.New(`\x needs two hex digits`)
			}
			b = append(b, byte(v))
			i += 2
		default:
			return "", fmt.Errorf(`unknown escape \%c`, s[i])
		}
	}
	return string(b), nil
}

// parseHex reads hex digits; spaces are for the reader.
func parseHex(s string) (text, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return nil, errors.New("no hex digits")
	}
	return text{string(b)}, nil
}

// parseSize reads a number of bytes, with suffix K or M.
func parseSize(s string) (int, error) {
	digits, unit := s, 1
	switch {
	case strings.HasSuffix(s, "K"):
		digits, unit = s[:len(s)-1], 1<<10
	case strings.HasSuffix(s, "M"):
		digits, unit = s[:len(s)-1], 1<<20
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("bad size %q", s)
	}
	if n > uint64(maxSize/unit) {
		return 0, fmt.Errorf("size %s is over the limit of %d bytes", s, maxSize)
	}
	return int(n) * unit, nil
}

// generate returns n bytes of a text that any policy lets pass and that is nowhere the same: lines of
// lower-case letters which depend on the offset, so that a byte in the wrong place is seen.
func generate(off, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		if at := uint64(off) + uint64(i); at%64 == 63 { //nolint:gosec // neither is negative
			b[i] = '\n'
		} else {
			b[i] = 'a' + byte(at*0x9E3779B97F4A7C15>>40%26)
		}
	}
	return b
}

// eicar builds the EICAR anti-malware test file. It is not written out anywhere, or scanners would take this
// program for malware.
func eicar() string {
	const masked = "DWAadAVwFRQFDmEJBQ8NYGF9BQt8YhYWfGIocRAcFhQHeAYBFBsRFAcReBQbARwDHAcABngBEAYBeBMcGRB0cR1+HX8="
	b, err := base64.StdEncoding.DecodeString(masked)
	if err != nil {
		panic(err) // a constant
	}
	for i := range b {
		b[i] ^= 0x55
	}
	return string(b)
}
