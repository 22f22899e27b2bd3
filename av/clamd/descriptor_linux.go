package clamd

import (
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// memory is a file in memory.
type memory struct {
	f    *os.File
	size int
}

// spare are files to use again: making one, and its pages, takes longer than filling it.
var spare sync.Pool //nolint:gochecknoglobals // holds no state that anybody could see

// maxSpare is the size of the largest file, in bytes, that is kept for use.
const maxSpare = 64 << 10

// memoryOf returns a file that holds data.
func memoryOf(data []byte) (*memory, error) {
	m, ok := spare.Get().(*memory)
	if !ok {
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
	if m.size > maxSpare {
		m.close()
		return
	}
	spare.Put(m)
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
