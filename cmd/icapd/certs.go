package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"sync/atomic"

	"icapd/conf"
)

// certs is the TLS configurations in force. A reload puts others in their place.
type certs struct {
	listen map[string]*tls.Config // by address in the configuration, if it has TLS
	admin  *tls.Config            // nil without TLS
}

// over returns the fresh certificates, and those of c for listeners of which the fresh ones say nothing: they stay
// open until a restart.
func (c *certs) over(fresh *certs) *certs {
	if c == nil {
		return fresh
	}
	out := &certs{listen: maps.Clone(c.listen), admin: cmp.Or(fresh.admin, c.admin)}
	maps.Copy(out.listen, fresh.listen)
	return out
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
	out := &certs{listen: map[string]*tls.Config{}}
	for i := range c.Listen {
		if t := load(fmt.Sprintf("listen[%d].tls", i), &c.Listen[i].TLS); t != nil {
			out.listen[c.Listen[i].Address] = t
		}
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
	}
	return config, nil
}

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
