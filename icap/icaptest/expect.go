package icaptest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

type (
	expectResponse struct{ codes []int }
	expectLine     struct {
		want    text
		pattern bool
	}
	expectRaw     struct{ want text }
	expectNothing struct{ d time.Duration }
	expectEnd     struct {
		w     within
		reset bool
	}
	expectSettled struct{}
	expectBroken  struct{}
)

func (a expectResponse) do(p *player) error {
	c, err := p.ready()
	if err != nil {
		return err
	}
	p.last = nil
	if slices.Contains(a.codes, closedCode) {
		err := c.await(p.ctx, p.target.timeout(), func(b []byte) bool { return len(b) > 0 })
		if err != nil && !errors.Is(err, errTimeout) && p.ctx.Err() == nil {
			p.log.note("closed")
			return nil
		}
	}
	r, err := p.read(c)
	if err != nil {
		return err
	}
	p.last = r
	if !slices.Contains(a.codes, r.status) {
		return fmt.Errorf("got %d %s, want %s", r.status, r.reason, codeList(a.codes))
	}
	return nil
}

func codeList(codes []int) string {
	var list []string
	for _, c := range codes {
		if c == closedCode {
			list = append(list, "the end of the connection")
		} else {
			list = append(list, strconv.Itoa(c))
		}
	}
	return strings.Join(list, " or ")
}

func (a expectLine) do(p *player) error {
	c, err := p.ready()
	if err != nil {
		return err
	}
	s := &source{ctx: p.ctx, c: c, d: p.target.timeout()}
	line, err := s.line(maxHead, "a line")
	p.log.received(s.seen)
	if err != nil {
		return err
	}
	if !a.pattern {
		want, err := a.want.expand(p.value)
		if err == nil && line != want {
			err = fmt.Errorf("got the line %q, want %q", line, want)
		}
		return err
	}
	re, err := a.want.pattern(p.value)
	if err == nil && !re.MatchString(line) {
		err = fmt.Errorf("got the line %q, want one like %s", line, re)
	}
	return err
}

func (a expectRaw) do(p *player) error {
	c, err := p.ready()
	if err != nil {
		return err
	}
	want, err := a.want.expand(p.value)
	if err != nil {
		return err
	}
	s := &source{ctx: p.ctx, c: c, d: p.target.timeout()}
	b, err := s.take(len(want), fmt.Sprintf("%.100q", want))
	if err != nil {
		return fmt.Errorf("%w; came: %.200q", err, c.waiting(200))
	}
	p.log.received(b)
	if string(b) != want {
		return fmt.Errorf("got %.200q, want %.200q", b, want)
	}
	return nil
}

func (a expectNothing) do(p *player) error {
	c, err := p.ready()
	if err != nil {
		return err
	}
	err = c.await(p.ctx, a.d, func(b []byte) bool { return len(b) > 0 })
	switch {
	case err == nil:
		return fmt.Errorf("bytes where none may be: %.200q", c.waiting(200))
	case errors.Is(err, errTimeout):
		p.log.note("nothing for " + a.d.String())
		return nil
	case errors.Is(err, io.EOF):
		return errors.New("the server closed the connection")
	}
	return err
}

func (a expectEnd) do(p *player) error {
	c, err := p.ready()
	if err != nil {
		return err
	}
	err = p.ended(c, p.wait(a.w), a.reset)
	if err == nil {
		p.log.note("the connection ended")
	}
	return err
}

// settle is how long a server that closes after an answer may take to do so before it counts as one that
// keeps the connection.
const settle = 50 * time.Millisecond

func (a expectSettled) do(p *player) error {
	c, err := p.ready()
	if err != nil {
		return err
	}
	err = c.await(p.ctx, settle, func(b []byte) bool { return len(b) > 0 })
	switch {
	case err == nil:
		return fmt.Errorf("stray bytes: %.200q", c.waiting(200))
	case p.ctx.Err() != nil:
		return p.ctx.Err()
	case !errors.Is(err, errTimeout):
		p.log.note("the connection ended")
		return nil
	}
	if err := p.usable(c); err != nil {
		// It may have been closing just then.
		if end := c.await(p.ctx, 0, func(b []byte) bool { return len(b) > 0 }); end != nil && !errors.Is(end, errTimeout) {
			p.log.note("the connection ended")
			return nil
		}
		return err
	}
	return nil
}

// do wants an answer that nobody can take for the whole of one, and the end of the connection after it.
func (expectBroken) do(p *player) error {
	c, err := p.ready()
	if err != nil {
		return err
	}
	p.last = nil
	r, err := p.read(c)
	var cut *cutError
	switch {
	case errors.As(err, &cut):
		p.log.note(err.Error())
		return nil
	case err != nil:
		return err
	case r.status < 400:
		return fmt.Errorf("a whole %d %s, though the message was not", r.status, r.reason)
	}
	return p.ended(c, p.target.timeout(), true)
}
