package icap

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// adaptation is an ICAP server that blocks "evil", turns "soft" into "hard" and
// leaves the rest alone.
func adaptation(t *testing.T) (reqmod, respmod string) {
	t.Helper()
	h := HandlerFunc(func(w *ResponseWriter, r *Request) {
		var body []byte
		if r.Body != nil {
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				w.Error(StatusOf(err), "")
				return
			}
		}
		head := r.HTTPResponse
		if r.Method == MethodReqmod {
			head = r.HTTPRequest
		}
		switch {
		case bytes.Contains(body, []byte("evil")):
			w.Modified(NewResponseHead(403, Field{"Content-Type", "text/plain"}, Field{"Content-Length", "7"}), strings.NewReader("blocked"))
		case bytes.Contains(body, []byte("soft")):
			h := head.Clone()
			h.Set("X-Hardened", r.ClientIP())
			h.Set("Content-Length", itoa(int64(len(body))))
			w.Modified(h, bytes.NewReader(bytes.ReplaceAll(body, []byte("soft"), []byte("hard"))))
		default:
			w.Unmodified(bytes.NewReader(body))
		}
	})
	addr := serveTest(t, &Server{Handler: muxOf(h)})
	return "icap://" + addr + "/svc", "icap://" + addr + "/svc"
}

// origin says back what it was sent, after what the path asks for.
var origin = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	switch r.URL.Path {
	case "/panic":
		io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	case "/empty":
		w.WriteHeader(http.StatusNoContent)
		return
	case "/big":
		io.WriteString(w, strings.Repeat("0123456789", 100_000))
		return
	}
	w.Header().Set("X-Seen", r.Header.Get("X-Hardened"))
	io.WriteString(w, r.URL.Query().Get("say")+string(b))
})

type adaptCase struct {
	name, method, path, body string
	status                   int
	want                     string
}

var adaptCases = []adaptCase{
	{"clean", "GET", "/?say=hello", "", 200, "hello"},
	{"clean body", "POST", "/", "a body", 200, "a body"},
	{"evil response", "GET", "/?say=evil", "", 403, "blocked"},
	{"evil request", "POST", "/", "evil", 403, "blocked"},
	{"soft response", "GET", "/?say=so-soft", "", 200, "so-hard"},
	{"soft request", "POST", "/?say=x", "soft", 200, "xhard"},
	{"HEAD", "HEAD", "/?say=hello", "", 200, ""},
	{"empty", "GET", "/empty", "", 204, ""},
	{"big", "GET", "/big", "", 200, strings.Repeat("0123456789", 100_000)},
	{"big request", "POST", "/", strings.Repeat("x", 300_000), 200, strings.Repeat("x", 300_000)},
}

func runAdapted(t *testing.T, client *http.Client, base string) {
	t.Helper()
	for _, c := range adaptCases {
		t.Run(c.name, func(t *testing.T) {
			var body io.Reader
			if c.body != "" {
				body = strings.NewReader(c.body)
			}
			req, err := http.NewRequestWithContext(t.Context(), c.method, base+c.path, body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != c.status || string(b) != c.want {
				t.Errorf("%d, %v, %d bytes %.40q", resp.StatusCode, err, len(b), b)
			}
		})
	}
}

func TestRoundTripper(t *testing.T) {
	reqmod, respmod := adaptation(t)
	srv := httptest.NewServer(origin)
	defer srv.Close()
	base := srv.Client().Transport
	a := &Adapter{Client: testClient(t), Reqmod: reqmod, Respmod: respmod}
	runAdapted(t, &http.Client{Transport: a.RoundTripper(base)}, srv.URL)
	a = &Adapter{Client: testClient(t)} // nothing to do
	resp, err := (&http.Client{Transport: a.RoundTripper(base)}).Get(srv.URL + "/?say=evil")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestMiddleware(t *testing.T) {
	reqmod, respmod := adaptation(t)
	a := &Adapter{Client: testClient(t), Reqmod: reqmod, Respmod: respmod}
	srv := httptest.NewServer(a.Handler(origin))
	defer srv.Close()
	runAdapted(t, srv.Client(), srv.URL)
	resp, err := srv.Client().Get(srv.URL + "/?say=soft")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.Header.Get("X-Hardened") != "127.0.0.1" {
		t.Errorf("client address: %q", resp.Header)
	}
	if resp, err := srv.Client().Get(srv.URL + "/panic"); err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil {
			t.Error("an aborted answer was delivered as whole")
		}
	}
}

func TestAdapterFailure(t *testing.T) {
	dead := "icap://127.0.0.1:1/x"
	srv := httptest.NewServer(origin)
	defer srv.Close()
	for _, open := range []bool{false, true} {
		a := &Adapter{Client: testClient(t), Reqmod: dead, Respmod: dead, FailOpen: open}
		resp, err := (&http.Client{Transport: a.RoundTripper(srv.Client().Transport)}).Get(srv.URL + "/?say=x")
		if open != (err == nil) || err != nil && !errors.Is(err, ErrAdaptation) {
			t.Errorf("FailOpen %v: %v", open, err)
		}
		if err == nil {
			resp.Body.Close()
		}
		rec := httptest.NewRecorder()
		a.Handler(origin).ServeHTTP(rec, httptest.NewRequest("GET", "/?say=x", nil))
		if want := map[bool]int{false: 502, true: 200}[open]; rec.Code != want {
			t.Errorf("FailOpen %v: status %d", open, rec.Code)
		}
	}
	// An ICAP error is a failure of the message even when failing open.
	addr := serveTest(t, &Server{Handler: muxOf(HandlerFunc(func(w *ResponseWriter, _ *Request) { w.Error(500, "") }))})
	a := &Adapter{Client: testClient(t), Respmod: "icap://" + addr + "/svc", FailOpen: true}
	rec := httptest.NewRecorder()
	a.Handler(origin).ServeHTTP(rec, httptest.NewRequest("GET", "/?say=x", nil))
	if rec.Code != 502 {
		t.Errorf("status %d", rec.Code)
	}
}
