package main

import (
	"maps"
	"net"
	"net/netip"
	"sync"
	"time"

	"icapd/conf"
	"icapd/icap"

	"github.com/sirupsen/logrus"
)

// doorman keeps ICAP clients out of services that are not for them, counts them, and says so in the log: a proxy that
// is kept out by mistake sees a failure of the service and no reason.
type doorman struct {
	log *logs

	mu     sync.Mutex
	counts map[string]float64 // by service; a reload does not begin anew
	told   map[refusal]time.Time
}

// refusal is what a line in the log is about.
type refusal struct{ service, peer string }

const (
	// tellEvery is how often the log tells of the same client at the same service: whoever is kept out tries again.
	tellEvery = time.Minute
	// maxTold bounds what is remembered of clients, of which there may be as many as there are addresses.
	maxTold = 1000
)

func newDoorman(log *logs) *doorman {
	return &doorman{log: log, counts: map[string]float64{}, told: map[refusal]time.Time{}}
}

// permit returns the access rule of a service, nil if it is for all. What counts is the peer of the connection, after
// the PROXY protocol: X-Client-IP names the HTTP client, which is somebody else. A peer on a unix socket has no
// address, and the permissions of the file have let it in.
func (d *doorman) permit(name string, s conf.Service) func(*icap.Request) bool {
	if len(s.Clients) == 0 {
		return nil
	}
	permits := s.Permits()
	return func(r *icap.Request) bool {
		if r.RemoteAddr != nil && r.RemoteAddr.Network() == "unix" || permits(peerAddr(r)) {
			return true
		}
		d.refused(name, r)
		return false
	}
}

// peerAddr returns the address of the peer, the zero Addr, which is in no network, if it has none.
func peerAddr(r *icap.Request) netip.Addr {
	if t, ok := r.RemoteAddr.(*net.TCPAddr); ok {
		return t.AddrPort().Addr()
	}
	return netip.Addr{}
}

func (d *doorman) refused(service string, r *icap.Request) {
	key, now := refusal{service, r.RemoteIP()}, time.Now()
	d.mu.Lock()
	d.counts[service]++
	last, known := d.told[key]
	tell := !known || now.Sub(last) >= tellEvery
	if tell {
		if len(d.told) >= maxTold {
			clear(d.told)
		}
		d.told[key] = now
	}
	d.mu.Unlock()
	if tell {
		d.log.WithFields(logrus.Fields{"service": service, "peer": key.peer, "method": r.Method}).
			Warn("refused: the client is in no network of services." + service + ".clients")
	}
}

// values are the refusals so far, by service.
func (d *doorman) values() map[string]float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.counts)
}

// overload answers what found no place in the queue. Access rules hold then, too.
func (s *server) overload() icap.Handler {
	answer := s.service.Overload()
	return icap.HandlerFunc(func(w *icap.ResponseWriter, r *icap.Request) {
		if sv := s.mux.Load().Service(r.Service); sv != nil && sv.Permit != nil && !sv.Permit(r) {
			_ = w.Error(icap.StatusForbidden, "") // the peer's loss
			return
		}
		answer.ServeICAP(w, r)
	})
}
