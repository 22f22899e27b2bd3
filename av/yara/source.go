package yara

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxSource is the largest rule file that is read: large rule sets are tens of megabytes in all.
const maxSource = 64 << 20

// source is one file of rules.
type source struct {
	File string `json:"file"` // as shown to people
	Text []byte `json:"text"`
	Disk bool   `json:"disk,omitempty"` // File is a path, so other files can be included beside it
}

// readSources reads all rule files. Whatever is wrong with any of them is reported at once.
func readSources(rules []string, builtin fs.FS) ([]source, error) {
	var all []source
	var errs []error
	seen := map[string]bool{}
	for _, name := range rules {
		var some []source
		var err error
		if name == Builtin {
			some, err = readBuiltin(builtin)
		} else {
			some, err = readPath(name)
		}
		if err != nil {
			errs = append(errs, err)
		}
		for _, s := range some {
			if !seen[s.File] { // a file and its directory may both be named
				seen[s.File] = true
				all = append(all, s)
			}
		}
	}
	if len(errs) == 0 && len(all) == 0 {
		errs = append(errs, errors.New("yara: no rules: neither builtin, nor files, nor directories are named"))
	}
	return all, errors.Join(errs...)
}

func readBuiltin(fsys fs.FS) ([]source, error) {
	if fsys == nil {
		return nil, &RuleError{File: Builtin, Msg: "this program has no built-in YARA rules"}
	}
	some, err := readTree(fsys, func(name string) string { return path.Join(Builtin, name) })
	if err == nil && len(some) == 0 {
		err = &RuleError{File: Builtin, Msg: "no *.yar or *.yara file in it"}
	}
	return some, err
}

func readPath(name string) ([]source, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, ruleFileError(name, err)
	}
	if !info.IsDir() {
		s, err := readSource(name, func() (fs.File, error) { return os.Open(name) })
		s.Disk = true
		if err != nil {
			return nil, err
		}
		return []source{s}, nil
	}
	some, err := readTree(os.DirFS(name), func(base string) string { return filepath.Join(name, filepath.FromSlash(base)) })
	for i := range some {
		some[i].Disk = true
	}
	if err == nil && len(some) == 0 {
		err = &RuleError{File: name, Msg: "no *.yar or *.yara file in this directory"}
	}
	return some, err
}

// readTree reads the rule files of a file system, in the order of their names. Links to files are followed,
// because that is how Kubernetes lays out a ConfigMap; links to directories are not, so there is no loop.
func readTree(fsys fs.FS, show func(name string) string) ([]source, error) {
	var some []source
	var errs []error
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			errs = append(errs, ruleFileError(show(name), err))
		case name != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir() || !slices.Contains([]string{".yar", ".yara"}, strings.ToLower(path.Ext(name))):
		default:
			s, err := readSource(show(name), func() (fs.File, error) { return fsys.Open(name) })
			if err != nil {
				errs = append(errs, err)
				return nil
			}
			some = append(some, s)
		}
		return nil
	})
	return some, errors.Join(append(errs, err)...)
}

func readSource(name string, open func() (fs.File, error)) (source, error) {
	f, err := open()
	if err != nil {
		return source{}, ruleFileError(name, err)
	}
	defer func() { _ = f.Close() }() // was only read
	var text bytes.Buffer
	n, err := io.Copy(&text, io.LimitReader(f, maxSource+1))
	switch {
	case err != nil:
		return source{}, ruleFileError(name, err)
	case n > maxSource:
		return source{}, &RuleError{File: name, Msg: fmt.Sprintf("larger than %d MiB", maxSource>>20)}
	case bytes.HasPrefix(text.Bytes(), []byte("YARA")):
		return source{}, &RuleError{File: name, Msg: "holds compiled rules; name their sources instead"}
	}
	if at := bytes.IndexByte(text.Bytes(), 0); at >= 0 { // libyara would stop reading here, without a word
		line := 1 + bytes.Count(text.Bytes()[:at], []byte("\n"))
		return source{}, &RuleError{File: name, Line: line, Msg: "NUL byte: this is no text file"}
	}
	return source{File: name, Text: text.Bytes()}, nil
}

// ruleFileError drops the path from err: RuleError says it already.
func ruleFileError(name string, err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	return &RuleError{File: name, Msg: err.Error()}
}

// digest identifies a set of rules by what matters to its answers, and not by where its files lie.
func digest(sources []source, included [][]byte, disabled []string) string {
	sums := make([]string, 0, len(sources)+len(included))
	for _, s := range sources {
		sum := sha256.Sum256(s.Text)
		sums = append(sums, string(sum[:]))
	}
	for _, text := range included {
		sum := sha256.Sum256(text)
		sums = append(sums, "+"+string(sum[:]))
	}
	slices.Sort(sums)
	disabled = slices.Clone(disabled)
	slices.Sort(disabled)
	h := sha256.New()
	for _, part := range slices.Concat(sums, slices.Compact(disabled), externals()) {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash does not fail
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}
