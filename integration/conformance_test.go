package integration

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"icapd/icap/icaptest"
	"icapd/integration/lab"
)

// TestConformance plays the transcripts of icap/icaptest against the binary and its real services. (The fixtures,
// which show what a service could do, are played in icap's own tests.)
func TestConformance(t *testing.T) {
	i := bareIcapd(t, "timeouts: {head: 2s}\n")
	icaptest.RunT(t, icaptest.Target{
		Addr: i.Address, Respmod: "/respmod", Reqmod: "/reqmod", Echo: "/echo",
		Fixtures:  map[string]string{"early": "/echo?early"},
		Abilities: []string{icaptest.Malware, icaptest.Neutralise}, HeaderTimeout: 2 * time.Second,
	})
}

// TestConformanceOfCICAP plays the transcripts against c-icap, to prove the transcripts: what they demand of the
// letter of the RFC, a server that has been in use for twenty years must do as well. docs/conformance.md has the
// differences and their reasons.
func TestConformanceOfCICAP(t *testing.T) {
	l := newLab(t)
	clamd, err := l.Clamd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.CICAP(t.Context(), clamd)
	if err != nil {
		t.Fatal(err)
	}
	cases, err := icaptest.Load()
	if err != nil {
		t.Fatal(err)
	}
	results := icaptest.Run(t.Context(), icaptest.Target{
		Addr: c.Address, Respmod: "/avscan", Reqmod: "/avscan", Echo: "/fair204",
		Fixtures: map[string]string{"early": "/early204"}, Abilities: []string{icaptest.Malware},
		Timeout: 2 * time.Second, Parallel: 4,
	}, cases)
	var table bytes.Buffer
	if err := icaptest.WriteTable(&table, results); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", table.Bytes())
	passed := map[string]bool{}
	for _, r := range results {
		passed[r.ID] = r.Outcome == icaptest.Passed
	}
	n := 0
	for id, ok := range passed {
		if ok {
			n++
		}
		// Everything that any server must do, or no client would work with it.
		for _, must := range cicapMust {
			if strings.HasPrefix(id, must) && !ok {
				t.Errorf("%s: c-icap does not pass", id)
			}
		}
	}
	if n < len(cases)/4 {
		t.Errorf("c-icap passes %d of %d: the transcripts ask for too much", n, len(cases))
	}
	if err := lab.Answers(t.Context(), c.Address)(); err != nil {
		t.Errorf("c-icap did not survive: %v", err)
	}
}

var cicapMust = []string{}
