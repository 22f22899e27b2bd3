package icap

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener of connections in memory, so that time can be the test's.
type pipes struct {
	conns    chan net.Conn
	closed   chan struct{}
	deadline chan time.Time
	failures atomic.Int32 // calls of Accept that find no descriptor
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn, 100), closed: make(chan struct{}), deadline: make(chan time.Time, 1)}
}

func (p *pipes) Accept() (net.Conn, error) {
	if p.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "pipe", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	select {
	case nc := <-p.conns:
		return nc, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case t := <-p.deadline:
		select {
		case nc := <-p.conns:
			p.deadline <- t
			return nc, nil
		case <-time.After(time.Until(t)):
			return nil, os.ErrDeadlineExceeded
		}
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) SetDeadline(t time.Time) error {
	p.deadline <- t
	return nil
}

// dial connects, and ends with the test.
func (p *pipes) dial(t *testing.T) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close() })
	p.conns <- far
	return near
}

// servePipes runs s on pipes until the returned function is called.
func servePipes(t *testing.T, s *Server) (l *pipes, end func()) {
	t.Helper()
	l = newPipes()
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	return l, func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, ErrServerClosed) {
			t.Errorf("Serve returned %v", err)
		}
		synctest.Wait()
	}
}

func expectEOF(t *testing.T, c net.Conn, who string) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%s: %d, %v", who, n, err)
	}
}

const refusal = "ICAP/1.0 503 Service Overloaded\r\nISTag: \"icap\"\r\nConnection: close\r\nEncapsulated: null-body=0\r\n\r\n"

// TestRefusedTogether holds that those who find no place at the connection limit wait at the same time, and not one
// after the other.
func TestRefusedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &Server{
			Handler:        muxOf(HandlerFunc(func(w *ResponseWriter, _ *Request) { <-release; w.Unmodified(nil) })),
			MaxConnections: 2, QueueTimeout: 3 * time.Second,
		}
		l, end := servePipes(t, s)
		var busy, late []net.Conn
		for range 2 {
			c := l.dial(t)
			io.WriteString(c, nullMsg("Allow: 204\r\n"))
			busy = append(busy, c)
		}
		start := time.Now()
		for range 20 {
			late = append(late, l.dial(t))
		}
		for _, c := range late[1:] {
			io.WriteString(c, nullMsg("Allow: 204\r\n"))
			expect(t, c, refusal)
			expectEOF(t, c, "refused connection")
		}
		if took := time.Since(start); took < 3*time.Second || took > 4*time.Second {
			t.Errorf("they were refused after %v", took)
		}
		again := l.dial(t) // waits no longer than for a place
		close(release)
		for _, c := range busy {
			expect(t, c, answer4)
		}
		busy[0].Close()
		io.WriteString(again, nullMsg("Allow: 204\r\n"))
		expect(t, again, answer4)
		if st := s.Stats(); st.Refused != 20 {
			t.Errorf("%+v", st)
		}
		end()
	})
}

// TestNoDescriptor holds that an idle connection gives way when the process has no descriptor left.
func TestNoDescriptor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{Handler: muxOf(unread)}
		l := newPipes()
		done := make(chan error, 1)
		go func() { done <- s.Serve(l) }()
		idle := l.dial(t)
		time.Sleep(time.Second)
		l.failures.Store(1)
		other := l.dial(t) // wakes the loop; the next call fails
		io.WriteString(other, nullMsg("Allow: 204\r\n"))
		expect(t, other, answer4)
		expectEOF(t, idle, "idle connection")
		io.WriteString(other, nullMsg("Allow: 204\r\n"))
		expect(t, other, answer4)
		s.Close()
		<-done
	})
}

// TestShutdownTells holds that a shutdown closes no connection under the hands of a client that uses it: it is told
// with its next answer. Who has been idle for long is not waited for, and who has just connected is served.
func TestShutdownTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{Handler: muxOf(unread)}
		l := newPipes()
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		idle, used, quiet := l.dial(t), l.dial(t), l.dial(t)
		time.Sleep(5 * time.Second)
		for _, c := range []net.Conn{used, quiet} {
			io.WriteString(c, nullMsg("Allow: 204\r\n"))
			expect(t, c, answer4)
		}
		start := time.Now()
		down := make(chan error, 1)
		go func() { down <- s.Shutdown(context.Background()) }()
		expectEOF(t, idle, "idle connection")
		if took := time.Since(start); took > 0 {
			t.Errorf("the idle connection was closed after %v", took)
		}
		fresh := l.dial(t)
		time.Sleep(300 * time.Millisecond)
		for _, c := range []net.Conn{used, fresh} {
			io.WriteString(c, nullMsg("Allow: 204\r\n"))
			expect(t, c, answer4c)
			expectEOF(t, c, "connection that was told")
		}
		expectEOF(t, quiet, "connection that has become idle")
		if err := <-down; err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		if err := <-served; !errors.Is(err, ErrServerClosed) {
			t.Error(err)
		}
	})
}

// TestHopelessHead holds that a head that cannot become one is refused at once. Time stands still meanwhile.
func TestHopelessHead(t *testing.T) {
	for name, c := range map[string]struct {
		send, want string
		lenient    bool
	}{
		"TLS":              {send: "\x16\x03\x01\x02\x00\x01", want: "ICAP/1.0 400 "},
		"binary":           {send: "\x00", want: "ICAP/1.0 400 "},
		"space":            {send: " OPTIONS", want: "ICAP/1.0 400 "},
		"CR":               {send: "\rOPTIONS", want: "ICAP/1.0 400 "},
		"blank lines":      {send: strings.Repeat("\r\n", 5), want: "ICAP/1.0 400 "},
		"LF in a field":    {send: "OPTIONS icap://h/svc ICAP/1.0\r\nHost: h\nX", want: "ICAP/1.0 400 "},
		"LF at the end":    {send: "OPTIONS icap://h/svc ICAP/1.0\r\nHost: h\r\n\n", want: "ICAP/1.0 400 "},
		"LF, lenient":      {send: "OPTIONS icap://h/svc ICAP/1.0\nHost: h\n\n", want: "ICAP/1.0 200 ", lenient: true},
		"four blank lines": {send: "\r\n\r\n\r\n\r\nOPTIONS icap://h/svc ICAP/1.0\r\nHost: h\r\n\r\n", want: "ICAP/1.0 200 "},
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{len(c.send), 1} {
				synctest.Test(t, func(t *testing.T) {
					conn := pipeTo(t, &Server{Handler: muxOf(unread), Lenient: c.lenient})
					start := time.Now()
					go func() {
						for i := 0; i < len(c.send); i += piece {
							io.WriteString(conn, c.send[i:i+piece])
						}
					}()
					expect(t, conn, c.want)
					if took := time.Since(start); took > 0 {
						t.Errorf("after %v", took)
					}
				})
			}
		})
	}
}
