package ooxml

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"icapd/cdr/kit"
	"icapd/scan"
)

// However often a document imports a page, it stands there once: a small file does not become a large one.
func TestPageImportedOften(t *testing.T) {
	page := piece{name: "word/c.htm", mime: "text/html", rel: offRel + "aFChunk", id: "c", body: "<html><body>" + strings.Repeat("<p>once", 1000) + "</body></html>"}
	r, job, err := run(t, docx(strings.Repeat(`<w:altChunk r:id="c"/>`, 500), page).bytes(t))
	if err != nil {
		t.Fatal(err)
	}
	s := unzip(t, r.Data)["word/document.xml"]
	if n := strings.Count(s, "once"); n != 1000 || strings.Contains(s, "altChunk") || strings.Count(s, "<w:p/>") != 499 {
		t.Errorf("%d words, %d bytes", n, len(s))
	}
	if line := job.Removals(); !slices.ContainsFunc(line, func(r kit.Removal) bool { return r.Vector == vectorAltChunk && r.Count == 499 }) {
		t.Error(line)
	}
}

// What a page becomes counts as unpacked: by its ratio, by its size, and against the sum of all.
func TestPageLimits(t *testing.T) {
	body := strings.Repeat("<p>a", 100_000)
	for name, tt := range map[string]struct {
		limits kit.Limits
		prefix string
		want   string
	}{
		"within":   {kit.Limits{}, "w:", ""},
		"ratio":    {kit.Limits{Ratio: 5}, "w:", "ratio"},
		"part":     {kit.Limits{PartSize: 1 << 20}, "w:", "part_bytes"},
		"all":      {kit.Limits{Bytes: 2 << 20}, "w:", "decoded_bytes"},
		"a prefix": {kit.Limits{Ratio: 25}, strings.Repeat("w", 50) + ":", "ratio"},
	} {
		for _, mime := range []string{"text/html", "text/plain"} {
			data := strings.ReplaceAll(body, "<p>", map[string]string{"text/html": "<p>", "text/plain": "\n"}[mime])
			out, err := paragraphs(t.Context(), kit.NewJob(kit.ModeDisarm, kit.Switches{}, tt.limits, nil), []byte(data), mime, tt.prefix)
			var gap *scan.Gap
			switch {
			case tt.want == "" && (err != nil || strings.Count(out, "<w:p>") != 100_000):
				t.Errorf("%s, %s: %v", name, mime, err)
			case tt.want != "" && (!errors.As(err, &gap) || gap.Limit != tt.want):
				t.Errorf("%s, %s: %v, %d bytes", name, mime, err, len(out))
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := paragraphs(ctx, kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, nil), []byte(body), "text/html", "w:"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A limit that a page reaches stops the document, and a prefix longer than anybody's brings no page.
func TestPageStops(t *testing.T) {
	page := piece{name: "word/c.htm", mime: "text/html", rel: offRel + "aFChunk", id: "c", body: strings.Repeat("<p>a", 100_000)}
	job := newJob(kit.Switches{})
	job.Limits.PartSize = 2 << 20
	_, err := (Package{}).Disarm(t.Context(), job, kit.Document{Data: docx(`<w:altChunk r:id="c"/>`, page).bytes(t)})
	var gap *scan.Gap
	if !errors.As(err, &gap) || gap.Limit != "part_bytes" {
		t.Error(err)
	}
	long := strings.Repeat("long", 1000)
	r, _, err := run(t, docx("<"+long+`:altChunk xmlns:`+long+`="x" r:id="c"/>`, page).bytes(t))
	if s := unzip(t, r.Data)["word/document.xml"]; err != nil || strings.Contains(s, "long") {
		t.Errorf("%v, %d bytes", err, len(s))
	}
}
