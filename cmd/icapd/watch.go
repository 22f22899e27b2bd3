package main

import (
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quietFor is how long a file must be left alone to be taken for written.
const quietFor = 500 * time.Millisecond

// watch tells of changes of the file, once it is left alone. The folder is what is watched: editors and Kubernetes
// put another file in the place of the old one. The channel is nil if there is no file to watch.
func watch(on bool, name string) (changed <-chan struct{}, stop func(), err error) {
	if !on || name == "" {
		return nil, func() {}, nil
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, nil, err
	}
	if err := w.Add(filepath.Dir(name)); err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	out := make(chan struct{}, 1)
	go func() {
		quiet := time.NewTimer(quietFor)
		quiet.Stop()
		defer quiet.Stop()
		for {
			select {
			case e, more := <-w.Events:
				if !more {
					return
				}
				base := filepath.Base(e.Name)
				if (base == filepath.Base(name) || strings.HasPrefix(base, "..data")) && !e.Has(fsnotify.Chmod) {
					quiet.Reset(quietFor)
				}
			case _, more := <-w.Errors: // events were lost, maybe ours
				if !more {
					return
				}
				quiet.Reset(quietFor)
			case <-quiet.C:
				notify(out)()
			}
		}
	}()
	return out, func() { _ = w.Close() }, nil
}
