package units

import (
	"math"
	"testing"
)

func TestParseSize(t *testing.T) {
	for in, want := range map[string]Size{
		"0": 0, "512": 512, "512B": 512, "64KiB": 65536, "64kib": 65536, "1MiB": 1 << 20, "2GiB": 2 << 30,
		"1TiB": 1 << 40, "1.5 GiB": 3 << 29, "10MB": 10_000_000, "1kb": 1000, " 3 KiB ": 3072,
		"9223372036854775807": math.MaxInt64, "0.5KiB": 512,
	} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "B", "KiB", "1G", "1K", "1 M", "-1", "-1KiB", "+1", "1e3", "0x10", "1..5KiB", "1.5", "NaN", "Inf", "1 2",
		"9223372036854775808", "9007199254740993KiB", "99999999TiB", "1KiBs", "1,5KiB", ".", "9999999.5TiB",
	} {
		if got, err := ParseSize(in); err == nil {
			t.Errorf("%q was read as %d", in, got)
		}
	}
}

func TestString(t *testing.T) {
	for in, want := range map[Size]string{0: "0", 1: "1B", 1500: "1500B", 1024: "1KiB", 1 << 20: "1MiB", 3 << 29: "1536MiB", 5 << 40: "5TiB"} {
		if got := in.String(); got != want {
			t.Errorf("%d: %q, want %q", in, got, want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"64KiB", "1.5GiB", "10MB", "", "1e9", "99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseSize(s)
		if err != nil {
			return
		}
		if n < 0 {
			t.Fatalf("%q is %d", s, n)
		}
		if again, err := ParseSize(n.String()); err != nil || again != n {
			t.Fatalf("%q: %d became %d (%v)", s, n, again, err)
		}
	})
}
