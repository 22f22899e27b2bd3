package sanitize_test

import (
	"testing"

	"icapd/sanitize"
)

// TestDefaultActions holds what is proposed for findings of each class, and for rules that differ from their class:
// what breaks whoever reads it is blocked, what can be made inert is, and what is often meant well is reported.
func TestDefaultActions(t *testing.T) {
	class := map[string]string{
		"xxe": "block", "jsonbomb": "block", "jndi": "block", "deser": "block", "ssi": "block",
		"sqli": "rewrite", "cmdi": "rewrite", "xss": "rewrite", "crlf": "rewrite", "unicode": "rewrite", "protopoll": "rewrite",
		"prompt": "report", "ssti": "report", "ldap": "report", "xpath": "report", "nosqli": "report", "codeinj": "report",
		"traversal": "report", "ssrf": "report", "csvformula": "report", "custom": "report",
	}
	rule := map[string]string{
		"cmdi-shellshock": "block", "traversal-file": "block", "ssrf-metadata": "rewrite", "csvformula-cell": "rewrite", "csvformula-cell-dde": "rewrite",
		"cmdi-word": "report", "sqli-statement": "report", "sqli-statement-plain": "report", "unicode-homoglyph": "report", "xss-embed": "report",
	}
	for _, c := range sanitize.Classes() {
		if class[c] == "" {
			t.Errorf("class %s has no default action here", c)
		}
	}
	seen := 0
	for _, r := range builtin(t).Rules() {
		want := class[r.Class]
		if own, ok := rule[r.ID]; ok {
			want = own
			seen++
		}
		if r.Hint != want {
			t.Errorf("rule %s proposes %s, want %s", r.ID, r.Hint, want)
		}
	}
	if seen != len(rule) {
		t.Errorf("%d of %d rules are there", seen, len(rule))
	}
}
