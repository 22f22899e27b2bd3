package metrics

import (
	"sort"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"icapd/internal/event"
)

// tallies are what every message is counted in. They are kept together under one lock and given to Prometheus when somebody
// asks: a vector that is asked for its part by name, and counts atomically, costs several times as much for each message.
type tallies struct {
	messages, bytes, stages, engines *prometheus.Desc
	known                            []Family
	bounds                           []float64 // of histograms, in seconds

	mu        sync.Mutex
	byKey     map[messageKey]*uint64
	key       messageKey // the last one
	count     *uint64    // its figure
	byService map[string]int64
	byStage   [numStages]histogram
	byEngine  []engineHistogram // few: found sooner one after the other
}

// messageKey are the labels of messages_total.
type messageKey struct {
	service, method string
	status          int
	verdict, action string
}

// histogram counts by bucket: of the bound with the same index, and after the last.
type histogram struct {
	buckets [numBounds + 1]uint64
	sum     float64 // in milliseconds
}

type engineHistogram struct {
	engine string
	histogram
}

const numBounds = 20

func newTallies() *tallies {
	t := &tallies{
		bounds: prometheus.ExponentialBucketsRange(0.00005, 60, numBounds),
		byKey:  map[messageKey]*uint64{}, byService: map[string]int64{},
	}
	desc := func(kind, name, help string, labels ...string) *prometheus.Desc {
		t.known = append(t.known, Family{"icapd_" + name, kind, labels, help})
		return prometheus.NewDesc("icapd_"+name, help, labels, nil)
	}
	t.messages = desc("counter", "messages_total", "Messages by service, HTTP method, ICAP status, verdict and action.",
		"service", "method", "icap_status", "verdict", "action")
	t.bytes = desc("counter", "body_bytes_total", "Bytes of message bodies received.", "service")
	t.stages = desc("histogram", "stage_seconds", "Time spent on a message, by stage. Decode and walk are parts of scan.", "stage")
	t.engines = desc("histogram", "engine_seconds", "Time that an engine took for a message that it was shown something of, waiting included.", "engine")
	return t
}

// observe counts what there is of every message.
func (t *tallies) observe(e *event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := messageKey{e.Service, method(e.Method), e.ICAPStatus, e.Verdict, e.Action}
	if key != t.key || t.count == nil {
		t.key = key
		if t.count = t.byKey[key]; t.count == nil {
			t.count = new(uint64)
			t.byKey[key] = t.count
		}
	}
	*t.count++
	t.byService[e.Service] += e.Size
	d := &e.Durations
	for i, millis := range [numStages]float64{
		receive: d.Receive, decode: d.Decode, walk: d.Walk, look: d.Scan, rewrite: d.Rewrite, reply: d.Reply, total: d.Total,
	} {
		if millis > 0 || i == total { // messages that skip a stage say nothing about how long it takes
			t.byStage[i].add(t.bounds, millis)
		}
	}
	for i := range d.Engines {
		t.engine(d.Engines[i].Engine).add(t.bounds, d.Engines[i].Busy)
	}
}

func (t *tallies) engine(name string) *histogram {
	for i := range t.byEngine {
		if t.byEngine[i].engine == name {
			return &t.byEngine[i].histogram
		}
	}
	t.byEngine = append(t.byEngine, engineHistogram{engine: name})
	return &t.byEngine[len(t.byEngine)-1].histogram
}

func (h *histogram) add(bounds []float64, millis float64) {
	h.buckets[sort.SearchFloat64s(bounds, millis/1000)]++
	h.sum += millis
}

// Describe implements prometheus.Collector.
func (t *tallies) Describe(out chan<- *prometheus.Desc) {
	out <- t.messages
	out <- t.bytes
	out <- t.stages
	out <- t.engines
}

// Collect implements prometheus.Collector.
func (t *tallies) Collect(out chan<- prometheus.Metric) {
	for _, m := range t.collect() { // the channel waits for its reader, and nobody waits with the lock
		out <- m
	}
}

func (t *tallies) collect() (all []prometheus.Metric) {
	t.mu.Lock()
	defer t.mu.Unlock()
	put := func(m prometheus.Metric, err error) {
		if err != nil {
			m = prometheus.NewInvalidMetric(t.messages, err) // the scrape says so
		}
		all = append(all, m)
	}
	for k, n := range t.byKey {
		put(prometheus.NewConstMetric(t.messages, prometheus.CounterValue, float64(*n), k.service, k.method, strconv.Itoa(k.status), k.verdict, k.action))
	}
	for service, n := range t.byService {
		put(prometheus.NewConstMetric(t.bytes, prometheus.CounterValue, float64(n), service))
	}
	for i, name := range stageNames {
		put(t.byStage[i].metric(t.stages, t.bounds, name))
	}
	for i := range t.byEngine {
		put(t.byEngine[i].metric(t.engines, t.bounds, t.byEngine[i].engine))
	}
	return all
}

func (h *histogram) metric(desc *prometheus.Desc, bounds []float64, label string) (prometheus.Metric, error) {
	buckets, n := make(map[float64]uint64, len(bounds)), uint64(0)
	for i, bound := range bounds {
		n += h.buckets[i]
		buckets[bound] = n
	}
	return prometheus.NewConstHistogram(desc, n+h.buckets[len(bounds)], h.sum/1000, buckets, label)
}
