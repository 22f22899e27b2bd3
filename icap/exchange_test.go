package icap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestContinueOnce(t *testing.T) {
	addr := serveTest(t, &Server{Handler: muxOf(readAll)})
	c := dial(t, addr)
	io.WriteString(c, msg("Preview: 3\r\nAllow: 204\r\n", "3\r\nhel\r\n"))
	silent(t, c) // no 100 before the end of the preview
	io.WriteString(c, "0\r\n\r\n")
	expect(t, c, continueLine)
	silent(t, c)
	io.WriteString(c, "2\r\nlo\r\n0\r\n\r\n")
	expect(t, c, strings.Replace(answer4, "Encaps", "X-Len: 5\r\nEncaps", 1))
	silent(t, c)
}

func TestPreviewExactlyTheBody(t *testing.T) {
	addr := serveTest(t, &Server{Handler: muxOf(readAll)})
	c := dial(t, addr)
	io.WriteString(c, msg("Preview: 5\r\n", "5\r\nhello\r\n0\r\n\r\n"))
	expect(t, c, continueLine)
	io.WriteString(c, "0\r\n\r\n")
	expect(t, c, strings.Replace(echo200("hello"), "Encaps", "X-Len: 5\r\nEncaps", 1))
}

func TestIeofSpellings(t *testing.T) {
	var complete bool
	addr := serveTest(t, &Server{Handler: muxOf(HandlerFunc(func(w *ResponseWriter, r *Request) {
		_, complete = r.Preview()
		w.Unmodified(nil)
	}))})
	for _, last := range []string{"0; ieof", "0;ieof", "0 ; ieof", "0; a=b; ieof", "0; a=\"x;y\" ;IEOF", "000;ieof"} {
		complete = false
		if got := talk(t, addr, msg("Preview: 10\r\n", "5\r\nhello\r\n"+last+"\r\n\r\n")); got != answer4 || !complete {
			t.Errorf("%q: complete %v, got %q", last, complete, got)
		}
	}
	for _, last := range []string{"0", "0; xieof", "0; x=ieof", "0; x=\"; ieof\""} {
		complete = true
		if got := talk(t, addr, msg("Preview: 10\r\n", "5\r\nhello\r\n"+last+"\r\n\r\n")); got != answer4 || complete {
			t.Errorf("%q: complete %v, got %q", last, complete, got)
		}
	}
}

func TestPreviewPeek(t *testing.T) {
	h := HandlerFunc(func(w *ResponseWriter, r *Request) {
		p, complete := r.Preview()
		first := string(p)
		b, err := io.ReadAll(r.Body)
		if err != nil {
			w.Error(StatusOf(err), "")
			return
		}
		again, _ := r.Preview()
		w.Header().Set("X-Seen", fmt.Sprintf("%q %v %q %q", first, complete, b, again))
		w.Unmodified(bytes.NewReader(b))
	})
	// A preview longer than what is held is streamed for the rest.
	addr := serveTest(t, &Server{Handler: muxOf(h), MaxPreviewBytes: 4})
	c := dial(t, addr)
	io.WriteString(c, msg("Preview: 6\r\nAllow: 204\r\n", "6\r\nabcdef\r\n0\r\n\r\n"))
	expect(t, c, continueLine)
	io.WriteString(c, "2\r\ngh\r\n0\r\n\r\n")
	expect(t, c, strings.Replace(answer4, "Encaps", "X-Seen: \"abcd\" false \"abcdefgh\" \"abcd\"\r\nEncaps", 1))
	// One longer than announced is tolerated.
	io.WriteString(c, msg("Preview: 1\r\nAllow: 204\r\n", "3\r\nabc\r\n0; ieof\r\n\r\n"))
	expect(t, c, strings.Replace(answer4, "Encaps", "X-Seen: \"abc\" true \"abc\" \"abc\"\r\nEncaps", 1))
}

func TestPartial(t *testing.T) {
	h := HandlerFunc(func(w *ResponseWriter, r *Request) {
		if r.Query == "all" {
			io.Copy(io.Discard, r.Body)
		}
		head := r.HTTPResponse.Clone()
		head.Set("X", "1")
		var prefix io.Reader
		from := int64(0)
		if r.Query != "head" {
			prefix, from = strings.NewReader("HE"), 2
		}
		if err := w.Partial(head, prefix, from, nil); err != nil {
			w.Error(500, err.Error())
		}
	})
	addr := serveTest(t, &Server{Handler: muxOf(h)})
	edited := strings.TrimSuffix(resHead, "\r\n") + "X: 1\r\n\r\n"
	answer := func(status, body string) string {
		return fmt.Sprintf("ICAP/1.0 %s\r\nISTag: \"T1\"\r\nEncapsulated: res-hdr=0, res-body=%d\r\n\r\n%s%s", status, len(edited), edited, body)
	}
	p206 := answer("206 Partial Content", "2\r\nHE\r\n0; use-original-body=2\r\n\r\n")
	cases := []struct{ name, query, extra, body, want string }{
		{"preview", "", "Preview: 3\r\nAllow: 206\r\n", "3\r\nhel\r\n0\r\n\r\n", p206},
		{"ieof with a length", "", "Preview: 9\r\nAllow: 206\r\n", "5\r\nhello\r\n0; ieof\r\n\r\n", p206},
		{"head only", "?head", "Preview: 3\r\nAllow: 206\r\n", "3\r\nhel\r\n0\r\n\r\n", answer("206 Partial Content", "0; use-original-body=0\r\n\r\n")},
		{"outside", "?all", "Allow: 204, 206\r\n", "5\r\nhello\r\n0\r\n\r\n", p206},
		{"outside without 204", "", "Allow: 206\r\n", "5\r\nhello\r\n0\r\n\r\n", answer("200 OK", "5\r\nHEllo\r\n0\r\n\r\n")},
		{"not offered", "", "Allow: 204\r\n", "5\r\nhello\r\n0\r\n\r\n", answer("200 OK", "5\r\nHEllo\r\n0\r\n\r\n")},
		{"more than received", "", "Preview: 1\r\nAllow: 206\r\n", "1\r\nh\r\n0\r\n\r\n", continueLine},
	}
	for _, c := range cases {
		got := talk(t, addr, strings.Replace(msg(c.extra, c.body), "/svc", "/svc"+c.query, 1))
		if !strings.HasPrefix(got, c.want) || c.want != continueLine && got != c.want {
			t.Errorf("%s:\ngot  %q\nwant %q", c.name, got, c.want)
		}
	}
	// An unknown length that ends inside the preview: 200, for Squid's sake.
	got := talk(t, addr, strings.Replace(msg("Preview: 9\r\nAllow: 206\r\n", "5\r\nhello\r\n0; ieof\r\n\r\n"), "Content-Length: 5", "Content-Lengxh: 5", 1))
	if !strings.HasPrefix(got, "ICAP/1.0 200 OK") || !strings.HasSuffix(got, "5\r\nHEllo\r\n0\r\n\r\n") {
		t.Errorf("unknown length: %q", got)
	}
}

func TestTrailers(t *testing.T) {
	h := HandlerFunc(func(w *ResponseWriter, r *Request) {
		w.DeclareTrailer("X-Found", "X-Other")
		if r.Query == "204" {
			w.Trailer().Set("X-Found", "no")
			w.Unmodified(nil)
			return
		}
		b, _ := w.Begin(r.HTTPResponse)
		b.Write([]byte("hi"))
		w.Trailer().Set("X-Found", "yes\r\nX-Evil: 1")
		w.Trailer().Set("X-Undeclared", "1")
		b.Close()
	})
	addr := serveTest(t, &Server{Handler: muxOf(h)})
	got := talk(t, addr, nullMsg("Allow: trailers\r\n"))
	if !strings.Contains(got, "\r\nAllow: trailers\r\nTrailer: X-Found, X-Other\r\n") || !strings.HasSuffix(got, "2\r\nhi\r\n0\r\n\r\nX-Found: yes  X-Evil: 1\r\n\r\n") {
		t.Errorf("offered: %q", got)
	}
	if got := talk(t, addr, nullMsg("")); strings.Contains(got, "Trailer") || !strings.HasSuffix(got, "2\r\nhi\r\n0\r\n\r\n") {
		t.Errorf("not offered: %q", got)
	}
	if got := talk(t, addr, strings.Replace(nullMsg("Allow: 204, trailers\r\n"), "/svc", "/svc?204", 1)); got != answer4 {
		t.Errorf("on 204: %q", got)
	}
	// Trailers of the client are consumed, and shown.
	addr = serveTest(t, &Server{Handler: muxOf(HandlerFunc(func(w *ResponseWriter, r *Request) {
		io.Copy(io.Discard, r.Body)
		tr := r.Trailer()
		w.Header().Set("X-Got", tr.Get("x-sum"))
		w.Unmodified(nil)
	}))})
	got = talk(t, addr, msg("Allow: 204\r\n", "5\r\nhello\r\n0\r\nX-Sum: 9\r\nX-More: 1\r\n\r\n")+nullMsg("Allow: 204\r\n"))
	if strings.Count(got, "ICAP/1.0 204") != 1 || !strings.Contains(got, "X-Got: 9\r\n") {
		t.Errorf("from the client: %q", got)
	}
}

func TestHandlerMistakes(t *testing.T) {
	var ev events
	contexts := make(chan context.Context, 1)
	h := HandlerFunc(func(w *ResponseWriter, r *Request) {
		contexts <- r.Context()
		switch r.Query {
		case "panic":
			panic("no")
		case "panic late":
			b, _ := w.Begin(r.HTTPResponse)
			b.Write([]byte("half"))
			b.Flush()
			panic("no")
		case "panicking+body":
			w.Modified(r.HTTPResponse, readerFunc(func([]byte) (int, error) { panic("no") }))
		case "forgotten":
			b, _ := w.Begin(r.HTTPResponse)
			b.Write([]byte("half"))
			b.Flush()
		case "abort":
			b, _ := w.Begin(r.HTTPResponse)
			b.Flush()
			b.Abort()
		case "twice":
			w.Unmodified(nil)
			if err := w.Error(500, ""); !errors.Is(err, ErrAnswered) {
				panic(err)
			}
		case "broken+body":
			w.Modified(r.HTTPResponse, &failing{10})
		case "broken+long+body":
			w.Modified(r.HTTPResponse, &failing{200_000})
		case "consumed":
			io.Copy(io.Discard, r.Body)
			if err := w.Unmodified(nil); !errors.Is(err, ErrOriginalNeeded) {
				panic(err)
			}
		case "inject":
			w.Header().Set("X-Threat", "a\r\nEncapsulated: x\r\n\r\nICAP/1.0 200 OK")
			w.Error(599, "bad\r\nthing")
		case "goexit":
			runtime.Goexit()
		}
	})
	addr := serveTest(t, &Server{Handler: muxOf(h), ErrorLog: ev.add})
	cut := "\r\n\r\n" + resHead + "4\r\nhalf\r\n"
	for query, want := range map[string]func(string) bool{
		"panic":          func(s string) bool { return strings.HasPrefix(s, "ICAP/1.0 500 ") && strings.Contains(s, "close") },
		"nothing":        func(s string) bool { return strings.HasPrefix(s, "ICAP/1.0 500 ") },
		"panicking+body": func(s string) bool { return strings.HasPrefix(s, "ICAP/1.0 500 ") },
		"forgotten":      func(s string) bool { return strings.HasSuffix(s, cut) },
		"abort":          func(s string) bool { return strings.HasSuffix(s, resHead) },
		"twice":          func(s string) bool { return s == answer4 },
		"broken+body":    func(s string) bool { return strings.HasPrefix(s, "ICAP/1.0 500 ") },
		"broken+long+body": func(s string) bool {
			return strings.HasPrefix(s, "ICAP/1.0 200 ") && !strings.HasSuffix(s, "0\r\n\r\n")
		},
		"inject": func(s string) bool {
			return strings.HasPrefix(s, "ICAP/1.0 599 bad  thing\r\n") && strings.Count(s, "\r\n\r\n") == 1 && strings.Count(s, "\r\nEncapsulated") == 1
		},
		"goexit": func(s string) bool { return s == "" },
	} {
		got := talk(t, addr, strings.Replace(nullMsg("Allow: 204\r\n"), "/svc", "/svc?"+query, 1))
		if !want(got) {
			t.Errorf("%s: got %q", query, got)
		}
		// An aborted exchange closes the connection before its handler has returned: the peer's
		// end of file may be seen here while the handler is still on its way out.
		select {
		case <-(<-contexts).Done():
		case <-time.After(time.Minute):
			t.Errorf("%s: context outlives the handler", query)
		}
	}
	got := talk(t, addr, strings.Replace(msg("", "5\r\nhello\r\n0\r\n\r\n"), "/svc", "/svc?consumed", 1))
	<-contexts
	if !strings.HasPrefix(got, "ICAP/1.0 500 ") {
		t.Errorf("consumed: %q", got)
	}
	if ev.count(EventPanic) < 2 || ev.count(EventHandler) == 0 {
		t.Errorf("events: %+v", ev.list)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestBodyAfterAnswer(t *testing.T) {
	var leaked io.Reader
	h := HandlerFunc(func(w *ResponseWriter, r *Request) {
		leaked = r.Body
		b, _ := w.Begin(r.HTTPResponse)
		if _, err := io.Copy(io.Discard, r.Body); !errors.Is(err, ErrNoContinue) {
			t.Errorf("read past the preview: %v", err)
		}
		b.Close()
	})
	addr := serveTest(t, &Server{Handler: muxOf(h)})
	if got := talk(t, addr, msg("Preview: 2\r\n", "2\r\nhe\r\n0\r\n\r\n")); !strings.HasPrefix(got, "ICAP/1.0 200") {
		t.Errorf("got %q", got)
	}
	if _, err := leaked.Read(make([]byte, 1)); !errors.Is(err, ErrAnswered) {
		t.Errorf("read after return: %v", err)
	}
}

func TestReaderLeftBehind(t *testing.T) {
	result := make(chan error, 1)
	var blocked io.Writer
	h := HandlerFunc(func(w *ResponseWriter, r *Request) {
		started := make(chan struct{})
		go func() {
			r.Body.Read(make([]byte, 1))
			close(started)
			if blocked != nil {
				_, err := io.Copy(blocked, r.Body)
				result <- err
				return
			}
			_, err := io.ReadAll(r.Body)
			result <- err
		}()
		<-started
		time.Sleep(10 * time.Millisecond) // the reader waits for the client
		w.Unmodified(nil)
	})
	addr := serveTest(t, &Server{Handler: muxOf(h)})
	c := dial(t, addr)
	io.WriteString(c, msg("Allow: 204\r\n", "5\r\nhel"))
	expect(t, c, answer4)
	if err := <-result; !errors.Is(err, ErrAnswered) {
		t.Errorf("read ended with %v", err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("connection: %d, %v", n, err)
	}
	pr, pw := io.Pipe()
	blocked = pw
	c = dial(t, addr)
	io.WriteString(c, msg("Allow: 204\r\n", "5\r\nhel"))
	expect(t, c, answer4)
	if n, _ := c.Read(make([]byte, 1)); n != 0 {
		t.Error("connection lives")
	}
	pr.Close()
	<-result
}

func TestHandlesAfterReturn(t *testing.T) {
	var w *ResponseWriter
	var r *Request
	var b *BodyWriter
	srv := &Server{Handler: muxOf(HandlerFunc(func(rw *ResponseWriter, req *Request) {
		w, r = rw, req
		b, _ = rw.Begin(req.HTTPResponse)
		b.Close()
	}))}
	srv.ServeConn(&memConn{in: []byte(msg("Preview: 5\r\n", "5\r\nhello\r\n0; ieof\r\n\r\n"))})
	if err := errors.Join(w.Unmodified(nil), w.Modified(nil, nil), w.Error(500, ""), r.Continue(), b.Close(), b.Flush()); err == nil || strings.Count(err.Error(), ErrAnswered.Error()) != 6 {
		t.Errorf("got %v", err)
	}
	w.Header().Set("X", "1")
	w.Trailer().Set("X", "1")
	w.CloseAfter()
	b.Abort()
	if p, whole := r.Preview(); p != nil || whole || w.Can204() || w.Can206(0) || w.DeclareTrailer("X") || w.Status() != 0 || w.BytesWritten() != 0 || r.Context().Err() == nil {
		t.Error("a handle is still attached")
	}
	if tr := r.Trailer(); tr.Len() != 0 || r.HTTPResponse.Status() != 200 || r.Header.Get("Preview") != "5" {
		t.Error("data is gone")
	}
}

func TestEarlyAnswerDrains(t *testing.T) {
	addr := serveTest(t, &Server{Handler: muxOf(unread), DrainBytes: 1 << 20})
	c := dial(t, addr)
	body := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", 500_000, strings.Repeat("x", 500_000))
	for range 2 {
		io.WriteString(c, msg("Allow: 204\r\n", body))
		expect(t, c, answer4)
	}
	// Beyond the bounds: the answer arrives, then an orderly end.
	go func() {
		big := strings.Repeat("x", 1<<20)
		io.WriteString(c, msg("Allow: 204\r\n", fmt.Sprintf("%x\r\n", 100<<20)))
		for range 100 {
			if _, err := io.WriteString(c, big); err != nil {
				return
			}
		}
	}()
	expect(t, c, answer4)
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read %d, %v", n, err)
	}
}

func TestTimeouts(t *testing.T) {
	var ev events
	srv := &Server{
		Handler: muxOf(readAll), ErrorLog: ev.add, HeadTimeout: 80 * time.Millisecond, BodyTimeout: 80 * time.Millisecond,
	}
	// Of its own, so that no client that is slow to begin is taken for an idle one.
	idle := &Server{Handler: muxOf(readAll), ErrorLog: ev.add, IdleTimeout: 80 * time.Millisecond}
	addrs := map[bool]string{false: serveTest(t, srv), true: serveTest(t, idle)}
	for name, c := range map[string]struct{ send, want string }{
		"idle":         {"", ""},
		"partial head": {"OPTIONS icap://h/svc", "ICAP/1.0 408 "},
		"HTTP head":    {"RESPMOD icap://h/svc ICAP/1.0\r\nHost: h\r\nEncapsulated: res-hdr=0, null-body=99\r\n\r\nHTTP", "ICAP/1.0 408 "},
		"body":         {msg("", "5\r\nhel"), "ICAP/1.0 408 "},
		"preview":      {msg("Preview: 9\r\n", "5\r\nhel"), "ICAP/1.0 408 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			conn := dial(t, addrs[c.send == ""])
			io.WriteString(conn, c.send)
			got, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(got), c.want) || (c.want == "") != (len(got) == 0) {
				t.Errorf("got %q, %v", got, err)
			}
			if took := time.Since(start); took < 70*time.Millisecond || took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// pipeTo serves a connection that never leaves the process, for a test whose time is that of synctest: one on the
// machine's would fail when the machine stands still for longer than a client may.
func pipeTo(t *testing.T, srv *Server) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	go srv.ServeConn(far)
	t.Cleanup(func() {
		_ = near.Close()
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return near
}

// TestSlowButSteady: what bounds each wait for more of a body does not bound the whole of it.
func TestSlowButSteady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := pipeTo(t, &Server{Handler: muxOf(readAll), BodyTimeout: 2 * time.Second, MinBodyRate: -1})
		io.WriteString(c, msg("Allow: 204\r\n", ""))
		for range 8 { // longer than the time-out altogether
			time.Sleep(1900 * time.Millisecond)
			io.WriteString(c, "1\r\nx\r\n")
		}
		io.WriteString(c, "0\r\n\r\n")
		expect(t, c, strings.Replace(answer4, "Encaps", "X-Len: 8\r\nEncaps", 1))
	})
}

// TestMinBodyRate holds that bytes now and then do not keep a body alive, that a client that keeps the rate may take as
// long as it likes, and that a handler's own time is not counted.
func TestMinBodyRate(t *testing.T) {
	slowly := HandlerFunc(func(w *ResponseWriter, r *Request) {
		time.Sleep(2 * time.Second)
		readAll(w, r)
	})
	fast := "100\r\n" + strings.Repeat("x", 256) + "\r\n"
	for name, c := range map[string]struct {
		handler     Handler
		piece, want string
	}{
		"too slow":     {muxOf(readAll), "1\r\nx\r\n", "ICAP/1.0 408 "},
		"fast enough":  {muxOf(readAll), fast, "ICAP/1.0 204 "},
		"slow handler": {muxOf(slowly), fast, "ICAP/1.0 204 "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := pipeTo(t, &Server{Handler: c.handler, BodyTimeout: time.Second, MinBodyRate: 400})
				var sending sync.WaitGroup
				sending.Go(func() {
					io.WriteString(conn, msg("Allow: 204\r\n", ""))
					for range 50 { // more than twice the time-out
						time.Sleep(50 * time.Millisecond)
						if _, err := io.WriteString(conn, c.piece); err != nil {
							return // it was cut off
						}
					}
					io.WriteString(conn, "0\r\n\r\n")
				})
				expect(t, conn, c.want)
				conn.Close()
				sending.Wait() // time stands still once the test is over, for whoever sleeps
			})
		})
	}
}

func TestWriteTimeout(t *testing.T) {
	failed := make(chan error, 1)
	var ev events
	srv := &Server{Handler: muxOf(HandlerFunc(func(w *ResponseWriter, r *Request) {
		failed <- w.Modified(r.HTTPResponse, endless{})
	})), WriteTimeout: 50 * time.Millisecond, ErrorLog: ev.add}
	addr := serveTest(t, srv)
	c := dial(t, addr)
	io.WriteString(c, nullMsg(""))
	select {
	case err := <-failed:
		if err == nil || ev.count(EventTimeout) != 1 {
			t.Errorf("%v, %d events", err, ev.count(EventTimeout))
		}
	case <-time.After(30 * time.Second):
		t.Error("a client that does not read holds the handler")
	}
	// What was sent is not kept for it.
	if n, err := io.Copy(io.Discard, c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestParkedConnection(t *testing.T) {
	addr := serveTest(t, &Server{Handler: muxOf(unread)})
	c := dial(t, addr)
	for range 2 {
		io.WriteString(c, nullMsg("Allow: 204\r\n"))
		expect(t, c, answer4)
		time.Sleep(parkAfter + 500*time.Millisecond)
	}
	io.WriteString(c, nullMsg("Allow: 204\r\n"))
	expect(t, c, answer4)
}

func TestShutdownDrains(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	srv := &Server{Handler: muxOf(HandlerFunc(func(w *ResponseWriter, _ *Request) {
		close(entered)
		<-release
		w.Unmodified(nil)
	}))}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	idle, busy := dial(t, l.Addr().String()), dial(t, l.Addr().String())
	io.WriteString(busy, nullMsg("Allow: 204\r\n"))
	<-entered
	done := make(chan error, 1)
	go func() { done <- srv.Shutdown(context.Background()) }()
	if n, err := idle.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("idle connection: %d, %v", n, err)
	}
	select {
	case err := <-done:
		t.Fatalf("Shutdown did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	expect(t, busy, answer4c)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, ErrServerClosed) {
		t.Error(err)
	}
	if err := srv.Serve(l); !errors.Is(err, ErrServerClosed) {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}

func TestShutdownDeadline(t *testing.T) {
	srv := &Server{Handler: muxOf(HandlerFunc(func(_ *ResponseWriter, r *Request) { <-r.Context().Done() }))}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	c := dial(t, l.Addr().String())
	io.WriteString(c, nullMsg(""))
	for srv.Stats().InFlight == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	<-served
}

func TestOverload(t *testing.T) {
	release := make(chan struct{})
	slow := HandlerFunc(func(w *ResponseWriter, _ *Request) {
		<-release
		w.Unmodified(nil)
	})
	for _, custom := range []bool{false, true} {
		var ev events
		release = make(chan struct{})
		srv := &Server{Handler: muxOf(slow), MaxInFlight: 1, MaxQueue: 1, QueueTimeout: time.Minute, ErrorLog: ev.add}
		if custom {
			srv.Overload = unread
		}
		addr := serveTest(t, srv)
		a, b, c := dial(t, addr), dial(t, addr), dial(t, addr)
		io.WriteString(a, nullMsg("Allow: 204\r\n"))
		for srv.Stats().InFlight != 1 {
			time.Sleep(time.Millisecond)
		}
		io.WriteString(b, nullMsg("Allow: 204\r\n"))
		for srv.Stats().Queued != 1 {
			time.Sleep(time.Millisecond)
		}
		io.WriteString(c, nullMsg("Allow: 204\r\n"))
		want := "ICAP/1.0 503 Service Overloaded\r\nISTag: \"icap\"\r\nEncapsulated: null-body=0\r\n\r\n"
		if custom {
			want = strings.Replace(answer4, "T1", "icap", 1)
		}
		expect(t, c, want)
		io.WriteString(c, "OPTIONS icap://h/svc ICAP/1.0\r\nHost: h\r\n\r\n") // never queued
		expect(t, c, "ICAP/1.0 200 OK\r\n")
		close(release)
		expect(t, a, answer4)
		expect(t, b, answer4)
		if st := srv.Stats(); st.Overloaded != 1 || ev.count(EventOverload) != 1 {
			t.Errorf("stats %+v", st)
		}
	}
}

func TestQueueTimeout(t *testing.T) {
	release := make(chan struct{})
	srv := &Server{Handler: muxOf(HandlerFunc(func(w *ResponseWriter, _ *Request) { <-release; w.Unmodified(nil) })), MaxInFlight: 1, QueueTimeout: 30 * time.Millisecond}
	addr := serveTest(t, srv)
	a, b := dial(t, addr), dial(t, addr)
	io.WriteString(a, nullMsg("Allow: 204\r\n"))
	for srv.Stats().InFlight != 1 {
		time.Sleep(time.Millisecond)
	}
	io.WriteString(b, nullMsg("Allow: 204\r\n"))
	expect(t, b, "ICAP/1.0 503 ")
	close(release)
	expect(t, a, answer4)
}

func TestConnectionLimit(t *testing.T) {
	for _, full := range []bool{false, true} {
		release := make(chan struct{})
		srv := &Server{
			Handler:        muxOf(HandlerFunc(func(w *ResponseWriter, _ *Request) { <-release; w.Unmodified(nil) })),
			MaxConnections: 2, QueueTimeout: time.Minute, // to end an idle connection takes a moment
		}
		if full {
			srv.QueueTimeout = 50 * time.Millisecond
		}
		addr := serveTest(t, srv)
		first, busy := dial(t, addr), dial(t, addr)
		io.WriteString(busy, nullMsg("Allow: 204\r\n"))
		if full {
			io.WriteString(first, nullMsg("Allow: 204\r\n"))
		}
		want := map[bool]int64{false: 1, true: 2}[full]
		for st := srv.Stats(); st.InFlight != want || st.Open != 2; st = srv.Stats() {
			time.Sleep(time.Millisecond)
		}
		another := dial(t, addr)
		io.WriteString(another, nullMsg("Allow: 204\r\n"))
		if full { // both are busy: refused after the queue's time
			expect(t, another, "ICAP/1.0 503 Service Overloaded\r\nISTag: \"icap\"\r\nConnection: close\r\n")
			close(release)
			expect(t, first, answer4)
		} else { // takes the place of the idle one
			if n, err := first.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("idle connection: %d, %v", n, err)
			}
			close(release)
			expect(t, another, answer4)
		}
		expect(t, busy, answer4)
	}
}

func TestClientGoneAfterContinue(t *testing.T) {
	got := make(chan error, 1)
	ctxErr := make(chan error, 1)
	srv := &Server{Handler: muxOf(HandlerFunc(func(w *ResponseWriter, r *Request) {
		ctx := r.Context()
		_, err := io.Copy(io.Discard, r.Body)
		got <- err
		ctxErr <- ctx.Err()
	}))}
	addr := serveTest(t, srv)
	c := dial(t, addr)
	io.WriteString(c, msg("Preview: 2\r\n", "2\r\nhe\r\n0\r\n\r\n"))
	expect(t, c, continueLine)
	c.Close()
	if err := <-got; !errors.Is(err, ErrBodyTruncated) {
		t.Errorf("body: %v", err)
	}
	if err := <-ctxErr; err == nil {
		t.Error("context not cancelled")
	}
}

func TestServeConnPipe(t *testing.T) {
	srv := &Server{Handler: muxOf(readAll)}
	server, client := net.Pipe()
	done := make(chan struct{})
	go func() { defer close(done); srv.ServeConn(server) }()
	client.SetDeadline(time.Now().Add(30 * time.Second))
	for range 2 {
		if got := sendMode(t, client, mode{preview: 3, step: 1}, "hello"); !strings.HasPrefix(got, "ICAP/1.0 200 ") {
			t.Errorf("got %q", got)
		}
		time.Sleep(20 * time.Millisecond)
	}
	client.Close()
	<-done
	if st := srv.Stats(); st.Requests != 2 || st.ByStatus[200] != 2 || st.Continues != 2 || st.Open != 0 || st.BytesIn == 0 || st.BytesOut == 0 {
		t.Errorf("stats %+v", st)
	}
}

// TestStatsAtAnyTime asks for the counters while the server begins.
func TestStatsAtAnyTime(t *testing.T) {
	for range 20 {
		srv := &Server{Handler: muxOf(readAll), MaxInFlight: 1}
		if st := srv.Stats(); st.ByStatus == nil || st.Open != 0 {
			t.Errorf("before it begins: %+v", st)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for range 100 {
				_ = srv.Stats()
			}
		}()
		serveTest(t, srv)
		<-ended
	}
}

func TestClaims(t *testing.T) {
	r := &Request{Header: NewHeader(Field{"X-Client-IP", "10.0.0.9"}, Field{"X-Authenticated-User", "TG9jYWw6Ly9hbGljZQ=="}, Field{"X-Authenticated-Groups", "Local://a, Local://b"})}
	if r.ClientIP() != "10.0.0.9" || r.User() != "alice" || fmt.Sprint(r.Groups()) != "[a b]" {
		t.Errorf("%q %q %q", r.ClientIP(), r.User(), r.Groups())
	}
	for _, v := range []string{"", "bob", "Zm9v", "!!!"} {
		r := &Request{Header: NewHeader(Field{"X-Authenticated-User", v})}
		if r.User() != v {
			t.Errorf("%q became %q", v, r.User())
		}
	}
}

// TestEchoOfABrokenBody holds that an echo that need not have begun says what was wrong, and does not end in its middle.
func TestEchoOfABrokenBody(t *testing.T) {
	for _, body := range []string{
		"5\r\nhello\r\nzz\r\n", "5\r\nhello\r\n\r\n", "5\r\nhello\r\n5 x", "5\r\nhello\n0\r\n\r\n", "5\r\nhello0\r\n\r\n",
		"5\r\nhello\r\n0\n\r\n", "5\r\nhello\r\n0\r\n\n", "5\r\nhello\r\n0\r\nX: y\n\r\n", "5\r\nhello\r\n-1\r\n",
	} {
		want := "ICAP/1.0 400 "
		if strings.HasSuffix(body, " x") { // who knows what it will be
			want = "ICAP/1.0 200 "
		}
		c := pipeTo(t, &Server{Handler: muxOf(Echo{})})
		io.WriteString(c, msg("", body))
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", body, got, err)
		}
		c.Close()
	}
}
