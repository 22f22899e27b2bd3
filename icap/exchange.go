package icap

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
)

// answerState is how far the one answer has got.
type answerState uint8

const (
	ansNone    answerState = iota // nothing decided
	ansPending                    // decided, nothing sent
	ansBegun                      // head sent, body under way
	ansDone
	ansCut // the connection must be cut without a last chunk
)

// handles are what a handler gets to see of an exchange. They are made for each
// request and never reused: a handler that keeps one beyond its return finds it
// cut off, and not attached to somebody else's message.
type handles struct {
	req              Request
	w                ResponseWriter
	bw               BodyWriter
	body             bodyReader
	reqHead, resHead Head
}

// exchange is one request with its answer, behind the handles. It is pooled:
// reset clears it as a whole, so that nothing of one message is left for the next.
type exchange struct {
	c    *conn
	h    *handles
	head requestHead // what the protocol goes by, whatever the handler does to its Request
	up   upload

	originalReq, originalRes string // HTTP heads as received

	header   Header
	trailers Header
	declared []string
	istag    string

	no206      bool
	closeAfter bool
	panicked   bool
	hasBody    bool // the answer has a body
	state      answerState
	status     int
	written    int64
	out        output

	over      atomic.Bool // the handler has returned
	continued atomic.Bool // 100 was sent
	truncated atomic.Bool // the body ended in an error

	mu        sync.Mutex // guards what Body, possibly on another goroutine, shares with the answer
	committed bool       // bytes of the final answer were sent
	ctx       context.Context
	cancel    context.CancelFunc
}

var exchangePool = sync.Pool{New: func() any { return new(exchange) }}

// newExchange returns an exchange with fresh handles.
func (c *conn) newExchange() *exchange {
	x := exchangePool.Get().(*exchange)
	x.c, x.h = c, new(handles)
	x.up.x = x
	x.h.w.x = x
	return x
}

// retire cuts the handles off and pools the exchange. No body read is under way.
func (x *exchange) retire() {
	h := x.h
	h.req.x, h.w.x, h.bw.x = nil, nil, nil
	*x = exchange{}
	exchangePool.Put(x)
}

func (x *exchange) previewBytes() ([]byte, bool) {
	if x.over.Load() {
		return nil, false
	}
	switch x.up.stage.Load() {
	case upNone:
		return nil, true
	case upDone:
		return x.up.preview, !x.continued.Load() && x.head.hasPreview
	default:
		return x.up.preview, false
	}
}

const continueLine = "ICAP/1.0 100 Continue\r\n\r\n"

var continueBytes = []byte(continueLine)

// sendContinue asks for what follows the preview. It does nothing where that is
// not due.
func (x *exchange) sendContinue() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.over.Load():
		return ErrAnswered
	case x.up.stage.Load() == upPreview:
		return refine(ErrPreviewSyntax, "the preview has not been read to its end")
	case x.up.stage.Load() != upAsk:
		return nil
	case x.committed:
		return ErrNoContinue
	}
	if err := x.c.write(continueBytes); err != nil {
		return x.up.fail(err)
	}
	x.c.st.continues.Add(1)
	x.continued.Store(true)
	x.up.stage.Store(upMain)
	x.up.chunks.reset(&x.c.src)
	return nil
}

func (x *exchange) trailer() Header {
	if x.up.stage.Load() != upDone {
		return Header{}
	}
	return Header{raw: x.up.chunks.trailer}
}

func (x *exchange) context() context.Context {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ctx == nil {
		x.ctx, x.cancel = context.WithCancel(x.c.st.ctx)
		x.h.req.ctx = x.ctx
		if x.over.Load() {
			x.cancel()
		}
	}
	return x.ctx
}

// broken is told when the rest of the body cannot be had.
func (x *exchange) broken(err error) {
	x.truncated.Store(true)
	if StatusOf(err) == StatusRequestTimeout {
		x.c.report(EventTimeout, err)
		x.c.st.timeouts.Add(1)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cancel != nil {
		x.cancel()
	}
}

// inPreview tells whether the answer is one to the preview.
func (x *exchange) inPreview() bool { return x.head.hasPreview && !x.continued.Load() }

func (x *exchange) can204() bool { return x.head.allow204 || x.inPreview() }

func (x *exchange) can206(from int64) bool {
	switch {
	case !x.head.allow206 || x.no206 || x.up.stage.Load() == upNone || from < 0 || from > x.up.received.Load():
		return false
	case !x.inPreview():
		return x.head.allow204
	case x.up.stage.Load() == upDone:
		// Squid drops what it previewed of a body whose length it was not told.
		return x.originalHasLength()
	default:
		return true
	}
}

func (x *exchange) originalHasLength() bool {
	raw := x.originalRes
	if x.head.method == MethodReqmod {
		raw = x.originalReq
	}
	i := strings.IndexByte(raw, '\n')
	if i < 0 {
		return false
	}
	_, ok := lookup(raw[i+1:len(raw)-2], "Content-Length")
	return ok
}

// decide claims the one answer.
func (x *exchange) decide() error {
	if x.over.Load() || x.state != ansNone {
		return ErrAnswered
	}
	x.state = ansPending
	return nil
}

func (x *exchange) unmodified(original io.Reader) error {
	if x.over.Load() || x.state != ansNone {
		return ErrAnswered
	}
	if x.can204() {
		return x.emptyAnswer(StatusNoModifications, "")
	}
	raw := x.originalRes
	if x.head.method == MethodReqmod {
		raw = x.originalReq
	}
	body, err := x.original(original)
	if err != nil {
		return err
	}
	if err := x.decide(); err != nil {
		return err
	}
	return x.message(StatusOK, raw, body)
}

// original returns the body to send back: nil for null-body.
func (x *exchange) original(supplied io.Reader) (io.Reader, error) {
	switch {
	case x.up.stage.Load() == upNone:
		return nil, nil
	case supplied != nil && supplied != io.Reader(&x.h.body):
		return supplied, nil
	case x.up.consumed.Load() > 0:
		return nil, ErrOriginalNeeded
	default:
		return &x.h.body, nil
	}
}

func (x *exchange) modified(h *Head, body io.Reader) error {
	if err := x.decide(); err != nil {
		return err
	}
	return x.message(StatusOK, rawOf(h), body)
}

func rawOf(h *Head) string {
	if h == nil {
		return ""
	}
	return h.raw
}

func (x *exchange) begin(h *Head) (*BodyWriter, error) {
	if err := x.decide(); err != nil {
		return nil, err
	}
	x.startMessage(StatusOK, rawOf(h), true)
	if err := x.flush(false, ""); err != nil {
		return nil, err
	}
	x.out.free()
	x.state = ansBegun
	x.h.bw.x = x
	return &x.h.bw, nil
}

func (x *exchange) partial(h *Head, prefix io.Reader, from int64, original io.Reader) error {
	if x.over.Load() || x.state != ansNone {
		return ErrAnswered
	}
	if x.can206(from) {
		if err := x.decide(); err != nil {
			return err
		}
		x.startMessage(StatusPartialContent, rawOf(h), true)
		if prefix == nil {
			prefix = strings.NewReader("")
		}
		return x.copyBody(prefix, "; use-original-body="+itoa(from))
	}
	body, err := x.original(original)
	if err != nil {
		return err
	}
	if body != nil && from > 0 {
		body = &skipReader{r: body, skip: from}
	}
	switch {
	case body == nil:
		body = prefix
	case prefix != nil:
		body = io.MultiReader(prefix, body)
	}
	if err := x.decide(); err != nil {
		return err
	}
	return x.message(StatusOK, rawOf(h), body)
}

// skipReader leaves out the first bytes of r.
type skipReader struct {
	r    io.Reader
	skip int64
}

func (s *skipReader) Read(p []byte) (int, error) {
	if s.skip > 0 {
		n, err := io.CopyN(io.Discard, s.r, s.skip)
		s.skip -= n
		if err != nil {
			return 0, err
		}
	}
	return s.r.Read(p)
}

// emptyAnswer answers without heads and body.
func (x *exchange) emptyAnswer(status int, reason string) error {
	if err := x.decide(); err != nil {
		return err
	}
	x.hasBody = false
	x.out.take(smallBuffer)
	b := x.appendHead(x.out.b[:0], status, reason, secNone, 0, secNullBody)
	return x.sendOnly(b)
}

// sendOnly writes an answer that has no body.
func (x *exchange) sendOnly(b []byte) error {
	x.state = ansDone
	err := x.commit(b)
	x.out.free()
	return err
}

// commit writes bytes of the final answer.
func (x *exchange) commit(b []byte) error {
	x.mu.Lock()
	x.committed = true
	x.mu.Unlock()
	err := x.c.write(b)
	x.written += int64(len(b))
	if err != nil {
		x.state = ansCut
		x.c.writeFailed(err)
	}
	return err
}

// appendHead appends the ICAP head of an answer, Encapsulated last: some
// clients stop reading there.
func (x *exchange) appendHead(b []byte, status int, reason string, hdr section, headLen int, body section) []byte {
	x.status = status
	x.closeAfter = x.closeAfter || x.head.close || x.truncated.Load() || x.c.st.draining.Load()
	if x.istag == "" {
		x.istag = x.c.st.istag()
	}
	b = appendStatusLine(b, status, reason)
	b = append(b, "ISTag: \""...)
	b = append(b, x.istag...)
	b = append(b, "\"\r\n"...)
	b = x.header.AppendTo(b)
	if x.closeAfter {
		b = append(b, "Connection: close\r\n"...)
	}
	if x.hasBody && len(x.declared) > 0 {
		b = append(b, "Allow: trailers\r\nTrailer: "...)
		for i, name := range x.declared {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(b, name...)
		}
		b = append(b, "\r\n"...)
	}
	b = appendEncapsulated(b, hdr, headLen, body)
	return append(b, "\r\n"...)
}

func appendStatusLine(b []byte, status int, reason string) []byte {
	switch {
	case reason != "":
		reason = cleanLine(reason)
	case status == StatusNoModifications:
		return append(b, "ICAP/1.0 204 No Modifications Needed\r\n"...)
	case status == StatusOK:
		return append(b, "ICAP/1.0 200 OK\r\n"...)
	default:
		reason = StatusText(status)
	}
	b = append(b, "ICAP/1.0 "...)
	b = append(b, itoa(int64(status))...)
	b = append(b, ' ')
	b = append(b, reason...)
	return append(b, "\r\n"...)
}

// message answers with a head and a body, either of which may be missing.
func (x *exchange) message(status int, head string, body io.Reader) error {
	x.startMessage(status, head, body != nil)
	if body == nil {
		return x.sendOnly(x.out.head())
	}
	return x.copyBody(body, "")
}

// startMessage builds the ICAP head and the HTTP head in the output buffer.
func (x *exchange) startMessage(status int, head string, hasBody bool) {
	x.hasBody = hasBody
	size := largeBuffer
	if !hasBody {
		size = smallBuffer
	}
	hdr, body := secNone, secNullBody
	response := x.head.method == MethodRespmod
	if head != "" {
		response = len(head) >= 5 && equalFold(head[:5], "HTTP/")
		hdr = secReqHdr
		if response {
			hdr = secResHdr
		}
	}
	if hasBody {
		body = secReqBody
		if response {
			body = secResBody
		}
	}
	x.out.take(size)
	b := x.appendHead(x.out.b[:0], status, "", hdr, len(head), body)
	x.out.setHead(append(b, head...))
}

func (x *exchange) declareTrailer(names []string) bool {
	if !x.head.allowTrailers || x.state != ansNone {
		return false
	}
	for _, name := range names {
		x.declared = append(x.declared, cleanName(name))
	}
	return true
}

// trailerBlock is what follows the whole chunked body: a block of its own, which
// is there whenever it was announced, and not the trailer section of the last
// chunk, which belongs to the HTTP message.
func (x *exchange) trailerBlock() string {
	if len(x.declared) == 0 {
		return ""
	}
	var b strings.Builder
	for _, name := range x.declared {
		if v, ok := x.trailers.Lookup(name); ok {
			b.WriteString(fieldLine(name, v))
		}
	}
	b.WriteString("\r\n")
	return b.String()
}

// copyBody sends body to its end behind a head that is pending. Whatever ends
// it early cuts the connection, or is answered with 500 while nothing was sent.
func (x *exchange) copyBody(body io.Reader, lastExt string) error {
	var up *upload
	if body == io.Reader(&x.h.body) {
		up = &x.up
	}
	body = &steady{r: body}
	for {
		p := x.out.space()
		if len(p) == 0 {
			if err := x.flushMore(); err != nil {
				return err
			}
			continue
		}
		n, err := body.Read(p)
		x.out.de += n
		if errors.Is(err, io.EOF) {
			return x.finishBody(lastExt)
		}
		if err != nil {
			return x.bodyFailed(err)
		}
		// A body that is echoed while it arrives is passed on as it comes.
		if up != nil && !up.ready() && up.stage.Load() != upAsk {
			if err := x.flush(false, ""); err != nil {
				return err
			}
		}
	}
}

// steady refuses readers that break the contract of io.Reader, which the
// handler may have got from anywhere.
type steady struct {
	r     io.Reader
	empty int
}

func (s *steady) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if n < 0 || n > len(p) {
		return 0, errors.New("icap: invalid count from body reader")
	}
	if n > 0 || err != nil {
		s.empty = 0
	} else if s.empty++; s.empty > 100 {
		return 0, io.ErrNoProgress
	}
	return n, err
}

// flushMore makes room for more of a body. If the handler sends a long body
// while the client still waits after its preview, it may be that the body comes
// from there: ask for it now, since it cannot be done after the answer begins.
func (x *exchange) flushMore() error {
	if !x.committed {
		if err := x.sendContinue(); err != nil && x.up.stage.Load() == upAsk {
			return x.bodyFailed(err)
		}
	}
	return x.flush(false, "")
}

func (x *exchange) finishBody(lastExt string) error {
	if lastExt == "" {
		lastExt = "\r\n"
	} else {
		lastExt += "\r\n"
	}
	err := x.flush(true, lastExt)
	if err == nil {
		x.state = ansDone
	}
	x.out.free()
	return err
}

// bodyFailed ends an answer whose body could not be produced.
func (x *exchange) bodyFailed(err error) error {
	x.out.free()
	x.state = ansCut
	if !x.committed {
		// Nothing was sent: an honest error is still possible.
		x.state = ansNone
		x.closeAfter = true
		x.declared = nil
		_ = x.emptyAnswer(StatusOf(err), "")
	}
	return err
}

func (x *exchange) flush(last bool, lastExt string) error {
	trailer := ""
	if last {
		trailer = x.trailerBlock()
	}
	b := x.out.chunk(last, lastExt, trailer)
	if len(b) == 0 {
		return nil
	}
	err := x.commit(b)
	x.out.sent()
	if err != nil {
		x.out.free()
	}
	return err
}

func (x *exchange) bodyWrite(p []byte) (int, error) {
	if x.state != ansBegun {
		return 0, ErrAnswered
	}
	total := 0
	for len(p) > 0 {
		x.out.take(largeBuffer)
		n := copy(x.out.space(), p)
		x.out.de += n
		total += n
		p = p[n:]
		if len(p) > 0 {
			if err := x.flush(false, ""); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

func (x *exchange) bodyFlush() error {
	if x.state != ansBegun {
		return ErrAnswered
	}
	err := x.flush(false, "")
	x.out.free() // a stalled stream holds no buffer
	return err
}

func (x *exchange) bodyClose() error {
	if x.state != ansBegun {
		return ErrAnswered
	}
	x.out.take(largeBuffer)
	return x.finishBody("")
}

func (x *exchange) abort() {
	if x.state == ansDone {
		return
	}
	x.state = ansCut
	x.out.free()
	x.c.cut()
}
