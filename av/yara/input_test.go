package yara_test

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"icapd/av/yara"
	"icapd/signatures"
)

// onlyEICAR makes an engine of the built-in test rule alone.
func onlyEICAR(tb testing.TB) *yara.Engine {
	tb.Helper()
	text, err := fs.ReadFile(signatures.YARA(), "test.yar")
	if err != nil {
		tb.Fatal(err)
	}
	return newEngine(tb, func(o *yara.Options) { o.Builtin = fstest.MapFS{"test.yar": {Data: text}} })
}

// jsonSample is what an API answers: records with numbers, names, addresses and dates.
func jsonSample(size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString(`{"items":[`)
	for i := 0; b.Len() < size-200; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"name":"%s %s","email":"%s@example.com","url":"https://api.example.com/v1/items/%d","price":%d.%02d,"updated":"2024-05-%02dT10:20:30Z","tags":["%s","%s"],"active":%t}`,
			r.IntN(1e6), word(r), word(r), word(r), i, r.IntN(1000), r.IntN(100), 1+r.IntN(28), word(r), word(r), r.IntN(2) == 0)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

func word(r *rand.Rand) string {
	const letters = "etaoinshrdlucmfwypvbgk"
	w := make([]byte, 3+r.IntN(8))
	for i := range w {
		w[i] = letters[min(r.IntN(len(letters)), r.IntN(len(letters)))]
	}
	return string(w)
}

// binarySample is half compressed data and half machine code: this program's own.
func binarySample(tb testing.TB, size int) []byte {
	tb.Helper()
	data := make([]byte, size)
	r := rand.NewChaCha8([32]byte{3})
	_, _ = r.Read(data[:size/2]) // never fails
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		tb.Fatal(err)
	}
	defer self.Close()
	if _, err := io.ReadFull(self, data[size/2:]); err != nil {
		tb.Fatal(err)
	}
	return data
}

// htmlSample is a page with scripts, which is where most of the rules have something to look at.
func htmlSample(size int) []byte {
	r := rand.New(rand.NewPCG(5, 6))
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><html><head><title>Items</title></head><body>\n")
	for b.Len() < size-400 {
		fmt.Fprintf(&b, `<div class="%s"><a href="https://www.example.com/%s?id=%d">%s %s</a></div>
<script>document.addEventListener("click", function (e) { if (e.target.matches(".%s")) { fetch("/api/%s", {method: "POST", body: JSON.stringify({id: %d})}).then(r => r.json()); } });</script>
`, word(r), word(r), r.IntN(1000), word(r), word(r), word(r), word(r), r.IntN(1000))
	}
	b.WriteString("</body></html>\n")
	return []byte(b.String())
}
