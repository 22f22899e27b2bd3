package icaptest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// renderer is a step that sends bytes.
type renderer interface {
	action
	render(p *player) ([]byte, error)
}

type (
	sendText   struct{ text text }
	sendRepeat struct {
		text text
		n    int
	}
	sendBody struct {
		size, chunk int
		ext         text
		chunked     bool
	}
	sendData struct {
		text text
		gzip bool
	}
	sendLast struct{ ext text }
	section  struct{ name, stock string }
)

// stock has the ready-made heads.
var stock = map[string]string{
	"req-hdr get":  "GET http://api.test/v1/items?page=2 HTTP/1.1\r\nHost: api.test\r\nAccept: */*\r\n\r\n",
	"req-hdr head": "HEAD http://api.test/v1/items?page=2 HTTP/1.1\r\nHost: api.test\r\nAccept: */*\r\n\r\n",
	"req-hdr post": "POST http://api.test/v1/items HTTP/1.1\r\nHost: api.test\r\nContent-Type: text/plain\r\n" +
		"Transfer-Encoding: chunked\r\n\r\n",
	"res-hdr ok": "HTTP/1.1 200 OK\r\nDate: Mon, 03 Feb 2025 10:00:00 GMT\r\nContent-Type: text/plain\r\n" +
		"X-Origin: one\r\n\r\n",
}

// emit collects bytes, and notes them as part of the head that is being sent.
func (p *player) emit(b []byte) error {
	p.out = append(p.out, b...)
	if strings.HasSuffix(p.msg.section, "-hdr") {
		p.msg.heads[p.msg.section] = append(p.msg.heads[p.msg.section], b...)
	}
	if len(p.out) > maxSize {
		return fmt.Errorf("more than %d bytes in one write", maxSize)
	}
	return nil
}

func (a sendText) render(p *player) ([]byte, error) {
	s, err := a.text.expand(p.value)
	return []byte(s), err
}

func (a sendText) do(p *player) error {
	b, err := a.render(p)
	if err != nil {
		return err
	}
	return p.emit(b)
}

func (a sendRepeat) render(p *player) ([]byte, error) {
	s, err := a.text.expand(p.value)
	if err == nil && len(s) > 0 && a.n > maxSize/len(s) {
		err = errors.New("repeats to more than the limit")
	}
	if err != nil {
		return nil, err
	}
	return bytes.Repeat([]byte(s), a.n), nil
}

func (a sendRepeat) do(p *player) error {
	b, err := a.render(p)
	if err != nil {
		return err
	}
	return p.emit(b)
}

func (a sendBody) render(p *player) ([]byte, error) {
	b := generate(p.msg.gen, a.size)
	if !a.chunked {
		return b, nil
	}
	ext, err := a.ext.expand(p.value)
	if err != nil {
		return nil, err
	}
	var out []byte
	for c := range slices.Chunk(b, max(a.chunk, 1)) {
		out = appendChunk(out, c, ext)
	}
	return out, nil
}

func appendChunk(out, data []byte, ext string) []byte {
	out = fmt.Appendf(out, "%x%s\r\n", len(data), ext)
	out = append(out, data...)
	return append(out, '\r', '\n')
}

func (a sendBody) do(p *player) error {
	b, err := a.render(p)
	if err != nil {
		return err
	}
	if a.chunked {
		p.msg.body = append(p.msg.body, generate(p.msg.gen, a.size)...)
	}
	p.msg.gen += a.size
	return p.emit(b)
}

func (a sendData) data(p *player) ([]byte, error) {
	s, err := a.text.expand(p.value)
	if err != nil || !a.gzip {
		return []byte(s), err
	}
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write([]byte(s)); err != nil {
		return nil, err
	}
	err = z.Close()
	return buf.Bytes(), err
}

func (a sendData) render(p *player) ([]byte, error) {
	b, err := a.data(p)
	return appendChunk(nil, b, ""), err
}

func (a sendData) do(p *player) error {
	b, err := a.data(p)
	if err != nil {
		return err
	}
	p.msg.body = append(p.msg.body, b...)
	return p.emit(appendChunk(nil, b, ""))
}

func (a sendLast) render(p *player) ([]byte, error) {
	ext, err := a.ext.expand(p.value)
	return []byte("0" + ext + "\r\n\r\n"), err
}

func (a sendLast) do(p *player) error {
	b, err := a.render(p)
	if err != nil {
		return err
	}
	return p.emit(b)
}

func (a section) do(p *player) error {
	if p.msg.heads == nil || strings.HasSuffix(p.msg.section, "-body") {
		p.msg = message{heads: map[string][]byte{}}
	}
	p.msg.section = a.name
	return p.emit([]byte(a.stock))
}

type (
	segment struct{ n int }
	hook    struct{ name string }
	useConn struct{ name, kind string }
	control struct {
		what string
		w    within
	}
	cond struct {
		http        bool
		codes       []int
		then, other []step
	}
)

func (a segment) do(p *player) error {
	err := p.flush()
	p.piece = a.n
	return err
}

func (a hook) do(p *player) error {
	if err := p.flush(); err != nil {
		return err
	}
	p.log.note(a.name)
	return p.target.Hooks[a.name](p.ctx)
}

func (a useConn) do(p *player) error {
	if err := p.flush(); err != nil {
		return err
	}
	p.log.note("connection " + a.name)
	p.current = a.name
	if a.kind != "" {
		p.kinds[a.name] = a.kind
	}
	return nil
}

func (a cond) do(p *player) error {
	code := closedCode
	if p.last != nil {
		code = p.last.status
		if a.http {
			code = p.last.httpStatus()
		}
	}
	if slices.Contains(a.codes, code) {
		return p.play(a.then)
	}
	return p.play(a.other)
}

func (a control) do(p *player) error {
	if a.what == "refused" {
		return p.refused()
	}
	c, err := p.ready()
	if err != nil {
		return err
	}
	p.log.note(a.what)
	switch a.what {
	case "pause":
		return p.sleep(p.span(a.w))
	case "usable":
		return p.usable(c)
	case "half-close":
		h, ok := c.Conn.(interface{ CloseWrite() error })
		if !ok {
			return errors.New("this connection has no half-close")
		}
		return h.CloseWrite()
	case "reset":
		if t, ok := c.Conn.(*net.TCPConn); ok {
			if err := t.SetLinger(0); err != nil {
				return err
			}
		}
		fallthrough
	case "close":
		c.shut()
		delete(p.conns, p.current)
	}
	return nil
}
