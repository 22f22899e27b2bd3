package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	"icapd/internal/admin"
	"icapd/internal/event"

	"github.com/spf13/cobra"
)

// warden is one run of the command.
type warden struct {
	adminClient
	json bool
	out  string
}

func (c *cli) quarantineCommand() *cobra.Command {
	w := &warden{adminClient: adminClient{cli: c}}
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "list, show, release and delete originals that a running icapd has kept",
		Long: `Asks the admin address of a running icapd for the originals of messages that it blocked or rewrote. An entry's ID is
the request id of its message: that of the block page, X-ICAPD-Request-ID and the audit event. Releases and deletions
are on record in the audit stream, and take the token that may change things.

Exit codes: 0 done; 2 usage, no such entry, or icapd could not be asked.`,
		Example: `  icapd quarantine list
  icapd quarantine show 6NEJ5KXJ7Q3M4T2ZVHC4PYB6WA
  icapd quarantine release 6NEJ5KXJ7Q3M4T2ZVHC4PYB6WA -o original.bin
  icapd quarantine delete 6NEJ5KXJ7Q3M4T2ZVHC4PYB6WA`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	sub := func(use, short string, args cobra.PositionalArgs, run func(context.Context, []string) error) *cobra.Command {
		sc := &cobra.Command{Use: use, Short: short, Args: args, RunE: func(_ *cobra.Command, args []string) error {
			ctx, stop := interruptible()
			defer stop()
			if err := run(ctx, args); err != nil {
				return failWith(plain(err))
			}
			return nil
		}}
		c.configFlags(sc)
		w.flags(sc)
		sc.Flags().StringVar(&w.url, "admin", "", "`URL` of the admin address; without it, that of the configuration")
		cmd.AddCommand(sc)
		return sc
	}
	list := sub("list", "the newest entries", cobra.NoArgs, w.list)
	list.Flags().BoolVar(&w.json, "json", false, "print one JSON object an entry")
	sub("show ID", "an entry and what was found in it, as JSON", oneID, w.showEntry)
	release := sub("release ID -o FILE", "write the original, as it was received: handle it as what it was blocked for", oneID, w.release)
	release.Flags().StringVarP(&w.out, "output", "o", "", "`FILE` to write; - is standard output")
	_ = release.MarkFlagRequired("output") // it is there
	sub("delete ID", "delete an original for good", oneID, func(ctx context.Context, args []string) error {
		resp, err := w.ask(ctx, http.MethodDelete, "/"+url.PathEscape(args[0]))
		if err == nil {
			err = resp.Body.Close()
		}
		return err
	})
	return cmd
}

// maxEntries is more than the answer to any question but for an original.
const maxEntries = 16 << 20

// ask sends a request below /api/v1/quarantine; an answer that is no success is an error.
func (w *warden) ask(ctx context.Context, method, path string) (*http.Response, error) {
	base := w.base()
	if base == "" {
		return nil, errors.New("the configuration has no admin.address: give --admin URL")
	}
	resp, err := w.do(ctx, method, base+"/api/v1/quarantine"+path, time.Minute)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	text, _ := readLimited(resp.Body, 1<<10)
	_ = resp.Body.Close() // it was read
	return nil, fmt.Errorf("%s: %s: %s", base, resp.Status, errorIn(text))
}

func (w *warden) list(ctx context.Context, _ []string) error {
	resp, err := w.ask(ctx, http.MethodGet, "")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	var answer admin.Listing
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxEntries)).Decode(&answer); err != nil {
		return err
	}
	for i := range answer.Entries {
		if err := w.line(&answer.Entries[i]); err != nil {
			return err
		}
	}
	if answer.Damaged > 0 {
		say(w.cli.err, "icapd: note: %d entries are damaged, or were encrypted with another key\n", answer.Damaged)
	}
	return nil
}

func (w *warden) line(e *admin.Kept) error {
	if w.json {
		return json.NewEncoder(w.cli.out).Encode(e)
	}
	_, err := fmt.Fprintf(w.cli.out, "%s %s %s %s %d %s [%s]\n", e.ID, e.Time.UTC().Format(time.RFC3339), e.Action, e.Verdict, e.Size,
		event.OneLine(e.URL, 500), event.OneLine(e.Rule, 200))
	return err
}

func (w *warden) showEntry(ctx context.Context, args []string) error {
	resp, err := w.ask(ctx, http.MethodGet, "/"+url.PathEscape(args[0]))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	_, err = io.Copy(w.cli.out, io.LimitReader(resp.Body, maxEntries))
	return err
}

// release writes the original whole, or not at all. The place for it is there before icapd is asked, which has it on record.
func (w *warden) release(ctx context.Context, args []string) error {
	if w.out == stdin {
		return w.copyTo(ctx, w.cli.out, args[0])
	}
	f, err := createAtomic(w.out)
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return fmt.Errorf("%s: %w", w.out, path.Err) // the name in the error is a temporary one
	}
	if err != nil {
		return err
	}
	f.secret = true // other people's message, and perhaps malware
	defer f.abandon()
	if err := w.copyTo(ctx, f, args[0]); err != nil {
		return err
	}
	return f.commit()
}

func (w *warden) copyTo(ctx context.Context, to io.Writer, id string) error {
	resp, err := w.ask(ctx, http.MethodPost, "/"+url.PathEscape(id)+"/release")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	_, err = io.Copy(to, resp.Body)
	return err
}
