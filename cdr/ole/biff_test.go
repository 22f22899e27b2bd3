package ole

import (
	"bytes"
	"testing"
)

// TestRecordsAreCounted: the list of a workbook's records has the room that it needs and no more.
func TestRecordsAreCounted(t *testing.T) {
	begin, end := []byte{9, 8, 4, 0, 0, 6, 5, 0}, []byte{10, 0, 0, 0}
	sheet := append(bytes.Repeat([]byte{1, 2, 0, 0}, 1000), begin...) // with a chart in it
	sheet = append(append(sheet, end...), end...)
	book := bytes.Join([][]byte{begin, end, begin, sheet, make([]byte, 400)}, nil)
	b, err := readBIFF(book)
	if err != nil || len(b.recs) != 1006 || cap(b.recs) != len(b.recs) || len(b.subs) != 2 {
		t.Fatalf("%d records, room for %d, %d sheets, %v", len(b.recs), cap(b.recs), len(b.subs), err)
	}
}
