package ole

import (
	"bytes"
	"fmt"
	"strconv"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// unwrapHTML takes the HTML out of RTF that was made of it ([MS-OXRTFEX] 2.2); ok is false for other RTF.
func unwrapHTML(rtf []byte) (html []byte, ok bool) {
	if !bytes.Contains(rtf[:min(len(rtf), 1024)], []byte(`\fromhtml1`)) {
		return nil, false
	}
	w := unwrapper{in: rtf, stack: make([]unwrapState, 1, 16)}
	for w.pos < len(rtf) {
		if !w.step() {
			return nil, false
		}
	}
	return w.out, true
}

// unwrapState is what a group changes and its end undoes.
type unwrapState struct {
	skip bool // a destination that is not text
	off  bool // between \htmlrtf and \htmlrtf0
	tag  bool // inside of \*\htmltag
	star bool // \* was seen just now
}

type unwrapper struct {
	in, out []byte
	pos     int
	stack   []unwrapState
}

// maxUnwrapDepth bounds groups inside groups; the handler for RTF has a limit of its own.
const maxUnwrapDepth = 1000

func (w *unwrapper) top() *unwrapState { return &w.stack[len(w.stack)-1] }

func (w *unwrapper) put(c ...byte) {
	if s := w.top(); !s.skip && (s.tag || !s.off) {
		w.out = append(w.out, c...)
	}
}

func (w *unwrapper) step() bool {
	c := w.in[w.pos]
	w.pos++
	switch c {
	case '{':
		if len(w.stack) > maxUnwrapDepth {
			return false
		}
		w.stack = append(w.stack, *w.top())
		w.top().star = false
	case '}':
		if len(w.stack) > 1 {
			w.stack = w.stack[:len(w.stack)-1]
		}
	case '\\':
		return w.control()
	case '\r', '\n':
	default:
		w.put(c)
	}
	return true
}

func (w *unwrapper) control() bool {
	if w.pos >= len(w.in) {
		return false
	}
	c := w.in[w.pos]
	if c|0x20 < 'a' || c|0x20 > 'z' {
		w.pos++
		switch c {
		case '\'':
			if w.pos+2 > len(w.in) {
				return false
			}
			n, err := strconv.ParseUint(string(w.in[w.pos:w.pos+2]), 16, 8)
			if err != nil {
				return false
			}
			w.pos += 2
			w.put(byte(n))
		case '*':
			w.top().star = true
		case '\\', '{', '}':
			w.put(c)
		}
		return true
	}
	word, arg := w.word()
	w.command(word, arg)
	return true
}

// word reads a control word, its number and the blank behind them.
func (w *unwrapper) word() (word, arg string) {
	from := w.pos
	for w.pos < len(w.in) && w.in[w.pos]|0x20 >= 'a' && w.in[w.pos]|0x20 <= 'z' {
		w.pos++
	}
	word = string(w.in[from:w.pos])
	from = w.pos
	for w.pos < len(w.in) && (w.in[w.pos] == '-' && w.pos == from || w.in[w.pos] >= '0' && w.in[w.pos] <= '9') {
		w.pos++
	}
	arg = string(w.in[from:w.pos])
	if w.pos < len(w.in) && w.in[w.pos] == ' ' {
		w.pos++
	}
	return word, arg
}

func (w *unwrapper) command(word, arg string) {
	s := w.top()
	star := s.star
	s.star = false
	switch word {
	case "htmltag":
		if star {
			s.tag, s.skip = true, false
			return
		}
	case "htmlrtf":
		s.off = arg != "0"
	case "fonttbl", "colortbl", "stylesheet", "info", "pntext":
		s.skip = true
	case "par", "line":
		w.put('\r', '\n')
	case "tab":
		w.put('\t')
	case "u":
		if n, err := strconv.Atoi(arg); err == nil {
			w.put([]byte("&#" + strconv.Itoa(n&0xFFFF) + ";")...)
		}
	default:
		if star {
			s.skip = true
		}
	}
}

// codePage returns which code page bytes of RTF are in.
func codePage(rtf []byte) string {
	if m := ansiCodePage.FindSubmatch(rtf[:min(len(rtf), 1024)]); m != nil {
		return string(m[1])
	}
	return "1252"
}

var ansiCodePage = pattern.MustCompile(`\\ansicpg([0-9]{1,5})`)

// wrapHTML makes RTF of HTML, from which programs take the HTML out again: markup in destinations, text as text.
func wrapHTML(html []byte, page string) []byte {
	out := fmt.Appendf(nil, `{\rtf1\ansi\ansicpg%s\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}}\uc1\pard\plain\f0\fs24 `, page)
	for len(html) > 0 {
		end := bytes.IndexByte(html, '<')
		if end < 0 {
			end = len(html)
		}
		out = appendRTF(out, html[:end])
		html = html[end:]
		if len(html) == 0 {
			break
		}
		if end = tagEnd(html); end < 0 {
			end = len(html)
		}
		out = append(out, `{\*\htmltag64 `...)
		out = appendRTF(out, html[:end])
		out = append(out, '}')
		html = html[end:]
	}
	return append(out, '}')
}

// tagEnd returns where a tag or comment ends, -1 if it does not.
func tagEnd(html []byte) int {
	if bytes.HasPrefix(html, []byte("<!--")) {
		if i := bytes.Index(html, []byte("-->")); i >= 0 {
			return i + 3
		}
		return -1
	}
	if end := kit.MarkupEnd(html); end > 0 {
		return end
	}
	return -1
}

// appendRTF writes text with what RTF reads as more than text escaped.
func appendRTF(out, text []byte) []byte {
	for i, c := range text {
		switch {
		case c == '\n' || c == '\r' && (i+1 == len(text) || text[i+1] != '\n'):
			out = append(out, `\par `...)
		case c == '\r':
		case c == '\\' || c == '{' || c == '}':
			out = append(out, '\\', c)
		case c >= 0x80 || c < ' ' && c != '\t':
			out = fmt.Appendf(out, `\'%02x`, c)
		default:
			out = append(out, c)
		}
	}
	return out
}

// settings are conditional comments in which Word writes its options and shapes, as XML.
var settings = pattern.MustCompile(`(?is)<!--\[if [^\]<>]{1,40}\]>\s*<(?:xml|style)\b.*?<!\[endif\]-->`)

// fileLists are links to files that Word sends with a mail for itself, as parts of the mail.
var fileLists = pattern.MustCompile(`(?i)<link\s+rel="?(?:File-List|Edit-Time-Data|themeData|colorSchemeMapping)"?\s+href="cid:[^"<>]{0,200}"\s*/?>`)

// dangerous is what such a comment does not hold in a harmless mail.
var dangerous = pattern.MustCompile(`(?i)<(?:script|object|embed|iframe|frame|link|meta|applet|form|img|html)|oleobject|href\s*=|src\s*=|\burl\s*\(|import|[a-z]script\s*:|expression|behavior`)

// cutSettings takes Word's options out of HTML that came with RTF: programs that show it know them.
func cutSettings(html []byte) []byte {
	return settings.ReplaceAllFunc(fileLists.ReplaceAllLiteral(html, nil), func(b []byte) []byte {
		if dangerous.Match(b) {
			return b
		}
		return nil
	})
}
