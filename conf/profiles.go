package conf

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Profiles is profiles by name. A profile can be based on another one, which can stand below it or be changed by
// a flag later on: decoding therefore only collects the nodes, and resolve decodes them, bases first.
type Profiles map[string]*Profile

// ProfileRef names a profile, or changes one for the place where it stands.
type ProfileRef struct {
	Name   string   // "" if Inline
	Inline *Profile // a profile of its own: its base with the keys that are given here
}

// MarshalYAML writes what the reference was read from, or the whole profile that it makes.
func (r ProfileRef) MarshalYAML() (any, error) {
	if r.Inline != nil {
		return r.Inline, nil
	}
	return r.Name, nil
}

// draft is what is known of a profile before its base is: its keys in a file, then in flags.
type draft struct {
	key   string
	nodes []*node
	ref   *ProfileRef // for a profile of an API
	state int
}

const (
	draftNew = iota
	draftOpen
	draftDone
)

// decode implements custom: it only checks that there are names and keys.
func (p *Profiles) decode(d *decoder, key string, n *node) {
	n = n.named()
	switch n.shape {
	case shapeNull:
		return
	case shapeMap:
	case shapeScalar, shapeList, shapeIndex:
		d.wrong(key, n, "names of profiles, each with its keys")
		return
	}
	for _, m := range n.members {
		full := join(key, m.key)
		d.places[full] = m.at
		d.draft(full, m.value.named())
	}
}

func (r *ProfileRef) decode(d *decoder, key string, n *node) {
	n = n.named()
	if n.shape != shapeScalar {
		d.draft(key, n).ref = r
		return
	}
	r.Name = n.text
}

// draft adds keys to the profile that is at the key.
func (d *decoder) draft(key string, n *node) *draft {
	if d.drafts[key] == nil {
		d.drafts[key] = &draft{key: key}
	}
	it := d.drafts[key]
	if n.shape != shapeMap && n.shape != shapeNull {
		d.wrong(key, n, "the keys of a profile")
		return it
	}
	it.nodes = append(it.nodes, n)
	return it
}

const profilesKey = "profiles."

// resolve decodes the collected profiles into c.
func (d *decoder) resolve(c *Config) {
	for _, key := range slices.Sorted(maps.Keys(d.drafts)) {
		if name, ok := strings.CutPrefix(key, profilesKey); ok {
			d.profile(c, unquote(name))
		}
	}
	for i := range c.APIs {
		ref := &c.APIs[i].Profile
		if it := d.drafts[fmt.Sprintf("apis[%d].profile", i)]; it != nil {
			name := ref.Name
			if name == "" {
				name = DefaultProfile
			}
			ref.Name, ref.Inline = "", d.derive(c, it, name)
		}
	}
}

// profile returns the profile of that name, decoding it and those it is based on; nil if there is none.
func (d *decoder) profile(c *Config, name string) *Profile {
	it := d.drafts[join("profiles", name)]
	if it == nil || it.state == draftDone {
		return c.Profiles[name]
	}
	if it.state == draftOpen {
		return nil
	}
	it.state = draftOpen
	fallback := DefaultProfile
	if name == DefaultProfile {
		fallback = ""
	}
	c.Profiles[name] = d.derive(c, it, fallback)
	it.state = draftDone
	return c.Profiles[name]
}

// derive makes the profile of a draft: a copy of its base, and its own keys.
func (d *decoder) derive(c *Config, it *draft, fallback string) *Profile {
	base, at := fallback, position{}
	for _, n := range it.nodes {
		if b := n.get("base"); b != nil && b.shape == shapeScalar {
			base, at = b.text, b.at
		}
	}
	out := builtinProfile()
	if base != "" {
		switch from := d.profile(c, base); {
		case from != nil:
			*out = *from
		case d.drafts[join("profiles", base)] != nil:
			d.fail(at, join(it.key, "base"), "the profile is based on itself")
		default:
			d.fail(at, join(it.key, "base"), "%s", noProfile(base, c, d))
		}
	}
	out.Base = ""
	for _, n := range it.nodes {
		d.structure(it.key, n, reflect.ValueOf(out).Elem())
	}
	return out
}

func noProfile(name string, c *Config, d *decoder) string {
	known := slices.Collect(maps.Keys(c.Profiles))
	for key := range d.drafts {
		if p, ok := strings.CutPrefix(key, profilesKey); ok {
			known = append(known, unquote(p))
		}
	}
	slices.Sort(known)
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("no profile %q (did you mean %q?)", name, near)
	}
	return fmt.Sprintf("no profile %q (there are %s)", name, strings.Join(slices.Compact(known), ", "))
}
