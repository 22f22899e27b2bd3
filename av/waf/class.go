package waf

import (
	"slices"
	"strings"

	"icapd/scan"

	"github.com/corazawaf/coraza/v3/types"
)

// classNames are the classes that findings can have. They are those of the injection engine, as far as CRS has
// rules for them; "protocol" is HTTP that is misused, "custom" all that no tag says more about.
var classNames = []string{
	"sqli", "xss", "cmdi", "traversal", "codeinj", "ssti", "ssrf", "jndi", "deser", "nosqli", "protopoll", "ldap",
	"crlf", "protocol", "custom",
}

// classOfRule names the class of rules of CRS whose tags say less than their message.
var classOfRule = map[int]string{
	921200: "ldap",
	933170: "deser", 944120: "deser", 944200: "deser", 944210: "deser", 944240: "deser",
	934130: "protopoll",
	942290: "nosqli",
	944150: "jndi", 944151: "jndi", 944152: "jndi",
	934100: "codeinj", 934101: "codeinj", 934140: "codeinj", 934150: "codeinj", 934160: "codeinj", 934170: "codeinj",
	944130: "codeinj", 944250: "codeinj", 944260: "codeinj",
}

// classOfTag maps the tags of CRS, which operators use too, in the order in which they count: a rule can have
// several, the first that it has is the most telling one.
var classOfTag = []struct{ tag, class string }{
	{"attack-sqli", "sqli"},
	{"attack-xss", "xss"},
	{"attack-ssti", "ssti"},
	{"attack-ssrf", "ssrf"},
	{"attack-rfi", "ssrf"},
	{"attack-lfi", "traversal"},
	{"attack-ldap", "ldap"},
	{"attack-nosqli", "nosqli"},
	{"attack-injection-php", "codeinj"},
	{"attack-injection-java", "codeinj"},
	{"attack-rce", "cmdi"},
	{"attack-injection-generic", "codeinj"},
	{"attack-fixation", "xss"},
	{"attack-protocol", "protocol"},
}

// classOf returns the class of what a rule finds.
func classOf(id int, tags []string) string {
	if c, ok := classOfRule[id]; ok {
		return c
	}
	if 921110 <= id && id <= 921199 && id != 921180 {
		return "crlf" // splitting and smuggling, which are line breaks in a header's value
	}
	for _, m := range classOfTag {
		if slices.Contains(tags, m.tag) {
			return m.class
		}
	}
	for _, t := range tags {
		if c, ok := strings.CutPrefix(t, "attack-"); ok && slices.Contains(classNames, c) {
			return c
		}
	}
	return "custom"
}

// severityOf maps the severities of SecLang. CRS has its word "critical" for nearly every rule, right ones and those
// that match a quarter of honest responses: it makes a message suspicious here. The two above it, which CRS does not
// use, are for operators who are sure of a rule.
func severityOf(s types.RuleSeverity) scan.Severity {
	switch s {
	case types.RuleSeverityEmergency:
		return scan.Critical
	case types.RuleSeverityAlert:
		return scan.High
	case types.RuleSeverityCritical, types.RuleSeverityError:
		return scan.Medium
	case types.RuleSeverityWarning, types.RuleSeverityNotice:
		return scan.Low
	case types.RuleSeverityInfo, types.RuleSeverityDebug:
		return scan.Info
	case types.RuleSeverityUnset:
	}
	return scan.Medium
}
