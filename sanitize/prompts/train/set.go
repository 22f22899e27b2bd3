package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"icapd/sanitize/prompts"
)

// sample is a text, where it is from, and whether it gives orders to a model.
type sample struct {
	text, source string
	order        bool
	weight       float64
}

// samples is what to learn from.
type samples []sample

// perLine is how many texts are made of a line of alternatives, at most.
const perLine = 60

// load reads the folder of lines with alternatives and of labelled files, and the labelled files besides.
func load(folder, labelled string) (samples, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no samples in %s", folder)
	}
	named := lists{}
	for _, name := range files {
		if isLists(name) {
			if err := named.read(name); err != nil {
				return nil, err
			}
		}
	}
	var set samples
	for _, name := range files {
		if isLists(name) {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		base := strings.TrimSuffix(filepath.Base(name), ".txt")
		set = append(set, named.expanded(string(data), base)...)
	}
	own, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	for _, name := range own {
		if set, err = set.labelled(name, 1); err != nil {
			return nil, err
		}
	}
	for name := range strings.SplitSeq(labelled, ",") {
		if name == "" {
			continue
		}
		if set, err = set.labelled(name, plainWeight); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// expanded makes texts of lines with alternatives. Files whose name begins with "orders" hold orders.
// Each line is of one of three sources, so that frames can be left out.
func (l lists) expanded(data, file string) samples {
	var set samples
	n := 0
	for line := range strings.Lines(data) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		n++
		source := fmt.Sprintf("%s/%d", file, n%3)
		seen := map[string]bool{}
		random := rand.New(rand.NewPCG(uint64(len(line)), 7)) //nolint:gosec // to be the same each time
		for range 3 * perLine {
			if text := strings.ReplaceAll(strings.Join(strings.Fields(l.expand(line, random)), " "), "⏎", "\n"); len(seen) < perLine {
				seen[text] = true
			}
		}
		texts := make([]string, 0, len(seen))
		for t := range seen {
			texts = append(texts, t)
		}
		slices.Sort(texts)
		for _, t := range texts {
			set = append(set, sample{text: t, source: source, order: strings.HasPrefix(source, "orders"), weight: 6 / float64(6+len(texts))})
		}
	}
	return set
}

// lists are the alternatives that lines name with "@".
type lists map[string][]string

// isLists reports whether a file of the folder holds lists rather than samples.
func isLists(name string) bool { return strings.HasPrefix(filepath.Base(name), "lists") }

// read reads lines "@name = one|two".
func (l lists) read(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		if name, words, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
			l[strings.TrimPrefix(name, "@")] = strings.Split(words, "|")
		}
	}
	return nil
}

// deepest is how far lists may name lists, and groups stand within groups.
const deepest = 5

// expand chooses one of each {group|of|alternatives}, the inner ones first, and puts one of a list for its @name; what
// was put is expanded in turn.
func (l lists) expand(line string, random *rand.Rand) string {
	for range deepest {
		next := l.named(grouped(line, random), random)
		if next == line {
			break
		}
		line = next
	}
	return line
}

var group = regexp.MustCompile(`\{[^{}]*\|[^{}]*\}`)

func grouped(line string, random *rand.Rand) string {
	return group.ReplaceAllStringFunc(line, func(g string) string {
		choices := strings.Split(g[1:len(g)-1], "|")
		return choices[random.IntN(len(choices))]
	})
}

var listName = regexp.MustCompile(`@[a-z]+`)

func (l lists) named(line string, random *rand.Rand) string {
	return listName.ReplaceAllStringFunc(line, func(name string) string {
		words, ok := l[name[1:]]
		if !ok {
			return name
		}
		return words[random.IntN(len(words))]
	})
}

// labelledLine is a line of a labelled file, as `icapd scan --eval` takes it.
type labelledLine struct {
	Label, Class, Strength, Text, Source string
}

// plainWeight is what a text that gives no orders counts in a labelled file of somebody's traffic: there are many of them, and
// most are easy.
const plainWeight = 0.2

// labelled adds strings of a labelled file: attacks on language models, and benign ones, which weigh plain.
func (set samples) labelled(name string, plain float64) (samples, error) {
	err := eachLine(name, func(l *labelledLine) {
		switch {
		case l.Text == "":
		case l.Label == "benign":
			set = append(set, sample{text: l.Text, source: "labelled-" + l.Class, weight: plain})
		case l.Class == "prompt":
			set = append(set, sample{text: l.Text, source: "labelled-" + l.Source, order: true, weight: 1})
		}
	})
	return set, err
}

func eachLine(name string, do func(*labelledLine)) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var l labelledLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return err
		}
		do(&l)
	}
	return lines.Err()
}

// all is the samples but for those of some sources.
func (set samples) all(but map[string]bool) []prompts.Sample {
	var out []prompts.Sample
	for i := range set {
		if s := &set[i]; !but[s.source] {
			out = append(out, prompts.Sample{Text: s.text, Order: s.order, Weight: s.weight})
		}
	}
	return out
}

// figures is how many samples of a kind there are, and how many were taken for orders.
type figures struct{ orders, found, plain, flagged int }

func (f figures) String() string {
	var parts []string
	if f.orders > 0 {
		parts = append(parts, fmt.Sprintf("%.1f %% of %d orders found", 100*float64(f.found)/float64(f.orders), f.orders))
	}
	if f.plain > 0 {
		parts = append(parts, fmt.Sprintf("%.2f %% of %d other texts flagged", 100*float64(f.flagged)/float64(f.plain), f.plain))
	}
	return strings.Join(parts, ", ")
}

func (set samples) judge(m *prompts.Model, which func(*sample) bool) figures {
	var f figures
	var t prompts.Scratch
	for i := range set {
		s := &set[i]
		if !which(s) {
			continue
		}
		hit := m.Judge(bytes.ToLower([]byte(s.text)), &t).Score >= 0
		f.count(s.order, hit)
	}
	return f
}

func (f *figures) count(order, hit bool) {
	switch {
	case order && hit:
		f.found++
	case !order && hit:
		f.flagged++
	}
	if order {
		f.orders++
	} else {
		f.plain++
	}
}

// folds is into how many parts the sources are dealt to be left out.
const folds = 5

// leaveOut says how each source fares with a model that was made without it, and without a fifth of the others.
func (set samples) leaveOut(o prompts.Learning) {
	var sources []string
	for i := range set {
		if !slices.Contains(sources, set[i].source) {
			sources = append(sources, set[i].source)
		}
	}
	var sum figures
	for fold := range folds {
		out := map[string]bool{}
		for i := fold; i < len(sources); i += folds {
			out[sources[i]] = true
		}
		m := prompts.Learn(set.all(out), o)
		for i := fold; i < len(sources); i += folds {
			log.Printf("without %s: %v", sources[i], set.judge(m, func(s *sample) bool { return s.source == sources[i] }))
		}
		f := set.judge(m, func(s *sample) bool { return out[s.source] })
		sum = figures{sum.orders + f.orders, sum.found + f.found, sum.plain + f.plain, sum.flagged + f.flagged}
	}
	log.Println("left out:", sum)
}

// judgeFile says how a labelled file fares, and which of its lines are judged wrong.
func judgeFile(m *prompts.Model, name string) error {
	var t prompts.Scratch
	var yes, no []float64
	by := map[string]*figures{}
	err := eachLine(name, func(l *labelledLine) {
		text := bytes.ToLower([]byte(l.Text))
		v := m.Judge(text, &t)
		f := by[l.Class]
		if f == nil {
			f = &figures{}
			by[l.Class] = f
		}
		f.count(l.Label == "attack", v.Score >= 0)
		if l.Label == "attack" {
			yes = append(yes, v.Score)
		} else {
			no = append(no, v.Score)
		}
		if (l.Label == "attack") != (v.Score >= 0) {
			log.Printf("%5.1f %s %.110q %q", v.Score, l.Label, l.Text, m.Reasons(text, v, 4, &t))
		}
	})
	for limit := -3.0; limit <= 2; limit += 0.5 {
		log.Printf("from %.1f: %.1f %% of orders, %.1f %% of others", limit, share(yes, limit), share(no, limit))
	}
	for class, f := range by {
		log.Println(class+":", f)
	}
	return err
}

// share is how many percent of the scores reach the limit.
func share(scores []float64, limit float64) float64 {
	n := 0
	for _, s := range scores {
		if s >= limit {
			n++
		}
	}
	return 100 * float64(n) / float64(max(1, len(scores)))
}
