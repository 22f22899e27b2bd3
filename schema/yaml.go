package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxYAMLNodes = 1 << 20 // aliases multiply: what they stand for counts each time
	maxYAMLDepth = 128
)

// yamlReader turns a syntax tree into what encoding/json would make of it.
type yamlReader struct {
	anchors map[string]ast.Node
	open    []string // aliases being resolved
	nodes   int
}

// decodeYAML reads a document. Its errors say where they are.
func decodeYAML(text []byte) (any, error) {
	body, err := parseYAML(text)
	if err != nil {
		return nil, err
	}
	r := yamlReader{anchors: map[string]ast.Node{}}
	return r.value(body, 0)
}

// parseYAML returns the first document of a text. The parser's rare panics on odd input are errors.
func parseYAML(text []byte) (body ast.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not YAML: %v", p)
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		if e, ok := errors.AsType[yaml.Error](err); ok {
			return nil, atToken(e.GetToken(), errors.New("not YAML: "+excerpt(e.GetMessage())))
		}
		return nil, errors.New("not YAML: " + excerpt(err.Error()))
	}
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			return doc.Body, nil
		}
	}
	return nil, errors.New("there is nothing in it")
}

func atToken(tk *token.Token, err error) error {
	if tk == nil || tk.Position == nil {
		return err
	}
	return &lineError{tk.Position.Line, tk.Position.Column, err}
}

func (r *yamlReader) value(n ast.Node, depth int) (any, error) {
	if n == nil {
		return nil, nil
	}
	if r.nodes++; r.nodes > maxYAMLNodes || depth > maxYAMLDepth {
		return nil, atToken(n.GetToken(), errors.New("nested too deep, or too large"))
	}
	switch n := n.(type) {
	case *ast.NullNode:
		return nil, nil
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.BoolNode:
		return n.Value, nil
	case *ast.IntegerNode, *ast.FloatNode:
		return yamlNumber(n), nil
	case *ast.SequenceNode:
		out := make([]any, 0, len(n.Values))
		for _, v := range n.Values {
			one, err := r.value(v, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, one)
		}
		return out, nil
	case *ast.MappingNode:
		return r.mapping(n.Values, depth)
	case *ast.MappingValueNode:
		return r.mapping([]*ast.MappingValueNode{n}, depth)
	case *ast.AnchorNode:
		r.anchors[n.Name.GetToken().Value] = n.Value
		return r.value(n.Value, depth)
	case *ast.AliasNode:
		return r.alias(n, depth)
	case *ast.TagNode:
		return r.value(n.Value, depth+1)
	}
	return nil, atToken(n.GetToken(), errors.New("unexpected "+strings.ToLower(n.Type().String())))
}

// yamlNumber is a number as JSON has it; what JSON does not have is text.
func yamlNumber(n ast.Node) any {
	text := n.GetToken().Value
	if numberLen([]byte(text)) == len(text) {
		return json.Number(text)
	}
	plain := strings.ReplaceAll(strings.TrimPrefix(text, "+"), "_", "")
	if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return json.Number(strconv.FormatInt(i, 10))
	}
	if f, err := strconv.ParseFloat(plain, 64); err == nil {
		return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
	}
	return text
}

func (r *yamlReader) mapping(values []*ast.MappingValueNode, depth int) (any, error) {
	out := make(map[string]any, len(values))
	var merged []any
	for _, v := range values {
		one, err := r.value(v.Value, depth+1)
		if err != nil {
			return nil, err
		}
		if _, ok := v.Key.(*ast.MergeKeyNode); ok {
			merged = append(merged, one)
			continue
		}
		out[yamlKey(v.Key)] = one
	}
	for _, m := range merged {
		list, ok := m.([]any)
		if !ok {
			list = []any{m}
		}
		for _, one := range list {
			from, _ := one.(map[string]any)
			for k, v := range from {
				if _, has := out[k]; !has {
					out[k] = v
				}
			}
		}
	}
	return out, nil
}

func yamlKey(k ast.MapKeyNode) string {
	if s, ok := k.(*ast.StringNode); ok {
		return s.Value
	}
	if tk := k.GetToken(); tk != nil {
		return tk.Value
	}
	return ""
}

func (r *yamlReader) alias(n *ast.AliasNode, depth int) (any, error) {
	name := n.Value.GetToken().Value
	target, ok := r.anchors[name]
	switch {
	case !ok:
		return nil, atToken(n.GetToken(), fmt.Errorf("no anchor &%s above", excerpt(name)))
	case slices.Contains(r.open, name):
		return nil, atToken(n.GetToken(), fmt.Errorf("the anchor &%s holds itself", excerpt(name)))
	}
	r.open = append(r.open, name)
	defer func() { r.open = r.open[:len(r.open)-1] }()
	return r.value(target, depth+1)
}

// locateYAML finds a pointer's place, or that of the nearest thing around it.
func locateYAML(text []byte, tokens []string) (line, column int) {
	n, err := parseYAML(text)
	if err != nil {
		return 0, 0
	}
	tk := n.GetToken()
	if m := yamlMembers(n); len(m) > 0 {
		tk = m[0].Key.GetToken()
	}
	for _, name := range tokens {
		next, at := yamlChild(n, name)
		if at == nil {
			break
		}
		n, tk = next, at
	}
	if tk == nil || tk.Position == nil {
		return 0, 0
	}
	return tk.Position.Line, tk.Position.Column
}

func yamlMembers(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	case *ast.AnchorNode:
		return yamlMembers(n.Value)
	}
	return nil
}

func yamlChild(n ast.Node, name string) (ast.Node, *token.Token) {
	for _, m := range yamlMembers(n) {
		if yamlKey(m.Key) == name {
			return m.Value, m.Key.GetToken()
		}
	}
	if list, ok := n.(*ast.SequenceNode); ok {
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(list.Values) {
			return list.Values[i], list.Values[i].GetToken()
		}
	}
	return nil, nil
}
