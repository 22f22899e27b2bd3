//go:build !race

package content

// raceEnabled says that the tests run under the race detector: limits of time and memory mean nothing then.
const raceEnabled = false
