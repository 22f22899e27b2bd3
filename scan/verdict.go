package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Outcome sums a verdict up in one word. The zero value is Unknown, and Unknown is never a pass.
type Outcome uint8

// The outcomes.
const (
	Unknown     Outcome = iota // nobody looked
	Clean                      // all of it was looked at, and nothing was found
	Suspicious                 // findings, none of them of high severity
	Unscannable                // something was not looked at
	Malicious                  // a finding of high severity
)

var outcomeNames = []string{"unknown", "clean", "suspicious", "unscannable", "malicious"}

// String returns the outcome's name in the public contract, "unknown" for values out of range.
func (o Outcome) String() string { return nameOf(outcomeNames, o) }

// MarshalText implements encoding.TextMarshaler.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Severity ranks a finding.
type Severity uint8

// The severities. Info never changes an outcome; High and above make it Malicious.
const (
	SeverityUnknown Severity = iota
	Info
	Low
	Medium
	High
	Critical
)

var severityNames = []string{"unknown", "info", "low", "medium", "high", "critical"}

// String returns the severity's name.
func (s Severity) String() string { return nameOf(severityNames, s) }

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseSeverity reads a severity's name; an unknown name is an error.
func ParseSeverity(s string) (Severity, error) {
	if i := slices.Index(severityNames, s); i > 0 {
		return Severity(i), nil //nolint:gosec // G115: there are six names
	}
	return SeverityUnknown, fmt.Errorf("unknown severity %q (one of info, low, medium, high, critical)", s)
}

// Category groups findings by what a profile decides about them.
type Category uint8

// The categories. A finding of the zero category is decided like malware: an engine that forgot to say what
// it found must not get a pass for it.
const (
	CategoryUnknown Category = iota
	Malware                  // malicious bytes: signatures, hashes, another scanner's word
	Injection                // a payload in a field, meant for a sink
	ActiveContent            // something in a document that acts: macro, script, embedded object
	Hazard                   // structure that deceives or breaks consumers: type mismatch, duplicate entries
	Schema                   // not what the API's schema promises
	WAF                      // a match of a web application firewall's rules, which are about requests
)

var categoryNames = []string{"unknown", "malware", "injection", "active_content", "hazard", "schema", "waf"}

// String returns the category's name.
func (c Category) String() string { return nameOf(categoryNames, c) }

// Finding is one thing that an engine saw.
type Finding struct {
	Engine   string // name of the engine
	Rule     string // rule, signature or threat name
	Category Category
	Class    string // finer than the category: "sqli", "xss", "macro"; never "" once Run has seen it
	Severity Severity
	Path     string // Item.Path, with the field's path appended if a field has it
	Detail   string // one line for people: what was seen. Holds no secrets and at most a short excerpt

	Item  *Item  // where it was seen; set by Run
	Field string // path of the field inside the item, "" for the item as a whole
	Span  Span   // bytes of the item: the field's raw form, or the match

	Via         []string // layers that hid the match, outermost first: "url", "base64"
	Description string   // what the rule is about
	Reference   string   // a public reference: CWE, CVE, URL
	Hint        string   // action that the rule's author proposes: "", "report", "rewrite", "block"
}

// Reason says why something was not looked at.
type Reason uint8

// The reasons. The zero value is an error without a name; all of them mean "not looked at".
const (
	ReasonError       Reason = iota // the engine failed
	ReasonTimeout                   // time ran out
	ReasonPanic                     // the engine panicked
	ReasonLimit                     // a limit was reached; Gap.Limit names it
	ReasonEncrypted                 // the content cannot be read without a key
	ReasonCorrupt                   // the content is not what it says it is, or ends early
	ReasonUnsupported               // nobody here can open it
	ReasonUnavailable               // the engine cannot be reached
	ReasonCanceled                  // the message went away
)

var reasonNames = []string{"error", "timeout", "panic", "limit", "encrypted", "corrupt", "unsupported", "unavailable", "canceled"}

// String returns the reason's name.
func (r Reason) String() string { return nameOf(reasonNames, r) }

// MarshalText implements encoding.TextMarshaler.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// LimitFindings is the Limit of a gap that means: all was looked at, and there are more findings than the verdict lists, each
// of a rule of which at least one in the same item is listed.
const LimitFindings = "findings"

// Gap is something that was not looked at.
type Gap struct {
	Engine string // who should have looked; "content" for what could not be opened
	Path   string // Item.Path
	Reason Reason
	Limit  string // the limit's name in the configuration, for ReasonLimit: "depth", "ratio"
	Err    error  // never nil once Run has seen it
}

// Error implements error, so that a reader or an engine can return a Gap that says its own reason.
func (g *Gap) Error() string {
	text := g.Reason.String()
	if g.Limit != "" {
		text += " " + g.Limit
	}
	if g.Err != nil {
		text += ": " + g.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (g *Gap) Unwrap() error { return g.Err }

// GapFrom turns an error into a gap. An error that is or wraps a *Gap keeps its reason and limit; deadline
// and cancellation are recognised; anything else is ReasonError.
func GapFrom(engine, path string, err error) Gap {
	var own *Gap
	g := Gap{Engine: engine, Path: path, Err: err}
	if bare, ok := err.(*Gap); ok && bare.Err != nil { //nolint:errorlint // only a gap that nothing is wrapped around is replaced by its cause
		g.Err = bare.Err
	}
	switch {
	case errors.As(err, &own):
		g.Reason, g.Limit = own.Reason, own.Limit
	case errors.Is(err, context.DeadlineExceeded):
		g.Reason = ReasonTimeout
	case errors.Is(err, context.Canceled):
		g.Reason = ReasonCanceled
	}
	return g
}

// Verdict is what all engines together say about a message. The zero Verdict says Unknown.
type Verdict struct {
	Findings []Finding
	Gaps     []Gap
	Looked   bool // every item had at least one engine that looked at all of it
	Items    int  // items shown to engines

	// Where the time went. Nothing is decided by it.
	Began time.Time     // when Run was called
	Walk  time.Duration // what it took to find the items: opening archives, decoding fields
	Times []EngineTime  // of each engine, in the order in which they were given
}

// EngineTime is how long an engine took for the items of one message. Calls run beside each other and beside the walk,
// so that times may sum to more than the message took.
type EngineTime struct {
	Engine string
	Items  int           // that it was shown
	Busy   time.Duration // in all calls, what the engine waited for included: a processor, another process
	First  time.Duration // from Verdict.Began to when the first call began
	Last   time.Duration // and to when the last one ended
}

func (t *EngineTime) add(began, end time.Duration) {
	if t.Items == 0 || began < t.First {
		t.First = began
	}
	t.Items++
	t.Busy += end - began
	t.Last = max(t.Last, end)
}

// Outcome sums the verdict up. Clean needs a look at every item and no gap.
func (v *Verdict) Outcome() Outcome {
	worst := SeverityUnknown
	for i := range v.Findings {
		worst = max(worst, cmp.Or(v.Findings[i].Severity, High)) // no severity is not a low one
	}
	switch {
	case worst >= High:
		return Malicious
	case len(v.Gaps) > 0:
		return Unscannable
	case worst > Info:
		return Suspicious
	case v.Looked:
		return Clean
	}
	return Unknown
}

// AddTimes adds the times of another look at the same message.
func (v *Verdict) AddTimes(o *Verdict) {
	if v.Began.IsZero() {
		v.Began = o.Began
	}
	later := o.Began.Sub(v.Began)
	v.Walk += o.Walk
	for _, t := range o.Times {
		t.First, t.Last = later+t.First, later+t.Last
		i := slices.IndexFunc(v.Times, func(own EngineTime) bool { return own.Engine == t.Engine })
		switch {
		case i < 0:
			v.Times = append(v.Times, t)
		case v.Times[i].Items == 0:
			v.Times[i] = t
		case t.Items > 0:
			own := &v.Times[i]
			own.Items, own.Busy = own.Items+t.Items, own.Busy+t.Busy
			own.First, own.Last = min(own.First, t.First), max(own.Last, t.Last)
		}
	}
}

func nameOf[T ~uint8](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return names[0]
}
