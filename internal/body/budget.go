package body

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"icapd/scan"
)

// The names of the limits of a Budget in the configuration.
const (
	LimitDecoded = "decoded_bytes"
	LimitRatio   = "ratio"
)

// ratioFloor is how much a layer may unpack to before its ratio is looked at: small texts compress well, and so do
// the bitmaps of a few MiB in office documents, at up to 1000:1.
const ratioFloor = 2 << 20

// Budget bounds what one message unpacks to, over all its layers. It may be used from many goroutines.
type Budget struct {
	decoded, ratio int64
	used           atomic.Int64
}

// NewBudget returns a budget of that many decoded bytes, over all layers, and of that many bytes of output for
// each byte of input of one layer, where a layer makes more than 2 MiB of output. A value of 0 is no limit.
func NewBudget(decoded, ratio int64) *Budget { return &Budget{decoded: decoded, ratio: ratio} }

// Used returns how many bytes were decoded so far.
func (b *Budget) Used() int64 { return b.used.Load() }

// Take accounts for n decoded bytes. The error is a *scan.Gap.
func (b *Budget) Take(n int64) error {
	if b.used.Add(n) > b.decoded && b.decoded > 0 {
		return limitGap(LimitDecoded, "more than %d bytes unpacked", b.decoded)
	}
	return nil
}

// Counter is a reader that counts the bytes read through it.
type Counter struct {
	R io.Reader
	N int64
}

// Read implements io.Reader.
func (c *Counter) Read(p []byte) (int, error) {
	n, err := c.R.Read(p)
	c.N += int64(n)
	return n, err
}

// Copy copies what a decoder yields to dst until its end, a limit, an error, or the end of ctx. The counter
// stands below the decoder and says how much input it took; nil means that there is no ratio to look at.
// Everything that came before an error is in dst. The error of a limit is a *scan.Gap.
func (b *Budget) Copy(ctx context.Context, dst io.Writer, src io.Reader, in *Counter) (int64, error) {
	buf, _ := copyBuffers.Get().(*[copyBuffer]byte)
	defer copyBuffers.Put(buf)
	var total int64
	for {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n, err := src.Read(buf[:])
		total += int64(n)
		if n > 0 {
			if _, werr := dst.Write(buf[:n]); werr != nil {
				return total, werr
			}
			if lerr := b.check(int64(n), total, in); lerr != nil {
				return total, lerr
			}
		}
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

func (b *Budget) check(n, total int64, in *Counter) error {
	if err := b.Take(n); err != nil {
		return err
	}
	if in != nil && b.ratio > 0 && total > ratioFloor && total/b.ratio > in.N {
		return limitGap(LimitRatio, "unpacks to more than %d times its size", b.ratio)
	}
	return nil
}

func limitGap(limit, format string, args ...any) error {
	return &scan.Gap{Engine: "body", Reason: scan.ReasonLimit, Limit: limit, Err: fmt.Errorf(format, args...)}
}
