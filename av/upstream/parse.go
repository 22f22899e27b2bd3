package upstream

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"icapd/icap"
)

// threat is one thing that a server found.
type threat struct {
	kind infection
	name string
	file string // inside the item, "" if the server does not say
	from string // field of the answer
}

// infection is the Type of X-Infection-Found.
type infection uint8

const (
	virus     infection = iota // also where the server does not say
	violation                  // of a policy
	container                  // could not be looked into
)

const (
	maxThreats = 64  // of one answer; more say nothing new
	maxName    = 256 // bytes
)

// threats reads all fields in which servers name what they found.
func threats(h icap.Header) []threat {
	var all []threat
	for _, v := range h.Values("X-Infection-Found") {
		all = append(all, parseInfection(v))
	}
	for _, v := range h.Values("X-Virus-ID") {
		if v = strings.TrimSpace(v); v != "" && !strings.EqualFold(v, "none") && !strings.EqualFold(v, "no threats") {
			all = append(all, threat{name: clean(v), from: "X-Virus-ID"})
		}
	}
	all = append(all, parseViolations(h.Raw())...)
	return all[:min(len(all), maxThreats)]
}

// parseInfection reads "Type=0; Resolution=2; Threat=NAME;". A field that is not of this form still says that
// something was found.
func parseInfection(s string) threat {
	t := threat{from: "X-Infection-Found"}
	for part := range strings.SplitSeq(s, ";") {
		name, value, _ := strings.Cut(part, "=")
		value = strings.TrimSpace(value)
		switch {
		case strings.EqualFold(strings.TrimSpace(name), "Type"):
			switch value {
			case "1":
				t.kind = violation
			case "2":
				t.kind = container
			}
		case strings.EqualFold(strings.TrimSpace(name), "Threat"):
			t.name = clean(value)
		}
	}
	return t
}

// parseViolations reads X-Violations-Found out of a header: a count, and for each violation four lines of
// continuation: file name, threat, problem, resolution. It reads the text because unfolding loses the lines.
func parseViolations(raw string) []threat {
	var all []threat
	lines := strings.Split(raw, "\n")
	for i := 0; i < len(lines); i++ {
		name, value, ok := strings.Cut(lines[i], ":")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "X-Violations-Found") {
			continue
		}
		var folded []string
		for i+1 < len(lines) && isFold(lines[i+1]) {
			i++
			folded = append(folded, strings.TrimSpace(lines[i]))
		}
		all = append(all, violations(strings.TrimSpace(value), folded)...)
		if len(all) > maxThreats {
			break
		}
	}
	return all
}

func isFold(line string) bool { return strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") }

// violations makes threats of the lines of one field. A count without its lines still is a threat.
func violations(count string, lines []string) []threat {
	const each = 4
	n, err := strconv.Atoi(count)
	if err == nil && n == 0 {
		return nil
	}
	var all []threat
	for ; len(lines) >= 2 && len(all) < maxThreats; lines = lines[min(each, len(lines)):] {
		t := threat{name: clean(lines[1]), file: clean(lines[0]), from: "X-Violations-Found"}
		if t.file == "-" {
			t.file = ""
		}
		all = append(all, t)
	}
	if len(all) == 0 {
		all = append(all, threat{from: "X-Violations-Found"})
	}
	return all
}

// clean makes a name that a server sent fit for a log line: printable, and of bounded length.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.TrimSpace(s))
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "")
	}
	return s
}
