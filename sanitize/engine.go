package sanitize

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"icapd/sanitize/prompts"
	"icapd/scan"
)

// Name is the engine's name in configuration, logs and findings.
const Name = "injection"

// maxFindings bounds the findings of one item: a document that is nothing but payloads is bad enough after so many, and
// its report stays readable. Of what follows, one finding of each rule that has none yet is reported, and a gap says that
// there is more ([scan.LimitFindings]).
const maxFindings = 1000

// Options says which rules an engine works with. The zero Options has none, and New refuses it.
type Options struct {
	// Rules names where rules come from: "builtin", a file, or a folder of *.yaml files.
	Rules []string

	// Builtin holds the built-in rules as *.yaml in its root; needed if Rules names "builtin".
	Builtin fs.FS

	// Disabled switches rules off everywhere, by id or by class.
	Disabled []string

	// Off switches rules off where a finding would be out of place.
	Off []Switch
}

// Switch switches rules off in a place. All parts that are given must hold; a Switch without Rules means all, and
// one without any part at all is an error in [New].
type Switch struct {
	Rules []string // ids or classes

	// Messages tells of which messages it is the place: of an API, of a host. It is asked for findings only; nil
	// means all messages. Place describes it, so that engines with different switches have different versions.
	Messages func(*scan.Message) bool
	Place    string

	// Fields are patterns of field paths inside the item: "/items/*/query". A "*" stands for any characters within a
	// segment, "**" for any number of segments, and a pattern that ends in "/" for everything below it. Nothing else
	// is special: not the brackets of an XPath, and not the ~0 and ~1 of a JSON Pointer, which are written as they are.
	Fields []string
}

// SwitchError is a switch that cannot be meant: it names what is not there.
type SwitchError struct {
	Disabled int // index in Options.Disabled, -1 if it is not there
	Off      int // index in Options.Off, -1 if it is not there
	Err      error
}

// Error implements error.
func (e *SwitchError) Error() string { return "sanitize: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *SwitchError) Unwrap() error { return e.Err }

// Engine looks for payloads in fields. It implements scan.Engine, scan.Selector and scan.Versioner and may be
// used by many goroutines at the same time.
type Engine struct {
	rules   []*Rule
	bySign  [][]*Rule
	spare   []contextSet // by detector: the kinds of text in which none of its rules counts
	off     []Switch
	filter  *filter
	prompts *prompts.Model
	version string
	pool    sync.Pool // of *look
}

// New loads and compiles rules. The error joins everything that is wrong with all rule files, a *RuleError
// each, and with the switches.
func New(o Options) (*Engine, error) {
	rules, err := loadRules(o.Rules, o.Builtin)
	if err != nil {
		return nil, err
	}
	if len(rules) == 0 {
		return nil, fmt.Errorf("sanitize: no rules")
	}
	if err := checkSwitches(o, rules); err != nil {
		return nil, err
	}
	rules = slices.DeleteFunc(rules, func(r *Rule) bool {
		return slices.Contains(o.Disabled, r.ID) || slices.Contains(o.Disabled, r.Class)
	})
	e := &Engine{rules: rules, off: o.Off, bySign: make([][]*Rule, numSigns), version: versionOf(rules, o)}
	for _, r := range rules {
		if r.Sign != "" {
			i := slices.Index(signNames, r.Sign)
			e.bySign[i] = append(e.bySign[i], r)
		}
	}
	e.spare = spares(rules)
	e.filter = newFilter(rules)
	if e.prompts, err = prompts.Builtin(); err != nil {
		return nil, err
	}
	e.pool.New = func() any { return newLook(e) }
	return e, nil
}

// spares works out, for each detector, in which kinds of text it need not look.
func spares(rules []*Rule) []contextSet {
	out := make([]contextSet, len(detectors))
	for i := range detectors {
		all := ^contextSet(0)
		for _, r := range rules {
			if family, _, _ := strings.Cut(r.Sign, "."); family == detectors[i].family {
				all &= r.spare
			}
		}
		out[i] = all
	}
	return out
}

// checkSwitches refuses names that switch nothing off: a typing error there would go unnoticed. The error joins a
// *SwitchError for each.
func checkSwitches(o Options, rules []*Rule) error {
	var errs []error
	check := func(name string, e SwitchError) {
		if slices.Contains(classNames, name) || slices.ContainsFunc(rules, func(r *Rule) bool { return r.ID == name }) {
			return
		}
		e.Err = fmt.Errorf("no rule and no class %q to switch off", name)
		errs = append(errs, &e)
	}
	for i, name := range o.Disabled {
		check(name, SwitchError{Disabled: i, Off: -1})
	}
	for i, s := range o.Off {
		for _, name := range s.Rules {
			check(name, SwitchError{Disabled: -1, Off: i})
		}
		if len(s.Rules) == 0 && s.Messages == nil && len(s.Fields) == 0 {
			errs = append(errs, &SwitchError{-1, i, errors.New("a switch without a rule and a place would switch everything off")})
		}
	}
	return errors.Join(errs...)
}

// versionOf is equal for equal rules and switches, whatever order the files were read in.
func versionOf(rules []*Rule, o Options) string {
	lines := make([]string, 0, len(rules)+len(o.Off))
	for _, r := range rules {
		lines = append(lines, fmt.Sprintf("%q %q %q %q %q %q %q %q %q %q %q %q", r.ID, r.Class, r.Severity, r.Hint, r.Sign,
			r.Literals, fmt.Sprint(r.Head), r.Pattern, r.Not, r.Types, r.Kinds, r.Spare))
	}
	for _, s := range o.Off {
		lines = append(lines, fmt.Sprintf("off %q %q %q", s.Rules, s.Place, s.Fields))
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(codeVersion + strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:8])
}

// codeVersion changes when detectors or normalisation answer differently with the same rules.
const codeVersion = "3\n"

// Name implements scan.Engine.
func (e *Engine) Name() string { return Name }

// Version implements scan.Versioner.
func (e *Engine) Version() string { return e.version }

// Rules returns the rules in force, in the order of their files. They must not be changed.
func (e *Engine) Rules() []*Rule { return slices.Clone(e.rules) }

// Wants implements scan.Selector: items that have fields.
func (e *Engine) Wants(it *scan.Item) bool { return it.Fields != nil }

// Light implements [scan.Lighter].
func (e *Engine) Light(it *scan.Item) bool { return it.Blob.Size() <= scan.LightSize }

// Scan implements scan.Engine. The error is that of the item's fields, ctx's, or a *scan.Gap for a limit.
func (e *Engine) Scan(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	if !e.Wants(it) {
		return nil, ctx.Err()
	}
	size := int(min(it.Blob.Size(), maxBlob))
	l := e.borrow(size)
	l.repeated.begin()
	l.ctx = ctx
	defer func() {
		l.ctx = nil
		e.pool.Put(l)
	}()
	s := itemScan{e: e, l: l, it: it, fc: FieldContext{Message: it.Message, Type: it.Type}, unseen: size}
	err := it.Fields(ctx, func(f *scan.Field) bool {
		if s.unasked -= fieldCost + len(f.Value); s.unasked < 0 {
			if ctx.Err() != nil {
				return false
			}
			s.unasked = bytesPerCheck
		}
		return s.field(f)
	})
	switch {
	case err != nil:
		return s.out, err
	case ctx.Err() != nil:
		return s.out, ctx.Err()
	case s.limited != nil:
		return s.out, s.limited
	}
	return s.out, nil
}

// borrow takes memory for looking at an item of so many bytes from the pool.
func (e *Engine) borrow(size int) *look {
	l := e.pool.Get().(*look)
	l.judgedItem, l.explained, l.left = 0, 0, itemWork+byteWork*size
	return l
}

// bytesPerCheck is how much is looked at between two looks at the context, where a field counts fieldCost bytes more
// than it has. A long value is looked at with more of them.
const (
	bytesPerCheck = 4 << 10
	fieldCost     = 32
)

// itemScan is one look at one item.
type itemScan struct {
	unasked int // bytes until ctx is asked
	unseen  int // bytes of the item that no field was yet
	e       *Engine
	l       *look
	it      *scan.Item
	fc      FieldContext
	hits    []Hit
	under   bool // the last name was "constructor"
	out     []scan.Finding
	limited *scan.Gap

	reported map[string]bool // rules with a finding, once there are many
}

// field looks at one field and reports whether to go on.
func (s *itemScan) field(f *scan.Field) bool {
	s.fc.Kind, s.fc.field, s.fc.path = f.Kind, f, ""
	s.grant(len(f.Value))
	switch {
	case f.Kind == scan.KindKey:
		s.name(f)
	case f.Kind == scan.KindNumber && len(f.Value) <= maxScalar:
		s.under = false
		s.unlessClean(f, &s.l.scalars)
	default:
		s.under = false
		s.value(f)
	}
	if len(s.hits) > 0 {
		s.inParts(f)
	}
	if len(s.hits) == 0 {
		return s.l.left >= 0
	}
	if len(s.out) >= maxFindings {
		s.crowded()
	}
	s.out = s.e.report(s.out, s.it, f, &s.fc, s.hits)
	return s.l.left >= 0
}

// crowded leaves of the hits in one field those of rules that have no finding in the item yet.
func (s *itemScan) crowded() {
	if s.reported == nil {
		s.reported = make(map[string]bool)
		for i := range s.out {
			s.reported[s.out[i].Rule] = true
		}
	}
	before := len(s.hits)
	s.hits = slices.DeleteFunc(s.hits, func(h Hit) bool { return s.reported[h.Rule.ID] })
	for i := range s.hits {
		s.reported[s.hits[i].Rule.ID] = true
	}
	if len(s.hits) < before && s.limited == nil { // a gap that something was not looked at says more
		s.limited = &scan.Gap{Engine: Name, Path: s.it.Path, Reason: scan.ReasonLimit, Limit: scan.LimitFindings}
	}
}

// inParts leaves out what was found in parts of the field already: tables and forms that nobody says to be such are fields as
// a whole, too, behind their cells and values.
func (s *itemScan) inParts(f *scan.Field) {
	s.hits = slices.DeleteFunc(s.hits, func(h Hit) bool {
		for i := len(s.out) - 1; i >= 0; i-- {
			part := &s.out[i]
			if part.Span.Start < f.Span.Start || part.Span.End > f.Span.End || part.Span == f.Span {
				return false
			}
			if part.Class == h.Rule.Class && part.Severity >= h.Severity {
				return true
			}
		}
		return false
	})
}

func (s *itemScan) value(f *scan.Field) (whole bool) {
	var spent bool
	if s.hits, spent = s.l.inspect(s.hits[:0], f.Value, &s.fc); spent {
		limit := "inspection"
		if s.l.left < 0 {
			limit = "work"
		}
		s.limited = &scan.Gap{Engine: Name, Path: s.it.Path + f.Path(), Reason: scan.ReasonLimit, Limit: limit}
	}
	return !spent
}

// maxScalar is the length up to which numbers are remembered, in bytes: there are not many, and they repeat.
const maxScalar = 5

// unlessClean looks at a value, unless it is known to be clean: where rules are switched off by place, none is, and neither
// is one for which there was no time.
func (s *itemScan) unlessClean(f *scan.Field, known *cleanNames) {
	known.begin(s.it.Type)
	s.hits = s.hits[:0]
	if clean := known.has(f.Value); clean != nil {
		s.l.left -= int(clean.work)
		s.l.judgedItem += int(clean.judged)
		return
	}
	if whole := s.value(f); whole && len(s.hits) == 0 && len(s.e.off) == 0 && !s.l.ended() && s.l.judgedItem < mostJudgedItem {
		known.add(f.Value, s.l.work(), s.l.judged)
	}
}

// name looks at a name.
func (s *itemScan) name(f *scan.Field) {
	s.unlessClean(f, &s.l.names)
	if s.under && string(f.Value) == "prototype" {
		s.hits = s.l.named(s.hits, f.Value, &s.fc)
	}
	s.under = string(f.Value) == "constructor"
}

// report turns the hits of one field into findings.
func (e *Engine) report(out []scan.Finding, it *scan.Item, f *scan.Field, fc *FieldContext, hits []Hit) []scan.Finding {
	for i := range hits {
		h := &hits[i]
		out = append(out, scan.Finding{
			Engine: Name, Rule: h.Rule.ID, Category: scan.Injection, Class: h.Rule.Class, Severity: h.Severity,
			Path: it.Path + fc.fieldPath(), Field: fc.fieldPath(), Span: f.Span, Detail: h.detail(f.Kind),
			Via: slices.Clone(h.Via), Description: h.Rule.Description, Reference: h.Rule.Reference, Hint: h.Rule.Hint,
		})
	}
	return out
}

// Inspect looks at one value by itself and appends what it finds to dst: the most severe hit of each class.
func (e *Engine) Inspect(dst []Hit, value []byte, fc FieldContext) []Hit {
	l := e.borrow(4 * len(value))
	defer e.pool.Put(l)
	dst, _ = l.inspect(dst, value, &fc)
	return dst
}

// switchedOff reports whether the rule is off where the field stands.
func (e *Engine) switchedOff(r *Rule, fc *FieldContext) bool {
	for i := range e.off {
		s := &e.off[i]
		if len(s.Rules) > 0 && !slices.Contains(s.Rules, r.ID) && !slices.Contains(s.Rules, r.Class) {
			continue
		}
		if s.Messages != nil && (fc.Message == nil || !s.Messages(fc.Message)) {
			continue
		}
		if len(s.Fields) == 0 || slices.ContainsFunc(s.Fields, func(p string) bool { return matchField(p, fc.fieldPath()) }) {
			return true
		}
	}
	return false
}
