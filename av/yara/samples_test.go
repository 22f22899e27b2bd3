package yara_test

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"icapd/av/yara"
	"icapd/scan"
	"icapd/scan/scantest"
)

// ruleSample is what a built-in rule must find, and what it must leave alone although it is near.
type ruleSample struct {
	rule string
	file string // name of the hit, if the rule looks at it
	hit  []byte
	miss []byte
}

// cut takes the marks out that keep a sample from being one in this file: a "~" in the middle of its words.
// "~~" stands for itself.
func cut(s string) []byte {
	return []byte(strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(s, "~~", "\x00\x01"), "~", ""), "\x00\x01", "~"))
}

// TestSamples tries every built-in rule on what it is for. A rule without a sample is a mistake.
func TestSamples(t *testing.T) {
	e := newEngine(t, nil)
	tried := map[string]bool{}
	for _, s := range slices.Concat(webSamples(), scriptSamples(), documentSamples(), shortcutSamples(), packageSamples(), programSamples()) {
		tried[s.rule] = true
		t.Run(s.rule, func(t *testing.T) {
			hit := scantest.PlainItem(t, scantest.Sample{Name: "sample", File: s.file}, s.hit)
			if got := names(t, e, hit); !slices.Contains(got, s.rule) {
				t.Errorf("not found; found %q in %.300q", got, s.hit)
			}
			miss := scantest.PlainItem(t, scantest.Sample{Name: "sample"}, s.miss)
			if got := names(t, e, miss); slices.Contains(got, s.rule) {
				t.Errorf("found in what is near to it: %.300q", s.miss)
			}
		})
	}
	for _, r := range e.Rules() {
		if r.Private {
			continue
		}
		if !tried[r.Name] {
			t.Errorf("%s: no sample", r.Name)
		}
		checkMeta(t, &r)
	}
	if len(tried) < 90 {
		t.Fatalf("only %d rules were tried", len(tried))
	}
}

// checkMeta holds the built-in rules to what findings need.
func checkMeta(t *testing.T, r *yara.Rule) {
	t.Helper()
	meta := map[string]string{}
	for _, m := range r.Meta {
		meta[m.Name] = m.Value
	}
	for _, name := range []string{"description", "severity", "class", "reference"} {
		if meta[name] == "" {
			t.Errorf("%s: no %s", r.Name, name)
		}
	}
	if _, err := scan.ParseSeverity(meta["severity"]); err != nil {
		t.Errorf("%s: %v", r.Name, err)
	}
}

// unhex is for samples of machine code.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// wide is text as Windows stores it.
func wide(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

// The smallest files that pass for what they are.

func elf(body ...[]byte) []byte {
	return join([]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00"), join(body...))
}

// dosText is what every program for Windows says under DOS.
func dosText() []byte { return cut("This prog~ram cannot be run in DOS mo~de.\r\r\n$") }

func pe(body ...[]byte) []byte {
	head := make([]byte, 0x80)
	copy(head, "MZ\x90\x00\x03")
	binary.LittleEndian.PutUint32(head[0x3c:], 0xc0)
	return join(head, dosText(), make([]byte, 0xc0-0x80-len(dosText())), []byte("PE\x00\x00\x64\x86"), make([]byte, 64), join(body...))
}

func ole(body ...[]byte) []byte {
	return join(unhex("d0cf11e0a1b11ae1"), make([]byte, 504), join(body...))
}

func pdf(body string) []byte { return join([]byte("%PDF-1.7\n"), cut(body), []byte("\n%%EOF\n")) }

func lnk(body ...[]byte) []byte {
	return join(unhex("4c0000000114020000000000c000000000000046"), make([]byte, 56), join(body...))
}

func gif(body ...[]byte) []byte {
	return join([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"), join(body...))
}
