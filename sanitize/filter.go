package sanitize

import "strings"

// minLiteral is the shortest literal that a rule may use, in bytes.
const minLiteral = 2

// literal is one string that the filter looks for, and who asked for it.
type literal struct {
	text   string
	groups group
	rules  []int // indexes into Engine.rules
}

// filter is the pass that every value goes through: it finds literals, in any ASCII case, and the kinds of bytes.
// Of each literal it looks for three bytes that text seldom has, in a table of bits that fits the nearest cache, and
// compares the rest only where these occur. Literals of two bytes have a table of their own.
type filter struct {
	bytes    [256]byteEntry
	threes   [1 << (threeBits - 6)]uint64
	twos     [1 << (16 - 6)]uint64
	heads    [1 << headBits]int32 // by hash: the first of chain, plus one
	chain    []probeEntry
	literals []literal
}

const (
	threeBits = 18
	headBits  = 12

	// twoMark tells the keys of two bytes from those of three.
	twoMark = 1 << 24
)

// byteEntry is what the pass wants to know of a byte, in one load.
type byteEntry struct {
	fold uint32 // the byte, in lower case
	kind byteKind
}

// probeEntry is a literal under the bytes by which it is found.
type probeEntry struct {
	key     uint32
	literal int32
	beyond  int32 // bytes of the literal behind the key
	next    int32 // of the chain, plus one
}

// newFilter builds the tables from the rules' literals and the detectors' own triggers.
func newFilter(rules []*Rule) *filter {
	f := &filter{}
	for i := range f.bytes {
		fold := uint32(i)
		if 'A' <= i && i <= 'Z' {
			fold += 'a' - 'A'
		}
		f.bytes[i] = byteEntry{fold, kindOf[i]}
	}
	index := map[string]int{}
	add := func(text string) *literal {
		text = string(lower(nil, []byte(text)))
		i, ok := index[text]
		if !ok {
			i = len(f.literals)
			index[text] = i
			f.literals = append(f.literals, literal{text: text})
		}
		return &f.literals[i]
	}
	for _, t := range triggers {
		for w := range strings.FieldsSeq(t.words) {
			add(strings.ReplaceAll(w, "~", " ")).groups |= t.group
		}
	}
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
			l.rules = append(l.rules, i)
		}
	}
	load := map[uint32]int{}
	for i := range f.literals {
		f.enter(int32(i), load)
	}
	return f
}

// enter puts a literal under the rarest three of its bytes, or under its two.
func (f *filter) enter(id int32, load map[uint32]int) {
	text := f.literals[id].text
	if len(text) == 2 {
		key := uint32(text[0])<<8 | uint32(text[1])
		f.twos[key>>6] |= 1 << (key & 63)
		f.link(probeEntry{key: key | twoMark, literal: id})
		return
	}
	best, at := 1<<30, 0
	for i := 0; i+3 <= len(text); i++ {
		cost := commonness[text[i]] + commonness[text[i+1]] + commonness[text[i+2]] + load[threeKey(text[i:])]
		if strings.Contains(commonThrees, text[i:i+3]) {
			cost += 150
		}
		if cost < best {
			best, at = cost, i
		}
	}
	key := threeKey(text[at:])
	load[key] += 15 // so that no three bytes stand for many literals
	h := threeHash(key)
	f.threes[h>>6] |= 1 << (h & 63)
	f.link(probeEntry{key: key, literal: id, beyond: int32(len(text) - at - 3)}) //nolint:gosec // literals are short
}

func (f *filter) link(e probeEntry) {
	head := &f.heads[headHash(e.key)]
	e.next = *head
	f.chain = append(f.chain, e)
	*head = int32(len(f.chain)) //nolint:gosec // see newFilter
}

func threeKey(s string) uint32 { return uint32(s[0])<<16 | uint32(s[1])<<8 | uint32(s[2]) }

func threeHash(key uint32) uint32 { return key * 0x9E3779B1 >> (32 - threeBits) }

func headHash(key uint32) uint32 { return key * 0x85EBCA6B >> (32 - headBits) }

// commonThrees run together what English prose, JSON and URLs are full of; any three bytes of it count as common.
const commonThrees = "the and ing ion ent tion for ate ons .com .co com. https:// http:// tps: www. api/ api. rep post resp name type pe\": user ser_ text ext url\" urls data stat con prop per ter ist est all age med red str " +
	"tring ment ran gra scr null ull, true rue, false als se, 000 201 202 ass cla sub ver ers comm low org github.com git/ hub. oth err int numb ber min max size pla iss itio ces ive \"re \"id\": \"na \"cr /us /ap /re com/ s\":" +
	" {\" [{\" \",\" \": \" \":\" }, { fol rip sub pri age ore mag fin ory gan lin rec sto sta tor ref net oun unt ide cre ted ati ica cat lis tes ces der ord ers ain rat ont ore ind ack ick ess are not you tha his her was hat tim ime dat ate eve ery one our out day get has him how man new now old see two way who boy did its let put say she too use res ren sca cou tab abl ble lab bel" +
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
	var recent uint32 // the last three bytes
	for _, b := range data[max(0, start-2):start] {
		recent = recent<<8 | f.bytes[b].fold
	}
	for i := start; i < end; i++ {
		e := f.bytes[data[i]]
		kinds |= e.kind
		recent = (recent<<8 | e.fold) & (1<<24 - 1)
		h := threeHash(recent)
		if f.threes[h>>6&(1<<(threeBits-6)-1)]>>(h&63)&1 != 0 { // the mask spares a check of bounds
			groups |= f.verify(data, i+1, recent, groups, w)
		}
		if two := recent & 0xFFFF; f.twos[two>>6&(1<<10-1)]>>(two&63)&1 != 0 {
			groups |= f.verify(data, i+1, two|twoMark, groups, w)
		}
	}
	return groups, kinds
}

// verify compares the literals under a key whose bytes end at end, but for those that would add nothing to the groups
// that are known and the hits in w.
func (f *filter) verify(data []byte, end int, key uint32, known group, w *literalHits) (groups group) {
	for at := f.heads[headHash(key)]; at != 0; {
		p := &f.chain[at-1]
		at = p.next
		if p.key != key {
			continue
		}
		l := &f.literals[p.literal]
		last := end + int(p.beyond)
		start := last - len(l.text)
		if l.groups&^(known|groupLiteral) == 0 && (len(l.rules) == 0 || w == nil || w.near(p.literal, last)) {
			continue
		}
		if start < 0 || last > len(data) || !f.same(data[start:last], l.text) {
			continue
		}
		groups |= l.groups
		if len(l.rules) > 0 && w != nil {
			w.add(p.literal, last)
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
