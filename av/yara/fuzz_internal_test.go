package yara

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"icapd/scan"
)

// FuzzReply feeds the engine what a worker might say that was taken over by what it scanned.
func FuzzReply(f *testing.F) {
	for _, r := range []*reply{
		newReply(7, nil, nil),
		newReply(7, []match{{Rule: 1, Strings: []stringMatch{{Name: "$a", Offset: 3, Length: 4}}}}, nil),
		newReply(7, []match{{Rule: 99, More: -1, Strings: []stringMatch{{Name: "$\n", Offset: -1, Length: 1 << 62}}}}, nil),
		newReply(8, nil, tooManyMatches()),
		newReply(7, nil, errors.New("two\nlines")),
	} {
		var b bytes.Buffer
		if err := writeFrame(&b, r, maxReply); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 0, 0, 2, '{', '}'})
	f.Add([]byte("\x00\x00\x00\x10{\"id\":7}        "))
	set := ruleset{rules: make([]Rule, 3), findings: make([]scan.Finding, 3)}
	const size = 100
	f.Fuzz(func(t *testing.T, frame []byte) {
		var r reply
		if readFrame(bytes.NewReader(frame), &r, 1<<16) != nil || r.check(7, len(set.rules), size) != nil {
			return
		}
		if err := r.err(); err != nil && strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("an error of several lines: %q", err)
		}
		it := &scan.Item{Path: "body", Blob: make(scan.Bytes, size)}
		for _, found := range set.report(it, r.Matches) {
			if found.Span.Start < 0 || found.Span.Start > found.Span.End || found.Span.End > size {
				t.Errorf("span %v of %d bytes", found.Span, size)
			}
			if strings.ContainsAny(found.Detail, "\r\n\x00") || !utf8.ValidString(found.Detail) {
				t.Errorf("detail %q", found.Detail)
			}
		}
	})
}

// TestFrames: what is written is read, and nothing beyond limits is either.
func TestFrames(t *testing.T) {
	var b bytes.Buffer
	want := request{Op: opScan, ID: 9, Size: 5, Vars: [][]byte{{0xff, 0}, nil}}
	if err := writeFrame(&b, &want, maxRequest); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	for n := range len(whole) {
		var got request
		if err := readFrame(bytes.NewReader(whole[:n]), &got, maxRequest); err == nil {
			t.Errorf("a frame of %d bytes cut after %d was read", len(whole), n)
		}
	}
	var got request
	if err := readFrame(bytes.NewReader(whole), &got, maxRequest); err != nil || got.ID != 9 || string(got.Vars[0]) != "\xff\x00" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := readFrame(bytes.NewReader(whole), &got, 8); !errors.Is(err, errTooLong) {
		t.Errorf("reading beyond the limit: %v", err)
	}
	if err := writeFrame(&b, &want, 8); !errors.Is(err, errTooLong) {
		t.Errorf("writing beyond the limit: %v", err)
	}
}
