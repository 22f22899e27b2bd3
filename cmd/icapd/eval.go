package main

import (
	"bufio"
	"context"
	"io"
	"os"

	"icapd/internal/content"
	"icapd/sanitize/eval"
	"icapd/scan"
)

// evaluate judges the injection rules on labelled traffic.
func (s *scanner) evaluate(ctx context.Context) error {
	p, err := s.prepare(nil)
	if err != nil {
		return failWith(err)
	}
	defer p.close()
	if p.injection == nil {
		return fail("scan: --eval: engines.injection has no rules")
	}
	in, err := s.open(s.eval)
	if err != nil {
		return failWith(plain(err))
	}
	defer func() { _ = in.Close() }()

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
	report, err := eval.Evaluate(ctx, &counter{r: in, add: bar.add}, p.looker(), o)
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
	return s.writeReport(s.out, &report)
}

func (s *scanner) writeReport(w io.Writer, report *eval.Report) error {
	if s.json {
		return encode(w, report)
	}
	return report.WriteText(w)
}

// looker shows documents to the injection engine alone, walked like any body.
func (p *parts) looker() eval.Scan {
	runner := scan.Runner{Engines: []scan.Engine{p.injection}, Parallel: 1}
	return func(ctx context.Context, doc []byte, contentType string) []scan.Finding {
		msg := &scan.Message{Direction: scan.Response, Type: contentType}
		tree := p.pipeline.Content.Open(msg, scan.Bytes(doc), content.Hints{ContentType: contentType})
		defer tree.Close()
		v := runner.Run(ctx, tree.Items(ctx))
		return append(v.Findings, tree.Findings()...)
	}
}
