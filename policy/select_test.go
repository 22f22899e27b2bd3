package policy

import (
	"net/netip"
	"testing"

	"icapd/scan"
)

func TestSelect(t *testing.T) {
	profile := func(name string) *Profile { return &Profile{Name: name} }
	p, err := New(Config{
		Services: map[string]*Profile{"respmod": profile("resp")},
		Default:  profile("fallback"),
		APIs: []API{
			{Name: "below", Match: Match{Hosts: []string{"*.Example.com"}}, Profile: profile("below")},
			{Name: "apex", Match: Match{Hosts: []string{"example.com"}, Paths: []string{"/v*/orders/", "/exact"}}, Profile: profile("apex")},
			{Name: "late", Match: Match{Hosts: []string{"example.com"}, Methods: []string{"POST", "PUT"}}, Profile: profile("late")},
			{Name: "typed", Match: Match{Types: []string{"image/*", "*/*+xml"}}, Profile: profile("typed")},
			{Name: "clients", Match: Match{Clients: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("::ffff:192.0.2.0/120"), netip.MustParsePrefix("2001:db8::/32")}}, Profile: profile("clients")},
			{Name: "deep", Match: Match{Hosts: []string{"*"}, Paths: []string{"**/upload/*.bin", "/a/**/z"}}, Profile: profile("deep")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		msg  scan.Message
		want string // API, or the profile's name if there is none
	}{
		{"nothing known", scan.Message{}, "resp"},
		{"wildcard", scan.Message{Host: "api.example.com"}, "below"},
		{"wildcard, deeper", scan.Message{Host: "a.b.example.com"}, "below"},
		{"trailing dot", scan.Message{Host: "api.example.com."}, "below"},
		{"wildcard is not the apex", scan.Message{Host: "example.com", Path: "/"}, "resp"},
		{"wildcard is not a suffix of letters", scan.Message{Host: "notexample.com"}, "resp"},
		{"prefix", scan.Message{Host: "example.com", Path: "/v1/orders/7/lines"}, "apex"},
		{"prefix itself", scan.Message{Host: "example.com", Path: "/v1/orders/"}, "apex"},
		{"star stays inside its segment", scan.Message{Host: "example.com", Path: "/v1/x/orders/7"}, "resp"},
		{"exact", scan.Message{Host: "example.com", Path: "/exact"}, "apex"},
		{"exact is not a prefix", scan.Message{Host: "example.com", Path: "/exactly"}, "resp"},
		{"exact is not a folder", scan.Message{Host: "example.com", Path: "/exact/more"}, "resp"},
		{"escaped", scan.Message{Host: "example.com", Path: "/v1/%6frders/7"}, "apex"},
		{"dots do not lead into the API", scan.Message{Host: "example.com", Path: "/v1/orders/../admin"}, "resp"},
		{"escaped dots neither", scan.Message{Host: "example.com", Path: "/v1/orders/%2e%2e/admin"}, "resp"},
		{"query is no path", scan.Message{Host: "example.com", Path: "/exact?x=/y"}, "apex"},
		{"first match wins", scan.Message{Host: "example.com", Path: "/exact", Method: "POST"}, "apex"},
		{"method", scan.Message{Host: "example.com", Path: "/other", Method: "PUT"}, "late"},
		{"method, other", scan.Message{Host: "example.com", Path: "/other", Method: "GET"}, "resp"},
		{"type", scan.Message{Type: "Image/PNG; q=1"}, "typed"},
		{"type suffix", scan.Message{Type: "application/soap+xml"}, "typed"},
		{"type, other", scan.Message{Type: "application/json"}, "resp"},
		{"client", scan.Message{Client: "10.1.2.3"}, "clients"},
		{"client, mapped", scan.Message{Client: "::ffff:10.1.2.3"}, "clients"},
		{"network, mapped", scan.Message{Client: "192.0.2.9"}, "clients"},
		{"client, IPv6 with zone", scan.Message{Client: "2001:db8::1%eth0"}, "clients"},
		{"client, other", scan.Message{Client: "10.2.0.1"}, "resp"},
		{"client, not an address", scan.Message{Client: "localhost"}, "resp"},
		{"any depth in front", scan.Message{Host: "h", Path: "/x/y/upload/a.bin"}, "deep"},
		{"any depth, none", scan.Message{Host: "h", Path: "/upload/a.bin"}, "deep"},
		{"any depth within", scan.Message{Host: "h", Path: "/a/b/c/z"}, "deep"},
		{"any depth within, none", scan.Message{Host: "h", Path: "/a/z"}, "deep"},
		{"no host is not any host", scan.Message{Path: "/a/z"}, "resp"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := p.Select(&tc.msg, "respmod")
			if name := map[bool]string{true: got.Profile.Name, false: got.API}[got.API == ""]; name != tc.want {
				t.Errorf("got %q, want %q", name, tc.want)
			}
		})
	}
	if got := p.Select(&scan.Message{}, "unheard-of"); got.Profile.Name != "fallback" {
		t.Errorf("a service without a profile of its own got %q", got.Profile.Name)
	}
}

func TestNewRefuses(t *testing.T) {
	ok := &Profile{}
	for _, tc := range []struct {
		name string
		c    Config
	}{
		{"service without profile", Config{Services: map[string]*Profile{"x": nil}}},
		{"api without profile", Config{APIs: []API{{Match: Match{Hosts: []string{"a"}}}}}},
		{"match of everything", Config{APIs: []API{{Profile: ok}}}},
		{"star inside", Config{APIs: []API{{Profile: ok, Match: Match{Hosts: []string{"a.*.com"}}}}}},
		{"port", Config{APIs: []API{{Profile: ok, Match: Match{Hosts: []string{"a.com:443"}}}}}},
		{"url", Config{APIs: []API{{Profile: ok, Match: Match{Hosts: []string{"https://a.com"}}}}}},
		{"relative path", Config{APIs: []API{{Profile: ok, Match: Match{Paths: []string{"v1/"}}}}}},
		{"query", Config{APIs: []API{{Profile: ok, Match: Match{Paths: []string{"/v1?x=1"}}}}}},
		{"small method", Config{APIs: []API{{Profile: ok, Match: Match{Methods: []string{"get"}}}}}},
		{"no type", Config{APIs: []API{{Profile: ok, Match: Match{Types: []string{"json"}}}}}},
		{"zero network", Config{APIs: []API{{Profile: ok, Match: Match{Clients: make([]netip.Prefix, 1)}}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := New(tc.c); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// A policy without a configuration lets nothing through that has a finding.
func TestZeroConfig(t *testing.T) {
	p, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	sel := p.Select(&scan.Message{}, "respmod")
	for _, v := range []scan.Verdict{
		{},
		{Looked: true, Items: 1, Findings: []scan.Finding{{Severity: scan.Low}}},
		{Looked: true, Items: 1, Gaps: []scan.Gap{{}}},
	} {
		if d := Decide(sel.Profile, &v); d.Action != Block {
			t.Errorf("%+v: %v", v, d.Action)
		}
	}
}
