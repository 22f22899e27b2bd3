package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"

	"icapd/conf"
	"icapd/internal/listen"
)

// certs is the TLS configuration of the admin address. A reload puts another in its place; listeners of ICAP keep
// their own.
type certs struct {
	admin *tls.Config // nil without TLS
}

// over returns the fresh certificates, and those of c where the fresh ones say nothing: an address stays open until a
// restart.
func (c *certs) over(fresh *certs) *certs {
	if c == nil {
		return fresh
	}
	return &certs{admin: cmp.Or(fresh.admin, c.admin)}
}

// loadCerts reads all certificates and keys. Files that are not there are left to package conf, which says so
// better.
func loadCerts(c *conf.Config) (*certs, error) {
	var errs []error
	load := func(key string, t *conf.TLS) *tls.Config {
		config, err := loadTLS(t)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("%s: cert %s, key %s: %w", c.At(key), t.Cert, t.Key, err))
		}
		return config
	}
	out := &certs{}
	for i := range c.Listen { // only to say what is wrong with them
		load(fmt.Sprintf("listen[%d].tls", i), &c.Listen[i].TLS)
	}
	out.admin = load("admin.tls", &c.Admin.TLS)
	return out, errors.Join(errs...)
}

func loadTLS(t *conf.TLS) (*tls.Config, error) {
	if t.Cert == "" || t.Key == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(string(t.Cert), string(t.Key))
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if t.ClientCA != "" {
		if config.ClientCAs, err = loadPool(string(t.ClientCA)); err != nil {
			return nil, err
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
		if names := slices.Clone(t.AllowedNames); len(names) > 0 {
			config.VerifyConnection = func(cs tls.ConnectionState) error {
				if len(cs.PeerCertificates) == 0 || !listen.HasName(cs.PeerCertificates[0], names) {
					return errNotAllowed
				}
				return nil
			}
		}
	}
	return config, nil
}

var errNotAllowed = errors.New("the client certificate has none of the allowed names")

// loadPool reads the certificates of a PEM file.
func loadPool(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, plain(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: no certificate in it", file)
	}
	return pool, nil
}

// reloadable is a tls.Config for a listener that takes the configuration in force for each connection.
func reloadable(current *atomic.Pointer[certs], pick func(*certs) *tls.Config) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			if c := pick(current.Load()); c != nil {
				return c, nil
			}
			return nil, errors.New("no certificate")
		},
	}
}
