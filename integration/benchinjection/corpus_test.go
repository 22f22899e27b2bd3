package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"

	"icapd/sanitize/eval"
)

// TestCorpus holds that what is made is the same each time, is enough of every class, and has no empty slots.
func TestCorpus(t *testing.T) {
	text, err := corpus()
	if err != nil {
		t.Fatal(err)
	}
	again, err := corpus()
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("two runs make two corpora (%v)", err)
	}
	// A word of letters alone between braces, but for the braces that templates and formats have themselves.
	slot := regexp.MustCompile(`\{[a-z_]+\}`)
	attacksOf, benignOf := map[string]int{}, map[string]int{}
	for raw := range bytes.Lines(text) {
		var l eval.Line
		if err := json.Unmarshal(raw, &l); err != nil {
			t.Fatal(err)
		}
		if l.Label == "attack" {
			attacksOf[l.Class]++
		} else {
			benignOf[l.Class]++
		}
		doc, _, err := l.Document()
		if err != nil || !json.Valid(doc) {
			t.Errorf("%s: %v", doc, err)
		}
		if s := slot.Find(doc); s != nil && l.Class != "ssti" && l.Class != "hard" {
			t.Errorf("the slot %s is not filled: %s", s, doc)
		}
	}
	if len(attacksOf) != len(attacks) || len(attacks) < 19 {
		t.Errorf("%d classes of %d", len(attacksOf), len(attacks))
	}
	for class, n := range attacksOf {
		if n < attacksOfAClass*3/4 {
			t.Errorf("%d attacks of class %s only", n, class)
		}
	}
	if benignOf["data"] < 1000 || benignOf["api"] < 50 {
		t.Errorf("benign: %v", benignOf)
	}
}

func TestMedian(t *testing.T) {
	for want, figures := range map[float64][]float64{2: {3, 1, 2}, 2.5: {1, 2, 3, 4}, 7: {7}} {
		if got := median(figures); got != want {
			t.Errorf("median of %v is %v", figures, got)
		}
	}
}

// TestThin holds that every n-th line is kept.
func TestThin(t *testing.T) {
	text := []byte("a\nb\nc\nd\ne\nf\n")
	for lines, want := range map[int]string{0: string(text), 3: "a\nc\ne\n", 9: string(text)} {
		f := flags{lines: lines}
		if got := string(f.thin(text)); got != want {
			t.Errorf("%d lines: %q", lines, got)
		}
	}
}
