package admin

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// KeepRoom returns a hook for http.Server.ConnState that keeps at most most connections: descriptors are those of the whole
// process, and whoever can reach the address must not take them from ICAP. When one more comes, the one that has
// been idle for longest goes, so that health checks and operators get in whatever others hold; if all are busy, the new
// one goes. The hook may be called from many goroutines.
func KeepRoom(most int) func(net.Conn, http.ConnState) {
	return (&room{most: most, open: map[net.Conn]*list.Element{}}).change
}

// room knows the open connections, and which of them wait.
type room struct {
	most int

	mu   sync.Mutex
	open map[net.Conn]*list.Element // nil for one that is busy
	idle list.List                  // those that wait, the longest first
}

func (r *room) change(c net.Conn, state http.ConnState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.open[c]; e != nil {
		r.idle.Remove(e)
	}
	switch state {
	case http.StateNew:
		if len(r.open) >= r.most && !r.displace() {
			_ = c.Close() // its loss
			return        // the state that follows is that of one which is not known, which changes nothing
		}
		r.open[c] = r.idle.PushBack(c)
	case http.StateIdle:
		if _, known := r.open[c]; known {
			r.open[c] = r.idle.PushBack(c)
		}
	case http.StateActive:
		if _, known := r.open[c]; known {
			r.open[c] = nil
		}
	case http.StateClosed, http.StateHijacked:
		delete(r.open, c)
	}
}

// displace closes the connection that has waited for longest. It is called with the lock held.
func (r *room) displace() bool {
	front := r.idle.Front()
	if front == nil {
		return false
	}
	c, ok := r.idle.Remove(front).(net.Conn)
	if !ok {
		return false
	}
	delete(r.open, c)
	_ = c.Close() // the server sees it and cleans up
	return true
}
