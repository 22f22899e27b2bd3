// Package sink carries the audit stream out of the process: to files, to syslog, to NATS JetStream. Each sink has a
// queue of its own that is bounded in records and in bytes. Handing a record over never waits: what a sink that is
// slow or down cannot take is dropped, and counted.
package sink

import (
	"time"

	"icapd/internal/event"
)

// Record is one entry of the audit stream: exactly one of its fields is set. It does not change once it was handed
// to a Fanout.
type Record struct {
	Message *event.Event
	Change  *Change
	Line    []byte // of the process's own log, which shares a [Pipe] with the stream; other writers are given none
}

// Change is the audit record of something that an operator did: a reload, a release from quarantine, a rule
// switched off, a login that was refused.
type Change struct {
	Time    time.Time `json:"time"`
	ID      string    `json:"id"`
	Actor   string    `json:"actor"`            // "token", "certificate CN", "local", "signal", "file"
	Peer    string    `json:"peer,omitempty"`   // address that it came from
	Action  string    `json:"action"`           // "reload", "quarantine.release", "rule.off"
	Target  string    `json:"target,omitempty"` // what it was done to
	Outcome string    `json:"outcome"`          // "success" or "failure"
	Detail  string    `json:"detail,omitempty"` // one line
}

// id is what consumers may tell records apart by.
func (r *Record) id() string {
	switch {
	case r.Message != nil:
		return r.Message.RequestID
	case r.Change != nil:
		return r.Change.ID
	}
	return ""
}

// weight is about how many bytes the record takes in memory.
func (r *Record) weight() int {
	if r.Message == nil {
		return 512 + len(r.Line)
	}
	e := r.Message
	n := 1024 + len(e.URL) + len(e.Reason)
	for i := range e.Findings {
		f := &e.Findings[i]
		n += 160 + len(f.Rule) + len(f.Path) + len(f.Detail) + len(f.Description) + len(f.Reference)
	}
	for i := range e.Gaps {
		n += 96 + len(e.Gaps[i].Path) + len(e.Gaps[i].Error)
	}
	for i := range e.Changes {
		n += 96 + len(e.Changes[i].Path) + len(e.Changes[i].Detail)
	}
	return n
}

// short is the record without its lists, for transports that cannot carry much. What is left out is counted.
func (r *Record) short() Record {
	if r.Message == nil {
		return *r
	}
	e := *r.Message
	e.Omitted += len(e.Findings) + len(e.Gaps) + len(e.Changes)
	e.Findings, e.Gaps, e.Changes = nil, nil, nil
	e.URL, e.Reason = event.OneLine(e.URL, 256), event.OneLine(e.Reason, 256)
	return Record{Message: &e}
}
