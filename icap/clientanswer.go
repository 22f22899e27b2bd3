package icap

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
)

// receive reads the answer up to its body.
func (k *call) receive() (*ClientResponse, error) {
	for range maxInformationalAnswers {
		head, err := k.readAnswerHead()
		if err != nil {
			if k.awaitSender(senderGrace) && k.bodyErr != nil {
				err = k.bodyErr
			}
			return nil, err
		}
		if head.status != StatusContinue {
			return k.answer(head)
		}
		if k.res.Continued || k.body == nil || k.preview < 0 || k.whole {
			return nil, refine(ErrHeadSyntax, "100 Continue out of place")
		}
		k.res.Continued = true
		k.stream(nil)
	}
	return nil, refine(ErrHeadSyntax, "too many informational answers")
}

// answerHead is a parsed ICAP status line with its fields.
type answerHead struct {
	status int
	reason string
	fields string
}

func (k *call) readAnswerHead() (answerHead, error) {
	limit := limitOr(k.c.MaxHeadBytes, defaultClientHead)
	src := &k.cc.src
	searched := 0
	for {
		b := src.view()
		if len(b) > 0 && k.res.Timing.FirstByte == 0 {
			k.res.Timing.FirstByte = time.Since(k.start)
		}
		if n := headEnd(b, searched, true); n >= 0 && n <= limit {
			head, err := parseAnswerHead(string(b[:n]))
			src.advance(n)
			if head.status == StatusContinue {
				k.res.Timing.FirstByte = 0
			}
			if err != nil {
				return head, err
			}
			return head, nil
		} else if n >= 0 || len(b) > limit {
			return answerHead{}, ErrHeadTooLarge
		}
		searched = len(b)
		if err := src.fill(); err != nil {
			if errors.Is(err, io.EOF) && searched > 0 {
				err = io.ErrUnexpectedEOF
			}
			return answerHead{}, err
		}
	}
}

func parseAnswerHead(raw string) (answerHead, *Error) {
	var h answerHead
	line, rest, _ := strings.Cut(raw, "\n")
	version, line, _ := strings.Cut(strings.TrimSuffix(line, "\r"), " ")
	if !isVersion(version) {
		return h, refine(ErrHeadSyntax, "not an ICAP answer")
	}
	code, reason, _ := strings.Cut(line, " ")
	n, ok := smallNumber(code)
	if !ok || len(code) != 3 || n < 100 {
		return h, refine(ErrHeadSyntax, "malformed status")
	}
	h.status, h.reason = n, reason
	h.fields = strings.TrimSuffix(strings.TrimSuffix(rest, "\n"), "\r")
	for rest = h.fields; rest != ""; {
		var field string
		field, rest = nextLine(rest)
		if !validField(field, false) {
			return h, refine(ErrHeadSyntax, "malformed header field")
		}
	}
	return h, nil
}

// answer makes the response of a final answer.
func (k *call) answer(head answerHead) (*ClientResponse, error) {
	res := k.res
	res.Status, res.Reason, res.Header = head.status, head.reason, Header{raw: head.fields}
	k.c.noteISTag(k.url, res.Header.Get("ISTag"))
	enc := encapsulated{reqHdr: -1, resHdr: -1, body: secNullBody}
	v, ok := res.Header.Lookup("Encapsulated")
	if ok {
		var err *Error
		if enc, err = parseEncapsulated(v, responseSections); err != nil {
			return nil, err
		}
	} else if k.req.Method != MethodOptions && (res.Status == StatusOK || res.Status == StatusPartialContent) {
		return nil, ErrEncapsulatedMissing
	}
	if err := k.readHeads(&enc); err != nil {
		return nil, err
	}
	if res.Status == StatusNoModifications {
		return k.unmodified()
	}
	if enc.body == secNullBody {
		k.release(k.reusable())
		return res, nil
	}
	body := &answerBody{k: k}
	body.chunks.reset(&k.cc.src)
	res.Body, res.Trailer = body, body.trailer
	return res, nil
}

func (k *call) readHeads(enc *encapsulated) error {
	if enc.bodyAt == 0 {
		return nil
	}
	if enc.bodyAt > 2*limitOr(k.c.MaxHeadBytes, defaultClientHead) {
		return ErrHeadTooLarge
	}
	if err := k.cc.src.need(enc.bodyAt); err != nil {
		return err
	}
	block := string(k.cc.src.view()[:enc.bodyAt])
	k.cc.src.advance(enc.bodyAt)
	var err error
	k.res.HTTPRequest, k.res.HTTPResponse, err = enc.heads(block, true, new(Head), new(Head))
	return err
}

// unmodified answers with what was sent.
func (k *call) unmodified() (*ClientResponse, error) {
	res := k.res
	res.Unmodified = true
	res.HTTPRequest, res.HTTPResponse = k.req.HTTPRequest.Clone(), k.req.HTTPResponse.Clone()
	reusable := k.reusable()
	if !reusable {
		k.close()
	}
	if !k.awaitSender(positive(k.c.IOTimeout, defaultIOTimeout)) {
		return nil, errors.New("icap: request body does not return from Read")
	}
	body, err := k.original()
	if err != nil {
		return nil, err
	}
	if body != nil {
		res.Body = io.NopCloser(body)
	}
	if reusable {
		k.release(true)
	}
	return res, nil
}

// answerBody is the body of an answer, continued with the original after a 206.
type answerBody struct {
	k      *call
	chunks chunkReader
	tail   io.Reader
	err    error
	done   bool // the connection is not needed any more
	text   string
}

// Read implements io.Reader.
func (b *answerBody) Read(p []byte) (int, error) {
	for {
		if b.tail != nil {
			return b.tail.Read(p)
		}
		if b.err != nil {
			return 0, b.err
		}
		n, err := b.chunks.Read(p)
		if errors.Is(err, io.EOF) {
			if terr := b.readTrailer(); terr != nil {
				err = terr
			}
		}
		if err == nil {
			return n, nil
		}
		b.end(err)
		if n > 0 {
			return n, nil
		}
	}
}

// readTrailer reads the ICAP trailer, a block of its own behind the body.
func (b *answerBody) readTrailer() error {
	b.text = b.chunks.trailer
	if b.k.req.NoTrailers || !b.k.res.Header.Has("Trailer") {
		return nil
	}
	b.chunks.trailer = ""
	if err := b.chunks.readTrailer(); err != nil {
		return b.chunks.fail(err)
	}
	b.text += b.chunks.trailer
	return nil
}

// end handles the end of the chunks.
func (b *answerBody) end(err error) {
	k := b.k
	b.done = true
	if !errors.Is(err, io.EOF) {
		if k.ctx.Err() != nil {
			err = errors.Join(context.Cause(k.ctx), err)
		}
		b.err = err
		k.close()
		return
	}
	if k.res.Status == StatusPartialContent && b.chunks.originalFrom == badOriginal {
		b.err = refine(ErrChunkSyntax, "malformed use-original-body")
		k.close()
		return
	}
	b.err = io.EOF
	k.release(k.reusable())
	if k.res.Status != StatusPartialContent || b.chunks.originalFrom < 0 {
		return
	}
	if !k.awaitSender(k.c.senderPatience()) {
		b.err = errors.New("icap: request body does not return from Read")
		return
	}
	original, err := k.original()
	switch {
	case err != nil:
		b.err = err
	case original != nil:
		b.tail = &skipReader{r: original, skip: b.chunks.originalFrom}
	}
}

func (b *answerBody) trailer() Header { return Header{raw: b.text} }

// Close implements io.Closer. It closes the connection unless the body was read
// to its end.
func (b *answerBody) Close() error {
	if !b.done {
		b.done = true
		b.err = ErrAnswered
		b.k.close()
	}
	return nil
}
