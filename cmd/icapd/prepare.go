package main

import (
	"errors"
	"strings"
	"time"

	"icapd/conf"
)

// prepare loads the configuration and builds its parts. The error is everything that is wrong, with the
// configuration and with the rules and certificates that it names, at once. Changed is called, from any goroutine,
// when an engine has another version of its signatures.
func (c *cli) prepare(changed func()) (*parts, error) {
	config, err := conf.Load(c.conf)
	c.switchedOff(config)
	certs, certErr := loadCerts(config)
	if err = errors.Join(err, certErr); err != nil {
		// Only to learn what else is wrong.
		config = withoutKnown(config, err)
		p, engineErr := buildEngines(config, c.version, changed)
		if engineErr == nil {
			p.close()
		}
		return nil, errors.Join(err, engineErr)
	}
	p, err := build(config, c.version, changed)
	if err != nil {
		return nil, err
	}
	p.certs, p.learned = certs, c.learned
	p.notes = append(p.notes, certs.notes(time.Now())...)
	return p, nil
}

// withoutKnown is the configuration without the daemons whose addresses are known to be wrong: they would be told of twice.
func withoutKnown(config *conf.Config, err error) *conf.Config {
	problems, _ := errors.AsType[conf.Problems](err)
	out := *config
	for _, p := range problems {
		switch {
		case strings.HasPrefix(p.Key, "engines.clamd."):
			out.Engines.Clamd.Addresses = nil
		case strings.HasPrefix(p.Key, "engines.upstream"):
			out.Engines.Upstream = nil
		}
	}
	return &out
}
