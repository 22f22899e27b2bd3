// Package sanitize finds payloads in the fields of API messages - SQL, script, shell, template, XML entity,
// deserialisation gadget, prompt injection - and makes those fields harmless.
//
// # How a field is looked at
//
// One pass of a byte automaton over the value ([Engine.Inspect]) asks whether anything in it could belong to
// any rule. Ordinary strings end there. Others are unwrapped, a layer at a time and in bounded rounds (URL
// escapes, HTML entities, JavaScript and other escapes, base64, overlong UTF-8, compatibility forms ...), and
// each view goes to the detectors that its own pass asks for. Detectors know the grammar of the sink: they
// read a value the way an SQL lexer, a shell, an HTML tokenizer or a template engine would, and report signs.
// Rules turn signs, and literals with regular expressions, into findings.
//
// # Rules
//
// Rules are YAML files with a list "rules"; see [Rule] for the keys. The built-in ones live in
// signatures/injection. Each rule carries examples that it must match and that it must not match;
// [Engine.SelfTest] tries them, and the build runs it.
//
// Users add rule files of their own, and switch rules off by id or class, everywhere or for an API or field only
// ([Options]). A rule does not count in the kinds of text that it spares: source code, Markdown, prose, HTML.
//
// # Neutralising
//
// [Engine.Defang] makes a value inert by class, with the least change first: invisible characters go, markup is
// cleaned or escaped, formulas get the apostrophe of text, addresses and paths are written the way reports write
// them, quotes, separators and keywords are broken with visible signs that no normaliser folds back. It looks at its
// own result: what still holds a finding goes on to the next way, and in the end a placeholder stands there.
//
// Cost is linear in the size of the value with a hard bound: regular expressions are RE2 and run on bounded
// windows around the literals that called for them.
package sanitize
