//go:build cgo && !noyara

package yara

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	libyara "github.com/hillu/go-yara/v4"
)

// A cache file is the SHA-256 of all that follows, the length of a JSON text in eight hex digits, that text (a
// compiled, without the rules), and what libyara wrote.

// including finds include statements, as libyara's lexer does. The texts of included files are not known
// before they are compiled, so rules with includes are not cached.
var including = regexp.MustCompile(`include[ \t]+"`)

// compileCached is compile with a cache, if dir is not "".
func compileCached(ctx context.Context, dir string, sources []source) (*libyara.Rules, *compiled, error) {
	if dir == "" {
		return compile(ctx, sources)
	}
	if err := checkCache(dir); err != nil {
		return nil, nil, err
	}
	key, ok := cacheKey(sources)
	if !ok {
		return compile(ctx, sources)
	}
	file := filepath.Join(dir, key+".yarc")
	if rules, c, err := readCached(file); err == nil {
		return rules, c, nil
	}
	rules, c, err := compile(ctx, sources)
	if err != nil {
		return nil, nil, err
	}
	if err := writeCached(file, rules, c); err != nil {
		c.Warnings = append(c.Warnings, RuleError{File: file, Msg: "cannot be cached: " + oneLine(err.Error())})
	}
	return rules, c, nil
}

// checkCache refuses a directory that somebody else can write to: libyara trusts compiled rules blindly.
func checkCache(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("yara: cache: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("yara: cache: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("yara: cache: %s (%v) must belong to this user, and nobody else may write to it", dir, info.Mode())
	}
	return nil
}

// cacheKey names a set of sources, with their file names, which are part of the compiled rules.
func cacheKey(sources []source) (string, bool) {
	h := sha256.New()
	write := func(part []byte) {
		_, _ = fmt.Fprintf(h, "%d:", len(part)) // a hash does not fail
		_, _ = h.Write(part)
	}
	write([]byte(libraryVersion))
	for _, name := range externals() {
		write([]byte(name))
	}
	for _, s := range sources {
		if including.Match(s.Text) {
			return "", false
		}
		write([]byte(s.File))
		write(s.Text)
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), true
}

const cacheHead = sha256.Size + 8

func readCached(file string) (*libyara.Rules, *compiled, error) {
	all, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	if len(all) < cacheHead {
		return nil, nil, io.ErrUnexpectedEOF
	}
	if sum := sha256.Sum256(all[sha256.Size:]); !bytes.Equal(sum[:], all[:sha256.Size]) {
		return nil, nil, errors.New("damaged")
	}
	var n int
	if _, err := fmt.Sscanf(string(all[sha256.Size:cacheHead]), "%08x", &n); err != nil || n > len(all)-cacheHead {
		return nil, nil, errors.New("damaged")
	}
	var c compiled
	if err := json.Unmarshal(all[cacheHead:cacheHead+n], &c); err != nil {
		return nil, nil, err
	}
	rules, err := libyara.ReadRules(bytes.NewReader(all[cacheHead+n:]))
	if err != nil {
		return nil, nil, err
	}
	c.Rules = describe(rules)
	return rules, &c, nil
}

// writeCached leaves the whole file or none.
func writeCached(file string, rules *libyara.Rules, c *compiled) (err error) {
	text, err := json.Marshal(compiled{Warnings: c.Warnings})
	if err != nil {
		return err
	}
	var body bytes.Buffer
	fmt.Fprintf(&body, "%08x%s", len(text), text)
	w := bufio.NewWriter(&body)
	if err := errors.Join(rules.Write(w), w.Flush()); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	sum := sha256.Sum256(body.Bytes())
	_, err1 := f.Write(sum[:])
	_, err2 := f.Write(body.Bytes())
	if err := errors.Join(err1, err2, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
