package ooxml

import (
	"bytes"
	"regexp"
)

// looseVML is for VML that is no XML: old writers left HTML tags open in it, and readers take it as it is. It stays if
// nothing in its bytes could act, and goes otherwise.
func (p *pack) looseVML(at *part, text []byte) error {
	dead := false
	for _, r := range at.rels.list {
		dead = dead || r.dead || r.blank
	}
	if dead || activeVML.Match(text) || bytes.Contains(text, []byte("<!")) && !bytes.Contains(text, []byte("<![CDATA[")) {
		p.dropPart(at, vectorUnknown)
		p.killTo(at)
	}
	return nil
}

var activeVML = regexp.MustCompile(`(?i)fmlamacro|oleobject|href|\bsrc\s*=|\bon[a-z]+\s*=|script|<\?|doctype|entity`)
