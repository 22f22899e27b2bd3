package content

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"icapd/internal/lenient"
	"icapd/scan"

	"golang.org/x/text/encoding/charmap"
)

// entryName makes UTF-8 of a name in an archive. What is not UTF-8 is read as code page 437, as zip has it.
func entryName(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	s, err := charmap.CodePage437.NewDecoder().String(name)
	if err != nil {
		return strings.ToValidUTF8(name, "\ufffd")
	}
	return s
}

// printerBag is the one name in the cabinets that printer drivers of Windows keep their settings in. They are in every
// document that was set up for such a printer (xl/printerSettings, PrinterSetup of OpenDocument), and nobody unpacks them.
const printerBag = "//Uncompressed-Data//"

// nameSet watches over the names of one archive.
type nameSet map[string]struct{}

// check reports what is wrong with the name of an entry: a place outside of the folder that it is unpacked to,
// characters that hide what it is, a name that is there already. Bidirectional overrides turn "exe.txt" round.
func (s nameSet) check(t *Tree, n *node, name string, span scan.Span) {
	seg := segment(name)
	report := func(rule, detail string, sev scan.Severity) {
		t.hazard(n, hazard{rule: rule, detail: detail, severity: sev, span: span}, seg)
	}
	slashed := strings.ReplaceAll(name, `\`, "/")
	if strings.HasPrefix(slashed, "/") && name != printerBag || (len(slashed) > 1 && slashed[1] == ':') || hasDotDot(slashed) {
		report("path-traversal", "an entry that is unpacked outside of its folder", scan.High)
	}
	if i := strings.IndexFunc(name, deceptive); i >= 0 {
		r, _ := utf8.DecodeRuneInString(name[i:])
		report("entry-name", fmt.Sprintf("an entry's name has the invisible character %U", r), scan.Medium)
	}
	if s.twice(name) {
		report("duplicate-entry", "two entries of one name: unpackers disagree about which one counts", scan.Medium)
	}
}

// twice notes a name and reports whether it was there already, or one that is the same to some system.
func (s nameSet) twice(name string) bool {
	key := lenient.Name(name)
	_, ok := s[key]
	s[key] = struct{}{}
	return ok
}

func hasDotDot(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.TrimRight(part, " ") == ".." {
			return true
		}
	}
	return false
}

// deceptive reports whether a character hides something in a name: controls and what changes the direction.
func deceptive(r rune) bool {
	return r < 0x20 || r == 0x7f || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
}

// link reports an entry that is a link or a device: what it points to is outside of the archive's say.
func link(t *Tree, n *node, name, target string, span scan.Span) {
	sev, detail := scan.Low, "a link"
	if strings.HasPrefix(target, "/") || hasDotDot(target) {
		sev, detail = scan.High, "a link to a place outside of the archive"
	}
	t.hazard(n, hazard{rule: "archive-link", detail: detail, severity: sev, span: span}, segment(name))
}
