package content

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"icapd/internal/deflate"
)

// Archives that can be read and not written (7z, RAR, cabinets, ISO 9660, ar, cpio, RPM) become a zip when something in them changes: who opens one of
// them opens a zip as well.

// archived is how such an archive knows a member: by its whole name, with slashes of either kind.
type archived struct {
	name string
	at   time.Time // zero if nobody says when it was written
}

// stock is what the walk into such an archive leaves for its rebuild.
type stock struct {
	files int        // members that have bytes, whether they could be read or not
	empty []archived // those that have none; folders have a slash at the end of their names
}

var errRepack = errors.New("its files cannot all be put into a zip")

// repack writes what is in an archive of another kind as a zip. All members must have been read, and have names that lead to
// different places in a folder: who cannot have all of them must not take what is there for all.
func repack(ctx context.Context, n *node, dst io.Writer) error {
	all, ok := n.state.(*stock)
	if !ok {
		return errPartial
	}
	w := zip.NewWriter(dst)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return deflate.NewWriter(out, deflate.Fast) })
	names := nameSet{}
	add := func(a archived) (io.Writer, error) {
		name, err := zipName(a.name, names)
		if err != nil {
			return nil, err
		}
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.at}
		if strings.HasSuffix(name, "/") {
			h.Method = zip.Store
		}
		return w.CreateHeader(h)
	}
	for _, a := range all.empty {
		if _, err := add(a); err != nil {
			return err
		}
	}
	files := 0
	for _, k := range n.kids {
		a, ok := k.ref.(archived)
		if !ok {
			continue // what no folder names stays behind
		}
		if k.partial && k.blob == nil {
			return errPartial
		}
		if files++; k.newName != "" {
			a.name = renamed(a.name, k.newName)
		}
		to, err := add(a)
		if err != nil {
			return err
		}
		if err := copyBlob(ctx, to, k.current()); err != nil {
			return err
		}
	}
	if files != all.files {
		return errPartial
	}
	n.newType, n.newName = typeZip, withExtension(n.item.Name, ".zip")
	return w.Close()
}

// zipName returns the name of a member as a zip has it. It is an error if it leads out of the folder in which the zip is
// unpacked, cannot be shown, or is there already.
func zipName(name string, names nameSet) (string, error) {
	slashed := strings.ReplaceAll(name, `\`, "/")
	clean := path.Clean(slashed)
	odd := strings.ContainsFunc(clean, func(r rune) bool { return unicode.IsControl(r) || deceptive(r) || r == ':' })
	if !fs.ValidPath(clean) || clean == "." || odd || !utf8.ValidString(clean) || len(clean) > 1<<15 {
		return "", fmt.Errorf("%w: the name %.100q", errRepack, name)
	}
	if names.twice(clean) {
		return "", fmt.Errorf("%w: two have the name %.100q", errRepack, name)
	}
	if strings.HasSuffix(slashed, "/") {
		clean += "/"
	}
	return clean, nil
}

// withExtension gives a file name another extension, "" if it has no name.
func withExtension(name, ext string) string {
	if name == "" {
		return ""
	}
	return strings.TrimSuffix(name, path.Ext(name)) + ext
}

// pack implements packer.
func (sevenFormat) pack(ctx context.Context, _ *Tree, n *node, dst io.Writer) error {
	return repack(ctx, n, dst)
}

// pack implements packer.
func (rarFormat) pack(ctx context.Context, _ *Tree, n *node, dst io.Writer) error {
	return repack(ctx, n, dst)
}

// pack implements packer.
func (cabFormat) pack(ctx context.Context, _ *Tree, n *node, dst io.Writer) error {
	return repack(ctx, n, dst)
}

// pack implements packer.
func (isoFormat) pack(ctx context.Context, _ *Tree, n *node, dst io.Writer) error {
	return repack(ctx, n, dst)
}

// pack implements packer.
func (arFormat) pack(ctx context.Context, _ *Tree, n *node, dst io.Writer) error {
	return repack(ctx, n, dst)
}

// pack implements packer.
func (cpioFormat) pack(ctx context.Context, _ *Tree, n *node, dst io.Writer) error {
	return repack(ctx, n, dst)
}

// pack implements packer: what is left of a package is the zip that its payload has become.
func (rpmFormat) pack(ctx context.Context, _ *Tree, n *node, dst io.Writer) error {
	payload := n
	for payload.f != (cpioFormat{}) {
		if len(payload.kids) != 1 {
			return errPartial
		}
		payload = payload.kids[0]
	}
	if payload.newType != typeZip {
		return errPartial
	}
	n.newType, n.newName = typeZip, withExtension(n.item.Name, ".zip")
	return copyBlob(ctx, dst, payload.current())
}
