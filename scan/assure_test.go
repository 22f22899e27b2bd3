package scan

import (
	"slices"
	"testing"
)

// assurer is a fake of which a test sets what it assures.
type assurer struct {
	fake
	assures func(*Item) bool
}

func (a assurer) Assures(it *Item) bool { return a.assures(it) }

func TestAssurer(t *testing.T) {
	always := func(*Item) bool { return true }
	never := func(*Item) bool { return false }
	panics := func(*Item) bool { panic("no idea") }
	tests := map[string]struct {
		engines []Engine
		want    Outcome
	}{
		"wants and assures":                     {[]Engine{assurer{fake{scan: nothing}, always}}, Clean},
		"assures what it does not want":         {[]Engine{assurer{fake{scan: nothing, wants: never}, always}}, Clean},
		"wants, and assures nothing":            {[]Engine{assurer{fake{scan: nothing}, never}}, Unknown},
		"wants, and panics":                     {[]Engine{assurer{fake{scan: nothing}, panics}}, Unknown},
		"assures nothing, beside one that does": {[]Engine{assurer{fake{scan: nothing}, never}, fake{scan: nothing}}, Clean},
		"the other way round":                   {[]Engine{fake{scan: nothing}, assurer{fake{scan: nothing}, never}}, Clean},
		"assures nothing, beside one that does not want": {
			[]Engine{assurer{fake{scan: nothing}, never}, fake{scan: nothing, wants: never}}, Unknown,
		},
	}
	for name, tt := range tests {
		r := Runner{Engines: tt.engines}
		v := r.Run(t.Context(), slices.Values([]*Item{{Path: "body", Blob: Bytes("x"), Message: &Message{}}}))
		if got := v.Outcome(); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
