package cache

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Store is a second level that several icapd share. Its methods are called by many goroutines, return soon
// after ctx ends, and fail rather than wait.
type Store interface {
	// Get returns the value of a key, or [ErrMissing].
	Get(ctx context.Context, key []byte) ([]byte, error)

	// Set keeps a value for the time given, or less.
	Set(ctx context.Context, key, value []byte, ttl time.Duration) error

	// Close lets the store's connections go.
	Close() error
}

// ErrMissing is the error of [Store.Get] for a key that has no value.
var ErrMissing = errors.New("cache: no such key")

const (
	waiting    = 1024        // writes that may wait; more are dropped
	tolerance  = 3           // failures in a row until the store is left alone
	timeToHeal = time.Second // for this long
	macSize    = 16
)

// second is the store and what protects the scans from it.
type second struct {
	o        *Options
	puts     chan put
	stop     context.CancelFunc
	writer   sync.WaitGroup
	hits     atomic.Uint64
	failures atomic.Uint64

	mu    sync.Mutex
	inRow int
	again time.Time // of the next try while the store fails
}

type put struct {
	k key
	a *answer
}

func newSecond(o *Options) *second {
	ctx, stop := context.WithCancel(context.Background())
	s := &second{o: o, puts: make(chan put, waiting), stop: stop}
	s.writer.Go(func() { s.write(ctx) })
	return s
}

func (s *second) close() error {
	s.stop()
	s.writer.Wait()
	return s.o.Store.Close()
}

// admit reports whether the store may be asked. While it fails there is one try in timeToHeal.
func (s *second) admit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inRow < tolerance {
		return true
	}
	if now := time.Now(); !now.Before(s.again) {
		s.again = now.Add(timeToHeal)
		return true
	}
	return false
}

// learn notes how a question went. A message that ended says nothing about the store.
func (s *second) learn(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil || errors.Is(err, ErrMissing) {
		s.inRow = 0
		return
	}
	s.failures.Add(1)
	if s.inRow++; s.inRow >= tolerance {
		s.again = time.Now().Add(timeToHeal)
	}
}

// get returns the answer of a key, nil if there is none to be had.
func (s *second) get(ctx context.Context, k key) *answer {
	if !s.admit() {
		s.failures.Add(1)
		return nil
	}
	ask, cancel := context.WithTimeout(ctx, s.o.StoreTimeout)
	defer cancel()
	b, err := s.o.Store.Get(ask, k[:])
	if ctx.Err() == nil {
		s.learn(err)
	}
	if err != nil {
		return nil
	}
	a, err := s.unseal(k, b)
	if err != nil {
		s.failures.Add(1)
		return nil
	}
	s.hits.Add(1)
	return a
}

// put has an answer written in the background.
func (s *second) put(k key, a *answer) {
	select {
	case s.puts <- put{k, a}:
	default:
		s.failures.Add(1)
	}
}

func (s *second) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-s.puts:
			s.set(ctx, p)
		}
	}
}

func (s *second) set(ctx context.Context, p put) {
	b, err := s.seal(p.k, p.a)
	if err != nil {
		return // too large to share
	}
	if !s.admit() {
		s.failures.Add(1)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.StoreTimeout)
	defer cancel()
	s.learn(s.o.Store.Set(ctx, p.k[:], b, s.o.TTL))
}

// seal writes an answer down, after its authentication if there is a secret. The key is part of that, so that
// an answer cannot be moved to another file's key.
func (s *second) seal(k key, a *answer) ([]byte, error) {
	b, err := a.encode()
	if err != nil || len(s.o.Secret) == 0 {
		return b, err
	}
	return append(s.mac(k, b), b...), nil
}

func (s *second) unseal(k key, b []byte) (*answer, error) {
	if len(s.o.Secret) > 0 {
		if len(b) < macSize || !hmac.Equal(b[:macSize], s.mac(k, b[macSize:])) {
			return nil, errRecord
		}
		b = b[macSize:]
	}
	return decode(b)
}

func (s *second) mac(k key, b []byte) []byte {
	h := hmac.New(sha256.New, s.o.Secret)
	h.Write(k[:])
	h.Write(b)
	return h.Sum(nil)[:macSize:macSize]
}
