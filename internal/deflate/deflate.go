// Package deflate lends out what packs and unpacks DEFLATE (RFC 1951). One that packs takes a megabyte for its tables, and one
// that unpacks 40 KiB for its window: more than most members of archives have, of which one message may have ten thousand.
package deflate

import (
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// Level says what comes first when something is packed.
type Level uint8

// The levels.
const (
	Small Level = iota // an eighth smaller
	Fast               // in a third of the time
	levels
)

// Writer packs what is written to it.
type Writer struct {
	z     *flate.Writer
	level Level
}

var writers [levels]sync.Pool //nolint:gochecknoglobals // holds no state that anybody could see

// NewWriter returns a Writer that packs to dst. Close must be called, and nothing after it.
func NewWriter(dst io.Writer, level Level) (*Writer, error) {
	if w, ok := writers[level].Get().(*Writer); ok {
		w.z.Reset(dst)
		return w, nil
	}
	speed := flate.DefaultCompression
	if level == Fast {
		speed = flate.BestSpeed
	}
	z, err := flate.NewWriter(dst, speed)
	return &Writer{z: z, level: level}, err
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) { return w.z.Write(p) }

// Close writes what is left, and gives the writer back.
func (w *Writer) Close() error {
	err := w.z.Close()
	w.z.Reset(io.Discard) // lets dst go
	writers[w.level].Put(w)
	return err
}

// reader gives back what unpacks for it when that has come to an end.
type reader struct {
	z   io.ReadCloser
	err error // what Read returned last
}

var readers sync.Pool //nolint:gochecknoglobals // holds no state that anybody could see

// NewReader returns a reader of what src has packed. It takes no byte too many from a src that is an io.ByteReader.
func NewReader(src io.Reader) io.Reader {
	if z, ok := readers.Get().(io.ReadCloser); ok && z.(flate.Resetter).Reset(src, nil) == nil {
		return &reader{z: z}
	}
	return &reader{z: flate.NewReader(src)}
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.z.Read(p)
	if r.err = err; err != nil {
		if r.z.(flate.Resetter).Reset(noBytes{}, nil) == nil { // lets src go
			readers.Put(r.z)
		}
		r.z = nil
	}
	return n, err
}

// noBytes is an input that has ended.
type noBytes struct{}

func (noBytes) Read([]byte) (int, error) { return 0, io.EOF }
func (noBytes) ReadByte() (byte, error)  { return 0, io.EOF }
