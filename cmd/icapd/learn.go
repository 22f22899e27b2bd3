package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"icapd/conf"
	"icapd/internal/admin"
	"icapd/internal/inventory"
	"icapd/policy"
	"icapd/scan"
	"icapd/schema/learn"

	"github.com/spf13/cobra"
)

// apprentice is one run of the command.
type apprentice struct {
	adminClient
	api, host string
	format    string
	output    string
	strict    bool
	request   bool

	learner *learn.Learner
	left    int
	hosts   map[string]int // of the messages learned from
}

func (c *cli) learnCommand() *cobra.Command {
	a := &apprentice{adminClient: adminClient{cli: c}, hosts: map[string]int{}}
	cmd := &cobra.Command{
		Use:   "learn [flags] FILE|- ...",
		Short: "draft an OpenAPI document or a JSON Schema from recorded or live traffic of an API",
		Long: `Drafts the document that the messages of an API would have had, to read, correct, and hold the API against
(apis[].schema, first with mode: observe).

Messages come from files: HAR, as browsers and proxies write it, or JSON lines with url, method, status, content_type and
body (text, or JSON; "direction":"request" for what was sent). Or they come from a running icapd (--admin) that was told
to learn (apis[].learn), which keeps shapes and no values.

Exit codes: 0 drafted; 2 usage, configuration, input or output, or nothing to learn from.`,
		Example: `  icapd learn --host api.example -o example.yaml recorded.har
  icapd learn -c icapd.yaml --api payments --format json-schema answers.jsonl
  icapd learn --admin http://127.0.0.1:8344 --api payments -o payments.yaml`,
		RunE: func(_ *cobra.Command, args []string) error {
			ctx, stop := interruptible()
			defer stop()
			return a.run(ctx, args)
		},
	}
	c.configFlags(cmd)
	a.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&a.url, "admin", "", "learn from the running icapd with this admin `URL`")
	fl.StringVar(&a.api, "api", "", "only messages of the API of this `NAME` in the configuration")
	fl.StringVar(&a.host, "host", "", "only messages of this `HOST`")
	fl.StringVar(&a.format, "format", "openapi", "`FORMAT` of what to draft: openapi or json-schema")
	fl.BoolVar(&a.request, "requests", false, "with --format json-schema: of requests, and not of responses")
	fl.BoolVar(&a.strict, "strict", false, "allow no members of objects but those that were seen")
	fl.StringVarP(&a.output, "output", "o", "", "write to `FILE`, as JSON if its name ends in .json; without one, to standard output")
	return cmd
}

func (a *apprentice) run(ctx context.Context, args []string) error {
	if a.format != "openapi" && a.format != "json-schema" {
		return fail("learn: --format %q: neither openapi nor json-schema", a.format)
	}
	a.learner = learn.New(inventory.Template)
	var err error
	switch {
	case a.url != "" && len(args) > 0:
		return fail("learn: from a running icapd, or from files: not both")
	case a.url != "" && a.api == "":
		return fail("learn: --admin needs --api: which one?")
	case a.url != "":
		err = a.fromAdmin(ctx)
	case len(args) == 0:
		return fail("learn: from which files? (- is standard input)")
	default:
		err = a.fromFiles(ctx, args)
	}
	if err != nil {
		return failWith(plain(err))
	}
	return a.draft()
}

const maxSummary = 64 << 20

func (a *apprentice) fromAdmin(ctx context.Context) error {
	resp, err := a.do(ctx, http.MethodGet, a.base()+"/api/v1/learn/"+url.PathEscape(a.api), 30*time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	text, err := readLimited(resp.Body, maxSummary)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s (is learn: true set for the API %q?)", a.base(), resp.Status, errorIn(text), a.api)
	}
	var sum learn.Summary
	if err := json.Unmarshal(text, &sum); err != nil {
		return err
	}
	a.learner.Load(&sum)
	return nil
}

func (a *apprentice) fromFiles(ctx context.Context, files []string) error {
	config, err := conf.Load(a.cli.conf)
	if err != nil {
		return err
	}
	pol, err := config.Policy()
	if err != nil {
		return err
	}
	if a.api != "" && !slices.ContainsFunc(config.APIs, func(it conf.API) bool { return it.Name == a.api }) {
		return fmt.Errorf("--api %s: the configuration has no API of that name", a.api)
	}
	for _, name := range files {
		if err := a.fromFile(ctx, name, pol); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if a.api == "" && a.host == "" && len(a.hosts) > 1 {
		return fmt.Errorf("there are messages of several hosts: choose with --host, or --api: %s", strings.Join(slices.Sorted(keysOf(a.hosts)), ", "))
	}
	return nil
}

func keysOf(m map[string]int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (a *apprentice) fromFile(ctx context.Context, name string, pol *policy.Policy) error {
	in := io.NopCloser(a.cli.in)
	if name != stdin {
		file, err := os.Open(name)
		if err != nil {
			return errors.Unwrap(err)
		}
		in = file
	}
	defer func() { _ = in.Close() }() // read only
	return learn.Read(in, func(s *learn.Sample) {
		if ctx.Err() != nil || !a.wants(s, pol) {
			return
		}
		a.hosts[s.Host]++
		if a.learner.Observe(s) != nil {
			a.left++
		}
	})
}

func (a *apprentice) wants(s *learn.Sample, pol *policy.Policy) bool {
	if a.host != "" && !strings.EqualFold(a.host, s.Host) {
		return false
	}
	m := scan.Message{Direction: scan.Response, Method: s.Method, Host: s.Host, Path: s.Path, Status: s.Status, Type: s.Type}
	if s.Request {
		m.Direction = scan.Request
	}
	return a.api == "" || pol.Select(&m, "").API == a.api
}

// draft writes what was learned.
func (a *apprentice) draft() error {
	sum := a.learner.Summary()
	if len(sum.Operations) == 0 {
		return fail("learn: no message to learn from")
	}
	d := learn.Draft{Title: cmp.Or(a.api, a.host, strings.Join(sum.Hosts, ", ")), Strict: a.strict, Request: a.request}
	var doc learn.Object
	if a.format == "openapi" {
		var notes []string
		doc, notes = sum.OpenAPI(d)
		for _, n := range notes {
			say(a.cli.err, "icapd: note: %s\n", n)
		}
	} else {
		var ok bool
		if doc, ok = sum.JSONSchema(d); !ok {
			return fail("learn: no JSON among the messages of that direction")
		}
	}
	text := doc.YAML()
	if strings.HasSuffix(a.output, ".json") || a.output == "" && a.format == "json-schema" {
		text = doc.JSON()
	}
	say(a.cli.err, "icapd: learned from %d messages of %d operations; %d left out\n", sum.Messages-sum.Left, len(sum.Operations), sum.Left)
	if a.output == "" {
		if _, err := a.cli.out.Write(text); err != nil {
			return failWith(err)
		}
		return nil
	}
	if err := writeWhole(a.output, text); err != nil {
		return failWith(plain(err))
	}
	return nil
}

// writeWhole writes a file that is there only when it is complete.
func writeWhole(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".icapd-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// addLearning adds the engine that learns, if an API wants it.
func (p *parts) addLearning(apis []conf.API) {
	names := map[string]bool{}
	for i := range apis {
		if apis[i].Learn {
			names[apis[i].Name] = true
		}
	}
	if len(names) == 0 {
		return
	}
	p.compute(learn.NewEngine(func(api string) *learn.Learner { return p.learned.Of(api) }, func(m *scan.Message) string {
		if api := p.apiOf(m); names[api] {
			return api
		}
		return ""
	}))
}

// learning is what was learned, as the admin address shows it.
type learning struct{ *learn.Registry }

// List implements admin.Learning.
func (l learning) List() []admin.Learned {
	var out []admin.Learned
	for _, name := range l.Names() {
		if it := l.Find(name); it != nil {
			s := it.Summary()
			out = append(out, admin.Learned{API: name, Messages: s.Messages, Left: s.Left, Operations: len(s.Operations)})
		}
	}
	return out
}

// Summary implements admin.Learning.
func (l learning) Summary(api string) (any, error) {
	if it := l.Find(api); it != nil {
		return it.Summary(), nil
	}
	return nil, admin.ErrNotFound
}

// Forget implements admin.Learning.
func (l learning) Forget(api string) error {
	if !l.Registry.Forget(api) {
		return admin.ErrNotFound
	}
	return nil
}
