package icap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// phase is what a connection is doing, as seen by the reaper and by Shutdown.
type phase = int32

const (
	phNew    phase = iota // handshake
	phIdle                // waits for a request on the stack that served the last
	phParked              // waits for a request on a stack of its own, a small one
	phActive              // inside an exchange
	phClosed
)

// kick says why the read deadline of a connection was moved into the past.
type kick uint8

const (
	kickNone  kick = iota
	kickLate       // the wait has lasted too long
	kickPark       // idle for a while: change to a small stack
	kickDrain      // the server is shutting down
	kickEnd        // the handler has returned while its body was being read
)

var (
	errReadTimeout = errors.New("icap: read timed out")
	errDraining    = errors.New("icap: server is draining")
)

// aLongTimeAgo makes pending I/O return at once.
var aLongTimeAgo = time.Unix(1, 0)

// conn is one connection of a server. Its goroutine is the only one to read and
// write it; the reaper and Shutdown reach it through phase and kicks.
type conn struct {
	st    *serverState
	nc    net.Conn // as accepted; closing it ends everything
	io    net.Conn // what is read and written; differs from nc after Prepare
	src   source
	phase atomic.Int32
	// Deadlines in the server's coarse milliseconds, 0 for none.
	readBy, writeBy, idleSince atomic.Int64
	bytesOut                   int64
	ending                     atomic.Bool // a body read has to return
	abandoned                  bool        // a body read did not return
	refuse                     bool        // over the connection limit: 503 and close

	kmu     sync.Mutex
	kicked  kick
	kickFor int64 // the deadline that kickLate was for

	tls           *tls.ConnectionState
	remote, local net.Addr
	done          chan struct{} // closed when the connection is, may be nil
}

type handshaker interface {
	HandshakeContext(ctx context.Context) error
}

// Preparer is a connection that has to do something before it carries ICAP,
// such as to read a PROXY protocol header or to check who is there. The server
// calls Prepare on the goroutine of the connection, with HandshakeTimeout. What
// it returns is then read and written, and shaken hands with if it is a
// *tls.Conn; RemoteAddr, LocalAddr and Close are those of the Preparer.
type Preparer interface {
	net.Conn
	Prepare(ctx context.Context) (net.Conn, error)
}

// start runs a new connection.
func (c *conn) start() {
	p, prepare := c.nc.(Preparer)
	hs, shake := c.nc.(handshaker)
	if !prepare && !shake {
		c.becomeIdle(phParked)
		c.wait()
		return
	}
	if err := c.handshake(p, hs); err != nil {
		c.report(EventHandshake, err)
		c.finish()
		return
	}
	c.becomeIdle(phParked)
	go c.wait() // without the stack that the handshake grew
}

func (c *conn) handshake(p Preparer, hs handshaker) error {
	ctx := c.st.ctx
	if d := c.st.handshakeTimeout; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	if p != nil {
		inner, err := p.Prepare(ctx)
		if err != nil {
			return err
		}
		c.io = inner
		c.src.init(inner)
		hs, _ = inner.(handshaker)
	}
	if hs != nil {
		if err := hs.HandshakeContext(ctx); err != nil {
			return err
		}
	}
	if t, ok := c.io.(*tls.Conn); ok {
		state := t.ConnectionState()
		c.tls = &state
	}
	return nil
}

func (c *conn) becomeIdle(p phase) {
	c.src.timeout, c.src.fixed, c.src.pace.rate = c.st.idleMS, 0, 0
	c.idleSince.Store(c.st.clock.Load())
	c.phase.Store(p)
}

// wait is where idle connections stay. It needs no buffer and little stack.
func (c *conn) wait() {
	if err := c.src.awaitByte(); err != nil && (!errors.Is(err, errDraining) || !c.lastCall()) {
		c.finish()
		return
	}
	c.serve()
}

// lastCall looks once more whether a request has arrived on an idle connection
// that is about to be closed for a shutdown.
func (c *conn) lastCall() bool {
	return c.src.tryFill()
}

// serve handles requests until the connection ends or is idle for long.
func (c *conn) serve() {
	parked := false
	defer func() {
		if !parked {
			c.finish()
		}
	}()
	for {
		if !c.phase.CompareAndSwap(phIdle, phActive) && !c.phase.CompareAndSwap(phParked, phActive) {
			return // closed by the server meanwhile
		}
		again := c.exchange()
		for again && c.src.buffered() > 0 {
			again = c.exchange()
		}
		if !again {
			return
		}
		c.becomeIdle(phIdle)
		switch err := c.src.fill(); {
		case err == nil:
		case errors.Is(err, errPark):
			c.src.drop()
			c.becomeIdle(phParked)
			parked = true
			go c.wait()
			return
		case errors.Is(err, errDraining) && c.lastCall():
		default:
			return
		}
	}
}

// readTimedOut implements timeoutArbiter.
func (c *conn) readTimedOut() error {
	c.kmu.Lock()
	why := c.kicked
	c.kicked = kickNone
	late := why == kickLate && c.kickFor == c.src.last
	err := c.io.SetReadDeadline(time.Time{})
	c.kmu.Unlock()
	p := c.phase.Load()
	switch {
	case err != nil:
		return err
	case c.ending.Load():
		return ErrAnswered
	case late:
		return errReadTimeout
	case p == phClosed:
		return net.ErrClosed
	case p != phActive && c.st.draining.Load():
		return errDraining
	case p == phIdle && why == kickPark:
		return errPark
	default:
		return nil // meant for a wait that is over
	}
}

// kick interrupts a read that began with deadline by (any if by is 0).
func (c *conn) kick(why kick, by int64) {
	c.kmu.Lock()
	defer c.kmu.Unlock()
	if by != 0 && c.readBy.Load() != by {
		return
	}
	c.kicked, c.kickFor = why, by
	_ = c.io.SetReadDeadline(aLongTimeAgo)
}

// check is called by the reaper.
func (c *conn) check(now int64) {
	if by := c.readBy.Load(); by != 0 && now >= by {
		c.kick(kickLate, by)
	} else if c.st.draining.Load() {
		c.checkDrain(now)
	} else if c.phase.Load() == phIdle && now-c.idleSince.Load() >= c.st.parkMS {
		c.kick(kickPark, 0)
	}
	if by := c.writeBy.Load(); by != 0 && now >= by {
		_ = c.io.SetWriteDeadline(aLongTimeAgo)
	}
}

// checkDrain ends the wait of a connection that is not in use, for a shutdown.
func (c *conn) checkDrain(now int64) {
	grace := (drainGrace + c.st.tick).Milliseconds() // the clock moves once in a tick
	if p := c.phase.Load(); (p == phIdle || p == phParked) && now-c.idleSince.Load() >= grace {
		c.kick(kickDrain, 0)
	}
}

// evict closes an idle connection from outside.
func (c *conn) evict() bool {
	if c.phase.CompareAndSwap(phIdle, phClosed) || c.phase.CompareAndSwap(phParked, phClosed) {
		_ = c.nc.Close()
		return true
	}
	return false
}

// resetOnClose makes the end of the connection drop what the peer has not taken, where that is possible.
func resetOnClose(nc net.Conn) {
	for nc != nil {
		switch c := nc.(type) {
		case interface{ SetLinger(sec int) error }:
			_ = c.SetLinger(0) // else the kernel gives up in its own time
			return
		case interface{ NetConn() net.Conn }:
			nc = c.NetConn()
		default:
			return
		}
	}
}

// cut ends the connection without grace.
func (c *conn) cut() { _ = c.nc.Close() }

func (c *conn) finish() {
	c.phase.Store(phClosed)
	if c.io != c.nc {
		_ = c.io.Close() // TLS says goodbye
	}
	_ = c.nc.Close()
	if !c.abandoned {
		c.src.drop()
	}
	c.st.forget(c)
	if c.done != nil {
		close(c.done)
	}
}

func (c *conn) write(p []byte) error {
	if c.st.writeMS > 0 {
		c.writeBy.Store(c.st.clock.Load() + c.st.writeMS)
	}
	n, err := c.io.Write(p)
	c.writeBy.Store(0)
	c.bytesOut += int64(n)
	return err
}

// writeFailed tells of a client that did not take its answer. One that took nothing for the whole time is reset, or
// the kernel would go on for minutes to offer it what was sent, and hold that in memory.
func (c *conn) writeFailed(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		resetOnClose(c.io)
		c.st.timeouts.Add(1)
		c.report(EventTimeout, err)
		return
	}
	c.report(EventConn, err)
}

func (c *conn) report(kind EventKind, err error) {
	if c.st.srv.ErrorLog != nil {
		c.st.srv.ErrorLog(Event{Kind: kind, Remote: c.nc.RemoteAddr(), Err: err})
	}
}

// exchange handles one request and reports whether another may follow.
func (c *conn) exchange() bool {
	x, err := c.readRequest()
	if err != nil {
		return c.refuseRequest(err)
	}
	c.st.requests.Add(1)
	if x.up.stage.Load() == upPreview {
		if err := x.up.readPreview(c.st.maxPreview); err != nil {
			if x.up.err == nil || !c.answerable(err) {
				return false
			}
			x.closeAfter = true
			_ = x.emptyAnswer(StatusOf(err), "")
			return c.end(x)
		}
	}
	c.dispatch(x)
	return c.end(x)
}

// answerable tells whether the peer can be expected to read an answer to err.
func (c *conn) answerable(err error) bool {
	return errors.As(err, new(*Error))
}

// dispatch calls the handler, under the limits of the server.
func (c *conn) dispatch(x *exchange) {
	c.st.inFlight.Add(1)
	defer c.st.inFlight.Add(-1)
	h := c.st.srv.Handler
	if c.st.gate != nil && x.head.method != MethodOptions {
		if err := c.st.gate.acquire(c.st.ctx); err != nil {
			c.st.overloaded.Add(1)
			c.report(EventOverload, err)
			h = c.st.srv.Overload
			if h == nil {
				h = HandlerFunc(overloaded)
			}
		} else {
			defer c.st.gate.release()
		}
	}
	if c.refuse {
		x.closeAfter = true
		h = HandlerFunc(overloaded)
	}
	if h == nil {
		h = HandlerFunc(notFound)
	}
	c.call(h, x)
}

func overloaded(w *ResponseWriter, _ *Request) { _ = w.Error(StatusOverloaded, "") }
func notFound(w *ResponseWriter, _ *Request)   { _ = w.Error(StatusServiceNotFound, "") }

// call contains a panic of the handler.
func (c *conn) call(h Handler, x *exchange) {
	returned := false
	defer func() {
		if returned {
			return
		}
		p := recover()
		x.cancelContext() // after runtime.Goexit, end does not come
		c.st.panics.Add(1)
		if c.st.srv.ErrorLog != nil {
			c.st.srv.ErrorLog(Event{
				Kind: EventPanic, Remote: x.h.req.RemoteAddr,
				Err: fmt.Errorf("icap: panic in handler: %v", p), Stack: debug.Stack(),
			})
		}
		if x.state == ansPending {
			x.state = ansNone
			if x.committed {
				x.state = ansCut
			}
			x.out.free()
		}
		x.closeAfter, x.panicked = true, true
	}()
	h.ServeICAP(&x.h.w, &x.h.req)
	returned = true
}

// end completes the answer and brings the connection to the next request.
func (c *conn) end(x *exchange) bool {
	if x.state == ansNone {
		c.noAnswer(x)
	}
	x.over.Store(true)
	x.cancelContext()
	if !c.stopReading(x) {
		c.st.account(c, x.status)
		return false
	}
	keep := x.state == ansDone
	if keep {
		keep = c.afterAnswer(x)
	}
	x.out.free()
	x.up.free()
	c.st.account(c, x.status)
	x.retire()
	return keep
}

// stopReading takes the body away from the handler. If a goroutine that it has
// left behind is still reading, the read is interrupted and the connection is
// lost, since nobody knows where in the body it is. False means that even that
// did not end the read: nothing of the connection may be touched any more.
func (c *conn) stopReading(x *exchange) bool {
	b := &x.h.body
	if b.mu.TryLock() {
		b.up = nil
		b.mu.Unlock()
		return true
	}
	x.closeAfter = true
	c.ending.Store(true)
	c.kick(kickEnd, 0)
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for range int(readerGrace / time.Millisecond) {
		<-poll.C
		if b.mu.TryLock() {
			b.up = nil
			b.mu.Unlock()
			c.ending.Store(false)
			x.up.err = ErrAnswered
			return true
		}
	}
	c.abandoned = true
	c.cut()
	return false
}

// readerGrace is how long a body read that was interrupted may take to return:
// it may be inside the writer that the body is being copied to.
const readerGrace = time.Second

func (c *conn) noAnswer(x *exchange) {
	status := StatusServerError
	if x.truncated.Load() {
		status = StatusOf(x.up.err)
	} else if !x.panicked {
		c.report(EventHandler, errors.New("icap: handler gave no answer"))
	}
	x.closeAfter = true
	x.header, x.declared = Header{}, nil
	_ = x.emptyAnswer(status, "")
}

// afterAnswer drains what is left of the upload, within bounds. A client that
// was told of the close may wait for it at the last byte: it gets it first.
func (c *conn) afterAnswer(x *exchange) bool {
	if x.closeAfter {
		if !x.up.drain(0) || c.src.buffered() > 0 {
			c.linger()
		}
		return false
	}
	c.src.pace.rate = 0
	if d := c.st.drainMS; d > 0 {
		c.src.fixed = c.st.clock.Load() + d
	}
	whole := x.up.drain(c.st.drainBytes)
	c.src.fixed = 0
	if !whole {
		c.linger()
	}
	return whole
}

// refuseRequest answers what could not be parsed, and ends the connection.
func (c *conn) refuseRequest(err error) bool {
	switch {
	case c.src.buffered() == 0 && (errors.Is(err, io.EOF) || errors.Is(err, errReadTimeout)):
		// Nothing was said that needs an answer.
		return false
	case errors.Is(err, errReadTimeout):
		c.st.timeouts.Add(1)
		c.report(EventTimeout, ErrHeadTimeout)
		err = ErrHeadTimeout
	case errors.Is(err, io.EOF):
		err = refine(ErrHeadSyntax, "connection ended inside the head")
	}
	if !c.answerable(err) {
		return false
	}
	c.st.protocolErrors.Add(1)
	c.report(EventProtocol, err)
	x := c.newExchange()
	x.closeAfter = true
	_ = x.emptyAnswer(StatusOf(err), "")
	c.st.account(c, x.status)
	x.retire()
	c.linger()
	return false
}

// Bounds of a lingering close, beyond those of the drain before it.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = defaultDrainBytes
)

// linger closes the sending side and reads on for a while: closing with unread
// data would make the kernel reset the connection, and the reset can overtake
// the answer.
func (c *conn) linger() {
	half, ok := c.io.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	c.src.drop()
	c.src.fixed = c.st.clock.Load() + lingerTime.Milliseconds()
	for seen := 0; seen < lingerBytes; {
		if c.src.fill() != nil {
			return
		}
		seen += c.src.buffered()
		c.src.drop()
	}
}

var _ timeoutArbiter = (*conn)(nil)

// errIsClosed tells errors that mean no more than that a listener was closed.
func errIsClosed(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed)
}
