package quarantine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

func vault(t *testing.T, limits Limits) (*Vault, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "vault")
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	v, err := New(f, bytes.Repeat([]byte{7}, KeySize), limits)
	if err != nil {
		t.Fatal(err)
	}
	return v, dir
}

func put(t *testing.T, v *Vault, id string, body []byte) {
	t.Helper()
	if err := v.Put(t.Context(), Entry{ID: id, URL: "https://a.test/x", Report: []byte(`{"a":1}`)}, bytes.NewReader(body), int64(len(body))); err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	v, dir := vault(t, Limits{})
	for i, size := range []int{0, 1, segmentSize - 100, segmentSize, segmentSize + 1, 3*segmentSize + 17} {
		id, body := fmt.Sprintf("ID%d", i), bytes.Repeat([]byte("secret-payload-"), size/15+1)[:size]
		put(t, v, id, body)
		e, r, err := v.Open(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(iotest.OneByteReader(r))
		if err != nil || !bytes.Equal(got, body) || e.Size != int64(size) || e.URL != "https://a.test/x" || string(e.Report) != `{"a":1}` {
			t.Errorf("%d bytes: got %d, %v, %+v", size, len(got), err, e)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		stored, err := os.ReadFile(filepath.Join(dir, id+blobSuffix))
		if err != nil || bytes.Contains(stored, []byte("secret-payload")) || bytes.Contains(stored, []byte("a.test")) {
			t.Errorf("%d bytes: not encrypted, %v", size, err)
		}
		if info, err := os.Stat(filepath.Join(dir, id+blobSuffix)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info.Mode(), err)
		}
	}
	l, err := v.List(t.Context(), 3)
	entries, damaged := l.Entries, l.Damaged
	if err != nil || damaged != 0 || len(entries) != 3 {
		t.Errorf("%v %d %v", entries, damaged, err)
	}
	var stored int64
	files, err := filepath.Glob(filepath.Join(dir, "*"+blobSuffix))
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		stored += info.Size()
	}
	if err != nil || len(files) <= 3 || l.Count != len(files) || l.Bytes != stored || l.Limits != v.limits {
		t.Errorf("%d entries of %d bytes, limits %+v; there are %d of %d, %v", l.Count, l.Bytes, l.Limits, len(files), stored, err)
	}
}

// Every change to a stored entry is seen before a changed byte is handed out.
func TestDamage(t *testing.T) {
	v, dir := vault(t, Limits{})
	body := bytes.Repeat([]byte("x"), 2*segmentSize)
	put(t, v, "ID", body)
	path := filepath.Join(dir, "ID"+blobSuffix)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := len(magic) + saltSize
	swapped := bytes.Join([][]byte{good[:first], good[first+segmentSize+tagSize : first+2*(segmentSize+tagSize)], good[first : first+segmentSize+tagSize], good[first+2*(segmentSize+tagSize):]}, nil)
	cases := map[string][]byte{
		"empty": nil, "cut in a segment": good[:len(good)-5], "cut at a segment": good[:first+segmentSize+tagSize],
		"longer": append(bytes.Clone(good), 0), "segments swapped": swapped, "only the start": good[:first],
	}
	for _, at := range []int{0, len(magic) + 1, first + 10, first + segmentSize + 100, len(good) - 1} {
		b := bytes.Clone(good)
		b[at] ^= 1
		cases[fmt.Sprintf("bit at %d", at)] = b
	}
	for name, b := range cases {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, r, err := v.Open(t.Context(), "ID")
		if err == nil {
			var got []byte
			got, err = io.ReadAll(r)
			if !bytes.HasPrefix(body, got) {
				t.Errorf("%s: handed out what was not stored", name)
			}
			r.Close()
		}
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "OTHER"+blobSuffix), good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Get(t.Context(), "OTHER"); !errors.Is(err, ErrDamaged) {
		t.Errorf("a moved entry: %v", err)
	}
	other, err := New(&Folder{dir}, bytes.Repeat([]byte{8}, KeySize), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Get(t.Context(), "ID"); !errors.Is(err, ErrDamaged) {
		t.Errorf("with another key: %v", err)
	}
}

// A write that does not come to its end leaves nothing.
func TestInterrupted(t *testing.T) {
	v, dir := vault(t, Limits{})
	boom := errors.New("boom")
	half := io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), iotest.ErrReader(boom))
	if err := v.Put(t.Context(), Entry{ID: "A"}, half, 200_000); !errors.Is(err, boom) {
		t.Errorf("%v", err)
	}
	if err := v.Put(t.Context(), Entry{ID: "B"}, strings.NewReader("short"), 10); err == nil {
		t.Error("a short body was stored")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Put(ctx, Entry{ID: "C"}, strings.NewReader(""), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	put(t, v, "D", []byte("first"))
	if err := v.Put(t.Context(), Entry{ID: "D"}, strings.NewReader("again"), 5); err == nil {
		t.Error("an entry was replaced")
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("left: %v %v", files, err)
	}
	stale := filepath.Join(dir, partialPrefix+"x")
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(stale, time.Time{}, time.Now().Add(-2*partialAge)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFolder(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Error("what an interrupted write left is still there")
	}
}

func TestLimits(t *testing.T) {
	v, dir := vault(t, Limits{Count: 3})
	for i := range 5 {
		put(t, v, fmt.Sprintf("ID%d", i), []byte("x"))
		at := time.Now().Add(time.Duration(i-10) * time.Second)
		if err := os.Chtimes(filepath.Join(dir, fmt.Sprintf("ID%d%s", i, blobSuffix)), at, at); err != nil {
			t.Fatal(err)
		}
	}
	l, err := v.List(t.Context(), 10)
	entries := l.Entries
	if err != nil || len(entries) != 3 || entries[0].ID != "ID4" || entries[2].ID != "ID2" {
		t.Errorf("%+v %v", entries, err)
	}
	v.limits = Limits{Age: time.Hour}
	v.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if err := v.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l, err := v.List(t.Context(), 10); err != nil || len(l.Entries) != 0 {
		t.Errorf("%+v %v", entries, err)
	}
	v.limits = Limits{Bytes: 1000}
	if err := v.Put(t.Context(), Entry{ID: "big"}, strings.NewReader(strings.Repeat("x", 1000)), 1000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
	put(t, v, "a", make([]byte, 500))
	put(t, v, "b", make([]byte, 500))
	if l, err := v.List(t.Context(), 10); err != nil || len(l.Entries) != 1 {
		t.Errorf("%+v %v", entries, err)
	}
}

func TestIDsAreNoPaths(t *testing.T) {
	v, _ := vault(t, Limits{})
	for _, id := range []string{"", "../x", "a/b", ".", "a\x00", strings.Repeat("a", 65)} {
		if err := v.Put(t.Context(), Entry{ID: id}, strings.NewReader(""), 0); !errors.Is(err, ErrID) {
			t.Errorf("Put(%q): %v", id, err)
		}
		if _, err := v.Get(t.Context(), id); !errors.Is(err, ErrID) {
			t.Errorf("Get(%q): %v", id, err)
		}
		if err := v.Remove(t.Context(), id); !errors.Is(err, ErrID) {
			t.Errorf("Remove(%q): %v", id, err)
		}
	}
	if err := v.Remove(t.Context(), "absent"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestConcurrent(t *testing.T) {
	v, _ := vault(t, Limits{Count: 10})
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			id := fmt.Sprintf("ID%d", i)
			if err := v.Put(t.Context(), Entry{ID: id}, strings.NewReader("x"), 1); err != nil {
				t.Error(err)
			}
			if _, err := v.Get(t.Context(), id); err != nil && !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func FuzzUnseal(f *testing.F) {
	key := bytes.Repeat([]byte{7}, KeySize)
	var good bytes.Buffer
	if _, err := seal(&good, key, []byte("{}"), strings.NewReader("body")); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, r, err := unseal(bytes.NewReader(data), key)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err == nil && !bytes.Equal(data, good.Bytes()) {
			t.Fatal("forged")
		}
	})
}
