package cdr

import "testing"

// Each media type has one handler, and the table is not empty.
func TestFormatsDoNotOverlap(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Formats() {
		for _, mediaType := range f.Types() {
			if seen[mediaType] {
				t.Errorf("two formats for %s", mediaType)
			}
			seen[mediaType] = true
		}
	}
	if len(seen) < 5 {
		t.Fatalf("%d media types only", len(seen))
	}
}
