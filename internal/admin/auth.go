package admin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/hex"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Role is what somebody may do. The zero Role may do nothing.
type Role uint8

// The roles.
const (
	Nobody  Role = iota
	Reader       // may look
	Manager      // may change things
)

// identity is who asks.
type identity struct {
	actor   string
	role    Role
	session string // what the CSRF token is bound to
	bearer  bool   // no browser sends a bearer token by itself: there is nothing to forge
	limited bool   // too many wrong tokens came from the address: this one was not looked at
	cookie  bool
}

// CanManage is for pages: what cannot be done is not offered.
func (id identity) CanManage() bool { return id.role >= Manager }

// Actor is for pages, too.
func (id identity) Actor() string { return id.actor }

const (
	cookieName  = "icapd_session"
	sessionAge  = 8 * time.Hour
	maxSessions = 1000

	// A token has too many bits to be guessed; this is for people who use a word instead. It counts by address, so that
	// who guesses locks out nobody else.
	maxFailures   = 20
	failureWindow = time.Minute
	maxGuessers   = 10_000 // addresses remembered; beyond it all others share one count
)

type session struct {
	actor   string
	role    Role
	expires time.Time
}

// gate knows who may come in.
type gate struct {
	manage, read []byte                       // digests of tokens, nil for none
	certificate  func(*x509.Certificate) Role // nil: by a token or from this machine only
	key          []byte                       // of CSRF tokens
	now          func() time.Time

	mu       sync.Mutex
	sessions map[string]session
	guesses  map[string]guesses // by address
}

// guesses are wrong tokens in a window of time.
type guesses struct {
	n     int
	since time.Time
}

func newGate(manage, read string) *gate {
	g := &gate{key: make([]byte, 32), sessions: map[string]session{}, guesses: map[string]guesses{}, now: time.Now}
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
func (g *gate) token(token string) (string, Role) {
	sum := sha256.Sum256([]byte(token))
	switch {
	case token == "":
		return "", Nobody
	case subtle.ConstantTimeCompare(sum[:], g.manage) == 1:
		return "token (manage)", Manager
	case subtle.ConstantTimeCompare(sum[:], g.read) == 1:
		return "token (read)", Reader
	}
	return "", Nobody
}

// identify finds out who asks.
func (g *gate) identify(r *http.Request) identity {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		if !g.patient(r) {
			return identity{bearer: true, limited: true}
		}
		actor, role := g.token(token)
		return identity{actor: actor, role: role, bearer: true}
	}
	if c, err := r.Cookie(cookieName); err == nil {
		if s, ok := g.session(c.Value); ok {
			return identity{actor: s.actor, role: s.role, session: c.Value, cookie: true}
		}
	}
	if g.certificate != nil && r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		leaf := r.TLS.PeerCertificates[0]
		actor := "certificate " + oneLine(leaf.Subject.CommonName, 200)
		return identity{actor: actor, role: g.certificate(leaf), session: actor}
	}
	if g.manage != nil {
		return identity{}
	}
	if isLoopback(r.RemoteAddr) && isLoopback(r.Host) { // another name in Host is another site's page, with DNS turned around
		return identity{actor: "local", role: Manager, session: "local"}
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
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
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
func (g *gate) begin(actor string, r Role) string {
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

// guesser is what wrong tokens are counted by: the address, and of IPv6 the network that one machine usually has.
func guesser(r *http.Request) string {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	bits := 32
	if a.Addr().Unmap().Is6() {
		bits = 64
	}
	p, err := a.Addr().Unmap().WithZone("").Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// patient reports whether a token of this address is looked at; failed says that one was wrong.
func (g *gate) patient(r *http.Request) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.guesses[g.counted(guesser(r))]
	return w.n < maxFailures || g.now().Sub(w.since) > failureWindow
}

// counted is the key under which an address is counted. It is called with the lock held.
func (g *gate) counted(who string) string {
	if _, ok := g.guesses[who]; ok || len(g.guesses) < maxGuessers {
		return who
	}
	return ""
}

func (g *gate) failed(r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if len(g.guesses) >= maxGuessers {
		maps.DeleteFunc(g.guesses, func(_ string, w guesses) bool { return now.Sub(w.since) > failureWindow })
	}
	who := g.counted(guesser(r))
	w := g.guesses[who]
	if now.Sub(w.since) > failureWindow {
		w = guesses{since: now}
	}
	w.n++
	g.guesses[who] = w
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
