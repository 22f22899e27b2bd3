package sanitize_test

import (
	"testing"

	"icapd/sanitize"
	"icapd/signatures"
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
