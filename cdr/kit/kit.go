// Package kit holds what every format handler of cdr is built with: the document that it is given, the job that it
// works on (mode, switches, budget, report), and the error values that say why a document could not be made safe.
package kit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"icapd/scan"
)

// Document is what a handler is given: all bytes of one file, or of one file inside another.
type Document struct {
	Data []byte // never written to
	Type string // media type seen in the bytes
	Name string // file name, "" if unknown; not to be trusted
	Path string // where it is in the outermost document: "" there, "word/embeddings/a.xlsx" below
}

// Result is what a handler makes of a document. The zero Result means that nothing had to be changed: the original
// bytes stand, with their signatures and hashes.
type Result struct {
	Data []byte // the new bytes, nil if unchanged
	Type string // new media type, "" if unchanged
	Name string // new file name, "" if unchanged
}

// Changed reports whether the result differs from the document.
func (r *Result) Changed() bool { return r.Data != nil }

// Handler makes documents of some formats safe. Handlers have no state; all that one call needs is in the job.
type Handler interface {
	// Disarm returns the document without what is active in it. What it does to the document it says to
	// job.Removed, and it changes nothing that it did not say.
	//
	// An error means that there is no safe output: a *scan.Gap with the reason (see Encrypted, Corrupt,
	// Unsupported, Limit), ctx's error, or a failure of the handler's own. Half a document is never returned.
	//
	// Disarm must be linear in the document's size for all practical purposes, stay within job's budget
	// whatever the bytes say, and look at ctx at least every few milliseconds of work.
	Disarm(ctx context.Context, job *Job, doc Document) (Result, error)
}

// Mode says how thorough a job is.
type Mode uint8

// The modes. The zero value is ModeDisarm.
const (
	ModeDisarm  Mode = iota // what is active goes, unknown passive things stay
	ModeRebuild             // only what the format's specification names is written anew, without metadata
)

// Choice is a switch for one kind of content.
type Choice uint8

// The choices. The zero value means the format's default, as docs/cdr.md lists them.
const (
	ChoiceDefault  Choice = iota
	ChoiceAllow           // keep as it is
	ChoiceSanitise        // keep what is safe of it
	ChoiceBlock           // the document gets no output at all
	ChoiceRemove          // take it out
)

// Switches are an operator's choices where the specification leaves one.
type Switches struct {
	StripMetadata bool // author, history, location, thumbnails go too

	Links         Choice // hyperlinks to http, https, mailto, tel: kept by default; ChoiceRemove keeps their text
	EmbeddedFiles Choice // files in documents: by format; ChoiceSanitise disarms them in place
	Media         Choice // internal audio and video: kept by default
	Signed        Choice // documents whose signature would break: rewritten and reported by default, or ChoiceBlock
	RemoteImages  Choice // images that the reader would fetch: by format
	Legacy        Choice // OLE2 office documents: sanitised by default, or ChoiceBlock
}

// Limits bound one job, all that is nested in the document included. The zero value of a field means its default.
type Limits struct {
	Depth    int   // documents inside documents; 8
	Entries  int   // parts, records of directories, members; 10,000
	Bytes    int64 // bytes unpacked in all; 1 GiB
	PartSize int64 // bytes of one part; 256 MiB
	Ratio    int64 // unpacked per packed byte, from 2 MiB on; 200
	Pixels   int64 // of one image; 100 million
	Objects  int   // PDF objects; 2 million
	XMLDepth int   // nested elements; 256
	RTFDepth int   // nested groups; 500
}

func (l *Limits) setDefaults() {
	def := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	def64 := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	def(&l.Depth, 8)
	def(&l.Entries, 10_000)
	def64(&l.Bytes, 1<<30)
	def64(&l.PartSize, 256<<20)
	def64(&l.Ratio, 200)
	def64(&l.Pixels, 100_000_000)
	def(&l.Objects, 2_000_000)
	def(&l.XMLDepth, 256)
	def(&l.RTFDepth, 500)
}

// Removal is one line of the report.
type Removal struct {
	Vector   string // what it was: "javascript", "vba", "external-image"; lower-case, stable
	Location string // where in the document: a part name, an object number, an element path
	Action   string // "removed", "neutralised", "recursed", "dropped"
	Detail   string // one line for people, "" if the vector says it all
	Count    int
}

// The actions of a removal.
const (
	ActionRemoved     = "removed"     // gone from every byte of the output
	ActionNeutralised = "neutralised" // the visible part stayed, the behaviour went
	ActionRecursed    = "recursed"    // an embedded document was disarmed in place
)

// Job is one outermost document on its way. It belongs to one goroutine.
type Job struct {
	Mode     Mode
	Switches Switches
	Limits   Limits

	// Dispatch finds the handler for a type; nil if there is none. Set by cdr.
	Dispatch func(doc *Document) Handler

	removals []Removal
	index    map[Removal]int
	warnings []string
	depth    int
	entries  int
	bytes    int64
	zlib     io.Reader // see Zlib
}

// NewJob returns a job with the defaults of Limits filled in.
func NewJob(mode Mode, switches Switches, limits Limits, dispatch func(*Document) Handler) *Job {
	limits.setDefaults()
	switches.StripMetadata = switches.StripMetadata || mode == ModeRebuild
	return &Job{Mode: mode, Switches: switches, Limits: limits, Dispatch: dispatch}
}

// maxRemovals bounds the report: a document may have a million links.
const maxRemovals = 1000

// Removed enters one thing into the report. Equal lines are counted, not repeated.
func (j *Job) Removed(vector, location, action, detail string) {
	line := Removal{Vector: vector, Location: clip(location), Action: action, Detail: clip(detail)}
	if i, ok := j.index[line]; ok {
		j.removals[i].Count++
		return
	}
	if len(j.removals) >= maxRemovals {
		j.removals[maxRemovals-1].Count++
		return
	}
	if j.index == nil {
		j.index = map[Removal]int{}
	}
	j.index[line] = len(j.removals)
	line.Count = 1
	j.removals = append(j.removals, line)
}

// Retract takes back what was reported since Removals had n lines: for what a handler tried and did not do. What was
// counted on lines before that stays counted.
func (j *Job) Retract(n int) {
	for _, r := range j.removals[min(n, len(j.removals)):] {
		r.Count = 0
		delete(j.index, r)
	}
	j.removals = j.removals[:min(n, len(j.removals))]
}

// Warn notes something that users should know and that changed nothing: "signature-invalidated".
func (j *Job) Warn(text string) {
	if len(j.warnings) < maxRemovals {
		j.warnings = append(j.warnings, clip(text))
	}
}

// Removals returns the report so far.
func (j *Job) Removals() []Removal { return j.removals }

// Warnings returns the warnings so far.
func (j *Job) Warnings() []string { return j.warnings }

// Embedded reports whether the document at hand is inside of another one that a handler is at work on.
func (j *Job) Embedded() bool { return j.depth > 0 }

// Recurse hands a document inside of doc to the handler for its type and returns what that made of it. The error is
// Unsupported if there is no handler, and Limit "depth" if there are too many layers; a handler that embeds
// decides whether to drop the inner document or to give up then. The report's locations get the inner path as prefix.
func (j *Job) Recurse(ctx context.Context, inner Document) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if j.depth >= j.Limits.Depth {
		return Result{}, Limit("depth", "%d documents inside each other", j.depth+1)
	}
	var h Handler
	if j.Dispatch != nil {
		h = j.Dispatch(&inner)
	}
	if h == nil {
		return Result{}, Unsupported("no handler for %s", inner.Type)
	}
	j.depth++
	defer func() { j.depth-- }()
	before := len(j.removals)
	r, err := h.Disarm(ctx, j, inner)
	for i := before; i < len(j.removals) && inner.Path != ""; i++ {
		if at := &j.removals[i]; !strings.HasPrefix(at.Location, inner.Path) {
			j.relocate(i, clip(strings.TrimSuffix(inner.Path+"/"+at.Location, "/")))
		}
	}
	return r, err
}

// relocate changes where a line of the report is, so that later lines are compared with what it says now.
func (j *Job) relocate(i int, location string) {
	key := j.removals[i]
	key.Count = 0
	delete(j.index, key)
	j.removals[i].Location, key.Location = location, location
	j.index[key] = i
}

// Entry counts one part against Limits.Entries.
func (j *Job) Entry() error {
	j.entries++
	if j.entries > j.Limits.Entries {
		return Limit("entries", "more than %d parts", j.Limits.Entries)
	}
	return nil
}

// ratioFloor is how much a part may unpack to before its ratio is looked at: blank bitmaps of a few MiB are common in
// presentations, and deflate packs them 1000:1.
const ratioFloor = 2 << 20

// Unpacked counts n unpacked bytes that came out of packed bytes, one part at a time, against Bytes, PartSize and
// Ratio. Call it with the running sums of a part while it is unpacked, so that a bomb is stopped early: done says
// that the part ended.
func (j *Job) Unpacked(packed, n int64, done bool) error {
	switch {
	case n > j.Limits.PartSize:
		return Limit("part_bytes", "a part of more than %d bytes", j.Limits.PartSize)
	case n > ratioFloor && n > j.Limits.Ratio*max(packed, 1):
		return Limit("ratio", "a part unpacks to more than %d times its size", j.Limits.Ratio)
	case j.bytes+n > j.Limits.Bytes:
		return Limit("decoded_bytes", "more than %d bytes unpacked", j.Limits.Bytes)
	}
	if done {
		j.bytes += n
	}
	return nil
}

// Image checks the size of an image against Limits.Pixels, before anything is decoded.
func (j *Job) Image(width, height int64) error {
	if width <= 0 || height <= 0 {
		return Corrupt("an image of %d x %d pixels", width, height)
	}
	if width > j.Limits.Pixels || height > j.Limits.Pixels/width {
		return Limit("pixels", "an image of %d x %d pixels", width, height)
	}
	return nil
}

// Encrypted says that the document cannot be read without a key.
func Encrypted(format string, args ...any) error { return gap(scan.ReasonEncrypted, "", format, args) }

// Corrupt says that the document is not what its format demands.
func Corrupt(format string, args ...any) error { return gap(scan.ReasonCorrupt, "", format, args) }

// Unsupported says that nothing here can write the document without its active parts.
func Unsupported(format string, args ...any) error {
	return gap(scan.ReasonUnsupported, "", format, args)
}

// Limit says that a limit, by its name, was reached.
func Limit(name, format string, args ...any) error { return gap(scan.ReasonLimit, name, format, args) }

func gap(reason scan.Reason, limit, format string, args []any) error {
	return &scan.Gap{Engine: "cdr", Reason: reason, Limit: limit, Err: fmt.Errorf(format, args...)}
}

// ErrBlocked is wrapped by the error for a document that the operator's switches want blocked.
var ErrBlocked = errors.New("blocked by policy")

// Blocked says that a switch wants no output for this document.
func Blocked(what string) error {
	return &scan.Gap{Engine: "cdr", Reason: scan.ReasonUnsupported, Err: fmt.Errorf("%s: %w", what, ErrBlocked)}
}

func clip(s string) string {
	const most = 200
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// Field is a Format whose documents carry others only as text in fields: base64 in XML, data: URLs in HTML. Its handler
// leaves those alone, because who walks the fields opens them.
type Field interface {
	Format

	// Field reports whether the format is of this kind.
	Field() bool
}

// Format is a Handler that says which media types it is for.
type Format interface {
	Handler

	// Types lists the media types, lower-case, without parameters, as Sniff and internal/content name them;
	// aliases included.
	Types() []string
}
