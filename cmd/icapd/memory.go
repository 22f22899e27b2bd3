package main

import (
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
)

// boundHeap tells the collector what the kernel lets this process have (memory.max of cgroup v2, as containers and systemd
// set it), unless GOMEMLIMIT says something: it then collects before there is too much, where the kernel would end the
// process.
func boundHeap() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	group, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return
	}
	if most := memoryMax("/sys/fs/cgroup", string(group)); most > 0 {
		debug.SetMemoryLimit(heapBound(most))
	}
}

// heapBound is the share of what a process may have that is for the heap: rules, stacks and mapped files need some, too.
func heapBound(most int64) int64 { return most / 10 * 8 }

// memoryMax returns the least memory.max of a process's group and those above it, 0 if there is none. The group is what
// /proc/PID/cgroup says; in a container it is mostly the root of what can be seen.
func memoryMax(root, group string) int64 {
	least := int64(math.MaxInt64)
	for line := range strings.Lines(group) {
		at, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		for dir := path.Clean("/" + at); ; dir = path.Dir(dir) {
			if text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(dir), "memory.max")); err == nil {
				if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
					least = min(least, n)
				}
			}
			if dir == "/" {
				break
			}
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}
