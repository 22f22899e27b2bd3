package sanitize

import (
	"bytes"
	"math"
	"strings"
)

// contextSet is a set of contexts that speak against a payload: text in which the words of a sink's language
// are at home.
type contextSet uint8

// contextNames are the kinds of text in the order of their bits.
var contextNames = []string{"code", "markdown", "prose", "html", "sentence"}

// contextProse is the bit of prose.
const contextProse contextSet = 1 << 2

// maxContext bounds how much of a text is read to tell its kind, in bytes.
const maxContext = 8 << 10

// contextTests tell the kinds of text, in the order of contextNames. Payloads are short and stand on one line; what
// is called code or markdown here has several lines of it, so that a payload cannot dress up cheaply.
var contextTests = [...]func(*textShape) bool{looksLikeCode, looksLikeMarkdown, looksLikeProse, looksLikeHTML, looksLikeSentence}

// textShape is what one pass over a text tells of its kind: most texts lack the bytes that a kind is made of.
type textShape struct {
	text []byte

	plain  int // letters, white space, bytes beyond ASCII and the punctuation of prose
	spaces int
	breaks int // line feeds
	ticks  int // grave accents
	stars  int
	angles int // opening ones
	bars   int
	closes int // closing brackets

	counted  bool // wordsIn is set
	wordsIn  int
	measured bool // the text was passed over
}

// shapeCounts has a byte's share of the counts of a textShape, eight bits each.
var shapeCounts = func() (t [256]uint64) {
	for i := range t {
		c := byte(i)
		if isLetter(c) || isSpace(c) || c >= 0x80 || c == '.' || c == ',' || c == '\'' {
			t[i] = 1
		}
		if at := strings.IndexByte(" \n`*<|]", c); at >= 0 {
			t[i] |= 1 << (8 * (at + 1))
		}
	}
	return t
}()

// measure counts bytes, unless that is done.
func (t *textShape) measure() {
	if t.measured {
		return
	}
	t.measured = true
	for text := t.text; len(text) > 0; {
		part := text[:min(len(text), 255)] // so many fit eight bits
		text = text[len(part):]
		var sum uint64
		for _, c := range part {
			sum += shapeCounts[c]
		}
		for i, n := range [...]*int{&t.plain, &t.spaces, &t.breaks, &t.ticks, &t.stars, &t.angles, &t.bars, &t.closes} {
			*n += int(sum >> (8 * i) & 0xFF)
		}
	}
}

// words is [words] of the text, counted once.
func (t *textShape) words() int {
	if !t.counted {
		t.wordsIn, t.counted = words(t.text), true
	}
	return t.wordsIn
}

// looksLikeCode wants several lines, and among them a good share that end or begin as lines of programs do.
func looksLikeCode(t *textShape) bool {
	text := t.text
	if bytes.HasPrefix(text, []byte("Traceback (most recent")) || bytes.HasPrefix(text, []byte("@@ -")) || bytes.HasPrefix(text, []byte("diff --git ")) {
		return true
	}
	if t.measure(); t.breaks < 2 {
		return false
	}
	if bytes.HasPrefix(text, []byte("#!/")) || bytes.HasPrefix(text, []byte("#! /")) {
		return true
	}
	lines, code := 0, 0
	for line := range bytes.Lines(text) {
		trimmed := bytes.TrimSpace(line)
		if len(trimmed) == 0 {
			continue
		}
		lines++
		if codeLine(line, trimmed) {
			code++
		}
	}
	return lines >= 3 && code*3 >= lines
}

// codeStarts are words and signs with which lines of programs begin, by their first byte.
var codeStarts = func() (by [256][]string) {
	for _, p := range []string{"//", "#include", "import ", "from ", "package ", "def ", "func ", "class ", "return", "* ", "/*", "+", "if ", "for ", "end", "assert", "@", "const ", "let ", "var ", "use ", "$ "} {
		by[p[0]] = append(by[p[0]], p)
	}
	return by
}()

func codeLine(line, trimmed []byte) bool {
	switch trimmed[len(trimmed)-1] {
	case ';', '{', '}', '(', ',', ':', '\\':
		return len(trimmed) > 1 || trimmed[0] == '}' || trimmed[0] == '{'
	case ')', ']':
		return bytes.ContainsAny(trimmed, "(=[")
	}
	for _, p := range codeStarts[trimmed[0]] {
		if bytes.HasPrefix(trimmed, []byte(p)) {
			return true
		}
	}
	indented := line[0] == '\t' || bytes.HasPrefix(line, []byte("    "))
	return indented && bytes.ContainsAny(trimmed, "=(.[")
}

// looksLikeMarkdown wants two different signs of it, or a fenced block.
func looksLikeMarkdown(t *textShape) bool {
	text := t.text
	t.measure()
	if t.ticks >= 6 && bytes.Count(text, []byte("```")) >= 2 || t.bars >= 3 && looksLikeTable(text) {
		return true
	}
	signs := 0
	if t.ticks >= 2 && t.words() >= 5 {
		signs++
	}
	if t.closes > 0 && bytes.Contains(text, []byte("](")) {
		signs++
	}
	if t.stars >= 4 && bytes.Count(text, []byte("**")) >= 2 {
		signs++
	}
	if signs >= 2 || signs == 0 && t.breaks == 0 {
		return signs >= 2
	}
	heading, list := 0, 0
	for line := range bytes.Lines(text) {
		switch trimmed := bytes.TrimLeft(line, " \t"); {
		case bytes.HasPrefix(trimmed, []byte("#")) && bytes.HasPrefix(bytes.TrimLeft(trimmed, "#"), []byte(" ")):
			heading++
		case bytes.HasPrefix(trimmed, []byte("* ")), bytes.HasPrefix(trimmed, []byte("- ")):
			list++
		}
	}
	if heading > 0 {
		signs++
	}
	if list > 1 {
		signs++
	}
	return signs >= 2
}

// looksLikeProse wants several words in a row, most of the text letters and spaces, as sentences are.
func looksLikeProse(t *textShape) bool {
	if len(t.text) < 40 {
		return false
	}
	t.measure()
	return t.spaces*12 >= len(t.text) && t.plain*100 >= len(t.text)*90 && t.words() >= 8
}

// looksLikeSentence wants words before and around what is quoted, and a full stop: text that speaks of the language
// of a sink. Attackers can write that too; only rules of sinks that take no prose spare it.
func looksLikeSentence(t *textShape) bool {
	text := bytes.TrimSpace(t.text)
	if len(text) < 24 || !isLetter(text[0]) || bytes.IndexByte([]byte(".!?"), text[len(text)-1]) < 0 {
		return false
	}
	lead := bytes.IndexByte(text, ' ')
	for _, c := range text[:max(lead, 0)] {
		if !isLetter(c) && c != '\'' && c != '-' {
			return false
		}
	}
	plain := 0
	for _, c := range text {
		if isLetter(c) || c == ' ' {
			plain++
		}
	}
	return lead > 0 && plain*100 >= len(text)*65 && wordsUpTo(text, 4) >= 4
}

// words counts runs of three and more letters that stand between spaces or punctuation of prose.
func words(text []byte) int { return wordsUpTo(text, math.MaxInt) }

// wordsUpTo is words that stops counting at most: who asks in many places of a text must not pay for all of it each time.
func wordsUpTo(text []byte, most int) int {
	n, run := 0, 0
	for _, c := range text {
		k := wordPart[c]
		if k == inWord {
			run++
			continue
		}
		if run >= 3 && k == behindWord {
			if n++; n >= most {
				return n
			}
		}
		run = 0
	}
	if run >= 3 {
		n++
	}
	return n
}

const (
	inWord     = 1
	behindWord = 2
)

// wordPart says which bytes words are made of, and which may stand behind one.
var wordPart = func() (t [256]uint8) {
	for i := range t {
		switch c := byte(i); {
		case isLetter(c), c >= 0x80:
			t[i] = inWord
		case isSpace(c), strings.IndexByte(".,;:!?)\"'", c) >= 0:
			t[i] = behindWord
		}
	}
	return t
}()

// textTags are tags that mark up text, as they stand behind "<".
var textTags = []string{"/p>", "/a>", "br", "/b>", "/strong>", "/li>", "/ul>", "/div>", "/span>", "/h1>", "/h2>", "/h3>", "/h4>", "/td>", "/code>", "/em>", "/i>", "/u>"}

// looksLikeHTML wants an ordinary tag in text.
func looksLikeHTML(t *textShape) bool {
	if t.measured && t.angles == 0 {
		return false
	}
	text := t.text
	for i := 0; i < len(text); {
		at := bytes.IndexByte(text[i:], '<')
		if at < 0 {
			return false
		}
		if i += at + 1; i == len(text) || text[i] != '/' && text[i] != textTags[1][0] {
			continue
		}
		for _, tag := range textTags {
			if len(text)-i >= len(tag) && string(text[i:i+len(tag)]) == tag {
				return t.words() >= 6
			}
		}
	}
	return false
}

// looksLikeTable wants a line of cells between bars.
func looksLikeTable(text []byte) bool {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 4 && line[0] == '|' && bytes.Count(line, []byte(" | ")) >= 1 && line[len(line)-1] == '|' {
			return true
		}
	}
	return false
}
