package listen

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
)

// TLS names the certificate, and who may connect. TLS 1.2 is the least spoken.
type TLS struct {
	// Cert and Key are PEM files; Cert holds intermediates too.
	Cert, Key string
	// ClientCA is a PEM file. If set, clients must have a certificate that it issued.
	ClientCA string
	// AllowedNames lists the clients that may connect, by common name, DNS name,
	// e-mail address or URI of the certificate. "*.example.com" means one label.
	// Empty means all that ClientCA issued.
	AllowedNames []string
}

// reloader holds the TLS configuration in force.
type reloader struct {
	files   TLS
	current atomic.Pointer[tls.Config]
}

func (r *reloader) load() error {
	pair, err := tls.LoadX509KeyPair(r.files.Cert, r.files.Key)
	if err != nil {
		return err
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if r.files.ClientCA != "" {
		text, err := os.ReadFile(r.files.ClientCA)
		if err != nil {
			return err
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("%s: no certificate in it", r.files.ClientCA)
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if len(r.files.AllowedNames) > 0 {
		if c.ClientAuth != tls.RequireAndVerifyClientCert {
			return fmt.Errorf("allowed names without a client CA")
		}
		names := slices.Clone(r.files.AllowedNames)
		// VerifyConnection also runs on resumed sessions, unlike VerifyPeerCertificate.
		c.VerifyConnection = func(s tls.ConnectionState) error { return checkName(names, s.PeerCertificates) }
	}
	r.current.Store(c)
	return nil
}

func (r *reloader) config() *tls.Config { return r.current.Load() }

func checkName(allowed []string, chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return fmt.Errorf("%w: no client certificate", ErrRefused)
	}
	if !HasName(chain[0], allowed) {
		return fmt.Errorf("%w: client certificate of %q is not on the list", ErrRefused, names(chain[0]))
	}
	return nil
}

// names lists what a certificate calls its owner: common name, DNS names, mail addresses, URIs.
func names(leaf *x509.Certificate) []string {
	names := append([]string{leaf.Subject.CommonName}, leaf.DNSNames...)
	names = append(names, leaf.EmailAddresses...)
	for _, u := range leaf.URIs {
		names = append(names, u.String())
	}
	return names
}

// HasName reports whether a certificate, which somebody else has verified, has one of the names: its common name, a DNS
// name, a mail address or a URI. "*.example.com" stands for every name one label below.
func HasName(leaf *x509.Certificate, allowed []string) bool {
	for _, name := range names(leaf) {
		if slices.ContainsFunc(allowed, func(pattern string) bool { return nameMatches(pattern, name) }) {
			return true
		}
	}
	return false
}

func nameMatches(pattern, name string) bool {
	if name == "" {
		return false
	}
	if suffix, ok := strings.CutPrefix(pattern, "*."); ok {
		label, rest, dot := strings.Cut(name, ".")
		return dot && label != "" && label != "*" && strings.EqualFold(rest, suffix)
	}
	return strings.EqualFold(pattern, name)
}
