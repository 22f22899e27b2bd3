package markup

import (
	"errors"
	"strings"
	"testing"

	"icapd/scan"
)

// TestManyAttributes: an element of nothing but attributes is refused, and long texts and programs are not.
func TestManyAttributes(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want bool
	}{
		"attributes":        {"<p>x</p><p " + strings.Repeat("a=1 ", maxAttributes+1) + ">", true},
		"and no end":        {"<p\n" + strings.Repeat("a\n", maxAttributes+1), true},
		"few":               {"<p " + strings.Repeat("a=1 ", 1000) + ">x</p>", false},
		"a text":            {"<p>" + strings.Repeat("word ", maxAttributes+1) + "</p>", false},
		"a long value":      {`<img alt="x" src="data:image/png;base64,` + strings.Repeat("QUJD", maxAttributes) + `">`, false},
		"a less-than sign ": {"1 < 2 " + strings.Repeat("word ", maxAttributes+1), false},
	} {
		_, _, err := run(t, HTML{}, c.in)
		var g *scan.Gap
		if limit := errors.As(err, &g) && g.Reason == scan.ReasonLimit; limit != c.want || !c.want && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
