package waf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"icapd/scan"

	"github.com/corazawaf/coraza/v3/types"
	"github.com/corazawaf/coraza/v3/types/variables"
)

// Bounds of what goes into one transaction of Coraza, which cannot be broken off once it runs.
const (
	groupFields = 48
	groupBytes  = 4 << 10
)

// maxFindings bounds the findings of one item. What follows counts as not looked at.
const maxFindings = 200

// Engine looks at fields with the rules of a web application firewall. It implements scan.Engine, scan.Selector,
// scan.Assurer, scan.Versioner and scan.Keyer and may be used by many goroutines at the same time. Close it when no new look
// begins any more.
type Engine struct {
	o       Options
	rules   *compiled
	sources *sources
	own     bool   // there are rules of the operator's, of which more can depend than on the value
	off     []bool // by index into classNames
}

// New loads and compiles rules: about 100 ms for CRS. The error joins everything that is wrong with the rule files,
// a *RuleError each.
func New(o Options) (*Engine, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s, err := load(o.Rules)
	c, compileErr := compile(s, &o)
	if err := errors.Join(err, compileErr); err != nil {
		if c != nil {
			c.close()
		}
		return nil, err
	}
	e := &Engine{o: o, rules: c, sources: s, own: len(s.files) > 0, off: make([]bool, len(classNames))}
	for i, name := range classNames {
		e.off[i] = slices.Contains(o.Disabled, name)
	}
	return e, nil
}

// Close lets go of the compiled rules. The error is always nil.
func (e *Engine) Close() error {
	e.rules.close()
	return nil
}

// Name implements scan.Engine.
func (e *Engine) Name() string { return Name }

// Version implements scan.Versioner.
func (e *Engine) Version() string { return e.rules.version }

// Rules returns how many rules there are, those that only prepare others included.
func (e *Engine) Rules() int { return e.rules.rules }

// Key implements scan.Keyer: fields depend on how the item is read, and rules of the operator's can ask for the host.
func (e *Engine) Key(it *scan.Item) (string, bool) {
	if !e.own {
		return it.Type + "\n" + it.Claimed, true
	}
	return it.Type + "\n" + it.Claimed + "\n" + it.Message.Host, true
}

// Assures implements scan.Assurer: these rules are a second opinion, whose gaps a profile may waive. What nobody else
// looks at counts as not looked at.
func (e *Engine) Assures(*scan.Item) bool { return false }

// Wants implements scan.Selector: items with fields, of messages in the sample.
func (e *Engine) Wants(it *scan.Item) bool { return it.Fields != nil && e.sampled(it.Message) }

// sampled reports whether the message is one of those that are looked at. A message is seen more than once (an item
// at a time, and again after a rewrite), so that chance must not decide.
func (e *Engine) sampled(m *scan.Message) bool {
	if e.o.Sample >= 1 || m.ID == "" {
		return true
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(m.ID))
	// FNV's last bytes hardly reach its high bits; one more multiplication spreads them.
	return float64(h.Sum64()*0x9E3779B97F4A7C15)/math.MaxUint64 < e.o.Sample
}

// Scan implements scan.Engine. The error is that of the item's fields, ctx's, or a *scan.Gap for a limit or for the
// engine's own time.
func (e *Engine) Scan(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	if it.Fields == nil {
		return nil, ctx.Err()
	}
	limited, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	// Coraza has no way to break a transaction off: what waits for ctx waits for the group that is in it.
	l := &look{e: e, it: it, ctx: limited, left: e.o.MaxBytes, names: map[string]int{}}
	err := it.Fields(limited, l.field)
	l.flush() // of what was read, whatever ended the reading
	switch {
	case ctx.Err() != nil:
		return l.out, ctx.Err()
	case limited.Err() != nil:
		return l.out, &scan.Gap{Reason: scan.ReasonTimeout, Err: fmt.Errorf("engines.waf.timeout: not all fields were looked at in %v", e.o.Timeout)}
	case err != nil:
		return l.out, err
	case l.gap != nil:
		return l.out, l.gap
	}
	return l.out, nil
}

// argument is a field that waits in a group. The field itself is gone by the time that the rules run.
type argument struct {
	name, value string
	path        string
	kind        scan.FieldKind
	span        scan.Span
}

// look is one look at one item.
type look struct {
	e   *Engine
	it  *scan.Item
	ctx context.Context //nolint:containedctx // of one call of Scan

	left  int64 // of Options.MaxBytes
	group []argument
	names map[string]int // of the group: name in lower case, index
	size  int
	clean map[string]struct{} // short values in which nothing was found
	out   []scan.Finding
	gap   *scan.Gap
}

// maxClean bounds the values that are known to be clean, maxCleanBytes their length. API messages repeat names,
// states and currencies in every record.
const (
	maxClean      = 4096
	maxCleanBytes = 64
)

// field takes a field into the group, and reports whether to go on.
func (l *look) field(f *scan.Field) bool {
	if l.ctx.Err() != nil {
		return false
	}
	if len(f.Value) == 0 || !l.e.own && (isPlain(f) || l.known(f.Value)) {
		return true
	}
	if len(l.out) == maxFindings {
		l.limit("findings")
		return false
	}
	value, more := f.Value, true
	if int64(len(value)) > l.e.o.MaxFieldBytes {
		value = value[:l.e.o.MaxFieldBytes]
		l.limit("max_field_bytes")
	}
	if int64(len(value)) > l.left {
		value, more = value[:l.left], false
		l.limit("max_bytes")
	}
	l.left -= int64(len(value))
	a := argument{value: string(value), path: f.Path(), kind: f.Kind, span: f.Span}
	// A name that begins with a slash could not be written down in a rule: it would be a regular expression there.
	a.name = cmp.Or(strings.TrimPrefix(a.path, "/"), "body")
	_, taken := l.names[strings.ToLower(a.name)]
	alone := l.e.own || !isWords(value)
	if taken || alone || l.size+len(value) > groupBytes || len(l.group) == groupFields {
		l.flush()
	}
	l.names[strings.ToLower(a.name)] = len(l.group)
	l.group = append(l.group, a)
	if l.size += len(value); alone {
		l.flush()
	}
	return more
}

// isWords reports whether a value is of letters, digits, spaces and little else. Such values are shown to CRS in
// groups, which takes half of the time. They can do without the rules that compare what they captured before: those
// are about quotes, operators and wildcards.
func isWords(value []byte) bool {
	return !slices.ContainsFunc(value, func(c byte) bool {
		return (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && strings.IndexByte(" -_.,:/+@", c) < 0
	})
}

// isPlain reports whether the field is a number, true, false or null, which no rule of CRS is about.
func isPlain(f *scan.Field) bool {
	if f.Kind != scan.KindNumber || len(f.Value) > maxCleanBytes {
		return false
	}
	return !slices.ContainsFunc(f.Value, func(c byte) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '-' && c != '+' && c != '.' && c != 'E'
	})
}

func (l *look) known(value []byte) bool {
	if len(value) > maxCleanBytes {
		return false
	}
	_, ok := l.clean[string(value)]
	return ok
}

// limit notes that something is not looked at. The first limit is the one that is told.
func (l *look) limit(name string) {
	if l.gap == nil {
		l.gap = &scan.Gap{Reason: scan.ReasonLimit, Limit: "engines.waf." + name}
	}
}

// flush shows the group to the rules. If one of them matches, each argument that it names is shown again, alone: what
// a rule captures of one argument, it must not compare with another, and what it says is about one field.
func (l *look) flush() {
	if l.ctx.Err() != nil || len(l.group) == 0 {
		return
	}
	group := l.group
	hits := make([]bool, len(group))
	if matches := l.e.run(l.it.Message, group); len(group) == 1 {
		hits[0] = len(matches) > 0
		l.report(matches, &group[0])
	} else {
		l.suspects(matches, hits)
		for i := range group {
			if hits[i] && l.ctx.Err() == nil {
				l.report(l.e.run(l.it.Message, group[i:i+1]), &group[i])
			}
		}
	}
	l.remember(group, hits)
	l.group, l.size = l.group[:0], 0
	clear(l.names)
}

// suspects marks the arguments that the matches name; all of them if one names none.
func (l *look) suspects(matches []types.MatchedRule, hits []bool) {
	for _, m := range matches {
		named := false
		for _, d := range m.MatchedDatas() {
			if v := d.Variable(); v != variables.Args && v != variables.ArgsPost {
				continue
			}
			if i, ok := l.names[strings.ToLower(d.Key())]; ok {
				hits[i], named = true, true
			}
		}
		if !named {
			for i := range hits {
				hits[i] = true
			}
		}
	}
}

// remember keeps the short values in which nothing was found.
func (l *look) remember(group []argument, hits []bool) {
	if l.clean == nil {
		l.clean = map[string]struct{}{}
	}
	for i := range group {
		if !hits[i] && len(group[i].value) <= maxCleanBytes && len(l.clean) < maxClean {
			l.clean[group[i].value] = struct{}{}
		}
	}
}

// run shows arguments to the rules, as those of one request, and returns the rules that matched and have something
// to say.
func (e *Engine) run(m *scan.Message, group []argument) []types.MatchedRule {
	tx := e.rules.waf.NewTransaction()
	defer func() { _ = tx.Close() }()
	tx.SetServerName(m.Host)
	for i := range group {
		tx.AddPostRequestArgument(group[i].name, group[i].value)
	}
	tx.ProcessRequestHeaders()
	// Bodies are off, so that there is none to fail on; the interruption is none in DetectionOnly.
	_, _ = tx.ProcessRequestBody()
	var out []types.MatchedRule
	for _, match := range tx.MatchedRules() {
		if id := match.Rule().ID(); match.Message() != "" && (id < 901000 || id > 901999) {
			out = append(out, match)
		}
	}
	return out
}

// report makes findings of the rules that match an argument.
func (l *look) report(matches []types.MatchedRule, a *argument) {
	for _, m := range matches {
		rule := m.Rule()
		class := classOf(rule.ID(), rule.Tags())
		if i := slices.Index(classNames, class); i >= 0 && l.e.off[i] {
			continue
		}
		if len(l.out) == maxFindings {
			l.limit("findings")
			return
		}
		message := oneLine(m.Message(), 200)
		f := scan.Finding{
			Engine: Name, Rule: fmt.Sprintf("waf-%d", rule.ID()), Category: scan.WAF, Class: class, Severity: severityOf(rule.Severity()),
			Path: l.it.Path + a.path, Field: a.path, Span: a.span, Description: message, Detail: message + excerpt(m, a),
			Reference: fmt.Sprintf("OWASP CRS %s, rule %d", crsVersion, rule.ID()),
		}
		if where, own := l.e.sources.place(rule.File()); own {
			f.Reference = oneLine(where, 200)
		}
		l.out = append(l.out, f)
	}
}

// excerpt is a short piece of what matched in the argument, in quotes.
func excerpt(m types.MatchedRule, a *argument) string {
	text := a.value
	for _, d := range m.MatchedDatas() {
		// CRS words its data in this way; what it matched is more telling than the beginning of the value.
		found, ok := strings.CutPrefix(d.Data(), "Matched Data: ")
		// Some rules match what a transformation made of the value: its own words are better then.
		cut := strings.Index(found, " found within ")
		if ok && cut > 0 && strings.EqualFold(d.Key(), a.name) && strings.Contains(a.value, found[:cut]) {
			text = found[:cut]
			break
		}
	}
	const limit = 60
	if text = oneLine(text, limit+1); len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}
	if a.kind == scan.KindKey {
		return fmt.Sprintf(": name %q", text)
	}
	return fmt.Sprintf(": %q", text)
}

// oneLine makes text fit for logs and headers, of at most that many bytes.
func oneLine(s string, limit int) string {
	if len(s) > 4*limit {
		s = s[:4*limit]
	}
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || 0x7f <= r && r < 0xa0 {
			return -1
		}
		return r
	}, s)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return s
}
