package secret

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "secret")
	for content, want := range map[string]string{
		"s3cret": "s3cret", "  s3cret \n": "s3cret", "with space\r\n": "with space",
		"": "", "\n": "", "two\nlines": "", "nul\x00": "", strings.Repeat("x", maxSize+1): "",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Read(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.20q: %q, %v", content, got, err)
		}
		if err != nil && content != "" && strings.Contains(err.Error(), "two") {
			t.Errorf("the error tells: %v", err)
		}
	}
	if _, err := Read(name + ".absent"); err == nil {
		t.Error("a file that is not there")
	}
}

func TestTLSFiles(t *testing.T) {
	if c, err := (TLSFiles{}).Config(); err != nil || c.RootCAs != nil || c.GetClientCertificate != nil {
		t.Errorf("%+v, %v", c, err)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []TLSFiles{{CA: empty}, {CA: empty + ".absent"}, {Cert: empty, Key: empty}, {Cert: empty}} {
		if _, err := bad.Config(); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}
