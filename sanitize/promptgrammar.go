package sanitize

import (
	"bytes"
	"math/bits"
	"strings"

	"icapd/sanitize/wordset"
)

const (
	// maxOrders is the length beyond which orders to act and to answer prove nothing, in bytes: manuals are full
	// of them.
	maxOrders = 600

	// maxSentence is the length beyond which a sentence gives no order, in words.
	maxSentence = 45
)

// promptFlag is something that a sentence says by more than the presence of a word.
type promptFlag uint64

const (
	saysDrop       promptFlag = 1 << iota // drops what was said before
	saysInside                            // "your initial prompt"
	saysMine                              // what was said before is the writer's own
	saysLonger                            // "no longer"
	saysColon                             // ends with a colon
	saysNamed                             // holds an address: a URL, mail, a name with an underscore
	saysEquals                            // holds an assignment
	saysYouAre                            // "you are"
	saysYouSet                            // "you are", "you have", "you will": says what a model is to be
	saysActAs                             // "act as"
	saysOnward                            // "from now on"
	saysCalled                            // calls a model: "Dear AI,", "if you are an AI"
	saysForever                           // "nothing else"
	saysNotTask                           // "do not summarize"
	saysInstead                           // "instead"
	saysWhen                              // "when asked", "if anyone asks"
	saysAlways                            // and what is then always to be said
	saysReply                             // "your answer"
	saysLong                              // stands in a long text
	saysAbout                             // "everything about"
	saysPriorRules                        // "prior instructions"
	saysPolite                            // more than one word before the order
	saysEverything                        // "everything", "anything": what one drops without naming it
	saysUnasked                           // "do not ask for confirmation", "without telling"
	saysSecret                            // what the user must not be told
	saysReads                             // "an AI reading this"
	saysGranted                           // "authorised you"
	saysRank                              // what is said here goes before what governs
	saysGuard                             // "content policy", "safety checks"
	saysTakes                             // "adopt the persona"
	saysObeys                             // "never refuses"
	saysBefore                            // "before any other"
	saysRegardless                        // "regardless", "no matter"
	saysAsks                              // "what are your"
	saysWhat                              // begins with "what", "which"
	saysMail                              // holds an address of mail
	saysMe                                // "me" is whom it is told to serve
	saysYourself                          // "your purpose", "your loyalty"
	saysNewSelf                           // and that it is a new one
	saysMode                              // "mode"
	saysYourTool                          // "your file tool"
	saysAuthority                         // "I am your developer"
)

// promptSentence is what the words of a sentence come to.
type promptSentence struct {
	start, words int
	all          promptWord // of all words
	first        promptWord // of the verb that begins it, once the words before an order are skipped
	last, prev   promptWord // of the last words
	opened       bool       // first is set
	fillers      int
	flags        promptFlag
	score        int

	mine, not            bool // the word before was "my", "not"
	marks                promptMarks
	negated              bool // "not ask", "not wait"
	fromAt, yourAt, ifAt int  // which words "from", "your" and the "you" of "if you are" were
}

// promptGrammar weighs text sentence by sentence: not the phrases, but who is told to do what. It returns the heaviest
// stretch of three sentences, where it begins, and where instructions are dropped; -1 for none.
func promptGrammar(s []byte) (score, at, drop int) {
	g := promptReader{s: s, at: -1, drop: -1}
	for i := 0; i < len(s); {
		switch {
		case isPromptLetter(s[i]), leet[s[i]] != 0 && i+1 < len(s) && isLetter(s[i+1]) && (i == 0 || !isWord(s[i-1])):
			i = g.word(i)
		case sentenceEnds(s, i):
			g.punctuation(i)
			i++
		default:
			g.symbol(i)
			i++
		}
	}
	g.finish()
	if g.labels == labelUser|labelAssistant|labelAgain && g.score < promptThreshold {
		g.score, g.at = promptThreshold, max(g.at, 0)
	}
	return g.score, g.at, g.drop
}

// promptReader reads text to sentences.
type promptReader struct {
	s      []byte
	p      promptSentence
	window [3]promptSentence
	n      int
	labels uint8

	score, at, drop int

	judged promptSummary // of the sentence before
	weight int           // and what it weighs
}

// promptSummary is what the weight of a sentence hangs on: text that says the same again is weighed once.
type promptSummary struct {
	all, first promptWord
	flags      promptFlag
	words      int
}

// The bytes of words.
const (
	wordLetter = 1 << iota // and what is beyond ASCII
	wordDigit
	wordMark   // only between letters
	wordHyphen // is a mark, too
)

var wordBytes = func() (t [256]uint8) {
	for i := range t {
		switch c := byte(i); {
		case isPromptLetter(c):
			t[i] = wordLetter
		case isDigit(c):
			t[i] = wordDigit
		}
	}
	t['\''], t['-'] = wordMark, wordMark|wordHyphen
	return t
}()

func (g *promptReader) word(i int) int {
	s := g.s
	seen := wordBytes[s[i]]
	end := i + 1
	for end < len(s) {
		k := wordBytes[s[end]]
		if k == 0 || k >= wordMark && (end+1 >= len(s) || !isLetter(s[end+1])) {
			break
		}
		seen |= k
		end++
	}
	if g.p.words == 0 {
		g.p.start = i
	}
	g.spelled(s[i:end], seen&(wordDigit|wordHyphen) != 0)
	return end
}

// punctuation ends a sentence, or a clause of it.
func (g *promptReader) punctuation(i int) {
	p, c := &g.p, g.s[i]
	switch c {
	case ':':
		p.flags |= saysColon
		g.labels |= roleLabel(g.s[:i], p.words)
		if p.words <= 4 && (p.last&wModel != 0 || p.last&wJob != 0 && p.prev&wModel != 0) || p.words <= 12 && p.all&wModel != 0 && p.all&(wHail|wRules) != 0 || p.words <= 12 && p.marks.calls {
			p.flags |= saysCalled
		}
	case ',', '!', '.', '\n':
		if p.hail() && (c != '.' && c != '\n' || p.all&wHail != 0) {
			p.flags |= saysCalled
		}
	}
	if c == ',' {
		if p.dropsRules() {
			p.flags |= saysDrop
		}
		p.opened, p.marks.subject, p.marks.part = false, false, 0 // a verb behind a comma begins anew
		return
	}
	g.finish()
}

// symbol notes signs of addresses and assignments.
func (g *promptReader) symbol(i int) {
	switch c := g.s[i]; {
	case c == '=':
		g.p.flags |= saysEquals | saysNamed
	case c == '@':
		g.p.flags |= saysMail | saysNamed
	case c == '_', c == '/' && i > 0 && g.s[i-1] == '/':
		g.p.flags |= saysNamed
	}
}

// finish weighs the sentence with the two before it, and begins the next.
func (g *promptReader) finish() {
	p := g.p
	g.p = promptSentence{}
	if p.words == 0 {
		return
	}
	if len(g.s) > maxOrders {
		p.flags |= saysLong
	}
	g.judge(&p)
	if p.flags&saysDrop != 0 && g.drop < 0 {
		g.drop = p.start
	}
	g.window[g.n%3] = p
	g.n++
	sum, start, called := 0, p.start, promptFlag(0)
	for i := range g.window {
		w := &g.window[i]
		called |= w.flags & (saysCalled | saysReads)
		if sum += w.score; w.score > 0 {
			start = min(start, w.start)
		}
	}
	if called != 0 {
		sum += imperatives(&g.window)
	}
	if sum > g.score {
		g.score, g.at = sum, start
	}
}

// The labels of a conversation.
const (
	labelUser uint8 = 1 << iota
	labelAssistant
	labelAgain
)

// roleLabel reports whose turn a label of one word at the end of s begins.
func roleLabel(s []byte, words int) uint8 {
	if words != 1 {
		return 0
	}
	for i := range turnLabels {
		if l := &turnLabels[i]; bytes.HasSuffix(s, []byte(l.name)) {
			return l.bit
		}
	}
	return 0
}

// turnLabels are the names of speakers.
var turnLabels = [...]struct {
	name string
	bit  uint8
}{{"user", labelUser}, {"human", labelUser}, {"assistant", labelAssistant | labelAgain}, {"ai", labelAssistant}, {"bot", labelAssistant}}

func isPromptLetter(c byte) bool { return isLetter(c) || c >= 0x80 }

// sentenceEnds reports whether a sentence, or a clause, ends at i.
func sentenceEnds(s []byte, i int) bool {
	switch s[i] {
	case ':':
		return i+1 >= len(s) || s[i+1] != '/'
	case '\n', ';', ',', '|', '{', '}', '<', '>':
		return true
	case '.', '!', '?':
		return i+1 >= len(s) || isSpace(s[i+1]) || s[i+1] == '"' || s[i+1] == '.' || s[i+1] == '!'
	}
	return false
}

// imperatives weighs orders in a stretch that calls a model.
func imperatives(window *[3]promptSentence) int {
	sum := 0
	for i := range window {
		if window[i].first&(wTell|wAct|wSpeak|wPut|wDrop|wTask) != 0 || window[i].all&wMust != 0 {
			sum = 2
		}
	}
	return sum
}

// hail reports whether the words so far call a model: "Hello LLM", "Dear AI", "Assistant".
func (p *promptSentence) hail() bool {
	if p.last&wJob != 0 && p.all&wHail != 0 && p.words <= 3 && p.flags&saysMine == 0 {
		return true
	}
	if p.marks.bot && p.words <= 2 && p.flags&saysMine == 0 {
		return true
	}
	return p.words <= 6 && (p.last&wModel != 0 || p.last&wJob != 0 && p.prev&wModel != 0) && p.flags&saysMine == 0 && (p.words == 1 || p.fillers >= p.words-1 || p.all&wHail != 0 && p.words <= 5)
}

// word takes the next word, which can be k.
func (p *promptSentence) word(w []byte, k promptWord) {
	p.words++
	if k == 0 && turning.Of(w) == 0 { // as most words are
		p.mine, p.not, p.opened = false, false, true
		p.turns("", 0)
		p.prev, p.last = p.last, 0
		return
	}
	if p.mine && k&(wPrior|wThing|wRules) != 0 {
		p.flags |= saysMine
	}
	text := string(w)
	p.mine = text == "my" || text == "our"
	if k&wPeople != 0 && p.last&wModel != 0 { // an AI company
		p.all &^= wModel
		p.flags &^= saysCalled
	}
	p.pair(text, k)
	p.near(text, k)
	p.open(k)
	p.turns(text, k)
	p.all |= k
	p.prev, p.last = p.last, k
}

// open takes the verb that begins an order.
func (p *promptSentence) open(k promptWord) {
	switch {
	case p.opened, k&wYou != 0 && p.words == 2 && p.last&wFill != 0: // "could you"
	case k&(wTell|wAct|wSpeak|wPut|wDrop|wPersona|wTask) != 0 && (k&wFill == 0 || k&wDrop != 0):
		p.first, p.opened = k, true
	case k&wFill != 0 || k&wModel != 0 && p.words <= 3:
		if p.fillers++; p.fillers > 1 {
			p.flags |= saysPolite
		}
	default:
		p.opened = true
	}
}

// pairMeanings is what a word means behind another.
var pairMeanings = map[string]struct {
	before promptWord // the word before is one of these; 0 for any
	flags  promptFlag
}{
	"are": {wYou, saysYouAre | saysYouSet}, "re": {wYou, saysYouAre | saysYouSet}, "were": {wYou, saysYouAre | saysYouSet}, "become": {wYou, saysYouAre | saysYouSet},
	"have": {wYou, saysYouSet}, "will": {wYou, saysYouSet}, "now": {wYou, saysYouSet}, "must": {wYou, saysYouSet},
	"as": {wPersona, saysActAs}, "else": {wWhole, saysForever}, "longer": {0, saysLonger}, "instead": {0, saysInstead},
}

// turning is the words that pair, near and word itself ask for: all others say nothing that promptWords does not.
var turning = func() *wordset.Set {
	m := map[string]uint64{}
	for w := range strings.FieldsSeq("my our about always that everything anything heed attention mind confirmation approval permission asked asks ask " +
		"wait request not don't stop from on forward onwards you") {
		m[w] = 1
	}
	return wordset.New(m)
}()

// pair notes what two words in a row mean.
func (p *promptSentence) pair(w string, k promptWord) {
	if k&wPair != 0 {
		if m := pairMeanings[w]; m.before == 0 || p.last&m.before != 0 {
			p.flags |= m.flags
		}
	}
	switch w {
	case "about":
		if p.all&wEvery != 0 {
			p.flags |= saysAbout
		}
	case "always", "that":
		if p.flags&saysWhen != 0 {
			p.flags |= saysAlways
		}
	case "everything", "anything":
		p.flags |= saysEverything
	case "heed", "attention", "mind":
		if p.last&wFree != 0 { // "pay no attention", "never mind"
			p.first, p.opened = wDrop, true
			p.all |= wDrop
		}
	case "confirmation", "approval", "permission":
		if p.all&wFree != 0 || p.negated {
			p.flags |= saysUnasked
		}
	case "asked", "asks", "ask":
		if p.words <= 8 {
			p.flags |= saysWhen
		}
	}
	if k&wTask != 0 && (p.not || p.first&wDrop != 0) {
		p.flags |= saysNotTask
	}
	p.negated = p.negated || p.not && (w == "ask" || w == "wait" || w == "request")
	p.not = w == "not" || w == "don't" || w == "stop"
}

// near notes what words mean that stand a few words apart.
func (p *promptSentence) near(w string, k promptWord) {
	close := func(at, within int) bool { return at > 0 && p.words-at <= within }
	switch w {
	case "from":
		p.fromAt = p.words
	case "on", "forward", "onwards":
		if close(p.fromAt, 4) {
			p.flags |= saysOnward
		}
	case "you":
		if p.last == promptWords["if"] && p.words <= 4 {
			p.ifAt = p.words
		}
	}
	switch {
	case k&wModel != 0 && close(p.ifAt, 5) && p.flags&saysYouAre != 0:
		p.flags |= saysCalled
	case k&wRules != 0 && (p.last|p.prev)&wInside != 0 && close(p.yourAt, 4):
		p.flags |= saysInside
	case k&wRules != 0 && (p.last|p.prev)&wPrior != 0:
		p.flags |= saysPriorRules
	case k&wReply != 0 && close(p.yourAt, 2):
		p.flags |= saysReply
	}
	if k&wYour != 0 {
		p.yourAt = p.words
	}
}

// judge weighs the sentence.
func (g *promptReader) judge(p *promptSentence) {
	if p.dropsRules() {
		p.flags |= saysDrop
	}
	if p.words > maxSentence {
		return
	}
	if summary := (promptSummary{p.all, p.first, p.flags, p.words}); g.judged != summary {
		p.weighAll()
		g.judged, g.weight = summary, p.score
	}
	p.score = g.weight
}

func (p *promptSentence) weighAll() {
	for flags := p.flags; flags != 0; flags &= flags - 1 {
		p.weigh(featuresBy.flag[bits.TrailingZeros64(uint64(flags))])
	}
	if p.first != 0 {
		p.weigh(featuresBy.first)
	}
	if p.all != 0 {
		p.weigh(featuresBy.words)
	}
}

func (p *promptSentence) weigh(features []promptFeature) {
	for i := range features {
		if f := &features[i]; f.weighs(p) {
			p.score += f.weight
		}
	}
}

// featuresBy has promptFeatures by what a sentence must have at least for one of them to hold.
var featuresBy = func() (by struct {
	flag  [64][]promptFeature // by the lowest of a feature's flags
	first []promptFeature     // of those without flags: what begins the order
	words []promptFeature     // what is left
},
) {
	for _, f := range promptFeatures {
		switch {
		case f.flags != 0:
			i := bits.TrailingZeros64(uint64(f.flags))
			by.flag[i] = append(by.flag[i], f)
		case f.first != 0:
			by.first = append(by.first, f)
		default:
			by.words = append(by.words, f)
		}
	}
	return by
}()

// dropsRules reports whether the sentence orders to drop what was said before.
func (p *promptSentence) dropsRules() bool {
	if p.first&wDrop == 0 || p.flags&saysAbout != 0 {
		return false
	}
	switch {
	case p.all&wRules != 0 && p.all&(wPrior|wYour|wEvery|wGiven) != 0 && p.flags&saysMine == 0:
		return true
	case p.all&wRules != 0 && p.all&wInside != 0:
		return true
	case p.all&wEvery != 0 && p.all&(wPrior|wGiven)&^promptWords["everything"] != 0 && p.flags&saysMine == 0 && p.words <= 20:
		return p.all&(wThing|wGiven) != 0 || p.flags&saysEverything != 0
	case p.all&wThing != 0 && p.all&wPrior != 0 && p.all&wEvery != 0:
		return true
	case p.marks.system:
		return true
	case p.all&(wThing|wRules) != 0 && p.all&wGiven != 0 && p.flags&saysYouAre != 0 && p.flags&saysMine == 0:
		return true
	case p.marks.guarded:
		return true
	}
	return false
}
