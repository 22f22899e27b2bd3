package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"icapd/internal/event"
	"icapd/internal/service"
	"icapd/policy"
	"icapd/scan"

	"github.com/spf13/cobra"
)

// disarmer is one run of the command.
type disarmer struct {
	scanner
	out      string
	programs policy.ProgramsMode
}

func (c *cli) disarmCommand() *cobra.Command {
	d := &disarmer{scanner: scanner{cli: c}}
	var programs string
	cmd := &cobra.Command{
		Use:   "disarm [flags] IN -o OUT",
		Short: "make a file, or all files of a folder, safe",
		Long: `Takes out of a document what can act, neutralises fields with payloads, and writes the result to OUT. A file with
nothing to remove is written as it is, byte for byte. OUT appears only when it is complete. If IN is a folder, OUT is
one too, and gets a file for each; links in it are left out, and named on standard error.

The profile is the one that --url and the configuration choose, with rewriting in force where it only reports. What it
blocks gets no output; nor does a program or script, but in an archive or mail a short text takes its place.

Exit codes: 0 all written; 1 something refused; 2 usage, configuration or I/O error.`,
		Args: oneArg("which file or folder? icapd disarm IN -o OUT"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := d.programs.UnmarshalText([]byte(programs)); err != nil || d.programs == policy.ProgramsAllow {
				return fail("disarm: --programs is placeholder or block, not %q", programs)
			}
			if d.out == "" {
				return fail("disarm: where to? -o OUT")
			}
			ctx, stop := interruptible()
			defer stop()
			return d.run(ctx, args[0])
		},
	}
	c.configFlags(cmd)
	d.flags(cmd)
	cmd.Flags().BoolVar(&d.json, "json", false, "print one JSON object a file: what was removed")
	cmd.Flags().StringVar(&programs, "programs", policy.ProgramsPlaceholder.String(), "programs in archives and mails, `HOW`: a text in their place (placeholder), or no output (block)")
	cmd.Flags().StringVarP(&d.out, "output", "o", "", "`OUT`: file or folder to write; - is standard output")
	return cmd
}

// side describes a file before or after.
type side struct {
	Type   string `json:"type"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`

	Extension string `json:"extension,omitempty"` // of a name that fits the type, if the file's does not
}

// removal is one line of the report.
type removal struct {
	Vector   string `json:"vector"`
	Location string `json:"location"`
	Action   string `json:"action"`
	Count    int    `json:"count"`
	Detail   string `json:"detail,omitempty"`
}

// disarmRecord is what disarm says about one file: what scan says, and what was done.
type disarmRecord struct {
	record
	Mode    string    `json:"mode"`
	Changed bool      `json:"changed"`
	Input   side      `json:"input"`
	Output  *side     `json:"output"` // null if there is none
	Removed []removal `json:"removed"`
}

func (r *disarmRecord) removed(changes []scan.Change) {
	for _, c := range changes {
		r.Removed = append(r.Removed, removal{c.Vector, c.Path, c.Action, c.Count, c.Detail})
	}
}

func (d *disarmer) run(ctx context.Context, in string) error {
	p, err := d.prepare(nil)
	if err != nil {
		return failWith(err)
	}
	defer p.close()
	d.parts = p
	if d.msg, err = d.message(p.config); err != nil {
		return err
	}
	files, left, size, problems := collect([]string{in})
	info, statErr := os.Stat(in)
	folder := in != stdin && statErr == nil && info.IsDir()
	if folder && d.out == stdin {
		return fail("disarm: a folder cannot be written to standard output")
	}
	if err := d.destination(in, folder); err != nil {
		return err
	}
	d.bar = newProgress(d.stdio, len(files), size)
	defer d.bar.finish()
	code := exitOK
	for _, problem := range problems {
		d.complain(problem)
		code = exitError
	}
	for _, path := range left {
		d.complain(fmt.Errorf("%s: a link or no file; left out", path))
	}
	for _, file := range files {
		out := d.out
		if folder {
			rel, err := filepath.Rel(in, file)
			if err != nil {
				return failWith(err)
			}
			out = filepath.Join(d.out, rel)
		}
		code = max(code, d.one(ctx, file, out))
		if ctx.Err() != nil {
			return fail("interrupted")
		}
	}
	if code == exitOK {
		return nil
	}
	return &exit{code: code}
}

// destination checks where the output goes, before anything is done: never over the input, nor among it.
func (d *disarmer) destination(in string, folder bool) error {
	if d.out == stdin || in == stdin {
		return nil
	}
	if info, err := os.Stat(d.out); err == nil && info.IsDir() && !folder {
		d.out = filepath.Join(d.out, filepath.Base(in))
	} else if err == nil && !info.IsDir() && folder {
		return fail("disarm: %s is a file, and %s a folder", d.out, in)
	}
	if sameFile(in, d.out) {
		return fail("disarm: %s would be written over; name another file or folder", in)
	}
	if !folder {
		return nil
	}
	for dir := absolute(d.out); ; dir = filepath.Dir(dir) {
		if sameFile(in, dir) {
			return fail("disarm: %s is inside of %s; name a folder outside of it", d.out, in)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// sameFile reports whether two names are of one file or folder, by whatever links.
func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// one makes one file safe and returns the exit code for it.
func (d *disarmer) one(ctx context.Context, file, out string) int {
	r := disarmRecord{record: newRecord(file), Removed: []removal{}}
	err := d.disarm(ctx, file, out, &r)
	code := exitOK
	switch {
	case ctx.Err() != nil:
		r.Action, r.Error, code = policy.Block.String(), "interrupted", exitError // run says so
	case err != nil:
		r.Action, r.Error, code = policy.Block.String(), plain(err).Error(), exitError
		d.complain(plain(err))
	case r.Action == policy.Block.String():
		code = exitFound
	}
	if r.Output == nil && !d.fresh(out) {
		d.complain(fmt.Errorf("%s: left as it was before; %s has no output", out, file))
	}
	if err := d.tell(out, &r); err != nil {
		d.complain(plain(err))
		return exitError
	}
	return code
}

// fresh reports whether nothing stands where the output goes.
func (d *disarmer) fresh(out string) bool {
	_, err := os.Lstat(out)
	return out == stdin || err != nil
}

// tell writes the report about a file. Errors have been told already.
func (d *disarmer) tell(out string, r *disarmRecord) (err error) {
	switch {
	case d.json:
		err = encode(d.reportTo(out), r)
	case r.Error == "":
		d.bar.clear()
		_, err = io.WriteString(d.reportTo(out), r.text())
	}
	return err
}

// reportTo is where the report goes: not among the bytes of the output.
func (d *disarmer) reportTo(out string) io.Writer {
	if out == stdin {
		return d.err
	}
	return d.stdio.out
}

func (d *disarmer) disarm(ctx context.Context, file, out string, r *disarmRecord) error {
	defer r.timed(time.Now())
	in, err := d.open(file)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	digest := sha256.New()
	counted := &counter{r: io.TeeReader(in, digest), add: d.bar.add}
	m := d.msg
	sel := d.parts.pipeline.Policy.Select(&m, m.Service)
	sel.Profile = eager(sel.Profile, d.programs)
	res, done, err := d.parts.inspectAs(ctx, &m, sel, counted, file)
	defer done()
	if err != nil {
		return err
	}
	r.fill(res.Result)
	r.Mode, r.Size = sel.Profile.CDR.String(), counted.n
	r.Input = side{Type: res.Type, Size: counted.n, SHA256: hex.EncodeToString(digest.Sum(nil))}
	r.removed(res.Changes)
	blob, mediaType := res.original, res.Type
	switch res.Decision.Action {
	case policy.Allow:
	case policy.Rewrite:
		blob = res.Body
		if res.NewType != "" {
			mediaType = res.NewType
		}
	case policy.Unknown, policy.Block:
		return nil
	}
	sum, err := d.write(ctx, out, blob)
	if err != nil {
		if out == stdin {
			out = "standard output"
		}
		return fmt.Errorf("%s cannot be written: %w", out, reason(err))
	}
	r.Changed = res.Decision.Action == policy.Rewrite
	r.Output = &side{Type: mediaType, Size: blob.Size(), SHA256: sum}
	if want := filepath.Ext(res.NewName); r.Changed && !strings.EqualFold(want, filepath.Ext(out)) {
		r.Output.Extension = want
	}
	return nil
}

// reason is what went wrong with a file, without the name that it had for the time.
func reason(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok && pe.Op != "mkdir" {
		return pe.Err
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return le.Err
	}
	return plain(err)
}

// eager is the profile with rewriting in force where it only reports, nothing skipped, and nothing let through that is
// run by opening it.
func eager(p *policy.Profile, programs policy.ProgramsMode) *policy.Profile {
	out := *p
	out.Mode, out.Skip, out.DisarmFirst = policy.Enforce, nil, true
	out.Programs, out.Passive = programs, true
	if out.ActiveContent == policy.ActionReport {
		out.ActiveContent = policy.ActionRewrite
	}
	if out.Injection == policy.ActionReport {
		out.Injection = policy.ActionRewrite
	}
	return &out
}

// write writes the bytes to the file, which appears when it is complete, and returns their digest.
func (d *disarmer) write(ctx context.Context, out string, blob scan.Blob) (string, error) {
	digest := sha256.New()
	src := io.TeeReader(io.NewSectionReader(blob, 0, blob.Size()), digest)
	if out == stdin {
		_, err := io.Copy(d.stdio.out, src)
		return hex.EncodeToString(digest.Sum(nil)), err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil { //nolint:gosec // G301: as mkdir does; the umask is the user's
		return "", err
	}
	f, err := createAtomic(out)
	if err != nil {
		return "", err
	}
	defer f.abandon()
	if _, err := io.Copy(f, src); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), f.commit()
}

// text is the report for people.
func (r *disarmRecord) text() string {
	var b strings.Builder
	name := event.OneLine(r.Path, 4096)
	switch {
	case r.Output == nil:
		fmt.Fprintf(&b, "%s: refused: %s\n", name, r.Reason)
		fmt.Fprintf(&b, "    because of %s\n", event.OneLine(r.Rule, 300))
	case r.Changed:
		fmt.Fprintf(&b, "%s: made safe, %d bytes became %d", name, r.Input.Size, r.Output.Size)
		if r.Output.Type != r.Input.Type {
			fmt.Fprintf(&b, " of %s", r.Output.Type)
		}
		if r.Output.Extension != "" {
			fmt.Fprintf(&b, "; programs may want it named %s", r.Output.Extension)
		}
		b.WriteByte('\n')
	case len(r.Gaps) > 0: // the profile lets it through
		fmt.Fprintf(&b, "%s: written as it came, and not made safe\n", name)
		for _, g := range r.Gaps {
			fmt.Fprintf(&b, "    not looked at: %s, %s\n", event.OneLine(g.Path, 300), g.Reason)
		}
	default:
		fmt.Fprintf(&b, "%s: nothing to remove\n", name)
	}
	for _, c := range r.Removed {
		fmt.Fprintf(&b, "    %s: %s %s", c.Action, c.Vector, c.Location)
		if c.Count > 1 {
			fmt.Fprintf(&b, " (%d times)", c.Count)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// inspection is a result with the bytes that it is about.
type inspection struct {
	*service.Result
	original scan.Blob
}
