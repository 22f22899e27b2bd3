package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"icapd/conf"
	"icapd/internal/quarantine"
	"icapd/internal/secret"

	"github.com/spf13/cobra"
)

// checkTimeout bounds the wait for all engines together.
const checkTimeout = 20 * time.Second

func (c *cli) checkCommand() *cobra.Command {
	var printIt, offline bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "check configuration, rules, certificates, and whether engines can be reached",
		Long: `Checks the configuration, compiles all rules, tries their examples, loads certificates, and asks the engines
whether they work. Everything that is wrong is said at once, with file and line.

Exit codes: 0 all is well; 2 something is wrong.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if printIt {
				return c.printConfig()
			}
			return c.check(context.Background(), offline)
		},
	}
	c.configFlags(cmd)
	cmd.Flags().BoolVar(&printIt, "print", false, "print the effective configuration, secrets left out, and check nothing else")
	cmd.Flags().BoolVar(&offline, "offline", false, "do not ask engines that are elsewhere")
	return cmd
}

// printConfig prints what is in force.
func (c *cli) printConfig() error {
	config, err := conf.Load(c.conf)
	if err != nil {
		return failWith(err)
	}
	text, err := config.Marshal()
	if err != nil {
		return failWith(err)
	}
	if _, err := c.out.Write(text); err != nil {
		return failWith(err)
	}
	return nil
}

func (c *cli) check(ctx context.Context, offline bool) error {
	p, err := c.prepare(nil)
	if err != nil {
		return failWith(err)
	}
	defer p.close()
	for _, n := range p.notes {
		say(c.err, "icapd: note: %s\n", n)
	}
	var errs []error
	if p.injection != nil {
		errs = append(errs, p.injection.SelfTest())
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs = append(errs, checkStores(ctx, p.config, offline))
	if !offline {
		errs = append(errs, p.checkEngines(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return failWith(err)
	}
	_, err = fmt.Fprintf(c.out, "configuration: ok\nengines: %s: ok\n", p.describe())
	return err
}

// checkStores tries keys and secrets, and asks an S3 store whether it can be used. A folder is not made here.
func checkStores(ctx context.Context, c *conf.Config, offline bool) error {
	var errs []error
	for i := range c.Events {
		if file := string(c.Events[i].PasswordFile); file != "" {
			_, err := secret.Read(file)
			errs = append(errs, keyed(c, fmt.Sprintf("events[%d].password_file", i), err))
		}
	}
	q := &c.Quarantine
	switch {
	case !q.Enabled():
	case q.Directory != "":
		_, err := quarantine.ReadKey(string(q.KeyFile))
		errs = append(errs, keyed(c, "quarantine.key_file", err))
	default:
		v, err := openVault(ctx, q)
		if err == nil && !offline {
			err = v.Check(ctx)
		}
		errs = append(errs, keyed(c, "quarantine", err))
	}
	return errors.Join(errs...)
}

// keyed puts the place of a key before an error, if there is one.
func keyed(c *conf.Config, key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", c.At(key), err)
}
