package admin

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Of idle connections the oldest make room for new ones; those that are busy stay.
func TestKeepRoom(t *testing.T) {
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/busy" {
			arrived <- struct{}{}
			<-release
		}
	}))
	room, idled := KeepRoom(4), make(chan struct{}, 100)
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		room(c, state)
		if state == http.StateIdle {
			idled <- struct{}{}
		}
	}
	s.Start()
	defer s.Close()
	let := sync.OnceFunc(func() { close(release) })
	defer let() // before the server ends, which waits for it
	dial := func() net.Conn {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	ask := func(c net.Conn, path string) {
		if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	answered := func(c net.Conn) bool {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	}
	busy := dial()
	ask(busy, "/busy")
	<-arrived
	var all []net.Conn
	for i := range 12 {
		c := dial()
		ask(c, "/")
		if !answered(c) {
			t.Fatalf("connection %d is not served", i)
		}
		<-idled // an answer is there before the connection counts as idle
		all = append(all, c)
	}
	ended := 0
	for _, c := range all[:len(all)-3] { // three are left beside the busy one
		if _, err := c.Read(make([]byte, 1)); err != nil {
			ended++
		}
	}
	if ended != len(all)-3 {
		t.Errorf("%d of the old ones are closed", ended)
	}
	ask(all[len(all)-1], "/")
	if !answered(all[len(all)-1]) {
		t.Error("the newest one is not served")
	}
	let()
	if !answered(busy) {
		t.Error("the busy one was closed")
	}
}

// Where all are busy, the new one goes.
func TestKeepRoomRefuses(t *testing.T) {
	room := KeepRoom(2)
	var held []net.Conn
	for range 2 {
		a, b := net.Pipe()
		t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
		held = append(held, a)
		room(a, http.StateNew)
		room(a, http.StateActive)
	}
	late, peer := net.Pipe()
	room(late, http.StateNew)
	if _, err := peer.Read(make([]byte, 1)); err == nil {
		t.Error("one too many")
	}
	room(late, http.StateClosed)
	room(held[0], http.StateClosed)
	next, other := net.Pipe()
	t.Cleanup(func() { _ = next.Close(); _ = other.Close() })
	room(next, http.StateNew)
	room(next, http.StateActive)
	go func() { _, _ = next.Write([]byte("x")) }()
	if n, err := other.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Error("nobody got the place that was free: ", err)
	}
}
