package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"

	"icapd/internal/event"
	"icapd/scan"
)

func TestObserve(t *testing.T) {
	m := New("v1")
	m.Gauge("connections", "Open connections.", func() float64 { return 7 })
	e := &event.Event{
		Service: "respmod", Method: "BREW\n", ICAPStatus: 200, Verdict: "malicious", Action: "block", Size: 68,
		Findings: []event.FindingRecord{{Engine: "yara", Class: "malware", Severity: "high"}},
		Gaps:     []event.GapRecord{{Engine: "clamd", Reason: "unavailable"}},
		Changes:  []scan.Change{{Rewriter: "sanitize", Action: "escaped", Count: 3}},
		Durations: event.Durations{
			Total: 12, Scan: 10, Decode: 1, Engines: []event.EngineTime{{Engine: "yara", Busy: 4}, {Engine: "clamd", Busy: 5000}},
		},
	}
	m.Observe(e)
	m.Observe(e)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`icapd_messages_total{action="block",icap_status="200",method="other",service="respmod",verdict="malicious"} 2`,
		`icapd_findings_total{class="malware",engine="yara",severity="high"} 2`,
		`icapd_gaps_total{engine="clamd",reason="unavailable"} 2`,
		`icapd_changes_total{action="escaped",rewriter="sanitize"} 6`,
		`icapd_body_bytes_total{service="respmod"} 136`,
		`icapd_stage_seconds_count{stage="total"} 2`,
		`icapd_stage_seconds_count{stage="decode"} 2`,
		`icapd_stage_seconds_sum{stage="scan"} 0.02`,
		`icapd_stage_seconds_count{stage="rewrite"} 0`,
		`icapd_engine_seconds_count{engine="yara"} 2`,
		`icapd_engine_seconds_sum{engine="clamd"} 10`,
		`icapd_build_info{version="v1"} 1`,
		`icapd_connections 7`,
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
}

func TestLabelled(t *testing.T) {
	m := New("v")
	m.Add(Labelled{Name: "sink_dropped_total", Help: "h", Label: "sink", Counter: true, Values: func() map[string]float64 {
		return map[string]float64{"file": 3}
	}})
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(w.Body.String(), `icapd_sink_dropped_total{sink="file"} 3`) {
		t.Error(w.Body)
	}
}

func BenchmarkObserve(b *testing.B) {
	m := New("v")
	e := &event.Event{
		Service: "respmod", Method: "GET", ICAPStatus: 204, Verdict: "clean", Action: "allow", Size: 1000,
		Durations: event.Durations{
			Receive: 0.1, Walk: 0.02, Scan: 0.2, Reply: 0.01, Total: 0.4,
			Engines: []event.EngineTime{{Engine: "yara", Busy: 0.1}, {Engine: "hashes", Busy: 0.01}, {Engine: "injection", Busy: 0.05}, {Engine: "cdr", Busy: 0.01}},
		},
	}
	for b.Loop() {
		m.Observe(e)
	}
}
