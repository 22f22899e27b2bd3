package service

import (
	"io"
	"sync"
	"time"

	"icapd/icap"
)

// Some clients stop sending when they hold 64 KiB that nobody takes from the other side of them: Squid before
// version 6 deadlocks on a RESPMOD body of that size from a fast origin, if the server reads all of it before it
// answers (Squid bug 5352), when exactly 65,535 bytes of the body have gone out. The remedy is to commit the head of the answer once the body stalls. Its price: a
// verdict that is then bad can only cut the connection, because the client has the origin's head already.
const (
	nudgeBytes = 60_000
	nudgeAfter = 150 * time.Millisecond
)

// nudger reads a body and commits the answer's head when the client stalls.
type nudger struct {
	src   io.Reader
	begin func() (*icap.BodyWriter, error)

	n     int64
	timer *time.Timer

	mu     sync.Mutex
	armed  bool
	stream *icap.BodyWriter // set once the head is committed
	err    error
}

func newNudger(src io.Reader, begin func() (*icap.BodyWriter, error)) *nudger {
	n := &nudger{src: src, begin: begin}
	n.timer = time.AfterFunc(time.Hour, n.fire)
	n.timer.Stop()
	return n
}

// Read implements io.Reader. The clock runs only while a read past the threshold waits.
func (n *nudger) Read(p []byte) (int, error) {
	if n.n >= nudgeBytes {
		n.arm(true)
		n.timer.Reset(nudgeAfter)
	}
	k, err := n.src.Read(p)
	if n.n >= nudgeBytes {
		n.timer.Stop()
		n.arm(false)
	}
	n.n += int64(k)
	return k, err
}

func (n *nudger) arm(on bool) {
	n.mu.Lock()
	n.armed = on && n.stream == nil && n.err == nil
	n.mu.Unlock()
}

// fire runs beside the read that waits.
func (n *nudger) fire() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.armed {
		n.armed = false
		n.stream, n.err = n.begin()
	}
}

// committed returns the stream if the head was sent. Nothing is sent after it was called.
func (n *nudger) committed() (*icap.BodyWriter, error) {
	n.timer.Stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.armed = false
	return n.stream, n.err
}
