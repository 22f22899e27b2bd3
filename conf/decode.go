package conf

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decoder puts nodes into Go values and collects everything that is wrong on the way. What stands in the value
// already stays where the nodes say nothing.
type decoder struct {
	problems Problems
	places   map[string]position // where the value of a key was given, by the key's full name
	drafts   map[string]*draft   // profiles, by key
}

// custom is a type that decodes itself.
type custom interface {
	decode(d *decoder, key string, n *node)
}

func (d *decoder) fail(at position, key, format string, args ...any) {
	d.problems = append(d.problems, Problem{
		Source: at.source, Line: at.line, Column: at.column, Key: key, Text: fmt.Sprintf(format, args...),
	})
}

// value decodes n into v, which must be settable.
func (d *decoder) value(key string, n *node, v reflect.Value) {
	if key != "" {
		d.places[key] = n.at
	}
	if c, ok := reflect.TypeAssert[custom](v.Addr()); ok {
		c.decode(d, key, n)
		return
	}
	if _, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		d.text(key, n, v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(key, n, v)
	case reflect.Map:
		d.mapping(key, n, v)
	case reflect.Slice:
		d.list(key, n, v)
	default:
		d.scalar(key, n, v)
	}
}

func (d *decoder) text(key string, n *node, v reflect.Value) {
	if n.shape != shapeScalar {
		d.wrong(key, n, "a single value")
		return
	}
	fresh := reflect.New(v.Type()) // so that a bad value leaves the default, which is not complained of as well
	if err := fresh.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.text)); err != nil {
		d.fail(n.at, key, "%v", err)
		return
	}
	v.Set(fresh.Elem())
}

func (d *decoder) structure(key string, n *node, v reflect.Value) {
	if n.shape == shapeNull {
		return // a section of which every key is commented out
	}
	if n = n.named(); n.shape != shapeMap {
		d.wrong(key, n, "keys and values")
		return
	}
	fields := fieldsOf(v.Type())
	for _, m := range n.members {
		full := join(key, m.key)
		i, ok := fields[m.key]
		if !ok {
			d.unknown(m, join(key, excerpt(m.key)), slices.Sorted(maps.Keys(fields)))
			continue
		}
		d.value(full, m.value, v.Field(i))
	}
}

func (d *decoder) unknown(m member, full string, known []string) {
	hint := "known here: " + strings.Join(known, ", ")
	if near := nearest(m.key, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	d.fail(m.at, full, "unknown key (%s)", hint)
}

func (d *decoder) mapping(key string, n *node, v reflect.Value) {
	if n.shape == shapeNull {
		return
	}
	if n = n.named(); n.shape != shapeMap {
		d.wrong(key, n, "keys and values")
		return
	}
	// The map may be shared with the profile that this one is based on.
	fresh := reflect.MakeMap(v.Type())
	for iter := v.MapRange(); iter.Next(); {
		fresh.SetMapIndex(iter.Key(), iter.Value())
	}
	for _, m := range n.members {
		full := join(key, m.key)
		k := reflect.New(v.Type().Key()).Elem()
		d.value(full, &node{at: m.at, shape: shapeScalar, text: m.key}, k)
		e := reflect.New(v.Type().Elem()).Elem()
		if old := fresh.MapIndex(k); old.IsValid() {
			e.Set(old)
		}
		d.value(full, m.value, e)
		fresh.SetMapIndex(k, e)
	}
	v.Set(fresh)
}

func (d *decoder) list(key string, n *node, v reflect.Value) {
	switch {
	case n.shape == shapeNull:
		return
	case n.shape == shapeIndex:
		d.element(key, n, v)
		return
	case n.shape != shapeList && isFlag(n.at):
		n = &node{at: n.at, shape: shapeList, items: []*node{n}} // --set engines.clamd.addresses=tcp:127.0.0.1:3310
	case n.shape != shapeList:
		d.wrong(key, n, "a list")
		return
	}
	fresh := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	for i, it := range n.items {
		d.value(fmt.Sprintf("%s[%d]", key, i), it, fresh.Index(i))
	}
	v.Set(fresh)
}

// element changes one element of a list, or adds one at its end.
func (d *decoder) element(key string, n *node, v reflect.Value) {
	if n.index > v.Len() {
		d.fail(n.at, key, "has %d entries: [%d] is beyond its end", v.Len(), n.index)
		return
	}
	fresh := reflect.MakeSlice(v.Type(), max(v.Len(), n.index+1), max(v.Len(), n.index+1))
	reflect.Copy(fresh, v)
	d.value(fmt.Sprintf("%s[%d]", key, n.index), n.items[0], fresh.Index(n.index))
	v.Set(fresh)
}

// named turns a flag's number back into a name, where names are wanted: profiles.7.mode.
func (n *node) named() *node {
	if n.shape != shapeIndex {
		return n
	}
	return &node{at: n.at, shape: shapeMap, members: []member{{key: strconv.Itoa(n.index), at: n.at, value: n.items[0]}}}
}

func (d *decoder) scalar(key string, n *node, v reflect.Value) {
	want := map[reflect.Kind]string{
		reflect.Bool: "true or false", reflect.Int: "a whole number", reflect.Int64: "a whole number", reflect.String: "text",
	}[v.Kind()]
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d.duration(key, n, v)
		return
	}
	if n.shape != shapeScalar {
		d.wrong(key, n, want)
		return
	}
	switch v.Kind() {
	case reflect.String:
		if n.kind == kindBool {
			d.wrong(key, n, "text (put it in quotes)")
			return
		}
		v.SetString(n.text)
	case reflect.Bool:
		if n.kind != kindBool {
			d.wrong(key, n, want)
			return
		}
		v.SetBool(n.text == "true")
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(strings.ReplaceAll(n.text, "_", ""), 0, 64)
		if n.kind != kindNumber || err != nil {
			d.wrong(key, n, want)
			return
		}
		v.SetInt(i)
	default:
		d.fail(n.at, key, "cannot be set")
	}
}

func (d *decoder) duration(key string, n *node, v reflect.Value) {
	t, err := time.ParseDuration(n.text)
	switch {
	case n.shape != shapeScalar:
		d.wrong(key, n, "a duration such as 500ms, 30s or 5m")
	case err != nil && n.kind == kindNumber:
		d.fail(n.at, key, "%q has no unit: write %ss, or 500ms, 5m", n.text, n.text)
	case err != nil:
		d.fail(n.at, key, "%q is not a duration such as 500ms, 30s or 5m", n.text)
	case t < 0:
		d.fail(n.at, key, "%q is less than nothing", n.text)
	default:
		v.SetInt(int64(t))
	}
}

// wrong says that a value has another type than its key wants.
func (d *decoder) wrong(key string, n *node, want string) {
	d.fail(n.at, key, "wants %s, and has %s", want, n.describe())
}

func (n *node) describe() string {
	switch n.shape {
	case shapeNull:
		return "no value"
	case shapeList:
		return "a list"
	case shapeMap:
		return "keys and values"
	case shapeIndex:
		return "an index, which only lists have"
	case shapeScalar:
	}
	switch n.kind {
	case kindNumber:
		return "the number " + excerpt(n.text)
	case kindBool:
		return n.text
	case kindString:
	}
	return "the text " + strconv.Quote(excerpt(n.text))
}

func excerpt(s string) string {
	const enough = 60
	if len(s) <= enough {
		return s
	}
	return strings.ToValidUTF8(s[:enough], "") + "…"
}

// fieldsOf returns the places of a struct's fields by their names in YAML.
func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); name != "" && name != "-" {
			fields[name] = i
		}
	}
	return fields
}

// unquote undoes what join does to a name.
func unquote(name string) string {
	if s, err := strconv.Unquote(name); err == nil {
		return s
	}
	return name
}

func join(key, name string) string {
	if strings.ContainsAny(name, ".[]\" ") {
		name = strconv.Quote(name)
	}
	if key == "" {
		return name
	}
	return key + "." + name
}
