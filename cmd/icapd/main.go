// Command icapd vets what third-party APIs send and are sent: an ICAP server, and tools around the same pipeline.
package main

import (
	"os"

	"icapd/av/yara"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version string

func main() {
	dropPages()
	if len(os.Args) > 1 && os.Args[1] == yara.WorkerArg { // started by ourselves, see engines.yara.workers
		os.Exit(yara.WorkerMain())
	}
	os.Exit(run(os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}
