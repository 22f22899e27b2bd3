package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// E2guardian is a running e2guardian: a content filter that asks an ICAP service about what it lets through.
type E2guardian struct {
	*Proc
	port int
}

// Route is the way through e2guardian.
func (e *E2guardian) Route() Route { return Route{Connect: addr(e.port), Proxy: true} }

// E2guardian starts e2guardian. It asks the ICAP service at icapURL about each answer, and takes the way on
// through Squid, because it cannot be told the API's address.
func (l *Lab) E2guardian(ctx context.Context, icapURL string, squid *Squid) (*E2guardian, error) {
	dir, err := l.folder("e2guardian")
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	e := &E2guardian{port: port}
	if err := e.files(dir, icapURL, squid.Explicit().Connect); err != nil {
		return nil, fmt.Errorf("lab: e2guardian: %w", err)
	}
	l.addLog(filepath.Join(dir, "access.log"))
	e.Proc, err = l.Start(ctx, Command{
		Name: "e2guardian", Dir: dir,
		Args:  []string{"e2guardian", "-N", "-c", filepath.Join(dir, "etc", "e2guardian.conf")},
		Ready: Answers(ctx, addr(port)),
	})
	return e, err
}

// files copies Debian's configuration and changes what must differ.
func (e *E2guardian) files(dir, icapURL, parent string) error {
	const system = "/etc/e2guardian"
	etc := filepath.Join(dir, "etc")
	host, port, err := net.SplitHostPort(parent)
	if err != nil {
		return err
	}
	err = filepath.WalkDir(system, func(path string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(system, path)
		if err := errors.Join(err, relErr); err != nil || rel == "private" {
			return errors.Join(err, skipDir(rel == "private"))
		}
		if d.IsDir() {
			return os.Mkdir(filepath.Join(etc, rel), 0o755) //nolint:gosec // G301: as for Lab.Dir
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return write(filepath.Join(etc, rel), strings.ReplaceAll(string(text), system, etc))
	})
	if err != nil {
		return err
	}
	scanner := filepath.Join(etc, "contentscanners", "icapscan.conf")
	if err := set(filepath.Join(etc, "e2guardian.conf"), map[string]string{
		"filterip": "127.0.0.1", "filterports": strconv.Itoa(e.port), "proxyip": host, "proxyport": port,
		"contentscanner": scanner, "httpworkers": "20", "filecachedir": dir,
		"loglocation": filepath.Join(dir, "access.log"), "pidfilename": filepath.Join(dir, "pid"),
		"dockermode": "off", "statlocation": filepath.Join(dir, "stats"),
	}); err != nil {
		return err
	}
	if err := set(scanner, map[string]string{"icapurl": icapURL}); err != nil {
		return err
	}
	// Its own filters would get in first: what is tested is the scanner.
	for _, list := range []string{
		"bannedphraselist", "weightedphraselist", "exceptionphraselist",
		"bannedextensionlist", "bannedmimetypelist",
	} {
		if err := write(filepath.Join(etc, "lists", list), ""); err != nil {
			return err
		}
	}
	return chown(dir, "e2guardian")
}

func skipDir(skip bool) error {
	if skip {
		return fs.SkipDir
	}
	return nil
}

// set gives keys of a file of "key = 'value'" lines their values, in the place of what they had.
func set(path string, values map[string]string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	out := string(text)
	for key, value := range values {
		out = regexp.MustCompile(`(?m)^`+key+`\s*=.*$`).ReplaceAllString(out, "") + key + " = '" + value + "'\n"
	}
	return write(path, out)
}
