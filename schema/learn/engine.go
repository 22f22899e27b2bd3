package learn

import (
	"context"

	"icapd/scan"
)

// Engine is a scan.Engine that finds nothing: it learns from the bodies of messages, as they are behind their content
// codings. What it cannot learn from is left out, and no message waits for more than the reading of its own body.
type Engine struct {
	learner  func(api string) *Learner
	selector func(*scan.Message) string // the API to learn for, "" for none
}

// NewEngine returns an engine that learns for the APIs that selector names, with the learners of those names. Both must
// be fast, and safe for use from many goroutines.
func NewEngine(learner func(api string) *Learner, selector func(*scan.Message) string) *Engine {
	return &Engine{learner: learner, selector: selector}
}

// Name implements scan.Engine.
func (*Engine) Name() string { return "learn" }

// Wants implements scan.Selector.
func (e *Engine) Wants(it *scan.Item) bool {
	return it.Parent == nil && it.Path == "body" && e.selector(it.Message) != ""
}

// Assures implements scan.Assurer: to learn is not to look.
func (*Engine) Assures(*scan.Item) bool { return false }

// Key implements scan.Keyer: each message counts.
func (*Engine) Key(*scan.Item) (string, bool) { return "", false }

// Scan implements scan.Engine. That a message cannot be learned from is no gap: nothing depends on it.
func (e *Engine) Scan(ctx context.Context, it *scan.Item) ([]scan.Finding, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	api := e.selector(it.Message)
	if api == "" {
		return nil, nil
	}
	m := it.Message
	s := &Sample{Method: m.Method, Host: m.Host, Path: m.Path, Request: m.Direction == scan.Request, Status: m.Status, Type: m.Type}
	if s.Type == "" {
		s.Type = it.Type
	}
	if it.Blob.Size() <= maxSample { // a larger one is counted as left out
		s.Body, _ = it.Blob.Bytes() // what cannot be read is left out
	}
	defer func() { _ = recover() }() // nothing depends on what is learned: it must not stop a message
	_ = e.learner(api).Observe(s)    // it counts what it leaves out
	return nil, nil
}
