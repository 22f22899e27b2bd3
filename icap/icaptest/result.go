package icaptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Outcome is what became of a case. The zero value is no pass.
type Outcome uint8

// The outcomes.
const (
	NotRun  Outcome = iota
	Passed          // the server did all that the transcript expects
	Failed          // it did not
	Skipped         // the target has not what the case needs
)

// String returns "not run", "pass", "FAIL" or "skip".
func (o Outcome) String() string {
	switch o {
	case Passed:
		return "pass"
	case Failed:
		return "FAIL"
	case Skipped:
		return "skip"
	case NotRun:
	}
	return "not run"
}

// MarshalText implements encoding.TextMarshaler: the string in lower case.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(strings.ToLower(o.String())), nil }

// Result is what became of one case.
type Result struct {
	Case
	Outcome  Outcome       `json:"outcome"`
	Detail   string        `json:"detail,omitempty"` // of a failure: file, line, what was wrong; of a skip: what is missing
	Duration time.Duration `json:"duration_ns"`
	Dialogue []string      `json:"-"` // what went over the wire, shortened, '>' from the client, '<' from the server
}

// Count returns the number of results with an outcome.
func Count(results []Result, o Outcome) int {
	n := 0
	for i := range results {
		if results[i].Outcome == o {
			n++
		}
	}
	return n
}

// WriteTable writes the results as a table for people, a line each, and a line with the totals.
func WriteTable(w io.Writer, results []Result) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	line := func(cells ...string) error {
		_, err := io.WriteString(tw, strings.Join(cells, "\t")+"\n")
		return err
	}
	err := line("RESULT", "CASE", "EXPECTATION", "DETAIL")
	for i := range results {
		r := &results[i]
		err = errors.Join(err, line(r.Outcome.String(), r.ID, r.Want, r.Detail))
	}
	if err != nil {
		return err
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%d cases: %d passed, %d failed, %d skipped\n", len(results),
		Count(results, Passed), len(results)-Count(results, Passed)-Count(results, Skipped), Count(results, Skipped))
	return err
}

// WriteJSON writes one JSON object a result, a line each.
func WriteJSON(w io.Writer, results []Result) error {
	enc := json.NewEncoder(w)
	for i := range results {
		if err := enc.Encode(&results[i]); err != nil {
			return err
		}
	}
	return nil
}

// T is what RunT needs of *testing.T, so that a program which embeds the suite does not link package testing.
type T[Self any] interface {
	Helper()
	Context() context.Context
	Run(name string, f func(Self)) bool
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// RunT plays the cases against the target, a sub-test each: RunT(t, target). With needs it plays only the
// cases that have one of them. A case that the target has not the means for is skipped; a target that can
// run none of them fails.
func RunT[TT T[TT]](t TT, target Target, needs ...string) {
	t.Helper()
	cases, err := Load()
	if err != nil {
		t.Fatalf("%v", err)
	}
	if len(needs) > 0 {
		cases = slices.DeleteFunc(cases, func(c Case) bool {
			return !slices.ContainsFunc(c.Needs, func(n string) bool { return slices.Contains(needs, n) })
		})
	}
	results := Run(t.Context(), target, cases)
	for i := range results {
		r := &results[i]
		t.Run(r.ID, func(t TT) {
			t.Helper()
			switch r.Outcome {
			case Passed:
			case Skipped:
				t.Skipf("%s", r.Detail)
			case Failed, NotRun:
				t.Errorf("want: %s\n%s\n%s", r.Want, r.Detail, strings.Join(r.Dialogue, "\n"))
			}
		})
	}
	if Count(results, Skipped) == len(results) {
		t.Fatalf("no case was run")
	}
}
