// Package canary plays the adversary of `icapd disarm`: it puts a word that stands nowhere else into the active part of
// clean documents, in as many spellings as the formats allow, and looks for it in every byte that the output can be
// unpacked to. The documents are not those of the unit tests of cdr's rooms, and neither is the code that looks.
package canary

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// icapd is the binary under test, built by TestMain or named by ICAPD_BINARY.
var icapd = os.Getenv("ICAPD_BINARY")

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if icapd != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "icapd-canary-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	icapd = filepath.Join(dir, "icapd")
	if out, err := exec.Command("go", "build", "-o", icapd, "icapd/cmd/icapd").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building icapd: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// row is one way of putting something active into a document.
type row struct {
	what  string // the vector, and how it is written
	ext   string // the file's extension
	make  func(c string) []byte
	shown []string // what people saw, and must see after
	none  bool     // there is no safe form: no output is the right answer
}

// sentences are what every base document shows.
var sentences = []string{"Visible sentence number one.", "Last words stay."}

// word makes the canary of a row: letters only, so that no spelling changes it.
func word(n int) string {
	s := []byte("zqcanaryaaaa")
	for i := len(s) - 1; i >= len(s)-4; i-- {
		s[i] = byte('a' + n%26)
		n /= 26
	}
	return string(s)
}

// report is what `icapd disarm --json` says about a file.
type report struct {
	Path    string `json:"path"`
	Action  string `json:"action"`
	Rule    string `json:"rule"`
	Reason  string `json:"reason"`
	Changed bool   `json:"changed"`
	Removed []struct {
		Vector, Location, Action string
	} `json:"removed"`
}

// disarm runs the binary on a folder and returns what it says by file name.
func disarm(t *testing.T, in, out string, flags ...string) map[string]report {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), icapd, append([]string{"disarm", "--json", in, "-o", out}, flags...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	got := map[string]report{}
	lines := bufio.NewScanner(&stdout)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r report
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(r.Path)] = r
	}
	return got
}

// rows returns every row, and fails the test where two have the same name.
func rows(tb testing.TB) []row {
	tb.Helper()
	var all []row
	for _, list := range [][]row{
		wordRows(tb), excelRows(tb), powerPointRows(tb), odfRows(tb), oleRows(tb), pdfRows(), rtfRows(tb), markupRows(), imageRows(tb), textRows(), nestedRows(tb), archiveRows(tb), carrierRows(tb), actingRows(tb), strayRows(tb), guiseRows(tb), recordRows(tb),
	} {
		all = append(all, list...)
	}
	seen := map[string]bool{}
	for _, r := range all {
		key := r.ext + ": " + r.what
		if seen[key] {
			tb.Fatalf("two rows are called %s", key)
		}
		seen[key] = true
	}
	return all
}

// leastRows is how many rows there must be: a test that looks at less has lost some.
const leastRows = 120

// only narrows the test down to one format, for work on it.
var only = flag.String("only", "", "extension of the rows to look at")

func TestCanaries(t *testing.T) {
	all := rows(t)
	if *only != "" {
		all = slices.DeleteFunc(all, func(r row) bool { return r.ext != *only })
	} else if len(all) < leastRows {
		t.Fatalf("%d rows only", len(all))
	}
	in, out, again := t.TempDir(), filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "again")
	name := func(i int) string { return fmt.Sprintf("%03d.%s", i, all[i].ext) }
	formats := map[string]int{}
	for i, r := range all {
		formats[r.ext]++
		data := r.make(word(i))
		if survivor(data) == "" {
			t.Errorf("%s: %s: the canary cannot be seen in the input: the test would prove nothing", name(i), r.what)
		}
		if err := os.WriteFile(filepath.Join(in, name(i)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reports := disarm(t, in, out)
	survivors, refused := 0, 0
	for i, r := range all {
		got, err := os.ReadFile(filepath.Join(out, name(i)))
		what := fmt.Sprintf("%s: %s", name(i), r.what)
		switch {
		case err != nil && r.none:
			refused++
			continue
		case err != nil:
			t.Errorf("%s: refused: %s %s", what, reports[name(i)].Rule, reports[name(i)].Reason)
			continue
		case r.none:
			t.Errorf("%s: written, although it has no safe form: %v", what, reports[name(i)].Removed)
		}
		if how := survivor(got); how != "" {
			survivors++
			t.Errorf("%s: the canary survives (%s); removed was %v", what, how, reports[name(i)].Removed)
		}
		for _, s := range r.shown {
			if !shows(got, s) {
				t.Errorf("%s: %q is gone; removed was %v", what, s, reports[name(i)].Removed)
			}
		}
	}
	t.Logf("%d rows in %d formats: %d survivors, %d without a safe form", len(all), len(formats), survivors, refused)

	// Twice is the same as once.
	for file, r := range disarm(t, out, again) {
		a, errA := os.ReadFile(filepath.Join(out, file))
		b, errB := os.ReadFile(filepath.Join(again, file))
		if errA != nil || errB != nil || r.Changed || !bytes.Equal(a, b) {
			t.Errorf("%s: a second time: %v, %v, removed %v, refused %q", file, errA, errB, r.Removed, r.Reason)
		}
	}
}

// TestBases holds the documents that everything is put into to being clean: nothing is changed in them.
func TestBases(t *testing.T) {
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	kinds := []string{"docx", "xlsx", "pptx", "odt", "ods", "odp", "doc", "xls", "ppt", "rtf", "pdf"}
	for _, kind := range kinds {
		if err := os.WriteFile(filepath.Join(in, "base."+kind), base(t, kind), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reports := disarm(t, in, out)
	for _, kind := range kinds {
		got, err := os.ReadFile(filepath.Join(out, "base."+kind))
		if err != nil || !bytes.Equal(got, base(t, kind)) {
			t.Errorf("%s: %v, removed %v, %s", kind, err, reports["base."+kind].Removed, reports["base."+kind].Rule)
		}
		for _, s := range sentences {
			if kind != "pdf" && !shows(base(t, kind), s) { // LibreOffice's PDF has glyph numbers for text
				t.Errorf("%s does not show %q", kind, s)
			}
		}
	}
}

func TestHunter(t *testing.T) {
	for name, data := range map[string]string{
		"UTF-16": "z\x00q\x00c\x00a\x00n\x00a\x00r\x00y\x00", "base64": "enFjYW5hcnkgYW5kIG1vcmU=", "hex": "7a7163616e617279",
		"octal": `\172\161canary`, "names": "zq#63anary", "entities": "zq&#99;anary", "split": "<r>zq</r><r>canary</r>",
		"percent": "zqc%61nary", "quoted": "zq=63an=\r\nary",
	} {
		if survivor([]byte(data)) == "" {
			t.Errorf("%s is not seen", name)
		}
	}
	if how := survivor([]byte("nothing to see here, nothing at all")); how != "" {
		t.Error(how)
	}
}

// filled puts the canary where CANARY stands.
func filled(s string) func(c string) []byte {
	return func(c string) []byte { return []byte(strings.ReplaceAll(s, "CANARY", c)) }
}
