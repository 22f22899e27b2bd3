package eval

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// apart are the attack classes whose recall is reported by class only: what they are made of is not a payload
// for one sink, and their figures would hide those of the others.
var apart = []string{"prompt", "prompt_implicit", "unicode", "jsonbomb"}

// hard are the benign classes made to be mistaken; they are reported by class only.
var hard = []string{"hard", "policy"}

// Report is what Evaluate counted. Fractions are 0 to 1.
type Report struct {
	Recall      float64 `json:"recall"`       // of attack lines, weak ones and the classes set apart left out
	MacroRecall float64 `json:"macro_recall"` // mean of the classes' recalls
	Precision   float64 `json:"precision"`    // of all lines with a finding, those labelled attack

	// FalsePositiveRate is the share of benign strings with a finding, the classes "hard" and "policy" left
	// out; ResponseFalsePositiveRate that of whole documents.
	FalsePositiveRate         float64 `json:"false_positive_rate"`
	ResponseFalsePositiveRate float64 `json:"response_false_positive_rate"`

	// MBPerSecond is the speed on benign documents, in 1e6 bytes a second of processor time, parsing included: what one
	// core does, whoever else uses the machine. It is that of whole documents, or of single strings if there are no others.
	MBPerSecond float64 `json:"mb_per_s"`

	ByClass               map[string]float64 `json:"by_class"`                 // recall by attack class
	FalsePositivesByClass map[string]float64 `json:"false_positives_by_class"` // by benign class
	FalsePositivesByRule  map[string]int     `json:"false_positives_by_rule"`  // lines
	Lines                 map[string]int     `json:"lines"`                    // by class
	BySource              []SourceReport     `json:"by_source"`
}

// SourceReport says how a source of attacks fares, and how it would if it had never been seen: without the
// rules that hit in no other source. Left out are only lines of classes of which other sources have at least
// minElsewhere lines: of the others it cannot be said how they would fare.
type SourceReport struct {
	Source        string             `json:"source"`
	Lines         int                `json:"lines"`
	Recall        float64            `json:"recall"`
	LeftOutLines  int                `json:"left_out_lines"`
	LeftOutSeen   float64            `json:"left_out_seen"`   // recall of those lines with all rules
	LeftOutRecall float64            `json:"left_out_recall"` // and without
	ByClass       map[string]float64 `json:"left_out_by_class"`
}

// minElsewhere is how many lines of a class other sources must have for a source to be left out of it.
const minElsewhere = 10

func (j *judge) report() Report {
	r := Report{
		ByClass: map[string]float64{}, FalsePositivesByClass: map[string]float64{},
		FalsePositivesByRule: j.fpRules, Lines: map[string]int{},
	}
	for class, t := range j.attacks {
		r.ByClass[class] = t.rate()
		r.Lines[class] = t.lines
	}
	r.recalls(j)
	var text, docs tally
	flagged := 0
	for class, t := range j.benign {
		r.FalsePositivesByClass[class] = t.rate()
		r.Lines["benign/"+class] = t.lines
		flagged += t.hit
		switch {
		case strings.HasPrefix(class, documentPrefix):
			docs.lines, docs.hit = docs.lines+t.lines, docs.hit+t.hit
		case !slices.Contains(hard, class):
			text.lines, text.hit = text.lines+t.lines, text.hit+t.hit
		}
	}
	r.FalsePositiveRate, r.ResponseFalsePositiveRate = text.rate(), docs.rate()
	found := 0
	for _, a := range j.seen {
		if len(a.rules) > 0 {
			found++
		}
	}
	if found+flagged > 0 {
		r.Precision = float64(found) / float64(found+flagged)
	}
	r.MBPerSecond = cmp.Or(j.documents.mb(), j.strings.mb())
	r.BySource = j.sources()
	return r
}

// recalls fills in the micro and macro figures: over the classes that are not set apart, or over all if the
// file has only those.
func (r *Report) recalls(j *judge) {
	counted := func(class string) bool {
		return !slices.Contains(apart, class) && !strings.HasPrefix(class, weakPrefix)
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(j.attacks)), counted) {
		counted = func(class string) bool { return !strings.HasPrefix(class, weakPrefix) }
	}
	var all tally
	classes := 0
	for class, t := range j.attacks {
		if !counted(class) {
			continue
		}
		classes++
		all.lines, all.hit = all.lines+t.lines, all.hit+t.hit
		r.MacroRecall += t.rate()
	}
	if classes > 0 {
		r.MacroRecall /= float64(classes)
	}
	r.Recall = all.rate()
}

// sources computes the leave-one-source-out figures.
func (j *judge) sources() []SourceReport {
	type both struct {
		seen, left, with tally
		byClass          map[string]*tally
	}
	by := map[string]*both{}
	lines := map[string]int{}   // by class
	here := map[[2]string]int{} // by class and source
	for _, a := range j.seen {
		if !a.weak {
			lines[a.class]++
			here[[2]string{a.class, a.source}]++
		}
	}
	for _, a := range j.seen {
		if a.weak || slices.Contains(apart, a.class) {
			continue
		}
		b := by[a.source]
		if b == nil {
			b = &both{byClass: map[string]*tally{}}
			by[a.source] = b
		}
		b.seen.count(len(a.rules) > 0)
		if lines[a.class]-here[[2]string{a.class, a.source}] < minElsewhere {
			continue
		}
		elsewhere := slices.ContainsFunc(a.rules, func(rule string) bool { return len(j.rules[rule]) > 1 })
		b.with.count(len(a.rules) > 0)
		b.left.count(elsewhere)
		bump(b.byClass, a.class, elsewhere)
	}
	var out []SourceReport
	for _, source := range slices.Sorted(maps.Keys(by)) {
		b := by[source]
		s := SourceReport{Source: source, Lines: b.seen.lines, Recall: b.seen.rate(), LeftOutLines: b.left.lines, LeftOutSeen: b.with.rate(), LeftOutRecall: b.left.rate(), ByClass: map[string]float64{}}
		for class, t := range b.byClass {
			s.ByClass[class] = t.rate()
		}
		out = append(out, s)
	}
	return out
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "recall               %6.2f %%\n", 100*r.Recall)
	fmt.Fprintf(&b, "macro recall         %6.2f %%\n", 100*r.MacroRecall)
	fmt.Fprintf(&b, "precision            %6.2f %%\n", 100*r.Precision)
	fmt.Fprintf(&b, "false positives      %6.2f %% of strings, %.2f %% of responses\n", 100*r.FalsePositiveRate, 100*r.ResponseFalsePositiveRate)
	fmt.Fprintf(&b, "speed                %6.1f MB/s (of processor time)\n", r.MBPerSecond)
	b.WriteString("\nrecall by class\n")
	for _, class := range slices.Sorted(maps.Keys(r.ByClass)) {
		fmt.Fprintf(&b, "  %-22s %6.2f %% of %d\n", class, 100*r.ByClass[class], r.Lines[class])
	}
	b.WriteString("\nfalse positives by class\n")
	for _, class := range slices.Sorted(maps.Keys(r.FalsePositivesByClass)) {
		fmt.Fprintf(&b, "  %-22s %6.2f %% of %d\n", class, 100*r.FalsePositivesByClass[class], r.Lines["benign/"+class])
	}
	if len(r.FalsePositivesByRule) > 0 {
		b.WriteString("\nfalse positives by rule\n")
		for _, rule := range slices.Sorted(maps.Keys(r.FalsePositivesByRule)) {
			fmt.Fprintf(&b, "  %-34s %d\n", rule, r.FalsePositivesByRule[rule])
		}
	}
	b.WriteString("\nleave one source out (rules that hit in no other source left out)\n")
	for _, s := range r.BySource {
		fmt.Fprintf(&b, "  %-16s %6.2f %% of %d; in classes that others have too %6.2f %% -> %6.2f %% of %d\n",
			s.Source, 100*s.Recall, s.Lines, 100*s.LeftOutSeen, 100*s.LeftOutRecall, s.LeftOutLines)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
