package deploy

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// page is a document: its path from the root of the repository, and its text.
type page struct{ name, text string }

// pages returns the README and all of docs.
func pages(t *testing.T) []page {
	t.Helper()
	names, err := filepath.Glob("../docs/*.md")
	if err != nil || len(names) < 4 {
		t.Fatalf("pages %v, %v", names, err)
	}
	var out []page
	for _, name := range append(names, "../README.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, page{strings.TrimPrefix(name, "../"), string(text)})
	}
	return out
}

// fenced returns the code blocks of a language.
func (p page) fenced(language string) []string {
	var out []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(p.text, -1) {
		out = append(out, m[1])
	}
	return out
}

// example is a command of a page and the lines that the page promises from it.
type example struct {
	command string
	want    []string
}

// examples returns the indented lines that begin with "$ ", each with the indented lines that follow.
func (p page) examples() []example {
	var out []example
	open := false
	for s := bufio.NewScanner(strings.NewReader(p.text)); s.Scan(); {
		line, indented := strings.CutPrefix(s.Text(), "    ")
		command, is := strings.CutPrefix(line, "$ ")
		switch {
		case indented && is:
			out = append(out, example{command: command})
			open = true
		case indented && open:
			out[len(out)-1].want = append(out[len(out)-1].want, line)
		default:
			open = false
		}
	}
	return out
}

// Every example of the README and of docs runs, with the exit code in "# exit N" or 0, and prints what the page says,
// where "…" stands for anything. The examples talk to an icapd with embedded defaults, whose ports are the test's.
func TestExamples(t *testing.T) {
	icapd := program(t)
	address, admin := freePort(t), freePort(t)
	begin(t, nil, icapd, "serve", "--set", "listen[0].address="+address, "--set", "admin.address="+admin)
	healthyProgram(t, icapd, address)
	folder := t.TempDir()
	if err := os.Symlink(filepath.Dir(icapd), filepath.Join(folder, "bin")); err != nil {
		t.Fatal(err)
	}
	ports := strings.NewReplacer("127.0.0.1:1344", address, "127.0.0.1:8344", admin)
	count := 0
	for _, p := range pages(t) {
		for _, e := range p.examples() {
			count++
			t.Run(fmt.Sprintf("%s/%s", filepath.Base(p.name), e.command), func(t *testing.T) { e.run(t, folder, ports) })
		}
	}
	if count < 5 {
		t.Errorf("%d examples", count)
	}
}

func (e *example) run(t *testing.T, folder string, ports *strings.Replacer) {
	t.Helper()
	command, comment, _ := strings.Cut(e.command, " # ")
	code := 0
	if n, err := fmt.Sscanf(comment, "exit %d", &code); n == 0 && strings.HasPrefix(comment, "exit") {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-o", "pipefail", "-c", ports.Replace(command))
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(folder, "bin")+":"+os.Getenv("PATH"))
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, wants %d\n%s", got, code, out)
	}
	rest := string(out)
	for _, line := range e.want {
		parts := strings.Split(ports.Replace(strings.TrimSpace(line)), "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(strings.TrimSpace(parts[i]))
		}
		at := regexp.MustCompile(strings.Join(parts, `[\s\S]*?`)).FindStringIndex(rest)
		if at == nil {
			t.Errorf("the page promises %q, and there is only\n%s", line, out)
			return
		}
		rest = rest[at[1]:]
	}
}

func healthyProgram(t *testing.T, icapd, address string) {
	t.Helper()
	for i := 0; exec.Command(icapd, "probe", "--health", "icap://"+address+"/respmod").Run() != nil; i++ {
		if i == 300 {
			t.Fatal("not healthy")
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// secretFile finds the files beside the configuration that examples name: secrets, certificates, and CAs of servers.
var secretFile = regexp.MustCompile(`\b([a-z_]+_file|ca|cert|key): ([a-z0-9][a-z0-9.-]*)\b`)

// smallSpec is the document of an API that pages name.
const smallSpec = `{"openapi": "3.1.0", "paths": {"/charges": {"get": {"responses": {"200": {"description": "all"}}}}}}`

// Every piece of configuration in the pages is one that icapd accepts.
func TestConfigurationsInPages(t *testing.T) {
	icapd := program(t)
	authority := filepath.Join(t.TempDir(), "ca.crt")
	run(t, nil, need(t, "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-days", "1",
		"-keyout", authority+".key", "-out", authority)
	certificate, err := os.ReadFile(authority)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(authority + ".key")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, p := range pages(t) {
		for _, text := range p.fenced("yaml") {
			count++
			file := filepath.Join(t.TempDir(), "icapd.yaml")
			for name, text := range map[string]string{file: text, filepath.Join(filepath.Dir(file), "specs/payments.yaml"): smallSpec} {
				if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, m := range secretFile.FindAllStringSubmatch(text, -1) {
				content := strings.Repeat("0f", 32) // a key, a password
				switch m[1] {
				case "headers_file":
					content = "Authorization: Bearer 0f0f"
				case "ca", "cert":
					content = string(certificate)
				case "key":
					content = string(key)
				}
				if err := os.WriteFile(filepath.Join(filepath.Dir(file), m[2]), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			// What is not on this machine: peers.
			out, err := exec.Command(icapd, "check", "--offline", "-c", file, "--set", "engines.clamd.addresses=[]",
				"--set", "engines.cache.redis=", "--set", "engines.upstream=[]", "--set", "spool.directory="+t.TempDir()).CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s\n%s", p.name, err, text, out)
			}
		}
	}
	if count < 5 {
		t.Errorf("%d configurations", count)
	}
}

// Every haproxy.cfg, clamd.conf and script in the pages is one that its program accepts.
func TestOthersInPages(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "clamd.conf") // the name that clamconf looks for
	icapd := program(t)
	checks := map[string]func(text string) ([]byte, error){
		"yaml rules": func(text string) ([]byte, error) {
			rules := filepath.Join(t.TempDir(), "rules.yaml")
			if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
				return nil, err
			}
			return exec.Command(icapd, "check", "--offline", "--set", "engines.injection.rules=[builtin, "+rules+"]").CombinedOutput()
		},
		"haproxy": func(text string) ([]byte, error) {
			frame := "defaults\n    mode tcp\n    timeout client 1s\n    timeout connect 1s\n    timeout server 1s\nlisten unused\n    bind 127.0.0.1:1\n"
			if err := os.WriteFile(file, []byte(frame+text), 0o600); err != nil {
				return nil, err
			}
			return exec.Command(need(t, "haproxy"), "-c", "-dW", "-f", file).CombinedOutput() // a warning fails, too
		},
		"clamd": func(text string) ([]byte, error) {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				return nil, err
			}
			out, err := exec.Command(need(t, "clamconf"), "--config-dir="+folder).CombinedOutput()
			if err == nil && (strings.Contains(string(out), "ERROR") || !strings.Contains(string(out), `AlertExceedsMax = "yes"`)) {
				err = errors.New("clamconf does not know it")
			}
			return out, err
		},
		"seclang": func(text string) ([]byte, error) {
			rules := filepath.Join(t.TempDir(), "search.conf")
			for name, text := range map[string]string{rules: text, filepath.Join(filepath.Dir(rules), "words.data"): "word\n"} {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					return nil, err
				}
			}
			return exec.Command(icapd, "check", "--offline", "--set", "engines.waf.rules=[crs, "+rules+"]").CombinedOutput()
		},
		"sh": func(text string) ([]byte, error) {
			cmd := exec.Command("bash", "-e", "-u", "-c", strings.ReplaceAll(text, "/etc/squid/", folder+"/"))
			cmd.Dir = t.TempDir()
			return cmd.CombinedOutput()
		},
	}
	for language, check := range checks {
		count := 0
		for _, p := range pages(t) {
			for _, text := range p.fenced(language) {
				count++
				if out, err := check(text); err != nil {
					t.Errorf("%s: %v\n%s\n%s", p.name, err, text, out)
				}
			}
		}
		if count == 0 {
			t.Errorf("no block of %s", language)
		}
	}
}

// Every block of a page says what it is, so that nothing is shown that no test has looked at.
func TestBlocksHaveTests(t *testing.T) {
	tested := []string{"yaml", "yaml rules", "squid", "go", "haproxy", "clamd", "sh", "seclang", "caddyfile"} // the last one in gateway/caddy
	plain := map[string]int{"docs/architecture.md": 1}                                                        // a drawing
	for _, p := range pages(t) {
		open, without := false, 0
		for line := range strings.Lines(p.text) {
			language, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
			if !fence {
				continue
			}
			if open = !open; !open {
				continue
			}
			switch {
			case language == "":
				without++
			case language != "json" && !slices.Contains(tested, language):
				t.Errorf("%s: nobody tests blocks of %s", p.name, language)
			case !strings.HasPrefix(line, "```"):
				t.Errorf("%s: a block of %s that is indented is not tested", p.name, language)
			}
		}
		if open || without != plain[p.name] {
			t.Errorf("%s: %d blocks without a language, wants %d", p.name, without, plain[p.name])
		}
	}
}

// Every key of the configuration, every command and flag, and every metric that the pages name is there.
func TestNamesInPages(t *testing.T) {
	icapd := program(t)
	example, err := os.ReadFile("../conf/icapd.yaml") // a test of package conf holds that it has every key
	if err != nil {
		t.Fatal(err)
	}
	keys, tops := map[string]bool{"NAME": true, "default": true}, []string{}
	for _, m := range regexp.MustCompile(`(?m)(^|[{,\s#])([a-z_0-9]+):`).FindAllStringSubmatch(string(example), -1) {
		keys[m[2]] = true
		if m[1] == "" || m[1] == "\n" {
			tops = append(tops, m[2])
		}
	}
	key := regexp.MustCompile("`((?:" + strings.Join(tops, "|") + `)(?:\[\d*\])?\.[A-Za-z_.\[\]0-9]+)` + "`")
	command := regexp.MustCompile(`\bicapd ([a-z]+)\b([^\n` + "`" + `|#)]*)`)
	metric := regexp.MustCompile(`\bicapd_[a-z_]+`)
	help := map[string]string{}
	sources := sourcesOf(t, "../cmd/icapd", "../internal/metrics")
	counts := map[string]int{}
	for _, p := range pages(t) {
		for _, m := range key.FindAllStringSubmatch(p.text, -1) {
			counts["keys"]++
			for part := range strings.FieldsFuncSeq(m[1], func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
				if !keys[part] && strings.Trim(part, "0123456789") != "" {
					t.Errorf("%s: there is no key %s (%s)", p.name, m[1], part)
				}
			}
		}
		for _, m := range command.FindAllStringSubmatch(p.text, -1) {
			flags := regexp.MustCompile(`(?:^|\s)(--[a-z0-9][a-z0-9-]*)`).FindAllStringSubmatch(m[2], -1)
			if len(flags) == 0 {
				continue
			}
			if help[m[1]] == "" {
				help[m[1]] = run(t, nil, icapd, m[1], "--help")
			}
			for _, f := range flags {
				counts["flags"]++
				if !strings.Contains(help[m[1]], f[1]+" ") {
					t.Errorf("%s: icapd %s has no flag %s", p.name, m[1], f[1])
				}
			}
		}
		for _, name := range metric.FindAllString(p.text, -1) {
			counts["metrics"]++
			if short := strings.TrimPrefix(name, "icapd_"); short != "resp" && short != "req" && !strings.Contains(sources, `"`+short+`"`) {
				t.Errorf("%s: there is no metric %s", p.name, name)
			}
		}
	}
	for what, least := range map[string]int{"keys": 40, "flags": 15, "metrics": 10} {
		if counts[what] < least {
			t.Errorf("looked at %d %s", counts[what], what)
		}
	}
}

// Every command stands in the README and in the manual page.
func TestCommandsAreExplained(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile("deb/icapd.8")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(run(t, nil, program(t), "--help"), "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	count := 0
	for line := range strings.Lines(list) {
		name := strings.Fields(line)[0]
		if name == "help" {
			continue
		}
		count++
		if !strings.Contains(string(readme), "| `icapd "+name) {
			t.Errorf("README.md has no row for icapd %s", name)
		}
		if !strings.Contains(string(manual), ".B icapd "+name+"\n") {
			t.Errorf("deb/icapd.8 has no line for icapd %s", name)
		}
	}
	if count < 8 {
		t.Errorf("%d commands in %q", count, list)
	}
}

// sourcesOf is the text of the Go files of folders.
func sourcesOf(t *testing.T, folders ...string) string {
	t.Helper()
	var out strings.Builder
	for _, folder := range folders {
		names, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", folder, names, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(text)
		}
	}
	return out.String()
}

// Every squid.conf in the pages is one that Squid parses.
func TestSquidConfigurationsInPages(t *testing.T) {
	squid, openssl := need(t, "squid"), need(t, "openssl")
	folder := t.TempDir()
	pem := filepath.Join(folder, "ca.pem")
	run(t, nil, openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-days", "1",
		"-keyout", filepath.Join(folder, "key.pem"), "-out", filepath.Join(folder, "cert.pem"))
	var both []byte
	for _, name := range []string{"key.pem", "cert.pem"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, text...)
	}
	if err := os.WriteFile(pem, both, 0o600); err != nil {
		t.Fatal(err)
	}
	files := regexp.MustCompile(`/etc/squid/[a-z.-]+\.pem`)
	count := 0
	for _, p := range pages(t) {
		for _, text := range p.fenced("squid") {
			count++
			conf := filepath.Join(folder, "squid.conf")
			if !strings.Contains(text, "http_port ") { // what is added to a squid.conf that has one
				text = "http_port 3128\n" + text
			}
			if err := os.WriteFile(conf, []byte(files.ReplaceAllString(text, pem)), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(squid, "-k", "parse", "-f", conf).CombinedOutput()
			if err != nil || strings.Contains(string(out), "ERROR") || strings.Contains(string(out), "WARNING") {
				t.Errorf("%s: %v\n%s\n%s", p.name, err, text, out)
			}
		}
	}
	if count < 3 {
		t.Errorf("%d configurations", count)
	}
}

// Every Go program in the pages compiles.
func TestProgramsInPages(t *testing.T) {
	count := 0
	for _, p := range pages(t) {
		for _, text := range p.fenced("go") {
			count++
			file := filepath.Join(t.TempDir(), "main.go")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("go", "vet", file).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s\n%s", p.name, err, text, out)
			}
		}
	}
	if count < 2 {
		t.Errorf("%d programs", count)
	}
}

// Every link between the files of the repository leads somewhere.
func TestLinks(t *testing.T) {
	count := 0
	anchor := func(text string) []string {
		var out []string
		for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
			name := regexp.MustCompile("[^a-z0-9 _-]").ReplaceAllString(strings.ToLower(m[1]), "")
			out = append(out, strings.ReplaceAll(name, " ", "-"))
		}
		return out
	}
	for _, p := range pages(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(p.text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			count++
			file, fragment, _ := strings.Cut(m[1], "#")
			path := filepath.Join("..", filepath.Dir(p.name), file)
			if file == "" {
				path = filepath.Join("..", p.name)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Errorf("%s: %v", p.name, err)
				continue
			}
			if fragment == "" || info.IsDir() {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil || !slices.Contains(anchor(string(text)), fragment) {
				t.Errorf("%s: no heading for %s, %v", p.name, m[1], err)
			}
		}
	}
	if count < 10 {
		t.Errorf("%d links", count)
	}
}
