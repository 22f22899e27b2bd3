package event

import (
	"sync"
	"time"
)

const (
	// batchSize is how many events are handed on at a time, at least, when there are many.
	batchSize = 32
	// batchDelay is by how much an event may be late when there are few.
	batchDelay = 10 * time.Millisecond
	// maxPending is how many may wait before messages wait for them.
	maxPending = 8192
)

// Batch hands events on, many at a time and in the order in which they came. What is done with an event after its message
// (to count it, to remember it, to queue it for the audit stream) is little, but much code over many tables: done in the
// middle of the work for messages it finds none of that in the processor's caches, and costs twice what it does in a row.
//
// Its methods may be called from many goroutines.
type Batch struct {
	take func([]*Event)

	mu      sync.Mutex
	pending []*Event
	spare   []*Event // empty; where the next ones are collected while those that are pending are taken

	taking sync.Mutex // held while take is called
	first  chan struct{}
	stop   chan struct{}
	done   chan struct{}
}

// NewBatch returns a batch that gives its events to take: by the goroutine that adds one, or by its own, one call at a time.
// take must not keep the slice, nor wait for anybody. Close ends the batch.
func NewBatch(take func([]*Event)) *Batch {
	b := &Batch{
		take: take, pending: make([]*Event, 0, 2*batchSize), spare: make([]*Event, 0, 2*batchSize),
		first: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go b.run()
	return b
}

// Add takes an event on, which must not change any more. It is handed on within some 10 ms, or when Flush is called.
func (b *Batch) Add(e *Event) {
	b.mu.Lock()
	b.pending = append(b.pending, e)
	n := len(b.pending)
	b.mu.Unlock()
	switch {
	case n == 1:
		select {
		case b.first <- struct{}{}:
		default:
		}
	case n >= maxPending:
		b.Flush()
	case n >= batchSize && b.taking.TryLock(): // else somebody is at it, or the next one will be
		b.hand()
		b.taking.Unlock()
	}
}

// Flush hands on what was added before.
func (b *Batch) Flush() {
	b.taking.Lock()
	defer b.taking.Unlock()
	b.hand()
}

// hand is called with taking held.
func (b *Batch) hand() {
	b.mu.Lock()
	events := b.pending
	b.pending, b.spare = b.spare, nil
	b.mu.Unlock()
	if len(events) > 0 {
		b.take(events)
	}
	clear(events)
	if cap(events) > maxPending {
		events = make([]*Event, 0, 2*batchSize) // one rush is no reason to hold on to it
	}
	b.mu.Lock()
	b.spare = events[:0]
	b.mu.Unlock()
}

// run hands on what would wait for too long.
func (b *Batch) run() {
	defer close(b.done)
	t := time.NewTimer(batchDelay)
	defer t.Stop()
	for {
		select {
		case <-b.first:
		case <-b.stop:
			return
		}
		t.Reset(batchDelay)
		select {
		case <-t.C:
		case <-b.stop:
			return
		}
		b.Flush()
	}
}

// Close hands on what was added, and ends the batch. It must be called once; nothing may be added after it.
func (b *Batch) Close() {
	close(b.stop)
	<-b.done
	b.Flush()
}
