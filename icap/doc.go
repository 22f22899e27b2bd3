// Package icap implements the Internet Content Adaptation Protocol: RFC 3507,
// its errata, and the drafts that deployed clients rely on (204 and 206
// outside and inside a preview, trailers, the X- header conventions). It holds
// a server and a client and is shaped like net/http: a [Handler] answers one
// [Request] through a [ResponseWriter], a [ServeMux] routes to [Service]
// values, a [Server] owns listeners and connections, a [Client] talks to other
// servers.
//
// Encapsulated HTTP heads are kept as the bytes that arrived ([Head]): what a
// handler does not change leaves exactly as it came, with its order, case,
// duplicates, folding and 8-bit bytes. The bridge to net/http types is there
// for convenience and is never on the way of an unmodified message.
//
// Everything a peer sends is bounded in size and time. A framing error is
// answered once, the connection is closed, and nothing after it is parsed.
package icap
