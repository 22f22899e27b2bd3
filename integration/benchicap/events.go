package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"icapd/integration/lab"
	"icapd/integration/load"
)

// eventsGoal is the throughput with events and metrics in that without.
const eventsGoal = 0.95

// shorter is by how much a stretch of load is shorter than elsewhere, and how many times as many there are: what is looked for is
// a few percent, and the machine moves by more than that within seconds.
const shorter = 5

// toldWorks are what events and metrics are measured with. The echo has neither: that row shows what the measurement
// itself is worth.
var toldWorks = []work{
	{name: "no events by themselves: echo, 1 KiB, 4 conns", size: 1 << 10, conns: 4, preview: -1, allow204: true, icapd: "echo"},
	{name: "vetted, 1 KiB of JSON, 4 conns", size: 1 << 10, conns: 4, preview: -1, allow204: true, icapd: "respmod", floor: eventsGoal},
	{name: "vetted, 16 KiB of JSON, 4 conns", size: 16 << 10, conns: 4, preview: -1, allow204: true, icapd: "respmod", floor: eventsGoal},
}

// told compares an icapd that tells all there is to tell (a metric, an event in a file, the console's feed) with one
// that tells nothing, in turn, and returns how many goals were missed.
func told(ctx context.Context, out io.Writer, l *lab.Lab, f flags, only *regexp.Regexp) (missed int, err error) {
	var works []*work
	for i := range toldWorks {
		if only.MatchString(toldWorks[i].name) {
			works = append(works, &toldWorks[i])
		}
	}
	if len(works) == 0 {
		return 0, nil
	}
	silent, err := f.icapdAlone(ctx, l, "silent")
	if err != nil {
		return 0, err
	}
	telling, err := f.icapdAlone(ctx, l, "telling", "--set", "admin.address=127.0.0.1:0", "--set", "events[0].file=events.jsonl")
	if err != nil {
		return 0, err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "\tsilent\tms\tCPU\twith events\tms\tCPU\tthroughput\thalf of\tCPU\tgoal\t\t")
	_, _ = fmt.Fprintln(w, "\tmsg/s\tp50/p99\tµs/msg\tand metrics\tp50/p99\tµs/msg\tratio\tthem in\tratio\t\t\t")
	short := f
	short.each = f.each / shorter
	for _, k := range works {
		pair := [2]*server{silent, telling}
		for round := range f.rounds * shorter {
			for i := range pair {
				s := pair[(i+round)%2]
				got, err := measure(ctx, short, k, s.address, k.message(s.address, k.icapd), s.proc)
				if err != nil {
					return 0, fmt.Errorf("%s, %s: %w", s.name, k.name, err)
				}
				s.samples[k.name] = append(s.samples[k.name], got)
			}
		}
		a, b := silent.samples[k.name], telling.samples[k.name]
		speed, low, high := ratios(b, a, func(s load.Sample) float64 { return s.PerSecond })
		cpu, _, _ := ratios(b, a, func(s load.Sample) float64 { return s.CPU })
		goal := "\t"
		if k.floor > 0 {
			goal = fmt.Sprintf(">= %.2f\t%s", k.floor, judge(speed >= k.floor, &missed))
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%.3f\t%.2f-%.2f\t%.3f\t%s\t\n", k.name, figures(load.Median(a)), figures(load.Median(b)), speed, low, high, cpu, goal)
	}
	return missed, w.Flush()
}

// ratios are what each sample is of the one taken just before or after it: the median, and what the middle half lies in. What
// the machine does to both of a pair says nothing about them.
func ratios(of, by []load.Sample, figure func(load.Sample) float64) (median, low, high float64) {
	all := make([]float64, len(of))
	for i := range of {
		all[i] = figure(of[i]) / figure(by[i])
	}
	slices.Sort(all)
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2, all[n/4], all[n-1-n/4]
}

// document is well-formed JSON of about a size.
func document(size int) []byte {
	const record = `{"id": 4711, "name": "Ada Lovelace", "note": "nothing to see"}`
	return []byte("[" + strings.Repeat(record+",\n", size/len(record)-1) + record + "]")
}

// icapdAlone starts an icapd that tells nobody anything, but for what the arguments ask for.
func (f flags) icapdAlone(ctx context.Context, l *lab.Lab, name string, args ...string) (*server, error) {
	binary, err := filepath.Abs(f.icapd)
	if err != nil {
		return nil, err
	}
	port, err := lab.FreePort()
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	p, err := l.Start(ctx, lab.Command{
		Name:  "icapd-" + name,
		Args:  append([]string{binary, "serve", "--set", "listen[0].address=" + address, "--set", "admin.address=", "--set", "log.events=false"}, args...),
		Ready: lab.Answers(ctx, address),
	})
	return &server{name: name, proc: p, address: address, samples: map[string][]load.Sample{}}, err
}
