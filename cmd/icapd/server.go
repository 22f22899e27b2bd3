package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"icapd/conf"
	"icapd/icap"
	"icapd/internal/admin"
	"icapd/internal/event"
	"icapd/internal/listen"
	"icapd/internal/metrics"
	"icapd/internal/service"
	"icapd/scan"
)

// server is a running icapd. What a reload changes is behind an atomic pointer; what it cannot change is in config,
// which stays that of the start.
type server struct {
	cli     *cli
	config  *conf.Config
	log     *logs
	metrics *metrics.Metrics
	service *service.Service
	icap    *icap.Server
	admin   *http.Server

	parts    atomic.Pointer[parts]
	mux      atomic.Pointer[icap.ServeMux]
	tag      atomic.Pointer[string]
	certs    atomic.Pointer[certs]
	trusts   atomic.Pointer[func(netip.Addr) bool]
	draining atomic.Bool

	listeners []*listen.Listener // of ICAP; set before serving
	schemes   []string           // of each of them

	retag chan struct{} // an engine has new signatures

	door     *doorman
	back     *backstage
	reloads  chan reloadRequest
	off      atomic.Pointer[map[ruleID]bool] // rules that operators have switched off
	reloaded atomic.Int64
	refused  atomic.Int64
}

// newServer makes a server of parts; nothing listens yet.
func newServer(c *cli, p *parts, log *logs, retag chan struct{}, back *backstage) *server {
	s := &server{
		cli: c, config: p.config, log: log, metrics: metrics.New(c.version), retag: retag,
		door: newDoorman(log), back: back, reloads: make(chan reloadRequest),
	}
	back.metrics = s.metrics
	off := c.off
	s.off.Store(&off)
	s.service = service.New(p.pipeline, service.Options{
		Record: back.observe,
		Keep:   s.back.keep,
		Room:   s.back.room,
		Trace:  back.trace(),
		Trusts: func(a netip.Addr) bool { return (*s.trusts.Load())(a) },
	})
	s.use(p)
	l, t := &p.config.Limits, &p.config.Timeouts
	s.icap = &icap.Server{
		Handler: icap.HandlerFunc(func(w *icap.ResponseWriter, r *icap.Request) {
			s.mux.Load().ServeICAP(w, r)
		}),
		IdleTimeout: t.Idle, HeadTimeout: t.Head, HandshakeTimeout: t.Head, BodyTimeout: t.Body, WriteTimeout: t.Write,
		MinBodyRate: minBodyRate(int64(t.BodyRate)), MaxHTTPHeadBytes: int(l.HeaderBytes), MaxConnections: connections(l.Connections),
		MaxInFlight: l.InFlight, MaxQueue: l.Queue, QueueTimeout: l.QueueTime, Overload: s.overload(),
		Lenient:  p.config.Lenient,
		ISTag:    func() string { return *s.tag.Load() },
		ErrorLog: log.icap,
	}
	s.measure()
	s.measureBackstage()
	return s
}

// minBodyRate is the rate as icap.Server has it: 0 in the configuration means any.
func minBodyRate(rate int64) int64 {
	if rate == 0 {
		return -1
	}
	return rate
}

// use puts the parts in force, but for the pipeline.
func (s *server) use(p *parts) {
	tag := p.istag()
	trusts := p.config.Trusts()
	s.certs.Store(s.certs.Load().over(p.certs))
	s.trusts.Store(&trusts)
	s.tag.Store(&tag)
	s.parts.Store(p)
	s.mux.Store(s.routes(p.config))
}

// routes binds the services of the configuration, and echo.
func (s *server) routes(c *conf.Config) *icap.ServeMux {
	tag := func() string { return *s.tag.Load() }
	name := "icapd " + s.cli.version
	mux := icap.NewServeMux()
	for path, sc := range c.Services {
		mux.Handle("/"+path, &icap.Service{
			Name: name, Methods: []string{sc.Method}, Handler: s.service.Handler(path),
			ISTag: tag, Preview: int(sc.Preview), TTL: sc.OptionsTTL, MaxConnections: sc.MaxConnections,
			Allow206: true, Trailers: true, Include: []string{"X-Client-IP", "X-Authenticated-User"},
			Permit: s.door.permit(path, sc),
		})
	}
	mux.Handle("/echo", &icap.Service{
		Name: name + " echo", Methods: []string{"REQMOD", "RESPMOD"}, Handler: icap.Echo{},
		ISTag: func() string { return "echo-1" }, Preview: 4096,
	})
	return mux
}

// measure gives the metrics the figures that no message carries.
func (s *server) measure() {
	m := s.metrics
	stat := func(pick func(icap.Stats) int64) func() float64 {
		return func() float64 { return float64(pick(s.icap.Stats())) }
	}
	m.Gauge("connections_open", "ICAP connections open now.", stat(func(st icap.Stats) int64 { return st.Open }))
	m.Gauge("connections_idle", "ICAP connections without a message in hand.", stat(func(st icap.Stats) int64 { return st.Idle }))
	m.Gauge("messages_in_hand", "Messages being looked at now.", func() float64 { return float64(s.service.InFlight()) })
	m.Gauge("messages_waiting", "Messages that wait for a place among those in hand.", stat(func(st icap.Stats) int64 { return st.Queued }))
	m.Counter("messages_overload_total", "Messages that found no place in time, and count as not looked at.", stat(func(st icap.Stats) int64 { return st.Overloaded }))
	m.Counter("wire_bytes_received_total", "Bytes read from ICAP clients.", stat(func(st icap.Stats) int64 { return st.BytesIn }))
	m.Counter("wire_bytes_sent_total", "Bytes written to ICAP clients.", stat(func(st icap.Stats) int64 { return st.BytesOut }))
	m.Counter("connections_accepted_total", "ICAP connections accepted.", stat(func(st icap.Stats) int64 { return st.Accepted }))
	m.Counter("connections_refused_total", "ICAP connections refused at the limit.", stat(func(st icap.Stats) int64 { return st.Refused }))
	m.Counter("panics_total", "Handlers that panicked.", stat(func(st icap.Stats) int64 { return st.Panics }))
	m.Counter("protocol_errors_total", "Messages refused for their framing.", stat(func(st icap.Stats) int64 { return st.ProtocolErrors }))
	m.Counter("timeouts_total", "Clients that were too slow.", stat(func(st icap.Stats) int64 { return st.Timeouts }))
	m.Add(metrics.Labelled{
		Name: "access_refused_total", Help: "ICAP requests of clients that may not use the service.", Label: "service", Counter: true, Values: s.door.values,
	})
	s.measureParts()
	m.Gauge("spool_memory_bytes", "Bytes of bodies in memory.", func() float64 {
		return float64(s.parts.Load().pipeline.Spooler.Usage().Memory)
	})
	m.Gauge("document_memory_bytes", "Working memory that documents which are made safe now are reckoned to need.", func() float64 {
		return float64(s.parts.Load().documents.Used())
	})
	m.Gauge("spool_free_bytes", "Bytes that the disk of bodies in files has left; -1 if that is not known.", func() float64 {
		if free, ok := freeSpace(spoolFolder(s.parts.Load().config)); ok {
			return float64(free)
		}
		return -1
	})
	m.Gauge("spool_disk_bytes", "Bytes of bodies in files.", func() float64 {
		return float64(s.parts.Load().pipeline.Spooler.Usage().Disk)
	})
}

// listen opens all addresses, or none: the error says which could not be opened.
func (s *server) listen(ctx context.Context) (ls []net.Listener, adminListener net.Listener, err error) {
	var errs []error
	var inherited []listen.Config // systemd hands its sockets over once, so they are asked for once
	add := func(key string, configs ...listen.Config) {
		opened, err := listen.Open(ctx, configs...)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.config.At(key), explainListen(err)))
		}
		scheme := "icap://"
		if configs[0].TLS != nil {
			scheme = "icaps://"
		}
		for _, l := range opened {
			s.listeners, s.schemes = append(s.listeners, l), append(s.schemes, scheme)
			ls = append(ls, l)
		}
	}
	for i := range s.config.Listen {
		it := &s.config.Listen[i]
		if c := listenConfig(it); strings.HasPrefix(c.Address, "systemd:") {
			inherited = append(inherited, c)
		} else {
			add(fmt.Sprintf("listen[%d].address", i), c)
		}
	}
	if len(inherited) > 0 {
		add("listen", inherited...)
	}
	if a := &s.config.Admin; a.Address != "" {
		var lc net.ListenConfig
		if adminListener, err = lc.Listen(ctx, "tcp", a.Address); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.config.At("admin.address"), explainListen(err)))
		} else if a.TLS.Enabled() {
			adminListener = tls.NewListener(adminListener, reloadable(&s.certs, func(c *certs) *tls.Config { return c.admin }))
		}
	}
	if len(errs) > 0 {
		for _, l := range ls {
			_ = l.Close()
		}
		if adminListener != nil {
			_ = adminListener.Close()
		}
		return nil, nil, errors.Join(errs...)
	}
	return ls, adminListener, nil
}

// explainListen says what to do about an address that cannot be opened.
func explainListen(err error) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "another program listens there, perhaps another icapd: ss -ltnp says which"
	case errors.Is(err, syscall.EACCES):
		hint = "ports below 1024 take CAP_NET_BIND_SERVICE or systemd's sockets, and a unix socket a folder that this user may write to"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "this machine does not have that address"
	case errors.Is(err, fs.ErrNotExist):
		hint = "the folder of the socket is not there"
	default:
		return err
	}
	return fmt.Errorf("%w (%s)", err, hint)
}

// listenConfig is a listener of the configuration as package listen takes it.
func listenConfig(l *conf.Listener) listen.Config {
	c := listen.Config{Address: l.Address, SocketMode: l.SocketMode(), Allow: conf.Networks(l.Clients)}
	if l.TLS.Enabled() {
		c.TLS = &listen.TLS{
			Cert: string(l.TLS.Cert), Key: string(l.TLS.Key), ClientCA: string(l.TLS.ClientCA),
			AllowedNames: l.TLS.AllowedNames,
		}
	}
	if len(l.Proxy.From) > 0 {
		c.Proxy = &listen.Proxy{From: conf.Networks(l.Proxy.From)}
	}
	return c
}

// reloadCertificates makes listeners read their certificates again. Where that fails the old ones stay in force.
func (s *server) reloadCertificates() error {
	var errs []error
	for _, l := range s.listeners {
		if err := l.Reload(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// adminConnections is how many connections the admin address has: browsers, scrapers and probes need a handful each.
const adminConnections = 512

// newAdmin makes the server of the admin address. Whoever asks there is told of all messages that have their answer.
func (s *server) newAdmin() *http.Server {
	handler := admin.New(s.adminOptions())
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.back.batch.Flush()
			handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ConnState: admin.KeepRoom(adminConnections),
	}
}

// ready reports on the engines. All of them are needed: a profile that does without one says so by reporting gaps,
// and who balances load should still prefer a node that sees everything.
func (s *server) ready(ctx context.Context) []admin.Part {
	out := []admin.Part{{Name: "server", Ready: !s.draining.Load(), Required: true}}
	if s.draining.Load() {
		out[0].Detail = "stopping"
	}
	for _, e := range s.parts.Load().engines {
		part := admin.Part{Name: e.Name(), Ready: true, Required: true, Detail: engineVersion(e)}
		if c, ok := e.(scan.Checker); ok {
			if err := c.Check(ctx); err != nil {
				part.Ready, part.Detail = false, event.OneLine(err.Error(), 300)
			}
		}
		out = append(out, part)
	}
	out = append(out, s.around(ctx)...)
	return append(out, s.back.parts()...)
}

// The names of parts that no engine, sink or store has.
const (
	spoolPart = "spool"
	redisPart = "cache in Redis"
)

// redisTime is how long Redis may take to answer before it counts as down. Who balances load waits for the sum of all.
const redisTime = 300 * time.Millisecond

// spoolLeast is the space below which a disk for large bodies counts as full.
const spoolLeast = 64 << 20

// spoolFolder is where large bodies go.
func spoolFolder(c *conf.Config) string { return cmp.Or(string(c.Spool.Directory), os.TempDir()) }

// around reports on what engines share. A node does without it, and is no less ready.
func (s *server) around(ctx context.Context) []admin.Part {
	var out []admin.Part
	p := s.parts.Load()
	folder := spoolFolder(p.config)
	if free, ok := freeSpace(folder); ok {
		out = append(out, admin.Part{Name: spoolPart, Ready: free >= spoolLeast, Detail: fmt.Sprintf("%d MiB free in %s", free>>20, folder)})
	}
	if p.cache != nil && p.config.Engines.Cache.Redis != "" {
		part := admin.Part{Name: redisPart, Ready: true}
		short, cancel := context.WithTimeout(ctx, redisTime)
		defer cancel()
		if err := p.cache.CheckStore(short); err != nil {
			part.Ready, part.Detail = false, event.OneLine(err.Error(), 300)
		}
		out = append(out, part)
	}
	return out
}
