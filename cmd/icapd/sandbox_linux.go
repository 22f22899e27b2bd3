package main

import (
	"fmt"
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	"github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// confine takes from the process, and from all that it starts, whatever serving does not need of the file system:
// after it nothing but a says can be opened, and nothing be executed but the program itself. It cannot be undone.
// Where the kernel has no Landlock it does nothing; the text says what there is.
//
// Sockets, and files that are open already, are not touched.
func confine(a access) (string, error) {
	abi, err := syscall.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return "none: this kernel has no Landlock", nil //nolint:nilerr // that is no failure
	}
	const read = syscall.AccessFSReadFile | syscall.AccessFSReadDir
	rules := []landlock.Rule{
		landlock.PathAccess(read, a.read...).IgnoreIfMissing(),
		landlock.RWDirs(a.write...).IgnoreIfMissing(),
		landlock.RWFiles("/dev/null").IgnoreIfMissing(),
	}
	// Workers of the YARA engine are the program again, which its loader starts.
	run := []string{"/lib/ld-linux-aarch64.so.1", "/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"}
	if self, err := os.Executable(); err == nil {
		run = append(run, self)
	}
	rules = append(rules, landlock.ROFiles(run...).IgnoreIfMissing())
	if err := landlock.V5.BestEffort().RestrictPaths(rules...); err != nil {
		return "", fmt.Errorf("sandbox: %w (sandbox: off does without)", err)
	}
	return fmt.Sprintf("landlock %d", abi), nil
}
