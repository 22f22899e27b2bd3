package icap

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of Client.
const (
	defaultMaxIdlePerHost   = 16
	defaultClientIdle       = 50 * time.Second
	defaultDialTimeout      = 10 * time.Second
	defaultIOTimeout        = 60 * time.Second
	defaultClientHead       = 128 << 10
	defaultBufferLimit      = 64 << 10
	defaultOptionsLifetime  = time.Hour
	senderGrace             = 250 * time.Millisecond
	maxOptionsCached        = 1024
	maxInformationalAnswers = 4
)

type clientState struct {
	mu      sync.Mutex
	idle    map[string][]*clientConn
	options map[string]*Options
}

// clientConn is one connection to a server. It bounds each wait by the
// client's IOTimeout and by the context of the exchange that uses it.
type clientConn struct {
	net.Conn
	key     string
	timeout time.Duration
	ctx     atomic.Pointer[context.Context]
	src     source
	usedAt  time.Time
	reused  bool
}

func (c *clientConn) arm(set func(time.Time) error) error {
	if err := set(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	if ctx := c.ctx.Load(); ctx != nil && (*ctx).Err() != nil {
		return set(aLongTimeAgo)
	}
	return nil
}

// Read implements net.Conn.
func (c *clientConn) Read(p []byte) (int, error) {
	if err := c.arm(c.SetReadDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write implements net.Conn.
func (c *clientConn) Write(p []byte) (int, error) {
	if err := c.arm(c.SetWriteDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// alive reports whether an idle connection can be used: open and silent.
func (c *clientConn) alive() bool {
	raw := rawConnOf(c.Conn)
	if raw == nil {
		return true
	}
	if c.SetReadDeadline(time.Time{}) != nil {
		return false
	}
	ok := false
	var b [1]byte
	err := raw.Read(func(fd uintptr) bool {
		_, err := readFD(fd, b[:])
		ok = wouldBlock(err)
		return true
	})
	return err == nil && ok
}

func parseServiceURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err
	}
	if (u.Scheme != "icap" && u.Scheme != "icaps") || u.Hostname() == "" {
		return nil, refine(ErrURI, "%q is not icap://host/service", raw)
	}
	return u, nil
}

func hostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "icaps":
		port = "11344"
	default:
		port = "1344"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func positive(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

// conn returns an idle connection, or a new one if there is none or fresh is set.
func (c *Client) conn(ctx context.Context, u *url.URL, fresh bool) (*clientConn, error) {
	key := u.Scheme + "://" + hostPort(u)
	for !fresh {
		cc := c.takeIdle(key)
		if cc == nil {
			break
		}
		if time.Since(cc.usedAt) < positive(c.IdleTimeout, defaultClientIdle) && cc.alive() {
			cc.reused = true
			return cc, nil
		}
		_ = cc.Close()
	}
	return c.dial(ctx, u, key)
}

func (c *Client) dial(ctx context.Context, u *url.URL, key string) (*clientConn, error) {
	ctx, cancel := context.WithTimeout(ctx, positive(c.DialTimeout, defaultDialTimeout))
	defer cancel()
	dial := c.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, "tcp", hostPort(u))
	if err != nil {
		return nil, err
	}
	if u.Scheme == "icaps" {
		nc, err = c.handshake(ctx, nc, u)
		if err != nil {
			return nil, err
		}
	}
	cc := &clientConn{Conn: nc, key: key, timeout: positive(c.IOTimeout, defaultIOTimeout)}
	cc.src.init(cc)
	return cc, nil
}

func (c *Client) handshake(ctx context.Context, nc net.Conn, u *url.URL) (net.Conn, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS != nil {
		conf = c.TLS.Clone()
	}
	if conf.ServerName == "" {
		conf.ServerName = u.Hostname()
	}
	t := tls.Client(nc, conf)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return t, nil
}

func (c *Client) takeIdle(key string) *clientConn {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	list := c.state.idle[key]
	if len(list) == 0 {
		return nil
	}
	cc := list[len(list)-1]
	c.state.idle[key] = list[:len(list)-1]
	return cc
}

// putIdle keeps a connection for the next exchange, or closes it.
func (c *Client) putIdle(cc *clientConn) {
	if cc.src.buffered() > 0 { // bytes after the answer: not to be trusted
		cc.src.drop()
		_ = cc.Close()
		return
	}
	cc.src.release()
	cc.ctx.Store(nil)
	cc.usedAt = time.Now()
	limit := limitOr(c.MaxIdlePerHost, defaultMaxIdlePerHost)
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	if len(c.state.idle[cc.key]) >= limit {
		_ = cc.Close()
		return
	}
	if c.state.idle == nil {
		c.state.idle = make(map[string][]*clientConn)
	}
	c.state.idle[cc.key] = append(c.state.idle[cc.key], cc)
}

func (c *Client) closeIdle() error {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	var errs []error
	for _, list := range c.state.idle {
		for _, cc := range list {
			errs = append(errs, cc.Close())
		}
	}
	c.state.idle = nil
	return errors.Join(errs...)
}

func optionsKey(u *url.URL) string {
	k := *u
	k.User, k.Fragment = nil, ""
	return k.String()
}

// options answers from the cache or asks the server.
func (c *Client) options(ctx context.Context, u *url.URL) (*Options, error) {
	key := optionsKey(u)
	c.state.mu.Lock()
	o := c.state.options[key]
	c.state.mu.Unlock()
	if o != nil && time.Since(o.Fetched) < positive(o.TTL, defaultOptionsLifetime) {
		return o, nil
	}
	res, err := c.do(ctx, &ClientRequest{Method: MethodOptions, URL: u.String(), Preview: NoPreview})
	if err != nil {
		return nil, err
	}
	if res.Body != nil {
		defer func() { _ = res.Body.Close() }()
	}
	if res.Status != StatusOK {
		return nil, &Error{Status: res.Status, Text: "OPTIONS answered with " + itoa(int64(res.Status)) + " " + res.Reason}
	}
	o = parseOptions(&res.Header)
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	if c.state.options == nil || len(c.state.options) >= maxOptionsCached {
		c.state.options = make(map[string]*Options)
	}
	c.state.options[key] = o
	return o, nil
}

func parseOptions(h *Header) *Options {
	o := &Options{
		ISTag:           h.Get("ISTag"),
		Service:         h.Get("Service"),
		Preview:         NoPreview,
		TransferPreview: h.Get("Transfer-Preview"),
		TransferIgnore:  h.Get("Transfer-Ignore"),
		TransferFull:    h.Get("Transfer-Complete"),
		Allow204:        h.HasToken("Allow", "204"),
		Allow206:        h.HasToken("Allow", "206"),
		AllowTrailers:   h.HasToken("Allow", "trailers"),
		Header:          *h,
		Fetched:         time.Now(),
	}
	for _, v := range h.Values("Methods") {
		for m := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
			o.Methods = append(o.Methods, m)
		}
	}
	if n, ok := smallNumber(h.Get("Preview")); ok {
		o.Preview = n
	}
	if n, ok := smallNumber(h.Get("Max-Connections")); ok {
		o.MaxConnections = n
	}
	if n, ok := smallNumber(h.Get("Options-TTL")); ok {
		o.TTL = time.Duration(n) * time.Second
	}
	return o
}

func smallNumber(v string) (int, bool) {
	if !isDigits(v) || len(v) > maxOffsetDigits {
		return 0, false
	}
	n := 0
	for i := range len(v) {
		n = n*10 + int(v[i]-'0')
	}
	return n, true
}

// noteISTag forgets what OPTIONS said if the service has changed since.
func (c *Client) noteISTag(u *url.URL, tag string) {
	if tag == "" {
		return
	}
	key := optionsKey(u)
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	if o := c.state.options[key]; o != nil && o.ISTag != tag {
		delete(c.state.options, key)
	}
}

// staleConn tells errors of a pooled connection that the server had closed.
func staleConn(err error) bool {
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.As(err, new(*Error))
}
