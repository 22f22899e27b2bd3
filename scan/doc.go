// Package scan holds the nouns that every other room of icapd speaks in: what is looked at ([Message],
// [Item], [Field]), who looks ([Engine]), what was seen ([Finding]), what was not looked at ([Gap]), the sum
// of both ([Verdict]), and who makes things safe ([Rewriter]). It imports nothing of icapd.
//
// Two rules hold everywhere:
//
//   - The zero value is never a pass. A zero [Outcome] is [Unknown], a zero [Verdict] says Unknown, and an
//     engine that fails, panics or runs out of time leaves a [Gap].
//   - Nobody changes what they look at. An Item and the bytes of its [Blob] are shared by all engines, at
//     the same time.
package scan
