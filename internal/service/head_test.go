package service

import (
	"testing"

	"icapd/icap"
)

func head(t *testing.T, raw string) *icap.Head {
	t.Helper()
	h, err := icap.ParseHead(raw)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Only what the new body made untrue changes; order, case and odd spacing of the rest stay.
func TestRetell(t *testing.T) {
	h := head(t, "HTTP/1.1 200 OK\r\ndate:  today\r\nETAG: \"x\"\r\nSet-Cookie: a=1\r\ncontent-length: 10\r\nset-cookie: b=2\r\n"+
		"Content-MD5: abc\r\nTransfer-Encoding: chunked\r\nRepr-Digest: sha-256=:x:\r\nContent-Disposition: attachment; filename=\"a.docm\"\r\n"+
		"Content-Type: application/vnd.ms-word.document.macroEnabled.12\r\nX-Odd:\tv \r\n\r\n")
	retell(h, 4711, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "a.docx")
	const want = "HTTP/1.1 200 OK\r\ndate:  today\r\nSet-Cookie: a=1\r\ncontent-length: 4711\r\nset-cookie: b=2\r\n" +
		"Content-Disposition: attachment; filename=a.docx\r\n" +
		"Content-Type: application/vnd.openxmlformats-officedocument.wordprocessingml.document\r\nX-Odd:\tv \r\n\r\n"
	if got := h.Raw(); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestTargetURLAndHost(t *testing.T) {
	for _, tt := range []struct{ raw, url, host, path string }{
		{"GET https://API.test:8443/v1/x?y=1 HTTP/1.1\r\n\r\n", "https://API.test:8443/v1/x?y=1", "api.test", "/v1/x"},
		{"GET /v1 HTTP/1.1\r\nHost: api.test:80\r\n\r\n", "http://api.test:80/v1", "api.test", "/v1"},
		{"CONNECT api.test:443 HTTP/1.1\r\n\r\n", "api.test:443", "api.test", ""},
		{"GET http://u:p@[::1]:80/%2e%2e/#f HTTP/1.1\r\n\r\n", "http://u:p@[::1]:80/%2e%2e/#f", "::1", "/%2e%2e/"},
		{"GET / HTTP/1.0\r\n\r\n", "/", "", "/"},
		{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*", "*", ""},
	} {
		u := targetURL(head(t, tt.raw))
		h, p := hostAndPath(u)
		if u != tt.url || h != tt.host || p != tt.path {
			t.Errorf("%q: %q %q %q, want %q %q %q", tt.raw, u, h, p, tt.url, tt.host, tt.path)
		}
	}
}

func TestFileName(t *testing.T) {
	for _, tt := range []struct{ raw, path, want string }{
		{"HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename*=UTF-8''%e2%82%ac.pdf\r\n\r\n", "/x", "€.pdf"},
		{"HTTP/1.1 200 OK\r\n\r\n", "/files/a%20b.zip", "a b.zip"},
		{"HTTP/1.1 200 OK\r\n\r\n", "/", ""},
		{"HTTP/1.1 200 OK\r\n\r\n", "", ""},
	} {
		if got := fileName(head(t, tt.raw), tt.path); got != tt.want {
			t.Errorf("%q %q: %q, want %q", tt.raw, tt.path, got, tt.want)
		}
	}
}
