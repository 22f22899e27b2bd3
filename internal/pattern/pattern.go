// Package pattern has regular expressions that cost nothing until they are used. The rooms that know a format each have a
// dozen of them, and most processes see few of the formats: compiled at the start, they would be a third of all that the
// collector goes through.
package pattern

import (
	"regexp"
	"regexp/syntax"
	"sync"
)

// Pattern is a regular expression in Go's syntax, compiled by its first use. Its methods are those of [regexp.Regexp], and may
// be called from many goroutines.
type Pattern struct {
	expr string
	once sync.Once
	re   *regexp.Regexp
}

// MustCompile returns the pattern of an expression, for variables of packages. It panics if the expression is none.
func MustCompile(expr string) *Pattern {
	if _, err := syntax.Parse(expr, syntax.Perl); err != nil {
		panic("pattern: " + err.Error())
	}
	return &Pattern{expr: expr}
}

func (p *Pattern) regexp() *regexp.Regexp {
	p.once.Do(func() { p.re = regexp.MustCompile(p.expr) })
	return p.re
}

// Match is that of [regexp.Regexp].
func (p *Pattern) Match(b []byte) bool { return p.regexp().Match(b) }

// MatchString is that of [regexp.Regexp].
func (p *Pattern) MatchString(s string) bool { return p.regexp().MatchString(s) }

// FindSubmatch is that of [regexp.Regexp].
func (p *Pattern) FindSubmatch(b []byte) [][]byte { return p.regexp().FindSubmatch(b) }

// FindSubmatchIndex is that of [regexp.Regexp].
func (p *Pattern) FindSubmatchIndex(b []byte) []int { return p.regexp().FindSubmatchIndex(b) }

// FindStringSubmatch is that of [regexp.Regexp].
func (p *Pattern) FindStringSubmatch(s string) []string { return p.regexp().FindStringSubmatch(s) }

// FindAllSubmatch is that of [regexp.Regexp].
func (p *Pattern) FindAllSubmatch(b []byte, n int) [][][]byte {
	return p.regexp().FindAllSubmatch(b, n)
}

// FindAllStringSubmatch is that of [regexp.Regexp].
func (p *Pattern) FindAllStringSubmatch(s string, n int) [][]string {
	return p.regexp().FindAllStringSubmatch(s, n)
}

// ReplaceAllString is that of [regexp.Regexp].
func (p *Pattern) ReplaceAllString(src, with string) string {
	return p.regexp().ReplaceAllString(src, with)
}

// ReplaceAllLiteral is that of [regexp.Regexp].
func (p *Pattern) ReplaceAllLiteral(src, with []byte) []byte {
	return p.regexp().ReplaceAllLiteral(src, with)
}

// ReplaceAllFunc is that of [regexp.Regexp].
func (p *Pattern) ReplaceAllFunc(src []byte, f func([]byte) []byte) []byte {
	return p.regexp().ReplaceAllFunc(src, f)
}

// ReplaceAllStringFunc is that of [regexp.Regexp].
func (p *Pattern) ReplaceAllStringFunc(src string, f func(string) string) string {
	return p.regexp().ReplaceAllStringFunc(src, f)
}

// FindIndex is that of [regexp.Regexp].
func (p *Pattern) FindIndex(b []byte) []int { return p.regexp().FindIndex(b) }

// FindAll is that of [regexp.Regexp].
func (p *Pattern) FindAll(b []byte, n int) [][]byte { return p.regexp().FindAll(b, n) }

// FindAllSubmatchIndex is that of [regexp.Regexp].
func (p *Pattern) FindAllSubmatchIndex(b []byte, n int) [][]int {
	return p.regexp().FindAllSubmatchIndex(b, n)
}

// ReplaceAll is that of [regexp.Regexp].
func (p *Pattern) ReplaceAll(src, with []byte) []byte { return p.regexp().ReplaceAll(src, with) }
