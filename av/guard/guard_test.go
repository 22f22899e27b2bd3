package guard_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"icapd/av/guard"
	"icapd/scan"
	"icapd/scan/scantest"
)

// finder finds EICAR at the start of an item. scan, if set, is asked instead.
type finder struct {
	scan func(ctx context.Context, it *scan.Item) ([]scan.Finding, error)
}

func (finder) Name() string { return "finder" }

func (f finder) Scan(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	if f.scan != nil {
		return f.scan(ctx, it)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, err := it.Blob.Bytes()
	if err != nil || !bytes.HasPrefix(b, scantest.EICAR()[:20]) {
		return nil, err
	}
	return []scan.Finding{{Rule: "eicar", Category: scan.Malware, Severity: scan.High}}, nil
}

func item(m *scan.Message) *scan.Item {
	return &scan.Item{Message: m, Path: "body", Type: "text/plain", Blob: scan.Bytes("x")}
}

func TestSuite(t *testing.T) {
	clean := []scantest.Sample{{Name: "text", Data: []byte("hello")}}
	t.Run("pool", func(t *testing.T) {
		scantest.Engine(t, func(t *testing.T) scan.Engine {
			t.Helper()
			return guard.NewPool(2).Limit(noVersion{finder{}})
		}, scantest.Options{Clean: clean})
	})
	t.Run("breaker", func(t *testing.T) {
		scantest.Engine(t, func(t *testing.T) scan.Engine {
			t.Helper()
			return guard.Break(noVersion{finder{}}, guard.BreakerOptions{})
		}, scantest.Options{Clean: clean})
	})
}

// noVersion gives the engine the version that the suite asks every Versioner for.
type noVersion struct{ scan.Engine }

func (noVersion) Version() string { return "1" }

// TestPoolLimit counts how many scans run at the same time.
func TestPoolLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most, done atomic.Int64
		e := guard.NewPool(3).Limit(finder{func(context.Context, *scan.Item) ([]scan.Finding, error) {
			n := running.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			time.Sleep(time.Millisecond)
			running.Add(-1)
			done.Add(1)
			return nil, nil
		}})
		var wg sync.WaitGroup
		for range 100 {
			m := &scan.Message{}
			wg.Go(func() { _, _ = e.Scan(t.Context(), item(m)) })
		}
		wg.Wait()
		if most.Load() != 3 || done.Load() != 100 {
			t.Errorf("%d at the same time, %d done", most.Load(), done.Load())
		}
	})
}

// TestPoolFair has one message with a hundred items wait before one with a single item.
func TestPoolFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []*scan.Message
		pool := guard.NewPool(1)
		e := pool.Limit(finder{func(_ context.Context, it *scan.Item) ([]scan.Finding, error) {
			mu.Lock()
			order = append(order, it.Message)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			return nil, nil
		}})
		greedy, modest := &scan.Message{ID: "greedy"}, &scan.Message{ID: "modest"}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { _, _ = e.Scan(t.Context(), item(greedy)) })
		}
		synctest.Wait()
		wg.Go(func() { _, _ = e.Scan(t.Context(), item(modest)) })
		synctest.Wait()
		if used, waiting := pool.Load(); used != 1 || waiting != 100 {
			t.Errorf("%d run and %d wait", used, waiting)
		}
		wg.Wait()
		if i := slices.Index(order, modest); i < 0 || i > 2 {
			t.Errorf("the single item was served as number %d of %d", i, len(order))
		}
	})
}

func TestPoolCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := guard.NewPool(1)
		block := make(chan struct{})
		e := pool.Limit(finder{func(context.Context, *scan.Item) ([]scan.Finding, error) {
			<-block
			return nil, nil
		}})
		go func() { _, _ = e.Scan(t.Context(), item(&scan.Message{})) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := e.Scan(ctx, item(&scan.Message{}))
		if g := scan.GapFrom("", "", err); err == nil || g.Reason != scan.ReasonTimeout {
			t.Errorf("error %v", err)
		}
		if used, waiting := pool.Load(); used != 1 || waiting != 0 {
			t.Errorf("%d run and %d wait", used, waiting)
		}
		close(block)
		if _, err := e.Scan(t.Context(), item(&scan.Message{})); err != nil {
			t.Error(err)
		}
	})
}

// TestPoolStress cancels scans at random moments: no place may get lost.
func TestPoolStress(t *testing.T) {
	pool := guard.NewPool(2)
	e := pool.Limit(finder{func(context.Context, *scan.Item) ([]scan.Finding, error) { return nil, nil }})
	messages := []*scan.Message{{}, {}, {}}
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			for i := range 500 {
				ctx, cancel := context.WithCancel(t.Context())
				go cancel()
				_, _ = e.Scan(ctx, item(messages[(n+i)%len(messages)]))
				cancel()
			}
		})
	}
	wg.Wait()
	if used, waiting := pool.Load(); used != 0 || waiting != 0 {
		t.Errorf("%d places lost, %d waiters left", used, waiting)
	}
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked int
		var result error
		var changes []bool
		e := guard.Break(finder{func(context.Context, *scan.Item) ([]scan.Finding, error) {
			asked++
			return nil, result
		}}, guard.BreakerOptions{OnChange: func(_ string, err error) { changes = append(changes, err == nil) }})
		it := item(&scan.Message{})
		do := func(err error) scan.Reason {
			result = err
			_, got := e.Scan(t.Context(), it)
			return scan.GapFrom("", "", got).Reason
		}
		down := errors.New("down")

		// What is said about items, and canceled messages, do not open it.
		for range 10 {
			do(&scan.Gap{Reason: scan.ReasonLimit})
			do(&scan.Gap{Reason: scan.ReasonEncrypted})
			do(context.Canceled)
		}
		do(down)
		do(down)
		do(nil) // a success in between starts the count anew
		do(down)
		do(down)
		if asked != 35 {
			t.Fatalf("asked %d times, want 35", asked)
		}
		do(down)
		for range 1000 {
			if r := do(nil); r != scan.ReasonUnavailable {
				t.Fatalf("open circuit: %v", r)
			}
		}
		if asked != 36 {
			t.Errorf("asked %d times while open", asked-36)
		}
		time.Sleep(guard.DefaultPause)
		do(down) // the trial fails
		do(nil)
		if asked != 37 {
			t.Errorf("asked %d times, want one trial", asked-36)
		}
		time.Sleep(guard.DefaultPause)
		if _, err := e.Scan(t.Context(), it); err != nil {
			t.Errorf("the second trial: %v", err)
		}
		if _, err := e.Scan(t.Context(), it); err != nil {
			t.Errorf("after it: %v", err)
		}
		if !slices.Equal(changes, []bool{false, true}) {
			t.Errorf("changes %v", changes)
		}
	})
}

// TestBreakerTrial lets one scan through as the trial, and no other until it is done.
func TestBreakerTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		hang := make(chan struct{})
		e := guard.Break(finder{func(context.Context, *scan.Item) ([]scan.Finding, error) {
			if asked.Add(1) == 2 {
				<-hang
				return nil, nil
			}
			return nil, errors.New("down")
		}}, guard.BreakerOptions{Failures: 1, Pause: time.Second})
		it := item(&scan.Message{})
		_, _ = e.Scan(t.Context(), it)
		time.Sleep(time.Second)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { _, _ = e.Scan(t.Context(), it) })
		}
		synctest.Wait()
		if n := asked.Load(); n != 2 {
			t.Errorf("%d trials", n-1)
		}
		close(hang)
		wg.Wait()
	})
}

// TestBreakerDeadline tells a message that came too late from an engine that hangs.
func TestBreakerDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := guard.Break(finder{func(ctx context.Context, _ *scan.Item) ([]scan.Finding, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}, guard.BreakerOptions{Failures: 1})
		do := func(d time.Duration) scan.Reason {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			_, err := e.Scan(ctx, item(&scan.Message{}))
			return scan.GapFrom("", "", err).Reason
		}
		for range 3 {
			if do(time.Millisecond) != scan.ReasonTimeout {
				t.Error("a message without time opens the circuit")
			}
		}
		if do(2*time.Second) != scan.ReasonTimeout || do(time.Millisecond) != scan.ReasonUnavailable {
			t.Error("an engine that hangs does not open the circuit")
		}
	})
}
