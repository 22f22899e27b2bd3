package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"icapd/conf"
	"icapd/internal/event"
	"icapd/internal/quarantine"
	"icapd/internal/secret"
	"icapd/internal/sink"

	"github.com/spf13/cobra"
)

// checkTimeout bounds the wait for all engines together.
const checkTimeout = 20 * time.Second

func (c *cli) checkCommand() *cobra.Command {
	var printIt, offline bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "check configuration, rules, certificates, and whether engines and stores can be reached",
		Long: `Checks the configuration, compiles all rules, tries their examples, loads certificates, and asks the engines
whether they work, and whatever else icapd talks to: Redis, the receivers of events and spans, the quarantine's store.
Everything that is wrong is said at once, with file and line. Run it as the user that icapd runs as: files are tried, too.

Exit codes: 0 all is well; 2 something is wrong.`,
		Args: configOnly,
		RunE: func(*cobra.Command, []string) error {
			if printIt {
				return c.printConfig()
			}
			return c.check(context.Background(), offline)
		},
	}
	c.configFlags(cmd)
	cmd.Flags().BoolVar(&printIt, "print", false, "print the effective configuration, secrets left out, and check nothing else")
	cmd.Flags().BoolVar(&offline, "offline", false, "ask no engine, server or store that is elsewhere")
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
	for _, name := range openSecrets(reflect.ValueOf(p.config).Elem(), "", nil) {
		say(c.err, "icapd: note: %s holds a secret, and every user of this machine can read it: chmod 640, and the group of icapd's user\n", name)
	}
	var errs []error
	if p.injection != nil {
		errs = append(errs, p.injection.SelfTest())
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs = append(errs, p.checkAround(ctx, c.version, offline))
	if !offline {
		errs = append(errs, p.checkEngines(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return failWith(err)
	}
	_, err = fmt.Fprintf(c.out, "configuration: ok\nengines: %s: ok\n", p.describe())
	return err
}

// checkAround tries what stands around the engines: keys and secrets, folders, certificates, and, unless offline, the
// servers that events, spans, originals and the shared cache go to. Nothing stays that was not there before.
func (p *parts) checkAround(ctx context.Context, version string, offline bool) error {
	c := p.config
	errs := []error{p.certs.expired(time.Now()), checkSpool(c)}
	for i := range c.Events {
		errs = append(errs, keyed(c, fmt.Sprintf("events[%d]", i), checkEvents(ctx, &c.Events[i], offline)))
	}
	if c.Tracing.On() {
		errs = append(errs, keyed(c, "tracing", checkTraces(ctx, &c.Tracing, version, offline)))
	}
	if p.cache != nil && !offline {
		errs = append(errs, keyed(c, "engines.cache.redis", p.cache.CheckStore(ctx)))
	}
	return errors.Join(append(errs, checkQuarantine(ctx, c, offline))...)
}

// checkSpool tries whether large bodies can be put where they are to go.
func checkSpool(c *conf.Config) error {
	folder := spoolFolder(c)
	info, err := os.Stat(folder)
	switch {
	case err != nil:
	case !info.IsDir():
		err = errors.New("not a folder")
	default:
		err = checkFolder(folder)
	}
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err // the folder is named anyway
	}
	return keyed(c, "spool.directory", fmt.Errorf("%s: %w (a body larger than limits.memory_bytes would count as not looked at)", folder, err))
}

// checkEvents tries a sink. A file's folder is not made here.
func checkEvents(ctx context.Context, c *conf.EventSink, offline bool) error {
	if c.File != "" {
		return checkFile(string(c.File))
	}
	if c.Stdout {
		return nil
	}
	if offline { // a NATS client connects as soon as there is one
		_, err := sinkFiles(c).Config()
		for _, file := range []conf.Path{c.PasswordFile, c.TokenFile} {
			if file != "" {
				_, bad := secret.Read(string(file))
				err = errors.Join(err, bad)
			}
		}
		return err
	}
	w, name, err := openSink(c)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }() // nothing was written
	if checker, ok := w.(sink.Checker); ok {
		if err := checker.Check(ctx); err != nil {
			return fmt.Errorf("%s cannot be used: %s", name, event.OneLine(err.Error(), 300))
		}
	}
	return nil
}

func checkTraces(ctx context.Context, c *conf.Tracing, version string, offline bool) error {
	x, err := newExporter(c, version)
	if err != nil || offline {
		return err
	}
	return x.Check(ctx)
}

// checkQuarantine asks an S3 store whether it can be used. A folder is not made here.
func checkQuarantine(ctx context.Context, c *conf.Config, offline bool) error {
	q := &c.Quarantine
	if !q.Enabled() {
		return nil
	}
	_, keyErr := quarantine.ReadKey(string(q.KeyFile))
	keyErr = keyed(c, "quarantine.key_file", keyErr)
	if q.Directory != "" {
		return errors.Join(keyErr, keyed(c, "quarantine.directory", checkFolder(string(q.Directory))))
	}
	if keyErr != nil {
		return keyErr
	}
	v, err := openVault(ctx, q)
	if err == nil && !offline {
		err = v.Check(ctx)
	}
	return keyed(c, "quarantine", err)
}

// checkFile tries whether a file can be appended to, or made.
func checkFile(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return checkFolder(filepath.Dir(name))
	}
	if err != nil {
		return plain(err)
	}
	return f.Close()
}

// checkFolder tries whether files can be made in a folder, or in the one that it would be made in.
func checkFolder(name string) error {
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) && name != filepath.Dir(name) {
		return checkFolder(filepath.Dir(name))
	}
	f, err := os.CreateTemp(name, ".icapd-check-*")
	if err != nil {
		return plain(err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// keyed puts the place of a key before an error, if there is one.
func keyed(c *conf.Config, key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", c.At(key), err)
}

// openSecrets adds the files of keys and passwords that everybody can read. tag is the name of the key that a value has.
func openSecrets(v reflect.Value, tag string, out []string) []string {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
				out = openSecrets(v.Field(i), name, out)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			out = openSecrets(v.Index(i), tag, out)
		}
	case reflect.String:
		secret := tag == "key" || tag == "credentials" || strings.HasSuffix(tag, "_file")
		if v.Type() != reflect.TypeFor[conf.Path]() || v.String() == "" || !secret {
			break
		}
		const others = 0o004
		if info, err := os.Stat(v.String()); err == nil && info.Mode().Perm()&others != 0 && !slices.Contains(out, v.String()) {
			out = append(out, v.String())
		}
	default: // maps hold profiles and services, which name no files
	}
	return out
}
