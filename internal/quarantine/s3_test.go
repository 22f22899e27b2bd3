package quarantine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"icapd/internal/freeport"

	"github.com/minio/minio-go/v7"
)

// gateway is the path of the S3 server, which is built once.
var gateway = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "-C", "../../integration/s3server", "tool", "-n", "versitygw")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
})

const (
	s3Bucket = "originals"
	s3Access = "ICAPDACCESSKEY"
	s3Secret = "icapd+secret/key"
)

// service is a real S3 server on a folder. It checks signatures.
type service struct {
	t    *testing.T
	dir  string // its buckets
	port int
	cmd  *exec.Cmd
	log  bytes.Buffer
}

func runS3(t *testing.T) *service {
	t.Helper()
	port, err := freeport.Find()
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, dir: t.TempDir(), port: port}
	for _, d := range []string{filepath.Join("data", s3Bucket), "meta"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *service) start() {
	s.t.Helper()
	path, err := gateway()
	if err != nil {
		s.t.Fatal(err)
	}
	addr := "127.0.0.1:" + strconv.Itoa(s.port)
	s.cmd = exec.Command(path, "--port", addr, "--access", s3Access, "--secret", s3Secret, "--quiet",
		"posix", "--sidecar", filepath.Join(s.dir, "meta"), filepath.Join(s.dir, "data"))
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get("http://" + addr + "/")
		if err == nil {
			_ = resp.Body.Close()
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("the S3 server does not start: %v", err)
		}
	}
}

func (s *service) stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func (s *service) options(t *testing.T) S3Options {
	t.Helper()
	dir := t.TempDir()
	o := S3Options{
		Endpoint: "http://127.0.0.1:" + strconv.Itoa(s.port), Bucket: s3Bucket, Prefix: "fleet/a/",
		AccessKeyFile: filepath.Join(dir, "access"), SecretKeyFile: filepath.Join(dir, "secret"),
	}
	for name, text := range map[string]string{o.AccessKeyFile: s3Access, o.SecretKeyFile: s3Secret + "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func openS3(t *testing.T, o S3Options) *S3 {
	t.Helper()
	s, err := OpenS3(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every Store keeps the same contract.
func TestStores(t *testing.T) {
	folder, err := OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s3 := runS3(t)
	for name, store := range map[string]Store{"folder": folder, "s3": openS3(t, s3.options(t))} {
		t.Run(name, func(t *testing.T) { contract(t, store) })
	}
}

func contract(t *testing.T, s Store) {
	t.Helper()
	ctx := t.Context()
	write := func(id string, body []byte, commit bool) error {
		t.Helper()
		w, err := s.Create(ctx, id, int64(len(body)))
		if err != nil {
			return err
		}
		for rest := body; len(rest) > 0; {
			n := min(len(rest), 64<<10)
			if _, err := w.Write(rest[:n]); err != nil {
				w.Abort()
				return err
			}
			rest = rest[n:]
		}
		if commit {
			return w.Commit()
		}
		w.Abort()
		return nil
	}
	body := func(size int) []byte { return bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size] }
	sizes := []int{1, firstRange - 1, firstRange, firstRange + 1, s3Part + 1, 2*s3Part + 12345}
	for i, size := range sizes {
		id := "B" + strconv.Itoa(i)
		if err := write(id, body(size), true); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		r, err := s.Open(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, body(size)) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	// What is aborted is not there: not even when every byte of it had been written.
	for _, size := range []int{100, 1 << 20, s3Part + 1} {
		if err := write("aborted", body(size), false); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Open(ctx, "aborted"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an aborted blob: %v", err)
	}
	if err := write("B0", body(5), true); !errors.Is(err, ErrExists) {
		t.Errorf("a second blob of one id: %v", err)
	}
	blobs, err := s.List(ctx)
	if err != nil || len(blobs) != len(sizes) {
		t.Fatalf("%v, %v", blobs, err)
	}
	for _, b := range blobs {
		i, err := strconv.Atoi(strings.TrimPrefix(b.ID, "B"))
		if err != nil || b.Size != int64(sizes[i]) || time.Since(b.Time) > 5*time.Minute {
			t.Errorf("%+v, %v", b, err)
		}
		if err := s.Remove(ctx, b.ID); err != nil {
			t.Error(err)
		}
	}
	if err := s.Remove(ctx, "B0"); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
	if blobs, err := s.List(ctx); err != nil || len(blobs) != 0 {
		t.Errorf("%v, %v", blobs, err)
	}
}

func s3Vault(t *testing.T, o S3Options, limits Limits) *Vault {
	t.Helper()
	v, err := New(openS3(t, o), bytes.Repeat([]byte{7}, KeySize), limits)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The vault in a bucket: encrypted, within its limits, and nothing half.
func TestS3Vault(t *testing.T) {
	s := runS3(t)
	v := s3Vault(t, s.options(t), Limits{Count: 40, Recount: time.Minute})
	for i := range 45 {
		put(t, v, fmt.Sprintf("ID%d", i), []byte("secret-payload"))
	}
	l, err := v.List(t.Context(), 100)
	entries, damaged := l.Entries, l.Damaged
	if err != nil || damaged != 0 || len(entries) != 40 {
		t.Fatalf("%d entries, %d damaged, %v", len(entries), damaged, err)
	}
	files := 0
	err = filepath.WalkDir(filepath.Join(s.dir, "data", s3Bucket), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte("secret-payload")) || bytes.Contains(text, []byte("a.test")) {
			t.Errorf("%s is not encrypted", path)
		}
		if !strings.Contains(path, filepath.Join(s3Bucket, "fleet", "a")) {
			t.Errorf("%s is outside of the prefix", path)
		}
		return err
	})
	if err != nil || files != 40 {
		t.Errorf("%d files, %v", files, err)
	}
	boom := errors.New("boom")
	for _, size := range []int{100_000, s3Part + 100_000} { // in one request, and in parts
		half := io.MultiReader(io.LimitReader(zeros{}, int64(size)), &failingReader{boom})
		if err := v.Put(t.Context(), Entry{ID: "half"}, half, int64(size)+10); !errors.Is(err, boom) {
			t.Errorf("%v", err)
		}
	}
	if err := v.Put(t.Context(), Entry{ID: "half"}, strings.NewReader("short"), 10); err == nil {
		t.Error("a short body was stored")
	}
	if err := v.Remove(t.Context(), "ID44"); err != nil {
		t.Error(err)
	}
	if _, err := v.Get(t.Context(), "half"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	for u := range v.store.(*S3).core.ListIncompleteUploads(t.Context(), s3Bucket, "", true) {
		t.Errorf("left: %+v", u)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type failingReader struct{ err error }

func (r *failingReader) Read([]byte) (int, error) { return 0, r.err }

// What the service refuses is said in a line, and tells no secret; a key in the files is taken up without a restart.
func TestS3Refusals(t *testing.T) {
	s := runS3(t)
	for name, change := range map[string]func(*S3Options){
		"SignatureDoesNotMatch": func(o *S3Options) { rewrite(t, o.SecretKeyFile, "another/key") },
		"access key ID":         func(o *S3Options) { rewrite(t, o.AccessKeyFile, "SOMEBODYELSE") },
		"NoSuchBucket":          func(o *S3Options) { o.Bucket = "no-such-bucket" },
	} {
		o := s.options(t)
		change(&o)
		v := s3Vault(t, o, Limits{})
		err := v.Check(t.Context())
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "another/key") {
			t.Errorf("%s: %v", name, err)
		}
		if err := v.Put(t.Context(), Entry{ID: "X"}, strings.NewReader("x"), 1); err == nil {
			t.Errorf("%s: stored", name)
		}
		if _, err := v.List(t.Context(), 10); err == nil {
			t.Errorf("%s: listed", name)
		}
	}
	for _, bad := range []string{"", "s3.example", "ftp://h", "http://h/bucket", "https://u:p@h"} {
		o := s.options(t)
		o.Endpoint = bad
		if _, err := OpenS3(o); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	o := s.options(t)
	o.SecretKeyFile += ".absent"
	if _, err := OpenS3(o); err == nil {
		t.Error("a key file that is not there was accepted")
	}
	keys := &keyFiles{access: s.options(t).AccessKeyFile, secret: s.options(t).SecretKeyFile}
	if got, err := keys.Retrieve(); err != nil || got.SecretAccessKey != s3Secret || keys.IsExpired() {
		t.Errorf("%v", err)
	}
	keys.read = keys.read.Add(-2 * keyAge)
	if !keys.IsExpired() {
		t.Error("keys are read once only")
	}
}

func rewrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A service that dies makes nobody wait; what waits is stored when it is back, and what had no room is counted.
func TestKeeperBeforeS3ThatDies(t *testing.T) {
	s := runS3(t)
	v := s3Vault(t, s.options(t), Limits{Bytes: 1 << 30, Recount: time.Minute})
	var failed atomic.Int64
	k := NewKeeper(v, KeeperLimits{Waiting: 16, Patience: 5 * time.Minute}, func(string, error) { failed.Add(1) })
	kept := func(want uint64) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); k.Stats().Kept != want; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%+v, want %d kept\n%s", k.Stats(), want, s.log.Bytes())
			}
		}
	}
	if !k.Keep(entry("before"), bytes.NewReader([]byte("x")), func() {}) || !k.Room(1) {
		t.Fatal("no room")
	}
	kept(1)
	s.stop()
	taken, start := uint64(0), time.Now()
	for i := range 200 {
		if k.Keep(entry("m"+strconv.Itoa(i)), bytes.NewReader(make([]byte, 1000)), func() {}) {
			taken++
		}
	}
	if took := time.Since(start); took > 20*time.Second || taken < 16 || taken > 17 {
		t.Errorf("%d taken on in %v", taken, took)
	}
	for end := time.Now().Add(time.Minute); k.Stats().Error == ""; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody notices")
		}
	}
	if k.Room(1) {
		t.Error("there is room before a store that is down")
	}
	s.start()
	kept(1 + taken)
	if st := k.Stats(); st.Dropped != 200-taken || st.Error != "" || failed.Load() != 0 || st.Waiting != 0 || st.Bytes != 0 || !k.Room(1) {
		t.Errorf("%+v, %d failed", st, failed.Load())
	}
	if l, err := v.List(t.Context(), 100); err != nil || l.Damaged != 0 || uint64(len(l.Entries)) != 1+taken {
		t.Errorf("%d entries, %d damaged, %v", len(l.Entries), l.Damaged, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	k.Close(ctx)
}

// Uploads that a process has left when it was killed are given up after a day, and not before.
func TestS3Clean(t *testing.T) {
	s := runS3(t)
	store := openS3(t, s.options(t))
	if _, err := store.core.NewMultipartUpload(t.Context(), s3Bucket, store.key("left"), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	left := func() (n int) {
		for range store.core.ListIncompleteUploads(t.Context(), s3Bucket, store.prefix, true) {
			n++
		}
		return n
	}
	if err := store.Clean(t.Context()); err != nil || left() != 1 {
		t.Errorf("%d left, %v", left(), err)
	}
	store.stale = 0
	if err := store.Clean(t.Context()); err != nil || left() != 0 {
		t.Errorf("%d left, %v", left(), err)
	}
}
