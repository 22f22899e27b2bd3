// Package content takes a message body apart and puts it back together.
//
// On the way down a [Tree] yields every piece of content as a [scan.Item]: the body without its content
// codings, what is packed in it, what is packed in that, and so on within limits. The type of each piece is
// told from its bytes, never from what the sender claims. Structured items have fields. What cannot be opened
// is a [scan.Gap]; structure that deceives consumers is a [scan.Finding] of category Hazard.
//
// On the way up [Tree.Rebuild] replaces items and edits fields: a changed piece goes back into its archive,
// its encoding, its field, its part. Every byte outside of what changed stays as it was.
//
// Each format is one file and one value of the format interface; formats.go lists them.
package content
