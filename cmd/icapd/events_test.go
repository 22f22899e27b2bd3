package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"icapd/conf"
	"icapd/icap"
	"icapd/internal/event"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/twmb/franz-go/pkg/kfake"
)

// buffer is written by one goroutine and read by another.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// follow runs `icapd events`, with a configuration, until the test ends.
func follow(t *testing.T, from, config string, since time.Duration) *buffer {
	t.Helper()
	out := &buffer{}
	f := &follower{
		adminClient: adminClient{cli: &cli{stdio: stdio{out: out}, conf: conf.Options{File: config}}},
		follow:      true, subject: "icapd.events", since: ago(since),
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f.run(ctx, from); err != nil && ctx.Err() == nil {
			t.Errorf("%s: %v", from, err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return out
}

// A file is followed over its rotation, a running icapd, JetStream and Kafka live; the latter also from some time ago on,
// and by what the configuration says of them.
func TestEventsAreFollowed(t *testing.T) {
	ns, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	defer ns.Shutdown()
	if !ns.ReadyForConnections(time.Minute) {
		t.Fatal("NATS does not start")
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "icapd.events"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	broker := cluster.ListenAddrs()[0]
	dir := t.TempDir()
	file, config := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "icapd.yaml")
	p := start(t, write(t, config, fmt.Sprintf(`
events:
  - {file: events.jsonl, max_bytes: 1KiB, keep: 100}
  - {nats: %q, stream: ICAPD, format: ecs}
  - {kafka: %q}
reload: {watch: true}
`, ns.ClientURL(), broker)))
	client := &icap.Client{}
	defer client.Close()
	send(t, p, client, "/first", "application/json", clean)
	within(t, "the first event is in the file", func() bool { _, err := os.Stat(file); return err == nil })
	within(t, "the first event is in JetStream", func() bool { return p.measures(`icapd_event_sink_written_total{sink="1:nats"} 1`) })
	within(t, "the first event is in Kafka", func() bool { return p.measures(`icapd_event_sink_written_total{sink="2:kafka"} 1`) })
	sources := map[string]*buffer{
		"file": follow(t, file, "", 0), "admin": follow(t, "http://"+p.adm, "", 0), "nats": follow(t, ns.ClientURL(), "", 0),
		"kafka":                           follow(t, "kafka://"+broker+"/icapd.events", "", 0),
		"the configuration's nats, since": follow(t, "nats", config, time.Hour), "the configuration's kafka, since": follow(t, "kafka", config, time.Hour),
		"the configuration's file": follow(t, "file", config, 0),
	}
	for name, out := range sources { // until it listens
		for i := 0; !strings.Contains(out.String(), "/hello"); i++ {
			if i > 1200 {
				t.Fatalf("%s shows nothing", name)
			}
			send(t, p, client, "/hello", "application/json", clean)
			time.Sleep(50 * time.Millisecond)
		}
	}
	for i := range 20 {
		send(t, p, client, fmt.Sprintf("/numbered/%d/", i), "application/json", attack)
		time.Sleep(5 * time.Millisecond)
	}
	for name, out := range sources {
		within(t, name+" shows the last", func() bool { return strings.Contains(out.String(), "/numbered/19/") })
		for i := range 20 {
			if i == 0 && strings.Contains(out.String(), "/first") != (strings.Contains(name, "since") || strings.Contains(name, "file")) {
				t.Errorf("%s: what was before: %s", name, out.String())
			}
			if want := fmt.Sprintf(" rewrite malicious GET http://api.example/numbered/%d/", i); strings.Count(out.String(), want) != 1 {
				t.Errorf("%s: %d times %q", name, strings.Count(out.String(), want), want)
			}
		}
	}

	// The configuration's file changes, and is read again by itself.
	p.drainLog()
	write(t, filepath.Join(dir, "icapd.yaml"), "limts: {}\n")
	p.wait("reload refused: nothing has changed")
	within(t, "the refusal is in JetStream", func() bool {
		return strings.Contains(sources["nats"].String(), "change reload configuration failure by file")
	})
}

// Sinks that are dead, deaf or full, and a quarantine on a disk that is gone, slow no message.
func TestBrokenSinksDoNotSlowTraffic(t *testing.T) {
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "key"), strings.Repeat("0f", 32))
	p := start(t, write(t, filepath.Join(dir, "icapd.yaml"), fmt.Sprintf(`
events:
  - {nats: "nats://127.0.0.1:1", stream: X, queue: 50}
  - {nats: "nats://%[1]s", queue: 50}
  - {syslog: "tcp:%[1]s", queue: 50}
  - {file: /dev/full, queue: 50}
quarantine: {directory: kept, key_file: key}
`, deaf.Addr())))
	if err := os.RemoveAll(filepath.Join(dir, "kept")); err != nil {
		t.Fatal(err)
	}
	client := &icap.Client{}
	defer client.Close()
	slow := 0
	const n = 400
	start := time.Now()
	for i := range n {
		before := time.Now()
		send(t, p, client, fmt.Sprintf("/%d", i), "application/json", attack)
		if time.Since(before) >= 3*time.Second {
			slow++
		}
	}
	t.Logf("%d messages in %v", n, time.Since(start))
	if slow > 5 { // a wait for any of them would be three seconds at least, for 350 of the messages
		t.Errorf("%d messages took three seconds and more", slow)
	}
	for _, want := range []string{
		`event_sink_dropped_total{sink="0:nats"} 350`, `event_sink_dropped_total{sink="1:nats"} 350`,
		`event_sink_dropped_total{sink="3:file"} 350`, `quarantine_originals_total{outcome="kept"} 0`,
	} {
		within(t, want, func() bool { return p.measures("icapd_" + want) }) // the last event comes after its answer
	}
	ready, err := http.Get("http://" + p.adm + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Body.Close()
	if text, err := io.ReadAll(ready.Body); err != nil || ready.StatusCode != http.StatusOK || !bytes.Contains(text, []byte("no space left on device")) {
		t.Errorf("sinks are no reason not to be ready, and shown: %s %s", ready.Status, text)
	}
	p.signal(syscall.SIGTERM)
	if err := p.end(time.Minute); err != nil {
		t.Error(err)
	}
}

// measures reports whether the metrics have the line.
func (p *process) measures(line string) bool {
	p.t.Helper()
	resp, err := http.Get("http://" + p.adm + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return err == nil && bytes.Contains(text, []byte(line))
}

// drainLog forgets what was logged so far.
func (p *process) drainLog() {
	for {
		select {
		case <-p.log:
		default:
			return
		}
	}
}

// BenchmarkBackstage is what a message costs after it has its answer: all sinks, console and inventory.
func BenchmarkBackstage(b *testing.B) {
	c := conf.Default()
	c.Events = []conf.EventSink{{File: conf.Path(filepath.Join(b.TempDir(), "e.jsonl")), MaxBytes: 64 << 20, Keep: 1, Queue: 10_000}}
	log := newLogs(os.Stderr, &c.Log)
	defer log.close()
	back, err := newBackstage(c, "test", log)
	if err != nil {
		b.Fatal(err)
	}
	e := &event.Event{
		Time: time.Now(), RequestID: "ID", Service: "respmod", Direction: "response", Method: "GET", URL: "https://api.test/v1/users/4711/items",
		Host: "api.test", Status: 200, Type: "application/json", Size: 4096, Verdict: "clean", Action: "allow", ICAPStatus: 204,
		Items: []event.ItemRecord{{Path: "body", Type: "application/json", Size: 4096}},
	}
	b.ReportAllocs()
	for b.Loop() {
		back.observe(e)
	}
	b.StopTimer()
	back.close(b.Context())
}
