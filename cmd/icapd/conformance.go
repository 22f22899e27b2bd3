package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strings"
	"time"

	"icapd/icap"
	"icapd/icap/icaptest"

	"github.com/spf13/pflag"
)

// suite is what the flags say about the server under test.
type suite struct {
	reqmod, echo  string
	fixtures      map[string]string
	abilities     []string
	idle, head    time.Duration
	parallel      int
	verboseFailed bool
}

func (s *suite) flags(f *pflag.FlagSet) {
	f.StringVar(&s.reqmod, "reqmod-path", "/reqmod", "with --conformance: `PATH` of a REQMOD service; left out if the server does not know it")
	f.StringVar(&s.echo, "echo-path", "/echo", "with --conformance: `PATH` of an echo service; left out if the server does not know it")
	f.StringToStringVar(&s.fixtures, "fixture", nil, "with --conformance: `NAME=PATH` of a service that the suite describes, such as early=/echo?early")
	f.StringSliceVar(&s.abilities, "ability", nil, "with --conformance: what holds for the server, `ABILITIES`: malware, neutralise")
	f.DurationVar(&s.idle, "idle-timeout", 0, "with --conformance: the server's for silent connections, if it is short enough to wait for")
	f.DurationVar(&s.head, "header-timeout", 0, "with --conformance: the server's for unfinished heads")
	f.IntVar(&s.parallel, "parallel", 4, "with --conformance: cases at the same time")
	f.BoolVar(&s.verboseFailed, "dialogue", false, "with --conformance: show what went over the wire in cases that failed")
}

// conform runs the conformance suite against the server, and prints a table.
func (p *prober) conform(ctx context.Context, u *url.URL, tlsConfig *tls.Config) error {
	cases, err := icaptest.Load()
	if err != nil {
		return failWith(err)
	}
	target := icaptest.Target{
		Addr: hostPort(u), Host: u.Host, Respmod: u.Path, Timeout: p.timeout,
		Fixtures: p.suite.fixtures, Abilities: p.suite.abilities,
		IdleTimeout: p.suite.idle, HeaderTimeout: p.suite.head, Parallel: p.suite.parallel,
	}
	if strings.Trim(u.Path, "/") == "" {
		target.Respmod = "/respmod"
	}
	if u.Scheme == "icaps" {
		target.TLS = tlsConfig
	}
	client := &icap.Client{TLS: tlsConfig, DialTimeout: p.timeout, IOTimeout: p.timeout}
	defer func() { _ = client.Close() }()
	base := u.Scheme + "://" + u.Host
	if _, err := client.Options(ctx, base+target.Respmod); err != nil {
		return fail("OPTIONS %s%s: %w", base, target.Respmod, err)
	}
	for path, field := range map[string]*string{p.suite.reqmod: &target.Reqmod, p.suite.echo: &target.Echo} {
		if path == "" {
			continue
		}
		if _, err := client.Options(ctx, base+path); err == nil {
			*field = path
		}
	}
	results := icaptest.Run(ctx, target, cases)
	write := icaptest.WriteTable
	if p.json {
		write = icaptest.WriteJSON
	}
	if err := write(p.out, results); err != nil {
		return failWith(err)
	}
	if p.suite.verboseFailed {
		for _, r := range results {
			if r.Outcome == icaptest.Failed {
				say(p.out, "\n%s: %s\n%s\n", r.ID, r.Detail, strings.Join(r.Dialogue, "\n"))
			}
		}
	}
	if icaptest.Count(results, icaptest.Passed)+icaptest.Count(results, icaptest.Skipped) < len(results) {
		return &exit{code: exitFound}
	}
	return nil
}

// hostPort is the address that a URL of a service means.
func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	port := "1344"
	if u.Scheme == "icaps" {
		port = "11344"
	}
	return net.JoinHostPort(u.Hostname(), port)
}
