package yara_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"icapd/av/yara"
	"icapd/scan"
	"icapd/scan/scantest"
)

var folder = flag.String("folder", "", "folders with benign files for TestFalsePositives, separated by commas")

// tally counts what a measurement saw.
type tally struct {
	mu              sync.Mutex
	items           int
	bytes           int64
	time            time.Duration // in scans
	firm            int           // items with a finding of high severity or above
	rules           map[string]int
	hits            []string
	unread, unknown int
}

const mostSize = 128 << 20

// TestFalsePositives scans benign files and says what the built-in rules find in them:
//
//	go test ./av/yara -run TestFalsePositives -v -folder /usr/share,/usr/lib
//
// What gzip packed is scanned unpacked as well. It fails when more than one item in 20,000 has a finding of
// high severity.
func TestFalsePositives(t *testing.T) {
	if *folder == "" {
		t.Skip("no -folder")
	}
	e := newEngine(t, nil)
	sum := tally{rules: map[string]int{}}
	files := make(chan string)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for f := range files {
				sum.file(t, e, f)
			}
		})
	}
	for root := range strings.SplitSeq(*folder, ",") {
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				files <- name
			}
			return nil // what cannot be entered is not measured
		})
		if err != nil {
			t.Error(err)
		}
	}
	close(files)
	wg.Wait()
	slices.Sort(sum.hits)
	for _, h := range sum.hits {
		t.Log(h)
	}
	for _, r := range slices.Sorted(maps.Keys(sum.rules)) {
		t.Logf("%6d  %s", sum.rules[r], r)
	}
	if sum.items == 0 {
		t.Fatal("no file was scanned")
	}
	t.Logf("%d items (%d MiB) scanned, %d not read, %d not scanned; %.0f MiB/s and core; %d items with a finding of high severity",
		sum.items, sum.bytes>>20, sum.unread, sum.unknown, float64(sum.bytes)/(1<<20)/sum.time.Seconds(), sum.firm)
	if sum.firm*20_000 > sum.items {
		t.Errorf("more than one in 20,000: %d of %d", sum.firm, sum.items)
	}
}

func (s *tally) file(t *testing.T, e *yara.Engine, name string) {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil || info.Size() > mostSize {
		s.add(0, 0, nil, name, fs.ErrInvalid)
		return
	}
	data, err := os.ReadFile(name)
	if err != nil {
		s.add(0, 0, nil, name, fs.ErrInvalid)
		return
	}
	s.scan(t, e, name, data)
	if z, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
		if inner, err := io.ReadAll(io.LimitReader(z, mostSize)); err == nil {
			s.scan(t, e, strings.TrimSuffix(name, ".gz"), inner)
		}
	}
}

func (s *tally) scan(t *testing.T, e *yara.Engine, name string, data []byte) {
	t.Helper()
	it := scantest.PlainItem(t, scantest.Sample{Name: filepath.Base(name)}, data)
	start := time.Now()
	found, err := e.Scan(t.Context(), it)
	s.add(time.Since(start), len(data), found, name, err)
}

func (s *tally) add(took time.Duration, size int, found []scan.Finding, name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrInvalid):
		s.unread++
		return
	default:
		s.unknown++
		s.hits = append(s.hits, fmt.Sprintf("not scanned: %s: %v", name, err))
		return
	}
	s.items++
	s.bytes += int64(size)
	s.time += took
	firm := false
	for i := range found {
		f := &found[i]
		s.rules[fmt.Sprintf("%s (%v)", f.Rule, f.Severity)]++
		s.hits = append(s.hits, fmt.Sprintf("%-8v %-40s %s: %s", f.Severity, f.Rule, name, f.Detail))
		firm = firm || f.Severity >= scan.High
	}
	if firm {
		s.firm++
	}
}

// BenchmarkScan compares the built-in rules with the least that a scan can be: the one rule for EICAR.
func BenchmarkScan(b *testing.B) {
	engines := map[string]*yara.Engine{
		"full":  newEngine(b, nil),
		"eicar": onlyEICAR(b),
	}
	for _, in := range []struct {
		name string
		data []byte
	}{{"json-16KiB", jsonSample(16 << 10)}, {"binary-1MiB", binarySample(b, 1<<20)}, {"html-256KiB", htmlSample(256 << 10)}} {
		for _, rules := range []string{"eicar", "full"} {
			b.Run(in.name+"/"+rules, func(b *testing.B) {
				it := scantest.PlainItem(b, scantest.Sample{Name: "sample"}, in.data)
				b.SetBytes(int64(len(in.data)))
				for b.Loop() {
					if fs, err := engines[rules].Scan(b.Context(), it); err != nil || len(fs) > 0 {
						b.Fatalf("%v %v", fs, err)
					}
				}
			})
		}
	}
}
