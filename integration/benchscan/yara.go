//go:build cgo && !noyara

package main

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"

	"icapd/signatures"

	libyara "github.com/hillu/go-yara/v4"
)

// newLibyara returns a scan with icapd's built-in rules and nothing around libyara.
func newLibyara() (func(context.Context, []byte) error, error) {
	c, err := libyara.NewCompiler()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{
		"host", "path", "url", "method", "direction", "content_type", "media_type", "filename", "extension", "filepath",
		"filetype", "owner",
	} {
		if err := c.DefineVariable(name, ""); err != nil {
			return nil, err
		}
	}
	files := 0
	err = fs.WalkDir(signatures.YARA(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".yar" {
			return err
		}
		text, err := fs.ReadFile(signatures.YARA(), name)
		if err != nil {
			return err
		}
		files++
		return c.AddString(string(text), name)
	})
	if err != nil {
		return nil, err
	}
	if files == 0 {
		return nil, errors.New("no built-in rules")
	}
	rules, err := c.GetRules()
	if err != nil {
		return nil, err
	}
	scanner, err := libyara.NewScanner(rules)
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, data []byte) error {
		var m libyara.MatchRules
		return scanner.SetCallback(&m).SetFlags(libyara.ScanFlagsFastMode).SetTimeout(time.Minute).ScanMem(data)
	}, nil
}
