package deflate

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/flate"
)

func pack(tb testing.TB, text string, level Level) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, level)
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// TestLent: whoever had it before, and whatever became of it, what comes out is what a new one would make.
func TestLent(t *testing.T) {
	texts := []string{"", "a", strings.Repeat("some text of a document ", 1000), strings.Repeat("\x00\x01", 100_000)}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 40 {
				text, level := texts[i%len(texts)], Level(i/4%2)
				packed := pack(t, text, level)
				var fresh bytes.Buffer
				z, _ := flate.NewWriter(&fresh, map[Level]int{Small: flate.DefaultCompression, Fast: flate.BestSpeed}[level])
				_, _ = z.Write([]byte(text))
				_ = z.Close()
				if !bytes.Equal(packed, fresh.Bytes()) {
					t.Errorf("%d bytes are packed in another way than by a new one", len(text))
				}
				bad := NewReader(bytes.NewReader([]byte{7, 7, 7}))
				if _, err := io.ReadAll(bad); err == nil {
					t.Error("no error")
				}
				src := bytes.NewReader(append(packed, "behind"...))
				r := NewReader(src)
				got, err := io.ReadAll(r)
				if err != nil || string(got) != text || src.Len() != len("behind") {
					t.Errorf("%d bytes, %v, %d left", len(got), err, src.Len())
				}
				cut := NewReader(bytes.NewReader(packed[:len(packed)-1]))
				if _, err := io.ReadAll(cut); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("cut off: %v", err)
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkSmall packs and unpacks what most members of archives are: a few hundred bytes.
func BenchmarkSmall(b *testing.B) {
	text := strings.Repeat("a short text ", 30)
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r := NewReader(bytes.NewReader(pack(b, text, Small)))
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}
