package conf

import (
	"cmp"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"icapd/internal/units"
)

// EventSink is where the audit stream goes, besides the log: exactly one of file, stdout, syslog, nats and kafka is set. It is
// comparable. Secrets of syslog, NATS and Kafka are in files.
type EventSink struct {
	Stdout       bool          `yaml:"stdout,omitempty"`
	File         Path          `yaml:"file,omitempty"`
	Syslog       string        `yaml:"syslog,omitempty"` // unix:/PATH, or udp, tcp or tls:HOST:PORT
	NATS         URL           `yaml:"nats,omitempty"`
	Kafka        string        `yaml:"kafka,omitempty"`         // brokers, HOST:PORT, separated by commas
	Format       string        `yaml:"format,omitempty"`        // native or ecs; "" is native
	MaxBytes     units.Size    `yaml:"max_bytes,omitempty"`     // of a file
	MaxAge       time.Duration `yaml:"max_age,omitempty"`       // of a file
	Keep         int           `yaml:"keep,omitempty"`          // files put aside
	Subject      string        `yaml:"subject,omitempty"`       // of NATS
	Stream       string        `yaml:"stream,omitempty"`        // of NATS, made if it is not there
	Credentials  Path          `yaml:"credentials,omitempty"`   // of NATS: a user's JWT and seed
	TokenFile    Path          `yaml:"token_file,omitempty"`    // of NATS
	Topic        string        `yaml:"topic,omitempty"`         // of Kafka
	PartitionBy  string        `yaml:"partition_by,omitempty"`  // of Kafka: host, api, client or request_id; "" is none
	SASL         string        `yaml:"sasl,omitempty"`          // of Kafka: plain, scram-sha-256 or scram-sha-512
	User         string        `yaml:"user,omitempty"`          // of NATS and Kafka
	PasswordFile Path          `yaml:"password_file,omitempty"` // of NATS and Kafka
	TLS          bool          `yaml:"tls,omitempty"`           // of Kafka; ca and cert mean it as well
	CA           Path          `yaml:"ca,omitempty"`            // PEM, of the server
	Cert         Path          `yaml:"cert,omitempty"`          // PEM, of icapd, with its key
	Key          Path          `yaml:"key,omitempty"`
	Queue        int           `yaml:"queue,omitempty"` // records that wait
}

// ClientTLS is how icapd connects to a server by TLS. The zero value means the system's certificates.
type ClientTLS struct {
	CA   Path `yaml:"ca,omitempty"`   // PEM, of the server
	Cert Path `yaml:"cert,omitempty"` // PEM, of icapd, with its key
	Key  Path `yaml:"key,omitempty"`
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

// Quarantine keeps originals, in a directory or in an S3 store. Neither: none are kept.
type Quarantine struct {
	Directory Path          `yaml:"directory"`
	S3        S3            `yaml:"s3,omitempty"`
	KeyFile   Path          `yaml:"key_file"` // 32 bytes, or their 64 hexadecimal digits
	MaxBytes  units.Size    `yaml:"max_bytes"`
	MaxAge    time.Duration `yaml:"max_age"`
	MaxCount  int           `yaml:"max_count"`
	Store     string        `yaml:"store"` // blocked, rewritten or all (both)
}

// S3 is a bucket of an S3-compatible service. The zero S3 is none.
type S3 struct {
	Endpoint      string    `yaml:"endpoint,omitempty"` // https://HOST[:PORT], without the bucket
	Bucket        string    `yaml:"bucket,omitempty"`
	Prefix        string    `yaml:"prefix,omitempty"` // of all keys
	Region        string    `yaml:"region,omitempty"` // "" means us-east-1
	AccessKeyFile Path      `yaml:"access_key_file,omitempty"`
	SecretKeyFile Path      `yaml:"secret_key_file,omitempty"`
	TLS           ClientTLS `yaml:"tls,omitempty"`
}

// Enabled reports whether originals are kept.
func (q *Quarantine) Enabled() bool { return q.Directory != "" || q.S3 != (S3{}) }

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
		if kind := v.sinkKind(key, s); kind != "" {
			v.sinkKeys(key, kind)
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
		v.kafka(key, s)
		v.file(key+".credentials", string(s.Credentials))
		v.file(key+".token_file", string(s.TokenFile))
		v.file(key+".password_file", string(s.PasswordFile))
		if (s.User == "") != (s.PasswordFile == "") {
			v.bad(key, "user and password_file go together")
		}
		v.clientTLS(key, &ClientTLS{s.CA, s.Cert, s.Key})
		between(v, key+".keep", s.Keep, 0, 10_000)
		between(v, key+".max_bytes", s.MaxBytes, 0, units.TiB)
		between(v, key+".queue", s.Queue, 1, 1_000_000)
	}
}

// sinkKind returns the one of a sink's keys that says what it is, "" if that is not clear.
func (v *validator) sinkKind(key string, s *EventSink) string {
	var kinds []string
	for kind, set := range map[string]bool{"file": s.File != "", "stdout": s.Stdout, "syslog": s.Syslog != "", "nats": s.NATS != "", "kafka": s.Kafka != ""} {
		if set {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) != 1 {
		v.bad(key, "wants exactly one of file, stdout, syslog, nats, kafka")
		return ""
	}
	return kinds[0]
}

// sinkKeys complains of keys that another kind of sink has.
func (v *validator) sinkKeys(key, kind string) {
	for name, kinds := range map[string]string{
		"max_bytes": "file", "max_age": "file", "keep": "file",
		"subject": "nats", "stream": "nats", "credentials": "nats", "token_file": "nats",
		"topic": "kafka", "partition_by": "kafka", "sasl": "kafka", "tls": "kafka",
		"user": "nats, kafka", "password_file": "nats, kafka",
		"ca": "syslog, nats, kafka", "cert": "syslog, nats, kafka", "key": "syslog, nats, kafka",
	} {
		if v.given(key+"."+name) && !slices.Contains(strings.Split(kinds, ", "), kind) {
			v.bad(key+"."+name, "has no use for %s (it is for %s)", kind, kinds)
		}
	}
}

func (v *validator) kafka(key string, s *EventSink) {
	if s.Kafka == "" {
		return
	}
	for one := range strings.SplitSeq(s.Kafka, ",") {
		if one = strings.TrimSpace(one); checkAddress(one) != nil || strings.HasPrefix(one, ":") {
			v.bad(key+".kafka", "%q is not a broker such as kafka:9092", excerpt(one))
		}
	}
	if s.Topic != "" && !validTopic.MatchString(s.Topic) {
		v.bad(key+".topic", "%q is not a topic (letters, digits, and ._-, at most 249)", excerpt(s.Topic))
	}
	v.oneOf(key+".partition_by", cmp.Or(s.PartitionBy, "host"), "host", "api", "client", "request_id")
	v.oneOf(key+".sasl", cmp.Or(s.SASL, "plain"), "plain", "scram-sha-256", "scram-sha-512")
	switch {
	case s.SASL != "" && s.User == "":
		v.bad(key+".sasl", "wants user and password_file")
	case s.SASL == "" && s.User != "":
		v.bad(key+".user", "wants sasl: how the password is shown")
	case s.SASL == "plain" && !s.TLS && s.CA == "" && s.Cert == "":
		v.bad(key+".sasl", "plain shows the password to the network: it wants tls: true, or take scram-sha-512")
	}
}

var validTopic = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

func (v *validator) clientTLS(key string, t *ClientTLS) {
	v.file(key+".ca", string(t.CA))
	v.file(key+".cert", string(t.Cert))
	v.file(key+".key", string(t.Key))
	if (t.Cert == "") != (t.Key == "") {
		v.bad(key, "cert and key go together")
	}
}

func checkSyslog(s string) error {
	network, addr, _ := strings.Cut(s, ":")
	if network == "unix" && strings.HasPrefix(addr, "/") {
		return nil
	}
	if network == "udp" || network == "tcp" || network == "tls" {
		if err := checkAddress(addr); err == nil && !strings.HasPrefix(addr, ":") {
			return nil
		}
	}
	return fmt.Errorf("%q is none of unix:/PATH, udp:HOST:PORT, tcp:HOST:PORT, tls:HOST:PORT", s)
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
	if q.Directory != "" && q.S3 != (S3{}) {
		v.bad("quarantine", "wants directory or s3, not both")
	}
	if !q.Enabled() {
		return
	}
	if q.KeyFile == "" {
		v.bad("quarantine.key_file", "is missing: what is kept is encrypted (openssl rand -hex 32 > FILE)")
	}
	v.file("quarantine.key_file", string(q.KeyFile))
	v.s3(&q.S3)
}

var validBucket = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func (v *validator) s3(s *S3) {
	if *s == (S3{}) {
		return
	}
	const key = "quarantine.s3"
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" {
		v.bad(key+".endpoint", "wants the URL of the service, without the bucket: https://s3.eu-central-1.amazonaws.com, http://minio:9000")
	} else if u.Scheme == "http" && s.TLS != (ClientTLS{}) {
		v.bad(key+".tls", "has no use for an endpoint that is http://")
	}
	if !validBucket.MatchString(s.Bucket) {
		v.bad(key+".bucket", "%q is not a bucket (3 to 63 small letters, digits, and .- within)", excerpt(s.Bucket))
	}
	if strings.HasPrefix(s.Prefix, "/") || len(s.Prefix) > 512 || strings.ContainsFunc(s.Prefix, unicode.IsControl) {
		v.bad(key+".prefix", "%q is not the beginning of a key, such as icapd/", excerpt(s.Prefix))
	}
	for _, f := range []struct {
		name string
		file Path
	}{{"access_key_file", s.AccessKeyFile}, {"secret_key_file", s.SecretKeyFile}} {
		if f.file == "" {
			v.bad(key+"."+f.name, "is missing: a file that holds the key alone")
		}
		v.file(key+"."+f.name, string(f.file))
	}
	v.clientTLS(key+".tls", &s.TLS)
}
