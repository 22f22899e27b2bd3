package icap

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// uploadStage is where the body of a request stands.
type uploadStage = uint32

const (
	upNone    uploadStage = iota // null-body
	upPreview                    // inside the preview
	upAsk                        // preview over, the rest not asked for
	upMain                       // inside the body, or what follows the preview
	upDone                       // last chunk consumed
)

// upload is the body of a request as the handler reads it: the preview from
// memory, then 100 Continue at the first read past it, then the rest.
type upload struct {
	x        *exchange
	chunks   chunkReader
	stage    atomic.Uint32
	preview  []byte // decoded preview, at most MaxPreviewBytes
	at       int    // how much of it was read again
	pooled   []byte
	received atomic.Int64 // decoded bytes taken from the connection
	consumed atomic.Int64 // bytes handed to the reader
	err      error
}

// bodyReader is the upload as handlers hold it. Its lock is held during reads,
// so that an exchange ends only when none is under way.
type bodyReader struct {
	mu sync.Mutex
	up *upload // nil once ServeICAP returned
}

// Read implements io.Reader.
func (b *bodyReader) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up == nil {
		return 0, ErrAnswered
	}
	return b.up.Read(p)
}

// WriteTo implements io.WriterTo.
func (b *bodyReader) WriteTo(w io.Writer) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up == nil {
		return 0, ErrAnswered
	}
	return b.up.WriteTo(w)
}

// readPreview takes the preview off the connection. More than limit bytes stay
// there, to be streamed.
func (u *upload) readPreview(limit int) error {
	if limit > 0 && u.x.head.preview > 0 {
		u.pooled = takeSmall()
		u.preview = u.pooled[:0]
	}
	for {
		b, err := u.chunks.view()
		if errors.Is(err, io.EOF) {
			u.previewOver()
			return nil
		}
		if err != nil {
			return u.fail(err)
		}
		b = b[:min(len(b), limit-len(u.preview))]
		if len(b) == 0 {
			return nil
		}
		u.preview = append(u.preview, b...)
		u.received.Add(int64(len(b)))
		u.chunks.consume(len(b))
	}
}

func (u *upload) previewOver() {
	if u.chunks.ieof {
		u.stage.Store(upDone)
	} else {
		u.stage.Store(upAsk)
	}
}

// fail records what ended the body. Anything but a broken framing rule or a
// time-out is a client that went away.
func (u *upload) fail(err error) error {
	if u.err != nil {
		return u.err
	}
	switch {
	case errors.Is(err, ErrAnswered):
		u.err = err
		return err
	case errors.Is(err, errReadTimeout):
		u.err = ErrBodyTimeout
	case errors.As(err, new(*Error)):
		u.err = err
	default:
		u.err = &Error{Status: ErrBodyTruncated.Status, Text: err.Error(), Err: ErrBodyTruncated}
	}
	u.x.broken(u.err)
	return u.err
}

// more prepares a read from the connection: it asks for the rest of the body
// where that is due. io.EOF means that there is nothing more.
func (u *upload) more() error {
	switch {
	case u.x.over.Load():
		return ErrAnswered
	case u.err != nil:
		return u.err
	case u.stage.Load() == upDone:
		return io.EOF
	case u.stage.Load() == upAsk:
		return u.x.sendContinue()
	}
	return nil
}

// ended handles the end of a chunked run: io.EOF if it was the body's, nil if
// it was that of the preview.
func (u *upload) ended() error {
	if u.stage.Load() != upPreview {
		u.stage.Store(upDone)
		return io.EOF
	}
	u.previewOver()
	return nil
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if !u.x.over.Load() && u.at < len(u.preview) {
			n := copy(p, u.preview[u.at:])
			u.at += n
			u.consumed.Add(int64(n))
			return n, nil
		}
		if err := u.more(); err != nil {
			return 0, err
		}
		n, err := u.chunks.Read(p)
		u.received.Add(int64(n))
		u.consumed.Add(int64(n))
		if n > 0 {
			return n, nil
		}
		if !errors.Is(err, io.EOF) {
			return 0, u.fail(err)
		}
		if err := u.ended(); err != nil {
			return 0, err
		}
	}
}

// WriteTo implements io.WriterTo: w is handed the bytes where they were read.
func (u *upload) WriteTo(w io.Writer) (int64, error) {
	var total int64
	if !u.x.over.Load() && u.at < len(u.preview) {
		n, err := w.Write(u.preview[u.at:])
		u.at += n
		u.consumed.Add(int64(n))
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	for {
		if err := u.more(); err != nil {
			if errors.Is(err, io.EOF) {
				return total, nil
			}
			return total, err
		}
		b, err := u.chunks.view()
		if errors.Is(err, io.EOF) {
			if u.ended() == nil {
				continue
			}
			return total, nil
		}
		if err != nil {
			return total, u.fail(err)
		}
		n, err := w.Write(b)
		u.chunks.consume(n)
		u.received.Add(int64(n))
		u.consumed.Add(int64(n))
		total += int64(n)
		if err == nil && n < len(b) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return total, err
		}
	}
}

// ready reports whether a Read would not have to wait for the client.
func (u *upload) ready() bool {
	switch {
	case u.at < len(u.preview), u.err != nil, u.stage.Load() == upDone:
		return true
	case u.stage.Load() == upAsk:
		return false
	default:
		return u.chunks.ready()
	}
}

// drain reads what is left of an upload that has its answer, at most limit
// bytes of it (0: without waiting for any). It reports whether the connection
// is at the start of a next request.
func (u *upload) drain(limit int64) bool {
	for u.err == nil {
		switch u.stage.Load() {
		case upNone, upAsk, upDone:
			return true
		}
		if limit == 0 && !u.chunks.ready() {
			return false
		}
		b, err := u.chunks.view()
		if errors.Is(err, io.EOF) {
			_ = u.ended()
			continue
		}
		if err != nil {
			u.err = err
			return false
		}
		limit -= int64(len(b))
		if limit < 0 {
			return false
		}
		u.chunks.consume(len(b))
	}
	return false
}

// free returns the preview's memory.
func (u *upload) free() {
	if u.pooled != nil {
		giveBack(u.pooled)
		u.pooled, u.preview = nil, nil
	}
}
