package policy

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"icapd/scan"
)

// Config is what a [Policy] is made from.
type Config struct {
	Services map[string]*Profile // by name of ICAP service, without the slash
	Default  *Profile            // for services that are not named; nil means one that blocks all findings and gaps
	APIs     []API               // looked through in order; the first match wins
}

// API names a third-party API and gives it a profile of its own.
type API struct {
	Name    string
	Match   Match
	Profile *Profile
}

// Match says which messages belong to an API. Every list that is not empty must have an element that matches;
// what is not known of a message matches no pattern. An empty Match is an error in [New].
type Match struct {
	// Hosts are host names, in any case, without a port. "*.example.com" is every name below example.com
	// and not example.com itself; "*" is every host.
	Hosts []string

	// Paths are URL paths. "*" stands for characters inside a segment, "**" for any number of segments, and
	// a pattern that ends in "/" covers everything below it: "/v1/", "/v*/orders/*/lines". A path is
	// compared with percent-encoding and dot segments resolved, and without its query.
	Paths []string

	Methods []string       // HTTP methods, in upper case
	Types   []string       // claimed media types: "application/json", "image/*", "*/*+json"
	Clients []netip.Prefix // networks of the HTTP client
}

// Policy knows the profiles of services and APIs. It does not change, and may be used from many goroutines.
type Policy struct {
	services map[string]*Profile
	fallback *Profile
	apis     []API
}

// Selection is the profile that a message falls under.
type Selection struct {
	API     string // name of the API that matched, "" if none did
	Profile *Profile
}

// New makes a Policy of the configuration. The error joins all that is wrong with it.
func New(c Config) (*Policy, error) {
	var errs []error
	p := &Policy{services: map[string]*Profile{}, fallback: cmp.Or(c.Default, &Profile{Name: "strict"})}
	for name, profile := range c.Services {
		if profile == nil {
			errs = append(errs, fmt.Errorf("service %q has no profile", name))
		}
		p.services[name] = profile
	}
	for i, api := range c.APIs {
		if api.Profile == nil {
			errs = append(errs, fmt.Errorf("api %q has no profile", api.Name))
		}
		if err := api.Match.Check(); err != nil {
			errs = append(errs, fmt.Errorf("api %q: %w", cmp.Or(api.Name, fmt.Sprint(i)), err))
		}
		api.Match = api.Match.normal()
		p.apis = append(p.apis, api)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}

// Check says what is wrong with the match, all of it at once.
func (m *Match) Check() error {
	var errs []error
	if len(m.Hosts)+len(m.Paths)+len(m.Methods)+len(m.Types)+len(m.Clients) == 0 {
		errs = append(errs, errors.New("matches everything: name at least one of hosts, paths, methods, types, clients"))
	}
	check := func(list []string, valid func(string) error) {
		for _, s := range list {
			if err := valid(s); err != nil {
				errs = append(errs, err)
			}
		}
	}
	check(m.Hosts, CheckHost)
	check(m.Paths, CheckPath)
	check(m.Methods, CheckMethod)
	check(m.Types, CheckType)
	for _, c := range m.Clients {
		if !c.IsValid() {
			errs = append(errs, errors.New("invalid network"))
		}
	}
	return errors.Join(errs...)
}

// CheckHost says what is wrong with a pattern of [Match.Hosts].
func CheckHost(s string) error {
	name := strings.TrimPrefix(s, "*.")
	switch {
	case s == "*":
		return nil
	case name == "" || strings.ContainsAny(name, "/@ \t?#"):
		return fmt.Errorf("%q is not a host name", s)
	case strings.Contains(name, "*"):
		return fmt.Errorf("%q: a wildcard stands for whole labels at the front: *.example.com", s)
	case strings.Count(name, ":") == 1:
		return fmt.Errorf("%q: a host is matched without its port", s)
	}
	return nil
}

// CheckPath says what is wrong with a pattern of [Match.Paths].
func CheckPath(s string) error {
	switch {
	case !strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "*"):
		return fmt.Errorf("%q: a path begins with / or *", s)
	case strings.ContainsAny(s, "?#"):
		return fmt.Errorf("%q: a path is matched without query and fragment", s)
	}
	return nil
}

// CheckMethod says what is wrong with an element of [Match.Methods].
func CheckMethod(s string) error {
	if s == "" || strings.ToUpper(s) != s || strings.ContainsAny(s, " \t,/") {
		return fmt.Errorf("%q is not an HTTP method (they are written in upper case)", s)
	}
	return nil
}

// CheckType says what is wrong with a pattern of media types.
func CheckType(s string) error {
	major, minor, ok := strings.Cut(s, "/")
	if s != "*" && (!ok || major == "" || minor == "" || strings.ContainsAny(s, "; \t,")) {
		return fmt.Errorf("%q is not a media type or a pattern of them (such as image/*)", s)
	}
	return nil
}

// Matcher returns a function that reports whether a message is one of these; it may be called from many goroutines.
// The error is that of [Match.Check].
func (m *Match) Matcher() (func(*scan.Message) bool, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	n := m.normal()
	return func(msg *scan.Message) bool {
		w := message{Message: msg}
		return w.in(&n)
	}, nil
}

// normal returns a copy in the form that matching wants.
func (m *Match) normal() Match {
	n := Match{Hosts: slices.Clone(m.Hosts), Paths: slices.Clone(m.Paths), Methods: slices.Clone(m.Methods), Types: slices.Clone(m.Types)}
	for i, h := range n.Hosts {
		n.Hosts[i] = strings.TrimSuffix(strings.ToLower(h), ".")
	}
	for _, c := range m.Clients {
		n.Clients = append(n.Clients, unmap(c).Masked())
	}
	return n
}

// Select returns the profile that a message of this ICAP service falls under: the first API that matches, else
// the service's own. Selection.Profile is never nil, unless p was not made by [New].
func (p *Policy) Select(msg *scan.Message, service string) Selection {
	m := message{Message: msg}
	for i := range p.apis {
		if m.in(&p.apis[i].Match) {
			return Selection{API: p.apis[i].Name, Profile: p.apis[i].Profile}
		}
	}
	if profile := p.services[service]; profile != nil {
		return Selection{Profile: profile}
	}
	return Selection{Profile: p.fallback}
}

// Serves reports whether the ICAP service has a profile of its own.
func (p *Policy) Serves(service string) bool { return p.services[service] != nil }

// message is a message with what matching needs of it worked out at most once.
type message struct {
	*scan.Message
	path   string
	client netip.Addr
}

func (m *message) in(match *Match) bool {
	return (len(match.Hosts) == 0 || m.inHosts(match.Hosts)) &&
		(len(match.Methods) == 0 || slices.Contains(match.Methods, m.Method)) &&
		(len(match.Paths) == 0 || m.inPaths(match.Paths)) &&
		(len(match.Types) == 0 || matchType(match.Types, m.Type)) &&
		(len(match.Clients) == 0 || m.inClients(match.Clients))
}

func (m *message) inHosts(hosts []string) bool {
	host := strings.TrimSuffix(m.Host, ".") // "api.test." is the same host
	if host == "" {
		return false
	}
	for _, h := range hosts {
		below, wild := strings.CutPrefix(h, "*.")
		switch {
		case h == "*", h == host:
			return true
		case wild && len(host) > len(below)+1 && strings.HasSuffix(host, below) && host[len(host)-len(below)-1] == '.':
			return true
		}
	}
	return false
}

func (m *message) inPaths(paths []string) bool {
	if m.Path == "" {
		return false
	}
	if m.path == "" {
		m.path = cleanPath(m.Path)
	}
	for _, p := range paths {
		if matchPath(p, m.path) {
			return true
		}
	}
	return false
}

func (m *message) inClients(networks []netip.Prefix) bool {
	if !m.client.IsValid() {
		a, err := netip.ParseAddr(m.Client)
		if err != nil {
			return false
		}
		m.client = a.Unmap().WithZone("")
	}
	for _, n := range networks {
		if n.Contains(m.client) {
			return true
		}
	}
	return false
}

// unmap turns a network of IPv4-mapped IPv6 addresses into the IPv4 network that it is.
func unmap(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p
}

func unescape(raw string) string {
	raw, _, _ = strings.Cut(raw, "?")
	if p, err := url.PathUnescape(raw); err == nil {
		return p
	}
	return raw
}
