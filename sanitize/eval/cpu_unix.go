//go:build unix

package eval

import (
	"syscall"
	"time"
)

// CPUTime is the processor time that the process has used, all its threads together: what a document costs, whoever
// else uses the machine.
func CPUTime() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return time.Since(started)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
