package waf

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Name is the engine's name in configuration, logs and findings.
const Name = "waf"

// CRS in [Options.Rules] means the OWASP Core Rule Set that comes with icapd.
const CRS = "crs"

// The defaults of [Options].
const (
	DefaultTimeout       = 5 * time.Second
	DefaultMaxFieldBytes = 16 << 10
	DefaultMaxBytes      = 256 << 10
)

// Options says which rules an engine works with, and what a look may cost. Zero values mean the defaults.
type Options struct {
	// Rules names where rules come from: CRS, files, and folders of *.conf files. There must be one.
	Rules []string

	// Paranoia is the paranoia level of CRS, 1 to 4; 0 means 1. Each level finds more, and reports more that is none.
	Paranoia int

	// Disabled switches rules off, by id ("942100") or by class ("sqli").
	Disabled []string

	// Timeout bounds the look at one item. What is left then counts as not looked at. A message can have many items:
	// who waits for all of them needs a bound of his own.
	Timeout time.Duration

	// MaxFieldBytes is how much of one field is looked at, MaxBytes how much of all fields of one item together.
	// What is beyond counts as not looked at.
	MaxFieldBytes int64
	MaxBytes      int64

	// Sample is the share of messages that are looked at, more than 0 and up to 1; 0 means 1. It goes by the id of
	// the message: all of a message is looked at, or nothing. Messages without an id are always looked at.
	Sample float64
}

// DefaultDisabled returns the rules of CRS that are of no use on responses: they take ordinary words and markup of
// API responses for shell commands and scripts, and find nothing that other rules do not.
func DefaultDisabled() []string {
	return []string{"932235", "932140", "932250", "932230", "932370", "941180"}
}

// complete checks the options and fills in the defaults.
func (o *Options) complete() error {
	if len(o.Rules) == 0 {
		return errors.New("waf: no rules")
	}
	if o.Paranoia == 0 {
		o.Paranoia = 1
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxFieldBytes == 0 {
		o.MaxFieldBytes = DefaultMaxFieldBytes
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Sample == 0 {
		o.Sample = 1
	}
	switch {
	case o.Paranoia < 1 || o.Paranoia > 4:
		return fmt.Errorf("waf: paranoia level %d: there are 1 to 4", o.Paranoia)
	case o.Timeout < 0 || o.MaxFieldBytes < 0 || o.MaxBytes < 0:
		return errors.New("waf: a negative limit")
	case o.Sample < 0 || o.Sample > 1:
		return fmt.Errorf("waf: sample %v: a share is more than 0 and at most 1", o.Sample)
	}
	for _, name := range o.Disabled {
		if err := CheckDisabled(name); err != nil {
			return fmt.Errorf("waf: %w", err)
		}
	}
	return nil
}

// CheckDisabled reports what is wrong with an entry of [Options.Disabled].
func CheckDisabled(name string) error {
	if slices.Contains(classNames, name) {
		return nil
	}
	if id, err := strconv.Atoi(name); err == nil && id > 0 {
		return nil
	}
	return fmt.Errorf("%q is neither the number of a rule nor one of the classes %q", name, classNames)
}
