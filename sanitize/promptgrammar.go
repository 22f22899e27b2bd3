package sanitize

import "bytes"

// maxOrders is the length beyond which orders to act and to answer prove nothing, in bytes: manuals are full of them.
const maxOrders = 600

// maxSentence is the length beyond which a sentence gives no order, in words.
const maxSentence = 45

// promptSentence is what the words of a sentence come to.
type promptSentence struct {
	start   int
	words   int
	all     promptWord // of all words
	first   promptWord // of the verb that begins it, once the words before an imperative are skipped
	opened  bool       // first is set
	hailed  bool       // begins by calling a model
	fillers int
	score   int
	drops   bool // drops what was said before
	last    promptWord
	prev    promptWord // of the word before
	mine    bool       // the word before was "my"
	my      bool       // what was said before is the writer's own
	colon   bool       // ends with a colon
	always  bool
	forever bool // "nothing else"
	equals  bool // holds an assignment
	inside  bool // "your initial prompt"
	reply   bool // "your answer"
	yourAt  int  // which word "your" was
	ifAt    int  // which word "you" of "if you are" was
	called  bool // "if you are an AI"
	long    bool // stands in a long text
	prevNot bool
	fromAt  int // which word "from" was
	about   bool
	named   bool // holds an address: URL, mail, a name with an underscore
	youAre  bool
	youSet  bool // "you are", "you have", "you will": says what a model is to be
	actAs   bool
	onward  bool // "from now on", "from this point"
	longer  bool // "no longer"
	notTask bool // "do not summarize"
	when    bool // "when asked", "if anyone asks"
	instead bool
}

// promptGrammar weighs text sentence by sentence: not the phrases, but who is told to do what. It returns the heaviest
// stretch of three sentences, where it begins, and where instructions are dropped; -1 for none.
func promptGrammar(s []byte) (score, at, drop int) {
	drop, at = -1, -1
	var window [3]promptSentence
	n := 0
	finish := func(p promptSentence) {
		if p.words == 0 {
			return
		}
		p.long = len(s) > maxOrders
		p.judge()
		if p.drops && drop < 0 {
			drop = p.start
		}
		window[n%3] = p
		n++
		sum, start := 0, p.start
		for _, w := range window {
			if sum += w.score; w.score > 0 && w.words > 0 {
				start = min(start, w.start)
			}
		}
		if window[0].hailed || window[1].hailed || window[2].hailed {
			sum += imperatives(&window)
		}
		if sum > score {
			score, at = sum, start
		}
	}
	var (
		p      promptSentence
		labels uint8
	)
	for i := 0; i < len(s); {
		c := s[i]
		if isPromptLetter(c) {
			end := i + 1
			for end < len(s) && (isPromptLetter(s[end]) || isDigit(s[end]) || (s[end] == '\'' || s[end] == '-') && end+1 < len(s) && isLetter(s[end+1])) {
				end++
			}
			if p.words == 0 {
				p.start = i
			}
			p.word(s[i:end])
			i = end
			continue
		}
		if ends, n := sentenceEnd(s, i); ends {
			if c == ':' && (p.words <= 4 && p.last&wModel != 0 || p.words <= 12 && p.all&wModel != 0 && p.all&(wHail|wRules) != 0) || (c == ',' || c == '!') && p.hail() {
				p.hailed = true
			}
			if c == ':' {
				p.colon = true
				labels |= roleLabel(s[:i], p.words)
			}
			if c != ',' {
				finish(p)
				p = promptSentence{}
			} else {
				p.opened = false // a verb behind a comma begins anew
			}
			i += n
			continue
		}
		if c == '@' || c == '_' || c == '=' || c == '/' && i > 0 && s[i-1] == '/' {
			p.named = true
			p.equals = p.equals || c == '='
		}
		i++
	}
	finish(p)
	if labels == labelUser|labelAssistant|labelAgain && score < promptThreshold {
		score, at = promptThreshold, max(at, 0)
	}
	return score, at, drop
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
	for _, l := range []struct {
		name string
		bit  uint8
	}{{"user", labelUser}, {"human", labelUser}, {"assistant", labelAssistant | labelAgain}, {"ai", labelAssistant}, {"bot", labelAssistant}} {
		if bytes.HasSuffix(s, []byte(l.name)) {
			return l.bit
		}
	}
	return 0
}

func isPromptLetter(c byte) bool { return isLetter(c) || c >= 0x80 }

// sentenceEnd reports whether a sentence, or a clause, ends at i.
func sentenceEnd(s []byte, i int) (bool, int) {
	switch s[i] {
	case ':':
		return i+1 >= len(s) || s[i+1] != '/', 1
	case '\n', ';', ',', '|', '{', '}', '<', '>':
		return true, 1
	case '.', '!', '?':
		return i+1 >= len(s) || isSpace(s[i+1]) || s[i+1] == '"' || s[i+1] == '.' || s[i+1] == '!', 1
	}
	return false, 1
}

// imperatives weighs orders in a stretch that calls a model.
func imperatives(window *[3]promptSentence) int {
	sum := 0
	for i := range window {
		if window[i].words > 0 && (window[i].first&(wTell|wAct|wSpeak|wPut|wDrop|wTask) != 0 || window[i].all&wMust != 0) {
			sum = 2
		}
	}
	return sum
}

// hail reports whether the words so far call a model: "Hello LLM", "Dear AI", "Assistant".
func (p *promptSentence) hail() bool {
	return p.words <= 6 && p.last&wModel != 0 && (p.words == 1 || p.fillers >= p.words-1 || p.all&wHail != 0 && p.words <= 5)
}

// word takes the next word.
func (p *promptSentence) word(w []byte) {
	k := promptWords[string(w)]
	p.words++
	p.my = p.my || p.mine && k&(wPrior|wThing|wRules) != 0
	p.mine = string(w) == "my" || string(w) == "our"
	if k&wPeople != 0 && p.last&wModel != 0 {
		p.all &^= wModel
		p.hailed = false
	}
	p.pairs(w, k)
	if !p.opened {
		switch {
		case k&(wTell|wAct|wSpeak|wPut|wDrop|wPersona|wTask) != 0 && !(k&wFill != 0 && k&wDrop == 0):
			p.first, p.opened = k, true
		case k&wFill != 0 || k&wModel != 0 && p.words <= 3:
			p.fillers++
		default:
			p.opened = true
		}
	}
	p.all |= k
	p.prev, p.last = p.last, k
}

// pairs notes what two words in a row mean.
func (p *promptSentence) pairs(w []byte, k promptWord) {
	switch string(w) {
	case "about":
		p.about = p.about || p.all&wEvery != 0
	case "are", "re", "were", "become":
		p.youAre = p.youAre || p.last&wYou != 0
		p.youSet = p.youSet || p.last&wYou != 0
	case "always", "that":
		p.always = p.always || p.when
	case "else":
		p.forever = p.last&wWhole != 0
	case "have", "will", "now", "must":
		p.youSet = p.youSet || p.last&wYou != 0
	case "as", "to":
		p.actAs = p.actAs || p.last&wPersona != 0 && string(w) == "as"
	case "on", "forward", "onwards":
		p.onward = p.onward || p.from()
	case "longer":
		p.longer = true
	case "heed", "attention", "mind":
		if p.last&wFree != 0 { // "pay no attention", "never mind"
			p.first, p.opened = wDrop, true
			p.all |= wDrop
		}
	case "from":
		p.prev = 0
	case "asked", "asks", "ask":
		p.when = p.when || p.words <= 8
	case "instead":
		p.instead = true
	}
	if k&wTask != 0 && (p.prevNot || p.first&wDrop != 0) {
		p.notTask = true
	}
	p.prevNot = string(w) == "not" || string(w) == "don't" || string(w) == "stop"
	if string(w) == "you" && p.last == promptWords["if"] && p.words <= 4 {
		p.ifAt = p.words
	}
	p.called = p.called || p.ifAt > 0 && p.youAre && k&wModel != 0 && p.words-p.ifAt <= 5
	p.inside = p.inside || k&wRules != 0 && (p.last|p.prev)&wInside != 0 && p.yourAt > 0 && p.words-p.yourAt <= 4
	p.reply = p.reply || k&wReply != 0 && p.yourAt > 0 && p.words-p.yourAt <= 2
	if k&wYour != 0 {
		p.yourAt = p.words
	}
	if string(w) == "from" {
		p.fromAt = p.words
	}
}

// from reports whether "from" stands a few words back: "from now on", "from this point forward".
func (p *promptSentence) from() bool { return p.fromAt > 0 && p.words-p.fromAt <= 4 }

// judge weighs the sentence.
func (p *promptSentence) judge() {
	all, first := p.all, p.first
	has := func(k promptWord) bool { return all&k != 0 }
	add := func(n int, cond bool) {
		if cond {
			p.score += n
		}
	}
	p.drops = p.dropsRules()
	add(3, p.drops)
	if p.words > maxSentence {
		return
	}
	// What governs the model is asked for, or called off.
	add(5, p.inside)
	add(1, p.inside && (first&wTell != 0 || has(wYou)))
	add(4, has(wRules) && has(wYou) && has(wGiven))
	tells := first&wTell != 0 && has(wRules) && (has(wYour) || has(wGiven) && has(wYou))
	add(4, tells)
	add(2, tells && has(wEvery|wInside))
	add(6, !p.long && first&wTell != 0 && has(wEvery) && has(wPrior) && !p.my && p.words >= 3 && p.words <= 14 && has(wThing|wRules|wData) && !has(wUser))
	add(4, !p.long && has(wRules|wThing) && has(wYour|wPrior) && has(wOver) && (has(wYour) || p.longer) && !p.my)
	add(3, has(wRules) && has(wPrior) && has(wOver) && !has(wYour))
	add(3, has(wRules) && has(wPrior) && has(wOver) && has(wEvery))
	add(3, !p.long && has(wNew) && has(wRules|wThing) && (has(wYour|wYou) || p.colon && p.words <= 6) && !p.named)
	// Who it is told to be.
	add(3, p.actAs && (first&wPersona != 0 || has(wYou)) && (has(wYou|wYour) || p.fillers > 1))
	add(3, p.youAre && (has(wKind) || has(wModel) && !p.long))
	add(2, p.youAre && has(wKind|wModel) && has(wFill))
	add(2, first&wDrop != 0 && has(wModel) && p.words <= 6)
	add(3, has(wFree) && has(wLimit) && (p.youSet || has(wModel|wPersona) || has(wYour)))
	add(3, has(wFree) && has(wLimit) && (p.youSet || has(wKind)))
	add(3, has(wMode) && has(wModel|wKind) && p.youSet)
	add(2, p.longer && has(wYou|wYour) && has(wRules|wLimit))
	p.judgeOrders(has, add)
}

// judgeOrders weighs what a model is told to do and say.
func (p *promptSentence) judgeOrders(has func(promptWord) bool, add func(int, bool)) {
	first := p.first
	called := p.hailed || p.called
	p.hailed = called
	add(4, called)
	if p.long {
		return
	}
	add(4, p.onward && (has(wYou) || first&wSpeak != 0))
	add(2, p.onward && has(wSpeak|wPersona) && has(wYou|wEvery))
	add(5, first&wSpeak != 0 && has(wWhole) && p.words <= 24 && !has(wData))
	add(1, first&wSpeak != 0 && p.forever && p.words <= 24)
	add(1, first&wTell != 0 && has(wData))
	add(3, p.notTask)
	add(3, p.instead && first&(wTell|wSpeak|wAct) != 0)
	add(4, p.when && has(wSpeak) && has(wYou|wEvery|wFill))
	add(2, p.when && has(wSpeak) && p.always)
	add(3, p.reply && first&(wPut|wTell|wSpeak|wAct) != 0)
	add(2, p.reply && has(wUser|wData))
	add(2, has(wUser) && first&(wAct|wTell|wPut) != 0 && has(wData|wTool))
	add(3, first&wAct != 0 && has(wTool) && (p.named || has(wUser) || has(wYour)))
	add(3, first&wAct != 0 && has(wTool) && p.equals)
	add(2, first&wAct != 0 && has(wTool) && has(wData))
	add(2, first&wAct != 0 && has(wData) && p.named && (has(wUser|wModel) || has(wTool)))
	add(2, has(wModel) && has(wMust) && has(wAct|wSpeak|wTell))
}

// dropsRules reports whether the sentence orders to drop what was said before.
func (p *promptSentence) dropsRules() bool {
	if p.first&wDrop == 0 || p.about {
		return false
	}
	switch {
	case p.all&wRules != 0 && p.all&(wPrior|wYour|wEvery|wGiven) != 0 && !p.my:
		return true
	case p.all&wRules != 0 && p.all&wInside != 0:
		return true
	case p.all&wEvery != 0 && p.all&(wPrior|wGiven)&^promptWords["everything"] != 0 && !p.my && p.words <= 20:
		return p.all&(wThing|wGiven) != 0 || p.all&promptWords["everything"] != 0
	case p.all&wThing != 0 && p.all&wPrior != 0 && p.all&wEvery != 0:
		return true
	}
	return false
}

// foreignDrop finds an order to drop instructions in another language than English.
func foreignDrop(s []byte) int {
	s = bytes.ToLower(s)
	const reach = 60
	for i := range foreignDrops {
		for _, verb := range foreignDrops[i].verbs {
			at := bytes.Index(s, []byte(verb))
			if at < 0 || at > 0 && isLetter(s[at-1]) {
				continue
			}
			near := s[max(0, at-reach):min(len(s), at+len(verb)+reach)]
			for _, object := range foreignDrops[i].objects {
				if bytes.Contains(near, []byte(object)) && verb != "ignore" {
					return at
				}
			}
		}
	}
	return -1
}
