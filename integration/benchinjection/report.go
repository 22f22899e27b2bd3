package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"icapd/sanitize/eval"
)

// The goals, all of icapd's engine. But for the speed they are about traffic that was collected; on what is made here
// the engine must do better than Coraza.
const (
	goalSpeed    = 60.0  // MB/s
	goalRecall   = 0.97  // of attacks, all classes together
	goalMacro    = 0.95  // mean of the classes
	goalStrings  = 0.002 // false positives: of benign strings
	goalMessages = 0.005 // and of benign responses
)

// report prints the table and returns how many goals were missed.
func report(out io.Writer, all []*contender, collected bool) (missed int) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, cell func(*contender) string, goal string, ok bool) {
		_, _ = fmt.Fprintf(w, "%s\t", name)
		for _, c := range all {
			_, _ = fmt.Fprintf(w, "%s\t", cell(c))
		}
		if goal != "" && !ok {
			goal += "  MISSED"
			missed++
		} else if goal != "" {
			goal += "  ok"
		}
		_, _ = fmt.Fprintf(w, "%s\t\n", goal)
	}
	ours, coraza := all[0], all[1]
	r, theirs := &ours.report, &coraza.report
	// share is a row about a share, which must be at least or at most what is said.
	share := func(name string, of func(*eval.Report) float64, atLeast bool, goal float64) {
		if !collected {
			goal = of(theirs)
		}
		word, ok := ">=", of(r) >= goal
		if !atLeast {
			word, ok = "<=", of(r) <= goal
		}
		row(name, func(c *contender) string { return percent(of(&c.report)) }, fmt.Sprintf("%s %.3g %%", word, 100*goal), ok)
	}
	row("", func(c *contender) string { return c.name }, "", true)
	row("MB/s of benign JSON", func(c *contender) string { return fmt.Sprintf("%.3g", median(c.speeds)) },
		fmt.Sprintf(">= %v", goalSpeed), median(ours.speeds) >= goalSpeed)
	row("as icapd's share", func(c *contender) string { return fmt.Sprintf("1/%.3g", median(ours.speeds)/median(c.speeds)) }, "", true)
	share("recall", func(r *eval.Report) float64 { return r.Recall }, true, goalRecall)
	share("macro recall", func(r *eval.Report) float64 { return r.MacroRecall }, true, goalMacro)
	row("precision", func(c *contender) string { return percent(c.report.Precision) }, "", true)
	share("strings reported wrongly", func(r *eval.Report) float64 { return r.FalsePositiveRate }, false, goalStrings)
	share("responses reported wrongly", func(r *eval.Report) float64 { return r.ResponseFalsePositiveRate }, false, goalMessages)
	for _, class := range []string{"hard", "policy"} {
		if n := r.Lines["benign/"+class]; n > 0 {
			row(fmt.Sprintf("of class %s (%d)", class, n), func(c *contender) string { return percent(c.report.FalsePositivesByClass[class]) }, "", true)
		}
	}
	for _, class := range slices.Sorted(maps.Keys(r.ByClass)) {
		if !strings.HasPrefix(class, "weak/") {
			row(fmt.Sprintf("%s (%d)", class, r.Lines[class]), func(c *contender) string { return percent(c.report.ByClass[class]) }, "", true)
		}
	}
	for _, source := range r.BySource {
		row("from "+source.Source, func(c *contender) string {
			i := slices.IndexFunc(c.report.BySource, func(s eval.SourceReport) bool { return s.Source == source.Source })
			return percent(c.report.BySource[i].Recall)
		}, "", true)
	}
	_ = w.Flush()
	return missed
}

func percent(f float64) string { return fmt.Sprintf("%.2f %%", 100*f) }

// median returns the median of at least one figure.
func median(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
