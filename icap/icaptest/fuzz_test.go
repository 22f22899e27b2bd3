package icaptest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"testing"
)

// FuzzParse: whatever is not a transcript is refused with a *ParseError, in bounded time and memory.
func FuzzParse(f *testing.F) {
	seeds := 0
	err := fs.WalkDir(transcripts, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := transcripts.ReadFile(path)
		f.Add(data)
		seeds++
		return err
	})
	if err != nil || seeds == 0 {
		f.Fatalf("%d seeds, %v", seeds, err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f.icap", data)
		var pe *ParseError
		if err != nil && !errors.As(err, &pe) {
			t.Fatalf("%T: %v", err, err)
		}
		if err == nil && (c.Title == "" || len(c.steps) == 0) {
			t.Fatalf("taken for a transcript: %q", data)
		}
	})
}

// FuzzResponse: no server can make the reader of responses panic, or take what is not whole for a response.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		"ICAP/1.0 200 OK\r\nISTag: \"x\"\r\nEncapsulated: null-body=0\r\n\r\n",
		"ICAP/1.0 204 No Content\r\n\r\n",
		"ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"ICAP/1.0 206 Partial\r\nEncapsulated: req-hdr=0, req-body=18\r\n\r\nGET / HTTP/1.1\r\n\r\n0; use-original-body=0\r\n\r\n",
		"ICAP/1.0 200 OK\r\nTrailer: X\r\nEncapsulated: res-body=0\r\n\r\n0\r\nA: b\r\n\r\nX: y\r\n\r\n",
		"ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=2147483647\r\n\r\n",
		"ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\n7fffffff\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &conn{buf: bytes.Clone(data), end: io.EOF, more: make(chan struct{}, 1)}
		r, err := readResponse(&source{ctx: context.Background(), c: c, d: 1})
		if err != nil {
			return
		}
		if r.status < 100 || r.reason == "" {
			t.Fatalf("taken for a response: %q", data)
		}
		_, _ = r.httpStatus(), r.httpFields()
	})
}
