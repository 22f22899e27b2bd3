package inventory

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTemplate(t *testing.T) {
	for path, want := range map[string]string{
		"":                         "/",
		"/":                        "/",
		"/v1/items":                "/v1/items",
		"/v1/users/4711/items?x=1": "/v1/users/{id}/items",
		"/o/550e8400-e29b-41d4-a716-446655440000":     "/o/{uuid}",
		"/f/9f86d081884c7d659a2feaa0":                 "/f/{hex}",
		"/d/2026-01-31/":                              "/d/{date}/",
		"/u/a@b.test":                                 "/u/{email}",
		"/u/a%40b.test":                               "/u/{email}",
		"/t/ghp_16C7e42F292c6912E7710c838347Ae178B4a": "/t/{token}",
		"/orders/order-20391":                         "/orders/{id}",
		"/api/oauth2/token":                           "/api/oauth2/token",
		"/facade":                                     "/facade",
		"/" + strings.Repeat("x", 65):                 "/{token}",
		"/a/b/c/d/e/f/g/h/i/j/k/l/m/n":                "/a/b/c/d/e/f/g/h/i/j/k/l/…",
	} {
		if got := Template(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestObserve(t *testing.T) {
	in := New()
	at := time.Now()
	for i := range 10 {
		in.Observe(Seen{
			Time: at.Add(time.Duration(i)), Host: "API.test", Path: fmt.Sprintf("/v1/%d", i), Method: "GET", Direction: "response",
			Type: "application/json", Verdict: "clean", Action: "allow", Bytes: 10,
		})
	}
	in.Observe(Seen{Time: at, Host: "api.test", Path: "/v1/9", Method: "POST", Direction: "request", Verdict: "malicious", Action: "block", Bytes: 5, API: "x", Schema: 3})
	in.Observe(Seen{Time: at})
	all := in.Endpoints()
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	e := all[0]
	if e.Schema != 3 {
		t.Errorf("%d schema findings", e.Schema)
	}
	if e.Host != "api.test" || e.Path != "/v1/{id}" || e.Messages != 11 || e.Received != 100 || e.Sent != 5 || e.API != "x" ||
		strings.Join(e.Methods, " ") != "GET POST" || e.Verdicts["clean"] != 10 || e.Actions["block"] != 1 || !e.First.Equal(at) || !e.Last.Equal(at.Add(9)) {
		t.Errorf("%+v", e)
	}
}

// A peer that asks for ever new things fills no memory, and everything is counted all the same.
func TestBounded(t *testing.T) {
	in := New()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 20_000 {
				n := g*20_000 + i
				name := strings.Repeat("x", n%40) + string(rune('a'+n%26))
				in.Observe(Seen{Host: fmt.Sprintf("h%d.test", n%3000), Path: fmt.Sprintf("/%s/p%c%c", name, 'a'+n%26, 'a'+n/26%26), Method: name, Type: name, Verdict: name})
			}
		})
	}
	wg.Wait()
	all, total := in.Endpoints(), int64(0)
	for _, e := range all {
		total += e.Messages
		if len(e.Methods) > maxSet || len(e.Types) > maxSet || len(e.Verdicts) > maxSet+1 {
			t.Fatalf("%+v", e)
		}
	}
	if total != 80_000 || len(all) > maxEndpoints+maxHosts+1 || len(in.hosts) > maxHosts+1 {
		t.Errorf("%d messages, %d endpoints, %d hosts", total, len(all), len(in.hosts))
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("/v1/users/4711/items?x=1")
	f.Add("//%40//")
	f.Fuzz(func(t *testing.T, path string) {
		if got := Template(path); len(got) > maxSegments*65+8 || Template(path) != got {
			t.Fatalf("%q: %q", path, got)
		}
	})
}

func samePath(tb testing.TB, raw string) {
	tb.Helper()
	want := ""
	if u, err := url.Parse(raw); err == nil {
		want = u.EscapedPath()
	}
	if got := PathOf(raw); got != want {
		tb.Errorf("PathOf(%q) = %q, want %q", raw, got, want)
	}
}

var urls = []string{
	"", "/", "/a/b", "http://", "http:///a", "https://api.test", "https://api.test/", "https://api.test/v1/items/4711?page=2", "https://api.test?a=/b",
	"https://api.test/a%2Fb", "https://api.test/a b", "https://u:p@api.test/x", "https://api.test:8443/x", "https://[::1]/x", "https://api.test/a?b#c/d",
	"https://api.test/a#b?c", "https://api.test/%zz", "HTTP://api.test/x", "https://api.test/a;b=1/c,d", "https://api.test/grün", "https://api.test/a?b=\x7f", "https://api.test//a//", "mailto:a@b",
}

func TestPathOf(t *testing.T) {
	for _, raw := range urls {
		samePath(t, raw)
	}
}

func FuzzPathOf(f *testing.F) {
	for _, raw := range urls {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) { samePath(t, raw) })
}
