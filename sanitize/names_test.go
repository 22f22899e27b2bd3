package sanitize

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestCleanNames(t *testing.T) {
	var n cleanNames
	n.begin("application/json")
	if n.has(nil) != nil || n.has([]byte("id")) != nil {
		t.Error("an empty set has a name")
	}
	long := []byte(strings.Repeat("n", maxName+1))
	for _, name := range [][]byte{nil, []byte("id"), long[:maxName], long} {
		n.add(name, 7, 1<<20)
		if got, want := n.has(name) != nil, len(name) <= maxName; got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
	n.begin("application/json")
	if s := n.has([]byte("id")); s == nil || s.work != 7 || s.judged != math.MaxUint16 {
		t.Error("a name was forgotten")
	}
	n.begin("text/csv")
	if n.has([]byte("id")) != nil {
		t.Error("a name of another type")
	}
	// Names that share a place take it from each other, and none is mistaken for another.
	for i := range 10 * nameSlots {
		n.add(fmt.Appendf(nil, "name_%d", i), 0, 0)
		if n.has(fmt.Appendf(nil, "name_%d", i+1)) != nil {
			t.Fatalf("name_%d was never added", i+1)
		}
	}
}
