package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryMax(t *testing.T) {
	root := t.TempDir()
	for dir, text := range map[string]string{"": "max\n", "system.slice": "2147483648\n", "system.slice/icapd.service": "1073741824\n", "free": "max\n", "odd": "much\n"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, dir, "memory.max"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for group, want := range map[string]int64{
		"0::/system.slice/icapd.service\n": 1 << 30, "0::/system.slice/other.service\n": 2 << 30, "0::/free\n": 0, "0::/odd\n": 0, "0::/\n": 0,
		"12:memory:/system.slice\n0::/free\n": 0, "0::/../../x\n": 0, "": 0,
	} {
		if got := memoryMax(root, group); got != want {
			t.Errorf("%q: %d, want %d", group, got, want)
		}
	}
	if b := heapBound(1 << 30); b <= 1<<29 || b >= 1<<30 {
		t.Errorf("of 1 GiB %d are for the heap", b)
	}
}
