package admin

import (
	"maps"
	"slices"
	"sync"
)

// Held is a message in a Feed, where most are never looked at. It does not change, and its methods may be called from many
// goroutines at the same time.
type Held interface {
	// Key is what the feed tells messages apart and counts by. It is asked for each message.
	Key() Key
	// Hit is the finding with the index, from 0 on; ok is false for one that there is not.
	Hit(i int) (engine, rule string, ok bool)
	// Show is the message as somebody sees it.
	Show() *Message
}

// Key is what a Feed needs of each message.
type Key struct {
	ID, Verdict, Action string
	Size                int64
}

// held is an entry of the ring; its message is nil if there is none yet.
type held struct {
	id      string
	message Held
}

// Feed holds the newest messages and tells those who watch about each. Its methods may be called from many goroutines;
// none of them waits for anybody.
type Feed struct {
	mu       sync.Mutex
	ring     []held
	next     int
	watchers map[chan Held]struct{}
	hits     map[hitKey]int64
	audits   []Audit
	totals   Totals
}

// Totals count messages since the start of the process.
type Totals struct {
	Messages int64            `json:"messages"`
	Bytes    int64            `json:"bytes"`
	Verdicts map[string]int64 `json:"verdicts"`
	Actions  map[string]int64 `json:"actions"`
}

type hitKey struct{ engine, rule string }

const (
	feedSize    = 1000
	maxHitRules = 20_000
	maxAudits   = 200
	maxWatchers = 64
	watchBuffer = 256
)

// NewFeed returns an empty feed.
func NewFeed() *Feed {
	return &Feed{
		ring: make([]held, feedSize), watchers: map[chan Held]struct{}{},
		hits: map[hitKey]int64{}, totals: Totals{Verdicts: map[string]int64{}, Actions: map[string]int64{}},
	}
}

// Add takes a message on.
func (f *Feed) Add(m Held) {
	k := m.Key()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ring[f.next] = held{k.ID, m}
	f.next = (f.next + 1) % len(f.ring)
	f.totals.Messages++
	f.totals.Bytes += k.Size
	f.totals.Verdicts[k.Verdict]++
	f.totals.Actions[k.Action]++
	for i := 0; ; i++ {
		engine, rule, ok := m.Hit(i)
		if !ok {
			break
		}
		f.hit(engine, rule)
	}
	for w := range f.watchers {
		select {
		case w <- m:
		default: // who is too slow misses messages
		}
	}
}

// hit counts a finding. It is called with the lock held.
func (f *Feed) hit(engine, rule string) {
	k := hitKey{engine, rule}
	if _, ok := f.hits[k]; ok || len(f.hits) < maxHitRules {
		f.hits[k]++
	}
}

// Audit takes on what an operator did.
func (f *Feed) Audit(a Audit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.audits = append(f.audits, a)
	f.audits = f.audits[max(0, len(f.audits)-maxAudits):]
}

// recent returns at most n messages, the newest first.
func (f *Feed) recent(n int) []*Message {
	f.mu.Lock()
	newest := make([]Held, 0, min(n, len(f.ring)))
	for i := 1; i <= len(f.ring) && len(newest) < n; i++ {
		m := f.ring[(f.next-i+len(f.ring))%len(f.ring)].message
		if m == nil {
			break
		}
		newest = append(newest, m)
	}
	f.mu.Unlock()
	return shown(newest)
}

// shown renders messages, which is not for while the feed is locked.
func shown(messages []Held) []*Message {
	out := make([]*Message, len(messages))
	for i, m := range messages {
		out[i] = m.Show()
	}
	return out
}

// message returns the one with the id, nil if it is not held.
func (f *Feed) message(id string) *Message {
	if m := f.find(id); m != nil {
		return m.Show()
	}
	return nil
}

// find goes through all of them: somebody asks once for thousands that come.
func (f *Feed) find(id string) Held {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := 1; i <= len(f.ring); i++ {
		if h := &f.ring[(f.next-i+len(f.ring))%len(f.ring)]; h.message != nil && h.id == id {
			return h.message
		}
	}
	return nil
}

func (f *Feed) changes() []Audit {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := slices.Clone(f.audits)
	slices.Reverse(out)
	return out
}

func (f *Feed) count(engine, rule string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits[hitKey{engine, rule}]
}

func (f *Feed) sum() Totals {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.totals
	t.Verdicts, t.Actions = maps.Clone(t.Verdicts), maps.Clone(t.Actions)
	return t
}

// fromStart, in the place of an id, is before the first message.
const fromStart = "-"

// watch returns the messages after the one with the id, oldest first, a channel of those to come, and a function that
// must be called in the end; ok is false when too many watch already. An id that is not held has none after it.
func (f *Feed) watch(after string) (missed []Held, c <-chan Held, done func(), ok bool) {
	w := make(chan Held, watchBuffer)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.watchers) >= maxWatchers {
		return nil, nil, nil, false
	}
	found := after == fromStart
	for i := range f.ring {
		h := &f.ring[(f.next+i)%len(f.ring)]
		if h.message == nil {
			continue
		}
		if found {
			missed = append(missed, h.message)
		}
		found = found || h.id == after
	}
	f.watchers[w] = struct{}{}
	return missed, w, func() {
		f.mu.Lock()
		delete(f.watchers, w)
		f.mu.Unlock()
	}, true
}
