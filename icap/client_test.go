package icap

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func testClient(t *testing.T) *Client {
	t.Helper()
	c := &Client{IOTimeout: 30 * time.Second} // for a machine that is busy
	t.Cleanup(func() { c.Close() })
	return c
}

func mustHead(t *testing.T, raw string) *Head {
	t.Helper()
	h, err := ParseHead(raw)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// plain hides what kind of reader a body is, so that its length is unknown.
type plain struct{ io.Reader }

func TestClientModes(t *testing.T) {
	upper := HandlerFunc(func(w *ResponseWriter, r *Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			w.Error(StatusOf(err), "")
			return
		}
		h := r.HTTPResponse.Clone()
		h.Set("X-Adapted", "yes")
		w.DeclareTrailer("X-Scan")
		w.Trailer().Set("X-Scan", "done")
		w.Modified(h, bytes.NewReader(bytes.ToUpper(b)))
	})
	partial := HandlerFunc(func(w *ResponseWriter, r *Request) {
		h := r.HTTPResponse.Clone()
		h.Set("X-Adapted", "yes")
		r.Preview()
		w.Partial(h, strings.NewReader("<<"), 2, nil)
	})
	handlers := []struct {
		name string
		h    Handler
		want func(string) string
	}{
		{"upper", upper, strings.ToUpper},
		{"partial", partial, func(s string) string { return "<<" + s[2:] }},
		{"echo", Echo{}, func(s string) string { return s }},
		{"unread", unread, func(s string) string { return s }},
		{"streaming", HandlerFunc(streamBack), func(s string) string { return s }},
	}
	for _, h := range handlers {
		addr := serveTest(t, &Server{Handler: muxOf(h.h)})
		for _, size := range []int{5, 5000, 300_000} {
			body := strings.Repeat("abcdefghij", size/10+1)[:size]
			for _, preview := range []int{NoPreview, 0, 4, 5, 1000, PreviewFromOptions} {
				for _, known := range []bool{true, false} {
					t.Run(fmt.Sprintf("%s/%d/%d/%v", h.name, size, preview, known), func(t *testing.T) {
						c := testClient(t)
						for i := range 2 {
							var r io.Reader = strings.NewReader(body)
							if !known {
								r = plain{r}
							}
							res, err := c.Do(t.Context(), &ClientRequest{
								Method: MethodRespmod, URL: "icap://" + addr + "/svc", HTTPRequest: mustHead(t, reqHead),
								HTTPResponse: mustHead(t, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"), Body: r, Preview: preview,
							})
							if err != nil {
								t.Fatal(err)
							}
							got, err := io.ReadAll(res.Body)
							if err != nil || string(got) != h.want(body) {
								t.Fatalf("status %d: %v, %d bytes %.40q", res.Status, err, len(got), got)
							}
							res.Body.Close()
							if h.name == "upper" && res.Trailer().Get("X-Scan") != "done" {
								t.Errorf("no trailer: %q", res.Trailer().Raw())
							}
							if i == 1 && !res.Timing.Reused {
								t.Error("connection was not reused")
							}
						}
					})
				}
			}
		}
	}
}

func TestClientOptionsCache(t *testing.T) {
	tag, calls := "A", 0
	mux := NewServeMux()
	mux.Handle("/svc", &Service{Name: "n", Methods: []string{MethodRespmod}, Handler: unread, Preview: 77, ISTag: func() string { calls++; return tag }})
	addr := serveTest(t, &Server{Handler: mux})
	c := testClient(t)
	u := "icap://" + addr + "/svc"
	for range 3 {
		o, err := c.Options(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		if o.Preview != 77 || o.ISTag != `"A"` || !o.Allow204 || o.TTL != time.Minute || len(o.Methods) != 1 {
			t.Fatalf("got %+v", o)
		}
	}
	if calls != 1 {
		t.Errorf("%d OPTIONS requests", calls)
	}
	tag = "B"
	if _, err := c.Do(t.Context(), &ClientRequest{Method: MethodRespmod, URL: u, HTTPResponse: mustHead(t, resHead)}); err != nil {
		t.Fatal(err)
	}
	if o, err := c.Options(t.Context(), u); err != nil || o.ISTag != `"B"` {
		t.Errorf("got %+v, %v", o, err)
	}
	if _, err := c.Options(t.Context(), "icap://"+addr+"/none"); StatusOf(err) != 404 {
		t.Errorf("unknown service: %v", err)
	}
	if _, err := c.Options(t.Context(), "http://x/"); !errors.Is(err, ErrURI) {
		t.Errorf("scheme: %v", err)
	}
}

// fakeServer answers each connection with fixed bytes after reading some.
func fakeServer(t *testing.T, answer string, keep bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 64<<10)
			c.Read(b)
			io.WriteString(c, answer)
			if keep {
				c.SetReadDeadline(time.Now().Add(2 * time.Second))
				io.Copy(io.Discard, c)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "icap://" + l.Addr().String() + "/x"
}

func TestClientBadAnswers(t *testing.T) {
	cases := []struct{ name, answer string }{
		{"empty", ""},
		{"HTTP", "HTTP/1.1 200 OK\r\n\r\n"},
		{"status", "ICAP/1.0 2x0 OK\r\n\r\n"},
		{"truncated head", "ICAP/1.0 200 OK\r\nISTag: "},
		{"200 without Encapsulated", "ICAP/1.0 200 OK\r\n\r\n"},
		{"Encapsulated", "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=9\r\n\r\n"},
		{"truncated HTTP head", "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, null-body=80\r\n\r\nHTTP"},
		{"huge HTTP head", "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, null-body=800000000\r\n\r\nHTTP"},
		{"100 out of place", "ICAP/1.0 100 Continue\r\n\r\nICAP/1.0 204 x\r\n\r\n"},
		{"chunk", "ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"},
		{"malformed use-original-body", "ICAP/1.0 206 x\r\nEncapsulated: res-body=0\r\n\r\n5\r\nhello\r\n0; use-original-body=x\r\n\r\n"},
		{"use-original-body twice", "ICAP/1.0 206 x\r\nEncapsulated: res-body=0\r\n\r\n5\r\nhello\r\n0; use-original-body=2; use-original-body=2\r\n\r\n"},
		{"truncated body", "ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\n5\r\nhel"},
		{"endless head", "ICAP/1.0 200 OK\r\nX: " + strings.Repeat("x", 300<<10)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cl := testClient(t)
			res, err := cl.Do(t.Context(), &ClientRequest{
				Method: MethodRespmod, URL: fakeServer(t, c.answer, false), HTTPResponse: mustHead(t, resHead),
				Body: strings.NewReader("hello"), Preview: NoPreview,
			})
			if err == nil {
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			if err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestClientContext(t *testing.T) {
	c := testClient(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := c.Do(ctx, &ClientRequest{
		Method: MethodRespmod, URL: fakeServer(t, "ICAP/1.0 2", true), HTTPResponse: mustHead(t, resHead), Body: strings.NewReader("hello"),
	})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > c.IOTimeout {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
}

// noting keeps the connections that it accepts.
type noting struct {
	net.Listener
	accepted chan net.Conn
}

func (l noting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted <- c
	}
	return c, err
}

// TestClientStaleConnection: a connection that the server has ended meanwhile is not used again.
func TestClientStaleConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &Server{Handler: muxOf(unread)}
	accepted := make(chan net.Conn, 3)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(noting{l, accepted}) }()
	c := testClient(t)
	for range 3 {
		res, err := c.Do(t.Context(), &ClientRequest{Method: MethodRespmod, URL: "icap://" + l.Addr().String() + "/svc", HTTPResponse: mustHead(t, resHead)})
		if err != nil || res.Status != 204 {
			t.Fatal(res, err)
		}
		_ = (<-accepted).Close()
		for srv.Stats().Open > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, ErrServerClosed) {
		t.Error(err)
	}
}

// failing is a body that breaks in the middle.
type failing struct{ n int }

func (f *failing) Read(p []byte) (int, error) {
	if f.n <= 0 {
		return 0, errors.New("source broke")
	}
	n := min(len(p), f.n)
	f.n -= n
	return n, nil
}

func TestClientBodyError(t *testing.T) {
	addr := serveTest(t, &Server{Handler: muxOf(readAll)})
	for _, preview := range []int{NoPreview, 0, 10, 2000} {
		c := testClient(t)
		_, err := c.Do(t.Context(), &ClientRequest{
			Method: MethodRespmod, URL: "icap://" + addr + "/svc", HTTPResponse: mustHead(t, resHead), Body: &failing{1000}, Preview: preview,
		})
		if err == nil || !strings.Contains(err.Error(), "source broke") {
			t.Errorf("preview %d: got %v", preview, err)
		}
	}
}

func TestClientEarlyAnswer(t *testing.T) {
	block := HandlerFunc(func(w *ResponseWriter, _ *Request) {
		w.Modified(NewResponseHead(403, Field{"Content-Length", "2"}), strings.NewReader("no"))
	})
	addr := serveTest(t, &Server{Handler: muxOf(block)})
	c := testClient(t)
	for range 3 {
		res, err := c.Do(t.Context(), &ClientRequest{
			Method: MethodRespmod, URL: "icap://" + addr + "/svc", HTTPResponse: mustHead(t, resHead),
			Body: plain{bytes.NewReader(make([]byte, 4<<20))}, Preview: NoPreview,
		})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || string(b) != "no" || res.HTTPResponse.Status() != 403 {
			t.Fatalf("got %q, %v", b, err)
		}
	}
}

func TestClientTLS(t *testing.T) {
	cert := selfSigned(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	var sawTLS bool
	srv := &Server{Handler: muxOf(HandlerFunc(func(w *ResponseWriter, r *Request) {
		sawTLS = r.TLS != nil
		Echo{}.ServeICAP(w, r)
	}))}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(l) }()
	c := &Client{TLS: &tls.Config{InsecureSkipVerify: true}}
	body := strings.Repeat("tls ", 50_000)
	for range 2 {
		res, err := c.Do(t.Context(), &ClientRequest{
			Method: MethodRespmod, URL: "icaps://" + l.Addr().String() + "/svc", HTTPResponse: NewResponseHead(200),
			Body: plain{strings.NewReader(body)}, Preview: NoPreview,
		})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || string(b) != body || !sawTLS {
			t.Errorf("%d bytes, %v, TLS %v", len(b), err, sawTLS)
		}
	}
	// Plaintext on the TLS port is refused without harm.
	pc := dial(t, l.Addr().String())
	io.WriteString(pc, nullMsg(""))
	io.Copy(io.Discard, pc)
	c.Close()
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-done
}
