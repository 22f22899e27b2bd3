package waf

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
)

const (
	maxRuleFile = 16 << 20 // bytes of one rule or data file
	maxProblems = 20       // that are collected before the rest of the files is not compiled any more
)

// RuleError says what is wrong with a rule file, and where.
type RuleError struct {
	File string
	Line int // of the directive's beginning; 0 for the file as a whole
	Err  error
}

// Error implements error.
func (e *RuleError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *RuleError) Unwrap() error { return e.Err }

// directive is one directive of an operator's file, with its continuation lines.
type directive struct {
	file, line int
	text       string
	crs        bool // it is no directive: CRS comes here
	broken     bool // it does not compile, and was reported
}

// sources is everything that rules are compiled from.
type sources struct {
	files      []string
	directives []directive // in the order in which they are loaded
	root       *ruleFS
}

// load reads the rule files. The error joins everything that is wrong with them, a *RuleError each.
func load(names []string) (*sources, error) {
	s := &sources{root: &ruleFS{}}
	var errs []error
	for _, name := range names {
		if name == CRS {
			s.directives = append(s.directives, directive{crs: true})
			continue
		}
		files, err := expand(name)
		errs = append(errs, err)
		for _, file := range files {
			errs = append(errs, s.add(file))
		}
	}
	s.root.sources = s
	return s, errors.Join(errs...)
}

// add reads one rule file.
func (s *sources) add(file string) error {
	text, err := readFile(file)
	if err != nil {
		return &RuleError{File: file, Err: err}
	}
	found, err := split(file, string(text))
	for _, d := range found {
		d.file = len(s.files)
		s.directives = append(s.directives, d)
	}
	s.files = append(s.files, file)
	return err
}

// hasCRS reports whether CRS is among the rules.
func (s *sources) hasCRS() bool {
	return slices.ContainsFunc(s.directives, func(d directive) bool { return d.crs })
}

// expand returns the rule files that a name stands for, in the order of their names.
func expand(name string) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, &RuleError{File: name, Err: plain(err)}
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	files, err := filepath.Glob(filepath.Join(name, "*.conf"))
	if err == nil && len(files) == 0 {
		err = errors.New("no *.conf in this folder")
	}
	if err != nil {
		return nil, &RuleError{File: name, Err: err}
	}
	return files, nil
}

// plain takes the operation and the path off an error, which is told with its file.
func plain(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, plain(err)
	}
	defer func() { _ = f.Close() }()
	return readAll(f)
}

func readAll(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, plain(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a file")
	}
	if info.Size() > maxRuleFile {
		return nil, fmt.Errorf("has %d bytes; %d are the limit", info.Size(), maxRuleFile)
	}
	text := make([]byte, info.Size())
	n, err := io.ReadFull(f, text)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, plain(err)
	}
	return text[:n], nil
}

// ownFolder is where Coraza finds the operator's directives, each a file of its own: so that an error can be told
// with its line, and a match with the file that its rule stands in.
const ownFolder = "@icapd/"

func (d *directive) name(index int) string {
	return ownFolder + strconv.Itoa(d.file) + "/=" + strconv.Itoa(index)
}

// ruleFS is the file system that Coraza sees: CRS, the operator's directives, and the data files beside them.
type ruleFS struct {
	sources *sources
	last    int // index of the directive that was read last, -1 if that was CRS
	digest  [sha256.Size]byte
}

// ReadFile implements fs.ReadFileFS.
func (r *ruleFS) ReadFile(name string) ([]byte, error) {
	_, crs, isCRS := strings.Cut(name, "@owasp_crs/")
	if isCRS {
		r.last = -1
		return fs.ReadFile(coreruleset.FS, "@owasp_crs/"+crs)
	}
	_, own, isOwn := strings.Cut(name, ownFolder)
	folder, base, ok := strings.Cut(own, "/")
	file, err := strconv.Atoi(folder)
	if !isOwn || !ok || err != nil || file < 0 || file >= len(r.sources.files) {
		// Coraza asks for data files in its working directory, too: there are none.
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if index, isDirective := strings.CutPrefix(base, "="); isDirective {
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 || i >= len(r.sources.directives) {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		r.last = i
		return []byte(r.sources.directives[i].text + "\n"), nil
	}
	text, err := r.beside(r.sources.files[file], base)
	if err == nil {
		r.digest = sha256.Sum256(slices.Concat(r.digest[:], text))
	}
	return text, err
}

// beside reads a data file in the folder of a rule file, or below.
func (r *ruleFS) beside(file, name string) ([]byte, error) {
	f, err := os.OpenInRoot(filepath.Dir(file), filepath.FromSlash(path.Clean(name)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return readAll(f)
}

// Open implements fs.FS. Nobody needs it: fs.ReadFile asks for ReadFile.
func (r *ruleFS) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
}

// place names the directive that Coraza knows by a file name: "rules.conf:7".
func (s *sources) place(name string) (where string, ok bool) {
	_, index, ok := strings.Cut(name, "/=")
	i, err := strconv.Atoi(index)
	if !ok || err != nil || !strings.HasPrefix(name, ownFolder) || i < 0 || i >= len(s.directives) {
		return "", false
	}
	d := &s.directives[i]
	return s.files[d.file] + ":" + strconv.Itoa(d.line), true
}
