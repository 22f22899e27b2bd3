package main

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"text/tabwriter"
	"time"

	"icapd/integration/lab"
	"icapd/integration/load"
)

func figures(s load.Sample) string {
	return fmt.Sprintf("%.0f\t%.2f/%.2f\t%.1f", s.PerSecond, ms(s.P50), ms(s.P99), s.CPU)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// report prints the table and returns how many goals were missed.
func report(out io.Writer, servers []*server, bare map[string][]load.Sample) (missed int) {
	rounds := 0
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "\tc-icap\tms\tCPU\ticapd\tms\tCPU\tthroughput\tp99\tCPU\tgoal\t\t")
	_, _ = fmt.Fprintln(w, "\tmsg/s\tp50/p99\tµs/msg\tmsg/s\tp50/p99\tµs/msg\tratio\tratio\tratio\t\t\t")
	for i := range works {
		k := &works[i]
		if len(servers[0].samples[k.name]) == 0 {
			continue
		}
		rounds = len(servers[0].samples[k.name])
		c, d := load.Median(servers[0].samples[k.name]), load.Median(servers[1].samples[k.name])
		ratio := d.PerSecond / c.PerSecond
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\t%.2f\t%.2f\t>= %.2f\t%s\t\n", k.name, figures(c), figures(d), ratio,
			float64(d.P99)/float64(c.P99), d.CPU/c.CPU, k.goal, judge(ratio >= k.goal && (!k.p99 || d.P99 <= c.P99), &missed))
		if b := bare[k.name]; len(b) > 0 {
			m := load.Median(b)
			share := d.PerSecond / m.PerSecond
			_, _ = fmt.Fprintf(w, "against a bare loop\t%s\t%s\t%.2f\t%.2f\t%.2f\t>= %.2f\t%s\t\n", figures(m), figures(d), share,
				float64(d.P99)/float64(m.P99), d.CPU/m.CPU, k.floor, judge(share >= k.floor, &missed))
		}
	}
	_ = w.Flush()
	_, _ = fmt.Fprintf(out, "medians of %d alternating rounds; CPU is the server's own, user and system\n", rounds)
	return missed
}

func judge(ok bool, missed *int) string {
	if ok {
		return "ok"
	}
	*missed++
	return "MISSED"
}

// The goals for memory, in bytes.
const (
	idleGoal = 10 << 10 // for one idle connection
	echoGoal = 64 << 20 // resident, while a big body is echoed
)

// memory measures what idle connections and a big echo hold in icapd.
func memory(ctx context.Context, out io.Writer, f flags, icapd *lab.Icapd) (missed int, err error) {
	// The echo comes first: what ten thousand connections leave in the heap is not its.
	if err := icapd.ResetPeak(); err != nil {
		return 0, err
	}
	start := time.Now()
	sent, got := crc32.New(crc32.MakeTable(crc32.Castagnoli)), &counter{Hash32: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
	if err := load.Echo(ctx, icapd.Address, "echo", io.TeeReader(lab.Noise(f.echo), sent), got); err != nil {
		return 0, err
	}
	took := time.Since(start)
	if got.n != f.echo || sent.Sum32() != got.Sum32() {
		return 0, errors.New("the big echo came back changed")
	}
	big, err := icapd.Memory()
	if err != nil {
		return 0, err
	}
	_, _ = fmt.Fprintf(out, "echo of %.0f MiB: peak %.1f MiB resident, %.0f MiB/s  goal < %d MiB  %s\n", mib(f.echo),
		mib(big.Peak), mib(f.echo)/took.Seconds(), echoGoal>>20, judge(big.Peak < echoGoal, &missed))
	before, err := icapd.Memory()
	if err != nil {
		return 0, err
	}
	m := works[0].message(icapd.Address, works[0].icapd)
	closeAll, err := load.Idle(ctx, icapd.Address, m, f.idle)
	if err != nil {
		return 0, err
	}
	idle, err := icapd.Memory()
	closeAll()
	if err != nil {
		return 0, err
	}
	each := float64(idle.Resident-before.Resident) / float64(f.idle)
	_, _ = fmt.Fprintf(out, "%d idle connections: %.1f KiB each (%.1f MiB before, %.1f MiB with them)  goal <= %d KiB  %s\n", f.idle,
		each/(1<<10), mib(before.Resident), mib(idle.Resident), idleGoal>>10, judge(each <= idleGoal, &missed))

	return missed, nil
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// counter is a hash that knows how much it has seen.
type counter struct {
	hash.Hash32
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.Hash32.Write(p)
}
