package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"icapd/conf"
	"icapd/internal/admin"
	"icapd/internal/event"
	"icapd/internal/inventory"
	"icapd/internal/metrics"
	"icapd/internal/quarantine"
	"icapd/internal/secret"
	"icapd/internal/service"
	"icapd/internal/sink"
	"icapd/internal/trace"
)

// backstage is what happens after a message has its answer: the audit stream, the quarantine, the inventory, the
// console's feed. None of it makes a message wait. It lives as long as the process: reloads do not change it.
type backstage struct {
	batch     *event.Batch
	log       *logs
	metrics   *metrics.Metrics // nil if nothing is counted
	stream    *sink.Fanout
	traces    *sink.Sink // nil if messages are not traced
	sampler   trace.Sampler
	quiet     *sink.Sink // the log, if it has no events
	asked     bool       // there is an admin address: somebody may ask what was seen
	feed      *admin.Feed
	inventory *inventory.Inventory
	vault     *quarantine.Vault  // nil if nothing is kept
	keeper    *quarantine.Keeper // nil if nothing is kept
	store     string             // quarantine.store
	cancel    func()             // ends what the vault does on the side; nil if nothing is kept
}

// newBackstage opens what the configuration names. The error is all that cannot be opened.
func newBackstage(c *conf.Config, version string, log *logs) (*backstage, error) {
	b := &backstage{log: log, feed: admin.NewFeed(), inventory: inventory.New(), store: c.Quarantine.Store}
	b.batch = event.NewBatch(b.tell)
	var sinks []*sink.Sink
	var errs []error
	for i := range c.Events {
		it := &c.Events[i]
		w, name, err := openSink(it)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.At(fmt.Sprintf("events[%d]", i)), err))
			continue
		}
		sinks = append(sinks, sink.New(fmt.Sprintf("%d:%s", i, name), w, sink.Limits{Records: it.Queue}))
	}
	b.stream = sink.NewFanout(sinks...)
	if c.Log.Events {
		b.stream.Join(log.sink)
	} else {
		b.quiet = log.sink
	}
	b.asked = c.Admin.Address != ""
	if c.Tracing.On() {
		if err := b.openTraces(&c.Tracing, version); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.At("tracing"), err))
		}
	}
	if c.Quarantine.Enabled() {
		if err := b.openVault(&c.Quarantine, log); err != nil {
			key := "quarantine"
			if _, bad := quarantine.ReadKey(string(c.Quarantine.KeyFile)); bad != nil {
				key = "quarantine.key_file"
			} else if c.Quarantine.Directory != "" {
				key = "quarantine.directory"
			}
			errs = append(errs, fmt.Errorf("%s: %w", c.At(key), err))
		}
	}
	if len(errs) > 0 {
		b.close(context.Background())
		return nil, errors.Join(errs...)
	}
	return b, nil
}

func openSink(c *conf.EventSink) (w sink.Writer, name string, err error) {
	format, err := sink.ParseFormat(c.Format)
	if err != nil {
		return nil, "", err
	}
	switch {
	case c.File != "":
		w, err = sink.NewFile(sink.FileOptions{Path: string(c.File), Format: format, Bytes: int64(c.MaxBytes), Age: c.MaxAge, Keep: c.Keep})
		return w, "file", err
	case c.Stdout:
		return sink.NewPipe(os.Stdout, format.Append), "stdout", nil
	case c.Syslog != "":
		opt := sink.SyslogOptions{Address: c.Syslog, Format: format}
		if opt.TLS, err = sinkFiles(c).Config(); err == nil {
			w, err = sink.NewSyslog(opt)
		}
		return w, "syslog", err
	case c.Kafka != "":
		opt, err := kafkaOptions(c)
		if err != nil {
			return nil, "", err
		}
		opt.Format = format
		w, err = sink.NewKafka(opt)
		return w, "kafka", err
	}
	opt, err := natsOptions(c)
	if err != nil {
		return nil, "", err
	}
	opt.Format = format
	w, err = sink.NewNATS(opt)
	return w, "nats", err
}

func sinkFiles(c *conf.EventSink) secret.TLSFiles {
	return tlsFiles(&conf.ClientTLS{CA: c.CA, Cert: c.Cert, Key: c.Key})
}

// kafkaOptions are where a sink of the configuration is, and who icapd is there.
func kafkaOptions(c *conf.EventSink) (opt sink.KafkaOptions, err error) {
	opt = sink.KafkaOptions{
		Brokers: c.Kafka, Topic: c.Topic, PartitionBy: c.PartitionBy, SASL: c.SASL, User: c.User, PasswordFile: string(c.PasswordFile),
	}
	if files := sinkFiles(c); c.TLS || files != (secret.TLSFiles{}) {
		opt.TLS, err = files.Config()
	}
	return opt, err
}

// natsOptions are the same for NATS.
func natsOptions(c *conf.EventSink) (opt sink.NATSOptions, err error) {
	opt = sink.NATSOptions{
		URL: string(c.NATS), Subject: c.Subject, Stream: c.Stream, Credentials: string(c.Credentials),
		User: c.User, PasswordFile: string(c.PasswordFile), TokenFile: string(c.TokenFile),
	}
	if files := sinkFiles(c); files != (secret.TLSFiles{}) {
		opt.TLS, err = files.Config()
	}
	return opt, err
}

// recount is how old a vault's picture of its store may be: a fleet's store has other writers.
const recount = time.Minute

func openVault(ctx context.Context, c *conf.Quarantine) (*quarantine.Vault, error) {
	key, err := quarantine.ReadKey(string(c.KeyFile))
	if err != nil {
		return nil, err
	}
	var store quarantine.Store
	if c.Directory != "" {
		store, err = quarantine.OpenFolder(string(c.Directory))
	} else {
		store, err = openS3(ctx, &c.S3)
	}
	if err != nil {
		return nil, err
	}
	return quarantine.New(store, key, quarantine.Limits{Bytes: int64(c.MaxBytes), Count: c.MaxCount, Age: c.MaxAge, Recount: recount})
}

// openS3 asks nobody. What interrupted uploads have left is cleaned up beside all else, until ctx ends.
func openS3(ctx context.Context, c *conf.S3) (*quarantine.S3, error) {
	opt := quarantine.S3Options{
		Endpoint: c.Endpoint, Bucket: c.Bucket, Prefix: c.Prefix, Region: c.Region,
		AccessKeyFile: string(c.AccessKeyFile), SecretKeyFile: string(c.SecretKeyFile),
	}
	var err error
	if opt.TLS, err = tlsFiles(&c.TLS).Config(); err != nil {
		return nil, err
	}
	s, err := quarantine.OpenS3(opt)
	if err != nil {
		return nil, err
	}
	go func() { _ = s.Clean(ctx) }() // a store that is down says so when something is stored
	return s, nil
}

func tlsFiles(c *conf.ClientTLS) secret.TLSFiles {
	return secret.TLSFiles{CA: string(c.CA), Cert: string(c.Cert), Key: string(c.Key)}
}

func (b *backstage) openVault(c *conf.Quarantine, log *logs) error {
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	var err error
	if b.vault, err = openVault(ctx, c); err != nil {
		return err
	}
	b.keeper = quarantine.NewKeeper(b.vault, quarantine.KeeperLimits{}, func(id string, err error) {
		log.WithField("request_id", id).WithError(err).Error("an original could not be kept")
	})
	return nil
}

// observe takes the event of a message on, and keeps it.
func (b *backstage) observe(e *event.Event) {
	if b.stream.Empty() && !recorded(e) && !b.asked {
		return
	}
	b.batch.Add(e)
}

// tell is given the events, many at a time. What goes wrong with one is no reason to lose the others, or the process.
func (b *backstage) tell(events []*event.Event) {
	for len(events) > 0 {
		events = b.tellSome(events)
	}
}

// tellSome returns the events that are left when one could not be told of.
func (b *backstage) tellSome(events []*event.Event) (rest []*event.Event) {
	var i int
	defer func() {
		if p := recover(); p != nil {
			b.log.WithField("request_id", events[i].RequestID).Errorf("an event could not be told of: %v", p)
			rest = events[i+1:]
		}
	}()
	for i = range events {
		b.tellOne(events[i])
	}
	return nil
}

func (b *backstage) tellOne(e *event.Event) {
	b.stream.Message(e)
	if recorded(e) {
		b.follow(e)
	}
	if !b.asked {
		return
	}
	if b.metrics != nil {
		b.metrics.Observe(e)
	}
	b.feed.Add((*heldEvent)(e))
	b.inventory.Observe(inventory.Seen{
		Time: e.Time, Host: e.Host, Path: inventory.PathOf(e.URL), Method: e.Method, Direction: e.Direction, Type: e.Type,
		Verdict: e.Verdict, Action: e.Action, API: e.API, Bytes: e.Size, Schema: schemaFindings(e),
	})
}

// schemaFindings counts what the schema of a message's API had to say.
func schemaFindings(e *event.Event) (n int64) {
	for i := range e.Findings {
		if e.Findings[i].Engine == "schema" {
			n++
		}
	}
	return n
}

// kept is how an event is stored beside its original.
type kept struct {
	*event.Event
	Items []event.ItemRecord `json:"items,omitempty"`
}

// keep takes an original on, if it is one of those that are kept.
func (b *backstage) keep(e *event.Event, original service.Original, let func()) bool {
	wanted := b.store == "all" || b.store == "blocked" && e.Action == "block" || b.store == "rewritten" && e.Action == "rewrite"
	if b.keeper == nil || !wanted {
		return false
	}
	report, err := json.Marshal(kept{e, e.Items})
	if err != nil {
		return false
	}
	return b.keeper.Keep(quarantine.Entry{
		ID: e.RequestID, Time: e.Time, URL: e.URL, Name: event.OneLine(original.Name, 255), Type: e.Type,
		Action: e.Action, Verdict: e.Verdict, Rule: e.Rule, Report: report,
	}, original.Blob, let)
}

// room reports whether the original of a rewritten message would be kept.
func (b *backstage) room(size int64) bool {
	return b.keeper != nil && b.store != "blocked" && b.keeper.Room(size)
}

// sinks are the counters of all queues that events leave by.
func (b *backstage) sinks() []sink.Stats {
	all := b.stream.Stats()
	for _, s := range []*sink.Sink{b.traces, b.quiet} {
		if s != nil {
			all = append(all, s.Stats())
		}
	}
	return all
}

// parts reports on sinks and quarantine. Traffic needs neither: they do not make icapd less ready.
func (b *backstage) parts() []admin.Part {
	var out []admin.Part
	for _, st := range b.sinks() {
		p := admin.Part{
			Name: "events " + st.Name, Ready: st.Error == "",
			Detail: fmt.Sprintf("%d written, %d wait, %d dropped", st.Written, st.Queued, st.Dropped),
		}
		if st.Error != "" {
			p.Detail += "; " + st.Error
		}
		out = append(out, p)
	}
	if b.keeper != nil {
		st := b.keeper.Stats()
		out = append(out, admin.Part{
			Name: "quarantine", Ready: st.Error == "",
			Detail: fmt.Sprintf("%d kept, %d wait, %d dropped, %d failed since the start", st.Kept, st.Waiting, st.Dropped, st.Failed),
		})
		if st.Error != "" {
			out[len(out)-1].Detail += "; " + event.OneLine(st.Error, 300)
		}
	}
	return out
}

// close lets queues run empty, until ctx ends.
func (b *backstage) close(ctx context.Context) {
	b.batch.Close()
	if b.keeper != nil {
		b.keeper.Close(ctx)
	}
	if b.cancel != nil {
		b.cancel()
	}
	if b.traces != nil {
		_ = b.traces.Close(ctx)
	}
	_ = b.stream.Close(ctx) // what could not be written is counted
}

// heldEvent is an event in the console's feed.
type heldEvent event.Event

// Key implements admin.Held.
func (h *heldEvent) Key() admin.Key {
	return admin.Key{ID: h.RequestID, Verdict: h.Verdict, Action: h.Action, Size: h.Size}
}

// Hit implements admin.Held.
func (h *heldEvent) Hit(i int) (engine, rule string, ok bool) {
	if i >= len(h.Findings) {
		return "", "", false
	}
	return h.Findings[i].Engine, h.Findings[i].Rule, true
}

// Show implements admin.Held.
func (h *heldEvent) Show() *admin.Message {
	m := present((*event.Event)(h))
	return &m
}

// present is an event as the console shows it.
func present(e *event.Event) admin.Message {
	d := &e.Durations
	m := admin.Message{
		Time: e.Time, RequestID: e.RequestID, Service: e.Service, Direction: e.Direction, Peer: e.Peer, Client: e.Client,
		User: e.User, Method: e.Method, URL: e.URL, Host: e.Host, Status: e.Status, Type: e.Type, Size: e.Size,
		API: e.API, Profile: e.Profile, Verdict: e.Verdict, Action: e.Action, Rule: e.Rule, Reason: e.Reason, Shadowed: e.Shadowed,
		Omitted: e.Omitted, ICAPStatus: e.ICAPStatus, Error: e.Error, Millis: d.Total,
		Durations: []admin.Stage{
			{Name: "receive", Millis: d.Receive},
			{Name: "scan", Millis: d.Scan},
			{Name: "decode", Millis: d.Decode, Part: true},
			{Name: "walk", Millis: d.Walk, Part: true},
			{Name: "rewrite", Millis: d.Rewrite},
			{Name: "reply", Millis: d.Reply},
			{Name: "total", Millis: d.Total},
		},
	}
	if e.Trace != nil {
		m.TraceID = e.Trace.ID
	}
	for _, t := range d.Engines {
		m.Engines = append(m.Engines, admin.EngineTime{Engine: t.Engine, Items: t.Items, Millis: t.Busy})
	}
	for _, it := range e.Items {
		m.Items = append(m.Items, admin.Item(it))
	}
	for _, f := range e.Findings {
		m.Findings = append(m.Findings, admin.Finding(f))
	}
	for _, g := range e.Gaps {
		m.Gaps = append(m.Gaps, admin.Gap{Engine: g.Engine, Path: g.Path, Reason: g.Reason, Error: g.Error})
	}
	for _, c := range e.Changes {
		m.Changes = append(m.Changes, admin.Rewrite(c))
	}
	return m
}

// apis is the inventory as the console shows it.
func (b *backstage) apis() []admin.API {
	seen := b.inventory.Endpoints()
	out := make([]admin.API, len(seen))
	for i, e := range seen {
		out[i] = admin.API{
			Host: e.Host, Path: e.Path, Name: e.API, Methods: e.Methods, Types: e.Types, Verdicts: e.Verdicts, Actions: e.Actions,
			Messages: e.Messages, Sent: e.Sent, Received: e.Received, Schema: e.Schema, First: e.First, Last: e.Last,
		}
	}
	slices.SortStableFunc(out, func(a, b admin.API) int {
		return b.Last.Truncate(24 * time.Hour).Compare(a.Last.Truncate(24 * time.Hour))
	})
	return out
}
