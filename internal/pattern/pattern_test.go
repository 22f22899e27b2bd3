package pattern

import (
	"sync"
	"testing"
)

func TestPatternIsCompiledOnce(t *testing.T) {
	p := MustCompile(`^a+(b)`)
	if p.re != nil {
		t.Error("it is compiled before its first use")
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if !p.MatchString("aab") || p.Match([]byte("b")) {
				t.Error("it does not match what it should")
			}
		})
	}
	wg.Wait()
	first := p.re
	if got := p.FindStringSubmatch("ab"); len(got) != 2 || got[1] != "b" || p.re != first {
		t.Errorf("%q", got)
	}
}

func TestWrongExpressionPanicsAtOnce(t *testing.T) {
	for _, expr := range []string{`(`, `a{2000}`, `[z-a]`} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q is taken for an expression", expr)
				}
			}()
			MustCompile(expr)
		}()
	}
}
