package sanitize

import (
	"math/rand/v2"
	"slices"
	"testing"

	"icapd/signatures"
)

// What is told to be a plain URL is one in which the detector of URLs sees nothing.
func TestPlainURL(t *testing.T) {
	e, err := New(Options{Rules: []string{"builtin"}, Builtin: signatures.Injection()})
	if err != nil {
		t.Fatal(err)
	}
	hosts := []string{
		"api.github.com", "example.de", "www.gov.uk", "a.io", "a.dev", "x-y.example.museum", "EXAMPLE.com", "Metadata.packet.net", "metadata.packet.net", "metadata.google.internal",
		"metadata", "localhost", "a.localhost", "localhost.localdomain", "instance-data.ec2.internal", "host.containers.internal", "a.b.svc", "a.svc.cluster.local", "x.corp", "x.lan",
		"127.0.0.1", "q7f.1", "q127.q0.q0.q1", "0x7f.1", "a.127.0.0.1.nip.io", "xn--80ak6aa92e.com", "\u0430pple.com", "example.com:8080", "user@localhost", "[::1]", "a..com", ".com", "com", "a.c", "10.0.0.1.in",
	}
	hosts = append(hosts, rebinding...)
	plain, signs := 0, 0
	for _, host := range hosts {
		for _, value := range []string{
			"https://" + host + "/", "http://" + host + "/a?b=c", "http:/" + host + "/", "http:/x" + host + "/", "http://" + host, "http://" + host + "/?u=http://127.0.0.1/",
			"http://" + host + "/@127.0.0.1/", "http://" + host + `\@127.0.0.1/`, "http://" + host + "?@127.0.0.1/", "httpss://" + host + "/",
		} {
			l := newLook(e)
			l.all([]byte(value), &FieldContext{})
			groups, kinds := e.filter.run([]byte(value), nil)
			l.hits = l.hits[:0]
			l.show([]byte(value), groups, kinds)
			l.lowercase()
			lookURL(l)
			signs += len(l.hits)
			if !plainURL([]byte(value)) {
				continue
			}
			plain++
			if len(l.hits) > 0 && groups == groupURL {
				t.Errorf("%q is told to be plain: %s", value, l.hits[0].Rule.ID)
			}
		}
	}
	if plain < 20 || signs < 20 {
		t.Errorf("%d plain URLs, %d signs: too few to prove anything", plain, signs)
	}
}

// A detector is called by each of its groups and kinds, and by nothing else.
func TestCalledBy(t *testing.T) {
	if i := slices.IndexFunc(detectors, func(d detector) bool { return d.family == "sql" }); i != detectorSQL {
		t.Fatalf("the detector of SQL has index %d", i)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		g, k := group(rng.Uint32()&rng.Uint32()&0xFFFF), byteKind(rng.Uint32()&rng.Uint32()&0xFFFF)
		which := calledBy(g, k)
		for i, d := range detectors {
			want := g&d.groups != 0 || k&d.kinds != 0 || i == detectorSQL && callsSQL(g, k)
			if got := which>>i&1 != 0; got != want {
				t.Fatalf("groups %b and kinds %b call %s: %v", g, k, d.family, got)
			}
		}
	}
}
