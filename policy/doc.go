// Package policy answers two questions about a message, and nothing else: which [Profile] does it fall under
// ([Policy.Select]), and what is to be done with it, given what was seen ([Decide])? Both are pure: no clock,
// no input or output, no state that changes. The same message, profile and verdict always give the same
// answer, and the answer always names the finding or gap, and the key of the profile, that gave it.
//
// # How an answer comes about
//
// Each finding and each gap of the verdict asks for something by itself; the strictest one wins:
// block > rewrite > allow. Nothing seen and everything looked at is allow. Anything that this package does
// not know (an unset action, a category from the future, a verdict that says that nobody looked) is blocked
// or decided like something unscannable, never passed.
//
// What one finding asks for is the first of these that applies:
//
//  1. It is switched off by Profile.Disabled: nothing. The same holds for malware in an item, or in something
//     unpacked from an item, that an engine found on an allow list.
//  2. Its severity is info: allow. (A severity that is not set counts as high.)
//  3. Profile.Rules names its rule, or Profile.Classes its class: that action, whatever the rule's author
//     thought.
//  4. The profile's action for its category:
//
// The actions of a category:
//
//	report      allow; it is logged and counted
//	block       block
//	neutralise  (also written disarm or rewrite) what the rule's author proposed in Finding.Hint: report,
//	            rewrite or block. Without a proposal, injection and active content are rewritten; malware is
//	            blocked, because there is nothing of it to keep; hazards and schema violations, which no
//	            rewriter knows how to mend, are blocked from high severity on and reported below it.
//	            Injection of low severity is reported, whatever was proposed.
//
// One softening: under "malware: block", a rule below high severity whose author asked for "report" is only
// reported, so that new signatures can be tried in production. A class or rule override forces it.
//
// What a gap asks for is Profile.Gaps of its reason if that is set, else Profile.Encrypted for encrypted
// content, else Profile.Unscannable. An item that no engine looked at is decided by Profile.Unscannable too.
// A gap can only be reported or blocked: what could not be read cannot be rewritten.
package policy
