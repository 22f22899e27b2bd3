package icaptest

import (
	"flag"
	"fmt"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the list of cases into docs/conformance.md")

const document = "../../docs/conformance.md"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLoad(t *testing.T) {
	cases, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, c := range cases {
		for _, n := range c.Numbers {
			seen[n] = true
		}
	}
	for n := 1; n <= 70; n++ {
		if !seen[n] {
			t.Errorf("no transcript for case %d", n)
		}
	}
	for _, need := range slices.Concat(services, abilities) {
		if !slices.ContainsFunc(cases, func(c Case) bool { return slices.Contains(c.Needs, need) }) {
			t.Errorf("no transcript needs %s", need)
		}
	}
	t.Logf("%d transcripts", len(cases))
}

// TestDocument: the list in docs/conformance.md is that of the transcripts.
func TestDocument(t *testing.T) {
	doc, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "-update -->\n", "<!-- end of cases -->"
	before, rest, ok1 := strings.Cut(string(doc), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the list of cases", document)
	}
	want := before + begin + caseTables(t) + end + after
	switch {
	case want == string(doc):
	case *update:
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not up to date; run this test with -update", document)
	}
}

func caseTables(t *testing.T) string {
	t.Helper()
	cases, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	cell := strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;")
	b, topic := new(strings.Builder), ""
	for _, c := range cases {
		if dir := path.Dir(c.ID); dir != topic {
			topic = dir
			fmt.Fprintf(b, "\n### %s\n\n| | case | the client | the server must | source | needs |\n|---|---|---|---|---|---|\n", topic)
		}
		needs := slices.DeleteFunc(slices.Clone(c.Needs), func(n string) bool { return slices.Contains(services[:3], n) })
		fmt.Fprintf(b, "| %s | `%s` | %s | %s | %s | %s |\n", strings.Trim(strings.ReplaceAll(fmt.Sprint(c.Numbers), " ", ", "), "[]"),
			path.Base(c.ID), cell.Replace(c.Title), cell.Replace(c.Want), cell.Replace(c.RFC), strings.Join(needs, ", "))
	}
	b.WriteString("\n")
	return b.String()
}
