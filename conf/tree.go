package conf

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// shape says what a node is.
type shape uint8

const (
	shapeNull   shape = iota
	shapeScalar       // text
	shapeList         // items
	shapeMap          // members
	shapeIndex        // a flag's change to one element of a list: items[0] goes to place index
)

// kind says how a scalar was written, so that a number is not taken for a name, nor a name for a number.
type kind uint8

const (
	kindString kind = iota
	kindNumber
	kindBool
)

// position is where a node stands.
type position struct {
	source       string
	line, column int
}

// node is a piece of a configuration: YAML with aliases, merge keys and tags resolved, so that the decoder has
// little to know, and flags can be decoded like files.
type node struct {
	at      position
	shape   shape
	kind    kind
	text    string
	items   []*node
	members []member
	index   int
}

type member struct {
	key   string
	at    position
	value *node
}

// get returns the value of a key, or nil.
func (n *node) get(key string) *node {
	for i := range n.members {
		if n.members[i].key == key {
			return n.members[i].value
		}
	}
	return nil
}

const (
	maxNodes = 200_000 // far beyond any configuration; aliases can multiply
	maxDepth = 32
)

// reader turns YAML into nodes.
type reader struct {
	source   string
	anchors  map[string]ast.Node
	open     []string // aliases being resolved
	nodes    int
	problems Problems
}

// readYAML parses one document. What cannot be read at all leaves a nil node and a problem.
func readYAML(source string, text []byte) (*node, Problems) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if i := invalidUTF8(text); i >= 0 {
		line := bytes.Count(text[:i], []byte("\n"))
		column := i - bytes.LastIndexByte(text[:i], '\n')
		return nil, Problems{{Source: source, Line: line + 1, Column: column, Text: "not UTF-8"}}
	}
	file, err := parse(text)
	if err != nil {
		return nil, Problems{syntaxProblem(source, err)}
	}
	r := reader{source: source, anchors: map[string]ast.Node{}}
	var root *node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			r.fail(r.position(doc.Body), "a second document: a configuration is one")
			break
		}
		root = r.convert(doc.Body, 0)
	}
	return root, r.problems
}

// invalidUTF8 returns the place of the first byte that is not UTF-8, or -1.
func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// parse calls the parser, whose rare panics on odd input must not become ours.
func parse(text []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not YAML: %v", p)
		}
	}()
	// The parser would stop at the first double key; we report all of them.
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
}

func syntaxProblem(source string, err error) Problem {
	p := Problem{Source: source, Text: err.Error()}
	if e, ok := errors.AsType[yaml.Error](err); ok {
		p.Text = e.GetMessage()
		if tk := e.GetToken(); tk != nil && tk.Position != nil {
			p.Line, p.Column = tk.Position.Line, tk.Position.Column
		}
	}
	p.Text = "not YAML: " + printable(strings.TrimPrefix(p.Text, "not YAML: "))
	return p
}

// printable keeps a parser's message, which quotes the file, to one line that a terminal can show.
func printable(s string) string {
	quoted := strconv.QuoteToGraphic(s)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(quoted[1 : len(quoted)-1])
}

func (r *reader) fail(at position, text string) {
	r.problems = append(r.problems, Problem{Source: at.source, Line: at.line, Column: at.column, Text: text})
}

func (r *reader) position(n ast.Node) position {
	return r.positionOf(n.GetToken())
}

func (r *reader) positionOf(tk *token.Token) position {
	if tk == nil || tk.Position == nil {
		return position{source: r.source}
	}
	return position{source: r.source, line: tk.Position.Line, column: tk.Position.Column}
}

// convert turns a syntax tree into nodes. It never returns nil.
func (r *reader) convert(n ast.Node, depth int) *node {
	if n == nil {
		return &node{at: position{source: r.source}}
	}
	out := &node{at: r.position(n)}
	if r.nodes++; r.nodes > maxNodes || depth > maxDepth {
		if r.nodes <= maxNodes+1 {
			r.fail(out.at, "nested too deep, or too large")
			r.nodes = maxNodes + 1
		}
		return out
	}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.StringNode:
		out.shape, out.text = shapeScalar, n.Value
	case *ast.LiteralNode:
		out.shape, out.text = shapeScalar, n.Value.Value
	case *ast.BoolNode:
		out.shape, out.kind, out.text = shapeScalar, kindBool, strconv.FormatBool(n.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.shape, out.kind, out.text = shapeScalar, kindNumber, n.GetToken().Value
	case *ast.SequenceNode:
		out.shape, out.items = shapeList, make([]*node, 0, len(n.Values))
		for _, v := range n.Values {
			out.items = append(out.items, r.convert(v, depth+1))
		}
	case *ast.MappingNode:
		out.shape = shapeMap
		r.mapping(out, n.Values, depth)
	case *ast.MappingValueNode:
		out.shape = shapeMap
		out.at = r.position(n.Key)
		r.mapping(out, []*ast.MappingValueNode{n}, depth)
	case *ast.AnchorNode:
		r.anchors[n.Name.GetToken().Value] = n.Value
		return r.convert(n.Value, depth)
	case *ast.AliasNode:
		return r.alias(n, depth)
	case *ast.TagNode:
		return r.tagged(n, depth)
	default:
		r.fail(out.at, "unexpected "+strings.ToLower(n.Type().String()))
	}
	return out
}

func (r *reader) mapping(out *node, values []*ast.MappingValueNode, depth int) {
	if len(values) > 0 && values[0].Key != nil {
		out.at = r.position(values[0].Key)
	}
	var merged []member
	for _, v := range values {
		if _, ok := v.Key.(*ast.MergeKeyNode); ok {
			merged = append(merged, r.merge(v.Value, depth)...)
			continue
		}
		m := member{key: keyText(v.Key), at: r.position(v.Key), value: r.convert(v.Value, depth+1)}
		if m.value.at.line == 0 {
			m.value.at = m.at
		}
		if slices.ContainsFunc(out.members, func(o member) bool { return o.key == m.key }) {
			r.fail(m.at, fmt.Sprintf("the key %q is here twice", m.key))
			continue
		}
		out.members = append(out.members, m)
	}
	for _, m := range merged {
		if out.get(m.key) == nil {
			out.members = append(out.members, m)
		}
	}
}

// merge returns what a merge key ("<<: *base") brings in.
func (r *reader) merge(n ast.Node, depth int) []member {
	from := r.convert(n, depth+1)
	switch from.shape {
	case shapeMap:
		return from.members
	case shapeList:
		var all []member
		for _, it := range from.items {
			all = append(all, it.members...)
		}
		return all
	case shapeNull, shapeScalar, shapeIndex:
		r.fail(from.at, "<< wants an alias of a mapping")
	}
	return nil
}

func keyText(k ast.MapKeyNode) string {
	if s, ok := k.(*ast.StringNode); ok {
		return s.Value
	}
	if tk := k.GetToken(); tk != nil {
		return tk.Value
	}
	return ""
}

func (r *reader) alias(n *ast.AliasNode, depth int) *node {
	at := r.position(n)
	name := n.Value.GetToken().Value
	target, ok := r.anchors[name]
	switch {
	case !ok:
		r.fail(at, fmt.Sprintf("no anchor &%s above", name))
		return &node{at: at}
	case slices.Contains(r.open, name):
		r.fail(at, fmt.Sprintf("the anchor &%s holds itself", name))
		return &node{at: at}
	}
	r.open = append(r.open, name)
	out := r.convert(target, depth+1)
	r.open = r.open[:len(r.open)-1]
	return out
}

// tagged resolves the one tag that is of use, !!str for a value that looks like a number.
func (r *reader) tagged(n *ast.TagNode, depth int) *node {
	out := r.convert(n.Value, depth+1)
	if n.Start == nil || n.Start.Value != "!!str" || out.shape != shapeScalar {
		r.fail(r.position(n), "tags have no meaning here")
	}
	out.kind = kindString
	return out
}
