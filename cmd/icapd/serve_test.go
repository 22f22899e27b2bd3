package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"icapd/icap"
)

// process is a running icapd.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	addr string
	adm  string
	log  chan map[string]any // lines of the log, but for audit events
	done chan error
}

// start runs "icapd serve" with the configuration and waits until it serves.
func start(t *testing.T, file string, args ...string) *process {
	t.Helper()
	p := &process{t: t, log: make(chan map[string]any, 1000), done: make(chan error, 1)}
	args = append([]string{"serve", "-c", file, "--set", "listen[0].address=127.0.0.1:0", "--set", "admin.address=127.0.0.1:0"}, args...)
	p.cmd = exec.Command("icapd", args...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	go func() {
		for s := bufio.NewScanner(stderr); s.Scan(); {
			var line map[string]any
			if json.Unmarshal(s.Bytes(), &line) != nil {
				line = map[string]any{"msg": s.Text()}
			}
			if line["msg"] != "message" {
				p.log <- line
			}
		}
		p.done <- p.cmd.Wait()
	}()
	serving := p.wait("serving")
	p.addr = strings.TrimPrefix(strings.TrimPrefix(serving["icap"].(string), "icap://"), "icaps://")
	p.adm, _ = serving["admin"].(string)
	return p
}

// wait returns the next line of the log with this message.
func (p *process) wait(msg string) map[string]any {
	p.t.Helper()
	timeout := time.After(5 * time.Minute) // a reload compiles all rules, and a busy machine may take a while for that
	for {
		select {
		case line := <-p.log:
			if line["msg"] == msg {
				return line
			}
			p.t.Logf("log: %v", line)
		case <-timeout:
			p.t.Fatalf("no %q in the log", msg)
		}
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// end waits for the end of the process.
func (p *process) end(within time.Duration) error {
	p.t.Helper()
	select {
	case err := <-p.done:
		return err
	case <-time.After(within):
		p.t.Fatalf("it did not end within %s", within)
		return nil
	}
}

func (p *process) url(service string) string { return "icap://" + p.addr + "/" + service }

// ask sends a JSON document as a response, and returns what the HTTP status became: 0 for an unmodified message.
func ask(ctx context.Context, client *icap.Client, url, document string) (int, error) {
	resp, err := client.Do(ctx, &icap.ClientRequest{
		Method: "RESPMOD", URL: url, Preview: icap.PreviewFromOptions,
		HTTPRequest:  icap.NewRequestHead("GET", "http://api.example/", icap.Field{Name: "Host", Value: "api.example"}),
		HTTPResponse: icap.NewResponseHead(200, icap.Field{Name: "Content-Type", Value: "application/json"}),
		Body:         strings.NewReader(document),
	})
	if err != nil {
		return 0, err
	}
	if resp.Body != nil {
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return 0, err
		}
		_ = resp.Body.Close()
	}
	switch {
	case resp.Status >= 300:
		return 0, fmt.Errorf("ICAP %d", resp.Status)
	case resp.Unmodified:
		return 0, nil
	}
	return resp.HTTPResponse.Status(), nil
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const (
	clean  = `{"a": "b"}`
	attack = `{"a": "<script>alert(1)</script>"}`
)

func TestReload(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "icapd.yaml"), "limits: {depth: 5}\n")
	p := start(t, file)
	client := &icap.Client{}
	defer client.Close()
	expect := func(what, document string, want int) {
		t.Helper()
		if got, err := ask(t.Context(), client, p.url("respmod"), document); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", what, got, err, want)
		}
	}
	tag := func() string {
		t.Helper()
		c := &icap.Client{} // another one, for it caches what OPTIONS says
		defer c.Close()
		o, err := c.Options(t.Context(), p.url("respmod"))
		if err != nil {
			t.Fatal(err)
		}
		return o.ISTag
	}
	expect("clean", clean, 0)
	expect("attack", attack, 200)
	first := tag()

	// A bad configuration changes nothing and says why, all of it.
	write(t, file, "limits: {dept: 5, ratio: many}\nengines: {yara: {rules: [gone.yar]}}\n")
	p.signal(syscall.SIGHUP)
	refused := p.wait("reload refused: nothing has changed")
	if problems, _ := refused["problems"].([]any); len(problems) != 3 || !strings.Contains(fmt.Sprint(problems), file+":1:10: limits.dept") {
		t.Errorf("problems: %v", refused["problems"])
	}
	expect("attack after a bad reload", attack, 200)
	if got := tag(); got != first {
		t.Errorf("the tag is %s after a bad reload, and was %s", got, first)
	}

	// A good one is in force for the next message, new services too; what needs a restart is named.
	write(t, file, "limits: {depth: 5, connections: 7}\nprofiles: {default: {injection: block, block_page: {status: 451}}}\nservices: {more: {method: RESPMOD}}\n")
	p.signal(syscall.SIGHUP)
	if line := p.wait("reloaded"); line["needs_restart"] != "limits.connections" {
		t.Errorf("%v", line)
	}
	expect("clean after a reload", clean, 0)
	expect("attack after a reload", attack, 451)
	if got := tag(); got == first {
		t.Error("the tag is the same after a reload")
	}
	if _, err := ask(t.Context(), client, p.url("more"), clean); err != nil {
		t.Errorf("a new service: %v", err)
	}

	// Back again, and the tag is the first one: it stands for what is in force.
	write(t, file, "limits: {depth: 5}\n")
	p.signal(syscall.SIGHUP)
	p.wait("reloaded")
	if got := tag(); got != first {
		t.Errorf("the tag is %s, and was %s with the same configuration", got, first)
	}
	p.signal(syscall.SIGUSR1) // as what rotates logs may send
	p.wait("user defined signal 1 changes nothing: files that were moved away are begun again by themselves, SIGHUP reloads")
	expect("clean after SIGUSR1", clean, 0)
	p.signal(syscall.SIGTERM)
	if err := p.end(30 * time.Second); err != nil {
		t.Error(err)
	}
}

// No message fails while rules are swapped under it.
func TestReloadUnderLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "icapd.yaml")
	p := start(t, write(t, file, ""))
	var sent, failed atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			client := &icap.Client{}
			defer client.Close()
			for ctx.Err() == nil {
				for document, want := range map[string]int{clean: 0, attack: 200} {
					got, err := ask(context.WithoutCancel(ctx), client, p.url("respmod"), document)
					if sent.Add(1); err != nil || got != want {
						failed.Add(1)
						t.Errorf("%d, %v; want %d", got, err, want)
					}
				}
			}
		})
	}
	end := func() { stop(); wg.Wait() }
	defer end()
	tags := map[string]bool{}
	for i := range 20 {
		before := sent.Load()
		write(t, file, fmt.Sprintf("profiles: {default: {rules: {No_Such_Rule_%d: report}}}\n", i))
		p.signal(syscall.SIGHUP)
		tags[fmt.Sprint(p.wait("reloaded")["istag"])] = true
		for sent.Load() < before+50 && failed.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	end()
	if sent.Load() < 1000 || len(tags) != 20 {
		t.Errorf("%d messages, %d tags after 20 reloads", sent.Load(), len(tags))
	}
}

// A message in hand is finished after SIGTERM; nothing new is taken, and readiness says so.
func TestDrain(t *testing.T) {
	p := start(t, write(t, filepath.Join(t.TempDir(), "icapd.yaml"), ""))
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
	fmt.Fprintf(conn, "RESPMOD %s ICAP/1.0\r\nHost: x\r\nAllow: 204\r\nEncapsulated: res-hdr=0, res-body=%d\r\n\r\n%s5\r\n{\"a\":\r\n",
		p.url("respmod"), len(head), head)
	inHand(t, p, 1)
	p.signal(syscall.SIGTERM)
	p.wait("stopping")
	resp, err := http.Get("http://" + p.adm + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readiness while stopping: %s", resp.Status)
	}
	refused := false
	for range 3000 { // the line in the log comes first
		c, err := net.Dial("tcp", p.addr)
		if refused = err != nil; refused {
			break
		}
		c.Close()
		time.Sleep(20 * time.Millisecond)
	}
	if !refused {
		t.Error("new connections are taken")
	}
	fmt.Fprintf(conn, "2\r\n1}\r\n0\r\n\r\n")
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "ICAP/1.0 204 ") {
		t.Errorf("%q, %v", answer, err)
	}
	if err := p.end(30 * time.Second); err != nil {
		t.Error(err)
	}
}

// inHand waits until the server has that many messages.
func inHand(t *testing.T, p *process, n int) {
	t.Helper()
	for range 3000 {
		resp, err := http.Get("http://" + p.adm + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), fmt.Sprintf("\nicapd_messages_in_hand %d\n", n)) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("never %d messages in hand", n)
}

// A client that never finishes cannot hold the end up.
func TestDrainIsBounded(t *testing.T) {
	p := start(t, write(t, filepath.Join(t.TempDir(), "icapd.yaml"), "timeouts: {drain: 200ms}"))
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "RESPMOD %s ICAP/1.0\r\nHost: x\r\nEncapsulated: res-body=0\r\n\r\n5\r\nabcde\r\n", p.url("respmod"))
	inHand(t, p, 1)
	began := time.Now()
	p.signal(syscall.SIGTERM)
	p.wait("some messages were not finished in time")
	if err := p.end(30 * time.Second); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 25*time.Second { // unbounded, it would be thirty
		t.Errorf("it took %s", took)
	}
}

// TLS, client certificates, and a new certificate without a restart.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca := newCA(t, dir, "ca.crt")
	ca.issue(t, dir, "server", "localhost")
	ca.issue(t, dir, "client", "squid")
	other := newCA(t, t.TempDir(), "ca.crt")
	config := `
listen:
  - address: 127.0.0.1:0
    tls: {cert: server.crt, key: server.key, client_ca: ca.crt}
admin: {tls: {cert: server.crt, key: server.key}}
`
	p := start(t, write(t, filepath.Join(dir, "icapd.yaml"), config))
	probe := func(args ...string) error {
		t.Helper()
		_, port, _ := net.SplitHostPort(p.addr)
		cmd := exec.Command("icapd", append([]string{"probe", "--health", "icaps://localhost:" + port + "/respmod"}, args...)...)
		out, err := cmd.CombinedOutput()
		t.Logf("%v: %s%v", args, out, err)
		return err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	good := []string{"--tls-ca", in("ca.crt"), "--tls-cert", in("client.crt"), "--tls-key", in("client.key")}
	if err := probe(good...); err != nil {
		t.Errorf("with a good certificate: %v", err)
	}
	for what, args := range map[string][]string{
		"without a certificate":     good[:2],
		"with the CA of the system": good[2:],
	} {
		var code *exec.ExitError
		if err := probe(args...); !errors.As(err, &code) || code.ExitCode() != exitFound {
			t.Errorf("%s: %v", what, err)
		}
	}
	serial := func() string {
		t.Helper()
		c, err := tls.Dial("tcp", p.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	// A key that does not fit is refused, and the old pair stays.
	other.issue(t, dir, "odd", "localhost")
	if err := os.Rename(in("odd.key"), in("server.key")); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	if line := p.wait("reload refused: nothing has changed"); !strings.Contains(fmt.Sprint(line["problems"]), "server.key") {
		t.Errorf("%v", line)
	}
	if serial() != first {
		t.Error("another certificate after a refused reload")
	}
	ca.issue(t, dir, "server", "localhost")
	p.signal(syscall.SIGHUP)
	p.wait("reloaded")
	if serial() == first {
		t.Error("the old certificate after a reload")
	}
	if err := probe(good...); err != nil {
		t.Errorf("after a reload: %v", err)
	}
}

// authority is a CA of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var serials atomic.Int64

func newCA(t *testing.T, dir, name string) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name), "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue writes name.crt and name.key.
func (a *authority) issue(t *testing.T, dir, name, host string) {
	t.Helper()
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name+".crt"), "CERTIFICATE", der)
	der, err = x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name+".key"), "PRIVATE KEY", der)
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	write(t, file, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}
