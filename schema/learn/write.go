package learn

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// Object is an object whose members keep their order. Values are Object, List, string, bool, int or nil.
type Object []Entry

// Entry is a member of an Object.
type Entry struct {
	Name  string
	Value any
}

// List is a list of values.
type List []any

// JSON writes the object, indented.
func (o Object) JSON() []byte {
	var b bytes.Buffer
	writeJSON(&b, o)
	var out bytes.Buffer
	if json.Indent(&out, b.Bytes(), "", "  ") != nil { // never: it is JSON
		return b.Bytes()
	}
	out.WriteByte('\n')
	return out.Bytes()
}

func quoted(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil { // never: text, numbers and words
		return "null"
	}
	return strings.TrimSpace(b.String())
}

func writeJSON(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case Object:
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quoted(m.Name) + ":")
			writeJSON(b, m.Value)
		}
		b.WriteByte('}')
	case List:
		b.WriteByte('[')
		for i, it := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, it)
		}
		b.WriteByte(']')
	default:
		b.WriteString(quoted(v))
	}
}

// YAML writes the object as YAML 1.2 that readers of 1.1 take alike.
func (o Object) YAML() []byte {
	var b bytes.Buffer
	writeYAML(&b, o, "")
	return b.Bytes()
}

func writeYAML(b *bytes.Buffer, v any, indent string) {
	switch v := v.(type) {
	case Object:
		for _, m := range v {
			b.WriteString(indent + plainOr(m.Name) + ":")
			below(b, m.Value, indent)
		}
	case List:
		for _, it := range v {
			o, ok := it.(Object)
			if !ok || len(o) == 0 {
				b.WriteString(indent + "-")
				below(b, it, indent)
				continue
			}
			var inner bytes.Buffer
			writeYAML(&inner, o, indent+"  ")
			b.WriteString(indent + "- ")
			b.Write(inner.Bytes()[len(indent)+2:])
		}
	}
}

// below writes the value behind a name or a dash.
func below(b *bytes.Buffer, v any, indent string) {
	switch v := v.(type) {
	case Object:
		if len(v) > 0 {
			b.WriteByte('\n')
			writeYAML(b, v, indent+"  ")
			return
		}
		b.WriteString(" {}\n")
	case List:
		flat := !slices.ContainsFunc(v, func(it any) bool { _, isObject := it.(Object); return isObject })
		if !flat {
			b.WriteByte('\n')
			writeYAML(b, v, indent+"  ")
			return
		}
		words := make([]string, len(v))
		for i, it := range v {
			words[i] = scalar(it)
		}
		b.WriteString(" [" + strings.Join(words, ", ") + "]\n")
	default:
		b.WriteString(" " + scalar(v) + "\n")
	}
}

func scalar(v any) string {
	if s, ok := v.(string); ok {
		return plainOr(s)
	}
	return quoted(v)
}

// bare is text that needs no quotes anywhere: it has no sign that means something, and looks like no number or date.
var bare = regexp.MustCompile(`^(/[A-Za-z0-9_./{}-]*|[A-Za-z_$][A-Za-z0-9_./+-]*)$`)

// reserved are words that some reader takes for something else.
var reserved = []string{"null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"}

func plainOr(s string) string {
	if bare.MatchString(s) && !slices.Contains(reserved, strings.ToLower(s)) {
		return s
	}
	return quoted(s)
}
