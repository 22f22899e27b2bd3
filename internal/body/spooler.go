package body

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"icapd/scan"
)

// The names of the limits in the configuration, as they stand in Gap.Limit.
const (
	LimitBody   = "body_bytes"   // Options.MaxBody
	LimitMemory = "memory_bytes" // a piece that must be held in memory does not fit
	LimitSpool  = "spool_bytes"  // Options.TotalDisk, or a full disk
)

// Options says how much a Spooler may hold. The zero value of a field means its default.
type Options struct {
	// Dir is the folder of the temporary files; the default is os.TempDir. Files are unlinked as soon as
	// they are made, so nothing is left there when the process dies.
	Dir string

	// Memory is how many bytes of one message stay in memory; more goes to a file. The default is 1 MiB.
	Memory int64

	// MaxBody is the size in bytes beyond which a body is refused with a Gap. The default is 1 GiB.
	MaxBody int64

	// TotalMemory is how many bytes of all messages together stay in memory. When it is used up, messages
	// go to files at once. The default is 256 MiB.
	TotalMemory int64

	// TotalDisk is how many bytes of all messages together may stand in files. The default is no limit
	// but the disk's.
	TotalDisk int64
}

// Spooler makes spools and accounts for them. It may be used from many goroutines.
type Spooler struct {
	opt    Options
	mem    account
	disk   account
	groups atomic.Int64
}

// NewSpooler returns a Spooler. It touches no file until a message needs one.
func NewSpooler(opt Options) *Spooler {
	opt.Dir = cmp.Or(opt.Dir, os.TempDir())
	opt.Memory = cmp.Or(opt.Memory, 1<<20)
	opt.MaxBody = cmp.Or(opt.MaxBody, 1<<30)
	opt.TotalMemory = cmp.Or(opt.TotalMemory, 256<<20)
	s := &Spooler{opt: opt}
	s.mem.limit, s.disk.limit = opt.TotalMemory, opt.TotalDisk
	return s
}

// Usage is what a Spooler holds right now.
type Usage struct {
	Memory int64 // bytes in memory
	Disk   int64 // bytes in files
	Groups int64 // messages and trees that were not closed yet
}

// Usage returns what the spooler holds right now.
func (s *Spooler) Usage() Usage {
	return Usage{Memory: s.mem.used.Load(), Disk: s.disk.used.Load(), Groups: s.groups.Load()}
}

// New returns an empty spool for one body, limited by Options.MaxBody. The caller closes it.
func (s *Spooler) New() *Spool {
	sp := s.NewGroup().New(s.opt.MaxBody, LimitBody)
	sp.own = true
	return sp
}

// Read reads r to its end into a new spool, which the caller closes.
//
// The spool is never nil. With an error it holds every byte that was taken from r, so that the caller can
// send on what is there and then the rest of r. The error is a *scan.Gap for the limits and for a full disk,
// ctx's error, or r's.
func (s *Spooler) Read(ctx context.Context, r io.Reader) (*Spool, error) {
	sp := s.New()
	return sp, sp.Fill(ctx, r)
}

// Fill reads r to its end into an empty spool and finishes it. Of the spool and the error the same holds as for
// Spooler.Read. Others may read what has come while it runs.
func (s *Spool) Fill(ctx context.Context, r io.Reader) error {
	_, err := s.fill(ctx, r)
	s.Finish(err)
	return err
}

// NewGroup returns a group: spools that share one message's memory and files. The caller closes it.
func (s *Spooler) NewGroup() *Group {
	s.groups.Add(1)
	return &Group{s: s}
}

// Group is the spools of one message, as an unpacked tree needs them: they share Options.Memory, and what is
// beyond it goes to few files, however many spools there are.
type Group struct {
	s *Spooler

	mu     sync.Mutex
	mem    int64
	disk   int64
	arenas []*arena
	free   *arena // an arena that nobody writes to
	closed bool
}

// New returns an empty spool of the group. When more than limit bytes are written to it, Write returns a Gap
// with the limit's name. Spools of a group are let go together, by Close of the group.
func (g *Group) New(limit int64, name string) *Spool {
	return &Spool{g: g, limit: limit, limitName: name}
}

// Close lets all memory and files of the group go. Bytes that Spool.Bytes returned must not be touched any
// more. Close may be called twice.
func (g *Group) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.closed = true
	for _, a := range g.arenas {
		a.close()
	}
	g.arenas, g.free = nil, nil
	g.s.mem.give(g.mem)
	g.s.disk.give(g.disk)
	g.s.groups.Add(-1)
}

// takeMemory reports whether the group may hold n more bytes in memory, and accounts for them.
func (g *Group) takeMemory(n int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.mem+n > g.s.opt.Memory || !g.s.mem.take(n) {
		return false
	}
	g.mem += n
	return true
}

func (g *Group) giveMemory(n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed { // Close gave all of it back
		g.mem -= n
		g.s.mem.give(n)
	}
}

func (g *Group) takeDisk(n int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return os.ErrClosed
	}
	if !g.s.disk.take(n) {
		return &scan.Gap{Engine: "body", Reason: scan.ReasonLimit, Limit: LimitSpool, Err: errSpoolFull}
	}
	g.disk += n
	return nil
}

// acquire returns an arena that nobody else writes to.
func (g *Group) acquire() (*arena, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, os.ErrClosed
	}
	if a := g.free; a != nil {
		g.free = nil
		return a, nil
	}
	a, err := newArena(g.s.opt.Dir)
	if err != nil {
		return nil, diskGap(err)
	}
	g.arenas = append(g.arenas, a)
	return a, nil
}

func (g *Group) release(a *arena) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.free = a
	}
}

var errSpoolFull = errors.New("the spool files of all messages hold as much as they may")

// account counts bytes against a limit; a limit of 0 is none.
type account struct {
	limit int64
	used  atomic.Int64
}

func (a *account) take(n int64) bool {
	if a.used.Add(n) > a.limit && a.limit > 0 {
		a.used.Add(-n)
		return false
	}
	return true
}

func (a *account) give(n int64) { a.used.Add(-n) }
