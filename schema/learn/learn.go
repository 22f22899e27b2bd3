// Package learn gathers what the messages of an API look like, and drafts the document that they would have had: an
// OpenAPI document or a JSON Schema to start from. It keeps shapes: types, lengths, formats, how often a member is
// there. It keeps no values, but for words of members whose name says that they are one of a few ("status", "kind").
// Names that look like values (ids, dates, addresses) are not kept either.
package learn

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	gopath "path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Sample is one body with the message that it came in.
type Sample struct {
	Method  string
	Host    string
	Path    string // as sent; the query is cut off
	Request bool   // the body of a request; else of a response
	Status  int    // of a response
	Type    string // Content-Type
	Body    []byte
}

// The bounds of what is kept of one API. What is beyond them is not learned, and counted.
const (
	maxOperations = 300
	maxBodies     = 12 // of one operation
	maxNodes      = 20_000
	maxSample     = 4 << 20
)

// Summary is what has been learned of one API: it can be sent, read back and added to.
type Summary struct {
	Messages   int64        `json:"messages"`
	Left       int64        `json:"left_out,omitempty"` // for want of room, or because they could not be read
	Hosts      []string     `json:"hosts,omitempty"`
	Operations []*Operation `json:"operations,omitempty"`
}

// Operation is a method of a path.
type Operation struct {
	Path      string           `json:"path"` // a template: /v1/items/{id}
	Method    string           `json:"method"`
	Requests  map[string]*Body `json:"requests,omitempty"`  // by media type
	Responses map[string]*Body `json:"responses,omitempty"` // by status and media type: "200 application/json"
}

// Body is what bodies of one kind look like.
type Body struct {
	Count int64  `json:"count"`
	Lines bool   `json:"lines,omitempty"` // JSON in lines
	Shape *Shape `json:"shape,omitempty"` // of JSON; nil for all else
}

// Learner learns from the messages of one API. It may be used from many goroutines.
type Learner struct {
	template func(path string) string

	mu    sync.Mutex
	sum   Summary
	ops   map[[2]string]*Operation
	nodes int
}

// New returns a Learner that knows nothing. Template takes the variable parts out of a path, and of a name.
func New(template func(path string) string) *Learner {
	return &Learner{template: template, ops: map[[2]string]*Operation{}}
}

// Load adds a summary to what is known, such as one that another process has gathered.
func (l *Learner) Load(s *Summary) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Messages += s.Messages
	l.sum.Left += s.Left
	for _, h := range s.Hosts {
		l.host(h)
	}
	for _, from := range s.Operations {
		op := l.operation(from.Method, from.Path)
		if op == nil {
			l.sum.Left++
			continue
		}
		for _, both := range []struct{ from, to map[string]*Body }{{from.Requests, op.Requests}, {from.Responses, op.Responses}} {
			for key, b := range both.from {
				to := both.to[key]
				if to == nil {
					to = &Body{}
					both.to[key] = to
				}
				to.Count += b.Count
				to.Lines = to.Lines || b.Lines
				if b.Shape != nil {
					if to.Shape == nil {
						to.Shape = &Shape{}
					}
					to.Shape.merge(b.Shape)
				}
			}
		}
	}
}

// Summary returns a copy of what is known, in an order that does not depend on that of the messages.
func (l *Learner) Summary() *Summary {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := &Summary{Messages: l.sum.Messages, Left: l.sum.Left, Hosts: slices.Clone(l.sum.Hosts)}
	for _, op := range l.ops {
		c := &Operation{Path: op.Path, Method: op.Method, Requests: map[string]*Body{}, Responses: map[string]*Body{}}
		for _, both := range []struct{ from, to map[string]*Body }{{op.Requests, c.Requests}, {op.Responses, c.Responses}} {
			for key, b := range both.from {
				both.to[key] = &Body{Count: b.Count, Lines: b.Lines, Shape: b.Shape.clone()}
			}
		}
		out.Operations = append(out.Operations, c)
	}
	slices.Sort(out.Hosts)
	slices.SortFunc(out.Operations, func(a, b *Operation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return out
}

// ErrSample says that a message was not learned from: it is not what it says it is, too large, or there was no room.
var ErrSample = errors.New("not learned from")

// Observe learns from a message. An error is ErrSample.
func (l *Learner) Observe(s *Sample) error {
	shape, lines, err := s.shape(l.variable)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Messages++
	if err == nil {
		err = l.add(s, shape, lines)
	}
	if err != nil {
		l.sum.Left++
		return fmt.Errorf("%w: %w", ErrSample, err)
	}
	return nil
}

// variable reports whether a name looks like a value.
func (l *Learner) variable(name string) bool {
	if len(name) > 64 || strings.ContainsAny(name, "@:/ ") {
		return true
	}
	return strings.Contains(l.template("/"+name), "{")
}

var (
	errRoom  = errors.New("there is no room for more")
	errLarge = fmt.Errorf("larger than %d bytes", maxSample)
)

func (l *Learner) add(s *Sample, shape *Shape, lines bool) error {
	size := shape.size()
	if l.nodes+size > maxNodes {
		return errRoom
	}
	path, _, _ := strings.Cut(s.Path, "?")
	op := l.operation(strings.ToUpper(cmp.Or(s.Method, "GET")), l.template(gopath.Clean("/"+path)))
	if op == nil {
		return errRoom
	}
	bodies, key := op.Requests, mediaType(s.Type)
	if !s.Request {
		bodies, key = op.Responses, strconv.Itoa(s.Status)+" "+key
	}
	b := bodies[key]
	if b == nil {
		if len(op.Requests)+len(op.Responses) >= maxBodies {
			return errRoom
		}
		b = &Body{}
		bodies[key] = b
	}
	l.host(s.Host)
	b.Count++
	b.Lines = b.Lines || lines
	if shape == nil {
		return nil
	}
	if b.Shape == nil {
		b.Shape = &Shape{}
	}
	before := b.Shape.size()
	b.Shape.merge(shape)
	l.nodes += b.Shape.size() - before
	return nil
}

func (l *Learner) host(h string) {
	if h != "" && !slices.Contains(l.sum.Hosts, h) && len(l.sum.Hosts) < 32 {
		l.sum.Hosts = append(l.sum.Hosts, h)
	}
}

func (l *Learner) operation(method, path string) *Operation {
	op := l.ops[[2]string{method, path}]
	if op == nil {
		if len(l.ops) >= maxOperations || len(method) > 32 || len(path) > 1024 {
			return nil
		}
		op = &Operation{Path: path, Method: method, Requests: map[string]*Body{}, Responses: map[string]*Body{}}
		l.ops[[2]string{method, path}] = op
	}
	return op
}

// shape returns what the body looks like; nil if it is not JSON and does not say that it is.
func (s *Sample) shape(variable func(string) bool) (shape *Shape, lines bool, err error) {
	t := mediaType(s.Type)
	lines = slices.Contains(lineTypes, t)
	if !lines && !isJSONType(t) {
		return nil, false, nil
	}
	if len(s.Body) > maxSample {
		return nil, lines, errLarge
	}
	texts := [][]byte{bytes.TrimPrefix(s.Body, []byte("\ufeff"))}
	if lines {
		texts = bytes.Split(texts[0], []byte("\n"))
	}
	shape = &Shape{}
	r := reader{variable: variable}
	for _, text := range texts {
		text = bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(text), []byte{0x1e}))
		if len(text) == 0 && lines {
			continue
		}
		one, err := r.read(text)
		if err != nil {
			return nil, lines, err
		}
		shape.merge(one)
	}
	return shape, lines, nil
}

var lineTypes = []string{
	"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines", "application/x-jsonlines",
	"application/json-seq", "application/stream+json",
}

func mediaType(s string) string {
	t, _, _ := strings.Cut(s, ";")
	t = strings.ToLower(strings.TrimSpace(t))
	if len(t) > 100 || !strings.Contains(t, "/") {
		return "application/octet-stream"
	}
	return t
}

func isJSONType(t string) bool {
	return t == "application/json" || t == "text/json" || t == "text/x-json" || strings.HasSuffix(t, "+json")
}

// Registry is the learners of several APIs, by name. The zero Registry has none; it may be used from many goroutines.
type Registry struct {
	Template func(path string) string

	mu       sync.Mutex
	learners map[string]*Learner
}

// Of returns the learner of an API, and makes it if there is none.
func (r *Registry) Of(api string) *Learner {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.learners == nil {
		r.learners = map[string]*Learner{}
	}
	if r.learners[api] == nil {
		r.learners[api] = New(r.Template)
	}
	return r.learners[api]
}

// Find returns the learner of an API, nil if there is none.
func (r *Registry) Find(api string) *Learner {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.learners[api]
}

// Forget lets go of what is known of an API. It reports whether there was something.
func (r *Registry) Forget(api string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.learners[api]
	delete(r.learners, api)
	return ok
}

// Names returns the APIs that something is known of, in order.
func (r *Registry) Names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.learners))
}
