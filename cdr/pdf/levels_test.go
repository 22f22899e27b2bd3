package pdf

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"icapd/cdr/kit"
	"icapd/scan"
)

// nestedPages is a document whose page stands below so many nodes.
func nestedPages(levels int) []byte {
	var b strings.Builder
	b.WriteString("%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n")
	for i := range levels {
		fmt.Fprintf(&b, "%d 0 obj\n<</Type/Pages/Count 1/Kids[%d 0 R]>>\nendobj\n", i+2, i+3)
	}
	fmt.Fprintf(&b, "%d 0 obj\n<</Type/Page/Parent %d 0 R/MediaBox[0 0 9 9]>>\nendobj\ntrailer\n<</Root 1 0 R>>\n%%%%EOF", levels+2, levels+1)
	return []byte(b.String())
}

// TestPageLevels holds that a page tree that is a chain is refused: each node takes room, and no writer makes one.
func TestPageLevels(t *testing.T) {
	for levels, want := range map[int]bool{1: false, maxPageLevels / 2: false, 2 * maxPageLevels: true} {
		_, _, err := disarm(t, nestedPages(levels), kit.Switches{})
		var g *scan.Gap
		if limit := errors.As(err, &g) && g.Reason == scan.ReasonLimit && g.Limit == "depth"; limit != want || !want && err != nil {
			t.Errorf("%d levels: %v", levels, err)
		}
	}
}
