package guard

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"icapd/scan"
)

// The defaults of [BreakerOptions].
const (
	DefaultFailures = 3
	DefaultPause    = 2 * time.Second
)

// BreakerOptions configures [Break]. Zero values mean the defaults.
type BreakerOptions struct {
	// Failures is how many failures in a row open the circuit.
	Failures int

	// Pause is how long the circuit stays open before one scan is let through as a trial, and so bounds how
	// late the engine's return is noticed.
	Pause time.Duration

	// OnChange, if set, is called when the circuit opens, with the last failure, and when it closes, with
	// nil. It must not block.
	OnChange func(engine string, err error)
}

// Break returns the engine with a circuit breaker: after some failures in a row its scans fail at once with
// [scan.ReasonUnavailable], so that a dead engine costs no time-out per message, until a trial succeeds.
//
// A failure is that the engine could not be reached, failed or ran into a time-out. What an engine says about
// an item (too large, encrypted, corrupt, unsupported) is an answer like any other. A canceled message says
// nothing, and neither does one whose time was up before the engine had a second of it.
func Break(e scan.Engine, o BreakerOptions) scan.Engine {
	o.Failures = cmp.Or(max(0, o.Failures), DefaultFailures)
	o.Pause = cmp.Or(max(0, o.Pause), DefaultPause)
	return &breaker{Decorator: scan.Decorator{Engine: e}, o: o}
}

type breaker struct {
	scan.Decorator
	o BreakerOptions

	mu       sync.Mutex
	failures int       // in a row
	last     error     // the latest of them
	next     time.Time // when the circuit is open: of the next trial
}

// Scan implements [scan.Engine].
func (b *breaker) Scan(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	return b.try(ctx, func() ([]scan.Finding, error) { return b.Engine.Scan(ctx, it) })
}

// Check implements [scan.Checker]. A check that succeeds has the next scan tried at once.
func (b *breaker) Check(ctx context.Context) error {
	err := b.Decorator.Check(ctx)
	if err == nil {
		b.mu.Lock()
		b.next = time.Time{}
		b.mu.Unlock()
	}
	return err
}

// Begin implements [scan.Streamer]: there is no stream while the circuit is open.
func (b *breaker) Begin(ctx context.Context, m *scan.Message, size int64) scan.Stream {
	b.mu.Lock()
	open := b.failures >= b.o.Failures
	b.mu.Unlock()
	if open {
		return nil
	}
	s := b.Decorator.Begin(ctx, m, size)
	if s == nil {
		return nil
	}
	return &breakerStream{s, b}
}

type breakerStream struct {
	scan.Stream
	b *breaker
}

func (s *breakerStream) Finish(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	return s.b.try(ctx, func() ([]scan.Finding, error) { return s.Stream.Finish(ctx, it) })
}

// try does a scan, if the circuit is closed or it is time for a trial, and learns from how it goes.
func (b *breaker) try(ctx context.Context, do func() ([]scan.Finding, error)) ([]scan.Finding, error) {
	if err := b.admit(); err != nil {
		return nil, err
	}
	begin := time.Now()
	fs, err := do()
	switch judge(err) {
	case good:
		b.succeeded()
	case bad:
		if ctx.Err() == nil || time.Since(begin) >= fairChance {
			b.failed(err)
		}
	case neither:
	}
	return fs, err
}

// fairChance is how much time an engine must have had for a message's deadline to speak against it.
const fairChance = time.Second

// admit is nil if the engine may be asked. A trial puts the next one off, so that there is one at a time.
func (b *breaker) admit() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < b.o.Failures {
		return nil
	}
	if now := time.Now(); !now.Before(b.next) {
		b.next = now.Add(b.o.Pause)
		return nil
	}
	return &scan.Gap{
		Reason: scan.ReasonUnavailable,
		Err:    fmt.Errorf("%s is not asked after %d failures: %w", b.Name(), b.failures, b.last),
	}
}

func (b *breaker) succeeded() {
	b.mu.Lock()
	was := b.failures
	b.failures, b.last = 0, nil
	b.mu.Unlock()
	if was >= b.o.Failures && b.o.OnChange != nil {
		b.o.OnChange(b.Name(), nil)
	}
}

func (b *breaker) failed(err error) {
	b.mu.Lock()
	b.failures++
	b.last = err
	opens := b.failures == b.o.Failures
	if b.failures >= b.o.Failures {
		b.next = time.Now().Add(b.o.Pause)
	}
	b.mu.Unlock()
	if opens && b.o.OnChange != nil {
		b.o.OnChange(b.Name(), err)
	}
}

// opinion is what the result of a scan says about the engine.
type opinion uint8

const (
	neither opinion = iota
	good
	bad
)

func judge(err error) opinion {
	if err == nil {
		return good
	}
	switch scan.GapFrom("", "", err).Reason {
	case scan.ReasonError, scan.ReasonTimeout, scan.ReasonUnavailable:
		return bad
	case scan.ReasonLimit, scan.ReasonEncrypted, scan.ReasonCorrupt, scan.ReasonUnsupported:
		return good
	case scan.ReasonCanceled, scan.ReasonPanic:
	}
	return neither
}
