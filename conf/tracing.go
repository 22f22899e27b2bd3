package conf

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Tracing says where spans of messages go. No endpoint: messages are not traced.
type Tracing struct {
	Endpoint    URL           `yaml:"endpoint"` // of OTLP over HTTP: http://127.0.0.1:4318/v1/traces
	Sample      Share         `yaml:"sample"`   // of the messages whose request has no traceparent
	Service     string        `yaml:"service"`  // service.name
	HeadersFile Path          `yaml:"headers_file"`
	CA          Path          `yaml:"ca"`
	Cert        Path          `yaml:"cert"`
	Key         Path          `yaml:"key"`
	Queue       int           `yaml:"queue"` // messages that wait
	Timeout     time.Duration `yaml:"timeout"`
}

// On reports whether messages are traced.
func (t *Tracing) On() bool { return t.Endpoint != "" }

// URL returns the endpoint with the path that OTLP has by default, where it has none.
func (t *Tracing) URL() string {
	u, err := url.Parse(string(t.Endpoint))
	if err != nil {
		return string(t.Endpoint)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String()
}

func defaultTracing() Tracing {
	return Tracing{Sample: 0.1, Service: "icapd", Queue: 2048, Timeout: 5 * time.Second}
}

// Share is a part of a whole, from 0 to 1. A percentage is read, too.
type Share float64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Share) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	f, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		f /= 100
	}
	if err != nil || !(f >= 0 && f <= 1) { // a NaN is neither
		return errors.New("is not a share such as 0.1 or 10%")
	}
	*s = Share(f)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (s Share) MarshalText() ([]byte, error) {
	return []byte(strconv.FormatFloat(float64(s), 'g', -1, 64)), nil
}

func (v *validator) tracing(t *Tracing) {
	if t.On() {
		v.check("tracing.endpoint", t.checkEndpoint())
	}
	if t.Service == "" {
		v.bad("tracing.service", "is missing")
	}
	for _, f := range []struct {
		key  string
		path Path
	}{{"headers_file", t.HeadersFile}, {"ca", t.CA}, {"cert", t.Cert}, {"key", t.Key}} {
		v.file("tracing."+f.key, string(f.path))
	}
	if (t.Cert == "") != (t.Key == "") {
		v.bad("tracing.cert", "wants cert and key, or neither")
	}
	between(v, "tracing.queue", t.Queue, 1, 1_000_000)
	between(v, "tracing.timeout", t.Timeout, 100*time.Millisecond, time.Minute)
}

func (t *Tracing) checkEndpoint() error {
	u, err := url.Parse(string(t.Endpoint))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("is not a URL such as http://127.0.0.1:4318/v1/traces")
	case u.User != nil:
		return errors.New("holds credentials: put a line Authorization: ... into headers_file")
	case u.Scheme == "http" && t.CA+t.Cert != "":
		return errors.New("is http, which has no use for ca and cert: write https")
	case u.Scheme == "http" && t.HeadersFile != "" && !isLoopback(u.Hostname()):
		return errors.New("is http: what is in headers_file would go over the network as it is; write https")
	}
	return nil
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
