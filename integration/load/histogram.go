package load

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets that are 1/32 of their value wide. The zero value is empty.
type Histogram struct {
	counts [60 * sub]uint32
	n      uint64
}

const (
	subBits = 5
	sub     = 1 << subBits
)

// Add counts a duration.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucket(uint64(max(0, d)))]++
	h.n++
}

// bucket numbers the buckets: below 32 ns each is one wide, then 32 to each power of two.
func bucket(v uint64) int {
	if v < sub {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return shift*sub + int(v>>shift) //nolint:gosec // G115: v>>shift is less than 64
}

// value is the lower end of a bucket.
func value(bucket int) uint64 {
	if bucket < 2*sub {
		return uint64(bucket) //nolint:gosec // G115: not negative
	}
	shift := bucket/sub - 1
	return uint64(bucket-shift*sub) << shift //nolint:gosec // G115: not negative
}

// Merge adds the counts of another histogram.
func (h *Histogram) Merge(o *Histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
}

// Quantile returns the duration that the share q of the durations does not exceed, 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.n))
	var seen uint64
	for i, c := range h.counts {
		if seen += uint64(c); c > 0 && seen > rank {
			return time.Duration(value(i)) //nolint:gosec // G115: as it was added
		}
	}
	return 0
}
