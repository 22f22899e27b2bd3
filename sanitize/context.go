package sanitize

import "bytes"

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
var contextTests = [...]func([]byte) bool{looksLikeCode, looksLikeMarkdown, looksLikeProse, looksLikeHTML, looksLikeSentence}

// looksLikeCode wants several lines, and among them a good share that end or begin as lines of programs do.
func looksLikeCode(text []byte) bool {
	if bytes.HasPrefix(text, []byte("Traceback (most recent")) || bytes.HasPrefix(text, []byte("@@ -")) || bytes.HasPrefix(text, []byte("diff --git ")) {
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

func codeLine(line, trimmed []byte) bool {
	switch trimmed[len(trimmed)-1] {
	case ';', '{', '}', '(', ',', ':', '\\':
		return len(trimmed) > 1 || trimmed[0] == '}' || trimmed[0] == '{'
	case ')', ']':
		return bytes.ContainsAny(trimmed, "(=[")
	}
	for _, p := range []string{"//", "#include", "import ", "from ", "package ", "def ", "func ", "class ", "return", "* ", "/*", "+", "if ", "for ", "end", "assert", "@", "const ", "let ", "var ", "use ", "$ "} {
		if bytes.HasPrefix(trimmed, []byte(p)) {
			return true
		}
	}
	indented := line[0] == '\t' || bytes.HasPrefix(line, []byte("    "))
	return indented && bytes.ContainsAny(trimmed, "=(.[")
}

// looksLikeMarkdown wants two different signs of it, or a fenced block.
func looksLikeMarkdown(text []byte) bool {
	if bytes.Count(text, []byte("```")) >= 2 || looksLikeTable(text) {
		return true
	}
	signs := 0
	if bytes.Count(text, []byte("`")) >= 2 && words(text) >= 5 {
		signs++
	}
	if bytes.Contains(text, []byte("](")) {
		signs++
	}
	if bytes.Count(text, []byte("**")) >= 2 {
		signs++
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
func looksLikeProse(text []byte) bool {
	if spaces := bytes.Count(text, []byte(" ")); len(text) < 40 || words(text) < 8 || spaces*12 < len(text) {
		return false
	}
	plain := 0
	for _, c := range text {
		if isLetter(c) || isSpace(c) || c >= 0x80 || c == '.' || c == ',' || c == '\'' {
			plain++
		}
	}
	return plain*100 >= len(text)*90
}

// looksLikeSentence wants words before and around what is quoted, and a full stop: text that speaks of the language
// of a sink. Attackers can write that too; only rules of sinks that take no prose spare it.
func looksLikeSentence(text []byte) bool {
	text = bytes.TrimSpace(text)
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
	return lead > 0 && words(text) >= 4 && plain*100 >= len(text)*65
}

// words counts runs of three and more letters that stand between spaces or punctuation of prose.
func words(text []byte) int {
	n, run := 0, 0
	for i := range len(text) + 1 {
		if i < len(text) && (isLetter(text[i]) || text[i] >= 0x80) {
			run++
			continue
		}
		if run >= 3 && (i == len(text) || isSpace(text[i]) || bytes.IndexByte([]byte(".,;:!?)\"'"), text[i]) >= 0) {
			n++
		}
		run = 0
	}
	return n
}

// textTags are tags that mark up text, as they stand behind "<".
var textTags = []string{"/p>", "/a>", "br", "/b>", "/strong>", "/li>", "/ul>", "/div>", "/span>", "/h1>", "/h2>", "/h3>", "/h4>", "/td>", "/code>", "/em>", "/i>", "/u>"}

// looksLikeHTML wants an ordinary tag in text.
func looksLikeHTML(text []byte) bool {
	for i := 0; i < len(text); {
		at := bytes.IndexByte(text[i:], '<')
		if at < 0 {
			return false
		}
		i += at + 1
		for _, tag := range textTags {
			if len(text)-i >= len(tag) && string(text[i:i+len(tag)]) == tag {
				return words(text) >= 6
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
