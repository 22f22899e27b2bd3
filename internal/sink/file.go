package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// FileOptions say where a file sink writes and when it begins a new file. Zero means no limit.
type FileOptions struct {
	Path   string
	Format Format
	Bytes  int64         // a file that would become larger is put aside
	Age    time.Duration // so is one that was begun longer ago
	Keep   int           // files put aside that are kept; the oldest go
}

// File appends lines to a file. A file put aside has the time in its name: events.jsonl.20260131T120000.000000000Z. One
// that somebody else moved away (logrotate) is noticed and begun again. It implements Writer.
type File struct {
	opt   FileOptions
	f     *os.File
	size  int64
	begun time.Time
	torn  bool // the last write ended inside a line
	buf   []byte
	ends  []int
	now   func() time.Time
}

// NewFile returns a writer; the folder is made if it is not there. The file is opened at the first write, and again
// when that fails, so that a disk that comes back is used again.
func NewFile(opt FileOptions) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(opt.Path), 0o750); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	return &File{opt: opt, now: time.Now}, nil
}

// Write implements Writer.
func (w *File) Write(_ context.Context, records []Record) (int, error) {
	if err := w.ready(); err != nil {
		return 0, err
	}
	w.buf, w.ends = w.buf[:0], w.ends[:0]
	if w.torn {
		w.buf = append(w.buf, '\n')
	}
	for _, r := range records {
		var err error
		if w.buf, err = w.opt.Format.Append(w.buf, r); err != nil {
			return 0, err
		}
		w.buf = append(w.buf, '\n')
		w.ends = append(w.ends, len(w.buf))
	}
	n, err := w.f.Write(w.buf)
	if cap(w.buf) > 1<<20 {
		w.buf = nil // one batch of large events is no reason to hold on to it
	}
	w.size += int64(n)
	w.torn = w.torn && n == 0
	if err == nil {
		return len(records), nil
	}
	done, _ := slices.BinarySearchFunc(w.ends, n, func(end, n int) int {
		if end <= n {
			return -1
		}
		return 1
	})
	good := 0
	if done > 0 {
		good = w.ends[done-1]
	}
	if rest := n - good; rest > 0 { // half a line
		if terr := w.f.Truncate(w.size - int64(rest)); terr == nil {
			w.size -= int64(rest)
		} else {
			w.torn = true
		}
	}
	w.drop()
	return done, err
}

// drop closes the file, so that the next write opens it again. What it could not write is known already.
func (w *File) drop() {
	_ = w.f.Close()
	w.f = nil
}

// ready opens the file, or puts it aside and opens a new one.
func (w *File) ready() error {
	if w.f != nil && w.moved() {
		w.drop()
	}
	if w.f == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	full := w.opt.Bytes > 0 && w.size >= w.opt.Bytes
	old := w.opt.Age > 0 && w.now().Sub(w.begun) >= w.opt.Age
	if w.size == 0 || !full && !old {
		return nil
	}
	w.drop()
	aside := w.opt.Path + "." + w.now().UTC().Format("20060102T150405.000000000Z")
	if err := os.Rename(w.opt.Path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w.clean()
	return w.open()
}

func (w *File) open() error {
	f, err := os.OpenFile(w.opt.Path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640) //nolint:gosec // G302: collectors read it as the group
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	w.f, w.size, w.begun = f, info.Size(), w.now()
	if w.size > 0 { // the nearest thing to its birth that every file system knows
		w.begun = info.ModTime()
	}
	return nil
}

// moved reports whether the name means another file now, or none.
func (w *File) moved() bool {
	named, err := os.Stat(w.opt.Path)
	if err != nil {
		return true
	}
	own, err := w.f.Stat()
	return err != nil || !os.SameFile(named, own)
}

// clean removes the oldest files put aside. One that cannot be removed is tried again at the next time.
func (w *File) clean() {
	if w.opt.Keep <= 0 {
		return
	}
	entries, err := os.ReadDir(filepath.Dir(w.opt.Path))
	if err != nil {
		return
	}
	prefix := filepath.Base(w.opt.Path) + "."
	var aside []string
	for _, e := range entries {
		stamp, ok := strings.CutPrefix(e.Name(), prefix)
		if _, err := time.Parse("20060102T150405.000000000Z", stamp); ok && err == nil {
			aside = append(aside, e.Name())
		}
	}
	slices.Sort(aside)
	for _, name := range aside[:max(0, len(aside)-w.opt.Keep)] {
		_ = os.Remove(filepath.Join(filepath.Dir(w.opt.Path), name))
	}
}

// Close implements Writer.
func (w *File) Close() error {
	if w.f == nil {
		return nil
	}
	return w.f.Close()
}
