package sanitize

import (
	"bytes"
	"testing"
)

func TestLower(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for from := range 9 {
		in := all[from:]
		want := make([]byte, len(in))
		for i, c := range in {
			if want[i] = c; 'A' <= c && c <= 'Z' {
				want[i] = c + 'a' - 'A'
			}
		}
		if got := lower(nil, in); !bytes.Equal(got, want) {
			t.Errorf("from %d: %q, want %q", from, got, want)
		}
	}
}

// Every word of the table is found in spite of the look at its shape.
func TestPromptWordOf(t *testing.T) {
	for w, k := range promptWords {
		if got := promptWordOf([]byte(w)); got != k {
			t.Errorf("%q: %v, want %v", w, got, k)
		}
	}
	for _, w := range []string{"", "zzz", "é", "x", "1"} {
		if got := promptWordOf([]byte(w)); got != promptWords[w] {
			t.Errorf("%q: %v", w, got)
		}
	}
}
