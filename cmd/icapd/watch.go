package main

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"icapd/conf"

	"github.com/fsnotify/fsnotify"
)

// quietFor is how long a file must be left alone to be taken for written.
const quietFor = 500 * time.Millisecond

// watcher tells of changes of files, once they are left alone. Folders are what is watched: editors and Kubernetes put
// another file in the place of the old one.
type watcher struct {
	changed chan struct{} // nil if nothing is to be watched
	fs      *fsnotify.Watcher

	mu    sync.Mutex
	files []string
}

// watch makes a watcher of files. One that is not on watches nothing.
func watch(on bool, files []string) (*watcher, error) {
	if !on || len(files) == 0 {
		return &watcher{}, nil
	}
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watcher{changed: make(chan struct{}, 1), fs: fs}
	if err := w.follow(files); err != nil {
		return nil, errors.Join(err, fs.Close())
	}
	go w.run()
	return w, nil
}

// follow makes these the files that are watched. The error is of folders that cannot be.
func (w *watcher) follow(files []string) error {
	if w.fs == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files = nil
	var wanted []string
	for _, name := range files {
		if name, err := filepath.Abs(name); err == nil {
			w.files = append(w.files, name)
			wanted = append(wanted, filepath.Dir(name))
		}
	}
	var errs []error
	known := w.fs.WatchList()
	for _, folder := range wanted {
		if !slices.Contains(known, folder) {
			errs = append(errs, w.fs.Add(folder))
			known = append(known, folder)
		}
	}
	for _, folder := range known {
		if !slices.Contains(wanted, folder) {
			errs = append(errs, w.fs.Remove(folder))
		}
	}
	return errors.Join(errs...)
}

// stop ends the watch.
func (w *watcher) stop() {
	if w.fs != nil {
		_ = w.fs.Close()
	}
}

// concerns reports whether an event is about a file that is watched.
func (w *watcher) concerns(e fsnotify.Event) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !e.Has(fsnotify.Chmod) && (strings.HasPrefix(filepath.Base(e.Name), "..data") || slices.Contains(w.files, filepath.Clean(e.Name)))
}

func (w *watcher) run() {
	quiet := time.NewTimer(quietFor)
	quiet.Stop()
	defer quiet.Stop()
	for {
		select {
		case e, more := <-w.fs.Events:
			if !more {
				return
			}
			if w.concerns(e) {
				quiet.Reset(quietFor)
			}
		case _, more := <-w.fs.Errors: // events were lost, maybe ours
			if !more {
				return
			}
			quiet.Reset(quietFor)
		case <-quiet.C:
			notify(w.changed)()
		}
	}
}

// watched are the files that a reload is worth the while of: the configuration, and the documents of schemas, both
// those in force and those that the configuration names by now.
func (s *server) watched() []string {
	file := s.cli.conf.File
	if file == "" {
		return nil
	}
	out := []string{file}
	if e := s.parts.Load().schema; e != nil {
		out = append(out, e.Files()...)
	}
	fresh, err := conf.Load(s.cli.conf)
	if err != nil && fresh == nil {
		return out
	}
	for i := range fresh.APIs {
		for _, name := range []conf.Path{fresh.APIs[i].Schema.OpenAPI, fresh.APIs[i].Schema.JSONSchema, fresh.APIs[i].Schema.Request} {
			if name != "" {
				out = append(out, string(name))
			}
		}
	}
	return out
}
