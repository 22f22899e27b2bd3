package icap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// memConn is a connection that yields fixed bytes, step at a time.
type memConn struct {
	in   []byte
	step int
	out  bytes.Buffer
}

func (c *memConn) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := len(c.in)
	if c.step > 0 {
		n = min(n, c.step)
	}
	n = copy(p, c.in[:n])
	c.in = c.in[n:]
	return n, nil
}

func (c *memConn) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *memConn) Close() error                     { return nil }
func (c *memConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *memConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *memConn) SetDeadline(time.Time) error      { return nil }
func (c *memConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }

// decode reads a chunked body and returns it with what follows it.
func decode(in []byte, step int, read func(*chunkReader) ([]byte, error)) (body, rest []byte, ch *chunkReader, err error) {
	c := &memConn{in: in, step: step}
	s := new(source)
	s.init(c)
	defer s.drop()
	ch = new(chunkReader)
	ch.reset(s)
	body, err = read(ch)
	rest = append(bytes.Clone(s.view()), c.in...)
	return body, rest, ch, err
}

func readSmall(ch *chunkReader) ([]byte, error) {
	var out []byte
	p := make([]byte, 3)
	for {
		n, err := ch.Read(p)
		out = append(out, p[:n]...)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

func readViews(ch *chunkReader) ([]byte, error) {
	var out []byte
	for {
		b, err := ch.view()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, b...)
		ch.consume(len(b))
	}
}

func FuzzChunks(f *testing.F) {
	for _, s := range []string{
		"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "5;a=b\r\nhello\r\n0; ieof\r\n\r\nrest", "0; use-original-body=7\r\n\r\n",
		"1\r\na\r\n01\r\nb\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n", "0x5\r\n", "ffffffffffffffff\r\n", "5\r\nhel", "3;\"\r\nabc\r\n0\r\n\r\n",
		"2 ; q=\"a;\\\"b\" ; ieof\r\nab\r\n0\r\nA: b\r\n c\r\n\r\n", "-1\r\n", "\r\n", "5\nhello\n0\n\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		body, rest, ch, err := decode(in, 0, readViews)
		for _, step := range []int{1, 2, 7} {
			b2, rest2, ch2, err2 := decode(in, step, readSmall)
			if !bytes.Equal(body, b2) || (err == nil) != (err2 == nil) || err == nil && (!bytes.Equal(rest, rest2) || ch.ieof != ch2.ieof) {
				t.Fatalf("step %d: %q %v, else %q %v", step, b2, err2, body, err)
			}
		}
		if err != nil {
			return
		}
		if !bytes.HasSuffix(in, rest) {
			t.Fatalf("rest %q is not the end of the input", rest)
		}
		// Writing what was read and reading it again changes nothing.
		var o output
		o.take(largeBuffer)
		defer o.free()
		o.setHead(o.b[:0])
		if len(body) > len(o.space()) {
			return
		}
		o.de += copy(o.space(), body)
		wire := bytes.Clone(o.chunk(true, "\r\n"+ch.trailer, ""))
		again, rest, ch2, err := decode(wire, 0, readViews)
		if err != nil || !bytes.Equal(again, body) || len(rest) != 0 || ch2.trailer != ch.trailer {
			t.Fatalf("wrote %q, read %q %q %v", wire, again, rest, err)
		}
	})
}

func FuzzEncapsulated(f *testing.F) {
	for _, s := range []string{
		"req-hdr=0, res-hdr=45, res-body=100", "null-body=0", "req-hdr=0, null-body=170", " Req-Hdr = 0 ,req-body=9", "res-hdr=0, req-hdr=9, null-body=10",
		"req-hdr=1, null-body=2", "req-hdr=0, req-hdr=0, null-body=0", "opt-body=0", "null-body=99999999999", "null-body=-1", "", ",", "a=b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		e, err := parseEncapsulated(v, responseSections)
		if err != nil {
			if err.Status != 400 {
				t.Fatalf("status %d", err.Status)
			}
			return
		}
		var parts []string
		if e.reqHdr >= 0 {
			parts = append(parts, fmt.Sprintf("req-hdr=%d", e.reqHdr))
		}
		if e.resHdr >= 0 {
			parts = append(parts, fmt.Sprintf("res-hdr=%d", e.resHdr))
		}
		parts = append(parts, fmt.Sprintf("%s=%d", e.body, e.bodyAt))
		again, err := parseEncapsulated(strings.Join(parts, ", "), responseSections)
		if err != nil || again != e {
			t.Fatalf("%q: %+v, again %+v %v", v, e, again, err)
		}
		if e.bodyAt < 1<<16 {
			block := strings.Repeat("x", e.bodyAt)
			_, _, _ = e.heads(block, true, new(Head), new(Head)) // must not panic
		}
	})
}

func FuzzHead(f *testing.F) {
	for _, s := range []string{
		reqHead, resHead, "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nset-cookie: b\r\nX: a\r\n b\r\nOdd : 1\r\nJunk\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n", "CONNECT a:443 HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n", "GET /\n\r\n", "\r\n\r\n", "HTTP/2 204\r\n: x\r\n\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		h, err := ParseHead(raw)
		if err != nil {
			return
		}
		if h.Raw() != raw || string(h.AppendTo(nil)) != raw {
			t.Fatalf("%q became %q", raw, h.Raw())
		}
		_, _, _, _, _, _ = h.StartLine(), h.Method(), h.Target(), h.Proto(), h.Status(), h.Reason()
		_, _ = h.ContentLength()
		for name := range h.All() {
			if name == "" {
				t.Fatal("empty name")
			}
			h.Get(name)
		}
		const name = "X-Not-There"
		if h.Has(name) {
			return
		}
		c := h.Clone()
		c.Add(name, "a")
		c.Set(name, "b\r\nc")
		if c.Get(name) != "b  c" || !c.Del(name) || c.Raw() != raw || h.Raw() != raw {
			t.Fatalf("%q became %q", raw, c.Raw())
		}
		if again, err := ParseHead(c.Raw()); err != nil || again.Raw() != raw {
			t.Fatalf("edited head does not parse: %v", err)
		}
	})
}

func FuzzRequestHead(f *testing.F) {
	for _, s := range []string{
		"OPTIONS icap://h/s ICAP/1.0\r\nHost: h\r\n\r\n", "RESPMOD icap://h:1344/s?a=b ICAP/1.0\r\nHost: h\r\nAllow: 204, 206\r\nPreview: 30\r\nEncapsulated: null-body=0\r\n\r\n",
		"REQMOD /s ICAP/1.0\r\nHost: h\r\nX: a\r\n b\r\nEncapsulated: req-hdr=0, req-body=9\r\n\r\n", "FOO * ICAP/2.0\r\n\r\n", "OPTIONS icap://h ICAP/1.0\nHost: h\n\n",
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, in []byte, lenient bool) {
		n := headEnd(in, 0, lenient)
		for from := range in { // searching in pieces finds the same end
			if m := headEnd(in[:from], max(from-1, 0), lenient); m >= 0 && m != n {
				t.Fatalf("end %d, in pieces %d", n, m)
			} else if m >= 0 || from > 200 {
				break
			}
		}
		if n < 0 {
			return
		}
		raw := string(in[:n])
		h, err := parseRequestHead(raw, lenient)
		if err != nil {
			if err.Status < 400 {
				t.Fatalf("status %d", err.Status)
			}
			return
		}
		header := Header{raw: h.fields}
		var again Header
		for name, value := range header.All() {
			again.Add(name, value)
			if v, ok := header.Lookup(name); !ok || v != header.Values(name)[0] {
				t.Fatalf("Lookup(%q) = %q, %v", name, v, ok)
			}
		}
		if again.Len() != header.Len() {
			t.Fatalf("%q became %q", header.Raw(), again.Raw())
		}
		// A head written from what was parsed is parsed as the same.
		h2, err := parseRequestHead(h.method+" "+h.uri+" ICAP/1.0\r\n"+again.Raw()+"\r\n", lenient)
		if err != nil || h2.enc != h.enc || h2.preview != h.preview || h2.allow204 != h.allow204 || h2.close != h.close || h2.service != h.service {
			t.Fatalf("%q: again %+v %v, was %+v", raw, h2, err, h)
		}
	})
}

func FuzzServer(f *testing.F) {
	for _, s := range []string{
		nullMsg("Allow: 204\r\n"), msg("Preview: 2\r\n", "2\r\nhe\r\n0\r\n\r\n3\r\nllo\r\n0\r\n\r\n"), msg("", "5\r\nhello\r\n0\r\n\r\n"),
		msg("Preview: 9\r\nAllow: 206\r\n", "5\r\nhello\r\n0; ieof\r\n\r\n"), "OPTIONS icap://h/svc ICAP/1.0\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
	} {
		f.Add([]byte(s), uint8(0))
		f.Add([]byte(s+s), uint8(1))
	}
	h := HandlerFunc(func(w *ResponseWriter, r *Request) {
		if r.Query == "raw" {
			readAll.ServeICAP(w, r)
			return
		}
		Echo{}.ServeICAP(w, r)
	})
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		c := &memConn{in: in, step: int(step)}
		srv := &Server{Handler: muxOf(h), ErrorLog: func(e Event) {
			if e.Kind == EventPanic {
				t.Errorf("%v\n%s", e.Err, e.Stack)
			}
		}}
		srv.ServeConn(c)
		out := c.out.String()
		if out != "" && !strings.HasPrefix(out, "ICAP/1.0 ") {
			t.Fatalf("answered %q", out)
		}
		if i := strings.Index(out, "\r\nConnection: close\r\n"); i >= 0 && strings.Contains(out[i:], "\nICAP/1.0 ") && !strings.Contains(string(in), "ICAP/1.0 ") {
			t.Fatalf("spoke after the close: %q", out)
		}
	})
}

func TestHeadAccess(t *testing.T) {
	raw := "HTTP/1.1 200 Fine by me\r\nSet-Cookie: a=1\r\nX-Fold: one\r\n\ttwo\r\nset-cookie: b=2\r\nContent-length: 5\r\nBin: \xff\xfe\r\n\r\n"
	h := mustHead(t, raw)
	if h.Status() != 200 || h.Reason() != "Fine by me" || h.Proto() != "HTTP/1.1" || h.Method() != "" || !h.IsResponse() {
		t.Errorf("start line: %d %q %q", h.Status(), h.Reason(), h.Proto())
	}
	if fmt.Sprint(h.Values("SET-COOKIE")) != "[a=1 b=2]" || h.Get("x-fold") != "one two" || h.Get("bin") != "\xff\xfe" || h.Len() != 5 {
		t.Errorf("fields: %q", h.Values("set-cookie"))
	}
	if n, ok := h.ContentLength(); n != 5 || !ok {
		t.Errorf("Content-Length %d %v", n, ok)
	}
	c := h.Clone()
	c.Set("content-LENGTH", "7")
	c.Del("set-cookie")
	c.Add("New", "x")
	want := "HTTP/1.1 200 Fine by me\r\nX-Fold: one\r\n\ttwo\r\nContent-length: 7\r\nBin: \xff\xfe\r\nNew: x\r\n\r\n"
	if c.Raw() != want || h.Raw() != raw {
		t.Errorf("got %q", c.Raw())
	}
	q := mustHead(t, "GET http://a/b c HTTP/1.0\r\nHost: a\r\n\r\n")
	if q.Method() != "GET" || q.Target() != "http://a/b c" || q.Proto() != "HTTP/1.0" || q.Status() != 0 {
		t.Errorf("%q %q %q", q.Method(), q.Target(), q.Proto())
	}
	q.SetStartLine("POST /x HTTP/1.1")
	if q.Raw() != "POST /x HTTP/1.1\r\nHost: a\r\n\r\n" {
		t.Errorf("got %q", q.Raw())
	}
	for _, bad := range []string{"", "\r\n\r\n", "GET / HTTP/1.1", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nA: b\r\n\r\nC: d\r\n\r\n", "GET / HTTP/1.1\r\nA: b\n\nC: d\r\n\r\n", "GET / HTTP/1.1\r\nA: \x00\r\n\r\n"} {
		if _, err := ParseHead(bad); !errors.Is(err, ErrEncapsulatedHead) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, v := range []string{"Content-Length: 5\r\nContent-Length: 6", "Content-Length: +5", "Content-Length: 5, 5", "X: 1"} {
		if n, ok := mustHead(t, "HTTP/1.1 200 OK\r\n"+v+"\r\n\r\n").ContentLength(); ok {
			t.Errorf("%q: %d", v, n)
		}
	}
}

func TestHeadHTTP(t *testing.T) {
	req, err := mustHead(t, "POST http://api.test/x?y HTTP/1.1\r\nHost: api.test\r\nContent-Type: a/b\r\nX-b: 1\r\n\r\n").Request()
	if err != nil || req.URL.Host != "api.test" || req.Header.Get("X-B") != "1" {
		t.Fatalf("%+v, %v", req, err)
	}
	h := HeadFromRequest(req)
	if h.Raw() != "POST http://api.test/x?y HTTP/1.1\r\nHost: api.test\r\nContent-Type: a/b\r\nX-B: 1\r\n\r\n" {
		t.Errorf("got %q", h.Raw())
	}
	res, err := mustHead(t, "HTTP/1.1 404 Not Found\r\nX: 1\r\nX: 2\r\n\r\n").Response(req)
	if err != nil || res.StatusCode != 404 {
		t.Fatalf("%+v, %v", res, err)
	}
	if h := HeadFromResponse(res); h.Raw() != "HTTP/1.1 404 Not Found\r\nX: 1\r\nX: 2\r\n\r\n" {
		t.Errorf("got %q", h.Raw())
	}
}
