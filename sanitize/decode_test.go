package sanitize

import (
	"bytes"
	"testing"
)

// TestDecoders holds what each layer makes of its input, and that it says so only if something changed.
func TestDecoders(t *testing.T) {
	for _, c := range []struct {
		layer, in, want string // want "" if nothing is to change
	}{
		{"url", "a%20b%u0041%zz%", "a bA%zz%"},
		{"url", "100%", ""},
		{"html", "&lt;&#x3C&#60;&amp;&nosuch;&ltx", "<<<&&nosuch;&ltx"},
		{"html", "AT&T & Co", ""},
		{"escape", `\u003c\x3e\u{41}\101\n\q`, "<>AA\n\\q"},
		{"escape", `C:\`, ""},
		{"overlong", "..\xc0\xaf\xe0\x80\xae\xf0\x80\x80\xae", "../.."},
		{"overlong", "caf\u00e9", ""},
		{"tags", "a\U000e0062\U000e0063", "abc"},
		{"invisible", "a\u200bb\x00c\u00ad", "abc"},
		{"invisible", "plain", ""},
		{"compatibility", "\uff1cb\uff1e\u2019\u2215", "<b>'/"},
		{"compatibility", "\u65e5\u672c", ""},
		{"utf-7", "+ADw-b+AD4-", "<b>"},
		{"utf-7", "1+A-2", ""},
		{"lookup", "${lower:J}${::-n}${env:X:-d}${date:'i'}${a}", "jndi${a}"},
		{"concatenation", "'al'+'ert' \"a\" . \"b\"", "'alert' \"ab\""},
		{"concatenation", "'a' + b", ""},
		{"form", "a+b", "a b"},
		{"form", "a + b", ""},
	} {
		for _, y := range layers {
			if y.name != c.layer {
				continue
			}
			out, changed := y.decode(nil, []byte(c.in), nil)
			if changed != (c.want != "") || changed && string(out) != c.want {
				t.Errorf("%s: %q became %q (%v), want %q", c.layer, c.in, out, changed, c.want)
			}
		}
	}
	for in, want := range map[string]string{
		"PHNjcmlwdD4=": "<script>", "PHNj\ncmlwdD4=": "<script>", "3c7363726970743e3c2f7363726970743e": "<script></script>", "0x3c7363726970743e3c2f7363726970743e": "<script></script>",
		"hello": "", "HelloWorldAgain!": "", "8c89e54ef7562ec36669fc010057e829": "", "iVBORw0KGgoAAAANSUhEUgAA": "",
	} {
		if out, name := decodePacked(nil, []byte(in)); string(out) != want || (name == "") != (want == "") {
			t.Errorf("packed %q became %q (%s), want %q", in, out, name, want)
		}
	}
}

// TestAutomaton holds the automaton against a search for each literal.
func TestAutomaton(t *testing.T) {
	words := []string{"she", "he", "hers", "his", "us", "ushers", "\x00\x01", "union", "onion"}
	p := newPhrases(words)
	for _, text := range []string{"ushers", "USHERS", "this is his unionion", "\x00\x00\x01", "", "nothing"} {
		got := map[string]int{}
		p.each([]byte(text), func(i, start, end int) bool {
			got[words[i]]++
			if !bytes.EqualFold([]byte(text)[start:end], []byte(words[i])) {
				t.Errorf("%q: %q at %d to %d", text, words[i], start, end)
			}
			return true
		})
		for _, w := range words {
			want := 0
			for i := range text {
				if len(text)-i >= len(w) && bytes.EqualFold([]byte(text)[i:i+len(w)], []byte(w)) {
					want++
				}
			}
			if got[w] != want {
				t.Errorf("%q: %q %d times, want %d", text, w, got[w], want)
			}
		}
	}
}

// FuzzDecoders looks for input that breaks a layer, makes it grow beyond its bound, or write before where it was told.
func FuzzDecoders(f *testing.F) {
	for _, s := range []string{"%41%u0041%", "&#x41;&lt&", `\u0041\x41\101\`, "\xc0\xaf\xf8\x80\x80\x80\xaf", "\uff1c\ufdfa", "+ADw-", "${lower:j}${a:-b}", "'a'+'b'", "a+b", "\U000e0041\u200b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		const mark = "mark"
		for _, y := range layers {
			before := bytes.Clone(in)
			out, changed := y.decode([]byte(mark), in, nil)
			if !bytes.Equal(before, in) {
				t.Fatalf("%s changed its input", y.name)
			}
			if !changed {
				continue
			}
			if !bytes.HasPrefix(out, []byte(mark)) || len(out)-len(mark) > maxCompatibility*len(in)+64 {
				t.Fatalf("%s: %q became %q", y.name, in, out)
			}
		}
		if out, name := decodePacked([]byte(mark), in); name != "" && (!bytes.HasPrefix(out, []byte(mark)) || len(out) > len(in)+len(mark)) {
			t.Fatalf("%s: %q became %q", name, in, out)
		}
	})
}
