// Package cdr is content disarm and reconstruction: it takes a document from a third party and gives back one that
// shows the same and can do nothing. Formats live in rooms of their own below this one, behind [kit.Format]; what is
// removed from each, and why, is listed in docs/cdr.md.
//
// A document with nothing to remove comes out as it went in, byte for byte, so that signatures and hashes survive.
// One that cannot be made safe has no output: never half a document, and never the original.
package cdr

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"icapd/cdr/kit"
	"icapd/scan"
)

// Options say how a Disarmer works.
type Options struct {
	Mode     kit.Mode
	Switches kit.Switches
	Limits   kit.Limits

	// Timeout bounds one document; 0 means 30 s. It does not count the wait for Memory, which the caller's context bounds.
	Timeout time.Duration

	// Memory is shared with other Disarmers; nil means that nothing bounds what documents take together.
	Memory *Memory

	// Types are media types with a mode of their own; "image/*" stands for all of a kind that are not named.
	Types map[string]kit.Mode
}

// Disarmer makes documents safe. It may be used from many goroutines.
type Disarmer struct {
	opt     Options
	formats map[string]kit.Format // by media type
}

// New returns a Disarmer with the formats of Formats.
func New(opt Options) *Disarmer { return newDisarmer(opt, Formats()) }

func newDisarmer(opt Options, formats []kit.Format) *Disarmer {
	if opt.Timeout <= 0 {
		opt.Timeout = 30 * time.Second
	}
	d := &Disarmer{opt: opt, formats: map[string]kit.Format{}}
	for _, f := range formats {
		for _, t := range f.Types() {
			d.formats[t] = f
		}
	}
	return d
}

// typeOf is the media type that decides about a document's format. Text that looks like nothing else may be
// Markdown: only its name says so.
func typeOf(mediaType, name string) string {
	ext := strings.ToLower(path.Ext(name))
	if mediaType == "application/octet-stream" { // a control character makes no other file of a table; ".tab" has other uses
		switch ext {
		case ".csv":
			return "text/csv"
		case ".tsv":
			return "text/tab-separated-values"
		}
	}
	if mediaType != "text/plain" && mediaType != "text/xml" {
		return mediaType
	}
	switch ext {
	case ".library-ms", ".search-ms", ".searchconnector-ms":
		return "application/x-ms-library"
	case ".webloc", ".inetloc", ".fileloc", ".rdp", ".url", ".website":
		return "application/x-mswinurl"
	}
	if mediaType != "text/plain" {
		return mediaType
	}
	switch ext {
	case ".md", ".markdown", ".mdown":
		return "text/markdown"
	case ".csv":
		return "text/csv"
	case ".tsv", ".tab":
		return "text/tab-separated-values"
	case ".slk", ".sylk":
		return "application/x-sylk"
	case ".ics", ".vcs", ".ifb":
		return "text/calendar"
	case ".vcf":
		return "text/vcard"
	case ".iqy", ".oqy", ".dqy", ".rqy":
		return "text/x-ms-iqy"
	case ".scf":
		return "application/x-ms-scf"
	case ".desktop":
		return "application/x-desktop"
	}
	return mediaType
}

// Knows reports whether documents of this media type can be made safe.
func (d *Disarmer) Knows(mediaType string) bool { return d.formats[mediaType] != nil }

// File describes one side of a disarm.
type File struct {
	Type   string `json:"type"`
	Name   string `json:"name,omitempty"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Report says what became of a document.
type Report struct {
	Changed      bool          `json:"changed"`
	Mode         string        `json:"mode"`
	Input        File          `json:"input"`
	Output       File          `json:"output"`
	Removed      []kit.Removal `json:"removed"`
	Warnings     []string      `json:"warnings,omitempty"`
	Milliseconds float64       `json:"milliseconds"`

	Data []byte `json:"-"` // the output: the input's own bytes if nothing had to be changed
}

// maxPasses is how often a document may be rewritten before it must stay as it is.
const maxPasses = 3

// Disarm makes a document safe, and then looks at what came out as at any document: it is done when a pass finds
// nothing more. The error says why there is no safe output (a *scan.Gap where a reason is known); the report then
// holds what was seen until then, and no data.
func (d *Disarmer) Disarm(ctx context.Context, doc kit.Document) (Report, error) {
	doc.Type = typeOf(doc.Type, doc.Name)
	mode := d.mode(doc.Type)
	r := Report{Mode: modeName(mode), Input: describe(doc.Data, doc.Type, doc.Name), Removed: []kit.Removal{}}
	release, err := d.opt.Memory.take(ctx, need(&doc))
	if err != nil {
		return r, err
	}
	defer release()
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, d.opt.Timeout)
	defer cancel()
	out, err := d.passes(ctx, mode, doc, &r)
	r.Milliseconds = float64(time.Since(start).Microseconds()) / 1000
	if err != nil {
		return r, err
	}
	r.Data, r.Output = out.Data, r.Input
	if r.Changed {
		r.Output = describe(out.Data, out.Type, out.Name)
	}
	return r, nil
}

// mode is the mode for documents of a type: its own, that of its kind, or that of all.
func (d *Disarmer) mode(mediaType string) kit.Mode {
	kind, _, _ := strings.Cut(mediaType, "/")
	for _, t := range []string{mediaType, kind + "/*", "*"} {
		if m, ok := d.opt.Types[t]; ok {
			return m
		}
	}
	return d.opt.Mode
}

func (d *Disarmer) passes(ctx context.Context, mode kit.Mode, doc kit.Document, r *Report) (kit.Document, error) {
	for pass := range maxPasses {
		job := kit.NewJob(mode, d.opt.Switches, d.opt.Limits, d.handler)
		res, err := guarded(ctx, d.handler(&doc), job, doc)
		if pass == 0 || err != nil {
			r.Removed = append(r.Removed, job.Removals()...)
			r.Warnings = append(r.Warnings, job.Warnings()...)
		}
		switch {
		case err != nil && pass > 0:
			return doc, fmt.Errorf("cdr: the output does not stand its own inspection: %w", err)
		case err != nil:
			return doc, err
		case !res.Changed():
			return doc, nil
		}
		r.Changed = true
		doc.Data = res.Data
		if res.Type != "" {
			doc.Type = res.Type
		}
		if res.Name != "" {
			doc.Name = res.Name
		}
	}
	return doc, errors.New("cdr: the output does not stand its own inspection: every pass finds more")
}

func (d *Disarmer) handler(doc *kit.Document) kit.Handler {
	if f := d.formats[doc.Type]; f != nil {
		return f
	}
	return nil
}

// guarded turns a handler's panic into an error: a parser's bug is a document that was not made safe, not an outage.
func guarded(ctx context.Context, h kit.Handler, job *kit.Job, doc kit.Document) (res kit.Result, err error) {
	if h == nil {
		return kit.Result{}, kit.Unsupported("no handler for %s", doc.Type)
	}
	defer func() {
		if p := recover(); p != nil {
			res = kit.Result{}
			err = &scan.Gap{Engine: "cdr", Reason: scan.ReasonPanic, Err: &scan.PanicError{Value: p, Stack: debug.Stack()}}
		}
	}()
	return h.Disarm(ctx, job, doc)
}

func describe(data []byte, mediaType, name string) File {
	sum := sha256.Sum256(data)
	return File{Type: mediaType, Name: name, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
}

func modeName(m kit.Mode) string {
	if m == kit.ModeRebuild {
		return "rebuild"
	}
	return "disarm"
}
