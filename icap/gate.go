package icap

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// gate admits a number of requests at a time and queues some more, first come
// first served, for a limited time.
type gate struct {
	mu       sync.Mutex
	free     int
	maxQueue int
	timeout  time.Duration
	queue    list.List // of chan struct{}
}

func newGate(slots, maxQueue int, timeout time.Duration) *gate {
	return &gate{free: slots, maxQueue: maxQueue, timeout: timeout}
}

// acquire takes a slot, or returns ErrOverload when the queue is full or the
// time is up.
func (g *gate) acquire(ctx context.Context) error {
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		return nil
	}
	if g.queue.Len() >= g.maxQueue {
		g.mu.Unlock()
		return refine(ErrOverload, "queue full")
	}
	turn := make(chan struct{})
	place := g.queue.PushBack(turn)
	g.mu.Unlock()
	t := time.NewTimer(g.timeout)
	defer t.Stop()
	select {
	case <-turn:
		return nil
	case <-t.C:
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-turn: // the slot came at the same moment
		return nil
	default:
		g.queue.Remove(place)
		return refine(ErrOverload, "no capacity in time")
	}
}

// release hands the slot to the longest waiting request.
func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if first := g.queue.Front(); first != nil {
		close(g.queue.Remove(first).(chan struct{}))
		return
	}
	g.free++
}

func (g *gate) queued() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return int64(g.queue.Len())
}
