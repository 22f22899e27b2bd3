package body

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"icapd/scan"
)

func noise(n int) []byte {
	p := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(p)
	return p
}

func gapOf(t *testing.T, err error, limit string) {
	t.Helper()
	var g *scan.Gap
	if !errors.As(err, &g) || g.Reason != scan.ReasonLimit || g.Limit != limit {
		t.Fatalf("error %v, want a Gap of limit %s", err, limit)
	}
}

// same checks everything that a finished spool offers against the bytes that went in.
func same(t *testing.T, s *Spool, want []byte) {
	t.Helper()
	if s.Size() != int64(len(want)) {
		t.Fatalf("size %d, want %d", s.Size(), len(want))
	}
	got, err := s.Bytes()
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("Bytes: %d of %d bytes, %v", len(got), len(want), err)
	}
	var out bytes.Buffer
	if _, err := io.Copy(&out, s.NewReader()); err != nil || !bytes.Equal(out.Bytes(), want) {
		t.Fatalf("NewReader: %d bytes, %v", out.Len(), err)
	}
	if len(want) > 5000 {
		return // it reads byte by byte
	}
	if err := iotest.TestReader(io.NewSectionReader(s, 0, s.Size()), want); err != nil {
		t.Fatal(err)
	}
}

func TestSpool(t *testing.T) {
	sizes := []int{0, 1, minMemory - 1, minMemory, minMemory + 1, 10_000, 64 << 10, 64<<10 + 1, 200_000}
	for _, memory := range []int64{1, 5000, 64 << 10, 1 << 20} {
		dir := t.TempDir()
		sp := NewSpooler(Options{Dir: dir, Memory: memory})
		for _, n := range sizes {
			want := noise(n)
			for name, r := range map[string]io.Reader{"whole": bytes.NewReader(want), "half": iotest.HalfReader(bytes.NewReader(want)), "dataerr": iotest.DataErrReader(bytes.NewReader(want))} {
				s, err := sp.Read(t.Context(), r)
				if err != nil {
					t.Fatalf("%d in %d, %s: %v", n, memory, name, err)
				}
				if u := sp.Usage(); u.Memory > memory || u.Memory+u.Disk < int64(n) || (u.Disk > 0) != (int64(n) > memory) {
					t.Fatalf("%d in %d, %s: usage %+v", n, memory, name, u)
				}
				same(t, s, want)
				if left, _ := os.ReadDir(dir); len(left) > 0 {
					t.Fatal("a file that everybody sees")
				}
				if err := errors.Join(s.Close(), s.Close()); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Bytes(); !errors.Is(err, os.ErrClosed) {
					t.Fatalf("Bytes after Close: %v", err)
				}
			}
		}
		if u := sp.Usage(); u != (Usage{}) {
			t.Fatalf("left: %+v", u)
		}
	}
}

func TestSpoolLimit(t *testing.T) {
	want := noise(100_000)
	for _, limit := range []int64{1, 5000, 64 << 10, 99_999} {
		sp := NewSpooler(Options{Dir: t.TempDir(), Memory: 8000, MaxBody: limit})
		src := bytes.NewReader(want)
		s, err := sp.Read(t.Context(), src)
		gapOf(t, err, LimitBody)
		// What was taken and what is left are the body: it can still be echoed.
		var out bytes.Buffer
		if _, err := io.Copy(&out, io.MultiReader(s.NewReader(), src)); err != nil || !bytes.Equal(out.Bytes(), want) {
			t.Fatalf("limit %d: echo of %d bytes, %v", limit, out.Len(), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	sp := NewSpooler(Options{MaxBody: int64(len(want))})
	s, err := sp.Read(t.Context(), bytes.NewReader(want))
	if err != nil {
		t.Fatal("a body of exactly the limit is refused:", err)
	}
	same(t, s, want)
	_ = s.Close()
}

func TestSpoolTotals(t *testing.T) {
	sp := NewSpooler(Options{Dir: t.TempDir(), Memory: 1 << 20, TotalMemory: 100_000, TotalDisk: 500_000})
	want := noise(300_000)
	a, err := sp.Read(t.Context(), bytes.NewReader(want[:90_000]))
	if err != nil {
		t.Fatal(err)
	}
	b, err := sp.Read(t.Context(), bytes.NewReader(want)) // no memory left: goes to the file
	if err != nil || sp.Usage().Disk != 300_000 {
		t.Fatalf("%v %+v", err, sp.Usage())
	}
	src := bytes.NewReader(want)
	c, err := sp.Read(t.Context(), src)
	gapOf(t, err, LimitSpool)
	var out bytes.Buffer
	if _, err := io.Copy(&out, io.MultiReader(c.NewReader(), src)); err != nil || !bytes.Equal(out.Bytes(), want) {
		t.Fatalf("echo of %d bytes, %v", out.Len(), err)
	}
	if _, err := c.Bytes(); err == nil {
		t.Fatal("Bytes of what did not fit")
	}
	same(t, a, want[:90_000])
	same(t, b, want)
	for _, s := range []*Spool{a, b, c} {
		_ = s.Close()
	}
	if u := sp.Usage(); u != (Usage{}) {
		t.Fatalf("left: %+v", u)
	}
}

// TestDiskFull uses the kernel's own full disk.
func TestDiskFull(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	sp := NewSpooler(Options{Dir: t.TempDir(), Memory: 1000})
	s := sp.New()
	s.g.free = &arena{f: f}
	s.g.arenas = append(s.g.arenas, s.g.free)
	want := noise(5000)
	n, err := s.Write(want)
	gapOf(t, err, LimitSpool)
	if n != len(want) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%d %v", n, err)
	}
	if _, err = s.Write(want); err == nil {
		t.Fatal("the second write forgot")
	}
	s.Finish(nil)
	var out bytes.Buffer
	if _, err := io.Copy(&out, s.NewReader()); err != nil || !bytes.Equal(out.Bytes(), append(want, want...)) {
		t.Fatalf("what was taken is lost: %d bytes, %v", out.Len(), err)
	}
	_ = s.Close()
	sp = NewSpooler(Options{Dir: "/nonexistent/folder", Memory: 10})
	s, err = sp.Read(t.Context(), strings.NewReader(strings.Repeat("x", 100)))
	var g *scan.Gap
	if !errors.As(err, &g) || s.Size() != 100 {
		t.Fatalf("no folder: %v", err)
	}
	_ = s.Close()
}

func TestFollow(t *testing.T) {
	sp := NewSpooler(Options{Dir: t.TempDir(), Memory: 10_000})
	want := noise(50_000)
	s := sp.New()
	defer s.Close()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var out bytes.Buffer
			if _, err := io.Copy(&out, s.Follow(t.Context())); err != nil || !bytes.Equal(out.Bytes(), want) {
				t.Errorf("followed %d bytes, %v", out.Len(), err)
			}
		})
	}
	for p := want; len(p) > 0; p = p[500:] {
		if _, err := s.Write(p[:500]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Bytes(); err == nil {
		t.Error("Bytes of a spool that grows")
	}
	s.Finish(nil)
	wg.Wait()
	if _, err := s.Write(want); err == nil {
		t.Error("write after Finish")
	}

	bad := sp.New()
	defer bad.Close()
	boom := errors.New("boom")
	_, _ = bad.Write([]byte("x"))
	bad.Finish(boom)
	if n, err := io.Copy(io.Discard, bad.Follow(t.Context())); n != 1 || !errors.Is(err, boom) {
		t.Errorf("followed %d, %v", n, err)
	}
	stuck := sp.New()
	defer stuck.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := io.Copy(io.Discard, stuck.Follow(ctx)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("follow without an end: %v", err)
	}
}

func TestReadErrors(t *testing.T) {
	sp := NewSpooler(Options{})
	boom := errors.New("boom")
	s, err := sp.Read(t.Context(), io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(boom)))
	if !errors.Is(err, boom) || s.Size() != 3 {
		t.Errorf("%d bytes, %v", s.Size(), err)
	}
	_ = s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, err = sp.Read(ctx, strings.NewReader("abc"))
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_ = s.Close()
}

func TestGroup(t *testing.T) {
	sp := NewSpooler(Options{Dir: t.TempDir(), Memory: 10_000})
	g := sp.NewGroup()
	var spools []*Spool
	var want [][]byte
	for i := range 200 {
		s, p := g.New(0, ""), noise(i*97)
		if _, err := s.Write(p); err != nil {
			t.Fatal(err)
		}
		s.Finish(nil)
		spools, want = append(spools, s), append(want, p)
		if i%20 == 0 { // a mapping that a later one must not move
			if _, err := s.Bytes(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(g.arenas) != 1 {
		t.Errorf("%d files for spools that were written one by one", len(g.arenas))
	}
	x, y := g.New(0, ""), g.New(0, "")
	for _, s := range []*Spool{x, y, x, y} {
		if _, err := s.Write(want[199]); err != nil {
			t.Fatal(err)
		}
	}
	x.Finish(nil)
	y.Finish(nil)
	if len(g.arenas) != 2 {
		t.Errorf("%d files for two spools at the same time", len(g.arenas))
	}
	same(t, x, append(want[199], want[199]...))
	same(t, y, append(want[199], want[199]...))
	for i := range spools {
		same(t, spools[i], want[i])
	}
	g.Close()
	g.Close()
	if _, err := x.Bytes(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Bytes after the group was closed: %v", err)
	}
	if u := sp.Usage(); u != (Usage{}) {
		t.Errorf("left: %+v", u)
	}
}

// rssMB reads the process's resident memory.
func rssMB(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	pages, _ := strconv.Atoi(strings.Fields(string(data))[1])
	return pages * os.Getpagesize() >> 20
}

// TestResident reads a large body through its mapping and holds the resident memory down. On a busy machine the
// goroutine that lets pages go comes late, so the best of some tries counts.
func TestResident(t *testing.T) {
	sp := NewSpooler(Options{Dir: t.TempDir()})
	const size = 200 << 20
	s, err := sp.Read(t.Context(), io.LimitReader(rand.NewChaCha8([32]byte{2}), size))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	data, err := s.Bytes()
	if err != nil || len(data) != size {
		t.Fatal(len(data), err)
	}
	for range 5 {
		before, most, sum := rssMB(t), 0, 0
		for i := 0; i < len(data); i += 64 {
			sum += int(data[i])
			if i%(4<<20) == 0 {
				most = max(most, rssMB(t))
			}
		}
		t.Logf("resident: %d MB before, at most %d MB (checksum %d)", before, most, sum)
		if most < before+90 {
			return
		}
	}
	t.Error("the whole of the body was resident in every try")
}
