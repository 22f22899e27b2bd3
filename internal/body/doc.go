// Package body holds message bodies while they are in hand: a [Spool] takes the bytes as they arrive, in
// memory first and in an unlinked temporary file beyond a limit, and gives them back as a [scan.Blob]. It also
// knows the HTTP content codings (RFC 9110, section 8.4), decoded under limits and encoded for the rebuild.
//
// Memory and disk are accounted across all messages. Whatever runs out is a [scan.Gap] that carries the
// limit's name in the configuration; the bytes that were taken until then can still be read, so that the
// caller can echo them and what follows.
package body
