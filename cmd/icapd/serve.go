package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"syscall"
	"time"

	"icapd/conf"
	"icapd/icap"
	"icapd/internal/admin"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
)

func (c *cli) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "run the ICAP server",
		Long: `Runs the ICAP server, and health, metrics and status at the admin address.

Without a file it runs with embedded defaults: ICAP on 127.0.0.1:1344 (services /respmod, /reqmod and /echo),
admin on 127.0.0.1:8344, built-in rules.

SIGTERM or SIGINT: stop listening, finish the messages in hand (at most timeouts.drain), end. A second one ends
at once. SIGHUP: read the configuration, rules and certificates again; if anything is wrong with them, nothing
changes, and the log says why. SIGUSR1 and SIGUSR2, by which others open their logs again, change nothing: a file of
events that was moved away is begun again by itself.`,
		Args: configOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.serve(cmd.Context()) },
	}
	c.configFlags(cmd)
	return cmd
}

// paceGC lets a process with few rules collect as seldom as one with many: by default the heap is collected when it
// has doubled, which takes a hundred messages where there is next to nothing in it to begin with. It collects, because
// what counts is what is in use now.
func paceGC() {
	const room = 12 << 20 // bytes of garbage between two collections, at least
	runtime.GC()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() != metrics.KindUint64 || os.Getenv("GOGC") != "" {
		return
	}
	heap := max(live[0].Value.Uint64(), 2<<20)
	debug.SetGCPercent(int(max(100, 100*room/heap))) //nolint:gosec // G115: at most 600
}

// serve runs until a signal, or until a listener fails.
func (c *cli) serve(parent context.Context) error {
	if parent == nil {
		parent = context.Background()
	}
	ctx, stop := signal.NotifyContext(parent, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// Whoever reads the log may go away: that is an error to be counted, and no reason to end. It is not ignored, for the
	// programs that are started would ignore it as well.
	gone := make(chan os.Signal, 1)
	signal.Notify(gone, syscall.SIGPIPE)
	defer signal.Stop(gone)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	user := make(chan os.Signal, 1) // what rotates logs may send them, and they would end the process
	signal.Notify(user, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(user)

	retag := make(chan struct{}, 1)
	percent := debug.SetGCPercent(25) // what rules are compiled from is not needed again, and not worth a peak
	p, err := c.prepare(notify(retag))
	debug.SetGCPercent(percent)
	if err != nil {
		return failWith(err)
	}
	log := newLogs(c.err, &p.config.Log)
	defer log.close()
	back, err := newBackstage(p.config, c.version, log)
	if err != nil {
		p.close()
		return failWith(err)
	}
	s := newServer(c, p, log, retag, back)
	defer s.service.Close()
	listeners, adminListener, err := s.listen(ctx)
	if err != nil {
		return failWith(err)
	}
	if err := s.confine(); err != nil {
		return failWith(err)
	}
	failed := s.start(listeners, adminListener)
	paceGC()
	boundHeap()
	debug.FreeOSMemory() // what only the start needed
	dropPages()
	s.announce(listeners, adminListener)
	s.tellSystemd(daemon.SdNotifyReady)
	go s.watchdog(ctx)
	go s.keepVigil(ctx)
	watcher, err := watch(p.config.Reload.Watch, s.watched())
	if err != nil {
		return failWith(errors.Join(err, s.stop()))
	}
	defer watcher.stop()
	reload := func(actor string) {
		s.audited(actor, "reload", "configuration", s.reload())
		s.rewatch(watcher)
	}
	for {
		select {
		case <-ctx.Done():
			stop() // a second signal ends the process
			return s.stop()
		case err := <-failed:
			return failWith(errors.Join(err, s.stop()))
		case <-hup:
			reload("signal")
		case sig := <-user:
			log.Infof("%v changes nothing: files that were moved away are begun again by themselves, SIGHUP reloads", sig)
		case <-watcher.changed:
			reload("file")
		case req := <-s.reloads:
			s.serveReload(req)
			s.rewatch(watcher)
		case <-retag:
			tag := s.parts.Load().istag()
			s.tag.Store(&tag)
		}
	}
}

// rewatch watches what the configuration names now.
func (s *server) rewatch(w *watcher) {
	if err := w.follow(s.watched()); err != nil {
		s.log.WithError(err).Warn("not every file that the configuration names can be watched")
	}
}

// notify returns a function that never blocks.
func notify(c chan<- struct{}) func() {
	return func() {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// start serves all listeners. The channel gets the error of each that ends by itself.
func (s *server) start(listeners []net.Listener, adminListener net.Listener) <-chan error {
	failed := make(chan error, len(listeners)+1)
	for _, l := range listeners {
		go func() {
			if err := s.icap.Serve(l); !errors.Is(err, icap.ErrServerClosed) {
				failed <- err
			}
		}()
	}
	if adminListener != nil {
		s.admin = s.newAdmin()
		go func() {
			if err := s.admin.Serve(adminListener); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		}()
	}
	return failed
}

// announce says in one line what runs where.
func (s *server) announce(listeners []net.Listener, adminListener net.Listener) {
	p := s.parts.Load()
	s.warn(p)
	s.warnOfFiles()
	if err := checkSpool(p.config); err != nil {
		s.log.Warn(err.Error())
	}
	var addresses []string
	for i, l := range listeners {
		addresses = append(addresses, s.schemes[i]+l.Addr().String())
	}
	fields := logrus.Fields{
		"version": s.cli.version, "icap": strings.Join(addresses, " "), "engines": p.describe(), "istag": *s.tag.Load(),
		"services": strings.Join(services(p.config), " "), "pid": os.Getpid(),
	}
	if adminListener != nil {
		fields["admin"] = adminListener.Addr().String()
	}
	if s.cli.conf.File != "" {
		fields["config"] = s.cli.conf.File
	}
	s.log.WithFields(fields).Info("serving")
}

// warn says what is no error and should be known.
func (s *server) warn(p *parts) {
	for _, note := range p.notes {
		s.log.Warn(note)
	}
	if err := p.certs.expired(time.Now()); err != nil {
		for _, line := range lines(err) {
			s.log.Warn(line)
		}
	}
}

// ownFiles is how many files, at least, are kept for what is no ICAP connection: rules, engines, large bodies.
const ownFiles = 32

// connections is how many ICAP connections may be open: as configured, or fewer, where the system does not grant that
// many files. At a limit that is known clients are told that there is no room; without files nobody can tell them.
func connections(configured int) int {
	n, ok := maxFiles()
	if !ok {
		return configured
	}
	return min(configured, max(n-max(ownFiles, n/8), 1))
}

// warnOfFiles says when the system grants fewer connections than the configuration promises.
func (s *server) warnOfFiles() {
	if want, n := s.config.Limits.Connections, s.icap.MaxConnections; n < want {
		s.log.Warnf("limits.connections is %d, and this process may open so few files that it is %d: raise that limit "+
			"(LimitNOFILE= of the systemd unit, ulimit -n), or lower limits.connections", want, n)
	}
}

func services(c *conf.Config) []string {
	names := []string{"/echo"}
	for name := range c.Services {
		names = append(names, "/"+name)
	}
	slices.Sort(names)
	return names
}

// stop drains: no new connections, messages in hand are finished, within bounds.
func (s *server) stop() error {
	s.draining.Store(true)
	s.tellSystemd(daemon.SdNotifyStopping)
	limit := s.config.Timeouts.Drain
	s.log.WithField("limit", limit.String()).WithField("in_hand", s.service.InFlight()).Info("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	start := time.Now()
	err := s.icap.Shutdown(ctx)
	entry := s.log.WithField("after", time.Since(start).Round(time.Millisecond).String())
	if err != nil {
		entry.WithError(err).Warn("some messages were not finished in time")
	}
	if s.admin != nil {
		_ = s.admin.Close() // its clients can ask again
	}
	queues, done := context.WithTimeout(context.Background(), backstageDrain)
	defer done()
	s.back.close(queues)
	entry.Info("stopped")
	return nil
}

// backstageDrain is how long the audit stream and the quarantine may take for what waits when the process ends.
const backstageDrain = 5 * time.Second

// reload reads everything again and swaps it in, if nothing is wrong with it.
func (s *server) reload() admin.Reloaded {
	s.tellSystemd(reloading())
	defer s.tellSystemd(daemon.SdNotifyReady)
	start := time.Now()
	p, err := s.cli.prepare(notify(s.retag))
	if err != nil {
		s.log.WithField("problems", lines(err)).Error("reload refused: nothing has changed")
		s.refused.Add(1)
		return admin.Reloaded{Problems: lines(err)}
	}
	if err := s.reloadCertificates(); err != nil { // they were read a moment ago: somebody is writing them
		p.close()
		s.log.WithField("problems", lines(err)).Error("reload refused: certificates could not be read again")
		s.refused.Add(1)
		return admin.Reloaded{Problems: lines(err)}
	}
	s.service.Swap(p.pipeline)
	s.use(p)
	s.log.configure(&p.config.Log)
	s.warn(p)
	paceGC()
	entry := s.log.WithFields(logrus.Fields{
		"engines": p.describe(), "istag": *s.tag.Load(), "after": time.Since(start).Round(time.Millisecond).String(),
	})
	keys := needRestart(s.config, p.config)
	if len(keys) > 0 {
		entry = entry.WithField("needs_restart", strings.Join(keys, ", "))
	}
	entry.Info("reloaded")
	s.reloaded.Add(1)
	return admin.Reloaded{OK: true, Restart: keys, ISTag: *s.tag.Load()}
}

// needRestart names the keys that have changed and that a reload cannot put in force.
func needRestart(old, fresh *conf.Config) []string {
	var keys []string
	for _, it := range []struct {
		key  string
		same bool
	}{
		{"listen", reflect.DeepEqual(old.Listen, fresh.Listen)},
		{"lenient", old.Lenient == fresh.Lenient},
		{"admin", reflect.DeepEqual(old.Admin, fresh.Admin)},
		{"timeouts", old.Timeouts == fresh.Timeouts},
		{"events", slices.Equal(old.Events, fresh.Events)},
		{"log.events", old.Log.Events == fresh.Log.Events},
		{"tracing", old.Tracing == fresh.Tracing},
		{"quarantine", old.Quarantine == fresh.Quarantine},
		{"reload", old.Reload == fresh.Reload},
		{"sandbox", old.Sandbox == fresh.Sandbox},
		{"limits.connections", old.Limits.Connections == fresh.Limits.Connections},
		{"limits.in_flight", old.Limits.InFlight == fresh.Limits.InFlight},
		{"limits.queue", old.Limits.Queue == fresh.Limits.Queue && old.Limits.QueueTime == fresh.Limits.QueueTime},
		{"limits.header_bytes", old.Limits.HeaderBytes == fresh.Limits.HeaderBytes},
	} {
		if !it.same {
			keys = append(keys, it.key)
		}
	}
	return keys
}
