package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"icapd/conf"

	"github.com/fsnotify/fsnotify"
)

// quietFor is how long files must be left alone to be taken for written.
const quietFor = 500 * time.Millisecond

// maxWatchedFolders bounds what a folder of rules costs; what lies beyond is read at the next reload.
const maxWatchedFolders = 1000

// watcher tells of changes of files, and of all files in folders, once they are left alone. Folders are what is watched:
// editors, package managers and Kubernetes put another file in the place of the old one.
type watcher struct {
	changed chan struct{} // nil if nothing is to be watched
	fs      *fsnotify.Watcher

	mu      sync.Mutex
	files   []string
	folders []string // of which every file counts
}

// watch makes a watcher of files and folders. One that is not on watches nothing.
func watch(on bool, names []string) (*watcher, error) {
	if !on || len(names) == 0 {
		return &watcher{}, nil
	}
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watcher{changed: make(chan struct{}, 1), fs: fs}
	if err := w.follow(names); err != nil {
		return nil, errors.Join(err, fs.Close())
	}
	go w.run()
	return w, nil
}

// follow makes these the files and folders that are watched. The error is of folders that cannot be; one that is not
// there is none, because it is the reload's to say what is wrong with a name.
func (w *watcher) follow(names []string) error {
	if w.fs == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files, w.folders = nil, nil
	var wanted []string
	for _, name := range names {
		name, err := filepath.Abs(name)
		if err != nil {
			continue
		}
		w.files = append(w.files, name)
		wanted = append(wanted, filepath.Dir(name))
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			w.folders = append(w.folders, name)
			wanted = append(wanted, foldersIn(name)...)
		}
	}
	var errs []error
	known := w.fs.WatchList()
	for _, folder := range wanted {
		if slices.Contains(known, folder) {
			continue
		}
		known = append(known, folder)
		if err := w.fs.Add(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	for _, folder := range w.fs.WatchList() {
		if !slices.Contains(wanted, folder) {
			_ = w.fs.Remove(folder) // it may be gone already
		}
	}
	return errors.Join(errs...)
}

// foldersIn lists a folder and those in it, at any depth.
func foldersIn(root string) []string {
	var out []string
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error { // what cannot be read is not watched
		if err == nil && d.IsDir() {
			out = append(out, path)
		}
		if len(out) >= maxWatchedFolders {
			return filepath.SkipAll
		}
		return nil
	})
	return out
}

// stop ends the watch.
func (w *watcher) stop() {
	if w.fs != nil {
		_ = w.fs.Close()
	}
}

// concerns reports whether an event is about something that is followed. Kubernetes changes all files of a volume by
// another link ..data; other names with a dot are what editors leave beside.
func (w *watcher) concerns(e fsnotify.Event) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	name, base := filepath.Clean(e.Name), filepath.Base(e.Name)
	switch {
	case e.Op == fsnotify.Chmod:
		return false
	case strings.HasPrefix(base, "..data"), slices.Contains(w.files, name):
		return true
	case strings.HasPrefix(base, "."):
		return false
	}
	return slices.ContainsFunc(w.folders, func(d string) bool { return strings.HasPrefix(name, d+string(filepath.Separator)) })
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

// watched are the files that a reload is worth the while of: the configuration, the rules, lists and certificates that
// it names, and the documents of schemas; those in force, and those that the configuration names by now.
func (s *server) watched() []string {
	p := s.parts.Load()
	out := sources(reflect.ValueOf(p.config).Elem(), nil)
	if p.schema != nil {
		out = append(out, p.schema.Files()...)
	}
	if s.cli.conf.File == "" {
		return out
	}
	out = append(out, s.cli.conf.File)
	fresh, _ := conf.Load(s.cli.conf) // what is wrong with it, the reload has said; never nil
	out = sources(reflect.ValueOf(fresh).Elem(), out)
	for i := range fresh.APIs {
		for _, name := range []conf.Path{fresh.APIs[i].Schema.OpenAPI, fresh.APIs[i].Schema.JSONSchema, fresh.APIs[i].Schema.Request} {
			if name != "" {
				out = append(out, string(name))
			}
		}
	}
	return out
}

// sources adds the rules, lists and certificates that a configuration names, by the types of its keys, so that no new
// key is forgotten here.
func sources(v reflect.Value, out []string) []string {
	switch v.Kind() {
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[conf.TLS](v); ok {
			for _, name := range []conf.Path{t.Cert, t.Key, t.ClientCA} {
				if name != "" {
					out = append(out, string(name))
				}
			}
			return out
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out = sources(v.Field(i), out)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			out = sources(v.Index(i), out)
		}
	case reflect.String:
		if s, ok := reflect.TypeAssert[conf.Source](v); ok && s != "" && s != conf.Builtin {
			out = append(out, string(s))
		}
	default: // maps hold profiles and services, which name no files
	}
	return out
}
