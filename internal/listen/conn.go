package listen

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/pires/go-proxyproto"
)

// Conn is a connection that is not yet known to be welcome. It implements
// icap.Preparer. RemoteAddr and LocalAddr are those of the PROXY header after
// Prepare.
type Conn struct {
	net.Conn
	listener      *Listener
	remote, local net.Addr
}

// RemoteAddr returns the address of the client.
func (c *Conn) RemoteAddr() net.Addr {
	if c.remote != nil {
		return c.remote
	}
	return c.Conn.RemoteAddr()
}

// LocalAddr returns the address that the client connected to.
func (c *Conn) LocalAddr() net.Addr {
	if c.local != nil {
		return c.local
	}
	return c.Conn.LocalAddr()
}

// Prepare reads the PROXY header and checks the client's network. It returns
// the connection to go on with, of which no byte has been read: a *tls.Conn
// whose handshake is to be done, or the socket itself. Errors other than those
// of the network wrap ErrRefused.
func (c *Conn) Prepare(ctx context.Context) (net.Conn, error) {
	config := &c.listener.config
	if config.Proxy != nil {
		if err := c.proxied(ctx, config.Proxy); err != nil {
			return nil, err
		}
	}
	_, socket := c.RemoteAddr().(*net.UnixAddr)
	if !within(config.Allow, c.RemoteAddr()) && (!socket || config.Proxy != nil) {
		return nil, fmt.Errorf("%w: %v is not in an allowed network", ErrRefused, c.RemoteAddr())
	}
	if c.listener.tls == nil {
		return c.Conn, nil
	}
	return tls.Server(c.Conn, c.listener.tls.config()), nil
}

func (c *Conn) proxied(ctx context.Context, p *Proxy) error {
	peer := c.Conn.RemoteAddr()
	if _, socket := peer.(*net.UnixAddr); !socket && !within(p.From, peer) {
		return fmt.Errorf("%w: %v is not a known proxy", ErrRefused, peer)
	}
	if t, ok := ctx.Deadline(); ok {
		if err := c.SetReadDeadline(t); err != nil {
			return err
		}
	}
	raw, err := readProxyHeader(c.Conn)
	if err != nil {
		return err
	}
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(raw), len(raw)))
	if err != nil {
		return fmt.Errorf("%w: PROXY header: %w", ErrRefused, err)
	}
	if src, dst, ok := h.TCPAddrs(); ok && h.Command.IsProxy() {
		c.remote, c.local = src, dst
	}
	return c.SetReadDeadline(time.Time{})
}

const (
	maxProxyV1 = 107
	// maxProxyV2 leaves room for the TLVs that proxies send in practice.
	maxProxyV2 = 4 << 10
)

// readProxyHeader takes a PROXY header off the connection and nothing behind
// it, so that what follows can be read without a buffer in between.
func readProxyHeader(r io.Reader) ([]byte, error) {
	head := make([]byte, 16, 256)
	if _, err := io.ReadFull(r, head[:12]); err != nil {
		return nil, err
	}
	if bytes.Equal(head[:12], proxyproto.SIGV2) {
		if _, err := io.ReadFull(r, head[12:16]); err != nil {
			return nil, err
		}
		n := int(binary.BigEndian.Uint16(head[14:16]))
		if n > maxProxyV2 {
			return nil, fmt.Errorf("%w: PROXY header of %d bytes", ErrRefused, n)
		}
		head = append(head, make([]byte, n)...)
		_, err := io.ReadFull(r, head[16:])
		return head, err
	}
	head = head[:12]
	if !bytes.HasPrefix(head, proxyproto.SIGV1) {
		return nil, fmt.Errorf("%w: no PROXY header", ErrRefused)
	}
	for !bytes.HasSuffix(head, []byte("\r\n")) {
		if len(head) == maxProxyV1 {
			return nil, fmt.Errorf("%w: endless PROXY header", ErrRefused)
		}
		head = append(head, 0)
		if _, err := io.ReadFull(r, head[len(head)-1:]); err != nil {
			return nil, err
		}
	}
	return head, nil
}
