package icaptest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of the transcript format.
const (
	maxTranscript = 1 << 20
	maxSteps      = 2000
	maxNesting    = 8
)

// ParseError says where a transcript is wrong.
type ParseError struct {
	File string
	Line int // from 1; 0 if the file as a whole is meant
	Err  error
}

// Error returns "file:line: what is wrong".
func (e *ParseError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns the reason.
func (e *ParseError) Unwrap() error { return e.Err }

// parser reads one transcript.
type parser struct {
	c     *Case
	lines []string
	at    int // index of the next line
	steps int
	waits bool // a step was seen that waits for the server
	sends bool // the client has sent something since
	vars  map[string]bool
}

// Parse reads a transcript. The file's name without ".icap" is the case's ID. Errors are of type *ParseError.
func Parse(name string, data []byte) (Case, error) {
	p := &parser{c: &Case{ID: strings.TrimSuffix(name, ".icap")}, vars: map[string]bool{}}
	err := p.parse(data)
	if err != nil {
		return Case{}, &ParseError{File: name, Line: p.at, Err: err}
	}
	return *p.c, nil
}

func (p *parser) parse(data []byte) error {
	if len(data) > maxTranscript {
		return fmt.Errorf("longer than %d bytes", maxTranscript)
	}
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return errors.New("not UTF-8 text; write other bytes as \\xHH")
	}
	for line := range strings.Lines(string(data)) {
		p.lines = append(p.lines, strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
	}
	if err := p.head(); err != nil {
		return err
	}
	steps, end, err := p.block(0)
	switch {
	case err != nil:
		return err
	case end != "":
		return fmt.Errorf("@%s without @if", end)
	case !p.waits:
		return errors.New("the transcript expects nothing from the server")
	case p.sends:
		return errors.New("the transcript ends with bytes that no step sends")
	}
	p.c.steps = steps
	for v := range p.vars {
		p.need(v)
	}
	slices.Sort(p.c.Needs)
	p.c.Needs = slices.Compact(p.c.Needs)
	return nil
}

// head reads the "key: value" lines.
func (p *parser) head() error {
	seen := map[string]bool{}
	for p.at < len(p.lines) {
		line := p.lines[p.at]
		p.at++
		if line == "" {
			break
		}
		if line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, ": ")
		value = strings.TrimSpace(value)
		if !ok || value == "" {
			return fmt.Errorf("%q is not a \"key: value\" line", line)
		}
		if seen[key] {
			return fmt.Errorf("a second %q", key)
		}
		seen[key] = true
		if err := p.headLine(key, value); err != nil {
			return err
		}
	}
	if p.c.Title == "" || p.c.Want == "" {
		return errors.New("the head needs title and want")
	}
	return nil
}

func (p *parser) headLine(key, value string) error {
	switch key {
	case "title":
		p.c.Title = value
	case "want":
		p.c.Want = value
	case "rfc":
		p.c.RFC = value
	case "case":
		for f := range strings.SplitSeq(value, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(f))
			if err != nil || n < 1 {
				return fmt.Errorf("bad case number %q", f)
			}
			p.c.Numbers = append(p.c.Numbers, n)
		}
	case "needs":
		for f := range strings.SplitSeq(value, ",") {
			f = strings.TrimSpace(f)
			if !slices.Contains(services, f) && !slices.Contains(abilities, f) {
				return fmt.Errorf("unknown need %q", f)
			}
			p.c.Needs = append(p.c.Needs, f)
		}
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	return nil
}

// need notes what the use of a variable asks of the target.
func (p *parser) need(variable string) {
	name, _, _ := strings.Cut(variable, ".")
	if slices.Contains(services, name) {
		p.c.Needs = append(p.c.Needs, name)
	}
}

// block reads steps up to the end of the file, @else or @end, and returns which of them it was.
func (p *parser) block(depth int) (steps []step, end string, err error) {
	if depth > maxNesting {
		return nil, "", errors.New("nested too deep")
	}
	for p.at < len(p.lines) {
		line := p.lines[p.at]
		p.at++
		if line == "" || line[0] == '#' {
			continue
		}
		if p.steps++; p.steps > maxSteps {
			return nil, "", errors.New("too many steps")
		}
		if line == "@else" || line == "@end" {
			return steps, line[1:], nil
		}
		s := step{line: p.at}
		switch line[0] {
		case '>':
			s.do, err = p.send(line[1:])
		case '<':
			s.do, err = p.expect(line[1:])
		case '@':
			s.do, err = p.control(line[1:], depth)
		default:
			err = fmt.Errorf("a step begins with >, <, @ or #, not with %q", line[:1])
		}
		if err != nil {
			return nil, "", err
		}
		steps = append(steps, s)
	}
	if depth > 0 {
		return nil, "", errors.New("@if without @end")
	}
	return steps, "", nil
}

// verb cuts a step into its first word and the rest.
func verb(s string) (word, rest string) {
	word, rest, _ = strings.Cut(s, " ")
	return word, rest
}

// text parses a text and notes its variables.
func (p *parser) text(s string) (text, error) {
	t, err := parseText(s)
	t.names(func(n string) { p.vars[n] = true })
	return t, err
}

// sized reads "N REST".
func sized(s string) (n int, rest string, err error) {
	word, rest := verb(s)
	n, err = parseSize(word)
	return n, rest, err
}

func (p *parser) send(s string) (action, error) {
	p.sends = true
	word, rest := verb(s)
	switch word {
	case "", "-":
		t, err := p.text(rest)
		if word == "" && err == nil {
			t[len(t)-1] += "\r\n"
		}
		return sendText{t}, err
	case "hex":
		t, err := parseHex(rest)
		return sendText{t}, err
	case "repeat":
		n, rest, err := sized(rest)
		if err != nil {
			return nil, err
		}
		t, err := p.text(rest)
		if len(rest) > 0 && n > maxSize/len(rest) {
			err = errors.New("repeats to more than the limit")
		}
		return sendRepeat{t, n}, err
	case "gen":
		n, _, err := sized(rest)
		return sendBody{size: n}, err
	case "chunk":
		n, ext, err := sized(rest)
		if err != nil {
			return nil, err
		}
		t, err := p.text(ext)
		return sendBody{size: n, chunk: n, ext: t, chunked: true}, err
	case "body":
		n, rest, err := sized(rest)
		if err != nil {
			return nil, err
		}
		c, err := parseSize(rest)
		if err == nil && c == 0 {
			err = errors.New("chunks of no bytes")
		}
		return sendBody{size: n, chunk: c, chunked: true}, err
	case "data", "gzip":
		t, err := p.text(rest)
		return sendData{t, word == "gzip"}, err
	case "eicar":
		return sendData{text{eicar()}, false}, nil
	case "last":
		t, err := p.text(rest)
		return sendLast{t}, err
	}
	return nil, fmt.Errorf("unknown client step >%s", word)
}
