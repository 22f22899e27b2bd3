//go:build !linux

package main

// freeSpace does not know.
func freeSpace(string) (free uint64, ok bool) { return 0, false }

// maxFiles does not know.
func maxFiles() (n int, ok bool) { return 0, false }
