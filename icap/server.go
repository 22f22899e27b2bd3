package icap

import (
	"context"
	"net"
	"time"
)

// Server serves ICAP on any number of listeners. Its fields must not change
// after the first call of Serve or ServeConn. Zero durations and limits mean
// the defaults named with them; negative durations mean no limit.
type Server struct {
	// Handler answers the requests, usually a *ServeMux. Nil answers 404.
	Handler Handler
	// IdleTimeout closes a connection on which no request begins (90 s, more
	// than the 60 s for which Squid keeps its idle connections).
	IdleTimeout time.Duration
	// HeadTimeout bounds the time from the first byte of a request to the end
	// of its heads (10 s), HandshakeTimeout that of a TLS handshake (10 s).
	HeadTimeout, HandshakeTimeout time.Duration
	// BodyTimeout bounds each wait for more of a body (60 s), WriteTimeout each
	// wait for the client to take up to 64 KiB of an answer (60 s).
	BodyTimeout, WriteTimeout time.Duration
	// MinBodyRate is how many bytes of a body a client must send in a second, on
	// average over the time for which it was waited for (500; negative: any
	// rate will do). BodyTimeout is given on top, once for each body. Without
	// it a client could hold a place among MaxInFlight for as long as it likes,
	// with a byte now and then.
	MinBodyRate int64
	// MaxHeadBytes limits the ICAP head (16 KiB), MaxHTTPHeadBytes the
	// encapsulated HTTP heads together (128 KiB).
	MaxHeadBytes, MaxHTTPHeadBytes int
	// MaxPreviewBytes is how much of a preview is held for Request.Preview (64 KiB).
	// A longer one is legal; the rest is read through Body.
	MaxPreviewBytes int
	// DrainBytes and DrainTimeout bound what is read of an upload whose final
	// answer has been given, in order to reuse the connection (16 MiB, 10 s).
	// Beyond them, or at once if DrainBytes is negative, the connection is closed
	// with a lingering close.
	DrainBytes   int64
	DrainTimeout time.Duration
	// MaxConnections limits open connections (0: no limit). At the limit new ones
	// wait, 64 of them beside those in the listener's backlog, until one of the
	// others ends or has been idle for a moment: the one idle longest is closed.
	// A connection that found no place within QueueTimeout is answered with 503.
	// An idle connection holds no buffer, one with a message under way at most
	// 128 KiB and its heads and preview.
	MaxConnections int
	// MaxInFlight limits the requests that are with the handler at one time
	// (0: no limit). OPTIONS is not counted. Requests beyond it wait, at most
	// MaxQueue of them (default MaxInFlight) and QueueTimeout long (5 s), then
	// go to Overload.
	MaxInFlight, MaxQueue int
	QueueTimeout          time.Duration
	// Overload answers what found no place in the queue, for instance with the
	// profile's fail-open or fail-closed answer. Nil answers 503.
	Overload Handler
	// Lenient accepts what deployed clients get wrong and what can be read in
	// one way only: no Host, bare LF line ends in the ICAP head, an HTTP head
	// without its last blank line.
	Lenient bool
	// ISTag is the tag, without quotes, of answers given before a service is
	// known, such as 400 and 404. Nil means a constant.
	ISTag func() string
	// ErrorLog is told of what went wrong outside a handler's view: panics with
	// their stack, framing errors, failed handshakes. Nil discards. It is called
	// from many goroutines.
	ErrorLog func(Event)
	// BaseContext is the parent of request contexts, nil means context.Background().
	BaseContext context.Context

	state serverState
}

// EventKind says what an Event is about.
type EventKind int

// Kinds of events. The zero value is not used.
const (
	_              EventKind = iota
	EventPanic               // a handler panicked; Stack is set
	EventProtocol            // the peer broke a framing rule and was refused
	EventHandshake           // a TLS handshake failed
	EventTimeout             // the peer was too slow and was cut off
	EventOverload            // a request or connection found no capacity
	EventAccept              // a listener failed to accept
	EventConn                // a connection broke inside an exchange
	EventHandler             // a handler gave no answer
)

// Event is a report to Server.ErrorLog.
type Event struct {
	Kind   EventKind
	Remote net.Addr
	Err    error
	// Stack is the goroutine's stack for EventPanic.
	Stack []byte
}

// Stats is a snapshot of a server's counters since its start.
type Stats struct {
	// Accepted counts connections since the start; Open, Idle and InFlight are gauges.
	Accepted             int64
	Open, Idle, InFlight int64
	// Queued is a gauge of requests that wait for capacity; Overloaded counts
	// those that found none, Refused the connections that did.
	Queued, Overloaded, Refused int64
	// Requests counts heads that were parsed; Continues the 100s sent.
	Requests, Continues int64
	// Panics, ProtocolErrors and Timeouts count events.
	Panics, ProtocolErrors, Timeouts int64
	// BytesIn and BytesOut count what was read from and written to connections.
	BytesIn, BytesOut int64
	// ByStatus counts final answers.
	ByStatus map[int]int64
}

// Serve accepts connections on l until Shutdown or Close, and then returns
// ErrServerClosed; any other return is the listener's error. It may run on
// several listeners at once. A *tls.Conn, or a [Preparer], is shaken hands with
// on the goroutine of the connection.
func (s *Server) Serve(l net.Listener) error {
	s.state.start(s)
	return s.state.serve(l)
}

// ServeConn serves one connection and returns when it is closed.
func (s *Server) ServeConn(nc net.Conn) {
	s.state.start(s)
	done := make(chan struct{})
	if s.state.draining.Load() {
		_ = nc.Close()
	} else if s.state.admit(nc, done) {
		<-done
	}
}

// ListenAndServe listens on the TCP address (":1344" if empty) and serves.
func (s *Server) ListenAndServe(ctx context.Context, addr string) error {
	if addr == "" {
		addr = ":1344"
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return s.Serve(l)
}

// Shutdown stops listening, lets exchanges in flight finish (their answers say
// "Connection: close"), closes connections once they have been idle for half a
// second, so that one that is in use is told with its next answer, and returns
// when all connections are closed. When ctx ends first it closes the rest and
// returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.state.start(s)
	return s.state.shutdown(ctx)
}

// Close closes listeners and connections at once and cancels request contexts.
// It does not wait for handlers.
func (s *Server) Close() error {
	s.state.start(s)
	return s.state.close()
}

// Stats returns the counters. It may be called at any time.
func (s *Server) Stats() Stats { return s.state.snapshot() }
