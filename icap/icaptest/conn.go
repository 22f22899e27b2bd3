package icaptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// maxReceived bounds what a server may send in one case.
const maxReceived = 2 * maxSize

// errTimeout says that the server did not do in time what was expected.
var errTimeout = errors.New("nothing came in time")

// conn is one connection to the server. A goroutine reads all the time, so that a server that answers while
// the client still sends never blocks, and so that an answer in front of a reset is not lost.
type conn struct {
	net.Conn
	done chan struct{} // closed when the reader has ended

	mu   sync.Mutex
	buf  []byte // received and not consumed
	end  error  // why reading ended; nil before
	more chan struct{}
}

func newConn(c net.Conn) *conn {
	k := &conn{Conn: c, done: make(chan struct{}), more: make(chan struct{}, 1)}
	go k.read()
	return k
}

func (c *conn) read() {
	defer close(c.done)
	total := 0
	p := make([]byte, 32<<10)
	for {
		n, err := c.Read(p)
		total += n
		if total > maxReceived && err == nil {
			err = fmt.Errorf("the server sent more than %d bytes", maxReceived)
		}
		c.mu.Lock()
		c.buf = append(c.buf, p[:n]...)
		c.end = err
		c.mu.Unlock()
		select {
		case c.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// shut closes the connection and waits for the reader.
func (c *conn) shut() {
	_ = c.Close() // nothing more is expected of it
	<-c.done
}

// await waits until ok(received so far) holds, the connection ends, or the time is over. It returns the
// reason why the connection ended, or errTimeout, if ok does not hold.
func (c *conn) await(ctx context.Context, d time.Duration, ok func([]byte) bool) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		c.mu.Lock()
		good, end := ok(c.buf), c.end
		c.mu.Unlock()
		if good {
			return nil
		}
		if end != nil {
			return end
		}
		select {
		case <-c.more:
		case <-timer.C:
			return errTimeout
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// consume takes n bytes that are known to be there.
func (c *conn) consume(n int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.buf[:n:n]
	c.buf = c.buf[n:]
	return b
}

// waiting returns a copy of the first bytes that nobody has consumed, at most n.
func (c *conn) waiting(n int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.buf[:min(n, len(c.buf))])
}

// source is where a response is read from: a connection, with the patience for one expectation.
type source struct {
	ctx  context.Context
	c    *conn
	d    time.Duration
	seen []byte // the heads and lines read so far, for the report
}

// cutError says that the connection ended where more had to come.
type cutError struct {
	what string
	err  error
}

func (e *cutError) Error() string {
	if errors.Is(e.err, io.EOF) {
		return "the connection ended in the place of " + e.what
	}
	return "waiting for " + e.what + ": " + e.err.Error()
}

func (e *cutError) Unwrap() error { return e.err }

func (s *source) fail(err error, what string) error {
	if errors.Is(err, errTimeout) || s.ctx.Err() != nil {
		return fmt.Errorf("waiting for %s: %w", what, err)
	}
	return &cutError{what, err}
}

// take returns the next n bytes.
func (s *source) take(n int, what string) ([]byte, error) {
	if n > maxReceived {
		return nil, fmt.Errorf("%s of %d bytes is over the limit", what, n)
	}
	if err := s.c.await(s.ctx, s.d, func(b []byte) bool { return len(b) >= n }); err != nil {
		return nil, s.fail(err, what)
	}
	return s.c.consume(n), nil
}

// line returns the next line without its CRLF. It must not be longer than limit.
func (s *source) line(limit int, what string) (string, error) {
	n, from := -1, 0
	err := s.c.await(s.ctx, s.d, func(b []byte) bool {
		if i := bytes.IndexByte(b[from:], '\n'); i >= 0 {
			n = from + i + 1
		}
		from = len(b)
		return n >= 0 || len(b) > limit
	})
	if err != nil {
		return "", s.fail(err, what)
	}
	if n < 0 || n > limit {
		return "", fmt.Errorf("%s is longer than %d bytes", what, limit)
	}
	b := s.c.consume(n)
	s.seen = append(s.seen, b...)
	if n < 2 || b[n-2] != '\r' {
		return "", fmt.Errorf("%s does not end with CRLF: %q", what, b)
	}
	return string(b[:n-2]), nil
}
