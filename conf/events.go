package conf

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"

	"icapd/internal/units"
)

// EventSink is where the audit stream goes, besides the log: exactly one of file, stdout, syslog and nats is set.
type EventSink struct {
	Stdout      bool          `yaml:"stdout,omitempty"`
	File        Path          `yaml:"file,omitempty"`
	Syslog      string        `yaml:"syslog,omitempty"` // unix:/PATH, udp:HOST:PORT or tcp:HOST:PORT
	NATS        URL           `yaml:"nats,omitempty"`
	Format      string        `yaml:"format,omitempty"`      // native or ecs; "" is native
	MaxBytes    units.Size    `yaml:"max_bytes,omitempty"`   // of a file
	MaxAge      time.Duration `yaml:"max_age,omitempty"`     // of a file
	Keep        int           `yaml:"keep,omitempty"`        // files put aside
	Subject     string        `yaml:"subject,omitempty"`     // of NATS
	Stream      string        `yaml:"stream,omitempty"`      // of NATS, made if it is not there
	Credentials Path          `yaml:"credentials,omitempty"` // of NATS
	CA          Path          `yaml:"ca,omitempty"`          // of NATS
	Queue       int           `yaml:"queue,omitempty"`       // records that wait
}

func (s *EventSink) decode(d *decoder, key string, n *node) {
	if *s == (EventSink{}) {
		*s = EventSink{Queue: 10_000}
	}
	d.structure(key, n, reflect.ValueOf(s).Elem())
	if s.File != "" && !d.has(key+".max_bytes") {
		s.MaxBytes = 100 * units.MiB
	}
	if s.File != "" && !d.has(key+".keep") {
		s.Keep = 10
	}
}

func (d *decoder) has(key string) bool {
	_, ok := d.places[key]
	return ok
}

// Quarantine keeps originals. No directory: none are kept.
type Quarantine struct {
	Directory Path          `yaml:"directory"`
	KeyFile   Path          `yaml:"key_file"` // 32 bytes, or their 64 hexadecimal digits
	MaxBytes  units.Size    `yaml:"max_bytes"`
	MaxAge    time.Duration `yaml:"max_age"`
	MaxCount  int           `yaml:"max_count"`
	Store     string        `yaml:"store"` // blocked, rewritten or all (both)
}

// Reload says when the configuration is read again by itself.
type Reload struct {
	Watch bool `yaml:"watch"` // when the file changes
}

func defaultQuarantine() Quarantine {
	return Quarantine{MaxBytes: units.GiB, MaxAge: 30 * 24 * time.Hour, MaxCount: 10_000, Store: "all"}
}

func (v *validator) events(sinks []EventSink) {
	for i := range sinks {
		s, key := &sinks[i], fmt.Sprintf("events[%d]", i)
		kinds := 0
		for _, set := range []bool{s.File != "", s.Stdout, s.Syslog != "", s.NATS != ""} {
			if set {
				kinds++
			}
		}
		if kinds != 1 {
			v.bad(key, "wants exactly one of file, stdout, syslog, nats")
		}
		if s.Format != "" {
			v.oneOf(key+".format", s.Format, "native", "ecs")
		}
		if s.Syslog != "" {
			v.check(key+".syslog", checkSyslog(s.Syslog))
		}
		if s.NATS != "" {
			v.check(key+".nats", checkNATS(string(s.NATS)))
		}
		if s.Subject != "" && strings.ContainsAny(s.Subject, " *>\t") {
			v.bad(key+".subject", "%q is not a subject such as icapd.events", s.Subject)
		}
		v.file(key+".credentials", string(s.Credentials))
		v.file(key+".ca", string(s.CA))
		between(v, key+".keep", s.Keep, 0, 10_000)
		between(v, key+".max_bytes", s.MaxBytes, 0, units.TiB)
		between(v, key+".queue", s.Queue, 1, 1_000_000)
	}
}

func checkSyslog(s string) error {
	network, addr, _ := strings.Cut(s, ":")
	if network == "unix" && strings.HasPrefix(addr, "/") {
		return nil
	}
	if network == "udp" || network == "tcp" {
		if err := checkAddress(addr); err == nil && !strings.HasPrefix(addr, ":") {
			return nil
		}
	}
	return fmt.Errorf("%q is none of unix:/PATH, udp:HOST:PORT, tcp:HOST:PORT", s)
}

func checkNATS(s string) error {
	for one := range strings.SplitSeq(s, ",") {
		if u, err := url.Parse(strings.TrimSpace(one)); err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls" {
			return fmt.Errorf("is not a URL such as nats://nats:4222")
		}
	}
	return nil
}

func (v *validator) quarantine(q *Quarantine) {
	v.oneOf("quarantine.store", q.Store, "blocked", "rewritten", "all")
	between(v, "quarantine.max_bytes", q.MaxBytes, 0, 1024*units.TiB)
	between(v, "quarantine.max_count", q.MaxCount, 0, 100_000_000)
	if q.Directory != "" && q.KeyFile == "" {
		v.bad("quarantine.key_file", "is missing: what is kept is encrypted (openssl rand -hex 32 > FILE)")
	}
	if q.Directory != "" {
		v.file("quarantine.key_file", string(q.KeyFile))
	}
}
