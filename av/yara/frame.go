package yara

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"icapd/scan"
)

// Between the engine and a worker travel frames: four bytes of length, most significant first, then JSON. The
// content to scan does not; it lies in memory that both see.

const (
	maxRequest = 1 << 20
	maxReply   = 8 << 20
	maxHello   = 256 << 20 // lists all rules, and the texts of included files
)

// errTooLong is a frame beyond its limit. Nothing of it was written.
var errTooLong = errors.New("a message to or from a worker is too long")

type op string

const (
	opScan   op = "scan"
	opCancel op = "cancel"
)

// request goes to the worker.
type request struct {
	Op   op       `json:"op"`
	ID   uint64   `json:"id"`
	Size int64    `json:"size,omitempty"` // of the content
	Time int64    `json:"time,omitempty"` // nanoseconds that the scan may take, 0 for the usual time
	Vars [][]byte `json:"vars,omitempty"` // bytes, because JSON would change what is not UTF-8
}

// reply comes from the worker, one for each opScan.
type reply struct {
	ID      uint64     `json:"id"`
	Matches []match    `json:"matches,omitempty"`
	Err     *wireError `json:"err,omitempty"`
}

// wireError is a scan.Gap on its way.
type wireError struct {
	Reason uint8  `json:"reason"` // a scan.Reason, whose own JSON cannot be read back
	Limit  string `json:"limit,omitempty"`
	Msg    string `json:"msg"`
}

// hello is the first thing that a worker says.
type hello struct {
	Compiled *compiled   `json:"compiled,omitempty"` // of the first worker of a set
	Mistakes []RuleError `json:"mistakes,omitempty"` // in the rules
	Failure  string      `json:"failure,omitempty"`  // anything else that went wrong
}

// load is what a worker needs to know to begin with.
type load struct {
	Sources  []source `json:"sources"`
	Disabled []string `json:"disabled,omitempty"`
	Cache    string   `json:"cache,omitempty"`
	Timeout  int64    `json:"timeout"` // nanoseconds
}

func writeFrame(w io.Writer, v any, limit int) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(body) > limit {
		return fmt.Errorf("%w: %d bytes, more than %d", errTooLong, len(body), limit)
	}
	frame := make([]byte, 4, 4+len(body))
	binary.BigEndian.PutUint32(frame, uint32(len(body))) //nolint:gosec // limit is far below 4 GiB
	_, err = w.Write(append(frame, body...))
	return err
}

// readFrame reads a frame of at most limit bytes. Memory grows with what arrives, not with what is announced.
func readFrame(r io.Reader, v any, limit int) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if int64(n) > int64(limit) {
		return fmt.Errorf("%w: %d bytes, more than %d", errTooLong, n, limit)
	}
	body := io.LimitedReader{R: r, N: int64(n)}
	dec := json.NewDecoder(&body)
	if err := dec.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	if _, err := io.Copy(io.Discard, &body); err != nil {
		return err
	}
	if body.N > 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// newReply is what a worker says of a scan.
func newReply(id uint64, matches []match, err error) *reply {
	r := &reply{ID: id, Matches: matches}
	if err != nil {
		g := scan.GapFrom("yara", "", err)
		r.Err = &wireError{Reason: uint8(g.Reason), Limit: g.Limit, Msg: g.Err.Error()}
	}
	return r
}

// check holds a reply to what a sane worker says: this one has just looked at hostile bytes.
func (r *reply) check(id uint64, rules int, size int64) error {
	if r.ID != id {
		return fmt.Errorf("the worker answers scan %d when asked for %d", r.ID, id)
	}
	for i := range r.Matches {
		m := &r.Matches[i]
		if m.Rule < 0 || m.Rule >= rules || m.More < 0 {
			return fmt.Errorf("the worker names rule %d of %d", m.Rule, rules)
		}
		for j := range m.Strings {
			s := &m.Strings[j]
			s.Name = oneLine(s.Name)
			if s.Offset < 0 || s.Length < 0 || s.Offset > size || s.Length > size-s.Offset {
				return fmt.Errorf("the worker names %d bytes at %d of %d", s.Length, s.Offset, size)
			}
		}
	}
	return nil
}

// err is the scan's error, as the worker's backend returned it.
func (r *reply) err() error {
	if r.Err == nil {
		return nil
	}
	reason := scan.Reason(r.Err.Reason)
	if reason == scan.ReasonCanceled {
		return context.Canceled
	}
	return &scan.Gap{Engine: "yara", Reason: reason, Limit: oneLine(r.Err.Limit), Err: errors.New(oneLine(r.Err.Msg))}
}
