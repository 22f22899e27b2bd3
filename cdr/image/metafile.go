package image

import (
	"context"

	"icapd/cdr/kit"
)

// vectorMetafile is what metafiles hold for programs that are not asked to draw them, as reports name it.
const vectorMetafile = "metafile-comment"

// disarmMetafile takes out of a Windows or enhanced metafile ([MS-WMF], [MS-EMF]) what does not draw: comments, escapes to
// a driver, bytes behind the last record.
func disarmMetafile(ctx context.Context, job *kit.Job, data []byte) ([]byte, error) {
	if !kit.Metafile(data) {
		return nil, kit.Corrupt("no header of a metafile")
	}
	out, ok := kit.CleanMetafile(ctx, job, data)
	switch {
	case !ok:
		return nil, kit.Corrupt("the records of the metafile are not whole")
	case len(out) == len(data):
		return nil, nil
	}
	job.Removed(vectorMetafile, "records", kit.ActionRemoved, "")
	return out, nil
}
