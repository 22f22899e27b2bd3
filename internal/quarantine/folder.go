package quarantine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Folder is a Store in a directory, one file a blob. Only files of this package belong there.
type Folder struct {
	dir string
}

const (
	blobSuffix    = ".quarantined"
	partialPrefix = ".partial-"

	// partialAge is how old a half-written file must be to be taken for one of a process that is gone: another
	// one may share the folder.
	partialAge = time.Hour
)

// OpenFolder makes the directory if it is not there, readable by its owner only, and removes what interrupted
// writes left.
func OpenFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), partialPrefix) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > partialAge {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("quarantine: %w", err)
			}
		}
	}
	return &Folder{dir}, nil
}

func (f *Folder) path(id string) string { return filepath.Join(f.dir, id+blobSuffix) }

// Create implements Store.
func (f *Folder) Create(_ context.Context, id string, _ int64) (Writer, error) {
	tmp, err := os.CreateTemp(f.dir, partialPrefix+"*")
	if err != nil {
		return nil, err
	}
	return &folderWriter{File: tmp, to: f.path(id), dir: f.dir}, nil
}

// folderWriter writes beside, and renames when all is on the disk.
type folderWriter struct {
	*os.File
	to, dir string
}

// Commit implements Writer.
func (w *folderWriter) Commit() error {
	err := w.Sync()
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Link(w.Name(), w.to) // unlike a rename, it does not replace
	}
	if errors.Is(err, fs.ErrExist) {
		err = ErrExists
	}
	if rerr := os.Remove(w.Name()); err == nil {
		err = rerr
	}
	if err != nil {
		return err
	}
	d, err := os.Open(w.dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

// Abort implements Writer.
func (w *folderWriter) Abort() {
	_ = w.Close() // what matters is that the file goes
	_ = os.Remove(w.Name())
}

// Open implements Store.
func (f *Folder) Open(_ context.Context, id string) (io.ReadCloser, error) {
	file, err := os.Open(f.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	return file, err
}

// List implements Store.
func (f *Folder) List(context.Context) ([]Blob, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	var blobs []Blob
	for _, e := range entries {
		id, ours := strings.CutSuffix(e.Name(), blobSuffix)
		if !ours {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		blobs = append(blobs, Blob{ID: id, Size: info.Size(), Time: info.ModTime()})
	}
	return blobs, nil
}

// Remove implements Store.
func (f *Folder) Remove(_ context.Context, id string) error {
	if err := os.Remove(f.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
