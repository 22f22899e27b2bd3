package scan

import (
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
)

// unmapped is a blob whose bytes can only be read, and of which the last may be missing.
type unmapped struct {
	Blob
	missing int64
}

func (unmapped) Bytes() ([]byte, error) { return nil, errors.New("cannot be mapped") }
func (u unmapped) Size() int64          { return u.Blob.Size() + u.missing }

func TestSHA256Unmapped(t *testing.T) {
	want := sha256.Sum256([]byte("some bytes"))
	for name, b := range map[string]Blob{"in memory": Bytes("some bytes"), "read": unmapped{Bytes("some bytes"), 0}} {
		it := &Item{Blob: b}
		for range 2 {
			if sum, err := it.SHA256(); sum != want || err != nil {
				t.Errorf("%s: %x, %v", name, sum, err)
			}
		}
	}
	if _, err := (&Item{Blob: unmapped{Bytes("some bytes"), 1}}).SHA256(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a blob that ends early: %v", err)
	}
}

// What is remembered of an item is looked up once for each key, by whoever comes first.
func TestMemo(t *testing.T) {
	type one struct{}
	type two struct{}
	it := &Item{}
	var looks atomic.Int64
	look := func() any { return int(looks.Add(1)) }
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := it.Memo(one{}, look); got != 1 {
				t.Error(got)
			}
		})
	}
	wg.Wait()
	if got := it.Memo(two{}, look); got != 2 || looks.Load() != 2 {
		t.Error(got, looks.Load())
	}
	func() {
		defer func() { _ = recover() }()
		it.Memo("panics", func() any { panic("once") })
	}()
	if got := it.Memo("panics", func() any { return nil }); got != nil {
		t.Error(got)
	}
}
