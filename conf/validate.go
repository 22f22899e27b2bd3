package conf

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"icapd/internal/units"
	"icapd/policy"
)

const defaultUpstreamTimeout = 30 * time.Second

// validator checks what types alone do not say. It finds the place of a key from its name.
type validator struct {
	*decoder
	stat func(string) error
}

func (v *validator) bad(key, format string, args ...any) {
	v.fail(v.place(key), key, format, args...)
}

func (v *validator) check(key string, err error) {
	if err != nil {
		v.bad(key, "%v", err)
	}
}

// place returns where the key, or the nearest thing around it, was given.
func (v *validator) place(key string) position {
	for key != "" {
		if at, ok := v.places[key]; ok {
			return at
		}
		cut := strings.LastIndexAny(key, ".[")
		if cut < 0 {
			break
		}
		key = key[:cut]
	}
	return position{source: "defaults"}
}

// given reports whether the key stands in a file or flag. What was inherited is judged where it was written.
func (v *validator) given(key string) bool {
	_, ok := v.places[key]
	return ok
}

func (v *validator) config(c *Config) {
	v.listeners(c.Listen)
	v.each("trusted_peers", c.TrustedPeers, func(s string) error { _, err := parseNetwork(s); return err })
	v.admin(&c.Admin)
	v.limits(&c.Limits)
	v.timeouts(&c.Timeouts)
	v.file("spool.directory", string(c.Spool.Directory))
	v.engines(&c.Engines)
	v.off(c)
	v.services(c)
	for _, name := range slices.Sorted(maps.Keys(c.Profiles)) {
		v.profileKeys(join("profiles", name), c.Profiles[name])
		v.unkept(join("profiles", name), c.Profiles[name], &c.Quarantine)
	}
	v.apis(c)
	v.events(c.Events)
	v.tracing(&c.Tracing)
	v.quarantine(&c.Quarantine)
	v.oneOf("sandbox", c.Sandbox, "auto", "off")
	v.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	v.oneOf("log.format", c.Log.Format, "json", "text")
}

func (v *validator) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		v.bad(key, "%q is none of %s", value, strings.Join(allowed, ", "))
	}
}

// file checks that something can be opened under the name. An empty name is no file.
func (v *validator) file(key, name string) {
	if name == "" {
		return
	}
	if err := v.stat(name); err != nil {
		v.bad(key, "%s: %s", name, plain(err))
	}
}

func (v *validator) listeners(ls []Listener) {
	if len(ls) == 0 {
		v.bad("listen", "no address to listen on")
	}
	seen := map[string]bool{}
	for i := range ls {
		key := fmt.Sprintf("listen[%d]", i)
		addr := ls[i].Address
		v.check(key+".address", checkListen(addr))
		if seen[addr] && !strings.HasSuffix(addr, ":0") {
			v.bad(key+".address", "%s is here twice", addr)
		}
		seen[addr] = true
		v.tls(key+".tls", &ls[i].TLS)
		v.each(key+".clients", ls[i].Clients, func(s string) error { _, err := parseNetwork(s); return err })
		v.each(key+".proxy_protocol.from", ls[i].Proxy.From, func(s string) error { _, err := parseNetwork(s); return err })
		if ls[i].Mode != "" && ls[i].SocketMode() == 0 {
			v.bad(key+".mode", "%q is not permissions in octal, such as 0660", ls[i].Mode)
		}
	}
}

// checkListen takes sockets of other kinds, too.
func checkListen(addr string) error {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("%q: the path of a socket begins with /", addr)
		}
		return nil
	}
	if strings.HasPrefix(addr, "systemd:") {
		return nil
	}
	return checkAddress(addr)
}

func checkAddress(addr string) error {
	if addr == "" {
		return errors.New("is missing: such as 127.0.0.1:1344 or :1344")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is not an address such as 127.0.0.1:1344 or :1344", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q: the port %q is not a number from 0 to 65535", addr, port)
	} else if n == 0 && host == "" {
		return fmt.Errorf("%q: any port on any address is nothing that a client can find", addr)
	}
	if strings.ContainsAny(host, "/ @") {
		return fmt.Errorf("%q: %q is not a host", addr, host)
	}
	return nil
}

func (v *validator) tls(key string, t *TLS) {
	if !t.Enabled() {
		return
	}
	for _, need := range []struct {
		name string
		file Path
	}{{"cert", t.Cert}, {"key", t.Key}} {
		if need.file == "" {
			v.bad(key, "%s is missing: TLS needs cert and key", need.name)
		}
	}
	v.file(key+".cert", string(t.Cert))
	v.file(key+".key", string(t.Key))
	v.file(key+".client_ca", string(t.ClientCA))
}

func (v *validator) admin(a *Admin) {
	if a.TokenSHA256 != "" {
		if raw, err := hex.DecodeString(string(a.TokenSHA256)); err != nil || len(raw) != sha256.Size {
			v.bad("admin.token_sha256", "wants the SHA-256 of the token in hex: printf %%s TOKEN | sha256sum")
		}
	}
	if raw, err := hex.DecodeString(string(a.ReadTokenSHA256)); err != nil || len(raw) != sha256.Size && len(raw) != 0 {
		v.bad("admin.read_token_sha256", "wants the SHA-256 of the token in hex: printf %%s TOKEN | sha256sum")
	}
	if a.ReadTokenSHA256 != "" && a.TokenSHA256 == "" {
		v.bad("admin.read_token_sha256", "has no use without admin.token_sha256, the token that may change things")
	}
	v.tls("admin.tls", &a.TLS)
	for _, list := range []struct {
		key   string
		names []string
	}{{"admin.manage_names", a.ManageNames}, {"admin.read_names", a.ReadNames}} {
		if len(list.names) > 0 && a.TLS.ClientCA == "" {
			v.bad(list.key, "has no use without admin.tls.client_ca, of which the certificates are")
		}
		if i := slices.Index(list.names, ""); i >= 0 {
			v.bad(fmt.Sprintf("%s[%d]", list.key, i), "is empty")
		}
	}
	if a.Address == "" {
		return
	}
	if err := checkAddress(a.Address); err != nil {
		v.bad("admin.address", "%v", err)
		return
	}
	if !loopback(a.Address) && a.TokenSHA256 == "" && a.TLS.ClientCA == "" {
		v.bad("admin.address", "%s can be reached from outside: it needs admin.token_sha256 or admin.tls.client_ca", a.Address)
	}
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

func (v *validator) limits(l *Limits) {
	between(v, "limits.connections", l.Connections, 1, 1<<20)
	between(v, "limits.in_flight", l.InFlight, 0, 1<<20)
	between(v, "limits.queue", l.Queue, 0, 1<<20)
	between(v, "limits.queue_time", l.QueueTime, 0, time.Hour)
	between(v, "limits.header_bytes", l.HeaderBytes, units.KiB, 16*units.MiB)
	between(v, "limits.body_bytes", l.BodyBytes, units.Byte, 1024*units.TiB)
	between(v, "limits.memory_bytes", l.MemoryBytes, units.KiB, units.TiB)
	between(v, "limits.total_memory_bytes", l.TotalMemoryBytes, units.KiB, units.TiB)
	between(v, "limits.document_memory_bytes", l.DocumentMemory, units.MiB, units.TiB)
	between(v, "limits.spool_bytes", l.SpoolBytes, 0, 1024*units.TiB)
	between(v, "limits.decoded_bytes", l.DecodedBytes, units.Byte, 1024*units.TiB)
	between(v, "limits.ratio", l.Ratio, 1, 1<<20)
	between(v, "limits.depth", l.Depth, 1, 64)
	between(v, "limits.entries", l.Entries, 1, 10_000_000)
	between(v, "limits.nesting", l.Nesting, 1, 10_000)
	between(v, "limits.time", l.Time, time.Millisecond, 24*time.Hour)
	if l.TotalMemoryBytes < l.MemoryBytes {
		v.bad("limits.total_memory_bytes", "%v is less than limits.memory_bytes, what one message may hold (%v)", l.TotalMemoryBytes, l.MemoryBytes)
	}
}

func between[T cmp.Ordered](v *validator, key string, value, lowest, highest T) {
	switch {
	case value < lowest:
		v.bad(key, "%v is less than %v", value, lowest)
	case value > highest:
		v.bad(key, "%v is more than %v", value, highest)
	}
}

func (v *validator) timeouts(t *Timeouts) {
	between(v, "timeouts.idle", t.Idle, time.Millisecond, 24*time.Hour)
	between(v, "timeouts.head", t.Head, time.Millisecond, time.Hour)
	between(v, "timeouts.body", t.Body, time.Millisecond, time.Hour)
	between(v, "timeouts.body_rate", t.BodyRate, 0, units.GiB)
	between(v, "timeouts.write", t.Write, time.Millisecond, time.Hour)
	between(v, "timeouts.drain", t.Drain, 0, time.Hour)
}

// sources checks where rules come from. Those that are not there are taken out of the list, so that whoever goes
// on to compile the others does not complain a second time.
func (v *validator) sources(key string, list *[]Source) {
	var good []Source
	for i, s := range *list {
		k, before := fmt.Sprintf("%s[%d]", key, i), len(v.problems)
		switch {
		case s == "":
			v.bad(k, "is empty: write builtin, a file or a folder")
		case s != Builtin:
			v.file(k, string(s))
		}
		if slices.Contains((*list)[:i], s) {
			v.bad(k, "%s is here twice", s)
		}
		if len(v.problems) == before {
			good = append(good, s)
		}
	}
	*list = good
}

func (v *validator) engines(e *Engines) {
	v.sources("engines.yara.rules", &e.Yara.Rules)
	between(v, "engines.yara.timeout", e.Yara.Timeout, time.Millisecond, time.Hour)
	between(v, "engines.yara.workers", e.Yara.Workers, 0, 1024)
	v.file("engines.yara.cache", string(e.Yara.Cache))
	v.sources("engines.hashes.files", &e.Hashes.Files)
	v.sources("engines.hashes.allow", &e.Hashes.Allow)
	if i := slices.Index(e.Hashes.Allow, Builtin); i >= 0 {
		v.bad(fmt.Sprintf("engines.hashes.allow[%d]", i), "there is no built-in list of what is good")
	}
	v.sources("engines.injection.rules", &e.Injection.Rules)
	for i, a := range e.Clamd.Addresses {
		key := fmt.Sprintf("engines.clamd.addresses[%d]", i)
		v.check(key, checkClamd(a))
		if slices.Contains(e.Clamd.Addresses[:i], a) {
			v.bad(key, "%s is here twice", a)
		}
	}
	between(v, "engines.clamd.timeout", e.Clamd.Timeout, time.Millisecond, time.Hour)
	between(v, "engines.clamd.connections", e.Clamd.Connections, 1, 10_000)
	between(v, "engines.clamd.max_bytes", e.Clamd.MaxBytes, 0, units.TiB)
	between(v, "engines.clamd.max_file_bytes", e.Clamd.MaxFileBytes, units.Byte, units.TiB)
	v.waf(&e.WAF)
	v.upstreams(e.Upstream)
	v.cache(&e.Cache)
}

// off checks where injection rules are switched off. Whether there are such rules is known to who reads them.
func (v *validator) off(c *Config) {
	for i := range c.Engines.Injection.Off {
		o, key := &c.Engines.Injection.Off[i], fmt.Sprintf("engines.injection.off[%d]", i)
		switch {
		case *o == (Off{}):
			v.bad(key, "is empty, which would switch everything off: name a rule or class, and an api, host, url or path")
		case o.Rule != "" && o.Class != "":
			v.bad(key+".class", "a rule is of one class: name either")
		}
		if o.API != "" && !slices.ContainsFunc(c.APIs, func(a API) bool { return a.Name == o.API }) {
			v.bad(key+".api", "no API of the name %q in apis", o.API)
		}
		if o.Host != "" {
			v.check(key+".host", policy.CheckHost(o.Host))
		}
		if o.URL != "" {
			v.check(key+".url", policy.CheckPath(o.URL))
		}
		if o.Path != "" && !strings.HasPrefix(o.Path, "/") && !strings.HasPrefix(o.Path, "*") {
			v.bad(key+".path", "%q: the path of a field begins with / or *: /items/*/query", o.Path)
		}
	}
}

func (v *validator) waf(w *WAF) {
	var good []Source
	for i, s := range w.Rules {
		k, before := fmt.Sprintf("engines.waf.rules[%d]", i), len(v.problems)
		switch {
		case s == "":
			v.bad(k, "is empty: write crs, a file or a folder")
		case s == Builtin:
			v.bad(k, "the rules that come with icapd are named crs here")
		case s != CRS:
			v.file(k, string(s))
		}
		if slices.Contains(w.Rules[:i], s) {
			v.bad(k, "%s is here twice", s)
		}
		if len(v.problems) == before {
			good = append(good, s)
		}
	}
	w.Rules = good
	between(v, "engines.waf.paranoia", w.Paranoia, 1, 4)
	between(v, "engines.waf.timeout", w.Timeout, time.Millisecond, time.Hour)
	between(v, "engines.waf.max_field_bytes", w.MaxFieldBytes, 64*units.Byte, units.MiB)
	between(v, "engines.waf.max_bytes", w.MaxBytes, units.KiB, 64*units.MiB)
	if w.Sample == 0 {
		v.bad("engines.waf.sample", "looks at nothing: leave engines.waf.rules empty to switch the engine off")
	}
}

func checkClamd(s string) error {
	network, addr, _ := strings.Cut(s, ":")
	switch network {
	case "unix":
		if filepath.IsAbs(addr) {
			return nil
		}
		return fmt.Errorf("%q: the socket's path must be absolute: unix:/run/clamav/clamd.ctl", s)
	case "tcp":
		host, port, err := net.SplitHostPort(addr)
		if n, e := strconv.ParseUint(port, 10, 16); err == nil && e == nil && n > 0 && host != "" {
			return nil
		}
	}
	return fmt.Errorf("%q is neither unix:/path nor tcp:host:port", s)
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (v *validator) name(key, name string) {
	if !validName.MatchString(name) {
		v.bad(key, "%q is not a name (letters, digits, and ._- within, at most 64)", name)
	}
}

func (v *validator) cache(c *Cache) {
	if c.Bytes < 0 {
		v.bad("engines.cache.bytes", "must not be negative")
	}
	if c.TTL <= 0 {
		v.bad("engines.cache.ttl", "must be longer than nothing")
	}
	v.file("engines.cache.secret_file", string(c.SecretFile))
	if c.Secret != "" && c.SecretFile != "" {
		v.bad("engines.cache.secret_file", "and secret: one of them")
	}
	v.file("engines.cache.redis_password_file", string(c.RedisPasswordFile))
	v.clientTLS("engines.cache.redis_tls", &c.RedisTLS)
	if c.Redis == "" {
		return
	}
	if u, err := url.Parse(string(c.Redis)); err == nil && u.Scheme != "rediss" && c.RedisTLS != (ClientTLS{}) {
		v.bad("engines.cache.redis_tls", "has no use for %s:// (rediss:// is Redis with TLS)", u.Scheme)
	}
	switch u, err := url.Parse(string(c.Redis)); {
	case err != nil:
		v.bad("engines.cache.redis", "is not a URL")
	case u.Scheme != "redis" && u.Scheme != "rediss" && u.Scheme != "unix":
		v.bad("engines.cache.redis", "%q is none of redis, rediss, unix", u.Scheme)
	case c.Bytes == 0:
		v.bad("engines.cache.redis", "has no use without engines.cache.bytes")
	}
}

func (v *validator) upstreams(us []Upstream) {
	taken := []string{"yara", "clamd", "hashes", "injection", "waf", "content", "cdr", "schema", "learn"}
	for i := range us {
		u, key := &us[i], fmt.Sprintf("engines.upstream[%d]", i)
		v.name(key+".name", u.Name)
		if slices.Contains(taken, u.Name) {
			v.bad(key+".name", "an engine of the name %q is there already", u.Name)
		}
		taken = append(taken, u.Name)
		parsed, err := url.Parse(string(u.URL))
		if err != nil || parsed.Host == "" || (parsed.Scheme != "icap" && parsed.Scheme != "icaps") {
			v.bad(key+".url", "%q is not a URL such as icap://scanner:1344/respmod", u.URL)
		} else if parsed.User != nil {
			v.bad(key+".url", "has a user or password, which are not sent: icaps:// with ca is what ICAP servers know a client by")
		}
		between(v, key+".timeout", u.Timeout, time.Millisecond, time.Hour)
		v.file(key+".ca", string(u.CA))
	}
}

func (v *validator) services(c *Config) {
	if len(c.Services) == 0 {
		v.bad("services", "no service")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		s, key := c.Services[name], join("services", name)
		v.name(key, name)
		if name == "echo" {
			v.bad(key, "the name echo is taken by the built-in service")
		}
		v.oneOf(key+".method", s.Method, "RESPMOD", "REQMOD")
		v.profileName(key+".profile", s.Profile, c)
		between(v, key+".preview", s.Preview, 0, 64*units.KiB)
		between(v, key+".options_ttl", s.OptionsTTL, time.Second, 24*time.Hour)
		between(v, key+".max_connections", s.MaxConnections, 0, 1<<20)
		v.each(key+".clients", s.Clients, func(s string) error { _, err := parseNetwork(s); return err })
	}
}

func (v *validator) profileName(key, name string, c *Config) {
	if c.Profiles[name] == nil {
		v.bad(key, "%s", noProfile(name, c, v.decoder))
	}
}

// checkCDRType accepts what cdr can tell apart: a type, all of a kind, or all.
func checkCDRType(t string) error {
	if kind, minor, _ := strings.Cut(t, "/"); t != strings.ToLower(t) || strings.Contains(kind, "*") && t != "*" || strings.Contains(minor, "*") && minor != "*" {
		return fmt.Errorf("%q is neither a media type in lower case, nor all of a kind (image/*), nor all (*)", t)
	}
	return policy.CheckType(t)
}

func (v *validator) profileKeys(key string, p *Profile) {
	if name, ok := strings.CutPrefix(key, profilesKey); ok {
		v.name(key, unquote(name))
	}
	given := func(sub string, f func(key string)) {
		if k := key + "." + sub; v.given(k) {
			f(k)
		}
	}
	given("unscannable", func(k string) { v.check(k, checkGapAction(p.Unscannable)) })
	given("encrypted", func(k string) { v.check(k, checkGapAction(p.Encrypted)) })
	for r, a := range p.Gaps {
		text, _ := r.MarshalText()
		given("gaps."+string(text), func(k string) { v.check(k, checkGapAction(a)) })
	}
	for i, e := range p.Disable {
		given(fmt.Sprintf("disable[%d]", i), func(k string) {
			if e == (Exemption{}) {
				v.bad(k, "matches nothing: name a rule, class or path")
			}
		})
	}
	for t := range p.CDRTypes {
		given(join("cdr_types", t), func(k string) { v.check(k, checkCDRType(t)) })
	}
	for i, s := range p.Skip {
		given(fmt.Sprintf("skip[%d]", i), func(k string) { v.skip(k, s) })
	}
	given("trickle", func(k string) {
		if t := p.Trickle; t.After < 0 || t.Every <= 0 || t.Bytes <= 0 {
			v.bad(k, "after must not be negative, every and bytes must be more than nothing")
		}
	})
	given("block_page.status", func(k string) {
		if s := p.BlockPage.Status; s < 400 || s > 599 {
			v.bad(k, "%d is not an HTTP status from 400 to 599", s)
		}
	})
}

func (v *validator) unkept(key string, p *Profile, q *Quarantine) {
	key += ".unkept"
	switch {
	case !v.given(key):
	case p.Unkept == policy.ActionRewrite:
		v.bad(key, "a message whose original cannot be kept can only be reported or blocked")
	case p.Unkept == policy.ActionBlock && (!q.Enabled() || q.Store == "blocked"):
		v.bad(key, "would block every rewrite: no quarantine keeps originals of rewritten messages (quarantine.directory or s3, and store)")
	}
}

func (v *validator) skip(key string, s SkipRule) {
	if len(s.Types) == 0 && s.LargerThan == 0 {
		v.bad(key, "matches nothing: name types, larger_than or both")
	}
	v.each(key+".types", s.Types, policy.CheckType)
}

func (v *validator) each(key string, list []string, check func(string) error) {
	for i, s := range list {
		v.check(fmt.Sprintf("%s[%d]", key, i), check(s))
	}
}

func (v *validator) apis(c *Config) {
	seen := map[string]bool{}
	for i := range c.APIs {
		api, key := &c.APIs[i], fmt.Sprintf("apis[%d]", i)
		v.name(key+".name", api.Name)
		if seen[api.Name] {
			v.bad(key+".name", "an API of the name %q is there already", api.Name)
		}
		seen[api.Name] = true
		m := &api.Match
		if len(m.Hosts)+len(m.Paths)+len(m.Methods)+len(m.Types)+len(m.Clients) == 0 {
			v.bad(key+".match", "matches everything: name at least one of hosts, paths, methods, types, clients")
		}
		v.each(key+".match.hosts", m.Hosts, policy.CheckHost)
		v.each(key+".match.paths", m.Paths, policy.CheckPath)
		v.each(key+".match.methods", m.Methods, policy.CheckMethod)
		v.each(key+".match.types", m.Types, policy.CheckType)
		v.each(key+".match.clients", m.Clients, func(s string) error { _, err := parseNetwork(s); return err })
		v.schema(key+".schema", &api.Schema)
		switch {
		case api.Profile.Inline != nil:
			v.profileKeys(key+".profile", api.Profile.Inline)
			v.unkept(key+".profile", api.Profile.Inline, &c.Quarantine)
		case api.Profile.Name == "":
			v.bad(key+".profile", "is missing: name a profile, or change one: {injection: block}")
		default:
			v.profileName(key+".profile", api.Profile.Name, c)
		}
	}
}

func (v *validator) schema(key string, s *Schema) {
	if !v.given(key) && !s.Set() {
		return
	}
	if s.Mode != "" {
		v.oneOf(key+".mode", s.Mode, "observe", "enforce")
	}
	switch {
	case !s.Set():
		v.bad(key, "holds messages against nothing: name openapi, json_schema or request_json_schema")
	case s.OpenAPI != "" && (s.JSONSchema != "" || s.Request != ""):
		v.bad(key, "openapi describes requests and responses: leave json_schema and request_json_schema out")
	}
	// What is not there is not named any more, so that whoever goes on to read it does not complain a second time.
	for sub, file := range map[string]*Path{"openapi": &s.OpenAPI, "json_schema": &s.JSONSchema, "request_json_schema": &s.Request} {
		before := len(v.problems)
		if v.file(key+"."+sub, string(*file)); len(v.problems) > before {
			*file = ""
		}
	}
}
