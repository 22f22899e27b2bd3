package admin

import (
	"maps"
	"slices"
	"sync"
)

// Feed holds the newest messages and tells those who watch about each. Its methods may be called from many goroutines;
// none of them waits for anybody.
type Feed struct {
	mu       sync.Mutex
	ring     []*Message
	next     int
	byID     map[string]*Message
	watchers map[chan *Message]struct{}
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
		ring: make([]*Message, feedSize), byID: map[string]*Message{}, watchers: map[chan *Message]struct{}{},
		hits: map[hitKey]int64{}, totals: Totals{Verdicts: map[string]int64{}, Actions: map[string]int64{}},
	}
}

// Add takes a message on. It must not change from then on.
func (f *Feed) Add(m *Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if old := f.ring[f.next]; old != nil {
		delete(f.byID, old.RequestID)
	}
	f.ring[f.next] = m
	f.next = (f.next + 1) % len(f.ring)
	f.byID[m.RequestID] = m
	f.totals.Messages++
	f.totals.Bytes += m.Size
	f.totals.Verdicts[m.Verdict]++
	f.totals.Actions[m.Action]++
	for i := range m.Findings {
		k := hitKey{m.Findings[i].Engine, m.Findings[i].Rule}
		if _, ok := f.hits[k]; ok || len(f.hits) < maxHitRules {
			f.hits[k]++
		}
	}
	for w := range f.watchers {
		select {
		case w <- m:
		default: // who is too slow misses messages
		}
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
	defer f.mu.Unlock()
	out := make([]*Message, 0, min(n, len(f.ring)))
	for i := 1; i <= len(f.ring) && len(out) < n; i++ {
		m := f.ring[(f.next-i+len(f.ring))%len(f.ring)]
		if m == nil {
			break
		}
		out = append(out, m)
	}
	return out
}

func (f *Feed) message(id string) *Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byID[id]
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
func (f *Feed) watch(after string) (missed []*Message, c <-chan *Message, done func(), ok bool) {
	w := make(chan *Message, watchBuffer)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.watchers) >= maxWatchers {
		return nil, nil, nil, false
	}
	found := after == fromStart
	for i := range f.ring {
		m := f.ring[(f.next+i)%len(f.ring)]
		if found && m != nil {
			missed = append(missed, m)
		}
		found = found || m != nil && m.RequestID == after
	}
	f.watchers[w] = struct{}{}
	return missed, w, func() {
		f.mu.Lock()
		delete(f.watchers, w)
		f.mu.Unlock()
	}, true
}
