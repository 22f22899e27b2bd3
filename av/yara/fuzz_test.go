package yara_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzScan shows the built-in rules what nobody thought of. Nothing may make a scan fail.
func FuzzScan(f *testing.F) {
	for _, s := range slices.Concat(webSamples(), scriptSamples(), documentSamples(), shortcutSamples(), packageSamples(), programSamples()) {
		f.Add(s.hit)
		f.Add(s.miss)
	}
	e := newEngine(f, nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		fs, err := e.Scan(t.Context(), item(data))
		if err != nil {
			t.Fatal(err)
		}
		for i := range fs {
			if s := fs[i].Span; s.Start < 0 || s.Start > s.End || s.End > int64(len(data)) {
				t.Errorf("%s: span %v of %d bytes", fs[i].Rule, s, len(data))
			}
			if d := fs[i].Detail; strings.ContainsAny(d, "\r\n\x00") || !utf8.ValidString(d) {
				t.Errorf("%s: detail %q", fs[i].Rule, d)
			}
		}
	})
}
