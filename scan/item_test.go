package scan

import (
	"crypto/sha256"
	"errors"
	"io"
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
