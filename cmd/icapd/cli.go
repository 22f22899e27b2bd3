package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"icapd/conf"
	"icapd/internal/inventory"
	"icapd/schema/learn"

	"github.com/spf13/cobra"
)

// The exit codes of the contract.
const (
	exitOK    = 0
	exitFound = 1 // scan: something blocked or rewritten; probe: not healthy, not conformant
	exitError = 2 // usage, configuration, input or output
)

// stdio is where a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// cli is what all commands share.
type cli struct {
	stdio
	version string
	conf    conf.Options
	learned *learn.Registry // of APIs whose messages are learned from; it outlives reloads
	off     map[ruleID]bool // rules that operators have switched off; see serve
}

// exit is an error that carries the code to exit with. Without a cause nothing is printed: all has been said.
type exit struct {
	code  int
	cause error
}

func (e *exit) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.cause.Error()
}

func (e *exit) Unwrap() error { return e.cause }

// run runs the command line and returns the exit code.
func run(args []string, std stdio) int {
	c := &cli{stdio: std, version: stamp(), learned: &learn.Registry{Template: inventory.Template}}
	root := c.root()
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	cmd, err := root.ExecuteC()
	if err == nil {
		return exitOK
	}
	var e *exit
	if !errors.As(err, &e) { // cobra's own: flags and arguments
		say(std.err, "icapd: %v\nicapd: see %s --help\n", err, cmd.CommandPath())
		return exitError
	}
	if e.cause != nil {
		complain(std.err, e.cause)
	}
	return e.code
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "icapd",
		Short: "vets what third-party APIs send and are sent, at the proxy that is there already",
		Long: `icapd is an ICAP server (RFC 3507): it finds malware, injection and active content in the messages
that a proxy shows it, makes them safe or blocks them, and says why.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       c.version,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetVersionTemplate("icapd {{.Version}}\n")
	root.AddCommand(c.serveCommand(), c.scanCommand(), c.disarmCommand(), c.probeCommand(), c.checkCommand(), c.reloadCommand(), c.eventsCommand(), c.quarantineCommand(), c.learnCommand(), c.versionCommand())
	return root
}

// configFlags gives the command -c and --set.
func (c *cli) configFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.conf.File, "config", "c", "", "configuration `FILE`; without one, the embedded defaults")
	cmd.Flags().StringArrayVar(&c.conf.Sets, "set", nil, "set one key of the configuration, `KEY=VALUE`; may be repeated")
}

// interruptible is a context that ends when somebody wants the command to stop: what it was about to write is then
// left out, not left half. A second signal ends the process.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// fail is an error of usage, configuration, input or output.
func fail(format string, args ...any) error {
	return &exit{exitError, fmt.Errorf(format, args...)}
}

// failWith does the same with an error that is there already.
func failWith(err error) error { return &exit{exitError, err} }

// say writes to people. That nobody reads it is no error of ours.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// complain writes an error, one problem a line.
func complain(w io.Writer, err error) {
	for _, line := range lines(err) {
		say(w, "icapd: %s\n", line)
	}
}

// lines takes joined errors apart, so that each problem is a line of its own.
func lines(err error) []string {
	switch e := err.(type) { //nolint:errorlint // looks at one level at a time, on purpose
	case interface{ Unwrap() []error }:
		if many := e.Unwrap(); len(many) > 1 || strings.Contains(err.Error(), "\n") {
			var all []string
			for _, one := range many {
				all = append(all, lines(one)...)
			}
			return all
		}
	case conf.Problems:
		return strings.Split(e.Error(), "\n")
	case *exit:
		return lines(e.cause)
	}
	return strings.Split(strings.TrimSpace(err.Error()), "\n")
}

// plain is an error of the file system in the words that people know: "x.json: no such file or directory".
func plain(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", pe.Path, pe.Err)
	}
	return err
}

// stamp is the version of this build: the linker's word, else what the Go tool knows.
func stamp() string {
	if version != "" {
		return version
	}
	revision, dirty := "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				revision = s.Value[:min(len(s.Value), 12)]
			case "vcs.modified":
				if s.Value == "true" {
					dirty = "-dirty"
				}
			}
		}
	}
	return cmp.Or(revision, "unknown") + dirty
}

// encode writes one JSON object and a line end. Text is for programs that read JSON, not for pages: < stays <.
func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// oneArg wants one argument, and asks for it.
func oneArg(question string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return fail("%s: %s", cmd.Name(), question)
		case 1:
			return nil
		}
		return fail("%s: one at a time, and there are %d", cmd.Name(), len(args))
	}
}

// oneID wants the id of an entry.
func oneID(cmd *cobra.Command, args []string) error {
	return oneArg("which one? icapd quarantine list shows ids")(cmd, args)
}

// configOnly wants no argument: it is most often a configuration without its flag.
func configOnly(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fail("%s takes no arguments, and there is %q: icapd %s -c FILE names a configuration", cmd.Name(), args[0], cmd.Name())
	}
	return nil
}
