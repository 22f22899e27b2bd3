// Package caddy is a Caddy module that sends requests and responses through ICAP services: an HTTP handler named icap.
// It is what puts icapd beside an API gateway that is built on Caddy:
//
//	api.example {
//		icap {
//			reqmod  icap://127.0.0.1:1344/reqmod
//			respmod icap://127.0.0.1:1344/respmod
//		}
//		reverse_proxy https://partner.example
//	}
//
// In a Caddyfile without an order of its own for it, the handler runs before reverse_proxy.
package caddy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"icapd/icap"
)

func init() { //nolint:gochecknoinits // Caddy finds its modules in no other way
	caddy.RegisterModule(new(Handler))
	httpcaddyfile.RegisterHandlerDirective("icap", parse)
	httpcaddyfile.RegisterDirectiveOrder("icap", httpcaddyfile.Before, "reverse_proxy")
}

// Handler sends what passes it through ICAP services. A message is delivered only as the service returned it: when
// the service fails, the client gets 502, unless FailOpen says otherwise.
type Handler struct {
	// Reqmod is the URL of the service for requests, Respmod that for responses: icap://host:port/service, or
	// icaps:// for TLS. One of them may be left out.
	Reqmod  string `json:"reqmod,omitempty"`
	Respmod string `json:"respmod,omitempty"`

	// FailOpen lets messages pass unadapted while the service cannot be reached at all.
	FailOpen bool `json:"fail_open,omitempty"`

	// CA is a PEM file with the authority of the service's certificate; without it the system's are believed.
	CA string `json:"ca,omitempty"`

	// Timeout bounds the wait for the service to make progress with one message. The default is 60 s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	client  *icap.Client
	adapter *icap.Adapter
	log     *zap.Logger
}

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)

// CaddyModule implements caddy.Module.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.icap", New: func() caddy.Module { return new(Handler) }}
}

// Provision implements caddy.Provisioner.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.log = ctx.Logger()
	h.client = &icap.Client{}
	if h.CA != "" {
		pem, err := os.ReadFile(h.CA)
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s: no certificate in it", h.CA)
		}
		h.client.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	if h.Timeout > 0 {
		h.client.IOTimeout = time.Duration(h.Timeout)
	}
	h.adapter = &icap.Adapter{
		Client: h.client, Reqmod: h.Reqmod, Respmod: h.Respmod, FailOpen: h.FailOpen,
		Header: clientHeader, ErrorHandler: h.failed,
	}
	return nil
}

// clientHeader tells the service who asked, as Caddy sees it behind its trusted proxies.
func clientHeader(r *http.Request) icap.Header {
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	if ip == "" {
		ip, _, _ = net.SplitHostPort(r.RemoteAddr)
	}
	return icap.NewHeader(icap.Field{Name: "X-Client-IP", Value: ip})
}

// failed answers for a message that could not be adapted.
func (h *Handler) failed(w http.ResponseWriter, r *http.Request, err error) {
	h.log.Error("the message was not adapted", zap.String("host", r.Host), zap.String("path", r.URL.Path), zap.Error(err))
	http.Error(w, "the content inspection service failed", http.StatusBadGateway)
}

// Validate implements caddy.Validator.
func (h *Handler) Validate() error {
	if h.Reqmod == "" && h.Respmod == "" {
		return errors.New("icap: name a service: reqmod, respmod or both")
	}
	for _, raw := range []string{h.Reqmod, h.Respmod} {
		if raw == "" {
			continue
		}
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "icap" && u.Scheme != "icaps" || u.Host == "" {
			return fmt.Errorf("icap: %q is not a URL such as icap://host:1344/respmod", raw)
		}
	}
	return nil
}

// Cleanup implements caddy.CleanerUpper: connections of a configuration that is gone are closed.
func (h *Handler) Cleanup() error {
	if h.client != nil {
		return h.client.Close()
	}
	return nil
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	var failure error
	h.adapter.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		failure = next.ServeHTTP(w, r)
		if failure != nil { // Caddy's error routes answer for what is behind us, past this handler
			status := http.StatusInternalServerError
			if e, ok := errors.AsType[caddyhttp.HandlerError](failure); ok && e.StatusCode != 0 {
				status = e.StatusCode
			}
			w.WriteHeader(status)
		}
	})).ServeHTTP(w, r)
	return nil
}

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	m := new(Handler)
	return m, m.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile implements caddyfile.Unmarshaler:
//
//	icap {
//		reqmod    URL
//		respmod   URL
//		fail_open
//		ca        FILE
//		timeout   DURATION
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		var err error
		switch d.Val() {
		case "reqmod":
			err = one(d, &h.Reqmod)
		case "respmod":
			err = one(d, &h.Respmod)
		case "ca":
			err = one(d, &h.CA)
		case "fail_open":
			h.FailOpen = true
		case "timeout":
			var text string
			if err = one(d, &text); err == nil {
				var v time.Duration
				v, err = caddy.ParseDuration(text)
				h.Timeout = caddy.Duration(v)
			}
		default:
			err = d.Errf("unknown option %q (one of reqmod, respmod, fail_open, ca, timeout)", d.Val())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func one(d *caddyfile.Dispenser, to *string) error {
	if !d.AllArgs(to) {
		return d.ArgErr()
	}
	return nil
}
