package sanitize_test

import (
	"icapd/sanitize"
	"icapd/signatures"
	"testing"
)

func builtin(t testing.TB) *sanitize.Engine {
	t.Helper()
	e, err := sanitize.New(sanitize.Options{Rules: []string{"builtin"}, Builtin: signatures.Injection()})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestBuiltinExamples(t *testing.T) {
	if err := builtin(t).SelfTest(); err != nil {
		t.Error(err)
	}
}
