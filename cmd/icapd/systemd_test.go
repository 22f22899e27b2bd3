package main

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The service manager hears of start, reload, watchdog and stop.
func TestServeNotifiesSystemd(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "200000")
	p := start(t, write(t, filepath.Join(t.TempDir(), "icapd.yaml"), "log: {level: info}\n"))

	hear := func(want string) {
		t.Helper()
		if err := manager.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1024)
		for {
			n, err := manager.Read(buf)
			if err != nil {
				t.Fatalf("waiting for %s: %v", want, err)
			}
			if strings.Contains("\n"+string(buf[:n])+"\n", "\n"+want+"\n") {
				return
			}
		}
	}
	hear("READY=1")
	hear("WATCHDOG=1")
	p.signal(syscall.SIGHUP)
	hear("RELOADING=1")
	hear("READY=1")
	p.signal(syscall.SIGTERM)
	hear("STOPPING=1")
	if err := p.end(30 * time.Second); err != nil {
		t.Error(err)
	}
}
