//go:build cgo && !noyara

package yara

// Scans go past go-yara's Scanner.ScanMem, because it leaves three things undone that a server needs:
//
//   - A scan cannot be stopped from outside, and its time-out is in whole seconds.
//   - libyara says so when it stops counting the matches of a string; go-yara lets the scan pass as complete.
//   - libyara survives memory faults with signal handlers that it installs while it scans. A nil pointer in
//     Go code beside it then faults forever, instead of becoming a panic.
//
// Everything else - compiler, rules, variables - is go-yara's.

/*
#cgo pkg-config: yara
#include <stdlib.h>
#include <yara.h>
#include "libyara.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
	"unsafe"

	libyara "github.com/hillu/go-yara/v4"
)

// Built reports whether this program can run YARA rules.
const Built = true

// libraryVersion is the version that the program was compiled with: libyara cannot be asked.
var libraryVersion = C.GoString(C.icapd_yara_version())

// prepare sets the process up, once. libyara copies 512 bytes of each of up to a million matches of a string
// if nobody tells it otherwise.
var prepare = sync.OnceValue(func() error {
	if code := C.icapd_guard_install(); code != 0 {
		return fmt.Errorf("installing signal handlers: %w", syscall.Errno(code))
	}
	return libyara.SetConfiguration(libyara.ConfigMaxMatchData, 0)
})

// local is the backend that runs libyara in this process.
type local struct {
	rules   *libyara.Rules
	spare   int           // how many idle scanners are kept
	limit   time.Duration // longest scan, as far as libyara itself knows
	guarded C.int         // whether a memory fault is an error, and not the end of the process

	mu   sync.Mutex
	idle []*scanner
}

// scanner is a libyara scanner with what is needed to use it again.
type scanner struct {
	*libyara.Scanner
	cptr   unsafe.Pointer // its YR_SCANNER
	result *C.struct_result
	vars   variables // the values it has
}

func newScanner(rules *libyara.Rules) (*scanner, error) {
	s, err := libyara.NewScanner(rules)
	if err != nil {
		return nil, fmt.Errorf("making a scanner: %w", err)
	}
	field := reflect.ValueOf(s).Elem().FieldByName("cptr")
	result := (*C.struct_result)(C.calloc(1, C.sizeof_struct_result))
	if result == nil || field.Kind() != reflect.Pointer || field.IsNil() {
		C.free(unsafe.Pointer(result))
		s.Destroy()
		return nil, errors.New("making a scanner: no memory, or a go-yara that keeps its YR_SCANNER elsewhere")
	}
	return &scanner{Scanner: s, cptr: field.UnsafePointer(), result: result}, nil
}

func (s *scanner) destroy() {
	s.Destroy()
	C.free(unsafe.Pointer(s.result.hits))
	C.free(unsafe.Pointer(s.result))
}

// abandon leaks the scanner: after a memory fault nobody knows what its pointers point to.
func (s *scanner) abandon() { runtime.SetFinalizer(s.Scanner, nil) }

// newLocal takes the rules over.
func newLocal(rules *libyara.Rules, o Options) *local {
	off := make(map[string]bool, len(o.Disabled))
	for _, name := range o.Disabled {
		off[name] = true
	}
	for _, r := range rules.GetRules() {
		if off[r.Identifier()] {
			r.Disable()
		}
	}
	return &local{rules: rules, spare: max(1, o.Parallel), limit: o.Timeout, guarded: 1}
}

func (l *local) take() (*scanner, error) {
	l.mu.Lock()
	if n := len(l.idle); n > 0 {
		s := l.idle[n-1]
		l.idle = l.idle[:n-1]
		l.mu.Unlock()
		return s, nil
	}
	l.mu.Unlock()
	return newScanner(l.rules)
}

// put keeps the scanner for the next scan.
func (l *local) put(s *scanner) {
	l.mu.Lock()
	keep := len(l.idle) < l.spare
	if keep {
		l.idle = append(l.idle, s)
	}
	l.mu.Unlock()
	if !keep {
		s.destroy()
	}
}

func (l *local) close() {
	l.mu.Lock()
	idle := l.idle
	l.idle = nil
	l.mu.Unlock()
	for _, s := range idle {
		s.destroy()
	}
	l.rules.Destroy()
}

func (l *local) check(ctx context.Context) error {
	_, err := l.scan(ctx, []byte("check"), &variables{})
	return err
}

func (l *local) scan(ctx context.Context, data []byte, vars *variables) ([]match, error) {
	s, err := l.take()
	if err != nil {
		return nil, err
	}
	if err := s.define(vars); err != nil {
		s.destroy()
		return nil, err
	}
	code := s.run(ctx, data, remaining(ctx, l.limit), l.guarded)
	if code == C.SCAN_FAULTED {
		s.abandon()
		return nil, errors.New("memory fault in libyara, or the item's bytes could not be read")
	}
	matches := s.matches()
	err = verdict(ctx, code, s.result.truncated != 0)
	if code == C.ERROR_SUCCESS {
		l.put(s)
	} else {
		s.destroy()
	}
	return matches, err
}

// define sets the variables that differ from those of the scan before.
func (s *scanner) define(vars *variables) error {
	for i, name := range externals() {
		if s.vars[i] == vars[i] {
			continue
		}
		if err := s.DefineVariable(name, vars[i]); err != nil {
			return fmt.Errorf("setting the variable %s: %w", name, err)
		}
		s.vars[i] = vars[i]
	}
	return nil
}

// remaining is the time until ctx ends, if it says.
func remaining(ctx context.Context, otherwise time.Duration) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return max(0, time.Until(end))
	}
	return otherwise
}

// run scans data, and stops when ctx ends.
func (s *scanner) run(ctx context.Context, data []byte, limit time.Duration, guarded C.int) C.int {
	s.SetTimeout(limit + 2*time.Second) // whole seconds, and only if the interrupt does not come
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		C.icapd_interrupt(s.cptr)
	})
	defer func() {
		if !stop() {
			<-interrupted // the scanner must outlive it
		}
	}()
	code := C.icapd_scan(s.cptr, (*C.uint8_t)(unsafe.SliceData(data)), C.size_t(len(data)), guarded, s.result)
	runtime.KeepAlive(s.Scanner)
	return code
}

// matches copies what the scan left.
func (s *scanner) matches() []match {
	if s.result.count == 0 {
		return nil
	}
	hits := unsafe.Slice(s.result.hits, int(s.result.count))
	ms := make([]match, len(hits))
	for i := range hits {
		h := &hits[i]
		ms[i] = match{Rule: int(h.rule), More: int(h.more)}
		for _, hs := range h.string[:h.strings] {
			ms[i].Strings = append(ms[i].Strings, stringMatch{
				Name: C.GoString(hs.name), Offset: int64(hs.offset), Length: int64(hs.length),
			})
		}
	}
	return ms
}

// verdict turns what libyara returned into the scan's error.
func verdict(ctx context.Context, code C.int, truncated bool) error {
	switch {
	case code == C.ERROR_TOO_MANY_MATCHES || code == C.ERROR_SUCCESS && truncated:
		return tooManyMatches()
	case code == C.ERROR_SUCCESS:
		return nil
	case code == C.ERROR_SCAN_TIMEOUT:
		return timedOut(ctx)
	case code == C.SCAN_NO_MEMORY:
		return libyara.Error(C.ERROR_INSUFFICIENT_MEMORY)
	}
	return libyara.Error(code)
}

// describe lists the rules of a set.
func describe(rules *libyara.Rules) []Rule {
	all := rules.GetRules()
	list := make([]Rule, 0, len(all))
	for i := range all {
		r := Rule{
			Name: all[i].Identifier(), File: all[i].Namespace(), Tags: all[i].Tags(), Private: all[i].IsPrivate(),
		}
		for _, m := range all[i].Metas() {
			r.Meta = append(r.Meta, Meta{Name: m.Identifier, Value: fmt.Sprint(m.Value)})
		}
		list = append(list, r)
	}
	return slices.Clip(list)
}
