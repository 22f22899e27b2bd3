// Package service follows one message through icapd: it takes the message from the ICAP client, asks the policy
// which profile it falls under, has its content looked at, decided about and rewritten, and gives the client the
// answer. Each message leaves exactly one audit event.
package service

import (
	"cmp"
	"crypto/rand"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"icapd/icap"
	"icapd/internal/body"
	"icapd/internal/content"
	"icapd/internal/event"
	"icapd/policy"
	"icapd/scan"
)

// Options are the parts of a Service.
type Options struct {
	// Record is called once for each message, when its answer is written, and may keep the event, which does not change
	// any more. It must not block.
	Record func(*event.Event)

	// Keep is offered the original of each message that was blocked or rewritten, when its answer is written, with
	// the event as far as it is known. It must not block. True means that it took the original on: it then calls let
	// when it is done with it, from any goroutine. It must not keep the event. Nil keeps nothing.
	Keep func(e *event.Event, original Original, let func()) bool

	// Room reports whether Keep would take on an original of that many bytes, and expects that it will be stored. It
	// must not block. Nil means no.
	Room func(size int64) bool

	// Trace returns the place of a message in a distributed trace, and the traceparent for servers that are asked about
	// it. Nil: messages are not traced.
	Trace func(r *icap.Request) (t *event.Trace, parent string)

	// Trusts reports whether the ICAP client at this address is believed about whom it speaks for
	// (X-Client-IP, X-Authenticated-User, X-Authenticated-Groups). Nil believes clients on loopback.
	Trusts func(netip.Addr) bool
}

// Service answers REQMOD and RESPMOD. It may be used from many goroutines.
type Service struct {
	opt      Options
	pipeline atomic.Pointer[Pipeline]
	inFlight atomic.Int64
}

// New returns a Service that works with p until Swap.
func New(p *Pipeline, opt Options) *Service {
	if opt.Trusts == nil {
		opt.Trusts = netip.Addr.IsLoopback
	}
	if opt.Record == nil {
		opt.Record = func(*event.Event) {}
	}
	s := &Service{opt: opt}
	s.pipeline.Store(p)
	return s
}

// Swap makes p the pipeline of all messages to come. The old one is closed when its last message is done.
func (s *Service) Swap(p *Pipeline) { s.pipeline.Swap(p).retire() }

// Close retires the pipeline. No message may come after it.
func (s *Service) Close() { s.pipeline.Load().retire() }

// ISTag is that of the pipeline in use.
func (s *Service) ISTag() string { return s.pipeline.Load().ISTag }

// Pipeline returns the pipeline in use and a function that must be called when it is not needed any more.
func (s *Service) Pipeline() (p *Pipeline, release func()) {
	for {
		p := s.pipeline.Load()
		if p.acquire() {
			return p, p.release
		}
	}
}

// InFlight is the number of messages in hand.
func (s *Service) InFlight() int64 { return s.inFlight.Load() }

// Handler returns the handler of the ICAP service with this name.
func (s *Service) Handler(name string) icap.Handler {
	return icap.HandlerFunc(func(w *icap.ResponseWriter, r *icap.Request) {
		s.inFlight.Add(1)
		defer s.inFlight.Add(-1)
		p, release := s.Pipeline()
		defer release()
		x := exchange{s: s, p: p, w: w, r: r, name: name, start: time.Now(), ev: &event.Event{}}
		defer x.record()
		x.serve()
	})
}

// Overload returns the handler of messages that found no place to be looked at in time: their profile's answer to
// what was not looked at. Paths that are no service of ours get the 503 that is left then.
func (s *Service) Overload() icap.Handler {
	return icap.HandlerFunc(func(w *icap.ResponseWriter, r *icap.Request) {
		p, release := s.Pipeline()
		defer release()
		name := strings.TrimPrefix(r.Service, "/")
		if !p.Policy.Serves(name) {
			_ = w.Error(icap.StatusOverloaded, "") // the peer's loss
			return
		}
		x := exchange{s: s, p: p, w: w, r: r, name: name, start: time.Now(), ev: &event.Event{}}
		defer x.record()
		x.begin()
		res := Refuse(x.sel, scan.Gap{Engine: "server", Path: "body", Reason: scan.ReasonLimit, Limit: "in_flight", Err: errOverload})
		x.report(res)
		x.answer(res, nil, nil)
	})
}

var errOverload = errors.New("no place to look at the message was free in time")

// acquire counts a user of the pipeline; it is false when the pipeline was retired and has none left.
func (p *Pipeline) acquire() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retired && p.users == 0 {
		return false
	}
	p.users++
	return true
}

func (p *Pipeline) release() {
	p.mu.Lock()
	p.users--
	p.closeIfIdle()
}

func (p *Pipeline) retire() {
	p.mu.Lock()
	p.retired = true
	p.closeIfIdle()
}

// closeIfIdle is called with the lock held and lets it go.
func (p *Pipeline) closeIfIdle() {
	last := p.retired && p.users == 0 && !p.closed
	p.closed = p.closed || last
	p.mu.Unlock()
	if last && p.Close != nil {
		p.Close()
	}
}

// exchange is one message on its way.
type exchange struct {
	s    *Service
	p    *Pipeline
	w    *icap.ResponseWriter
	r    *icap.Request
	name string

	start, received, decided time.Time

	msg     *scan.Message
	subject *icap.Head // the head that the message is about: the response's in RESPMOD; may be nil
	sel     policy.Selection
	ev      *event.Event     // never nil; belongs to whoever it is recorded by, in the end
	stream  *icap.BodyWriter // the answer that a stall or a trickle made us begin
	sent    int64            // bytes of the body that trickled
	inflow  *scan.Inflow     // engines that take the body as it arrives; nil for none
	spool   *body.Spool      // the body; nil for none
	whole   bool             // all of the body is in the spool
}

// serve is the way of one message.
func (x *exchange) serve() {
	x.begin()
	if x.r.Body == nil {
		x.headOnly()
		return
	}
	size := int64(-1)
	if x.subject != nil {
		if n, ok := x.subject.ContentLength(); ok {
			size = n
		}
	}
	if rule, skip := x.sel.Profile.NeedsNoLook(x.msg, size); skip {
		x.ev.Rule = rule
		x.pass(scan.Unknown.String())
		return
	}
	x.inspect(size)
}

// begin finds out what the message is and which profile it falls under.
func (x *exchange) begin() {
	peer := peerHost(x.r)
	trusted := x.trusted(peer)
	x.msg = describe(x.r, x.name, peer, trusted, x.start)
	x.msg.ID = rand.Text()
	x.subject = x.r.HTTPRequest
	if x.msg.Direction == scan.Response {
		x.subject = x.r.HTTPResponse
	}
	m := x.msg
	*x.ev = event.Event{
		Time: x.start, RequestID: m.ID, Service: x.name, Direction: m.Direction.String(), Peer: peer,
		Client: m.Client, User: m.User, Method: event.OneLine(m.Method, 32), URL: m.URL, Host: event.OneLine(m.Host, 255),
		Status: m.Status, Type: event.OneLine(mediaType(m.Type), 128),
		Verdict: scan.Unknown.String(), Action: policy.Block.String(), // until somebody says otherwise
	}
	if trusted {
		x.ev.Groups = groups(x.r)
	}
	if trace := x.s.opt.Trace; trace != nil {
		x.ev.Trace, m.Traceparent = trace(x.r)
		m.Tracestate = x.ev.Trace.State
	}
	x.sel = x.p.Policy.Select(m, x.name)
	x.ev.API, x.ev.Profile = x.sel.API, x.sel.Profile.Name
}

func (x *exchange) trusted(peer string) bool {
	a, err := netip.ParseAddr(peer)
	if err != nil {
		return x.r.RemoteAddr != nil && x.r.RemoteAddr.Network() == "unix" // file permissions said so
	}
	return x.s.opt.Trusts(a.Unmap())
}

// pass lets a message through of which nothing was read.
func (x *exchange) pass(verdict string) {
	x.ev.Action, x.ev.Verdict = policy.Allow.String(), verdict
	h := x.w.Header()
	h.Set("X-ICAPD-Request-ID", x.msg.ID)
	h.Set("X-ICAPD-Verdict", verdict)
	x.note(x.w.Unmodified(nil))
}

// headOnly is for a message without a body: its head is all there is to look at.
func (x *exchange) headOnly() {
	if x.subject == nil || x.p.Heads == nil {
		x.pass(scan.Clean.String())
		return
	}
	res := x.p.Inspect(x.r.Context(), Subject{Message: x.msg, Head: x.subject}, x.sel)
	defer res.Close()
	x.decided = time.Now()
	x.report(res)
	x.answer(res, nil, nil)
}

// inspect takes the body in, has it looked at, and answers.
func (x *exchange) inspect(size int64) {
	spool := x.p.Spooler.New()
	x.spool = spool // record lets it go, or has it kept
	var drops *trickle
	if t := x.sel.Profile.Trickle; t.On() && x.subject != nil {
		drops = startTrickle(t, spool, func() bool { return x.pastPreview(spool) }, x.commit)
	}
	gap, err := x.receive(spool, size, drops == nil)
	if x.inflow != nil {
		defer x.closeInflow()
	}
	x.received = time.Now()
	x.ev.Size = spool.Size()
	var res *Result
	switch {
	case err != nil:
	case gap != nil:
		res = Refuse(x.sel, *gap)
	default:
		res = x.p.Inspect(x.r.Context(), Subject{
			Message: x.msg, Head: x.subject, Body: spool, Hints: x.hints(), Inflow: x.inflow,
			Partial: x.subject != nil && isPartial(x.subject),
		}, x.sel)
	}
	if drops != nil {
		var late error
		x.stream, x.sent, late = drops.end()
		err = cmp.Or(err, late)
	}
	if err != nil {
		x.fail(err)
		return
	}
	defer res.Close()
	x.decided, x.whole = time.Now(), gap == nil
	x.mindOriginal(res, spool.Size())
	x.report(res)
	held := io.NewSectionReader(spool, 0, spool.Size())
	var original io.Reader = io.NewSectionReader(spool, x.sent, spool.Size()-x.sent)
	if gap != nil {
		original = io.MultiReader(original, x.r.Body) // what is beyond the limit is still with the client
	}
	x.answer(res, original, held)
}

// pastPreview reports whether the client has been asked for all of the body, so that an answer may begin.
func (x *exchange) pastPreview(spool *body.Spool) bool {
	if _, complete := x.r.Preview(); complete {
		return true
	}
	return !x.r.HasPreview || spool.Size() > int64(x.r.PreviewSize)
}

// commit sends the head as it is, before anything is known about the body. What is found out afterwards is said in
// trailers, where the client takes them.
func (x *exchange) commit() (*icap.BodyWriter, error) {
	x.w.Header().Set("X-ICAPD-Request-ID", x.msg.ID)
	fields := verdictFields
	if x.sel.Profile.ReportHeader {
		fields = append(slices.Clone(fields), removedField)
	}
	x.w.DeclareTrailer(fields...)
	return x.w.Begin(x.subject)
}

func (x *exchange) closeInflow() {
	if err := x.inflow.Close(); err != nil {
		x.note(err)
	}
}

func (x *exchange) hints() content.Hints {
	h := content.Hints{ContentType: x.msg.Type, Name: fileName(x.subject, x.msg.Path)}
	if x.subject != nil {
		h.ContentEncoding = codings(x.subject)
	}
	return h
}

// receive takes the body in, and lets engines have it that take it as it arrives. A gap means that it could not be
// held, by a limit or a full disk, and what was read so far is in the spool; an error means that the client did not
// send it all.
func (x *exchange) receive(spool *body.Spool, size int64, mayNudge bool) (*scan.Gap, error) {
	src := x.r.Body
	var n *nudger
	if mayNudge && x.sel.Profile.StallNudge && x.subject != nil {
		n = newNudger(src, x.commit)
		src = n
	}
	if x.subject == nil || !x.subject.Has("Content-Encoding") { // else engines see other bytes than these
		if in := x.p.Runner.Begin(x.r.Context(), x.msg, size); in.Useful() {
			x.inflow = in
			src = io.TeeReader(src, in)
		}
	}
	spool.Grow(size)
	err := spool.Fill(x.r.Context(), src)
	if n != nil {
		stream, nerr := n.committed()
		x.stream = stream
		if err == nil {
			err = nerr
		}
	}
	if gap, ok := errors.AsType[*scan.Gap](err); ok {
		return &scan.Gap{Engine: "body", Path: "body", Reason: gap.Reason, Limit: gap.Limit, Err: gap.Err}, nil
	}
	return nil, err
}

// let gives a spool's memory and files back.
func (x *exchange) let(spool *body.Spool) {
	if err := spool.Close(); err != nil {
		x.note(err)
	}
}

// report writes the result into the event.
func (x *exchange) report(res *Result) {
	x.ev.Record(&res.Decision.Verdict)
	x.ev.RecordChanges(res.Changes)
	if res.Type != "" {
		x.ev.Type = res.Type
	}
	x.ev.Items = res.Items
	d := &res.Decision
	x.ev.Action, x.ev.Rule, x.ev.Reason = d.Action.String(), event.OneLine(d.Rule, 300), event.OneLine(d.Reason, 500)
	if d.Shadowed != policy.Unknown {
		x.ev.Shadowed = d.Shadowed.String()
	}
	x.ev.RecordTimes(&res.Verdict)
	t := &x.ev.Durations
	t.Decode, t.Scan, t.Rewrite = event.Millis(res.DecodeTime), event.Millis(res.ScanTime), event.Millis(res.RewriteTime)
}

// fail ends an exchange whose body did not come whole: nobody looked, so nothing goes on.
func (x *exchange) fail(err error) {
	x.ev.Reason = "the body did not arrive"
	x.note(err)
	if x.stream != nil {
		x.stream.Abort()
		return
	}
	x.note(x.w.Error(icap.StatusOf(err), ""))
}

// note keeps the first error for the event.
func (x *exchange) note(err error) {
	if err != nil && x.ev.Error == "" {
		x.ev.Error = event.OneLine(err.Error(), 300)
	}
}

// record completes the event and hands it over. It runs when a handler panicked, too: the event then says what
// was known.
func (x *exchange) record() {
	end := time.Now()
	d := &x.ev.Durations
	d.Total = event.Millis(end.Sub(x.start))
	if !x.received.IsZero() {
		d.Receive = event.Millis(x.received.Sub(x.start))
	}
	if !x.decided.IsZero() {
		d.Reply = event.Millis(end.Sub(x.decided))
	}
	x.ev.ICAPStatus = x.w.Status()
	x.keep()
	if x.headBytes() > fewHeadBytes {
		x.ev.Compact()
	}
	x.s.opt.Record(x.ev)
}

// fewHeadBytes is what an event may hold on to for the sake of a host and a media type: the console keeps a thousand of them.
const fewHeadBytes = 2 << 10

// headBytes is how large the encapsulated heads are.
func (x *exchange) headBytes() (n int) {
	for _, h := range []*icap.Head{x.r.HTTPRequest, x.r.HTTPResponse} {
		if h != nil {
			n += len(h.Raw())
		}
	}
	return n
}
