package quarantine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func entry(id string) Entry { return Entry{ID: id, Action: "block", Verdict: "malicious"} }

func TestKeeper(t *testing.T) {
	v, _ := vault(t, Limits{})
	k := NewKeeper(v, KeeperLimits{}, func(id string, err error) { t.Errorf("%s: %v", id, err) })
	var let atomic.Int64
	const n = 30
	for i := range n {
		if !k.Keep(entry("m"+strconv.Itoa(i)), bytes.NewReader(bytes.Repeat([]byte{byte(i)}, i*1000)), func() { let.Add(1) }) {
			t.Fatal("no room")
		}
	}
	k.Close(t.Context())
	if k.Keep(entry("late"), bytes.NewReader(nil), nil) {
		t.Error("a closed keeper takes originals on")
	}
	if st := k.Stats(); st.Kept != n || let.Load() != n || k.waiting.Load() != 0 {
		t.Errorf("%+v, let %d, %d bytes wait", st, let.Load(), k.waiting.Load())
	}
	e, r, err := v.Open(t.Context(), "m7")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, bytes.Repeat([]byte{7}, 7000)) || e.Size != 7000 {
		t.Errorf("%d bytes, %v, %+v", len(b), err, e)
	}
}

// hung is a store that does not answer.
type hung struct{ Store }

func (hung) List(ctx context.Context) ([]Blob, error) { return nil, nil }

func (hung) Create(ctx context.Context, _ string, _ int64) (Writer, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A store that hangs makes nobody wait, holds no more than its share, and gives everything back at the end.
func TestKeeperBeforeStoreThatHangs(t *testing.T) {
	v, err := New(hung{}, make([]byte, KeySize), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var failed, let atomic.Int64
	k := NewKeeper(v, KeeperLimits{Waiting: 8, Bytes: 5000}, func(_ string, err error) {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		failed.Add(1)
	})
	taken, start := int64(0), time.Now()
	for i := range 1000 {
		if k.Keep(entry("m"+strconv.Itoa(i)), bytes.NewReader(make([]byte, 1000)), func() { let.Add(1) }) {
			taken++
		}
	}
	if took := time.Since(start); taken != 5 || took > 2*time.Second {
		t.Errorf("%d taken on in %v", taken, took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	k.Close(ctx)
	if failed.Load() != taken || let.Load() != taken || k.Stats().Dropped != uint64(1000-taken) {
		t.Errorf("%d taken on, %d failed, %d let go, %+v", taken, failed.Load(), let.Load(), k.Stats())
	}
}

func TestReadKey(t *testing.T) {
	for content, good := range map[string]bool{
		strings.Repeat("k", 32): true, strings.Repeat("0f", 32): true, strings.Repeat("0F", 32) + "\n": true,
		"": false, "short": false, strings.Repeat("0f", 31): false, strings.Repeat("xy", 32): false, strings.Repeat("0f", 200): false,
	} {
		name := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if key, err := ReadKey(name); (err == nil) != good || good && len(key) != KeySize {
			t.Errorf("%q: %d bytes, %v", content, len(key), err)
		}
	}
	if _, err := ReadKey("no/such"); err == nil {
		t.Error("a file that is not there")
	}
}
