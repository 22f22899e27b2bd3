package sink

import (
	"context"
	"errors"
	"io"
	"slices"
)

// Pipe writes lines to what cannot be told when to stop waiting: standard output, standard error, a FIFO. A write that
// nobody reads from is left alone when its time is over; what it carries is not given again. It implements Writer.
type Pipe struct {
	add func(dst []byte, r Record) ([]byte, error)

	todo    chan []byte
	done    chan written
	buf     []byte
	ends    []int // where the lines of the batch on its way end in buf
	pending bool  // a batch is on its way
	torn    bool  // the last write ended inside a line
}

type written struct {
	n   int
	err error
}

var errStuck = errors.New("nobody reads what is written")

// NewPipe returns a writer to w. Lines are made by add, called by one goroutine at a time, without their ends; a record
// for which it adds nothing is left out. Writing happens on a goroutine of its own, which outlives Close
// while its write is stuck. Close does not close w.
func NewPipe(w io.Writer, add func(dst []byte, r Record) ([]byte, error)) *Pipe {
	p := &Pipe{add: add, todo: make(chan []byte, 1), done: make(chan written, 1)}
	go func() {
		for b := range p.todo {
			n, err := w.Write(b)
			p.done <- written{n, err}
		}
	}()
	return p
}

// Write implements Writer.
func (p *Pipe) Write(ctx context.Context, records []Record) (int, error) {
	done := 0
	for done < len(records) {
		if !p.pending {
			if err := p.begin(records[done:]); err != nil {
				return done, err
			}
		}
		select {
		case got := <-p.done:
			p.pending = false
			n, err := p.end(got)
			if done += n; err != nil {
				return done, err
			}
		case <-ctx.Done():
			return done, errors.Join(errStuck, ctx.Err())
		}
	}
	return done, nil
}

// begin makes the lines of the records and sends them off.
func (p *Pipe) begin(records []Record) error {
	p.buf, p.ends = p.buf[:0], p.ends[:0]
	if cap(p.buf) > 1<<20 {
		p.buf = nil // one batch of large events is no reason to hold on to it
	}
	if p.torn {
		p.buf = append(p.buf, '\n')
	}
	for _, r := range records {
		before := len(p.buf)
		var err error
		if p.buf, err = p.add(p.buf, r); err != nil {
			return err
		}
		if n := len(p.buf); n > before && p.buf[n-1] != '\n' {
			p.buf = append(p.buf, '\n')
		}
		p.ends = append(p.ends, len(p.buf))
	}
	p.pending = true
	p.todo <- p.buf // has room: nothing is on its way
	return nil
}

// end says how many records a write has carried.
func (p *Pipe) end(got written) (int, error) {
	if got.err == nil {
		p.torn = false
		return len(p.ends), nil
	}
	n, _ := slices.BinarySearch(p.ends, got.n+1) // those that end at got.n or before
	p.torn = got.n > 0 && (n == 0 || p.ends[n-1] != got.n)
	return n, got.err
}

// Close implements Writer. Nothing may be written after it.
func (p *Pipe) Close() error {
	close(p.todo)
	return nil
}
