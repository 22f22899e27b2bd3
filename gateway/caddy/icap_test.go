package caddy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// free returns an address of loopback on which nothing listens.
func free(t *testing.T) string {
	t.Helper()
	for range 1000 { // below the ports that the kernel gives to outgoing connections
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(20000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

// startICAPD builds and starts the real icapd of this checkout.
func startICAPD(t *testing.T) (address string, stop func()) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "icapd")
	build := exec.Command("go", "build", "-o", bin, "./cmd/icapd")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "GOWORK=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	address = free(t)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bin, "serve", "--set", "listen[0].address="+address, "--set", "admin.address=")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	}
	for deadline := time.Now().Add(time.Minute); ; {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return address, stop
		}
		if time.Now().After(deadline) {
			t.Fatalf("icapd does not listen: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

const (
	cleanDoc = `{ "items": [1, 2.50, "it's fine"] }`
	evilDoc  = `{"id": 7,  "note": "' UNION SELECT password FROM users -- "}`
)

func eicar() string {
	return strings.Join([]string{`X5O!P%@AP[4\PZX54(P^)7CC)7}`, "$EICAR", "-STANDARD-", "ANTIVIRUS-", "TEST-FILE!", "$H+H*"}, "")
}

// origin is the third-party API behind the gateway. It says what reached it.
func origin(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/clean":
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Origin", "kept")
			_, _ = io.WriteString(w, cleanDoc)
		case "/evil":
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, evilDoc)
		case "/malware":
			_, _ = io.WriteString(w, eicar())
		case "/post":
			_, _ = io.Copy(w, r.Body)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// startCaddy loads a Caddyfile into the real Caddy, in this process.
func startCaddy(t *testing.T, file string) {
	t.Helper()
	adapter := caddyconfig.GetAdapter("caddyfile")
	config, warnings, err := adapter.Adapt([]byte(file), nil)
	if err != nil {
		t.Fatalf("%v %v", err, warnings)
	}
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func ask(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

// A gateway with the module: clean answers go through, malware and payloads do not, in both directions, and without
// icapd nothing does.
func TestGateway(t *testing.T) {
	service, stop := startICAPD(t)
	stopped := false
	defer func() {
		if !stopped {
			stop()
		}
	}()
	gateway := free(t)
	startCaddy(t, fmt.Sprintf(`{
	admin off
	auto_https off
}
http://%s {
	icap {
		reqmod  icap://%s/reqmod
		respmod icap://%s/respmod
		timeout 20s
	}
	reverse_proxy %s
}`, gateway, service, service, origin(t)))
	url := "http://" + gateway
	if res, body := ask(t, "GET", url+"/clean", ""); res.StatusCode != 200 || body != cleanDoc || res.Header.Get("X-Origin") != "kept" {
		t.Errorf("clean: %d %v %s", res.StatusCode, res.Header, body)
	}
	if res, body := ask(t, "GET", url+"/malware", ""); res.StatusCode != 403 || !json.Valid([]byte(body)) || strings.Contains(body, "EICAR-STANDARD") {
		t.Errorf("malware: %d %s", res.StatusCode, body)
	}
	res, body := ask(t, "GET", url+"/evil", "")
	var doc struct{ Note string }
	if err := json.Unmarshal([]byte(body), &doc); err != nil || res.StatusCode != 200 || !strings.HasPrefix(body, `{"id": 7,  "note": "`) || strings.Contains(body, "UNION SELECT") {
		t.Errorf("payload: %d %s %v", res.StatusCode, body, err)
	}
	if res, body := ask(t, "POST", url+"/post", `{"a": "fine"}`); res.StatusCode != 200 || body != `{"a": "fine"}` {
		t.Errorf("request: %d %s", res.StatusCode, body)
	}
	if res, _ := ask(t, "POST", url+"/post", eicar()); res.StatusCode != 403 {
		t.Errorf("malware in a request: %d", res.StatusCode)
	}
	if res, _ := ask(t, "GET", url+"/nothing", ""); res.StatusCode != 204 {
		t.Errorf("no body: %d", res.StatusCode)
	}
	stop()
	stopped = true
	if res, body := ask(t, "GET", url+"/clean", ""); res.StatusCode != 502 || strings.Contains(body, "items") {
		t.Errorf("without icapd: %d %s", res.StatusCode, body)
	}
}

func TestCaddyfile(t *testing.T) {
	h := new(Handler)
	if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("icap {\n respmod icap://h/x\n fail_open\n timeout 3s\n}")); err != nil {
		t.Fatal(err)
	}
	if h.Respmod != "icap://h/x" || !h.FailOpen || time.Duration(h.Timeout) != 3*time.Second || h.Validate() != nil {
		t.Errorf("%+v", h)
	}
	for _, bad := range []string{"icap x", "icap {\n respmod\n}", "icap {\n what\n}", "icap {\n timeout soon\n}", "icap {\n respmod a b\n}"} {
		if err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for _, h := range []Handler{{}, {Respmod: "http://h/x"}, {Reqmod: "icap:///x"}} {
		if h.Validate() == nil {
			t.Errorf("%+v was taken", h)
		}
	}
}

// The Caddyfiles of the guide are what Caddy with this module takes.
func TestCaddyfileInGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/gateway.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```caddyfile\n(.*?)^```$").FindAllStringSubmatch(string(guide), -1)
	if len(blocks) == 0 {
		t.Fatal("no Caddyfile")
	}
	for _, b := range blocks {
		text, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(b[1]), nil)
		if err != nil || !strings.Contains(string(text), `"handler":"icap"`) {
			t.Errorf("%v %v\n%s\n%s", err, warnings, b[1], text)
		}
		var config caddy.Config
		if err := json.Unmarshal(text, &config); err != nil {
			t.Fatal(err)
		}
		if err := caddy.Validate(&config); err != nil {
			t.Errorf("%v\n%s", err, b[1])
		}
	}
}
