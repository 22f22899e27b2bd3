// Package secret reads passwords and keys from files, as systemd's credentials and Kubernetes' secrets offer them.
package secret

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSize is far more than any password has.
const maxSize = 4 << 10

// errShape is about a file that was read. It never holds what was in it.
var errShape = errors.New("does not hold one line of text")

// Read returns the text of a file that holds one line, without the spaces around it. The error names the file and
// tells nothing of what is in it. Callers read it for each use that is not frequent, so that a secret can be changed
// without a restart.
func Read(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was read
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(f, maxSize+1)); err != nil {
		return "", err
	}
	text := strings.TrimSpace(b.String())
	if b.Len() > maxSize || text == "" || strings.ContainsAny(text, "\r\n\x00") {
		return "", fmt.Errorf("%s: %w", name, errShape)
	}
	return text, nil
}

// TLSFiles are the PEM files of a client. The zero value means the system's certificates, and none of our own.
type TLSFiles struct {
	CA   string // of the server; "" means the system's
	Cert string // of the client, with its key: both or none
	Key  string
}

// Config returns the configuration of a client. Its certificate is read again for each connection, the CA once.
func (t TLSFiles) Config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		text, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, err
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s: no certificate in it", t.CA)
		}
	}
	if t.Cert == "" && t.Key == "" {
		return c, nil
	}
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		return &pair, err
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return c, nil
}
