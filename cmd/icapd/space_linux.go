package main

import (
	"math"
	"syscall"
)

// freeSpace is how many bytes the disk of a folder has for a process without privileges; ok is false if that is not known.
func freeSpace(folder string) (free uint64, ok bool) {
	var st syscall.Statfs_t
	if syscall.Statfs(folder, &st) != nil || st.Bsize <= 0 {
		return 0, false
	}
	return st.Bavail * uint64(st.Bsize), true
}

// maxFiles is how many files, sockets included, the process may have open; ok is false if that is not known.
func maxFiles() (n int, ok bool) {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0, false
	}
	return int(min(limit.Cur, math.MaxInt32)), true
}
