package waf

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// allowed are the directives of an operator's file, in lower case. Others configure Coraza itself: what it logs and
// where, what it opens, whether it looks at all. That is the engine's business.
var allowed = []string{
	"secrule", "secaction", "secmarker", "secdataset", "seccomponentsignature",
	"secruleremovebyid", "secruleremovebytag", "secruleremovebymsg",
	"secruleupdatetargetbyid", "secruleupdatetargetbytag", "secruleupdateactionbyid",
}

// forbidden are operators and actions that reach beyond the message, in lower case.
var (
	forbiddenOperators = []string{"inspectfile", "rbl", "geolookup", "fuzzyhash", "gsblookup", "validateschema"}
	forbiddenActions   = []string{"exec", "setenv", "initcol", "proxy", "append", "prepend", "sanitisearg", "deprecatevar"}
)

// split reads the directives of a file. The error joins everything that is wrong with it, a *RuleError each.
func split(file, text string) ([]directive, error) {
	var out []directive
	var errs []error
	var pending []string
	start := 0
	ticks := false // between the lines with backticks that enclose a data set
	flush := func() {
		d := directive{line: start, text: strings.Join(pending, "\n")}
		if err := check(d.text); err != nil {
			errs = append(errs, &RuleError{File: file, Line: start, Err: err})
		} else {
			out = append(out, d)
		}
		pending = nil
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if len(pending) == 0 {
			start = number
		}
		pending = append(pending, line)
		switch {
		case ticks && line[0] == '`':
			ticks = false
			flush()
		case ticks:
		case strings.HasSuffix(line, "`"):
			ticks = true
		case !strings.HasSuffix(line, `\`):
			flush()
		}
	}
	if len(pending) > 0 {
		errs = append(errs, &RuleError{File: file, Line: start, Err: errors.New("the directive does not end")})
	}
	return out, errors.Join(errs...)
}

// check refuses what an operator's file must not hold.
func check(text string) error {
	words := tokens(strings.ReplaceAll(text, "\\\n", ""))
	name := strings.ToLower(words[0])
	if name == "include" {
		return errors.New("include: name the file in engines.waf.rules instead")
	}
	if !slices.Contains(allowed, name) {
		return fmt.Errorf("%s: not a directive that rule files may have (rules, markers, data sets, changes of rules)", words[0])
	}
	var actions string
	switch name {
	case "secrule":
		if len(words) < 3 {
			return errors.New("SecRule needs variables and an operator")
		}
		for _, w := range words[2:] {
			if op := operator(w); slices.Contains(forbiddenOperators, op) {
				return fmt.Errorf("the operator @%s reaches beyond the message, and is not allowed", op)
			}
		}
		if len(words) > 3 {
			actions = words[len(words)-1]
		}
	case "secaction", "secruleupdateactionbyid":
		actions = words[len(words)-1]
	}
	return checkActions(actions)
}

// operator returns the name of the operator of a rule, in lower case: "rx" for `!@rx ^a`.
func operator(s string) string {
	s = strings.TrimLeft(s, " !")
	if !strings.HasPrefix(s, "@") {
		return "rx"
	}
	name, _, _ := strings.Cut(s[1:], " ")
	return strings.ToLower(name)
}

// checkActions refuses what a rule must not do.
func checkActions(list string) error {
	for _, a := range splitActions(list) {
		name, value, _ := strings.Cut(a, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.ToLower(strings.Trim(value, " '"))
		if slices.Contains(forbiddenActions, name) {
			return fmt.Errorf("the action %s reaches beyond the message, and is not allowed", name)
		}
		if name == "ctl" && !strings.HasPrefix(value, "ruleremove") {
			return fmt.Errorf("ctl:%s: rules may switch other rules off (ctl:ruleRemove...) and nothing else", value)
		}
	}
	return nil
}

// splitActions splits a list at its commas, but for those between single quotes.
func splitActions(list string) (out []string) {
	start, quoted := 0, false
	for i := range len(list) {
		switch {
		case list[i] == '\'' && (i == 0 || list[i-1] != '\\'):
			quoted = !quoted
		case list[i] == ',' && !quoted:
			out = append(out, list[start:i])
			start = i + 1
		}
	}
	return append(out, list[start:])
}

// tokens splits a directive into words; a word in double quotes can hold spaces, and quotes behind a backslash.
// There is at least one.
func tokens(s string) (out []string) {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimLeft(s, " \t\n") {
		if s[0] != '"' {
			word, rest, _ := strings.Cut(s, " ")
			out, s = append(out, word), rest
			continue
		}
		end := 1
		for end < len(s) && s[end] != '"' {
			if s[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end, len(s))
		out = append(out, s[1:end])
		s = s[min(end+1, len(s)):]
	}
	if len(out) == 0 {
		out = []string{""}
	}
	return out
}
