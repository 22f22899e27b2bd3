package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"icapd/conf"
	"icapd/internal/content"
	"icapd/internal/event"
	"icapd/internal/service"
	"icapd/policy"
	"icapd/sanitize"
	"icapd/scan"

	"github.com/spf13/cobra"
)

// subject is what the flags of scan and disarm say about a message that did not come over ICAP.
type subject struct {
	as          string
	url         string
	contentType string
}

func (s *subject) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.as, "as", "response", "look at the content as that of this `KIND` of message, response or request")
	cmd.Flags().StringVar(&s.url, "url", "", "`URL` that the content was asked from or is sent to: it chooses the API's profile")
	cmd.Flags().StringVar(&s.contentType, "content-type", "", "media `TYPE` that the sender claims")
}

// message makes the message that the flags describe, and picks the ICAP service that would get it.
func (s *subject) message(c *conf.Config) (scan.Message, error) {
	m := scan.Message{Direction: scan.Response, Method: "GET", Status: 200, Type: s.contentType, Time: time.Now()}
	method := "RESPMOD"
	switch s.as {
	case "response":
	case "request":
		m.Direction, m.Method, m.Status, method = scan.Request, "POST", 0, "REQMOD"
	default:
		return m, fail("--as %q: neither response nor request", s.as)
	}
	if s.url != "" {
		u, err := url.Parse(s.url)
		if err != nil || u.Host == "" {
			return m, fail("%q is not an absolute URL, such as https://api.example/v1/items", s.url)
		}
		m.URL, m.Host, m.Path = event.SafeURL(s.url), strings.ToLower(u.Hostname()), u.EscapedPath()
		if m.Path == "" {
			m.Path = "/"
		}
	}
	m.Service = serviceFor(c, method)
	return m, nil
}

// serviceFor returns the service that messages of the method go to: respmod or reqmod, else the first by name.
func serviceFor(c *conf.Config, method string) string {
	best := ""
	for name, s := range c.Services {
		if s.Method != method {
			continue
		}
		if name == strings.ToLower(method) {
			return name
		}
		if best == "" || name < best {
			best = name
		}
	}
	return best
}

// inspect looks at one body under the profile of its message. The caller calls done when it is done with the
// result.
func (p *parts) inspect(ctx context.Context, m scan.Message, r io.Reader, name string) (res inspection, done func(), err error) {
	return p.inspectAs(ctx, &m, p.pipeline.Policy.Select(&m, m.Service), r, name)
}

func (p *parts) inspectAs(ctx context.Context, m *scan.Message, sel policy.Selection, r io.Reader, name string) (res inspection, done func(), err error) {
	m.ID = name
	spool, err := p.pipeline.Spooler.Read(ctx, r)
	res.original = spool
	done = func() {
		if res.Result != nil {
			res.Close()
		}
		_ = spool.Close() // memory and unlinked files
	}
	var gap *scan.Gap
	switch {
	case errors.As(err, &gap):
		res.Result = service.Refuse(sel, scan.GapFrom("body", "body", err))
	case err != nil:
		return res, done, err
	case spool.Size() == 0: // as for a message without a body: there is nothing to look at
		res.Result = &service.Result{
			API: sel.API, Profile: sel.Profile, Type: "application/x-empty",
			Decision: policy.Decision{Action: policy.Allow, Verdict: scan.Verdict{Looked: true}},
		}
	default:
		if rule, skip := sel.Profile.NeedsNoLook(m, spool.Size()); skip {
			res.Result = &service.Result{
				API: sel.API, Profile: sel.Profile, Type: "application/octet-stream",
				Decision: policy.Decision{Action: policy.Allow, Rule: rule},
			}
			break
		}
		res.Result = p.pipeline.Inspect(ctx, service.Subject{
			Message: m, Body: spool, Hints: content.Hints{ContentType: m.Type, Name: filepath.Base(name)},
		}, sel)
	}
	return res, done, nil
}

// record is what scan says about one file. The keys down to gaps are a contract.
type record struct {
	Path     string                `json:"path"`
	Type     string                `json:"type"`
	Outcome  string                `json:"outcome"`
	Action   string                `json:"action"`
	Findings []event.FindingRecord `json:"findings"`
	Gaps     []event.GapRecord     `json:"gaps"`

	Size     int64         `json:"size"`
	API      string        `json:"api,omitempty"`
	Profile  string        `json:"profile,omitempty"`
	Rule     string        `json:"rule,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Shadowed string        `json:"shadowed,omitempty"`
	Changes  []scan.Change `json:"changes,omitempty"`
	MS       float64       `json:"ms"`
	Error    string        `json:"error,omitempty"` // the file could not be read
}

func newRecord(path string) record {
	return record{
		Path: path, Outcome: scan.Unknown.String(), Action: policy.Block.String(),
		Findings: []event.FindingRecord{}, Gaps: []event.GapRecord{},
	}
}

// timed sets how long it took since start.
func (r *record) timed(start time.Time) { r.MS = float64(time.Since(start).Microseconds()) / 1000 }

func (r *record) fill(res *service.Result) {
	d := &res.Decision
	r.Type, r.Outcome, r.Action = res.Type, d.Outcome().String(), d.Action.String()
	r.API, r.Rule, r.Reason, r.Changes = res.API, d.Rule, d.Reason, res.Changes
	if res.Profile != nil {
		r.Profile = res.Profile.Name
	}
	if d.Shadowed != policy.Unknown {
		r.Shadowed = d.Shadowed.String()
	}
	for i := range d.Verdict.Findings {
		r.Findings = append(r.Findings, event.NewFindingRecord(&d.Verdict.Findings[i]))
	}
	for i := range d.Verdict.Gaps {
		r.Gaps = append(r.Gaps, event.NewGapRecord(&d.Verdict.Gaps[i]))
	}
}

// scanner is one run of the command.
type scanner struct {
	*cli
	subject
	json   bool
	eval   string
	misses string
	judged []string // engines that --eval is about

	parts *parts
	msg   scan.Message
	bar   *progress
}

func (c *cli) scanCommand() *cobra.Command {
	s := &scanner{cli: c}
	cmd := &cobra.Command{
		Use:   "scan [flags] PATH|- ...",
		Short: "look at files as at the messages of an API, without a server",
		Long: `Looks at files, at all files below folders, and at standard input (-), in the way of RESPMOD: content is
walked to the bottom, shown to the engines, and judged by the profile that --url and the configuration choose.

Exit codes: 0 all allowed; 1 something blocked or rewritten; 2 usage, configuration or I/O error.`,
		Example: `  icapd scan --url https://api.example/v1/orders response.json
  icapd scan --json downloads/ | jq 'select(.action != "allow")'
  icapd scan --eval labelled.jsonl --misses wrong.jsonl
  icapd scan --eval labelled.jsonl --engines waf --set engines.waf.rules=crs`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible()
			defer stop()
			if s.eval != "" {
				if len(args) > 0 {
					return fail("scan: --eval takes no further files")
				}
				return s.evaluate(ctx)
			}
			if len(args) == 0 {
				return fail("scan: which files? (- is standard input)")
			}
			if s.misses != "" {
				return fail("scan: --misses goes with --eval")
			}
			if cmd.Flags().Changed("engines") {
				return fail("scan: --engines goes with --eval")
			}
			return s.run(ctx, args)
		},
	}
	c.configFlags(cmd)
	s.flags(cmd)
	cmd.Flags().BoolVar(&s.json, "json", false, "print one JSON object a file")
	cmd.Flags().StringVar(&s.eval, "eval", "", "judge engines on labelled traffic in `FILE.jsonl`")
	cmd.Flags().StringSliceVar(&s.judged, "engines", []string{sanitize.Name}, "with --eval: judge these `ENGINES` of the configuration, or all")
	cmd.Flags().StringVar(&s.misses, "misses", "", "with --eval: write the lines that were judged wrong to `FILE`")
	return cmd
}

// outcome is what became of one file.
type outcome struct {
	record
	err error
}

// run looks at all files, several at a time, and reports them in order.
func (s *scanner) run(ctx context.Context, args []string) error {
	p, err := s.prepare(nil)
	if err != nil {
		return failWith(err)
	}
	defer p.close()
	s.parts = p
	if s.msg, err = s.message(p.config); err != nil {
		return err
	}
	files, _, size, walkErr := collect(args)
	s.bar = newProgress(s.stdio, len(files), size)
	defer s.bar.finish()

	code := exitOK
	worst := func(n int) { code = max(code, n) }
	for _, problem := range walkErr {
		s.complain(problem)
		worst(exitError)
	}
	for out := range s.each(ctx, files) {
		if out.err != nil {
			s.complain(plain(out.err))
			worst(exitError)
		} else if out.Action != policy.Allow.String() {
			worst(exitFound)
		}
		if ctx.Err() != nil {
			return fail("interrupted")
		}
		if err := s.report(&out.record); err != nil {
			return failWith(err)
		}
	}
	if code == exitOK {
		return nil
	}
	return &exit{code: code}
}

func (s *scanner) complain(err error) {
	s.bar.clear()
	complain(s.err, err)
}

// each yields what became of the files, in their order. Some are looked at ahead of the one that is yielded.
func (s *scanner) each(ctx context.Context, files []string) func(yield func(*outcome) bool) {
	return func(yield func(*outcome) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		ahead := make(chan chan *outcome, runtime.GOMAXPROCS(0))
		wg.Go(func() {
			defer close(ahead)
			for _, file := range files {
				slot := make(chan *outcome, 1)
				select {
				case ahead <- slot:
				case <-ctx.Done():
					return
				}
				wg.Go(func() { slot <- s.one(ctx, file) })
			}
		})
		for slot := range ahead {
			if !yield(<-slot) {
				return
			}
		}
	}
}

// one looks at one file.
func (s *scanner) one(ctx context.Context, file string) *outcome {
	out := &outcome{record: newRecord(file)}
	start := time.Now()
	defer func() {
		out.timed(start)
		if out.err != nil {
			out.Error = plain(out.err).Error()
		}
	}()
	in, err := s.open(file)
	if err != nil {
		out.err = err
		return out
	}
	defer func() { _ = in.Close() }()
	counted := &counter{r: in, add: s.bar.add}
	res, done, err := s.parts.inspect(ctx, s.msg, counted, file)
	defer done()
	out.Size = counted.n
	if err != nil {
		out.err = err
		return out
	}
	out.fill(res.Result)
	return out
}

func (s *scanner) open(file string) (io.ReadCloser, error) {
	if file == stdin {
		return io.NopCloser(s.in), nil
	}
	return os.Open(file)
}

// counter counts the bytes read through it.
type counter struct {
	r   io.Reader
	n   int64
	add func(int64)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.add(int64(n))
	return n, err
}

// report prints what became of a file.
func (s *scanner) report(r *record) error {
	if s.json {
		return encode(s.out, r)
	}
	if r.Error != "" {
		return nil // said on standard error
	}
	s.bar.clear()
	_, err := io.WriteString(s.out, r.text())
	return err
}

// text is a record for people: a line for the file, and one for each thing that was seen.
func (r *record) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s", event.OneLine(r.Path, 4096), r.Action, r.Outcome)
	if r.Type != "" {
		fmt.Fprintf(&b, " (%s)", event.OneLine(r.Type, 128))
	}
	if r.Shadowed != "" {
		fmt.Fprintf(&b, "; shadow mode, else %s", r.Shadowed)
	}
	b.WriteByte('\n')
	if r.Rule != "" {
		fmt.Fprintf(&b, "    because of %s\n", event.OneLine(r.Rule, 300))
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		fmt.Fprintf(&b, "    %-8s %s %s [%s] %s", f.Severity, f.Engine, f.Rule, f.Class, f.Path)
		if f.Detail != "" {
			fmt.Fprintf(&b, ": %s", f.Detail)
		}
		b.WriteByte('\n')
	}
	for i := range r.Gaps {
		g := &r.Gaps[i]
		fmt.Fprintf(&b, "    not looked at by %s: %s: %s\n", g.Engine, g.Path, g.Error)
	}
	for i := range r.Changes {
		c := &r.Changes[i]
		fmt.Fprintf(&b, "    would be %s: %s %s\n", c.Action, c.Vector, c.Path)
	}
	return b.String()
}
