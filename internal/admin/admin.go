// Package admin serves what operators and their machines ask icapd over HTTP: whether it lives, whether it is
// ready, its metrics. It knows no other room: what it shows, it is handed as functions.
package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"net/http"
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

// Options are the parts of the admin server.
type Options struct {
	// Ready reports on the parts. It is called for each request of /readyz, with a deadline.
	Ready func(ctx context.Context) []Part

	// Metrics serves /metrics.
	Metrics http.Handler

	// Version is shown by /api/v1/status.
	Version string

	// TokenSHA256 is the hex SHA-256 of the bearer token that requests must carry; "" asks for none, which
	// CheckExposure allows on loopback alone. /healthz never asks: a load balancer's probe has no token, and
	// the answer tells nothing.
	TokenSHA256 string
}

// ErrExposed means that the admin server would answer strangers.
var ErrExposed = errors.New("admin: an address that is not loopback needs a token (admin.token_sha256)")

// CheckExposure reports an error for an address that others can reach when nothing asks them who they are.
func CheckExposure(address, tokenSHA256 string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() || tokenSHA256 != "" {
		return nil
	}
	return ErrExposed
}

// New returns the handler of the admin address.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n")) // the peer's loss
	})
	mux.Handle("GET /readyz", o.guard(http.HandlerFunc(o.readyz)))
	mux.Handle("GET /metrics", o.guard(o.Metrics))
	mux.Handle("GET /api/v1/status", o.guard(http.HandlerFunc(o.status)))
	return withHeaders(mux)
}

func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		next.ServeHTTP(w, r)
	})
}

// guard asks for the bearer token. The comparison is of digests and in constant time.
func (o Options) guard(next http.Handler) http.Handler {
	if o.TokenSHA256 == "" {
		return next
	}
	want, err := hex.DecodeString(o.TokenSHA256)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(token))
		if !ok || err != nil || subtle.ConstantTimeCompare(got[:], want) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="icapd"`)
			http.Error(w, "a bearer token is needed", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// readyTimeout bounds a readiness answer: a probe that waits longer has its own opinion by then.
const readyTimeout = 5 * time.Second

func (o Options) parts(r *http.Request) (parts []Part, ready bool) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	parts, ready = o.Ready(ctx), true
	for _, p := range parts {
		ready = ready && (p.Ready || !p.Required)
	}
	return parts, ready
}

func (o Options) readyz(w http.ResponseWriter, r *http.Request) {
	parts, ready := o.parts(r)
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, struct {
		Ready bool   `json:"ready"`
		Parts []Part `json:"parts"`
	}{ready, parts})
}

func (o Options) status(w http.ResponseWriter, r *http.Request) {
	parts, ready := o.parts(r)
	writeJSON(w, http.StatusOK, struct {
		Version string `json:"version"`
		Ready   bool   `json:"ready"`
		Parts   []Part `json:"parts"`
	}{o.Version, ready, parts})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the peer's loss
}
