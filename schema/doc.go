// Package schema is the engine that holds the bodies of an API's messages against what the API promises: an OpenAPI
// document (3.0 to 3.2) or a JSON Schema (draft 4 to 2020-12). What does not keep the promise is a finding with a JSON
// Pointer; what the document does not describe (a path, a method, a status, a media type) is a finding as well.
//
// A message is foreign, so judging it is bounded: a document is read into a flat list of values, in one pass and
// with limits, and the evaluator counts its steps, looks at the context, and stops at the number of violations that
// are reported. Regular expressions are those of Go, which take linear time. No step fetches anything: references are
// followed inside the folder of the document that has them, when it is loaded, and nowhere else.
//
// Findings name keywords and places. They hold no values of the message.
package schema
