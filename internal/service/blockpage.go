package service

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"html/template"
	"mime"
	"strconv"
	"strings"

	"icapd/icap"
	"icapd/policy"
)

// Refusal is what the application is told in the place of a message that was blocked. It names the rule and
// the reason, never the payload.
type Refusal struct {
	Status    int    // HTTP status, 403 unless the profile says otherwise
	RequestID string // the same id as in the audit event
	Verdict   string // the outcome's name
	Rule      string // what said so: an engine's rule, or the gap's reason
	Reason    string // one sentence for people
	Path      string // where in the message, "" for the whole
	Request   bool   // the request was blocked, not the response
}

// dialect is a format of refusals.
type dialect uint8

const (
	dialectProblem dialect = iota // application/problem+json, RFC 9457
	dialectHTML
	dialectSOAP11
	dialectSOAP12
	dialectGraphQL
)

// peerHints is what the choice of a dialect goes by.
type peerHints struct {
	accept       string // Accept of the request
	path         string // path of the request
	requestType  string // Content-Type of the request
	responseType string // Content-Type of the response, "" in REQMOD
	soapAction   bool   // the request has a SOAPAction field (SOAP 1.1)
}

// dialectOf returns the dialect of a profile's format, by what the client accepts where the profile leaves it open.
func dialectOf(f policy.BlockFormat, h peerHints) dialect {
	switch f {
	case policy.Problem:
		return dialectProblem
	case policy.HTML:
		return dialectHTML
	case policy.GraphQL:
		return dialectGraphQL
	case policy.SOAP:
		if h.soapAction || mediaType(h.responseType) == "text/xml" {
			return dialectSOAP11
		}
		return dialectSOAP12
	case policy.Auto:
	}
	return chooseDialect(h)
}

// chooseDialect picks the format that the client's parser will survive: SOAP and GraphQL clients cannot read
// anything else; a browser says text/html before anything else; everybody else is an API client.
func chooseDialect(h peerHints) dialect {
	request, response := mediaType(h.requestType), mediaType(h.responseType)
	switch {
	case request == "application/soap+xml" || response == "application/soap+xml":
		return dialectSOAP12
	case h.soapAction:
		return dialectSOAP11
	case isGraphQL(request, response, h):
		return dialectGraphQL
	}
	page, data := acceptWeights(h.accept)
	switch {
	case page > data:
		return dialectHTML
	case page < data:
		return dialectProblem
	case response == "text/html" || response == "application/xhtml+xml":
		return dialectHTML
	}
	return dialectProblem
}

func isGraphQL(request, response string, h peerHints) bool {
	const graphql = "application/graphql-response+json"
	return response == graphql || request == "application/graphql" ||
		strings.Contains(h.accept, graphql) || strings.HasSuffix(strings.TrimSuffix(h.path, "/"), "/graphql")
}

// acceptWeights returns the weights that an Accept field gives to HTML and to JSON (RFC 9110, section 12.5.1),
// the more specific range first. Without a field both are alike.
func acceptWeights(accept string) (page, data float64) {
	if strings.TrimSpace(accept) == "" {
		return 1, 1
	}
	type weight struct {
		q     float64
		exact int // 0 no match, 1 */*, 2 type/*, 3 type/subtype
	}
	var html, json weight
	better := func(w *weight, exact int, q float64) {
		if exact > w.exact || exact == w.exact && q > w.q {
			*w = weight{q, exact}
		}
	}
	for part := range strings.SplitSeq(accept, ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if v, err := strconv.ParseFloat(params["q"], 64); err == nil {
			q = min(max(v, 0), 1)
		}
		switch {
		case name == "*/*":
			better(&html, 1, q)
			better(&json, 1, q)
		case name == "text/*":
			better(&html, 2, q)
		case name == "application/*":
			better(&json, 2, q)
		case name == "text/html" || name == "application/xhtml+xml":
			better(&html, 3, q)
		case name == "application/json" || strings.HasSuffix(name, "+json"):
			better(&json, 3, q)
		}
	}
	return html.q, json.q
}

func mediaType(field string) string {
	name, _, _ := strings.Cut(field, ";")
	return strings.ToLower(strings.TrimSpace(name))
}

// page writes the refusal as a whole HTTP response. A response to HEAD has the fields of the page but no body
// (RFC 9110, section 9.3.2), which the caller says with head.
func (r *Refusal) page(d dialect, head bool) (*icap.Head, []byte) {
	var body []byte
	var contentType string
	switch d {
	case dialectHTML:
		contentType, body = "text/html; charset=utf-8", r.html()
	case dialectSOAP11:
		contentType, body = "text/xml; charset=utf-8", r.soap11()
	case dialectSOAP12:
		contentType, body = "application/soap+xml; charset=utf-8", r.soap12()
	case dialectGraphQL:
		contentType, body = "application/graphql-response+json", r.graphql()
	case dialectProblem:
		contentType, body = "application/problem+json", r.problem()
	}
	h := icap.NewResponseHead(r.Status,
		icap.Field{Name: "Content-Type", Value: contentType},
		icap.Field{Name: "Content-Length", Value: strconv.Itoa(len(body))},
		icap.Field{Name: "Cache-Control", Value: "no-store"},
		icap.Field{Name: "X-Content-Type-Options", Value: "nosniff"},
		icap.Field{Name: "X-ICAPD-Request-ID", Value: r.RequestID},
	)
	if d == dialectHTML {
		h.Add("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	}
	if head {
		body = nil
	}
	return h, body
}

func (r *Refusal) title() string {
	what := "Response"
	if r.Request {
		what = "Request"
	}
	return what + " blocked by content inspection"
}

// problem is RFC 9457. The type is a URN, because nothing is served at an address of ours.
func (r *Refusal) problem() []byte {
	return marshal(struct {
		Type      string `json:"type"`
		Title     string `json:"title"`
		Status    int    `json:"status"`
		Detail    string `json:"detail"`
		Instance  string `json:"instance"`
		RequestID string `json:"request_id"`
		Verdict   string `json:"verdict"`
		Rule      string `json:"rule,omitempty"`
		Path      string `json:"path,omitempty"`
	}{
		"urn:icapd:blocked:" + r.Verdict, r.title(), r.Status, r.Reason,
		"urn:icapd:message:" + r.RequestID, r.RequestID, r.Verdict, r.Rule, r.Path,
	})
}

// graphql is the response format of the GraphQL specification, section 7: errors without data means that the
// request failed before execution.
func (r *Refusal) graphql() []byte {
	type extensions struct {
		Code      string `json:"code"`
		RequestID string `json:"request_id"`
		Verdict   string `json:"verdict"`
		Rule      string `json:"rule,omitempty"`
		Path      string `json:"path,omitempty"`
	}
	type graphqlError struct {
		Message    string     `json:"message"`
		Extensions extensions `json:"extensions"`
	}
	return marshal(struct {
		Errors []graphqlError `json:"errors"`
	}{[]graphqlError{{r.title() + ": " + r.Reason, extensions{"CONTENT_BLOCKED", r.RequestID, r.Verdict, r.Rule, r.Path}}}})
}

func (r *Refusal) soap11() []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?>` + "\n" +
		`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>` +
		`<faultcode>soap:` + r.soapParty("Client", "Server") + `</faultcode><faultstring>`)
	escape(&b, r.title()+": "+r.Reason)
	b.WriteString(`</faultstring><detail>`)
	r.soapDetail(&b)
	b.WriteString(`</detail></soap:Fault></soap:Body></soap:Envelope>` + "\n")
	return b.Bytes()
}

func (r *Refusal) soap12() []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?>` + "\n" +
		`<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"><env:Body><env:Fault>` +
		`<env:Code><env:Value>env:` + r.soapParty("Sender", "Receiver") + `</env:Value></env:Code>` +
		`<env:Reason><env:Text xml:lang="en">`)
	escape(&b, r.title()+": "+r.Reason)
	b.WriteString(`</env:Text></env:Reason><env:Detail>`)
	r.soapDetail(&b)
	b.WriteString(`</env:Detail></env:Fault></env:Body></env:Envelope>` + "\n")
	return b.Bytes()
}

// soapParty says whose fault it is: a blocked request is the sender's.
func (r *Refusal) soapParty(sender, receiver string) string {
	if r.Request {
		return sender
	}
	return receiver
}

func (r *Refusal) soapDetail(b *bytes.Buffer) {
	b.WriteString(`<blocked xmlns="urn:icapd:blocked">`)
	for _, e := range [][2]string{{"request-id", r.RequestID}, {"verdict", r.Verdict}, {"rule", r.Rule}, {"path", r.Path}} {
		if e[1] == "" {
			continue
		}
		b.WriteString("<" + e[0] + ">")
		escape(b, e[1])
		b.WriteString("</" + e[0] + ">")
	}
	b.WriteString(`</blocked>`)
}

var htmlPage = template.Must(template.New("blocked").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{.Title}}</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:12vh auto;padding:0 1rem;color:#1d2329;background:#fff}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem}dt{color:#5b6770}dd{margin:0;overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){body{color:#dfe5ea;background:#15191d}dt{color:#93a1ad}}
</style>
<h1>{{.Title}}</h1>
<p>{{.R.Reason}}</p>
<dl>{{with .R.Rule}}<dt>Rule</dt><dd>{{.}}</dd>{{end}}<dt>Verdict</dt><dd>{{.R.Verdict}}</dd>{{if .R.Path}}<dt>Where</dt><dd>{{.R.Path}}</dd>{{end}}<dt>Request</dt><dd>{{.R.RequestID}}</dd></dl>
<p>If you need this content, give the request number to whoever runs your proxy.</p>
</html>
`))

func (r *Refusal) html() []byte {
	var b bytes.Buffer
	if err := htmlPage.Execute(&b, struct {
		Title string
		R     *Refusal
	}{r.title(), r}); err != nil { // cannot happen with a buffer; a page without details is still a refusal
		return []byte("<!doctype html><title>blocked</title><h1>" + r.title() + "</h1>\n")
	}
	return b.Bytes()
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // strings and numbers only: cannot happen
		return []byte("{}\n")
	}
	return append(b, '\n')
}

func escape(b *bytes.Buffer, s string) {
	_ = xml.EscapeText(b, []byte(s)) // a bytes.Buffer does not fail
}
