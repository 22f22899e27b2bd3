// Package metrics counts messages for Prometheus. It lives on audit events, so that what is counted and what is
// logged cannot differ.
package metrics

import (
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"icapd/internal/event"
)

// Metrics is a registry with the counters of one process. Its methods may be called from many goroutines.
type Metrics struct {
	registry *prometheus.Registry
	tallies  *tallies
	findings *prometheus.CounterVec
	gaps     *prometheus.CounterVec
	changes  *prometheus.CounterVec
	known    []Family
}

// Family is a metric as the docs list it.
type Family struct {
	Name   string // whole
	Kind   string // counter, gauge or histogram
	Labels []string
	Help   string
}

// Families returns all of icapd's own metrics that are registered, in the order of that. A scrape shows those alone that have
// a value by now.
func (m *Metrics) Families() []Family { return slices.Clone(m.known) }

func (m *Metrics) note(kind, name, help string, labels ...string) {
	m.known = append(m.known, Family{"icapd_" + name, kind, labels, help})
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
	m := &Metrics{registry: prometheus.NewRegistry(), tallies: newTallies()}
	m.known = slices.Clone(m.tallies.known)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		m.note("counter", name, help, labels...)
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "icapd", Name: name, Help: help}, labels)
	}
	m.findings = counter("findings_total", "Findings by engine, class and severity.", "engine", "class", "severity")
	m.gaps = counter("gaps_total", "What was not looked at, by engine and reason.", "engine", "reason")
	m.changes = counter("changes_total", "Places rewritten, by rewriter and action.", "rewriter", "action")
	const about = "Always 1; the version is a label."
	m.note("gauge", "build_info", about, "version")
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "icapd", Name: "build_info", Help: about}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.tallies, m.findings, m.gaps, m.changes, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Gauge adds a figure that is asked for at each scrape. The name gets the prefix icapd_.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.note("gauge", name, help)
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "icapd", Name: name, Help: help}, value))
}

// Counter adds a figure that only grows and is asked for at each scrape. The name gets the prefix icapd_.
func (m *Metrics) Counter(name, help string, value func() float64) {
	m.note("counter", name, help)
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "icapd", Name: name, Help: help}, value))
}

// Observe counts one message.
func (m *Metrics) Observe(e *event.Event) {
	m.tallies.observe(e)
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
func (m *Metrics) Add(l Labelled) {
	kind := "gauge"
	if l.Counter {
		kind = "counter"
	}
	m.note(kind, l.Name, l.Help, l.Label)
	m.registry.MustRegister(l)
}
