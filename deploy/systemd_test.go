// Package deploy checks what is shipped beside the program: each artefact with its own tool.
package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// need returns the path of a program that scripts/setup.sh test installs.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

// units copies the units to a folder of the test. What only an installed package has is left out of them: the
// program and the manual page.
func units(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("systemd/icapd.*")
	if err != nil || len(files) != 2 {
		t.Fatalf("units %v, %v", files, err)
	}
	var out []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte("ExecStart=/usr/bin/icapd "), []byte("ExecStart=/bin/true "))
		text = bytes.ReplaceAll(text, []byte("man:icapd(8)"), []byte("https://www.rfc-editor.org/rfc/rfc3507"))
		name := filepath.Join(t.TempDir(), filepath.Base(file))
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		out = append(out, name)
	}
	return out
}

// systemd knows all that the units say.
func TestUnitsVerify(t *testing.T) {
	analyze := need(t, "systemd-analyze")
	files := units(t)
	text, err := exec.Command(analyze, append([]string{"verify", "--man=no"}, files...)...).CombinedOutput()
	// It also complains about other units of the machine.
	if ours := regexp.MustCompile(`(?m)^.*icapd\..*$`).FindAllString(string(text), -1); err != nil || len(ours) > 0 {
		t.Errorf("%v\n%s", err, text)
	}
}

// The unit's exposure, by systemd's own measure of 0 to 10, stays below 2.
func TestUnitExposure(t *testing.T) {
	text, err := exec.Command(need(t, "systemd-analyze"), "security", "--offline=true", "--threshold=20", "systemd/icapd.service").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	t.Logf("%s", regexp.MustCompile(`Overall.*`).Find(text))
}
