package event

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"icapd/scan"
)

func TestSafeURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://api.test/v1/items?page=2":                         "https://api.test/v1/items?page=2",
		"https://bob:hunter2@api.test/":                            "https://api.test/",
		"https://api.test/?api_key=abc&x=1&Access_Token=t":         "https://api.test/?api_key=REDACTED&x=1&Access_Token=REDACTED",
		"https://api.test/?%61pi_key=abc":                          "https://api.test/?%61pi_key=REDACTED",
		"https://api.test/?X-Amz-Signature=ff&X-Amz-Credential=AK": "https://api.test/?X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED",
		"https://api.test/?key=1&monkey=2#secret":                  "https://api.test/?key=REDACTED&monkey=2",
		"https://api.test/?code=abc&state=x;y":                     "https://api.test/?code=REDACTED&state=x;y",
		"https://api.test/?a%zz=1":                                 "https://api.test/?a%zz=REDACTED",
		"http://u:p@h%zz/path?token=1":                             "http://h%zz/path",
		"":                                                         "",
		"/relative?token=x":                                        "/relative?token=REDACTED",
		"https://api.test/\r\nInjected: 1":                         "https://api.test/??Injected: 1",
	} {
		if got := SafeURL(raw); got != want {
			t.Errorf("SafeURL(%q) = %q, want %q", raw, got, want)
		}
	}
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\nb": "a?b", "\x1b[31m": "?[31m", "grün": "grün", "\u202etxt": "?txt", "\xff": "?",
		strings.Repeat("é", 20): strings.Repeat("é", 5) + "…",
	} {
		if got := OneLine(in, 10); got != want {
			t.Errorf("OneLine(%q) = %q, want %q", in, got, want)
		}
	}
}

// One hostile message cannot flood the log, and what was left out is counted.
func TestRecordIsBounded(t *testing.T) {
	v := scan.Verdict{}
	for range 5000 {
		v.Findings = append(v.Findings, scan.Finding{Rule: strings.Repeat("r\n", 4000), Path: strings.Repeat("/p", 9000), Severity: scan.High})
		v.Gaps = append(v.Gaps, scan.Gap{Err: errors.New(strings.Repeat("e", 9000))})
	}
	var e Event
	e.Record(&v)
	b, err := json.Marshal(&e)
	if err != nil || len(b) > 1<<20 || !utf8.Valid(b) {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if e.Omitted != 2*(5000-maxRecords) || e.Verdict != "malicious" {
		t.Fatalf("omitted %d, verdict %s", e.Omitted, e.Verdict)
	}
}

func FuzzSafeURL(f *testing.F) {
	f.Add("https://a:b@c/?token=x&y=1#f")
	f.Add("//@@/%zz?=&&=")
	f.Fuzz(func(t *testing.T, raw string) {
		if got := SafeURL(raw); strings.ContainsAny(got, "\r\n\x1b") || !utf8.ValidString(got) {
			t.Fatalf("SafeURL(%q) = %q", raw, got)
		}
	})
}

// A compact event says what it said before, and holds on to nothing large.
func TestCompact(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2)), hardTexts}
	for range 1000 {
		var e Event
		g.fill(reflect.ValueOf(&e).Elem())
		before := byReflection(t, &e)
		e.Compact()
		if after := byReflection(t, &e); after != before {
			t.Fatalf("%s became %s", before, after)
		}
	}
	head := "GET https://api.test/a HTTP/1.1\r\nHost: api.test\r\n" + strings.Repeat("x", 1<<10)
	e := Event{RequestID: "ID", Method: head[:3], URL: head[4:22], Host: head[12:20]}
	e.Compact()
	first := uintptr(unsafe.Pointer(unsafe.StringData(e.RequestID)))
	for _, s := range []string{e.Method, e.URL, e.Host} {
		if at := uintptr(unsafe.Pointer(unsafe.StringData(s))); at < first || at-first > 64 {
			t.Errorf("%q is still a part of something else", s)
		}
	}
}
