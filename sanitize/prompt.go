package sanitize

import (
	"bytes"
	"math"
	"slices"

	"icapd/sanitize/prompts"
)

// lookPrompt looks for text that is addressed to a language model rather than to a reader: orders to drop its
// instructions, markup of conversations and tool calls, orders in hidden places. Single phrases prove nothing, so
// what is said is weighed: who is addressed, what it is told to do, to what, and where that stands.
func lookPrompt(l *look) {
	if len(l.low) < minPrompt && !bytes.HasPrefix(l.low, []byte("</")) {
		return
	}
	if l.groups&groupPrompt == 0 { // nothing that the grammar would know
		if l.wanted(signPromptModel) {
			l.judgeOrders(l.judge(), 0)
		}
		return
	}
	plain := l.low
	defer func() { l.low = plain }()
	if out, found := despaced(l.scratch[:0], plain); found {
		l.charge(costSpaced * len(plain))
		l.low, l.scratch = out[:min(len(out), len(plain))], out[:0]
	}
	p := promptReading{s: l.low}
	p.read()
	v := l.judge()
	if p.override >= 0 && !l.hiddenText() && l.inPassing(p.override, v) {
		p.override = -1
	}
	if p.role >= 0 && named(l.low, p.role) && l.inPassing(p.role, v) {
		p.role = -1
	}
	for _, m := range []struct {
		at   int
		sign sign
	}{{p.role, signPromptRole}, {p.tool, signPromptTool}, {p.override, signPromptOverride}} {
		if m.at >= 0 {
			l.sign(m.sign, m.at, min(len(l.low), m.at+80))
		}
	}
	l.construe(&p, v)
	if i := brokenSection(l.low); i >= 0 {
		l.sign(signPromptRole, i, min(len(l.low), i+80))
	}
	if p.best < promptThreshold && forgedTurn(l.low) {
		p.best, p.first = promptThreshold, 0
	}
	threshold := promptThreshold
	if len(l.low) > longOrder {
		threshold += 2
	}
	if p.override < 0 && p.best >= threshold && v.Score > modelDoubts-doubtShare*float64(max(0, p.best-surely)) {
		l.sign(signPromptOrder, p.first, min(len(l.low), p.first+80))
	}
	if (p.override >= 0 || p.best >= promptThreshold-2 && p.addressed && v.Score > modelDoubts) && l.hiddenText() {
		l.sign(signPromptHidden, p.first, min(len(l.low), p.first+80))
	}
	if i := max(leakingLink(l.low), talkingHole(l.low)); i >= 0 {
		l.sign(signPromptExfiltration, i, min(len(l.low), i+80))
	}
	l.judgeOrders(v, p.best)
}

// construe adds what the grammar makes of the view, unless that cannot change what is found: most prose has the words of
// orders and no more, which the model, cheaper to ask, tells for sure.
func (l *look) construe(p *promptReading, v prompts.Verdict) {
	if v.Score <= modelDenies && p.override < 0 && !p.addressed {
		return
	}
	l.charge(costGrammar * len(l.low))
	score, at, drop := promptGrammar(l.low)
	l.drops(p, drop, v)
	if bannerAt(l.low) >= 0 && score > 0 {
		score += 4
	}
	if score > p.best {
		p.best, p.first = score, at
	}
}

// mostJudged bounds what the model is asked about of a value and its layers, mostJudgedItem what of all values of an
// item, in bytes: it costs more than other detectors. The grammar reads on.
const (
	mostJudged     = 32 << 10
	mostJudgedItem = 256 << 10
)

// judge asks the model about the view. What it was not asked about, or has no opinion of, it neither finds nor denies.
func (l *look) judge() prompts.Verdict {
	none := prompts.Verdict{Score: modelSilent}
	left := min(mostJudged-l.judged, mostJudgedItem-l.judgedItem)
	if left <= 0 {
		return none
	}
	text := l.low[:min(len(l.low), left)]
	l.judged, l.judgedItem = l.judged+len(text), l.judgedItem+len(text)
	l.charge(costJudge + costJudgeByte*len(text))
	v := l.engine.prompts.Judge(text, &l.orders)
	if math.IsInf(v.Score, -1) {
		return none
	}
	return v
}

// drops takes an order to drop instructions that the grammar saw at drop, or else one in another language.
func (l *look) drops(p *promptReading, drop int, v prompts.Verdict) {
	denies := float64(modelDenies)
	if drop < 0 && l.groups&groupForeign != 0 {
		l.folded = appendLower(l.folded[:0], l.low)
		drop, denies = lowerPlace(l.low, foreignDrop(l.folded)), modelDeniesForeign
	}
	if p.override < 0 && drop >= 0 && v.Score > denies && !l.inPassing(drop, v) {
		p.override = drop
		l.sign(signPromptOverride, drop, min(len(l.low), drop+80))
	}
}

// around is how much of a long text the model is asked about on either side of an order to drop instructions, in bytes.
const around = 240

// inPassing reports whether the order to drop instructions, or the marker of a speaker's turn, at i is none to the model,
// which thinks v of the view: prose speaks of such orders and markers, and manuals skip rules and replace policies of their
// own in one paragraph or another. Of a long text the model is asked about that place alone.
func (l *look) inPassing(i int, v prompts.Verdict) bool {
	if len(l.low) > longOrder {
		l.charge(costJudge + costJudgeByte*2*around)
		v = l.engine.prompts.Judge(l.low[max(0, i-around):min(len(l.low), i+around)], &l.orders)
		if math.IsInf(v.Score, -1) {
			return false
		}
	}
	return v.Score < modelMentions
}

// named reports whether the marker at i stands in a sentence, as one that is spoken of does: behind a word, or in
// quotes.
func named(s []byte, i int) bool {
	if i == 0 {
		return false
	}
	if c := s[i-1]; c == '`' || c == '"' || c == '\'' || c == '(' {
		return true
	}
	j := i
	for j > 0 && s[j-1] == ' ' {
		j--
	}
	return j < i && j > 0 && (isWord(s[j-1]) || s[j-1] == ',')
}

// modelDoubts and modelDenies are the scores of the model from which down an order that the grammar saw, and one to
// drop instructions, count no more: text that has all the words and is known to give no orders.
const (
	modelDoubts = -2.5
	modelDenies = -6

	// surely is the weight of an order from which each point more makes up for doubtShare of the model's doubts.
	surely     = 9
	doubtShare = 0.25

	// modelSilent is the score of a model that was not asked: above what denies, and so far down that the grammar alone
	// makes no finding of the model's.
	modelSilent = -2

	// modelMentions is that for an order to drop instructions, or a marker, that a text names.
	modelMentions = -3

	// modelDeniesForeign is that for an order in another language, which a verb and a noun make.
	modelDeniesForeign = -3
)

// judgeOrders asks the trained model, which knows orders by how they are worded where the grammar knows how they are
// built. What the grammar saw of one counts.
func (l *look) judgeOrders(v prompts.Verdict, grammar int) {
	if !l.wanted(signPromptModel) {
		return
	}
	if v.Score+float64(min(grammar, promptThreshold))*grammarShare < 0 {
		return
	}
	known := len(l.hits)
	l.sign(signPromptModel, v.Start, v.End)
	for i := range l.hits[known:] {
		if !l.explains() {
			return
		}
		why := bytes.Join(l.engine.prompts.Reasons(l.low, v, orderReasons, &l.orders), []byte(" … "))
		l.hits[known+i].Excerpt = excerpt(why, 0, len(why))
	}
}

// grammarShare is what a point of the grammar adds to the model's score.
const grammarShare = 0.25

// orderReasons is how many pieces of a text a finding names that made the model decide.
const orderReasons = 4

// minPrompt is the length below which text gives no order, in bytes.
const minPrompt = 16

// promptThreshold is the weight from which text counts as an order to a language model.
const promptThreshold = 6

// longOrder is the length from which it takes more: in long text some words come together by chance. In bytes.
const longOrder = 400

// roleMarkers are delimiters of conversation formats, which models take for the start of another speaker's turn.
var roleMarkers = []string{
	"<|im_start|>", "<|im_end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>", "<|begin_of_text|>", "<|end_of_turn|>", "<|endofprompt|>", "<|fim_", "<|channel|>", "<|message|>", "<|tool_call",
	"[inst]", "[/inst]", "<<sys>>", "<</sys>>", "<start_of_turn>", "<end_of_turn>", "<|prompter|>", "<bos>", "</s><s>", "[system_prompt]", "[available_tools]", "[tool_calls]", "[system](#", "### instruction:", "###system", "### system", "{\"role\":\"system\"", "{\"role\": \"system\"", "\"role\":\"system\",\"content\"", "### system:", "### new instructions", "###instruction", "{{#system", "<system_prompt>", "</system_prompt>", "<system>", "</system>", "<system-reminder>", "</user_input>", "</untrusted", "</document_content>", "</tool_response>", "</function_results>", "<<human_", "<|human|>", "\nhuman:", "\nassistant:", "\n\nassistant:", "begin system prompt", "end of system prompt", "<assistant>", "<|start|>", "[end of user input]", "[system message]", "[system override]", "[admin override]", "[developer message]", "system override:", "admin override:", "assistant: sure", "assistant: of course", "assistant: certainly", "<admin_override", "<admin-override", "<system_override", "<system-override", "<system_message", "<system-message", "<system_instruction", "<system-instruction", "<system-prompt", "<developer_message", "<developer-message", "<admin_message", "<assistant_instruction", "<ai_instruction", "<ai-instruction", "<llm_", "<llm-", "<hidden_instruction", "<hidden-instruction",
}

// toolMarkers are what models write to call tools.
var toolMarkers = []string{"<tool_call", "<function_call", "<invoke name=", "<function=", "\"tool_calls\":", "\"function_call\":", "<tool_use", "<antml", "<|python_tag|>", "<tool>", "<function_results>", "<tool_response>", "<tool_result", "action input:", "```tool_code", "{\"tool\":", "{\"action\":"}

// commonMarkers are markers that also stand in other text; they count beside words to a model.
var commonMarkers = map[string]bool{
	"<system>": true, "</system>": true, "<assistant>": true, "\nassistant:": true, "\nhuman:": true, "<bos>": true, "[inst]": true, "[/inst]": true,
	"<tool>": true, "action input:": true, "{\"tool\":": true, "{\"action\":": true,
}

// speaksToModel reports whether the text has a word of those that models are addressed with.
func speaksToModel(s []byte) bool {
	return containsAny(s, "you are", "ignore", "instruction", "prompt", "you must", "respond", "reply", "assistant", "reveal", "answer", "[/inst]", "credential", "override", "guardrail", "api key", "do not tell", "without asking")
}

// hasArguments reports whether a call of a tool goes on as one.
func hasArguments(s []byte) bool {
	return containsAny(s, "\"arguments\"", "\"parameters\"", "thought:", "action_input", "action: ")
}

// hiddenText reports whether the view hides text from readers: in comments, in styles that show nothing, in
// characters that were taken off to see it.
func (l *look) hiddenText() bool {
	for _, v := range l.via {
		if v == "tags" || v == "invisible" || v == "base64" {
			return true
		}
	}
	return containsAny(l.low, "<!--", "display:none", "display: none", "visibility:hidden", "visibility: hidden", "font-size:0", "font-size: 0", "opacity:0", "opacity: 0", "color:white", "color: white", "color:#fff", "[//]: #", "[comment]: #", "aria-hidden", "<details")
}

// promptReading weighs one text.
type promptReading struct {
	s        []byte
	override int // where an order to drop instructions stands, -1 for none
	first    int

	role, tool int // where a marker stands, -1 for none
	best       int // the heaviest score of a stretch
	addressed  bool
	last       int // end of the phrase before

	speaks, arguments answer
	objects, befores  phraseCursor
	weights           [partMention + 1]int
}

// answer is what a question about the whole of a text comes to, which is asked at most once.
type answer struct{ asked, yes bool }

func (a *answer) of(question func([]byte) bool, s []byte) bool {
	if !a.asked {
		a.asked, a.yes = true, question(s)
	}
	return a.yes
}

// score weighs who is addressed, what is ordered, about what. Orders without an addressee or an object of a model's
// world are orders to people.
func (p *promptReading) score() int {
	if p.weights[partAddress]+p.weights[partPersona]+p.weights[partObject]+p.weights[partMention] == 0 {
		return 0
	}
	sum := 0
	for _, w := range p.weights {
		sum += w
	}
	if sum == p.weights[partObject]+p.weights[partMention] { // names things of a model's world, and orders nothing
		return 0
	}
	return sum
}

// promptPart says which of a reading's weights a phrase adds to.
type promptPart uint8

const (
	partAddress promptPart = iota
	partOrder
	partObject
	partLeak
	partUrgency
	partPersona
	partMention
	partVerb // of an order to drop instructions
	partRole
	partTool
)

// promptPhrase is what a phrase of promptSet means.
type promptPhrase struct {
	part   promptPart
	weight int
}

// promptSet finds all phrases in one pass; promptMeaning says what they mean.
var promptSet, promptMeaning = func() (*phrases, []promptPhrase) {
	var (
		texts   []string
		meaning []promptPhrase
	)
	for part, list := range map[promptPart]wordList{
		partAddress: addresses, partOrder: orders, partObject: objects, partLeak: leaks, partUrgency: urgencies, partPersona: personas, partMention: mentions,
	} {
		for _, w := range list {
			texts, meaning = append(texts, w.text), append(meaning, promptPhrase{part, w.weight})
		}
	}
	for part, list := range map[promptPart][]string{partVerb: overrideVerbs, partRole: roleMarkers, partTool: toolMarkers} {
		for _, text := range list {
			texts, meaning = append(texts, text), append(meaning, promptPhrase{part: part})
		}
	}
	return newPhrases(texts), meaning
}()

// most is how much a part can weigh, however many of its phrases occur.
var most = [...]int{partAddress: 5, partOrder: 5, partObject: 4, partLeak: 4, partUrgency: 3, partPersona: 6, partMention: 3}

// read weighs the text.
func (p *promptReading) read() {
	p.override, p.first, p.role, p.tool = -1, -1, -1, -1
	var seen [1024]bool
	promptSet.each(p.s, func(i, start, end int) bool {
		m := promptMeaning[i]
		switch m.part {
		case partVerb:
			if p.override < 0 && p.orders(start, end) {
				p.override = start
			}
			return true
		case partRole:
			if p.role < 0 && (!commonMarkers[promptSet.literals[i]] || p.speaks.of(speaksToModel, p.s)) {
				p.role = start
			}
			return true
		case partTool:
			if p.tool < 0 && (!commonMarkers[promptSet.literals[i]] || p.arguments.of(hasArguments, p.s)) {
				p.tool = start
			}
			return true
		default:
		}
		if start-p.last > promptReach { // a new stretch: what is said far apart is not one order
			p.close()
			clear(seen[:])
		}
		p.last = end
		if seen[i] {
			return true
		}
		seen[i] = true
		p.weights[m.part] = min(p.weights[m.part]+m.weight, most[m.part])
		if p.first < 0 || start < p.first {
			p.first = start
		}
		return true
	})
	p.close()
	p.first = max(p.first, 0)
}

// promptReach is how far apart the phrases of one order may stand, in bytes.
const promptReach = 240

// close weighs a stretch of text and begins the next.
func (p *promptReading) close() {
	if s := p.score(); s > p.best {
		p.best, p.addressed = s, p.weights[partAddress]+p.weights[partMention] > 0
	}
	p.weights = [partMention + 1]int{}
}

// orders reports whether the verb between start and end orders to drop what was said before.
func (p *promptReading) orders(start, end int) bool {
	if start > 0 && isLetter(p.s[start-1]) || end < len(p.s) && isLetter(p.s[end]) {
		return false
	}
	return p.imperative(start) && p.droppedObject(end, !weakVerbs[string(p.s[start:end])])
}

// overrideReach is how far the object may stand from the verb, in bytes.
const overrideReach = 60

// imperative reports whether the verb at i gives an order: it begins a clause, or follows words with which orders
// begin. "You can ignore", "will be ignored", "to ignore" describe.
func (p *promptReading) imperative(i int) bool {
	before := bytes.TrimRight(p.s[max(0, i-40):i], " \t\r\n*_\"'`>#-")
	if len(before) == 0 {
		return true
	}
	switch before[len(before)-1] {
	case '.', '!', '?', ':', ';', ',', ')', ']', '}', '{', '(', '|', '/', '=', '<', 0:
		return true
	}
	for _, w := range orderLeads[before[len(before)-1]] {
		if bytes.HasSuffix(before, []byte(w)) && (len(before) == len(w) || !isLetter(before[len(before)-len(w)-1])) {
			return true
		}
	}
	// Behind a line break or a wide gap a sentence begins.
	gap := p.s[max(0, i-3):i]
	return bytes.IndexByte(gap, '\n') >= 0
}

// orderLeads are words behind which a verb gives an order, by their last byte.
var orderLeads = func() (by [256][]string) {
	for _, w := range []string{"please", "now", "must", "should", "to you:", "and", "then", "now on", "this point", "kindly", "just", "first", "completely", "immediately", "entirely", "important", "but", "you will", "shall", "simply", "also", "ai", "assistant", "instead", "need to", "have to", "want you to", "going to", "let's", "stop", "so", "task", "hello", "hi", "ok", "well", "system", "note", "attention", "urgent", "warning", "user", "step 1", "order", "please do"} {
		last := w[len(w)-1]
		by[last] = append(by[last], w)
	}
	return by
}()

// weakVerbs are verbs of overrideVerbs that are said of things as well: for them "all previous" is no object.
var weakVerbs = map[string]bool{"replace": true, "delete": true, "reset": true, "cancel": true, "skip": true, "drop": true, "erase": true, "remove": true, "void": true, "cease": true}

// droppedObject reports whether what was said before is what is to be dropped. Bare says whether it need not be named:
// "ignore all previous".
func (p *promptReading) droppedObject(from int, bare bool) bool {
	rest := p.s[from:min(len(p.s), from+overrideReach)]
	if end := bytes.IndexAny(rest, ".!?;\n"); end >= 0 {
		rest = rest[:end]
	}
	if bytes.Contains(rest, []byte(" about ")) && bytes.Contains(rest, []byte("everything")) {
		return false
	}
	begins := func(h phraseHit) bool { return h.start == from || h.start > from && !isLetter(p.s[h.start-1]) }
	if !slices.ContainsFunc(p.objects.within(objectSet, p.s, from, from+len(rest)), func(h phraseHit) bool {
		o := overrideObjects[h.id]
		return begins(h) && (bare || o != "all previous" && o != "all prior" && o != "anything before")
	}) {
		return false
	}
	return slices.ContainsFunc(p.befores.within(beforeSet, p.s, from, from+len(rest)), begins)
}

// objectSet finds overrideObjects, and beforeSet words that say which of them are meant, in one pass each.
var (
	objectSet = newPhrases(overrideObjects)
	beforeSet = newPhrases([]string{"all", "previous", "prior", "above", "earlier", "your", "any", "preceding", "former", "the system", "system", "what", "everything", "these", "those", "existing", "original", "current", "the user", "initial", "safety", "given", "past", "other", "every", "vorherigen", "précédentes", "anteriores", "precedenti", "eerdere", "the instructions", "my instructions", "the rules", "the prompt"})
)

// leakingLink finds a link or image whose address has a place for what a model knows.
func leakingLink(s []byte) int {
	for from := 0; ; {
		i := bytes.Index(s[from:], []byte("]("))
		if i < 0 {
			return -1
		}
		i += from
		from = i + 2
		end := bytes.IndexByte(s[from:min(len(s), from+400)], ')')
		if end < 0 {
			continue
		}
		url := s[from : from+end]
		if !bytes.HasPrefix(url, []byte("http")) {
			continue
		}
		for _, hole := range []string{"{conversation", "{secret", "{user", "{data", "{summary", "{history", "{chat", "{context", "{api_key", "{prompt", "[conversation", "[data", "[insert", "[summary", "[user", "[secret", "<conversation", "<data", "<insert", "your_data"} {
			if bytes.Contains(url, []byte(hole)) {
				return i
			}
		}
	}
}
