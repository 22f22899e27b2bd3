// Package upstream is an engine that asks another ICAP server (RFC 3507): sandboxes and commercial antivirus
// speak ICAP, as do c-icap and icapd itself.
//
// # What is sent
//
// Each item as a RESPMOD of its own: the message's URL and method, a head made of what is known about the
// item (type, length, file name), and its bytes, with the preview that the server asks for in OPTIONS.
//
// # What its answers mean
//
//   - X-Infection-Found: Type 0 is malware, 1 a violation of a policy. Type 2 says that a container could not
//     be looked into: a gap, beside what else was found.
//   - X-Virus-ID and X-Violations-Found: malware.
//   - Another HTTP status than the 200 that was sent: a block, so malware, even if no field says so.
//   - The item's bytes again, or 204: nothing was found.
//   - Other bytes than the item's, without any of the above: the server made them safe. That is malware too
//     ("adapted"), unless [Options.Adapt] allows to take the server's bytes instead ([Engine.Rewriter]).
//   - Any other ICAP status: a gap.
//
// A server may let an item go after the preview, because it looks at certain types only, and then has seen no
// more of it than that. Such items do not count as looked at by this engine ([scan.Assurer]) unless
// [Options.Whole] makes it send them without a preview; which only matters where no other engine looks.
//
// A circuit breaker is a matter of package guard, a cache of package cache: the version of an answer is the
// server's ISTag.
package upstream
