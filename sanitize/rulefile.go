package sanitize

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxRuleFile bounds a rule file, in bytes: a path that points at the wrong thing is an error, not a hang.
const maxRuleFile = 8 << 20

// RuleError is one thing that is wrong with a rule file.
type RuleError struct {
	File string
	Line int // 0 if the file as a whole is meant
	Err  error
}

// Error implements error: "rules/a.yaml:12: unknown class".
func (e *RuleError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *RuleError) Unwrap() error { return e.Err }

// loadRules reads all rule files. The error joins every problem of every file.
func loadRules(names []string, builtin fs.FS) ([]*Rule, error) {
	var l loader
	for _, name := range names {
		if name == "builtin" {
			l.builtin(builtin)
			continue
		}
		l.path(name)
	}
	l.unique()
	return l.rules, errors.Join(l.errs...)
}

type loader struct {
	rules []*Rule
	errs  []error
}

func (l *loader) fail(file string, line int, err error) {
	l.errs = append(l.errs, &RuleError{File: file, Line: line, Err: err})
}

func (l *loader) builtin(fsys fs.FS) {
	if fsys == nil {
		l.fail("builtin", 0, errors.New("this build has no built-in injection rules"))
		return
	}
	names, err := fs.Glob(fsys, "*.yaml")
	if err == nil && len(names) == 0 {
		err = errors.New("no rule files")
	}
	if err != nil {
		l.fail("builtin", 0, err)
		return
	}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			l.fail("builtin/"+name, 0, err)
			continue
		}
		l.file("builtin/"+name, data)
	}
}

// path loads a file, or every *.yaml and *.yml of a folder.
func (l *loader) path(name string) {
	info, err := os.Stat(name)
	if err != nil {
		l.fail(name, 0, errors.Unwrap(err))
		return
	}
	names := []string{name}
	if info.IsDir() {
		names = nil
		for _, pattern := range []string{"*.yaml", "*.yml"} {
			found, err := filepath.Glob(filepath.Join(name, pattern))
			if err != nil {
				l.fail(name, 0, err)
			}
			names = append(names, found...)
		}
		slices.Sort(names)
		if len(names) == 0 {
			l.fail(name, 0, errors.New("no rule files (*.yaml) in this folder"))
		}
	}
	for _, n := range names {
		if info, err := os.Stat(n); err == nil && info.Size() > maxRuleFile {
			l.fail(n, 0, fmt.Errorf("larger than %d bytes", maxRuleFile))
			continue
		}
		data, err := os.ReadFile(n)
		if err != nil {
			l.fail(n, 0, errors.Unwrap(err))
			continue
		}
		l.file(n, data)
	}
}

func (l *loader) file(name string, data []byte) {
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		l.yamlError(name, 0, err)
		return
	}
	for _, doc := range tree.Docs {
		if doc.Body != nil {
			l.document(name, doc.Body)
		}
	}
}

func (l *loader) document(name string, body ast.Node) {
	top, ok := body.(*ast.MappingNode)
	if !ok {
		l.fail(name, lineOf(body), errors.New(`a rule file is a mapping with the key "rules"`))
		return
	}
	for _, entry := range top.Values {
		if key := entry.Key.String(); key != "rules" {
			l.fail(name, lineOf(entry.Key), fmt.Errorf("unknown key %q", key))
			continue
		}
		list, ok := entry.Value.(*ast.SequenceNode)
		if !ok {
			l.fail(name, lineOf(entry.Key), errors.New(`"rules" is a list`))
			continue
		}
		for _, node := range list.Values {
			l.rule(name, node)
		}
	}
}

func (l *loader) rule(name string, node ast.Node) {
	r := &Rule{File: name, Line: lineOf(node)}
	if err := yaml.NodeToValue(node, r, yaml.Strict()); err != nil {
		l.yamlError(name, r.Line, err)
		return
	}
	errs := r.compile()
	for _, err := range errs {
		l.fail(name, r.Line, fmt.Errorf("rule %s: %w", r.ID, err))
	}
	l.rules = append(l.rules, r)
}

// yamlError takes the line from the YAML error where it has one.
func (l *loader) yamlError(name string, line int, err error) {
	if y, ok := errors.AsType[yaml.Error](err); ok {
		if t := y.GetToken(); t != nil && t.Position != nil {
			line = t.Position.Line
		}
		err = errors.New(y.GetMessage())
	}
	l.fail(name, line, err)
}

func (l *loader) unique() {
	seen := make(map[string]*Rule, len(l.rules))
	for _, r := range l.rules {
		if first := seen[r.ID]; first != nil && r.ID != "" {
			l.fail(r.File, r.Line, fmt.Errorf("rule %s stands already at %s:%d", r.ID, first.File, first.Line))
			continue
		}
		seen[r.ID] = r
	}
}

func lineOf(n ast.Node) int {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}
