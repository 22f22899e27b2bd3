package admin

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// bench is a console with everything behind it, and what it was told.
type bench struct {
	t       *testing.T
	h       http.Handler
	gate    *gate
	feed    *Feed
	mu      sync.Mutex
	audits  []Audit
	off     map[string]bool
	kept    map[string]Kept
	reloads []Reloaded
	block   func() // while something is tried
}

const hostile = `"><script>alert(1)</script>`

func sum(token string) string {
	s := sha256.Sum256([]byte(token))
	return hex.EncodeToString(s[:])
}

func newBench(t *testing.T, manage, read string) *bench {
	t.Helper()
	return newBenchWith(t, manage, read, nil)
}

func newBenchWith(t *testing.T, manage, read string, certificate func(*x509.Certificate) Role) *bench {
	t.Helper()
	b := &bench{t: t, feed: NewFeed(), off: map[string]bool{}, kept: map[string]Kept{}}
	o := Options{
		Ready: func(context.Context) []Part {
			return []Part{{Name: "yara", Ready: true, Required: true, Detail: hostile}}
		},
		Metrics: http.NotFoundHandler(), Version: "v-test", Feed: b.feed, Quarantine: b,
		Rules: func() []Rule {
			return []Rule{{Engine: "injection", ID: "sqli-union", Class: "sqli", Off: b.off["sqli-union"], Description: hostile}}
		},
		SwitchRule: func(_ context.Context, _, id string, off bool) error {
			if id != "sqli-union" {
				return ErrNotFound
			}
			b.off[id] = off
			return nil
		},
		APIs: func() []API {
			return []API{{Host: "api.test", Path: "/v1/{id}" + hostile, Verdicts: map[string]int64{"clean": 1}, Schema: 7}}
		},
		Config: func() (string, error) { return "listen: []\n" + hostile, nil },
		Reload: func(context.Context) Reloaded {
			if len(b.reloads) == 0 {
				return Reloaded{OK: true}
			}
			r := b.reloads[0]
			b.reloads = b.reloads[1:]
			return r
		},
		Try: func(_ context.Context, t Try, body io.Reader) (Tried, error) {
			text, err := io.ReadAll(body)
			if b.block != nil {
				b.block()
			}
			m := *sample("T1")
			m.URL = t.URL
			return Tried{Message: m, Changed: true, Name: t.Name, Result: bytes.ToUpper(text)}, err
		},
		Audit: func(a Audit) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.audits = append(b.audits, a)
		},
	}
	if manage != "" {
		o.TokenSHA256 = sum(manage)
	}
	if read != "" {
		o.ReadTokenSHA256 = sum(read)
	}
	o.CertificateRole = certificate
	s := newServer(o)
	b.gate, b.h = s.gate, s.handler()
	b.kept["Q1"] = Kept{ID: "Q1", URL: "https://api.test/" + hostile, Name: "ä" + hostile + "\r\n.doc", Size: 8, Action: "block", Report: sample("Q1")}
	b.feed.Add(sample("M1"))
	return b
}

func (m *Message) Key() Key {
	return Key{ID: m.RequestID, Verdict: m.Verdict, Action: m.Action, Size: m.Size}
}

func (m *Message) Hit(i int) (engine, rule string, ok bool) {
	if i >= len(m.Findings) {
		return "", "", false
	}
	return m.Findings[i].Engine, m.Findings[i].Rule, true
}

func (m *Message) Show() *Message { return m }

func sample(id string) *Message {
	return &Message{
		Time: time.Now(), RequestID: id, Method: "GET", URL: "https://api.test/" + hostile, Verdict: "malicious", Action: "block",
		Rule: "sqli-union", Reason: hostile, Status: 200, Size: 2048,
		Items: []Item{{Path: "body", Type: "application/json"}, {Path: "body/a(base64)", Type: "text/plain", Depth: 1}, {Path: "body/ab", Type: "x/y", Depth: 1}},
		Findings: []Finding{
			{Engine: "injection", Rule: "sqli-union", Class: "sqli", Severity: "high", Path: "body/a(base64)", Detail: `value "1' OR ` + hostile + `" in a field`},
			{Engine: "injection", Rule: "head", Path: "head/x"},
		},
		Gaps: []Gap{{Engine: "content", Path: "body/abc", Reason: "limit", Error: hostile}}, Changes: []Rewrite{{Rewriter: "cdr", Path: "body/ab/x", Vector: hostile}},
	}
}

func (b *bench) List(context.Context, int) (Listing, error) {
	out := Listing{Damaged: 1, Count: 7, MaxCount: 900, Bytes: 3 << 20, MaxBytes: 1 << 30}
	for _, k := range b.kept {
		out.Entries = append(out.Entries, k)
	}
	return out, nil
}

func (b *bench) Open(_ context.Context, id string) (Kept, io.ReadCloser, error) {
	k, ok := b.kept[id]
	if !ok {
		return Kept{}, nil, ErrNotFound
	}
	return k, io.NopCloser(strings.NewReader("original")), nil
}

func (b *bench) Remove(_ context.Context, id string) error {
	if _, ok := b.kept[id]; !ok {
		return ErrNotFound
	}
	delete(b.kept, id)
	return nil
}

// client is somebody who asks.
type client struct {
	*bench
	remote, host, token, cookie string
	header                      map[string]string
	tls                         *tls.ConnectionState
	ctx                         context.Context // nil: that of the test
}

func (b *bench) local() *client {
	return &client{bench: b, remote: "127.0.0.1:5", host: "localhost:8344"}
}

func (c *client) do(method, path, contentType, body string) *httptest.ResponseRecorder {
	c.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr, r.Host, r.TLS = c.remote, c.host, c.tls
	if c.ctx != nil {
		r = r.WithContext(c.ctx)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.cookie != "" {
		r.AddCookie(&http.Cookie{Name: cookieName, Value: c.cookie})
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	return w
}

func (c *client) get(path string) *httptest.ResponseRecorder { return c.do("GET", path, "", "") }

func (c *client) post(path string, form url.Values) *httptest.ResponseRecorder {
	return c.do("POST", path, "application/x-www-form-urlencoded", form.Encode())
}

var csrfField = regexp.MustCompile(`name="csrf" value="([0-9a-f]+)"`)

// TestReferrer holds what logins from other addresses depend on: without a referrer, browsers hide the origin of forms.
func TestReferrer(t *testing.T) {
	if got := newBench(t, "", "").local().get("/login").Header().Get("Referrer-Policy"); got != "same-origin" {
		t.Error(got)
	}
}

func (c *client) csrf() string {
	c.t.Helper()
	m := csrfField.FindStringSubmatch(c.get("/config").Body.String())
	if m == nil {
		c.t.Fatal("the page has no CSRF token")
	}
	return m[1]
}

func (c *client) login(token string) {
	c.t.Helper()
	w := c.post("/login", url.Values{"token": {token}, "next": {"/rules"}})
	if w.Code != 303 || w.Header().Get("Location") != "/rules" {
		c.t.Fatalf("login: %d %s", w.Code, w.Header())
	}
	set := w.Result().Cookies()
	if len(set) != 1 || !set[0].HttpOnly || set[0].SameSite != http.SameSiteStrictMode {
		c.t.Fatalf("%+v", set)
	}
	c.cookie = set[0].Value
}

func (b *bench) last() Audit {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.audits) == 0 {
		b.t.Fatal("nothing is on record")
	}
	return b.audits[len(b.audits)-1]
}

var pagePaths = []string{"/", "/messages/M1", "/engines", "/rules", "/quarantine", "/quarantine/Q1", "/apis", "/config", "/try"}

// Each page is there, is HTML under a strict policy, and shows nothing of a peer as markup.
func TestPages(t *testing.T) {
	c := newBench(t, "", "").local()
	for _, p := range pagePaths {
		w := c.get(p)
		if w.Code != 200 || w.Header().Get("Content-Security-Policy") != pagePolicy || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", p, w.Code, w.Header())
		}
		body := w.Body.String()
		if strings.Contains(body, "<script>") || strings.Contains(body, "style=") || !strings.HasSuffix(strings.TrimSpace(body), "</html>") {
			t.Errorf("%s: %s", p, body)
		}
	}
	for p, want := range map[string]int{"/messages/none": 404, "/quarantine/none": 404, "/try/none": 404, "/none": 404, "/static/app.js": 200, "/static/style.css": 200, "/static/icon.svg": 200, "/static/layout.html": 404, "/static/..%2fadmin.go": 404} {
		if w := c.get(p); w.Code != want {
			t.Errorf("%s: %d, want %d", p, w.Code, want)
		}
	}
	if body := c.get("/messages/M1").Body.String(); !strings.Contains(body, "<mark>1&#39; OR &#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;</mark>") {
		t.Errorf("no highlighted value: %s", body)
	}
}

func TestMark(t *testing.T) {
	for _, tt := range []struct{ detail, description, before, hit, after string }{
		{"UNION SELECT: x' UNION", "UNION SELECT", "", "x' UNION", ""},
		{"a handler in a name: <img>", "a handler", "in a name: ", "<img>", ""},
		{`seen "a b" here`, "other", `seen "`, "a b", `" here`},
		{"plain", "", "plain", "", ""},
		{`one " only`, "", `one " only`, "", ""},
		{"", "", "", "", ""},
	} {
		if got := mark(tt.detail, tt.description); got != (marked{tt.before, tt.hit, tt.after}) {
			t.Errorf("%q: %+v", tt.detail, got)
		}
	}
}

func TestTree(t *testing.T) {
	got := tree(sample("x"))
	if len(got) != 4 || len(got[1].Findings) != 1 || len(got[2].Changes) != 1 || len(got[0].Gaps) != 1 || len(got[3].Findings) != 1 {
		t.Errorf("%+v", got)
	}
}

// Who asks and from where decides; nobody from elsewhere gets in without a token or certificate.
func TestWhoMayComeIn(t *testing.T) {
	open, closed := newBench(t, "", ""), newBench(t, "boss", "guest")
	named := newBenchWith(t, "boss", "guest", func(c *x509.Certificate) Role {
		return map[string]Role{"ops": Manager, "grafana": Reader}[c.Subject.CommonName]
	})
	of := func(name string) *tls.ConnectionState {
		return &tls.ConnectionState{
			VerifiedChains:   [][]*x509.Certificate{{}},
			PeerCertificates: []*x509.Certificate{{Subject: pkix.Name{CommonName: name}}},
		}
	}
	cert := of("ops")
	unverified := of("ops")
	unverified.VerifiedChains = nil
	for name, tt := range map[string]struct {
		c            client
		look, change int
	}{
		"this machine":              {client{bench: open, remote: "127.0.0.1:5", host: "127.0.0.1:8344"}, 200, 200},
		"this machine, v6":          {client{bench: open, remote: "[::1]:5", host: "[::1]:8344"}, 200, 200},
		"a name turned to loopback": {client{bench: open, remote: "127.0.0.1:5", host: "evil.test:8344"}, 403, 403},
		"another machine":           {client{bench: open, remote: "192.0.2.1:5", host: "127.0.0.1:8344"}, 403, 403},
		"a certificate, no list":    {client{bench: open, remote: "192.0.2.1:5", host: "x", tls: cert}, 403, 403},
		"a manager's certificate":   {client{bench: named, remote: "192.0.2.1:5", host: "x", tls: cert}, 200, 200},
		"a reader's certificate":    {client{bench: named, remote: "127.0.0.1:5", host: "localhost", tls: of("grafana")}, 200, 403},
		"another's certificate":     {client{bench: named, remote: "127.0.0.1:5", host: "localhost", tls: of("mallory")}, 403, 403},
		"not verified":              {client{bench: named, remote: "192.0.2.1:5", host: "x", tls: unverified}, 401, 401},
		"certificate and token":     {client{bench: named, remote: "192.0.2.1:5", host: "x", tls: of("grafana"), token: "boss"}, 200, 200},
		"a token nobody asked for":  {client{bench: open, remote: "127.0.0.1:5", host: "localhost", token: "x"}, 403, 403},
		"no token":                  {client{bench: closed, remote: "192.0.2.1:5", host: "x"}, 401, 401},
		"no token, this machine":    {client{bench: closed, remote: "127.0.0.1:5", host: "localhost"}, 401, 401},
		"wrong token":               {client{bench: closed, remote: "127.0.0.1:5", host: "x", token: "wrong"}, 401, 401},
		"wrong cookie":              {client{bench: closed, remote: "127.0.0.1:5", host: "x", cookie: "wrong"}, 401, 401},
		"certificate, no token":     {client{bench: closed, remote: "192.0.2.1:5", host: "x", tls: cert}, 401, 401},
		"token to look":             {client{bench: closed, remote: "192.0.2.1:5", host: "x", token: "guest"}, 200, 403},
		"token to change":           {client{bench: closed, remote: "192.0.2.1:5", host: "x", token: "boss"}, 200, 200},
	} {
		tt.c.header = map[string]string{apiHeader: "1"}
		tt.c.gate.guesses = map[string]guesses{}
		for _, p := range append([]string{"/api/v1/messages", "/api/v1/quarantine", "/metrics"}, pagePaths...) {
			if w := tt.c.get(p); w.Code != tt.look && (p != "/metrics" || tt.look != 200) {
				t.Errorf("%s: GET %s is %d, want %d", name, p, w.Code, tt.look)
			}
		}
		if w := tt.c.do("POST", "/api/v1/reload", "", ""); w.Code != tt.change {
			t.Errorf("%s: reload is %d, want %d", name, w.Code, tt.change)
		}
		if w := tt.c.get("/healthz"); w.Code != 200 {
			t.Errorf("%s: /healthz is %d", name, w.Code)
		}
	}
	browser := client{bench: closed, remote: "192.0.2.1:5", host: "x", header: map[string]string{"Accept": "text/html"}}
	if w := browser.get("/rules?x=1"); w.Code != 303 || w.Header().Get("Location") != "/login?next=%2Frules%3Fx%3D1" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// A browser changes something only with the token of its own page, and only as manager.
func TestCSRF(t *testing.T) {
	b := newBench(t, "boss", "guest")
	boss, other, guest := b.local(), b.local(), b.local()
	boss.login("boss")
	other.login("boss")
	guest.login("guest")
	form := func(token string) url.Values {
		return url.Values{"csrf": {token}, "engine": {"injection"}, "id": {"sqli-union"}, "off": {"true"}}
	}
	mine := boss.csrf()
	for name, tt := range map[string]struct {
		c      *client
		token  string
		header map[string]string
		want   int
	}{
		"none":         {boss, "", nil, 403},
		"other's":      {boss, other.csrf(), nil, 403},
		"api header":   {boss, "", map[string]string{apiHeader: "1"}, 403},
		"another site": {boss, mine, map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"origin":       {boss, mine, map[string]string{"Origin": "https://evil.test"}, 403},
		"reader":       {guest, mine, nil, 403},
		"own":          {boss, mine, map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
	} {
		b.off["sqli-union"] = false
		tt.c.header = tt.header
		w := tt.c.post("/rules", form(tt.token))
		tt.c.header = nil
		outcome := map[bool]string{true: "success", false: "failure"}[tt.want == 200]
		if a := b.last(); w.Code != tt.want || b.off["sqli-union"] != (tt.want == 200) || a.Outcome != outcome || a.Peer != "127.0.0.1" {
			t.Errorf("%s: %d %s, %+v", name, w.Code, w.Body, a)
		}
	}
	local := newBench(t, "", "").local()
	if w := local.do("POST", "/api/v1/reload", "", ""); w.Code != 403 {
		t.Errorf("a form of another site reloads: %d", w.Code)
	}
	for _, p := range pagePaths {
		if body := guest.get(p).Body.String(); strings.Contains(body, "<form") && strings.Contains(strings.ReplaceAll(body, `action="/logout"`, ""), `method="post" action`) {
			t.Errorf("%s offers a change to a reader", p)
		}
	}
	if w := guest.post("/logout", url.Values{"csrf": {guest.csrf()}}); w.Code != 303 {
		t.Errorf("who may look cannot log out: %d", w.Code)
	}
	if w := boss.post("/logout", nil); w.Code != 403 {
		t.Errorf("logged out by another site: %d", w.Code)
	}
	if w := boss.post("/logout", url.Values{"csrf": {mine}}); w.Code != 303 || b.last().Action != "logout" || boss.get("/api/v1/status").Code != 401 {
		t.Errorf("logout: %d", w.Code)
	}
}

func TestLogin(t *testing.T) {
	b := newBench(t, "boss", "")
	c := b.local()
	for i := range maxFailures {
		if w := c.post("/login", url.Values{"token": {"wrong"}}); w.Code != 401 || strings.Contains(w.Body.String(), "wrong") {
			t.Fatalf("%d: %d", i, w.Code)
		}
	}
	if w := c.post("/login", url.Values{"token": {"boss"}}); w.Code != 429 {
		t.Errorf("after %d wrong tokens: %d", maxFailures, w.Code)
	}
	if w := c.do("GET", "/api/v1/status", "", ""); w.Code != 401 {
		t.Errorf("without a token: %d", w.Code)
	}
	c.token = "boss"
	if w := c.get("/api/v1/status"); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("a bearer token after %d wrong ones: %d", maxFailures, w.Code)
	}
	elsewhere := *c
	elsewhere.remote = "192.0.2.9:1"
	if w := elsewhere.get("/api/v1/status"); w.Code != 200 {
		t.Errorf("from another address: %d", w.Code)
	}
	if len(b.audits) != maxFailures {
		t.Errorf("%d records of %d wrong tokens", len(b.audits), maxFailures)
	}
	for _, a := range b.audits {
		if strings.Contains(fmt.Sprint(a), "wrong\"") || a.Action != "login" || a.Outcome != "failure" {
			t.Errorf("%+v", a)
		}
	}
	guess := *c
	guess.remote, guess.token = "[2001:db8::1]:1", "guessed"
	for i := range maxFailures + 5 {
		guess.remote = fmt.Sprintf("[2001:db8::%x]:1", i+1) // one machine has many addresses
		want := 401
		if i >= maxFailures {
			want = 429
		}
		if w := guess.get("/api/v1/status"); w.Code != want {
			t.Fatalf("guess %d: %d, want %d", i, w.Code, want)
		}
	}
	if a := b.last(); a.Action != "login" || a.Outcome != "failure" || a.Target != "bearer token" || len(b.audits) != 2*maxFailures {
		t.Errorf("%+v, %d records", a, len(b.audits))
	}
	for raw, want := range map[string]string{"": "/", "/rules": "/rules", "//evil.test": "/", "https://evil.test/": "/", "/\\evil.test": "/", "javascript:x": "/", "/a?b=c": "/a?b=c"} {
		if got := next(raw); got != want {
			t.Errorf("next(%q) is %q", raw, got)
		}
	}
	g := newGate(sum("x"), "")
	now := time.Now()
	g.now = func() time.Time { return now }
	id := g.begin("a", Reader)
	if _, ok := g.session(id); !ok {
		t.Error("no session")
	}
	for range 2 * maxSessions {
		g.begin("a", Reader)
	}
	if len(g.sessions) > maxSessions {
		t.Errorf("%d sessions", len(g.sessions))
	}
	id = g.begin("a", Reader)
	now = now.Add(sessionAge + time.Second)
	if _, ok := g.session(id); ok {
		t.Error("a session does not end")
	}
}

func TestQuarantine(t *testing.T) {
	b := newBench(t, "", "")
	c := b.local()
	if w := c.get("/quarantine"); !strings.Contains(w.Body.String(), "7 of 900 originals, 3.0 MiB of 1.0 GiB") || !strings.Contains(w.Body.String(), "the newest 1 are shown") {
		t.Errorf("how full it is: %s", w.Body)
	}
	if w := c.get("/api/v1/quarantine"); !strings.Contains(w.Body.String(), `"damaged":1,"count":7,"max_count":900,"bytes":3145728,"max_bytes":1073741824`) {
		t.Errorf("%s", w.Body)
	}
	w := c.post("/quarantine/Q1/release", url.Values{"csrf": {c.csrf()}})
	d := w.Header().Get("Content-Disposition")
	if w.Code != 200 || w.Body.String() != "original" || !strings.HasPrefix(d, "attachment") || strings.ContainsAny(d, "\r\n<") ||
		w.Header().Get("Content-Type") != "application/octet-stream" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
	if a := b.last(); a.Action != "quarantine.release" || a.Target != "Q1" || a.Actor != "local" {
		t.Errorf("%+v", a)
	}
	k := b.kept["Q1"]
	k.Size = 9 // of which 8 come
	b.kept["Q1"] = k
	func() {
		defer func() {
			if v := recover(); v != any(http.ErrAbortHandler) {
				t.Errorf("half a file looks like a whole one: %v", v)
			}
		}()
		c.post("/quarantine/Q1/release", url.Values{"csrf": {c.csrf()}})
	}()
	if a := b.last(); a.Outcome != "failure" {
		t.Errorf("%+v", a)
	}
	c.header = map[string]string{apiHeader: "1"}
	if w := c.get("/api/v1/quarantine/Q1"); !strings.Contains(w.Body.String(), `"report":{`) {
		t.Errorf("%s", w.Body)
	}
	if w := c.do("DELETE", "/api/v1/quarantine/Q1", "", ""); w.Code != 204 || len(b.kept) != 0 {
		t.Errorf("%d", w.Code)
	}
	if w := c.do("DELETE", "/api/v1/quarantine/Q1", "", ""); w.Code != 404 || b.last().Outcome != "failure" {
		t.Errorf("%d", w.Code)
	}
}

func TestReloadTells(t *testing.T) {
	b := newBench(t, "boss", "")
	c := b.local()
	c.token = "boss"
	b.reloads = []Reloaded{{Problems: []string{"icapd.yaml:3:1: unknown key"}}, {OK: true, Restart: []string{"listen"}}}
	w := c.do("POST", "/api/v1/reload", "", "")
	if w.Code != 422 || !strings.Contains(w.Body.String(), "icapd.yaml:3:1") || b.last().Outcome != "failure" {
		t.Errorf("%d %s %+v", w.Code, w.Body, b.last())
	}
	if w = c.do("POST", "/api/v1/reload", "", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "listen") || b.last().Outcome != "success" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTry(t *testing.T) {
	b := newBench(t, "", "")
	c := b.local()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for k, v := range map[string]string{"csrf": c.csrf(), "url": "https://x.test/", "as": "request", "text": `{"a": "b"}`} {
		if err := form.WriteField(k, v); err != nil {
			t.Fatal(err)
		}
	}
	_ = form.Close()
	w := c.do("POST", "/try", form.FormDataContentType(), body.String())
	link := regexp.MustCompile(`href="(/try/[A-Z0-9]+)"`).FindStringSubmatch(w.Body.String())
	if w.Code != 200 || link == nil || !strings.Contains(w.Body.String(), `{&#34;<mark>A&#34;: &#34;B</mark>&#34;}`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := c.get(link[1]); w.Body.String() != `{"A": "B"}` || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("%s", w.Body)
	}
	c.header = map[string]string{apiHeader: "1"}
	var res Tried
	if w := c.do("POST", "/api/v1/try?name=x", "text/plain", "abc"); json.Unmarshal(w.Body.Bytes(), &res) != nil || string(res.Result) != "ABC" {
		t.Errorf("%s", w.Body)
	}
	if w := c.do("POST", "/api/v1/try", "text/plain", strings.Repeat("x", maxTry+2<<20)); w.Code != 413 {
		t.Errorf("too much: %d", w.Code)
	}
}

// What is tried is in memory: there is a place for so many, and the next waits, or is told so.
func TestTriesWaitForAPlace(t *testing.T) {
	b := newBench(t, "", "")
	c := b.local()
	c.header = map[string]string{apiHeader: "1"}
	began, end := make(chan struct{}), make(chan struct{})
	b.block = func() { began <- struct{}{}; <-end }
	var wg sync.WaitGroup
	for range maxTries {
		wg.Go(func() {
			if w := c.do("POST", "/api/v1/try", "text/plain", "abc"); w.Code != 200 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	for range maxTries {
		<-began
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // as when the patience is at its end
	c.ctx = ctx
	if w := c.do("POST", "/api/v1/try", "text/plain", "abc"); w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "already") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := c.do("POST", "/api/v1/reload", "", ""); w.Code != 200 {
		t.Errorf("a change that needs no place: %d", w.Code)
	}
	close(end)
	wg.Wait()
	b.block, c.ctx = nil, nil
	if w := c.do("POST", "/api/v1/try", "text/plain", "abc"); w.Code != 200 {
		t.Errorf("no place came back: %d", w.Code)
	}
}

func TestStream(t *testing.T) {
	b := newBench(t, "boss", "")
	s := httptest.NewServer(b.h)
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/api/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer boss")
	res, err := s.Client().Do(r)
	if err != nil || res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(res, err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Scan() // the comment that opens the stream
	b.feed.Add(sample("LIVE"))
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var m Message
			if err := json.Unmarshal([]byte(data), &m); err != nil || m.RequestID != "LIVE" {
				t.Errorf("%v: %s", err, data)
			}
			return
		}
	}
	t.Fatal("no message came")
}

// One who watches and does not read costs nobody else anything.
func TestFeedIsBounded(t *testing.T) {
	f := NewFeed()
	for range maxWatchers {
		if _, _, _, ok := f.watch(""); !ok {
			t.Fatal("refused")
		}
	}
	if _, _, _, ok := f.watch(""); ok {
		t.Error("without end")
	}
	start := time.Now()
	for i := range 5000 {
		f.Add(sample(fmt.Sprint(i)))
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("%v", took)
	}
	if n := len(f.recent(5000)); n != feedSize || f.message("4999") == nil || f.message("10") != nil || f.message("") != nil {
		t.Errorf("%d messages", n)
	}
	f.watchers = map[chan Held]struct{}{}
	for after, want := range map[string]int{"4996": 3, "4999": 0, "": 0, "gone": 0, fromStart: feedSize} {
		if missed, _, _, _ := f.watch(after); len(missed) != want || want > 0 && missed[want-1].Key().ID != "4999" {
			t.Errorf("%d after %q, want %d", len(missed), after, want)
		}
	}
	got := f.recent(3)
	if ids := []string{got[0].RequestID, got[1].RequestID, got[2].RequestID}; !slices.Equal(ids, []string{"4999", "4998", "4997"}) {
		t.Errorf("%v", ids)
	}
	if f.count("injection", "sqli-union") != 5000 || f.sum().Actions["block"] != 5000 {
		t.Errorf("%d hits, %+v", f.count("injection", "sqli-union"), f.sum())
	}
}
