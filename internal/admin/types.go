package admin

import (
	"context"
	"errors"
	"io"
	"time"
)

// Message is what became of one message, as the console and the API show it.
type Message struct {
	Time      time.Time `json:"time"`
	RequestID string    `json:"request_id"`
	Service   string    `json:"service"`
	Direction string    `json:"direction"`
	Peer      string    `json:"peer,omitempty"`
	Client    string    `json:"client,omitempty"`
	User      string    `json:"user,omitempty"`
	Method    string    `json:"method,omitempty"`
	URL       string    `json:"url,omitempty"`
	Host      string    `json:"host,omitempty"`
	Status    int       `json:"status,omitempty"`
	Type      string    `json:"type,omitempty"`
	Size      int64     `json:"size"`

	API      string `json:"api,omitempty"`
	Profile  string `json:"profile,omitempty"`
	Verdict  string `json:"verdict"`
	Action   string `json:"action"`
	Rule     string `json:"rule,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Shadowed string `json:"shadowed,omitempty"`

	Items    []Item    `json:"items,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	Gaps     []Gap     `json:"gaps,omitempty"`
	Changes  []Rewrite `json:"changes,omitempty"`
	Omitted  int       `json:"omitted,omitempty"`

	ICAPStatus int     `json:"icap_status"`
	Error      string  `json:"error,omitempty"`
	TraceID    string  `json:"trace_id,omitempty"`
	Durations  []Stage `json:"durations"`
	Millis     float64 `json:"ms"`

	Engines []EngineTime `json:"engines,omitempty"` // beside each other, so that they may sum to more than the scan took
}

// EngineTime is how long an engine took for all items that it was shown.
type EngineTime struct {
	Engine string  `json:"engine"`
	Items  int     `json:"items"`
	Millis float64 `json:"ms"`
}

// Item is a piece of content that the message's body unpacked to.
type Item struct {
	Path  string `json:"path"`
	Type  string `json:"type"`
	Depth int    `json:"depth"`
	Size  int64  `json:"size"`
}

// Finding is one thing that an engine saw.
type Finding struct {
	Engine      string `json:"engine"`
	Rule        string `json:"rule"`
	Class       string `json:"class"`
	Severity    string `json:"severity"`
	Path        string `json:"path"`
	Detail      string `json:"detail,omitempty"`
	Via         string `json:"via,omitempty"`
	Description string `json:"description,omitempty"`
	Reference   string `json:"reference,omitempty"`
}

// Gap is something that was not looked at.
type Gap struct {
	Engine string `json:"engine"`
	Path   string `json:"path"`
	Reason string `json:"reason"`
	Error  string `json:"error,omitempty"`
}

// Rewrite is one thing that was changed in the message.
type Rewrite struct {
	Rewriter string `json:"rewriter"`
	Path     string `json:"path"`
	Vector   string `json:"vector"`
	Action   string `json:"action"`
	Detail   string `json:"detail,omitempty"`
	Count    int    `json:"count"`
}

// Stage is how long a part of the way took.
type Stage struct {
	Name   string  `json:"name"`
	Millis float64 `json:"ms"`
	Part   bool    `json:"part,omitempty"` // of the last stage that is none
}

// Rule is a rule of an engine. Hits are those of this process.
type Rule struct {
	Engine      string `json:"engine"`
	ID          string `json:"id"`
	Class       string `json:"class,omitempty"`
	Severity    string `json:"severity,omitempty"`
	Description string `json:"description,omitempty"`
	Off         bool   `json:"off"` // switched off, by the configuration or for this process
	Hits        int64  `json:"hits"`
}

// rank is what rules are sorted by before their hits: those that are switched off come first.
func (r *Rule) rank() int {
	if r.Off {
		return 1
	}
	return 0
}

// Kept is an entry of the quarantine, without its bytes.
type Kept struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	URL     string    `json:"url,omitempty"`
	Name    string    `json:"name,omitempty"`
	Type    string    `json:"type,omitempty"`
	Action  string    `json:"action"`
	Verdict string    `json:"verdict"`
	Rule    string    `json:"rule,omitempty"`
	Size    int64     `json:"size"`
	Report  *Message  `json:"report,omitempty"`
}

// ErrNotFound says that there is no entry of that id.
var ErrNotFound = errors.New("there is no such entry")

// Listing is what the quarantine holds: its newest entries, and how full it is.
type Listing struct {
	Entries  []Kept `json:"entries"`   // the newest first, without reports
	Damaged  int    `json:"damaged"`   // entries among the newest that could not be read
	Count    int    `json:"count"`     // of all entries
	MaxCount int    `json:"max_count"` // 0: no limit
	Bytes    int64  `json:"bytes"`     // of all entries, as stored
	MaxBytes int64  `json:"max_bytes"` // 0: no limit
}

// Quarantine is the vault as operators use it. Its errors are shown to them.
type Quarantine interface {
	// List reads at most limit entries, the newest.
	List(ctx context.Context, limit int) (Listing, error)
	// Open returns an entry and its original bytes. The error for one that is not there is ErrNotFound.
	Open(ctx context.Context, id string) (Kept, io.ReadCloser, error)
	// Remove deletes an entry. The error for one that is not there is ErrNotFound.
	Remove(ctx context.Context, id string) error
}

// API is an endpoint of a third-party API that was seen in traffic.
type API struct {
	Host     string           `json:"host"`
	Path     string           `json:"path"`
	Name     string           `json:"api,omitempty"`
	Methods  []string         `json:"methods"`
	Types    []string         `json:"types"`
	Verdicts map[string]int64 `json:"verdicts"`
	Actions  map[string]int64 `json:"actions"`
	Messages int64            `json:"messages"`
	Sent     int64            `json:"sent_bytes"`
	Received int64            `json:"received_bytes"`
	Schema   int64            `json:"schema_findings"` // messages that are not what the API's schema promises have some
	First    time.Time        `json:"first"`
	Last     time.Time        `json:"last"`
}

// Try is content that an operator wants looked at.
type Try struct {
	Name      string // file name
	URL       string // where it is said to come from or to go to; may be ""
	Direction string // "response" or "request"
	Type      string // media type that the sender claims
}

// Tried is what became of it. Result is what would go on: the content as it is, or made safe; nil if blocked.
type Tried struct {
	Message Message `json:"message"`
	Changed bool    `json:"changed"`
	Name    string  `json:"name,omitempty"`
	Type    string  `json:"type,omitempty"`
	Result  []byte  `json:"result,omitempty"` // base64 in JSON
}

// Audit is what an operator did or tried to do.
type Audit struct {
	Time    time.Time `json:"time"`
	Actor   string    `json:"actor"`
	Peer    string    `json:"peer,omitempty"`
	Action  string    `json:"action"`
	Target  string    `json:"target,omitempty"`
	Outcome string    `json:"outcome"` // "success" or "failure"
	Detail  string    `json:"detail,omitempty"`
}

// Reloaded is what became of a reload.
type Reloaded struct {
	OK       bool     `json:"ok"`
	Problems []string `json:"problems,omitempty"` // each with its place; nothing has changed then
	Restart  []string `json:"needs_restart,omitempty"`
	ISTag    string   `json:"istag,omitempty"`
}
