package conf

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

const setFlag = "--set "

func isFlag(at position) bool { return strings.HasPrefix(at.source, setFlag) }

// readSet turns "limits.depth=4" into the nodes of "limits: {depth: 4}". Keys are separated by dots; elements of
// lists are written listen[0] or listen.0; names with dots in quotes. The value is YAML.
func readSet(arg string) (*node, Problems) {
	key, value, ok := strings.Cut(arg, "=")
	key = strings.TrimSpace(key)
	source := setFlag + key
	if !ok {
		return nil, Problems{{Source: setFlag + arg, Text: "wants key=value"}}
	}
	path, err := splitKey(key)
	if err != nil {
		return nil, Problems{{Source: source, Text: err.Error()}}
	}
	leaf, problems := readYAML(source, []byte(value))
	if len(problems) > 0 {
		for i := range problems {
			problems[i].Line, problems[i].Column = 0, 0
		}
		return nil, problems
	}
	if leaf == nil { // "key=" is an empty text
		leaf = &node{shape: shapeScalar}
	}
	leaf.move(position{source: source})
	for _, p := range slices.Backward(path) {
		leaf = wrap(p, leaf)
	}
	return leaf, nil
}

func wrap(step string, n *node) *node {
	if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < maxNodes {
		return &node{at: n.at, shape: shapeIndex, index: i, items: []*node{n}}
	}
	return &node{at: n.at, shape: shapeMap, members: []member{{key: step, at: n.at, value: n}}}
}

// move gives a tree one place: a flag has no lines.
func (n *node) move(at position) {
	n.at = at
	for _, it := range n.items {
		it.move(at)
	}
	for i := range n.members {
		n.members[i].at = at
		n.members[i].value.move(at)
	}
}

// splitKey takes `listen[0].tls.cert` or `profiles."a.b".mode` apart.
func splitKey(key string) ([]string, error) {
	var path []string
	for rest := key; ; {
		var step string
		if strings.HasPrefix(rest, `"`) {
			end := strings.Index(rest[1:], `"`)
			if end < 0 {
				return nil, errors.New("a quote is not closed")
			}
			step, rest = rest[1:end+1], rest[end+2:]
		} else {
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			step, rest = rest[:end], rest[end:]
		}
		if step == "" {
			return nil, errors.New("a key is empty")
		}
		path = append(path, step)
		for strings.HasPrefix(rest, "[") {
			end := strings.Index(rest, "]")
			if end < 0 {
				return nil, errors.New("a bracket is not closed")
			}
			if _, err := strconv.ParseUint(rest[1:end], 10, 16); err != nil {
				return nil, errors.New("a place in a list is a number: listen[0]")
			}
			path, rest = append(path, rest[1:end]), rest[end+1:]
		}
		if rest == "" {
			return path, nil
		}
		if rest[0] != '.' {
			return nil, errors.New("keys are separated by dots")
		}
		rest = rest[1:]
	}
}
