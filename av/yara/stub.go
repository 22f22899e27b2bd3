//go:build !cgo || noyara

package yara

import "context"

// Built reports whether this program can run YARA rules.
const Built = false

const libraryVersion = "none"

// WorkerMain fails: there is no YARA to work with.
func WorkerMain() int { return 2 }

func newBackend(context.Context, Options, []source) (backend, *compiled, error) {
	return nil, nil, ErrNotBuilt
}

func lint(context.Context, []source) error { return ErrNotBuilt }
