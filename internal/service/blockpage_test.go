package service

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"icapd/policy"

	"golang.org/x/net/html"
)

func TestChooseDialect(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
	tests := []struct {
		name  string
		hints peerHints
		want  dialect
	}{
		{"nothing known", peerHints{}, dialectProblem},
		{"curl asks for JSON", peerHints{accept: "*/*", responseType: "application/json"}, dialectProblem},
		{"curl gets a page", peerHints{accept: "*/*", responseType: "text/html; charset=utf-8"}, dialectHTML},
		{"browser, JSON response", peerHints{accept: browser, responseType: "application/json"}, dialectHTML},
		{"browser, download", peerHints{accept: browser, responseType: "application/zip"}, dialectHTML},
		{"API client that also takes HTML", peerHints{accept: "application/json, text/html;q=0.5", responseType: "text/html"}, dialectProblem},
		{"vendor JSON", peerHints{accept: "application/vnd.github+json"}, dialectProblem},
		{"only HTML refused", peerHints{accept: "text/html;q=0, */*", responseType: "text/html"}, dialectProblem},
		{"neither: an image", peerHints{accept: "image/png", responseType: "image/png"}, dialectProblem},
		{"text/* is a page", peerHints{accept: "text/*"}, dialectHTML},
		{"SOAP 1.2", peerHints{accept: browser, requestType: "application/soap+xml; charset=utf-8"}, dialectSOAP12},
		{"SOAP 1.1", peerHints{requestType: "text/xml", soapAction: true}, dialectSOAP11},
		{"GraphQL by path", peerHints{path: "/api/graphql", accept: "*/*"}, dialectGraphQL},
		{"GraphQL by response", peerHints{responseType: "application/graphql-response+json"}, dialectGraphQL},
		{"garbage", peerHints{accept: ";;;q=,\x00text/html;q=x"}, dialectProblem},
	}
	for _, tt := range tests {
		if got := chooseDialect(tt.hints); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// Whatever the reason says, each dialect stays well-formed in its format and tells who to ask about what.
func TestPagesAreWellFormed(t *testing.T) {
	nasty := `</script><b>&"'` + "\u2028 ]]> {{.}} \x01"
	r := Refusal{
		Status: 403, RequestID: "REQ7", Verdict: "malicious", Rule: nasty, Reason: nasty, Path: nasty,
	}
	for d, check := range map[dialect]func([]byte) error{
		dialectProblem: func(b []byte) error { return json.Unmarshal(b, &map[string]any{}) },
		dialectGraphQL: func(b []byte) error { return json.Unmarshal(b, &map[string]any{}) },
		dialectSOAP11:  wellFormed,
		dialectSOAP12:  wellFormed,
		dialectHTML:    inert,
	} {
		head, body := r.page(d, false)
		if err := check(body); err != nil {
			t.Errorf("dialect %d: %v\n%s", d, err, body)
		}
		if !strings.Contains(string(body), "REQ7") {
			t.Errorf("dialect %d does not name the request:\n%s", d, body)
		}
		if head.Status() != 403 || head.Get("Content-Length") != strconv.Itoa(len(body)) || head.Get("Content-Type") == "" {
			t.Errorf("dialect %d: head\n%s", d, head.Raw())
		}
		if h, b := r.page(d, true); len(b) != 0 || h.Get("Content-Length") != head.Get("Content-Length") {
			t.Errorf("dialect %d: HEAD must have the fields of the page and no body", d)
		}
	}
}

func wellFormed(b []byte) error {
	dec := xml.NewDecoder(strings.NewReader(string(b)))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func inert(b []byte) error {
	z := html.NewTokenizer(strings.NewReader(string(b)))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return nil
		case html.StartTagToken:
			if name, _ := z.TagName(); string(name) == "b" || string(name) == "script" {
				return errors.New("the reason became a tag")
			}
		default:
		}
	}
}

func TestProblemMembers(t *testing.T) {
	r := Refusal{Status: 403, RequestID: "R", Verdict: "malicious", Reason: "Malware was found.", Request: true}
	var got map[string]any
	if err := json.Unmarshal(r.problem(), &got); err != nil {
		t.Fatal(err)
	}
	for _, absent := range []string{"rule", "path"} { // nothing to say
		if _, has := got[absent]; has {
			t.Errorf("%s is there: %v", absent, got)
		}
	}
	if got["status"] != 403.0 || got["type"] != "urn:icapd:blocked:malicious" || got["title"] != "Request blocked by content inspection" {
		t.Errorf("%v", got)
	}
}

func TestDialectOfProfile(t *testing.T) {
	for f, want := range map[policy.BlockFormat]dialect{
		policy.Problem: dialectProblem, policy.HTML: dialectHTML,
		policy.SOAP: dialectSOAP12, policy.GraphQL: dialectGraphQL, policy.Auto: dialectProblem,
	} {
		if got := dialectOf(f, peerHints{}); got != want {
			t.Errorf("%v: %d, want %d", f, got, want)
		}
	}
}
