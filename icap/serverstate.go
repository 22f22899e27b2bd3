package icap

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of Server.
const (
	defaultIdleTimeout      = 90 * time.Second
	defaultHeadTimeout      = 10 * time.Second
	defaultHandshakeTimeout = 10 * time.Second
	defaultBodyTimeout      = 60 * time.Second
	defaultMinBodyRate      = 500
	defaultWriteTimeout     = 60 * time.Second
	defaultDrainTimeout     = 10 * time.Second
	defaultQueueTimeout     = 5 * time.Second
	defaultMaxHead          = 16 << 10
	defaultMaxHTTPHead      = 128 << 10
	defaultMaxPreview       = 64 << 10
	defaultDrainBytes       = 16 << 20

	// parkAfter is how long a connection is idle before it moves to a small
	// stack: long enough that a busy one never does.
	parkAfter = time.Second
	// drainGrace is how long, after the start of a shutdown, a connection must have been idle to be closed: one that is
	// in use brings its next message within that time, and is told of the close with the answer.
	drainGrace = 500 * time.Millisecond
)

// serverState is what a Server keeps besides its settings.
type serverState struct {
	once    sync.Once
	started atomic.Bool // once is done
	srv     *Server

	idleMS, headMS, bodyMS, writeMS, drainMS, parkMS, queueMS int64
	bodyRate, bodyGrace                                       int64
	handshakeTimeout, queueTimeout, tick                      time.Duration
	maxHead, maxHTTPHead, maxPreview                          int
	drainBytes                                                int64
	gate                                                      *gate

	ctx      context.Context
	cancel   context.CancelFunc
	draining atomic.Bool
	epoch    time.Time
	clock    atomic.Int64 // milliseconds since epoch, moved by the reaper

	mu        sync.Mutex
	conns     map[*conn]struct{}
	lobby     []waiting
	listeners map[net.Listener]struct{}
	reaperEnd chan struct{} // not nil while the reaper runs
	changed   chan struct{} // closed and replaced when a connection or a listener ends, or the lobby has room

	accepted, inFlight, overloaded, refused     atomic.Int64
	refusing                                    atomic.Int64
	requests, continues, panics                 atomic.Int64
	protocolErrors, timeouts, bytesIn, bytesOut atomic.Int64
	byStatus                                    [600]atomic.Int64
}

func withDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return max(d, 0)
}

func limitOr(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}

// start fixes the settings at first use.
func (st *serverState) start(s *Server) {
	st.once.Do(func() {
		st.srv = s
		shortest := parkAfter
		ms := func(d, def time.Duration) int64 {
			if d = withDefault(d, def); d <= 0 {
				return 0
			}
			shortest = min(shortest, d)
			return max(d.Milliseconds(), 1)
		}
		st.idleMS = ms(s.IdleTimeout, defaultIdleTimeout)
		st.headMS = ms(s.HeadTimeout, defaultHeadTimeout)
		st.bodyMS = ms(s.BodyTimeout, defaultBodyTimeout)
		st.writeMS = ms(s.WriteTimeout, defaultWriteTimeout)
		st.drainMS = ms(s.DrainTimeout, defaultDrainTimeout)
		st.queueMS = ms(s.QueueTimeout, defaultQueueTimeout)
		st.parkMS = parkAfter.Milliseconds()
		st.tick = max(shortest/4, 2*time.Millisecond)
		// The clock is up to a tick old when a deadline is derived from it: no
		// time-out comes early.
		for _, limit := range []*int64{&st.idleMS, &st.headMS, &st.bodyMS, &st.writeMS, &st.drainMS, &st.queueMS} {
			if *limit > 0 {
				*limit += st.tick.Milliseconds() + 1
			}
		}
		if st.bodyRate = s.MinBodyRate; st.bodyRate == 0 {
			st.bodyRate = defaultMinBodyRate
		}
		if st.bodyGrace = st.bodyMS; st.bodyGrace == 0 {
			st.bodyGrace = defaultBodyTimeout.Milliseconds()
		}
		st.handshakeTimeout = withDefault(s.HandshakeTimeout, defaultHandshakeTimeout)
		st.queueTimeout = withDefault(s.QueueTimeout, defaultQueueTimeout)
		st.maxHead = limitOr(s.MaxHeadBytes, defaultMaxHead)
		st.maxHTTPHead = limitOr(s.MaxHTTPHeadBytes, defaultMaxHTTPHead)
		st.maxPreview = limitOr(s.MaxPreviewBytes, defaultMaxPreview)
		st.drainBytes = s.DrainBytes
		if st.drainBytes == 0 {
			st.drainBytes = defaultDrainBytes
		}
		if s.MaxInFlight > 0 {
			st.gate = newGate(s.MaxInFlight, limitOr(s.MaxQueue, s.MaxInFlight), st.queueTimeout)
		}
		base := s.BaseContext
		if base == nil {
			base = context.Background()
		}
		st.ctx, st.cancel = context.WithCancel(base)
		st.epoch = time.Now()
		st.conns = make(map[*conn]struct{})
		st.listeners = make(map[net.Listener]struct{})
		st.changed = make(chan struct{})
		st.started.Store(true)
	})
}

const defaultISTag = "icap"

func (st *serverState) istag() string {
	if st.srv.ISTag == nil {
		return defaultISTag
	}
	return normalISTag(st.srv.ISTag())
}

func (st *serverState) track(l net.Listener) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.draining.Load() {
		return false
	}
	st.listeners[l] = struct{}{}
	st.runReaper()
	return true
}

func (st *serverState) untrack(l net.Listener) {
	_ = l.Close()
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.listeners, l)
	st.tellChanged()
	st.stopReaper()
}

// runReaper starts the goroutine that enforces deadlines for all connections:
// one coarse clock instead of two timers per message. The caller holds mu.
func (st *serverState) runReaper() {
	if st.reaperEnd != nil {
		return
	}
	end := make(chan struct{})
	st.reaperEnd = end
	st.clock.Store(time.Since(st.epoch).Milliseconds())
	go func() {
		t := time.NewTicker(st.tick)
		defer t.Stop()
		for {
			select {
			case <-end:
				return
			case <-t.C:
				st.reap()
			}
		}
	}()
}

func (st *serverState) stopReaper() {
	if len(st.conns) == 0 && len(st.listeners) == 0 && len(st.lobby) == 0 && st.reaperEnd != nil {
		close(st.reaperEnd)
		st.reaperEnd = nil
	}
}

func (st *serverState) reap() {
	now := time.Since(st.epoch).Milliseconds()
	st.clock.Store(now)
	st.mu.Lock()
	for c := range st.conns {
		c.check(now)
	}
	waiting := len(st.lobby) > 0
	st.mu.Unlock()
	if waiting {
		st.settle()
	}
}

func (st *serverState) closeListeners() {
	for l := range st.listeners {
		_ = l.Close()
	}
}

// acceptLast is how long a listener accepts after a shutdown began: what the kernel has accepted already would be
// reset by the close of the listener, without a word to clients that may have sent a message.
const acceptLast = 20 * time.Millisecond

// stopListening makes the accept loops end when they have taken what waits for them.
func (st *serverState) stopListening() {
	for l := range st.listeners {
		d, ok := l.(interface{ SetDeadline(t time.Time) error })
		if !ok || d.SetDeadline(time.Now().Add(acceptLast)) != nil {
			_ = l.Close()
		}
	}
}

func (st *serverState) shutdown(ctx context.Context) error {
	st.mu.Lock()
	st.draining.Store(true)
	st.stopListening()
	now := st.clock.Load()
	for c := range st.conns {
		c.checkDrain(now)
	}
	st.mu.Unlock()
	for {
		st.mu.Lock()
		open, changed := len(st.conns)+len(st.lobby)+len(st.listeners), st.changed
		st.mu.Unlock()
		if open == 0 {
			st.cancel()
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), st.close())
		}
	}
}

func (st *serverState) close() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.draining.Store(true)
	st.cancel()
	st.closeListeners()
	for c := range st.conns {
		_ = c.nc.Close()
	}
	st.emptyLobby()
	return nil
}

func (st *serverState) event(kind EventKind, remote net.Addr, err error) {
	if st.srv.ErrorLog != nil {
		st.srv.ErrorLog(Event{Kind: kind, Remote: remote, Err: err})
	}
}

// account adds an exchange to the counters.
func (st *serverState) account(c *conn, status int) {
	if status > 0 && status < len(st.byStatus) {
		st.byStatus[status].Add(1)
	}
	if c.src.big && c.src.in < smallBuffer {
		c.src.big = false
	}
	st.bytesIn.Add(c.src.in)
	st.bytesOut.Add(c.bytesOut)
	c.src.in, c.bytesOut = 0, 0
}

func (st *serverState) snapshot() Stats {
	if !st.started.Load() { // and what follows is being made
		return Stats{ByStatus: map[int]int64{}}
	}
	s := Stats{
		Accepted:       st.accepted.Load(),
		InFlight:       st.inFlight.Load(),
		Overloaded:     st.overloaded.Load(),
		Refused:        st.refused.Load(),
		Requests:       st.requests.Load(),
		Continues:      st.continues.Load(),
		Panics:         st.panics.Load(),
		ProtocolErrors: st.protocolErrors.Load(),
		Timeouts:       st.timeouts.Load(),
		BytesIn:        st.bytesIn.Load(),
		BytesOut:       st.bytesOut.Load(),
		ByStatus:       make(map[int]int64),
	}
	if st.gate != nil {
		s.Queued = st.gate.queued()
		s.InFlight -= s.Queued
	}
	for status := range st.byStatus {
		if n := st.byStatus[status].Load(); n > 0 {
			s.ByStatus[status] = n
		}
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	s.Open = int64(len(st.conns))
	for c := range st.conns {
		if p := c.phase.Load(); p == phIdle || p == phParked {
			s.Idle++
		}
	}
	return s
}
