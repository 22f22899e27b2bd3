package icap

import (
	"bufio"
	"net/http"
	"slices"
	"strings"
)

// HTTPHeader returns the fields as a net/http header. Order and spelling are lost.
func (h *Head) HTTPHeader() http.Header {
	out := make(http.Header, h.Len())
	for name, value := range h.All() {
		out.Add(name, value)
	}
	return out
}

// Request parses the head with net/http, which is stricter than this package.
// The request has no body.
func (h *Head) Request() (*http.Request, error) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(h.raw)))
	if err != nil {
		return nil, err
	}
	r.Body = http.NoBody
	return r, nil
}

// Response parses the head with net/http; req may be nil. The response has no body.
func (h *Head) Response(req *http.Request) (*http.Response, error) {
	r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(h.raw)), req)
	if err != nil {
		return nil, err
	}
	if err := r.Body.Close(); err != nil {
		return nil, err
	}
	r.Body = http.NoBody
	return r, nil
}

// HeadFromRequest makes a head of a net/http request, in absolute-form when the
// URL has a host, fields in sorted order, hop-by-hop fields as they are.
func HeadFromRequest(r *http.Request) *Head {
	target := r.RequestURI
	if r.URL != nil {
		u := *r.URL
		if u.Host == "" {
			u.Host = r.Host
		}
		if u.Scheme == "" {
			u.Scheme = "http"
			if r.TLS != nil {
				u.Scheme = "https"
			}
		}
		u.Fragment, u.User = "", nil
		target = u.String()
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	if method == http.MethodConnect {
		target = r.Host
	}
	h := NewRequestHead(method, target)
	host := r.Host
	if host == "" && r.URL != nil {
		host = r.URL.Host
	}
	if host != "" && r.Header.Get("Host") == "" {
		h.Add("Host", host)
	}
	h.addHTTP(r.Header)
	return h
}

// HeadFromResponse makes a head of a net/http response, fields in sorted order.
func HeadFromResponse(r *http.Response) *Head {
	h := NewResponseHead(r.StatusCode)
	h.addHTTP(r.Header)
	return h
}

func (h *Head) addHTTP(header http.Header) {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(h.fieldText())
	for _, name := range names {
		for _, value := range header[name] {
			b.WriteString(fieldLine(name, value))
		}
	}
	h.setFields(b.String())
}
