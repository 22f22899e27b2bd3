package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const chart = "helm/icapd"

// helm returns the program, of the version in tools/go.mod.
func helm(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(run(t, []string{"GOWORK=off"}, "go", "-C", "tools", "tool", "-n", "helm"))
}

// helm accepts the chart with each set of values, and Kubernetes knows every field of what comes out. icapd accepts
// the configuration in it.
func TestChart(t *testing.T) {
	helm, check, icapd := helm(t), checker(t), program(t)
	values, err := filepath.Glob(chart + "/ci/*.yaml")
	if err != nil || len(values) < 2 {
		t.Fatalf("values %v, %v", values, err)
	}
	for _, file := range append(values, chart+"/values.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			if out, err := exec.Command(helm, "lint", "--strict", chart, "-f", file).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			manifests := run(t, nil, helm, "template", "release", chart, "-f", file)
			cmd := exec.Command(check, "manifests")
			cmd.Stdin = strings.NewReader(manifests)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			conf := filepath.Join(t.TempDir(), "icapd.yaml")
			if err := os.WriteFile(conf, []byte(withSecrets(t, manifests)), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{
				"check", "--offline", "-c", conf, "--set", "spool.directory=" + t.TempDir(), "--set", "engines.clamd.addresses=[]",
				"--set", "engines.cache.redis=",
			}
			if strings.Contains(manifests, "admin.token_sha256=") {
				args = append(args, "--set", "admin.token_sha256="+strings.Repeat("0", 64))
			}
			run(t, nil, icapd, args...)
		})
	}
}

// withSecrets is the configuration of the manifests, its secrets in a folder of the test. Each must be in a volume that
// the pod mounts, and none on a command line.
func withSecrets(t *testing.T, manifests string) string {
	t.Helper()
	text, dir := configuration(t, manifests), t.TempDir()
	for _, name := range regexp.MustCompile(`/run/secrets/[a-z/_-]+`).FindAllString(text, -1) {
		if !strings.Contains(manifests, "mountPath: "+filepath.Dir(name)+",") {
			t.Errorf("nothing is mounted for %s", name)
		}
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.Repeat("0f", 32)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(manifests, "cache.secret=") {
		t.Error("the cache's secret is on the command line")
	}
	return strings.ReplaceAll(text, "/run/secrets/", dir+"/run/secrets/")
}

// configuration returns icapd.yaml out of the chart's ConfigMap.
func configuration(t *testing.T, manifests string) string {
	t.Helper()
	for doc := range strings.SplitSeq(manifests, "\n---\n") {
		var object struct {
			Kind string            `yaml:"kind"`
			Data map[string]string `yaml:"data"`
		}
		if err := yaml.Unmarshal([]byte(doc), &object); err == nil && object.Kind == "ConfigMap" {
			if text := object.Data["icapd.yaml"]; text != "" {
				return text
			}
		}
	}
	t.Fatal("no icapd.yaml in the manifests")
	return ""
}

// The chart says what does not go together, and the checker would see a field that Kubernetes does not know.
func TestChartRefuses(t *testing.T) {
	helm, check := helm(t), checker(t)
	for set, why := range map[string]string{
		"metrics.enabled=true":                           "metrics.token",
		"autoscaling.enabled=true":                       "metrics.enabled",
		"metrics.serviceMonitor.enabled=true":            "metrics.enabled",
		"redis.enabled=true,redis.url=redis://elsewhere": "exclude each other",
		"quarantine.enabled=true":                        "quarantine.endpoint",
		"metrics.enable=true":                            "enable", // a misspelt value would be a setting that is not
		"replicaCount=two":                               "replicaCount",
		"quarantine.enabled=true,quarantine.endpoint=http://minio,quarantine.bucket=b": "quarantine.existingSecret",
	} {
		out, err := exec.Command(helm, "template", "release", chart, "--set", set).CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte(why)) {
			t.Errorf("%s: %v, and not %q\n%s", set, err, why, out)
		}
	}
	cmd := exec.Command(check, "manifests")
	cmd.Stdin = strings.NewReader("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {port: 1}\n")
	if out, err := cmd.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("unknown field")) {
		t.Errorf("an unknown field: %v\n%s", err, out)
	}
}
