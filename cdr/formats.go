package cdr

import "icapd/cdr/kit"

// Formats returns the formats that this build can make safe. A format of which two are listed for one media type is
// a mistake that a test finds.
func Formats() []kit.Format {
	return []kit.Format{}
}
