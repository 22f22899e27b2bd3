//go:build !linux && cgo && !noyara

package yara

import "errors"

// WorkerMain fails: workers need Linux.
func WorkerMain() int { return 2 }

func newPool(Options, []source) (backend, *compiled, error) {
	return nil, nil, errors.New("yara: workers need Linux")
}
