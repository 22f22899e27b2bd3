package guard_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"icapd/av/guard"
	"icapd/scan"
	"icapd/scan/scantest"
)

// slow is an engine that takes as long as it says, and finds something at the end or when it is broken off.
func slow(d time.Duration) finder {
	return finder{func(ctx context.Context, _ *scan.Item) ([]scan.Finding, error) {
		found := []scan.Finding{{Rule: "r", Category: scan.WAF, Severity: scan.Medium}}
		select {
		case <-time.After(d):
			return found, nil
		case <-ctx.Done():
			return found, ctx.Err()
		}
	}}
}

func isLate(err error) bool {
	g := scan.GapFrom("finder", "body", err)
	return err != nil && g.Reason == scan.ReasonTimeout && g.Limit == "engines.finder.timeout"
}

// One message of many items waits for the engine as long as one of a single item may, and others have time of their own.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := guard.Budget(slow(2*time.Second), 5*time.Second)
		m, other := &scan.Message{ID: "a"}, &scan.Message{ID: "b"}
		began, looked, broken := time.Now(), 0, 0
		for range 25 {
			fs, err := e.Scan(t.Context(), item(m))
			switch {
			case err == nil:
				looked++
			case !isLate(err):
				t.Fatal(err)
			default:
				broken += len(fs)
			}
		}
		if took := time.Since(began); looked != 2 || broken != 1 || took != 5*time.Second {
			t.Errorf("%d items in %v, %d findings of the one that was broken off", looked, took, broken)
		}
		if _, err := e.Scan(t.Context(), item(other)); err != nil {
			t.Errorf("another message: %v", err)
		}
		gone, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := e.Scan(gone, item(other)); !errors.Is(err, context.DeadlineExceeded) || isLate(err) {
			t.Errorf("a message that is late itself: %v", err)
		}
	})
}

// The wait for a place counts, and scans beside each other count once.
func TestBudgetWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := guard.NewPool(1)
		e := guard.Budget(pool.Limit(slow(4*time.Second)), 5*time.Second)
		scans := func(messages ...*scan.Message) (late int) {
			var wg sync.WaitGroup
			var mu sync.Mutex
			for _, m := range messages {
				wg.Go(func() {
					if _, err := e.Scan(t.Context(), item(m)); isLate(err) {
						mu.Lock()
						late++
						mu.Unlock()
					} else if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			return late
		}
		began := time.Now()
		if late := scans(&scan.Message{}, &scan.Message{}, &scan.Message{}); late != 2 || time.Since(began) != 5*time.Second {
			t.Errorf("three messages, one place: %d late after %v", late, time.Since(began))
		}
		e = guard.Budget(slow(4*time.Second), 5*time.Second)
		m := &scan.Message{}
		if late := scans(m, m, m); late != 0 {
			t.Errorf("three items beside each other: %d late", late)
		}
		if late := scans(m); late != 1 {
			t.Error("the time was not counted")
		}
	})
}

func TestBudgetSuite(t *testing.T) {
	clean := []scantest.Sample{{Name: "text", Data: []byte("hello")}}
	scantest.Engine(t, func(t *testing.T) scan.Engine {
		t.Helper()
		return guard.Budget(noVersion{finder{}}, time.Minute)
	}, scantest.Options{Clean: clean})
}
