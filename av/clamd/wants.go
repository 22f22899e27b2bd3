package clamd

import (
	"strings"

	"icapd/scan"
)

// unpacked are the types of which clamd opens every member by itself, as the package's tests show with
// clamd alone. They are recognised by their first bytes, by clamd as well as by icapd: mail, for one, is not,
// so that the two may disagree about what is a mail.
var unpacked = map[string]bool{
	"application/zip":                   true,
	"application/gzip":                  true,
	"application/x-bzip2":               true,
	"application/x-7z-compressed":       true,
	"application/x-rar-compressed":      true,
	"application/vnd.ms-cab-compressed": true,
	"application/x-tar":                 true,
}

// Wants implements [scan.Selector], by the rule in the package's documentation. It waits for the first
// health check of a new engine.
func (e *Engine) Wants(it *scan.Item) bool {
	if it.Parent == nil || e.opts.AllItems || !opens(it.Parent.Type) || it.Blob.Size() > e.opts.MaxFileSize {
		return true
	}
	<-e.checked
	return e.hidesLimits()
}

func opens(mediaType string) bool {
	return unpacked[mediaType] ||
		strings.HasPrefix(mediaType, "application/vnd.openxmlformats-officedocument.") ||
		strings.HasPrefix(mediaType, "application/vnd.oasis.opendocument.") ||
		strings.HasSuffix(mediaType, "+zip")
}

// Assures implements [scan.Assurer]. Every item is either sent or the member of an archive that was.
func (e *Engine) Assures(*scan.Item) bool { return true }

// Key implements scan.Keyer: clamd is shown bytes and nothing else.
func (e *Engine) Key(*scan.Item) (string, bool) { return "", true }
