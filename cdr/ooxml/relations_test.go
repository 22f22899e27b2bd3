package ooxml

import (
	"errors"
	"strings"
	"testing"

	"icapd/cdr/kit"
	"icapd/scan"
)

// TestManyRelationships holds that a package of nothing but relationships is refused: each takes room.
func TestManyRelationships(t *testing.T) {
	p := newPack(t.Context(), kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, nil))
	rels := &part{name: "_rels/.rels", flat: []byte(`<Relationships>` + strings.Repeat(`<Relationship Id="a"/>`, maxRelations+1) + `</Relationships>`)}
	p.add(rels)
	var g *scan.Gap
	if err := p.readRelations(rels); !errors.As(err, &g) || g.Reason != scan.ReasonLimit {
		t.Fatalf("%v", err)
	}
}

// TestLongListing: a part of relationships or types that is longer than any is refused before it is unpacked.
func TestLongListing(t *testing.T) {
	for _, name := range []string{"[Content_Types].xml", "_rels/.rels"} {
		p := newPack(t.Context(), kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, nil))
		at := &part{name: name, entry: &kit.ZipEntry{Name: name, Size: maxListing + 1}}
		p.add(at)
		err := p.readRelations(at)
		if name[0] == '[' {
			p.types = at
			err = p.readTypes()
		}
		var g *scan.Gap
		if !errors.As(err, &g) || g.Limit != "part_bytes" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestManyTypes: types of parts that are not there take no room, and what is more than any package has is refused.
func TestManyTypes(t *testing.T) {
	of := func(n int) *pack {
		p := newPack(t.Context(), kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, nil))
		p.types = &part{name: "[Content_Types].xml", flat: []byte(`<Types><Override PartName="/a.xml" ContentType="b/c"/>` + strings.Repeat(`<Override PartName="/other.xml" ContentType="d/e"/>`, n) + `</Types>`)}
		p.add(p.types)
		p.add(&part{name: "a.xml"})
		return p
	}
	if p := of(1000); p.readTypes() != nil || len(p.overrides) != 1 || p.typeOf(p.index["a.xml"]) != "b/c" {
		t.Errorf("%d types", len(p.overrides))
	}
	var g *scan.Gap
	if err := of(maxRelations).readTypes(); !errors.As(err, &g) || g.Limit != "parts" {
		t.Errorf("%v", err)
	}
}

// TestRepeatedLinks holds that a link which a part does not use stays if the document uses the same: pandoc gives the part of
// the notes all links of the document.
func TestRepeatedLinks(t *testing.T) {
	notes := piece{name: "word/footnotes.xml", mime: wordMain + "footnotes+xml", rel: offRel + "footnotes", body: "<w:footnotes" + spaces + "/>"}
	used := external("h", offRel+"hyperlink", "https://a.example/")
	for target, id := range map[string]string{"https://a.example/": "rId9", "https://b.example/" + canary: "rId9", "https://a.example/ ": canary + "1"} {
		stays := target == "https://a.example/"
		out, job, err := run(t, docx(hyper, used, notes, of(external(id, offRel+"hyperlink", target), notes.name)).bytes(t))
		if err != nil || out.Changed() == stays {
			t.Errorf("%s: %v, %v", target, err, job.Removals())
		}
	}
}
