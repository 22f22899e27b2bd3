package conf

import (
	"errors"
	"io/fs"
	"os"
	"reflect"

	"github.com/goccy/go-yaml"
)

// maxFile is the largest configuration that is read: far more than anybody writes, and less than what hurts.
const maxFile = 8 << 20

// Options says where a configuration comes from.
type Options struct {
	File string   // "" means defaults alone
	Sets []string // key=value, each of which wins over the file and over those before it
}

// Load reads a configuration. The error is Problems for what is wrong with it. With an error, the configuration
// is what could be made of the rest, never nil: good for finding out what else is wrong, and for nothing else.
func Load(o Options) (*Config, error) {
	var text []byte
	if o.File != "" {
		info, err := os.Stat(o.File)
		if err == nil && info.Size() > maxFile {
			return Default(), Problems{{Source: o.File, Text: "is too large for a configuration"}}
		}
		if text, err = os.ReadFile(o.File); err != nil {
			return Default(), Problems{{Source: o.File, Text: plain(err)}}
		}
	}
	return parseConfig(o.File, text, o.Sets, stat)
}

// stat says what is wrong with a file that the configuration names.
func stat(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// plain is an error of the file system without the operation and the name, which stand beside it already.
func plain(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

// parseConfig decodes the text and the flags over the defaults, and checks the sum.
func parseConfig(source string, text []byte, sets []string, stat func(string) error) (*Config, error) {
	c := Default()
	d := decoder{places: map[string]position{}, drafts: map[string]*draft{}}
	root, problems := readYAML(source, text)
	d.problems = append(d.problems, problems...)
	layers := []*node{root}
	for _, set := range sets {
		n, problems := readSet(set)
		d.problems = append(d.problems, problems...)
		layers = append(layers, n)
	}
	for _, n := range layers {
		if n != nil {
			d.structure("", n, reflect.ValueOf(c).Elem())
		}
	}
	d.resolve(c)
	v := validator{decoder: &d, stat: stat}
	v.config(c)
	c.places = d.places
	if len(d.problems) > 0 {
		return c, d.problems.sorted()
	}
	return c, nil
}

// Marshal writes the configuration as YAML that Load reads back, with secrets redacted.
func (c *Config) Marshal() ([]byte, error) {
	return yaml.MarshalWithOptions(c, yaml.Indent(2), yaml.IndentSequence(true), yaml.UseLiteralStyleIfMultiline(true))
}
