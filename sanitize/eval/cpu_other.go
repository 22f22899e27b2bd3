//go:build !unix

package eval

import "time"

// CPUTime is the time since the process began: this system is not asked for more.
func CPUTime() time.Duration { return time.Since(started) }
