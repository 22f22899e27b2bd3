package admin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// role is what somebody may do. The zero role may do nothing.
type role uint8

const (
	nobody  role = iota
	reader       // may look
	manager      // may change things
)

// identity is who asks.
type identity struct {
	actor   string
	role    role
	session string // what the CSRF token is bound to
	bearer  bool   // no browser sends a bearer token by itself: there is nothing to forge
	cookie  bool
}

// CanManage is for pages: what cannot be done is not offered.
func (id identity) CanManage() bool { return id.role >= manager }

// Actor is for pages, too.
func (id identity) Actor() string { return id.actor }

const (
	cookieName  = "icapd_session"
	sessionAge  = 8 * time.Hour
	maxSessions = 1000

	// A token has too many bits to be guessed; this is for people who use a word instead.
	maxFailures   = 20
	failureWindow = time.Minute
)

type session struct {
	actor   string
	role    role
	expires time.Time
}

// gate knows who may come in.
type gate struct {
	manage, read []byte // digests of tokens, nil for none
	key          []byte // of CSRF tokens
	now          func() time.Time

	mu       sync.Mutex
	sessions map[string]session
	failures []time.Time
}

func newGate(manage, read string) *gate {
	g := &gate{key: make([]byte, 32), sessions: map[string]session{}, now: time.Now}
	_, _ = rand.Read(g.key) // never fails, by its contract
	g.manage, g.read = digest(manage), digest(read)
	return g
}

// digest reads a digest; one that cannot be read fits no token.
func digest(text string) []byte {
	if text == "" {
		return nil
	}
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != sha256.Size {
		return []byte{}
	}
	return b
}

// token says what a token is good for. Digests are compared, in constant time.
func (g *gate) token(token string) (string, role) {
	sum := sha256.Sum256([]byte(token))
	switch {
	case token == "":
		return "", nobody
	case subtle.ConstantTimeCompare(sum[:], g.manage) == 1:
		return "token (manage)", manager
	case subtle.ConstantTimeCompare(sum[:], g.read) == 1:
		return "token (read)", reader
	}
	return "", nobody
}

// identify finds out who asks.
func (g *gate) identify(r *http.Request) identity {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		actor, role := g.token(token)
		return identity{actor: actor, role: role, bearer: true}
	}
	if c, err := r.Cookie(cookieName); err == nil {
		if s, ok := g.session(c.Value); ok {
			return identity{actor: s.actor, role: s.role, session: c.Value, cookie: true}
		}
	}
	if g.manage != nil {
		return identity{}
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		name := r.TLS.PeerCertificates[0].Subject.CommonName
		return identity{actor: "certificate " + name, role: manager, session: "certificate " + name}
	}
	if isLoopback(r.RemoteAddr) && isLoopback(r.Host) { // another name in Host is another site's page, with DNS turned around
		return identity{actor: "local", role: manager, session: "local"}
	}
	return identity{}
}

// isLoopback reports whether a host, with or without a port, is this machine by name or address.
func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (g *gate) session(id string) (session, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, ok := g.sessions[id]
	if ok && g.now().After(s.expires) {
		delete(g.sessions, id)
		ok = false
	}
	return s, ok
}

// begin makes a session and returns its id.
func (g *gate) begin(actor string, r role) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, s := range g.sessions { // what has expired goes, and in need any
		if g.now().After(s.expires) || len(g.sessions) >= maxSessions {
			delete(g.sessions, id)
		}
	}
	id := rand.Text()
	g.sessions[id] = session{actor, r, g.now().Add(sessionAge)}
	return id
}

func (g *gate) end(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, id)
}

// patient reports whether another login may be tried; failed says that one was wrong.
func (g *gate) patient() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.failures) > 0 && g.now().Sub(g.failures[0]) > failureWindow {
		g.failures = g.failures[1:]
	}
	return len(g.failures) < maxFailures
}

func (g *gate) failed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failures = append(g.failures, g.now())
}

// csrf is the token that a change from this identity's browser must carry.
func (g *gate) csrf(id identity) string {
	m := hmac.New(sha256.New, g.key)
	_, _ = m.Write([]byte(id.session)) // a hash takes everything
	return hex.EncodeToString(m.Sum(nil))
}

// apiHeader is what a program without a token sends with a change: a page of another site cannot.
const apiHeader = "X-ICAPD-Request"

// genuine reports whether a change was meant by who seems to ask for it.
func (g *gate) genuine(r *http.Request, id identity) bool {
	if id.bearer {
		return true
	}
	if !id.cookie && strings.HasPrefix(r.URL.Path, "/api/") && r.Header.Get(apiHeader) != "" {
		return true
	}
	got := r.Header.Get("X-CSRF-Token")
	if got == "" && !strings.HasPrefix(r.URL.Path, "/api/") { // there the body is no form
		got = r.FormValue("csrf")
	}
	return hmac.Equal([]byte(got), []byte(g.csrf(id)))
}

// next is where to go after a login: only to ourselves.
func next(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(raw, "\\") {
		return "/"
	}
	return u.RequestURI()
}
