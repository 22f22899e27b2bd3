package clamd

import (
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// memory is a file in memory.
type memory struct {
	f      *os.File
	size   int
	spared time.Time // when it was put aside, if it is a large one
}

// Files are used again: making one, and its pages, takes longer than filling it.
var (
	smallSpare sync.Pool //nolint:gochecknoglobals // holds no state that anybody could see
	largeSpare shelf     //nolint:gochecknoglobals // the same
)

const (
	maxSmall  = 64 << 10          // bytes of the largest file that is kept in any number, until the collector finds it
	maxShelf  = 4 * maxDescriptor // bytes of the larger ones that are kept
	maxSpared = time.Second       // for which they are kept, and up to twice that
)

// shelf keeps large files for a while.
type shelf struct {
	mu    sync.Mutex
	files []*memory // the last one is the one that was used last
	bytes int
	timed bool // sweep will be called
}

// take returns a file, nil if there is none.
func (s *shelf) take() *memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.files) == 0 {
		return nil
	}
	m := s.files[len(s.files)-1]
	s.files = s.files[:len(s.files)-1]
	s.bytes -= m.size
	return m
}

// put is false if there is no room for the file.
func (s *shelf) put(m *memory) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+m.size > maxShelf {
		return false
	}
	m.spared = time.Now()
	s.files = append(s.files, m)
	s.bytes += m.size
	if !s.timed {
		s.timed = true
		time.AfterFunc(maxSpared, s.sweep)
	}
	return true
}

// sweep lets those go that nobody has used for a while, and comes again while there are others.
func (s *shelf) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for n < len(s.files) && time.Since(s.files[n].spared) >= maxSpared {
		s.bytes -= s.files[n].size
		s.files[n].close()
		n++
	}
	s.files = slices.Delete(s.files, 0, n)
	if s.timed = len(s.files) > 0; s.timed {
		time.AfterFunc(maxSpared, s.sweep)
	}
}

// spareMemory returns a file that was used before, if there is one, for so many bytes.
func spareMemory(size int) *memory {
	if size > maxSmall {
		return largeSpare.take()
	}
	m, _ := smallSpare.Get().(*memory)
	return m
}

// memoryOf returns a file that holds data.
func memoryOf(data []byte) (*memory, error) {
	m := spareMemory(len(data))
	if m == nil {
		fd, err := unix.MemfdCreate("icapd-item", unix.MFD_CLOEXEC)
		if err != nil {
			return nil, os.NewSyscallError("memfd_create", err)
		}
		m = &memory{f: os.NewFile(uintptr(fd), "icapd-item")}
	}
	_, err := m.f.WriteAt(data, 0)
	if err == nil && m.size > len(data) {
		err = m.f.Truncate(int64(len(data)))
	}
	m.size = len(data)
	if err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// send sends the file's descriptor, with one byte that clamd ignores.
func (m *memory) send(c *net.UnixConn) error {
	_, _, err := c.WriteMsgUnix([]byte{0}, unix.UnixRights(int(m.f.Fd())), nil)
	return err
}

// close lets the file go. clamd's own descriptor of it stays good.
func (m *memory) close() { _ = m.f.Close() }

// release is close for a file that clamd is done with.
func (m *memory) release() {
	switch {
	case m.size <= maxSmall:
		smallSpare.Put(m)
	case !largeSpare.put(m):
		m.close()
	}
}

// soon is how long a thread waits for an answer that nothing else waits for.
const soon = time.Millisecond

// attend waits for the connection's next byte in this thread, for a moment. What comes later, or never, is left to whoever
// reads: it is there for the answers that come at once, which a thread that sleeps in the kernel has sooner, by two wakes,
// than a goroutine that the runtime's poller wakes.
func attend(c *net.UnixConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	wait := unix.NsecToTimespec(int64(soon))
	_ = raw.Control(func(fd uintptr) {
		_, _ = unix.Ppoll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, &wait, nil) //nolint:gosec // G115: a descriptor is small
	})
}
