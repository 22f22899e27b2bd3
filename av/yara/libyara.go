//go:build cgo && !noyara

package yara

/*
#cgo pkg-config: yara
#include <string.h>
#include <yara.h>

// The context that go-yara keeps to itself knows two things that its API does not tell.

// interrupt makes a running scan end with a time-out at its next look at the clock, which it takes every
// 4 KiB of input and every hundred instructions of a condition.
static void interrupt(void *p) {
	__atomic_store_n(&((YR_SCAN_CONTEXT*) p)->timeout, 1, __ATOMIC_RELAXED);
}

// truncated reports whether libyara stopped counting the matches of a string. It tells its callback so, but
// go-yara does not pass the message on. Good until the scan returns.
static int truncated(void *p) {
	YR_SCAN_CONTEXT *c = p;
	if (c->rules->num_strings == 0)
		return 0;
	size_t words = YR_BITMASK_SIZE(c->rules->num_strings);
	for (size_t i = 0; i < words; i++)
		if (c->strings_temp_disabled[i] != 0)
			return 1;
	return 0;
}

static const char *library_version(void) { return YR_VERSION; }
*/
import "C"

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"
	"unsafe"

	libyara "github.com/hillu/go-yara/v4"
)

// Built reports whether this program can run YARA rules.
const Built = true

// libraryVersion is the version that the program was compiled with: libyara cannot be asked.
var libraryVersion = C.GoString(C.library_version())

// configured limits what a match costs, once for the process: libyara copies 512 bytes of each of up to a
// million matches if nobody tells it otherwise.
var configured = sync.OnceValue(func() error {
	return libyara.SetConfiguration(libyara.ConfigMaxMatchData, maxMatchData)
})

// local is the backend that runs libyara in this process.
type local struct {
	rules *libyara.Rules
	index map[ruleKey]int
	spare int           // how many idle scanners are kept
	limit time.Duration // longest scan, as far as libyara itself knows

	mu   sync.Mutex
	idle []*scanner
}

type ruleKey struct{ file, name string }

// scanner is a libyara scanner with what is needed to use it again.
type scanner struct {
	*libyara.Scanner
	context unsafe.Pointer // its YR_SCAN_CONTEXT
	vars    variables      // the values it has
}

func newLocal(rules *libyara.Rules, list []Rule, o Options) *local {
	l := &local{rules: rules, index: make(map[ruleKey]int, len(list)), spare: max(1, o.Parallel), limit: o.Timeout}
	for i := range list {
		l.index[ruleKey{list[i].File, list[i].Name}] = i
	}
	off := make(map[string]bool, len(o.Disabled))
	for _, name := range o.Disabled {
		off[name] = true
	}
	for _, r := range rules.GetRules() {
		if off[r.Identifier()] {
			r.Disable()
		}
	}
	return l
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
	s, err := libyara.NewScanner(l.rules)
	if err != nil {
		return nil, fmt.Errorf("making a scanner: %w", err)
	}
	field := reflect.ValueOf(s).Elem().FieldByName("cptr")
	if field.Kind() != reflect.Pointer || field.IsNil() {
		s.Destroy()
		return nil, errors.New("this go-yara keeps its scanner elsewhere: its scans could not be stopped")
	}
	// In fast mode a string that a condition only asks for once is looked for once.
	s.SetFlags(libyara.ScanFlagsFastMode)
	return &scanner{Scanner: s, context: field.UnsafePointer()}, nil
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
		s.Destroy()
	}
}

func (l *local) close() {
	l.mu.Lock()
	idle := l.idle
	l.idle = nil
	l.mu.Unlock()
	for _, s := range idle {
		s.Destroy()
	}
	l.rules.Destroy()
}

func (l *local) check(ctx context.Context) error {
	_, err := l.scan(ctx, []byte("check"), &variables{})
	return err
}

func (l *local) scan(ctx context.Context, data []byte, vars *variables) (matches []match, err error) {
	s, err := l.take()
	if err != nil {
		return nil, err
	}
	reusable := false
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a scan: %v", p)
		}
		if reusable {
			l.put(s)
		} else {
			s.Destroy() // its state is anyone's guess
		}
	}()
	if err := s.define(vars); err != nil {
		return nil, err
	}
	c := collector{backend: l, context: s.context}
	err = s.run(ctx, data, &c, l.limit)
	reusable = err == nil
	return c.matches, c.verdict(ctx, err)
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

// run scans data, and stops when ctx ends.
func (s *scanner) run(ctx context.Context, data []byte, c *collector, limit time.Duration) error {
	s.SetCallback(c)
	defer s.SetCallback(nil)
	s.SetTimeout(limit + 2*time.Second) // whole seconds, and only if the interrupt does not come
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		C.interrupt(s.context)
	})
	defer func() {
		if !stop() {
			<-interrupted // the scanner must outlive it
		}
	}()
	return s.ScanMem(data)
}

// collector receives what libyara finds. Its methods are called from C, where a panic must not pass.
type collector struct {
	backend   *local
	context   unsafe.Pointer
	matches   []match
	truncated bool
	err       error
}

// RuleMatching implements libyara.ScanCallback.
func (c *collector) RuleMatching(sc *libyara.ScanContext, r *libyara.Rule) (abort bool, err error) {
	defer c.contain(&err)
	i, ok := c.backend.index[ruleKey{r.Namespace(), r.Identifier()}]
	if !ok {
		return true, fmt.Errorf("a rule that nobody knows matches: %s", r.Identifier())
	}
	m := match{Rule: i}
	for _, s := range r.Strings() {
		ms := s.Matches(sc)
		switch {
		case len(ms) == 0:
		case len(m.Strings) == maxStrings:
			m.More++
		default:
			m.Strings = append(m.Strings, stringMatch{
				Name: s.Identifier(), Offset: ms[0].Base() + ms[0].Offset(), Length: int64(len(ms[0].Data())),
			})
		}
	}
	c.matches = append(c.matches, m)
	return false, nil
}

// ScanFinished implements libyara.ScanCallbackFinished.
func (c *collector) ScanFinished(*libyara.ScanContext) (abort bool, err error) {
	defer c.contain(&err)
	c.truncated = C.truncated(c.context) != 0
	return false, nil
}

func (c *collector) contain(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v", p)
	}
	c.err = cmp.Or(c.err, *err)
}

// verdict turns what libyara returned into the scan's error.
func (c *collector) verdict(ctx context.Context, err error) error {
	switch {
	case c.err != nil:
		return c.err
	case c.truncated || errors.Is(err, libyara.Error(C.ERROR_TOO_MANY_MATCHES)):
		return tooManyMatches()
	case errors.Is(err, libyara.Error(C.ERROR_SCAN_TIMEOUT)):
		return timedOut(ctx)
	case errors.Is(err, libyara.Error(C.ERROR_COULD_NOT_MAP_FILE)):
		return errors.New("the item's bytes could not be read while libyara looked at them")
	}
	return err
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
