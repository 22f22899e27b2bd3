package learn

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Shape is what values in one place look like. The counts are of values.
type Shape struct {
	Null    int64 `json:"null,omitempty"`
	Bool    int64 `json:"bool,omitempty"`
	Integer int64 `json:"integer,omitempty"`
	Number  int64 `json:"number,omitempty"` // with a fraction
	String  int64 `json:"string,omitempty"`
	Array   int64 `json:"array,omitempty"`
	Object  int64 `json:"object,omitempty"`

	Negative bool     `json:"negative,omitempty"` // some number is less than 0
	Longest  int      `json:"longest,omitempty"`  // string, in characters
	Empty    bool     `json:"empty,omitempty"`    // some string is
	Formats  []string `json:"formats,omitempty"`  // that every string has

	Words map[string]int64 `json:"words,omitempty"` // of a member that has one of a few
	Many  bool             `json:"many,omitempty"`  // there were too many, or others

	Items   *Shape             `json:"items,omitempty"`
	Members map[string]*Member `json:"members,omitempty"`
	Others  *Shape             `json:"others,omitempty"` // of members whose names are values
}

// Member is a member of objects.
type Member struct {
	Count int64  `json:"count"` // objects that have it
	Shape *Shape `json:"shape"`
}

const (
	maxMembers = 200 // with names of their own; more are taken for values
	maxWords   = 16
	maxDepth   = 40
)

func (s *Shape) total() int64 {
	return s.Null + s.Bool + s.Integer + s.Number + s.String + s.Array + s.Object
}

// size is the number of shapes in it.
func (s *Shape) size() int {
	if s == nil {
		return 0
	}
	n := 1 + s.Items.size() + s.Others.size()
	for _, m := range s.Members {
		n += m.Shape.size()
	}
	return n
}

func (s *Shape) clone() *Shape {
	if s == nil {
		return nil
	}
	c := &Shape{}
	c.merge(s)
	return c
}

// merge adds what o has seen. It does not keep anything of o.
func (s *Shape) merge(o *Shape) {
	if s.String == 0 {
		s.Formats = slices.Clone(o.Formats)
	} else if o.String > 0 {
		s.Formats = slices.DeleteFunc(s.Formats, func(f string) bool { return !slices.Contains(o.Formats, f) })
	}
	s.words(o)
	s.Null += o.Null
	s.Bool += o.Bool
	s.Integer += o.Integer
	s.Number += o.Number
	s.String += o.String
	s.Array += o.Array
	s.Object += o.Object
	s.Negative, s.Empty, s.Longest = s.Negative || o.Negative, s.Empty || o.Empty, max(s.Longest, o.Longest)
	if o.Items != nil {
		if s.Items == nil {
			s.Items = &Shape{}
		}
		s.Items.merge(o.Items)
	}
	if o.Others != nil {
		s.others(o.Others)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Members)) {
		s.member(name, o.Members[name])
	}
}

func (s *Shape) others(o *Shape) {
	if s.Others == nil {
		s.Others = &Shape{}
	}
	s.Others.merge(o)
}

func (s *Shape) member(name string, o *Member) {
	m := s.Members[name]
	if m == nil {
		if len(s.Members) >= maxMembers {
			s.others(o.Shape)
			return
		}
		if s.Members == nil {
			s.Members = map[string]*Member{}
		}
		m = &Member{Shape: &Shape{}}
		s.Members[name] = m
	}
	m.Count += o.Count
	m.Shape.merge(o.Shape)
}

func (s *Shape) words(o *Shape) {
	if s.Many = s.Many || o.Many; s.Many {
		s.Words = nil
		return
	}
	for w, n := range o.Words {
		if s.Words == nil {
			s.Words = map[string]int64{}
		}
		s.Words[w] += n
	}
	if len(s.Words) > maxWords {
		s.Words, s.Many = nil, true
	}
}

// reader makes the shape of one text.
type reader struct {
	variable func(name string) bool
}

var (
	errDepth = errors.New("nested too deep")
	errJSON  = errors.New("not JSON")
)

func (r *reader) read(text []byte) (*Shape, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	s, err := r.value(d, "", 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errJSON
	}
	return s, nil
}

// value reads a value; name is that of the member that it is the value of.
func (r *reader) value(d *json.Decoder, name string, depth int) (*Shape, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	token, err := d.Token()
	if err != nil {
		return nil, errJSON
	}
	switch t := token.(type) {
	case nil:
		return &Shape{Null: 1}, nil
	case bool:
		return &Shape{Bool: 1}, nil
	case json.Number:
		s := &Shape{Negative: strings.HasPrefix(t.String(), "-")}
		if strings.ContainsAny(t.String(), ".eE") {
			s.Number = 1
		} else {
			s.Integer = 1
		}
		return s, nil
	case string:
		return text(name, t), nil
	case json.Delim:
		if t == '[' {
			return r.array(d, name, depth)
		}
		return r.object(d, depth)
	}
	return nil, errJSON
}

func (r *reader) array(d *json.Decoder, name string, depth int) (*Shape, error) {
	s := &Shape{Array: 1}
	for d.More() {
		item, err := r.value(d, name, depth+1)
		if err != nil {
			return nil, err
		}
		if s.Items == nil {
			s.Items = &Shape{}
		}
		s.Items.merge(item)
	}
	if _, err := d.Token(); err != nil {
		return nil, errJSON
	}
	return s, nil
}

func (r *reader) object(d *json.Decoder, depth int) (*Shape, error) {
	s := &Shape{Object: 1}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, errJSON
		}
		name, _ := token.(string)
		v, err := r.value(d, name, depth+1)
		if err != nil {
			return nil, err
		}
		switch {
		case r.variable(name):
			s.others(v)
		case seen[name]:
			s.member(name, &Member{Shape: v})
		default:
			seen[name] = true
			s.member(name, &Member{Count: 1, Shape: v})
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, errJSON
	}
	return s, nil
}

// choosers are the ends of names of members that have one of a few words. Words of others are not kept: they may be
// anything.
var choosers = []string{
	"type", "kind", "status", "state", "currency", "country", "level", "category", "mode", "unit", "units", "language",
	"locale", "severity", "priority", "direction", "format", "method", "channel", "stage", "phase", "object", "event",
}

// word is what may be kept: no more digits than a version has, and no longer than people write.
var word = regexp.MustCompile(`^[A-Za-z][A-Za-z_.-]{0,23}[0-9]{0,2}$`)

func chooses(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(choosers, func(c string) bool {
		before, ok := strings.CutSuffix(name, c)
		return ok && (before == "" || len(name) <= 32)
	})
}

func text(name, s string) *Shape {
	out := &Shape{String: 1, Longest: utf8.RuneCountInString(s), Empty: s == "", Formats: formatsOf(s)}
	if chooses(name) && word.MatchString(s) {
		out.Words = map[string]int64{s: 1}
	} else {
		out.Many = true
	}
	return out
}
