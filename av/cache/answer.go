package cache

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"icapd/scan"
)

// format is part of every key and record. It changes when a record of an older icapd must not be used.
const format = 1

// answer is the findings of one scan, without the item and with paths from the item on. It is never changed.
type answer struct{ findings []scan.Finding }

// clean is the answer that there is nothing to find. There are many of it, and they need no memory of their own.
var clean = &answer{}

// keep returns what of the findings can be kept: nil if one of them says that it is somewhere else.
func keep(fs []scan.Finding, it *scan.Item) *answer {
	if len(fs) == 0 {
		return clean
	}
	kept := relative(fs, it)
	if kept == nil {
		return nil
	}
	return &answer{kept}
}

// relative returns copies of findings that know nothing of the item: nil if that is not possible.
func relative(fs []scan.Finding, it *scan.Item) []scan.Finding {
	kept := copyOf(fs)
	for i := range kept {
		f := &kept[i]
		if f.Path != "" && !strings.HasPrefix(f.Path, it.Path) {
			return nil
		}
		f.Path, f.Item = strings.TrimPrefix(f.Path, it.Path), nil
	}
	return kept
}

// restore returns the findings as if they had been found in the item.
func (a *answer) restore(it *scan.Item) []scan.Finding { return absolute(a.findings, it) }

func absolute(fs []scan.Finding, it *scan.Item) []scan.Finding {
	fs = copyOf(fs)
	for i := range fs {
		if fs[i].Path != "" {
			fs[i].Path = it.Path + fs[i].Path
		}
	}
	return fs
}

func copyOf(fs []scan.Finding) []scan.Finding {
	fs = slices.Clone(fs)
	for i := range fs {
		fs[i].Via = slices.Clone(fs[i].Via)
	}
	return fs
}

// What an entry takes in memory besides the strings of its findings, in bytes: key, the cache's own records,
// and the struct of a finding. Measured by a test.
const (
	entryBytes   = 150
	findingBytes = 270
)

// weight estimates the bytes that the answer takes.
func (a *answer) weight() uint32 {
	n := entryBytes
	for i := range a.findings {
		f := &a.findings[i]
		n += findingBytes
		for _, s := range []string{f.Engine, f.Rule, f.Class, f.Path, f.Detail, f.Field, f.Description, f.Reference, f.Hint} {
			n += len(s)
		}
		for _, s := range f.Via {
			n += len(s) + 16
		}
	}
	return uint32(min(n, 1<<30))
}

// record is a finding in the store.
type record struct {
	Rule        string        `json:"r,omitempty"`
	Category    scan.Category `json:"c,omitempty"`
	Class       string        `json:"k,omitempty"`
	Severity    uint8         `json:"s,omitempty"`
	Path        string        `json:"p,omitempty"`
	Detail      string        `json:"d,omitempty"`
	Field       string        `json:"f,omitempty"`
	Start       int64         `json:"a,omitempty"`
	End         int64         `json:"e,omitempty"`
	Via         []string      `json:"v,omitempty"`
	Description string        `json:"i,omitempty"`
	Reference   string        `json:"u,omitempty"`
	Hint        string        `json:"h,omitempty"`
}

const (
	maxRecord   = 256 << 10 // bytes of an answer in the store; larger ones stay in memory only
	maxFindings = 4096
)

var errRecord = errors.New("cache: not an answer")

// encode writes an answer down.
func (a *answer) encode() ([]byte, error) {
	rs := make([]record, len(a.findings))
	for i := range a.findings {
		f := &a.findings[i]
		rs[i] = record{
			f.Rule, f.Category, f.Class, uint8(f.Severity), f.Path, f.Detail, f.Field, f.Span.Start, f.Span.End, f.Via,
			f.Description, f.Reference, f.Hint,
		}
	}
	b, err := json.Marshal(rs)
	if err == nil && (len(b) > maxRecord || len(rs) > maxFindings) {
		err = errRecord
	}
	return b, err
}

// decode reads what encode wrote. What it does not understand is an error and never a clean answer.
func decode(b []byte) (*answer, error) {
	if len(b) > maxRecord || len(b) == 0 || b[0] != '[' { // null would decode, too
		return nil, errRecord
	}
	var rs []record
	if err := json.Unmarshal(b, &rs); err != nil || len(rs) > maxFindings {
		return nil, errRecord
	}
	if len(rs) == 0 {
		return clean, nil
	}
	a := &answer{make([]scan.Finding, len(rs))}
	for i := range rs {
		r := &rs[i]
		if r.Start < 0 || r.End < r.Start || r.Severity > uint8(scan.Critical) {
			return nil, errRecord
		}
		a.findings[i] = scan.Finding{
			Rule: r.Rule, Category: r.Category, Class: r.Class, Severity: scan.Severity(r.Severity), Path: r.Path,
			Detail: r.Detail, Field: r.Field, Span: scan.Span{Start: r.Start, End: r.End}, Via: r.Via,
			Description: r.Description, Reference: r.Reference, Hint: r.Hint,
		}
	}
	return a, nil
}
