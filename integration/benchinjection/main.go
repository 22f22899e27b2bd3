// Command benchinjection measures injection detection: icapd's engine against Coraza with the OWASP Core Rule Set at
// its first paranoia level (as icapd's engine waf runs it), and against libinjection alone, on the same documents, in
// one run, on one core. `make bench-injection` runs it.
//
// What is found and what is reported wrongly is counted on labelled traffic: a file in the form of `icapd scan --eval`
// (-labelled FILE.jsonl, or .gz), or else documents that the program makes by itself, always the same ones. Those show
// that everything works and how the contenders compare; they say little about traffic that nobody made up.
//
// Speed is that of benign JSON documents, parsing included. No figure is of the wall clock: it is the processor time
// of this process, so that others on the machine do not count.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"

	"icapd/sanitize/eval"
)

type flags struct {
	labelled string
	rounds   int
	each     time.Duration
	lines    int
	check    bool
}

func main() {
	var f flags
	quick := flag.Bool("quick", false, "a short run that only shows that all of it works")
	flag.StringVar(&f.labelled, "labelled", "", "labelled traffic: a `FILE` of JSON lines, or such a file packed with gzip")
	flag.IntVar(&f.rounds, "rounds", 5, "number of rounds")
	flag.DurationVar(&f.each, "for", time.Second, "processor time that each contender gets in a round")
	flag.IntVar(&f.lines, "lines", 0, "look at every n-th line of the file only, so that there are about so many (0: all; Coraza takes its time)")
	flag.BoolVar(&f.check, "check", false, "fail when a goal is missed")
	flag.Parse()
	if *quick {
		f.rounds, f.each = 2, 100*time.Millisecond
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	runtime.GOMAXPROCS(1)
	if err := bench(ctx, os.Stdout, f); err != nil {
		log.Fatal("benchinjection: ", err) //nolint:gocritic // nothing is left to stop
	}
}

func bench(ctx context.Context, out io.Writer, f flags) error {
	labelled, err := f.traffic()
	if err != nil {
		return err
	}
	docs, size, err := benign(labelled)
	if err != nil {
		return err
	}
	all, done, err := contenders()
	if err != nil {
		return err
	}
	defer done()
	for _, c := range all {
		_, _ = fmt.Fprintf(os.Stderr, "judging %s\n", c.name)
		if c.report, err = eval.Evaluate(ctx, bytes.NewReader(labelled), c.look, eval.Options{}); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for round := range f.rounds {
		_, _ = fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, f.rounds)
		for i := range all {
			all[(i+round)%len(all)].run(ctx, docs, f.each)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	what := "documents made here"
	if f.labelled != "" {
		what = "labelled file"
	}
	_, _ = fmt.Fprintf(out, "%s: %d lines; speed on %d benign JSON documents, %.1f MB; GOMAXPROCS=1\n\n",
		what, bytes.Count(labelled, []byte("\n")), len(docs), float64(size)/1e6)
	missed := report(out, all, f.labelled != "")
	_, _ = fmt.Fprintf(out, "speed: medians of %d alternating rounds, in 1e6 bytes in a second of processor time\n", f.rounds)
	if missed > 0 && f.check {
		return fmt.Errorf("%d goals missed", missed)
	}
	return nil
}

// maxTraffic bounds the labelled file, unpacked, in bytes.
const maxTraffic = 1 << 30

// traffic returns the labelled lines.
func (f *flags) traffic() ([]byte, error) {
	if f.labelled == "" {
		return corpus()
	}
	file, err := os.Open(f.labelled)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var in io.Reader = file
	if strings.HasSuffix(f.labelled, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			return nil, fmt.Errorf("%s: %w", f.labelled, err)
		}
	}
	var text bytes.Buffer
	n, err := io.Copy(&text, io.LimitReader(in, maxTraffic+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.labelled, err)
	}
	if n > maxTraffic {
		return nil, fmt.Errorf("%s: more than %d bytes", f.labelled, maxTraffic)
	}
	return f.thin(text.Bytes()), nil
}

// thin keeps every n-th line.
func (f *flags) thin(text []byte) []byte {
	total := bytes.Count(text, []byte("\n"))
	if f.lines <= 0 || total <= f.lines {
		return text
	}
	step, n := max(1, total/f.lines), 0
	var out []byte
	for line := range bytes.Lines(text) {
		if n%step == 0 {
			out = append(out, line...)
		}
		n++
	}
	return out
}

var errNothing = errors.New("no benign JSON documents among the labelled lines: there is nothing to measure speed on")
