package cdr

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"icapd/cdr/kit"
)

// TestParallel disarms 64 documents at a time with one Disarmer: each comes out as it does alone, and what is held in
// memory after is no more than the documents.
func TestParallel(t *testing.T) {
	d := New(Options{})
	text := strings.Repeat("words that stay ", 4096)
	docs := []kit.Document{
		{Type: "image/svg+xml", Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>x</script><text>` + text + `</text></svg>`)},
		{Type: "text/html", Data: []byte(`<html><body onload="x"><p>` + text + `</p><script>x</script></body></html>`)},
		{Type: "text/rtf", Data: []byte(`{\rtf1 ` + text + `{\object\objemb{\*\objdata 0105}}}`)},
		{Type: "text/csv", Data: []byte("a,=cmd|'/c x'!A0\r\n" + text)},
		{Type: "text/xml", Data: []byte(`<?xml-stylesheet href="x"?><a>` + text + `</a>`)},
		{Type: "application/pdf", Data: []byte("%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(x)>>>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>\nendobj\ntrailer\n<</Root 1 0 R/Size 4>>\nstartxref\n0\n%%EOF\n")},
	}
	want := make([][]byte, len(docs))
	for i, doc := range docs {
		r, err := d.Disarm(t.Context(), doc)
		if err != nil || !r.Changed {
			t.Fatalf("%s: %v, changed %v", doc.Type, err, r.Changed)
		}
		want[i] = r.Data
		again, err := d.Disarm(t.Context(), kit.Document{Data: r.Data, Type: r.Output.Type})
		if err != nil || again.Changed {
			t.Errorf("%s: a second time: %v, %v", doc.Type, err, again.Removed)
		}
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	errs := make(chan error, 64)
	var wg sync.WaitGroup
	for n := range 64 {
		wg.Go(func() {
			for k := range 8 {
				i := (n + k) % len(docs)
				r, err := d.Disarm(t.Context(), docs[i])
				if err != nil || !bytes.Equal(r.Data, want[i]) {
					errs <- fmt.Errorf("%s: %d bytes, %w", docs[i].Type, len(r.Data), err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if after := heap(); after > before+16<<20 {
		t.Errorf("%d MB are held after, %d before", after>>20, before>>20)
	}
}
