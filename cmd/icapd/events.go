package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"icapd/conf"
	"icapd/internal/event"
	"icapd/internal/sink"

	"github.com/spf13/cobra"
)

// follower is one run of the command.
type follower struct {
	adminClient
	follow  bool
	json    bool
	subject string
	since   ago

	actions, verdicts, services, hosts, nodes []string
	rule                                      string
}

func (c *cli) eventsCommand() *cobra.Command {
	f := &follower{adminClient: adminClient{cli: c}}
	cmd := &cobra.Command{
		Use:   "events [flags] [FILE|URL|file|nats|kafka]",
		Short: "show the audit stream: of a running icapd, from a file, NATS or Kafka",
		Long: `Shows events of messages, and of what operators did. Without an argument, those of the icapd whose admin address the
configuration has, as they come. Else from

  FILE                     a file of an event sink or of the log (- is standard input)
  http://HOST:PORT         the admin address of a running icapd, as they come
  nats://HOST:PORT         JetStream, as they come (tls:// with TLS)
  kafka://HOST:PORT/TOPIC  Kafka, as they come; several brokers are separated by commas
  file, nats, kafka        the first sink of that kind in the configuration (-c), with its passwords and certificates

Filters must all match; those that name something may be given more than once.`,
		Example: `  icapd events
  icapd events -f --action block --action rewrite /var/log/icapd/events.jsonl
  icapd events --json --verdict malicious http://127.0.0.1:8344 | jq .findings
  icapd events -c /etc/icapd/icapd.yaml --since 1h --host api.example kafka`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			ctx, stop := interruptible()
			defer stop()
			err := f.run(ctx, strings.Join(args, ""))
			if err != nil && ctx.Err() == nil {
				return failWith(plain(err))
			}
			return nil
		},
	}
	c.configFlags(cmd)
	f.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.url, "admin", "", "`URL` of the admin address, in the place of an argument")
	fl.Var(&f.since, "since", "of NATS and Kafka, also those of the last `DURATION` (30m, 1h, 2d); of files, only those")
	fl.BoolVarP(&f.follow, "follow", "f", false, "wait for more at the end of a file, and follow it when it is rotated")
	fl.BoolVar(&f.json, "json", false, "print events as they are")
	fl.StringVar(&f.subject, "subject", sink.DefaultSubject, "`SUBJECT` before .message and .change, in NATS")
	fl.StringArrayVar(&f.actions, "action", nil, "only messages with this `ACTION`: allow, rewrite, block; or changes with it")
	fl.StringArrayVar(&f.verdicts, "verdict", nil, "only messages with this `VERDICT`: "+strings.Join(verdictNames, ", "))
	fl.StringArrayVar(&f.services, "service", nil, "only messages of this `SERVICE`")
	fl.StringArrayVar(&f.hosts, "host", nil, "only messages of this `HOST`; .example means all below")
	fl.StringArrayVar(&f.nodes, "node", nil, "only what went through this `NODE` of a fleet, by its machine's name")
	fl.StringVar(&f.rule, "rule", "", "only messages with a finding of this `RULE`, or decided by it")
	return cmd
}

// ago is a time before now on the command line, of which days may be told, too.
type ago time.Duration

func (s *ago) String() string {
	if *s == 0 {
		return "" // which is none
	}
	return time.Duration(*s).String()
}

// Type implements pflag.Value.
func (s *ago) Type() string { return "duration" }

// Set implements pflag.Value.
func (s *ago) Set(text string) error {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok && err != nil {
		var n float64
		if n, err = strconv.ParseFloat(days, 64); err == nil && n < 36500 {
			d = time.Duration(n * float64(24*time.Hour))
		}
	}
	if err != nil || d <= 0 {
		return errors.New("wants a duration such as 30m, 1h or 2d")
	}
	*s = ago(d)
	return nil
}

var (
	actionNames  = []string{"allow", "rewrite", "block", "unknown"}
	verdictNames = []string{"clean", "suspicious", "malicious", "unscannable", "unknown"}
	// changeName is what the actions of operators look like.
	changeName = regexp.MustCompile(`^([a-z]+\.[a-z]+|reload|login|logout|try)$`)
)

// filters finds filters that no event can pass: nothing would be shown, for as long as somebody waits.
func (f *follower) filters() error {
	for _, v := range f.verdicts {
		if !slices.Contains(verdictNames, v) {
			return fmt.Errorf("--verdict %q is none of %s", v, strings.Join(verdictNames, ", "))
		}
	}
	for _, a := range f.actions {
		if !slices.Contains(actionNames, a) && !changeName.MatchString(a) {
			return fmt.Errorf("--action %q is neither one of messages (%s) nor one of operators such as reload or rule.off", a, strings.Join(actionNames, ", "))
		}
	}
	return nil
}

func (f *follower) run(ctx context.Context, from string) error {
	if err := f.filters(); err != nil {
		return err
	}
	scheme, rest, isURL := strings.Cut(from, "://")
	switch {
	case from != "" && f.url != "":
		return fmt.Errorf("events of %s or of %s? --admin takes the place of the argument", from, f.url)
	case from == "":
		base := f.base()
		if base == "" {
			return errors.New("the configuration has no admin.address: name a file or server of the audit stream")
		}
		return f.fromAdmin(ctx, base)
	case isURL && (scheme == "http" || scheme == "https"):
		return f.fromAdmin(ctx, strings.TrimSuffix(from, "/"))
	case isURL && (scheme == "nats" || scheme == "tls" || scheme == "kafka"):
		return f.fromServer(ctx, scheme, rest)
	case isURL:
		return fmt.Errorf("%s: events come from http://, https://, nats://, tls://, kafka:// and files", event.OneLine(from, 100))
	case from == stdin:
		return f.lines(ctx, f.cli.in, nil)
	}
	err := f.fromFile(ctx, from)
	if slices.Contains([]string{"file", "nats", "kafka"}, from) && errors.Is(err, fs.ErrNotExist) {
		return f.fromConfig(ctx, from)
	}
	return err
}

// maxEventLine is longer than any event.
const maxEventLine = 4 << 20

// pollEvery is how often the end of a file is looked at.
const pollEvery = 300 * time.Millisecond

func (f *follower) fromFile(ctx context.Context, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // read only
	if !f.follow {
		return f.lines(ctx, file, nil)
	}
	for {
		rotated := false
		err := f.lines(ctx, file, func() bool {
			if rotated { // what came between the last look and the rotation has been read
				return false
			}
			if rotated = !same(name, file); rotated {
				return true
			}
			select {
			case <-ctx.Done():
				return false
			case <-time.After(pollEvery):
				return true
			}
		})
		if err != nil || ctx.Err() != nil {
			return err
		}
		next, err := successor(name, file)
		if err != nil {
			return err
		}
		_ = file.Close() // read only
		file = next
	}
}

// same reports whether the name still means the file. A name that means nothing for now may do so again.
func same(name string, file *os.File) bool {
	named, err := os.Stat(name)
	if err != nil {
		return true
	}
	own, err := file.Stat()
	return err != nil || os.SameFile(named, own)
}

// successor opens what was written after the file: of those put aside the next one, else the one with the name.
func successor(name string, file *os.File) (*os.File, error) {
	current, err := os.Open(name) // before the list is made: what is put aside in between is then in the list
	if err != nil {
		return nil, err
	}
	aside, err := filepath.Glob(name + ".*")
	if err != nil {
		return nil, errors.Join(err, current.Close())
	}
	slices.Sort(aside) // their names end with the time
	i := slices.IndexFunc(aside, func(a string) bool { return same(a, file) })
	if i < 0 || i+1 == len(aside) {
		return current, nil
	}
	next, err := os.Open(aside[i+1])
	if errors.Is(err, fs.ErrNotExist) { // too old to be kept, by now
		return current, nil
	}
	return next, errors.Join(err, current.Close())
}

// lines shows each line of r. At the end, more says whether to try again; nil is no.
func (f *follower) lines(ctx context.Context, r io.Reader, more func() bool) error {
	br := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for ctx.Err() == nil {
		part, err := br.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxEventLine {
			return errors.New("a line is too long for an event")
		}
		switch {
		case err == nil:
			if err := f.show(line); err != nil {
				return err
			}
			line = line[:0]
		case errors.Is(err, bufio.ErrBufferFull):
		case !errors.Is(err, io.EOF):
			return err
		case more == nil || !more():
			return f.show(line)
		}
	}
	return nil
}

func (f *follower) fromAdmin(ctx context.Context, base string) error {
	resp, err := f.do(ctx, http.MethodGet, base+"/api/v1/stream", 30*time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read only
	if resp.StatusCode != http.StatusOK {
		text, _ := readLimited(resp.Body, 300)
		return fmt.Errorf("%s: %s: %s", base, resp.Status, bytes.TrimSpace(text))
	}
	s := bufio.NewScanner(resp.Body)
	s.Buffer(nil, maxEventLine)
	for s.Scan() {
		if data, ok := bytes.CutPrefix(s.Bytes(), []byte("data: ")); ok {
			if err := f.show(data); err != nil {
				return err
			}
		}
	}
	if err := s.Err(); err != nil {
		return err
	}
	return errors.New("icapd has ended the stream")
}

// fromServer follows what a NATS URL, or kafka://BROKERS/TOPIC, names.
func (f *follower) fromServer(ctx context.Context, scheme, rest string) error {
	if scheme != "kafka" {
		return f.fromSink(ctx, &conf.EventSink{NATS: conf.URL(scheme + "://" + rest), Subject: f.subject})
	}
	brokers, topic, _ := strings.Cut(rest, "/")
	return f.fromSink(ctx, &conf.EventSink{Kafka: brokers, Topic: topic})
}

// fromConfig follows the first sink of a kind that the configuration has, with the secrets and certificates that it names.
func (f *follower) fromConfig(ctx context.Context, kind string) error {
	config, err := conf.Load(f.cli.conf)
	if err != nil {
		return err
	}
	for i := range config.Events {
		s := &config.Events[i]
		switch {
		case kind == "file" && s.File != "":
			return f.fromFile(ctx, string(s.File))
		case kind == "nats" && s.NATS != "", kind == "kafka" && s.Kafka != "":
			return f.fromSink(ctx, s)
		}
	}
	return fmt.Errorf("the configuration (-c) sends no events to %s", kind)
}

func (f *follower) fromSink(ctx context.Context, s *conf.EventSink) error {
	var since time.Time
	if f.since > 0 {
		since = time.Now().Add(-time.Duration(f.since))
	}
	if s.Kafka != "" {
		opt, err := kafkaOptions(s)
		if err == nil {
			err = opt.Follow(ctx, since, f.show)
		}
		return fmt.Errorf("kafka: %w", err)
	}
	opt, err := natsOptions(s)
	if err == nil {
		err = opt.Follow(ctx, since, f.show)
	}
	return fmt.Errorf("nats: %w", err)
}

// told is what the filters and the text need of an event, in either format.
type told struct {
	Kind      string                `json:"kind"`
	Node      string                `json:"node"`
	Time      time.Time             `json:"time"`
	Service   string                `json:"service"`
	Method    string                `json:"method"`
	URL       string                `json:"url"`
	Host      string                `json:"host"`
	Verdict   string                `json:"verdict"`
	Action    string                `json:"action"`
	Rule      string                `json:"rule"`
	RequestID string                `json:"request_id"`
	Findings  []event.FindingRecord `json:"findings"`
	Actor     string                `json:"actor"`
	Target    string                `json:"target"`
	Outcome   string                `json:"outcome"`
}

// ecsTold are the same things under their names in ECS.
type ecsTold struct {
	Time  time.Time `json:"@timestamp"`
	Event struct {
		ID      string `json:"id"`
		Action  string `json:"action"`
		Dataset string `json:"dataset"`
		Outcome string `json:"outcome"`
	} `json:"event"`
	URL struct {
		Full   string `json:"full"`
		Domain string `json:"domain"`
	} `json:"url"`
	HTTP struct {
		Request struct {
			Method string `json:"method"`
		} `json:"request"`
	} `json:"http"`
	Rule struct {
		Name string `json:"name"`
	} `json:"rule"`
	User struct {
		Name string `json:"name"`
	} `json:"user"`
	Observer struct {
		Hostname string `json:"hostname"`
	} `json:"observer"`
	ICAPD struct {
		Service  string                `json:"service"`
		Verdict  string                `json:"verdict"`
		Rule     string                `json:"rule"`
		Target   string                `json:"target"`
		Findings []event.FindingRecord `json:"findings"`
	} `json:"icapd"`
}

// readEvent reads a line; ok is false for lines that are something else, as a log has.
func readEvent(line []byte) (t told, ok bool) {
	if bytes.Contains(line, []byte(`"@timestamp"`)) {
		var e ecsTold
		if json.Unmarshal(line, &e) != nil || !strings.HasPrefix(e.Event.Dataset, "icapd.") {
			return t, false
		}
		return told{
			Node: e.Observer.Hostname,
			Kind: strings.TrimPrefix(e.Event.Dataset, "icapd."), Time: e.Time, Service: e.ICAPD.Service, Method: e.HTTP.Request.Method,
			URL: e.URL.Full, Host: e.URL.Domain, Verdict: e.ICAPD.Verdict, Action: e.Event.Action, Rule: cmp.Or(e.ICAPD.Rule, e.Rule.Name),
			RequestID: e.Event.ID, Findings: e.ICAPD.Findings, Actor: e.User.Name, Target: e.ICAPD.Target, Outcome: e.Event.Outcome,
		}, true
	}
	if json.Unmarshal(line, &t) != nil {
		return t, false
	}
	if t.Kind == "" && t.RequestID != "" && t.Verdict != "" { // the log, or the admin address
		t.Kind = "message"
	}
	return t, t.Kind == "message" || t.Kind == "change"
}

func (f *follower) wants(t *told) bool {
	if f.since > 0 && t.Time.Before(time.Now().Add(-time.Duration(f.since))) {
		return false
	}
	in := func(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }
	if !in(f.actions, t.Action) || !in(f.verdicts, t.Verdict) || !in(f.services, t.Service) || !in(f.nodes, t.Node) {
		return false
	}
	if len(f.hosts) > 0 && !slices.ContainsFunc(f.hosts, func(h string) bool {
		return t.Host == h || strings.HasPrefix(h, ".") && strings.HasSuffix(t.Host, h)
	}) {
		return false
	}
	return f.rule == "" || t.Rule == f.rule || strings.HasPrefix(t.Rule, f.rule+" (") || slices.ContainsFunc(t.Findings, func(r event.FindingRecord) bool { return r.Rule == f.rule })
}

// show prints a line that the filters want.
func (f *follower) show(line []byte) error {
	line = bytes.TrimSpace(line)
	t, ok := readEvent(line)
	if !ok || !f.wants(&t) {
		return nil
	}
	var err error
	switch {
	case f.json:
		_, err = f.cli.out.Write(append(line, '\n'))
	case t.Kind == "change":
		_, err = fmt.Fprintf(f.cli.out, "%s change %s %s %s by %s\n", t.Time.Format(time.RFC3339), t.Action, event.OneLine(t.Target, 200), t.Outcome, event.OneLine(t.Actor, 100))
	default:
		text := fmt.Sprintf("%s %s %s %s %s", t.Time.Format(time.RFC3339), t.Action, t.Verdict, event.OneLine(t.Method, 32), event.OneLine(t.URL, 500))
		if t.Rule != "" {
			text += " [" + event.OneLine(t.Rule, 200) + "]"
		}
		_, err = fmt.Fprintln(f.cli.out, text)
	}
	return err
}
