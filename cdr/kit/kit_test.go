package kit

import (
	"context"
	"testing"
)

type reporting struct{}

func (reporting) Disarm(_ context.Context, job *Job, _ Document) (Result, error) {
	job.Removed("script", "page", ActionRemoved, "")
	return Result{}, nil
}

// Two documents inside of another report the same thing at the same place of each: those are two lines.
func TestReportOfNestedDocuments(t *testing.T) {
	job := NewJob(ModeDisarm, Switches{}, Limits{}, func(*Document) Handler { return reporting{} })
	for _, name := range []string{"a", "b", "b"} {
		if _, err := job.Recurse(t.Context(), Document{Path: name}); err != nil {
			t.Fatal(err)
		}
	}
	got := job.Removals()
	if len(got) != 3 || got[0].Location != "a/page" || got[1].Location != "b/page" || got[0].Count != 1 {
		t.Fatalf("%+v", got)
	}
	job.Retract(1)
	job.Removed("script", "b/page", ActionRemoved, "")
	job.Removed("script", "b/page", ActionRemoved, "")
	if got = job.Removals(); len(got) != 2 || got[1].Count != 2 {
		t.Fatalf("%+v", got)
	}
}
