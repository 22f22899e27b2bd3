// Package pdf makes PDF documents (ISO 32000-2) safe. It walks from the catalog along what the specification names,
// leaves out what acts, fetches, runs or hides, and writes what it met as a new file. Page contents, fonts and images
// are copied as they are; old revisions, unreachable objects and what is around the document are not written.
//
// A document in which nothing had to be left out is not written anew, so that signatures stay valid.
package pdf

import (
	"context"
	"fmt"

	"icapd/cdr/kit"
)

// Format is the kit.Format for PDF.
type Format struct{}

// Formats returns the formats of this package.
func Formats() []kit.Format { return []kit.Format{Format{}} }

// Types implements kit.Format.
func (Format) Types() []string { return []string{"application/pdf", "application/x-pdf"} }

// Disarm implements kit.Handler.
func (Format) Disarm(ctx context.Context, job *kit.Job, doc kit.Document) (kit.Result, error) {
	if plainMetafile(ctx, job, doc.Data) {
		return kit.Result{}, nil
	}
	f, err := open(ctx, job, doc.Data)
	if err != nil {
		return kit.Result{}, err
	}
	w := newWalker(f)
	if err := w.run(); err != nil {
		return kit.Result{}, err
	}
	if err := f.hidden(w); err != nil {
		return kit.Result{}, err
	}
	if f.fatal != nil {
		return kit.Result{}, f.fatal
	}
	if !w.changed {
		return kit.Result{}, nil
	}
	if err := w.report(); err != nil {
		return kit.Result{}, err
	}
	out, err := w.write()
	if err != nil {
		return kit.Result{}, err
	}
	return kit.Result{Data: out}, nil
}

// report says what else is different in a document that is written anew.
func (w *walker) report() error {
	for _, n := range w.dropped {
		w.f.job.Removed(n.Vector, n.Location, n.Action, n.Detail)
	}
	if w.f.sec != nil {
		w.f.job.Removed(vectorEncryption, "trailer", kit.ActionNeutralised, "written without encryption; it needed no password")
	}
	if w.signed {
		if w.f.job.Switches.Signed == kit.ChoiceBlock {
			return kit.Blocked("a signed document that would have to be changed")
		}
		w.f.job.Warn("signature-invalidated")
	}
	return nil
}

// The vectors of PDF, as reports name them.
const (
	vectorOpenAction    = "open-action"
	vectorAdditional    = "additional-actions"
	vectorJavaScript    = "javascript"
	vectorLink          = "link-scheme"
	vectorNamed         = "named-action"
	vectorActionLoop    = "action-loop"
	vectorEmbedded      = "embedded-file"
	vectorPortfolio     = "portfolio"
	vectorXFA           = "xfa"
	vectorExternal      = "external-stream"
	vectorFileURL       = "external-file"
	vectorPostScript    = "postscript"
	vectorReference     = "reference-xobject"
	vectorOPI           = "opi"
	vectorAlternates    = "alternate-images"
	vectorCapture       = "web-capture"
	vectorRequirements  = "requirements"
	vectorRichMedia     = "rich-media"
	vector3D            = "3d"
	vectorRendition     = "rendition"
	vectorMovie         = "movie"
	vectorSound         = "sound"
	vectorPresentation  = "presentation-steps"
	vectorTemplates     = "page-templates"
	vectorUnknownAnnot  = "unknown-annotation"
	vectorUnknownKey    = "unknown-key"
	vectorCodec         = "image-codec"
	vectorMetadata      = "metadata"
	vectorPrivate       = "private-data"
	vectorThumbnail     = "thumbnail"
	vectorLegal         = "legal-attestation"
	vectorRichText      = "rich-text"
	vectorSeed          = "signature-seed"
	vectorSignature     = "signature"
	vectorEncryption    = "encryption"
	vectorTrailer       = "trailer-key"
	vectorHidden        = "hidden-data"
	vectorRevision      = "hidden-revision"
	vectorUnreachable   = "unreachable-object"
	vectorMalformed     = "malformed"
	vectorLaunch        = "launch"
	vectorSubmit        = "submit-form"
	vectorImport        = "import-data"
	vectorReset         = "reset-form"
	vectorHide          = "hide"
	vectorRemoteDest    = "remote-destination"
	vectorThread        = "thread-action"
	vectorTransition    = "transition-action"
	vectorLayer         = "layer-action"
	vectorUnknownAction = "unknown-action"
	vectorTrapNet       = "trap-network"
)

func at(num int) string {
	if num == 0 {
		return "trailer"
	}
	return fmt.Sprintf("object %d", num)
}
