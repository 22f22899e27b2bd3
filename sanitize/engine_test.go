package sanitize_test

import (
	"testing"

	"icapd/sanitize"
	"icapd/signatures"
)

func builtin(tb testing.TB) *sanitize.Engine {
	tb.Helper()
	e, err := sanitize.New(sanitize.Options{Rules: []string{"builtin"}, Builtin: signatures.Injection()})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func TestBuiltinExamples(t *testing.T) {
	if err := builtin(t).SelfTest(); err != nil {
		t.Error(err)
	}
}
