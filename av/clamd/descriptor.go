package clamd

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"icapd/scan"
)

// maxDescriptor is the largest item, in bytes, that is handed over as a descriptor: the copy that clamd reads is
// memory of ours.
const maxDescriptor = 2 << 20

// errNoDescriptors says that descriptors cannot be handed over here.
var errNoDescriptors = errors.New("clamd: no descriptors on this platform")

// takesItems reports whether items may go to this address as descriptors. A clamd that hides its limits would say OK to
// a descriptor above its MaxFileSize, where it ends a stream that is above StreamMaxLength.
func (n *node) takesItems() bool {
	s := n.state.Load()
	return s.Descriptors && s.Limits
}

// handable returns the item's bytes if it may go to this address as a descriptor.
func (n *node) handable(blob scan.Blob) ([]byte, bool) {
	if !n.takesItems() || blob.Size() > maxDescriptor {
		return nil, false
	}
	data, err := blob.Bytes()
	return data, err == nil
}

// handed is an item that clamd has as a descriptor of memory that both processes see (clamd(8), "FILDES"): it then
// neither receives the bytes nor writes them to a file of its own before it begins.
type handed struct {
	n       *node
	s       *session
	m       *memory
	release func() bool
}

// handOver gives clamd a copy of data to scan, in a session that waits for one if there is any. What clamd has ended
// meanwhile says nothing about clamd: then there is a new one.
func handOver(ctx context.Context, n *node, data []byte) (*handed, error) {
	if s := n.sessions.take(); s != nil {
		h, err := n.handIn(ctx, s, data)
		if err == nil || ctx.Err() != nil {
			return h, err
		}
		n.sessions.drop()
	}
	s, err := openSession(ctx, n)
	if err != nil {
		return nil, err
	}
	return n.handIn(ctx, s, data)
}

// handIn gives clamd the data in this session, which it ends if that fails.
func (n *node) handIn(ctx context.Context, s *session, data []byte) (*handed, error) {
	release := bind(ctx, s.c)
	m, err := s.send(data)
	if err != nil {
		release()
		_ = s.c.Close()
		return nil, err
	}
	return &handed{n, s, m, release}, nil
}

// answer reads what clamd says. The session goes on if that is an answer.
func (h *handed) answer() (reply, error) {
	if h.n.load.Load() == 1 && runtime.GOMAXPROCS(0) > 1 { // else the thread has others to work for
		attend(h.s.c)
	}
	r, err := h.s.answer()
	if err == nil {
		h.m.release() // clamd is done with it
	} else {
		h.m.close()
	}
	if h.release() && err == nil && r.judged() {
		h.n.sessions.put(h.s)
	} else {
		_ = h.s.c.Close()
	}
	return r, err
}

func (n *node) byDescriptor(ctx context.Context, data []byte) (reply, error) {
	h, err := handOver(ctx, n, data)
	if err != nil {
		return reply{}, err
	}
	return h.answer()
}

// Start implements [scan.Starter]: clamd has the item when it returns. What cannot be handed over at once, as a
// descriptor, is left to Scan.
func (e *Engine) Start(ctx context.Context, it *scan.Item) scan.Pending {
	select {
	case <-e.checked:
	default:
		return nil
	}
	n := e.pick(nil)
	if n == nil || e.tooLarge(it.Blob.Size()) != nil {
		return nil
	}
	data, ok := n.handable(it.Blob)
	if !ok || !n.tryAcquire() {
		return nil
	}
	scanCtx, cancel := context.WithTimeout(ctx, e.opts.Timeout)
	h, err := handOver(scanCtx, n, data)
	if err != nil {
		cancel()
		n.release()
		return nil
	}
	p := &pending{e: e, n: n, h: h, ctx: scanCtx, cancel: cancel, blob: it.Blob, began: time.Now()}
	n.started.add(p)
	return p
}

// keep is how long a connection waits for its answer to be asked for, and up to twice that. Other engines may take
// much longer over the message, and clamd's places are few.
const keep = 20 * time.Millisecond

// started are the scans at one address that Start has begun and nobody has waited for yet. One timer looks after all
// of them: one for each would be the next to fire of all timers, and setting such a one wakes a thread.
type started struct {
	mu    sync.Mutex
	all   map[*pending]struct{}
	timed bool // sweep will be called
}

func (s *started) add(p *pending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[*pending]struct{}{}
	}
	s.all[p] = struct{}{}
	if !s.timed {
		s.timed = true
		time.AfterFunc(keep, s.sweep)
	}
}

func (s *started) remove(p *pending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, p)
}

// sweep has the answers taken that are due, and comes again while there are others.
func (s *started) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.all {
		if time.Since(p.began) >= keep {
			delete(s.all, p)
			go p.late()
		}
	}
	if s.timed = len(s.all) > 0; s.timed {
		time.AfterFunc(keep, s.sweep)
	}
}

// pending is a scan that Start has begun.
type pending struct {
	e      *Engine
	n      *node
	h      *handed
	ctx    context.Context //nolint:containedctx // of the scan, which this is
	cancel context.CancelFunc
	blob   scan.Blob
	began  time.Time

	once sync.Once // whoever comes first takes the answer
	r    reply
	err  error
}

// late takes an answer that has not come, or that nobody has asked for.
func (p *pending) late() {
	defer time.AfterFunc(slow, p.n.suspect).Stop()
	p.take()
}

// take reads the answer and gives the connection's place back.
func (p *pending) take() {
	p.once.Do(func() {
		p.r, p.err = p.h.answer()
		p.n.started.remove(p)
		p.n.release()
		if p.answered() {
			p.n.alive()
		}
	})
}

func (p *pending) answered() bool { return p.err == nil && p.r.judged() }

// Wait implements [scan.Pending]. An item that clamd did not come to an answer about is asked about again, as Scan
// would.
func (p *pending) Wait() ([]scan.Finding, error) {
	defer p.cancel()
	p.take()
	if p.answered() {
		return p.r.result()
	}
	p.n.suspect()
	if err := p.ctx.Err(); err != nil {
		return nil, fmt.Errorf("clamd %s: %w", p.n.address, err)
	}
	already := 0
	if p.err != nil {
		already = 1 // it may have been the item that ended clamd
	}
	return p.e.answer(p.ctx, p.blob, already)
}

// takesDescriptors asks with EICAR: what keeps a descriptor from arriving (a security module, another host behind
// a forwarded socket) would keep all of them.
func takesDescriptors(ctx context.Context, n *node) bool {
	if n.address.network != "unix" {
		return false
	}
	r, err := n.byDescriptor(ctx, eicar())
	return err == nil && r.kind == replyFound
}
