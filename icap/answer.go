package icap

import (
	"errors"
	"io"
	"strings"
)

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
