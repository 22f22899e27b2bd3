package yara

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"time"
)

// Builtin is the name that stands for Options.Builtin in Options.Rules.
const Builtin = "builtin"

// WorkerArg is the first argument of a worker's command line, see WorkerMain.
const WorkerArg = "yara-worker"

// ErrNotBuilt is what New returns in a build without cgo, or with the tag noyara.
var ErrNotBuilt = errors.New("built without YARA")

// Options configures an Engine. The zero value scans with no rules, which New refuses.
type Options struct {
	// Rules names where the rules come from: Builtin, files of any name, and directories, which are searched
	// for *.yar and *.yara at any depth; names that begin with a dot are left out. Rules come as sources;
	// compiled ones are refused, because libyara trusts them blindly.
	Rules []string

	// Builtin is what the name Builtin stands for: each *.yar and *.yara file in it. Its files cannot include
	// others.
	Builtin fs.FS

	// Disabled lists rules that must not match, by name. A name that no rule has is a warning.
	Disabled []string

	// Timeout is the longest time that libyara may spend on an item of up to 64 MiB; larger items get more in
	// proportion, within the deadline of the message. 0 means 10 s.
	Timeout time.Duration

	// Parallel is how many scans may run at the same time, whatever asks for them; further ones wait in the
	// order they came. 0 means one for each CPU that Go uses.
	Parallel int

	// Workers is how many worker processes scan; 0 scans in this process. Each does one scan at a time, so
	// Parallel has no meaning with workers. See WorkerMain.
	Workers int

	// WorkerCommand is the command line of a worker. Nil means this executable with WorkerArg.
	WorkerCommand []string

	// Cache is a directory for compiled rules, so that a large set need not be compiled at each start.
	// It must belong to this user, and nobody else may write to it. "" means no cache.
	Cache string
}

func (o Options) complete() Options {
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.Parallel = cmp.Or(o.Parallel, runtime.GOMAXPROCS(0))
	return o
}

// patience is how long a scan of size bytes may take.
func (o *Options) patience(size int64) time.Duration {
	const unit = 64 << 20
	if size <= unit {
		return o.Timeout
	}
	return time.Duration(min(float64(o.Timeout)/unit*float64(size), float64(24*time.Hour)))
}

func (o *Options) check() error {
	var errs []error
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("yara: negative time-out %v", o.Timeout))
	}
	if o.Parallel < 0 || o.Workers < 0 {
		errs = append(errs, fmt.Errorf("yara: negative number of scans (%d) or workers (%d)", o.Parallel, o.Workers))
	}
	return errors.Join(errs...)
}

// Stats is what an engine with workers says about them; zero for one without.
type Stats struct {
	PIDs     []int // of the workers that are alive
	Restarts int   // of workers that died, or could not be started, since the rules were loaded
}

// RuleError is one thing that is wrong with the rules. New and Reload return all of them at once, joined.
type RuleError struct {
	File string `json:"file"`           // path, or "builtin/NAME"
	Line int    `json:"line,omitempty"` // from 1; 0 if it is about the file as a whole
	Msg  string `json:"msg"`
}

// Error implements error: "file:line: message".
func (e *RuleError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Msg
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg)
}
