package event

import (
	"net/url"
	"strings"
	"unicode"
)

// OneLine makes text of a peer fit for logs and pages: control, format and invalid characters become '?',
// and what is beyond limit bytes is cut.
func OneLine(s string, limit int) string {
	clean := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			clean = false
			break
		}
	}
	if !clean {
		s = strings.Map(printable, s)
	}
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

func printable(r rune) rune {
	if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
		return '?'
	}
	return r
}

// secretParams are query parameters that carry credentials, by a part of their lower-case name.
var secretParams = []string{
	"token", "secret", "passw", "passwd", "pwd", "apikey", "api_key", "api-key", "access_key", "auth",
	"signature", "credential", "session", "jwt", "private", "x-amz-security", "sig", "code_verifier",
}

// SafeURL is a URL fit for logs: no userinfo, no fragment, and values of parameters that carry credentials
// replaced. What cannot be parsed is cut at the first '?' and loses what looks like userinfo.
func SafeURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		raw, _, _ = strings.Cut(raw, "?")
		if scheme, rest, ok := strings.Cut(raw, "://"); ok {
			host, path, _ := strings.Cut(rest, "/")
			raw = scheme + "://" + host[strings.LastIndexByte(host, '@')+1:] + "/" + path
		}
		return OneLine(raw, 2048)
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	u.RawQuery = safeQuery(u.RawQuery)
	return OneLine(u.String(), 2048)
}

// safeQuery keeps order and spelling of all but the secret values.
func safeQuery(query string) string {
	if query == "" {
		return ""
	}
	var b strings.Builder
	for i, part := range strings.Split(query, "&") {
		if i > 0 {
			b.WriteByte('&')
		}
		name, _, has := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); has && (err != nil || isSecret(plain)) {
			part = name + "=REDACTED"
		}
		b.WriteString(part)
	}
	return b.String()
}

func isSecret(name string) bool {
	name = strings.ToLower(name)
	for _, s := range secretParams {
		if strings.Contains(name, s) {
			return true
		}
	}
	return name == "key" || name == "code"
}
