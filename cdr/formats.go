package cdr

import (
	"slices"

	"icapd/cdr/image"
	"icapd/cdr/kit"
)

// Formats returns the formats that this build can make safe. Each media type belongs to one of them.
func Formats() []kit.Format {
	return slices.Concat(
		image.Formats(),
	)
}
