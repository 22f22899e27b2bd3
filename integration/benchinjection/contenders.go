package main

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"icapd/av/waf"
	"icapd/internal/body"
	"icapd/internal/content"
	"icapd/sanitize"
	"icapd/sanitize/eval"
	"icapd/scan"
	"icapd/signatures"

	"github.com/corazawaf/libinjection-go"
)

// contender is somebody who looks at documents.
type contender struct {
	name   string
	look   eval.Scan
	report eval.Report
	speeds []float64 // MB/s, one a round
	next   int       // the document to begin the next round with: slow ones do not get through all in one
}

// contenders returns all, ours first. Done lets go of them.
func contenders() (all []*contender, done func(), err error) {
	ours, err := sanitize.New(sanitize.Options{Rules: []string{"builtin"}, Builtin: signatures.Injection()})
	if err != nil {
		return nil, nil, err
	}
	const enough = 64 << 20 // limits are not what is measured
	crs, err := waf.New(waf.Options{Rules: []string{waf.CRS}, Paranoia: 1, Timeout: time.Hour, MaxBytes: enough, MaxFieldBytes: enough})
	if err != nil {
		return nil, nil, err
	}
	spooler := body.NewSpooler(body.Options{Memory: enough, MaxBody: enough, TotalMemory: 4 * enough})
	walker := content.New(content.Options{
		Spooler: spooler,
		Limits:  content.Limits{Depth: 8, Entries: 10_000, DecodedBytes: enough, Ratio: 200, Nesting: 1000},
	})
	return []*contender{
		{name: "icapd, engine injection", look: looker(walker, ours, true)},
		{name: "Coraza, CRS at PL1", look: looker(walker, crs, false)},
		{name: "libinjection alone", look: looker(walker, alone{}, false)},
	}, func() { _ = crs.Close() }, nil
}

// looker shows documents to one engine, walked as icapd walks bodies. What the walk itself finds is icapd's.
func looker(walker *content.Walker, e scan.Engine, walk bool) eval.Scan {
	runner := scan.Runner{Engines: []scan.Engine{e}, Parallel: 1}
	return func(ctx context.Context, doc []byte, contentType string) []scan.Finding {
		msg := &scan.Message{Direction: scan.Response, Type: contentType}
		tree := walker.Open(msg, scan.Bytes(doc), content.Hints{ContentType: contentType})
		defer tree.Close()
		v := runner.Run(ctx, tree.Items(ctx))
		if !walk {
			return v.Findings
		}
		return append(v.Findings, tree.Findings()...)
	}
}

// alone is libinjection and nothing else.
type alone struct{}

func (alone) Name() string             { return "libinjection" }
func (alone) Wants(it *scan.Item) bool { return it.Fields != nil }

func (alone) Scan(ctx context.Context, it *scan.Item) (out []scan.Finding, err error) {
	err = it.Fields(ctx, func(f *scan.Field) bool {
		value := string(f.Value)
		if sql, _ := libinjection.IsSQLi(value); sql {
			out = append(out, scan.Finding{Rule: "sqli", Category: scan.Injection, Class: "sqli", Severity: scan.Medium})
		}
		if libinjection.IsXSS(value) {
			out = append(out, scan.Finding{Rule: "xss", Category: scan.Injection, Class: "xss", Severity: scan.Medium})
		}
		return true
	})
	return out, err
}

// run looks at documents for that much processor time, and notes the speed.
func (c *contender) run(ctx context.Context, docs [][]byte, each time.Duration) {
	start, bytes := eval.CPUTime(), 0
	for took := time.Duration(0); took < each && ctx.Err() == nil; took = eval.CPUTime() - start {
		for range 1 + len(docs)/100 { // asking for the time costs some, too
			c.look(ctx, docs[c.next], "application/json")
			bytes += len(docs[c.next])
			c.next = (c.next + 1) % len(docs)
			if eval.CPUTime()-start > each {
				break
			}
		}
	}
	c.speeds = append(c.speeds, float64(bytes)/1e6/(eval.CPUTime()-start).Seconds())
}

// benign returns the benign JSON documents among labelled lines, and how many bytes they are.
func benign(labelled []byte) (docs [][]byte, size int, err error) {
	for raw := range bytes.Lines(labelled) {
		var l eval.Line
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		if err := json.Unmarshal(raw, &l); err != nil {
			return nil, 0, err
		}
		if l.Label == "benign" && l.JSON != nil {
			docs = append(docs, []byte(*l.JSON))
			size += len(*l.JSON)
		}
	}
	if len(docs) == 0 {
		return nil, 0, errNothing
	}
	return docs, size, nil
}
