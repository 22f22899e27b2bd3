package clamd_test

import (
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"

	"icapd/av/clamd"
	"icapd/av/clamd/clamdtest"
	"icapd/scan"
)

// between forwards connections on a unix socket to clamd's, and descriptors as long as pass says so: as a socket
// that leads to another host would not.
func between(tb testing.TB, s *clamdtest.Server, pass *atomic.Bool, seen *atomic.Int64) (address string) {
	tb.Helper()
	path := filepath.Join(filepath.Dir(s.Socket), "between.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.AcceptUnix()
			if err != nil {
				return
			}
			out, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: s.Socket, Net: "unix"})
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(in, out)
				_ = in.Close()
			}()
			go forward(in, out, pass, seen)
		}
	}()
	return "unix:" + path
}

func forward(in, out *net.UnixConn, pass *atomic.Bool, seen *atomic.Int64) {
	defer out.Close()
	buf, oob := make([]byte, 64<<10), make([]byte, 64)
	for {
		n, k, _, _, err := in.ReadMsgUnix(buf, oob)
		if err != nil {
			return
		}
		if k > 0 {
			seen.Add(1)
		}
		if k > 0 && pass.Load() {
			_, _, err = out.WriteMsgUnix(buf[:n], oob[:k], nil) // one byte
		} else {
			_, err = out.Write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// TestDescriptors has descriptors arrive, then vanish on the way, then arrive again.
func TestDescriptors(t *testing.T) {
	s := clamdtest.Start(t, clamdtest.Options{})
	var pass atomic.Bool
	var seen atomic.Int64
	pass.Store(true)
	e := open(t, clamd.Options{Addresses: []string{between(t, s, &pass, &seen)}})
	descriptors := func(want bool) func() bool {
		return func() bool { return e.Check(t.Context()) == nil && e.Status()[0].Descriptors == want }
	}
	all := func(what string) {
		t.Helper()
		wantFound(t, e, "EICAR, "+what, clamdtest.EICARFile(), clamdtest.EICAR)
		wantFound(t, e, "2 MiB, "+what, append(noise(2<<20-68), clamdtest.EICARFile()...), clamdtest.EICAR)
		wantFound(t, e, "more, "+what, append(noise(2<<20), clamdtest.EICARFile()...), clamdtest.EICAR)
		wantClean(t, e, "text, "+what, []byte("text"))
		wantClean(t, e, "nothing, "+what, nil)
	}
	eventually(t, "descriptors", descriptors(true))
	before := seen.Load()
	all("by descriptor")
	if n := seen.Load() - before; n < 4 { // checks may run beside
		t.Errorf("%d descriptors, want one for each but the one that is too large", n)
	}
	pass.Store(false)
	all("descriptors lost")
	eventually(t, "their loss to be noticed", descriptors(false))
	before = seen.Load()
	all("by stream")
	if n := seen.Load() - before; n >= 4 { // checks may run
		t.Errorf("%d descriptors to a clamd that gets none", n)
	}
	pass.Store(true)
	eventually(t, "descriptors again", descriptors(true))
	if n := e.Status()[0].Scans; n != 0 {
		t.Errorf("%d scans left under way", n)
	}
}

// TestStartedScansLeaveRoom: what was started and is not asked for holds no place, and its answer is not lost.
func TestStartedScansLeaveRoom(t *testing.T) {
	s := clamdtest.Start(t, clamdtest.Options{})
	e := open(t, clamd.Options{Addresses: s.Addresses()[:1], Connections: 2})
	eventually(t, "descriptors", func() bool { return e.Check(t.Context()) == nil && e.Status()[0].Descriptors })
	var started []scan.Pending
	for len(started) < 6 {
		eventually(t, "a place", func() bool {
			p := e.Start(t.Context(), item(clamdtest.EICARFile()))
			if p != nil {
				started = append(started, p)
			}
			return p != nil
		})
	}
	eventually(t, "all places", func() bool { return e.Status()[0].Scans == 0 })
	s.Kill()
	for _, p := range started {
		if fs, err := p.Wait(); err != nil || len(fs) != 1 || fs[0].Rule != clamdtest.EICAR {
			t.Errorf("%v, %v", fs, err)
		}
	}
}
