package sanitize_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"icapd/sanitize/eval"
	"icapd/scan"
)

// replay is a FieldSource that costs nothing: what remains is the engine.
func replay(fields []scan.Field) scan.FieldSource {
	return func(_ context.Context, yield func(*scan.Field) bool) error {
		for i := range fields {
			if !yield(&fields[i]) {
				break
			}
		}
		return nil
	}
}

// benign returns benign JSON documents: those of the labelled file that ICAPD_LABELLED names, or a few of our own.
func benign(b *testing.B) [][]byte {
	b.Helper()
	name := os.Getenv("ICAPD_LABELLED")
	if name == "" {
		return ownDocuments
	}
	f, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var docs [][]byte
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

// cpuTime is the processor time that the process has used: what counts on a machine that others use too.
func cpuTime() time.Duration { return eval.CPUTime() }

var ownDocuments = [][]byte{
	[]byte(`{"id":7123,"name":"O'Brien & Sons","url":"https://api.example.com/v1/items/7123?expand=owner","created_at":"2024-05-01T12:00:00Z","tags":["blue","select","new"],"description":"A sturdy table. It's made of oak; order by phone or e-mail.","owner":{"login":"octo","id":"b3b0a1de-52a3-4c57-9d3c-0f2b1a8b7a11"}}`),
	[]byte(`[{"price":12.5,"currency":"EUR","available":true,"sku":"AB-1234","title":"Kitchen & Bath <b>Set</b>"},{"price":99,"currency":"USD","available":false,"sku":"ZX-77","title":"Caf\u00e9 Noir 100%"}]`),
}

// BenchmarkScanBenign measures the engine on fields that are already parsed.
func BenchmarkScanBenign(b *testing.B) {
	e := builtin(b)
	var items []*scan.Item
	for _, doc := range benign(b) {
		it := document(doc, "application/json")
		var fields []scan.Field
		if err := it.Fields(b.Context(), func(f *scan.Field) bool {
			fields = append(fields, *f)
			return true
		}); err != nil {
			b.Fatal(err)
		}
		it.Fields = replay(fields)
		items = append(items, it)
	}
	total := int64(0)
	for _, it := range items {
		total += it.Blob.Size()
	}
	b.SetBytes(total)
	b.ReportAllocs()
	start := cpuTime()
	defer func() {
		b.ReportMetric(float64(total)*float64(b.N)/1e6/(cpuTime()-start).Seconds(), "MB/cpu-s")
	}()
	for b.Loop() {
		for _, it := range items {
			if _, err := e.Scan(b.Context(), it); err != nil {
				b.Fatal(err)
			}
		}
	}
}
