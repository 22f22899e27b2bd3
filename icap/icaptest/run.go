package icaptest

import (
	"cmp"
	"context"
	"crypto/tls"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed transcripts
var transcripts embed.FS

// services are the services that transcripts may name. The package comment has their contracts.
var services = []string{
	"respmod", "reqmod", "echo",
	"early", "block", "edit", "headedit", "partial", "latepartial", "trailer", "slow", "overload",
	"whoami", "whoamiuntrusted",
}

// Abilities of a target beside its services.
const (
	Methods       = "methods"        // respmod and reqmod are different paths; computed
	Malware       = "malware"        // respmod and reqmod block EICAR
	Neutralise    = "neutralise"     // respmod rewrites markup in a JSON field
	IdleTimeout   = "idle-timeout"   // Target.IdleTimeout is set
	HeaderTimeout = "header-timeout" // Target.HeaderTimeout is set
	MutualTLS     = "mtls"           // Target.MTLS is set
	Shutdown      = "shutdown"       // there is a hook that begins a graceful shutdown
)

var abilities = []string{
	Methods, Malware, Neutralise, IdleTimeout, HeaderTimeout, MutualTLS, Shutdown,
}

// Case is one transcript.
type Case struct {
	ID      string   `json:"id"`                // "framing/01-respmod-without-encapsulated"
	Numbers []int    `json:"numbers,omitempty"` // in the list of docs/conformance.md
	Title   string   `json:"title"`             // what the client does
	Want    string   `json:"want"`              // what the server must do
	RFC     string   `json:"rfc,omitempty"`     // section of RFC 3507, or where else the rule comes from
	Needs   []string `json:"needs,omitempty"`   // services and abilities, sorted

	steps []step
}

// Load returns the embedded cases, sorted by ID. It fails if there are none or one cannot be read.
func Load() ([]Case, error) { return LoadFS(transcripts) }

// LoadFS returns the cases in the files *.icap of a file system, folders included, sorted by ID: the file's
// name without suffix and without a leading "transcripts/". All parse errors are reported at once. No case
// is an error.
func LoadFS(fsys fs.FS) ([]Case, error) {
	var cases []Case
	var errs []error
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".icap") {
			return err
		}
		data, err := fs.ReadFile(fsys, path)
		if err != nil {
			return err
		}
		c, err := Parse(path, data)
		if err != nil {
			errs = append(errs, err)
			return nil
		}
		c.ID = strings.TrimPrefix(c.ID, "transcripts/")
		cases = append(cases, c)
		return nil
	})
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	if len(cases) == 0 {
		return nil, errors.New("icaptest: no transcripts")
	}
	slices.SortFunc(cases, func(a, b Case) int { return cmp.Compare(a.ID, b.ID) })
	return cases, nil
}

// MTLS is what the cases about client certificates need.
type MTLS struct {
	Addr string      // of a listener that demands a client certificate; over TCP
	Good *tls.Config // with a certificate that the listener takes, and the roots to verify it
	Bad  *tls.Config // with a certificate that it must not take
}

// Target is the server under test.
type Target struct {
	Network string      // "tcp" if empty; "unix"
	Addr    string      // to connect to
	TLS     *tls.Config // nil for plain ICAP
	Host    string      // authority in URIs and the Host field; Addr if empty ("localhost" for unix sockets)

	// Paths of the services that every server can offer, with the slash. Empty: the server has none.
	Respmod, Reqmod, Echo string

	// Fixtures has the paths of further services by name; see Fixtures and the package comment.
	Fixtures map[string]string

	// Abilities lists what holds for the server: Malware, Neutralise.
	Abilities []string

	Timeout time.Duration // for each single expectation; 0 means 5 s

	IdleTimeout   time.Duration // of the server for silent connections, 0 if unknown
	HeaderTimeout time.Duration // of the server for an unfinished ICAP head, 0 if unknown

	MTLS  *MTLS
	Hooks map[string]func(context.Context) error // by ability: Shutdown

	Parallel int // cases at the same time; 0 means 1
}

func (t *Target) timeout() time.Duration { return cmp.Or(t.Timeout, 5*time.Second) }

func (t *Target) host() string {
	if t.Host != "" {
		return t.Host
	}
	if t.Network == "unix" {
		return "localhost"
	}
	return t.Addr
}

func (t *Target) uri(path string) string {
	if t.TLS != nil {
		return "icaps://" + t.host() + path
	}
	return "icap://" + t.host() + path
}

func (t *Target) service(name string) string {
	switch name {
	case "respmod":
		return t.Respmod
	case "reqmod":
		return t.Reqmod
	case "echo":
		return t.Echo
	}
	return t.Fixtures[name]
}

func (t *Target) anyService() string {
	for _, s := range services {
		if path := t.service(s); path != "" {
			return path
		}
	}
	return "/"
}

// has reports whether the target meets a need.
func (t *Target) has(need string) bool {
	switch need {
	case Methods:
		return t.Respmod != "" && t.Reqmod != "" && t.Respmod != t.Reqmod
	case IdleTimeout:
		return t.IdleTimeout > 0
	case HeaderTimeout:
		return t.HeaderTimeout > 0
	case MutualTLS:
		return t.MTLS != nil
	case Shutdown:
		return t.Hooks[need] != nil
	}
	if slices.Contains(services, need) {
		return t.service(need) != ""
	}
	return slices.Contains(t.Abilities, need)
}

// dial opens a connection of a kind.
func (t *Target) dial(ctx context.Context, kind string) (net.Conn, error) {
	addr, config := t.Addr, t.TLS
	network := cmp.Or(t.Network, "tcp")
	if kind != "" {
		network, addr = "tcp", t.MTLS.Addr
		switch kind {
		case "plain":
			config = nil
		case "tls":
			config = t.MTLS.Good
		case "tls-badcert":
			config = t.MTLS.Bad
		case "tls-nocert":
			config = t.MTLS.Good.Clone()
			config.Certificates, config.GetClientCertificate = nil, nil
		}
	}
	if config == nil {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}
	d := tls.Dialer{Config: config}
	return d.DialContext(ctx, network, addr)
}

func (t *Target) variables() map[string]string {
	vars := map[string]string{
		"host":    t.host(),
		"unknown": t.uri("/no-such-service-here"),
		"eicar":   eicar(),
	}
	for _, s := range services {
		if path := t.service(s); path != "" {
			vars[s] = t.uri(path)
			vars[s+".path"] = path
		}
	}
	return vars
}

// Run plays the cases against the target and returns a result for each of them, in their order. A case that
// needs a graceful shutdown is played after all others, for the server is gone then. When ctx ends, the
// cases that are left fail.
func Run(ctx context.Context, target Target, cases []Case) []Result {
	results := make([]Result, len(cases))
	sem := make(chan struct{}, max(1, target.Parallel))
	var wg sync.WaitGroup
	for i := range cases {
		if slices.Contains(cases[i].Needs, Shutdown) {
			continue
		}
		sem <- struct{}{}
		wg.Go(func() {
			defer func() { <-sem }()
			results[i] = runCase(ctx, &target, &cases[i])
		})
	}
	wg.Wait()
	for i := range cases {
		if slices.Contains(cases[i].Needs, Shutdown) {
			results[i] = runCase(ctx, &target, &cases[i])
		}
	}
	return results
}

// runCase plays one case.
func runCase(ctx context.Context, target *Target, c *Case) Result {
	res := Result{Case: *c}
	var missing []string
	for _, n := range c.Needs {
		if !target.has(n) {
			missing = append(missing, n)
		}
	}
	if missing != nil {
		res.Outcome, res.Detail = Skipped, "needs "+strings.Join(missing, ", ")
		return res
	}
	p := player{
		ctx: ctx, target: target, vars: target.variables(), current: "main",
		conns: map[string]*conn{}, kinds: map[string]string{},
	}
	start := time.Now()
	err := p.play(c.steps)
	p.close()
	res.Duration = time.Since(start)
	res.Dialogue = p.log.lines
	if err != nil {
		res.Outcome, res.Detail = Failed, fmt.Sprintf("%s.icap:%d: %v", c.ID, p.line, err)
		return res
	}
	res.Outcome = Passed
	return res
}
