package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"icapd/internal/event"
	"icapd/internal/sink"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// follower is one run of the command.
type follower struct {
	adminClient
	follow  bool
	json    bool
	subject string

	actions, verdicts, services, hosts []string
	rule                               string
}

func (c *cli) eventsCommand() *cobra.Command {
	f := &follower{adminClient: adminClient{cli: c}}
	cmd := &cobra.Command{
		Use:   "events [flags] FILE|URL",
		Short: "show the audit stream: from a file, a running icapd, or NATS",
		Long: `Shows events of messages, and of what operators did: from a file of an event sink or of the log (- is standard
input), from the admin address of a running icapd (http://HOST:PORT, live), or from JetStream (nats://HOST:PORT, live).
Filters must all match; each may be given more than once.`,
		Example: `  icapd events -f --action block --action rewrite /var/log/icapd/events.jsonl
  icapd events --json --verdict malicious http://127.0.0.1:8344 | jq .findings`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			ctx, stop := interruptible()
			defer stop()
			err := f.run(ctx, args[0])
			if err != nil && ctx.Err() == nil {
				return failWith(plain(err))
			}
			return nil
		},
	}
	f.flags(cmd)
	fl := cmd.Flags()
	fl.BoolVarP(&f.follow, "follow", "f", false, "wait for more at the end of a file, and follow it when it is rotated")
	fl.BoolVar(&f.json, "json", false, "print events as they are")
	fl.StringVar(&f.subject, "subject", sink.DefaultSubject, "`SUBJECT` before .message and .change, in NATS")
	fl.StringArrayVar(&f.actions, "action", nil, "only messages with this `ACTION`: allow, rewrite, block; or changes with it")
	fl.StringArrayVar(&f.verdicts, "verdict", nil, "only messages with this `VERDICT`")
	fl.StringArrayVar(&f.services, "service", nil, "only messages of this `SERVICE`")
	fl.StringArrayVar(&f.hosts, "host", nil, "only messages of this `HOST`; .example means all below")
	fl.StringVar(&f.rule, "rule", "", "only messages with a finding of this `RULE`, or decided by it")
	return cmd
}

func (f *follower) run(ctx context.Context, from string) error {
	switch {
	case strings.HasPrefix(from, "http://"), strings.HasPrefix(from, "https://"):
		return f.fromAdmin(ctx, strings.TrimSuffix(from, "/"))
	case strings.HasPrefix(from, "nats://"), strings.HasPrefix(from, "tls://"):
		return f.fromNATS(ctx, from)
	case from == stdin:
		return f.lines(ctx, f.cli.in, nil)
	}
	return f.fromFile(ctx, from)
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

func (f *follower) fromNATS(ctx context.Context, url string) error {
	conn, err := nats.Connect(url, nats.Name("icapd events"), nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	stream, err := js.StreamNameBySubject(ctx, f.subject+".message")
	if err != nil {
		return err
	}
	consumer, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{f.subject + ".>"}, DeliverPolicy: jetstream.DeliverNewPolicy,
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, messages.Stop)()
	for {
		m, err := messages.Next()
		if err != nil {
			return err
		}
		if err := f.show(m.Data()); err != nil {
			return err
		}
	}
}

// told is what the filters and the text need of an event, in either format.
type told struct {
	Kind      string                `json:"kind"`
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
	ICAPD struct {
		Service  string                `json:"service"`
		Verdict  string                `json:"verdict"`
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
			Kind: strings.TrimPrefix(e.Event.Dataset, "icapd."), Time: e.Time, Service: e.ICAPD.Service, Method: e.HTTP.Request.Method,
			URL: e.URL.Full, Host: e.URL.Domain, Verdict: e.ICAPD.Verdict, Action: e.Event.Action, Rule: e.Rule.Name,
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
	in := func(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }
	if !in(f.actions, t.Action) || !in(f.verdicts, t.Verdict) || !in(f.services, t.Service) {
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
