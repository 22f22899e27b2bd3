package icap

import (
	"bytes"
	"errors"
	"io"
)

// readRequest reads a request up to its body.
func (c *conn) readRequest() (*exchange, error) {
	c.src.fixed, c.src.timeout, c.src.pace.rate = 0, 0, 0
	if c.st.headMS > 0 {
		c.src.fixed = c.st.clock.Load() + c.st.headMS
	}
	n, err := c.readHead()
	if err != nil {
		return nil, err
	}
	srv := c.st.srv
	head, perr := parseRequestHead(string(c.src.view()[:n]), srv.Lenient)
	if perr != nil {
		return nil, perr
	}
	c.src.advance(n)
	x := c.newExchange()
	x.head = head
	if head.hasEnc && head.enc.bodyAt > 0 {
		if err := c.readBlock(x, &head.enc); err != nil {
			return nil, err
		}
	}
	c.src.fixed, c.src.timeout = 0, c.st.bodyMS
	c.src.pace = pace{rate: c.st.bodyRate, grace: c.st.bodyGrace, from: c.src.in}
	x.fill()
	return x, nil
}

// readHead waits for the whole ICAP head and returns its length.
func (c *conn) readHead() (int, error) {
	lenient := c.st.srv.Lenient
	searched, blank := 0, 0
	for {
		b := c.src.view()
		for blank < 4 && len(b) >= 2 && b[0] == '\r' && b[1] == '\n' {
			// A few line ends before a request are tolerated, as RFC 9112
			// section 2.2 asks of HTTP servers.
			c.src.advance(2)
			b, searched, blank = c.src.view(), 0, blank+1
		}
		if n := headEnd(b, searched, lenient); n >= 0 && n <= c.st.maxHead {
			return n, nil
		} else if n >= 0 || len(b) > c.st.maxHead {
			return 0, refine(ErrHeadTooLarge, "ICAP head over %d bytes", c.st.maxHead)
		}
		if err := hopelessHead(b, searched, lenient); err != nil {
			return 0, err
		}
		searched = len(b)
		if err := c.src.fill(); err != nil {
			return 0, err
		}
	}
}

// hopelessHead refuses the start of a head that no further byte can make good, so that whoever sent it learns so at
// once and not when the time for heads is up. What is before from has been looked at.
func hopelessHead(b []byte, from int, lenient bool) error {
	if from <= 1 && len(b) > 0 {
		switch first := b[0]; {
		case first == tlsHandshake:
			return refine(ErrHeadSyntax, "a TLS handshake, where ICAP without TLS is spoken")
		case tokenTable[first], first == '\r' && len(b) == 1, first == '\n' && lenient:
		default:
			return refine(ErrHeadSyntax, "no method")
		}
	}
	if !lenient && plainLF(b, from) {
		return refine(ErrHeadSyntax, "line without CRLF")
	}
	return nil
}

// tlsHandshake is the first byte of a TLS connection (RFC 8446 section 5.1).
const tlsHandshake = 0x16

// plainLF tells whether a line of b that ends at from or behind it ends without CR.
func plainLF(b []byte, from int) bool {
	for {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return false
		}
		i += from
		if i == 0 || b[i-1] != '\r' {
			return true
		}
		from = i + 1
	}
}

// readBlock reads the encapsulated heads.
func (c *conn) readBlock(x *exchange, enc *encapsulated) error {
	if enc.bodyAt > c.st.maxHTTPHead {
		return refine(ErrHeadTooLarge, "HTTP heads over %d bytes", c.st.maxHTTPHead)
	}
	if err := c.src.need(enc.bodyAt); err != nil {
		if errors.Is(err, io.EOF) {
			err = refine(ErrEncapsulatedHead, "connection ended inside the HTTP head")
		}
		return err
	}
	block := string(c.src.view()[:enc.bodyAt])
	req, res, err := enc.heads(block, c.st.srv.Lenient, &x.h.reqHead, &x.h.resHead)
	if err != nil {
		return err
	}
	c.src.advance(enc.bodyAt)
	x.h.req.HTTPRequest, x.h.req.HTTPResponse = req, res
	x.originalReq, x.originalRes = rawOf(req), rawOf(res)
	return nil
}

// fill sets up the request that the handler sees.
func (x *exchange) fill() {
	c, head := x.c, &x.head
	if c.remote == nil {
		c.remote, c.local = c.nc.RemoteAddr(), c.nc.LocalAddr()
	}
	r := &x.h.req
	r.x = x
	r.Method, r.RawURL = head.method, head.uri
	r.Service, r.Query = head.service, head.query
	r.Header = Header{raw: head.fields}
	if head.method == MethodOptions {
		head.hasPreview = false
	}
	r.HasPreview = head.hasPreview
	r.PreviewSize = head.preview
	r.Allow204, r.Allow206, r.AllowTrailers = head.allow204, head.allow206, head.allowTrailers
	r.RemoteAddr, r.LocalAddr, r.TLS = c.remote, c.local, c.tls
	if head.hasEnc && head.enc.body != secNullBody {
		x.up.chunks.reset(&c.src)
		x.up.stage.Store(upMain)
		if r.HasPreview {
			x.up.stage.Store(upPreview)
		}
		x.h.body.up = &x.up
		r.Body = &x.h.body
	}
}
