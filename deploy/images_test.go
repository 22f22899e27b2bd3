package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// checker builds the program of deploy/check, which has the parsers of BuildKit, Compose and Kubernetes.
func checker(t *testing.T) string {
	t.Helper()
	buildCheck.Do(func() {
		run(t, []string{"GOWORK=off"}, "go", "-C", "check", "build", "-o", filepath.Join(scratch, "check"), ".")
	})
	return filepath.Join(scratch, "check")
}

var buildCheck sync.Once

func TestImages(t *testing.T) {
	check := checker(t)
	dockerfiles := []string{"docker/Dockerfile", "compose/squid/Dockerfile"}
	if out, err := exec.Command(check, append([]string{"dockerfile"}, dockerfiles...)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := exec.Command(check, "compose", "compose/compose.yaml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for name, text := range map[string]string{
		"root":        "FROM debian:12\nHEALTHCHECK CMD [\"true\"]\nENTRYPOINT [\"true\"]\n",
		"no tag":      "FROM debian\nUSER 1\nHEALTHCHECK CMD [\"true\"]\nENTRYPOINT [\"true\"]\n",
		"no health":   "FROM debian:12\nUSER 1\nENTRYPOINT [\"true\"]\n",
		"shell":       "FROM debian:12\nUSER 1\nHEALTHCHECK CMD [\"true\"]\nENTRYPOINT true\n",
		"instruction": "FROM debian:12\nUSER 1\nHEALTHCHECK CMD [\"true\"]\nRUNS true\nENTRYPOINT [\"true\"]\n",
	} {
		file := filepath.Join(t.TempDir(), "Dockerfile")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(check, "dockerfile", file).Output(); err == nil {
			t.Errorf("%s: nothing is wrong with it: %s", name, out)
		}
	}
}

// The configurations that the images and Compose mount are what the programs accept.
func TestImageConfigurations(t *testing.T) {
	icapd := program(t)
	for _, file := range []string{"docker/icapd.yaml", "deb/icapd.yaml", "compose/icapd.yaml"} {
		out, err := exec.Command(icapd, "check", "--print", "-c", file, "--set", "spool.directory=/tmp", "--set", "engines.clamd.addresses=[]").CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
	squid := need(t, "squid")
	// Parsing looks the service's name up, which only the network of Compose knows.
	text, err := os.ReadFile("compose/squid.conf")
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "squid.conf")
	if err := os.WriteFile(conf, []byte(strings.ReplaceAll(string(text), "icap://icapd:", "icap://127.0.0.1:")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(squid, "-k", "parse", "-f", conf).CombinedOutput(); err != nil || strings.Contains(string(out), "ERROR") {
		t.Errorf("squid -k parse: %v\n%s", err, out)
	}
	// clamconf reads clamd.conf as clamd does.
	text, err = os.ReadFile("compose/clamd.conf")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "clamd.conf"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(need(t, "clamconf"), "--config-dir="+folder).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "AlertExceedsMax = \"yes\"") || strings.Contains(string(out), "ERROR") {
		t.Errorf("clamconf: %v\n%s", err, out)
	}
}
