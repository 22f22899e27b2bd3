package trace

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"icapd/internal/event"

	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	span "go.opentelemetry.io/proto/slim/otlp/trace/v1"
)

// spans are those of one message: its own, and below it those of its stages and, below the scan, of the engines. They
// carry what was decided, and nothing of what was in the message: no URL, no path, no value.
func spans(e *event.Event) ([]*span.Span, error) {
	m := maker{e: e}
	var root, parent [8]byte
	if e.Trace == nil || !decode(m.trace[:], e.Trace.ID) || !decode(root[:], e.Trace.SpanID) {
		return nil, fmt.Errorf("trace: event %s has no place in a trace", e.RequestID)
	}
	d := &e.Durations
	own := m.span("icap "+e.Service, root[:], nil, 0, millis(d.Total))
	own.Kind = span.Span_SPAN_KIND_SERVER
	own.TraceState = e.Trace.State
	if decode(parent[:], e.Trace.Parent) {
		own.ParentSpanId = slices.Clone(parent[:])
	}
	own.Attributes = attributes(e)
	if e.Error != "" { // its text may quote a peer: the event has it
		own.Status = &span.Status{Code: span.Status_STATUS_CODE_ERROR}
	}
	at := millis(d.Receive)
	if d.Receive > 0 {
		m.child("receive", root[:], 0, at)
	}
	if d.Scan > 0 {
		scan := m.child("scan", root[:], at, at+millis(d.Scan))
		scan.Attributes = append(scan.Attributes, number("icapd.items", int64(len(e.Items))), float("icapd.walk_ms", d.Walk))
		if d.Decode > 0 {
			m.child("decode", scan.SpanId, at, at+millis(d.Decode))
		}
		for i := range d.Engines {
			t := &d.Engines[i]
			s := m.child("engine "+t.Engine, scan.SpanId, t.From, t.To)
			s.Attributes = append(s.Attributes, text("icapd.engine", t.Engine), number("icapd.items", int64(t.Items)), float("icapd.busy_ms", t.Busy))
		}
		at += millis(d.Scan)
	}
	if d.Rewrite > 0 {
		s := m.child("rewrite", root[:], at, at+millis(d.Rewrite))
		s.Attributes = append(s.Attributes, number("icapd.changes", int64(len(e.Changes))))
	}
	if d.Reply > 0 {
		m.child("reply", root[:], millis(d.Total-d.Reply), millis(d.Total))
	}
	return m.out, nil
}

// attributes are those of the message.
func attributes(e *event.Event) []*common.KeyValue {
	out := []*common.KeyValue{
		text("icapd.request_id", e.RequestID), text("icapd.service", e.Service), text("icapd.direction", e.Direction),
		text("icapd.verdict", e.Verdict), text("icapd.action", e.Action), number("icapd.icap_status", int64(e.ICAPStatus)),
		number("icapd.body_bytes", e.Size), number("icapd.findings", int64(len(e.Findings))), number("icapd.gaps", int64(len(e.Gaps))),
	}
	for _, it := range []struct{ key, value string }{
		{"icapd.api", e.API},
		{"icapd.profile", e.Profile},
		{"icapd.rule", e.Rule},
		{"icapd.shadowed", e.Shadowed},
		{"icapd.type", e.Type},
		{"http.request.method", e.Method},
		{"server.address", e.Host},
	} {
		if it.value != "" {
			out = append(out, text(it.key, it.value))
		}
	}
	if e.Status != 0 {
		out = append(out, number("http.response.status_code", int64(e.Status)))
	}
	return out
}

// maker makes the spans of one message.
type maker struct {
	e     *event.Event
	trace [16]byte
	out   []*span.Span
}

// span adds one that lasted from and to these times after the message began.
func (m *maker) span(name string, id, parent []byte, from, to time.Duration) *span.Span {
	begun := m.e.Time.UnixNano()
	s := &span.Span{
		TraceId: m.trace[:], SpanId: id, ParentSpanId: parent, Name: name, Kind: span.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: uint64(max(0, begun+int64(from))), EndTimeUnixNano: uint64(max(0, begun+int64(max(from, to)))),
	}
	if m.e.Trace.Sampled {
		s.Flags = 1
	}
	m.out = append(m.out, s)
	return s
}

func (m *maker) child(name string, parent []byte, from, to time.Duration) *span.Span {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails
	return m.span(name, id, parent, from, to)
}

func millis(f float64) time.Duration { return time.Duration(f * float64(time.Millisecond)) }

// decode reads an id of exactly the length of dst.
func decode(dst []byte, s string) bool {
	if len(s) != 2*len(dst) {
		return false
	}
	_, err := hex.Decode(dst, []byte(s))
	return err == nil
}

func text(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

func number(key string, value int64) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: value}}}
}

func float(key string, value float64) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: value}}}
}
