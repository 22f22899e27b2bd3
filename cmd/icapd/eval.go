package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"icapd/internal/content"
	"icapd/internal/service"
	"icapd/sanitize"
	"icapd/sanitize/eval"
	"icapd/scan"
)

// evaluate judges engines on labelled traffic.
func (s *scanner) evaluate(ctx context.Context) error {
	p, err := s.prepare(nil)
	if err != nil {
		return failWith(err)
	}
	defer p.close()
	l, err := p.looker(s.judged)
	if err != nil {
		return fail("scan: --engines: %w", err)
	}
	in, err := s.open(s.eval)
	if err != nil {
		return failWith(plain(err))
	}
	defer func() { _ = in.Close() }()

	collectSeldom()
	o := eval.Options{}
	var size int64
	if info, err := os.Stat(s.eval); err == nil {
		size = info.Size()
	}
	bar := newProgress(s.stdio, 1, size)
	var missFile *atomicFile
	if s.misses != "" {
		if missFile, err = createAtomic(s.misses); err != nil {
			return failWith(plain(err))
		}
		defer missFile.abandon()
	}
	var w *bufio.Writer
	if missFile != nil {
		w = bufio.NewWriter(missFile)
		o.Misses = w
	}
	report, err := eval.Evaluate(ctx, &counter{r: in, add: bar.add}, l.look, o)
	bar.finish()
	if err != nil {
		return fail("%s: %w", s.eval, err)
	}
	if missFile != nil {
		if err := w.Flush(); err != nil {
			return failWith(plain(err))
		}
		if err := missFile.commit(); err != nil {
			return failWith(plain(err))
		}
	}
	if l.gaps > 0 {
		say(s.err, "icapd: note: %d documents were not wholly looked at, the first because of: %v\n", l.gaps, l.first)
	}
	return s.writeReport(s.out, &report)
}

// collectSeldom keeps the garbage collector from the figures: nearly all that it would collect is what labelled lines
// were read into, not what looking at them takes.
func collectSeldom() {
	const percent = 400 // of what is in use, which is some 15 MB
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

func (s *scanner) writeReport(w io.Writer, report *eval.Report) error {
	if s.json {
		return encode(w, report)
	}
	return report.WriteText(w)
}

// looker shows documents to some engines alone, walked like any body.
type looker struct {
	pipeline *service.Pipeline
	runner   scan.Runner
	content  bool // what the walk itself finds counts, too

	gaps  int // documents with gaps
	first error
}

// looker returns one for the engines of these names, or for all engines. Caches, limits and whatever else stands
// around them is left out: it is not what is judged.
func (p *parts) looker(names []string) (*looker, error) {
	l := &looker{pipeline: p.pipeline, runner: scan.Runner{Parallel: 1}}
	var known []string
	for _, e := range p.engines {
		known = append(known, e.Name())
		if !slices.Contains(names, e.Name()) && !slices.Contains(names, "all") {
			continue
		}
		for inner, ok := e.(interface{ Unwrap() scan.Engine }); ok; inner, ok = e.(interface{ Unwrap() scan.Engine }) {
			e = inner.Unwrap()
		}
		l.runner.Engines = append(l.runner.Engines, e)
		l.content = l.content || e.Name() == sanitize.Name
	}
	for _, n := range names {
		if n != "all" && !slices.Contains(known, n) {
			return nil, fmt.Errorf("no engine %q in this configuration (there are %s)", n, strings.Join(known, ", "))
		}
	}
	if len(l.runner.Engines) == 0 {
		return nil, errors.New("which engines?")
	}
	return l, nil
}

// look implements [eval.Scan].
func (l *looker) look(ctx context.Context, doc []byte, contentType string) []scan.Finding {
	msg := &scan.Message{Direction: scan.Response, Type: contentType}
	tree := l.pipeline.Content.Open(msg, scan.Bytes(doc), content.Hints{ContentType: contentType})
	defer tree.Close()
	v := l.runner.Run(ctx, tree.Items(ctx))
	if len(v.Gaps) > 0 {
		if l.gaps++; l.gaps == 1 {
			l.first = &v.Gaps[0]
		}
	}
	if !l.content {
		return v.Findings
	}
	return append(v.Findings, tree.Findings()...)
}
