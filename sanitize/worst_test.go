package sanitize_test

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"icapd/sanitize"
	"icapd/scan"
)

// found is what a hostile value costs, in processor time a MiB.
type found struct {
	form, token string
	cost        time.Duration
}

// forms are the ways in which a token fills a document of a size: one string, and many fields, of which no two are the same.
var forms = map[string]func(token string, size int) []scan.Field{
	"string": func(token string, size int) []scan.Field { return one(scan.KindString, full(token, size)) },
	"layers": func(token string, size int) []scan.Field { // each of which is taken off, and what is under it looked at
		return one(scan.KindString, "%27"+full(token, size)+`&#39; \x3c`)
	},
	"throughout": func(token string, size int) []scan.Field { // layers change the string everywhere
		return one(scan.KindString, full(token+`%2541&amp;lt;\x5cx41`, size))
	},
	"tiny": func(token string, size int) []scan.Field {
		return numbered(scan.KindString, size, full(token, 12)+"%d")
	},
	"fields": func(token string, size int) []scan.Field {
		return numbered(scan.KindString, size, full(token, 40)+"%d")
	},
	"texts": func(token string, size int) []scan.Field { // as long as all detectors still judge them
		return numbered(scan.KindString, size, full(token, 180)+"%d")
	},
	"layered": func(token string, size int) []scan.Field {
		return numbered(scan.KindString, size, "%%27"+full(token, 24)+`%d&#39; \x3c`)
	},
	"packed": func(token string, size int) []scan.Field { // in base64
		fields := numbered(scan.KindString, size*3/4, full(token, 60)+"%d")
		for i := range fields {
			fields[i].Value = base64.StdEncoding.AppendEncode(nil, fields[i].Value)
		}
		return fields
	},
	"document": func(token string, size int) []scan.Field { // JSON in strings
		return numbered(scan.KindString, size, `{"a":"`+full(token, 40)+`%d"}`)
	},
	"names": func(token string, size int) []scan.Field { return numbered(scan.KindKey, size, full(token, 24)+"%d") },
	"lines": func(token string, size int) []scan.Field {
		return numbered(scan.KindText, size, full(token, 2000)+"%d")
	},
	"same": func(token string, size int) []scan.Field { // what a document says again and again
		return slices.Repeat(numbered(scan.KindString, 1, "%%27"+full(token, 24)+`%d&#39; \x3c`), size/40)
	},
}

// full repeats a token up to a size.
func full(token string, size int) string { return strings.Repeat(token, size/len(token)+1)[:size] }

func one(kind scan.FieldKind, value string) []scan.Field {
	return []scan.Field{{Kind: kind, Value: []byte(value)}}
}

// numbered makes fields of a value, with a number in place of its last %d, until they are of a size.
func numbered(kind scan.FieldKind, size int, value string) []scan.Field {
	before, behind := value[:strings.LastIndex(value, "%d")], value[strings.LastIndex(value, "%d")+2:]
	before = strings.Replace(before, "%%27", "%27", 1)
	var fields []scan.Field
	for i := 0; size > 0; i++ {
		v := fmt.Appendf(nil, "%s%d%s", before, i, behind)
		fields = append(fields, scan.Field{Kind: kind, Value: v})
		size -= len(v)
	}
	return fields
}

// dear are tokens that no rule and no detector asks for as they stand here, and that cost much: signs that join, open or
// part what detectors read, again and again.
var dear = []string{
	"'||'", "|'|", "||'", "or a(", "or (", "not ", "a||", "1+", "a.", "/**/", "<a b=\"", "<x a='", "<a href=x>", "<a onx=y>", "${a:-", "{{", "\\x50\\x4b", "\\", "%", "&#x27;", "PHN2Zz4=",
	"i g n o r e ", "ignore all ", "you are now ", "\nuser: ", "ไทย", "ภาษา", "漢字", "\u200b", "\U000E0041", "“", "а", "http://0", "data:;base64,", "\r\n", "a'b",
	"…", "½", "𝒜", "<>/=\"'&?!", "{}&&", ";base64,", "-->", "<!--", "a||'", "\n-----END", ")]}',", "\"\r\n", "%0D", "&#xfffd;", "\n--", "|", "*",
	"i*n*s*t*r ", "*%00'", "<%='", "<?='", "or+'", "|:&", "s.y.s.t.e ", "ai:", "今から'", "[", "%25", "'", "%2525252541", "&amp;amp;lt;", "+ADw-", "e\u0301", "\uff1c", "${lower:a}", "'a'+'b'", "%u0027",
	"\u0301", "a\u0323\u0302", "\u1100\u1161", "cos\nsystem", "?.%", "../", "[%", ".\\", "(&(",
}

// costOf measures a token in a form.
func costOf(tb testing.TB, e *sanitize.Engine, form, token string, size int) found {
	tb.Helper()
	it := document(nil, "application/json")
	it.Fields = replay(forms[form](token, size))
	start := cpuTime()
	if _, err := e.Scan(tb.Context(), it); err != nil && tb.Context().Err() != nil {
		tb.Fatal(err)
	}
	return found{form, token, (cpuTime() - start) * (1 << 20) / time.Duration(size)}
}

func dearer(x, y found) int { return cmp.Compare(y.cost, x.cost) }

// reportWorst logs the ten dearest and reports the first. They were the dearest once, of many, which on a machine that
// others use too is chance: each is measured thrice more, and the least counts.
func reportWorst(b *testing.B, e *sanitize.Engine, all []found) {
	b.Helper()
	slices.SortFunc(all, dearer)
	all = all[:min(20, len(all))]
	for i, f := range all {
		for range 3 {
			all[i].cost = min(all[i].cost, costOf(b, e, f.form, f.token, fullSize).cost)
		}
	}
	slices.SortFunc(all, dearer)
	for _, f := range all[:min(10, len(all))] {
		b.Logf("%6.1f ms/MiB %s of %q", float64(f.cost.Microseconds())/1000, f.form, f.token)
	}
	b.ReportMetric(float64(all[0].cost.Microseconds())/1000, "worst-cpu-ms/MiB")
}

// BenchmarkWorst searches for the value that costs the most: every literal that calls a detector or a rule, again and
// again, in one string and in many fields; the dearest of them at full size and between other signs; then, from the dearest
// of all, whatever chance makes of them in any form. It reports the worst of each form and logs those that follow. A rule
// with a dear expression shows up here, and so does what the count of work does not see.
func BenchmarkWorst(b *testing.B) {
	const small, most = 16 << 10, 10
	e := builtin(b)
	tokens := append(sanitize.Triggers(e), dear...)
	if len(tokens) == 0 {
		b.Fatal("no tokens")
	}
	var seeds []string
	for form := range forms {
		b.Run(form, func(b *testing.B) {
			for b.Loop() {
				var all, worst []found
				for _, t := range tokens {
					all = append(all, costOf(b, e, form, t, small))
				}
				slices.SortFunc(all, dearer)
				for _, f := range all[:most] {
					seeds = append(seeds, f.token)
					for _, around := range []string{"", " ", ";", "(", "%27", "&#x27;"} {
						worst = append(worst, costOf(b, e, form, f.token+around, fullSize))
					}
				}
				reportWorst(b, e, worst)
			}
		})
	}
	b.Run("search", func(b *testing.B) {
		for b.Loop() {
			reportWorst(b, e, search(b, e, append(slices.Clone(seeds), dear...), tokens))
		}
	})
}

// fullSize is the size of documents that are reported.
const fullSize = 1 << 20

// search looks for dearer documents than those of one token: of those that are dearest it makes others, and keeps what is
// dearer still. It returns the dearest at full size.
func search(b *testing.B, e *sanitize.Engine, seeds, tokens []string) []found {
	b.Helper()
	const rounds, size, kept = 3000, 32 << 10, 24
	r := rand.New(rand.NewPCG(3, 4))
	names := make([]string, 0, len(forms))
	for form := range forms {
		names = append(names, form)
	}
	slices.Sort(names)
	pick := func(of []string) string { return of[r.IntN(len(of))] }
	var best []found
	for i := range rounds {
		form, token := pick(names), pick(seeds)
		if len(best) > 0 && i%3 > 0 {
			parent := best[r.IntN(len(best))]
			form, token = parent.form, parent.token
		}
		switch r.IntN(5) {
		case 0:
			token += pick(tokens)
		case 1:
			token += pick(seeds)
		case 2:
			token = pick(seeds) + token
		case 3:
			at := r.IntN(len(token))
			token = token[:at] + pick([]string{"'", "\"", " ", "|", "(", "\n", "%", "&", "\\", ";", ".", "*", "=", "<", "a", "1", "é"}) + token[at:]
		default:
			form = pick(names)
		}
		if len(token) > 64 {
			continue
		}
		if slices.ContainsFunc(best, func(f found) bool { return f.form == form && f.token == token }) {
			continue
		}
		best = append(best, costOf(b, e, form, token, size))
		if slices.SortFunc(best, dearer); len(best) > kept {
			best = best[:kept]
		}
	}
	for i, f := range best {
		best[i] = costOf(b, e, f.form, f.token, fullSize)
	}
	return best
}
