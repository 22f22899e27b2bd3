package sanitize

import (
	"math"
	"slices"
	"strings"
	"testing"

	"icapd/signatures"
)

// TestStretches holds that a rule matches among many of its literals as it does where its windows are tried one by one.
func TestStretches(t *testing.T) {
	e, err := New(Options{Rules: []string{"builtin"}, Builtin: signatures.Injection()})
	if err != nil {
		t.Fatal(err)
	}
	found := func(value string, single bool) (ids []string) {
		l := newLook(e)
		l.left, l.stretches.single = math.MaxInt, single
		l.all([]byte(value), &FieldContext{})
		for i := range l.hits {
			ids = append(ids, l.hits[i].Rule.ID)
		}
		return ids
	}
	matched := 0
	for _, r := range e.rules {
		if r.pattern == nil || len(r.Match) == 0 {
			continue
		}
		literal := strings.Repeat(r.Literals[len(r.Literals)-1]+" - ", 1400/len(r.Literals[0]))
		for _, value := range []string{r.Match[0] + " - " + literal, literal + r.Match[0] + " - " + literal, literal + literal + r.Match[0]} {
			got, want := found(value, false), found(value, true)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", r.ID, got, want)
			}
			if slices.Contains(want, r.ID) {
				matched++
			}
		}
	}
	if matched < 50 {
		t.Errorf("only %d matches", matched)
	}
}
