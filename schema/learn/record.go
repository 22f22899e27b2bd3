package learn

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// The limits of recorded traffic.
const (
	maxLine = 16 << 20
	maxHAR  = 256 << 20
)

// Read hands every message of recorded traffic to f: HAR, as browsers and proxies write it, or JSON lines, each with
// url, method, status, content_type and body (text, or JSON), and direction "request" for what was sent. A line that is
// none is an error with its number; nothing after it is read.
func Read(r io.Reader, f func(*Sample)) error {
	br := bufio.NewReaderSize(r, 64<<10)
	head, err := br.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return err
	}
	if isHAR(head) {
		return readHAR(br, f)
	}
	s := bufio.NewScanner(br)
	s.Buffer(nil, maxLine)
	for n := 1; s.Scan(); n++ {
		line := bytes.TrimSpace(bytes.TrimPrefix(s.Bytes(), []byte("\ufeff")))
		if len(line) == 0 {
			continue
		}
		if err := readLine(line, f); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return s.Err()
}

// isHAR reports whether the object that a file begins with has a log in the place of a message.
func isHAR(head []byte) bool {
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	d := json.NewDecoder(bytes.NewReader(head))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	t, err := d.Token()
	return err == nil && t == "log"
}

// line is a message as it is recorded by itself.
type line struct {
	Method      string          `json:"method"`
	URL         string          `json:"url"`
	Direction   string          `json:"direction"`
	Status      int             `json:"status"`
	ContentType string          `json:"content_type"`
	Body        json.RawMessage `json:"body"`
}

func readLine(text []byte, f func(*Sample)) error {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("not a message: %w", err)
	}
	s := Sample{Method: l.Method, Status: l.Status, Type: l.ContentType, Request: l.Direction == "request", Body: l.Body}
	if err := s.at(l.URL); err != nil {
		return err
	}
	if len(l.Body) > 0 && l.Body[0] == '"' {
		var text string
		if err := json.Unmarshal(l.Body, &text); err != nil {
			return err
		}
		s.Body = []byte(text)
	} else if s.Type == "" {
		s.Type = "application/json"
	}
	if len(s.Body) > 0 && string(s.Body) != "null" {
		f(&s)
	}
	return nil
}

func (s *Sample) at(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return errors.New("a message needs the absolute url that it was asked from or sent to")
	}
	s.Host, s.Path = strings.ToLower(u.Hostname()), u.EscapedPath()
	if s.Path == "" {
		s.Path = "/"
	}
	return nil
}

// har is the part of HAR 1.2 that matters here.
type har struct {
	Log struct {
		Entries []struct {
			Request struct {
				Method   string `json:"method"`
				URL      string `json:"url"`
				PostData *struct {
					Type string `json:"mimeType"`
					Text string `json:"text"`
				} `json:"postData"`
			} `json:"request"`
			Response struct {
				Status  int `json:"status"`
				Content struct {
					Type     string `json:"mimeType"`
					Text     string `json:"text"`
					Encoding string `json:"encoding"`
				} `json:"content"`
			} `json:"response"`
		} `json:"entries"`
	} `json:"log"`
}

func readHAR(r io.Reader, f func(*Sample)) error {
	limited := &io.LimitedReader{R: r, N: maxHAR}
	var h har
	if err := json.NewDecoder(limited).Decode(&h); err != nil {
		if limited.N <= 0 {
			return fmt.Errorf("larger than %d MiB", maxHAR>>20)
		}
		return fmt.Errorf("not HAR: %w", err)
	}
	for i := range h.Log.Entries {
		e := &h.Log.Entries[i]
		s := Sample{Method: e.Request.Method, Request: true}
		if s.at(e.Request.URL) != nil {
			continue // about:blank, data:, and the like
		}
		if p := e.Request.PostData; p != nil && p.Text != "" {
			request := s
			request.Type, request.Body = p.Type, []byte(p.Text)
			f(&request)
		}
		c := &e.Response.Content
		body := []byte(c.Text)
		if c.Encoding == "base64" {
			var err error
			if body, err = base64.StdEncoding.DecodeString(c.Text); err != nil {
				continue
			}
		}
		if len(body) > 0 && e.Response.Status > 0 {
			s.Request, s.Status, s.Type, s.Body = false, e.Response.Status, c.Type, body
			f(&s)
		}
	}
	return nil
}
