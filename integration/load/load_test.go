package load

import (
	"bytes"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

func bareServer(t *testing.T, b Bare) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = b.Serve(ln)
	}()
	t.Cleanup(func() {
		ln.Close()
		<-done
	})
	return ln.Addr().String()
}

func TestRunCountsWhatWasAnswered(t *testing.T) {
	m := NewMessage(MessageConfig{Host: "h", Path: "echo", Type: "text/plain", Body: make([]byte, 20000), Preview: -1, Allow204: true, Want: 204})
	addr := bareServer(t, Bare{Length: len(m.Bytes), Answer: Answer204})
	r, err := Run(t.Context(), Config{Address: addr, Message: Same(m), Conns: 4, For: time.Minute, Max: 400})
	if err != nil {
		t.Fatal(err)
	}
	if r.Messages != 400 || r.Latency.Quantile(0.5) <= 0 || r.Latency.Quantile(0.99) < r.Latency.Quantile(0.5) {
		t.Errorf("%d messages, p50 %v, p99 %v", r.Messages, r.Latency.Quantile(0.5), r.Latency.Quantile(0.99))
	}
}

func TestRunReadsAnswersWithBody(t *testing.T) {
	m := NewMessage(MessageConfig{Host: "h", Path: "echo", Type: "text/plain", Body: []byte("hello"), Preview: -1, Want: 200})
	head := "HTTP/1.1 200 OK\r\n\r\n"
	answer := "ICAP/1.0 200 OK\r\nISTag: \"x\"\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\n" + head + "5\r\nhello\r\n0\r\n\r\n"
	addr := bareServer(t, Bare{Length: len(m.Bytes), Answer: answer})
	if r, err := Run(t.Context(), Config{Address: addr, Message: Same(m), Conns: 2, For: time.Minute, Max: 10}); err != nil || r.Messages != 10 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRunRefusesTheWrongAnswer(t *testing.T) {
	m := NewMessage(MessageConfig{Host: "h", Path: "echo", Type: "text/plain", Preview: -1, Want: 204})
	for _, answer := range []string{"ICAP/1.0 500 Oops\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", "ICAP/1.0 2x4 \r\n\r\n"} {
		addr := bareServer(t, Bare{Length: len(m.Bytes), Answer: answer})
		if _, err := Run(t.Context(), Config{Address: addr, Message: Same(m), Conns: 1, For: time.Minute, Max: 10}); err == nil {
			t.Errorf("%q was taken for an answer", answer)
		}
	}
}

func TestEchoHandsTheBodyBack(t *testing.T) {
	body := strings.Repeat("0123456789", 10)
	m := NewMessage(MessageConfig{Host: "h", Path: "echo", Type: "application/octet-stream", Preview: -1})
	chunk := "64\r\n" + body + "\r\n"
	answer := "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + chunk + "0\r\n\r\n"
	addr := bareServer(t, Bare{Length: len(m.Bytes), Answer: answer})
	var got bytes.Buffer
	if err := Echo(t.Context(), addr, "echo", strings.NewReader(body), &got); err != nil || got.String() != body {
		t.Errorf("%q, %v", got.String(), err)
	}
}

func TestMessageFramesItsParts(t *testing.T) {
	m := NewMessage(MessageConfig{Host: "h", Path: "echo", Type: "text/plain", Body: []byte("hello"), Preview: 3, Want: 204})
	head, rest, _ := strings.Cut(string(m.Bytes), "\r\n\r\n")
	req, rest, _ := strings.Cut(rest, "\r\n\r\n")
	res, body, _ := strings.Cut(rest, "\r\n\r\n")
	want := "Encapsulated: req-hdr=0, res-hdr=" + strconv.Itoa(len(req)+4) + ", res-body=" + strconv.Itoa(len(req)+len(res)+8) + "\r\n"
	if !strings.Contains(head+"\r\n", want) || body != "3\r\nhel\r\n0\r\n\r\n" {
		t.Errorf("head %q\nbody %q", head, body)
	}
}

func TestHistogramIsAsFineAsItSays(t *testing.T) {
	for v := uint64(1); v < 1<<40; v = v*9/8 + 1 {
		low, next := value(bucket(v)), value(bucket(v)+1)
		if low > v || next <= v || next-low > max(1, v/16) {
			t.Fatalf("%d falls into %d to %d", v, low, next)
		}
	}
	var h Histogram
	for i := range 1000 {
		h.Add(time.Duration(i) * time.Microsecond)
	}
	if q := h.Quantile(0.99); q < 940*time.Microsecond || q > 990*time.Microsecond {
		t.Errorf("p99 of 0 to 999 µs is %v", q)
	}
}
