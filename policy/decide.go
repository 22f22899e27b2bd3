package policy

import (
	"fmt"
	"slices"

	"icapd/scan"
)

// Decision is what is to be done with a message, and why. The zero Decision is a block without a reason.
type Decision struct {
	Action Disposition

	// Shadowed is what would have been done if the profile were enforced; Unknown unless it is in shadow
	// mode and that would not have been Allow.
	Shadowed Disposition

	// Rule names what decided: the finding's rule or the gap's reason, and the key of the profile that says
	// what is done about it: "Eicar_Test (default.malware = block)". "" for a message that nothing is wrong with.
	Rule string

	// Reason is one line for people, fit to be shown to the client; "" for a message that nothing is wrong
	// with.
	Reason string

	// Rewrites are the findings that must be made safe before the message may go through. They are there
	// for Rewrite, and for a Rewrite that shadow mode held back.
	Rewrites []scan.Finding

	// What decided, if it was a finding or a gap: the first of the strictest. It points into the verdict.
	Finding *scan.Finding
	Gap     *scan.Gap

	later     bool                // what would block waits for what the rewrite of a document leaves of it
	rewritten map[*scan.Item]bool // documents that are going to be rewritten; nil until somebody asks

	// Verdict is the verdict without the findings that the profile does not count, which are in Ignored.
	Verdict scan.Verdict
	Ignored []scan.Finding
}

// Outcome sums up what was seen, without what the profile does not count.
func (d *Decision) Outcome() scan.Outcome { return d.Verdict.Outcome() }

// Decide says what is to be done with a message that has this verdict, under this profile. It changes neither,
// and the decision shares memory with the verdict. A nil profile or verdict is a block.
func Decide(p *Profile, v *scan.Verdict) Decision {
	if p == nil || v == nil {
		return Decision{Action: Block, Rule: "no profile or verdict", Reason: "The message could not be judged."}
	}
	var d Decision
	d.Verdict, d.Ignored = p.counted(v)
	d.later = p.DisarmFirst && p.Mode == Enforce && d.disarms(p)
	d.findings(p)
	d.gaps(p)
	if d.Action == Unknown {
		d.Action = Allow // every finding and gap was asked, and nobody wants more
	}
	if d.Action == Block {
		d.Rewrites = nil
	}
	if p.Mode != Enforce && d.Action != Allow {
		d.Shadowed, d.Action = d.Action, Allow
	}
	return d
}

// findings lets every finding ask for what it needs.
func (d *Decision) findings(p *Profile) {
	for i := range d.Verdict.Findings {
		f := &d.Verdict.Findings[i]
		want, key := p.wants(f)
		if want == Rewrite {
			d.Rewrites = append(d.Rewrites, *f)
		}
		if want == Block && !p.insists(f) && (d.later && !inHead(f) || d.mayGo(p, f)) {
			want, key = Rewrite, key+", disarmed first"
		}
		if d.raise(want) {
			d.Finding = f
			d.Rule = fmt.Sprintf("%s (%s.%s)", f.Rule, p.Name, key)
			d.Reason = reason(f)
		}
	}
}

// disarms reports whether a document in the message is going to be rewritten.
func (d *Decision) disarms(p *Profile) bool {
	for i := range d.Verdict.Findings {
		f := &d.Verdict.Findings[i]
		if want, _ := p.wants(f); want == Rewrite && f.Category == scan.ActiveContent && !inHead(f) {
			return true
		}
	}
	return false
}

// mayGo reports whether a payload stands in what a document is made of that is going to be rewritten. A rule asks for a
// block where its field cannot be made safe by itself; the document can, and what it comes to is looked at again: the
// entities of a drawing go with its document type. What the profile wants blocked, and malware, has no second chance.
func (d *Decision) mayGo(p *Profile, f *scan.Finding) bool {
	if p.Mode != Enforce || f.Category != scan.Injection || f.Hint != HintBlock || p.Injection != ActionRewrite {
		return false
	}
	it := documentOf(f.Item)
	if it == nil {
		return false
	}
	if d.rewritten == nil {
		d.rewritten = map[*scan.Item]bool{}
		for i := range d.Verdict.Findings {
			a := &d.Verdict.Findings[i]
			if want, _ := p.wants(a); want == Rewrite && a.Category == scan.ActiveContent && !IsProgram(a) {
				d.rewritten[a.Item] = true
			}
		}
	}
	for ; it != nil; it = it.Parent {
		if d.rewritten[it] {
			return true
		}
	}
	return false
}

// inHead reports whether the finding is about the message's head, of which the rewrite of a document changes nothing.
func inHead(f *scan.Finding) bool { return f.Item != nil && f.Item.Path == scan.HeadPath }

// insists reports whether the operator has named the rule or class, and so means the message as it came.
func (p *Profile) insists(f *scan.Finding) bool {
	_, rule := p.Rules[f.Rule]
	_, class := p.Classes[f.Class]
	return rule || class
}

// gaps lets every gap ask for what it needs, and then what no engine wanted to look at.
func (d *Decision) gaps(p *Profile) {
	for i := range d.Verdict.Gaps {
		g := &d.Verdict.Gaps[i]
		if d.onlyReported(p, g) {
			continue
		}
		a, key := p.gapAction(g)
		if d.raise(d.gapDisposition(a, g.Path != scan.HeadPath)) {
			d.Finding, d.Gap = nil, g
			d.Rule = fmt.Sprintf("%s (%s.%s = %s)", gapName(g), p.Name, key, blockOr(a))
			d.Reason = "The content could not be inspected: " + gapText(g.Reason) + "."
		}
	}
	// A message that could not be opened at all has gaps and no items: the gaps have said it.
	if d.Verdict.Looked || d.Verdict.Items == 0 && len(d.Verdict.Gaps) > 0 {
		return
	}
	if d.raise(d.gapDisposition(p.Unscannable, true)) {
		d.Finding, d.Gap = nil, nil
		d.Rule = fmt.Sprintf("not looked at (%s.unscannable = %s)", p.Name, blockOr(p.Unscannable))
		d.Reason = "The content could not be inspected: nothing here knows how to look at it."
	}
}

// raise makes the decision at least as strict as want, and reports whether it became stricter, to something
// that needs a reason.
func (d *Decision) raise(want Disposition) bool {
	if want == Unknown {
		want = Block
	}
	if want <= d.Action {
		return false
	}
	d.Action = want
	return want > Allow
}

// onlyReported reports whether a gap says no more than that a part of a document has more findings than are listed, all of
// them by rules whose findings are only reported there. Exemptions are not asked: where the others are is not known.
func (d *Decision) onlyReported(p *Profile, g *scan.Gap) bool {
	if g.Reason != scan.ReasonLimit || g.Limit != scan.LimitFindings {
		return false
	}
	listed := false
	for _, findings := range [][]scan.Finding{d.Verdict.Findings, d.Ignored} {
		for i := range findings {
			f := &findings[i]
			if f.Engine != g.Engine || f.Path != g.Path && (f.Item == nil || f.Item.Path != g.Path) {
				continue
			}
			if _, why := p.wants(f); why != documentsReport {
				return false
			}
			listed = true
		}
	}
	return listed
}

// documentsReport is what says that the findings in a document's own parts are let through.
const documentsReport = "documents = report"

// wants returns what is to be done about one finding, and what says so: "malware = block".
func (p *Profile) wants(f *scan.Finding) (Disposition, string) {
	if f.Severity == scan.Info {
		return Allow, "severity info"
	}
	if a, ok := p.Rules[f.Rule]; ok {
		return forced(a), "rules." + f.Rule + " = " + blockOr(a).String()
	}
	if a, ok := p.Classes[f.Class]; ok && f.Category != scan.WAF {
		return forced(a), "classes." + f.Class + " = " + blockOr(a).String()
	}
	if p.Pages == ActionReport && isPage(f) {
		return Allow, "pages = report"
	}
	if IsProgram(f) {
		return p.programs(f)
	}
	if p.Documents == ActionReport && f.Category == scan.Injection && f.Hint != HintBlock && (inDocument(f.Item) || inFlat(f)) {
		return Allow, documentsReport
	}
	a, key := p.action(f.Category)
	key += " = " + blockOr(a).String()
	switch {
	case a == ActionReport:
		return Allow, key
	case a == ActionRewrite:
		d, why := proposed(f)
		return d, key + ", " + why
	case a == ActionBlock && isMalware(f) && f.Hint == HintReport && !severe(f):
		return Allow, key + ", the rule asks for report"
	}
	return Block, key
}

// programs returns what is to be done about a program, and what says so.
func (p *Profile) programs(f *scan.Finding) (Disposition, string) {
	key := "programs = " + p.Programs.String()
	switch {
	case p.Programs == ProgramsAllow:
		return Allow, key
	case p.Programs == ProgramsPlaceholder && f.Hint == HintRewrite:
		return Rewrite, key
	}
	return Block, key
}

// pageTypes are media types of what browsers show and run.
var pageTypes = []string{
	"text/html", "application/xhtml+xml", "text/css", "text/javascript", "application/javascript",
	"application/x-javascript", "application/ecmascript", "text/ecmascript", "application/manifest+json", "text/cache-manifest",
}

// isPage reports whether the finding is what a web page is made of: it is in the body itself of a response for a
// URL, which says that it is a page and has the bytes of text or of one. Structure that is dangerous in any page
// (hidden characters, entity bombs) proposes a block, and is not excused.
func isPage(f *scan.Finding) bool {
	switch f.Category {
	case scan.Injection, scan.ActiveContent, scan.WAF:
	case scan.Malware, scan.Hazard, scan.Schema, scan.CategoryUnknown:
		return false
	}
	if f.Hint == HintBlock {
		return false
	}
	it := f.Item
	if it == nil || it.Parent != nil || it.Message == nil || it.Message.Direction != scan.Response || it.Message.URL == "" {
		return false
	}
	seen := it.Type == "text/plain" || slices.Contains(pageTypes, it.Type)
	return seen && matchType(pageTypes, it.Message.Type)
}

// The words of scan.Finding.Hint.
const (
	HintReport  = "report"
	HintRewrite = "rewrite"
	HintBlock   = "block"
	HintAllow   = "allow" // only with ClassAllowlisted: the item is known to be good
)

// ClassAllowlisted is the class of the finding by which an engine says that an item is on an allow list. With
// severity info and HintAllow, malware findings in the item, and in what was unpacked from it, do not count.
const ClassAllowlisted = "allowlisted"

// proposed returns what the rule's author wants done, or what fits the category if he did not say. The proposal is
// for a payload in force: one that is only weakly seen, or seen where it belongs (SQL in documentation), is lowered
// to low by the engine, and rewriting it would hurt honest data more often than it would help.
func proposed(f *scan.Finding) (Disposition, string) {
	if (f.Category == scan.Injection || f.Category == scan.WAF) && f.Severity == scan.Low {
		return Allow, "severity low"
	}
	switch f.Hint {
	case HintReport:
		return Allow, "the rule asks for report"
	case HintRewrite:
		return Rewrite, "the rule asks for rewrite"
	case HintBlock:
		return Block, "the rule asks for block"
	}
	switch f.Category {
	case scan.Injection, scan.ActiveContent, scan.WAF:
		return Rewrite, "the rule has no wish"
	case scan.Hazard, scan.Schema:
		if !severe(f) {
			return Allow, "severity below high"
		}
		return Block, "severity high"
	case scan.Malware, scan.CategoryUnknown:
	}
	return Block, "malware cannot be rewritten"
}

// forced carries out an action that names a class or rule: the rule's author is not asked.
func forced(a Action) Disposition {
	switch a {
	case ActionReport:
		return Allow
	case ActionRewrite:
		return Rewrite
	case ActionBlock, ActionUnset:
	}
	return Block
}

// gapDisposition returns what an action means for something in the body, or in the head, that was not looked at.
func (d *Decision) gapDisposition(a Action, body bool) Disposition {
	switch {
	case a == ActionReport:
		return Allow
	case d.later && body:
		return Rewrite
	}
	return Block
}

// blockOr returns what an action is taken for.
func blockOr(a Action) Action {
	if a == ActionReport || a == ActionRewrite {
		return a
	}
	return ActionBlock
}

func severe(f *scan.Finding) bool {
	return f.Severity >= scan.High || f.Severity == scan.SeverityUnknown
}

func isMalware(f *scan.Finding) bool {
	switch f.Category {
	case scan.Injection, scan.ActiveContent, scan.Hazard, scan.Schema, scan.WAF:
		return false
	case scan.Malware, scan.CategoryUnknown:
	}
	return true
}
