package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// stdin is the argument that means standard input.
const stdin = "-"

// collect returns the files that the arguments name, folders walked in sorted order, and how many bytes they have.
// What is neither a file nor a folder (a socket, a device) is an error if it is named, and left out in a folder;
// links in a folder are not followed, so that a walk ends.
func collect(args []string) (files, left []string, size int64, problems []error) {
	for _, arg := range args {
		if arg == stdin {
			files = append(files, stdin)
			continue
		}
		info, err := os.Stat(arg)
		switch {
		case err != nil:
			problems = append(problems, plain(err))
		case info.IsDir():
			err := filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
				if err != nil {
					problems = append(problems, plain(err))
					return nil
				}
				if !d.Type().IsRegular() {
					if !d.IsDir() {
						left = append(left, path)
					}
					return nil
				}
				files = append(files, path)
				if info, err := d.Info(); err == nil {
					size += info.Size()
				}
				return nil
			})
			problems = append(problems, nonNil(err)...)
		case info.Mode().IsRegular() || info.Mode()&fs.ModeNamedPipe != 0:
			files = append(files, arg)
			size += info.Size()
		default:
			problems = append(problems, fmt.Errorf("%s: neither a file nor a folder", arg))
		}
	}
	return files, left, size, problems
}

func nonNil(err error) []error {
	if err == nil {
		return nil
	}
	return []error{err}
}

// progress is a bar on a terminal. A nil progress draws nothing.
type progress struct {
	mu     sync.Mutex
	bar    *progressbar.ProgressBar
	shared bool // results go to the same terminal
}

// newProgress returns a bar on standard error for work of that many bytes, if somebody looks on there. It shows only
// once the work has lasted for a moment.
func newProgress(std stdio, files int, size int64) *progress {
	if files == 0 || !isTerminal(std.err) {
		return nil
	}
	return &progress{shared: isTerminal(std.out), bar: progressbar.NewOptions64(max(size, 1),
		progressbar.OptionSetWriter(std.err), progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetDescription("scanning"), progressbar.OptionSetRenderBlankState(false))}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (p *progress) add(n int64) { p.do(func(b *progressbar.ProgressBar) error { return b.Add64(n) }) }

// clear makes room for a line of output.
func (p *progress) clear() {
	if p != nil && p.shared {
		p.do((*progressbar.ProgressBar).Clear)
	}
}

func (p *progress) finish() { p.do((*progressbar.ProgressBar).Finish) }

// do draws. That the terminal is gone is no reason to stop the work.
func (p *progress) do(f func(*progressbar.ProgressBar) error) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = f(p.bar)
}

// atomicFile is a file that appears under its name only when it is complete.
type atomicFile struct {
	*os.File
	name   string
	secret bool // readable by its owner only, as what it was made from
	done   bool
}

// createAtomic opens a temporary file beside name.
func createAtomic(name string) (*atomicFile, error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return nil, err
	}
	return &atomicFile{File: f, name: name}, nil
}

// commit gives the file its name, once its bytes are on the disk.
func (a *atomicFile) commit() error {
	mode := fs.FileMode(0o644) // as for any file that a command writes; os.CreateTemp is stricter
	if a.secret {
		mode = 0o600
	}
	if err := errors.Join(a.Chmod(mode), a.Sync(), a.Close()); err != nil {
		return err
	}
	if err := os.Rename(a.Name(), a.name); err != nil {
		return err
	}
	a.done = true
	return nil
}

// abandon removes the file unless it was committed.
func (a *atomicFile) abandon() {
	if !a.done {
		_ = a.Close()
		_ = os.Remove(a.Name())
	}
}
