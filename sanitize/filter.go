package sanitize

import (
	"slices"
	"strings"
)

// minLiteral is the shortest literal that a rule may use, in bytes.
const minLiteral = 2

// literal is one string that the filter looks for, and who asked for it.
type literal struct {
	text   string
	groups group
	rules  []int // indexes into Engine.rules
}

// filter is the pass that every value goes through: it finds literals, in any ASCII case, and the kinds of bytes.
// Of each literal it looks for four bytes that text seldom has, in a table of bits that fits the nearest cache, and
// compares the rest only where these occur. Literals of two and three bytes have a table of their own, of pairs.
type filter struct {
	bytes    [256]byteEntry
	fours    [1 << (fourBits - 6)]uint64
	twos     [1 << (16 - 6)]uint64
	heads    [1 << headBits]int32 // by hash: the first of chain, plus one
	chain    []probeEntry
	literals []literal
}

const (
	fourBits = 18
	headBits = 12
)

// byteEntry is what the pass wants to know of a byte, in one load.
type byteEntry struct {
	fold uint32 // the byte, in lower case; a space for white space within a line, which sinks take for one
	kind byteKind
}

// probeEntry is a literal under the bytes by which it is found, with what decides whether it is worth comparing.
type probeEntry struct {
	key    uint32 // two bytes or four
	next   int32  // of the chain, plus one
	text   string
	groups group // of detectors: groupLiteral is ruled
	pair   bool  // key is two bytes
	ruled  bool  // rules ask for it
	beyond int32 // bytes of the literal behind the key
	id     int32
}

// newFilter builds the tables from the rules' literals and the detectors' own triggers.
func newFilter(rules []*Rule) *filter {
	f := &filter{}
	for i := range f.bytes {
		fold := uint32(i)
		if 'A' <= i && i <= 'Z' {
			fold += 'a' - 'A'
		}
		if isSpace(byte(i)) && i != '\n' {
			fold = ' '
		}
		f.bytes[i] = byteEntry{fold, kindOf[i]}
	}
	index := map[string]int{}
	add := func(text string) *literal {
		text = f.folded(text)
		i, ok := index[text]
		if !ok {
			i = len(f.literals)
			index[text] = i
			f.literals = append(f.literals, literal{text: text})
		}
		return &f.literals[i]
	}
	eachTrigger(func(word string, g group) { add(word).groups |= g })
	for _, w := range foreignTriggers() {
		add(w).groups |= groupPrompt | groupForeign
	}
	for _, w := range disguisedTriggers() {
		add(w).groups |= groupPrompt
	}
	for i, r := range rules {
		for _, text := range r.Literals {
			l := add(text)
			l.groups |= groupLiteral
			if !slices.Contains(l.rules, i) {
				l.rules = append(l.rules, i)
			}
		}
	}
	load := map[uint32]int{}
	for i := range f.literals {
		f.enter(int32(i), load)
	}
	return f
}

// eachTrigger shows every word of triggers to see, and the words that join conditions of SQL at the end of a line, too: with
// what stands before them, because in short literals most ends of lines would look like one.
func eachTrigger(see func(word string, g group)) {
	for _, t := range triggers {
		for w := range strings.FieldsSeq(t.words) {
			see(strings.ReplaceAll(w, "~", " "), t.group)
		}
	}
	for _, word := range []string{"or", "and", "xor"} {
		see(" "+word+"\n", groupLogic)
		see("\n"+word+"\n", groupLogic)
		see("\n"+word+" ", groupLogic)
	}
}

// folded returns text as the pass sees it.
func (f *filter) folded(text string) string {
	out := []byte(text)
	for i, c := range out {
		out[i] = byte(f.bytes[c].fold) //nolint:gosec // it is one
	}
	return string(out)
}

// enter puts a literal under the rarest four of its bytes, or two if it has not as many.
func (f *filter) enter(id int32, load map[uint32]int) {
	l := &f.literals[id]
	e := probeEntry{text: l.text, groups: l.groups &^ groupLiteral, ruled: len(l.rules) > 0, id: id}
	width := 4
	if e.pair = len(l.text) < width; e.pair {
		width = 2
	}
	best, at := 1<<30, 0
	for i := 0; i+width <= len(l.text); i++ {
		if cost := rarity(l.text[i:i+width]) + load[probeKey(l.text[i:i+width])]; cost < best {
			best, at = cost, i
		}
	}
	e.key, e.beyond = probeKey(l.text[at:at+width]), int32(len(l.text)-at-width) //nolint:gosec // literals are short
	head := &f.heads[headHash(e.key)]
	if e.pair {
		f.twos[e.key>>6] |= 1 << (e.key & 63)
	} else {
		load[e.key] += 15 // so that no four bytes stand for many literals
		h := fourHash(e.key)
		f.fours[h>>6] |= 1 << (h & 63)
	}
	e.next = *head
	f.chain = append(f.chain, e)
	*head = int32(len(f.chain)) //nolint:gosec // see newFilter
}

// probeKey makes a number of up to four bytes.
func probeKey(s string) (key uint32) {
	for _, c := range []byte(s) {
		key = key<<8 | uint32(c)
	}
	return key
}

// rarity is lower the less often text has the bytes.
func rarity(s string) (cost int) {
	if strings.Contains(commonRuns, s) {
		cost = 300
	}
	for i := range len(s) {
		cost += commonness[s[i]]
		if i+3 <= len(s) && strings.Contains(commonThrees, s[i:i+3]) {
			cost += 150
		}
	}
	return cost
}

func fourHash(key uint32) uint32 { return key * 0x9E3779B1 >> (32 - fourBits) }

func headHash(key uint32) uint32 { return key * 0x85EBCA6B >> (32 - headBits) }

// commonRuns are pieces of names, URLs and prose that JSON is full of although their bytes are not: any two or four bytes
// of one count as common. "~" stands for a space.
var commonRuns = strings.NewReplacer(" ", "\n", "~", " ").Replace("https:// api. .github.com/ ub. users/ %2C from down or kind exp class cli text comment history print follow mention " +
	"admin script start private owner this session view review sign label search active request developer return their " +
	"tion track prev char shell error 100. scar mode serve tech config /dev ough source function author page html line " +
	"your help secret schema cache java screen tend method mark lock web- import without progress igno response location " +
	"odel very close real clos any elpe :0 :1 :2 :3 :4 :5 :6 :7 :8 :9 .. () pg ~and~ ~com his~ now~ to~t read~ d~th ~if~ o~th ~sen ion~ hing ment rece /pri ontr \xe2\x80")

// commonThrees run together what English prose, JSON and URLs are full of; any three bytes of it count as common.
const commonThrees = "the and ing ion ent tion for ate ons .com .co com. https:// http:// tps: www. api/ api. rep post resp name type pe\": user ser_ text ext url\" urls data stat con prop per ter ist est all age med red str " +
	"tring ment ran gra scr null ull, true rue, false als se, 000 201 202 ass cla sub ver ers comm low org github.com git/ hub. oth err int numb ber min max size pla iss itio ces ive \"re \"id\": \"na \"cr /us /ap /re com/ s\":" +
	" {\" [{\" \",\" \": \" \":\" }, { fol rip sub pri age ore mag fin ory gan lin rec sto sta tor ref net oun unt ide cre ted ati ica cat lis tes ces der ord ers ain rat ont ore ind ack ick ess are not you tha his her was hat tim ime dat ate eve ery one our out day get has him how man new now old see two way who boy did its let put say she too use res ren sca cou tab abl ble lab bel" +
	" print point follow following transfer admin comment comments private owner public action active activity about create feature change changes view " +
	"publish difference attribute instance collection select search language install request requests work merge develop developer return download parent " +
	"discuss question session license trace config insert review large service shell character mail previous package project community start library ruby " +
	"will which this build error node function guide here chat long operate shown context text description script repository directory history common allow with vertical content identity operator from have" +
	" iti tit itl tle des esc cri ipt pti tio val alu lue ued mes ess ssa sag age key eys opt pti tru fal art ber ing ead lea rea ad_ _at _id id\" e\": d\": t\": y\": r\": l\": n\": 0\", 1\", e\", s\", d\", t\", y\", r\", l\", n\","

// commonness says how often a byte occurs in text, roughly: a letter's share of English prose and JSON in tenths of
// a percent, at least 1.
var commonness = func() (c [256]int) {
	for i := range c {
		c[i] = 1
	}
	for i, b := range []byte(" etaoinsrhldcumfpgwybvkxjqz") {
		c[b] = max(130-5*i, 3)
	}
	for b := byte('0'); b <= '9'; b++ {
		c[b] = 30
	}
	for _, b := range []byte(".,-_/:\"{}[]") {
		c[b] = 60
	}
	return c
}()

// run passes over data once. It returns the detector groups that want a look and the kinds of bytes that occur, and
// leaves in w where rule literals end; w may be nil if nobody asks.
func (f *filter) run(data []byte, w *literalHits) (groups group, kinds byteKind) {
	if w != nil {
		w.reset(len(f.literals))
	}
	return f.part(data, 0, len(data), w)
}

// part is run on the bytes from start to end, as part of a pass over data that began elsewhere.
func (f *filter) part(data []byte, start, end int, w *literalHits) (groups group, kinds byteKind) {
	var recent uint32 // the last four bytes
	for _, b := range data[max(0, start-3):start] {
		recent = recent<<8 | f.bytes[b].fold
	}
	for i, c := range data[start:end] {
		e := f.bytes[c]
		kinds |= e.kind
		recent = recent<<8 | e.fold
		h := fourHash(recent)
		if f.fours[h>>6&(1<<(fourBits-6)-1)]>>(h&63)&1 != 0 { // the mask spares a check of bounds
			groups |= f.verify(data, start+i+1, recent, false, groups, w)
		}
		if two := recent & 0xFFFF; f.twos[two>>6&(1<<10-1)]>>(two&63)&1 != 0 {
			groups |= f.verify(data, start+i+1, two, true, groups, w)
		}
	}
	return groups, kinds
}

// kindsIn returns the kinds of bytes that occur.
func kindsIn(data []byte) (kinds byteKind) {
	for len(data) >= 4 {
		kinds |= kindOf[data[0]] | kindOf[data[1]] | kindOf[data[2]] | kindOf[data[3]]
		data = data[4:]
	}
	for _, c := range data {
		kinds |= kindOf[c]
	}
	return kinds
}

// verify compares the literals under a key whose bytes end at end, but for those that would add nothing to the groups
// that are known and the hits in w.
func (f *filter) verify(data []byte, end int, key uint32, pair bool, known group, w *literalHits) (groups group) {
	for at := f.heads[headHash(key)]; at != 0; {
		p := &f.chain[at-1]
		at = p.next
		if p.key != key || p.pair != pair {
			continue
		}
		last := end + int(p.beyond)
		if p.groups&^known == 0 && (!p.ruled || w == nil || w.near(p.id, last)) {
			continue
		}
		start := last - len(p.text)
		if start < 0 || last > len(data) || !f.same(data[start:last], p.text) {
			continue
		}
		groups |= p.groups
		if p.ruled {
			groups |= groupLiteral
			if w != nil {
				w.add(p.id, last)
			}
		}
	}
	return groups
}

// same reports whether s is text, which is in lower case, in any case.
func (f *filter) same(s []byte, text string) bool {
	for i := range s {
		if f.bytes[s[i]].fold != uint32(text[i]) {
			return false
		}
	}
	return true
}

// literalHit is where a rule's literal ends. Hits of one literal closer than hitDistance count as one: the
// windows that expressions are tried on reach further than that.
type literalHit struct {
	literal int32
	end     int
}

const hitDistance = 128

// literalHits collects hits, and is used again for the next value.
type literalHits struct {
	hits []literalHit
	last []int // by literal: end of the last hit that counted, 0 for none
}

func (w *literalHits) reset(literals int) {
	if len(w.last) < literals {
		w.last = make([]int, literals)
	}
	for i := range w.hits {
		w.last[w.hits[i].literal] = 0
	}
	w.hits = w.hits[:0]
}

// near reports whether a hit of the literal that ends at end would count as the one before it.
func (w *literalHits) near(id int32, end int) bool {
	last := w.last[id]
	return last > 0 && end-last < hitDistance
}

func (w *literalHits) add(id int32, end int) {
	if w.near(id, end) {
		return
	}
	w.last[id] = end
	w.hits = append(w.hits, literalHit{literal: id, end: end})
}
