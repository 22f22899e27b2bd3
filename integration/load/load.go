// Package load drives an ICAP server with one message, built beforehand, again and again over persistent
// connections, and measures throughput and latency. It shares the machine with the server that it measures, so
// it does as little as it can: no ICAP library, one goroutine a connection, answers read just far enough to
// know that they are right and whole.
package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Message is an ICAP message as it goes over the wire, and the ICAP status that answers it.
type Message struct {
	Bytes []byte
	Want  int
	// Alone means that the whole message may be written before the answer is read. Without it a writer of its
	// own keeps a server that answers while it reads from blocking.
	Alone bool
}

// MessageConfig says what NewMessage builds.
type MessageConfig struct {
	Host, Path string // of the ICAP service; Path without the slash
	Type       string // Content-Type of the response
	Body       []byte
	Preview    int  // bytes sent in a preview, of which the message then is the first part only; -1 for none
	Allow204   bool // offer 204
	Want       int
}

// chunkSize is that of the chunks a body is cut into.
const chunkSize = 16 << 10

// NewMessage builds a RESPMOD message in the manner of Squid.
func NewMessage(c MessageConfig) Message {
	req := "GET http://api.test/v1/customers HTTP/1.1\r\nHost: api.test\r\nUser-Agent: shop/4.2\r\nAccept: application/json\r\n\r\n"
	res := "HTTP/1.1 200 OK\r\nDate: Tue, 03 Nov 2026 08:15:30 GMT\r\nContent-Type: " + c.Type + "\r\n" +
		"Content-Length: " + strconv.Itoa(len(c.Body)) + "\r\nCache-Control: private, max-age=0\r\nETag: \"7f3a\"\r\n\r\n"
	var b bytes.Buffer
	fmt.Fprintf(&b, "RESPMOD icap://%s/%s ICAP/1.0\r\nHost: %s\r\nDate: Tue, 03 Nov 2026 08:15:30 GMT\r\n", c.Host, c.Path, c.Host)
	fmt.Fprintf(&b, "Encapsulated: req-hdr=0, res-hdr=%d, res-body=%d\r\n", len(req), len(req)+len(res))
	body := c.Body
	if c.Preview >= 0 {
		fmt.Fprintf(&b, "Preview: %d\r\n", c.Preview)
		body = body[:min(len(body), c.Preview)]
	}
	if c.Allow204 {
		b.WriteString("Allow: 204\r\n")
	}
	b.WriteString("X-Client-IP: 127.0.0.1\r\n\r\n" + req + res)
	for len(body) > 0 {
		n := min(len(body), chunkSize)
		fmt.Fprintf(&b, "%x\r\n", n)
		b.Write(body[:n])
		b.WriteString("\r\n")
		body = body[n:]
	}
	b.WriteString("0\r\n\r\n")
	return Message{Bytes: b.Bytes(), Want: c.Want, Alone: b.Len() <= 64<<10 || c.Allow204}
}

// Config says what Run does.
type Config struct {
	Address string // HOST:PORT
	// Message returns the message to send as the n-th on a connection. A message may be returned again.
	Message func(conn, n int) Message
	Conns   int           // connections, each with one message in flight
	For     time.Duration // how long to send; each connection sends one message at least
	Max     int64         // and at most how many messages, 0 for any number
}

// Same sends one message again and again.
func Same(m Message) func(conn, n int) Message { return func(int, int) Message { return m } }

// Result is what Run saw.
type Result struct {
	Messages int64
	Elapsed  time.Duration
	Latency  Histogram
}

// PerSecond is the throughput in messages.
func (r *Result) PerSecond() float64 { return float64(r.Messages) / r.Elapsed.Seconds() }

// Run connects, sends and measures. The first wrong answer ends it with an error.
func Run(ctx context.Context, c Config) (*Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	conns, err := dialAll(ctx, c.Address, c.Conns)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	defer stop()
	limit := c.Max / int64(c.Conns)
	histograms := make([]Histogram, c.Conns)
	counts := make([]int64, c.Conns)
	start := time.Now()
	deadline := start.Add(c.For)
	var wg sync.WaitGroup
	for i, conn := range conns {
		wg.Go(func() {
			p := newPeer(conn)
			for n := 0; n == 0 || (c.Max == 0 || int64(n) < limit) && time.Now().Before(deadline); n++ {
				began := time.Now()
				if err := p.exchange(c.Message(i, n)); err != nil {
					cancel(fmt.Errorf("connection %d, message %d: %w", i, n, err))
					return
				}
				histograms[i].Add(time.Since(began))
				counts[i]++
			}
		})
	}
	wg.Wait()
	r := &Result{Elapsed: time.Since(start)}
	for i := range conns {
		r.Messages += counts[i]
		r.Latency.Merge(&histograms[i])
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
	if r.Messages == 0 {
		return nil, errors.New("load: not one message")
	}
	return r, nil
}

func dialAll(ctx context.Context, address string, n int) ([]net.Conn, error) {
	conns := make([]net.Conn, 0, n)
	for range n {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			for _, c := range conns {
				_ = c.Close()
			}
			return nil, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

// Idle opens n connections, makes one exchange on each, and leaves them open until close is called.
func Idle(ctx context.Context, address string, m Message, n int) (closeAll func(), err error) {
	conns, err := dialAll(ctx, address, n)
	if err != nil {
		return nil, err
	}
	closeAll = func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}
	for _, c := range conns {
		if err := newPeer(c).exchange(m); err != nil {
			closeAll()
			return nil, err
		}
	}
	return closeAll, nil
}

// peer is one connection to the server.
type peer struct {
	conn net.Conn
	r    *bufio.Reader
	werr chan error
}

func newPeer(conn net.Conn) *peer {
	return &peer{conn: conn, r: bufio.NewReaderSize(conn, 32<<10), werr: make(chan error, 1)}
}

// exchangeTimeout bounds one exchange: a server that hangs must not hang the load.
const exchangeTimeout = 60 * time.Second

func (p *peer) exchange(m Message) error {
	if !m.Alone {
		if err := p.conn.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
			return err
		}
		go func() {
			_, err := p.conn.Write(m.Bytes)
			p.werr <- err
		}()
		return errors.Join(p.answer(m.Want), <-p.werr)
	}
	if _, err := p.conn.Write(m.Bytes); err != nil {
		return err
	}
	return p.answer(m.Want)
}

// answer reads one answer to its last byte.
func (p *peer) answer(want int) error {
	line, err := p.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	const start = "ICAP/1.0 "
	if len(line) < len(start)+3 || string(line[:len(start)]) != start {
		return fmt.Errorf("load: answer %q", line)
	}
	if got, err := strconv.Atoi(string(line[len(start) : len(start)+3])); err != nil || got != want {
		return fmt.Errorf("load: answer %q, not %d", bytes.TrimSpace(line), want)
	}
	bodyAt := -1
	for {
		line, err := p.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		const name = "Encapsulated:"
		if len(line) > len(name) && line[0] == 'E' && string(line[:len(name)]) == name {
			if bodyAt, err = bodyOffset(string(line)); err != nil {
				return err
			}
		}
	}
	if want == 204 || bodyAt < 0 {
		return nil
	}
	if _, err := p.r.Discard(bodyAt); err != nil {
		return err
	}
	return p.body()
}

// bodyOffset reads where the body begins, -1 for null-body.
func bodyOffset(line string) (int, error) {
	i := strings.LastIndex(line, "body=")
	if i < 0 {
		return 0, fmt.Errorf("load: %q names no body", line)
	}
	if strings.HasSuffix(line[:i], "null-") {
		return -1, nil
	}
	return strconv.Atoi(strings.TrimSpace(line[i+len("body="):]))
}

// body discards a chunked body.
func (p *peer) body() error {
	for {
		line, err := p.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		if _, err := p.r.Discard(int(size) + 2); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
	}
}

// Echo sends a body of n bytes from src to an echo service that may not answer 204, and gives the body that
// comes back to sink, while it is sent.
func Echo(ctx context.Context, address, path string, src io.Reader, sink io.Writer) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	m := NewMessage(MessageConfig{Host: address, Path: path, Type: "application/octet-stream", Preview: -1})
	werr := make(chan error, 1)
	go func() { werr <- sendBody(conn, bytes.TrimSuffix(m.Bytes, []byte("0\r\n\r\n")), src) }()
	p := newPeer(conn)
	if err := p.echoed(sink); err != nil {
		return err
	}
	return <-werr
}

func sendBody(conn io.Writer, head []byte, src io.Reader) error {
	if _, err := conn.Write(head); err != nil {
		return err
	}
	w := bufio.NewWriterSize(conn, 128<<10)
	buf := make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(src, buf)
		if n > 0 {
			if _, err := fmt.Fprintf(w, "%x\r\n%s\r\n", n, buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			break // ReadFull of a reader that only ends
		}
	}
	if _, err := w.WriteString("0\r\n\r\n"); err != nil {
		return err
	}
	return w.Flush()
}

// echoed reads a 200 and hands its body over.
func (p *peer) echoed(sink io.Writer) error {
	status, bodyAt := "", -1
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if status == "" {
			status = line
		}
		if strings.HasPrefix(line, "Encapsulated:") {
			if bodyAt, err = bodyOffset(line); err != nil {
				return err
			}
		}
	}
	if !strings.HasPrefix(status, "ICAP/1.0 200") || bodyAt < 0 {
		return fmt.Errorf("load: answer %q, body at %d", status, bodyAt)
	}
	if _, err := p.r.Discard(bodyAt); err != nil {
		return err
	}
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(line), 16, 32)
		if err != nil {
			return err
		}
		if _, err := io.CopyN(sink, p.r, size); err != nil {
			return err
		}
		if _, err := p.r.Discard(2); err != nil || size == 0 {
			return err
		}
	}
}
