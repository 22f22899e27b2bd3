package service

import (
	"mime"
	"strconv"
	"strings"

	"icapd/icap"
)

// staleFields describe the bytes of a body that is no longer there: validators, digests of every generation
// (RFC 9530, RFC 3230, RFC 1864, the cloud stores' own), signatures over them, and the promise of byte ranges.
var staleFields = []string{
	"ETag", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest", "Want-Digest", "Accept-Ranges",
	"Signature", "Signature-Input", "X-Goog-Hash", "X-Amz-Checksum-Crc32", "X-Amz-Checksum-Crc32c",
	"X-Amz-Checksum-Crc64nvme", "X-Amz-Checksum-Sha1", "X-Amz-Checksum-Sha256", "X-Ms-Blob-Content-Md5",
	"X-Content-Md5", "X-Checksum-Sha1", "X-Checksum-Sha256", "X-Checksum-Md5",
}

// retell makes the head of a rewritten message true: its length, no validator or digest of the old bytes, and
// the new type and name where those changed. All other bytes of the head stay as they were.
func retell(h *icap.Head, size int64, newType, newName string) {
	h.Del("Transfer-Encoding") // a hop's matter; the next hop decides it anew
	h.Del("Trailer")           // the fields it promises went with the old body
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	for _, name := range staleFields {
		if h.Has(name) {
			h.Del(name)
		}
	}
	if newType != "" {
		h.Set("Content-Type", newType)
	}
	if newName != "" {
		renameAttachment(h, newName)
	}
}

// holds reports whether a head that is out already is still true of the rewritten body. It says less if the sender
// did not know the length either.
func holds(out *icap.Head, res *Result) bool {
	if res.Head != nil && res.Head.Raw() != out.Raw() {
		return false
	}
	old, fresh := out.Clone(), out.Clone()
	retell(fresh, res.Body.Size(), res.NewType, res.NewName)
	for _, h := range []*icap.Head{old, fresh} {
		h.Del("Transfer-Encoding")
		if !out.Has("Content-Length") {
			h.Del("Content-Length")
		}
	}
	return old.Raw() == fresh.Raw()
}

// renameAttachment changes the file name of Content-Disposition where the message has one (RFC 6266).
func renameAttachment(h *icap.Head, name string) {
	disposition, params, err := mime.ParseMediaType(h.Get("Content-Disposition"))
	if err != nil || params["filename"] == "" {
		return
	}
	params["filename"] = name
	if v := mime.FormatMediaType(disposition, params); v != "" {
		h.Set("Content-Disposition", v)
	}
}

// codings lists the content codings of a message in the order in which they were applied.
func codings(h *icap.Head) string {
	return strings.Join(h.Values("Content-Encoding"), ", ")
}

// isPartial reports whether the body is only a part of the content (RFC 9110, section 15.3.7): whatever is said
// about it is not said about the whole.
func isPartial(h *icap.Head) bool {
	return h.Status() == 206 || h.Has("Content-Range")
}
