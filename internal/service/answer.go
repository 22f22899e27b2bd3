package service

import (
	"bytes"
	"cmp"
	"icapd/icap"
	"icapd/internal/event"
	"icapd/policy"
	"io"
	"mime"
	"net/url"
	"path"
)

// answer carries the decision out. A decision that is not one is a block.
func (x *exchange) answer(res *Result, original io.Reader) {
	d := &res.Decision
	if x.stream == nil {
		announce(x.w.Header(), x.msg.ID, &d.Verdict, d)
	}
	switch d.Action {
	case policy.Allow:
		x.allow(original)
	case policy.Rewrite:
		x.rewritten(res, original)
	case policy.Block, policy.Unknown:
		x.block(res)
	}
}

func (x *exchange) allow(original io.Reader) {
	if x.stream == nil {
		x.note(x.w.Unmodified(original))
		return
	}
	x.finish(original)
}

// finish sends a body after a head that was committed early.
func (x *exchange) finish(body io.Reader) {
	if _, err := io.Copy(x.stream, body); err != nil {
		x.note(err)
		x.stream.Abort()
		return
	}
	x.note(x.stream.Close())
}

func (x *exchange) rewritten(res *Result, original io.Reader) {
	head := cmp.Or(res.Head, x.subject, x.r.HTTPRequest)
	if res.Body == nil { // the head alone: the client still has the body
		x.headRewritten(head, original)
		return
	}
	body := io.NewSectionReader(res.Body, 0, res.Body.Size())
	if head != nil {
		head = head.Clone()
		retell(head, res.Body.Size(), res.NewType, res.NewName)
	}
	switch {
	case x.stream == nil:
		x.note(x.w.Modified(head, body))
	case head.Raw() == x.subject.Raw() && x.sent == 0:
		x.finish(body)
	default: // the head that went out promises the old body
		x.cut("the head was committed before the rewrite was known")
	}
}

func (x *exchange) headRewritten(head *icap.Head, original io.Reader) {
	switch {
	case x.stream != nil:
		x.cut("the head was committed before it was known to need a change")
	case x.r.Body == nil:
		x.note(x.w.Modified(head, nil))
	default:
		x.note(x.w.Partial(head, nil, 0, original))
	}
}

// cut tears the connection: the client must not take what it has for the whole message.
func (x *exchange) cut(why string) {
	x.ev.Action = policy.Block.String()
	x.ev.Reason = cmp.Or(x.ev.Reason, "blocked") + " (connection cut: " + why + ")"
	x.stream.Abort()
}

// block answers with a page in the place of the message. In REQMOD that is a response to a request that never
// reached the origin.
func (x *exchange) block(res *Result) {
	if x.stream != nil {
		x.cut("the head was committed before the verdict")
		return
	}
	page := x.sel.Profile.BlockPage
	refusal := Refusal{
		Status: cmp.Or(page.Status, 403), RequestID: x.msg.ID, Verdict: res.Decision.Outcome().String(),
		Rule: event.OneLine(res.Decision.Rule, 300), Reason: event.OneLine(res.Decision.Reason, 500),
		Request: x.r.Method == icap.MethodReqmod,
	}
	switch d := &res.Decision; {
	case d.Finding != nil:
		refusal.Path = event.OneLine(d.Finding.Path, 300)
	case d.Gap != nil:
		refusal.Path = event.OneLine(d.Gap.Path, 300)
	}
	head, body := refusal.page(dialectOf(page.Format, x.peerHints()), x.msg.Method == "HEAD")
	if len(body) == 0 {
		x.note(x.w.Modified(head, nil))
		return
	}
	x.note(x.w.Modified(head, bytes.NewReader(body)))
}

func (x *exchange) peerHints() peerHints {
	h := peerHints{path: x.msg.Path}
	if q := x.r.HTTPRequest; q != nil {
		h.accept, h.requestType, h.soapAction = q.Get("Accept"), q.Get("Content-Type"), q.Has("SOAPAction")
	}
	if s := x.r.HTTPResponse; s != nil {
		h.responseType = s.Get("Content-Type")
	}
	return h
}

// fileName is the name that the message gives its body: in Content-Disposition, else the last segment of the path.
func fileName(h *icap.Head, urlPath string) string {
	if h != nil {
		if _, params, err := mime.ParseMediaType(h.Get("Content-Disposition")); err == nil && params["filename"] != "" {
			return params["filename"]
		}
	}
	if p, err := url.PathUnescape(urlPath); err == nil {
		urlPath = p
	}
	if base := path.Base(urlPath); base != "." && base != "/" {
		return base
	}
	return ""
}
