package sanitize

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lookText looks for characters that deceive: invisible ones, those that turn text around, look-alikes. It looks
// at the value as it came; layers would have taken them off.
func lookText(l *look) {
	if len(l.via) > 0 && l.via[len(l.via)-1] != "url" && l.via[len(l.via)-1] != "html" && l.via[len(l.via)-1] != "escape" && l.via[len(l.via)-1] != "base64" {
		return
	}
	var t textReading
	facts, ascii := runeFacts(), 0
	for i := 0; i < len(l.view); {
		if l.view[i] < utf8.RuneSelf {
			end := t.asciiRun(l, i)
			ascii += end - i
			i = end
			continue
		}
		r, n := utf8.DecodeRune(l.view[i:])
		if f := facts.fact(r); f&factOdd == 0 {
			t.plain(l, r, f, i)
		} else {
			t.odd(l, r, f, i, n)
		}
		i += n
	}
	t.word(l, len(l.view))
	l.charge(costBeyond * (len(l.view) - ascii))
	if t.hidden >= 3 && t.hidden*40 >= len(l.view) || t.soft >= 4 && t.soft*6 >= len(l.view) {
		l.sign(signTextInvisible, t.hiddenAt, t.hiddenAt+8)
	}
}

// textReading is what is known of a text up to a character.
type textReading struct {
	before, before2 rune
	tags            int // in a row
	marks           int // combining ones, in a row
	flag            bool
	selectors       int // in a row
	soft            int // soft hyphens
	hidden          int // invisible characters that nothing excuses
	hiddenAt        int
	rtl             bool // letters of a script that runs right to left occur
	wordStart       int
	scripts         alphabets
}

// alphabets is the alphabets of a word.
type alphabets uint8

const (
	scriptLatin     alphabets = 1 << iota
	scriptLookalike           // of lookalikes
	scriptOther
)

// odd reads a character that has factOdd.
func (t *textReading) odd(l *look, r rune, f runeFact, i, n int) {
	switch {
	case 0xE0000 <= r && r <= 0xE007F:
		t.tag(l, i)
		return
	case 0xFE00 <= r && r <= 0xFE0F, 0xE0100 <= r && r <= 0xE01EF:
		if t.selectors++; t.selectors == 3 {
			l.sign(signTextSelectors, i, i+n)
		}
		return
	case 0x202A <= r && r <= 0x202E, 0x2066 <= r && r <= 0x2069:
		if (r == 0x202D || r == 0x202E || !t.rtl) && !aroundNumber(l.view, r, i) {
			l.sign(signTextBidi, i, i+n)
		}
	case f&factBlank != 0:
		t.invisible(l, r, i)
	}
	t.tags, t.selectors = 0, 0
	t.stacked(l, r, f, i, n)
	t.shaped(l, r, f, i)
}

// closesBidi are the characters that end what embeddings and isolates from left to right begin.
var closesBidi = map[rune][]byte{0x202A: []byte("\u202c"), 0x2066: []byte("\u2069")}

// aroundNumber reports whether the character r at i begins or ends a piece of text that runs from left to right and is a
// telephone number, as the address books of telephones copy them.
func aroundNumber(s []byte, r rune, i int) bool {
	const most = 48 // bytes
	var piece []byte
	found := false
	switch r {
	case 0x202A, 0x2066:
		piece, _, found = bytes.Cut(s[i+3:min(len(s), i+most)], closesBidi[r])
	case 0x202C, 0x2069:
		before := s[max(0, i-most):i]
		open := []byte("\u202a")
		if r == 0x2069 {
			open = []byte("\u2066")
		}
		if at := bytes.LastIndex(before, open); at >= 0 {
			piece, found = before[at+len(open):], true
		}
	}
	digits := 0
	for _, c := range string(piece) {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case strings.ContainsRune("+-()./ \u00a0\u2010\u2011\u202f", c):
		default:
			return false
		}
	}
	return found && digits >= 5
}

// plain reads one of the characters that deceive by nothing but their look.
func (t *textReading) plain(l *look, r rune, f runeFact, i int) {
	t.tags, t.selectors, t.marks = 0, 0, 0
	t.shaped(l, r, f, i)
}

// shaped reads a character as what it looks like: a letter of an alphabet, or none.
func (t *textReading) shaped(l *look, r rune, f runeFact, i int) {
	t.rtl = t.rtl || f&factRTL != 0
	if f&factLetter == 0 {
		t.word(l, i)
		t.step(r)
		return
	}
	if t.scripts == 0 {
		t.wordStart = i
	}
	switch {
	case r < 0x250 || 0x1E00 <= r && r <= 0x1EFF:
		t.scripts |= scriptLatin
	case f&factLookalike != 0:
		t.scripts |= scriptLookalike
	default:
		t.scripts |= scriptOther
	}
	t.step(r)
}

// mostMarks is how many combining marks a letter of any script can bear.
const mostMarks = 8

// stacked counts marks on top of each other.
func (t *textReading) stacked(l *look, r rune, f runeFact, i, n int) {
	if r < 0x300 || 0x2E80 <= r && r < 0xFE00 || f&factAbove == 0 {
		t.marks = 0
		return
	}
	if t.marks++; t.marks == mostMarks+1 {
		l.sign(signTextStacked, i, i+n)
	}
}

func (t *textReading) step(r rune) { t.before2, t.before = t.before, r }

// asciiRun reads the ASCII that begins at i, and returns where it ends. Of words, all but the first and the last of it are
// of one alphabet.
func (t *textReading) asciiRun(l *look, i int) int {
	end := i + asciiPrefix(l.view[i:])
	s := l.view[i:end]
	if l.kinds&kindControl != 0 {
		for k, c := range s {
			t.ascii(l, rune(c), i+k)
			t.step(rune(c))
		}
		return end
	}
	t.tags, t.selectors, t.marks, t.flag = 0, 0, 0, false
	head := 0
	for head < len(s) && joinsWord[s[head]] {
		head++
	}
	t.latin(s[:head], i)
	if head < len(s) {
		t.word(l, i+head)
		tail := len(s)
		for joinsWord[s[tail-1]] { // head is not
			tail--
		}
		t.latin(s[tail:], i+tail)
	}
	if len(s) > 1 {
		t.step(rune(s[len(s)-2]))
	}
	t.step(rune(s[len(s)-1]))
	return end
}

// latin reads a part of a word, which begins at i.
func (t *textReading) latin(part []byte, i int) {
	for k, c := range part {
		if isLetter(c) {
			if t.scripts == 0 {
				t.wordStart = i + k
			}
			t.scripts |= scriptLatin
			return
		}
	}
}

// joinsWord is the ASCII that words, and names of hosts, are made of.
var joinsWord = func() (in [256]bool) {
	for i := range in {
		c := byte(i)
		in[i] = isLetter(c) || isDigit(c) || c == '-' || c == '.'
	}
	return in
}()

// asciiPrefix returns how much of s is ASCII up to the first byte that is not.
func asciiPrefix(s []byte) (n int) {
	for ; len(s)-n >= 8 && binary.LittleEndian.Uint64(s[n:])&0x8080808080808080 == 0; n += 8 {
	}
	for n < len(s) && s[n] < utf8.RuneSelf {
		n++
	}
	return n
}

func (t *textReading) ascii(l *look, r rune, i int) {
	t.tags, t.selectors, t.marks, t.flag = 0, 0, 0, false
	c := l.view[i]
	switch {
	case isLetter(c):
		if t.scripts == 0 {
			t.wordStart = i
		}
		t.scripts |= scriptLatin
	case isDigit(c), r == '-', r == '.':
	default:
		t.word(l, i)
	}
	if (r == 0 || r == 0x08 || r == 0x7F || 0x0E <= r && r <= 0x1A) && len(l.via) == 0 {
		l.sign(signTextControl, i, i+1)
	}
}

// tag counts tag characters. Behind a black flag they spell a region, up to six of them and an end.
func (t *textReading) tag(l *look, i int) {
	if t.tags == 0 {
		t.flag = t.before == 0x1F3F4
	}
	t.tags++
	if !t.flag || t.tags > 7 {
		l.sign(signTextTags, i, i+4)
	}
}

// invisible judges a zero-width character by its neighbours: joiners belong between emoji and into Indic, Arabic
// and Persian words, marks to scripts that run right to left, soft hyphens into words.
func (t *textReading) invisible(l *look, r rune, i int) {
	switch r {
	case 0x3164, 0xFFA0, 0x115F, 0x1160: // fillers: blank letters, which names are made of that nobody sees
		if !unicode.Is(unicode.Hangul, t.before) || blankFiller(t.before) {
			l.sign(signTextInvisible, i, min(len(l.view), i+3))
		}
		return
	case 0xAD, 0x200E, 0x200F, 0x61C, 0x180E:
		if r == 0xAD {
			t.soft++
		}
		if r == 0xAD || t.rtl || t.before == 0 || t.before == ' ' {
			return
		}
	case 0xFEFF:
		if i == 0 {
			return
		}
	case 0x200C, 0x200D:
		if t.before >= 0x300 {
			return
		}
	case 0x200B, 0x2060:
		if unspaced(t.before) {
			return
		}
		if t.before >= 0xE00 || t.before == 0 || t.before == ' ' || t.before == '\n' || t.before == '>' || t.before == '.' || t.before == '/' || t.before == ',' {
			if t.hidden == 0 {
				t.hiddenAt = i
			}
			t.hidden++
			return
		}
	}
	if i+3 < len(l.view) && t.before < utf8.RuneSelf && t.before > ' ' && i+utf8.RuneLen(r) < len(l.view) && isWord(l.view[i+utf8.RuneLen(r)]) {
		l.sign(signTextInvisible, i, i+3)
		return
	}
	if t.hidden == 0 {
		t.hiddenAt = i
	}
	t.hidden++
}

// unspaced reports whether the character is of a script that puts no spaces between words, and a zero-width one where
// a line may break: Thai, Lao, Tibetan, Burmese, Khmer, Tai and Javanese.
func unspaced(r rune) bool {
	return 0xE00 <= r && r <= 0xFFF || 0x1000 <= r && r <= 0x109F || 0x1780 <= r && r <= 0x17FF || 0x1950 <= r && r <= 0x1AAF || 0xA980 <= r && r <= 0xA9DF || 0xAA60 <= r && r <= 0xAADF
}

func blankFiller(r rune) bool { return r == 0x3164 || r == 0xFFA0 || r == 0x115F || r == 0x1160 }

// lookalikes are letters of Cyrillic and Greek with the shape of a Latin one (Unicode technical standard 39).
const lookalikes = "аеорсухіјѕԁһӏԛԝԍьАВЕКМНОРСТХІЈЅԌοαενικρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"

// word ends a word and judges its alphabets: Latin and Cyrillic letters in one name deceive. Names of products
// join them with a hyphen or a digit, which ends the run of letters but not the word.
func (t *textReading) word(l *look, end int) {
	if t.scripts == scriptLatin|scriptLookalike {
		w := l.view[t.wordStart:end]
		if domainLike(l.view, t.wordStart, end) || interleaved(w) {
			l.sign(signTextHomoglyph, t.wordStart, end)
		}
	}
	t.scripts = 0
}

// domainLike reports whether the word has the form of a host name, or stands in a URL or an address of mail.
func domainLike(s []byte, start, end int) bool {
	if start >= 3 && bytes.HasSuffix(s[:start], []byte("://")) || start > 1 && s[start-1] == '@' && isWord(s[start-2]) || end+1 < len(s) && s[end] == '@' && isLetter(s[end+1]) {
		return true
	}
	dot := bytes.LastIndexByte(s[start:end], '.')
	return dot > 0 && end-start-dot > 2 && dot < end-start-2
}

// interleaved reports whether alphabets change more than once between letters that touch.
func interleaved(w []byte) bool {
	changes := 0
	last := 0
	for i := 0; i < len(w); {
		r, n := utf8.DecodeRune(w[i:])
		i += n
		kind := 0
		switch {
		case n == 1 && isLetter(w[i-1]):
			kind = 1
		case strings.ContainsRune(lookalikes, r):
			kind = 2
		default:
			last = 0
			continue
		}
		if last != 0 && kind != last {
			changes++
		}
		last = kind
	}
	return changes >= 2
}
