package icap

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

func echoMux() *ServeMux {
	mux := NewServeMux()
	mux.Handle("/echo", &Service{
		Name: "echo", Methods: []string{MethodRespmod}, Handler: Echo{}, Preview: 1024, Allow206: true,
		ISTag: func() string { return "echo-1" },
	})
	return mux
}

func benchServer(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &Server{Handler: echoMux()}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.Shutdown(ctx)
		<-done
	})
	return l.Addr().String()
}

// bareServer is the floor: it reads as many bytes and answers a constant.
func bareServer(b *testing.B, size int, answer []byte) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 64<<10)
				for {
					for got := 0; got < size; {
						n, err := c.Read(buf)
						if err != nil {
							return
						}
						got += n
					}
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	b.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func respmod(path, extra string, body int, chunk int) []byte {
	reqHdr := "GET http://api.test/items HTTP/1.1\r\nHost: api.test\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n\r\n"
	resHdr := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\nServer: bench\r\n\r\n", body)
	var w bytes.Buffer
	fmt.Fprintf(&w, "RESPMOD icap://127.0.0.1:1344%s ICAP/1.0\r\nHost: 127.0.0.1:1344\r\n%sEncapsulated: req-hdr=0, res-hdr=%d, res-body=%d\r\n\r\n%s%s",
		path, extra, len(reqHdr), len(reqHdr)+len(resHdr), reqHdr, resHdr)
	for body > 0 {
		n := min(body, chunk)
		fmt.Fprintf(&w, "%x\r\n%s\r\n", n, strings.Repeat("x", n))
		body -= n
	}
	w.WriteString("0\r\n\r\n")
	return w.Bytes()
}

// drive sends msg and reads answers that end in tail.
func drive(b *testing.B, addr string, msg []byte, tail string) {
	b.Helper()
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	b.SetParallelism(2)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		buf := make([]byte, 64<<10)
		for pb.Next() {
			if len(msg) > 128<<10 {
				go c.Write(msg)
			} else if _, err := c.Write(msg); err != nil {
				b.Error(err)
				return
			}
			if err := readToTail(c, buf, tail); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func readToTail(c net.Conn, buf []byte, tail string) error {
	keep := 0
	for {
		n, err := c.Read(buf[keep:])
		if err != nil {
			return err
		}
		got := buf[:keep+n]
		if bytes.HasSuffix(got, []byte(tail)) {
			return nil
		}
		keep = copy(buf, got[max(0, len(got)-len(tail)):])
	}
}

const (
	tail204 = "\r\n\r\n"
	tail200 = "\r\n0\r\n\r\n"
)

func BenchmarkServer(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 1 << 20} {
		full := respmod("/echo", "Allow: 204\r\n", size, 4096)
		b.Run(fmt.Sprintf("full204/%d", size), func(b *testing.B) { drive(b, benchServer(b), full, tail204) })
		b.Run(fmt.Sprintf("bare/%d", size), func(b *testing.B) {
			drive(b, bareServer(b, len(full), []byte("ICAP/1.0 204 No Modifications Needed\r\nISTag: \"echo-1\"\r\nEncapsulated: null-body=0\r\n\r\n")), full, tail204)
		})
		b.Run(fmt.Sprintf("echo200/%d", size), func(b *testing.B) { drive(b, benchServer(b), respmod("/echo", "", size, 4096), tail200) })
	}
	early := respmod("/echo?early", "Allow: 204\r\nPreview: 1024\r\n", 1024, 4096)
	b.Run("preview204", func(b *testing.B) { drive(b, benchServer(b), early, tail204) })
}
