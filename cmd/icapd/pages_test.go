package main

import (
	"os"
	"runtime"
	"strings"
	"testing"
)

// dropPages leaves a process that runs: everything is needed again at once.
func TestDropPages(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("does nothing here")
	}
	for range 3 {
		dropPages()
		runtime.GC()
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil || !strings.Contains(string(maps), "r-xp") {
		t.Errorf("no code in memory: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string][2]uint64{
		"00403000-018f6000": {0x403000, 0x18f6000}, "": {}, "1-": {0, 0}, "-1": {0, 0}, "x-y": {0, 0},
	} {
		if b, e := addresses(in); [2]uint64{b, e} != want {
			t.Errorf("%q: %x-%x", in, b, e)
		}
	}
}
