package sanitize

import (
	"bytes"
	"strings"
)

// sections are the names that prompts give the parts they are made of: what a program puts between such tags.
var sections = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq("context instructions instruction input query question document documents message conversation user user_input user_query user_message " +
		"untrusted untrusted_content external_content retrieved retrieved_context search_results tool_result tool_results tool_output results email email_body transcript prompt system system_prompt data_block page_content webpage") {
		m[w] = true
	}
	return m
}()

// commonSections are names that stand in other markup as well; they count where words to a model follow.
var commonSections = map[string]bool{"message": true, "user": true, "document": true, "documents": true, "email": true, "results": true, "input": true, "query": true, "question": true, "system": true, "instruction": true, "transcript": true}

// brokenSection finds a tag that ends a section of a prompt which the text did not begin, or one that begins
// instructions; -1 for none.
func brokenSection(s []byte) int {
	open := map[string]int{}
	for from, tags := 0, 0; tags < maxSectionTags; tags++ {
		i := bytes.IndexByte(s[from:], '<')
		if i < 0 {
			return -1
		}
		at := from + i
		from = at + 1
		closes := from < len(s) && s[from] == '/'
		if closes {
			from++
		}
		end := from
		for end < len(s) && end-from < 24 && (isWord(s[end]) || s[end] == '-') {
			end++
		}
		name := strings.ReplaceAll(string(s[from:end]), "-", "_")
		if end >= len(s) || s[end] != '>' || !sections[name] {
			continue
		}
		switch {
		case !closes:
			open[name]++
			if strings.HasPrefix(name, "instruction") && dropsOrAnswers(s[end+1:]) {
				return at
			}
		case open[name] > 0:
			open[name]--
		case !commonSections[name] && (len(s) < maxSectionText || dropsOrAnswers(s[end+1:])) || dropsOrAnswers(s[end+1:]):
			return at
		}
	}
	return -1
}

const (
	// maxSectionTags bounds the tags that are looked at for sections.
	maxSectionTags = 256

	// maxSectionText is the length up to which an end alone counts, in bytes.
	maxSectionText = 400
)

// dropsOrAnswers reports whether text goes on with an order that a model would take.
func dropsOrAnswers(s []byte) bool {
	score, _, drop := promptGrammar(s[:min(len(s), maxSectionText)])
	return drop >= 0 || score >= 3
}

// forgedTurn reports whether the text begins as somebody's turn in a conversation with a model, and asks for or gives
// away a secret.
func forgedTurn(s []byte) bool {
	s = bytes.TrimLeft(s[:min(len(s), maxSectionText)], " \t\r\n*#[")
	label, rest, found := bytes.Cut(s, []byte(":"))
	switch string(bytes.TrimSpace(label)) {
	case "human", "assistant", "ai", "assistant]", "human]":
	default:
		return false
	}
	if !found || len(rest) < 8 {
		return false
	}
	return containsAny(rest, "password", "secret", "credential", "api key", "api_key", "token", "system prompt", "instructions", "confidential", "passcode", "private key")
}
