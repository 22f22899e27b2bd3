package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"icapd/icap"
	"icapd/internal/body"
	"icapd/internal/content"
	"icapd/internal/event"
	"icapd/policy"
	"icapd/scan"
)

// Pipeline is all that one message needs on its way: it does not change once it is in use. A reload makes a new
// one and swaps it in; messages in flight finish on the one that they began with.
type Pipeline struct {
	Policy  *policy.Policy
	Runner  *scan.Runner
	Content *content.Walker
	Spooler *body.Spooler

	// Heads shows the fields of HTTP heads to the engines that look at fields; nil looks at no head.
	Heads *scan.Runner

	// Rewriters returns those that the profile wants, in the order in which they are asked about an item.
	Rewriters func(*policy.Profile) []scan.Rewriter

	// Survey returns what the profile wants said about items besides what the engines say: nil, or a function that may be
	// called from many goroutines. A nil Survey says nothing.
	Survey func(*policy.Profile) func(*scan.Item) []scan.Finding

	// Renewer returns the one of them that writes documents anew in which nothing was found; nil renews nothing.
	Renewer func(*policy.Profile) scan.Rewriter

	// Time is how long looking at one message may take, from its last byte on; 0 means a minute.
	Time time.Duration

	// ISTag stands for the rules, engines and configuration: equal on nodes where these are equal.
	ISTag string

	// Close is called once, when the pipeline was swapped out and its last message is done. It may be nil.
	Close func()

	mu      sync.Mutex
	users   int
	retired bool // swapped out
	closed  bool
}

// Subject is a message to inspect.
type Subject struct {
	Message *scan.Message
	Head    *icap.Head    // the head that the message is about; may be nil
	Body    scan.Blob     // the body as received, codings and all; nil for none
	Hints   content.Hints // what the sender says about the body
	Inflow  *scan.Inflow  // to which the body was written as it came; nil for none
	Partial bool          // the body is a part of the content only: a range
}

// Result is what became of an inspection. Close it when its bytes are no longer needed.
type Result struct {
	API      string
	Profile  *policy.Profile
	Verdict  scan.Verdict
	Decision policy.Decision
	Type     string             // media type seen in the bytes
	Items    []event.ItemRecord // of the first look, as far as there is room

	// What goes on instead of the original if Decision.Action is policy.Rewrite: a new body, a new head, or
	// both. Nil is the original's.
	Body    scan.Blob
	Head    *icap.Head
	NewType string // "" if unchanged
	NewName string // "" if unchanged
	Changes []scan.Change

	ScanTime, RewriteTime time.Duration
	DecodeTime            time.Duration // of the content codings; a part of ScanTime, as Verdict.Walk is, which leaves it out

	trees []*content.Tree
}

// Close lets the bytes of the result go.
func (r *Result) Close() {
	for _, t := range r.trees {
		t.Close()
	}
	r.trees = nil
}

// Inspect looks at a message and decides, and carries a rewrite out: down the content, past the engines, through
// the policy, and up again. It never fails: what goes wrong is a gap in the verdict, or a block in the decision.
// The message falls under the profile of sel.
func (p *Pipeline) Inspect(ctx context.Context, s Subject, sel policy.Selection) *Result {
	limit := p.Time
	if limit <= 0 {
		limit = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r := &Result{API: sel.API, Profile: sel.Profile}
	start := time.Now()
	tree, v := p.look(ctx, s, r)
	head := p.lookAtHead(ctx, s.Message, s.Head)
	withHead(&v, &head)
	v.AddTimes(&head)
	if tree != nil {
		r.DecodeTime = tree.DecodeTime()
		v.Walk = max(0, v.Walk-r.DecodeTime)
	}
	r.Verdict = v
	r.Decision = policy.Decide(sel.Profile, &r.Verdict)
	r.ScanTime = time.Since(start)
	if r.Decision.Action == policy.Rewrite || r.Decision.Action == policy.Allow && r.renews(tree) {
		start = time.Now()
		p.rewrite(ctx, s, r, tree)
		r.RewriteTime = time.Since(start)
	}
	return r
}

// withHead adds what is said about the head to what is said about the body.
func withHead(v, head *scan.Verdict) {
	v.Findings, v.Gaps = append(v.Findings, head.Findings...), append(v.Gaps, head.Gaps...)
}

// Refuse is the result for a message whose body could not be taken in: nobody looked, and the gap says why.
func Refuse(sel policy.Selection, gap scan.Gap) *Result {
	r := &Result{API: sel.API, Profile: sel.Profile, Verdict: scan.Verdict{Gaps: []scan.Gap{gap}}}
	r.Decision = policy.Decide(sel.Profile, &r.Verdict)
	return r
}

// look walks the content down and shows it to the engines.
func (p *Pipeline) look(ctx context.Context, s Subject, r *Result) (*content.Tree, scan.Verdict) {
	if s.Body == nil {
		return nil, scan.Verdict{Looked: true}
	}
	tree := p.Content.Open(s.Message, s.Body, s.Hints)
	r.trees = append(r.trees, tree)
	var broken *scan.Gap
	var surveyed []scan.Finding
	survey := p.survey(r.Profile)
	items := func(yield func(*scan.Item) bool) {
		for it := range contained(tree.Items(ctx), &broken) {
			if r.Type == "" { // the root of the first look
				r.Type = it.Type
			}
			if len(r.trees) == 1 {
				r.note(it)
			}
			surveyed = append(surveyed, surveyOf(survey, it, &broken)...)
			if !yield(it) {
				return
			}
		}
	}
	var v scan.Verdict
	if s.Inflow != nil {
		v = s.Inflow.Run(ctx, items)
	} else {
		v = p.Runner.Run(ctx, items)
	}
	v.Gaps = append(v.Gaps, tree.Gaps()...)
	v.Findings = append(v.Findings, tree.Findings()...)
	v.Findings = append(v.Findings, surveyed...)
	if broken != nil {
		v.Gaps, v.Looked = append(v.Gaps, *broken), false
	}
	if s.Partial {
		v.Gaps = append(v.Gaps, scan.Gap{
			Engine: "content", Path: "body", Reason: scan.ReasonUnsupported,
			Err: errors.New("the body is a part of the content only (Content-Range)"),
		})
	}
	return tree, v
}

// survey is what the profile wants said about items; never nil.
func (p *Pipeline) survey(profile *policy.Profile) func(*scan.Item) []scan.Finding {
	if p.Survey != nil && profile != nil {
		if f := p.Survey(profile); f != nil {
			return f
		}
	}
	return func(*scan.Item) []scan.Finding { return nil }
}

// contained walks the items and turns a panic of the walk into a gap. Engines have their own guard in scan.Run.
func contained(items iter.Seq[*scan.Item], broken **scan.Gap) iter.Seq[*scan.Item] {
	return func(yield func(*scan.Item) bool) {
		defer contain(broken, "body")
		items(yield)
	}
}

// surveyOf asks about one item, and turns a panic of who is asked into a gap.
func surveyOf(survey func(*scan.Item) []scan.Finding, it *scan.Item, broken **scan.Gap) []scan.Finding {
	defer contain(broken, it.Path)
	return survey(it)
}

// contain is deferred: it turns a panic into a gap.
func contain(broken **scan.Gap, path string) {
	if v := recover(); v != nil {
		*broken = &scan.Gap{Engine: "content", Path: path, Reason: scan.ReasonPanic, Err: &scan.PanicError{Value: v, Stack: debug.Stack()}}
	}
}

// maxRounds is how often a message may be rewritten before it must be clean. Documents come first, then fields, and
// one item can need two rewriters, one after the other; more rounds than that do not converge.
const maxRounds = 4

// renews reports whether documents without findings may have to be written anew.
func (r *Result) renews(tree *content.Tree) bool {
	return tree != nil && r.Profile != nil && r.Profile.Renews(&scan.Item{})
}

// documentsFirst returns the findings in documents if there are any, for what they say about fields may be moot once
// the documents are others: the next look sees what is left. So may programs be that stand somewhere in a document that
// is written anew: they go with the object that carries them.
func documentsFirst(todo []scan.Finding) []scan.Finding {
	written := map[*scan.Item]bool{} // for another reason than that it is a program
	for i := range todo {
		if f := &todo[i]; f.Category == scan.ActiveContent && !policy.IsProgram(f) {
			written[f.Item] = true
		}
	}
	var documents []scan.Finding
	for i := range todo {
		f := &todo[i]
		if f.Category == scan.ActiveContent && (!policy.IsProgram(f) || !insideOf(f.Item, written)) {
			documents = append(documents, *f)
		}
	}
	if documents != nil {
		return documents
	}
	return todo
}

// insideOf reports whether the item came out of one of those.
func insideOf(it *scan.Item, those map[*scan.Item]bool) bool {
	if it == nil {
		return false
	}
	for it = it.Parent; it != nil; it = it.Parent {
		if those[it] {
			return true
		}
	}
	return false
}

// rewrite makes the message safe, and then looks at what came out as at any message: a rewrite that leaves
// something behind is a block, whatever the rewriters believe.
func (p *Pipeline) rewrite(ctx context.Context, s Subject, r *Result, tree *content.Tree) {
	if s.Partial && r.Decision.Action == policy.Allow {
		return
	}
	if s.Partial {
		r.refuse("a part of the content cannot be rewritten")
		return
	}
	s.Inflow = nil // what is looked at from here on is something else
	todo, ok := p.splitHead(ctx, s, r)
	if !ok || len(todo) == 0 && !r.renews(tree) {
		return
	}
	head := p.lookAtHead(ctx, s.Message, cmp.Or(r.Head, s.Head)) // as it goes out
	var out content.Result
	for range maxRounds {
		next, err := p.rebuild(ctx, r.Profile, documentsFirst(todo), tree)
		switch {
		case err == nil && !next.Changed && len(todo) == 0:
			return // nothing was wrong, and nothing had to be renewed
		case err != nil:
			r.refuse("it cannot be made safe: " + event.OneLine(err.Error(), 200))
			return
		case !next.Changed:
			r.refuse("it cannot be made safe: no rewriter knows how")
			return
		}
		if r.Decision.Action == policy.Allow {
			r.Decision.Action = policy.Rewrite
			r.Decision.Rule = fmt.Sprintf("documents are renewed (%s.cdr = %s)", r.Profile.Name, r.Profile.CDR)
			r.Decision.Reason = "Documents in the message were written anew."
		}
		out = next
		r.Changes = append(r.Changes, next.Changes...)
		r.NewType, r.NewName = cmp.Or(next.Type, r.NewType), cmp.Or(next.Name, r.NewName)
		s.Body = next.Blob
		s.Hints.ContentType = cmp.Or(next.Type, s.Hints.ContentType)
		s.Hints.Name = cmp.Or(next.Name, s.Hints.Name)
		var v scan.Verdict
		tree, v = p.look(ctx, s, r)
		withHead(&v, &head)
		d := policy.Decide(r.Profile, &v)
		switch d.Action {
		case policy.Allow:
			r.Body = out.Blob
			return
		case policy.Rewrite:
			todo = d.Rewrites
		default:
			r.refuse("it cannot be made safe: after the rewrite there is still " + event.OneLine(d.Rule, 200))
			return
		}
	}
	r.refuse("it cannot be made safe: rewriting does not come to an end")
}

// splitHead rewrites the head if it has findings, and returns those of the body. It is false when the message was
// refused.
func (p *Pipeline) splitHead(ctx context.Context, s Subject, r *Result) (body []scan.Finding, ok bool) {
	var head []scan.Finding
	for _, f := range r.Decision.Rewrites {
		if f.Item != nil && f.Item.Path == scan.HeadPath {
			head = append(head, f)
		} else {
			body = append(body, f)
		}
	}
	if len(head) == 0 {
		return body, true
	}
	h, changes, err := p.rewriteHead(ctx, s.Message, s.Head, r.Profile, head)
	if err != nil {
		r.refuse("its head cannot be made safe: " + event.OneLine(err.Error(), 200))
		return nil, false
	}
	r.Head, r.Changes = h, changes
	return body, true
}

// refuse turns a rewrite that failed into a block.
func (r *Result) refuse(why string) {
	r.Decision.Action = policy.Block
	r.Decision.Reason = strings.TrimSuffix(r.Decision.Reason, ".") + "; " + why + "."
	r.Decision.Rewrites = nil
	r.Changes, r.NewType, r.NewName, r.Head, r.Body = nil, "", "", nil, nil
}

// renewal is what the rewriter of documents is told about one that has to be renewed.
var renewal = []scan.Finding{{Rule: "renewal", Category: scan.ActiveContent, Hint: policy.HintRewrite}}

// rebuild asks the rewriters about each item that has findings, children before parents.
func (p *Pipeline) rebuild(ctx context.Context, profile *policy.Profile, todo []scan.Finding, tree *content.Tree) (out content.Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &scan.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	byPath := map[string][]scan.Finding{}
	for _, f := range todo {
		path := "body"
		if f.Item != nil {
			path = f.Item.Path
		}
		byPath[path] = append(byPath[path], f)
	}
	rewriters := p.Rewriters(profile)
	return tree.Rebuild(ctx, func(ctx context.Context, it *scan.Item) (scan.Replacement, error) {
		findings := byPath[it.Path]
		if len(findings) == 0 && p.Renewer != nil && profile.Renews(it) {
			// Whoever rewrites fields has nothing to do here, and must not complain of an item that cannot be read.
			return replace(ctx, []scan.Rewriter{p.Renewer(profile)}, it, renewal)
		}
		return replace(ctx, rewriters, it, findings)
	})
}

// replace asks the rewriters in turn; the first that changes the item has it. What another one would change in
// the same item is found by the next look.
func replace(ctx context.Context, rewriters []scan.Rewriter, it *scan.Item, findings []scan.Finding) (scan.Replacement, error) {
	if len(findings) == 0 {
		return scan.Replacement{}, nil
	}
	for _, w := range rewriters {
		if !w.Wants(it) {
			continue
		}
		rep, err := w.Rewrite(ctx, it, findings)
		if err != nil {
			return scan.Replacement{}, fmt.Errorf("%s: %s: %w", w.Name(), it.Path, err)
		}
		if !rep.Empty() {
			return rep, nil
		}
	}
	return scan.Replacement{}, nil
}
