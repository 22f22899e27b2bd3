package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"icapd/conf"
	"icapd/internal/admin"
	"icapd/internal/event"
	"icapd/internal/inventory"
	"icapd/internal/metrics"
	"icapd/internal/sink"
	"icapd/scan"
)

// BenchmarkTell is what it costs to tell of a message that nothing was found in: a metric, an event in a file, the console's
// feed, the inventory. CPU time is that of the process, with what sinks do behind the message's back. To make the event,
// which is in it, is what silent says.
func BenchmarkTell(b *testing.B) {
	b.Run("silent", func(b *testing.B) {
		b.ReportAllocs()
		before := processorTime(b)
		for i := 0; b.Loop(); i++ {
			untold = quietEvent(i)
		}
		b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
	})
	b.Run("telling", benchmarkTelling)
}

// untold is where events go that nobody is told of.
var untold *event.Event

func benchmarkTelling(b *testing.B) {
	w, err := sink.NewFile(sink.FileOptions{Path: filepath.Join(b.TempDir(), "events.jsonl"), Bytes: 64 << 20, Keep: 1})
	if err != nil {
		b.Fatal(err)
	}
	log := newLogs(io.Discard, &conf.Log{Level: "info"})
	defer log.close()
	file := sink.New("file", w, sink.Limits{})
	back := &backstage{
		log: log, metrics: metrics.New("v"), stream: sink.NewFanout(file), asked: true, feed: admin.NewFeed(), inventory: inventory.New(),
	}
	back.batch = event.NewBatch(back.tell)
	b.ReportAllocs()
	before := processorTime(b)
	for i := 0; b.Loop(); i++ {
		back.observe(quietEvent(i))
	}
	back.close(b.Context())
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(file.Stats().Dropped)/float64(b.N), "dropped/op")
}

// quietEvent is the event of a message that nothing was found in.
func quietEvent(i int) *event.Event {
	head := strings.Clone("GET http://api.test/v1/items/4711?page=2 HTTP/1.1\r\nHost: api.test\r\nAccept: application/json\r\n\r\n")
	e := &event.Event{
		Time: time.Now(), RequestID: "LBJ3ZEVPSLPIYK3MHSF" + strconv.Itoa(1_000_000+i%1_000_000), Service: "respmod", Direction: "response",
		Peer: strings.Clone("127.0.0.1"), Client: strings.Clone("192.0.2.7"), Method: head[:3], URL: strings.Clone(head[4:40]), Host: head[11:19],
		Status: 200, Type: "application/json", Size: 1024, Profile: "default", Verdict: "clean", Action: "allow", ICAPStatus: 204,
		Durations: event.Durations{Receive: 0.012, Walk: 0.011, Scan: 0.034, Reply: 0.008, Total: 0.061},
	}
	e.RecordTimes(&scan.Verdict{Times: []scan.EngineTime{
		{Engine: "injection", Items: 1, Busy: 12 * time.Microsecond}, {Engine: "yara", Items: 1, Busy: 14 * time.Microsecond},
	}})
	e.Items = []event.ItemRecord{{Path: "body", Type: "application/json", Size: 1024}}
	return e
}

// processorTime is what the process has used, in nanoseconds.
func processorTime(tb testing.TB) int64 {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// TestTellAfterPanic has an event in the middle that cannot be told of: the others are.
func TestTellAfterPanic(t *testing.T) {
	var text bytes.Buffer
	log := newLogs(&text, &conf.Log{Level: "info"})
	back := &backstage{log: log, metrics: metrics.New("v"), stream: sink.NewFanout(), asked: true, feed: admin.NewFeed(), inventory: inventory.New()}
	bad := quietEvent(3)
	bad.Gaps = []event.GapRecord{{Engine: "\xff", Reason: "a label that is not UTF-8, which nobody makes"}}
	back.tell([]*event.Event{quietEvent(1), bad, quietEvent(2)})
	log.close()
	w := httptest.NewRecorder()
	back.metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if !strings.Contains(w.Body.String(), "icapd_body_bytes_total{service=\"respmod\"} 3072\n") {
		t.Error("not all three were counted")
	}
	if paths := back.inventory.Endpoints(); len(paths) != 1 || paths[0].Messages != 2 {
		t.Errorf("the inventory has %+v", paths)
	}
	if !strings.Contains(text.String(), bad.RequestID) {
		t.Errorf("the log does not say so: %q", text.String())
	}
}
