// Package scantest is the test suite that every implementation of [scan.Engine] and [scan.Rewriter] runs.
//
// An engine adopts it in a few lines:
//
//	func TestSuite(t *testing.T) {
//		scantest.Engine(t, func(t *testing.T) scan.Engine { return newEngine(t) }, scantest.Options{
//			Malicious: []scantest.Sample{{Name: "own rule", Data: []byte("...")}},
//			Clean:     []scantest.Sample{{Name: "text", Data: []byte("hello")}},
//		})
//	}
//
// Run it under the race detector: half of what it asks is about concurrency.
package scantest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"icapd/scan"
)

// EICAR returns the anti-virus test file, 68 bytes. It is put together when asked for, so that neither the
// sources nor the test binary hold it and no other scanner eats them.
func EICAR() []byte {
	key := byte(0x55)
	masked := []byte("\x0d\x60\x1a\x74\x05\x70\x15\x14\x05\x0e\x61\x09\x05\x0f\x0d\x60\x61\x7d\x05\x0b\x7c" +
		"\x62\x16\x16\x7c\x62\x28\x71\x10\x1c\x16\x14\x07\x78\x06\x01\x14\x1b\x11\x14\x07\x11\x78" +
		"\x14\x1b\x01\x1c\x03\x1c\x07\x00\x06\x78\x01\x10\x06\x01\x78\x13\x1c\x19\x10\x74\x71\x1d\x7e\x1d\x7f")
	out := make([]byte, len(masked))
	for i, b := range masked {
		out[i] = b ^ key
	}
	return out
}

// Sample is content to look at.
type Sample struct {
	Name string // of the subtest, and Item.Name unless File says otherwise
	File string // Item.Name
	Type string // Item.Type, "application/octet-stream" if ""
	Data []byte

	// Rule is a rule that must be among the findings of a malicious sample; "" if any finding will do.
	Rule string
}

// NewItem makes an item of a sample. The item must use data, and not the sample's own bytes, because the
// suite checks data for changes.
type NewItem func(t testing.TB, s Sample, data []byte) *scan.Item

// PlainItem is the NewItem of engines that look at bytes alone.
func PlainItem(_ testing.TB, s Sample, data []byte) *scan.Item {
	it := &scan.Item{
		Message: Message(),
		Path:    "body",
		Name:    s.File,
		Type:    s.Type,
		Claimed: s.Type,
		Blob:    scan.Bytes(data),
	}
	if it.Name == "" {
		it.Name = s.Name
	}
	if it.Type == "" {
		it.Type = "application/octet-stream"
	}
	return it
}

// Message returns what the items of the suite came in: a response of a third-party API.
func Message() *scan.Message {
	return &scan.Message{
		ID:        "scantest",
		Direction: scan.Response,
		Service:   "respmod",
		Method:    "GET",
		URL:       "https://api.example.com/v1/items?id=7",
		Host:      "api.example.com",
		Path:      "/v1/items",
		Status:    200,
		Type:      "application/octet-stream",
		Client:    "192.0.2.7",
		Time:      time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC),
	}
}

// guard holds the bytes of an item and knows whether somebody wrote to them, or beyond them.
type guard struct {
	arena, want []byte
	size        int
}

const fence = 64

func newGuard(data []byte) *guard {
	arena := make([]byte, len(data)+fence)
	copy(arena, data)
	for i := len(data); i < len(arena); i++ {
		arena[i] = 0xA5
	}
	return &guard{arena: arena, want: bytes.Clone(arena), size: len(data)}
}

// data is what goes into the item. Its capacity reaches over the fence on purpose: an append to it shows.
func (g *guard) data() []byte { return g.arena[:g.size] }

func (g *guard) check(tb testing.TB) {
	tb.Helper()
	if bytes.Equal(g.arena, g.want) {
		return
	}
	for i := range g.arena {
		if g.arena[i] != g.want[i] {
			tb.Errorf("the item's bytes were changed, first at offset %d of %d", i, g.size)
			return
		}
	}
}

// poison overwrites the bytes, as the spool does once a message is done.
func (g *guard) poison() {
	for i := range g.arena {
		g.arena[i] = '#'
	}
}

var errBroken = errors.New("scantest: this spool is broken")

// broken is a Blob that cannot be read.
type broken struct{ size int64 }

func (b broken) ReadAt([]byte, int64) (int, error) { return 0, errBroken }
func (b broken) Size() int64                       { return b.size }
func (b broken) Bytes() ([]byte, error)            { return nil, errBroken }

// largeText is clean content of n bytes that does not repeat soon.
func largeText(n int) []byte {
	const words = "order item price stock name city street comment status shipped pending open closed euro "
	out := make([]byte, 0, n+len(words))
	for x := uint32(1); len(out) < n; {
		x = x*1664525 + 1013904223
		at := int(x>>16) % (len(words) - 8)
		out = append(out, words[at:at+8]...)
		if x>>28 == 3 {
			out = append(out, '\n')
		}
	}
	return out[:n]
}
