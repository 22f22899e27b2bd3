package clamd

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// A file that is used again holds what was written last, and nothing of what was there before.
func TestMemoryUsedAgain(t *testing.T) {
	large := bytes.Repeat([]byte("first"), maxSmall/5+1000)
	for _, data := range [][]byte{large, large[:maxSmall+1], bytes.Repeat([]byte("second"), maxDescriptor/6), []byte("small"), {}} {
		for range 3 {
			m, err := memoryOf(data)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(io.NewSectionReader(m.f, 0, 2*maxDescriptor))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes hold %d, %v", len(data), len(got), err)
			}
			m.release()
		}
	}
}

func TestShelfIsBounded(t *testing.T) {
	var s shelf
	files := make([]*memory, 6)
	for i := range files {
		m, err := memoryOf(make([]byte, maxDescriptor))
		if err != nil {
			t.Fatal(err)
		}
		files[i] = m
	}
	for i, m := range files {
		if ok := s.put(m); ok != (i < maxShelf/maxDescriptor) {
			t.Errorf("file %d: kept %v", i, ok)
		} else if !ok {
			m.close()
		}
	}
	if m := s.take(); m != files[maxShelf/maxDescriptor-1] {
		t.Error("not the one that was used last")
	} else if !s.put(m) {
		t.Error("its place is not free")
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		s.mu.Lock()
		left, held, timed := len(s.files), s.bytes, s.timed
		s.mu.Unlock()
		if left == 0 {
			if held != 0 || timed {
				t.Errorf("%d bytes, timed %v", held, timed)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d files are still kept", left)
		}
	}
	if err := files[0].f.Close(); err == nil {
		t.Error("a file that is no longer kept is open")
	}
}
