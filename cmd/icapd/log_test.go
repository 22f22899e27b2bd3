package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"icapd/conf"
	"icapd/icap"
	"icapd/internal/event"
	"icapd/internal/freeport"
	"icapd/internal/sink"
)

// A pipe on standard error and one on standard output that nobody reads stop neither traffic nor the end of the process.
func TestUnreadLogDoesNotStopTraffic(t *testing.T) {
	p := startUnread(t, pipe(t), pipe(t))
	client := &icap.Client{}
	defer client.Close()
	worst := time.Duration(0)
	const n = 300 // a hundred times what the pipes hold
	for i := range n {
		start := time.Now()
		send(t, p, client, fmt.Sprintf("/%d?%s", i, strings.Repeat("x", 1000)), "application/json", attack)
		worst = max(worst, time.Since(start))
	}
	if worst > 20*time.Second { // a wait for a reader would be for ever
		t.Errorf("a message took %v", worst)
	}
	within(t, "drops are counted", func() bool { return !p.measures(`icapd_event_sink_dropped_total{sink="0:stdout"} 0` + "\n") })
	p.signal(syscall.SIGTERM)
	if err := p.end(time.Minute); err != nil {
		t.Error(err)
	}
}

// A log whose reader has gone away does not end the process.
func TestLogWithoutReader(t *testing.T) {
	var gone [2]*os.File
	for i := range gone {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		gone[i] = w
	}
	p := startUnread(t, gone[0], gone[1])
	client := &icap.Client{}
	defer client.Close()
	send(t, p, client, "/", "application/json", attack)
	for _, name := range []string{"log", "0:stdout"} {
		within(t, name+" fails", func() bool { return !p.measures(`icapd_event_sink_failures_total{sink="` + name + `"} 0` + "\n") })
	}
	send(t, p, client, "/", "application/json", attack)
	p.signal(syscall.SIGTERM)
	if err := p.end(time.Minute); err != nil {
		t.Error(err)
	}
}

// startUnread runs "icapd serve" with these ends of pipes for its log and its audit stream, and waits until it serves.
func startUnread(t *testing.T, stdout, stderr *os.File) *process {
	t.Helper()
	free := func() string {
		addr, err := freeport.Address()
		if err != nil {
			t.Fatal(err)
		}
		return addr
	}
	p := &process{t: t, addr: free(), adm: free(), done: make(chan error, 1)}
	p.cmd = exec.Command("icapd", "serve", "-c", write(t, filepath.Join(t.TempDir(), "icapd.yaml"), "events: [{stdout: true, format: ecs, queue: 100}]\n"),
		"--set", "listen[0].address="+p.addr, "--set", "admin.address="+p.adm)
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	go func() { p.done <- p.cmd.Wait() }()
	within(t, "it serves", func() bool {
		c, err := net.Dial("tcp", p.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return p
}

// pipe returns the writing end of a pipe that holds next to nothing and that nobody reads.
func pipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	const setSize = 1031 // F_SETPIPE_SZ
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, w.Fd(), setSize, 4096)
	return w
}

// An event in the log is what encoding/json makes of it, after the level and the text that every line has.
func TestEventInLog(t *testing.T) {
	log := newLogs(io.Discard, &conf.Log{Level: "info"})
	defer log.close()
	e := quietEvent(1)
	e.Reason = "says \"<b>\" & more\n"
	e.Findings = []event.FindingRecord{{Engine: "yara", Rule: "r", Via: "zip>base64"}}
	got, err := log.line([]byte("before\n"), sink.Record{Message: e})
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	want.WriteString("before\n")
	if err := encode(&want, struct {
		Level   string `json:"level"`
		Message string `json:"msg"`
		*event.Event
	}{"info", "message", e}); err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != want.String() {
		t.Errorf("got  %s\nwant %s", got, want.String())
	}
}
