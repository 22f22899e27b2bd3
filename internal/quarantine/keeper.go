package quarantine

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Source is an original that waits for the vault.
type Source interface {
	io.ReaderAt
	Size() int64
}

// KeeperLimits bound what waits for the vault. Zero fields get their defaults: 64 originals, 64 MiB, 2 minutes.
type KeeperLimits struct {
	Waiting int
	Bytes   int64

	// Patience is how long an original is tried again that the store did not take, from its first failure on.
	Patience time.Duration
}

func (l KeeperLimits) withDefaults() KeeperLimits {
	if l.Waiting <= 0 {
		l.Waiting = 64
	}
	if l.Bytes <= 0 {
		l.Bytes = 64 << 20
	}
	if l.Patience <= 0 {
		l.Patience = 2 * time.Minute
	}
	return l
}

// Keeper puts originals into a vault behind the back of traffic: Keep never waits. What the vault does not take is
// tried again for a while. What it is too slow or too broken for is given up, and counted. It may be used from many
// goroutines.
type Keeper struct {
	vault  *Vault
	limits KeeperLimits
	jobs   chan job
	done   sync.WaitGroup
	ctx    context.Context // of all writes; ends with Close's patience
	end    context.CancelFunc
	missed int64 // bytes of the last original that the store did not take; run's own

	mu     sync.RWMutex
	closed bool

	waiting atomic.Int64 // bytes
	count   atomic.Int64 // originals, the one in hand included
	stats   struct{ kept, dropped, failed, retries atomic.Uint64 }
	last    atomic.Pointer[string] // what is wrong with the store; nil if nothing is
	report  func(id string, err error)
}

type job struct {
	entry Entry
	body  Source
	let   func()
}

// KeeperStats are the counters of a Keeper since its start.
type KeeperStats struct {
	Kept    uint64
	Dropped uint64 // for want of room
	Failed  uint64 // that the vault did not take, however often it was tried
	Retries uint64 // attempts that failed, and were tried again
	Waiting int
	Bytes   int64  // of those that wait
	Error   string // of the last attempt that failed, until one to write is good; then ""
}

const (
	putTimeout  = time.Minute
	expireEvery = 10 * time.Minute
	probeEvery  = 5 * time.Second // a store that failed: traffic may have nothing for it that would show that it is back

	maxProbe = 1 << 20 // bytes: a disk without room for the last original may have some for a small file

	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 15 * time.Second
)

// NewKeeper returns a keeper that has begun to work. Report is told of each original that the vault did not take; it
// may be nil. Close ends the keeper.
func NewKeeper(v *Vault, limits KeeperLimits, report func(id string, err error)) *Keeper {
	limits = limits.withDefaults()
	k := &Keeper{vault: v, limits: limits, jobs: make(chan job, limits.Waiting), report: report}
	k.ctx, k.end = context.WithCancel(context.Background())
	k.done.Go(k.run)
	return k
}

// Keep takes an original on, and calls let when it is done with its bytes. False means that there is no room: then
// let is not called. An original that is larger than all that may wait is taken on if nothing else waits.
func (k *Keeper) Keep(e Entry, body Source, let func()) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	size := body.Size()
	if others := k.waiting.Add(size) - size; k.closed || others > 0 && others+size > k.limits.Bytes {
		k.waiting.Add(-size)
		k.stats.dropped.Add(1)
		return false
	}
	k.count.Add(1)
	select {
	case k.jobs <- job{e, body, let}:
		return true
	default:
		k.waiting.Add(-size)
		k.count.Add(-1)
		k.stats.dropped.Add(1)
		return false
	}
}

// Room reports whether an original of that many bytes would be taken on now, by a vault that has not
// failed since its last good write. It is for those who would rather stop a message than lose its original; two who ask at the same time may be
// told the same.
func (k *Keeper) Room(size int64) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	others := k.waiting.Load()
	if k.closed || k.last.Load() != nil {
		return false
	}
	return len(k.jobs) < cap(k.jobs) && (others <= 0 || others+size <= k.limits.Bytes)
}

func (k *Keeper) run() {
	expire, probe := time.NewTicker(expireEvery), time.NewTicker(probeEvery)
	defer expire.Stop()
	defer probe.Stop()
	for {
		select {
		case j, more := <-k.jobs:
			if !more {
				return
			}
			k.put(j)
		case <-expire.C:
			if err := k.within(k.vault.Expire); err != nil {
				k.broken(err)
				k.fail("", err)
			}
		case <-probe.C:
			if k.last.Load() != nil {
				k.note(k.within(func(ctx context.Context) error { return k.vault.Probe(ctx, min(k.missed, maxProbe)) }))
			}
		}
	}
}

// within bounds one use of the vault.
func (k *Keeper) within(use func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(k.ctx, putTimeout)
	defer cancel()
	return use(ctx)
}

// put tries until the original is in the vault, patience ends, or the error is one that time does not heal.
func (k *Keeper) put(j job) {
	size := j.body.Size()
	defer func() {
		j.let()
		k.waiting.Add(-size)
		k.count.Add(-1)
	}()
	var failed time.Time // for the first time
	backoff := firstBackoff
	for again := false; ; again = true {
		err := k.within(func(ctx context.Context) error {
			return k.vault.Put(ctx, j.entry, io.NewSectionReader(j.body, 0, size), size)
		})
		if again && errors.Is(err, ErrExists) {
			err = nil // it was taken, and the answer was lost
		}
		k.note(err)
		if err == nil {
			k.stats.kept.Add(1)
			return
		}
		if !again {
			k.missed, failed = size, time.Now()
		}
		if hopeless(err) || time.Since(failed) > k.limits.Patience || !k.pause(backoff) {
			k.stats.failed.Add(1)
			k.fail(j.entry.ID, err)
			return
		}
		k.stats.retries.Add(1)
		backoff = min(2*backoff, maxBackoff)
	}
}

// hopeless reports whether another attempt would end in the same way.
func hopeless(err error) bool {
	return errors.Is(err, ErrTooLarge) || errors.Is(err, ErrID) || errors.Is(err, ErrExists)
}

// pause waits, and reports whether the keeper goes on.
func (k *Keeper) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-k.ctx.Done():
		return false
	}
}

// note keeps how a write went. Nothing else shows that a store works: one that is full, or whose keys may only read,
// lists and removes as ever. An entry that fits no vault says nothing about the store.
func (k *Keeper) note(err error) {
	if err == nil {
		k.last.Store(nil)
	} else if !hopeless(err) {
		k.broken(err)
	}
}

// broken keeps what is wrong with the store, until a write is good.
func (k *Keeper) broken(err error) {
	text := err.Error()
	k.last.Store(&text)
}

func (k *Keeper) fail(id string, err error) {
	if k.report != nil {
		k.report(id, err)
	}
}

// Stats returns the counters.
func (k *Keeper) Stats() KeeperStats {
	st := KeeperStats{
		Kept: k.stats.kept.Load(), Dropped: k.stats.dropped.Load(), Failed: k.stats.failed.Load(), Retries: k.stats.retries.Load(),
		Waiting: int(k.count.Load()), Bytes: k.waiting.Load(),
	}
	if last := k.last.Load(); last != nil {
		st.Error = *last
	}
	return st
}

// Close puts what waits into the vault, until ctx ends; the rest fails. Nothing is taken on any more.
func (k *Keeper) Close(ctx context.Context) {
	k.mu.Lock()
	if !k.closed {
		k.closed = true
		close(k.jobs)
	}
	k.mu.Unlock()
	defer context.AfterFunc(ctx, k.end)()
	k.done.Wait()
	k.end()
}
