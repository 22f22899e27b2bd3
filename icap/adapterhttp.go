package icap

import (
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
)

// RoundTripper returns an http.RoundTripper that adapts each request, sends it
// with base (nil: http.DefaultTransport), and adapts the response. A request
// that the service blocks is answered with the service's response and not sent.
func (a *Adapter) RoundTripper(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport //nolint:forbidigo // as http.Client does; callers that need limits hand in their own
	}
	return &roundTripper{a: a, c: a.client(), base: base}
}

type roundTripper struct {
	a    *Adapter
	c    *Client
	base http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	var fields Header
	if t.a.Header != nil {
		fields = t.a.Header(r)
	}
	out, blocked, err := t.a.reqmod(t.c, r, fields)
	if err != nil {
		closeBody(r.Body)
		return nil, err
	}
	if blocked != nil {
		blocked.Body = &requestCloser{ReadCloser: blocked.Body, body: r.Body}
		return blocked, nil
	}
	resp, err := t.base.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	adapted, err := t.a.respmod(t.c, out, resp, fields)
	if err != nil {
		closeBody(resp.Body)
		return nil, err
	}
	return adapted, nil
}

// requestCloser closes the body of a request that was answered without it, as
// an http.RoundTripper must.
type requestCloser struct {
	io.ReadCloser
	body io.Closer
}

func (c *requestCloser) Close() error {
	err := c.ReadCloser.Close()
	if c.body != nil {
		err = errors.Join(err, c.body.Close())
	}
	return err
}

func closeBody(b io.Closer) {
	if b != nil {
		_ = b.Close()
	}
}

// Handler returns an http.Handler that adapts each request, hands it to next,
// and adapts what next answers while next writes it. Next cannot hijack the
// connection; informational answers are not passed on.
func (a *Adapter) Handler(next http.Handler) http.Handler {
	c := a.client()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := &middleware{a: a, c: c, w: w, r: r, fields: a.fieldsOf(r)}
		m.serve(next)
	})
}

func (a *Adapter) fieldsOf(r *http.Request) Header {
	if a.Header != nil {
		return a.Header(r)
	}
	var h Header
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		h.Add("X-Client-IP", host)
	}
	return h
}

// middleware carries one request through Handler. Next writes into a pipe; a
// goroutine sends what comes out of it through the service and writes the
// result to w, which nobody else touches meanwhile.
type middleware struct {
	a      *Adapter
	c      *Client
	w      http.ResponseWriter
	r      *http.Request
	fields Header

	header http.Header
	status int
	pipe   *io.PipeWriter
	done   chan struct{} // closed when the answer was delivered or has failed
	err    error         // valid after done
}

func (m *middleware) serve(next http.Handler) {
	r, blocked, err := m.a.reqmod(m.c, m.r, m.fields) //nolint:bodyclose // deliver closes it
	if err != nil {
		m.fail(err)
		return
	}
	if blocked != nil {
		m.deliver(blocked)
		return
	}
	ok, err := m.a.available(r.Context(), m.c, m.a.Respmod)
	if err != nil {
		m.fail(err)
		return
	}
	if !ok {
		next.ServeHTTP(m.w, r)
		return
	}
	m.r, m.header = r, make(http.Header)
	finished := false
	defer func() {
		if !finished { // next panicked: its answer is not whole
			if m.pipe != nil {
				_ = m.pipe.CloseWithError(http.ErrAbortHandler)
				<-m.done
			}
		}
	}()
	next.ServeHTTP(m, r)
	finished = true
	if m.status == 0 {
		m.WriteHeader(http.StatusOK)
	}
	_ = m.pipe.Close()
	<-m.done
	if m.err != nil {
		m.fail(m.err)
	}
}

// Header implements http.ResponseWriter.
func (m *middleware) Header() http.Header { return m.header }

// WriteHeader implements http.ResponseWriter.
func (m *middleware) WriteHeader(status int) {
	if m.status != 0 || status < 200 {
		return
	}
	m.status = status
	pr, pw := io.Pipe()
	m.pipe, m.done = pw, make(chan struct{})
	resp := &http.Response{StatusCode: status, Header: m.header.Clone(), Body: pr, ContentLength: -1, Request: m.r}
	go func() {
		defer close(m.done)
		m.err = m.adapt(resp)
		// Whatever next still writes has no one to go to.
		_ = pr.CloseWithError(ErrAnswered)
	}()
}

// Write implements http.ResponseWriter.
func (m *middleware) Write(p []byte) (int, error) {
	if m.status == 0 {
		if m.header.Get("Content-Type") == "" {
			m.header.Set("Content-Type", http.DetectContentType(p))
		}
		m.WriteHeader(http.StatusOK)
	}
	if !hasBody(m.r.Method, &http.Response{StatusCode: m.status, Body: io.NopCloser(nil)}) {
		return len(p), nil
	}
	return m.pipe.Write(p)
}

func (m *middleware) adapt(resp *http.Response) error {
	adapted, err := m.a.respmod(m.c, m.r, resp, m.fields)
	if err != nil {
		return err
	}
	return m.copy(adapted)
}

// errPartial says that an answer had begun when it failed.
var errPartial = errors.New("icap: answer cut short")

// copy writes a response to the client as it comes.
func (m *middleware) copy(resp *http.Response) error {
	defer closeBody(resp.Body)
	dst := m.w.Header()
	maps.Copy(dst, resp.Header)
	m.w.WriteHeader(resp.StatusCode)
	control := http.NewResponseController(m.w)
	buf := takeSmall()
	defer giveBack(buf)
	for {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			if _, werr := m.w.Write(buf[:n]); werr != nil {
				return errors.Join(errPartial, werr)
			}
			_ = control.Flush() // best effort: not every writer can
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.Join(errPartial, err)
		}
	}
}

func (m *middleware) deliver(resp *http.Response) {
	if err := m.copy(resp); err != nil {
		m.fail(err)
	}
}

// fail answers for a failed adaptation, or cuts an answer that had begun.
func (m *middleware) fail(err error) {
	if errors.Is(err, errPartial) {
		panic(http.ErrAbortHandler)
	}
	if m.a.ErrorHandler != nil {
		m.a.ErrorHandler(m.w, m.r, err)
		return
	}
	http.Error(m.w, "The content filter is not available.", http.StatusBadGateway)
}
