package load

import (
	"context"
	"slices"
	"time"
)

// Sample is what one turn of a benchmark says about a server.
type Sample struct {
	PerSecond float64
	P50, P99  time.Duration
	CPU       float64 // microseconds of the server's processor time, user and system, for a message
}

// Measure drives a server for a tenth of c.For to warm it up and then for c.For. cpu says how much processor time
// the server has had.
func Measure(ctx context.Context, c Config, cpu func() (time.Duration, error)) (s Sample, err error) {
	warm := c
	warm.For /= 10
	if _, err := Run(ctx, warm); err != nil {
		return s, err
	}
	before, err := cpu()
	if err != nil {
		return s, err
	}
	r, err := Run(ctx, c)
	if err != nil {
		return s, err
	}
	after, err := cpu()
	if err != nil {
		return s, err
	}
	return Sample{
		PerSecond: r.PerSecond(), P50: r.Latency.Quantile(0.5), P99: r.Latency.Quantile(0.99),
		CPU: float64(after-before) / float64(time.Microsecond) / float64(r.Messages),
	}, nil
}

// Median takes the median of each figure for itself. There must be a sample.
func Median(samples []Sample) Sample {
	middle := func(get func(Sample) float64) float64 {
		v := make([]float64, 0, len(samples))
		for _, s := range samples {
			v = append(v, get(s))
		}
		slices.Sort(v)
		if n := len(v); n%2 == 0 {
			return (v[n/2-1] + v[n/2]) / 2
		}
		return v[len(v)/2]
	}
	return Sample{
		PerSecond: middle(func(s Sample) float64 { return s.PerSecond }),
		P50:       time.Duration(middle(func(s Sample) float64 { return float64(s.P50) })),
		P99:       time.Duration(middle(func(s Sample) float64 { return float64(s.P99) })),
		CPU:       middle(func(s Sample) float64 { return s.CPU }),
	}
}
