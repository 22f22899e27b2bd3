package icap

import (
	"errors"
	"net"
	"time"
)

const (
	// maxWaiting connections are held for a place at the connection limit; more of them wait in the backlog of the
	// listener.
	maxWaiting = 64
	// maxRefusing connections are being refused at one time, beside the limit.
	maxRefusing = 64
)

// waiting is a connection that was accepted at the connection limit.
type waiting struct {
	nc    net.Conn
	until int64 // on the server's clock
}

var errConnLimit = errors.New("icap: connection limit reached")

// serve accepts until the listener fails or the server ends.
func (st *serverState) serve(l net.Listener) error {
	if !st.track(l) {
		_ = l.Close()
		return ErrServerClosed
	}
	defer st.untrack(l)
	wait := time.Duration(0)
	for {
		nc, err := l.Accept()
		if err == nil {
			wait = 0
			if !st.welcome(nc) {
				return ErrServerClosed
			}
			continue
		}
		if st.draining.Load() {
			return ErrServerClosed
		}
		if !transient(err) {
			return err
		}
		st.event(EventAccept, nil, err)
		wait = min(max(2*wait, 5*time.Millisecond), time.Second)
		if noDescriptor(err) && st.evictIdle(st.moment(), false) {
			wait = 5 * time.Millisecond
		}
		if !st.pause(wait) {
			return ErrServerClosed
		}
	}
}

// transient tells accept errors that pass, such as a lack of descriptors.
func transient(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && !errIsClosed(err) && (ne.Timeout() || isResource(err))
}

func (st *serverState) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-st.ctx.Done():
		return false
	}
}

// welcome serves a connection, or lets it wait until it can be. False means that the server has ended.
func (st *serverState) welcome(nc net.Conn) bool {
	if st.srv.MaxConnections <= 0 {
		return st.admit(nc, nil)
	}
	for {
		st.mu.Lock()
		changed, ended, full := st.changed, st.ctx.Err() != nil, len(st.lobby) >= maxWaiting
		if !full && !ended {
			st.lobby = append(st.lobby, waiting{nc, st.clock.Load() + st.queueMS})
		}
		st.mu.Unlock()
		if ended {
			_ = nc.Close()
			return false
		}
		if !full {
			st.settle()
			return true
		}
		select {
		case <-changed:
		case <-st.ctx.Done():
		}
	}
}

// settle gives those who wait the places that are free. A place can be made free by closing a connection that has been
// idle for a while. Who has waited for too long gets that of one that has been idle for a moment, or is refused.
func (st *serverState) settle() {
	for {
		st.mu.Lock()
		if len(st.lobby) == 0 {
			st.mu.Unlock()
			return
		}
		if len(st.conns) < st.srv.MaxConnections {
			go st.next(false).start()
			st.mu.Unlock()
			continue
		}
		late := st.clock.Load() >= st.lobby[0].until
		st.mu.Unlock()
		moment := st.moment()
		idle := moment
		if late {
			idle = 0
		}
		switch {
		case st.evictIdle(idle, false):
			st.admitBeside(false)
		case late && (st.refusing.Load() < maxRefusing || st.evictIdle(moment, true)):
			st.admitBeside(true)
		default:
			return
		}
	}
}

// admitBeside serves, or refuses, the connection that has waited longest, whether or not there is a place.
func (st *serverState) admitBeside(refuse bool) {
	st.mu.Lock()
	if len(st.lobby) == 0 {
		st.mu.Unlock()
		return
	}
	c := st.next(refuse)
	st.mu.Unlock()
	if refuse {
		st.event(EventOverload, c.nc.RemoteAddr(), errConnLimit)
	}
	go c.start()
}

// next registers the connection that has waited longest. The caller holds mu, and starts it.
func (st *serverState) next(refuse bool) *conn {
	nc := st.lobby[0].nc
	st.lobby[0] = waiting{}
	if st.lobby = st.lobby[1:]; len(st.lobby) == 0 {
		st.lobby = nil
	}
	st.tellChanged()
	c := st.register(nc, nil)
	if c.refuse = refuse; refuse {
		st.refused.Add(1)
		st.refusing.Add(1)
	}
	return c
}

// emptyLobby closes what waits there. The caller holds mu.
func (st *serverState) emptyLobby() {
	for _, w := range st.lobby {
		_ = w.nc.Close()
	}
	st.lobby = nil
	st.tellChanged()
}

// moment is how long a connection must have been idle to be closed for another one, in milliseconds on a clock that moves
// once in a tick: a connection in use is idle between two messages, too.
func (st *serverState) moment() int64 { return 2 * st.tick.Milliseconds() }

// evictIdle closes the connection that has been idle longest, for at least so many milliseconds: one of those that are
// served, or one of those that are being refused and say nothing.
func (st *serverState) evictIdle(least int64, refused bool) bool {
	for {
		var oldest *conn
		since := st.clock.Load() - least
		st.mu.Lock()
		for c := range st.conns {
			if p := c.phase.Load(); p != phIdle && p != phParked || c.refuse != refused {
				continue
			}
			if t := c.idleSince.Load(); t <= since {
				oldest, since = c, t
			}
		}
		st.mu.Unlock()
		if oldest == nil {
			return false
		}
		if oldest.evict() {
			return true
		}
	}
}

// admit serves a connection; false means that the server has ended.
func (st *serverState) admit(nc net.Conn, done chan struct{}) bool {
	st.mu.Lock()
	if st.ctx.Err() != nil {
		st.mu.Unlock()
		_ = nc.Close()
		return false
	}
	c := st.register(nc, done)
	st.mu.Unlock()
	go c.start()
	return true
}

// register makes a connection known. The caller holds mu, and starts it.
func (st *serverState) register(nc net.Conn, done chan struct{}) *conn {
	c := &conn{st: st, nc: nc, io: nc, done: done}
	c.src.init(nc)
	c.src.dl, c.src.clock, c.src.arbiter = &c.readBy, &st.clock, c
	st.conns[c] = struct{}{}
	st.accepted.Add(1)
	st.runReaper()
	return c
}

func (st *serverState) forget(c *conn) {
	if c.refuse {
		st.refusing.Add(-1)
	}
	st.mu.Lock()
	delete(st.conns, c)
	waiting := len(st.lobby) > 0
	st.tellChanged()
	st.stopReaper()
	st.mu.Unlock()
	if waiting {
		st.settle()
	}
}

// tellChanged wakes who waits for a change. The caller holds mu.
func (st *serverState) tellChanged() {
	close(st.changed)
	st.changed = make(chan struct{})
}
