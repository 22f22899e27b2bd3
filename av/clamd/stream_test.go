package clamd_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"icapd/av/clamd"
	"icapd/av/clamd/clamdtest"
	"icapd/scan"
	"icapd/scan/scantest"
)

// finish runs a body through an Inflow, with what happens between its halves, and returns the outcome.
func finish(tb testing.TB, e scan.Engine, size int64, data []byte, between func()) (scan.Verdict, int) {
	tb.Helper()
	r := scan.Runner{Engines: []scan.Engine{e}}
	in := r.Begin(tb.Context(), scantest.Message(), size)
	defer in.Close()
	half := len(data) / 2
	for part := range slices.Chunk(data[:half], 32<<10) {
		_, _ = in.Write(part)
	}
	if between != nil {
		between()
	}
	for part := range slices.Chunk(data[half:], 32<<10) {
		_, _ = in.Write(part)
	}
	return in.Run(tb.Context(), slices.Values([]*scan.Item{item(data)})), in.Streams()
}

func TestStream(t *testing.T) {
	s := clamdtest.Start(t, clamdtest.Options{Config: map[string]string{"CommandReadTimeout": "1", "ReadTimeout": "1"}})
	for network, address := range networks(s) {
		t.Run(network, func(t *testing.T) {
			e := open(t, clamd.Options{Addresses: []string{address}})
			eventually(t, "clamd", func() bool { return e.Version() != "" && e.Check(t.Context()) == nil })
			x := clamdtest.EICARFile()
			tests := map[string]struct {
				size    int64
				data    []byte
				between func()
				want    scan.Outcome
				streams int
			}{
				"EICAR":                         {68, x, nil, scan.Malicious, 0},
				"EICAR after 3 MiB, size known": {3<<20 + 68, append(noise(3<<20), x...), nil, scan.Malicious, 1},
				"EICAR, size unknown":           {-1, x, nil, scan.Malicious, 1},
				"EICAR after 3 MiB":             {-1, append(noise(3<<20), x...), nil, scan.Malicious, 1},
				"clean":                         {-1, noise(100 << 10), nil, scan.Clean, 1},
				"nothing":                       {-1, nil, nil, scan.Clean, 1},
				"too large for clamd":           {-1, append(noise(5<<20), x...), nil, scan.Unscannable, 1},
				"stalled, EICAR":                {-1, append(noise(200<<10), x...), func() { time.Sleep(2500 * time.Millisecond) }, scan.Malicious, 1},
				"stalled, clean":                {-1, noise(200 << 10), func() { time.Sleep(2500 * time.Millisecond) }, scan.Clean, 1},
				"clamd killed and back again": {-1, append(noise(1<<20), x...), func() {
					s.Restart()
					eventually(t, "clamd", func() bool { return e.Check(t.Context()) == nil })
				}, scan.Malicious, 1},
			}
			for name, tt := range tests {
				v, streams := finish(t, e, tt.size, tt.data, tt.between)
				if got := v.Outcome(); got != tt.want || streams != tt.streams {
					t.Errorf("%s: %v with %d streams, gaps %v; want %v with %d; %+v", name, got, streams, v.Gaps, tt.want, tt.streams, e.Status())
				}
				eventually(t, "clamd", func() bool { return e.Status()[0].Up })
			}
			if n := e.Status()[0].Scans; n != 0 {
				t.Errorf("%d scans left under way", n)
			}
			v, _ := finish(t, e, -1, x, s.Kill)
			if got := v.Outcome(); got != scan.Unscannable {
				t.Errorf("clamd killed: %v", got)
			}
			s.Restart()
		})
	}
}

// TestStreamLimits knows that the body is too large, or finds out as it arrives.
func TestStreamLimits(t *testing.T) {
	s := clamdtest.Start(t, clamdtest.Options{})
	e := open(t, clamd.Options{Addresses: s.Addresses(), MaxSize: 1 << 20})
	eventually(t, "clamd", func() bool { return e.Version() != "" && e.Check(t.Context()) == nil })
	large := append(noise(2<<20), clamdtest.EICARFile()...)
	for size, streams := range map[int64]int{int64(len(large)): 0, -1: 1} {
		v, n := finish(t, e, size, large, nil)
		if v.Outcome() != scan.Unscannable || n != streams || v.Gaps[0].Limit != "StreamMaxLength" {
			t.Errorf("size %d: %v with %d streams, gaps %v", size, v.Outcome(), n, v.Gaps)
		}
	}
	// What was written is not the item: the item counts.
	r := scan.Runner{Engines: []scan.Engine{e}}
	in := r.Begin(t.Context(), scantest.Message(), -1)
	defer in.Close()
	_, _ = in.Write([]byte("harmless"))
	v := in.Run(t.Context(), slices.Values([]*scan.Item{item(clamdtest.EICARFile())}))
	if v.Outcome() != scan.Malicious {
		t.Errorf("another body than the item's: %v", v.Outcome())
	}
}

// TestStreamsLeaveRoom holds as many bodies open as clamd's connections allow, and scans beside them.
func TestStreamsLeaveRoom(t *testing.T) {
	s := clamdtest.Start(t, clamdtest.Options{})
	e := open(t, clamd.Options{Addresses: s.Addresses()[:1], Connections: 4})
	eventually(t, "clamd", func() bool { return e.Version() != "" && e.Check(t.Context()) == nil })
	var open int
	for range 10 {
		if st := e.Begin(t.Context(), scantest.Message(), -1); st != nil {
			open++
			defer st.Close()
		}
	}
	if open != 2 {
		t.Errorf("%d streams of 4 connections, want 2", open)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { wantFound(t, e, "EICAR", clamdtest.EICARFile(), clamdtest.EICAR) })
	}
	wg.Wait()
}
