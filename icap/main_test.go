package icap

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("ICAP_TEST_SERVER") != "" {
		os.Exit(childServer())
	}
	goleak.VerifyTestMain(m)
}

// childServer serves echo until its standard input ends, so that its memory and
// processor time can be told from the client's.
func childServer() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(l.Addr())
	if size, err := strconv.Atoi(os.Getenv("ICAP_TEST_SERVER")); err == nil {
		go bareLoop(l, size)
		io.Copy(io.Discard, os.Stdin)
		return 0
	}
	s := &Server{Handler: echoMux()}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		s.Close()
	}()
	s.Serve(l)
	return 0
}

// startChild runs a server in a process of its own: "icap", or the size of the
// messages of a bare loop.
func startChild(tb testing.TB, kind string) (addr string, pid int) {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=none")
	cmd.Env = append(os.Environ(), "ICAP_TEST_SERVER="+kind)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { in.Close(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(line), cmd.Process.Pid
}

// cpu returns the processor time that a process has used.
func cpu(tb testing.TB, pid int) (user, system time.Duration) {
	tb.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Skip("no /proc")
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	ticks := func(s string) time.Duration {
		n, _ := strconv.Atoi(s)
		return time.Duration(n) * 10 * time.Millisecond // ticks of 1/100 s
	}
	return ticks(f[11]), ticks(f[12])
}

// memory returns a figure of /proc/PID/status in KiB: VmRSS or VmHWM.
func memory(tb testing.TB, pid int, field string) int {
	tb.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		tb.Skip("no /proc")
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, field+":"); ok {
			n, err := strconv.Atoi(strings.Fields(v)[0])
			if err != nil {
				tb.Fatal(err)
			}
			return n
		}
	}
	tb.Fatalf("no %s", field)
	return 0
}

// TestIdleMemory holds what an idle connection costs after it was used. The
// number of connections can be raised with ICAP_TEST_IDLE.
func TestIdleMemory(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes seconds, and the race detector has memory of its own")
	}
	n := 1000
	if v := os.Getenv("ICAP_TEST_IDLE"); v != "" {
		n, _ = strconv.Atoi(v)
	}
	addr, pid := startChild(t, "icap")
	message := strings.ReplaceAll(nullMsg("Allow: 204\r\n"), "/svc", "/echo")
	answer := strings.ReplaceAll(answer4, "T1", "echo-1")
	warm := dial(t, addr)
	io.WriteString(warm, message)
	expect(t, warm, answer)
	before := memory(t, pid, "VmRSS")
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = dial(t, addr)
		io.WriteString(conns[i], message)
		expect(t, conns[i], answer)
	}
	time.Sleep(parkAfter + 2*time.Second)
	after := memory(t, pid, "VmRSS")
	each := float64(after-before) / float64(n)
	t.Logf("%d idle connections: %d KiB before, %d after, %.1f KiB each", n, before, after, each)
	if each > 10 {
		t.Errorf("%.1f KiB for an idle connection", each)
	}
	for _, c := range conns { // they are still usable
		c.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(c, message)
		expect(t, c, answer)
	}
}

// TestLargeEcho holds the memory that a long echo needs. The size can be raised
// with ICAP_TEST_ECHO (MiB).
func TestLargeEcho(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes seconds, and the race detector has memory of its own")
	}
	mib := 128
	if v := os.Getenv("ICAP_TEST_ECHO"); v != "" {
		mib, _ = strconv.Atoi(v)
	}
	addr, pid := startChild(t, "icap")
	c := testClient(t)
	size := int64(mib) << 20
	start := time.Now()
	res, err := c.Do(t.Context(), &ClientRequest{
		Method: MethodRespmod, URL: "icap://" + addr + "/echo", HTTPResponse: NewResponseHead(200),
		Body: io.LimitReader(endless{}, size), Preview: 1024,
	})
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if err != nil || n != size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	high := memory(t, pid, "VmHWM")
	t.Logf("echo of %d MiB in %v, at most %d KiB resident", mib, time.Since(start), high)
	if high > 64<<10 {
		t.Errorf("%d KiB resident", high)
	}
}
