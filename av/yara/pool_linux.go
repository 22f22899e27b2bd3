//go:build cgo && !noyara

package yara

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// stopGrace is how long a worker may go on with a scan that nobody waits for.
	stopGrace = 2 * time.Second

	// startLimit is how long a worker may take to load its rules.
	startLimit = 5 * time.Minute

	// keepContent is how much memory for content a worker keeps between scans.
	keepContent = 4 << 20

	restartFirst, restartMost = 20 * time.Millisecond, 2 * time.Second
)

// pool is the backend that runs libyara in worker processes.
type pool struct {
	command []string
	load    *os.File // a load, as JSON
	rules   *os.File // the compiled rules, written by the first worker and sealed then
	count   int      // of rules
	ready   chan *worker
	closing chan struct{}
	keepers sync.WaitGroup

	mu       sync.Mutex
	alive    map[*worker]struct{}
	restarts int
	last     error // why a worker died last, or could not be started
}

// newPool starts the first worker, which compiles the rules, and then the others beside it.
func newPool(o Options, sources []source) (backend, *compiled, error) {
	p := &pool{
		command: o.WorkerCommand, ready: make(chan *worker), closing: make(chan struct{}), alive: map[*worker]struct{}{},
	}
	if len(p.command) == 0 {
		p.command = []string{"/proc/self/exe", WorkerArg} // names this file, even when it has been replaced
	}
	first, h, err := p.start(o, sources)
	if err != nil {
		p.closeFiles()
		return nil, nil, err
	}
	p.count = len(h.Compiled.Rules)
	for i := range o.Workers {
		w := first
		if i > 0 {
			w = nil
		}
		p.keepers.Go(func() { p.keep(w) })
	}
	return p, h.Compiled, nil
}

func (p *pool) start(o Options, sources []source) (*worker, *hello, error) {
	text, err := json.Marshal(load{Sources: sources, Disabled: o.Disabled, Cache: o.Cache, Timeout: int64(o.Timeout)})
	if err != nil {
		return nil, nil, err
	}
	if p.load, err = memory("icapd-yara-load"); err != nil {
		return nil, nil, err
	}
	if _, err := p.load.Write(text); err != nil {
		return nil, nil, fmt.Errorf("yara: handing the rules to a worker: %w", err)
	}
	if p.rules, err = memory("icapd-yara-rules"); err != nil {
		return nil, nil, err
	}
	w, h, err := p.spawn()
	if err != nil {
		return nil, nil, err
	}
	// From here on a worker that was taken over cannot change what the next one loads.
	for _, f := range []*os.File{p.load, p.rules} {
		if err := seal(f); err != nil {
			w.kill()
			return nil, nil, err
		}
	}
	return w, h, nil
}

// memory makes an anonymous file.
func memory(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("yara: memory for a worker: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func seal(f *os.File) error {
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("yara: sealing the rules: %w", err)
	}
	return nil
}

func (p *pool) closeFiles() {
	for _, f := range []*os.File{p.load, p.rules} {
		if f != nil {
			_ = f.Close() // anonymous memory: nothing to be lost
		}
	}
}

// worker is a process that scans, one content at a time.
type worker struct {
	cmd     *exec.Cmd
	conn    net.Conn
	content *os.File
	size    int64 // of content
	id      uint64
	replies chan reply    // closed when the worker does not speak any more
	idle    chan struct{} // told when a scan is over
	doomed  atomic.Bool   // killed, though perhaps not dead yet
	dead    chan struct{} // closed when the process is gone
	death   error         // good once dead is closed
	stderr  tail
}

// spawn starts a worker and waits until it is ready.
func (p *pool) spawn() (*worker, *hello, error) {
	content, err := memory("icapd-yara-content")
	if err != nil {
		return nil, nil, err
	}
	w := &worker{
		content: content, replies: make(chan reply, 1), idle: make(chan struct{}, 1), dead: make(chan struct{}),
	}
	if err := w.exec(p.command, p.load, p.rules); err != nil {
		_ = content.Close()
		return nil, nil, fmt.Errorf("starting a worker: %w", err)
	}
	h, err := w.greet()
	if err != nil {
		w.kill()
		<-w.dead
		_ = content.Close()
		return nil, nil, err
	}
	go w.listen()
	return w, h, nil
}

// The numbers of the files that a worker inherits.
const (
	fdConn = 3 + iota
	fdContent
	fdLoad
	fdRules
)

func (w *worker) exec(command []string, load, rules *os.File) error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "engine")
	defer func() { _, _ = ours.Close(), theirs.Close() }() // copies live on
	if w.conn, err = net.FileConn(ours); err != nil {
		return err
	}
	w.cmd = exec.Command(command[0], command[1:]...) //nolint:noctx // ends with the pool
	w.cmd.Env = []string{"GOTRACEBACK=none"}         // no secret of ours is its business
	w.cmd.Dir = "/"
	w.cmd.Stderr = &w.stderr
	w.cmd.ExtraFiles = []*os.File{theirs, w.content, load, rules}
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us: workers go when we go
	if err := w.cmd.Start(); err != nil {
		_ = w.conn.Close()
		return err
	}
	go func() {
		err := w.cmd.Wait()
		if err == nil {
			err = errors.New("it ended by itself")
		}
		w.death = fmt.Errorf("a worker died: %w%s", err, w.stderr.text())
		close(w.dead)
	}()
	return nil
}

// greet waits for the worker's first word.
func (w *worker) greet() (*hello, error) {
	var h hello
	if err := w.conn.SetReadDeadline(time.Now().Add(startLimit)); err != nil {
		return nil, err
	}
	if err := readFrame(w.conn, &h, maxHello); err != nil {
		w.kill()
		<-w.dead
		return nil, fmt.Errorf("while it loaded the rules, %w", w.death)
	}
	switch {
	case len(h.Mistakes) > 0:
		errs := make([]error, len(h.Mistakes))
		for i := range h.Mistakes {
			errs[i] = &h.Mistakes[i]
		}
		return nil, errors.Join(errs...)
	case h.Failure != "":
		return nil, errors.New(oneLine(h.Failure))
	}
	if h.Compiled == nil {
		h.Compiled = &compiled{}
	}
	return &h, w.conn.SetReadDeadline(time.Time{})
}

// listen hands replies over until the worker is silent.
func (w *worker) listen() {
	defer close(w.replies)
	for {
		var r reply
		if err := readFrame(w.conn, &r, maxReply); err != nil {
			w.kill() // silent or mad: both the same to us
			return
		}
		select {
		case w.replies <- r:
		default: // more replies than requests
			w.kill()
			return
		}
	}
}

// kill may be called again, and from any goroutine.
func (w *worker) kill() {
	w.doomed.Store(true)
	_ = w.cmd.Process.Kill() // fails if it is dead, which is what we want
	_ = w.conn.Close()
}

// keep has one worker alive at all times, and offers it to scans.
func (p *pool) keep(w *worker) {
	wait := restartFirst
	for {
		if w == nil {
			var err error
			if w, _, err = p.spawn(); err != nil {
				p.note(err)
				if !p.sleep(wait) {
					return
				}
				wait = min(2*wait, restartMost)
				continue
			}
		}
		born := time.Now()
		if !p.serve(w) {
			return
		}
		if time.Since(born) > restartMost {
			wait = restartFirst
		} else if !p.sleep(wait) { // dies young: not to burn the processor with it
			return
		} else {
			wait = min(2*wait, restartMost)
		}
		w = nil
	}
}

// serve offers the worker until it dies. It returns false when the pool closes.
func (p *pool) serve(w *worker) bool {
	p.mu.Lock()
	p.alive[w] = struct{}{}
	p.mu.Unlock()
	defer func() {
		w.kill()
		<-w.dead
		_ = w.content.Close() // anonymous memory: nothing to be lost
		p.mu.Lock()
		delete(p.alive, w)
		p.mu.Unlock()
	}()
	for !w.doomed.Load() {
		select {
		case p.ready <- w:
			<-w.idle
		case <-w.dead:
			w.doomed.Store(true)
		case <-p.closing:
			return false
		}
	}
	<-w.dead
	p.note(w.death)
	return true
}

func (p *pool) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.restarts++
	p.last = err
}

// sleep returns false when the pool closes.
func (p *pool) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.closing:
		return false
	}
}

func (p *pool) close() {
	close(p.closing)
	p.keepers.Wait()
	p.closeFiles()
}

func (p *pool) check(ctx context.Context) error {
	_, err := p.scan(ctx, []byte("check"), &variables{})
	if err == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.alive) == 0 && p.last != nil {
		return fmt.Errorf("no worker is alive: %w", p.last)
	}
	return err
}

func (p *pool) stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{Restarts: p.restarts}
	for w := range p.alive {
		s.PIDs = append(s.PIDs, w.cmd.Process.Pid)
	}
	slices.Sort(s.PIDs)
	return s
}

func (p *pool) scan(ctx context.Context, data []byte, vars *variables) ([]match, error) {
	w, err := p.ask(ctx, data, vars)
	if err != nil {
		return nil, err
	}
	select {
	case r, ok := <-w.replies:
		defer func() { w.idle <- struct{}{} }()
		if !ok {
			<-w.dead
			return nil, w.death
		}
		if err := r.check(w.id, p.count, int64(len(data))); err != nil {
			w.kill()
			return nil, err
		}
		w.shrink()
		return r.Matches, r.err()
	case <-ctx.Done():
		go w.stop() // the content is the worker's own copy: nobody has to wait
		return nil, ctx.Err()
	}
}

// ask finds a worker that takes the content.
func (p *pool) ask(ctx context.Context, data []byte, vars *variables) (*worker, error) {
	for {
		select {
		case w := <-p.ready:
			err := w.ask(data, vars, remaining(ctx, 0))
			if err == nil {
				return w, nil
			}
			gone := w.doomed.Load() // before it looked at anything: another one can
			w.idle <- struct{}{}
			if !gone {
				return nil, err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// ask gives the content to the worker and has it scanned. An error leaves the worker idle, or dying.
func (w *worker) ask(data []byte, vars *variables, limit time.Duration) error {
	w.id++
	req := request{Op: opScan, ID: w.id, Size: int64(len(data)), Time: int64(limit), Vars: make([][]byte, len(vars))}
	for i := range vars {
		req.Vars[i] = []byte(vars[i])
	}
	if _, err := w.content.WriteAt(data, 0); err != nil {
		w.shrink()
		return fmt.Errorf("handing the item to a worker: %w", err)
	}
	w.size = max(w.size, int64(len(data)))
	if err := writeFrame(w.conn, &req, maxRequest); err != nil {
		if !errors.Is(err, errTooLong) {
			w.kill() // a frame may be cut in the middle
		}
		return fmt.Errorf("asking a worker: %w", err)
	}
	return nil
}

// stop ends a scan that nobody waits for.
func (w *worker) stop() {
	defer func() { w.idle <- struct{}{} }()
	if err := writeFrame(w.conn, &request{Op: opCancel, ID: w.id}, maxRequest); err != nil {
		w.kill()
		return
	}
	t := time.NewTimer(stopGrace)
	defer t.Stop()
	select {
	case r, ok := <-w.replies:
		if !ok || r.ID != w.id {
			w.kill()
			return
		}
		w.shrink()
	case <-t.C:
		w.kill()
	}
}

// shrink gives the memory of large content back.
func (w *worker) shrink() {
	if w.size <= keepContent {
		return
	}
	if w.content.Truncate(0) == nil {
		w.size = 0
	}
}

// tail keeps the first bytes of what a worker says when it dies.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p[:min(len(p), max(0, 512-t.buf.Len()))])
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	line, _, _ := strings.Cut(t.buf.String(), "\n")
	if line == "" {
		return ""
	}
	return " (" + oneLine(line) + ")"
}
