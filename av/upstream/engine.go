package upstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"icapd/icap"
	"icapd/scan"
)

// The defaults of [Options].
const (
	DefaultTimeout     = 30 * time.Second
	DefaultDialTimeout = 2 * time.Second
	DefaultMaxAdapted  = 64 << 20
)

// Options configures an [Engine]. Only URL is needed; zero values mean the defaults.
type Options struct {
	// Name is the engine's name in findings, gaps and logs; "" means "upstream". Two servers need two names.
	Name string

	// URL is the RESPMOD service: icap://host[:1344]/service or icaps://host[:11344]/service.
	URL string

	// Timeout bounds one item's exchange, DialTimeout one connect.
	Timeout, DialTimeout time.Duration

	// TLS is for icaps; nil means the system's certificates. DialContext replaces the dialler.
	TLS         *tls.Config
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// MaxSize is the largest item, in bytes, that is sent; a larger one is a gap with the limit
	// "upstream_bytes". 0 means no limit.
	MaxSize int64

	// Whole sends items without a preview, so that the server gets all of each before it may answer.
	Whole bool

	// OpensArchives says that the server looks into archives itself: members of zip, gzip, tar and the like
	// are then not sent a second time, and count as looked at with their archive.
	OpensArchives bool

	// Adapt allows to take the server's bytes in the place of an item that it made safe: see
	// [Engine.Rewriter]. MaxAdapted bounds them, in bytes, as they are held in memory.
	Adapt      bool
	MaxAdapted int64
}

// Engine is a [scan.Engine] that asks an ICAP server, with the abilities [scan.Selector], [scan.Assurer],
// [scan.Versioner], [scan.Keyer] and [scan.Checker]. Make one with [New]; it is safe for use by many
// goroutines.
type Engine struct {
	o       Options
	client  *icap.Client
	version atomic.Pointer[string]
	preview atomic.Int64
	first   chan struct{} // closed when OPTIONS was tried once
	stop    context.CancelFunc
	refresh sync.WaitGroup
}

// New returns an engine. [Engine.Close] ends what it does in the background. That the server cannot be reached
// is no error: it may start later.
func New(o Options) (*Engine, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("upstream: %w", err)
	case u.Scheme != "icap" && u.Scheme != "icaps" || u.Host == "":
		return nil, fmt.Errorf("upstream: %q is neither icap://host/service nor icaps://host/service", u.Redacted())
	case o.Timeout < 0 || o.DialTimeout < 0 || o.MaxSize < 0 || o.MaxAdapted < 0:
		return nil, errors.New("upstream: a negative option")
	}
	o.Name = cmp.Or(o.Name, "upstream")
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	o.DialTimeout = cmp.Or(o.DialTimeout, DefaultDialTimeout)
	o.MaxAdapted = cmp.Or(o.MaxAdapted, DefaultMaxAdapted)
	ctx, stop := context.WithCancel(context.Background())
	e := &Engine{
		o:     o,
		first: make(chan struct{}),
		stop:  stop,
		client: &icap.Client{
			DialContext: o.DialContext, TLS: o.TLS, DialTimeout: o.DialTimeout, UserAgent: "icapd",
			IOTimeout: o.Timeout + time.Second, // so that the ctx ends first, and says why
		},
	}
	e.preview.Store(icap.NoPreview)
	e.refresh.Go(func() { e.keepFresh(ctx) })
	return e, nil
}

// Close ends the background work and drops idle connections.
func (e *Engine) Close() error {
	e.stop()
	e.refresh.Wait()
	return e.client.Close()
}

const (
	retryPause   = time.Second
	refreshPause = time.Minute
)

// keepFresh asks for OPTIONS now and then, so that a new ISTag shows without traffic.
func (e *Engine) keepFresh(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for asked := false; ; asked = true {
		select {
		case <-ctx.Done():
			if !asked {
				close(e.first)
			}
			return
		case <-timer.C:
		}
		pause := refreshPause
		if e.options(ctx) != nil {
			pause = retryPause
		}
		if !asked {
			close(e.first)
		}
		timer.Reset(pause)
	}
}

// options asks what the service offers. The client keeps the answer for as long as the server allows.
func (e *Engine) options(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*e.o.DialTimeout)
	defer cancel()
	o, err := e.client.Options(ctx, e.o.URL)
	if err != nil {
		return err
	}
	e.preview.Store(int64(o.Preview))
	e.learn(o.ISTag)
	return nil
}

// learn notes the ISTag of an answer.
func (e *Engine) learn(tag string) {
	tag = strings.Trim(tag, `"`)
	if old := e.version.Load(); tag != "" && (old == nil || *old != tag) {
		e.version.Store(&tag)
	}
}

// Name implements [scan.Engine].
func (e *Engine) Name() string { return e.o.Name }

// Version implements [scan.Versioner]: the server's ISTag, "" before the first answer. It waits for the first
// OPTIONS of a new engine.
func (e *Engine) Version() string {
	<-e.first
	if v := e.version.Load(); v != nil {
		return *v
	}
	return ""
}

// Key implements [scan.Keyer]. The server gets to know these; what it makes of them is its business.
func (e *Engine) Key(it *scan.Item) (string, bool) {
	return fmt.Sprintf("%q %q %q %q", it.Type, it.Name, it.Message.Method, target(it)), true
}

// Check implements [scan.Checker] with an OPTIONS request.
func (e *Engine) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*e.o.DialTimeout)
	defer cancel()
	res, err := e.client.Do(ctx, &icap.ClientRequest{Method: icap.MethodOptions, URL: e.o.URL, Preview: icap.NoPreview})
	if err != nil {
		return unreachable(err)
	}
	if res.Body != nil {
		defer func() { _ = res.Body.Close() }()
	}
	if res.Status != icap.StatusOK {
		return &scan.Gap{Reason: scan.ReasonUnavailable, Err: fmt.Errorf("%s answers OPTIONS with %d %s", e.o.Name, res.Status, clean(res.Reason))}
	}
	e.learn(res.Header.Get("ISTag"))
	return nil
}

// Wants implements [scan.Selector].
func (e *Engine) Wants(it *scan.Item) bool {
	return !e.o.OpensArchives || it.Parent == nil || !isArchive(it.Parent.Type)
}

// Assures implements [scan.Assurer], as the package's documentation says.
func (e *Engine) Assures(it *scan.Item) bool {
	if !e.Wants(it) {
		return e.Assures(it.Parent)
	}
	return e.o.Whole || it.Blob.Size() <= max(0, e.preview.Load())
}

func isArchive(mediaType string) bool {
	switch mediaType {
	case "application/zip", "application/gzip", "application/x-bzip2", "application/x-7z-compressed",
		"application/x-rar-compressed", "application/vnd.ms-cab-compressed", "application/x-tar":
		return true
	}
	return strings.HasPrefix(mediaType, "application/vnd.openxmlformats-officedocument.") ||
		strings.HasPrefix(mediaType, "application/vnd.oasis.opendocument.") || strings.HasSuffix(mediaType, "+zip")
}

// Scan implements [scan.Engine].
func (e *Engine) Scan(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a, err := e.ask(ctx, it)
	if err != nil {
		return nil, err
	}
	defer a.close()
	fs, err := a.verdict()
	if len(fs) > 0 || err != nil {
		return fs, err
	}
	same, err := a.same()
	switch {
	case err != nil:
		return nil, err
	case same:
		return nil, nil
	}
	f := scan.Finding{
		Rule: "adapted", Category: scan.Malware, Class: "adapted", Severity: scan.High,
		Detail: e.o.Name + " gives other bytes in the place of this item",
	}
	if e.o.Adapt {
		f.Category, f.Severity, f.Hint = scan.ActiveContent, scan.Medium, "rewrite"
	}
	return []scan.Finding{f}, nil
}

// unreachable is the error of a server that gives no answer, or not all of it.
func unreachable(err error) error {
	if _, ok := errors.AsType[*icap.Error](err); ok && !errors.Is(err, icap.ErrBodyTruncated) {
		return fmt.Errorf("answer not understood: %w", err)
	}
	return &scan.Gap{Reason: scan.ReasonUnavailable, Err: err}
}
