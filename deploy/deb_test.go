package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"icapd/internal/freeport"
)

// run runs a program and returns its standard output.
func run(t *testing.T, env []string, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// program returns the icapd of this checkout, which is built once for all tests.
func program(t *testing.T) string {
	t.Helper()
	build.Do(func() {
		run(t, nil, "go", "build", "-ldflags", "-X main.version=test", "-o", filepath.Join(scratch, "icapd"), "../cmd/icapd")
	})
	return filepath.Join(scratch, "icapd")
}

var (
	build   sync.Once
	scratch string // a folder for what tests share
)

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "icapd-deploy"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// The package installs, the service runs as the unit says, and nothing is left of it after a purge.
func TestDebianPackage(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root installs packages")
	}
	need(t, "dpkg-shlibdeps")
	if _, err := os.Stat("/var/lib/dpkg/info/icapd.list"); err == nil {
		t.Skip("a package icapd is installed here, which this test would purge")
	}
	deb := strings.TrimSpace(run(t, []string{"VERSION=v0.0.0-test", "ICAPD=" + program(t)}, "deb/build.sh", t.TempDir()))
	if want := "icapd_0.0.0+test_"; !strings.HasPrefix(filepath.Base(deb), want) {
		t.Errorf("%s: wants %s…", deb, want)
	}
	fields := run(t, nil, "dpkg-deb", "--field", deb)
	for _, want := range []string{"libyara9 (>= ", "libc6 (>= "} {
		if !strings.Contains(fields, want) {
			t.Errorf("no dependency on %s in\n%s", want, fields)
		}
	}

	t.Cleanup(func() { _ = exec.Command("dpkg", "--purge", "icapd").Run() })
	dpkg(t, "--install", deb)
	if out := run(t, nil, "dpkg", "--verify", "icapd"); out != "" {
		t.Errorf("dpkg --verify: %s", out)
	}
	if _, err := user.Lookup("icapd"); err != nil {
		t.Error(err)
	}
	info, err := os.Stat("/etc/icapd/icapd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o640 {
		t.Errorf("configuration has mode %s", info.Mode())
	}
	run(t, nil, "/usr/bin/icapd", "check", "-c", "/etc/icapd/icapd.yaml")
	t.Run("service", serviceRuns)
	t.Run("socket", socketActivation)

	t.Run("upgrade", func(t *testing.T) { upgradeKeeps(t, deb) })

	dpkg(t, "--remove", "icapd")
	missing(t, "/usr/bin/icapd", "/lib/systemd/system/icapd.service")
	if _, err := os.Stat("/etc/icapd/icapd.yaml"); err != nil {
		t.Error("removal took the configuration away: ", err)
	}
	dpkg(t, "--purge", "icapd")
	missing(t, "/etc/icapd", "/etc/default/icapd", "/var/cache/icapd", "/var/lib/icapd", "/usr/share/doc/icapd",
		"/etc/systemd/system/icapd.service", "/var/lib/systemd/deb-systemd-helper-enabled/icapd.service.dsh-also")
	if _, err := user.Lookup("icapd"); err == nil {
		t.Error("the user is still there")
	}
}

// upgradeKeeps installs the package over itself and finds what the administrator wrote, and who may read it, unchanged.
func upgradeKeeps(t *testing.T, deb string) {
	t.Helper()
	const file = "/etc/icapd/icapd.yaml"
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	mine := append(before, "\n# by the administrator\n"...)
	if err := os.WriteFile(file, mine, 0o640); err != nil {
		t.Fatal(err)
	}
	dpkg(t, "--install", deb)
	after, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(after, mine) {
		t.Errorf("the configuration after an upgrade: %v\n%s", err, after)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob("/etc/icapd/*.dpkg-*"); info.Mode().Perm() != 0o640 || err != nil || len(left) > 0 {
		t.Errorf("mode %s, left behind %v, %v", info.Mode(), left, err)
	}
	if out := run(t, nil, "/usr/bin/icapd", "check", "-c", file); !strings.Contains(out, "configuration: ok") {
		t.Error(out)
	}
}

// dpkg runs dpkg, and waits while somebody else does.
func dpkg(t *testing.T, args ...string) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		out, err := exec.Command("dpkg", args...).CombinedOutput()
		if err == nil {
			return
		}
		if !strings.Contains(string(out), "lock") || time.Now().After(end) {
			t.Fatalf("dpkg %v: %v\n%s", args, err, out)
		}
	}
}

func missing(t *testing.T, files ...string) {
	t.Helper()
	for _, file := range files {
		if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", file, err)
		}
	}
}

// unit is what the installed unit says, by key; a key given twice has its values in order.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("/lib/systemd/system/icapd.service")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^(\w+)=(.*)$`).FindAllStringSubmatch(string(text), -1) {
		out[m[1]] = append(out[m[1]], m[2])
	}
	if len(out["ExecStart"]) != 1 || len(out["User"]) != 1 {
		t.Fatalf("the unit says %v", out)
	}
	return out
}

// asUnit returns the unit's command line, to be run as its user without any capability, in the folders that systemd
// would make. What the unit says about the kernel's help (system calls, mounts) takes systemd.
func asUnit(t *testing.T, options ...string) []string {
	t.Helper()
	u := unit(t)
	name := u["User"][0]
	for key, root := range map[string]string{"CacheDirectory": "/var/cache", "StateDirectory": "/var/lib", "LogsDirectory": "/var/log"} {
		for _, folder := range u[key] {
			run(t, nil, "install", "-d", "-m", u[key+"Mode"][0], "-o", name, "-g", name, filepath.Join(root, folder))
		}
	}
	argv := []string{
		need(t, "setpriv"), "--reuid", name, "--regid", u["Group"][0], "--clear-groups", "--no-new-privs",
		"--inh-caps=-all", "--bounding-set=-all",
	}
	for word := range strings.FieldsSeq(u["ExecStart"][0]) {
		if word == "$ICAPD_OPTIONS" {
			argv = append(argv, options...)
		} else {
			argv = append(argv, word)
		}
	}
	return argv
}

func freePort(t *testing.T) string {
	t.Helper()
	addr, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// begin starts a service, and stops it the way systemd does at the end of the test.
func begin(t *testing.T, env []string, argv ...string) {
	t.Helper()
	var log strings.Builder
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = append([]string{"PATH=/usr/bin:/bin"}, env...), "/", &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("it ended with %v", err)
			}
		case <-time.After(45 * time.Second):
			_ = cmd.Process.Kill()
			<-done
			t.Error("it did not end")
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
}

// healthy waits until the installed program's own health check is satisfied.
func healthy(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		out, err := exec.CommandContext(ctx, "/usr/bin/icapd", "probe", "--health", "icap://"+address+"/respmod").CombinedOutput()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not healthy: %v: %s", err, out)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func serviceRuns(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	// The unit's user has to reach it.
	for dir := filepath.Dir(socket); strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(socket, 0o777); err != nil {
		t.Fatal(err)
	}
	address := freePort(t)
	begin(t, []string{"NOTIFY_SOCKET=" + socket},
		asUnit(t, "--set", "listen[0].address="+address, "--set", "admin.address="+freePort(t))...)
	if err := manager.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := manager.Read(buf)
	if err != nil || string(buf[:n]) != "READY=1" {
		t.Fatalf("the service manager heard %q, %v", buf[:n], err)
	}
	healthy(t, address)
}

func socketActivation(t *testing.T) {
	address := freePort(t)
	options := []string{"--set", "listen[0].address=systemd:icap", "--set", "admin.address=" + freePort(t)}
	argv := append([]string{need(t, "systemd-socket-activate"), "-l", address, "--fdname=icap"}, asUnit(t, options...)...)
	begin(t, nil, argv...)
	for i := 0; ; i++ { // it execs at the first connection
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			break
		}
		if i == 1200 { // a minute
			t.Fatal(fmt.Errorf("nobody listens: %w", err))
		}
		time.Sleep(50 * time.Millisecond)
	}
	healthy(t, address)
}
