// Package conf reads the configuration of icapd: one YAML file, every key of it optional, and single values
// from flags. Reading is strict. What is wrong is reported all at once, each with file, line, column and key.
//
// The file is read with goccy/go-yaml's parser; the decoder is our own, because a decoder that stops at the
// first mistake makes people correct a file one restart at a time.
package conf

import (
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"icapd/internal/units"
	"icapd/policy"
	"icapd/scan"
)

// Config is a whole configuration, defaults filled in. The comments of the example, icapd.yaml, say what each key
// is for.
type Config struct {
	Listen       []Listener         `yaml:"listen"`
	TrustedPeers []string           `yaml:"trusted_peers"`
	Lenient      bool               `yaml:"lenient"`
	Admin        Admin              `yaml:"admin"`
	Limits       Limits             `yaml:"limits"`
	Timeouts     Timeouts           `yaml:"timeouts"`
	Spool        Spool              `yaml:"spool"`
	Engines      Engines            `yaml:"engines"`
	Services     map[string]Service `yaml:"services"`
	Profiles     Profiles           `yaml:"profiles"`
	APIs         []API              `yaml:"apis"`
	Events       []EventSink        `yaml:"events"`
	Tracing      Tracing            `yaml:"tracing"`
	Quarantine   Quarantine         `yaml:"quarantine"`
	Reload       Reload             `yaml:"reload"`
	// Sandbox is auto (the process confines itself where the kernel can) or off.
	Sandbox string `yaml:"sandbox"`
	Log     Log    `yaml:"log"`

	places map[string]position
}

// Given reports whether a file or flag has said something about the key, "engines.yara.rules", or whether it has
// its default.
func (c *Config) Given(key string) bool {
	_, ok := c.places[key]
	return ok
}

// At returns where a key was given, in the form "icapd.yaml:12:3", or the key alone if it has its default. It is for
// those who find out more about a value than this package can: that a certificate does not fit its key.
func (c *Config) At(key string) string {
	p := Problem{Key: key}
	if at, ok := c.places[key]; ok {
		p.Source, p.Line, p.Column = at.source, at.line, at.column
	}
	return strings.TrimSuffix(p.Error(), ": ")
}

// Trusts returns a function that reports whether the ICAP client at an address is believed about whom it speaks
// for. It does not see later changes of c.
func (c *Config) Trusts() func(netip.Addr) bool {
	return anyOf(Networks(c.TrustedPeers))
}

// Listener is an address that ICAP clients connect to. A bare string means its address.
type Listener struct {
	// Address is host:port (no host means all addresses, port 0 any free one), unix:PATH, or systemd:NAME.
	Address string   `yaml:"address"`
	TLS     TLS      `yaml:"tls,omitempty"`
	Clients []string `yaml:"clients,omitempty"` // networks that may connect; none means all
	Proxy   Proxy    `yaml:"proxy_protocol,omitempty"`
	Mode    string   `yaml:"mode,omitempty"` // permissions of a unix socket, in octal; "" means 0660
}

// Proxy asks for the PROXY protocol. The zero Proxy does not.
type Proxy struct {
	From []string `yaml:"from,omitempty"` // networks of the proxies, which must send its header
}

// SocketMode returns the permissions of a unix socket, 0 for the default.
func (l *Listener) SocketMode() fs.FileMode {
	n, err := strconv.ParseUint(l.Mode, 8, 9)
	if err != nil {
		return 0
	}
	return fs.FileMode(n)
}

// Networks parses a list of networks; what is none, which Load refuses, is left out.
func Networks(list []string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		if p, err := parseNetwork(s); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// TLS is a certificate, and who may connect. The zero TLS means none.
type TLS struct {
	Cert     Path `yaml:"cert,omitempty"`      // PEM, with intermediates
	Key      Path `yaml:"key,omitempty"`       // PEM
	ClientCA Path `yaml:"client_ca,omitempty"` // PEM; clients must have a certificate of it

	// AllowedNames are the clients that may connect, by a name in their certificates; none means all.
	AllowedNames []string `yaml:"allowed_names,omitempty"`
}

// Enabled reports whether there is anything to TLS.
func (t *TLS) Enabled() bool {
	return t.Cert != "" || t.Key != "" || t.ClientCA != "" || len(t.AllowedNames) > 0
}

// Admin is where operators and their machines ask.
type Admin struct {
	Address     string `yaml:"address"`                // "" means no admin server
	TokenSHA256 Secret `yaml:"token_sha256,omitempty"` // hex digest of the bearer token
	TLS         TLS    `yaml:"tls,omitempty"`

	// ReadTokenSHA256 is the digest of a token that may look, and change nothing.
	ReadTokenSHA256 Secret `yaml:"read_token_sha256,omitempty"`

	// ManageNames and ReadNames are names in client certificates of tls.client_ca: those who may change things, and
	// those who may look.
	ManageNames []string `yaml:"manage_names,omitempty"`
	ReadNames   []string `yaml:"read_names,omitempty"`
}

// Limits bound what one message, or all of them, may take.
type Limits struct {
	Connections      int           `yaml:"connections"`
	InFlight         int           `yaml:"in_flight"`  // messages; 0: as many as there are connections
	Queue            int           `yaml:"queue"`      // messages that wait for a place among those; 0: as many as in_flight
	QueueTime        time.Duration `yaml:"queue_time"` // how long they wait
	HeaderBytes      units.Size    `yaml:"header_bytes"`
	BodyBytes        units.Size    `yaml:"body_bytes"`
	MemoryBytes      units.Size    `yaml:"memory_bytes"`
	TotalMemoryBytes units.Size    `yaml:"total_memory_bytes"`
	DocumentMemory   units.Size    `yaml:"document_memory_bytes"`
	SpoolBytes       units.Size    `yaml:"spool_bytes"` // 0: what the disk has
	DecodedBytes     units.Size    `yaml:"decoded_bytes"`
	Ratio            int64         `yaml:"ratio"`
	Depth            int           `yaml:"depth"`
	Entries          int           `yaml:"entries"`
	Nesting          int           `yaml:"nesting"`
	Time             time.Duration `yaml:"time"`
}

// Timeouts bound how long peers are waited for.
type Timeouts struct {
	Idle     time.Duration `yaml:"idle"`
	Head     time.Duration `yaml:"head"`
	Body     time.Duration `yaml:"body"`
	BodyRate units.Size    `yaml:"body_rate"` // bytes of a body in a second, on average; 0 means any
	Write    time.Duration `yaml:"write"`
	Drain    time.Duration `yaml:"drain"`
}

// Spool is where bodies go that are too large for memory.
type Spool struct {
	Directory Path `yaml:"directory"` // "" means the system's folder for temporary files
}

// Engines are those who look.
type Engines struct {
	Yara      Yara       `yaml:"yara"`
	Clamd     Clamd      `yaml:"clamd"`
	Hashes    Hashes     `yaml:"hashes"`
	Injection Injection  `yaml:"injection"`
	WAF       WAF        `yaml:"waf"`
	Upstream  []Upstream `yaml:"upstream"`
	Cache     Cache      `yaml:"cache"`
}

// Cache remembers what engines found in equal bytes.
type Cache struct {
	Bytes  units.Size    `yaml:"bytes"` // 0 keeps nothing in memory and switches the cache off
	TTL    time.Duration `yaml:"ttl"`
	Redis  URL           `yaml:"redis"`
	Secret Secret        `yaml:"secret"`

	RedisPasswordFile Path      `yaml:"redis_password_file,omitempty"`
	RedisTLS          ClientTLS `yaml:"redis_tls,omitempty"`
	SecretFile        Path      `yaml:"secret_file,omitempty"`
}

// Yara looks at bytes with YARA rules. No rules: no engine.
type Yara struct {
	Rules    []Source      `yaml:"rules"`
	Disabled []string      `yaml:"disabled"`
	Timeout  time.Duration `yaml:"timeout"`
	Workers  int           `yaml:"workers"`
	Cache    Path          `yaml:"cache"`
}

// Clamd is a ClamAV daemon. No addresses: no engine.
type Clamd struct {
	Addresses     []string      `yaml:"addresses"`
	Timeout       time.Duration `yaml:"timeout"`
	Connections   int           `yaml:"connections"`
	MaxBytes      units.Size    `yaml:"max_bytes"`
	MaxFileBytes  units.Size    `yaml:"max_file_bytes"`
	RequireCanary bool          `yaml:"require_canary"`
	AllItems      bool          `yaml:"all_items"`
}

// Hashes is lists of digests. No files: no engine.
type Hashes struct {
	Files     []Source `yaml:"files"`
	Allow     []Source `yaml:"allow"`
	WeakAllow bool     `yaml:"weak_allow"`
}

// Injection looks at fields. No rules: no engine.
type Injection struct {
	Rules    []Source `yaml:"rules"`
	Disabled []string `yaml:"disabled"`
	Off      []Off    `yaml:"off"`
}

// Off is a place where injection rules must not match. All that is given must hold.
type Off struct {
	Rule  string `yaml:"rule,omitempty"`  // id
	Class string `yaml:"class,omitempty"` // instead of a rule: all of the class
	API   string `yaml:"api,omitempty"`   // name of an entry of apis
	Host  string `yaml:"host,omitempty"`  // after policy.Match.Hosts
	URL   string `yaml:"url,omitempty"`   // path of the URL, after policy.Match.Paths
	Path  string `yaml:"path,omitempty"`  // of the field, after sanitize.Switch.Fields
}

// Messages returns a function that reports whether a message is of the API, host and URL path that o names; nil if
// o names none.
func (c *Config) Messages(o *Off) (func(*scan.Message) bool, error) {
	var tests []func(*scan.Message) bool
	if o.Host != "" || o.URL != "" {
		var m policy.Match
		if o.Host != "" {
			m.Hosts = []string{o.Host}
		}
		if o.URL != "" {
			m.Paths = []string{o.URL}
		}
		test, err := m.Matcher()
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	if o.API != "" {
		p, err := c.Policy()
		if err != nil {
			return nil, err
		}
		tests = append(tests, func(m *scan.Message) bool { return p.Select(m, m.Service).API == o.API })
	}
	if len(tests) == 0 {
		return nil, nil //nolint:nilnil // documented: all messages
	}
	return func(m *scan.Message) bool {
		return !slices.ContainsFunc(tests, func(test func(*scan.Message) bool) bool { return !test(m) })
	}, nil
}

// WAF looks at fields with the rules of a web application firewall. No rules: no engine.
type WAF struct {
	Rules         []Source      `yaml:"rules"` // CRS, files and folders
	Paranoia      int           `yaml:"paranoia"`
	Disabled      []string      `yaml:"disabled"`
	Timeout       time.Duration `yaml:"timeout"` // of one message
	MaxFieldBytes units.Size    `yaml:"max_field_bytes"`
	MaxBytes      units.Size    `yaml:"max_bytes"`
	Sample        Fraction      `yaml:"sample"`
}

// Upstream is another ICAP server that is asked.
type Upstream struct {
	Name    string        `yaml:"name"`
	URL     URL           `yaml:"url"`
	Timeout time.Duration `yaml:"timeout"`
	CA      Path          `yaml:"ca,omitempty"`

	MaxBytes      units.Size `yaml:"max_bytes,omitempty"`
	Whole         bool       `yaml:"whole,omitempty"`
	OpensArchives bool       `yaml:"opens_archives,omitempty"`
	Adapt         bool       `yaml:"adapt,omitempty"`
}

// Service is a name that ICAP clients ask for.
type Service struct {
	Method     string        `yaml:"method"`
	Profile    string        `yaml:"profile"`
	Preview    units.Size    `yaml:"preview"`
	OptionsTTL time.Duration `yaml:"options_ttl"`

	// Clients are the networks whose ICAP clients may use the service; none means all.
	Clients []string `yaml:"clients,omitempty"`
	// MaxConnections is what OPTIONS tells clients to keep to; 0 tells them nothing.
	MaxConnections int `yaml:"max_connections"`
}

// Permits returns a function that reports whether the ICAP client at an address may use the service. The address is
// that of the peer of the connection, after the PROXY protocol, and never one that a client claims. It does not see
// later changes of s.
func (s *Service) Permits() func(netip.Addr) bool {
	if len(s.Clients) == 0 {
		return func(netip.Addr) bool { return true }
	}
	return anyOf(Networks(s.Clients))
}

// anyOf returns a function that reports whether an address is in one of the networks. Addresses of IPv4 written as
// IPv6 are of IPv4, and a zone does not count.
func anyOf(networks []netip.Prefix) func(netip.Addr) bool {
	return func(a netip.Addr) bool {
		a = a.Unmap().WithZone("")
		return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
	}
}

// API names a third-party API, and the profile of its messages.
type API struct {
	Name    string     `yaml:"name"`
	Match   Match      `yaml:"match"`
	Profile ProfileRef `yaml:"profile"`

	Schema Schema `yaml:"schema,omitempty"`
	Learn  bool   `yaml:"learn,omitempty"` // keep the shapes of its messages, for `icapd learn`
}

// Schema names the documents that an API's messages are held against. The zero Schema holds them against nothing.
type Schema struct {
	OpenAPI    Path   `yaml:"openapi,omitempty"`             // of requests and responses
	JSONSchema Path   `yaml:"json_schema,omitempty"`         // of the bodies of responses
	Request    Path   `yaml:"request_json_schema,omitempty"` // of the bodies of requests
	Mode       string `yaml:"mode,omitempty"`                // observe, the default, or enforce
}

// Set reports whether there is a document.
func (s *Schema) Set() bool { return s.OpenAPI != "" || s.JSONSchema != "" || s.Request != "" }

// Enforced reports whether profiles decide about violations; else they are only reported.
func (s *Schema) Enforced() bool { return s.Mode == "enforce" }

// Match says which messages belong to an API: see policy.Match.
type Match struct {
	Hosts   []string `yaml:"hosts,omitempty"`
	Paths   []string `yaml:"paths,omitempty"`
	Methods []string `yaml:"methods,omitempty"`
	Types   []string `yaml:"types,omitempty"`
	Clients []string `yaml:"clients,omitempty"`
}

// Log says what is logged, and how.
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
	Events bool   `yaml:"events"` // of messages, too
}

// Profile is a policy.Profile as people write it.
type Profile struct {
	Base string      `yaml:"base,omitempty"` // "" means default, and for default what is built in
	Mode policy.Mode `yaml:"mode"`

	Malware       policy.Action  `yaml:"malware"`
	Injection     policy.Action  `yaml:"injection"`
	ActiveContent documentAction `yaml:"active_content"`
	Hazard        policy.Action  `yaml:"hazard"`
	Schema        policy.Action  `yaml:"schema"`
	WAF           policy.Action  `yaml:"waf"`
	Pages         policy.Action  `yaml:"pages"`
	Documents     policy.Action  `yaml:"documents"`

	Unscannable policy.Action            `yaml:"unscannable"`
	Encrypted   policy.Action            `yaml:"encrypted"`
	Gaps        map[reason]policy.Action `yaml:"gaps,omitempty"`

	Unkept policy.Action `yaml:"unkept"`

	Classes map[string]policy.Action `yaml:"classes,omitempty"`
	Rules   map[string]policy.Action `yaml:"rules,omitempty"`
	Disable []Exemption              `yaml:"disable,omitempty"`
	Skip    []SkipRule               `yaml:"skip,omitempty"`

	Neutralise policy.NeutraliseMode `yaml:"neutralise"`

	CDR           policy.CDRMode            `yaml:"cdr"`
	CDRTypes      map[string]policy.CDRMode `yaml:"cdr_types,omitempty"`
	StripMetadata bool                      `yaml:"strip_metadata"`
	DisarmFirst   bool                      `yaml:"disarm_first"`
	Programs      policy.ProgramsMode       `yaml:"programs"`
	ReportHeader  bool                      `yaml:"report_header"`

	StallNudge bool      `yaml:"stall_nudge"`
	Trickle    Trickle   `yaml:"trickle"`
	BlockPage  BlockPage `yaml:"block_page"`
}

// Trickle is a policy.Trickle as people write it.
type Trickle struct {
	After time.Duration `yaml:"after"`
	Every time.Duration `yaml:"every"`
	Bytes units.Size    `yaml:"bytes"`
}

// BlockPage is a policy.BlockPage as people write it.
type BlockPage struct {
	Status int                `yaml:"status"`
	Format policy.BlockFormat `yaml:"format"`
}

// Exemption is a policy.Exemption as people write it. A bare string means its rule.
type Exemption struct {
	Rule  string `yaml:"rule,omitempty"`
	Class string `yaml:"class,omitempty"`
	Path  string `yaml:"path,omitempty"`
}

// SkipRule is a policy.SkipRule as people write it.
type SkipRule struct {
	Types      []string   `yaml:"types,omitempty"`
	LargerThan units.Size `yaml:"larger_than,omitempty"`
}

// DefaultProfile is the profile that others start from.
const DefaultProfile = "default"

// Default returns the configuration that an empty file means.
func Default() *Config {
	return &Config{
		Listen:       []Listener{{Address: "127.0.0.1:1344"}},
		TrustedPeers: []string{"127.0.0.0/8", "::1"},
		Admin:        Admin{Address: "127.0.0.1:8344"},
		Limits: Limits{
			Connections: 10_000, QueueTime: 5 * time.Second, HeaderBytes: 64 * units.KiB, BodyBytes: units.GiB, MemoryBytes: units.MiB,
			TotalMemoryBytes: 256 * units.MiB, DocumentMemory: 512 * units.MiB, DecodedBytes: 2 * units.GiB,
			Ratio: 200, Depth: 8, Entries: 10_000, Nesting: 1000, Time: time.Minute,
		},
		Timeouts: Timeouts{
			Idle: 90 * time.Second, Head: 10 * time.Second, Body: time.Minute, BodyRate: 500, Write: time.Minute, Drain: 30 * time.Second,
		},
		Engines: Engines{
			Yara:      Yara{Rules: []Source{Builtin}, Timeout: 10 * time.Second},
			Clamd:     Clamd{Timeout: 30 * time.Second, Connections: 32, MaxFileBytes: 25 * units.MiB},
			Hashes:    Hashes{Files: []Source{Builtin}},
			Injection: Injection{Rules: []Source{Builtin}},
			WAF: WAF{
				Paranoia: 1, Disabled: []string{"932235", "932140", "932250", "932230", "932370", "941180"},
				Timeout: 5 * time.Second, MaxFieldBytes: 16 * units.KiB, MaxBytes: 256 * units.KiB, Sample: 1,
			},
			Cache: Cache{Bytes: 64 * units.MiB, TTL: time.Hour},
		},
		Services:   map[string]Service{"respmod": newService("RESPMOD"), "reqmod": newService("REQMOD")},
		Profiles:   Profiles{DefaultProfile: builtinProfile()},
		Tracing:    defaultTracing(),
		Quarantine: defaultQuarantine(),
		Sandbox:    "auto",
		Log:        Log{Level: "info", Format: "json", Events: true},
	}
}

func newService(method string) Service {
	return Service{Method: method, Profile: DefaultProfile, Preview: 4 * units.KiB, OptionsTTL: time.Minute}
}

func builtinProfile() *Profile {
	return &Profile{
		Malware: policy.ActionBlock, Injection: policy.ActionRewrite, ActiveContent: documentAction(policy.ActionRewrite),
		Hazard: policy.ActionRewrite, Schema: policy.ActionBlock, WAF: policy.ActionReport, Pages: policy.ActionReport, Documents: policy.ActionReport,
		Unscannable: policy.ActionBlock, Encrypted: policy.ActionBlock, Unkept: policy.ActionReport,
		Trickle:   Trickle{Every: 5 * time.Second, Bytes: units.KiB},
		BlockPage: BlockPage{Status: 403},
	}
}

// Policy builds the policy that the configuration describes.
func (c *Config) Policy() (*policy.Policy, error) {
	built := map[string]*policy.Profile{}
	for name, p := range c.Profiles {
		built[name] = p.build(name)
	}
	pc := policy.Config{Default: built[DefaultProfile], Services: map[string]*policy.Profile{}}
	for name, s := range c.Services {
		pc.Services[name] = built[s.Profile]
	}
	for i := range c.APIs {
		api := &c.APIs[i]
		profile := built[api.Profile.Name]
		if api.Profile.Inline != nil {
			profile = api.Profile.Inline.build("apis." + api.Name)
		}
		match, err := api.Match.build()
		if err != nil {
			return nil, err
		}
		pc.APIs = append(pc.APIs, policy.API{Name: api.Name, Match: match, Profile: profile})
	}
	return policy.New(pc)
}

func (p *Profile) build(name string) *policy.Profile {
	out := &policy.Profile{
		Name: name, Mode: p.Mode,
		Malware: p.Malware, Injection: p.Injection, ActiveContent: policy.Action(p.ActiveContent), Hazard: p.Hazard, Schema: p.Schema,
		WAF: p.WAF, Pages: p.Pages, Documents: p.Documents,
		Unscannable: p.Unscannable, Encrypted: p.Encrypted, Gaps: map[scan.Reason]policy.Action{},
		Classes: p.Classes, Rules: p.Rules, Unkept: p.Unkept,
		CDRTypes: p.CDRTypes, StripMetadata: p.StripMetadata, DisarmFirst: p.DisarmFirst, Programs: p.Programs, ReportHeader: p.ReportHeader,
		Neutralise: p.Neutralise, CDR: p.CDR, StallNudge: p.StallNudge,
		Trickle: policy.Trickle{After: p.Trickle.After, Every: p.Trickle.Every, Bytes: int64(p.Trickle.Bytes)}, BlockPage: policy.BlockPage(p.BlockPage),
	}
	for r, a := range p.Gaps {
		out.Gaps[scan.Reason(r)] = a
	}
	for _, e := range p.Disable {
		out.Disabled = append(out.Disabled, policy.Exemption(e))
	}
	for _, s := range p.Skip {
		out.Skip = append(out.Skip, policy.SkipRule{Types: s.Types, LargerThan: int64(s.LargerThan)})
	}
	return out
}
