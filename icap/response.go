package icap

import "io"

// ResponseWriter gives the one answer to a request. Exactly one of Unmodified,
// Modified, Begin, Partial and Error answers; a second call returns ErrAnswered.
// A handler that returns without an answer makes the server say 500.
//
// Its methods must not be called concurrently. After ServeICAP returned they do
// nothing.
type ResponseWriter struct {
	x *exchange
}

// Header returns the ICAP fields that the answer will carry besides those that
// the server writes itself (ISTag, Connection, Trailer, Encapsulated). Changes
// after the answer has begun have no effect.
func (w *ResponseWriter) Header() *Header {
	if w.x == nil {
		return new(Header)
	}
	return &w.x.header
}

// Can204 reports whether Unmodified will answer 204 at this moment: the client
// allows it, or nothing but the preview has been asked for.
func (w *ResponseWriter) Can204() bool { return w.x != nil && w.x.can204() }

// Can206 reports whether Partial would be answered with 206 at this moment for
// an original body used from offset originalFrom on.
func (w *ResponseWriter) Can206(originalFrom int64) bool {
	return w.x != nil && w.x.can206(originalFrom)
}

// Unmodified says that the message may go on as it is: 204 where RFC 3507
// allows it (section 4.6), else 200 with the original heads and body.
//
// original yields the original body from its first byte and is only read when
// the body must be sent back; nil means that the handler has not read Body, and
// the server streams that. ErrOriginalNeeded reports a missing original;
// nothing is sent then.
func (w *ResponseWriter) Unmodified(original io.Reader) error {
	if w.x == nil {
		return ErrAnswered
	}
	return w.x.unmodified(original)
}

// Modified answers 200 with a changed message: h replaces the head (a request
// head or, for a block in REQMOD too, a response head) and body the body, nil
// meaning null-body. The handler makes Content-Length and its friends true.
//
// An error of body after the head was sent cuts the connection, so that the
// client cannot take a part for the whole.
func (w *ResponseWriter) Modified(h *Head, body io.Reader) error {
	if w.x == nil {
		return ErrAnswered
	}
	return w.x.modified(h, body)
}

// Begin answers 200 with head h at once and lets the caller stream the body.
// In a preview this is the final answer: the client sends nothing more unless
// Request.Continue was called before. Failing to Close the BodyWriter cuts the
// connection when the handler returns.
func (w *ResponseWriter) Begin(h *Head) (*BodyWriter, error) {
	if w.x == nil {
		return nil, ErrAnswered
	}
	return w.x.begin(h)
}

// Partial answers 206 with use-original-body where the client allows it: head h,
// then prefix (nil for nothing), then the original body from offset originalFrom
// on, which the client still holds. Else it answers 200 with the same content,
// for which original yields the original body from its first byte; nil is as
// for Unmodified.
func (w *ResponseWriter) Partial(h *Head, prefix io.Reader, originalFrom int64, original io.Reader) error {
	if w.x == nil {
		return ErrAnswered
	}
	return w.x.partial(h, prefix, originalFrom, original)
}

// Error answers with an ICAP error status and no body. text becomes the reason
// phrase, "" the standard one. To clients any 4xx or 5xx is a failure of the
// service: a block is Modified with an HTTP 403.
func (w *ResponseWriter) Error(status int, text string) error {
	if w.x == nil {
		return ErrAnswered
	}
	return w.x.emptyAnswer(status, text)
}

// DeclareTrailer announces trailer fields and reports whether they will be
// sent: the client offered trailers. They follow the body of an answer that has
// one, as a block of their own, with the values that Trailer holds by then.
func (w *ResponseWriter) DeclareTrailer(names ...string) bool {
	return w.x != nil && w.x.declareTrailer(names)
}

// Trailer returns the trailer fields, to be filled until the body ends. Fields
// that were not declared are not sent.
func (w *ResponseWriter) Trailer() *Header {
	if w.x == nil {
		return new(Header)
	}
	return &w.x.trailers
}

// CloseAfter makes this the last answer on the connection ("Connection: close").
func (w *ResponseWriter) CloseAfter() {
	if w.x != nil {
		w.x.closeAfter = true
	}
}

// Status returns the ICAP status answered, 0 before.
func (w *ResponseWriter) Status() int {
	if w.x == nil {
		return 0
	}
	return w.x.status
}

// BytesWritten returns how many bytes of the answer have been handed to the
// connection, heads included.
func (w *ResponseWriter) BytesWritten() int64 {
	if w.x == nil {
		return 0
	}
	return w.x.written
}

// BodyWriter streams the body of an answer that Begin started.
type BodyWriter struct {
	x *exchange
}

// Write adds to the body. Small writes are gathered until Flush or until the
// buffer is full.
func (b *BodyWriter) Write(p []byte) (int, error) {
	if b.x == nil {
		return 0, ErrAnswered
	}
	return b.x.bodyWrite(p)
}

// Flush sends what Write gathered.
func (b *BodyWriter) Flush() error {
	if b.x == nil {
		return ErrAnswered
	}
	return b.x.bodyFlush()
}

// Close ends the body with the last chunk, and sends the trailers that were
// declared.
func (b *BodyWriter) Close() error {
	if b.x == nil {
		return ErrAnswered
	}
	return b.x.bodyClose()
}

// Abort cuts the connection without a last chunk, so that the client knows the
// body to be incomplete. It is what a late verdict calls for.
func (b *BodyWriter) Abort() {
	if b.x != nil {
		b.x.abort()
	}
}
