package guard

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"icapd/scan"
)

// Pool is a number of places to scan in, shared by all engines that are limited by it: one place a core, for
// engines that do nothing but compute. It is fair between messages: they take turns, so that a message of ten
// thousand items does not keep one of a single item waiting. Make one with [NewPool].
type Pool struct {
	mu     sync.Mutex
	places int
	used   int
	queues map[*scan.Message]*queue
	turns  list.List // of *queue, each with a waiter at least; the front is next
	queued int
}

// queue is the waiting scans of one message.
type queue struct {
	message *scan.Message
	turn    *list.Element
	waiters list.List // of chan struct{}, closed when a place is handed over
}

// NewPool returns a pool. Less than one place counts as one.
func NewPool(places int) *Pool {
	return &Pool{places: max(1, places), queues: map[*scan.Message]*queue{}}
}

// Load returns how many places are taken, and how many scans wait for one.
func (p *Pool) Load() (used, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used, p.queued
}

// Limit returns the engine with its scans limited by the pool. A scan waits for its place until its ctx ends,
// and then fails with the ctx's error.
func (p *Pool) Limit(e scan.Engine) scan.Engine {
	return &limited{scan.Decorator{Engine: e}, p}
}

type limited struct {
	scan.Decorator
	pool *Pool
}

func (l *limited) Scan(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	if err := l.pool.acquire(ctx, it.Message); err != nil {
		return nil, fmt.Errorf("wait for a place to scan in: %w", err)
	}
	defer l.pool.release()
	return l.Engine.Scan(ctx, it)
}

// Begin implements [scan.Streamer]. Only the end of a stream takes a place.
func (l *limited) Begin(ctx context.Context, m *scan.Message, size int64) scan.Stream {
	s := l.Decorator.Begin(ctx, m, size)
	if s == nil {
		return nil
	}
	return &limitedStream{s, l.pool}
}

type limitedStream struct {
	scan.Stream
	pool *Pool
}

func (s *limitedStream) Finish(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	if err := s.pool.acquire(ctx, it.Message); err != nil {
		return nil, fmt.Errorf("wait for a place to scan in: %w", err)
	}
	defer s.pool.release()
	return s.Stream.Finish(ctx, it)
}

func (p *Pool) acquire(ctx context.Context, m *scan.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	if p.used < p.places && p.turns.Len() == 0 {
		p.used++
		p.mu.Unlock()
		return nil
	}
	q := p.queues[m]
	if q == nil {
		q = &queue{message: m}
		q.turn = p.turns.PushBack(q)
		p.queues[m] = q
	}
	ready := make(chan struct{})
	w := q.waiters.PushBack(ready)
	p.queued++
	p.mu.Unlock()

	select {
	case <-ready:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	select {
	case <-ready: // the place came at the same time: it goes to the next one
		p.used--
		p.hand()
	default:
		p.leave(q, w)
	}
	p.mu.Unlock()
	return ctx.Err()
}

func (p *Pool) release() {
	p.mu.Lock()
	p.used--
	p.hand()
	p.mu.Unlock()
}

// hand gives free places to the first scan of the message whose turn it is; then it is another's.
func (p *Pool) hand() {
	for p.used < p.places && p.turns.Len() > 0 {
		q := p.turns.Front().Value.(*queue) //nolint:forcetypeassert // turns holds nothing else
		w := q.waiters.Front()
		p.turns.MoveToBack(q.turn)
		p.used++
		close(w.Value.(chan struct{}))
		p.leave(q, w)
	}
}

// leave takes a waiter out of its queue.
func (p *Pool) leave(q *queue, w *list.Element) {
	q.waiters.Remove(w)
	p.queued--
	if q.waiters.Len() == 0 {
		p.turns.Remove(q.turn)
		delete(p.queues, q.message)
	}
}
