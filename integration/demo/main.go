// Command demo shows icapd at its job, with the real Squid and clamd around it: an application calls a third-party
// API through Squid, Squid asks icapd about each answer, and icapd lets it through, changes one field of it, or
// blocks it, and says why. `make demo` runs it. It starts everything that it needs in a private folder, checks what
// it shows, stops everything, and fails if anything was not as it says.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/textproto"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"icapd/integration/lab"
)

func main() {
	binary := flag.String("icapd", "bin/icapd", "`path` of icapd")
	flag.Parse()
	if err := run(*binary, os.Stdout); err != nil {
		log.Fatal("demo: ", err)
	}
}

func run(binary string, out io.Writer) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := lab.New()
	if err != nil {
		return err
	}
	d := &demo{ctx: ctx, out: out}
	defer func() {
		if err != nil {
			l.DumpLogs(out, 3<<10)
		}
		err = errors.Join(err, l.Close())
		d.say("\nEverything that the demo started is stopped, and its folder is gone.\n")
	}()
	if err := d.start(l, binary); err != nil {
		return err
	}
	for n, step := range []func() error{d.clean, d.cleanTLS, d.clamAV, d.yara, d.injection, d.audits} {
		d.number = n + 1
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", n+1, err)
		}
	}
	d.say("\nAll of it was as it should be.\n")
	return nil
}

// demo is the scene and where it is shown.
type demo struct {
	ctx    context.Context
	out    io.Writer
	number int

	api   *lab.API
	clamd *lab.Clamd
	icapd *lab.Icapd
	squid *lab.Squid
	seen  []*lab.Audit
}

func (d *demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format, args...) }

func (d *demo) title(text string) { d.say("\n%d. %s\n", d.number, text) }

// start brings everything up.
func (d *demo) start(l *lab.Lab, binary string) (err error) {
	d.say("Starting a fake third-party API, clamd, icapd and Squid in %s ...\n", l.Dir)
	if d.api, err = l.API(d.ctx); err != nil {
		return err
	}
	if d.clamd, err = l.Clamd(d.ctx); err != nil {
		return err
	}
	d.icapd, err = l.Icapd(d.ctx, lab.IcapdConfig{
		Binary: binary,
		YAML: "engines:\n  yara: {rules: [builtin, own-rule.yar]}\n" +
			fmt.Sprintf("  clamd: {addresses: [%q]}\n", "unix:"+d.clamd.Socket),
		Files: []lab.File{{Name: "own-rule.yar", Text: lab.YARARule}},
	})
	if err != nil {
		return err
	}
	if err := d.icapd.Ready(d.ctx); err != nil {
		return err
	}
	d.squid, err = l.Squid(d.ctx, lab.SquidConfig{
		API: d.api, REQMOD: d.icapd.URL("reqmod"), RESPMOD: d.icapd.URL("respmod"),
	})
	if err != nil {
		return err
	}
	d.say("  the API    %s and %s (of which only Squid knows the address)\n", d.api.URL("/"), d.api.SecureURL("/"))
	d.say("  Squid      %s, and %s, which opens HTTPS (ssl-bump)\n", d.squid.ProxyURL(false), d.squid.ProxyURL(true))
	d.say("  icapd      %s, built-in rules, one YARA rule of ours, and clamd\n", d.icapd.URL("respmod"))
	d.say("  clamd      %s, with a signature of EICAR\n", d.clamd.Socket)
	return nil
}

// answer is what curl printed, taken apart.
type answer struct {
	head, body string
	sum        string // of head and body, without what each hop says about its own connection
}

func (a *answer) statusLine() string {
	line, _, _ := strings.Cut(a.head, "\r\n")
	return line
}

// curl runs curl and shows the command.
func (d *demo) curl(args ...string) (*answer, error) {
	d.say("   $ curl")
	for _, a := range args {
		if strings.ContainsAny(a, " *?&") {
			a = "'" + a + "'"
		}
		d.say(" %s", a)
	}
	d.say("\n")
	return d.quietly(args...)
}

func (d *demo) quietly(args ...string) (*answer, error) {
	args = append([]string{"-sS", "-i", "--noproxy", "", "--suppress-connect-headers", "--max-time", "30"}, args...)
	out, err := exec.CommandContext(d.ctx, "curl", args...).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return nil, fmt.Errorf("curl: %w: %s", err, exit.Stderr)
		}
		return nil, err
	}
	head, body, ok := strings.Cut(string(out), "\r\n\r\n")
	if !ok {
		return nil, fmt.Errorf("curl printed %q", out)
	}
	h := sha256.New()
	for line := range strings.SplitSeq(head, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		switch textproto.CanonicalMIMEHeaderKey(name) {
		case "Connection", "Keep-Alive", "Transfer-Encoding":
		default:
			_, _ = io.WriteString(h, line+"\n")
		}
	}
	_, _ = io.WriteString(h, body)
	return &answer{head: head, body: body, sum: hex.EncodeToString(h.Sum(nil))}, nil
}

// direct asks the API itself, without Squid and icapd.
func (d *demo) direct(path string) (*answer, error) {
	return d.quietly("--connect-to", fmt.Sprintf("%s:127.0.0.1:%d", d.api.Authority(false), d.api.HTTP), d.api.URL(path))
}

func (d *demo) plain(path string, more ...string) (*answer, error) {
	return d.curl(append([]string{"-x", d.squid.ProxyURL(false), d.api.URL(path)}, more...)...)
}

func (d *demo) bumped(path string, more ...string) (*answer, error) {
	return d.curl(append([]string{"-x", d.squid.ProxyURL(true), "--cacert", d.squid.BumpCAFile(), d.api.SecureURL(path)}, more...)...)
}

// audit waits for the event about the answer to a path and remembers it for the last step.
func (d *demo) audit(path, action string) (*lab.Audit, error) {
	known := map[string]bool{}
	for _, a := range d.seen {
		known[a.RequestID] = true
	}
	a, err := d.icapd.WaitAudit(d.ctx, func(a *lab.Audit) bool {
		return a.Service == "respmod" && strings.HasSuffix(a.URL, path) && !known[a.RequestID]
	})
	if err != nil {
		return nil, err
	}
	d.seen = append(d.seen, a)
	if a.Action != action {
		return nil, fmt.Errorf("the audit event says %s and not %s: %s", a.Action, action, a.Line)
	}
	d.say("   icapd: verdict %s, action %s%s\n", a.Verdict, a.Action, because(a))
	return a, nil
}

func because(a *lab.Audit) string {
	var why []string
	for _, f := range a.Findings {
		why = append(why, fmt.Sprintf("%s found %s in %s", f.Engine, f.Rule, f.Path))
	}
	if len(why) == 0 {
		return ""
	}
	return ": " + strings.Join(why, "; ")
}

func indent(text string) string {
	return "     " + strings.ReplaceAll(strings.TrimRight(strings.ReplaceAll(text, "\r", ""), "\n"), "\n", "\n     ")
}

func (d *demo) clean() error {
	d.title("A clean answer goes through untouched: status, headers in their order, and body.")
	return d.identical("/v1/customers", d.plain)
}

func (d *demo) cleanTLS() error {
	d.title("The same over HTTPS, which Squid opens and closes again.")
	return d.identical("/v1/customers", d.bumped)
}

func (d *demo) identical(path string, fetch func(string, ...string) (*answer, error)) error {
	want, err := d.direct(path)
	if err != nil {
		return err
	}
	got, err := fetch(path)
	if err != nil {
		return err
	}
	d.say("%s\n   sha256 of headers and body, from the API itself: %s\n   sha256 of headers and body, through icapd:       %s\n",
		indent(got.statusLine()), want.sum, got.sum)
	if got.sum != want.sum {
		return fmt.Errorf("the answers differ:\n%s\n%s", indent(want.head), indent(got.head))
	}
	_, err = d.audit(path, "allow")
	return err
}

// blocked asks for something that must not come, and shows the page that comes instead.
func (d *demo) blocked(path, engine string, secret []byte, fetch func(string, ...string) (*answer, error)) error {
	got, err := fetch(path, "-H", "Accept: application/json")
	if err != nil {
		return err
	}
	d.say("%s\n%s\n", indent(got.statusLine()), indent(got.body))
	if !strings.Contains(got.statusLine(), " 403 ") || strings.Contains(got.body, string(secret)) {
		return errors.New("it was not blocked")
	}
	if !strings.Contains(strings.ToLower(got.head), "content-type: application/problem+json") || !json.Valid([]byte(got.body)) {
		return fmt.Errorf("the page is no problem+json:\n%s", indent(got.head))
	}
	a, err := d.audit(path, "block")
	if err != nil {
		return err
	}
	if !a.FoundBy(engine) {
		return fmt.Errorf("%s found nothing: %s", engine, a.Line)
	}
	return nil
}

func (d *demo) clamAV() error {
	d.title("EICAR, which ClamAV knows, is blocked. The client takes JSON, so it gets a problem+json (RFC 9457).")
	return d.blocked("/files/eicar", "clamd", lab.EICAR(), d.bumped)
}

func (d *demo) yara() error {
	d.title("A script that a YARA rule of ours finds is blocked.")
	return d.blocked("/files/yara", "yara", lab.YARASample(), d.plain)
}

func (d *demo) injection() error {
	d.title("One field of an answer is an attack on whoever puts it into a query or a page. That field is neutralised.")
	got, err := d.bumped("/v1/reviews")
	if err != nil {
		return err
	}
	d.say("%s\n   what the API sent:\n%s\n   what arrived:\n%s\n", indent(got.statusLine()), indent(lab.Reviews), indent(got.body))
	before, after, _ := strings.Cut(lab.Reviews, lab.ReviewField)
	if !strings.HasPrefix(got.body, before) || !strings.HasSuffix(got.body, after) || !json.Valid([]byte(got.body)) {
		return errors.New("more than the field has changed")
	}
	if strings.Contains(got.body, lab.ReviewField) {
		return errors.New("the field has not changed")
	}
	d.say("   all bytes outside of /reviews/1/text are the same\n")
	_, err = d.audit("/v1/reviews", "rewrite")
	return err
}

func (d *demo) audits() error {
	d.title("What icapd wrote into its audit log about these answers, a line each:")
	if len(d.seen) != d.number-1 {
		return fmt.Errorf("%d audit events for %d answers", len(d.seen), d.number-1)
	}
	for _, a := range d.seen {
		d.say("%s\n", indent(a.Line))
	}
	return nil
}
