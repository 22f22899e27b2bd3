package clamd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"icapd/scan"
)

// Engine is a [scan.Engine] that asks clamd, with the abilities [scan.Selector], [scan.Assurer],
// [scan.Versioner], [scan.Checker], [scan.Streamer] and [scan.Starter]. Make one with [New]; it is safe for use by many goroutines.
type Engine struct {
	opts    Options
	nodes   []*node
	turn    atomic.Uint64
	checked chan struct{} // closed when every address was checked once
	stop    context.CancelFunc
	watches sync.WaitGroup
}

// New returns an engine and starts its health checks; [Engine.Close] ends them. The error lists all that is
// wrong with the options. That clamd cannot be reached is no error: it may start later.
func New(opts Options) (*Engine, error) {
	addresses, err := opts.complete()
	if err != nil {
		return nil, err
	}
	opts.Addresses = slices.Clone(opts.Addresses)
	ctx, stop := context.WithCancel(context.Background())
	e := &Engine{opts: opts, stop: stop, checked: make(chan struct{})}
	var first sync.WaitGroup
	for _, a := range addresses {
		n := newNode(a, &e.opts)
		e.nodes = append(e.nodes, n)
		first.Add(1)
		e.watches.Go(func() {
			n.check(ctx)
			first.Done()
			n.watch(ctx)
		})
	}
	e.watches.Go(func() {
		first.Wait()
		close(e.checked)
	})
	return e, nil
}

// Close ends the health checks and waits for them. Scans under way are not cut; later ones are gaps.
func (e *Engine) Close() error {
	e.stop()
	e.watches.Wait()
	for _, n := range e.nodes {
		n.sessions.close()
		n.update(func(s *Status) { s.Up, s.Err = false, errClosed })
	}
	return nil
}

var errClosed = errors.New("engine closed")

// Name implements [scan.Engine].
func (e *Engine) Name() string { return e.opts.Name }

// Status returns what is known about each address, in the order of Options.Addresses.
func (e *Engine) Status() []Status {
	all := make([]Status, len(e.nodes))
	for i, n := range e.nodes {
		all[i] = n.status()
	}
	return all
}

// Version implements [scan.Versioner]: the sorted answers to VERSION of all addresses, each with "+limits" if
// it reports its limits. An address that is away keeps its last one. "" before the first contact. It waits for
// the first health check of a new engine.
//
// clamd's own version counts the official databases only: a change of a local one does not show.
func (e *Engine) Version() string {
	<-e.checked
	var vs []string
	for _, n := range e.nodes {
		s := n.state.Load()
		if s.Version == "" {
			continue
		}
		v := s.Version
		if s.Limits {
			v += "+limits"
		}
		vs = append(vs, v)
	}
	slices.Sort(vs)
	return strings.Join(slices.Compact(vs), ", ")
}

// recent is how old a check may be for Check to take its word.
const recent = time.Second

// Check implements [scan.Checker]. It asks every address that was not checked within the last second, and
// returns nil if at least one of them works.
func (e *Engine) Check(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, n := range e.nodes {
		if s := n.state.Load(); errors.Is(s.Err, errClosed) || time.Since(s.Checked) < recent {
			continue
		}
		wg.Go(func() { n.check(ctx) })
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, n := range e.nodes {
		if n.state.Load().Up {
			return nil
		}
	}
	return e.unavailable()
}

// unavailable says for each address why it does not work.
func (e *Engine) unavailable() *scan.Gap {
	errs := make([]error, 0, len(e.nodes))
	for _, n := range e.nodes {
		err := n.state.Load().Err
		if err == nil {
			err = errors.New("no answer")
		}
		errs = append(errs, fmt.Errorf("clamd %s: %w", n.address, err))
	}
	return &scan.Gap{Reason: scan.ReasonUnavailable, Err: errors.Join(errs...)}
}

// Scan implements [scan.Engine]. It waits for the first health check of a new engine. Errors are as the
// package's documentation lists them.
func (e *Engine) Scan(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, e.opts.Timeout)
	defer cancel()
	select {
	case <-e.checked:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := ctx.Err(); err != nil { // of two that are ready, the select takes either
		return nil, err
	}
	if gap := e.tooLarge(it.Blob.Size()); gap != nil {
		return nil, gap
	}
	return e.answer(ctx, it.Blob, 0)
}

// answer asks about a blob that clamd has had before, without coming to an answer, for so many times.
func (e *Engine) answer(ctx context.Context, blob scan.Blob, handed int) ([]scan.Finding, error) {
	r, err := e.ask(ctx, blob, handed)
	if err != nil {
		return nil, err
	}
	return r.result()
}

// result turns an answer into what Scan returns.
func (r reply) result() ([]scan.Finding, error) {
	switch r.kind {
	case replyOK:
		return nil, nil
	case replyFound:
		f, gap := judge(r.text)
		if gap != nil {
			return nil, gap
		}
		return []scan.Finding{*f}, nil
	case replyTooLarge:
		return nil, streamGap(errors.New("clamd: INSTREAM size limit exceeded"))
	default:
		return nil, r.err()
	}
}

// err is the error of an answer that is neither OK nor FOUND.
func (r reply) err() error {
	switch r.kind {
	case replyStalled:
		return &replyFailure{"COMMAND READ TIMED OUT"}
	case replyTooLarge:
		return &replyFailure{"INSTREAM size limit exceeded"}
	case replyError:
		return &replyFailure{r.text}
	default:
		return errNotUnderstood
	}
}

func streamGap(err error) *scan.Gap {
	return &scan.Gap{Reason: scan.ReasonLimit, Limit: "StreamMaxLength", Err: err}
}

// tooLarge is the gap of an item that need not, or must not, be sent.
func (e *Engine) tooLarge(size int64) *scan.Gap {
	if limit := e.opts.MaxSize; limit > 0 && size > limit {
		return streamGap(fmt.Errorf("clamd: %d bytes, more than %d", size, limit))
	}
	if limit := e.opts.MaxFileSize; size > limit && e.hidesLimits() {
		return &scan.Gap{
			Reason: scan.ReasonLimit, Limit: "MaxFileSize",
			Err: fmt.Errorf("clamd: %d bytes, more than %d, and clamd does not report its limits (AlertExceedsMax)", size, limit),
		}
	}
	return nil
}

// hidesLimits reports whether any address that may be asked passes over limits in silence, which is what is
// believed of clamd as long as none works.
func (e *Engine) hidesLimits() bool {
	up := false
	for _, n := range e.nodes {
		if s := n.state.Load(); s.Up {
			if up = true; !s.Limits {
				return true
			}
		}
	}
	return !up
}

// ask sends the blob to one address after the other until one of them answers. handed is how often clamd had all of
// it and did not come to an answer.
func (e *Engine) ask(ctx context.Context, blob scan.Blob, handed int) (reply, error) {
	tried := make([]*node, 0, 2)
	var last error
	for handed < 2 {
		n := e.pick(tried)
		if n == nil {
			break
		}
		tried = append(tried, n)
		r, err := n.scan(ctx, blob)
		var own *scan.Gap
		switch {
		case err == nil:
			return r, nil
		case errors.As(err, &own):
			return r, err
		case ctx.Err() != nil:
			n.suspect()
			return r, fmt.Errorf("clamd %s: %w", n.address, ctx.Err())
		}
		last = fmt.Errorf("clamd %s: %w", n.address, err)
		var wire *wireError
		if errors.As(err, &wire) && wire.stage == stageDial {
			n.down(err)
			continue
		}
		n.suspect()
		if wire == nil || wire.stage == stageWait {
			handed++
		}
	}
	return reply{}, e.failed(last)
}

// failed says what is known about a scan that no address answered.
func (e *Engine) failed(last error) error {
	var wire *wireError
	var said *replyFailure
	switch {
	case last == nil:
		return e.unavailable()
	case errors.As(last, &said), errors.Is(last, errNotUnderstood):
		return last
	case errors.As(last, &wire):
		return &scan.Gap{Reason: scan.ReasonUnavailable, Err: last}
	}
	return last
}

// scan asks one address. An ERROR of clamd comes as an error.
func (n *node) scan(ctx context.Context, blob scan.Blob) (reply, error) {
	if err := n.acquire(ctx); err != nil {
		return reply{}, err
	}
	defer n.release()
	defer time.AfterFunc(slow, n.suspect).Stop()
	if data, ok := n.handable(blob); ok {
		r, err := n.byDescriptor(ctx, data)
		var wire *wireError
		switch {
		case err == nil && r.judged():
			n.alive()
			return r, nil
		case errors.As(err, &wire):
			return r, err
		}
		n.suspect() // descriptors do not arrive any more, or clamd has trouble with this item: it may like the stream
	}
	r, err := exchange(ctx, n.address, n.opts.DialTimeout, blob)
	if err != nil {
		return r, err
	}
	switch r.kind {
	case replyOK, replyFound, replyTooLarge:
		n.alive()
		return r, nil
	default:
		return r, r.err()
	}
}

// pick returns the working address with the least scans that was not tried yet, nil if there is none.
// Equals take turns.
func (e *Engine) pick(tried []*node) *node {
	var best *node
	start := e.turn.Add(1)
	count := uint64(len(e.nodes))
	for i := range count {
		n := e.nodes[(start+i)%count]
		if !n.state.Load().Up || slices.Contains(tried, n) {
			continue
		}
		if best == nil || cmp.Less(n.load.Load(), best.load.Load()) {
			best = n
		}
	}
	return best
}
