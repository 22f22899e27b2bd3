// Command benchicap drives c-icap and icapd in turn with the same load and prints how they compare. `make
// bench-icap` runs it.
//
// Each round drives every server with every kind of work for a short while, one after the other; the order
// changes from round to round. What is printed are medians of the rounds. The load generator runs on the same
// cores and takes its share, so the server's own processor time for a message is printed too: that figure does
// not depend on the load generator.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"time"

	"icapd/integration/lab"
	"icapd/integration/load"
)

type flags struct {
	icapd  string
	rounds int
	each   time.Duration
	only   string
	idle   int
	echo   int64
	check  bool

	bare   string
	length int
}

func main() {
	var f flags
	quick := flag.Bool("quick", false, "a short run that only shows that all of it works")
	flag.StringVar(&f.icapd, "icapd", "bin/icapd", "`path` of icapd")
	flag.IntVar(&f.rounds, "rounds", 5, "number of rounds")
	flag.DurationVar(&f.each, "for", 2*time.Second, "how long each server gets each kind of work in a round")
	flag.StringVar(&f.only, "only", "", "only the kinds of work whose name matches this `regexp`; no memory figures")
	flag.IntVar(&f.idle, "idle", 10000, "number of idle connections for the memory figure")
	flag.Int64Var(&f.echo, "echo", 1<<30, "size of the big echo in bytes")
	flag.BoolVar(&f.check, "check", false, "fail when a goal is missed")
	flag.StringVar(&f.bare, "bare", "", "serve the bare loop at this `address` (benchicap starts itself so)")
	flag.IntVar(&f.length, "length", 0, "of a message to the bare loop, in bytes")
	flag.Parse()
	if *quick {
		f.rounds, f.each, f.idle, f.echo = 2, 200*time.Millisecond, 500, 64<<20
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := bench
	if f.bare != "" {
		run = serveBare
	}
	if err := run(ctx, os.Stdout, f); err != nil {
		log.Fatal("benchicap: ", err) //nolint:gocritic // nothing is left to stop
	}
}

func serveBare(ctx context.Context, _ io.Writer, f flags) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.bare)
	if err != nil {
		return err
	}
	return load.Bare{Length: f.length, Answer: load.Answer204}.Serve(ln)
}

// work is one row of the table.
type work struct {
	name     string
	size     int    // of the body
	conns    int    // connections
	preview  int    // -1 for none
	allow204 bool   // else the body is echoed
	icapd    string // services
	cicap    string
	goal     float64 // throughput of icapd in that of c-icap
	floor    float64 // throughput of icapd in that of the bare loop, 0 if it is not asked
	p99      bool    // icapd's 99th percentile must be no worse
}

var works = []work{
	{"full read, 204, 1 KiB, 4 conns", 1 << 10, 4, -1, true, "echo", "fair204", 1.0, 0.85, true},
	{"full read, 204, 1 KiB, 64 conns", 1 << 10, 64, -1, true, "echo", "fair204", 1.0, 0, false},
	{"full read, 204, 16 KiB, 4 conns", 16 << 10, 4, -1, true, "echo", "fair204", 1.0, 0.85, false},
	{"full read, 204, 1 MiB, 4 conns", 1 << 20, 4, -1, true, "echo", "fair204", 1.0, 0, false},
	{"204 from preview, 16 KiB, 4 conns", 16 << 10, 4, 1024, true, "echo?early", "early204", 1.0, 0, false},
	{"200 with body, 16 KiB, 4 conns", 16 << 10, 4, -1, false, "echo", "echo", 1.2, 0, false},
}

func (w *work) message(address, service string) load.Message {
	want, body := 204, jsonBody
	if service == "respmod" { // which looks at it
		body = document
	}
	if !w.allow204 {
		want = 200
	}
	return load.NewMessage(load.MessageConfig{
		Host: address, Path: service, Type: "application/json", Body: body(w.size),
		Preview: w.preview, Allow204: w.allow204, Want: want,
	})
}

// jsonBody is plain text of an exact size.
func jsonBody(size int) []byte {
	text := strings.Repeat(`{"id": 4711, "name": "Ada Lovelace", "note": "nothing to see"},`+"\n", size/32+1)
	return []byte(text[:size])
}

// server is one of the competitors.
type server struct {
	name    string
	proc    *lab.Proc
	address string
	service func(*work) string
	samples map[string][]load.Sample // by work
}

func bench(ctx context.Context, out io.Writer, f flags) (err error) {
	only, err := regexp.Compile(f.only)
	if err != nil {
		return err
	}
	l, err := lab.New()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			l.DumpLogs(out, 2<<10)
		}
		if cerr := l.Close(); err == nil {
			err = cerr
		}
	}()
	cicap, err := l.CICAP(ctx, nil)
	if err != nil {
		return err
	}
	icapd, err := l.Icapd(ctx, lab.IcapdConfig{Binary: f.icapd, YAML: fmt.Sprintf("limits: {connections: %d}\n", f.idle+1000)})
	if err != nil {
		return err
	}
	servers := []*server{
		{name: "c-icap", proc: cicap.Proc, address: cicap.Address, service: func(w *work) string { return w.cicap }},
		{name: "icapd", proc: icapd.Proc, address: icapd.Address, service: func(w *work) string { return w.icapd }},
	}
	for _, s := range servers {
		s.samples = map[string][]load.Sample{}
	}
	bare := map[string][]load.Sample{}
	if err := rounds(ctx, l, f, only, servers, bare); err != nil {
		return err
	}
	missed := report(out, servers, bare)
	told, err := told(ctx, out, l, f, only)
	if err != nil {
		return err
	}
	missed += told
	if f.only == "" {
		m, err := memory(ctx, out, f, icapd)
		if err != nil {
			return err
		}
		missed += m
	}
	if missed > 0 {
		_, _ = fmt.Fprintf(out, "%d goals missed\n", missed)
		if f.check {
			return fmt.Errorf("%d goals missed", missed)
		}
	}
	return nil
}

// rounds gives all servers their turns.
func rounds(ctx context.Context, l *lab.Lab, f flags, only *regexp.Regexp, servers []*server, bare map[string][]load.Sample) error {
	for round := range f.rounds {
		_, _ = fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, f.rounds)
		for i := range works {
			if !only.MatchString(works[i].name) {
				continue
			}
			if err := play(ctx, l, f, &works[i], round, servers, bare); err != nil {
				return err
			}
		}
	}
	return nil
}

// play gives each server its turn with one kind of work.
func play(ctx context.Context, l *lab.Lab, f flags, w *work, round int, servers []*server, bare map[string][]load.Sample) error {
	for i := range servers {
		s := servers[(i+round)%len(servers)]
		got, err := measure(ctx, f, w, s.address, w.message(s.address, s.service(w)), s.proc)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", s.name, w.name, err)
		}
		s.samples[w.name] = append(s.samples[w.name], got)
	}
	if w.floor == 0 {
		return nil
	}
	got, err := measureBare(ctx, l, f, w)
	if err != nil {
		return fmt.Errorf("bare loop, %s: %w", w.name, err)
	}
	bare[w.name] = append(bare[w.name], got)
	return nil
}

// measureBare starts the bare loop as a process of its own, as the others are.
func measureBare(ctx context.Context, l *lab.Lab, f flags, w *work) (s load.Sample, err error) {
	port, err := lab.FreePort()
	if err != nil {
		return s, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	m := w.message(address, w.icapd)
	p, err := l.Start(ctx, lab.Command{
		Name:  "bare",
		Args:  []string{self, "-bare", address, "-length", fmt.Sprint(len(m.Bytes))},
		Ready: lab.Answers(ctx, address),
	})
	if err != nil {
		return s, err
	}
	defer func() { _ = p.Kill() }()
	return measure(ctx, f, w, address, m, p)
}

func measure(ctx context.Context, f flags, w *work, address string, m load.Message, p *lab.Proc) (load.Sample, error) {
	return load.Measure(ctx, load.Config{Address: address, Message: load.Same(m), Conns: w.conns, For: f.each}, p.CPU)
}
