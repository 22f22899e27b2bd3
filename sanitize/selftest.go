package sanitize

import (
	"errors"
	"fmt"
	"slices"
)

// SelfTest tries every rule on its examples. The error joins each example that went wrong, and each rule
// without examples.
func (e *Engine) SelfTest() error {
	var errs []error
	for _, r := range e.rules {
		if len(r.Match) == 0 || len(r.NoMatch) == 0 {
			errs = append(errs, &RuleError{r.File, r.Line, fmt.Errorf("rule %s: examples are missing", r.ID)})
		}
		for _, x := range r.Match {
			if !e.hits(r, x) {
				errs = append(errs, &RuleError{r.File, r.Line, fmt.Errorf("rule %s does not match %q", r.ID, x)})
			}
		}
		for _, x := range r.NoMatch {
			if e.hits(r, x) {
				errs = append(errs, &RuleError{r.File, r.Line, fmt.Errorf("rule %s matches %q", r.ID, x)})
			}
		}
	}
	return errors.Join(errs...)
}

func (e *Engine) hits(r *Rule, text string) bool {
	if r.Sign == signNames[signNamePrototype] {
		return text == "prototype" // matched by where a name stands, see Engine.Scan
	}
	fc := FieldContext{}
	if len(r.Types) > 0 {
		fc.Type = r.Types[0]
	}
	if len(r.Kinds) > 0 {
		fc.Kind = kindNames[r.Kinds[0]]
	}
	return slices.ContainsFunc(e.inspectAll([]byte(text), fc), func(h Hit) bool {
		return h.Rule == r
	})
}

// inspectAll is Inspect without leaving out the weaker hits of a class.
func (e *Engine) inspectAll(value []byte, fc FieldContext) []Hit {
	l := e.borrow(4 * len(value))
	defer e.pool.Put(l)
	l.all(value, &fc)
	return slices.Clone(l.hits)
}
