package sanitize_test

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"icapd/sanitize"
	"icapd/scan"
)

// seed adds the payloads of the tests, and a piece of each hostile value.
func seed(f *testing.F) {
	f.Helper()
	n := 0
	for p := range payloads {
		f.Add([]byte(p))
		n++
	}
	for _, h := range hostile() {
		f.Add([]byte(h[:200]))
		n++
	}
	if n == 0 {
		f.Fatal("no seeds")
	}
}

// FuzzInspect looks for values that break a decoder or a detector: a panic, a hit outside the value, a look that
// changes what it looks at or answers differently the second time.
func FuzzInspect(f *testing.F) {
	seed(f)
	e := builtin(f)
	f.Fuzz(func(t *testing.T, value []byte) {
		before := bytes.Clone(value)
		hits := e.Inspect(nil, value, sanitize.FieldContext{})
		again := e.Inspect(nil, value, sanitize.FieldContext{Kind: scan.KindString})
		if !bytes.Equal(before, value) {
			t.Fatal("the value was changed")
		}
		if len(hits) != len(again) {
			t.Fatalf("%v and then %v", classes(hits), classes(again))
		}
		for i := range hits {
			if hits[i].Rule != again[i].Rule || !utf8.ValidString(hits[i].Excerpt) {
				t.Fatalf("%+v and then %+v", hits[i], again[i])
			}
		}
	})
}

// FuzzDefang looks for values that stay dangerous, or that change when they are made inert a second time.
func FuzzDefang(f *testing.F) {
	seed(f)
	e := builtin(f)
	f.Fuzz(func(t *testing.T, value []byte) {
		if !utf8.Valid(value) {
			return // what a JSON string cannot hold
		}
		hits := e.Inspect(nil, value, sanitize.FieldContext{})
		if len(hits) == 0 {
			return
		}
		out, action := e.Defang(value, sanitize.FieldContext{}, classes(hits))
		if left := e.Inspect(nil, out, sanitize.FieldContext{}); len(left) > 0 {
			t.Fatalf("%q became %q (%s), which still has %s", value, out, action, left[0].Rule.ID)
		}
		if !utf8.Valid(out) {
			t.Fatalf("%q became %q", value, out)
		}
		if twice, _ := e.Defang(out, sanitize.FieldContext{}, classes(hits)); !bytes.Equal(out, twice) {
			t.Fatalf("%q became %q and then %q", value, out, twice)
		}
	})
}
