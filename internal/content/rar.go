package content

import (
	"errors"
	"io"
	"path"

	"github.com/nwaples/rardecode/v2"

	"icapd/internal/body"
	"icapd/scan"
)

// rarFormat is a RAR archive, versions 1.5 to 7. It can be read and not written.
type rarFormat struct{}

func (rarFormat) open(w *walk, n *node) error {
	in := &body.Counter{R: newReader(n.item.Blob)}
	r, err := rardecode.NewReader(in, rardecode.MaxDictionarySize(maxDictionary))
	if err != nil {
		return rarGap(err)
	}
	names := nameSet{}
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return rarGap(err)
		}
		names.check(w.t, n, h.Name, scan.Span{})
		if h.IsDir {
			continue
		}
		c := child{segment: segment(h.Name), name: path.Base(h.Name)}
		if h.Encrypted {
			if stop := w.fail(n.item.Path+c.segment, &scan.Gap{Reason: scan.ReasonEncrypted, Err: errEncrypted}); stop != nil {
				return stop
			}
			continue
		}
		if err := w.enter(n, c.segment); err != nil {
			if err = skipped(err); err != nil {
				return err
			}
			continue
		}
		in.N = 0 // the ratio is the member's own
		if err := w.unpack(n, c, rarReader{r}, in); err != nil {
			return err
		}
	}
}

// rarReader says the reasons of errors.
type rarReader struct{ r io.Reader }

// Read implements io.Reader.
func (r rarReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = rarGap(err)
	}
	return n, err
}

func rarGap(err error) error {
	g := &scan.Gap{Reason: scan.ReasonCorrupt, Err: err}
	switch {
	case errors.Is(err, rardecode.ErrArchiveEncrypted), errors.Is(err, rardecode.ErrArchivedFileEncrypted), errors.Is(err, rardecode.ErrBadPassword):
		g.Reason = scan.ReasonEncrypted
	case errors.Is(err, rardecode.ErrDictionaryTooLarge):
		g.Reason, g.Limit = scan.ReasonLimit, body.LimitMemory
	case errors.Is(err, rardecode.ErrMultiVolume), errors.Is(err, rardecode.ErrUnknownVersion), errors.Is(err, rardecode.ErrUnsupportedDecoder):
		g.Reason = scan.ReasonUnsupported
	}
	return g
}
