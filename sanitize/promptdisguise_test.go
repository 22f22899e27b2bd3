package sanitize

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// What is passed over at a stride is what reading each letter finds nothing in.
func TestDespacedStride(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	spaced := 0
	for n := range 50_000 {
		s := make([]byte, rng.IntN(70))
		letters := []string{"a .-_*b1", "a  b c", "ab _.", "a b-", "a b c d e\xc3\xa9"}[rng.IntN(5)]
		for i := range s {
			if s[i] = letters[rng.IntN(len(letters))]; n%2 == 0 && i%2 == 1 {
				s[i] = " .-_* "[rng.IntN(6)]
			}
		}
		var want []byte
		from := 0
		for i := 0; i < len(s); i++ {
			if i > 0 && isWord(s[i-1]) || i+1 < len(s) && isWord(s[i+1]) && s[i+1] != '_' {
				continue
			}
			if end, letters := spacedRun(s, i); letters >= minSpaced {
				want = together(append(want, s[from:i]...), s[i:end])
				i, from = end-1, end
			}
		}
		if want = append(want, s[from:]...); from > 0 {
			spaced++
		}
		got, found := despaced(nil, s)
		if found != (from > 0) || found && !bytes.Equal(got, want) {
			t.Fatalf("%q became %q (%v), want %q", s, got, found, want)
		}
	}
	if spaced < 1000 {
		t.Errorf("only %d texts were spaced out", spaced)
	}
}
