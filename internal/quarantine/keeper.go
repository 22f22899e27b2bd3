package quarantine

import (
	"context"
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

// KeeperLimits bound what waits for the vault. Zero fields get their defaults: 64 originals, 64 MiB.
type KeeperLimits struct {
	Waiting int
	Bytes   int64
}

// Keeper puts originals into a vault behind the back of traffic: Keep never waits. What the vault is too slow or too
// broken for is given up, and counted. It may be used from many goroutines.
type Keeper struct {
	vault *Vault
	bytes int64 // limit
	jobs  chan job
	done  sync.WaitGroup
	ctx   context.Context // of all writes; ends with Close's patience
	end   context.CancelFunc

	mu     sync.RWMutex
	closed bool

	waiting atomic.Int64 // bytes
	stats   struct{ kept, dropped, failed atomic.Uint64 }
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
	Failed  uint64 // that the vault did not take
	Waiting int
}

const (
	putTimeout  = time.Minute
	expireEvery = 10 * time.Minute
)

// NewKeeper returns a keeper that has begun to work. Report is told of each original that the vault did not take; it
// may be nil. Close ends the keeper.
func NewKeeper(v *Vault, limits KeeperLimits, report func(id string, err error)) *Keeper {
	if limits.Waiting <= 0 {
		limits.Waiting = 64
	}
	if limits.Bytes <= 0 {
		limits.Bytes = 64 << 20
	}
	k := &Keeper{vault: v, bytes: limits.Bytes, jobs: make(chan job, limits.Waiting), report: report}
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
	if others := k.waiting.Add(size) - size; k.closed || others > 0 && others+size > k.bytes {
		k.waiting.Add(-size)
		k.stats.dropped.Add(1)
		return false
	}
	select {
	case k.jobs <- job{e, body, let}:
		return true
	default:
		k.waiting.Add(-size)
		k.stats.dropped.Add(1)
		return false
	}
}

func (k *Keeper) run() {
	expire := time.NewTicker(expireEvery)
	defer expire.Stop()
	for {
		select {
		case j, more := <-k.jobs:
			if !more {
				return
			}
			k.put(j)
		case <-expire.C:
			if err := k.vault.Expire(k.ctx); err != nil {
				k.fail("", err)
			}
		}
	}
}

func (k *Keeper) put(j job) {
	size := j.body.Size()
	ctx, cancel := context.WithTimeout(k.ctx, putTimeout)
	defer cancel()
	defer func() {
		j.let()
		k.waiting.Add(-size)
	}()
	if err := k.vault.Put(ctx, j.entry, io.NewSectionReader(j.body, 0, size), size); err != nil {
		k.stats.failed.Add(1)
		k.fail(j.entry.ID, err)
		return
	}
	k.stats.kept.Add(1)
}

func (k *Keeper) fail(id string, err error) {
	if k.report != nil {
		k.report(id, err)
	}
}

// Stats returns the counters.
func (k *Keeper) Stats() KeeperStats {
	return KeeperStats{k.stats.kept.Load(), k.stats.dropped.Load(), k.stats.failed.Load(), len(k.jobs)}
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
