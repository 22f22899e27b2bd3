// Package event is the audit record of one message: what came, what was seen, what was decided, and how long it
// took. It is what logs, metrics, the console and the inventory live on, so it carries no secrets and is bounded
// whatever a peer sends.
package event

import (
	"strings"
	"time"

	"icapd/scan"
)

// Event is the audit record of one message. There is exactly one for each message that reached a service,
// whatever became of it.
type Event struct {
	Time      time.Time `json:"time"`
	RequestID string    `json:"request_id"`
	Service   string    `json:"service"`
	Direction string    `json:"direction"` // "request" or "response"
	Peer      string    `json:"peer"`      // address of the ICAP client
	Client    string    `json:"client,omitempty"`
	User      string    `json:"user,omitempty"`
	Groups    []string  `json:"groups,omitempty"` // of the user
	Method    string    `json:"method,omitempty"`
	URL       string    `json:"url,omitempty"` // no credentials
	Host      string    `json:"host,omitempty"`
	Status    int       `json:"status,omitempty"`
	Type      string    `json:"type,omitempty"` // seen in the bytes, else as claimed
	Size      int64     `json:"size"`           // bytes of the body as received

	API      string `json:"api,omitempty"`
	Profile  string `json:"profile,omitempty"`
	Verdict  string `json:"verdict"` // scan.Outcome
	Action   string `json:"action"`  // "allow", "rewrite", "block"
	Rule     string `json:"rule,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Shadowed string `json:"shadowed,omitempty"` // the action that the profile would have taken, in shadow mode

	Findings []FindingRecord `json:"findings,omitempty"`
	Gaps     []GapRecord     `json:"gaps,omitempty"`
	Changes  []scan.Change   `json:"changes,omitempty"`
	Omitted  int             `json:"omitted,omitempty"` // records left out above, see maxRecords
	Items    []ItemRecord    `json:"-"`                 // what the body unpacked to, for the console

	Trace      *Trace    `json:"trace,omitempty"` // nil if messages are not traced
	ICAPStatus int       `json:"icap_status"`
	Error      string    `json:"error,omitempty"` // the ICAP client went away, or the answer could not be written
	Durations  Durations `json:"durations"`
}

// Compact makes the event independent of what its texts are parts of, which may be much larger: the heads of a message, say.
// Those of findings, gaps and changes are made for the event.
func (e *Event) Compact() {
	texts := [...]*string{&e.RequestID, &e.Peer, &e.Client, &e.User, &e.Method, &e.URL, &e.Host, &e.Type}
	n := 0
	for _, s := range texts {
		n += len(*s)
	}
	var b strings.Builder
	b.Grow(n)
	for _, s := range texts {
		b.WriteString(*s)
	}
	all := b.String()
	for _, s := range texts {
		*s, all = all[:len(*s)], all[len(*s):]
	}
	for i := range e.Groups {
		e.Groups[i] = strings.Clone(e.Groups[i])
	}
}

// Trace is a message's place in a distributed trace, by the identifiers of W3C Trace Context in lower-case hexadecimal.
type Trace struct {
	ID      string `json:"id"`
	SpanID  string `json:"span_id"` // of the message
	Parent  string `json:"-"`       // span that it was sent in; "" if the trace begins here
	State   string `json:"-"`       // tracestate
	Sampled bool   `json:"-"`       // the trace is recorded
}

// Durations says where the time went, in milliseconds. Decode and Walk are parts of Scan; so are Engines, beside each
// other.
type Durations struct {
	Receive float64 `json:"receive_ms"`
	Decode  float64 `json:"decode_ms,omitempty"` // content codings of the body undone
	Walk    float64 `json:"walk_ms,omitempty"`   // the rest of finding out what is in it
	Scan    float64 `json:"scan_ms"`
	Rewrite float64 `json:"rewrite_ms,omitempty"`
	Reply   float64 `json:"reply_ms"`
	Total   float64 `json:"total_ms"`

	Engines []EngineTime `json:"engines,omitempty"` // those that were shown something
}

// EngineTime is how long an engine took for one message, before any rewrite.
type EngineTime struct {
	Engine string  `json:"engine"`
	Items  int     `json:"items"` // that it was shown
	Busy   float64 `json:"ms"`    // in all its calls, waiting included

	// From Event.Time to when its first call began, and to when its last one ended.
	From, To time.Duration `json:"-"`
}

// FindingRecord is a finding as events and `icapd scan --json` show it.
type FindingRecord struct {
	Engine      string `json:"engine"`
	Rule        string `json:"rule"`
	Class       string `json:"class"`
	Severity    string `json:"severity"`
	Path        string `json:"path"`
	Detail      string `json:"detail"`
	Via         string `json:"via,omitempty"` // layers, outermost first, joined by ">"
	Description string `json:"description,omitempty"`
	Reference   string `json:"reference,omitempty"`
}

// ItemRecord is a piece of content as the console shows it.
type ItemRecord struct {
	Path  string
	Type  string
	Depth int
	Size  int64
}

// GapRecord is a gap as events and `icapd scan --json` show it.
type GapRecord struct {
	Engine string `json:"engine"`
	Path   string `json:"path"`
	Error  string `json:"error"`
	Reason string `json:"reason"`
	Limit  string `json:"limit,omitempty"`
}

// maxRecords bounds what one hostile message can write into the log.
const maxRecords = 100

// NewFindingRecord makes a finding presentable: one line of printable text per field, bounded.
func NewFindingRecord(f *scan.Finding) FindingRecord {
	return FindingRecord{
		Engine: f.Engine, Rule: OneLine(f.Rule, 200), Class: f.Class, Severity: f.Severity.String(),
		Path: OneLine(f.Path, 1024), Detail: OneLine(f.Detail, 512), Via: strings.Join(f.Via, ">"),
		Description: OneLine(f.Description, 512), Reference: OneLine(f.Reference, 256),
	}
}

// NewGapRecord does the same for a gap.
func NewGapRecord(g *scan.Gap) GapRecord {
	text := g.Reason.String()
	if g.Err != nil {
		text = g.Err.Error()
	}
	return GapRecord{
		Engine: g.Engine, Path: OneLine(g.Path, 1024), Error: OneLine(text, 512),
		Reason: g.Reason.String(), Limit: g.Limit,
	}
}

// Record copies a verdict into the event.
func (e *Event) Record(v *scan.Verdict) {
	e.Verdict = v.Outcome().String()
	for i := range v.Findings[:min(len(v.Findings), maxRecords)] {
		e.Findings = append(e.Findings, NewFindingRecord(&v.Findings[i]))
	}
	for i := range v.Gaps[:min(len(v.Gaps), maxRecords)] {
		e.Gaps = append(e.Gaps, NewGapRecord(&v.Gaps[i]))
	}
	e.Omitted += max(0, len(v.Findings)-maxRecords) + max(0, len(v.Gaps)-maxRecords)
}

// RecordTimes copies where the time of a look went.
func (e *Event) RecordTimes(v *scan.Verdict) {
	e.Durations.Walk = Millis(v.Walk)
	offset := v.Began.Sub(e.Time)
	e.Durations.Engines = make([]EngineTime, 0, len(v.Times))
	for i := range v.Times {
		if t := &v.Times[i]; t.Items > 0 {
			e.Durations.Engines = append(e.Durations.Engines, EngineTime{t.Engine, t.Items, Millis(t.Busy), offset + t.First, offset + t.Last})
		}
	}
}

// Millis is a duration as events show it: in milliseconds, to the microsecond.
func Millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// RecordChanges copies a rewriter's report into the event.
func (e *Event) RecordChanges(changes []scan.Change) {
	e.Changes = changes[:min(len(changes), maxRecords)]
	e.Omitted += max(0, len(changes)-maxRecords)
}
