package eval_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"icapd/sanitize/eval"
	"icapd/scan"
)

// words finds "bad" (medium), "worse" (high, by another rule) and "meh" (low).
func words(_ context.Context, doc []byte, _ string) (found []scan.Finding) {
	for word, f := range map[string]scan.Finding{
		"bad": {Rule: "r-bad", Severity: scan.Medium}, "worse": {Rule: "r-worse", Severity: scan.High}, "meh": {Rule: "r-meh", Severity: scan.Low},
	} {
		if bytes.Contains(doc, []byte(word)) {
			found = append(found, f)
		}
	}
	return found
}

const labelled = `{"label":"attack","class":"sqli","source":"a","text":"bad"}
{"label":"attack","class":"sqli","source":"b","text":"bad <"}
{"label":"attack","class":"sqli","source":"b","text":"meh"}
{"label":"attack","class":"sqli","source":"b","strength":"weak","text":"fine"}

{"label":"attack","class":"xss","source":"b","json":"{\"x\":\"worse\"}"}
{"label":"attack","class":"prompt","source":"b","text":"fine"}
{"label":"benign","class":"prose","source":"c","text":"fine"}
{"label":"benign","class":"prose","source":"c","text":"bad luck"}
{"label":"benign","class":"hard","source":"c","text":"bad but hard"}
{"label":"benign","class":"doc","source":"c","json":"{}"}
`

func near(t *testing.T, name string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s is %v, want %v", name, got, want)
	}
}

func TestEvaluate(t *testing.T) {
	var misses bytes.Buffer
	r, err := eval.Evaluate(t.Context(), strings.NewReader(labelled), words, eval.Options{Misses: &misses})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "recall", r.Recall, 3.0/4)
	near(t, "macro recall", r.MacroRecall, (2.0/3+1)/2)
	near(t, "precision", r.Precision, 3.0/5)
	near(t, "false positives", r.FalsePositiveRate, 1.0/2)
	near(t, "of responses", r.ResponseFalsePositiveRate, 0)
	near(t, "sqli", r.ByClass["sqli"], 2.0/3)
	near(t, "weak", r.ByClass["weak/sqli"], 0)
	near(t, "prompt", r.ByClass["prompt"], 0)
	near(t, "hard", r.FalsePositivesByClass["hard"], 1)
	if r.MBPerSecond <= 0 {
		t.Error("no speed")
	}
	if got := strings.Count(misses.String(), "\n"); got != 4 {
		t.Errorf("%d misses:\n%s", got, misses.String())
	}
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`"recall":`, `"macro_recall":`, `"precision":`, `"false_positive_rate":`, `"mb_per_s":`, `"by_class":{`} {
		if !bytes.Contains(raw, []byte(key)) {
			t.Errorf("no %s in %s", key, raw)
		}
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "75.00 %") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

func TestEvaluateErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "no labelled lines",
		"{":                           "line 1: ",
		`{"label":"evil","text":"x"}`: "neither attack nor benign",
		"\n" + `{"label":"attack","class":"sqli"}`: "line 2: no",
		`{"label":"benign","class":"x","text":7}`:  "line 1: ",
	} {
		if _, err := eval.Evaluate(t.Context(), strings.NewReader(in), words, eval.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := eval.Evaluate(ctx, strings.NewReader(labelled), words, eval.Options{}); err == nil {
		t.Error("a cancelled run has no error")
	}
}

func TestDocument(t *testing.T) {
	text, raw := "a<b\u2028", " <x/>"
	if doc, typ, err := (&eval.Line{Text: &text}).Document(); err != nil || typ != "application/json" || !json.Valid(doc) || !bytes.Contains(doc, []byte("a<b")) {
		t.Errorf("%s, %s, %v", doc, typ, err)
	}
	if doc, typ, err := (&eval.Line{Raw: &raw}).Document(); err != nil || typ != "application/xml" || string(doc) != raw {
		t.Errorf("%s, %s, %v", doc, typ, err)
	}
	for raw, want := range map[string]string{"[1": "application/json", " {": "application/json", "[core]\na=b": "", "a;b\n1;2": "", "a=b&c=d": "", "": ""} {
		if _, typ, err := (&eval.Line{Raw: &raw}).Document(); err != nil || typ != want {
			t.Errorf("%q: %q, %v, want %q", raw, typ, err, want)
		}
	}
}

// TestLeaveOneOut holds the figures without the rules of one source.
func TestLeaveOneOut(t *testing.T) {
	line := func(class, source, text string) string {
		return `{"label":"attack","class":"` + class + `","source":"` + source + `","text":"` + text + "\"}\n"
	}
	in := strings.Repeat(line("sqli", "a", "bad"), 10) + strings.Repeat(line("sqli", "b", "bad"), 10) +
		strings.Repeat(line("sqli", "b", "worse"), 10) + line("xss", "b", "worse")
	r, err := eval.Evaluate(t.Context(), strings.NewReader(in), words, eval.Options{})
	if err != nil || len(r.BySource) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	a, b := r.BySource[0], r.BySource[1]
	near(t, "left out a", a.LeftOutRecall, 1)
	near(t, "recall of b", b.Recall, 1)
	near(t, "left out b", b.LeftOutRecall, 0.5) // r-worse hits in b only
	if b.Lines != 21 || b.LeftOutLines != 20 {  // nobody else has XSS
		t.Errorf("%+v", b)
	}
}
