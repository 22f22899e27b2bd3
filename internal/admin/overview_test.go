package admin

import (
	"bufio"
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// A search goes through all messages that are held; the id of one leads to it.
func TestSearch(t *testing.T) {
	b := newBench(t, "", "")
	for i := range 150 {
		m := sample(fmt.Sprintf("F%d", i))
		m.Action, m.Verdict, m.Rule, m.Findings, m.URL = "allow", "clean", "", nil, "https://api.test/fine"
		b.feed.Add(m)
	}
	shadow := sample("S1")
	shadow.Action, shadow.Shadowed, shadow.Client = "allow", "block", "192.0.2.77"
	b.feed.Add(shadow)
	c := b.local()
	for path, want := range map[string][2]int{ // the messages M1 and S1, and how many rows
		"/": {0, 100}, "/?q=sqli-UNION": {1, 2}, "/?q=fine": {0, 150}, "/?only=1": {1, 2}, "/?q=192.0.2.77&only=1": {0, 1}, "/?q=none": {0, 0},
	} {
		w := c.get(path)
		body := w.Body.String()
		if got := strings.Count(body, `<tr data-id="`); w.Code != 200 || got != want[1] || strings.Count(body, `data-id="M1"`) != want[0] || !strings.Contains(body, `data-newest="S1"`) {
			t.Errorf("%s: %d, %d rows", path, w.Code, got)
		}
	}
	if w := c.get("/?q=+M1+"); w.Code != 303 || w.Header().Get("Location") != "/messages/M1" {
		t.Errorf("an id: %d %v", w.Code, w.Header())
	}
}

// What pages of other sites embed or fetch is refused before anything is done for it; links are followed.
func TestFetchMetadata(t *testing.T) {
	c := newBench(t, "", "").local()
	for _, tt := range []struct {
		site, mode, dest string
		want             int
	}{
		{"cross-site", "no-cors", "image", 403},
		{"same-site", "cors", "empty", 403},
		{"cross-site", "navigate", "iframe", 403},
		{"cross-site", "navigate", "document", 200},
		{"same-origin", "cors", "empty", 200},
		{"none", "navigate", "document", 200},
		{"", "", "", 200},
	} {
		c.header = map[string]string{"Sec-Fetch-Site": tt.site, "Sec-Fetch-Mode": tt.mode, "Sec-Fetch-Dest": tt.dest}
		if w := c.get("/api/v1/status"); w.Code != tt.want {
			t.Errorf("%+v: %d", tt, w.Code)
		}
	}
}

// A file that is too large is told so, and not that its CSRF token is missing.
func TestTooLarge(t *testing.T) {
	b := newBench(t, "", "")
	c := b.local()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("csrf", c.csrf())
	f, err := form.CreateFormFile("file", "big.bin")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write(make([]byte, maxTry+2<<20))
	_ = form.Close()
	if w := c.do("POST", "/try", form.FormDataContentType(), body.String()); w.Code != 413 || !strings.Contains(w.Body.String(), "larger than 16 MiB") || b.last().Outcome != "failure" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := c.post("/try", url.Values{"csrf": {c.csrf()}}); w.Code != 422 || !strings.Contains(w.Body.String(), "nothing to look at") {
		t.Errorf("nothing: %d", w.Code)
	}
}

func TestNotFoundIsAPage(t *testing.T) {
	c := newBench(t, "", "").local()
	c.header = map[string]string{"Accept": "text/html"}
	if w := c.get("/nothing"); w.Code != 404 || !strings.Contains(w.Body.String(), "<nav") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestExemption(t *testing.T) {
	for _, tt := range []struct{ path, want string }{
		{"body/items/1/comment", "body/items/*/comment"},
		{"body/0/1/2", "body/*/*/*"},
		{"body/a1/b\"c", `body/a1/b\"c`},
		{"body/file(base64)/x.zip/12", "body/file(base64)/x.zip/*"},
		{"body/cut…/x", ""},
		{"body/\u202e", ""},
		{"", ""},
	} {
		want := ""
		if tt.want != "" {
			want = `disable:` + "\n" + `  - {rule: "sqli-union", path: "` + tt.want + `"}` + "\n"
		}
		if got := exemption(Finding{Rule: "sqli-union", Path: tt.path}); got != want {
			t.Errorf("%s: %s", tt.path, got)
		}
	}
}

// The pieces are the text, and what is new in it is marked.
func TestNews(t *testing.T) {
	long := strings.Repeat("the same words over and over, ", 300)
	for _, tt := range []struct{ before, after, want string }{
		{"", "", ""},
		{"same text", "same text", "same text"},
		{`{"a":"x' OR '1'='1","rest":"stays as it was"}`, `{"a":"x'' OR ''1''=''1","rest":"stays as it was"}`, `{"a":"x'[' OR ''1''=']'1","rest":"stays as it was"}`},
		{"one <script>alert(1)</script> two and three", "one  two and three", "one  two and three"},
		{"ä is a letter, as are others", "ö is a letter, as are others", "[ö] is a letter, as are others"},
		{"ends", "ends later", "ends[ later]"},
		{"", "all of it", "[all of it]"},
		{long + "A" + long + "B" + long, long + "X" + long + "Y" + long, long + "[X]" + long + "[Y]" + long},
		{"nothing in common", "0123456789abcdef", "[0123456789abcdef]"},
	} {
		var got, plain strings.Builder
		for _, p := range news(tt.before, tt.after) {
			plain.WriteString(p.Text)
			if p.New {
				got.WriteString("[" + p.Text + "]")
			} else {
				got.WriteString(p.Text)
			}
		}
		if got.String() != tt.want || plain.String() != tt.after {
			t.Errorf("%.60q, %.60q: %.90q", tt.before, tt.after, got.String())
		}
	}
}

func FuzzNews(f *testing.F) {
	f.Add("one two three four five six", "one 2 three four five six")
	f.Add("ä\x80", "ä\xc3\x80ö")
	f.Fuzz(func(t *testing.T, before, after string) {
		var all strings.Builder
		for _, p := range news(before, after) {
			all.WriteString(p.Text)
		}
		if all.String() != after {
			t.Errorf("%q", all.String())
		}
	})
}

// One that asks for totals has them first, after what it has missed.
func TestStreamTotals(t *testing.T) {
	s := httptest.NewServer(newBench(t, "boss", "").h)
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/api/v1/stream?totals=1&after=-", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer boss")
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got []string
	for lines := bufio.NewScanner(res.Body); len(got) < 2 && lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			got = append(got, data)
		}
	}
	if len(got) != 2 || !strings.Contains(got[0], `"request_id":"M1"`) || !strings.Contains(got[1], `"messages":1`) {
		t.Errorf("%q", got)
	}
}
