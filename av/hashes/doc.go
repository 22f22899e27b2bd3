// Package hashes is an engine that looks items up on lists of digests: of known malware (deny) and of files
// that are known to be good (allow).
//
// # Lists
//
// A list is a text file with one file's digest a line: MD5, SHA-1 or SHA-256 in hexadecimal. Empty lines and
// those that start with '#' or ';' do not count. Three forms are read:
//
//   - plain: the digest, and after white space an optional name, as sha256sum(1) writes it;
//   - ClamAV's hash signatures, "digest:size:name", with size a number or '*' and optional functionality
//     levels behind the name (hdb, hsb, and fp, sfp for what is good);
//   - CSV, by a name that ends in ".csv": a row has a digest in any column, the strongest of several counts.
//     A heading, also one in a comment, names the column that has the name: signature, name, threat, malware,
//     family or label.
//
// A list is read whole or not at all: [New] and [Engine.Reload] return all problems of all lists at once, each
// a [*LineError], and a Reload with problems changes nothing.
//
// # What is found
//
// An item on a deny list is malware of high severity, with the list's name for it as the rule. An item on an
// allow list gives a finding with Severity [scan.Info], Class [ClassAllowlisted] and Hint [HintAllow]: it does not change
// an outcome by itself, and tells the policy that malware findings of other engines in this very item need
// not count. What is on both kinds of lists is malware. That an item is on no list means nothing, so the
// engine assures none ([scan.Assurer]).
//
// Files can be made in pairs with one MD5 or SHA-1. That does not matter on a deny list; on an allow list it
// would let one of the two in for the other's good name, so an allow list is of SHA-256 only, unless
// [Options.WeakAllow] says otherwise.
//
// The empty file is on many lists by mistake, and is never looked up.
//
// # Memory
//
// An entry takes 20 bytes on a deny list (16 of the digest, and a number that stands for name and list), and
// the whole digest and 4 bytes on an allow list; equal names are kept once.
package hashes
