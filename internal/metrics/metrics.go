// Package metrics counts messages for Prometheus. It lives on audit events, so that what is counted and what is
// logged cannot differ.
package metrics

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"icapd/internal/event"
)

// Metrics is a registry with the counters of one process. Its methods may be called from many goroutines.
type Metrics struct {
	registry *prometheus.Registry
	messages children[messageKey, prometheus.Counter]
	bytes    children[string, prometheus.Counter]
	findings *prometheus.CounterVec
	gaps     *prometheus.CounterVec
	changes  *prometheus.CounterVec
	engines  children[string, prometheus.Observer]
	stages   [numStages]prometheus.Observer // looked up once: this is done for every message
}

// messageKey are the labels of messages_total.
type messageKey struct {
	service, method string
	status          int
	verdict, action string
}

// children remembers the parts of a vector by their labels: a vector asked by name, for each message, costs more than what
// is counted. They are as many as the vector has itself.
type children[K comparable, V any] struct {
	create func(K) V

	known  atomic.Pointer[map[K]V]
	adding sync.Mutex
}

func (c *children[K, V]) get(k K) V {
	if known := c.known.Load(); known != nil {
		if v, ok := (*known)[k]; ok {
			return v
		}
	}
	c.adding.Lock()
	defer c.adding.Unlock()
	next := map[K]V{}
	if known := c.known.Load(); known != nil {
		next = maps.Clone(*known)
	}
	v := c.create(k)
	next[k] = v
	c.known.Store(&next)
	return v
}

// The stages of a message, in the order of stageNames.
const (
	receive = iota
	decode
	walk
	look
	rewrite
	reply
	total
	numStages
)

var stageNames = [numStages]string{"receive", "decode", "walk", "scan", "rewrite", "reply", "total"}

// New returns a registry that knows the process, the Go runtime and the given version.
func New(version string) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "icapd", Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		findings: counter("findings_total", "Findings by engine, class and severity.", "engine", "class", "severity"),
		gaps:     counter("gaps_total", "What was not looked at, by engine and reason.", "engine", "reason"),
		changes:  counter("changes_total", "Places rewritten, by rewriter and action.", "rewriter", "action"),
	}
	messages := counter("messages_total", "Messages by service, HTTP method, ICAP status, verdict and action.",
		"service", "method", "icap_status", "verdict", "action")
	m.messages.create = func(k messageKey) prometheus.Counter {
		return messages.WithLabelValues(k.service, k.method, strconv.Itoa(k.status), k.verdict, k.action)
	}
	bytes := counter("body_bytes_total", "Bytes of message bodies received.", "service")
	m.bytes.create = func(service string) prometheus.Counter { return bytes.WithLabelValues(service) }
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "icapd", Name: name, Help: help, Buckets: prometheus.ExponentialBucketsRange(0.00005, 60, 20),
		}, labels)
	}
	stages := histogram("stage_seconds", "Time spent on a message, by stage. Decode and walk are parts of scan.", "stage")
	for i, name := range stageNames {
		m.stages[i] = stages.WithLabelValues(name)
	}
	engines := histogram("engine_seconds", "Time that an engine took for a message that it was shown something of, waiting included.", "engine")
	m.engines.create = func(engine string) prometheus.Observer { return engines.WithLabelValues(engine) }
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "icapd", Name: "build_info", Help: "Always 1; the version is a label."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(messages, bytes, m.findings, m.gaps, m.changes, engines, stages, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Gauge adds a figure that is asked for at each scrape. The name gets the prefix icapd_.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "icapd", Name: name, Help: help}, value))
}

// Counter adds a figure that only grows and is asked for at each scrape. The name gets the prefix icapd_.
func (m *Metrics) Counter(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "icapd", Name: name, Help: help}, value))
}

// Observe counts one message.
func (m *Metrics) Observe(e *event.Event) {
	m.messages.get(messageKey{e.Service, method(e.Method), e.ICAPStatus, e.Verdict, e.Action}).Inc()
	m.bytes.get(e.Service).Add(float64(e.Size))
	for i := range e.Findings {
		f := &e.Findings[i]
		m.findings.WithLabelValues(f.Engine, f.Class, f.Severity).Inc()
	}
	for i := range e.Gaps {
		m.gaps.WithLabelValues(e.Gaps[i].Engine, e.Gaps[i].Reason).Inc()
	}
	for i := range e.Changes {
		m.changes.WithLabelValues(e.Changes[i].Rewriter, e.Changes[i].Action).Add(float64(max(1, e.Changes[i].Count)))
	}
	d := &e.Durations
	for i, millis := range [numStages]float64{
		receive: d.Receive, decode: d.Decode, walk: d.Walk, look: d.Scan, rewrite: d.Rewrite, reply: d.Reply, total: d.Total,
	} {
		if millis > 0 || i == total { // messages that skip a stage say nothing about how long it takes
			m.stages[i].Observe(millis / 1000)
		}
	}
	for i := range d.Engines {
		m.engines.get(d.Engines[i].Engine).Observe(d.Engines[i].Busy / 1000)
	}
}

// method keeps a peer from inventing label values.
func method(m string) string {
	for _, known := range [...]string{"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", ""} {
		if m == known {
			return known // and not m, which is a part of something large
		}
	}
	return "other"
}

// Handler serves the registry in the Prometheus text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Labelled is a family of figures that is asked for at each scrape; values are by the label's value.
type Labelled struct {
	Name    string // gets the prefix icapd_
	Help    string
	Label   string
	Counter bool // only grows
	Values  func() map[string]float64
}

// Describe implements prometheus.Collector. Nothing is promised: labels come and go.
func (Labelled) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (l Labelled) Collect(out chan<- prometheus.Metric) {
	desc := prometheus.NewDesc("icapd_"+l.Name, l.Help, []string{l.Label}, nil)
	kind := prometheus.GaugeValue
	if l.Counter {
		kind = prometheus.CounterValue
	}
	for label, v := range l.Values() {
		if m, err := prometheus.NewConstMetric(desc, kind, v, label); err == nil {
			out <- m
		}
	}
}

// Add adds a family.
func (m *Metrics) Add(l Labelled) { m.registry.MustRegister(l) }
