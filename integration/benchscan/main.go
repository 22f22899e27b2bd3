// Command benchscan measures what scanning costs: icapd against libyara alone, against clamd alone, and against
// c-icap with virus_scan on the same clamd. `make bench-scan` runs it.
//
// No body is sent twice, so that no cache, neither icapd's nor clamd's, answers in the place of a scan; but for the
// row that is about the cache.
package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"icapd/integration/lab"
	"icapd/integration/load"
)

type flags struct {
	icapd  string
	rounds int
	each   time.Duration
	check  bool
	only   *regexp.Regexp
}

func main() {
	var f flags
	quick := flag.Bool("quick", false, "a short run that only shows that all of it works")
	flag.StringVar(&f.icapd, "icapd", "bin/icapd", "`path` of icapd")
	flag.IntVar(&f.rounds, "rounds", 5, "number of rounds")
	flag.DurationVar(&f.each, "for", 2*time.Second, "how long each contender gets each kind of work in a round")
	flag.BoolVar(&f.check, "check", false, "fail when a goal is missed")
	only := flag.String("only", "", "play only the rows whose names match this `regexp`")
	flag.Parse()
	var err error
	if f.only, err = regexp.Compile(*only); err != nil {
		log.Fatal("benchscan: -only: ", err)
	}
	if *quick {
		f.rounds, f.each = 2, 200*time.Millisecond
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := bench(ctx, os.Stdout, f); err != nil {
		log.Fatal("benchscan: ", err)
	}
}

// body is a kind of body. The sentinel stands somewhere in it, where any text could stand.
type body struct {
	name string
	typ  string
	data []byte
}

const sentinel = "bench-number----"

var serial atomic.Uint64

// refresh returns a copy of text and a function that makes it differ from all before, by a number in the place of
// the sentinel.
func refresh(text []byte) ([]byte, func(), error) {
	at := bytes.Index(text, []byte(sentinel))
	if at < 0 {
		return nil, nil, errors.New("no sentinel in one piece")
	}
	text = bytes.Clone(text)
	return text, func() {
		// In letters that no coding uses alone: digits would be taken for encoded text and decoded.
		for i, n := 0, serial.Add(1); i < len(sentinel); i, n = i+1, n>>4 {
			text[at+i] = "ghijklmnopqrstuv"[n&15]
		}
	}, nil
}

// bodies are what is scanned. All are harmless.
func bodies() (js, bin, archive *body, err error) {
	const size = 16 << 10
	text := []byte(`[{"id": "` + sentinel + `"}`)
	for n := 1; len(text) < size-100; n++ {
		text = fmt.Appendf(text, ",\n{\"id\": %d, \"name\": \"Ada Lovelace\", \"note\": \"nothing to see here, move on\"}", n)
	}
	js = &body{name: "16 KiB JSON", typ: "application/json", data: append(text, ']')}
	noise := make([]byte, 1<<20)
	if _, err := io.ReadFull(rand.NewChaCha8([32]byte{1}), noise); err != nil {
		return nil, nil, nil, err
	}
	copy(noise[1000:], sentinel)
	bin = &body{name: "1 MiB binary", typ: "application/octet-stream", data: noise}
	var z bytes.Buffer
	w := zip.NewWriter(&z)
	for i := 1; i < 16; i++ { // the sentinel is in piece 0, and must be there only once
		f, err := w.Create(fmt.Sprintf("file%d.bin", i))
		if err != nil {
			return nil, nil, nil, err
		}
		if _, err := f.Write(noise[i<<16 : (i+1)<<16]); err != nil {
			return nil, nil, nil, err
		}
	}
	// In the comment, so that nothing in the archive has to change with it.
	if err := w.SetComment(sentinel); err != nil {
		return nil, nil, nil, err
	}
	if err := w.Close(); err != nil {
		return nil, nil, nil, err
	}
	return js, bin, &body{name: "1 MiB zip", typ: "application/zip", data: z.Bytes()}, nil
}

// spent is a contender whose times are what one engine of icapd took for a message, on average: what the message took
// otherwise, a cache cannot save.
func spent(c contender, i *lab.Icapd, engine string) contender {
	return contender{c.name + ": " + engine, func(ctx context.Context, each time.Duration, conns int, b *body) (load.Sample, error) {
		sum, n, err := engineTime(ctx, i, engine)
		if err != nil {
			return load.Sample{}, err
		}
		s, err := c.run(ctx, each, conns, b)
		if err != nil {
			return s, err
		}
		sum2, n2, err := engineTime(ctx, i, engine)
		if err == nil && n2 == n {
			err = errors.New("the engine was shown nothing")
		}
		if err != nil {
			return s, err
		}
		s.P50 = time.Duration((sum2 - sum) / (n2 - n) * float64(time.Second))
		s.P99 = s.P50
		return s, nil
	}}
}

// engineTime reads how many seconds an engine has taken so far, and for how many messages.
func engineTime(ctx context.Context, i *lab.Icapd, engine string) (sum, n float64, err error) {
	text, err := i.Metrics(ctx)
	if err != nil {
		return 0, 0, err
	}
	for _, v := range []struct {
		name string
		to   *float64
	}{{"sum", &sum}, {"count", &n}} {
		_, rest, ok := strings.Cut(text, fmt.Sprintf("\nicapd_engine_seconds_%s{engine=%q} ", v.name, engine))
		if !ok {
			continue // nothing yet
		}
		number, _, _ := strings.Cut(rest, "\n")
		if *v.to, err = strconv.ParseFloat(number, 64); err != nil {
			return 0, 0, err
		}
	}
	return sum, n, nil
}

// contender is somebody who scans.
type contender struct {
	name string
	run  func(ctx context.Context, each time.Duration, conns int, b *body) (load.Sample, error)
}

// cpuOf adds up the processor time of several programs.
func cpuOf(all ...*lab.Proc) func() (time.Duration, error) {
	return func() (sum time.Duration, err error) {
		for _, p := range all {
			d, err := p.CPU()
			if err != nil {
				return 0, err
			}
			sum += d
		}
		return sum, nil
	}
}

// overICAP is a contender behind ICAP, whose work the programs do. With same, all messages have the same body.
func overICAP(name, address, service string, same bool, programs ...*lab.Proc) contender {
	return contender{name, func(ctx context.Context, each time.Duration, conns int, b *body) (load.Sample, error) {
		m := load.NewMessage(load.MessageConfig{
			Host: address, Path: service, Type: b.typ, Body: b.data, Preview: -1, Allow204: true, Want: 204,
		})
		own, next := make([][]byte, conns), make([]func(), conns)
		for i := range own {
			var err error
			if own[i], next[i], err = refresh(m.Bytes); err != nil {
				return load.Sample{}, err
			}
		}
		return load.Measure(ctx, load.Config{Address: address, Conns: conns, For: each, Message: func(conn, _ int) load.Message {
			if !same {
				next[conn]()
			}
			return load.Message{Bytes: own[conn], Want: m.Want, Alone: m.Alone}
		}}, cpuOf(programs...))
	}}
}

// alone is a contender that is called in this process, one scan at a time.
func alone(name string, scan func(ctx context.Context, data []byte) error) contender {
	return contender{name, func(ctx context.Context, each time.Duration, _ int, b *body) (load.Sample, error) {
		data, next, err := refresh(b.data)
		if err != nil {
			return load.Sample{}, err
		}
		var h load.Histogram
		start, n := time.Now(), 0
		for ; time.Since(start) < each; n++ {
			next()
			began := time.Now()
			if err := scan(ctx, data); err != nil {
				return load.Sample{}, err
			}
			h.Add(time.Since(began))
		}
		took := time.Since(start)
		return load.Sample{
			PerSecond: float64(n) / took.Seconds(), P50: h.Quantile(0.5), P99: h.Quantile(0.99),
		}, nil
	}}
}

// duel is a row of the table: two contenders, the same bodies.
type duel struct {
	name   string
	body   *body
	conns  int
	peer   contender
	ours   contender
	goal   float64 // of ours in the peer's: at most this share of its time, or at least that of its throughput
	byTime bool    // compare the median time of a scan, else throughput
	noGoal bool    // for information
}

func bench(ctx context.Context, out io.Writer, f flags) (err error) {
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
	duels, err := arena(ctx, l, f)
	if err != nil {
		return err
	}
	duels = slices.DeleteFunc(duels, func(d duel) bool { return !f.only.MatchString(d.name) })
	if len(duels) == 0 {
		return errors.New("-only matches no row")
	}
	peers, ours := make([][]load.Sample, len(duels)), make([][]load.Sample, len(duels))
	for round := range f.rounds {
		_, _ = fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, f.rounds)
		for i := range duels {
			if err := duels[i].play(ctx, f.each, round, &peers[i], &ours[i]); err != nil {
				return fmt.Errorf("%s: %w", duels[i].name, err)
			}
		}
	}
	missed := report(out, duels, peers, ours)
	_, _ = fmt.Fprintf(out, "medians of %d alternating rounds; CPU is microseconds a message, user and system, of the server and of the clamd behind it\n", f.rounds)
	if missed > 0 && f.check {
		return fmt.Errorf("%d goals missed", missed)
	}
	return nil
}

// play gives each contender its turn, in an order that changes with the rounds.
func (d *duel) play(ctx context.Context, each time.Duration, round int, peer, ours *[]load.Sample) error {
	turns := []struct {
		c  contender
		to *[]load.Sample
	}{{d.peer, peer}, {d.ours, ours}}
	for i := range turns {
		t := turns[(i+round)%2]
		s, err := t.c.run(ctx, each, d.conns, d.body)
		if err != nil {
			return fmt.Errorf("%s: %w", t.c.name, err)
		}
		*t.to = append(*t.to, s)
	}
	return nil
}

// arena starts everybody and pairs them.
func arena(ctx context.Context, l *lab.Lab, f flags) ([]duel, error) {
	js, bin, archive, err := bodies()
	if err != nil {
		return nil, err
	}
	clamd, err := l.Clamd(ctx)
	if err != nil {
		return nil, err
	}
	cicap, err := l.CICAP(ctx, clamd)
	if err != nil {
		return nil, err
	}
	builtin, err := l.Icapd(ctx, lab.IcapdConfig{Binary: f.icapd})
	if err != nil {
		return nil, err
	}
	yaraOnly, err := l.Icapd(ctx, lab.IcapdConfig{Binary: f.icapd, YAML: "engines:\n  hashes: {files: []}\n  injection: {rules: []}\n"})
	if err != nil {
		return nil, err
	}
	clamdOnly, err := l.Icapd(ctx, lab.IcapdConfig{Binary: f.icapd, YAML: "engines:\n  yara: {rules: []}\n  hashes: {files: []}\n" +
		"  injection: {rules: []}\n  clamd: {connections: 64, addresses: [\"unix:" + clamd.Socket + "\"]}\n"})
	if err != nil {
		return nil, err
	}
	for _, i := range []*lab.Icapd{builtin, yaraOnly, clamdOnly} {
		if err := i.Ready(ctx); err != nil {
			return nil, err
		}
	}
	libyara, err := newLibyara()
	if err != nil {
		return nil, err
	}
	respmod := func(name string, i *lab.Icapd, more ...*lab.Proc) contender {
		return overICAP(name, i.Address, "respmod", false, append(more, i.Proc)...)
	}
	all, onlyYARA, onlyClamd := respmod("icapd, built-in engines", builtin), respmod("icapd, yara", yaraOnly), respmod("icapd, clamd", clamdOnly, clamd.Proc)
	bareYARA := alone("libyara", libyara)
	bareClamd := alone("clamd", func(ctx context.Context, data []byte) error { return instream(ctx, clamd.Socket, data) })
	avscan := overICAP("c-icap virus_scan", cicap.Address, "avscan", false, cicap.Proc, clamd.Proc)
	duels := []duel{
		{name: "all built-in engines, 1 MiB binary", body: bin, conns: 1, peer: bareYARA, ours: all, goal: 1.3, byTime: true},
		{name: "yara engine, 1 MiB binary", body: bin, conns: 1, peer: bareYARA, ours: onlyYARA, goal: 1.3, byTime: true},
		{name: "all built-in engines, 1 MiB zip", body: archive, conns: 1, peer: bareYARA, ours: all, byTime: true, noGoal: true},
		{name: "all built-in engines, 16 KiB JSON", body: js, conns: 1, peer: bareYARA, ours: all, byTime: true, noGoal: true},
		{name: "clamd engine, 1 MiB binary", body: bin, conns: 1, peer: bareClamd, ours: onlyClamd, goal: 1.1, byTime: true},
		{name: "clamd engine, 16 KiB JSON", body: js, conns: 1, peer: bareClamd, ours: onlyClamd, goal: 1.1, byTime: true},
	}
	for _, n := range []int{1, 8, 64} {
		for _, b := range []*body{js, bin} {
			duels = append(duels, duel{name: fmt.Sprintf("clamd engine, %s, %d conn.", b.name, n), body: b, conns: n, peer: avscan, ours: onlyClamd, goal: 1.0})
		}
	}
	same := overICAP("icapd, the same body", yaraOnly.Address, "respmod", true, yaraOnly.Proc)
	for _, b := range []*body{bin, js, archive} {
		duels = append(duels, duel{
			name: "a body seen before, " + b.name, body: b, conns: 1,
			peer: spent(onlyYARA, yaraOnly, "yara"), ours: spent(same, yaraOnly, "yara"),
			goal: 1.0 / 20, byTime: true, noGoal: b == archive, // its members' digests are not computed on the way
		})
	}
	return append(duels, duel{name: "all of a body seen before, 1 MiB zip", body: archive, conns: 1, peer: all, ours: overICAP(
		"icapd, the same body", builtin.Address, "respmod", true, builtin.Proc), byTime: true, noGoal: true}), nil
}

// report prints the table and returns how many goals were missed.
func report(out io.Writer, duels []duel, peers, ours [][]load.Sample) (missed int) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "\tpeer\tmsg/s\tp50/p99 ms\tCPU\tours\tmsg/s\tp50/p99 ms\tCPU\ttime\tthroughput\tgoal\t\t")
	for i := range duels {
		d := &duels[i]
		p, o := load.Median(peers[i]), load.Median(ours[i])
		duration, throughput := float64(o.P50)/float64(p.P50), o.PerSecond/p.PerSecond
		goal, verdict := "", ""
		if !d.noGoal {
			ok := throughput >= d.goal
			goal = fmt.Sprintf("throughput >= %.2f", d.goal)
			if d.byTime {
				ok = duration <= d.goal
				goal = fmt.Sprintf("time <= %.3g", d.goal)
			}
			verdict = "ok"
			if !ok {
				verdict = "MISSED"
				missed++
			}
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%.3g\t%.2f\t%s\t%s\t\n", d.name, d.peer.name, figures(p), d.ours.name, figures(o),
			duration, throughput, goal, verdict)
	}
	_ = w.Flush()
	return missed
}

func figures(s load.Sample) string {
	cpu := "" // not known of what runs in this process
	if s.CPU > 0 {
		cpu = fmt.Sprintf("%.0f", s.CPU)
	}
	return fmt.Sprintf("%.0f\t%.2f/%.2f\t%s", s.PerSecond, float64(s.P50)/1e6, float64(s.P99)/1e6, cpu)
}
