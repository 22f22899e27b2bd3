// Package trace places messages in the distributed traces that they belong to: W3C Trace Context
// (https://www.w3.org/TR/trace-context/) in, OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/) out.
//
// Spans are made from audit events, after the answer: nothing is kept for a trace while a message is in hand, and a
// collector that is slow or dead is a matter of the queue before the Exporter.
package trace

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"

	"icapd/internal/event"
)

// Context is what a traceparent and a tracestate say.
type Context struct {
	ID      [16]byte
	Span    [8]byte // of whoever sent it
	Sampled bool    // whoever sent it records the trace
	State   string  // tracestate as it came, "" if it is not one
}

const (
	maxState   = 512 // bytes that must be passed on, of section 3.3.1.5
	maxMembers = 32  // of a list, of section 3.3.1.1
)

// Parse reads the values of the fields traceparent and tracestate. It is false for what is no traceparent: none, more
// than one, one of the wrong form, one with zeros for an id (section 3.2). A tracestate that is none is left out.
func Parse(traceparent, tracestate []string) (c Context, ok bool) {
	if len(traceparent) != 1 {
		return c, false
	}
	s := strings.Trim(traceparent[0], " \t")
	// version "-" trace-id "-" parent-id "-" trace-flags, and after those, of later versions, "-" and anything
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || len(s) > 55 && (s[55] != '-' || s[:2] == "00") {
		return c, false
	}
	var version, flags [1]byte
	if !unhex(version[:], s[:2]) || version[0] == 0xff || !unhex(c.ID[:], s[3:35]) || !unhex(c.Span[:], s[36:52]) || !unhex(flags[:], s[53:55]) {
		return Context{}, false
	}
	if c.ID == [16]byte{} || c.Span == [8]byte{} {
		return Context{}, false
	}
	c.Sampled = flags[0]&1 != 0
	if state := strings.Trim(strings.Join(tracestate, ","), " \t"); len(state) <= maxState && isState(state) {
		c.State = state
	}
	return c, true
}

// unhex reads lower-case hexadecimal, the only one that section 2.3 knows.
func unhex(dst []byte, s string) bool {
	if strings.ContainsAny(s, "ABCDEF") {
		return false
	}
	_, err := hex.Decode(dst, []byte(s))
	return err == nil
}

// isState judges a list of members by section 3.3.1 as far as it protects those whom it is sent on to: printable, of
// the form key=value, and not too many.
func isState(s string) bool {
	if s == "" || strings.Count(s, ",") >= maxMembers {
		return false
	}
	for i := range len(s) {
		if (s[i] < ' ' && s[i] != '\t') || s[i] > '~' {
			return false
		}
	}
	for member := range strings.SplitSeq(s, ",") {
		member = strings.Trim(member, " \t")
		if key, value, ok := strings.Cut(member, "="); member != "" && (!ok || key == "" || value == "") {
			return false
		}
	}
	return true
}

// Sampler decides which traces are recorded. The zero Sampler records those that others record already. It may be used
// from many goroutines.
type Sampler struct {
	bound uint64 // in the manner of OpenTelemetry's TraceIdRatioBased: all nodes decide alike about a trace
}

// NewSampler returns a sampler that records this share, from 0 to 1, of the traces that begin here. A trace that began
// elsewhere is recorded if its traceparent says so.
func NewSampler(share float64) Sampler {
	if share >= 1 {
		return Sampler{bound: 1 << 63}
	}
	return Sampler{bound: uint64(math.Max(0, share) * (1 << 63))}
}

// Begin returns a message's place in the trace that the fields name, or in one of its own.
func (s Sampler) Begin(traceparent, tracestate []string) *event.Trace {
	var fresh [24]byte
	_, _ = rand.Read(fresh[:]) // never fails
	c, ok := Parse(traceparent, tracestate)
	t := &event.Trace{SpanID: hex.EncodeToString(fresh[16:])}
	if ok {
		t.Parent = hex.EncodeToString(c.Span[:])
	} else {
		copy(c.ID[:], fresh[:16])
		c.Sampled = binary.BigEndian.Uint64(c.ID[8:])>>1 < s.bound
	}
	t.ID, t.State, t.Sampled = hex.EncodeToString(c.ID[:]), c.State, c.Sampled
	return t
}

// Parent is the traceparent for servers that are asked on behalf of a message.
func Parent(t *event.Trace) string {
	flags := "-00"
	if t.Sampled {
		flags = "-01"
	}
	return "00-" + t.ID + "-" + t.SpanID + flags
}
