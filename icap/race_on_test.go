//go:build race

package icap

const raceEnabled = true
