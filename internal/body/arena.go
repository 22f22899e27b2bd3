package body

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"icapd/scan"
)

// A mapping larger than trimAbove has its pages let go every trimEvery, so that a scan of a large file does
// not make the process as large as the file. The pages stay in the page cache: touching them again is cheap.
const (
	trimAbove = 16 << 20
	trimEvery = 2 * time.Millisecond
	mapStep   = 1 << 20
)

// arena is an unlinked file that spools of a group are written to, one after the other. All of it can be
// mapped at once: mappings reach beyond the end of the file, which is fine as long as nobody looks there.
type arena struct {
	f    *os.File
	size atomic.Int64 // bytes written

	mu     sync.Mutex
	maps   [][]byte // grows only; the last one is the longest
	trim   chan struct{}
	done   chan struct{}
	closed bool
}

func newArena(dir string) (*arena, error) {
	f, err := os.CreateTemp(dir, "icapd-spool-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &arena{f: f}, nil
}

// write appends p and returns how much of it stands in the file.
func (a *arena) write(p []byte) (int, error) {
	n, err := a.f.WriteAt(p, a.size.Load())
	a.size.Add(int64(n))
	if err != nil {
		return n, diskGap(err)
	}
	return n, nil
}

// bytes returns the mapped bytes from off to off+n, which must have been written.
func (a *arena) bytes(off, n int64) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, os.ErrClosed
	}
	if k := len(a.maps); k == 0 || int64(len(a.maps[k-1])) < off+n {
		if err := a.grow(off + n); err != nil {
			return nil, err
		}
	}
	return a.maps[len(a.maps)-1][off : off+n : off+n], nil
}

// grow adds a mapping of at least n bytes. It asks for twice what is there, so that a tree with many small
// members needs few mappings.
func (a *arena) grow(n int64) error {
	length := (max(n, 2*a.size.Load()) + mapStep - 1) / mapStep * mapStep
	if int64(int(length)) != length {
		return &scan.Gap{Engine: "body", Reason: scan.ReasonLimit, Limit: LimitMemory, Err: errors.New("too large to map")}
	}
	m, err := unix.Mmap(int(a.f.Fd()), 0, int(length), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map spool file: %w", err)
	}
	a.maps = append(a.maps, m)
	if n > trimAbove && a.trim == nil {
		a.trim, a.done = make(chan struct{}), make(chan struct{})
		go a.trimLoop()
	}
	return nil
}

func (a *arena) trimLoop() {
	defer close(a.done)
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		select {
		case <-a.trim:
			return
		case <-tick.C:
		}
		a.mu.Lock()
		maps := a.maps
		a.mu.Unlock()
		for _, m := range maps {
			// Advice that fails costs memory, nothing else.
			_ = unix.Madvise(m, unix.MADV_DONTNEED)
		}
	}
}

func (a *arena) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.closed = true
	if a.trim != nil {
		close(a.trim)
		a.mu.Unlock()
		<-a.done // it must not touch the mappings after this
		a.mu.Lock()
	}
	for _, m := range a.maps {
		_ = unix.Munmap(m)
	}
	a.maps = nil
	_ = a.f.Close() // it is unlinked: nothing to lose
}

// diskGap turns what the file system says into a Gap: a full disk is a limit like others.
func diskGap(err error) error {
	g := &scan.Gap{Engine: "body", Reason: scan.ReasonError, Err: err}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		g.Reason, g.Limit = scan.ReasonLimit, LimitSpool
	}
	return g
}
