// Package carrier is about what carries files and is no document itself: archives and mails. It finds the programs in
// them, in whose place a text can stand, and what their readers do not show.
package carrier

import (
	"context"
	"errors"

	"icapd/scan"
)

// Name is the name of the rewriter, and of the engine of the findings: programs are taken out by whoever disarms.
const Name = "cdr"

// The classes of findings, which are their rules, too. All are of category active_content.
const (
	ClassProgram = "program"             // something that is run, or leads elsewhere, by opening it
	ClassAbsent  = "mail-part-elsewhere" // a part of a mail that its reader fetches from somewhere
	ClassHidden  = "archive-hidden-data" // what readers of an archive or mail do not show: bytes, comments, fields, members
)

// ErrNoSafeForm is the error of Rewriter.Rewrite for a program that stands where no text can take its place.
var ErrNoSafeForm = errors.New("a program or script has no safe form")

// Programs returns a finding if the item is a program, script or shortcut, by its bytes or by its name, and none for what
// is inside of one. It proposes a rewrite where a text can stand in its place: in a mail, and in an archive that can be written
// or becomes one that can.
func Programs(it *scan.Item) []scan.Finding {
	if !isProgram(it) || insideProgram(it) {
		return nil
	}
	f := finding(it, ClassProgram, "a program, script or shortcut")
	if inHolder(it) {
		f.Hint = "rewrite"
	}
	return []scan.Finding{f}
}

// Strict returns what Programs returns, and what has no place in a file that is handed on as safe: parts of mails that
// are elsewhere, and archives with what their readers do not show. A program that no text can take the place of is
// proposed to be blocked, and so is a mail that is a piece of another one. It reads archives, and those with something to
// remove must be 256 MiB at most.
func Strict(it *scan.Item) []scan.Finding {
	if insideProgram(it) {
		return nil
	}
	if aside(it) {
		return []scan.Finding{unseen(it)}
	}
	fs := Programs(it)
	for i := range fs {
		if fs[i].Hint == "" {
			fs[i].Hint = "block"
		}
	}
	if isElsewhere(it) || isWholeElsewhere(it) {
		f := finding(it, ClassAbsent, "a part of a mail that is not in it")
		if f.Hint = "block"; isElsewhere(it) && inHolder(it) {
			f.Hint = "rewrite"
		}
		return append(fs, f)
	}
	if len(fs) > 0 {
		return fs
	}
	if fresh, err := tidy(it); fresh != nil || err != nil {
		return []scan.Finding{unseen(it)}
	}
	return nil
}

func unseen(it *scan.Item) scan.Finding {
	f := finding(it, ClassHidden, "what readers of the archive or mail do not show")
	f.Hint = "rewrite"
	return f
}

func finding(it *scan.Item, class, detail string) scan.Finding {
	return scan.Finding{
		Engine: Name, Rule: class, Class: class, Category: scan.ActiveContent, Severity: scan.Medium,
		Path: it.Path, Item: it, Detail: detail, Description: "what a file that is only read has no need of",
	}
}

// Rewriter acts on the findings of this package, and on no other. It may be used from many goroutines.
type Rewriter struct{}

// Name implements scan.Rewriter.
func (Rewriter) Name() string { return Name }

// Wants implements scan.Rewriter.
func (Rewriter) Wants(*scan.Item) bool { return true }

// Rewrite implements scan.Rewriter: a text takes the place of a program or of a part of a mail that is elsewhere, and an
// archive is written anew. An archive from which an earlier rewrite has taken what was wrong stays as it is.
func (Rewriter) Rewrite(_ context.Context, it *scan.Item, findings []scan.Finding) (scan.Replacement, error) {
	for i := range findings {
		switch f := &findings[i]; {
		case f.Category != scan.ActiveContent:
		case f.Rule == ClassProgram && inHolder(it):
			return placeholder(it), nil
		case f.Rule == ClassAbsent && isElsewhere(it) && inHolder(it):
			return absentPlaceholder(it), nil
		case f.Rule == ClassProgram || f.Rule == ClassAbsent:
			return scan.Replacement{}, ErrNoSafeForm
		case f.Rule == ClassHidden:
			fresh, err := tidy(it)
			if fresh == nil || err != nil {
				return scan.Replacement{}, err
			}
			return scan.Replacement{
				Blob:    scan.Bytes(fresh),
				Changes: []scan.Change{{Rewriter: Name, Path: it.Path, Vector: ClassHidden, Action: "removed", Detail: "what readers do not show, links, devices, names that no file may have", Count: 1}},
			}, nil
		}
	}
	return scan.Replacement{}, nil
}
