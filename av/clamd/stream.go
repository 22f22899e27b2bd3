package clamd

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"time"

	"icapd/scan"
)

// patience is how long clamd may keep a write of a stream waiting. The body's way to everybody else waits for
// that write.
const patience = 250 * time.Millisecond

var errGivenUp = errors.New("clamd: stream given up")

// Begin implements [scan.Streamer]: clamd receives the body while it arrives, and scans it when it is whole.
// At most half of the connections to an address carry such streams, so that bodies that arrive slowly leave
// room for scans. There is no stream when the body is known to be too large, or when no connection is free.
func (e *Engine) Begin(ctx context.Context, _ *scan.Message, size int64) scan.Stream {
	select {
	case <-e.checked:
	default:
		return nil
	}
	if e.tooLarge(size) != nil {
		return nil
	}
	n := e.pick(nil)
	if n == nil || !n.tryStream() {
		return nil
	}
	s := &stream{e: e, n: n}
	c, err := dial(ctx, n.address, patience)
	if err != nil {
		s.free()
		n.suspect()
		return nil
	}
	s.c, s.release = c, bind(ctx, c)
	if !s.send([]byte("zINSTREAM\x00")) {
		s.drop()
		return nil
	}
	return s
}

// tryStream takes a connection's place if that needs no wait.
func (n *node) tryStream() bool {
	select {
	case n.streams <- struct{}{}:
	default:
		return false
	}
	select {
	case n.slots <- struct{}{}:
		n.load.Add(1)
		return true
	default:
		<-n.streams
		return false
	}
}

// stream is a body on its way to one address.
type stream struct {
	e       *Engine
	n       *node
	c       net.Conn // nil once the stream was dropped or has ended
	release func() bool
	sent    int64
}

// free gives the connection's place back.
func (s *stream) free() {
	<-s.n.streams
	s.n.release()
}

// drop ends the connection.
func (s *stream) drop() {
	if s.c == nil {
		return
	}
	s.release()
	_ = s.c.Close()
	s.c = nil
	s.free()
}

func (s *stream) send(bufs ...[]byte) bool {
	_ = s.c.SetWriteDeadline(time.Now().Add(patience))
	b := net.Buffers(bufs)
	_, err := b.WriteTo(s.c)
	return err == nil
}

// Write implements [scan.Stream]. The stream is given up when clamd does not keep up, when it ends the
// connection, and when the body turns out to be too large.
func (s *stream) Write(p []byte) (int, error) {
	if s.c == nil {
		return 0, errGivenUp
	}
	if len(p) == 0 {
		return 0, nil // a chunk of no bytes would end the stream
	}
	s.sent += int64(len(p))
	if len(p) > maxChunk || s.e.tooLarge(s.sent) != nil || !s.send(binary.BigEndian.AppendUint32(nil, uint32(len(p))), p) { //nolint:gosec // at most maxChunk
		s.drop()
		return 0, errGivenUp
	}
	return len(p), nil
}

// Finish implements [scan.Stream].
func (s *stream) Finish(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	if s.c == nil || s.sent != it.Blob.Size() {
		s.drop()
		return s.e.Scan(ctx, it)
	}
	wait, cancel := context.WithTimeout(ctx, s.e.opts.Timeout)
	defer cancel()
	r, err := s.end(wait)
	switch {
	case err == nil && (r.kind == replyOK || r.kind == replyFound):
		s.n.alive()
		return r.result()
	case wait.Err() != nil:
		s.n.suspect()
		return nil, wait.Err()
	}
	// The stream is lost, the item is not.
	s.n.suspect()
	return s.e.Scan(ctx, it)
}

// end sends the end mark and reads the answer.
func (s *stream) end(ctx context.Context) (reply, error) {
	defer s.drop()
	defer bind(ctx, s.c)()
	defer time.AfterFunc(slow, s.n.suspect).Stop()
	if !s.send(make([]byte, 4)) {
		return reply{}, errGivenUp
	}
	return answer(s.c)
}

// Close implements [scan.Stream].
func (s *stream) Close() error {
	s.drop()
	return nil
}
