package main

import (
	"path/filepath"
	"testing"

	"icapd/conf"
)

// TestTagIsTheSame holds that a configuration has one tag: when it is loaded again, and on another node. What is kept
// behind a pointer, as a profile of an API's own, must not show where it is kept.
func TestTagIsTheSame(t *testing.T) {
	file := filepath.Join(t.TempDir(), "icapd.yaml")
	write(t, file, "engines:\n  yara: {rules: []}\n  injection: {off: [{class: sqli, api: shop}]}\n"+
		"apis:\n  - {name: shop, match: {hosts: [shop.test]}, profile: {injection: report}}\n")
	load := func() (tag, engine, messages string) {
		t.Helper()
		c, err := conf.Load(conf.Options{File: file})
		if err != nil {
			t.Fatal(err)
		}
		p, err := build(c, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		return p.istag(), p.injection.Version(), place(c, &c.Engines.Injection.Off[0])
	}
	tag, version, where := load()
	for range 5 {
		if again, v, w := load(); again != tag || v != version || w != where {
			t.Fatalf("loaded again: tag %s, injection %s, switch for %s; was %s, %s, %s", again, v, w, tag, version, where)
		}
	}
	write(t, file, "engines:\n  yara: {rules: []}\n  injection: {off: [{class: sqli, api: shop}]}\n"+
		"apis:\n  - {name: shop, match: {hosts: [other.test]}, profile: {injection: report}}\n")
	if _, v, _ := load(); v == version {
		t.Error("a switch for other messages has the same version")
	}
}
