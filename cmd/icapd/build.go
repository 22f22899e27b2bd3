package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"icapd/av/cache"
	"icapd/av/clamd"
	"icapd/av/guard"
	"icapd/av/hashes"
	"icapd/av/upstream"
	"icapd/av/waf"
	"icapd/av/yara"
	"icapd/cdr"
	"icapd/cdr/carrier"
	"icapd/cdr/kit"
	"icapd/conf"
	"icapd/internal/body"
	"icapd/internal/content"
	"icapd/internal/secret"
	"icapd/internal/service"
	"icapd/policy"
	"icapd/sanitize"
	"icapd/scan"
	"icapd/schema"
	"icapd/schema/learn"
	"icapd/signatures"
)

// parts is everything that one configuration makes.
type parts struct {
	config   *conf.Config
	certs    *certs
	pipeline *service.Pipeline
	engines  []scan.Engine
	closers  []func() error
	notes    []string // what an operator should know and what is no error

	cores     *guard.Pool
	documents *cdr.Memory      // of all profiles
	cache     *cache.Cache     // nil if off
	adapters  []scan.Rewriter  // upstreams that may make things safe themselves
	yara      *yara.Engine     // nil if off
	hashes    *hashes.Engine   // nil if off
	injection *sanitize.Engine // nil if off
	waf       *waf.Engine      // nil if off
	schema    *schema.Engine   // nil if no API has one
	policy    *policy.Policy   // set before the first message
	learned   *learn.Registry  // set before the first message

	made    time.Time
	version string
	changed func() // called when the answer of an engine's Version may have changed
}

// build names every part of icapd and puts them together as the configuration says. The error is everything that
// is wrong with the rules and lists that it names. Parts are closed by their pipeline's Close.
func build(c *conf.Config, version string, changed func()) (*parts, error) {
	p, err := buildEngines(c, version, changed)
	if err != nil {
		return nil, err
	}
	pol, err := c.Policy()
	if err != nil {
		p.close()
		return nil, err
	}
	p.policy = pol
	l := &c.Limits
	spooler := body.NewSpooler(body.Options{
		Dir: string(c.Spool.Directory), Memory: int64(l.MemoryBytes), MaxBody: int64(l.BodyBytes),
		TotalMemory: int64(l.TotalMemoryBytes), TotalDisk: int64(l.SpoolBytes),
	})
	rewriters := p.rewriters()
	p.pipeline = &service.Pipeline{
		Policy: pol,
		Runner: &scan.Runner{Engines: p.engines},
		Content: content.New(content.Options{
			Spooler: spooler,
			Limits: content.Limits{
				Depth: l.Depth, Entries: l.Entries, DecodedBytes: int64(l.DecodedBytes), Ratio: l.Ratio, Nesting: l.Nesting,
			},
		}),
		Spooler:   spooler,
		Rewriters: rewriters,
		Renewer:   func(profile *policy.Profile) scan.Rewriter { return rewriters(profile)[documents] },
		Survey:    survey,
		Time:      l.Time,
		Close:     p.close,
	}
	if p.injection != nil { // the only engine to which a head is more than bytes
		p.pipeline.Heads = &scan.Runner{Engines: []scan.Engine{p.cores.Limit(p.injection)}}
	}
	return p, nil
}

// buildEngines makes those who look. Changed may be nil.
func buildEngines(c *conf.Config, version string, changed func()) (*parts, error) {
	if changed == nil {
		changed = func() {}
	}
	p := &parts{config: c, made: time.Now(), version: version, changed: changed, cores: guard.NewPool(runtime.GOMAXPROCS(0)), documents: cdr.NewMemory(int64(c.Limits.DocumentMemory))}
	err := errors.Join(
		p.openCache(&c.Engines.Cache),
		p.addYara(&c.Engines.Yara),
		p.addClamd(&c.Engines.Clamd),
		p.addHashes(&c.Engines.Hashes),
		p.addInjection(c),
		p.addWAF(&c.Engines.WAF),
		p.addSchemas(c.APIs),
		p.addUpstream(c.Engines.Upstream),
	)
	p.addLearning(c.APIs)
	p.addCDR()
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *parts) add(e scan.Engine) { p.engines = append(p.engines, e) }

// compute adds an engine that does nothing but compute: all of them share the cores, in turns.
func (p *parts) compute(e scan.Engine) { p.add(p.cores.Limit(e)) }

func (p *parts) close() {
	for _, c := range slices.Backward(p.closers) {
		_ = c() // an engine that cannot be closed is let go all the same
	}
	p.closers = nil
}

func (p *parts) addYara(c *conf.Yara) error {
	if len(c.Rules) == 0 {
		return nil
	}
	e, err := yara.New(yara.Options{
		Rules: conf.Strings(c.Rules), Builtin: signatures.YARA(), Disabled: c.Disabled, Timeout: c.Timeout,
		Workers: c.Workers, Cache: string(c.Cache),
	})
	if errors.Is(err, yara.ErrNotBuilt) && !p.config.Given("engines.yara.rules") {
		p.notes = append(p.notes, "this build has no YARA: YARA rules are not looked at")
		return nil
	}
	if err != nil {
		return at(p.config, "engines.yara.rules", err, yara.ErrNotBuilt)
	}
	p.yara = e
	if len(e.Rules()) == 0 {
		p.notes = append(p.notes, fmt.Sprintf("engines.yara.rules: no rule in %q: YARA finds nothing (builtin names the rules that come with icapd)", conf.Strings(c.Rules)))
	}
	for _, w := range e.Warnings() {
		p.notes = append(p.notes, w.Error())
	}
	p.add(p.rememberFast(p.cores.Limit(e))) // an answer that is known needs no core
	p.closers = append(p.closers, e.Close)
	return nil
}

func (p *parts) addClamd(c *conf.Clamd) error {
	if len(c.Addresses) == 0 {
		return nil
	}
	e, err := clamd.New(clamd.Options{
		Addresses: c.Addresses, Timeout: c.Timeout, Connections: c.Connections,
		MaxSize: int64(c.MaxBytes), MaxFileSize: int64(c.MaxFileBytes),
		RequireCanary: c.RequireCanary, AllItems: c.AllItems,
		OnChange: func(clamd.Status) { p.changed() },
	})
	if err != nil {
		return at(p.config, "engines.clamd.addresses", err, err)
	}
	// Not remembered: its version says nothing of local signatures, and that it is down must be seen at once.
	p.add(e)
	p.closers = append(p.closers, e.Close)
	return nil
}

func (p *parts) addHashes(c *conf.Hashes) error {
	if len(c.Files)+len(c.Allow) == 0 {
		return nil
	}
	deny, err := hashLists(c.Files)
	if err != nil {
		return err
	}
	allow, err := hashLists(c.Allow)
	if err != nil {
		return err
	}
	e, err := hashes.New(hashes.Options{Deny: deny, Allow: allow, WeakAllow: c.WeakAllow})
	if err != nil {
		return err
	}
	p.hashes = e
	p.compute(e)
	return nil
}

func hashLists(list []conf.Source) ([]hashes.Source, error) {
	var out []hashes.Source
	for _, s := range list {
		if s != conf.Builtin {
			out = append(out, hashes.Source{Name: string(s)})
			continue
		}
		builtin, err := hashes.Files(signatures.Hashes())
		if err != nil {
			return nil, err
		}
		out = append(out, builtin...)
	}
	return out, nil
}

// addUpstream adds an engine for each ICAP server, behind a circuit breaker: one that is down costs no time-outs.
func (p *parts) addUpstream(list []conf.Upstream) error {
	var errs []error
	for i := range list {
		if err := p.addOneUpstream(&list[i]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.config.At(fmt.Sprintf("engines.upstream[%d]", i)), err))
		}
	}
	return errors.Join(errs...)
}

func (p *parts) addOneUpstream(c *conf.Upstream) error {
	opt := upstream.Options{
		Name: c.Name, URL: string(c.URL), Timeout: c.Timeout, MaxSize: int64(c.MaxBytes), Whole: c.Whole,
		OpensArchives: c.OpensArchives, Adapt: c.Adapt,
	}
	if c.CA != "" {
		pool, err := loadPool(string(c.CA))
		if err != nil {
			return err
		}
		opt.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	e, err := upstream.New(opt)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, e.Close)
	p.add(p.remember(guard.Break(e, guard.BreakerOptions{})))
	if c.Adapt {
		p.adapters = append(p.adapters, e.Rewriter())
	}
	return nil
}

// openCache makes the cache that engines are wrapped in, if there is to be one.
func (p *parts) openCache(c *conf.Cache) error {
	if c.Bytes == 0 {
		return nil
	}
	opt := cache.Options{Bytes: int64(c.Bytes), TTL: c.TTL, Secret: []byte(c.Secret)}
	if c.SecretFile != "" {
		text, err := secret.Read(string(c.SecretFile))
		if err != nil {
			return fmt.Errorf("%s: %w", p.config.At("engines.cache.secret_file"), err)
		}
		opt.Secret = []byte(text)
	}
	if c.Redis != "" {
		store, err := openRedis(c)
		if err != nil {
			return fmt.Errorf("%s: %w", p.config.At("engines.cache.redis"), err)
		}
		opt.Store = store
	}
	made, err := cache.New(opt)
	if err != nil {
		return err
	}
	p.cache = made
	p.closers = append(p.closers, made.Close)
	return nil
}

func openRedis(c *conf.Cache) (cache.Store, error) {
	var opt cache.RedisOptions
	if file := string(c.RedisPasswordFile); file != "" {
		if _, err := secret.Read(file); err != nil {
			return nil, err
		}
		opt.Password = func() (string, error) { return secret.Read(file) }
	}
	if c.RedisTLS != (conf.ClientTLS{}) {
		var err error
		if opt.TLS, err = tlsFiles(&c.RedisTLS).Config(); err != nil {
			return nil, err
		}
	}
	return cache.NewRedis(string(c.Redis), opt)
}

// remember wraps an engine in the cache.
func (p *parts) remember(e scan.Engine) scan.Engine {
	if p.cache == nil {
		return e
	}
	return p.cache.Wrap(e)
}

// rememberFast is remember for an engine that is not much slower than computing a digest.
func (p *parts) rememberFast(e scan.Engine) scan.Engine {
	if p.cache == nil {
		return e
	}
	return p.cache.WrapFast(e)
}

func (p *parts) addInjection(c *conf.Config) error {
	in := &c.Engines.Injection
	if len(in.Rules) == 0 {
		return nil
	}
	o := sanitize.Options{Rules: conf.Strings(in.Rules), Builtin: signatures.Injection(), Disabled: in.Disabled}
	for i := range in.Off {
		s, err := injectionSwitch(c, &in.Off[i])
		if err != nil {
			return fmt.Errorf("%s: %w", c.At(fmt.Sprintf("engines.injection.off[%d]", i)), err)
		}
		o.Off = append(o.Off, s)
	}
	e, err := sanitize.New(o)
	if err != nil {
		return locateSwitches(c, err)
	}
	p.injection = e
	p.compute(e)
	return nil
}

func injectionSwitch(c *conf.Config, o *conf.Off) (s sanitize.Switch, err error) {
	if name := cmp.Or(o.Rule, o.Class); name != "" {
		s.Rules = []string{name}
	}
	if o.Path != "" {
		s.Fields = []string{o.Path}
	}
	s.Place = place(c, o)
	s.Messages, err = c.Messages(o)
	return s, err
}

// place describes the messages that a switch is about, equally on all nodes and after each reload: its own words, and
// which messages belong to which API. What else an API has decides nothing here.
func place(c *conf.Config, o *conf.Off) string {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%#v", *o)
	for i := range c.APIs {
		_, _ = fmt.Fprintf(&b, " %q %#v", c.APIs[i].Name, c.APIs[i].Match)
	}
	return b.String()
}

// locateSwitches says where in the configuration the switches stand that err complains of.
func locateSwitches(c *conf.Config, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var errs []error
	for _, err := range joined.Unwrap() {
		if s, ok := errors.AsType[*sanitize.SwitchError](err); ok {
			key := fmt.Sprintf("engines.injection.disabled[%d]", s.Disabled)
			if s.Off >= 0 {
				key = fmt.Sprintf("engines.injection.off[%d]", s.Off)
			}
			err = fmt.Errorf("%s: %w", c.At(key), s.Err)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// addWAF adds the engine with the rules of a web application firewall. It is slow, and a message waits for it: the wait
// is bounded for all of the message together, and by half of the message's time, so that there is enough left for those
// who decide. It has places of its own, half as many as there are cores, so that it cannot take those of the others.
func (p *parts) addWAF(c *conf.WAF) error {
	if len(c.Rules) == 0 {
		return nil
	}
	e, err := waf.New(waf.Options{
		Rules: conf.Strings(c.Rules), Paranoia: c.Paranoia, Disabled: c.Disabled, Timeout: c.Timeout,
		MaxFieldBytes: int64(c.MaxFieldBytes), MaxBytes: int64(c.MaxBytes), Sample: float64(c.Sample),
	})
	if err != nil {
		if rule := (*waf.RuleError)(nil); !errors.As(err, &rule) { // which say themselves where they are
			err = fmt.Errorf("%s: %w", p.config.At("engines.waf"), err)
		}
		return err
	}
	p.waf = e
	p.closers = append(p.closers, e.Close)
	most := cmp.Or(c.Timeout, waf.DefaultTimeout)
	if limit := p.config.Limits.Time; limit > 0 {
		most = min(most, limit/2)
	}
	p.add(p.remember(guard.Budget(guard.NewPool((runtime.GOMAXPROCS(0)+1)/2).Limit(e), most)))
	return nil
}

// addCDR adds the engine that reports what a disarm would remove.
func (p *parts) addCDR() {
	e := p.disarmer(&policy.Profile{})
	p.add(e.Reserve(p.cores.Limit(e)))
}

func (p *parts) disarmer(profile *policy.Profile) *cdr.Engine {
	l := &p.config.Limits
	opt := cdr.Options{
		Mode:     kitMode(profile.CDR),
		Switches: kit.Switches{StripMetadata: profile.StripMetadata},
		Timeout:  l.Time,
		Memory:   p.documents,
		Limits:   kit.Limits{Depth: l.Depth, Entries: l.Entries, Bytes: int64(l.DecodedBytes), Ratio: l.Ratio},
		Types:    map[string]kit.Mode{},
	}
	for t, mode := range profile.CDRTypes {
		opt.Types[t] = kitMode(mode)
	}
	return cdr.NewEngine(cdr.New(opt), p.version)
}

func kitMode(m policy.CDRMode) kit.Mode {
	if m == policy.Rebuild {
		return kit.ModeRebuild
	}
	return kit.ModeDisarm
}

// rewriters returns those for a profile: documents first, because a new document makes findings in its fields
// moot, then fields. Profiles that want the same share them.
func (p *parts) rewriters() func(*policy.Profile) []scan.Rewriter {
	var made sync.Map // by what profiles want
	return func(profile *policy.Profile) []scan.Rewriter {
		wish := fmt.Sprint(profile.CDR, profile.CDRTypes, profile.StripMetadata, profile.Neutralise) // maps are printed in order
		if list, ok := made.Load(wish); ok {
			return list.([]scan.Rewriter)
		}
		list := []scan.Rewriter{carrier.Rewriter{}, p.disarmer(profile)} // what goes as a whole need not be made safe
		if p.injection != nil {
			list = append(list, sanitize.NewRewriter(p.injection, sanitize.Mode(profile.Neutralise.String())))
		}
		if p.waf != nil { // after those who know better what to take out
			list = append(list, waf.NewRewriter(waf.Mode(profile.Neutralise.String())))
		}
		kept, _ := made.LoadOrStore(wish, append(list, p.adapters...))
		return kept.([]scan.Rewriter)
	}
}

// documents is the place of the rewriter of documents among those of parts.rewriters.
const documents = 1

// survey returns who looks for programs, and for what archives hide, if the profile wants to know.
func survey(p *policy.Profile) func(*scan.Item) []scan.Finding {
	switch {
	case p.Passive:
		return carrier.Strict
	case p.Programs != policy.ProgramsAllow:
		return carrier.Programs
	}
	return nil
}

// at puts the place of a key before an error that does not say where it comes from: those that are or wrap one of
// the others. What has a file and line of its own is left alone.
func at(c *conf.Config, key string, err error, without error) error {
	if errors.Is(err, without) {
		return fmt.Errorf("%s: %w", c.At(key), err)
	}
	return err
}

// istag is the tag of rules, engines and configuration: what answers depend on, and nothing in which two nodes of a
// fleet may differ, such as addresses.
func (p *parts) istag() string {
	c := *p.config
	c.Listen, c.Admin, c.TrustedPeers, c.Log = nil, conf.Admin{}, nil, conf.Log{}
	c.Timeouts, c.Spool = conf.Timeouts{}, conf.Spool{}
	c.Tracing = conf.Tracing{}
	c.Events, c.Quarantine, c.Reload, c.Sandbox = nil, conf.Quarantine{}, conf.Reload{}, ""
	c.Engines = conf.Engines{Upstream: c.Engines.Upstream} // the others say what they are by their versions
	c.APIs = slices.Clone(c.APIs)
	for i := range c.APIs {
		c.APIs[i].Schema, c.APIs[i].Learn = conf.Schema{}, false // the engine's version knows the documents; learning changes no answer
	}
	text, err := c.Marshal()
	if err != nil {
		text = []byte(err.Error())
	}
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s\n%s\n", p.version, text)
	for _, e := range p.engines {
		_, _ = fmt.Fprintf(h, "%s %s\n", e.Name(), engineVersion(e))
	}
	return "icapd-" + hex.EncodeToString(h.Sum(nil)[:12])
}

func engineVersion(e scan.Engine) string {
	if v, ok := e.(scan.Versioner); ok {
		return v.Version()
	}
	return ""
}

// describe lists the engines in a line: "yara (21 rules), clamd, injection (140 rules), cdr".
func (p *parts) describe() string {
	var names []string
	for _, e := range p.engines {
		names = append(names, e.Name()+p.detail(e))
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

func (p *parts) detail(e scan.Engine) string {
	switch {
	case p.yara != nil && e.Name() == p.yara.Name():
		return fmt.Sprintf(" (%d rules)", len(p.yara.Rules()))
	case p.injection != nil && e.Name() == p.injection.Name():
		return fmt.Sprintf(" (%d rules)", len(p.injection.Rules()))
	case p.waf != nil && e.Name() == p.waf.Name():
		return fmt.Sprintf(" (%d rules)", p.waf.Rules())
	case p.hashes != nil && e.Name() == p.hashes.Name():
		deny, allow := p.hashes.Count()
		return fmt.Sprintf(" (%d bad, %d good)", deny, allow)
	case p.schema != nil && e.Name() == p.schema.Name():
		return " (" + strings.Join(p.schema.Describe(), "; ") + ")"
	}
	return ""
}

// checkEngines asks every engine whether it works. The error joins what those say that do not.
func (p *parts) checkEngines(ctx context.Context) error {
	var errs []error
	for _, e := range p.engines {
		if c, ok := e.(scan.Checker); ok {
			if err := c.Check(ctx); err != nil {
				errs = append(errs, fmt.Errorf("engines.%s: %w%s", e.Name(), err, whatToDo(err)))
			}
		}
	}
	return errors.Join(errs...)
}

// whatToDo says where to look when a daemon cannot be reached.
func whatToDo(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return " (nobody listens there: does the daemon run, and is this its address?)"
	case errors.Is(err, syscall.ENOENT):
		return " (there is no such socket: does the daemon run, and is this its path?)"
	case errors.Is(err, syscall.EACCES):
		return " (icapd's user may not use this socket: its permissions, and the user's groups)"
	}
	return ""
}
