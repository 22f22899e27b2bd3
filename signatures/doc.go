// Package signatures holds the rules and lists that icapd is built with: YARA rules, injection rules, hash
// lists. It is data with a file system around it; the rooms that read it know the formats.
//
// No file here holds a sample in clear. A test string such as EICAR is written as hex or cut in pieces, so
// that other scanners leave the checkout, the binary and the container image alone.
package signatures
