package icap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// recorder reads a request body and remembers what it read for as long as it
// may be needed again.
type recorder struct {
	r       io.Reader
	buf     []byte
	limit   int
	keeping bool
	lost    bool // more was read than remembered
}

func (b *recorder) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	switch {
	case n <= 0:
	case b.keeping && len(b.buf)+n <= b.limit:
		b.buf = append(b.buf, p[:n]...)
	default:
		b.forget()
	}
	return n, err
}

// forget gives up the memory; the body cannot be had again from here.
func (b *recorder) forget() { b.keeping, b.lost, b.buf = false, true, nil }

// call is one exchange of a Client.
type call struct {
	c       *Client
	ctx     context.Context
	req     *ClientRequest
	url     *url.URL
	body    *recorder // nil for null-body
	replay  bool      // the body can be had again after it was sent
	preview int       // bytes to preview, NoPreview for none
	start   time.Time

	cc        *clientConn
	stopWatch func() bool
	sent      chan struct{} // closed when the sender is done, nil if there is none
	sendErr   error         // of the sender, valid after sent
	bodyErr   error         // the caller's reader failed, valid after sent
	rest      []byte        // what was read to look behind the preview
	whole     bool          // the preview was the whole body
	res       *ClientResponse
}

func (c *Client) do(ctx context.Context, req *ClientRequest) (*ClientResponse, error) {
	u, err := parseServiceURL(req.URL)
	if err != nil {
		return nil, err
	}
	k := &call{c: c, ctx: ctx, req: req, url: u, preview: req.Preview, start: time.Now()}
	if k.preview == PreviewFromOptions {
		o, err := c.options(ctx, u)
		if err != nil {
			return nil, err
		}
		// A server must not make us hold more than we would by ourselves.
		k.preview = min(o.Preview, limitOr(c.BufferLimit, defaultBufferLimit))
	}
	k.prepareBody()
	for fresh := false; ; fresh = true {
		res, err := k.attempt(fresh)
		if err == nil {
			return res, nil
		}
		retry := k.cc != nil && k.cc.reused && staleConn(err) && ctx.Err() == nil && k.rewind()
		k.close()
		if !retry {
			if ctx.Err() != nil {
				err = errors.Join(context.Cause(ctx), err)
			}
			return nil, fmt.Errorf("icap: %s %s: %w", req.Method, req.URL, err)
		}
	}
}

// prepareBody finds out whether the body can be had again.
func (k *call) prepareBody() {
	k.replay = true
	if k.req.Body == nil {
		return
	}
	limit := limitOr(k.c.BufferLimit, defaultBufferLimit)
	k.replay = k.req.GetBody != nil
	if n, ok := k.bodyLength(); ok && n <= int64(limit) {
		k.replay = true
	}
	k.body = &recorder{r: k.req.Body, limit: max(limit, k.preview+1), keeping: true}
}

func (k *call) bodyLength() (int64, bool) {
	if l, ok := k.req.Body.(interface{ Len() int }); ok {
		return int64(l.Len()), true
	}
	h := k.req.HTTPResponse
	if k.req.Method == MethodReqmod {
		h = k.req.HTTPRequest
	}
	if h == nil {
		return 0, false
	}
	return h.ContentLength()
}

// rewind makes the body ready to be sent again.
func (k *call) rewind() bool {
	if !k.awaitSender(0) {
		return false
	}
	if k.body == nil {
		return true
	}
	r, err := k.original()
	if err != nil {
		return false
	}
	k.body = &recorder{r: r, limit: k.body.limit, keeping: true}
	k.rest, k.whole = nil, false
	return true
}

// original returns the body from its first byte. The sender must have ended.
func (k *call) original() (io.Reader, error) {
	switch {
	case k.body == nil:
		return nil, nil
	case !k.body.lost:
		return io.MultiReader(bytes.NewReader(k.body.buf), k.body.r), nil
	case k.req.GetBody != nil:
		return k.req.GetBody()
	default:
		return nil, ErrOriginalNeeded
	}
}

func (k *call) attempt(fresh bool) (*ClientResponse, error) {
	k.sent, k.sendErr, k.bodyErr = nil, nil, nil
	k.res = &ClientResponse{Trailer: func() Header { return Header{} }}
	k.cc = nil
	cc, err := k.c.conn(k.ctx, k.url, fresh)
	if err != nil {
		return nil, err
	}
	k.cc = cc
	cc.ctx.Store(&k.ctx)
	k.stopWatch = context.AfterFunc(k.ctx, func() { _ = cc.SetDeadline(aLongTimeAgo) })
	k.res.Timing.Connected, k.res.Timing.Reused = time.Since(k.start), cc.reused
	if err := k.send(); err != nil {
		return nil, err
	}
	return k.receive()
}

// head builds the ICAP head and the encapsulated heads.
func (k *call) head() []byte {
	req := k.req
	b := make([]byte, 0, 1024)
	b = append(b, req.Method...)
	b = append(b, ' ')
	b = append(b, cleanLine(optionsKey(k.url))...)
	b = append(b, " ICAP/1.0\r\nHost: "...)
	b = append(b, k.url.Host...)
	b = append(b, "\r\n"...)
	if k.c.UserAgent != "" && !req.Header.Has("User-Agent") {
		b = append(b, fieldLine("User-Agent", k.c.UserAgent)...)
	}
	b = req.Header.AppendTo(b)
	if k.preview >= 0 && req.Method != MethodOptions {
		b = append(b, "Preview: "+itoa(int64(k.preview))+"\r\n"...)
	}
	if allow := k.allow(); allow != "" {
		b = append(b, "Allow: "+allow+"\r\n"...)
	}
	if req.Method == MethodOptions {
		return append(b, "\r\n"...)
	}
	b = append(b, "Encapsulated: "...)
	at := 0
	var heads []byte
	if req.HTTPRequest != nil {
		b = append(b, "req-hdr=0, "...)
		heads = req.HTTPRequest.AppendTo(heads)
		at = len(heads)
	}
	if req.HTTPResponse != nil && req.Method == MethodRespmod {
		b = append(b, "res-hdr="+itoa(int64(at))+", "...)
		heads = req.HTTPResponse.AppendTo(heads)
	}
	b = append(b, k.bodySection().String()+"="+itoa(int64(len(heads)))+"\r\n\r\n"...)
	return append(b, heads...)
}

func (k *call) bodySection() section {
	switch {
	case k.body == nil:
		return secNullBody
	case k.req.Method == MethodReqmod:
		return secReqBody
	default:
		return secResBody
	}
}

// allow lists what can be undone here: 204 and 206 outside a preview need the
// original again, inside it nothing has been given away yet.
func (k *call) allow() string {
	var list []string
	if k.req.Method != MethodOptions {
		if k.replay && !k.req.No204 {
			list = append(list, "204")
		}
		if !k.req.No206 && k.body != nil && (k.preview >= 0 || k.replay && !k.req.No204) {
			list = append(list, "206")
		}
	}
	if !k.req.NoTrailers {
		list = append(list, "trailers")
	}
	return strings.Join(list, ", ")
}

// send writes the head and the preview, or starts to write the whole body.
func (k *call) send() error {
	head := k.head()
	defer func() { k.res.Timing.PreviewSent = time.Since(k.start) }()
	switch {
	case k.body == nil:
		_, err := k.cc.Write(head)
		return err
	case k.preview < 0:
		k.stream(head)
		return nil
	}
	p := make([]byte, k.preview+1)
	n, err := io.ReadFull(k.body, p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	k.whole = n <= k.preview
	first := p[:min(n, k.preview)]
	k.rest = p[len(first):n]
	if len(first) > 0 {
		head = appendChunkSize(head, len(first))
		head = append(append(head, first...), "\r\n"...)
	}
	if k.whole {
		head = append(head, "0; ieof\r\n\r\n"...)
	} else {
		head = append(head, "0\r\n\r\n"...)
	}
	_, err = k.cc.Write(head)
	return err
}

// stream sends prefix and what is left of the body on a goroutine, since the
// answer may begin before the body ends.
func (k *call) stream(prefix []byte) {
	if !k.replay || k.req.GetBody != nil {
		k.body.forget()
	}
	sent := make(chan struct{})
	k.sent = sent
	rest, cc := k.rest, k.cc
	go func() {
		defer close(sent)
		k.sendErr = k.sendBody(cc, prefix, rest)
		if k.bodyErr != nil {
			// The server must not take the part for the whole, and nobody
			// should wait for its answer.
			_ = cc.Close()
		}
	}()
}

func (k *call) sendBody(cc *clientConn, prefix, rest []byte) error {
	var o output
	o.take(largeBuffer)
	defer o.free()
	o.setHead(append(o.b[:0], prefix...))
	body := io.MultiReader(bytes.NewReader(rest), k.body)
	for {
		p := o.space()
		n, err := body.Read(p)
		o.de += n
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			k.bodyErr = err
			return err
		}
		if n == 0 && !last {
			continue
		}
		if _, err := cc.Write(o.chunk(last, "\r\n", "")); err != nil || last {
			return err
		}
		o.sent()
	}
}

// awaitSender waits for the sender to end and reports whether it has.
func (k *call) awaitSender(grace time.Duration) bool {
	if k.sent == nil {
		return true
	}
	select {
	case <-k.sent:
		return true
	default:
	}
	if grace <= 0 {
		return false
	}
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-k.sent:
		return true
	case <-t.C:
		return false
	}
}

// reusable reports whether both directions of the connection are at rest.
func (k *call) reusable() bool {
	return !k.res.Header.HasToken("Connection", "close") && k.awaitSender(senderGrace) &&
		k.sendErr == nil && k.ctx.Err() == nil
}

// release ends the use of the connection.
func (k *call) release(reuse bool) {
	if k.cc == nil {
		return
	}
	if !reuse || !k.stopWatch() {
		k.close()
		return
	}
	k.c.putIdle(k.cc)
	k.cc = nil
}

func (k *call) close() {
	if k.cc == nil {
		return
	}
	k.stopWatch()
	_ = k.cc.Close()
	k.cc.src.drop()
	k.cc = nil
}

func (c *Client) senderPatience() time.Duration { return positive(c.IOTimeout, defaultIOTimeout) }
