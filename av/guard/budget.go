package guard

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
	"weak"

	"icapd/scan"
)

// Budget returns the engine with a bound on the time that one message waits for it: for all items together, the wait
// for places included, however often the message is looked at. Scans that run beside each other count once. What is
// left when the time is up is a gap for [scan.ReasonTimeout] that names the engine's key "timeout", beside the findings
// that there are. An engine that promises to return soon after its ctx ends keeps the bound about as well. There are no
// streams: only whole items count.
func Budget(e scan.Engine, most time.Duration) scan.Engine {
	return &budget{Decorator: scan.Decorator{Engine: e}, most: most, accounts: map[weak.Pointer[scan.Message]]*account{}}
}

type budget struct {
	scan.Decorator
	most time.Duration

	mu       sync.Mutex
	accounts map[weak.Pointer[scan.Message]]*account // of messages that are still in hand
}

// account is what a message has used up.
type account struct {
	spent  time.Duration // up to the last time that no scan ran
	active int           // scans that run
	since  time.Time     // when the first of them began
}

// Scan implements [scan.Engine].
func (b *budget) Scan(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	left := b.begin(it.Message)
	defer b.end(it.Message)
	if left <= 0 {
		return nil, b.over()
	}
	limited, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	fs, err := b.Engine.Scan(limited, it)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return fs, b.over()
	}
	return fs, err
}

// Begin implements [scan.Streamer].
func (b *budget) Begin(context.Context, *scan.Message, int64) scan.Stream { return nil }

func (b *budget) over() error {
	return &scan.Gap{
		Reason: scan.ReasonTimeout, Limit: "engines." + b.Name() + ".timeout",
		Err: fmt.Errorf("engines.%s.timeout: not all of the message was looked at in %v", b.Name(), b.most),
	}
}

// begin notes that a scan begins, and returns how much time is left.
func (b *budget) begin(m *scan.Message) time.Duration {
	key := weak.Make(m)
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[key]
	if a == nil {
		a = &account{}
		b.accounts[key] = a
		if m != nil {
			runtime.AddCleanup(m, b.forget, key)
		}
	}
	now := time.Now()
	if a.active++; a.active == 1 {
		a.since = now
	}
	return b.most - a.spent - now.Sub(a.since)
}

// end notes that a scan has ended.
func (b *budget) end(m *scan.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[weak.Make(m)]
	if a.active--; a.active == 0 {
		a.spent += time.Since(a.since)
	}
}

func (b *budget) forget(key weak.Pointer[scan.Message]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.accounts, key)
}
