// Package inventory learns from traffic which third-party APIs are in use: hosts, paths with their variable parts
// taken out, methods, media types, verdicts and volumes. Its memory is bounded whatever peers ask for.
package inventory

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Seen is one message as the inventory takes it.
type Seen struct {
	Time      time.Time
	Host      string
	Path      string // as sent, without the query
	Method    string
	Direction string // "request" or "response"
	Type      string // media type
	Verdict   string
	Action    string
	API       string // its name in the configuration, "" for one that nobody has named
	Bytes     int64

	Schema int64 // findings about the form that its API's schema promises
}

// Endpoint is what is known about one path of one host.
type Endpoint struct {
	Host     string           `json:"host"`
	Path     string           `json:"path"` // template: /v1/items/{id}
	API      string           `json:"api,omitempty"`
	Methods  []string         `json:"methods"`
	Types    []string         `json:"types"`
	Verdicts map[string]int64 `json:"verdicts"`
	Actions  map[string]int64 `json:"actions"`
	Messages int64            `json:"messages"`
	Sent     int64            `json:"sent_bytes"`     // bodies of requests
	Received int64            `json:"received_bytes"` // bodies of responses
	Schema   int64            `json:"schema_findings"`
	First    time.Time        `json:"first"`
	Last     time.Time        `json:"last"`
}

// The bounds. What is beyond them is counted under Other.
const (
	maxHosts     = 1000
	maxEndpoints = 10_000
	maxPaths     = 300 // of one host
	maxSet       = 16  // methods, types, verdicts of one endpoint
	maxSegments  = 12

	// Other stands for hosts and paths that there was no room for.
	Other = "{other}"
)

// endpoint is an Endpoint while it is counted. The few names that one of them has are found sooner one after the other than
// by their hashes.
type endpoint struct {
	Endpoint
	methods, types    []string
	verdicts, actions []tally
}

type tally struct {
	name string
	n    int64
}

// Inventory is what was seen since the start of the process. It may be used from many goroutines.
type Inventory struct {
	mu    sync.Mutex
	hosts map[string]map[string]*endpoint
	count int
}

// New returns an empty inventory.
func New() *Inventory { return &Inventory{hosts: map[string]map[string]*endpoint{}} }

// Observe counts a message. One without a host counts for nothing.
func (in *Inventory) Observe(s Seen) {
	if s.Host == "" {
		return
	}
	var room [256]byte
	path := appendTemplate(room[:0], s.Path)
	in.mu.Lock()
	defer in.mu.Unlock()
	e := in.find(strings.ToLower(s.Host), path)
	if e.Messages == 0 {
		e.First = s.Time
	}
	e.Messages++
	if s.Time.After(e.Last) {
		e.Last = s.Time
	}
	e.API = cmp.Or(s.API, e.API)
	if s.Direction == "request" {
		e.Sent += s.Bytes
	} else {
		e.Received += s.Bytes
	}
	e.methods = add(e.methods, s.Method)
	e.types = add(e.types, s.Type)
	e.Schema += s.Schema
	e.verdicts = count(e.verdicts, s.Verdict)
	e.actions = count(e.actions, s.Action)
}

// find returns the endpoint, or the one that stands for those without room.
func (in *Inventory) find(host string, path []byte) *endpoint {
	paths := in.hosts[host]
	if paths == nil {
		if len(in.hosts) >= maxHosts {
			host = Other
			paths = in.hosts[host]
		}
		if paths == nil {
			paths = map[string]*endpoint{}
			in.hosts[strings.Clone(host)] = paths
		}
	}
	if host == Other {
		path = []byte(Other)
	}
	e := paths[string(path)]
	if e == nil && (len(paths) >= maxPaths || in.count >= maxEndpoints) {
		path = []byte(Other)
		e = paths[Other]
	}
	if e == nil {
		e = &endpoint{Endpoint: Endpoint{Host: strings.Clone(host), Path: string(path)}}
		paths[e.Path] = e
		in.count++
	}
	return e
}

func add(set []string, s string) []string {
	s = s[:min(len(s), 128)]
	if s == "" || slices.Contains(set, s) || len(set) >= maxSet {
		return set
	}
	return append(set, strings.Clone(s))
}

func count(tallies []tally, s string) []tally {
	for i := range tallies {
		if tallies[i].name == s {
			tallies[i].n++
			return tallies
		}
	}
	if len(tallies) >= maxSet && s != Other {
		return count(tallies, Other)
	}
	return append(tallies, tally{strings.Clone(s), 1})
}

func byName(tallies []tally) map[string]int64 {
	out := make(map[string]int64, len(tallies))
	for _, t := range tallies {
		out[t.name] = t.n
	}
	return out
}

// Endpoints returns all that was seen, by host and path.
func (in *Inventory) Endpoints() []Endpoint {
	in.mu.Lock()
	defer in.mu.Unlock()
	out := make([]Endpoint, 0, in.count)
	for _, paths := range in.hosts {
		for _, e := range paths {
			c := e.Endpoint
			c.Methods, c.Types = slices.Sorted(slices.Values(e.methods)), slices.Sorted(slices.Values(e.types))
			c.Verdicts, c.Actions = byName(e.verdicts), byName(e.actions)
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Endpoint) int { return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Path, b.Path)) })
	return out
}

// Template takes the variable parts out of a path: /v1/users/4711/items/550e8400-… is /v1/users/{id}/items/{uuid}.
// It looks at the shape of each segment alone, so that equal paths have equal templates whenever they are seen.
func Template(path string) string { return string(appendTemplate(nil, path)) }

func appendTemplate(b []byte, path string) []byte {
	path, _, _ = strings.Cut(path, "?")
	if path == "" || path == "/" {
		return append(b, '/')
	}
	path = strings.TrimPrefix(path, "/")
	for n := 1; ; n++ {
		segment, rest, more := strings.Cut(path, "/")
		b = append(b, '/')
		if n > maxSegments {
			return append(b, "…"...)
		}
		b = append(b, shape(segment)...)
		if !more {
			return b
		}
		path = rest
	}
}

// PathOf is the path of a URL, escaped; "" if there is none, or no URL.
func PathOf(raw string) string {
	if path, ok := easyPath(raw); ok {
		return path
	}
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.EscapedPath()
}

// easyPath finds the path of a URL of which nothing needs to be decoded or checked, as most are.
func easyPath(raw string) (path string, ok bool) {
	rest, ok := strings.CutPrefix(raw, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(raw, "http://"); !ok {
			return "", false
		}
	}
	slash := len(rest)
	for i := range len(rest) {
		switch c := rest[i]; {
		case isEasy(c):
		case c == '/':
			slash = min(slash, i)
		case c == '?' && slash < i:
			return rest[slash:i], easyQuery(rest[i:])
		default:
			return "", false
		}
	}
	return rest[slash:], true
}

// isEasy reports whether a character means itself in a host and in a path.
func isEasy(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' || c == '~'
}

// easyQuery reports whether a URL with this query is surely one.
func easyQuery(q string) bool {
	for i := range len(q) {
		if q[i] <= ' ' || q[i] >= 0x7f || q[i] == '#' {
			return false
		}
	}
	return true
}

// shape is a segment itself if it looks like a name, else what kind of value it is.
func shape(s string) string {
	var digits, hexes, letters, others int
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
			hexes++
		case c >= 'g' && c <= 'z' || c >= 'G' && c <= 'Z':
			letters++
		default:
			others++
		}
	}
	switch {
	case s == "":
		return ""
	case digits == len(s):
		return "{id}"
	case isUUID(s, digits+hexes):
		return "{uuid}"
	case len(s) == 10 && s[4] == '-' && s[7] == '-' && digits == 8:
		return "{date}"
	case digits > 0 && digits+hexes == len(s) && len(s) >= 12:
		return "{hex}"
	case strings.Contains(s, "@") || strings.Contains(s, "%40"):
		return "{email}"
	case len(s) > 64, len(s) >= 16 && digits >= 3 && digits+hexes+letters >= len(s)-2:
		return "{token}"
	case digits >= 4: // order-20391
		return "{id}"
	}
	return s
}

func isUUID(s string, hexes int) bool {
	return len(s) == 36 && hexes == 32 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-'
}
