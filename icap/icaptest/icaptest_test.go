package icaptest

import (
	"slices"
	"testing"
)

func TestLoad(t *testing.T) {
	cases, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, c := range cases {
		for _, n := range c.Numbers {
			seen[n] = true
		}
	}
	for n := 1; n <= 70; n++ {
		if !seen[n] {
			t.Errorf("no transcript for case %d", n)
		}
	}
	for _, s := range services {
		if !slices.ContainsFunc(cases, func(c Case) bool { return slices.Contains(c.Needs, s) }) {
			t.Errorf("no transcript uses the service %s", s)
		}
	}
	t.Logf("%d transcripts", len(cases))
}
