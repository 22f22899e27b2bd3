package icap

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func echoMux() *ServeMux {
	mux := NewServeMux()
	mux.Handle("/echo", &Service{
		Name: "echo", Methods: []string{MethodRespmod}, Handler: Echo{}, Preview: 1024, Allow206: true,
		ISTag: func() string { return "echo-1" },
	})
	return mux
}

// bareLoop is the floor: it reads as many bytes and answers a constant.
func bareLoop(l net.Listener, size int) {
	answer := []byte(strings.Replace(answer4, "T1", "echo-1", 1))
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
}

func respmod(path, extra string, body, chunk int) []byte {
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

// drive sends msg over a number of connections, reads answers that end in tail,
// and reports the server's own processor time for a message.
func drive(b *testing.B, kind string, conns int, msg []byte, tail string) {
	b.Helper()
	addr, pid := startChild(b, kind)
	b.SetBytes(int64(len(msg)))
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	user, system := cpu(b, pid)
	b.ResetTimer()
	for range conns {
		wg.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			buf := make([]byte, 64<<10)
			for left.Add(-1) >= 0 {
				if len(msg) > 128<<10 && tail == tail200 {
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
	wg.Wait()
	b.StopTimer()
	user2, system2 := cpu(b, pid)
	b.ReportMetric(float64((user2-user).Microseconds())/float64(b.N), "user-µs/op")
	b.ReportMetric(float64((user2-user+system2-system).Microseconds())/float64(b.N), "cpu-µs/op")
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
		for _, conns := range []int{4, 64} {
			b.Run(fmt.Sprintf("full204/%d/%d", size, conns), func(b *testing.B) { drive(b, "icap", conns, full, tail204) })
			b.Run(fmt.Sprintf("bare/%d/%d", size, conns), func(b *testing.B) { drive(b, strconv.Itoa(len(full)), conns, full, tail204) })
		}
		b.Run(fmt.Sprintf("echo200/%d/4", size), func(b *testing.B) {
			drive(b, "icap", 4, respmod("/echo", "", size, 4096), tail200)
		})
	}
	b.Run("early204/16384/4", func(b *testing.B) {
		early := respmod("/echo?early", "Allow: 204\r\nPreview: 1024\r\n", 1024, 4096)
		drive(b, "icap", 4, early, tail204)
	})
}

// BenchmarkPreview204 shows what one exchange costs without a network.
func BenchmarkPreview204(b *testing.B) {
	message := respmod("/echo?early", "Allow: 204\r\nPreview: 1024\r\nX-Client-IP: 192.0.2.1\r\nDate: Mon, 03 Feb 2025 10:00:00 GMT\r\n", 1024, 4096)
	c := &loopConn{msg: message, left: b.N}
	b.ReportAllocs()
	(&Server{Handler: echoMux()}).ServeConn(c)
}

// loopConn repeats a message.
type loopConn struct {
	memConn
	msg  []byte
	left int
}

func (c *loopConn) Read(p []byte) (int, error) {
	if len(c.in) == 0 && c.left > 0 {
		c.left--
		c.in = c.msg
	}
	return c.memConn.Read(p)
}

func (c *loopConn) Write(p []byte) (int, error) { return len(p), nil }

// TestAllocations holds the price of a 204 in preview.
func TestAllocations(t *testing.T) {
	if r := testing.Benchmark(BenchmarkPreview204); r.AllocsPerOp() > 5 {
		t.Errorf("%d allocations for a 204 in preview", r.AllocsPerOp())
	}
}
