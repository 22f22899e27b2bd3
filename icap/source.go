package icap

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Buffers come in two sizes. A message that fits the small one costs one read;
// a connection whose messages do not is given large ones while it has data.
const (
	smallBuffer = 8 << 10
	largeBuffer = 64 << 10
)

var (
	smallPool = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largePool = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

func takeSmall() []byte { return smallPool.Get().(*[smallBuffer]byte)[:] }
func takeLarge() []byte { return largePool.Get().(*[largeBuffer]byte)[:] }

// giveBack returns a buffer to its pool; buffers of other sizes go to the collector.
func giveBack(b []byte) {
	switch cap(b) {
	case smallBuffer:
		smallPool.Put((*[smallBuffer]byte)(b[:smallBuffer]))
	case largeBuffer:
		largePool.Put((*[largeBuffer]byte)(b[:largeBuffer]))
	}
}

// errPark asks the reader of an idle connection to give up its stack.
var errPark = errors.New("icap: idle connection to be parked")

// timeoutArbiter says what a read that ran into the connection's deadline
// means: nil to try again, or the error to return.
type timeoutArbiter interface {
	readTimedOut() error
}

// source reads from a connection through a pooled buffer that it only holds
// while there is something in it: on TCP and unix sockets it waits for
// readability first and takes the buffer then, so that ten thousand idle or
// slow connections own no buffers.
type source struct {
	nc  net.Conn
	raw syscall.RawConn // nil where waiting without a buffer is not possible

	buf  []byte // nil while nothing is buffered and nothing readable
	r, w int
	big  bool // recent messages did not fit the small buffer
	in   int64

	// Deadlines are kept by the server's reaper: before each wait the source
	// publishes when it will have lasted too long.
	dl      *atomic.Int64
	clock   *atomic.Int64
	timeout int64 // milliseconds per wait, 0 for none
	fixed   int64 // deadline of the whole head, 0 for none
	last    int64 // deadline that was published for the latest wait
	pace    pace
	arbiter timeoutArbiter

	readFn func(fd uintptr) bool // s.rawRead, bound once
	target []byte                // where rawRead puts data instead of buf
	n      int
	err    error
	one    [1]byte
}

func (s *source) init(nc net.Conn) {
	s.nc = nc
	s.raw = rawConnOf(nc)
	if s.raw != nil {
		s.readFn = s.rawRead
	}
}

func (s *source) buffered() int { return s.w - s.r }

// view is what is buffered. It is valid until the next fill.
func (s *source) view() []byte { return s.buf[s.r:s.w] }

func (s *source) advance(n int) {
	s.r += n
	if s.r == s.w {
		s.r, s.w = 0, 0
	}
}

// release gives an empty buffer back.
func (s *source) release() {
	if s.buf != nil && s.r == s.w {
		giveBack(s.buf)
		s.buf, s.r, s.w = nil, 0, 0
	}
}

// drop gives the buffer back whatever it holds.
func (s *source) drop() {
	s.r, s.w = 0, 0
	s.release()
}

// room makes place behind w for at least one byte.
func (s *source) room() {
	if s.buf != nil && s.r == s.w && s.big && len(s.buf) < largeBuffer {
		s.release()
	}
	if s.buf == nil {
		if s.big {
			s.buf = takeLarge()
		} else {
			s.buf = takeSmall()
		}
		return
	}
	if s.w < len(s.buf) {
		return
	}
	if s.r > 0 {
		s.w = copy(s.buf, s.buf[s.r:s.w])
		s.r = 0
		return
	}
	s.grow(2 * len(s.buf))
}

// grow makes the buffer at least n bytes long. What is buffered moves to its start.
func (s *source) grow(n int) {
	if len(s.buf) >= n {
		return
	}
	var b []byte
	if n <= largeBuffer {
		b = takeLarge()
	} else {
		b = make([]byte, n)
	}
	w := copy(b, s.buf[s.r:s.w])
	if s.buf != nil {
		giveBack(s.buf)
	}
	s.buf, s.r, s.w = b, 0, w
	s.big = true
}

// shed is called before a wait: it keeps no more memory than the data needs.
func (s *source) shed() {
	switch n := s.w - s.r; {
	case n == 0:
		s.release()
	case len(s.buf) > smallBuffer && n <= smallBuffer/2:
		b := takeSmall()
		w := copy(b, s.buf[s.r:s.w])
		giveBack(s.buf)
		s.buf, s.r, s.w = b, 0, w
	}
}

// rawRead is called when the descriptor may be readable. It returns false to
// wait until it is.
func (s *source) rawRead(fd uintptr) bool {
	p := s.target
	if p == nil {
		s.room()
		p = s.buf[s.w:]
	}
	n, err := readFD(fd, p)
	if wouldBlock(err) {
		s.pace.waits()
		if s.target == nil {
			s.shed()
		}
		return false
	}
	s.n, s.err = max(n, 0), err
	return true
}

// fill reads at least one byte into the buffer.
func (s *source) fill() error {
	n, err := s.read(nil)
	s.w += n
	if n > 0 && s.w == len(s.buf) {
		s.big = true
	}
	return err
}

// readDirect reads into p without the buffer, which must be empty.
func (s *source) readDirect(p []byte) (int, error) { return s.read(p) }

// tryFill reads what is there without waiting, where that is possible.
func (s *source) tryFill() bool {
	if s.raw == nil {
		return false
	}
	s.n, s.err = 0, nil
	err := s.raw.Read(func(fd uintptr) bool {
		s.rawRead(fd)
		return true
	})
	if err != nil || s.n == 0 {
		return false
	}
	s.w += s.n
	s.in += int64(s.n)
	return true
}

// awaitByte waits for one byte without a buffer and without much stack, and
// leaves it in a buffer.
func (s *source) awaitByte() error {
	n, err := s.read(s.one[:])
	if n == 0 {
		return err
	}
	s.room()
	s.buf[s.w] = s.one[0]
	s.w++
	return nil
}

// read reads into p, or into the buffer if p is nil, without moving w. It
// returns n > 0 or an error.
func (s *source) read(p []byte) (int, error) {
	for {
		n, err := s.readOnce(p)
		if n > 0 {
			s.in += int64(n)
			return n, nil
		}
		if err == nil {
			return 0, io.EOF
		}
		if s.arbiter == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if err = s.arbiter.readTimedOut(); err != nil {
			return 0, err
		}
	}
}

func (s *source) readOnce(p []byte) (int, error) {
	s.publish()
	if s.raw != nil {
		s.target, s.n, s.err = p, 0, nil
		err := s.raw.Read(s.readFn)
		s.target = nil
		s.retract()
		if err != nil {
			return 0, err
		}
		return s.n, s.err
	}
	if p == nil {
		s.room()
		p = s.buf[s.w:]
	}
	s.pace.waits() // or decrypts, which takes next to no time
	n, err := s.nc.Read(p)
	s.retract()
	return n, err
}

// pace holds a body to a lowest average rate. Only the time counts for which the
// client was waited for: a handler that takes its time slows nobody down.
type pace struct {
	rate   int64 // bytes per second, 0 for none
	grace  int64 // milliseconds that are given beside the rate
	from   int64 // what had been read when the body began
	waited time.Duration
	began  time.Time // when the wait that is under way did; zero for none
}

// deadline says when a wait that begins now will have lasted too long.
func (p *pace) deadline(now, read int64) int64 {
	return now + max(p.grace+(read-p.from)*1000/p.rate-p.waited.Milliseconds(), 1)
}

// waits notes that a read has to wait. The coarse clock would miss most waits of
// a client that sends a byte now and then.
func (p *pace) waits() {
	if p.rate > 0 && p.began.IsZero() {
		p.began = time.Now()
	}
}

// over notes that the read has returned.
func (p *pace) over() {
	if !p.began.IsZero() {
		p.waited += time.Since(p.began)
		p.began = time.Time{}
	}
}

func (s *source) publish() {
	if s.dl == nil {
		return
	}
	s.last = s.fixed
	if s.fixed == 0 && s.timeout > 0 {
		s.last = s.clock.Load() + s.timeout
	}
	if s.pace.rate > 0 {
		if by := s.pace.deadline(s.clock.Load(), s.in); s.last == 0 || by < s.last {
			s.last = by
		}
	}
	s.dl.Store(s.last)
}

func (s *source) retract() {
	s.pace.over()
	if s.dl != nil {
		s.dl.Store(0)
	}
}

// line returns the next line with its LF, at most limit bytes long, and leaves
// it in the buffer. tooLong is returned for longer ones.
func (s *source) line(limit int, tooLong error) ([]byte, error) {
	seen := 0
	for {
		b := s.view()
		if i := bytes.IndexByte(b[seen:], '\n'); i >= 0 {
			if seen+i+1 > limit {
				return nil, tooLong
			}
			return b[:seen+i+1], nil
		}
		seen = len(b)
		if seen >= limit {
			return nil, tooLong
		}
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
}

// need fills until n bytes are buffered.
func (s *source) need(n int) error {
	for s.buffered() < n {
		if len(s.buf)-s.r < n {
			s.grow(n)
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
	return nil
}
