package icaptest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// closedCode stands for the end of the connection in lists of status codes.
const closedCode = -1

// within is a time to wait: a duration, or one of the target's.
type within struct {
	d    time.Duration
	name string // "", "idle" or "header"
}

func parseWithin(s string) (within, error) {
	switch s {
	case "", "idle", "header":
		return within{name: s}, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > time.Minute {
		return within{}, fmt.Errorf("bad time %q", s)
	}
	return within{d: d}, nil
}

// parseCodes reads status codes and, where it may stand, "closed".
func parseCodes(s string) ([]int, error) {
	var codes []int
	for f := range strings.FieldsSeq(s) {
		if f == "closed" {
			codes = append(codes, closedCode)
			continue
		}
		n, err := strconv.Atoi(f)
		if err != nil || n < 100 || n > 999 {
			return nil, fmt.Errorf("bad status code %q", f)
		}
		codes = append(codes, n)
	}
	if len(codes) == 0 {
		return nil, errors.New("no status code")
	}
	return codes, nil
}

func (p *parser) expect(s string) (action, error) {
	p.waits, p.sends = true, false
	word, rest := verb(s)
	switch word {
	case "":
		codes, err := parseCodes(rest)
		return expectResponse{codes}, err
	case "line":
		t, err := p.text(rest)
		return expectLine{want: t}, err
	case "line~":
		t, err := p.pattern(rest)
		return expectLine{want: t, pattern: true}, err
	case "raw":
		t, err := p.text(rest)
		return expectRaw{t}, err
	case "hex":
		t, err := parseHex(rest)
		return expectRaw{t}, err
	case "nothing":
		w, err := parseWithin(rest)
		if err == nil && w.d == 0 {
			err = errors.New("<nothing needs a time")
		}
		return expectNothing{w.d}, err
	case "eof", "closed":
		w, err := parseWithin(rest)
		return expectEnd{w, word == "closed"}, err
	case "broken":
		return expectBroken{}, nil
	case "settled":
		return expectSettled{}, nil
	}
	return p.look(word, rest)
}

// look parses the steps that look at the response read last.
func (p *parser) look(word, rest string) (action, error) {
	switch word {
	case "icap", "http", "trailer":
		name, rest := verb(rest)
		if name == "" {
			return nil, errors.New("no field name")
		}
		c, err := p.check(rest, word == "icap")
		return lookField{where: word, name: name, check: c}, err
	case "start", "reason":
		c, err := p.check(rest, false)
		return lookField{where: word, name: word + " line", check: c}, err
	case "sections":
		var l lookSections
		for alt := range strings.SplitSeq(rest, "|") {
			names := strings.Fields(alt)
			for _, n := range names {
				if !slices.Contains(sectionNames, n) {
					return nil, fmt.Errorf("unknown section %q", n)
				}
			}
			l.alternatives = append(l.alternatives, names)
		}
		return l, nil
	case "head":
		if rest == "same" || rest == "kept" {
			return lookHead{via: rest == "kept"}, nil
		}
		size, ok := strings.CutPrefix(rest, "at most ")
		if !ok {
			return nil, errors.New("<head takes: same, kept, or at most N")
		}
		n, err := parseSize(size)
		return lookHead{limit: n}, err
	case "body":
		return p.lookBody(rest)
	case "original":
		op, num := verb(rest)
		if rest == "none" {
			return lookOriginal{op: "none"}, nil
		}
		n, err := parseSize(num)
		if op != "=" && op != "<=" {
			err = errors.New("<original takes none, = N or <= N")
		}
		return lookOriginal{op: op, n: int64(n)}, err
	case "truthful":
		return lookTruthful{}, nil
	case "capture":
		name, field := verb(rest)
		if name == "" || field == "" || !variable.MatchString("${"+name+"}") {
			return nil, errors.New("<capture needs a variable and the name of a field")
		}
		return capture{name, field}, nil
	}
	return nil, fmt.Errorf("unknown expectation <%s", word)
}

func (p *parser) lookBody(s string) (action, error) {
	word, rest := verb(s)
	switch word {
	case "same", "none":
		return lookBody{how: word}, nil
	case "gen":
		n, err := parseSize(rest)
		return lookBody{how: word, n: n}, err
	case "=":
		t, err := p.text(rest)
		return lookBody{how: word, want: t}, err
	case "~":
		t, err := p.pattern(rest)
		return lookBody{how: word, want: t}, err
	}
	return nil, fmt.Errorf("unknown check of the body %q", word)
}

func (p *parser) pattern(s string) (text, error) {
	t, err := parsePattern(s)
	t.names(func(n string) { p.vars[n] = true })
	return t, err
}

// check parses a CHECK; the ICAP head knows more of them.
func (p *parser) check(s string, icap bool) (check, error) {
	op, rest := verb(s)
	c := check{op: op}
	var err error
	switch {
	case op == "present" || op == "absent" || op == "date":
	case icap && (op == "last" || op == "canonical"):
	case op == "=":
		c.want, err = p.text(rest)
	case op == "~" || op == "!~":
		c.want, err = p.pattern(rest)
	case op == "number":
		lo, hi := verb(rest)
		if c.lo, err = strconv.ParseInt(lo, 10, 64); err == nil {
			c.hi, err = strconv.ParseInt(hi, 10, 64)
		}
	default:
		err = fmt.Errorf("unknown check %q", op)
	}
	return c, err
}

func (p *parser) control(s string, depth int) (action, error) {
	word, rest := verb(s)
	if slices.Contains(sectionNames, word) {
		if _, ok := stock[word+" "+rest]; !ok && rest != "" {
			return nil, fmt.Errorf("unknown ready-made %s %q", word, rest)
		}
		p.sends = true
		return section{word, stock[word+" "+rest]}, nil
	}
	switch word {
	case "if":
		return p.cond(rest, depth)
	case "segment":
		n, err := parseSize(rest)
		return segment{n}, err
	case "hook":
		if !slices.Contains(abilities, rest) {
			return nil, fmt.Errorf("unknown hook %q", rest)
		}
		p.c.Needs = append(p.c.Needs, rest)
		p.sends = false
		return hook{rest}, nil
	case "conn":
		return p.conn(rest)
	case "refused", "usable":
		p.waits = true
	case "pause", "flush", "half-close", "close", "reset":
	default:
		return nil, fmt.Errorf("unknown step @%s", word)
	}
	p.sends = false
	w, err := parseWithin(rest)
	if err == nil && (word == "pause") == (w == within{}) {
		err = errors.New("only @pause takes a time, and needs one")
	}
	return control{word, w}, err
}

func (p *parser) conn(s string) (action, error) {
	name, kind := verb(s)
	if name == "" {
		return nil, errors.New("@conn needs a name")
	}
	switch kind {
	case "":
	case "plain", "tls", "tls-nocert", "tls-badcert":
		p.c.Needs = append(p.c.Needs, "mtls")
	default:
		return nil, fmt.Errorf("unknown kind of connection %q", kind)
	}
	p.sends = false
	return useConn{name, kind}, nil
}

func (p *parser) cond(s string, depth int) (action, error) {
	var c cond
	var err error
	rest, http := strings.CutPrefix(s, "http ")
	c.http = http
	if c.codes, err = parseCodes(rest); err != nil {
		return nil, err
	}
	var end string
	if c.then, end, err = p.block(depth + 1); err != nil {
		return nil, err
	}
	if end == "else" {
		if c.other, end, err = p.block(depth + 1); err == nil && end != "end" {
			err = errors.New("@else after @else")
		}
	}
	return c, err
}
