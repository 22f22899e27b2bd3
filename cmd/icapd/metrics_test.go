package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"icapd/conf"
	"icapd/internal/metrics"
)

var update = flag.Bool("update", false, "write the table of metrics into docs/metrics.md")

// TestMetricsInDocument holds that docs/metrics.md has every metric of a server that has all its parts, and no other.
func TestMetricsInDocument(t *testing.T) {
	const document, begin, end = "../../docs/metrics.md", "<!-- metrics: go test ./cmd/icapd -run MetricsInDocument -update -->\n", "<!-- end of metrics -->"
	doc, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(doc), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the metrics", document)
	}
	switch want := before + begin + metricsTable(t) + end + after; {
	case want == string(doc):
	case *update:
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not up to date; run this test with -update", document)
	}
}

func metricsTable(t *testing.T) string {
	t.Helper()
	all := wholeServer(t).metrics.Families()
	if len(all) < 40 {
		t.Fatalf("%d metrics only", len(all))
	}
	slices.SortFunc(all, func(a, b metrics.Family) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	b.WriteString("| metric | kind | labels | |\n|---|---|---|---|\n")
	for _, f := range all {
		labels := "–"
		if len(f.Labels) > 0 {
			labels = "`" + strings.Join(f.Labels, "` `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Kind, labels, f.Help)
	}
	return b.String()
}

// wholeServer is a server with a quarantine, which does not listen.
func wholeServer(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	c := conf.Default()
	c.Log.Events = false
	c.Engines.Yara.Rules = nil // they take their time to compile, and have no metric of their own
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("0123456789abcdef", 4)), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Quarantine.Directory, c.Quarantine.KeyFile = conf.Path(filepath.Join(dir, "kept")), conf.Path(key)
	log := newLogs(io.Discard, &c.Log)
	t.Cleanup(log.close)
	p, err := build(c, "test", func() {})
	if err != nil {
		t.Fatal(err)
	}
	back, err := newBackstage(c, "test", log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { back.close(t.Context()) })
	return newServer(&cli{version: "test"}, p, log, make(chan struct{}, 1), back)
}
