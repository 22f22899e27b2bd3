package schema

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// unjudged is a pattern that Go's regular expressions do not have: one that looks ahead or back, or refers to what
// it has matched. Linear time is worth more than such a pattern: it is not held against anything.
type unjudged struct{ pattern string }

// String returns the pattern.
func (u *unjudged) String() string { return u.pattern }

// MatchString implements jsonschema.Regexp.
func (*unjudged) MatchString(string) bool { return true }

// compileRegexp compiles a pattern of ECMA-262 as far as Go can. What is no pattern in either is an error.
func compileRegexp(pattern string) (jsonschema.Regexp, error) {
	re, err := regexp.Compile(pattern)
	if err == nil {
		return re, nil
	}
	if re, err := regexp.Compile(translate(pattern)); err == nil {
		return re, nil
	}
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		switch e.Code {
		case syntax.ErrInvalidPerlOp, syntax.ErrInvalidEscape, syntax.ErrInvalidRepeatSize, syntax.ErrInvalidCharRange,
			syntax.ErrInvalidNamedCapture, syntax.ErrLarge, syntax.ErrNestingDepth:
			return &unjudged{pattern}, nil
		default:
		}
	}
	return nil, err
}

// translate writes escapes of ECMA-262 as Go has them.
func translate(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] != '\\' || i+1 == len(p) {
			b.WriteByte(p[i])
			continue
		}
		if p[i+1] == 'u' && hex4([]byte(p[i:])) >= 0 {
			b.WriteString(`\x{` + p[i+2:i+6] + `}`)
			i += 5
			continue
		}
		b.WriteString(p[i : i+2])
		i++
	}
	return b.String()
}
