package icaptest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// addedVia is the field that RFC 9110 section 7.6.3 wants of intermediaries, as the last one of a head.
var addedVia = regexp.MustCompile(`\r\nVia: [^\r\n]*\r\n\r\n\z`)

var errNoResponse = errors.New("no response to look at")

// check is a test of a value.
type check struct {
	op     string
	want   text
	lo, hi int64
}

type (
	lookField struct {
		where, name string
		check       check
	}
	lookSections struct{ alternatives [][]string }
	lookHead     struct {
		limit int  // of the ICAP head; 0: the encapsulated heads must be the same
		via   bool // but for a Via field more
	}
	lookBody struct {
		how  string
		n    int
		want text
	}
	lookOriginal struct {
		op string
		n  int64
	}
	lookTruthful struct{}
	capture      struct{ variable, field string }
)

func (a lookField) do(p *player) error {
	r := p.last
	if r == nil {
		return errNoResponse
	}
	var list fields
	switch a.where {
	case "icap":
		list = r.head
	case "http":
		list = r.httpFields()
	case "trailer":
		list = r.trailers
	case "start":
		list = fields{{name: a.name, value: r.httpStart()}}
	case "reason":
		list = fields{{name: a.name, value: r.reason}}
	}
	return a.check.field(p, list, a.name)
}

// field applies the check to a field of a header block.
func (c *check) field(p *player, list fields, name string) error {
	value, n := list.get(name)
	switch c.op {
	case "absent":
		if n > 0 {
			return fmt.Errorf("%s is there: %q", name, value)
		}
		return nil
	case "!~":
		if n == 0 {
			return nil
		}
	}
	if n == 0 {
		return fmt.Errorf("%s is missing", name)
	}
	switch c.op {
	case "last":
		if got := list[len(list)-1].name; !strings.EqualFold(got, name) {
			return fmt.Errorf("%s comes after %s", got, name)
		}
	case "canonical":
		for _, f := range list {
			if strings.EqualFold(f.name, name) && !strings.HasPrefix(f.raw, name+": ") {
				return fmt.Errorf("%q is not written as %q", f.raw, name+": ")
			}
		}
	case "number":
		v, err := strconv.ParseInt(value, 10, 64)
		if err != nil || v < c.lo || v > c.hi {
			return fmt.Errorf("%s is %q, want a number from %d to %d", name, value, c.lo, c.hi)
		}
	case "date":
		t, err := http.ParseTime(value)
		if err != nil || time.Since(t).Abs() > time.Minute {
			return fmt.Errorf("%s is %q, want the time now in the format of RFC 9110", name, value)
		}
	case "=", "~", "!~":
		return c.match(p, value, name)
	}
	return nil
}

// match compares a value with a text or a pattern.
func (c *check) match(p *player, value, name string) error {
	if c.op == "=" {
		want, err := c.want.expand(p.value)
		if err == nil && value != want {
			err = fmt.Errorf("%s is %.300q, want %.300q", name, value, want)
		}
		return err
	}
	re, err := c.want.pattern(p.value)
	if err != nil {
		return err
	}
	if re.MatchString(value) != (c.op == "~") {
		return fmt.Errorf("%s is %.300q: %s %s does not hold", name, value, c.op, re)
	}
	return nil
}

func (a lookSections) do(p *player) error {
	if p.last == nil {
		return errNoResponse
	}
	for _, want := range a.alternatives {
		if slices.Equal(want, p.last.sections) {
			return nil
		}
	}
	return fmt.Errorf("encapsulated is %v, want one of %v", p.last.sections, a.alternatives)
}

func (a lookHead) do(p *player) error {
	if p.last == nil {
		return errNoResponse
	}
	if a.limit > 0 {
		size := len("ICAP/1.0 200 \r\n\r\n") + len(p.last.reason)
		for _, f := range p.last.head {
			size += len(f.raw) + len("\r\n")
		}
		if size > a.limit {
			return fmt.Errorf("the ICAP head has %d bytes, want at most %d", size, a.limit)
		}
		return nil
	}
	if len(p.last.http) == 0 {
		return errors.New("no encapsulated head came back")
	}
	for name, got := range p.last.http {
		want, ok := p.msg.heads[name]
		if !ok {
			return fmt.Errorf("%s came back, but was not sent", name)
		}
		kept := got
		if a.via {
			kept = addedVia.ReplaceAll(got, []byte("\r\n\r\n"))
		}
		if !bytes.Equal(got, want) && !bytes.Equal(kept, want) {
			return fmt.Errorf("%s changed: got %.600q, want %.600q", name, got, want)
		}
	}
	return nil
}

// whole returns the response's body with the original's part.
func (p *player) whole() []byte {
	r := p.last
	if r.original < 0 {
		return r.body
	}
	return append(slices.Clip(r.body), p.msg.body[r.original:]...)
}

func (a lookBody) do(p *player) error {
	if p.last == nil {
		return errNoResponse
	}
	got := p.whole()
	var want []byte
	switch a.how {
	case "none":
		if n := len(p.last.sections); n > 0 && p.last.sections[n-1] != "null-body" {
			return fmt.Errorf("encapsulated is %v, want no body", p.last.sections)
		}
		return nil
	case "same":
		want = p.msg.body
	case "gen":
		want = generate(0, a.n)
	case "=":
		s, err := a.want.expand(p.value)
		if err != nil {
			return err
		}
		want = []byte(s)
	case "~":
		re, err := a.want.pattern(p.value)
		if err == nil && !re.Match(got) {
			err = fmt.Errorf("the body %.300q is not like %s", got, re)
		}
		return err
	}
	if bytes.Equal(got, want) {
		return nil
	}
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	return fmt.Errorf("a body of %d bytes, want %d; the first difference is at %d: got %.60q, want %.60q",
		len(got), len(want), at, got[at:], want[at:])
}

func (a lookOriginal) do(p *player) error {
	if p.last == nil {
		return errNoResponse
	}
	n := p.last.original
	switch {
	case a.op == "none" && n < 0, a.op == "=" && n == a.n, a.op == "<=" && n >= 0 && n <= a.n:
		return nil
	case n < 0:
		return errors.New("no use-original-body")
	}
	return fmt.Errorf("use-original-body=%d, want %s %d", n, a.op, a.n)
}

// do holds the HTTP head against the body: a recipient must not be able to see that the body was another.
func (lookTruthful) do(p *player) error {
	if p.last == nil {
		return errNoResponse
	}
	body, h := p.whole(), p.last.httpFields()
	if v, n := h.get("Content-Length"); n > 0 && v != strconv.Itoa(len(body)) {
		return fmt.Errorf("the Content-Length is %q for %d bytes", v, len(body))
	}
	if v, n := h.get("Content-Encoding"); n > 0 && strings.Contains(v, "gzip") && !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		return fmt.Errorf("the Content-Encoding is %q for a body that is not", v)
	}
	sha := sha256.Sum256(body)
	sum := md5.Sum(body)
	b64 := base64.StdEncoding.EncodeToString
	for name, want := range map[string]string{
		"Content-MD5": b64(sum[:]), "Digest": "SHA-256=" + b64(sha[:]),
		"Content-Digest": "sha-256=:" + b64(sha[:]) + ":", "Repr-Digest": "sha-256=:" + b64(sha[:]) + ":",
	} {
		if v, n := h.get(name); n > 0 && !strings.EqualFold(v, want) {
			return fmt.Errorf("the %s is %q, true would be %q", name, v, want)
		}
	}
	if bytes.Equal(body, p.msg.body) {
		return nil
	}
	sent := parseHTTP(p.msg.heads["res-hdr"])
	if _, ok := p.last.http["res-hdr"]; !ok {
		sent = parseHTTP(p.msg.heads["req-hdr"])
	}
	was, _ := sent.get("ETag")
	if v, n := h.get("ETag"); n > 0 && v == was {
		return fmt.Errorf("the ETag %s is that of another body", v)
	}
	return nil
}

func (a capture) do(p *player) error {
	if p.last == nil {
		return errNoResponse
	}
	v, n := p.last.head.get(a.field)
	if n == 0 {
		return fmt.Errorf("%s is missing", a.field)
	}
	p.vars[a.variable] = v
	return nil
}
