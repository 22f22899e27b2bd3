package content

import (
	"compress/bzip2"
	"errors"
	"io"

	"icapd/internal/body"
	"icapd/scan"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// What bounds the search for marks: nobody has so many in bytes of an unknown kind, unless to have the search given up.
const (
	maxMarkTries = 4096      // streams that are begun, and for each MiB:
	moreMarks    = 256       //
	maxCostly    = 256       // streams that are begun with a decoder that takes megabytes of room
	maxMarkWaste = 8         // how many times the data may be read for what breaks off
	markedAhead  = 128 << 10 // bytes that a decoder may have read of what follows
)

// markedSearch looks for streams with a mark of their own.
type markedSearch struct {
	b      scan.Blob
	tries  int   // streams that were begun
	costly int   // of these, those that are not of zstd or lz4
	behind int64 // up to where the last one that is whole has been read
	waste  int64 // bytes that were read of what broke off

	zstd *zstd.Decoder
	lz4  *lz4.Reader

	first [headBytes]byte
}

// marked takes in the streams with a mark.
func (w *walk) marked(n *node, places []markedPlace, rest *restOfStreams) error {
	s := markedSearch{b: n.item.Blob}
	defer s.close()
	for _, p := range places {
		typ := markedStreams[p.kind].typ
		if p.at < s.behind {
			continue
		}
		if s.spent(typ) {
			return w.fail(n.item.Path, &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errTries})
		}
		if err := s.take(typ, p.at, rest); err != nil {
			return skipped(err)
		}
	}
	return nil
}

// spent counts a try and reports whether there were too many.
func (s *markedSearch) spent(typ string) bool {
	s.tries++
	if typ != typeZstd && typ != typeLz4 {
		s.costly++
	}
	return s.tries > maxMarkTries+int(s.b.Size()>>20)*moreMarks || s.costly > maxCostly || s.waste > maxMarkWaste*s.b.Size()
}

// take tries what stands at a place, and takes it in if some bytes of it can be had.
func (s *markedSearch) take(typ string, at int64, rest *restOfStreams) error {
	in := &body.Counter{R: io.NewSectionReader(s.b, at, s.b.Size()-at)}
	r, err := s.open(typ, in)
	if err != nil {
		return nil //nolint:nilerr // it began like one
	}
	broken := false
	q := quiet{r: r, broken: &broken}
	k, _ := io.ReadFull(q, s.first[:])
	if k >= minEmbedded {
		err = rest.take(at, s.first[:k], q, in)
	}
	if broken || k < minEmbedded {
		s.waste += max(0, in.N-markedAhead)
	} else {
		s.behind = at + in.N - markedAhead
	}
	return err
}

// open begins to unpack; the reader is good until the next call. Decoders of two kinds are used again.
func (s *markedSearch) open(typ string, r io.Reader) (io.Reader, error) {
	var err error
	switch {
	case typ == typeZstd && s.zstd == nil:
		s.zstd, err = newZstd(r)
		return s.zstd, err
	case typ == typeZstd:
		return s.zstd, s.zstd.Reset(r)
	case typ == typeLz4 && s.lz4 == nil:
		s.lz4 = lz4.NewReader(r)
		return s.lz4, nil
	case typ == typeLz4:
		s.lz4.Reset(r)
		return s.lz4, nil
	}
	return stream(typ, r)
}

func (s *markedSearch) close() {
	if s.zstd != nil {
		s.zstd.Close()
	}
}

// endsStream reports whether an error says that what stands behind a whole stream is not another one.
func endsStream(err error) bool {
	if s, ok := errors.AsType[bzip2.StructuralError](err); ok {
		return s == "bad magic value in continuation file"
	}
	return errors.Is(err, zstd.ErrMagicMismatch) || errors.Is(err, errXzBehind) || errors.Is(err, lz4.ErrInvalidFrame)
}
