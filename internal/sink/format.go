package sink

import (
	"bytes"
	"encoding/json"
	"fmt"

	"icapd/internal/event"
)

// Format is how records are written.
type Format uint8

// The formats. Both are one JSON object a line.
const (
	Native Format = iota // icapd's own names, those of `icapd scan --json`
	ECS                  // the Elastic Common Schema, with what it has no name for under "icapd"
)

// ParseFormat reads a format's name, "native" or "ecs"; "" is native.
func ParseFormat(s string) (Format, error) {
	switch s {
	case "", "native":
		return Native, nil
	case "ecs":
		return ECS, nil
	}
	return Native, fmt.Errorf("%q is neither native nor ecs", s)
}

// Append appends the record as one JSON object, without a line end.
func (f Format) Append(dst []byte, r Record) ([]byte, error) {
	var v any
	switch {
	case f == ECS && r.Message != nil:
		v = ecsMessage(r.Message)
	case f == ECS:
		v = ecsChange(r.Change)
	case r.Message != nil:
		return append(r.Message.AppendFields(append(dst, `{"kind":"message",`...)), '}'), nil
	default:
		v = struct {
			Kind string `json:"kind"`
			*Change
		}{"change", r.Change}
	}
	b := bytes.NewBuffer(dst)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return dst, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

type object = map[string]any

// ecsVersion is the version of the schema whose field names are used.
const ecsVersion = "8.17.0"

// ecsMessage names things as https://www.elastic.co/guide/en/ecs/current/ecs-field-reference.html does.
func ecsMessage(e *event.Event) object {
	kind, category, types := "event", []string{"network", "web"}, []string{"connection", "allowed"}
	if e.Verdict == "malicious" || e.Action != "allow" {
		kind, category = "alert", []string{"network", "intrusion_detection"}
	}
	if e.Action == "block" {
		types[1] = "denied"
	}
	outcome := "success"
	if e.Error != "" {
		outcome = "failure"
	}
	ev := object{
		"id": e.RequestID, "module": "icapd", "dataset": "icapd.message", "kind": kind, "category": category,
		"type": types, "action": e.Action, "outcome": outcome, "duration": int64(e.Durations.Total * 1e6),
		"start": e.Time, "provider": "icapd",
	}
	setIf(ev, "reason", e.Reason)
	http := object{}
	part := "response"
	if e.Direction == "request" {
		part = "request"
	}
	http[part] = object{"body": object{"bytes": e.Size}, "mime_type": e.Type}
	if e.Status != 0 {
		child(http, "response")["status_code"] = e.Status
	}
	if e.Method != "" {
		child(http, "request")["method"] = e.Method
	}
	out := object{
		"@timestamp": e.Time, "ecs": object{"version": ecsVersion}, "event": ev, "http": http,
		"observer": object{"type": "icap", "product": "icapd"},
		"message":  fmt.Sprintf("%s %s: %s, %s", e.Method, e.URL, e.Verdict, e.Action),
		"network":  object{"protocol": "http", "direction": map[string]string{"request": "outbound", "response": "inbound"}[e.Direction]},
		"icapd": object{
			"service": e.Service, "direction": e.Direction, "peer": e.Peer, "api": e.API, "profile": e.Profile,
			"verdict": e.Verdict, "shadowed": e.Shadowed, "findings": e.Findings, "gaps": e.Gaps,
			"changes": e.Changes, "omitted": e.Omitted, "icap_status": e.ICAPStatus, "durations": e.Durations,
		},
	}
	if e.URL != "" || e.Host != "" {
		u := object{}
		setIf(u, "full", e.URL)
		setIf(u, "domain", e.Host)
		out["url"] = u
	}
	if e.Client != "" {
		out["client"] = object{"address": e.Client}
	}
	if e.User != "" {
		out["user"] = object{"name": e.User}
	}
	if e.Rule != "" {
		out["rule"] = object{"name": e.Rule}
	}
	if t := e.Trace; t != nil {
		out["trace"], out["span"] = object{"id": t.ID}, object{"id": t.SpanID}
	}
	if e.Error != "" {
		out["error"] = object{"message": e.Error}
	}
	return out
}

func ecsChange(c *Change) object {
	ev := object{
		"id": c.ID, "module": "icapd", "dataset": "icapd.change", "kind": "event", "category": []string{"configuration"},
		"type": []string{"change"}, "action": c.Action, "outcome": c.Outcome, "provider": "icapd",
	}
	setIf(ev, "reason", c.Detail)
	out := object{
		"@timestamp": c.Time, "ecs": object{"version": ecsVersion}, "event": ev, "user": object{"name": c.Actor},
		"message": c.Action + " " + c.Target + ": " + c.Outcome, "icapd": object{"target": c.Target},
		"observer": object{"type": "icap", "product": "icapd"},
	}
	if c.Peer != "" {
		out["source"] = object{"address": c.Peer}
	}
	return out
}

func setIf(o object, key, value string) {
	if value != "" {
		o[key] = value
	}
}

func child(o object, key string) object {
	c, ok := o[key].(object)
	if !ok {
		c = object{}
		o[key] = c
	}
	return c
}
