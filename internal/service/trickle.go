package service

import (
	"io"
	"sync"
	"time"

	"icapd/icap"
	"icapd/internal/body"
	"icapd/policy"
)

// A trickle lets a few bytes of a large download go while it is still looked at, so that neither the client nor the
// person behind it gives up. Its price is that of the stall nudge, and more: what went cannot be taken back, and the
// start of a bad file may do harm by itself. The rest is withheld when the verdict is bad.
type trickle struct {
	settings policy.Trickle
	spool    *body.Spool
	begin    func() (*icap.BodyWriter, error)
	ready    func() bool // the client has been asked for all of the body

	stop chan struct{}
	done sync.WaitGroup

	stream *icap.BodyWriter
	sent   int64
	err    error
}

// startTrickle begins to count the time. end must be called before anybody else writes an answer.
func startTrickle(s policy.Trickle, spool *body.Spool, ready func() bool, begin func() (*icap.BodyWriter, error)) *trickle {
	t := &trickle{settings: s, spool: spool, begin: begin, ready: ready, stop: make(chan struct{})}
	t.done.Go(t.run)
	return t
}

func (t *trickle) run() {
	wait := time.NewTimer(t.settings.After)
	defer wait.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-wait.C:
		}
		if t.err == nil && t.ready() {
			t.err = t.drop()
		}
		wait.Reset(t.settings.Every)
	}
}

// drop sends the next few bytes. The last byte of what is there stays: a body that was sent whole cannot be withheld.
func (t *trickle) drop() error {
	if t.stream == nil {
		s, err := t.begin()
		if err != nil {
			return err
		}
		t.stream = s
	}
	n := min(t.settings.Bytes, t.spool.Size()-t.sent-1)
	if n <= 0 {
		return nil
	}
	k, err := io.Copy(t.stream, io.NewSectionReader(t.spool, t.sent, n))
	t.sent += k
	if err != nil {
		return err
	}
	return t.stream.Flush()
}

// end stops the trickle and returns the answer that it began, if it did, and how many bytes of the body went.
func (t *trickle) end() (stream *icap.BodyWriter, sent int64, err error) {
	close(t.stop)
	t.done.Wait()
	return t.stream, t.sent, t.err
}
