package main

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"icapd/conf"
	"icapd/sanitize/eval"
)

// benignDocuments are the benign JSON documents of the labelled file that ICAPD_LABELLED names, or a few of our own.
func benignDocuments(b *testing.B) (docs [][]byte) {
	b.Helper()
	name := os.Getenv("ICAPD_LABELLED")
	if name == "" {
		return [][]byte{
			[]byte(`{"id":7123,"name":"O'Brien & Sons","url":"https://api.example.com/v1/items/7123?expand=owner","created_at":"2024-05-01T12:00:00Z","tags":["blue","select","new"],"description":"A sturdy table. It's made of oak; order by phone or e-mail.","owner":{"login":"octo","id":"b3b0a1de-52a3-4c57-9d3c-0f2b1a8b7a11"}}`),
			[]byte(`[{"price":12.5,"currency":"EUR","available":true,"sku":"AB-1234","title":"Kitchen & Bath <b>Set</b>"},{"price":99,"currency":"USD","available":false,"sku":"ZX-77","title":"Caf\u00e9 Noir 100%"}]`),
		}
	}
	f, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var l eval.Line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			b.Fatal(err)
		}
		if l.Label == "benign" && l.JSON != nil {
			docs = append(docs, []byte(*l.JSON))
		}
	}
	return docs
}

// BenchmarkBenignJSON measures what scan --eval measures: the walk and the injection engine on whole documents.
func BenchmarkBenignJSON(b *testing.B) {
	c := conf.Default()
	c.Engines.Yara.Rules = nil
	p, err := build(c, "", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer p.close()
	docs := benignDocuments(b)
	total := int64(0)
	for _, d := range docs {
		total += int64(len(d))
	}
	l, err := p.looker([]string{"injection"})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(total)
	b.ReportAllocs()
	start := eval.CPUTime()
	defer func() {
		b.ReportMetric(float64(total)*float64(b.N)/1e6/(eval.CPUTime()-start).Seconds(), "MB/cpu-s")
	}()
	for b.Loop() {
		for _, d := range docs {
			l.look(b.Context(), d, "application/json")
		}
	}
}
