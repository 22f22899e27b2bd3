// Package eval judges injection rules on labelled traffic: how much of what is an attack is found, how much of
// what is not is reported, and how fast.
//
// The input is JSON lines: {"label":"attack|benign","class":"sqli","text"|"json"|"raw":"...","source":"...",
// "strength":"weak"}. "text" is looked at as the document {"v": text}, "json" and "raw" as they are. Lines of
// strength "weak" are fragments that no detector is blamed for; they are counted apart.
package eval

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"icapd/scan"
)

// maxLine bounds one line of the input, in bytes.
const maxLine = 64 << 20

// Scan looks at one document of the content type and returns what it saw. It is called from one goroutine.
type Scan func(ctx context.Context, doc []byte, contentType string) []scan.Finding

// Options says what Evaluate does beside counting.
type Options struct {
	// Misses gets every line that was judged wrong, as it came; nil for none.
	Misses io.Writer

	// Progress is called now and then with the number of lines done; may be nil.
	Progress func(lines int)
}

// Line is one labelled sample.
type Line struct {
	Label    string  `json:"label"`
	Class    string  `json:"class"`
	Strength string  `json:"strength"`
	Source   string  `json:"source"`
	Text     *string `json:"text"`
	JSON     *string `json:"json"`
	Raw      *string `json:"raw"`
}

// Document returns what is to be looked at, and its content type.
func (l *Line) Document() (doc []byte, contentType string, err error) {
	switch {
	case l.Text != nil:
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(map[string]string{"v": *l.Text}); err != nil {
			return nil, "", err
		}
		return bytes.TrimSuffix(b.Bytes(), []byte("\n")), "application/json", nil
	case l.JSON != nil:
		return []byte(*l.JSON), "application/json", nil
	case l.Raw != nil:
		return []byte(*l.Raw), rawType(*l.Raw), nil
	}
	return nil, "", errors.New(`no "text", "json" or "raw"`)
}

// rawType is what a document is said to be: markup, JSON, or nothing, and then its bytes tell. A word in brackets is the
// head of a section of settings, or an array that the walk knows anyway.
func rawType(raw string) string {
	raw = strings.TrimSpace(strings.TrimPrefix(raw, "\ufeff"))
	switch {
	case strings.HasPrefix(raw, "<"):
		return "application/xml"
	case strings.HasPrefix(raw, "["):
		if len(raw) > 1 && raw[1]|0x20 >= 'a' && raw[1]|0x20 <= 'z' {
			return ""
		}
		return "application/json"
	case strings.HasPrefix(raw, "{"):
		return "application/json"
	}
	return ""
}

// Evaluate reads labelled lines and judges scan on them. A line counts as detected if it has a finding of
// medium severity or more. The error is r's, ctx's, that of a line that cannot be read (with its number), or
// says that there was no line.
func Evaluate(ctx context.Context, r io.Reader, look Scan, o Options) (Report, error) {
	j := judge{look: look, options: o, rules: map[string]map[string]bool{}, benign: map[string]*tally{}, attacks: map[string]*tally{}}
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), maxLine)
	n := 0
	for in.Scan() {
		n++
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue
		}
		if err := j.line(ctx, in.Bytes()); err != nil {
			return Report{}, fmt.Errorf("line %d: %w", n, err)
		}
		if o.Progress != nil && n%500 == 0 {
			o.Progress(n)
		}
	}
	if err := in.Err(); err != nil {
		return Report{}, err
	}
	if len(j.seen) == 0 && len(j.benign) == 0 {
		return Report{}, errors.New("no labelled lines")
	}
	return j.report(), nil
}

// tally counts lines and those of them with a finding.
type tally struct{ lines, hit int }

func (t *tally) count(hit bool) {
	t.lines++
	if hit {
		t.hit++
	}
}

func (t *tally) rate() float64 {
	if t == nil || t.lines == 0 {
		return 0
	}
	return float64(t.hit) / float64(t.lines)
}

// attack is what is kept of an attack line for the leave-one-out figures.
type attack struct {
	class, source string
	weak          bool
	rules         []string
}

type judge struct {
	look    Scan
	options Options
	seen    []attack
	benign  map[string]*tally          // by class
	attacks map[string]*tally          // by class, weak ones apart
	rules   map[string]map[string]bool // rule -> sources of attacks in which it hit
	fpRules map[string]int

	documents, strings speed // of what is benign
}

// started is what time is measured from where nothing better is known.
var started = time.Now()

// speed is how much was looked at in how much processor time.
type speed struct {
	bytes int64
	took  time.Duration
}

func (s *speed) mb() float64 {
	if s.took <= 0 {
		return 0
	}
	return float64(s.bytes) / 1e6 / s.took.Seconds()
}

func (j *judge) line(ctx context.Context, raw []byte) error {
	var l Line
	if err := json.Unmarshal(raw, &l); err != nil {
		return err
	}
	if l.Label != "attack" && l.Label != "benign" {
		return fmt.Errorf("label %q is neither attack nor benign", l.Label)
	}
	doc, contentType, err := l.Document()
	if err != nil {
		return err
	}
	start := CPUTime()
	findings := j.look(ctx, doc, contentType)
	took := CPUTime() - start
	var rules []string
	for i := range findings {
		f := &findings[i]
		if (f.Severity >= scan.Medium || f.Severity == scan.SeverityUnknown) && !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	if l.Label == "benign" {
		s := &j.strings
		if l.Text == nil {
			s = &j.documents
		}
		s.took += took
		s.bytes += int64(len(doc))
	}
	return j.count(&l, rules, raw)
}

func (j *judge) count(l *Line, rules []string, raw []byte) error {
	hit := len(rules) > 0
	wrong := hit
	if l.Label == "attack" {
		wrong = !hit && l.Strength != "weak"
		key := l.Class
		if l.Strength == "weak" {
			key = weakPrefix + key
		}
		bump(j.attacks, key, hit)
		j.seen = append(j.seen, attack{class: l.Class, source: l.Source, weak: l.Strength == "weak", rules: rules})
		for _, r := range rules {
			if j.rules[r] == nil {
				j.rules[r] = map[string]bool{}
			}
			j.rules[r][l.Source] = true
		}
	} else {
		key := l.Class
		if l.Text == nil {
			key = documentPrefix + key
		}
		bump(j.benign, key, hit)
		for _, r := range rules {
			if j.fpRules == nil {
				j.fpRules = map[string]int{}
			}
			j.fpRules[r]++
		}
	}
	if wrong && j.options.Misses != nil {
		if _, err := fmt.Fprintf(j.options.Misses, "%s\n", raw); err != nil {
			return fmt.Errorf("writing misses: %w", err)
		}
	}
	return nil
}

const (
	weakPrefix     = "weak/"
	documentPrefix = "response/"
)

func bump(m map[string]*tally, key string, hit bool) {
	t := m[key]
	if t == nil {
		t = &tally{}
		m[key] = t
	}
	t.count(hit)
}
