package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"icapd/icap"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var pictures = flag.Bool("pictures", false, "write the screenshots of the docs")

// tab is a page in a headless Chromium, and what went wrong in it.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu       sync.Mutex
	problems []string
}

func openTab(t *testing.T, base string) *tab {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("no chromium: scripts/setup.sh test installs it")
	}
	// Chromium leaves folders behind. Its sockets are in them, whose paths have at most 107 bytes.
	dir, err := os.MkdirTemp("", "chromium") //nolint:usetesting // a test's own folder has too long a path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { within(t, "Chromium's folder goes", func() bool { return os.RemoveAll(dir) == nil }) })
	actx, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.WindowSize(1280, 860), chromedp.Env("TMPDIR="+dir))...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(actx)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, base: base}
	err = chromedp.Listen(ctx, func(ev any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			b.problems = append(b.problems, fmt.Sprintf("%s line %d", e.ExceptionDetails.Text, e.ExceptionDetails.LineNumber))
		case *log.EventEntryAdded: // a violation of the Content-Security-Policy is one
			if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.Text, "ERR_INCOMPLETE_CHUNKED_ENCODING") {
				b.problems = append(b.problems, e.Entry.Text+" "+e.Entry.URL)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// do runs actions; each waits for what it needs.
func (b *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

func (b *tab) visit(path string) {
	b.t.Helper()
	b.do(path, chromedp.Navigate(b.base+path), chromedp.WaitReady(css("footer")))
}

func (b *tab) text(selector css) string {
	b.t.Helper()
	return b.eval("text of "+string(selector), fmt.Sprintf(`document.querySelector(%q).innerText`, string(selector)))
}

// eval asks the page itself, and again while there is no answer: ids of nodes, which chromedp's own queries go by, die
// with a page that gives way to the next one.
func (b *tab) eval(what, expression string) string {
	b.t.Helper()
	var err error
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
		var text string
		text, err = chromedp.Run(ctx, chromedp.Evaluate[string](expression))
		cancel()
		if err == nil {
			return text
		}
	}
	b.t.Fatalf("%s: %v", what, err)
	return ""
}

// result runs an action that has one.
func result[T any](b *tab, what string, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	return v
}

type css = chromedp.CSS

// good fails the test for what went wrong in the browser.
func (b *tab) good() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.problems {
		b.t.Error("in the browser: ", p)
	}
}

// picture writes a screenshot for the docs, when asked to.
func (b *tab) picture(name string) {
	b.t.Helper()
	if !*pictures {
		return
	}
	png := result(b, "picture "+name, chromedp.CaptureScreenshot())
	if err := os.MkdirAll("../../docs/img", 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("../../docs/img", name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// send shows icapd a response of an API.
func send(t *testing.T, p *process, client *icap.Client, path, contentType, body string) {
	t.Helper()
	resp, err := client.Do(t.Context(), &icap.ClientRequest{
		Method: "RESPMOD", URL: p.url("respmod"), Preview: icap.PreviewFromOptions,
		HTTPRequest:  icap.NewRequestHead("GET", "http://api.example"+path, icap.Field{Name: "Host", Value: "api.example"}),
		HTTPResponse: icap.NewResponseHead(200, icap.Field{Name: "Content-Type", Value: contentType}),
		Body:         strings.NewReader(body),
	})
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body != nil {
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
}

const injected = `{"items": [{"id": 1, "comment": "nice"}, {"id": 2, "comment": "1' UNION SELECT password FROM users--"}]}`

// startConsole is an icapd with everything that the console shows.
func startConsole(t *testing.T, more string, args ...string) (p *process, dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, filepath.Join(dir, "key"), strings.Repeat("0f", 32))
	return start(t, write(t, filepath.Join(dir, "icapd.yaml"), `
events: [{file: events.jsonl}]
quarantine: {directory: kept, key_file: key}
profiles: {default: {injection: block}, soft: {injection: neutralise}}
apis: [{name: shop, match: {hosts: [api.example], paths: [/shop/]}, profile: soft}]
`+more), args...), dir
}

// TestConsole goes through every page of the console in a real browser.
func TestConsole(t *testing.T) {
	p, dir := startConsole(t, "")
	client := &icap.Client{}
	defer client.Close()
	b := openTab(t, "http://"+p.adm)
	b.visit("/")

	// Live: messages appear without anybody asking.
	b.do("the stream", chromedp.Poll[chromedp.Void](`document.querySelector("#pulse").textContent === "●"`))
	send(t, p, client, "/v1/users/4711", "application/json", clean)
	send(t, p, client, "/shop/cart", "application/json", injected)
	send(t, p, client, "/v1/comments", "application/json", injected)
	b.do("live rows", chromedp.Poll[chromedp.Void](`document.querySelectorAll("#messages tbody tr.new").length === 3`))
	if got := b.text("#total-block") + b.text("#total-rewrite") + b.text("#total-allow"); got != "111" {
		t.Errorf("blocked, rewritten, allowed: %s", got)
	}
	b.picture("console-overview")
	b.do("only what matters", chromedp.Click(css("#only")), chromedp.WaitVisible(css("#found")))
	if got := b.text("#found") + b.eval("rows", `String(document.querySelectorAll("#messages tbody tr:not([hidden])").length)`); !strings.HasPrefix(got, "2 of the 3 ") || !strings.HasSuffix(got, "2") {
		t.Errorf("only what matters: %s", got)
	}

	// A message: keys lead to it, and it shows the field and the value.
	b.do("by keys", chromedp.Click(css("h1")), chromedp.KeyEvent("j"), chromedp.KeyEvent("\r"), chromedp.WaitReady(css(".tree mark")))
	if got := b.text(".tree"); !strings.Contains(got, "body/items/1/comment") || !strings.Contains(got, "application/json") || !strings.Contains(got, "sqli-union") {
		t.Errorf("the message's page: %s", got)
	}
	if got := b.eval("the way to the original", `document.querySelector("#original").getAttribute("href")`); !strings.HasPrefix(got, "/quarantine/") {
		t.Errorf("the original is at %q", got)
	}
	b.picture("console-message")

	for path, want := range map[string]string{
		"/engines": "injection", "/rules": "sqli-union", "/quarantine": "api.example/v1/comments", "/apis": "/v1/users/{id}",
		"/config": "quarantine:", "/try": "Look",
	} {
		b.visit(path)
		if got := b.text("main"); !strings.Contains(got, want) {
			t.Errorf("%s does not show %q: %s", path, want, got)
		}
		if path == "/rules" || path == "/quarantine" || path == "/apis" {
			b.picture("console-" + strings.TrimPrefix(path, "/"))
		}
	}
	quarantineStory(t, b, dir)
	ruleStory(t, b, p, client)
	tryStory(t, b)
	b.visit("/config")
	b.do("reload", chromedp.Click(css(`form[action="/reload"] button`)), chromedp.WaitVisible(css(".note")))
	if got := b.text(".note"); !strings.HasPrefix(got, "Reloaded.") {
		t.Error(got)
	}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	}); err != nil {
		t.Fatal(err)
	}
	b.visit("/")
	if dark := result(b, "dark", chromedp.Evaluate[string](`getComputedStyle(document.body).backgroundColor`)); dark != "rgb(17, 20, 24)" {
		t.Errorf("the background in the dark is %s", dark)
	}
	b.picture("console-dark")
	b.good()

	events, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"quarantine.release", "quarantine.delete", "rule.off", "rule.on", "try", "reload"} {
		if !bytes.Contains(events, []byte(`"action":"`+action+`"`)) {
			t.Errorf("%s is not in the audit stream", action)
		}
	}
}

// quarantineStory releases an original and finds it unchanged, then deletes it.
func quarantineStory(t *testing.T, b *tab, dir string) {
	t.Helper()
	got := make(chan string, 1)
	if err := chromedp.ListenBrowser(b.ctx, func(ev any) {
		if e, ok := ev.(*browser.EventDownloadProgress); ok && e.State == browser.DownloadProgressStateCompleted {
			got <- e.GUID
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.CallBrowser(b.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, DownloadPath: dir, EventsEnabled: new(true),
	}); err != nil {
		t.Fatal(err)
	}
	b.visit("/quarantine")
	b.do("entry", chromedp.Click(`//tr[contains(., "/v1/comments")]//a`), chromedp.WaitVisible(css("#release")))
	if text := b.text(".tree"); !strings.Contains(text, "body/items/1/comment") {
		t.Errorf("the report: %s", text)
	}
	b.do("release", chromedp.Click(css("#release")), chromedp.Click(css(`form[action$="/release"] button`)))
	select {
	case name := <-got:
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != injected {
			t.Errorf("%q, %v", data, err)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("no download")
	}
	b.do("delete", chromedp.Click(css("#delete")), chromedp.Click(css("button.danger")), chromedp.WaitVisible(css(".note")))
	if text := b.text("main"); strings.Contains(text, "/v1/comments") || !strings.Contains(text, "/shop/cart") {
		t.Errorf("after the deletion: %s", text)
	}
}

// ruleStory switches a rule off, finds that it does not match any more, and on again.
func ruleStory(t *testing.T, b *tab, p *process, client *icap.Client) {
	t.Helper()
	button := `//tr[.//code[text()="sqli-union"]]//button`
	b.visit("/rules")
	if row := b.row("sqli-union"); !strings.Contains(row, "2") {
		t.Errorf("hits: %s", row)
	}
	for _, off := range []bool{true, false} {
		b.do("switch", chromedp.Click(button), chromedp.WaitVisible(css(".note")))
		send(t, p, client, fmt.Sprintf("/switched/%v", off), "application/json", injected)
		b.visit("/")
		row := b.row(fmt.Sprintf("/switched/%v", off))
		if strings.Contains(row, "sqli-union") == off {
			t.Errorf("switched off is %v: %s", off, row)
		}
		b.visit("/rules")
	}
}

// row is the text of the first row that holds the text.
func (b *tab) row(text string) string {
	b.t.Helper()
	return b.eval("row of "+text, fmt.Sprintf(`[...document.querySelectorAll("tr")].find((r) => r.textContent.includes(%q)).innerText`, text))
}

// tryStory pastes JSON, drops a file, and gets both back made safe or refused.
func tryStory(t *testing.T, b *tab) {
	t.Helper()
	b.visit("/try")
	b.do("paste", chromedp.SetValue(css("#text"), injected), chromedp.SetValue(css(`input[name="url"]`), "http://api.example/shop/x"),
		chromedp.Click(css(`#try button`)), chromedp.WaitVisible(css("#result-text")))
	if got := b.text("#result-text"); !strings.Contains(got, `"comment": "nice"`) || strings.Contains(got, "1' UNION SELECT password") {
		t.Errorf("made safe: %s", got)
	}
	b.picture("console-tried")
	file := filepath.Join(t.TempDir(), "attack.json")
	write(t, file, injected)
	b.visit("/try")
	b.do("file", chromedp.SetUploadFiles(css("#file"), []string{file}), chromedp.Click(css(`#try button`)), chromedp.WaitVisible(css(".decision")))
	if got := b.text("main"); !strings.Contains(got, "Nothing would go on.") {
		t.Errorf("a file: %s", got)
	}
}

// TestConsoleLogin finds that nobody gets in without the token, from an address that others can reach.
func TestConsoleLogin(t *testing.T) {
	sum := sha256.Sum256([]byte("open sesame"))
	look := sha256.Sum256([]byte("only look"))
	p, _ := startConsole(t, "", "--set", "admin.address=0.0.0.0:0", "--set", "admin.token_sha256="+hex.EncodeToString(sum[:]),
		"--set", "admin.read_token_sha256="+hex.EncodeToString(look[:]))
	_, port, err := net.SplitHostPort(p.adm)
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + net.JoinHostPort(outside(t), port)
	for _, path := range []string{"/", "/api/v1/status", "/metrics", "/readyz"} {
		resp, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a token: %s", path, resp.Status)
		}
	}
	b := openTab(t, base)
	b.visit("/rules")
	login := func(token string, then css) {
		t.Helper()
		b.do("login", chromedp.WaitVisible(css("#token")), chromedp.SendKeys(css("#token"), token), chromedp.Click(css(".login button")), chromedp.WaitVisible(then))
	}
	b.picture("console-login")
	login("let me in", ".problem")
	b.mu.Lock()
	b.problems = nil // the browser complains of the 401
	b.mu.Unlock()
	login("only look", "nav")
	b.do("banner", chromedp.WaitVisible(css(".banner")))
	at := result(b, "where", chromedp.Location())
	if text := b.text("main"); at != base+"/rules" || strings.Contains(text, "Switch off") {
		t.Errorf("at %s: who may look is offered more", at)
	}
	b.do("log out", chromedp.Click(css(".who button")))
	login("open sesame", "nav")
	b.visit("/rules")
	if text := b.text("main"); !strings.Contains(text, "Switch off") {
		t.Errorf("the manager is not offered changes: %s", text)
	}
	b.good()
}

// outside is an address of this machine that is not loopback.
func outside(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	t.Skip("this machine has loopback addresses only")
	return ""
}
