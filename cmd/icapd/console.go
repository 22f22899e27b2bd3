package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"icapd/conf"
	"icapd/internal/admin"
	"icapd/internal/event"
	"icapd/internal/listen"
	"icapd/internal/metrics"
	"icapd/internal/quarantine"
	"icapd/internal/service"
	"icapd/internal/sink"
	"icapd/policy"
	"icapd/scan"
)

// adminOptions is what the console and the API show and do.
func (s *server) adminOptions() admin.Options {
	a := &s.config.Admin
	o := admin.Options{
		Ready: s.ready, Metrics: s.metrics.Handler(), Version: s.cli.version,
		TokenSHA256: string(a.TokenSHA256), ReadTokenSHA256: string(a.ReadTokenSHA256),
		Feed: s.back.feed, Rules: s.rules, SwitchRule: s.switchRule, APIs: s.back.apis, Try: s.try,
		Config: func() (string, error) {
			text, err := s.parts.Load().config.Marshal()
			return string(text), err
		},
		Reload:   func(ctx context.Context) admin.Reloaded { return s.askReload(ctx, nil) },
		Learning: learning{s.cli.learned}, Audit: s.audit,
	}
	if a.TLS.ClientCA != "" && (a.TokenSHA256 == "" || len(a.ManageNames)+len(a.ReadNames) > 0) {
		o.CertificateRole = certificateRole(a)
	}
	if s.back.vault != nil {
		o.Quarantine = vaultView{s.back.vault}
	}
	return o
}

// certificateRole says what a client certificate is good for: its names do, and without a list of who may look every
// certificate of the CA may.
func certificateRole(a *conf.Admin) func(*x509.Certificate) admin.Role {
	return func(leaf *x509.Certificate) admin.Role {
		switch {
		case listen.HasName(leaf, a.ManageNames):
			return admin.Manager
		case len(a.ReadNames) == 0 && a.TokenSHA256 == "" || listen.HasName(leaf, a.ReadNames):
			return admin.Reader
		}
		return admin.Nobody
	}
}

// audit puts what an operator did into the audit stream and the log.
func (s *server) audit(a admin.Audit) {
	s.back.stream.Change(sink.Change{
		Time: a.Time, ID: rand.Text(), Actor: a.Actor, Peer: a.Peer, Action: a.Action, Target: a.Target,
		Outcome: a.Outcome, Detail: a.Detail,
	})
	s.log.WithField("actor", event.OneLine(a.Actor, 200)).WithField("peer", a.Peer).WithField("action", a.Action).
		WithField("target", a.Target).WithField("outcome", a.Outcome).WithField("detail", a.Detail).Info("change")
}

// audited records a change that came in another way than through the console.
func (s *server) audited(actor, action, target string, res admin.Reloaded) {
	a := admin.Audit{Time: time.Now(), Actor: actor, Action: action, Target: target, Outcome: "success"}
	if !res.OK {
		a.Outcome, a.Detail = "failure", event.OneLine(strings.Join(res.Problems, "; "), 300)
	}
	s.back.feed.Audit(a)
	s.audit(a)
}

// reloadRequest asks the main loop for a reload, so that there is one at a time.
type reloadRequest struct {
	change func(off map[ruleID]bool) // changes which rules are switched off; nil: as before
	reply  chan admin.Reloaded
}

// ruleID names a rule of an engine.
type ruleID struct{ engine, id string }

// askReload waits for a reload.
func (s *server) askReload(ctx context.Context, change func(off map[ruleID]bool)) admin.Reloaded {
	req := reloadRequest{change, make(chan admin.Reloaded, 1)}
	select {
	case s.reloads <- req:
	case <-ctx.Done():
		return admin.Reloaded{Problems: []string{"nobody has time for it: " + ctx.Err().Error()}}
	}
	select {
	case res := <-req.reply:
		return res
	case <-ctx.Done():
		return admin.Reloaded{Problems: []string{"its end was not waited for: " + ctx.Err().Error()}}
	}
}

// serveReload does what a request asks for. It is called by the main loop alone.
func (s *server) serveReload(req reloadRequest) {
	before, fresh := s.cli.off, map[ruleID]bool{}
	maps.Copy(fresh, before)
	if req.change != nil {
		req.change(fresh)
	}
	s.cli.off = fresh
	res := s.reload()
	if !res.OK {
		s.cli.off, fresh = before, before
	}
	s.off.Store(&fresh)
	req.reply <- res
}

// switchedOff adds the rules that operators have switched off to those that the configuration disables.
func (c *cli) switchedOff(config *conf.Config) {
	for r := range c.off {
		list := &config.Engines.Yara.Disabled
		if r.engine == "injection" {
			list = &config.Engines.Injection.Disabled
		}
		if !slices.Contains(*list, r.id) {
			*list = append(slices.Clone(*list), r.id)
		}
	}
	slices.Sort(config.Engines.Yara.Disabled)
	slices.Sort(config.Engines.Injection.Disabled)
}

// rules lists those of the engines that have some.
func (s *server) rules() []admin.Rule {
	p, off := s.parts.Load(), *s.off.Load()
	var out []admin.Rule
	if p.injection != nil {
		for _, r := range p.injection.Rules() {
			out = append(out, admin.Rule{Engine: "injection", ID: r.ID, Class: r.Class, Severity: r.Severity, Description: r.Description})
		}
	}
	if p.yara != nil {
		for _, r := range p.yara.Rules() {
			if r.Private {
				continue
			}
			rule := admin.Rule{Engine: "yara", ID: r.Name, Off: r.Disabled}
			for _, m := range r.Meta {
				if m.Name == "description" {
					rule.Description = event.OneLine(m.Value, 300)
				}
			}
			out = append(out, rule)
		}
	}
	known := map[ruleID]int{}
	for i, r := range out {
		known[ruleID{r.Engine, r.ID}] = i
	}
	for id := range off {
		if i, ok := known[id]; ok {
			out[i].Off = true
		} else {
			out = append(out, admin.Rule{Engine: id.engine, ID: id.id, Off: true})
		}
	}
	slices.SortFunc(out, func(a, b admin.Rule) int { return cmp.Or(cmp.Compare(a.Engine, b.Engine), cmp.Compare(a.ID, b.ID)) })
	return out
}

var errConfigured = errors.New("the configuration disables it: change it there")

// switchRule switches a rule off or on, for this process.
func (s *server) switchRule(ctx context.Context, engine, id string, off bool) error {
	rule := ruleID{engine, id}
	if !slices.ContainsFunc(s.rules(), func(r admin.Rule) bool { return r.Engine == engine && r.ID == id }) {
		return admin.ErrNotFound
	}
	if !off && !(*s.off.Load())[rule] {
		return errConfigured
	}
	change := func(all map[ruleID]bool) {
		if off {
			all[rule] = true
		} else {
			delete(all, rule)
		}
	}
	if res := s.askReload(ctx, change); !res.OK {
		return fmt.Errorf("nothing has changed: %s", strings.Join(res.Problems, "; "))
	}
	return nil
}

// current returns the parts in force, and a function that must be called when they are not needed any more.
func (s *server) current() (*parts, func()) {
	for {
		pipeline, release := s.service.Pipeline()
		if p := s.parts.Load(); p.pipeline == pipeline {
			return p, release
		}
		release() // a reload is between its two steps
	}
}

// try looks at content as at a message, outside of traffic.
func (s *server) try(ctx context.Context, t admin.Try, body io.Reader) (admin.Tried, error) {
	p, release := s.current()
	defer release()
	sub := subject{as: t.Direction, url: t.URL, contentType: t.Type}
	m, err := sub.message(p.config)
	if err != nil {
		return admin.Tried{}, err
	}
	start := time.Now()
	name := cmp.Or(t.Name, "content")
	res, done, err := p.inspectAs(ctx, &m, p.pipeline.Policy.Select(&m, m.Service), body, name)
	defer done()
	if err != nil {
		return admin.Tried{}, err
	}
	out := admin.Tried{Message: present(tryEvent(&m, res.Result, start)), Name: filepath.Base(name), Type: res.Type}
	out.Message.Size = res.original.Size()
	blob := res.original
	switch d := &res.Decision; {
	case d.Action == policy.Allow:
	case d.Action == policy.Rewrite && res.Body != nil:
		blob, out.Changed = res.Body, true
		out.Name, out.Type = cmp.Or(res.NewName, out.Name), cmp.Or(res.NewType, out.Type)
	default:
		return out, nil
	}
	if blob.Size() > maxTried {
		return out, nil
	}
	data, err := blob.Bytes()
	if err != nil {
		return admin.Tried{}, err
	}
	out.Result = append([]byte{}, data...) // never nil: that would be a block
	return out, nil
}

// maxTried is the largest result that the console holds.
const maxTried = 32 << 20

// tryEvent is the event that the result would have left.
func tryEvent(m *scan.Message, res *service.Result, start time.Time) *event.Event {
	d := &res.Decision
	e := &event.Event{
		Time: start, RequestID: "try-" + rand.Text(), Service: m.Service, Direction: m.Direction.String(), Method: m.Method,
		URL: m.URL, Host: m.Host, Status: m.Status, Type: res.Type, API: res.API, Rule: d.Rule, Reason: d.Reason,
		Action: d.Action.String(), Items: res.Items,
	}
	if res.Profile != nil {
		e.Profile = res.Profile.Name
	}
	if d.Shadowed != policy.Unknown {
		e.Shadowed = d.Shadowed.String()
	}
	e.Record(&d.Verdict)
	e.RecordChanges(res.Changes)
	e.RecordTimes(&res.Verdict)
	t := &e.Durations
	t.Decode, t.Scan, t.Rewrite = event.Millis(res.DecodeTime), event.Millis(res.ScanTime), event.Millis(res.RewriteTime)
	t.Total = event.Millis(time.Since(start))
	return e
}

// vaultView is the vault as the console uses it.
type vaultView struct{ vault *quarantine.Vault }

func viewError(err error) error {
	if errors.Is(err, quarantine.ErrNotFound) || errors.Is(err, quarantine.ErrID) {
		return admin.ErrNotFound
	}
	return err
}

func view(e *quarantine.Entry, withReport bool) admin.Kept {
	k := admin.Kept{
		ID: e.ID, Time: e.Time, URL: e.URL, Name: e.Name, Type: e.Type, Action: e.Action, Verdict: e.Verdict, Rule: e.Rule, Size: e.Size,
	}
	report := kept{Event: &event.Event{}}
	if withReport && json.Unmarshal(e.Report, &report) == nil {
		report.Event.Items = report.Items
		m := present(report.Event)
		k.Report = &m
	}
	return k
}

// List implements admin.Quarantine.
func (v vaultView) List(ctx context.Context, limit int) (admin.Listing, error) {
	l, err := v.vault.List(ctx, limit)
	out := admin.Listing{
		Entries: make([]admin.Kept, len(l.Entries)), Damaged: l.Damaged,
		Count: l.Count, MaxCount: l.Limits.Count, Bytes: l.Bytes, MaxBytes: l.Limits.Bytes,
	}
	for i := range l.Entries {
		out.Entries[i] = view(&l.Entries[i], false)
	}
	return out, err
}

// Open implements admin.Quarantine.
func (v vaultView) Open(ctx context.Context, id string) (admin.Kept, io.ReadCloser, error) {
	e, body, err := v.vault.Open(ctx, id)
	if err != nil {
		return admin.Kept{}, nil, viewError(err)
	}
	return view(&e, true), body, nil
}

// Remove implements admin.Quarantine.
func (v vaultView) Remove(ctx context.Context, id string) error {
	return viewError(v.vault.Remove(ctx, id))
}

// measureBackstage gives the metrics the figures of sinks, quarantine and reloads.
func (s *server) measureBackstage() {
	family := func(name, help string, counter bool, pick func(sink.Stats) float64) {
		s.metrics.Add(metrics.Labelled{Name: name, Help: help, Label: "sink", Counter: counter, Values: func() map[string]float64 {
			out := map[string]float64{}
			for _, st := range s.back.sinks() {
				out[st.Name] = pick(st)
			}
			return out
		}})
	}
	family("event_sink_written_total", "Records of the audit stream written, by sink.", true, func(st sink.Stats) float64 { return float64(st.Written) })
	family("event_sink_dropped_total", "Records of the audit stream dropped for want of room, by sink.", true, func(st sink.Stats) float64 { return float64(st.Dropped) })
	family("event_sink_failures_total", "Writes that failed and are tried again, by sink.", true, func(st sink.Stats) float64 { return float64(st.Failures) })
	family("event_sink_queued", "Records of the audit stream that wait, by sink.", false, func(st sink.Stats) float64 { return float64(st.Queued) })
	s.metrics.Add(metrics.Labelled{
		Name: "reloads_total", Help: "Reloads by outcome.", Label: "outcome", Counter: true,
		Values: func() map[string]float64 {
			return map[string]float64{"success": float64(s.reloaded.Load()), "failure": float64(s.refused.Load())}
		},
	})
	if k := s.back.keeper; k != nil {
		s.metrics.Add(metrics.Labelled{
			Name: "quarantine_originals_total", Help: "Originals of messages, by what became of them.", Label: "outcome", Counter: true,
			Values: func() map[string]float64 {
				st := k.Stats()
				return map[string]float64{"kept": float64(st.Kept), "dropped": float64(st.Dropped), "failed": float64(st.Failed)}
			},
		})
		s.metrics.Counter("quarantine_retries_total", "Attempts to store an original that failed and were tried again.", func() float64 {
			return float64(k.Stats().Retries)
		})
		s.metrics.Gauge("quarantine_waiting", "Originals that wait to be stored.", func() float64 { return float64(k.Stats().Waiting) })
		s.metrics.Gauge("quarantine_store_up", "1 if the last use of the quarantine's store was good.", func() float64 {
			if k.Stats().Error != "" {
				return 0
			}
			return 1
		})
	}
}
