package sanitize

import "math"

// Work returns the work that it takes to look at a value, all views, detectors and expressions together.
func Work(e *Engine, value []byte) int {
	l := e.pool.Get().(*look)
	defer e.pool.Put(l)
	l.left = math.MaxInt
	l.all(value, &FieldContext{})
	return l.work()
}

// Triggers returns every literal that calls a detector or a rule.
func Triggers(e *Engine) (texts []string) {
	for _, l := range e.filter.literals {
		texts = append(texts, l.text)
	}
	return texts
}

// WithWork returns a rewriter that may do so much work for an item of any size.
func (r *Rewriter) WithWork(n int) *Rewriter {
	again := *r
	again.work = n
	return &again
}
