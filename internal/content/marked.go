package content

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"icapd/internal/body"
	"icapd/scan"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// markedStreams are compressed streams with a mark that few bytes have by chance.
var markedStreams = []struct {
	mark string
	back int // where in the stream the mark stands
	typ  string
}{
	{"1AY&SY", 4, typeBzip2}, {"\xfd7zXZ\x00", 0, typeXz}, {"\x28\xb5\x2f\xfd", 0, typeZstd}, {"LZIP\x01", 0, typeLzip}, {"\x04\x22\x4d\x18", 0, typeLz4},
}

var markedSet = func() *markSet {
	set := new(markSet)
	for _, m := range markedStreams {
		set.add(m.mark)
	}
	return set
}()

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
	data   []byte
	tries  int // streams that were begun
	costly int // of these, those that are not of zstd or lz4
	behind int // up to where the last one that is whole has been read
	waste  int // bytes that were read of what broke off

	zstd *zstd.Decoder
	lz4  *lz4.Reader

	first [headBytes]byte
}

// marked takes in the streams with a mark that begin behind the start of the data.
func (w *walk) marked(n *node, data []byte, rest *restOfStreams) (err error) {
	s := markedSearch{data: data}
	defer s.close()
	markedSet.each(data, 1, func(i int) bool {
		for k := range markedStreams {
			m := &markedStreams[k]
			at := i - m.back
			if at <= 0 || at < s.behind || !bytes.HasPrefix(data[i:], []byte(m.mark)) || !looksMarked(m.typ, data[at:]) {
				continue
			}
			if s.spent(m.typ) {
				err = w.fail(n.item.Path, &scan.Gap{Reason: scan.ReasonLimit, Limit: LimitEntries, Err: errTries})
				return false
			}
			if err = s.take(m.typ, at, rest); err != nil {
				return false
			}
		}
		return true
	})
	return skipped(err)
}

// spent counts a try and reports whether there were too many.
func (s *markedSearch) spent(typ string) bool {
	s.tries++
	if typ != typeZstd && typ != typeLz4 {
		s.costly++
	}
	return s.tries > maxMarkTries+len(s.data)>>20*moreMarks || s.costly > maxCostly || s.waste > maxMarkWaste*len(s.data)
}

// take tries what stands at a place, and takes it in if some bytes of it can be had.
func (s *markedSearch) take(typ string, at int, rest *restOfStreams) error {
	in := &body.Counter{R: bytes.NewReader(s.data[at:])}
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
		s.waste += max(0, int(in.N)-markedAhead)
	} else {
		s.behind = at + int(in.N) - markedAhead
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

// looksMarked reports whether the fixed fields behind a mark fit.
func looksMarked(typ string, p []byte) bool {
	if len(p) < 12 {
		return false
	}
	switch typ {
	case typeBzip2:
		return p[0] == 'B' && p[1] == 'Z' && p[2] == 'h' && p[3] >= '1' && p[3] <= '9'
	case typeXz:
		return p[6] == 0 && p[7] <= 15 && crc32.ChecksumIEEE(p[6:8]) == binary.LittleEndian.Uint32(p[8:])
	case typeZstd:
		return p[4]&8 == 0 // reserved (RFC 8878, section 3.1.1.1.1)
	case typeLz4:
		return p[4]>>6 == 1 && p[4]&2 == 0 && p[5]&0x8f == 0 && p[5]>>4 >= 4
	}
	return true
}

// endsStream reports whether an error says that what stands behind a whole stream is not another one.
func endsStream(err error) bool {
	if s, ok := errors.AsType[bzip2.StructuralError](err); ok {
		return s == "bad magic value in continuation file"
	}
	return errors.Is(err, zstd.ErrMagicMismatch) || errors.Is(err, errXzBehind) || errors.Is(err, lz4.ErrInvalidFrame)
}
