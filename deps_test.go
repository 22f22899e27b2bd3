// Package icapd_test holds the import table of the project: which room may use which. It is the architecture
// as a test; docs/architecture.md draws it.
package icapd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rooms says what each room may import of ours. A room that is not listed may not exist. "*" is everything.
var rooms = map[string][]string{
	"icap":                   {},
	"icap/icaptest":          {"icap"},
	"scan":                   {},
	"scan/scantest":          {"scan"},
	"av/clamd":               {"scan"},
	"av/clamd/clamdtest":     {"internal/freeport"},
	"av/cache":               {"scan"},
	"av/guard":               {"scan"},
	"av/hashes":              {"scan"},
	"av/upstream":            {"scan", "icap"},
	"av/waf":                 {"scan"},
	"av/yara":                {"scan"},
	"cdr":                    {"scan", "cdr/kit", "cdr/image", "cdr/rtf", "cdr/text", "cdr/markup", "cdr/odf", "cdr/pdf", "cdr/ooxml", "cdr/ole"},
	"cdr/carrier":            {"scan", "cdr/kit", "internal/lenient", "internal/pattern"},
	"cdr/markup":             {"cdr/kit", "scan", "internal/pattern"},
	"cdr/odf":                {"cdr/kit", "scan", "internal/pattern"},
	"cdr/pdf":                {"cdr/kit", "scan", "internal/pattern"},
	"cdr/ooxml":              {"cdr/kit", "scan", "internal/pattern"},
	"cdr/ole":                {"cdr/kit", "scan", "internal/pattern"},
	"cdr/text":               {"cdr/kit", "scan", "internal/pattern"},
	"cdr/rtf":                {"cdr/kit", "scan", "internal/lenient", "internal/pattern"},
	"cdr/image":              {"cdr/kit", "internal/pattern"},
	"cdr/kit":                {"scan", "internal/deflate", "internal/lenient", "internal/pattern"},
	"conf":                   {"policy", "scan", "internal/units"},
	"policy":                 {"scan"},
	"sanitize":               {"sanitize/prompts", "sanitize/wordset", "scan"},
	"schema":                 {"scan"},
	"schema/learn":           {"scan"},
	"sanitize/eval":          {"scan"},
	"sanitize/prompts":       {"sanitize/wordset"},
	"sanitize/wordset":       {},
	"sanitize/prompts/train": {"sanitize/prompts"},
	"sanitize/eval/evaltest": {"sanitize/eval"},
	"signatures":             {},
	"internal/admin":         {},
	"internal/body":          {"scan"},
	"internal/deflate":       {},
	"internal/content":       {"scan", "internal/body", "internal/deflate", "internal/lenient", "internal/pattern"},
	"internal/event":         {"scan"},
	"internal/lenient":       {},
	"internal/metrics":       {"internal/event"},
	"internal/pattern":       {},
	"internal/quarantine":    {"internal/secret"},
	"internal/secret":        {},
	"internal/sink":          {"internal/event", "internal/secret", "scan"},
	"internal/inventory":     {},
	"internal/service":       {"icap", "scan", "policy", "internal/body", "internal/content", "internal/event"},
	"internal/trace":         {"internal/event", "internal/sink"},
	"internal/units":         {},
	"internal/freeport":      {},
	"internal/listen":        {},
	"cmd/icapd":              {"*"},
}

// openRooms may import anything, because they stand outside: commands, and tests with real peers.
var openRooms = []string{"cmd/", "integration", "deploy"}

type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestImportTable(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		room, ours := strings.CutPrefix(p.ImportPath, "icapd/")
		if !ours || isOpen(room) {
			continue
		}
		seen++
		checkRoom(t, room, p.Imports)
	}
	if seen < 10 {
		t.Fatalf("looked at %d rooms only", seen)
	}
}

func isOpen(room string) bool {
	return slices.ContainsFunc(openRooms, func(open string) bool { return strings.HasPrefix(room, open) })
}

func checkRoom(t *testing.T, room string, imports []string) {
	t.Helper()
	allowed, known := rooms[room]
	if !known {
		t.Errorf("room %s is not in the table", room)
	}
	for _, i := range imports {
		if ours, ok := strings.CutPrefix(i, "icapd/"); ok && !slices.Contains(allowed, ours) && !slices.Contains(allowed, "*") {
			t.Errorf("%s imports %s; the table allows %v", room, ours, allowed)
		}
	}
}
