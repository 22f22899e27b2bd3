package markup

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// What cleanCSS takes out, as expressions: it is read by hand, and must be the same.
var (
	wantTrigger     = regexp.MustCompile(`(?i)@import|url\s*\(|src\s*\(|image(?:-set)?\s*\(|expression|-moz-binding|behaviou?r|script\s*:|alphaimageloader`)
	wantActive      = regexp.MustCompile(`(?i)expression\s*\(|-moz-binding|behaviou?r\s*:|(?:java|vb|live)script\s*:|alphaimageloader\s*\(`)
	wantDeclaration = regexp.MustCompile(`(?i)[^;{}]*(?:expression\s*\(|-moz-binding|behaviou?r\s*:|(?:java|vb|live)script\s*:|alphaimageloader\s*\()[^;{}]*;?`)
	wantImport      = regexp.MustCompile(`(?i)@import[^;{}]*;?`)
	wantURL         = regexp.MustCompile(`(?i)\b(url|src|image|image-set|-webkit-image-set)\s*\(\s*("[^"]*"?|'[^']*'?|[^)"']*)\s*\)?`)
)

func wantCSS(css string, book bool) (string, bool) {
	plain := plainCSS(css)
	if !wantTrigger.MatchString(plain) {
		return css, false
	}
	out := plain
	for range 4 {
		next := wantDeclaration.ReplaceAllString(out, "")
		next = wantImport.ReplaceAllString(next, "")
		var b strings.Builder
		kept := 0
		for _, m := range wantURL.FindAllStringSubmatchIndex(next, -1) {
			if !staysCSS(next[m[4]:m[5]], book) {
				b.WriteString(next[kept:m[0]] + "url()")
				kept = m[1]
			}
		}
		if b.WriteString(next[kept:]); b.String() == out {
			break
		}
		out = b.String()
	}
	switch {
	case wantActive.MatchString(out) || wantImport.MatchString(out):
		return "", true
	case out == plain:
		return css, false
	}
	return out, true
}

func sameCSS(t *testing.T, css string) {
	t.Helper()
	if strings.Contains(css, "\u212a") {
		return // a k to expressions, and to nobody who reads a style sheet
	}
	for _, book := range []bool{false, true} {
		got, changed := cleanCSS(css, book)
		want, changes := wantCSS(css, book)
		if got != want || changed != changes {
			t.Fatalf("%q: %q, %v, want %q, %v", css, got, changed, want, changes)
		}
	}
}

var cssPieces = []string{
	"a", " ", "\t", "\n", ":", ";", "{", "}", "(", ")", `"`, "'", "\\", "/*", "*/", "@", "@import", "@IMPORT ", "url", "URL(", "url (", "src(", "image(", "image-set(", "-webkit-image-set(",
	"x-webkit-image-set(", "expression", "expression(", "Expre\u017f\u017fion (", "e\\78pression(", "-moz-binding", "behavior", "behaviour :", "javascript:", "vbscript :", "live", "script", ":",
	"alphaimageloader(", "http://a.example/b", "#a", "data:image/png;base64,AAAA", "a.css", "\u017frc(", "\v", "\xff", "\xc5", "_", "ur\\6c(", "//a.example", "é",
}

func TestCSS(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	changed := 0
	for range 60_000 {
		var b strings.Builder
		for range 1 + r.IntN(12) {
			b.WriteString(cssPieces[r.IntN(len(cssPieces))])
		}
		sameCSS(t, b.String())
		if _, yes := cleanCSS(b.String(), false); yes {
			changed++
		}
	}
	if changed < 1000 {
		t.Fatalf("%d texts were changed", changed)
	}
}

// FuzzCSSAlike looks for style text of which something else is left than expressions leave.
func FuzzCSSAlike(f *testing.F) {
	for _, s := range cssPieces {
		f.Add(s)
	}
	for _, s := range []string{
		"a{b:c;d:expression(alert(1))}", "a{background:url('http://a.example/')}", "@import url(a.css);b{c:d}", "a{b:url(#x)} c{d:url( \"e\" )}",
		"a{behavior:url(x);b:c}", "a:-moz-binding}b{c:d", "@im@import x;port y;", "a{b:image-set('a' 1x)}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, css string) { sameCSS(t, css) })
}

func BenchmarkCSS(b *testing.B) {
	for name, css := range map[string]string{"expression": "a:expression(1)", "address": "background:url(http://a.example/b)", "plain": "color:red;margin:0 auto"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(css)))
			for b.Loop() {
				cleanCSS(css, false)
			}
		})
	}
}
