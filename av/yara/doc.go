// Package yara is the engine that looks at bytes with YARA rules, through libyara.
//
// # Rules
//
// Rules come from the built-in set, from files and from directories, see [Options]. Each file is a namespace
// of its own, so that files from different sources do not collide. What rules may say about themselves in
// their meta section:
//
//	severity     info, low, medium, high or critical; anything else counts as high
//	category     malware, injection, active_content or hazard; anything else counts as malware
//	class        a finer name, which profiles can address: "webshell"
//	description  one line for people
//	reference    CVE, CWE or URL
//	action       report, rewrite or block: what the author proposes
//
// Conditions may use these external variables, all of them strings: host, path, url and method of the
// request, direction ("request" or "response"), content_type (as the sender claimed), media_type (as seen in
// the bytes), filename, and for rules written for file scanners extension (lower-case, with the dot),
// filepath (the item's path in the message), filetype and owner (always empty).
//
// # What counts as not looked at
//
// Every error of libyara, a time-out, and a string that matched so often that libyara stopped counting are
// errors of [Engine.Scan], and so gaps. libyara turns a bus error into an error of the scan while it reads
// memory, so a spool file that cannot be read through its mapping is a gap as well.
//
// # Isolation
//
// libyara parses hostile bytes in C. With [Options.Workers] it runs in processes of its own that are fed
// through anonymous memory; whatever kills one of them costs one scan, which becomes a gap, and the process
// is started again.
//
// # Builds
//
// Without cgo, or with the build tag noyara, the package compiles, and [New] says [ErrNotBuilt].
package yara
