package yara_test

import (
	"os"
	"path/filepath"
	"testing"

	"icapd/av/yara"
	"icapd/scan"
)

// Answers are kept under what rules ask for: a variable that no rule names does not make a difference, and one that
// any rule names does.
func TestKey(t *testing.T) {
	for name, tt := range map[string]struct {
		rule     string
		host, fn bool
	}{
		"none": {`rule r { meta: about = "host" strings: $host = /url "x/ $a = "filename" condition: $a or #host > 1 or @host[1] == 0 // host
			/* host */ }`, false, false},
		"host":             {`rule r { condition: host == "a" }`, true, false},
		"behind a slash":   {`rule r { condition: filesize \ 2 > 1 and filename contains "/" }`, false, true},
		"in an expression": {`rule r { condition: filename matches /host/ and filesize > 0 }`, false, true},
	} {
		file := filepath.Join(t.TempDir(), "r.yar")
		if err := os.WriteFile(file, []byte(tt.rule), 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := yara.New(yara.Options{Rules: []string{file}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		key := func(host, fn string) string {
			k, ok := e.Key(&scan.Item{Message: &scan.Message{Host: host, ID: host + fn, URL: "https://" + host}, Name: fn, Blob: scan.Bytes("x")})
			if !ok {
				t.Fatalf("%s: no key", name)
			}
			return k
		}
		if got := key("a", "n") != key("b", "n"); got != tt.host {
			t.Errorf("%s: depends on the host: %v", name, got)
		}
		if got := key("a", "n") != key("a", "m"); got != tt.fn {
			t.Errorf("%s: depends on the file name: %v", name, got)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if _, ok := e.Key(&scan.Item{Message: &scan.Message{}}); ok {
			t.Errorf("%s: a key from a closed engine", name)
		}
	}
}
