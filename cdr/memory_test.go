package cdr

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"icapd/cdr/kit"
	"icapd/scan"
)

// meter is a format that notes how many of its documents are worked on at one time, and waits for others to come if it can.
type meter struct {
	now, most atomic.Int64
	gate      chan struct{}
}

func (m *meter) Types() []string { return []string{"application/x-metered"} }

func (m *meter) Disarm(ctx context.Context, _ *kit.Job, _ kit.Document) (kit.Result, error) {
	n := m.now.Add(1)
	defer m.now.Add(-1)
	for {
		most := m.most.Load()
		if n <= most || m.most.CompareAndSwap(most, n) {
			break
		}
	}
	select {
	case <-m.gate:
		return kit.Result{}, nil
	case <-ctx.Done():
		return kit.Result{}, ctx.Err()
	}
}

func metered(m *meter, memory *Memory) *Disarmer {
	return newDisarmer(Options{Memory: memory}, []kit.Format{m})
}

// TestMemory has 64 documents of which each needs a third of what there is: they come in turns, all of them, and a small one
// does not wait for them.
func TestMemory(t *testing.T) {
	large := kit.Document{Type: "application/x-metered", Data: make([]byte, 1<<20)}
	memory := NewMemory(4 * need(&large)) // a quarter is for small ones
	m := &meter{gate: make(chan struct{})}
	d := metered(m, memory)
	var wg sync.WaitGroup
	errs := make(chan error, 64)
	for range 64 {
		wg.Go(func() {
			_, err := d.Disarm(t.Context(), large)
			errs <- err
		})
	}
	for m.now.Load() == 0 && t.Context().Err() == nil {
		runtime.Gosched()
	}
	small := &meter{gate: make(chan struct{}, 1)}
	small.gate <- struct{}{}
	if _, err := metered(small, memory).Disarm(t.Context(), kit.Document{Type: "application/x-metered", Data: []byte("x")}); err != nil {
		t.Error("a small one: ", err)
	}
	// Nobody lets them go yet, so what is in use stays in use.
	if u := memory.Used(); u <= 0 || u > 4*need(&large) {
		t.Errorf("%d bytes are in use", u)
	}
	close(m.gate)
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if most := m.most.Load(); most < 1 || most > 3 {
		t.Errorf("%d at one time", most)
	}
	if memory.Used() != 0 {
		t.Errorf("%d bytes are in use after all", memory.Used())
	}
}

// TestMemoryRunsOut: who gets no memory before the message's time is over is not looked at, and the gap says why. A document
// that needs more than there is comes when it is alone.
func TestMemoryRunsOut(t *testing.T) {
	memory := NewMemory(1 << 20)
	m := &meter{gate: make(chan struct{})}
	d := metered(m, memory)
	huge := kit.Document{Type: "application/x-metered", Data: make([]byte, 8<<20)}
	done := make(chan error)
	go func() {
		_, err := d.Disarm(context.WithoutCancel(t.Context()), huge)
		done <- err
	}()
	for m.now.Load() == 0 && t.Context().Err() == nil {
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, disarm := range map[string]func() error{
		"disarm": func() error { _, err := d.Disarm(ctx, huge); return err },
		"scan": func() error {
			e := NewEngine(d, "")
			_, err := e.Reserve(e).Scan(ctx, &scan.Item{Message: &scan.Message{}, Type: "application/x-metered", Blob: scan.Bytes(huge.Data)})
			return err
		},
	} {
		err := disarm()
		var gap *scan.Gap
		if !errors.As(err, &gap) || gap.Reason != scan.ReasonLimit || gap.Limit != LimitMemory {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.gate <- struct{}{}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A scan that has memory asks for none again: it would wait for itself.
func TestMemoryIsTakenOnce(t *testing.T) {
	m := &meter{gate: make(chan struct{}, 1)}
	m.gate <- struct{}{}
	e := NewEngine(metered(m, NewMemory(1<<20)), "")
	it := &scan.Item{Message: &scan.Message{}, Type: "application/x-metered", Blob: scan.Bytes(make([]byte, 8<<20))}
	if _, err := e.Reserve(e).Scan(t.Context(), it); err != nil {
		t.Error(err)
	}
}

// TestNeed: what an archive unpacks to counts, and no archive's directory leads astray.
func TestNeed(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	e, err := w.Create("a.xml")
	if err == nil {
		_, err = e.Write(slices.Repeat([]byte("x"), 4<<20))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := need(&kit.Document{Data: b.Bytes()}); n < 16<<20 || n > 32<<20 {
		t.Errorf("%d bytes for an archive of 4 MiB", n)
	}
	for i := range b.Len() {
		if n := need(&kit.Document{Data: b.Bytes()[:i]}); n < 0 || n > 32<<20 {
			t.Fatalf("%d bytes for the first %d", n, i)
		}
	}
	for _, d := range []string{"", "PK", "PK\x05\x06" + strings.Repeat("\xff", 18), strings.Repeat("PK\x05\x06", 9)} {
		if n := need(&kit.Document{Data: []byte(d)}); n <= 0 || n > 1<<20 {
			t.Errorf("%d bytes for %q", n, d)
		}
	}
}
