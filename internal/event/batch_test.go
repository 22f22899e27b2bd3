package event

import (
	"strconv"
	"sync"
	"testing"
)

// collector is what a Batch hands its events to.
type collector struct {
	mu    sync.Mutex
	seen  []*Event
	calls int
	some  chan struct{} // closed with the first call
}

func newCollector() *collector { return &collector{some: make(chan struct{})} }

func (c *collector) take(events []*Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, events...)
	if c.calls++; c.calls == 1 {
		close(c.some)
	}
}

func (c *collector) count() (seen, calls int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen), c.calls
}

func TestBatchHandsOnWhatIsAlone(t *testing.T) {
	c := newCollector()
	b := NewBatch(c.take)
	defer b.Close()
	b.Add(&Event{})
	<-c.some
	if n, _ := c.count(); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestBatchFlushes(t *testing.T) {
	c := newCollector()
	b := NewBatch(c.take)
	defer b.Close()
	for i := range 5 {
		b.Add(&Event{Status: i})
		b.Flush()
		if n, _ := c.count(); n != i+1 {
			t.Fatalf("%d events of %d", n, i+1)
		}
	}
}

// TestBatchOrder adds from many goroutines: all events arrive once, those of each goroutine in order, and many at a time.
func TestBatchOrder(t *testing.T) {
	const adders, each = 8, 20_000
	c := newCollector()
	b := NewBatch(c.take)
	var wg sync.WaitGroup
	for a := range adders {
		wg.Go(func() {
			for i := range each {
				b.Add(&Event{Service: strconv.Itoa(a), Status: i})
			}
		})
	}
	wg.Wait()
	b.Close()
	next := map[string]int{}
	for _, e := range c.seen {
		if e.Status != next[e.Service] {
			t.Fatalf("adder %s: event %d where %d was next", e.Service, e.Status, next[e.Service])
		}
		next[e.Service]++
	}
	n, calls := c.count()
	if n != adders*each {
		t.Errorf("%d events of %d", n, adders*each)
	}
	if calls > n/2 {
		t.Errorf("%d calls for %d events", calls, n)
	}
	b.Add(&Event{}) // too late, and nobody's loss but its own
}

// TestBatchBound takes nothing until more events wait than may: then who adds waits, too.
func TestBatchBound(t *testing.T) {
	began, let := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var most int
	b := NewBatch(func(events []*Event) {
		once.Do(func() { close(began); <-let })
		most = max(most, len(events))
	})
	b.Add(&Event{})
	<-began
	added := make(chan struct{})
	go func() {
		defer close(added)
		for range 2 * maxPending {
			b.Add(&Event{})
		}
	}()
	for waiting := 0; waiting < maxPending; {
		b.mu.Lock()
		waiting = len(b.pending)
		b.mu.Unlock()
	}
	select {
	case <-added:
		t.Error("nobody waited")
	default:
	}
	close(let)
	<-added
	b.Close()
	if most > maxPending {
		t.Errorf("%d events at a time", most)
	}
}
