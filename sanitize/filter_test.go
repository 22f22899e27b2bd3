package sanitize

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"icapd/sanitize/eval"
	"icapd/sanitize/eval/evaltest"
	"icapd/signatures"
)

// Every literal is found wherever it stands and however it is written, as a plain search would, in one part and in
// several.
func TestFilter(t *testing.T) {
	rules, err := loadRules([]string{"builtin"}, signatures.Injection())
	if err != nil {
		t.Fatal(err)
	}
	f := newFilter(rules)
	if len(f.literals) == 0 {
		t.Fatal("no literals")
	}
	var w, parts literalHits
	for id, l := range f.literals {
		for _, around := range [][2]string{{"", ""}, {"x", ""}, {"", "."}, {strings.Repeat("The user's ", 7), " of https://api.github.com/"}} {
			for _, text := range []string{l.text, upper(l.text)} {
				data := []byte(around[0] + text + around[1])
				groups, kinds := f.run(data, &w)
				if groups&l.groups != l.groups {
					t.Errorf("%q in %q: groups %b, want %b", l.text, data, groups, l.groups)
				}
				end := len(around[0]) + len(text)
				found := slices.ContainsFunc(w.hits, func(h literalHit) bool { return h.literal == int32(id) && h.end <= end })
				if found != (len(l.rules) > 0) {
					t.Errorf("%q in %q: found %v", l.text, data, found)
				}
				parts.reset(len(f.literals))
				var groupsOfParts group
				var kindsOfParts byteKind
				for start := 0; start < len(data); start += 3 {
					g, k := f.part(data, start, min(len(data), start+3), &parts)
					groupsOfParts, kindsOfParts = groupsOfParts|g, kindsOfParts|k
				}
				if groupsOfParts != groups || kindsOfParts != kinds || !slices.Equal(parts.hits, w.hits) {
					t.Errorf("%q in parts: %b, %b, %v; want %b, %b, %v", data, groupsOfParts, kindsOfParts, parts.hits, groups, kinds, w.hits)
				}
			}
		}
	}
}

// upper is the text with ASCII letters in upper case.
func upper(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

// BenchmarkFilter measures the pass that every value goes through, on the strings of benign JSON.
func BenchmarkFilter(b *testing.B) {
	rules, err := loadRules([]string{"builtin"}, signatures.Injection())
	if err != nil {
		b.Fatal(err)
	}
	f, total := newFilter(rules), 0
	var values [][]byte
	for _, doc := range evaltest.Benign(b) {
		for s := range bytes.SplitSeq(doc, []byte{'"'}) {
			values, total = append(values, s), total+len(s)
		}
	}
	var w literalHits
	b.SetBytes(int64(total))
	start := eval.CPUTime()
	for b.Loop() {
		for _, v := range values {
			f.run(v, &w)
		}
	}
	b.ReportMetric(float64(total)*float64(b.N)/1e6/(eval.CPUTime()-start).Seconds(), "MB/cpu-s")
}

// FuzzFilter holds the filter against a plain search for each literal.
func FuzzFilter(f *testing.F) {
	rules, err := loadRules([]string{"builtin"}, signatures.Injection())
	if err != nil {
		f.Fatal(err)
	}
	fl := newFilter(rules)
	for _, s := range []string{"union select", "${jndi:ldap://a/}", "<SCRIPT>", "%2E%2e/", "a\x00:/b", "value\f{", "1\nor\t1", "ignore all previous instructions"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var w literalHits
		groups, _ := fl.run(data, &w)
		low := lower(nil, data)
		for i, c := range low {
			if isSpace(c) && c != '\n' {
				low[i] = ' ' // to sinks they are alike
			}
		}
		var want group
		for id, l := range fl.literals {
			i := bytes.Index(low, []byte(l.text))
			if i < 0 {
				continue
			}
			want |= l.groups
			if at := (literalHit{literal: int32(id), end: i + len(l.text)}); len(l.rules) > 0 && !slices.Contains(w.hits, at) {
				t.Errorf("%q at %d was not found in %q", l.text, i, data)
			}
		}
		if groups != want {
			t.Errorf("%q: groups %b, want %b", data, groups, want)
		}
	})
}
