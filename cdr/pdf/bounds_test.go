package pdf

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"

	"icapd/cdr/kit"
	"icapd/scan"
)

// TestValues: a small file does not unpack to more values than it could have written plainly many times over.
func TestValues(t *testing.T) {
	var row strings.Builder // long enough that it packs less than 200:1
	for i := range 200 {
		row.WriteString(strconv.Itoa(i*i*i) + " ")
	}
	of := func(n int) []byte {
		return packed(carrier{page: "/X 6 0 R", objects: []string{"[" + strings.Repeat(row.String(), n/200) + "]"}})
	}
	if _, _, err := disarm(t, of(100_000), kit.Switches{}); err != nil {
		t.Error(err)
	}
	_, _, err := disarm(t, of(baseValues+1_000_000), kit.Switches{})
	var gap *scan.Gap
	if !errors.As(err, &gap) || gap.Limit != "objects" {
		t.Errorf("too many values: %v", err)
	}
}

// TestLongMetadata: a description that unpacks to more than any has is left out before it is unpacked.
func TestLongMetadata(t *testing.T) {
	of := func(n int) []byte {
		var xmp strings.Builder
		for i := range n {
			xmp.WriteString("<a b='" + canary + strconv.Itoa(i*i) + "'/>")
		}
		return table(carrier{
			catalog: "/Metadata 6 0 R/OpenAction<</S/JavaScript/JS(" + canary + "())>>",
			objects: []string{streamOf("/Type/Metadata/Subtype/XML/Filter/FlateDecode", string(deflated([]byte("<x>"+xmp.String()+"</x>"))))},
		})
	}
	for n, want := range map[int]bool{10: true, maxMetadata / 20: false} {
		out, _, err := disarm(t, of(n), kit.Switches{})
		if err != nil || bytes.Contains(out, []byte("/Subtype /XML")) != want {
			t.Errorf("%d elements: %.800q, %v", n, out, err)
		}
	}
}
