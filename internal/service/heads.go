package service

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"icapd/icap"
	"icapd/internal/event"
	"icapd/policy"
	"icapd/scan"
)

// ownGrammar are fields whose values are programs or lists of a grammar of their own by right: policies, cookies,
// negotiation, credentials. Looking for payloads in them finds only themselves.
var ownGrammar = []string{
	"accept", "accept-charset", "accept-encoding", "accept-language", "alt-svc", "authorization", "cookie", "date",
	"content-encoding", "content-length", "content-security-policy", "content-security-policy-report-only", "digest",
	"etag", "expect-ct", "expires", "feature-policy", "if-match", "if-none-match", "last-modified", "link", "nel",
	"permissions-policy", "proxy-authorization", "p3p", "reporting-endpoints", "report-to", "sec-ch-ua",
	"server-timing", "set-cookie", "strict-transport-security", "traceparent", "tracestate", "transfer-encoding",
	"user-agent", "vary", "www-authenticate", "signature", "signature-input", "sourcemap", "age", "connection", "via",
}

// headItem shows the fields of a head to engines: what a response says in Location or X-Note ends up in logs and
// pages like what it says in its body.
func headItem(msg *scan.Message, h *icap.Head) *scan.Item {
	raw := h.Raw()
	return &scan.Item{
		Message: msg, Path: scan.HeadPath, Type: "message/http", Blob: scan.Bytes(raw),
		Fields: func(_ context.Context, yield func(*scan.Field) bool) error {
			for f := range headFields(raw) {
				if !yield(&scan.Field{Kind: scan.KindHeader, Value: []byte(f.value), Span: f.span, At: headLocator(f.name)}) {
					return nil
				}
			}
			return nil
		},
	}
}

type headLocator string

// AppendPath implements scan.Locator.
func (l headLocator) AppendPath(dst []byte) []byte { return append(append(dst, '/'), l...) }

type headField struct {
	name, value string
	span        scan.Span // of the value as it stands, folds included
}

// headFields yields the fields that are worth a look.
func headFields(raw string) func(yield func(headField) bool) {
	return func(yield func(headField) bool) {
		pos := strings.IndexByte(raw, '\n') + 1
		for pos > 0 && pos < len(raw) {
			end := fieldEnd(raw, pos)
			name, value, ok := strings.Cut(raw[pos:end], ":")
			if ok && !slices.Contains(ownGrammar, strings.ToLower(strings.TrimSpace(name))) {
				start := pos + len(name) + 1
				lead := len(value) - len(strings.TrimLeft(value, " \t"))
				trimmed := strings.TrimSpace(value)
				f := headField{name: strings.TrimSpace(name), value: unfold(trimmed)}
				f.span = scan.Span{Start: int64(start + lead), End: int64(start + lead + len(trimmed))}
				if trimmed != "" && !yield(f) {
					return
				}
			}
			pos = end
		}
	}
}

// fieldEnd returns where the field at pos ends, its continuation lines included.
func fieldEnd(raw string, pos int) int {
	for {
		i := strings.IndexByte(raw[pos:], '\n')
		if i < 0 {
			return len(raw)
		}
		pos += i + 1
		if pos >= len(raw) || raw[pos] != ' ' && raw[pos] != '\t' {
			return pos
		}
	}
}

func unfold(v string) string {
	if strings.IndexByte(v, '\n') < 0 {
		return v
	}
	return strings.Join(strings.Fields(v), " ")
}

// lookAtHead shows the head to the engines that look at fields.
func (p *Pipeline) lookAtHead(ctx context.Context, msg *scan.Message, h *icap.Head) scan.Verdict {
	if p.Heads == nil || h == nil {
		return scan.Verdict{}
	}
	return p.Heads.Run(ctx, slices.Values([]*scan.Item{headItem(msg, h)}))
}

var errHeadStays = errors.New("no rewriter knows how to change the head")

// rewriteHead returns a head without the findings.
func (p *Pipeline) rewriteHead(ctx context.Context, msg *scan.Message, h *icap.Head, profile *policy.Profile, findings []scan.Finding) (*icap.Head, []scan.Change, error) {
	rep, err := replace(ctx, p.Rewriters(profile), headItem(msg, h), findings)
	if err != nil {
		return nil, nil, err
	}
	if len(rep.Edits) == 0 {
		return nil, nil, errHeadStays
	}
	slices.SortFunc(rep.Edits, func(a, b scan.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	raw := h.Raw()
	var b strings.Builder
	pos := int64(0)
	for _, e := range rep.Edits {
		if e.Span.Start < pos || e.Span.End > int64(len(raw)) || e.Span.End < e.Span.Start {
			return nil, nil, errors.New("edits of the head overlap")
		}
		b.WriteString(raw[pos:e.Span.Start])
		if e.Op == scan.EditSet {
			b.WriteString(oneHeadLine(string(e.Value)))
		}
		pos = e.Span.End
	}
	b.WriteString(raw[pos:])
	out, err := icap.ParseHead(b.String())
	if err != nil {
		return nil, nil, err
	}
	v := p.lookAtHead(ctx, msg, out)
	if d := policy.Decide(profile, &v); d.Action != policy.Allow {
		return nil, nil, errors.New("after the rewrite there is still " + event.OneLine(d.Rule, 200))
	}
	return out, rep.Changes, nil
}

// oneHeadLine keeps a value from becoming a second field.
func oneHeadLine(v string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, v)
}
