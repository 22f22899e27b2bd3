package content

import (
	"math/rand/v2"
	"testing"
)

// TestRawRange: the place of a part of a value is that of the characters and escapes that it was read from.
func TestRawRange(t *testing.T) {
	pieces := []struct{ raw, value string }{
		{"a", "a"}, {"bc", "bc"}, {`\n`, "\n"}, {`\/`, "/"}, {`\u00e9`, "\u00e9"}, {`\ud83d\ude00`, "\U0001f600"}, {`\ud800`, "\ufffd"}, {"\u00e9", "\u00e9"},
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		raw, value := []byte{'"'}, 0
		var ends, at []int // of pieces: in the value, in the raw form
		for range rng.IntN(12) {
			p := pieces[rng.IntN(len(pieces))]
			ends, at = append(ends, value), append(at, len(raw))
			raw, value = append(raw, p.raw...), value+len(p.value)
		}
		ends, at = append(ends, value), append(at, len(raw))
		raw = append(raw, '"')
		i := rng.IntN(len(ends))
		j := i + rng.IntN(len(ends)-i)
		if from, to := (jsonFormat{}).rawRange(raw, ends[i], ends[j]); from != at[i] || to != at[j] {
			t.Fatalf("%q from %d to %d: %d to %d, want %d to %d", raw, ends[i], ends[j], from, to, at[i], at[j])
		}
	}
}
