package main

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// tellSystemd tells the service manager what state the process is in. Without one (no NOTIFY_SOCKET in the
// environment) it does nothing. What it cannot tell is logged and changes nothing else.
func (s *server) tellSystemd(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.WithError(err).Warn("the service manager could not be told: " + state)
	}
}

// reloading is the state of a service that reads its configuration again. Newer service managers want to know since
// when, to tell one reload from the next.
func reloading() string { return daemon.SdNotifyMonotonicUsec() + daemon.SdNotifyReloading }

// watchdog tells the service manager twice in each of its watchdog's intervals that the process still runs, until
// ctx is done or the manager demands nothing of the kind. It runs beside the loop of serve, so that a reload of many
// rules does not look like a hang; whether messages are answered is what readiness says.
func (s *server) watchdog(ctx context.Context) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval <= 0 {
		return
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.tellSystemd(daemon.SdNotifyWatchdog)
		}
	}
}
