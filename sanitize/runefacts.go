package sanitize

import (
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// runeFact is what the passes over text beyond ASCII want to know of a character, in one load.
type runeFact uint16

const (
	factLetter    runeFact = 1 << iota
	factRTL                // Hebrew, Arabic
	factLookalike          // one of lookalikes
	factOdd                // lookText has to look at it by itself: marks, and what has no form of its own
	factUpper              // has a lower case
	factSettled            // stays as it is under decodeCompatibility, whatever stands around it
	factMark               // so does this behind one that is settled: a combining mark that combines with nothing
	factFolded             // becomes something else under it, whatever stands around it
	factBlank              // has no form of its own, or a blank one
	factAbove              // stands on the character before it: a mark that takes no space
)

// factPage is how many characters' facts are worked out at once, when a text has one of them: those of a script.
const factPage = 256

// factTable knows the facts of all characters. It may be used by many goroutines at the same time.
type factTable struct {
	pages [(unicode.MaxRune + 1) / factPage]atomic.Pointer[factsOfPage]
}

// factsOfPage are the facts of characters.
type factsOfPage struct {
	facts  [factPage]runeFact
	folded map[rune]string // what becomes of those that have factFolded
}

// runeFacts is the table of all texts.
var runeFacts = sync.OnceValue(func() *factTable { return &factTable{} })

// factsOf works a character's facts out, and puts into folded what becomes of it.
func factsOf(r rune, folded map[rune]string) (f runeFact) {
	if unicode.IsLetter(r) {
		f |= factLetter
	}
	if unicode.Is(unicode.Hebrew, r) || unicode.Is(unicode.Arabic, r) {
		f |= factRTL
	}
	if strings.ContainsRune(lookalikes, r) {
		f |= factLookalike
	}
	if invisible(r) || blankFiller(r) {
		f |= factBlank
	}
	if unicode.Is(unicode.Mn, r) {
		f |= factAbove
	}
	if f&(factBlank|factAbove) != 0 || 0x202A <= r && r <= 0x202E || 0x2066 <= r && r <= 0x2069 {
		f |= factOdd
	}
	if unicode.ToLower(r) != r {
		f |= factUpper
	}
	if c, ok := folds[r]; ok {
		folded[r] = string(rune(c))
		return f | factFolded
	}
	s := string(r)
	if norm.NFKC.QuickSpanString(s) < len(s) { // changes, or may combine with what stands before it
		if to := norm.NFKC.String(s); to != s && standsAlone(to) {
			folded[r] = to
			return f | factFolded
		}
		return f
	}
	if norm.NFKC.PropertiesString(s).CCC() == 0 {
		return f | factSettled
	}
	return f | factMark
}

// standsAlone reports whether nothing in s combines with what stands before it, and no mark behind it would move into it.
func standsAlone(s string) bool {
	last, _ := utf8.DecodeLastRuneInString(s)
	return len(s) > 0 && norm.NFKC.QuickSpanString(s) == len(s) && norm.NFKC.PropertiesString(s).CCC() == 0 && norm.NFKC.PropertiesString(string(last)).CCC() == 0
}

// fact is what is known of a character.
func (t *factTable) fact(r rune) runeFact {
	switch {
	case 0x4E00 <= r && r <= 0x9FA5, 0xAC00 <= r && r <= 0xD7A3:
		return factLetter | factSettled
	case uint32(r) > unicode.MaxRune: //nolint:gosec // a negative one is large
		return factOdd | factUpper
	}
	return t.page(r).facts[r%factPage]
}

// page returns the page of a character.
func (t *factTable) page(r rune) *factsOfPage {
	if p := t.pages[r/factPage].Load(); p != nil {
		return p
	}
	return t.turn(r / factPage)
}

// turn makes a page. Two goroutines may make the same one.
func (t *factTable) turn(number rune) *factsOfPage {
	p := &factsOfPage{folded: map[rune]string{}}
	for i := range p.facts {
		if r := number*factPage + rune(i); r >= utf8.RuneSelf {
			p.facts[i] = factsOf(r, p.folded)
		}
	}
	t.pages[number].Store(p)
	return p
}

// fold returns what becomes of a character that has factFolded.
func (t *factTable) fold(r rune) string { return t.page(r).folded[r] }

// settled returns how much of valid UTF-8 decodeCompatibility would leave as it is: up to the first character of which
// the table does not know that it does.
func settled(s []byte) int {
	facts := runeFacts()
	marked := true // a mark may not stand here
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i++
			marked = false
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		f := facts.fact(r)
		if f&factSettled == 0 && (f&factMark == 0 || marked) {
			return i
		}
		marked = f&factMark != 0
		i += n
	}
	return len(s)
}

// survey is what the layers of text beyond ASCII ask about all of it.
type survey struct {
	made    bool
	valid   bool // it is UTF-8
	tags    bool // tag characters occur
	visible bool // stripInvisible would leave it as it is
	settled bool // so would decodeCompatibility
}

// surveyOf asks once for all of them. Kinds are those of the bytes in s.
func surveyOf(s []byte, kinds byteKind) survey {
	v := survey{made: true, valid: true, visible: kinds&kindControl == 0, settled: true}
	facts := runeFacts()
	marked := true // a mark may not stand here
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i += asciiPrefix(s[i:])
			marked = false
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		f := facts.fact(r)
		if f&factSettled == 0 {
			v.settled = v.settled && f&factMark != 0 && !marked
		}
		if f&factBlank != 0 {
			v.visible = v.visible && !invisible(r)
			v.tags = v.tags || 0xE0020 <= r && r <= 0xE007E
		}
		if n == 1 {
			v.valid = false
		}
		marked = f&factMark != 0
		i += n
	}
	return v
}

// appendLower appends s in lower case, of all scripts, as bytes.ToLower makes it.
func appendLower(dst, s []byte) []byte {
	facts := runeFacts()
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		if facts.fact(r)&factUpper == 0 && r != utf8.RuneError { // which stands for bytes that are none
			dst = append(dst, s[i:i+n]...)
		} else {
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
		i += n
	}
	return dst
}

// lowerPlace returns where that stands in s which stands at i in what appendLower made of it: bytes that are no UTF-8 take
// more room there, and so do some capitals. A negative i stays what it is.
func lowerPlace(s []byte, i int) int {
	if i < 0 {
		return i
	}
	var one [utf8.UTFMax]byte
	at := 0
	for at < len(s) {
		_, n := utf8.DecodeRune(s[at:])
		if i -= len(appendLower(one[:0], s[at:at+n])); i < 0 {
			break
		}
		at += n
	}
	return at
}
