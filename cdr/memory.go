package cdr

import (
	"bytes"
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"icapd/cdr/kit"
)

// LimitMemory is the name of the limit that a Memory is, as it stands in scan.Gap.Limit.
const LimitMemory = "document_memory_bytes"

// Memory is the working memory that documents share which are made safe at the same time. A document takes what its kind and
// size may need, and waits while others have it; one that needs more than there is waits until it is alone. Small documents
// have a share of their own, so that they never wait for large ones. A Memory may be used from many goroutines; a nil one
// bounds nothing.
type Memory struct {
	small, large *share
}

// share is one part of a Memory.
type share struct {
	size int64
	free *semaphore.Weighted // in the order of asking
	used atomic.Int64
}

// NewMemory returns a Memory of so many bytes.
func NewMemory(bytes int64) *Memory {
	quarter := max(bytes/4, 1)
	part := func(n int64) *share { return &share{size: n, free: semaphore.NewWeighted(n)} }
	return &Memory{small: part(quarter), large: part(max(bytes-quarter, 1))}
}

// Used is how many bytes documents at work are reckoned to need now.
func (m *Memory) Used() int64 {
	if m == nil {
		return 0
	}
	return m.small.used.Load() + m.large.used.Load()
}

// smallNeed is what a small document needs at most.
const smallNeed = 2 << 20

// take waits until there is room for a document. The error is a *scan.Gap if ctx ended before.
func (m *Memory) take(ctx context.Context, need int64) (release func(), err error) {
	if m == nil || ctx.Value(reservedKey{}) != nil {
		return func() {}, nil
	}
	s := m.large
	if need <= smallNeed {
		s = m.small
	}
	n := min(need, s.size)
	if err := s.free.Acquire(ctx, n); err != nil {
		return nil, kit.Limit(LimitMemory, "no working memory was free in time for a document that may need %d MiB", max(need>>20, 1))
	}
	s.used.Add(n)
	return func() {
		s.used.Add(-n)
		s.free.Release(n)
	}, nil
}

// need reckons what a document may take while it is made safe, in bytes: the most that the documents of a kind took that were
// made to take much, garbage included. Of archives it is what they say that they unpack to.
func need(doc *kit.Document) int64 {
	size := int64(len(doc.Data))
	const least = 64 << 10
	switch {
	case doc.Type == "application/pdf", doc.Type == "application/x-pdf":
		return least + 24*size
	case bytes.HasPrefix(doc.Data, []byte("\xd0\xcf\x11\xe0")): // a compound file
		return least + 16*size
	}
	if unpacked, gain := kit.ZipSizes(doc.Data); unpacked > 0 {
		return least + 2*size + unpacked + 4*gain
	}
	return least + 10*size
}
