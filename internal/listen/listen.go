// Package listen opens the sockets that ICAP clients connect to: TCP, unix and
// inherited from systemd, each with TLS, client certificates, the PROXY
// protocol and a list of networks that may connect, as configured.
//
// What a connection has to prove before it may speak is checked by its Prepare
// method, which package icap calls on the goroutine of the connection: a slow
// or hostile peer never holds up the listener.
package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
)

// Config is one address and what is demanded there. The zero value of each
// field but Address demands nothing.
type Config struct {
	// Address is host:port, "unix:/path" for a unix socket, or "systemd:NAME"
	// for the sockets that systemd hands over under that name ("systemd:" for
	// all of them).
	Address string
	// SocketMode is given to a unix socket; 0 means 0660.
	SocketMode fs.FileMode
	// TLS is nil for plaintext.
	TLS *TLS
	// Proxy demands the PROXY protocol, nil if it is not spoken.
	Proxy *Proxy
	// Allow lists the networks that clients may come from, after the PROXY
	// protocol; empty means all. Clients of a unix socket without the PROXY
	// protocol have no address and are subject to its file mode only.
	Allow []netip.Prefix
}

// Proxy configures the PROXY protocol, versions 1 and 2. A connection without
// its header is refused: whoever may leave it out may also forge it.
type Proxy struct {
	// From lists the networks of the proxies that are believed; others are
	// refused. Empty means all, which is only right for a private network.
	From []netip.Prefix
}

// Listener is an open address. Connections that it accepts have to be prepared
// before use; package icap does so.
type Listener struct {
	net.Listener
	config Config
	tls    *reloader // nil for plaintext
}

// ErrRefused is wrapped by the errors of connections that were turned away.
var ErrRefused = errors.New("listen: refused")

// Open opens all addresses, or none: the error then tells of each that could
// not be opened. Sockets of systemd can be opened once in a process, since they
// are taken out of the environment.
func Open(ctx context.Context, configs ...Config) ([]*Listener, error) {
	var out []*Listener
	var errs []error
	inherited := sync.OnceValues(activation.ListenersWithNames)
	for _, c := range configs {
		ls, err := open(ctx, c, inherited)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.Address, err))
		}
		out = append(out, ls...)
	}
	if len(errs) == 0 {
		return out, nil
	}
	for _, l := range out {
		errs = append(errs, l.Close())
	}
	return nil, errors.Join(errs...)
}

func open(ctx context.Context, c Config, inherited func() (map[string][]net.Listener, error)) ([]*Listener, error) {
	var r *reloader
	if c.TLS != nil {
		r = &reloader{files: *c.TLS}
		if err := r.load(); err != nil {
			return nil, err
		}
	}
	sockets, err := sockets(ctx, &c, inherited)
	var out []*Listener
	for _, s := range sockets {
		out = append(out, &Listener{Listener: s, config: c, tls: r})
	}
	return out, err
}

func sockets(ctx context.Context, c *Config, inherited func() (map[string][]net.Listener, error)) ([]net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: time.Minute}
	if path, ok := strings.CutPrefix(c.Address, "unix:"); ok {
		l, err := listenUnix(ctx, &lc, path, c.SocketMode)
		if err != nil {
			return nil, err
		}
		return []net.Listener{l}, nil
	}
	name, ok := strings.CutPrefix(c.Address, "systemd:")
	if !ok {
		l, err := lc.Listen(ctx, "tcp", c.Address)
		if err != nil {
			return nil, err
		}
		return []net.Listener{l}, nil
	}
	byName, err := inherited()
	if err != nil {
		return nil, err
	}
	var out []net.Listener
	for key, ls := range byName {
		if name == "" || key == name {
			out = append(out, ls...)
			delete(byName, key)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("systemd handed over no socket of that name")
	}
	return out, nil
}

// listenUnix replaces a socket that nobody listens on any more.
func listenUnix(ctx context.Context, lc *net.ListenConfig, path string, mode fs.FileMode) (net.Listener, error) {
	l, err := lc.Listen(ctx, "unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && abandoned(ctx, path) {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
		l, err = lc.Listen(ctx, "unix", path)
	}
	if err != nil {
		return nil, err
	}
	if mode == 0 {
		mode = 0o660
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func abandoned(ctx context.Context, path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return false
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// Accept waits for a connection. It may have to be prepared: see Conn.
func (l *Listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if l.tls == nil && l.config.Proxy == nil && len(l.config.Allow) == 0 {
		return nc, nil // nothing to check, and icap reads it at its fastest
	}
	return &Conn{Conn: nc, listener: l}, nil
}

// SetDeadline bounds calls of Accept to come and under way, where the socket can do that.
func (l *Listener) SetDeadline(t time.Time) error {
	d, ok := l.Listener.(interface{ SetDeadline(t time.Time) error })
	if !ok {
		return errors.ErrUnsupported
	}
	return d.SetDeadline(t)
}

// Reload reads the certificates again, for connections to come. On an error the
// old ones stay in force. It may be called concurrently with Accept.
func (l *Listener) Reload() error {
	if l.tls == nil {
		return nil
	}
	return l.tls.load()
}

func within(list []netip.Prefix, a net.Addr) bool {
	if len(list) == 0 {
		return true
	}
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return false
	}
	ip := t.AddrPort().Addr().Unmap().WithZone("")
	for _, p := range list {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
