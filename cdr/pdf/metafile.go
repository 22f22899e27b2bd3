package pdf

import (
	"bytes"
	"context"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// plainMetafile reports whether a file is an enhanced metafile that holds its picture a second time, as a PDF, as macOS
// writes them, and nothing has to be taken out of either. Readers of PDF open such a file, because its header is near
// the beginning: all that they could take for a part of one must be in what was looked at.
func plainMetafile(ctx context.Context, job *kit.Job, data []byte) bool {
	if !kit.Metafile(data) || job.Mode != kit.ModeDisarm || job.Switches.StripMetadata {
		return false
	}
	from, to := bytes.Index(data, []byte("%PDF-")), bytes.LastIndex(data, []byte("%%EOF"))
	if from < 0 || to < from {
		return false
	}
	to += len("%%EOF")
	for to < len(data) && (data[to] == '\r' || data[to] == '\n') {
		to++
	}
	if pieces.Match(data[:from]) || pieces.Match(data[to:]) {
		return false
	}
	before := len(job.Removals())
	defer func() { job.Retract(before) }()
	out, ok := kit.CleanMetafile(ctx, job, data)
	if !ok || len(out) != len(data) {
		return false
	}
	r, err := job.Recurse(ctx, kit.Document{Data: data[from:to], Type: "application/pdf"})
	return err == nil && !r.Changed()
}

// pieces matches what readers look for who mend a PDF.
var pieces = pattern.MustCompile(`\bobj\b|endobj|xref|trailer|stream|%PDF|%%EOF`)
