// Package waf shows the fields of API messages to the standard rules of web application firewalls: Coraza, the
// implementation of ModSecurity's rule language (SecLang) in Go, with the OWASP Core Rule Set (CRS) and with rule
// files of the operator's.
//
// It is a second opinion for those who want the standard rules too, and off by default. CRS is written for the
// arguments of requests, which are short and seldom hold prose, code or markup; the fields of responses are not
// like that. At its first paranoia level CRS reports something in more than a quarter of honest API responses, and
// it reads about a tenth of a megabyte a second. The engine that icapd decides with is in package sanitize.
//
// # How a message is looked at
//
// Each field is shown like the only argument of a request: its path without the first slash is the argument's
// name (ARGS:items/0/comment, as exclusions and rules of the operator's can name it; "body" if it has no path), its
// value the argument's value. Names of members are fields like
// any other. Values that are nothing but words are shown to CRS in groups, and again one by one where something
// matches. Nothing is decoded for the rules beyond what the format of the item needs; they have transformations of
// their own. SERVER_NAME is the host of the API. There is nothing else of a request: no head, no address, no body.
//
// Rules only look (SecRuleEngine DetectionOnly): what they say about blocking, logging and anomaly scores does not
// count, the profile's key "waf" decides. A match becomes a finding if its rule has a message.
//
// # Rule files of the operator's
//
// They are local files in SecLang that hold rules, markers, data sets, and changes of other rules, and nothing else:
// no directive that configures Coraza, and no action or operator that runs programs, asks the network, or changes
// the process. Data files (@pmFromFile) are looked for beside the file that names them.
package waf
