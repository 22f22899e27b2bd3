package sanitize

import (
	"bufio"
	"encoding/json"
	"fmt"
	"icapd/signatures"
	"os"
	"sort"
	"testing"
)

func TestZZRules(t *testing.T) {
	f, _ := os.Open("/tmp/measure/dev.jsonl")
	e, err := New(Options{Rules: []string{"builtin"}, Builtin: signatures.Injection()})
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(f)
	in.Buffer(nil, 64<<20)
	n := map[string]int{}
	lits := map[string]int{}
	det := map[string]int{}
	total := 0
	var walk func(v any)
	one := func(s []byte) {
		var h literalHits
		total += len(s)
		g, k := e.filter.run(s, &h)
		if g == 0 && k&kindsOfInterest == 0 {
			det["none"] += len(s)
		}
		for i := range detectors {
			d := &detectors[i]
			if d.wants(g, k) {
				det[fmt.Sprintf("det%d", i)] += len(s)
			}
		}
		for i := range layers {
			if k&layers[i].wants != 0 {
				det[layers[i].name] += len(s)
			}
		}
		for _, x := range h.hits {
			for _, r := range e.filter.literals[x.literal].rules {
				w := min(len(s), x.end+windowAfter) - max(0, x.end-windowBefore)
				n[e.rules[r].ID] += w
				lits[e.rules[r].ID+" "+e.filter.literals[x.literal].text] += w
			}
		}
	}
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			one([]byte(v))
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for k, x := range v {
				one([]byte(k))
				walk(x)
			}
		}
	}
	for in.Scan() {
		var l struct {
			Label string
			JSON  *string
		}
		json.Unmarshal(in.Bytes(), &l)
		if l.Label != "benign" || l.JSON == nil {
			continue
		}
		var v any
		json.Unmarshal([]byte(*l.JSON), &v)
		walk(v)
	}
	show := func(m map[string]int, k int) {
		var ks []string
		for x := range m {
			ks = append(ks, x)
		}
		sort.Slice(ks, func(i, j int) bool { return m[ks[i]] > m[ks[j]] })
		for i, x := range ks {
			if i < k {
				fmt.Printf("%8d %s\n", m[x]/1000, x)
			}
		}
	}
	fmt.Println("total", total/1000)
	show(det, 40)
	fmt.Println("--")
	show(n, 25)
	fmt.Println("--")
	show(lits, 60)
}
