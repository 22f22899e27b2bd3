package event

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// byReflection is what encoding/json makes of an event when it does not escape HTML.
func byReflection(tb testing.TB, e *Event) string {
	tb.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		tb.Fatal(err)
	}
	return string(bytes.TrimSpace(b.Bytes()))
}

func same(tb testing.TB, e *Event) {
	tb.Helper()
	if got, want := "{"+string(e.AppendFields(nil))+"}", byReflection(tb, e); got != want {
		tb.Errorf("got  %s\nwant %s", got, want)
	}
}

// generator fills values of any type, so that a field that an event gets is in the test at once.
type generator struct {
	*rand.Rand
	texts []string
}

func (g *generator) fill(v reflect.Value) {
	if g.IntN(4) == 0 {
		return // what is left out
	}
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(g.Int64N(4e9), g.Int64N(1e9)).In(time.FixedZone("", g.IntN(86400)/60*60-43200))))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				g.fill(field)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		g.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), g.IntN(4), 4))
		for i := range v.Len() {
			g.fill(v.Index(i))
		}
	case reflect.String:
		v.SetString(g.texts[g.IntN(len(g.texts))])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(g.Uint64()) >> g.IntN(64))
	case reflect.Float64:
		v.SetFloat(g.number())
	default:
		panic("no values for " + v.Type().String())
	}
}

func (g *generator) number() float64 {
	switch g.IntN(4) {
	case 0:
		return Millis(time.Duration(g.Int64N(1 << g.IntN(60) * 2)))
	case 1:
		return float64(g.Int64N(1e12)) / 1000
	case 2:
		return g.NormFloat64()
	}
	for {
		if f := math.Float64frombits(g.Uint64()); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
	}
}

var hardTexts = []string{
	"", "plain", `say "hello" \ / <b>&amp;</b>`, "\x00\x01\x1f\x7f\b\f\n\r\t", "grün 漢字 😀", "\u2028\u2029\u2027\ufffd", "\xff", "a\xe2\x80", "\xed\xa0\x80", "\xe2\x80\xa8x\xc0",
}

func TestAppendFields(t *testing.T) {
	g := &generator{rand.New(rand.NewPCG(1, 2)), hardTexts}
	for range 20_000 {
		var e Event
		g.fill(reflect.ValueOf(&e).Elem())
		if same(t, &e); t.Failed() {
			return
		}
	}
	for _, f := range []float64{math.Copysign(0, -1), 1e-6, 9.99e-7, 1e-10, 1e21, 9.99e20, -1e-7, 0.0005, 1.0005, 999999999.999, 1e9, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		same(t, &Event{Durations: Durations{Receive: f, Walk: f, Engines: []EngineTime{{Busy: f}}}})
	}
	infinite := &Event{Durations: Durations{Total: math.Inf(1), Scan: math.NaN()}}
	if line := "{" + string(infinite.AppendFields(nil)) + "}"; !json.Valid([]byte(line)) {
		t.Errorf("not JSON: %s", line)
	}
}

func FuzzAppendFields(f *testing.F) {
	for i, s := range hardTexts {
		f.Add(s, uint64(i), 0.001*float64(i))
	}
	f.Fuzz(func(t *testing.T, s string, seed uint64, number float64) {
		if math.IsNaN(number) || math.IsInf(number, 0) {
			number = 0
		}
		g := &generator{rand.New(rand.NewPCG(seed, 0)), append([]string{s, s, s, s, s, s}, hardTexts...)}
		e := Event{URL: s, Durations: Durations{Total: number}}
		same(t, &e)
		g.fill(reflect.ValueOf(&e).Elem())
		same(t, &e)
	})
}
