package integration

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"icapd/integration/lab"
)

// TestE2guardian: a filter that takes any ICAP 200 for an infection, so what is clean must be answered with 204.
func TestE2guardian(t *testing.T) {
	s := newScene(t, sceneConfig{})
	squid, err := s.Squid(t.Context(), lab.SquidConfig{API: s.api}) // it asks nobody; e2guardian does
	if err != nil {
		t.Fatal(err)
	}
	e2, err := s.E2guardian(t.Context(), s.icapd.URL("respmod"), squid)
	if err != nil {
		t.Fatal(err)
	}
	w := way{"e2guardian", e2.Route(), s.api.URL}
	t.Run("clean", func(t *testing.T) {
		f, audit := s.ask(t, w, lab.Request{URL: "/v1/customers"})
		if f.Status != http.StatusOK || string(f.Body) != lab.Customers {
			t.Errorf("status %d, %q", f.Status, f.Body)
		}
		if a := audit(); a.Action != "allow" || a.ICAPStatus != 204 {
			t.Errorf("audit: %s", a.Line)
		}
	})
	t.Run("malware", func(t *testing.T) {
		f, audit := s.ask(t, w, lab.Request{URL: "/files/eicar"})
		if bytes.Contains(f.Body, lab.EICAR()) {
			t.Errorf("delivered with status %d", f.Status)
		}
		if a := audit(); a.Action != "block" {
			t.Errorf("audit: %s", a.Line)
		}
	})
	t.Run("injection", func(t *testing.T) {
		f, audit := s.ask(t, w, lab.Request{URL: "/v1/reviews"})
		if bytes.Contains(f.Body, []byte(lab.ReviewField)) {
			t.Errorf("delivered as it was, status %d", f.Status)
		}
		if a := audit(); a.Action != "rewrite" {
			t.Errorf("audit: %s", a.Line)
		}
	})
}

// TestCICAPClient runs c-icap's client in all its modes.
func TestCICAPClient(t *testing.T) {
	s := newScene(t, sceneConfig{})
	dir := t.TempDir()
	host, port, _ := strings.Cut(s.icapd.Address, ":")
	client := func(t *testing.T, args ...string) string {
		t.Helper()
		out, status, err := lab.Run(t.Context(), append([]string{"c-icap-client", "-i", host, "-p", port}, args...)...)
		if err != nil || status != 0 {
			t.Fatalf("status %d, %v\n%s", status, err, out)
		}
		return out
	}
	t.Run("OPTIONS", func(t *testing.T) {
		out := client(t, "-s", "respmod")
		if !strings.Contains(out, "Allow 204: Yes") || !strings.Contains(out, "RESPMOD") {
			t.Errorf("%s", out)
		}
	})
	files := map[string][]byte{
		"clean.json": []byte(lab.Customers), "eicar.bin": lab.EICAR(), "big.txt": bytes.Repeat([]byte("nothing to see\n"), 20000),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	modes := [][]string{
		{},
		{"-nopreview"},
		{"-no204"},
		{"-nopreview", "-no204"},
		{"-w", "0"},
		{"-w", "10"},
		{"-w", "10", "-no204"},
		{"-noreshdr"},
		{"-206"},
		{"-206", "-nopreview"},
	}
	for n, mode := range modes {
		for name, text := range files {
			for _, direction := range [][]string{{"-s", "respmod", "-resp", "http://api.test/a"}, {"-s", "reqmod", "-method", "POST", "-req", "http://api.test/a"}} {
				args := append(append([]string{"-v", "-f", filepath.Join(dir, name)}, direction...), mode...)
				t.Run(strings.Join(append(direction[:2:2], append(mode, name)...), " "), func(t *testing.T) {
					to := filepath.Join(t.TempDir(), "out") // must not exist
					out := client(t, append(args, "-o", to)...)
					got, err := os.ReadFile(to)
					if err != nil && !os.IsNotExist(err) {
						t.Fatal(err)
					}
					switch {
					case name == "eicar.bin":
						if bytes.Contains(got, text) || strings.Contains(out, "Allow 204 response") {
							t.Errorf("mode %d: EICAR went through\n%s", n, out)
						}
					case strings.Contains(out, "Allow 204 response"):
						if len(got) > 0 {
							t.Errorf("204 and %d bytes", len(got))
						}
					case !bytes.Equal(got, text):
						t.Errorf("%d bytes came back of %d\n%s", len(got), len(text), out)
					}
				})
			}
		}
	}
}

// TestNoMalformedPacket has tshark's ICAP dissector read what goes between icapd and its clients.
func TestNoMalformedPacket(t *testing.T) {
	s := newScene(t, sceneConfig{})
	capture, err := s.Capture(t.Context(), s.icapd.Address)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, w := range s.ways() {
		for _, q := range []lab.Request{
			{URL: "/v1/customers"},
			{URL: "/v1/customers", Method: http.MethodHead},
			{URL: "/v1/customers/chunked"},
			{URL: "/v1/none"},
			{URL: "/v1/same"},
			{URL: "/v1/reviews"},
			{URL: "/files/eicar"},
			{URL: "/v1/part"},
			{URL: "/v1/large?bytes=60000"},
			{URL: "/v1/upload", Method: http.MethodPost, Body: lab.Customers},
			{URL: "/v1/upload", Method: http.MethodPost, Body: string(lab.EICAR())},
		} {
			s.ask(t, w, q)
			asked++
		}
	}
	packets, err := capture.Stop(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if packets.ICAP < 2*asked {
		t.Errorf("%d packets of ICAP for %d requests", packets.ICAP, asked)
	}
	for _, p := range packets.Malformed {
		t.Errorf("malformed: %s", p)
	}
}
