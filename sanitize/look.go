package sanitize

import (
	"strings"

	"github.com/corazawaf/libinjection-go"
)

// look is the working memory of one look at one value. It is used again and again, by one goroutine.
type look struct {
	engine   *Engine
	literals literalHits
}

func newLook(e *Engine) *look { return &look{engine: e} }

// inspect appends the hits in value to dst. It reports whether a limit kept it from looking at all of it.
func (l *look) inspect(dst []Hit, value []byte, fc *FieldContext) ([]Hit, bool) {
	groups, kinds := l.engine.filter.run(value, &l.literals)
	if kinds&kindQuote != 0 || groups&groupSQL != 0 {
		if ok, _ := libinjection.IsSQLi(string(value)); ok {
			dst = l.sign(dst, signSQL, value, fc)
		}
	}
	if kinds&kindTag != 0 || groups&groupMarkup != 0 {
		if strings.Contains(string(value), "<") && libinjection.IsXSS(string(value)) {
			dst = l.sign(dst, signXSS, value, fc)
		}
	}
	return dst, false
}

func (l *look) sign(dst []Hit, s sign, value []byte, fc *FieldContext) []Hit {
	for _, r := range l.engine.bySign[s] {
		if !l.engine.switchedOff(r, fc) {
			dst = append(dst, Hit{Rule: r, Severity: r.severity, Excerpt: excerpt(value, 0, len(value))})
		}
	}
	return dst
}
