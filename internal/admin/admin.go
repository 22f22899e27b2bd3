// Package admin serves what operators and their machines ask icapd over HTTP: whether it lives, whether it is ready,
// its metrics, an API and a console. It knows no other room: what it shows and does, it is handed as functions.
package admin

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Part is one thing that readiness depends on.
type Part struct {
	Name     string `json:"name"`
	Ready    bool   `json:"ready"`
	Required bool   `json:"required"` // not ready makes the whole process not ready
	Detail   string `json:"detail,omitempty"`
}

// Options are the parts of the admin server. All but Ready and Metrics may be nil: pages then say that there is
// nothing.
type Options struct {
	// Ready reports on the parts. It is called for each request of /readyz, with a deadline.
	Ready func(ctx context.Context) []Part

	// Metrics serves /metrics.
	Metrics http.Handler

	// Version is shown by /api/v1/status.
	Version string

	// TokenSHA256 is the hex SHA-256 of the token that who may change things carries, as a bearer token or through the
	// login page. "" asks for none: then this machine may do everything by a loopback address, and all others but those
	// of CertificateRole are refused. /healthz never asks: a load balancer's probe has no token, and the answer tells
	// nothing.
	TokenSHA256 string

	// CertificateRole says what the owner of a verified client certificate may do without a token. nil: nothing.
	CertificateRole func(*x509.Certificate) Role

	// ReadTokenSHA256 is that of the token of who may look only.
	ReadTokenSHA256 string

	Feed       *Feed
	Rules      func() []Rule                                                   // hits are filled in here
	SwitchRule func(ctx context.Context, engine, id string, off bool) error    // for this process; the error is shown
	Quarantine Quarantine                                                      // nil: there is none
	APIs       func() []API                                                    // in order
	Config     func() (string, error)                                          // as in force, without secrets
	Reload     func(ctx context.Context) Reloaded                              // waits until it is done
	Try        func(ctx context.Context, t Try, body io.Reader) (Tried, error) // the error is shown
	Learning   Learning                                                        // nil: there is none
	Audit      func(Audit)                                                     // told of every change, done or refused
}

// server is the admin server at work.
type server struct {
	Options
	gate   *gate
	tries  *shelf
	places places
	cross  *http.CrossOriginProtection
}

// New returns the handler of the admin address.
func New(o Options) http.Handler { return newServer(o).handler() }

func newServer(o Options) *server {
	if o.Feed == nil {
		o.Feed = NewFeed()
	}
	s := &server{
		Options: o, gate: newGate(o.TokenSHA256, o.ReadTokenSHA256), tries: newShelf(), places: make(places, maxTries), cross: http.NewCrossOriginProtection(),
	}
	s.gate.certificate = o.CertificateRole
	return s
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n")) // the peer's loss
	})
	mux.HandleFunc("GET /static/{name}", static)
	mux.HandleFunc("GET /login", s.loginPage)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("GET /readyz", s.look(s.readyz))
	mux.HandleFunc("GET /metrics", s.look(func(w http.ResponseWriter, r *http.Request, _ identity) { s.Metrics.ServeHTTP(w, r) }))
	s.api(mux)
	s.pages(mux)
	return withHeaders(mux)
}

const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "same-origin") // no-referrer makes browsers hide the origin of forms, by which forged ones are told
		if r.TLS != nil || isLoopback(r.Host) { // elsewhere browsers ignore it, and say so
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
		}
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		next.ServeHTTP(w, r)
	})
}

type guarded func(w http.ResponseWriter, r *http.Request, id identity)

// look lets those in who may look.
func (s *server) look(next guarded) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if fromElsewhere(r) {
			http.Error(w, "the request comes from another site", http.StatusForbidden)
			return
		}
		id := s.gate.identify(r)
		if id.role < Reader {
			s.refuse(w, r, id)
			return
		}
		next(w, r, id)
	}
}

// fromElsewhere reports whether a page of another site, or of another port of this machine, asks for something to embed
// or to read: it would not see the answer, but may take up what all share, such as places to watch from. Links lead here
// all the same, and programs send no such fields (Fetch Metadata, W3C).
func fromElsewhere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return r.Method == http.MethodGet && (r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document")
	}
	return false
}

// maxForm is the largest body, in bytes, of what changes something.
const maxForm = 64 << 10

// change lets those in who may change things, and who mean it. What is refused is on record.
func (s *server) change(action string, next guarded) http.HandlerFunc {
	return s.changeWith(action, maxForm, next)
}

// changeWith does the same for bodies of at most so many bytes. One that may be larger than a form is read when it has a
// place: each is in memory whole.
func (s *server) changeWith(action string, most int64, next guarded) http.HandlerFunc {
	return s.look(func(w http.ResponseWriter, r *http.Request, id identity) {
		refuse := func(status int, why error) {
			s.audit(r, id, action, "", why)
			switch {
			case strings.HasPrefix(r.URL.Path, "/api/"):
				failWith(w, status, why)
				return
			case status == http.StatusForbidden:
				http.Error(w, why.Error(), status)
				return
			}
			s.show(w, status, "problem", id, page{Title: http.StatusText(status), Here: r.URL.Path, Problem: why.Error()})
		}
		switch {
		case id.role < Manager:
			refuse(http.StatusForbidden, errors.New("this takes the role manage"))
			return
		case s.cross.Check(r) != nil:
			refuse(http.StatusForbidden, errors.New("the request comes from another site"))
			return
		case most > maxForm && !s.places.take(r.Context()):
			w.Header().Set("Retry-After", "1")
			refuse(http.StatusServiceUnavailable, errNoPlace)
			return
		case most > maxForm:
			defer s.places.leave()
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		if err := formTooLarge(r); err != nil { // the CSRF token in it cannot be read, and it is not what is wrong
			refuse(http.StatusRequestEntityTooLarge, err)
			return
		}
		if !s.gate.genuine(r, id) {
			refuse(http.StatusForbidden, notGenuine(r))
			return
		}
		next(w, r, id)
	})
}

// notGenuine says what is missing in a request that may be forged.
func notGenuine(r *http.Request) error {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		return errors.New("programs send " + apiHeader + ": 1 with what changes something, or a bearer token")
	}
	return errors.New("the CSRF token is missing or old: reload the page")
}

// places bound what is tried at one time.
type places chan struct{}

// The bound of memory for content that is tried is maxTries times maxTry, and what engines make of it.
const (
	maxTries    = 4
	tryPatience = 10 * time.Second
)

var errNoPlace = fmt.Errorf("%d contents are being tried already: try again in a moment", maxTries)

// take waits a while for a place.
func (p places) take(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, tryPatience)
	defer cancel()
	select {
	case p <- struct{}{}:
		return true
	default:
	}
	select {
	case p <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p places) leave() { <-p }

// tooLarge says what a body is larger than.
func tooLarge(limit int64) error {
	if limit <= maxForm {
		return fmt.Errorf("larger than %s, which is the most that is read here", humanBytes(limit))
	}
	return errors.New("larger than 16 MiB, which is the most that can be tried here: icapd scan FILE looks at files of any size")
}

// formTooLarge reads the form of a page; its error is that of one larger than what is read. Programs send none.
func formTooLarge(r *http.Request) error {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		return nil
	}
	err := r.ParseMultipartForm(2 * maxTry) // in memory: what is tried may be confidential
	if over, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(over.Limit)
	}
	return nil
}

// refuse answers who may not come in: browsers are shown where to log in. A token that was tried is on record.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, id identity) {
	switch {
	case id.limited:
		w.Header().Set("Retry-After", strconv.Itoa(int(failureWindow.Seconds())))
		http.Error(w, tooManyTokens, http.StatusTooManyRequests)
		return
	case id.bearer && s.gate.manage != nil:
		s.gate.failed(r)
		s.audit(r, identity{actor: "unknown"}, "login", "bearer token", errWrongToken)
	case id.actor != "": // a certificate
		s.audit(r, id, "login", "certificate", errors.New("its name is on no list"))
		http.Error(w, "this certificate may not come in: admin.manage_names, admin.read_names", http.StatusForbidden)
		return
	}
	if s.gate.manage == nil {
		http.Error(w, "only this machine may ask, by a loopback address: others need admin.token_sha256 or a client certificate", http.StatusForbidden)
		return
	}
	if wantsPage(r) {
		http.Redirect(w, r, "/login?next="+urlQuery(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="icapd"`)
	if id.bearer {
		http.Error(w, errWrongToken.Error(), http.StatusUnauthorized)
		return
	}
	http.Error(w, "a bearer token is needed", http.StatusUnauthorized)
}

const tooManyTokens = "too many wrong tokens: wait a minute"

var errWrongToken = errors.New("this token is not known")

// audit puts what somebody did, or was kept from doing, on record.
func (s *server) audit(r *http.Request, id identity, action, target string, err error) {
	a := Audit{Time: time.Now(), Actor: id.actor, Peer: r.RemoteAddr, Action: action, Target: target, Outcome: "success"}
	if host, _, serr := net.SplitHostPort(r.RemoteAddr); serr == nil {
		a.Peer = host
	}
	if err != nil {
		a.Outcome, a.Detail = "failure", oneLine(err.Error(), 300)
	}
	s.Feed.Audit(a)
	if s.Audit != nil {
		s.Audit(a)
	}
}

// readyTimeout bounds a readiness answer: a probe that waits longer has its own opinion by then.
const readyTimeout = 5 * time.Second

func (s *server) parts(r *http.Request) (parts []Part, ready bool) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	parts, ready = s.Ready(ctx), true
	for _, p := range parts {
		ready = ready && (p.Ready || !p.Required)
	}
	return parts, ready
}

func (s *server) readyz(w http.ResponseWriter, r *http.Request, _ identity) {
	parts, ready := s.parts(r)
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, struct {
		Ready bool   `json:"ready"`
		Parts []Part `json:"parts"`
	}{ready, parts})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the peer's loss
}
